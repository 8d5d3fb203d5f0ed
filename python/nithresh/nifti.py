"""Images to arrays, and arrays to images.

Headers, affines and file types end here: what goes on to the core is an array.
"""

import glob
import math
import os
from collections.abc import Iterator
from typing import Any

import nibabel
import numpy as np
from nibabel.arrayproxy import ArrayProxy
from nibabel.ecat import EcatImage
from nibabel.freesurfer.mghformat import MGHError
from nibabel.spatialimages import HeaderDataError, SpatialImage
from numpy.typing import NDArray

from nithresh import _core, grids
from nithresh._arrays import (
    as_voxels,
    check_mask,
    check_one_volume,
    check_volumes,
    drop_axes,
    shape_of_map,
)
from nithresh._numbers import shape_text
from nithresh._params import warn
from nithresh._paths import expanded
from nithresh._stated import unstate
from nithresh.files import (
    MissingFileError,
    load,
    read_voxels,
    sha256,
    without_volume,
)

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
# Longer than any axis of a volume.
_LONGEST_ROW = 1000
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
        return _volumes_last(img)
    surface = without_volume(type(img))
    if surface is not None:
        msg = f"{name} {surface}"
        raise TypeError(msg)
    if not isinstance(img, (str, os.PathLike)):
        msg = (
            f"{name} is of type {type(img).__name__}; it must be a path or a nibabel "
            "image of 3 or 4 dimensions"
        )
        raise TypeError(msg)
    place = expanded(img)
    # Unlike Path's, this never raises.
    is_there = os.path.exists(place)  # noqa: PTH110
    if isinstance(img, str) and glob.has_magic(img) and not is_there:
        matches = sorted(glob.glob(str(place)))  # noqa: PTH207 - any folder
        if not matches:
            msg = f"{name} is {img!r}; no file has this name or matches this pattern"
            raise MissingFileError(msg)
        return _join([load(match) for match in matches], matches)
    try:
        return load_map(img)
    except MissingFileError:
        msg = f"{name} is {os.fspath(img)!r}; there is no such file"
        raise MissingFileError(msg) from None


def load_map(path: str | os.PathLike[str]) -> Any:
    """Load an image file as a map, which may be a series of volumes."""
    return _volumes_last(load(path))


def _volumes_last(image: Any) -> Any:
    """Return an image with its volumes along the last axis: those of MINC are not."""
    if isinstance(image, EcatImage):
        # Its header cannot be asked for anything.
        data, steps = image.dataobj, [0.0]
    elif isinstance(image, nibabel.Minc1Image) and len(image.shape) > 3:
        file: Any = image.dataobj
        names = file.minc_file._dim_names  # noqa: SLF001 - there is no other way
        others = [axis for axis, along in enumerate(names) if along[1:] != "space"]
        data = np.moveaxis(read_voxels(image), others, range(-len(others), 0))
        steps = [image.header.get_zooms()[axis] for axis in others]
    else:
        return image
    moved: Any = nibabel.Nifti1Image(data, image.affine)
    moved.header.set_xyzt_units("mm")
    moved.header.set_zooms((*moved.header.get_zooms()[:3], *steps))
    return moved


def _join(images: list[SpatialImage], paths: list[str]) -> Any:
    """Make one 4-D image of 3-D images on the same grid."""
    first = images[0]
    for image, path in zip(images, paths, strict=True):
        if len(image.shape) != 3:
            msg = (
                f"{path!r} has shape {shape_text(image.shape)}; the images that a "
                "pattern stands for must have 3 dimensions"
            )
            raise ValueError(msg)
        differs = grids.difference(image, first)
        if differs is not None:
            msg = (
                f"{path!r} is on another grid than {paths[0]!r}: {differs}; the images "
                "that a pattern stands for must agree in shape and affine"
            )
            raise ValueError(msg)
    arrays = [read_voxels(image) for image in images]
    # Fortran order, so that each volume lies in one piece.
    data = np.empty((*first.shape, len(arrays)), np.result_type(*arrays), order="F")
    for volume, array in enumerate(arrays):
        data[..., volume] = array
    limits = _core.summary(as_voxels(data, "img"), None)[:2]
    return image_like(first, data, limits, copy_header=True)


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
    place = expanded(path)
    return {"name": place.name, "sha256": sha256(place) if place.is_file() else None}


def read_array(image: SpatialImage, *, name: str = "img") -> NDArray[Any]:
    """Return the voxels of an image in the type of its file.

    Scaled integers give float64. The array may be the image's own or a map of
    its file: it is to be read, not written.

    Returns
    -------
    numpy.ndarray of shape (x, y, z) or (x, y, z, volumes)
        Axes of length 1 beyond the third are dropped.

    Raises
    ------
    ImageFileError
        The file of the voxels is damaged.
    TypeError
        Complex or colour voxels.
    ValueError
        Another number of dimensions.
    """
    data = drop_axes(read_voxels(image))
    check_volumes(data.shape, name)
    _check_real(data, name)
    return data


def volumes(image: SpatialImage, *, name: str = "img") -> Iterator[NDArray[Any]]:
    """Yield the volumes that :func:`read_array` gives, one after the other.

    A series in a file is read volume by volume, so that only one is in memory beside
    what has been decompressed.

    Raises
    ------
    ImageFileError
        The file of the voxels is damaged.
    TypeError
        Complex or colour voxels.
    ValueError
        Another number of dimensions.
    """
    behind = image.shape[3:]
    is_series = len(shape_of_map(image.shape)) == 4
    if not (is_series and type(image.dataobj) is ArrayProxy and all(image.shape)):
        data = read_array(image, name=name)
        yield from [data] if data.ndim == 3 else np.moveaxis(data, -1, 0)
        return
    for index in np.ndindex(behind):
        volume = read_voxels(image, (..., *index))
        _check_real(volume, name)
        yield volume


def _check_real(data: NDArray[Any], name: str) -> None:
    if data.dtype.kind not in "biuf":
        msg = f"{name} has voxels of type {data.dtype}; they must be real numbers"
        raise TypeError(msg)


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
    check_one_volume(data.shape, name)
    return data


def array_in_memory(image: SpatialImage) -> NDArray[Any] | None:
    """Return the array that the image was made of; None if it is in a file."""
    if nibabel.is_proxy(image.dataobj):
        return None
    array: NDArray[Any] = np.asanyarray(image.dataobj)
    return drop_axes(array)


def check_no_vertices(shape: tuple[int, ...], name: str) -> None:
    """Check that a shape is that of a volume, in which voxels have neighbours.

    FreeSurfer writes maps of vertices as volumes of one row.

    Raises
    ------
    ValueError
        It is one row of more voxels than any volume has.
    """
    if sorted(shape[:3])[:2] == [1, 1] and max(shape[:3]) > _LONGEST_ROW:
        msg = (
            f"{name} has shape {shape_text(shape)}, which is that of the vertices of a "
            "surface; their clusters cannot be found, because surfaces are not "
            "supported yet"
        )
        raise ValueError(msg)


def open_mask(
    mask_img: Any, image: SpatialImage, *, name: str = "img"
) -> NDArray[np.bool_] | None:
    """Return a mask that is a path or an image as :func:`read_mask` does, if any."""
    if mask_img is None:
        return None
    return read_mask(open_image(mask_img, name="mask_img"), image, name=name)


def read_mask(
    mask_image: SpatialImage, image: SpatialImage, *, name: str = "img"
) -> NDArray[np.bool_]:
    """Return a mask image as booleans on the grid of an image.

    A mask on another grid is sampled at the voxel centres of the image, as by
    :func:`nithresh.grids.sampled`.

    Parameters
    ----------
    mask_image, image : nibabel image
    name : str
        The argument that the image is, for errors.

    Raises
    ------
    TypeError
        Not of 3 dimensions; complex or colour voxels.
    ValueError
        Empty, or with more than one value other than 0; on another grid, with an
        affine of either that gives no places.
    """
    shape = mask_image.shape
    if len(shape_of_map(shape)) != 3:
        msg = f"mask_img has shape {shape_text(shape)}; it must have 3 dimensions"
        raise TypeError(msg)
    voxels = as_voxels(read_volume(mask_image, name="mask_img"), "mask_img")
    if not np.isfinite(voxels).all():
        warn("Non-finite values detected in mask_img. They count as outside.")
    inside = check_mask(voxels, voxels.shape, "mask_img")
    if grids.same_grid(mask_image, image):
        return inside
    affine = grids.affine_of(mask_image, "mask_img")
    target_affine = grids.affine_of(image, name)
    header: Any = mask_image.header
    if isinstance(header, nibabel.Nifti1Header) and not header["sform_code"]:
        warn("mask_img has no sform in its header; it may not lie where it should.")
    inside = grids.sampled(inside, affine, target_affine, image.shape[:3])
    if not inside.any():
        msg = f"mask_img is empty on the grid of {name}: it leaves no voxel of the map"
        raise ValueError(msg)
    return inside


def mask_image_like(image: SpatialImage, inside: NDArray[np.bool_]) -> Any:
    """Make a mask image of booleans on the grid of another image."""
    return _made(nibabel.Nifti1Image, inside.view(np.uint8), image.affine)


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

    With `copy_header` the header is the other's, but for what depends on the
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
        return _made(image_class, data, image.affine)
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
    return _made(image_class, data, image.affine, header)


def _has_dtype(header: Any, dtype: np.dtype[Any]) -> bool:
    """Whether voxels of this type are what a header says, in whatever byte order."""
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
    """Whether files of a class other than NIfTI's say all that a result does."""
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
    # In plain Analyze the affine is what follows from the voxel sizes.
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


def _made(
    image_class: Any,
    data: NDArray[Any],
    affine: NDArray[np.float64] | None,
    header: Any = None,
) -> Any:
    """Construct an image, with whatever affine."""
    if affine is None or _is_fit(affine):
        return image_class(data, affine, header=header)
    # nibabel's constructor insists on a qform, which such an affine does not have.
    image = image_class(data, None, header=header)
    image._affine = affine.copy()  # noqa: SLF001 - as nibabel's loader does
    if not np.array_equal(image.header.get_best_affine(), affine, equal_nan=True):
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
