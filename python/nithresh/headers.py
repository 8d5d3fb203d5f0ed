"""Images made of arrays: the class, the type and the header of a result."""

import math
from typing import Any

import nibabel
import numpy as np
from nibabel.freesurfer.mghformat import MGHError
from nibabel.spatialimages import HeaderDataError, SpatialImage
from numpy.typing import NDArray

from nithresh import grids
from nithresh._params import warn
from nithresh._stated import unstate

_SINGLE: dict[Any, Any] = {
    nibabel.Nifti1Pair: nibabel.Nifti1Image,
    nibabel.Nifti2Pair: nibabel.Nifti2Image,
}
# Classes that nibabel writes with the type that their header says and, the latter, with
# any affine.
_WRITTEN = (nibabel.AnalyzeImage, nibabel.MGHImage)
_WITH_AFFINE = (nibabel.Spm99AnalyzeImage, nibabel.MGHImage)
# An axis that a NIfTI-1 header cannot count.
_TOO_LONG = 1 << 15
_INT32 = np.iinfo(np.int32)
_LARGEST = float(np.finfo(np.float32).max)


def check_header_can_hold(image: SpatialImage, data: NDArray[Any]) -> None:
    """Raise an error if no fresh header can describe such voxels.

    Raises
    ------
    HeaderDataError
        A type that the format does not have.
    ValueError
        64-bit integers that do not fit into 32, which nibabel refuses.
    """
    if data.dtype == np.bool_:
        return
    _class_of_result(image, data).header_class().set_data_dtype(data.dtype)
    if _is_64_bit_integer(data) and not _fits_int32(data):
        msg = (
            "img holds 64-bit integers too large for 32 bits; with copy=False it must "
            "have copy_header=True"
        )
        raise ValueError(msg)


def image_like(
    image: SpatialImage,
    data: NDArray[Any],
    limits: tuple[float, float],
    *,
    copy_header: bool,
) -> Any:
    """Make an image of an array, with the affine of another.

    It has the class of the other, if nibabel writes that and it holds such voxels;
    otherwise it is a NIfTI image.

    With `copy_header` the header is the other's, except for what depends on the
    voxels: the data type is the array's, ``cal_min`` and ``cal_max`` are its
    `limits`, its smallest and its largest value, and slope, intercept and
    ``glmax`` are cleared.
    """
    if data.dtype == np.bool_:
        data = data.astype(np.uint8)
    elif _is_64_bit_integer(data):
        data = _narrowed(data)
    image_class = _class_of_result(image, data)
    if not copy_header:
        return made(image_class, data, image.affine)
    if isinstance(image.header, image_class.header_class):
        header = _copied(image.header)
    else:
        header = _converted(image.header, image_class.header_class, data.shape)
    if isinstance(header, nibabel.Nifti1Header):
        # The fields themselves: nibabel's methods take longer than a small map.
        fields = header.structarr
        fields["scl_slope"] = fields["scl_inter"] = math.nan
        fields["vox_offset"] = 0
    elif isinstance(header, nibabel.analyze.AnalyzeHeader):
        fields = header.structarr
        header.set_slope_inter(None, None)
        header.set_data_offset(0)
    else:
        fields = None
    names: Any = () if fields is None else fields.dtype.names
    if "glmax" in names:
        fields["glmax"] = 0
    if "cal_max" in names:
        low, high = limits if data.size else (0, 0)
        if -_LARGEST <= low <= high <= _LARGEST:
            fields["cal_min"], fields["cal_max"] = low, high
        else:
            # Infinity where a float64 does not fit into the field.
            with np.errstate(over="ignore"):
                fields["cal_min"], fields["cal_max"] = low, high
    if not _has_dtype(header, data.dtype):
        try:
            header.set_data_dtype(data.dtype)
        except HeaderDataError:
            # float16, which no format stores: as float32, which holds it exactly.
            header.set_data_dtype(np.float32)
    if image_class is type(image) and data.shape == image.shape:
        return _with_voxels(image, data, header)
    return made(image_class, data, image.affine, header)


def _has_dtype(header: Any, dtype: np.dtype[Any]) -> bool:
    """Whether voxels of this type are what a header says, in any byte order."""
    if isinstance(header, nibabel.Nifti1Header):
        code = nibabel.nifti1.data_type_codes.code.get(dtype)
        return bool(code == header.structarr["datatype"].item())
    return bool(header.get_data_dtype() == dtype)


def label_image(image: SpatialImage, labels: NDArray[np.int32], count: int) -> Any:
    """Make an image of labels up to `count`, with the header of another."""
    labelled = image_like(image, labels, (0, count), copy_header=True)
    unstate(labelled, "label")
    return labelled


def _copied(header: Any) -> Any:
    """Copy a header.

    nibabel's own copy of a NIfTI header takes as long as a small map does, because
    NumPy copies records field by field.
    """
    if type(header).copy is not nibabel.Nifti1Header.copy:
        return header.copy()
    fields = header.structarr
    header_class: Any = type(header)
    copied = header_class.__new__(header_class)
    vars(copied).update(
        vars(header),
        _structarr=np.ndarray((), fields.dtype, bytearray(fields.tobytes())),
        extensions=header.exts_klass(header.extensions),
    )
    return copied


def _with_voxels(image: SpatialImage, data: NDArray[Any], header: Any) -> Any:
    """Make an image like another, with other voxels and a header that fits them.

    nibabel's constructor would check the header once more, which takes longer than
    all of the thresholding.
    """
    result: Any = type(image).__new__(type(image))
    vars(result).update(
        vars(image),
        _dataobj=data,
        _affine=None if image.affine is None else image.affine.copy(),
        _header=header,
        _data_cache=None,
        _fdata_cache=None,
        extra={},
        file_map=image.make_file_map(),
    )
    # The constructor would make the header agree with the affine, which they
    # nearly always do.
    affine = image.affine
    if affine is not None and not _has_sform(header, affine) and _is_fit(affine):
        result.update_header()
    return result


def _has_sform(header: Any, affine: NDArray[np.float64]) -> bool:
    """Whether the header's sform is in use and is just this affine."""
    if not isinstance(header, nibabel.Nifti1Header):
        return False
    fields = header.structarr
    if fields["sform_code"].item() <= 0:
        return False
    rows = [fields[name].tolist() for name in ("srow_x", "srow_y", "srow_z")]
    return bool(rows == affine[:3].tolist())


def _class_of_result(image: SpatialImage, data: NDArray[Any]) -> Any:
    """Return the class of a result: that of the image if it can be written as it is.

    A pair becomes a single file. A class that nibabel does not write, or that cannot
    hold the voxels or the affine, becomes NIfTI.
    """
    own: Any = _SINGLE.get(type(image), type(image))
    if isinstance(image, nibabel.Nifti1Pair) or _holds(own, image, data):
        return own
    is_short = max(data.shape) < _TOO_LONG
    return nibabel.Nifti1Image if is_short else nibabel.Nifti2Image


def _holds(image_class: Any, image: SpatialImage, data: NDArray[Any]) -> bool:
    """Whether files of a class other than NIfTI hold all of a result."""
    if not issubclass(image_class, _WRITTEN) or not image_class.rw:
        return False
    header = image_class.header_class()
    try:
        header.set_data_dtype(data.dtype)
        header.set_data_shape(data.shape)
    except (HeaderDataError, MGHError):
        return False
    if header.get_data_shape() != data.shape:
        return False  # MGH has no fourth axis of length 1
    affine = image.affine
    if affine is None:
        return True
    if not _is_fit(affine):
        return False
    if issubclass(image_class, _WITH_AFFINE):
        return True
    # In plain Analyze the affine follows from the voxel sizes.
    own: Any = image.header
    return np.allclose(own.get_best_affine(), affine)


def _converted(header: Any, header_class: Any, shape: tuple[int, ...]) -> Any:
    """Make a NIfTI header of one of another format."""
    if isinstance(header, nibabel.analyze.AnalyzeHeader):
        return header_class.from_header(header)
    converted = header_class()
    converted.set_data_shape(shape)
    converted.set_xyzt_units("mm")
    if len(shape) == 4:
        try:
            step = header.get_zooms()[3]
        except (AttributeError, IndexError):
            step = 0  # ECAT, where each volume has a duration of its own
        converted["pixdim"][4] = step
    return converted


def made(
    image_class: Any,
    data: NDArray[Any],
    affine: NDArray[np.float64] | None,
    header: Any = None,
) -> Any:
    """Construct an image, with any affine."""
    if affine is None or _is_fit(affine):
        return image_class(data, affine, header=header)
    # nibabel's constructor insists on a qform, which such an affine does not have.
    image = image_class(data, None, header=header)
    image._affine = affine.copy()  # noqa: SLF001 - as nibabel's loader does
    if not np.array_equal(image.header.get_best_affine(), affine, equal_nan=True):
        # Infinity where a float64 does not fit into the field.
        with np.errstate(over="ignore"):
            image.header.set_sform(affine, code="aligned")
    return image


def _is_fit(affine: NDArray[np.float64]) -> bool:
    """Whether there is a qform for an affine, which nibabel makes of it."""
    return grids.fault(affine) is None


def _is_64_bit_integer(data: NDArray[Any]) -> bool:
    return data.dtype.kind in "iu" and data.dtype.itemsize == 8


def _fits_int32(data: NDArray[Any]) -> bool:
    return not data.size or bool(data.min() >= _INT32.min and data.max() <= _INT32.max)


def _narrowed(data: NDArray[Any]) -> NDArray[Any]:
    """Turn 64-bit integers into int32, which every tool reads, where they fit."""
    if not _fits_int32(data):
        warn(
            "The result holds 64-bit integers too large for 32 bits; FSL, SPM and "
            "AFNI cannot read such images."
        )
        return data
    warn(
        "The result would hold 64-bit integers, which FSL, SPM and AFNI cannot read; "
        "it was converted to int32."
    )
    return data.astype(np.int32)
