"""The largest statistics of maps: of their voxels, their clusters and their scores."""

from __future__ import annotations

import numbers
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nithresh import _core
from nithresh._arrays import check_mask, to_single
from nithresh._params import (
    Request,
    check_bool,
    check_request,
    warn,
)
from nithresh._rules import CONNECTIVITY, TWO_SIDED
from nithresh._shared_docs import shared_docs
from nithresh._tasks import values_in_threads
from nithresh.threads import get_num_threads


@dataclass(frozen=True)
class Statistics:
    """Which statistics are taken of each map.

    Attributes
    ----------
    thresholds : tuple of float
        Voxels that equal one are in a cluster.
    connectivity : int
    two_sided : bool
    tfce : bool
    """

    thresholds: tuple[float, ...]
    connectivity: int
    two_sided: bool
    tfce: bool

    @property
    def count(self) -> int:
        """How many numbers there are for each map and sign."""
        return 1 + 3 * len(self.thresholds) + self.tfce

    def of(
        self, maps: NDArray[np.float32], mask: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Return the maxima of maps, of shape (maps, signs, count)."""
        return _core.cluster_maxima(
            maps,
            mask,
            thresholds=list(self.thresholds),
            connectivity=self.connectivity,
            two_sided=self.two_sided,
            tfce=self.tfce,
        )


@dataclass(frozen=True, eq=False)
class Maxima:
    """The largest statistics of each map, for each sign without the sign.

    Sign 0 is that of positive voxels and sign 1 that of negative ones, which there is
    with ``two_sided=True`` alone. A maximum is 0 where there is no voxel or no cluster.

    Attributes
    ----------
    peak : numpy.ndarray of float64, shape (maps, signs)
        The largest value.
    extent : numpy.ndarray of float64, shape (maps, signs, thresholds)
        The largest extent of a cluster, in voxels.
    mass : numpy.ndarray of float64, shape (maps, signs, thresholds)
        The largest sum of ``abs(value)`` in a cluster, as in FSL, PALM and MNE.
    excess_mass : numpy.ndarray of float64, shape (maps, signs, thresholds)
        The largest sum of ``abs(value) - threshold`` in a cluster, as in nilearn.
    tfce : numpy.ndarray of float64, shape (maps, signs), or None
        The largest score of :func:`nithresh.tfce`.
    """

    peak: NDArray[np.float64]
    extent: NDArray[np.float64]
    mass: NDArray[np.float64]
    excess_mass: NDArray[np.float64]
    tfce: NDArray[np.float64] | None

    @classmethod
    def of(cls, found: NDArray[np.float64], statistics: Statistics) -> Maxima:
        """Give the numbers of each map and sign their names."""
        of_clusters = slice(1, 1 + 3 * len(statistics.thresholds))
        extent, mass, excess_mass = (
            np.ascontiguousarray(found[..., of_clusters][..., which::3])
            for which in range(3)
        )
        tfce = found[..., -1].copy() if statistics.tfce else None
        return cls(found[..., 0].copy(), extent, mass, excess_mass, tfce)


@shared_docs
def cluster_maxima(
    maps: NDArray[Any],
    mask: NDArray[Any],
    *,
    thresholds: Any = (3.1,),
    connectivity: int = CONNECTIVITY,
    two_sided: bool = TWO_SIDED,
    comparison: str | None = None,
    rules: str | None = None,
    tfce: bool = True,
) -> Maxima:
    """Find the largest statistics of each of many maps, such as those of permutations.

    This is what a permutation test needs of each shuffled map, for permutations that
    are made elsewhere. No label and no map is made.

    Parameters
    ----------
    maps : numpy.ndarray of shape (maps, voxels) or (maps, x, y, z)
        The voxels in the mask in C order, or whole volumes. Real numbers; computed in
        float32. NaN and infinities count as zero, with a warning.
    mask : numpy.ndarray of shape (x, y, z)
        0 outside and one other value inside.
    thresholds : float or sequence of float, default=(3.1,)
        The cluster-defining thresholds, 0 or more, in the units of the maps. A voxel
        whose value equals a threshold is in a cluster (see `comparison`).
    {connectivity}
        Positive and negative clusters never merge.
    two_sided : bool, default=True
        Look at negative voxels, too.
    {comparison}
    tfce : bool, default=True
        Find the largest scores by threshold-free cluster enhancement, too, with the
        powers E = 0.5 and H = 2. They are exact.

    Returns
    -------
    Maxima
        The same for every number of threads.

    Raises
    ------
    TypeError
        An argument of the wrong type.
    ValueError
        An argument of the right type with a value that is not allowed; values too large
        for float32.

    Warns
    -----
    UserWarning
        Values that are not finite.

    References
    ----------
    .. [1] Nichols and Holmes (2002), Human Brain Mapping 15(1):1-25.
    .. [2] Smith and Nichols (2009), NeuroImage 44(1):83-98.

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.ones((5, 1, 1), bool)
    >>> maxima = cluster_maxima(np.array([[3, 4, 0, -5, 0]]), mask, thresholds=3)
    >>> maxima.extent[:, :, 0]
    array([[2., 1.]])
    >>> maxima.mass[:, :, 0]
    array([[7., 5.]])
    >>> maxima.excess_mass[:, :, 0]
    array([[1., 2.]])
    """
    request = check_request(
        0.0,
        two_sided=two_sided,
        cluster_threshold=0,
        connectivity=connectivity,
        comparison=comparison,
        rules=rules,
    )
    statistics = Statistics(
        leasts(check_levels(thresholds, "thresholds"), request),
        request.connectivity,
        request.two_sided,
        check_bool(tfce, "tfce"),
    )
    values, inside = _in_mask(maps, mask)
    if not np.isfinite(values).all():
        warn("Non-finite values detected in maps. They count as zero.")
    jobs = get_num_threads()
    edges = np.linspace(0, len(values), 4 * jobs + 1).astype(int)
    blocks = [slice(*pair) for pair in pairwise(edges.tolist())]

    def work(block: slice) -> NDArray[np.float64]:
        return statistics.of(to_single(values[block], "maps"), inside)

    found = np.empty((len(values), 1 + statistics.two_sided, statistics.count))
    for block, numbers_of in values_in_threads(work, blocks, jobs):
        found[block] = numbers_of
    return Maxima.of(found, statistics)


def check_levels(thresholds: Any, name: str, *, other: str = "") -> tuple[float, ...]:
    """Check cluster-defining thresholds: one number, or several, of 0 or more."""
    levels = []
    for number in several(thresholds, name):
        level = as_number(number)
        if level is None or not 0 <= level < np.inf:
            msg = (
                f"{name} is {number!r}; it must be a finite number of 0 or more, in "
                f"the units of the statistic{other}"
            )
            raise ValueError(msg)
        levels.append(level)
    return tuple(levels)


def leasts(levels: tuple[float, ...], request: Request) -> tuple[float, ...]:
    """Return thresholds that voxels pass which equal them, of those of a request.

    Maps are float32. Excess masses are what exceeds these thresholds, so those of
    ``>=`` stay as they were said.
    """
    if request.comparison == ">=":
        return levels
    return tuple(request.least(level, np.dtype(np.float32)) for level in levels)


def several(given: Any, name: str) -> tuple[Any, ...]:
    """Return one number, or several, as several.

    Raises
    ------
    ValueError
        There is none.
    """
    if not isinstance(given, (list, tuple, np.ndarray)) or np.ndim(given) != 1:
        return (given,)
    if not len(given):
        msg = f"{name} is {given!r}; it must have one number at least"
        raise ValueError(msg)
    return tuple(given)


def as_number(number: Any) -> float | None:
    """Return a number as a float; None for what is not a number."""
    is_bool = isinstance(number, (bool, np.bool_))
    return float(number) if isinstance(number, numbers.Real) and not is_bool else None


def _in_mask(maps: Any, mask: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    if not isinstance(mask, np.ndarray) or mask.ndim != 3:
        what = f"shape {mask.shape}" if isinstance(mask, np.ndarray) else type(mask)
        msg = f"mask has {what}; it must be an array of shape (x, y, z)"
        raise TypeError(msg)
    inside = check_mask(mask, mask.shape, "mask")
    if not isinstance(maps, np.ndarray):
        msg = f"maps is of type {type(maps).__name__}; it must be a numpy.ndarray"
        raise TypeError(msg)
    if maps.dtype.kind not in "biuf":
        msg = f"maps has values of type {maps.dtype}; they must be real numbers"
        raise TypeError(msg)
    if maps.ndim == 4 and maps.shape[1:] == inside.shape:
        return maps[:, inside], inside
    voxels = int(inside.sum())
    if maps.ndim != 2 or maps.shape[1] != voxels:
        msg = (
            f"maps has shape {maps.shape}; it must have shape (maps, {voxels}), the "
            f"voxels in the mask, or (maps, {', '.join(map(str, inside.shape))})"
        )
        raise ValueError(msg)
    return maps, inside
