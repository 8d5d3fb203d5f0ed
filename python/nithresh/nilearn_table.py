"""nilearn's table of clusters, for those who switch."""

from __future__ import annotations

import math
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nithresh import _core
from nithresh._arrays import new_result
from nithresh._comparison import next_beyond
from nithresh._kept import warn_beyond_range
from nithresh._numbering import first_places
from nithresh._numbers import in_full
from nithresh._open import OpenMap
from nithresh._params import (
    Percentile,
    Request,
    check_bool,
    check_not_negative,
    check_request,
    warn,
)
from nithresh.clusters import label
from nithresh.grids import determinant, to_mm
from nithresh.peaks import spaced
from nithresh.surfaces.words import SurfaceWords, is_surface_map
from nithresh.table import import_pandas

if TYPE_CHECKING:
    from nithresh._open import MapOrPath

_COLUMNS = ["Cluster ID", "X", "Y", "Z", "Peak Stat", "Cluster Size (mm3)"]
_MOST_PEAKS = 4
_MIN_DISTANCE = 8.0


def get_clusters_table(
    stat_img: MapOrPath,
    stat_threshold: float,
    cluster_threshold: int | None = None,
    two_sided: bool = False,  # noqa: FBT001, FBT002 - nilearn's signature
    min_distance: float = 8.0,
    return_label_maps: bool = False,  # noqa: FBT001, FBT002 - nilearn's signature
) -> Any:
    """Make nilearn's table of clusters; a drop-in for its function of this name.

    A voxel whose value equals the threshold is dropped, unlike everywhere else: nilearn
    drops it from its table. :func:`nithresh.find_clusters` gives a table by the rule
    of the map.

    Parameters
    ----------
    stat_img : str, pathlib.Path, nibabel image or nilearn SurfaceImage
        A map of shape (x, y, z), or a map of surfaces that has its own: see the notes.
        NaN and infinities count as zero, with a warning.
    stat_threshold : float
        The cluster-defining threshold in the units of the map.
    cluster_threshold : int, optional
        Least extent of a cluster in voxels; a cluster of just this extent is kept.
    two_sided : bool, default=False
        Keep ``abs(v) > stat_threshold``. Otherwise keep ``v > stat_threshold``, or
        ``v < stat_threshold`` if the threshold is negative. 6 neighbours; positive
        and negative clusters never merge.
    min_distance : float, default=8.0
        In mm, above 0. Peaks of a cluster must be further from each other than this.
    return_label_maps : bool, default=False
        Whether to return the label maps, too.

    Returns
    -------
    pandas.DataFrame
        One row for each cluster, positive ones first, then by their peaks, the
        strongest first (of equal ones in the order of their first voxels); each is
        followed by up to three sub-peaks. The columns:

        ======================  ===================================================
        ``Cluster ID``          1, 2, ...; of sub-peaks with a letter: "1a", "1b"
        ``X``, ``Y``, ``Z``     the peak in mm
        ``Peak Stat``           its value
        ``Cluster Size (mm3)``  volume of the cluster, without what is less than
                                1 mm³; "" for sub-peaks
        ======================  ===================================================

        A peak is a patch of equal voxels that share faces and that no voxel around
        them exceeds, at the centre of the patch or at its voxel nearest to that.
        Voxels in a patch whose neighbours are all equal are left out of it, unless the
        whole cluster is of one value.
    list of images
        If `return_label_maps`: the clusters by their ids (int32), in one map or, if
        `two_sided`, in one of the positive and one of the negative clusters.

    Raises
    ------
    TypeError
        An argument of the wrong type.
    ValueError
        An argument of the right type with a value that is not allowed.
    ImportError
        pandas is not installed (``pip install 'nithresh[pandas]'``).

    Warns
    -----
    UserWarning
        Non-finite values; a threshold beyond the range of the map; no clusters on a
        side.

    Notes
    -----
    Equal to nilearn 0.14.1 [1]_, except where that is wrong:

    - With `two_sided`, its first negative cluster is numbered by the *rows* before it,
      sub-peaks included, and the label map counts from 1 again. Here the ids go on,
      and those of the label maps are those of the table.
    - Where a side has no cluster its map is missing from the list, so that the first
      may be the negative one. Here it is a map of zeros.
    - With a negative threshold, it lists the weakest cluster first, and peaks without
      their signs. Here the strongest comes first, and its value is negative.
    - A peak that is too close to a stronger one comes back if a weaker one is far
      enough from it. Here it does not.
    - It drops small clusters before it drops voxels equal to the threshold, so some
      that it lists have less than `cluster_threshold` voxels.
    - Volumes are products of zooms in float32, rounded down: 1000 voxels of 0.7 mm
      have 342 mm³. Here the affine says how large a voxel is, and they have 343.
    - Where no voxel of the map is background, it leaves a cluster out.
    - The signed minimum (-128 in int8) has no absolute value, and unsigned maps fail
      with `two_sided`. Here they are as other values.
    - Which of more than 16 equal peaks comes first is left to chance.

    Of a SurfaceImage, as in nilearn, a vertex whose value equals the threshold is kept,
    there are no sub-peaks, and the columns are ``Cluster ID`` (text), ``Hemisphere``,
    ``Peak Stat`` and ``Cluster Size (vertices)``; clusters come by sign, hemisphere and
    first vertex. Except where nilearn is wrong:

    - Positive and negative vertices that touch are one cluster for its
      `cluster_threshold`, and two for its table.
    - The peak of a negative cluster is its weakest vertex.
    - NaN and infinities stay in clusters, and in peaks.
    - Maps of shape (n, 1) fail.

    References
    ----------
    .. [1] https://nilearn.github.io/stable/modules/generated/nilearn.reporting.get_clusters_table.html

    Examples
    --------
    >>> from nithresh import datasets, get_clusters_table
    >>> image = datasets.load_sample_motor_activation_image()
    >>> get_clusters_table(image, 4, cluster_threshold=20, two_sided=True).head()
      Cluster ID     X     Y     Z  Peak Stat Cluster Size (mm3)
    0          1  42.0 -19.0  19.0   7.941345               7722
    1         1a  33.0  -7.0  -2.0   7.905312
    2         1b  42.0  -1.0  13.0   5.470704
    3          2  39.0 -22.0  58.0   7.941345              36936
    4         2a   6.0 -10.0  52.0   7.941345
    """
    request = check_request(
        stat_threshold,
        two_sided=two_sided,
        cluster_threshold=0 if cluster_threshold is None else cluster_threshold,
        connectivity=6,
    )
    if isinstance(request.threshold, Percentile):
        msg = f"stat_threshold is {stat_threshold!r}; it must be a number"
        raise TypeError(msg)
    min_distance = check_not_negative(min_distance, "min_distance")
    if min_distance == 0:
        msg = "min_distance is 0; it must be above 0"
        raise ValueError(msg)
    return_label_maps = check_bool(return_label_maps, "return_label_maps")
    pandas = import_pandas("get_clusters_table")

    from nithresh.headers import label_image

    signs = [1, -1] if request.two_sided else [-1 if request.threshold < 0 else 1]
    if is_surface_map(stat_img):
        return _of_surface(
            stat_img, request, signs, min_distance, pandas, with_maps=return_label_maps
        )
    opened = OpenMap.of_image(stat_img, name="stat_img", one_volume=True)
    voxels, affine = opened.voxels, opened.affine
    found = _core.find_clusters(
        voxels,
        None,
        opened.for_core(request, next_beyond(request.threshold, opened.data.dtype)),
        mask=None,
        out_is_zero=False,
        whole_plateaus=True,
    )
    labels, is_zero = new_result(voxels, np.int32)
    found["labels"].write(labels, is_zero)
    if found["has_non_finite"]:
        warn("Non-finite values detected. They count as zero.")
    smallest, largest, _ = opened.summary()
    warn_beyond_range(request, request.threshold, smallest, largest, voxels.dtype)
    _warn_of_none(signs, found["signs"], request.threshold)
    ids = _ids(found, labels)
    rows = _rows(found, voxels, labels, ids, affine, min_distance)
    table = pandas.DataFrame(rows, columns=_COLUMNS)
    if not return_label_maps:
        return table
    maps = []
    for sign in signs:
        of_sign = np.where(np.append(0, found["signs"]) == sign, ids, 0)
        own = of_sign.astype(np.int32)[labels]
        maps.append(label_image(opened.image, own, int(of_sign.max())))
    return table, maps


def _warn_of_none(signs: list[int], found: NDArray[np.int8], threshold: float) -> None:
    """Warn of each sign that has no cluster."""
    for sign in signs:
        if sign not in found:
            warn(
                f"No clusters found with stat {'higher' if sign > 0 else 'lower'} than "
                f"{in_full(sign * abs(threshold))}."
            )


def _of_surface(
    stat_img: Any,
    request: Request,
    signs: list[int],
    min_distance: float,
    pandas: Any,
    *,
    with_maps: bool,
) -> Any:
    """Make the table of a map of surfaces."""
    from nithresh.surfaces.nilearn_table import COLUMNS, rows_and_maps
    from nithresh.surfaces.opened import OpenSurface

    if min_distance != _MIN_DISTANCE:
        warn("min_distance is not used for surfaces: their table has no sub-peaks.")
    words = SurfaceWords.checked(None)
    opened = OpenSurface(stat_img, None, words, name="stat_img", one_map=True)
    if not opened.has_meshes:
        msg = (
            "stat_img is a map without surfaces of its own; it must be nilearn's "
            "SurfaceImage. find_clusters takes others, with surface"
        )
        raise TypeError(msg)
    level = opened.map.level(request)
    of_maps = signs if with_maps else []
    rows, maps, found = rows_and_maps(opened, request, level, of_maps)
    _warn_of_none(signs, found, level)
    table = pandas.DataFrame(rows, columns=COLUMNS)
    return (table, maps) if with_maps else table


def _rows(
    found: dict[str, Any],
    voxels: NDArray[Any],
    labels: NDArray[np.int32],
    ids: NDArray[np.intp],
    affine: NDArray[np.float64],
    min_distance: float,
) -> list[list[Any]]:
    """Return the rows of the table: each cluster, and after it its sub-peaks."""
    clusters, ijk = _patches(found, voxels, labels)
    order = np.argsort(ids[clusters], kind="stable")
    clusters, ijk = clusters[order], ijk[order]
    xyz = to_mm(affine, ijk)
    chosen = spaced(
        clusters,
        xyz,
        min_distance=min_distance,
        max_peaks=_MOST_PEAKS,
        keeps_distance=False,
    )
    voxel_size = abs(determinant(affine))
    rows: list[list[Any]] = []
    before, rank = 0, 0
    for place in chosen.tolist():
        cluster, number = int(clusters[place]), int(ids[clusters[place]])
        # Not 342.99999 for 1000 voxels of 0.7 mm.
        size = math.floor(round(voxel_size * int(found["extents"][cluster - 1]), 3))
        value = voxels[tuple(ijk[place])]
        rank = rank + 1 if cluster == before else 0
        name = f"{number}{ascii_lowercase[rank - 1]}" if rank else number
        rows.append([name, *xyz[place].tolist(), value, "" if rank else size])
        before = cluster
    return rows


def _ids(found: dict[str, Any], labels: NDArray[np.int32]) -> NDArray[np.intp]:
    """Return nilearn's number of each label; label 0 has 0."""
    first = first_places(labels.ravel())
    order = np.lexsort((first, -abs(found["values"]), -found["signs"].astype(int)))
    ids = np.zeros(order.size + 1, np.intp)
    ids[order + 1] = np.arange(1, order.size + 1)
    return ids


def _patches(
    found: dict[str, Any], voxels: NDArray[Any], labels: NDArray[np.int32]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the labels and the central voxels of the highest patches.

    By label, then the highest first, then in the order of their first voxels.
    """
    clusters = found["maxima_clusters"].astype(np.intp)
    ijk = found["maxima"].astype(np.intp)
    # Voxels with only equal neighbours are left out, but not in clusters of one value.
    _, low, high, _ = found["labels"].sample(voxels)
    negative = found["signs"] < 0
    strongest, weakest = np.where(negative, low, high), np.where(negative, high, low)
    keeps = np.isclose(strongest, weakest)[clusters - 1]
    own = voxels[tuple(ijk.T)]
    for step in np.ndindex(3, 3, 3):
        # Beyond the edge the nearest voxel counts.
        around = tuple(np.clip(ijk + step - 1, 0, np.array(voxels.shape) - 1).T)
        keeps |= (labels[around] != clusters) | (voxels[around] != own)
    clusters, ijk = clusters[keeps], ijk[keeps]

    # The two signs touch, but are never in one patch.
    highest = np.zeros(voxels.shape, np.int8)
    highest[tuple(ijk.T)] = found["signs"][clusters - 1]
    numbers, count = label(highest, 1)
    patch = numbers[tuple(ijk.T)]
    extents = np.bincount(patch, minlength=count + 1)[1:]
    sums = [np.bincount(patch, along, minlength=count + 1)[1:] for along in ijk.T]
    centres = np.round(np.transpose(sums) / extents[:, np.newaxis]).astype(np.intp)
    for outside in np.flatnonzero(numbers[tuple(centres.T)] != np.arange(1, count + 1)):
        voxels_of_patch = ijk[patch == outside + 1]
        distances = np.linalg.norm(voxels_of_patch - centres[outside], axis=1)
        centres[outside] = voxels_of_patch[np.argmin(distances)]
    _, first = np.unique(patch, return_index=True)
    order = np.argsort(first)
    return clusters[first[order]], centres[order]
