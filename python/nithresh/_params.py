"""What users may say, and one clear error for each thing they may not.

Every check here is about types and values alone: none of them looks at a
voxel, so all of them come before anything is loaded.
"""

import inspect
import math
import numbers
import sys
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CONNECTIVITIES = (6, 18, 26)


@dataclass(frozen=True, slots=True)
class Percentile:
    """A threshold that was given as a percentage of the voxels."""

    percent: float


@dataclass(frozen=True, slots=True)
class Request:
    """A checked request: which voxels stay.

    ``threshold`` is still a percentile until the voxels are known.
    """

    threshold: float | Percentile
    two_sided: bool
    cluster_threshold: int
    connectivity: int


def check_request(
    threshold: Any, *, two_sided: Any, cluster_threshold: Any, connectivity: Any
) -> Request:
    """Check the words that all thresholding calls share."""
    checked_sides = check_bool(two_sided, "two_sided")
    return Request(
        threshold=check_threshold(threshold, two_sided=checked_sides),
        two_sided=checked_sides,
        cluster_threshold=check_cluster_threshold(cluster_threshold),
        connectivity=check_connectivity(connectivity),
    )


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
        # Beyond the range of any map, on the side of its sign.
        number: Any = threshold
        value = math.inf if number > 0 else -math.inf
    if math.isnan(value):
        msg = "threshold is NaN; it must be a number"
        raise ValueError(msg)
    if two_sided and value < 0:
        msg = (
            f"threshold is {value:g}; with two_sided=True it must be 0 or more "
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
    """Check a least extent in voxels; a negative one is as 0."""
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
    if connectivity not in _CONNECTIVITIES:
        msg = (
            f"connectivity is {connectivity}; it must be 6 (faces), 18 (faces and "
            "edges) or 26 (faces, edges and corners)"
        )
        raise ValueError(msg)
    return int(connectivity)


def check_bool(value: Any, name: str) -> bool:
    """Check a flag: True or False, or 1 or 0 as NumPy and old code pass them."""
    if isinstance(value, (bool, np.bool_, int, np.integer)) and value in (0, 1):
        return bool(value)
    msg = f"{name} is {value!r}; it must be True or False"
    raise TypeError(msg)


def check_volumes(shape: tuple[int, ...], name: str) -> None:
    """Check that an array is a volume, or volumes along its last axis."""
    if len(shape) not in (3, 4):
        msg = (
            f"{name} has {len(shape)} dimensions (shape {shape}); it must have 3, or 4 "
            "with the volumes along the last"
        )
        raise ValueError(msg)


def check_mask(mask: NDArray[Any], shape: tuple[int, ...], name: str) -> NDArray[Any]:
    """Check a mask and make it boolean; NaN and infinities count as outside.

    A mask is 0 outside and one other value inside, and has an inside.
    """
    if mask.shape != shape:
        msg = f"{name} has shape {mask.shape}; it must have the map's, {shape}"
        raise ValueError(msg)
    if mask.dtype.kind not in "biuf":
        msg = f"{name} has dtype {mask.dtype}; it must be boolean or a real number"
        raise TypeError(msg)
    inside: NDArray[np.bool_] = mask != 0
    if mask.dtype.kind == "f":
        inside &= np.isfinite(mask)
    if not inside.any():
        msg = f"{name} is empty: it leaves no voxel of the map"
        raise ValueError(msg)
    if mask.dtype.kind != "b":
        values = mask[inside]
        if (values != values[0]).any():
            msg = (
                f"{name} has more than one value other than 0 (for one "
                f"{values[0]!s} and {values[values != values[0]][0]!s}); it must be "
                "0 outside and one value inside"
            )
            raise ValueError(msg)
    return inside


def as_voxels(data: NDArray[Any], name: str) -> NDArray[Any]:
    """Return an array that the core can read: the same one where it can.

    Booleans become uint8, float16 becomes float32 (exactly), and what is not
    aligned or not in native byte order is copied.
    """
    kind, size = data.dtype.kind, data.dtype.itemsize
    # Looked up and not imported: numpy.ma is slow to import, and whoever has a
    # masked array has it already.
    masked = sys.modules.get("numpy.ma")
    if masked is not None and isinstance(data, masked.MaskedArray):
        msg = f"{name} is a masked array; pass its data, and its mask as a mask"
        raise TypeError(msg)
    if kind == "b":
        return np.asarray(data).view(np.uint8)
    if kind == "f" and size == 2:
        return np.asarray(data, dtype=np.float32)
    if kind not in "iuf" or size > 8:
        msg = (
            f"{name} has dtype {data.dtype}; it must be a float type of 16 to 64 bits, "
            "an integer type or bool"
        )
        raise TypeError(msg)
    native = np.asarray(data, dtype=data.dtype.newbyteorder("="))
    if not native.flags.aligned or any(step % size for step in native.strides):
        native = native.copy(order="K")
    return native


def warn(message: str) -> None:
    """Warn about what the caller of this package passed, at the caller's line."""
    frame, level = inspect.currentframe(), 1
    while frame and frame.f_globals.get("__name__", "").startswith("nithresh."):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, UserWarning, stacklevel=level)
