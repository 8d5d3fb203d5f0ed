"""Checks of arguments, with one clear error for each that is not allowed.

The checks look at types and values. None of them looks at a voxel, so all of them run
before anything is loaded.
"""

import inspect
import math
import numbers
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nithresh import _core
from nithresh._comparison import as_compared, next_beyond
from nithresh._connectivity import CONNECTIVITIES
from nithresh._numbers import in_full
from nithresh._rules import Unsaid, check_comparison, check_rules

# Where the warnings of this thread go, if they are collected.
_collected: ContextVar[list[str] | None] = ContextVar("collected", default=None)


@dataclass(frozen=True, slots=True)
class Percentile:
    """A threshold that was given as a percentage of the voxels."""

    percent: float


class Request(NamedTuple):
    """A checked request: which voxels stay.

    ``threshold`` is still a percentile until the voxels are known. ``rules`` is the
    name of the rules that were asked for; what they say is in the other fields.
    """

    threshold: float | Percentile
    two_sided: bool
    cluster_threshold: int
    connectivity: int
    comparison: str = ">="
    order: str = "extent"
    rules: str | None = None

    def least(self, level: float, dtype: np.dtype[Any]) -> float:
        """Return the value nearest to zero that passes at a threshold, in a type."""
        compared = next_beyond if self.comparison == ">" else as_compared
        return compared(level, dtype)

    def at(self, level: float, dtype: np.dtype[Any]) -> _core.Request:
        """Return the request as the core takes it.

        Parameters
        ----------
        level : float
            The threshold, which is known by now.
        dtype : numpy.dtype
            The type of the map, to which the threshold is rounded.
        """
        # Zero has a sign, which says which side stays, and which a cache does not see.
        make = _known_for_core if level else _for_core
        return make(self, level, dtype)


def _for_core(request: Request, level: float, dtype: np.dtype[Any]) -> _core.Request:
    return _core.Request(
        request.least(level, dtype),
        two_sided=request.two_sided,
        cluster_threshold=request.cluster_threshold,
        connectivity=request.connectivity,
    )


# To make it anew takes a tenth of a call for a small map.
_known_for_core = lru_cache(maxsize=64)(_for_core)


def check_request(
    threshold: Any,
    *,
    two_sided: Any,
    cluster_threshold: Any,
    connectivity: Any,
    comparison: Any = None,
    rules: Any = None,
) -> Request:
    """Check the arguments that all thresholding calls share."""
    words = (threshold, two_sided, cluster_threshold, connectivity, comparison, rules)
    try:
        return _known_request(*words)
    except TypeError:
        # The wrong type, or a value that cannot be hashed.
        pass
    return _check_request(*words)


def _check_request(
    threshold: Any,
    two_sided: Any,
    cluster_threshold: Any,
    connectivity: Any,
    comparison: Any,
    rules: Any,
) -> Request:
    of_rules = check_rules(rules)
    if isinstance(two_sided, Unsaid):
        two_sided = of_rules.two_sided
    if isinstance(connectivity, Unsaid):
        connectivity = of_rules.connectivity
    checked_sides = check_bool(two_sided, "two_sided")
    return Request(
        check_threshold(threshold, two_sided=checked_sides),
        checked_sides,
        check_cluster_threshold(cluster_threshold),
        check_connectivity(connectivity),
        of_rules.comparison if comparison is None else check_comparison(comparison),
        of_rules.order,
        rules,
    )


# Most calls have the arguments of the one before. To check them takes as long as a
# small map.
_known_request = lru_cache(maxsize=16, typed=True)(_check_request)


def check_threshold(threshold: Any, *, two_sided: bool) -> float | Percentile:
    """Check a threshold: a number, or text such as "95%"."""
    if isinstance(threshold, str):
        return _check_percentile(threshold)
    if isinstance(threshold, (bool, np.bool_)) or not isinstance(
        threshold, numbers.Real
    ):
        msg = (
            f"threshold is {threshold!r} of type {type(threshold).__name__}; it must "
            'be a number or a percentile such as "95%"'
        )
        raise TypeError(msg)
    try:
        value = float(threshold)
    except OverflowError:
        # Beyond the range of every map, on the side of its sign.
        number: Any = threshold
        value = math.inf if number > 0 else -math.inf
    if math.isnan(value):
        msg = "threshold is NaN; it must be a number"
        raise ValueError(msg)
    if two_sided and value < 0:
        msg = (
            f"threshold is {in_full(value)}; with two_sided=True it must be 0 or more "
            "(two_sided=False with a negative threshold keeps the negative side)"
        )
        raise ValueError(msg)
    return value


def _check_percentile(text: str) -> Percentile:
    try:
        percent = float(text[:-1]) if text.endswith("%") else math.nan
    except ValueError:
        percent = math.nan
    if not 0 <= percent <= 100:
        msg = (
            f"threshold is {text!r}; as text it must be a number from 0 to 100 and a "
            'percent sign, such as "25.3%"'
        )
        raise ValueError(msg)
    return Percentile(percent)


def check_cluster_threshold(cluster_threshold: Any) -> int:
    """Check a least extent in voxels; negative values count as 0."""
    if isinstance(cluster_threshold, (bool, np.bool_)) or not isinstance(
        cluster_threshold, (int, np.integer)
    ):
        msg = (
            f"cluster_threshold is {cluster_threshold!r} of type "
            f"{type(cluster_threshold).__name__}; it must be an integer, the least "
            "extent of a cluster in voxels"
        )
        raise TypeError(msg)
    # No volume has more voxels than an index can count.
    return min(max(int(cluster_threshold), 0), sys.maxsize)


def check_connectivity(connectivity: Any) -> int:
    """Check a number of neighbours: 6, 18 or 26."""
    if isinstance(connectivity, (bool, np.bool_)) or not isinstance(
        connectivity, (int, np.integer)
    ):
        msg = (
            f"connectivity is {connectivity!r} of type {type(connectivity).__name__}; "
            "it must be 6, 18 or 26"
        )
        raise TypeError(msg)
    if connectivity not in CONNECTIVITIES:
        msg = (
            f"connectivity is {connectivity}; it must be 6 (faces), 18 (faces and "
            "edges) or 26 (faces, edges and corners)"
        )
        raise ValueError(msg)
    return int(connectivity)


def check_levels(thresholds: Any) -> NDArray[np.float64]:
    """Check thresholds as distances from zero: one number, or an array of them."""
    levels = np.asarray(thresholds)
    if levels.dtype.kind not in "iuf":
        msg = f"threshold is {thresholds!r}; it must be a number or an array of numbers"
        raise TypeError(msg)
    checked: NDArray[np.float64] = levels.astype(np.float64)
    if not (checked >= 0).all():
        msg = f"threshold is {thresholds!r}; it must be 0 or more"
        raise ValueError(msg)
    return checked


def check_count(count: Any, name: str) -> int:
    """Check how many of something there may be: 1 or more."""
    if isinstance(count, (bool, np.bool_)) or not isinstance(count, (int, np.integer)):
        msg = (
            f"{name} is {count!r} of type {type(count).__name__}; it must be an integer"
        )
        raise TypeError(msg)
    if not 1 <= count <= sys.maxsize:
        allowed = "1 or more" if count < 1 else f"{sys.maxsize} or less"
        msg = f"{name} is {count}; it must be {allowed}"
        raise ValueError(msg)
    return int(count)


def check_volume(volume: Any) -> int | None:
    """Check which volume of a 4-D image is meant."""
    if volume is None:
        return None
    if isinstance(volume, (bool, np.bool_)) or not isinstance(
        volume, (int, np.integer)
    ):
        msg = f"volume is {volume!r}; it must be an integer, counted from 0"
        raise TypeError(msg)
    return int(volume)


def check_not_negative(number: Any, name: str) -> float:
    """Check a power or a distance: a finite number of 0 or more."""
    if isinstance(number, (bool, np.bool_)) or not isinstance(number, numbers.Real):
        msg = (
            f"{name} is {number!r} of type {type(number).__name__}; it must be a number"
        )
        raise TypeError(msg)
    try:
        value = float(number)
    except OverflowError:
        value = math.inf
    if not 0 <= value < math.inf:
        msg = f"{name} is {in_full(value)}; it must be a finite number of 0 or more"
        raise ValueError(msg)
    return value


def check_bool(value: Any, name: str) -> bool:
    """Check a flag: True or False, or 1 or 0 as NumPy and old code pass them."""
    if isinstance(value, bool):
        return value
    if isinstance(value, (np.bool_, int, np.integer)) and value in (0, 1):
        return bool(value)
    msg = f"{name} is {value!r}; it must be True or False"
    raise TypeError(msg)


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn about what the caller of this package passed, at the caller's line."""
    collected = _collected.get()
    if collected is not None:
        collected.append(message)
        return
    frame, level = inspect.currentframe(), 1
    while frame and frame.f_globals.get("__name__", "").startswith("nithresh."):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


@contextmanager
def collected_warnings() -> Iterator[list[str]]:
    """Collect what :func:`warn` is told in this thread instead of giving it.

    ``warnings.catch_warnings`` would do so for all threads at once.
    """
    messages: list[str] = []
    token = _collected.set(messages)
    try:
        yield messages
    finally:
        _collected.reset(token)
