"""The numbers of clusters, where they are not those of the core.

The core numbers clusters by extent. Rules of other tools have another order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nithresh import _core

_BY_CLUSTER = (
    *("signs", "extents", "areas", "peaks", "values", "means", "masses", "centres"),
)


class Renumbered:
    """Labels of the core with other numbers, of one part of a volume or of several.

    Parameters
    ----------
    *parts : pair of Labels and numpy.ndarray of int32, shape (clusters + 1,)
        The new number of each cluster, by its number in the core; 0 of none. No two
        parts have a voxel or a number in common.
    """

    def __init__(self, *parts: tuple[Labels, NDArray[np.int32]]) -> None:
        self._parts = parts

    def write(self, labels: NDArray[np.int32], is_zero: bool) -> None:  # noqa: FBT001 - as the core's
        """Write the number of its cluster to each voxel."""
        (first, numbers), *others = self._parts
        first.write(labels, is_zero)
        np.take(numbers, labels, out=labels, mode="clip")
        for part, numbers in others:
            own = np.zeros_like(labels)
            part.write(own, True)  # noqa: FBT003 - it is zero
            labels += numbers[own]

    def sample(self, extra: NDArray[Any]) -> tuple[Any, Any, Any, int]:
        """Return the mean, the smallest and the largest value under each cluster."""
        count = max(int(numbers.max()) for _, numbers in self._parts)
        figures = np.full((3, count), np.nan)
        non_finite = 0
        for part, numbers in self._parts:
            *own, missing = part.sample(extra)
            figures[:, numbers[1:] - 1] = own
            non_finite += missing
        mean, smallest, largest = figures
        return mean, smallest, largest, non_finite


Labels: TypeAlias = _core.Labels | Renumbered


def in_order(
    found: dict[str, Any], order: str, shape: tuple[int, ...]
) -> dict[str, Any]:
    """Give what the core found the numbers of another order.

    Parameters
    ----------
    found : dict
        What the core found in a volume.
    order : str
        As in :class:`nithresh._rules.Rules`. Clusters that are alike in it stay in the
        order of the core.
    shape : tuple of int
        Of the volume.
    """
    labels = found["labels"]
    renumbered, numbers = in_other_order(
        found, order, lambda: _first_voxels(labels, shape)
    )
    if numbers is not None:
        renumbered["labels"] = Renumbered((labels, numbers))
    return renumbered


def in_other_order(
    found: dict[str, Any], order: str, first: Callable[[], NDArray[np.intp]]
) -> tuple[dict[str, Any], NDArray[np.int32] | None]:
    """Give all but the labels the numbers of another order.

    Parameters
    ----------
    found : dict
        What the core found.
    order : str
        As in :class:`nithresh._rules.Rules`.
    first : callable
        Returns the place of the first voxel of each cluster.

    Returns
    -------
    dict
    numpy.ndarray of int32, shape (clusters + 1,), or None
        The new number of each cluster, by its number in the core; None if they stay.
    """
    heights = -np.abs(found["values"])
    if order == "extent":
        return found, None
    if order == "peak":
        old = np.argsort(heights, kind="stable")
    elif order == "sign":
        old = np.lexsort((heights, -found["signs"]))
    else:
        old = np.argsort(first())
    numbers = np.zeros(old.size + 1, np.int32)
    numbers[old + 1] = np.arange(1, old.size + 1)
    of_maxima = numbers[found["maxima_clusters"]]
    by_cluster = np.argsort(of_maxima, kind="stable")
    renumbered = {
        **found,
        **{name: found[name][old] for name in _BY_CLUSTER if name in found},
        "maxima_clusters": of_maxima[by_cluster],
        "maxima": found["maxima"][by_cluster],
        "maxima_values": found["maxima_values"][by_cluster],
    }
    return renumbered, numbers


def joined(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Join what the core found in parts of a volume that have no voxel in common.

    Clusters are numbered as the core does: by extent, then by abs(peak), then by the
    smallest indices of the peak.
    """
    fields = {
        name: np.concatenate([part[name] for part in parts])
        for name in _BY_CLUSTER
        if name in parts[0]
    }
    i, j, k = fields["peaks"].T
    old = np.lexsort((k, j, i, -np.abs(fields["values"]), -fields["extents"]))
    numbers = np.zeros(old.size, np.int32)
    numbers[old] = np.arange(1, old.size + 1)
    ends = np.cumsum([len(part["signs"]) for part in parts])
    of_parts = [np.append(np.int32(0), own) for own in np.split(numbers, ends[:-1])]
    of_maxima = np.concatenate(
        [
            own[part["maxima_clusters"]]
            for part, own in zip(parts, of_parts, strict=True)
        ]
    )
    by_cluster = np.argsort(of_maxima, kind="stable")
    labels = [part["labels"] for part in parts]
    ranges = [part["range"] for part in parts]
    return {
        **{name: values[old] for name, values in fields.items()},
        "maxima_clusters": of_maxima[by_cluster],
        **{
            name: np.concatenate([part[name] for part in parts])[by_cluster]
            for name in ("maxima", "maxima_values")
        },
        "labels": Renumbered(*zip(labels, of_parts, strict=True)),
        "range": (min(low for low, _ in ranges), max(high for _, high in ranges)),
        "has_non_finite": any(part["has_non_finite"] for part in parts),
    }


def _first_voxels(labels: Labels, shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Return the place of the first voxel of each cluster, the first axis fastest."""
    volume = np.zeros(shape, np.int32, order="F")
    labels.write(volume, True)  # noqa: FBT003 - it is zero
    return first_places(volume.ravel(order="F"))


def first_places(labels: NDArray[np.int32]) -> NDArray[np.intp]:
    """Return the place of the first of each label in a row, but for 0."""
    places = np.flatnonzero(labels)
    _, first = np.unique(labels[places], return_index=True)
    return places[first]
