"""The tails of the null distributions of z, t and F, from SciPy.

Upper tails throughout, as p or as the value that has it: 1 - p would lose the
digits of every p that matters.
"""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nithresh._params import warn

if TYPE_CHECKING:
    from nibabel.spatialimages import SpatialImage

# How many degrees of freedom each statistic has.
_COUNTS = {"z": 0, "t": 1, "F": 2}
_INTENTS = {"z score": "z", "t test": "t", "f test": "F"}
_ALLOWED = '"z", ("t", df) or ("F", df1, df2), each df finite and above 0'


@dataclass(frozen=True, slots=True)
class Statistic:
    """What the values of a map are: z, t or F, and its degrees of freedom."""

    name: str
    degrees_of_freedom: tuple[float, ...] = ()

    @property
    def has_two_sides(self) -> bool:
        """Whether effects of the two signs lie on two sides; those of F do not."""
        return self.name != "F"

    def __str__(self) -> str:
        numbers_of = ", ".join(f"{df:g}" for df in self.degrees_of_freedom)
        return f"{self.name}({numbers_of})" if numbers_of else self.name

    def upper_tail(self, values: Any) -> Any:
        """Return the probability of each value or a larger one without an effect.

        Of F for values of 0 and more only.
        """
        special = import_special()
        if self.name == "z":
            return special.ndtr(-values)
        if self.name == "t":
            return special.stdtr(*self.degrees_of_freedom, -values)
        return special.fdtrc(*self.degrees_of_freedom, values)

    def critical_value(self, p: float) -> float:
        """Return the value that has this upper tail."""
        special = import_special()
        if self.name == "z":
            return float(-special.ndtri(p))
        if self.name == "t":
            return float(-special.stdtrit(*self.degrees_of_freedom, p))
        # Not special.fdtri, which takes 1 - p. Two betas that sum to 1, each from
        # its own tail, because the smaller has no digits left in 1 - the larger.
        df1, df2 = self.degrees_of_freedom
        above = special.betainccinv(df1 / 2, df2 / 2, p)
        below = special.betaincinv(df2 / 2, df1 / 2, p)
        with np.errstate(divide="ignore", over="ignore"):
            return float((above / df1) / (below / df2))


def import_special() -> Any:
    """Import ``scipy.special``, which is not needed for anything else here.

    Raises
    ------
    ImportError
        SciPy is not installed.
    """
    try:
        from scipy import special
    except ImportError as error:
        msg = (
            "threshold_stats_img needs SciPy, unless height_control is None; "
            "install it with: pip install 'nithresh[stats]'"
        )
        raise ImportError(msg) from error
    return special


def check_stat(stat: Any) -> Statistic:
    """Check a statistic: "z", ("t", df) or ("F", df1, df2)."""
    words = stat if isinstance(stat, (tuple, list)) and stat else [stat]
    name, *degrees_of_freedom = words
    if not isinstance(name, str) or not all(
        isinstance(df, numbers.Real) and not isinstance(df, bool)
        for df in degrees_of_freedom
    ):
        msg = f"stat is {stat!r}; it must be {_ALLOWED}"
        raise TypeError(msg)
    statistic = Statistic(name, tuple(float(df) for df in degrees_of_freedom))
    if not _is_valid(statistic):
        msg = f"stat is {stat!r}; it must be {_ALLOWED}"
        raise ValueError(msg)
    return statistic


def read_stat(image: SpatialImage) -> Statistic:
    """Return the statistic that a NIfTI header says its voxels are, or else z.

    Raises
    ------
    ValueError
        The header says t or F, but not with which degrees of freedom.
    """
    header: Any = image.header
    if not hasattr(header, "get_intent"):
        return Statistic("z")
    intent, parameters, _ = header.get_intent()
    if intent not in _INTENTS:
        if intent != "none":
            warn(
                f"The header of stat_img says that its intent is {intent!r}; its "
                "values are taken as z. Say what they are with stat."
            )
        return Statistic("z")
    statistic = Statistic(_INTENTS[intent], parameters)
    if not _is_valid(statistic):
        msg = (
            f"The header of stat_img says {intent!r} with the degrees of freedom "
            f"{parameters}; say with stat which they are: {_ALLOWED}"
        )
        raise ValueError(msg)
    return statistic


def _is_valid(statistic: Statistic) -> bool:
    """Whether there is such a statistic, with degrees of freedom that can be."""
    return len(statistic.degrees_of_freedom) == _COUNTS.get(statistic.name) and all(
        math.isfinite(df) and df > 0 for df in statistic.degrees_of_freedom
    )
