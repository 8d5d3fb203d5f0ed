"""Peaks that are far enough from each other."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_DECIMALS = 6


def spaced(
    clusters: NDArray[Any],
    xyz: NDArray[np.float64],
    *,
    min_distance: float,
    max_peaks: int,
    keeps_distance: bool = True,
) -> NDArray[np.intp]:
    """Choose peaks of each cluster, from the strongest on, with a distance between.

    The first peak of a cluster is chosen, then the next that is far enough from all
    that are chosen, and so on. All clusters are done at the same time.

    Parameters
    ----------
    clusters : numpy.ndarray of shape (peaks,)
        The number of the cluster of each peak. Those of a cluster follow one another,
        the strongest first.
    xyz : numpy.ndarray of shape (peaks, 3)
        In mm.
    min_distance : float
        In mm, between any two peaks of the same cluster. Distances are rounded to
        1e-6 mm, so that the rounding noise of an affine decides nothing.
    max_peaks : int
        How many to choose in a cluster at most.
    keeps_distance : bool, default=True
        Whether peaks at just this distance are far enough.

    Returns
    -------
    numpy.ndarray of int, shape (chosen,)
        The places of the chosen peaks, rising.
    """
    least = round(min_distance, _DECIMALS)
    left = np.arange(len(clusters))
    chosen = []
    for _ in range(max_peaks):
        if not left.size:
            break
        is_first = np.ones(left.size, np.bool_)
        is_first[1:] = clusters[left[1:]] != clusters[left[:-1]]
        first = left[is_first]
        chosen.append(first)
        apart = xyz[left] - xyz[first[np.cumsum(is_first) - 1]]
        distance = np.sqrt((apart**2).sum(axis=1)).round(_DECIMALS)
        far = distance >= least if keeps_distance else distance > least
        # The chosen ones themselves, too, where the distance is 0.
        left = left[far & ~is_first]
    if not chosen:
        return left
    return np.sort(np.concatenate(chosen))
