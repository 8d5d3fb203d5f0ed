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
    """Labels of the core with other numbers.

    Parameters
    ----------
    labels : Labels
    numbers : numpy.ndarray of int32, shape (clusters + 1,)
        The new number of each cluster, by its number in the core; 0 of none.
    """

    def __init__(self, labels: _core.Labels, numbers: NDArray[np.int32]) -> None:
        self._labels = labels
        self._numbers = numbers

    def write(self, labels: NDArray[np.int32], is_zero: bool) -> None:  # noqa: FBT001 - as the core's
        """Write the number of its cluster to each voxel."""
        self._labels.write(labels, is_zero)
        np.take(self._numbers, labels, out=labels, mode="clip")

    def sample(self, extra: NDArray[Any]) -> tuple[Any, Any, Any, int]:
        """Return the mean, the smallest and the largest value under each cluster."""
        *figures, non_finite = self._labels.sample(extra)
        old = np.argsort(self._numbers[1:])
        mean, smallest, largest = (values[old] for values in figures)
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
        renumbered["labels"] = Renumbered(labels, numbers)
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


def _first_voxels(labels: _core.Labels, shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Return the place of the first voxel of each cluster, the first axis fastest."""
    volume = np.zeros(shape, np.int32, order="F")
    labels.write(volume, True)  # noqa: FBT003 - it is zero
    numbers = volume.ravel(order="F")
    places = np.flatnonzero(numbers)
    _, first = np.unique(numbers[places], return_index=True)
    return places[first]
