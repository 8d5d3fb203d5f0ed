"""Images to arrays, and arrays to images.

Headers, affines and file types end here: what goes on to the core is an array.
"""

import glob
import math
import os
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.spatialimages import HeaderDataError, SpatialImage
from numpy.typing import NDArray

from nithresh import _core
from nithresh._arrays import as_voxels, check_mask, check_volumes
from nithresh._params import warn
from nithresh.files import MissingFileError, load, sha256

_SINGLE: dict[Any, Any] = {
    nibabel.Nifti1Pair: nibabel.Nifti1Image,
    nibabel.Nifti2Pair: nibabel.Nifti2Image,
}
_INT32 = np.iinfo(np.int32)
_LARGEST = float(np.finfo(np.float32).max)


def open_image(img: Any, *, name: str = "img") -> Any:
    """Return the image that a path or a pattern stands for, or the image itself.

    Parameters
    ----------
    img : str, os.PathLike or nibabel image
        In a path, ``~`` is the home folder. A str with ``*``, ``?`` or ``[`` in
        it is a pattern, unless a file of that very name exists: the images that
        match become the volumes of one, in alphabetical order.
    name : str
        The argument, for errors.

    Raises
    ------
    TypeError
        Neither a path nor an image.
    MissingFileError
        Nothing there (a FileNotFoundError and a ValueError).
    ImageFileError
        Not an image, truncated or damaged.
    """
    if isinstance(img, SpatialImage):
        return img
    if not isinstance(img, (str, os.PathLike)):
        msg = (
            f"{name} is of type {type(img).__name__}; it must be a path or a nibabel "
            "image of 3 or 4 dimensions"
        )
        raise TypeError(msg)
    place = Path(img).expanduser()
    if isinstance(img, str) and glob.has_magic(img) and not place.exists():
        matches = sorted(glob.glob(str(place)))  # noqa: PTH207 - any folder
        if not matches:
            msg = f"{name} is {img!r}; no file has this name or matches this pattern"
            raise MissingFileError(msg)
        return _join([load(match) for match in matches], matches)
    if not place.exists():
        msg = f"{name} is {os.fspath(img)!r}; there is no such file"
        raise MissingFileError(msg)
    return load(place)


def _join(images: list[SpatialImage], paths: list[str]) -> Any:
    """Make one 4-D image of 3-D images on the same grid."""
    first = images[0]
    for image, path in zip(images, paths, strict=True):
        if len(image.shape) != 3:
            msg = (
                f"{path!r} has shape {image.shape}; the images that a pattern stands "
                "for must have 3 dimensions"
            )
            raise ValueError(msg)
        if not same_grid(image, first):
            msg = (
                f"{path!r} is on another grid than {paths[0]!r}; the images that a "
                "pattern stands for must agree in shape and affine"
            )
            raise ValueError(msg)
    arrays = [np.asanyarray(image.dataobj) for image in images]
    # Fortran order, so that each volume lies in one piece.
    data = np.empty((*first.shape, len(arrays)), np.result_type(*arrays), order="F")
    for volume, array in enumerate(arrays):
        data[..., volume] = array
    limits = _core.summary(as_voxels(data, "img"), None)[:2]
    return image_like(first, data, limits, copy_header=True)


def same_grid(image: SpatialImage, other: SpatialImage) -> bool:
    """Whether the voxels of two images lie at the same places."""
    return bool(
        image.shape[:3] == other.shape[:3] and np.allclose(image.affine, other.affine)
    )


def affine_of(image: SpatialImage, name: str) -> NDArray[np.float64]:
    """Return the affine of an image, which must have one."""
    affine: NDArray[np.float64] | None = image.affine
    if affine is None:
        msg = f"{name} has no affine, so its voxels have no place in mm"
        raise ValueError(msg)
    return affine


def to_mm(affine: NDArray[np.float64], ijk: NDArray[Any]) -> NDArray[np.float64]:
    """Return the places in mm of voxel indices, both of shape (n, 3).

    Summed in this order on every machine, which a matrix product is not.
    """
    i, j, k = ijk.T[:, :, np.newaxis].astype(np.float64)
    columns = affine[:3].T
    places: NDArray[np.float64] = (
        i * columns[0] + j * columns[1] + k * columns[2] + columns[3]
    )
    return places


def source(img: Any) -> dict[str, str | None] | None:
    """Return name and SHA-256 of the file that a path or an image is read from.

    None for voxels in memory; no SHA-256 for a pattern, or for a file that is gone.
    """
    if isinstance(img, SpatialImage):
        path = img.get_filename() if nibabel.is_proxy(img.dataobj) else None
        if path is None:
            return None
    else:
        path = img
    place = Path(path).expanduser()
    return {"name": place.name, "sha256": sha256(place) if place.is_file() else None}


def read_array(image: SpatialImage, *, name: str = "img") -> NDArray[Any]:
    """Return the voxels of an image in the type of its file.

    Scaled integers give float64. The array may be the image's own or a map of
    its file: it is to be read, not written.

    Returns
    -------
    numpy.ndarray of shape (x, y, z) or (x, y, z, volumes)
        Axes of length 1 behind these are dropped.

    Raises
    ------
    TypeError
        Complex or colour voxels.
    ValueError
        Another number of dimensions.
    """
    data: NDArray[Any] = np.asanyarray(image.dataobj)
    data = _drop_trailing_axes(data)
    check_volumes(data.shape, name)
    if data.dtype.kind not in "biuf":
        msg = f"{name} has voxels of type {data.dtype}; they must be real numbers"
        raise TypeError(msg)
    return data


def read_volume(image: SpatialImage, *, name: str = "img") -> NDArray[Any]:
    """Return the voxels of an image of one volume, as :func:`read_array` does.

    Raises
    ------
    TypeError
        Complex or colour voxels.
    ValueError
        Another number of dimensions, or more than one volume.
    """
    data = read_array(image, name=name)
    if data.ndim == 4 and data.shape[3] == 1:
        data = data[..., 0]
    if data.ndim != 3:
        msg = f"{name} has shape {data.shape}; it must be one volume, of 3 dimensions"
        raise ValueError(msg)
    return data


def array_in_memory(image: SpatialImage) -> NDArray[Any] | None:
    """Return the array that the image was made of; None if it is in a file."""
    if nibabel.is_proxy(image.dataobj):
        return None
    array: NDArray[Any] = np.asanyarray(image.dataobj)
    return _drop_trailing_axes(array)


def _drop_trailing_axes(data: NDArray[Any]) -> NDArray[Any]:
    while data.ndim > 4 and data.shape[-1] == 1:
        data = data[..., 0]
    return data


def open_mask(mask_img: Any, image: SpatialImage) -> NDArray[np.bool_] | None:
    """Return a mask that is a path or an image as :func:`read_mask` does, if any."""
    if mask_img is None:
        return None
    return read_mask(open_image(mask_img, name="mask_img"), image)


def read_mask(mask_image: SpatialImage, image: SpatialImage) -> NDArray[np.bool_]:
    """Return a mask image as booleans on the grid of an image.

    Another grid is resampled to the nearest neighbour; outside the mask's field
    of view, which ends at the centres of its outermost voxels, is outside.
    """
    name = "mask_img"
    data = read_array(mask_image, name=name)
    if data.ndim == 4 and data.shape[3] == 1:
        data = data[..., 0]
    if data.ndim != 3:
        msg = f"{name} has shape {data.shape}; it must have 3 dimensions"
        raise TypeError(msg)
    voxels = as_voxels(data, name)
    if not np.isfinite(voxels).all():
        warn("Non-finite values detected in mask_img. They count as outside.")
    inside = check_mask(voxels, voxels.shape, name)
    for owner, affine in ((name, mask_image.affine), ("img", image.affine)):
        if affine is None:
            msg = f"{owner} has no affine, so mask_img cannot be laid over img"
            raise ValueError(msg)
    if same_grid(mask_image, image):
        return inside
    header: Any = mask_image.header
    if isinstance(header, nibabel.Nifti1Header) and not header["sform_code"]:
        warn("mask_img has no sform in its header; it may not lie where it should.")
    inside = _resample_nearest(inside, mask_image.affine, image.affine, image.shape[:3])
    if not inside.any():
        msg = f"{name} is empty on the grid of img: it leaves no voxel of the map"
        raise ValueError(msg)
    return inside


def _resample_nearest(
    data: NDArray[np.bool_],
    affine: NDArray[np.float64],
    target_affine: NDArray[np.float64],
    target_shape: tuple[int, ...],
) -> NDArray[np.bool_]:
    """Sample a boolean volume at the voxel centres of another grid.

    The convention is that of SciPy's ``affine_transform`` of order 0: halves
    are rounded up, and what lies beyond the outermost centres is False.
    """
    if abs(np.linalg.det(affine[:3, :3])) == 0:
        msg = "mask_img has a singular affine, so it cannot be resampled to img's grid"
        raise ValueError(msg)
    to_source = np.linalg.inv(affine) @ target_affine
    i, j, k = np.ogrid[tuple(slice(length) for length in target_shape)]
    target = np.ones(target_shape, np.bool_)
    indices = []
    for axis, length in enumerate(data.shape):
        row = to_source[axis]
        position = row[0] * i + row[1] * j + row[2] * k + row[3]
        target &= (position >= 0) & (position <= length - 1)
        indices.append(np.floor(np.clip(position, 0, length - 1) + 0.5).astype(np.intp))
    target &= data[tuple(indices)]
    return target


def check_header_can_hold(image: SpatialImage, data: NDArray[Any]) -> None:
    """Raise an error where no fresh header could describe such voxels.

    Raises
    ------
    HeaderDataError
        A type that the format does not have.
    ValueError
        64-bit integers that do not fit into 32, which nibabel refuses.
    """
    if data.dtype == np.bool_:
        return
    _image_class(image).header_class().set_data_dtype(data.dtype)
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
    """Make an image of an array, with the class and the affine of another.

    With `copy_header` the header is the other's, but for what depends on the
    voxels: the data type is the array's, ``cal_min`` and ``cal_max`` are its
    `limits`, its smallest and its largest value, and slope, intercept and
    ``glmax`` are cleared.
    """
    if data.dtype == np.bool_:
        data = data.astype(np.uint8)
    elif _is_64_bit_integer(data):
        data = _narrowed(data)
    image_class = _image_class(image)
    if not copy_header:
        return image_class(data, image.affine)
    header = _copied(image.header)
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
    return image_class(data, image.affine, header=header)


def _has_dtype(header: Any, dtype: np.dtype[Any]) -> bool:
    """Whether voxels of this type are what a header says, in whatever byte order."""
    if isinstance(header, nibabel.Nifti1Header):
        code = nibabel.nifti1.data_type_codes.code.get(dtype)
        return bool(code == header.structarr["datatype"].item())
    return bool(header.get_data_dtype() == dtype)


def label_image(image: SpatialImage, labels: NDArray[np.int32], count: int) -> Any:
    """Make an image of labels up to `count`, with the header of another."""
    labelled = image_like(image, labels, (0, count), copy_header=True)
    if isinstance(labelled.header, nibabel.Nifti1Header):
        labelled.header.set_intent("label")
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
    if not _has_sform(header, image.affine):
        result.update_header()
    return result


def _has_sform(header: Any, affine: NDArray[np.float64] | None) -> bool:
    """Whether the header's sform is in use and is just this affine."""
    if affine is None or not isinstance(header, nibabel.Nifti1Header):
        return False
    fields = header.structarr
    if fields["sform_code"].item() <= 0:
        return False
    rows = [fields[name].tolist() for name in ("srow_x", "srow_y", "srow_z")]
    return bool(rows == affine[:3].tolist())


def _image_class(image: SpatialImage) -> Any:
    """Return the class of a result: a pair becomes a single file."""
    return _SINGLE.get(type(image), type(image))


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
