"""The largest statistics of all shuffles, and the p-values that they give."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nithresh.permutation.maxima import Maxima, Statistics

# Statistics that differ by less than this share are equal: the same sum in another
# order is rounded in another way.
ROUNDING = 1e-5


@dataclass(frozen=True, eq=False)
class Null:
    """The largest statistic of each shuffle; number 0 is the identity's.

    In a two-sided test it is the larger one of both signs.

    Attributes
    ----------
    peak : numpy.ndarray of float64, shape (shuffles,)
        The largest value of the statistic.
    extent, mass, excess_mass : numpy.ndarray of float64, shape (shuffles, thresholds)
        The largest extent of a cluster in voxels; the largest sum of ``abs(value)`` in
        one (FSL, PALM, MNE), and of ``abs(value) - threshold`` (nilearn).
    tfce : numpy.ndarray of float64, shape (shuffles,), or None
        The largest score.
    """

    peak: NDArray[np.float64]
    extent: NDArray[np.float64]
    mass: NDArray[np.float64]
    excess_mass: NDArray[np.float64]
    tfce: NDArray[np.float64] | None

    def __len__(self) -> int:
        """Return how many shuffles there are."""
        return len(self.peak)

    @property
    def statistics(self) -> list[str]:
        """The names of the statistics."""
        return [
            field.name
            for field in fields(self)
            if getattr(self, field.name) is not None
        ]

    def of(self, statistic: str, number: int = 0) -> NDArray[np.float64]:
        """Return the largest values of a statistic, at the threshold of a number.

        Raises
        ------
        ValueError
            No such statistic, or it was not asked for.
        """
        if statistic not in self.statistics:
            msg = (
                f"statistic is {statistic!r}; it must be one of "
                f"{', '.join(map(repr, self.statistics))}"
            )
            raise ValueError(msg)
        values: NDArray[np.float64] = getattr(self, statistic)
        return values if values.ndim == 1 else values[:, number]

    def p(self, statistic: str, observed: Any, number: int = 0) -> NDArray[np.float64]:
        """Return the corrected p of observed values: (1 + b) / (1 + B).

        b is how many of the B shuffles beyond the identity reach the value (Phipson and
        Smyth 2010). The identity counts by its number: it is 1 whatever its value.

        Parameters
        ----------
        statistic : str
        observed : array of float
            Absolute values of the statistic. The p of NaN is NaN.
        number : int, default=0
            Which threshold.
        """
        others = np.sort(self.of(statistic, number)[1:])
        least = np.asarray(observed, np.float64) * (1 - ROUNDING)
        reached = len(others) - np.searchsorted(others, least, side="left")
        return np.where(np.isnan(least), np.nan, (1 + reached) / len(self))

    def critical(self, alpha: float, statistic: str, number: int = 0) -> float:
        """Return the value that has to be exceeded for a p of alpha or less.

        Infinity if no value has such a p.
        """
        values = np.sort(self.of(statistic, number)[1:])
        # With b others that reach it: (1 + b) / (1 + B) <= alpha.
        most = int(np.floor(alpha * len(self) * (1 + 1e-12))) - 1
        if most < 0:
            return float("inf")
        if most >= len(values):
            return 0.0
        # What one shuffle too many reaches.
        return float(values[len(values) - most - 1] / (1 - ROUNDING))


def null_of(
    numbers: NDArray[np.float64], statistics: Statistics, *, mirrored: bool, count: int
) -> Null:
    """Turn the maxima of passes into those of shuffles.

    Parameters
    ----------
    numbers : numpy.ndarray of shape (passes, signs, statistics)
    statistics : Statistics
        Where it has both signs and the test is not mirrored, the larger one counts.
    mirrored : bool
        Whether a pass of a one-sided test stands for two shuffles, the second of which
        has all signs flipped: its positive clusters are the negative ones of the first.
    count : int
        How many shuffles there are.
    """
    if mirrored:
        values = numbers.reshape(-1, 1, statistics.count)
    else:
        values = numbers.max(axis=1, keepdims=True)
        # Where all shuffles are used, each stands for the one with all signs flipped.
        values = np.repeat(values, -(-count // len(values)), axis=0)
    maxima = Maxima.of(values[:count], statistics)
    return Null(
        maxima.peak[:, 0],
        maxima.extent[:, 0],
        maxima.mass[:, 0],
        maxima.excess_mass[:, 0],
        None if maxima.tfce is None else maxima.tfce[:, 0],
    )
