"""Hypothesis strategies that make maps and images with awkward content.

For the tests of this package and for the property-based tests of others; needs
the extra ``nithresh[testing]``. Values come from a handful, so that ties, equal
extents and values at the threshold happen all the time; arrays come in every
data type and memory layout; volumes may be empty or a single voxel.

>>> from hypothesis import given
>>> from nithresh import testing, threshold
>>> @given(testing.maps(), testing.thresholds())
... def test_nothing_is_invented(data, level):
...     kept = threshold(data, level)
...     assert ((kept == 0) | (kept == data)).all()
>>> test_nothing_is_invented()
"""

from collections.abc import Callable, Sequence
from typing import Any

import nibabel
import numpy as np
from nibabel.freesurfer.mghformat import MGHError
from numpy.typing import NDArray

try:
    from hypothesis import strategies as st
    from hypothesis.extra import numpy as npst
except ImportError as error:
    _msg = (
        "nithresh.testing needs hypothesis; install it with: "
        "pip install 'nithresh[testing]'"
    )
    raise ImportError(_msg) from error

from nithresh._testing_surfaces import (
    cifti_images,
    gifti_images,
    icosphere,
    strip,
    surface_images,
    surface_values,
    surfaces,
)
from nithresh._testing_values import values

__all__ = [
    "DTYPES",
    "IMAGE_CLASSES",
    "LAYOUTS",
    "affines",
    "cifti_images",
    "damaged",
    "degenerate_affines",
    "gifti_images",
    "icosphere",
    "images",
    "images_of_any_class",
    "lying_headers",
    "maps",
    "masks",
    "noisy_affines",
    "strip",
    "surface_images",
    "surface_values",
    "surfaces",
    "thresholds",
    "trivial_maps",
    "values",
]

#: The data types a map can have, by name.
DTYPES = (
    "float32", "float64", "int8", "int16", "int32", "int64",
    "uint8", "uint16", "uint32", "uint64",
)  # fmt: skip
# Numbers that a header may not have, as they are stored.
_EXTREME_NUMBERS = [
    np.array(value, dtype=order + kind).tobytes()
    for kind, value in (
        [("i2", number) for number in (-1, 0, 1, 2**15 - 1, -(2**15))]
        + [("i4", number) for number in (-1, 0, 2**31 - 1, -(2**31))]
        + [("f4", number) for number in (np.nan, np.inf, -np.inf, -352.0, 1e9)]
    )
    for order in "<>"
]
_NIFTI_DTYPES = tuple(name for name in DTYPES if not name.endswith("int64"))

#: The classes of volumes that nibabel writes.
IMAGE_CLASSES: tuple[Any, ...] = (
    nibabel.Nifti1Image,
    nibabel.Nifti1Pair,
    nibabel.Nifti2Image,
    nibabel.Nifti2Pair,
    nibabel.AnalyzeImage,
    nibabel.Spm99AnalyzeImage,
    nibabel.Spm2AnalyzeImage,
    nibabel.MGHImage,
)


def _every_other(data: NDArray[Any]) -> NDArray[Any]:
    wide = np.zeros([2 * length for length in data.shape], data.dtype)
    part = wide[tuple(slice(None, None, 2) for _ in data.shape)]
    part[...] = data
    return part


def _backwards(data: NDArray[Any]) -> NDArray[Any]:
    turned = tuple(slice(None, None, -1) for _ in data.shape)
    return np.ascontiguousarray(data[turned])[turned]


def _middle_fastest(data: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(data.swapaxes(1, -1)).swapaxes(1, -1)


def _one_of_a_series(data: NDArray[Any]) -> NDArray[Any]:
    series = np.zeros((*data.shape, 3), data.dtype)
    series[..., 1] = data
    return series[..., 1]


def _other_byte_order(data: NDArray[Any]) -> NDArray[Any]:
    return data.astype(data.dtype.newbyteorder("S"), order="K")


def _unaligned(data: NDArray[Any]) -> NDArray[Any]:
    records = np.zeros(data.shape, [("before", "u1"), ("value", data.dtype)])
    records["value"] = data
    return records["value"]


def _first_of_records(data: NDArray[Any]) -> NDArray[Any]:
    records = np.zeros(data.shape, [("value", data.dtype), ("behind", "u1")])
    records["value"] = data
    return records["value"]


#: The ways an array can lie in memory; each keeps the values.
LAYOUTS: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "every other voxel of a larger array": _every_other,
    "reversed axes": _backwards,
    "middle axis fastest": _middle_fastest,
    "one volume of a C-ordered series": _one_of_a_series,
    "other byte order": _other_byte_order,
    "unaligned": _unaligned,
    "in steps that are no whole voxels": _first_of_records,
}


@st.composite
def maps(
    draw: st.DrawFn,
    *,
    dtypes: Sequence[str] = DTYPES,
    dimensions: Sequence[int] = (3, 3, 4),
    smallest_side: int = 0,
    largest_side: int = 6,
    non_finite: bool = True,
    layouts: Sequence[str] = tuple(LAYOUTS),
) -> NDArray[Any]:
    """Draw a map as an array.

    Parameters
    ----------
    dtypes : sequence of str
        Some of :data:`DTYPES`.
    dimensions : sequence of int
        3 for a volume, 4 for volumes along the last axis.
    smallest_side, largest_side : int
        Bounds of the length of an axis in voxels.
    non_finite : bool, default=True
        Let floating-point maps have NaN and infinities too.
    layouts : sequence of str
        Some of the keys of :data:`LAYOUTS`.
    """
    dtype = draw(st.sampled_from(dtypes))
    count = draw(st.sampled_from(dimensions))
    side = st.integers(smallest_side, largest_side)
    shape = tuple(draw(side) for _ in range(count))
    data = draw(
        npst.arrays(dtype, shape, elements=values(dtype, non_finite=non_finite))
    )
    return LAYOUTS[draw(st.sampled_from(layouts))](data)


@st.composite
def trivial_maps(
    draw: st.DrawFn, *, dtypes: Sequence[str] = DTYPES, dimensions: Sequence[int] = (3,)
) -> NDArray[Any]:
    """Draw a map with little in it: no voxel, one voxel, or the same value everywhere.

    The value may be NaN or infinite, too.

    Parameters
    ----------
    dtypes : sequence of str
        Some of :data:`DTYPES`.
    dimensions : sequence of int
        3 for a volume, 4 for volumes along the last axis.
    """
    dtype = draw(st.sampled_from(dtypes))
    count = draw(st.sampled_from(dimensions))
    kind = draw(st.sampled_from(["no voxel", "one voxel", "one value"]))
    side = st.just(1) if kind == "one voxel" else st.integers(1, 5)
    shape = [draw(side) for _ in range(count)]
    if kind == "no voxel":
        shape[draw(st.integers(0, count - 1))] = 0
    return np.full(shape, draw(values(dtype)), dtype)


@st.composite
def masks(draw: st.DrawFn, shape: tuple[int, ...]) -> NDArray[Any]:
    """Draw a mask of a shape that has at least one voxel inside it.

    `shape` must hold a voxel. The mask is boolean or of a number type, with 0
    outside and one other value inside.
    """
    dtype = draw(st.sampled_from(["bool", "uint8", "int16", "float32"]))
    mask = draw(npst.arrays("bool", shape, elements=st.booleans()))
    mask.flat[draw(st.integers(0, mask.size - 1))] = True
    inside = 1 if dtype == "bool" else draw(st.sampled_from([1, 2, 7]))
    return np.asarray(mask * np.dtype(dtype).type(inside), dtype=dtype)


def thresholds(*, two_sided: bool = True) -> st.SearchStrategy[float | str]:
    """Draw a threshold: a number around the values of :func:`maps`, or text.

    With `two_sided` no number is negative.
    """
    numbers = [0.0, 0.5, 1, 2, 2.0, 2.5, 3, 1e-8, 127.5, 1e31]
    if not two_sided:
        numbers += [-0.5, -1, -2.0, -2.5, -128, -1e31]
    return st.one_of(
        st.sampled_from(numbers),
        st.sampled_from(["0%", "25%", "50%", "80.5%", "95%", "99.9%", "100%"]),
    )


@st.composite
def affines(draw: st.DrawFn) -> NDArray[np.float64]:
    """Draw an affine: voxels of different lengths, flipped or oblique axes."""
    zooms = [draw(st.sampled_from([0.5, 1.0, 2.0, 3.0])) for _ in range(3)]
    signs = [draw(st.sampled_from([1.0, -1.0])) for _ in range(3)]
    matrix = np.diag(np.array(zooms) * signs)[list(draw(st.permutations(range(3))))]
    angle = draw(st.sampled_from([0.0, 0.0, 0.3]))
    turn = np.array(
        [
            [np.cos(angle), -np.sin(angle), 0],
            [np.sin(angle), np.cos(angle), 0],
            [0, 0, 1],
        ]
    )
    affine = np.eye(4)
    affine[:3, :3] = turn @ matrix
    affine[:3, 3] = [draw(st.sampled_from([0.0, -10.0, 12.5])) for _ in range(3)]
    return affine


@st.composite
def noisy_affines(
    draw: st.DrawFn, affine: NDArray[np.float64], shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """Draw an affine of the same grid as another, with rounding noise.

    No voxel of a volume of this shape moves by 1e-3 of a voxel. `affine` must have
    orthogonal axes, as those of :func:`affines`.
    """
    kind = draw(st.sampled_from(["none", "element", "all", "single", "quaternion"]))
    if kind == "quaternion":
        header = nibabel.Nifti1Header()
        header.set_qform(affine, code="scanner")
        return np.asarray(header.get_qform(), np.float64)
    if kind == "single":
        return affine.astype(np.float32).astype(np.float64)
    noisy = affine.copy()
    if kind == "element":
        place = draw(st.integers(0, 2)), draw(st.integers(0, 3))
        noisy[place] += draw(st.sampled_from([2e-8, -2e-8, 1e-12]))
    if kind == "all":
        zooms = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
        most = 9e-4 * zooms.min() / (1 + sum(shape[:3])) / np.sqrt(3)
        noisy[:3] += most * draw(
            npst.arrays("float64", (3, 4), elements=st.floats(-1, 1))
        )
    return noisy


@st.composite
def degenerate_affines(draw: st.DrawFn) -> NDArray[np.float64]:
    """Draw an affine that gives no places in mm.

    It is not finite, has no volume, or lies too far away to tell its voxels apart.
    """
    affine = draw(affines())
    one, other, last = draw(st.permutations(range(3)))
    kind = draw(
        st.sampled_from(["zero", "flat", "parallel", "plane", "far", "not finite"])
    )
    if kind == "zero":
        affine[:3] = 0
    elif kind == "flat":
        affine[:3, one] = 0
    elif kind == "parallel":
        affine[:3, one] = 2 * affine[:3, other]
    elif kind == "plane":
        # As files store it: a little off the plane.
        affine[:3, one] = 0.3 * affine[:3, other] + 0.7 * affine[:3, last]
        affine = affine.astype(np.float32).astype(np.float64)
    elif kind == "far":
        affine[one, 3] = draw(st.sampled_from([1e16, -1e38]))
    else:
        place = draw(st.integers(0, 2)), draw(st.integers(0, 3))
        affine[place] = draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    return affine


@st.composite
def images(draw: st.DrawFn, /, **kwargs: Any) -> nibabel.Nifti1Image:
    """Draw a NIfTI image in memory, with some of its header filled in.

    Parameters
    ----------
    **kwargs
        As for :func:`maps`. No side is empty unless `smallest_side` says so,
        and 64-bit integers are left out unless `dtypes` names them.
    """
    words: dict[str, Any] = {"smallest_side": 1, "dtypes": _NIFTI_DTYPES} | kwargs
    data = draw(maps(**words))
    image_class = draw(st.sampled_from([nibabel.Nifti1Image, nibabel.Nifti2Image]))
    header: Any = image_class.header_class()
    header.set_data_dtype(data.dtype.newbyteorder("="))
    header["descrip"] = b"drawn"
    header.set_xyzt_units("mm", "sec")
    header.set_intent("z score")
    if draw(st.booleans()):
        note: Any = nibabel.nifti1.Nifti1Extension
        header.extensions.append(note("comment", b"note"))
    image: nibabel.Nifti1Image = image_class(data, draw(affines()), header=header)
    return image


@st.composite
def images_of_any_class(
    draw: st.DrawFn, /, *, classes: Sequence[Any] = IMAGE_CLASSES, **kwargs: Any
) -> Any:
    """Draw an image in memory of any class of volumes that nibabel writes.

    Parameters
    ----------
    classes : sequence of type
        Some of :data:`IMAGE_CLASSES`.
    **kwargs
        As for :func:`maps`. No side is empty unless `smallest_side` says so, and types
        that the class does not hold are left out.
    """
    image_class = draw(st.sampled_from(list(classes)))
    wanted = kwargs.pop("dtypes", _NIFTI_DTYPES)
    dtypes = [dtype for dtype in wanted if _holds(image_class, dtype)]
    data = draw(maps(**({"smallest_side": 1} | kwargs), dtypes=dtypes))
    header = image_class.header_class()
    header.set_data_dtype(data.dtype.newbyteorder("="))
    header.set_data_shape(data.shape)
    affine = draw(affines())
    if image_class is nibabel.AnalyzeImage:
        # It has no other.
        header.set_zooms(
            [*np.sqrt((affine[:3, :3] ** 2).sum(axis=0)), 1.0][: data.ndim]
        )
        affine = header.get_best_affine()
    return image_class(data, affine, header=header)


def _holds(image_class: Any, dtype: str) -> bool:
    try:
        image_class.header_class().set_data_dtype(np.dtype(dtype))
    except (nibabel.spatialimages.HeaderDataError, MGHError):
        return False
    return True


@st.composite
def damaged(draw: st.DrawFn, content: bytes, *, within: int | None = None) -> bytes:
    """Draw a damaged copy of what a file holds.

    Bits are flipped, numbers replaced by extreme ones, and pieces are lost or come
    twice.

    Parameters
    ----------
    content : bytes
        What the whole file holds.
    within : int, optional
        Damage begins in this many first bytes, where a header is; the default is
        anywhere.
    """
    broken = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        end = min(len(broken), within or len(broken)) - 1
        if end < 0:
            break
        start = draw(st.integers(0, end))
        kind = draw(
            st.sampled_from(["bit", "number", "number", "cut", "lost", "twice"])
        )
        if kind == "bit":
            broken[start] ^= 1 << draw(st.integers(0, 7))
        elif kind == "number":
            number = draw(st.sampled_from(_EXTREME_NUMBERS))
            # Most numbers of a header are aligned.
            start -= start % len(number)
            broken[start : start + len(number)] = number
        elif kind == "cut":
            del broken[start:]
        else:
            piece = broken[start : start + draw(st.integers(1, 40))]
            broken[start : start + len(piece)] = piece * 2 if kind == "twice" else b""
    return bytes(broken)


@st.composite
def lying_headers(draw: st.DrawFn, header: Any) -> bytes:
    """Draw the bytes of a header that lies in one to three of its fields.

    Parameters
    ----------
    header : nibabel header
        One that tells the truth; it is not changed. NIfTI, Analyze and MGH have headers
        that are binary.
    """
    lies: Any = np.array(header.structarr)
    for _ in range(draw(st.integers(1, 3))):
        field = lies[draw(st.sampled_from(lies.dtype.names))]
        # A view of the field, in one row.
        values = field.reshape(-1)
        if field.dtype.kind == "f":
            lie: Any = draw(
                st.sampled_from([np.nan, np.inf, -np.inf, -16, 0, 1e9, 3e38])
            )
        elif field.dtype.kind in "iu":
            limits = np.iinfo(field.dtype)
            few = [0, 1, 2, 3, 16, limits.max, max(-1, limits.min), limits.min]
            lie = draw(st.sampled_from(few))
        else:
            lie = draw(st.binary(max_size=field.dtype.itemsize))
        values[draw(st.integers(0, values.size - 1))] = lie
    return bytes(lies.tobytes())
