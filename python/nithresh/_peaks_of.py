"""The peaks and values of one map in the clusters of another."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nithresh._params import warn


def with_peaks_of(
    found: dict[str, Any], values: NDArray[Any], labels: NDArray[np.int32]
) -> dict[str, Any]:
    """Return what was found, with the peaks and the values of another map.

    Parameters
    ----------
    found : dict
        What the core found.
    values : numpy.ndarray of shape (x, y, z)
        The other map. What is not finite counts as 0, with a warning.
    labels : numpy.ndarray of int32, shape (x, y, z)
        The number of its cluster at each voxel.

    Returns
    -------
    dict
        With other ``means``, ``masses``, ``centres`` (weighted by absolute values) and
        ``maxima``. The extents and the order of the clusters stay.
    """
    ijk = np.argwhere(labels)
    clusters = labels[tuple(ijk.T)].astype(np.intp) - 1
    heights = values[tuple(ijk.T)].astype(np.float64)
    non_finite = ~np.isfinite(heights)
    if non_finite.any():
        warn(
            f"peaks_of has {int(non_finite.sum())} non-finite values in clusters. They "
            "count as 0."
        )
        heights[non_finite] = 0
    count = len(found["signs"])
    masses = np.bincount(clusters, heights, minlength=count)
    weights = np.abs(heights)
    # Where all values are 0, every voxel weighs the same.
    weights += (np.bincount(clusters, weights, minlength=count) == 0)[clusters]
    total = np.bincount(clusters, weights, minlength=count)
    centres = [
        np.bincount(clusters, weights * ijk[:, axis], minlength=count) / total
        for axis in range(3)
    ]
    is_peak = _are_maxima(ijk, clusters, np.abs(heights), labels.shape)
    peaks = np.flatnonzero(is_peak)
    # From the strongest on; those of the same height by their indices.
    peaks = peaks[np.lexsort((peaks, -np.abs(heights[peaks]), clusters[peaks]))]
    return {
        **found,
        "masses": masses,
        "means": masses / found["extents"],
        "centres": np.stack(centres, axis=1),
        "maxima": ijk[peaks],
        "maxima_clusters": clusters[peaks] + 1,
        "maxima_values": heights[peaks],
    }


def _are_maxima(
    ijk: NDArray[np.intp],
    clusters: NDArray[np.intp],
    heights: NDArray[np.float64],
    shape: tuple[int, ...],
) -> NDArray[np.bool_]:
    """Whether no neighbour in the cluster is higher, or as high and before it."""
    padded = tuple(length + 2 for length in shape)
    own = np.full(padded, -1, np.int64)
    of_voxels = np.zeros(padded)
    places = tuple((ijk + 1).T)
    own[places], of_voxels[places] = clusters, heights
    are_maxima = np.ones(len(ijk), np.bool_)
    for step in product((-1, 0, 1), repeat=3):
        if step == (0, 0, 0):
            continue
        beside = tuple((ijk + 1 + np.array(step)).T)
        higher = of_voxels[beside] > heights
        if step < (0, 0, 0):
            higher |= of_voxels[beside] == heights
        are_maxima &= ~(higher & (own[beside] == clusters))
    return are_maxima
