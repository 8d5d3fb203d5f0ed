"""The tails of the null distributions of z, t, F and chi2, from SciPy.

Upper tails throughout, as p or as the value that has it: 1 - p would lose the
digits of every p that matters.
"""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import Any

import numpy as np

# How many degrees of freedom each statistic has.
_COUNTS = {"z": 0, "t": 1, "F": 2, "chi2": 1}
ALLOWED = (
    '"z", ("t", df) or ("F", df1, df2), each df finite and above 0, or ("chi2", df)'
)


@dataclass(frozen=True, slots=True)
class Statistic:
    """What the values of a map are: z, t, F or chi2, and its degrees of freedom."""

    name: str
    degrees_of_freedom: tuple[float, ...] = ()

    @property
    def has_two_sides(self) -> bool:
        """Whether effects of the two signs lie on two sides, as for z and t."""
        return self.name in ("z", "t")

    @property
    def is_valid(self) -> bool:
        """Whether there is such a statistic, with allowed degrees of freedom."""
        return len(self.degrees_of_freedom) == _COUNTS.get(self.name) and all(
            math.isfinite(df) and df > 0 for df in self.degrees_of_freedom
        )

    def __str__(self) -> str:
        numbers_of = ", ".join(f"{df:g}" for df in self.degrees_of_freedom)
        return f"{self.name}({numbers_of})" if numbers_of else self.name

    def upper_tail(self, values: Any) -> Any:
        """Return the probability of each value or a larger one without an effect.

        Of F and chi2 for values of 0 and more only.
        """
        special = import_special()
        if self.name == "z":
            return special.ndtr(-values)
        if self.name == "t":
            return special.stdtr(*self.degrees_of_freedom, -values)
        if self.name == "chi2":
            return special.chdtrc(*self.degrees_of_freedom, values)
        return special.fdtrc(*self.degrees_of_freedom, values)

    def critical_value(self, p: float) -> float:
        """Return the value that has this upper tail."""
        special = import_special()
        if self.name == "z":
            return float(-special.ndtri(p))
        if self.name == "t":
            return float(-special.stdtrit(*self.degrees_of_freedom, p))
        if self.name == "chi2":
            return float(special.chdtri(*self.degrees_of_freedom, p))
        # Not special.fdtri, which takes 1 - p. Two betas that sum to 1, each from
        # its own tail, because the smaller has no digits left in 1 - the larger.
        df1, df2 = self.degrees_of_freedom
        above = special.betainccinv(df1 / 2, df2 / 2, p)
        below = special.betaincinv(df2 / 2, df1 / 2, p)
        with np.errstate(divide="ignore", over="ignore"):
            return float((above / df1) / (below / df2))


def import_special(
    what: str = "threshold_stats_img, unless height_control is None,",
) -> Any:
    """Import ``scipy.special``, which is not needed for anything else here.

    Parameters
    ----------
    what : str
        What needs it, for the error.

    Raises
    ------
    ImportError
        SciPy is not installed.
    """
    try:
        from scipy import special
    except ImportError as error:
        msg = f"{what} needs SciPy; install it with: pip install 'nithresh[stats]'"
        raise ImportError(msg) from error
    return special


def check_stat(stat: Any) -> Statistic:
    """Check a statistic: "z", ("t", df), ("F", df1, df2) or ("chi2", df)."""
    words = stat if isinstance(stat, (tuple, list)) and stat else [stat]
    name, *degrees_of_freedom = words
    if not isinstance(name, str) or not all(
        isinstance(df, numbers.Real) and not isinstance(df, bool)
        for df in degrees_of_freedom
    ):
        msg = f"stat is {stat!r}; it must be {ALLOWED}"
        raise TypeError(msg)
    statistic = Statistic(name, tuple(float(df) for df in degrees_of_freedom))
    if not statistic.is_valid:
        msg = f"stat is {stat!r}; it must be {ALLOWED}"
        raise ValueError(msg)
    return statistic
