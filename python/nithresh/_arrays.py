"""Arrays as users pass them, checked, and as the core reads them."""

import sys
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nithresh import _core
from nithresh._params import warn

# The C library of Linux reuses no memory of this many bytes or more.
_LARGE = 1 << 25


def check_array(array: Any, name: str) -> None:
    """Check that something is an array."""
    if not isinstance(array, np.ndarray):
        msg = f"{name} is of type {type(array).__name__}; it must be a NumPy array"
        raise TypeError(msg)


def drop_axes(data: NDArray[Any]) -> NDArray[Any]:
    """Return an array without the axes of length 1 beyond the third.

    AFNI's buckets have shape (x, y, z, 1, volumes).
    """
    return restore_axes(data, shape_of_map(data.shape))


def shape_of_map(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape without the axes of length 1 beyond the third."""
    if len(shape) <= 3:
        return shape
    return shape[:3] + tuple(length for length in shape[3:] if length != 1)


def restore_axes(data: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Give an array the shape that it had before :func:`drop_axes`."""
    return data if data.shape == shape else data.reshape(shape)


def check_volumes(shape: tuple[int, ...], name: str) -> None:
    """Check that an array is a volume, or volumes along its last axis."""
    if len(shape) not in (3, 4):
        msg = (
            f"{name} has {len(shape)} dimensions (shape {shape}); it must have 3, or 4 "
            "with the volumes along the last"
        )
        raise ValueError(msg)


def check_one_volume(shape: tuple[int, ...], name: str) -> None:
    """Check that an array is one volume."""
    if len(shape) != 3:
        msg = f"{name} has shape {shape}; it must be one volume, of 3 dimensions"
        raise ValueError(msg)


def check_mask(mask: NDArray[Any], shape: tuple[int, ...], name: str) -> NDArray[Any]:
    """Check a mask and make it boolean; NaN and infinities count as outside.

    A mask is 0 outside and one other value inside, and has an inside.
    """
    check_mask_type(mask, shape, name)
    inside: NDArray[np.bool_] = mask != 0
    within = mask
    if mask.dtype.kind == "f" and not np.isfinite(mask).all():
        inside &= np.isfinite(mask)
        within = np.where(inside, mask, 0)
    if not inside.any():
        msg = f"{name} is empty: it leaves no voxel of the map"
        raise ValueError(msg)
    if mask.dtype.kind != "b":
        # Not by picking the values inside, which takes ten times as long.
        value = within.max() or within.min()
        if ((within != value) & inside).any():
            values = mask[inside]
            msg = (
                f"{name} has more than one value other than 0 (for one "
                f"{values[0]!s} and {values[values != values[0]][0]!s}); it must be "
                "0 outside and one value inside"
            )
            raise ValueError(msg)
    return inside


def check_mask_type(mask: Any, shape: tuple[int, ...], name: str) -> None:
    """Check the shape and the type of a mask, before its voxels are known."""
    if mask.shape != shape:
        msg = f"{name} has shape {mask.shape}; it must have the map's, {shape}"
        raise ValueError(msg)
    if mask.dtype.kind not in "biuf":
        msg = f"{name} has dtype {mask.dtype}; it must be boolean or a real number"
        raise TypeError(msg)


def check_array_mask(mask: Any, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
    """Check a mask that is an array, if there is one, and make it boolean."""
    if mask is None:
        return None
    check_array(mask, "mask")
    return check_mask(mask, shape, "mask")


def warn_if_non_finite(voxels: NDArray[Any]) -> None:
    """Warn about values that count as zero."""
    _, _, has_non_finite = _core.summary(voxels, None)
    if has_non_finite:
        warn("Non-finite values detected. They count as zero.")


def as_voxels(data: NDArray[Any], name: str) -> NDArray[Any]:
    """Return an array that the core can read: the same one where it can.

    Booleans become uint8, float16 becomes float32 (exactly), and what is not
    aligned or not in native byte order is copied.
    """
    kind, size = data.dtype.kind, data.dtype.itemsize
    if type(data) is np.ndarray and kind in "iuf" and 2 < size <= 8:
        # Nearly every map is like this.
        flags = data.flags
        if flags.forc and flags.aligned and data.dtype.isnative:
            return data
    # Looked up and not imported: numpy.ma is slow to import, and with a
    # masked array it is imported already.
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
    return native if is_plain(native) else native.copy(order="K")


def to_single(values: NDArray[Any], name: str) -> NDArray[np.float32]:
    """Return values in float32, in C order.

    Raises
    ------
    ValueError
        A finite value that is too large.
    """
    with np.errstate(over="ignore"):
        single = np.ascontiguousarray(values, np.float32)
    if np.isinf(single).sum() > np.isinf(values).sum():
        msg = f"{name} has values that are too large for float32"
        raise ValueError(msg)
    return single


def result_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type of a thresholded map: in native byte order, uint8 for bool."""
    return np.dtype(np.uint8) if dtype.kind == "b" else dtype.newbyteorder("=")


def zeros_like(voxels: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Make an array of zeros with the shape and memory order of another.

    Unlike NumPy's function of this name, it takes memory that the system has zeroed
    and that is only given where it is written to.
    """
    if voxels.flags.forc:
        order: Literal["C", "F"] = "C" if voxels.flags.c_contiguous else "F"
        return np.zeros(voxels.shape, dtype, order)
    strides = np.abs(voxels.strides)
    axes = np.argsort(-strides, kind="stable")
    zeros = np.zeros([voxels.shape[axis] for axis in axes], dtype)
    return zeros.transpose(np.argsort(axes))


def new_result(voxels: NDArray[Any], dtype: Any) -> tuple[NDArray[Any], bool]:
    """Make an array like another for the core to write to; say whether it holds zeros.

    Large arrays are fresh from the system, which gives zeros; of small ones the core
    writes the zeros faster.
    """
    if voxels.size * np.dtype(dtype).itemsize >= _LARGE:
        return zeros_like(voxels, dtype), True
    return np.empty_like(voxels, dtype, subok=False), False


def is_plain(array: NDArray[Any]) -> bool:
    """Whether voxels lie where a view in whole voxels can reach each of them.

    A field of packed records does not.
    """
    flags = array.flags
    if flags.forc:
        return bool(flags.aligned)
    steps = zip(array.shape, array.strides, strict=True)
    return bool(
        flags.aligned
        and not any(
            length > 1 and step % array.dtype.itemsize for length, step in steps
        )
    )


def check_out(out: Any, data: NDArray[Any]) -> None:
    """Check an array to write the result of thresholding `data` to."""
    check_array(out, "out")
    if out.shape != data.shape:
        msg = f"out has shape {out.shape}; it must have that of data, {data.shape}"
        raise ValueError(msg)
    native = out.dtype.newbyteorder("=")
    if out.dtype != data.dtype and native != result_type(data.dtype):
        msg = f"out has dtype {out.dtype}; it must have that of data, {data.dtype}"
        raise TypeError(msg)
    check_writeable(out, "out")


def check_writeable(array: NDArray[Any], name: str) -> None:
    """Check that an array may be written to."""
    if not array.flags.writeable:
        msg = f"{name} is a read-only array; it must be writable"
        raise ValueError(msg)
