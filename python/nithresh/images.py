"""Image files and images to arrays: paths and patterns, volumes, voxels."""

import glob
import math
import os
from collections.abc import Iterator
from typing import Any

import nibabel
import numpy as np
from nibabel.arrayproxy import ArrayProxy
from nibabel.ecat import EcatImage
from nibabel.spatialimages import SpatialImage
from numpy.typing import NDArray

from nithresh import _core, grids
from nithresh._arrays import (
    as_voxels,
    check_one_volume,
    check_volumes,
    drop_axes,
    shape_of_map,
)
from nithresh._numbers import shape_text
from nithresh._params import check_volume
from nithresh._paths import expanded
from nithresh.files import (
    ImageFileError,
    MissingFileError,
    load,
    read_voxels,
    without_volume,
)
from nithresh.headers import image_like, made

# Longer than any axis of a volume.
_LONGEST_ROW = 1000


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
        return _join([load_map(match) for match in matches], matches)
    try:
        return load_map(img)
    except MissingFileError:
        msg = f"{name} is {os.fspath(img)!r}; there is no such file"
        raise MissingFileError(msg) from None


def load_map(path: str | os.PathLike[str]) -> Any:
    """Load an image file as a map, which may be a series of volumes."""
    image = load(path)
    surface = without_volume(type(image))
    if surface is not None:
        msg = (
            f"cannot use {os.fspath(path)!r}: it {surface}. Surfaces are not drawn; "
            "threshold_img, find_clusters and tfce_img take them (threshold, clusters "
            "and tfce at the prompt)"
        )
        raise ImageFileError(msg)
    return _volumes_last(image)


def _volumes_last(image: Any) -> Any:
    """Return an image with its volumes along the last axis: those of MINC are not."""
    if isinstance(image, EcatImage):
        # Its header answers no questions.
        data: Any = image.dataobj
        steps = [0.0]
    elif isinstance(image, nibabel.Minc1Image) and len(image.shape) > 3:
        file: Any = image.dataobj
        names = file.minc_file._dim_names  # noqa: SLF001 - there is no other way
        others = [axis for axis, along in enumerate(names) if along[1:] != "space"]
        data = np.moveaxis(read_voxels(image), others, range(-len(others), 0))
        steps = [image.header.get_zooms()[axis] for axis in others]
    else:
        return image
    moved = made(nibabel.Nifti1Image, data, image.affine)
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
            "surface. Their clusters need surface, a file that says which vertices are "
            "neighbours; threshold_img, find_clusters, threshold_stats_img, tfce_img "
            "and ClusterTree take one"
        )
        raise ValueError(msg)


def one_volume(img: Any, volume: Any, or_else: str = "") -> Any:
    """Open an image and return one volume of it: the chosen one, or the only one.

    Parameters
    ----------
    img : path or image
    volume : int or None
    or_else : str
        What else can be done with several, for the error.

    Raises
    ------
    TypeError
        `volume` is not an integer.
    ValueError
        There is no such volume, or there are several and none is chosen.
    """
    volume = check_volume(volume)
    image = open_image(img)
    if volume is None:
        if len(shape_of_map(image.shape)) > 3:
            msg = (
                f"img has shape {shape_text(image.shape)}; it must be one volume, of 3 "
                f"dimensions: choose one with volume (--volume at the prompt){or_else}"
            )
            raise ValueError(msg)
        return image
    # Along the only axis that is longer than 1, if any is.
    long = [axis for axis in range(3, len(image.shape)) if image.shape[axis] != 1]
    axis = long[-1] if long else 3
    volumes = math.prod(image.shape[3:])
    if not 0 <= volume < volumes:
        allowed = f"{volumes} volumes, so it must be 0 to {volumes - 1}"
        allowed = allowed if volumes > 1 else "1 volume, so it must be 0"
        msg = f"volume is {volume}; img has {allowed}"
        raise ValueError(msg)
    if len(image.shape) <= 3:
        return image
    return image.slicer[(slice(None),) * axis + (volume,)]
