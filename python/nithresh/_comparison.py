"""How the voxels of a type are compared with a threshold: the one place that says so.

As in NumPy 2. Floats of every size are compared in their own type, with the threshold
rounded to it; integers and booleans are compared as 64-bit floats. Byte order plays no
part. The core knows the same rule for the types that it reads; it reads float16 as
float32, so that a threshold for float16 must be rounded before.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

# No float type overflows below the largest float16.
_SAFE = 65504.0
# The smallest number above zero: zero in all types but float64.
_TINY = math.ulp(0.0)


def compared_type(dtype: np.dtype[Any]) -> Any:
    """Return the scalar type in which voxels of a type are compared."""
    return dtype.type if dtype.kind == "f" else np.float64


def as_compared(level: float, dtype: np.dtype[Any]) -> float:
    """Return a threshold as it is compared with voxels of a type.

    A threshold that is rounded to zero stays on its side of zero, because its sign
    says which voxels are kept: it becomes the float64 next to zero.
    """
    if dtype.kind != "f" or dtype.itemsize >= 8 or not level:
        return level
    if abs(level) < _SAFE:
        rounded = float(dtype.type(level))
    else:
        with np.errstate(over="ignore"):
            rounded = float(dtype.type(level))
    return rounded or math.copysign(_TINY, level)


def all_as_compared(
    levels: NDArray[np.float64], dtype: np.dtype[Any]
) -> NDArray[np.float64]:
    """Round an array of thresholds, all distances from zero, to the type as well."""
    with np.errstate(over="ignore"):
        rounded: NDArray[np.float64] = levels.astype(compared_type(dtype)).astype(float)
    return rounded


def next_beyond(level: float, dtype: np.dtype[Any]) -> float:
    """Return the next number beyond a threshold: voxels equal to it are dropped."""
    compared = compared_type(dtype)
    with np.errstate(over="ignore"):
        rounded = compared(level)
        side = compared(-math.inf if level < 0 else math.inf)
        return float(np.nextafter(rounded, side))


def next_before(level: float, dtype: np.dtype[Any]) -> float:
    """Return the next number below a positive threshold, beyond which it lies."""
    compared = compared_type(dtype)
    return float(np.nextafter(compared(level), compared(0)))


def passes_none(
    level: float,
    dtype: np.dtype[Any],
    smallest: float,
    largest: float,
    *,
    two_sided: bool,
) -> bool:
    """Whether a threshold is beyond the range of a map on its side, or sides."""
    level = as_compared(level, dtype)
    if two_sided:
        return level > max(-smallest, largest)
    return level > largest if level >= 0 else level < smallest
