"""The clusters of the volumes of a series, in one table."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from nithresh._choices import source
from nithresh._columns import VOLUME
from nithresh._open import OpenMap
from nithresh._params import (
    check_request,
    collected_warnings,
    warn,
)
from nithresh._rules import CONNECTIVITY, TWO_SIDED
from nithresh.clusters import find_clusters
from nithresh.images import load_map, open_image
from nithresh.table import ClusterTable

if TYPE_CHECKING:
    from nithresh._open import ImageOrPath


def clusters_of_volumes(
    img: ImageOrPath, threshold: float | str, **words: Any
) -> ClusterTable:
    """List the clusters of all volumes of an image in one table.

    Parameters
    ----------
    img : str, pathlib.Path or nibabel image
        A map of shape (x, y, z, volumes), or (x, y, z) for one volume.
    threshold : float or str
        As for :func:`nithresh.find_clusters`. A percentile is one of all volumes
        together, as for :func:`nithresh.threshold_img`.
    **words
        The other words of :func:`nithresh.find_clusters`, except `volume`.

    Returns
    -------
    ClusterTable
        Its first column is ``volume`` (int64), counted from 0. Clusters are numbered in
        each volume.

    Raises
    ------
    TypeError
        An argument of the wrong type; a word that :func:`nithresh.find_clusters` does
        not take.
    ValueError
        As :func:`nithresh.find_clusters`; an image without volumes.

    Warns
    -----
    UserWarning
        As :func:`nithresh.find_clusters`, with the number of the volume.

    Examples
    --------
    >>> import nibabel
    >>> from nithresh import clusters_of_volumes, datasets, load
    >>> image = load(datasets.load_sample_motor_activation_image())
    >>> both = nibabel.concat_images([image, image])
    >>> table = clusters_of_volumes(both, 5, cluster_threshold=200, max_peaks=1)
    >>> table["volume"].tolist(), table["id"].tolist()
    ([0, 0, 1, 1], ['1', '2', '1', '2'])
    """
    for name in ("volume", "surface"):
        if words.get(name) is not None:
            msg = f"{name} is given; clusters_of_volumes lists all volumes of an image"
            raise TypeError(msg)
    words.pop("volume", None)
    # Files are read once, and not once for each volume.
    image = load_map(img) if isinstance(img, (str, os.PathLike)) else open_image(img)
    count = int(np.prod(image.shape[3:]))
    if not count:
        msg = f"img has no volume (shape {tuple(image.shape)})"
        raise ValueError(msg)
    level: float | str = threshold
    if isinstance(threshold, str):
        level = _percentile(image, threshold, words)
    if words.get("atlas") is not None:
        from nithresh.atlas import open_atlases

        words["atlas"] = open_atlases(words["atlas"])
    found = []
    for volume in range(count):
        with collected_warnings() as messages:
            table = find_clusters(image, level, volume=volume, **words).table
        for message in messages:
            warn(f"volume {volume}: {message}")
        found.append(table)
    rows = [table["id"].size for table in found]
    columns = {VOLUME.name: np.repeat(np.arange(count), rows)}
    columns |= {
        name: np.concatenate([table[name] for table in found]) for name in found[0]
    }
    choices = found[0].choices | {
        "threshold": threshold if isinstance(threshold, str) else level,
        "volumes": count,
        "input": source(img),
        "non_finite_voxels": sum(one.choices["non_finite_voxels"] for one in found),
    }
    del choices["volume"]
    return ClusterTable(columns, choices)


def _percentile(image: Any, threshold: str, words: dict[str, Any]) -> float:
    """Return the threshold that a percentile of all volumes stands for."""
    sides = {"two_sided": TWO_SIDED, "connectivity": CONNECTIVITY}
    named = ("two_sided", "connectivity", "comparison", "rules")
    said = {name: words[name] for name in named if name in words}
    request = check_request(threshold, cluster_threshold=0, **sides | said)
    return OpenMap.of_image(image, words.get("mask_img")).level(request)
