"""Images to rows: the voxels in a mask of each image."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import nibabel
import numpy as np
from nibabel.spatialimages import SpatialImage
from numpy.typing import NDArray

from nithresh._arrays import to_single
from nithresh._paths import expanded
from nithresh.files.atomic import Transaction
from nithresh.grids import difference
from nithresh.headers import made
from nithresh.images import open_image, read_volume, volumes
from nithresh.masks import read_mask
from nithresh.permutation.mapped import MappedRows

if TYPE_CHECKING:
    from nithresh._open import ImageOrPath


def open_mask(mask_img: Any) -> tuple[SpatialImage, NDArray[np.bool_]]:
    """Open the mask of a test, which gives the grid of all images."""
    image = open_image(mask_img, name="mask_img")
    return image, read_mask(image, image, name="mask_img")


def read_rows(
    imgs: Any, inside: NDArray[np.bool_], mask: SpatialImage, minus: Any = None
) -> NDArray[Any] | MappedRows:
    """Return the voxels in a mask of images, one image in a row.

    Parameters
    ----------
    imgs : sequence of paths or 3-D images, one 4-D image, or array
        An array, or a path that ends in ``.npy`` (which stays in its file), holds
        voxels in the mask already, in C order.
    inside : numpy.ndarray of bool, shape (x, y, z)
    mask : nibabel image
        Its grid.
    minus : as `imgs`, optional
        Images to subtract, one for each.
    """
    values = _values(imgs, inside, mask, "imgs")
    if minus is None:
        return values
    others = _values(minus, inside, mask, "minus")
    if len(others) != len(values):
        msg = (
            f"minus has {len(others)} images and imgs has {len(values)}; each image "
            "must have its own"
        )
        raise ValueError(msg)
    values, others = np.asarray(values), np.asarray(others)
    dtype = np.result_type(values, others, np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        differences: NDArray[Any] = np.subtract(values, others, dtype=dtype)
    lost = np.isinf(differences) & np.isfinite(values) & np.isfinite(others)
    if lost.any():
        number = int(np.flatnonzero(lost.any(axis=1))[0])
        msg = f"imgs[{number}] minus minus[{number}] has values too large for {dtype}"
        raise ValueError(msg)
    return differences


def stack(imgs: Any, mask_img: ImageOrPath, out: str | os.PathLike[str]) -> None:
    """Write the voxels in a mask of many images to one file, for a permutation test.

    :func:`nithresh.permutation_test` reads the file piece by piece and never as a
    whole, so that thousands of images need no memory.

    Parameters
    ----------
    imgs : sequence of paths or nibabel images, or one 4-D image or path
        Maps of shape (x, y, z) on the grid of the mask.
    mask_img : str, pathlib.Path or nibabel image
        0 outside and one other value inside.
    out : str or os.PathLike
        A file of NumPy, which ends in ``.npy``: float32, one image in a row, voxels in
        C order. An existing file is replaced once the new one is whole.

    Raises
    ------
    TypeError
        An argument of the wrong type.
    ValueError
        No image, images on different grids, an empty mask, another extension, values
        too large for float32.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import nithresh
    >>> motor = nithresh.load(nithresh.datasets.load_sample_motor_activation_image())
    >>> mask = nithresh.threshold_img(motor, 3)
    >>> mask = type(mask)((mask.get_fdata() != 0).astype(np.uint8), mask.affine)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     nithresh.stack([motor, motor], mask, f"{folder}/maps.npy")
    ...     np.load(f"{folder}/maps.npy").shape
    (2, 3824)
    """
    place = expanded(out)
    if place.suffix != ".npy":
        msg = f"out is {str(out)!r}; it must end in .npy"
        raise ValueError(msg)
    mask, inside = open_mask(mask_img)
    total, rows = _rows(imgs, inside, mask, "imgs")
    if not total:
        msg = "imgs holds no image; it must hold one at least"
        raise ValueError(msg)
    header = {
        "descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)),
        "fortran_order": False,
        "shape": (total, int(inside.sum())),
    }
    with Transaction() as files:
        with files.open(place) as stream:
            np.lib.format.write_array_header_1_0(stream, header)
            for number, row in enumerate(rows):
                stream.write(to_single(row, f"imgs[{number}]").data)
        files.commit()


def _values(
    imgs: Any, inside: NDArray[np.bool_], mask: SpatialImage, name: str
) -> NDArray[Any] | MappedRows:
    count = int(inside.sum())
    if isinstance(imgs, (str, os.PathLike)) and str(imgs).endswith(".npy"):
        imgs = MappedRows.open(imgs, name)
    elif isinstance(imgs, np.memmap):
        imgs = MappedRows.of(imgs)
    if isinstance(imgs, (np.ndarray, MappedRows)):
        if len(imgs.shape) != 2 or imgs.shape[1] != count:
            msg = (
                f"{name} has shape {imgs.shape}; an array must have one row for each "
                f"image and one column for each of the {count} voxels in the mask"
            )
            raise ValueError(msg)
        if imgs.dtype.kind not in "biuf":
            msg = f"{name} has values of type {imgs.dtype}; they must be real numbers"
            raise TypeError(msg)
        return imgs
    total, rows = _rows(imgs, inside, mask, name)
    # Zeros, because what lies in fresh memory may be no number that can be cast.
    values: NDArray[Any] = np.zeros((total, count), np.float32)
    for number, row in enumerate(rows):
        wide = np.result_type(values, row)
        if wide != values.dtype:
            values = values.astype(wide)
        values[number] = row
    return values


def _rows(
    imgs: Any, inside: NDArray[np.bool_], mask: SpatialImage, name: str
) -> tuple[int, Iterator[NDArray[Any]]]:
    """Return how many images there are, and the voxels in the mask of each."""
    if isinstance(imgs, (str, os.PathLike, SpatialImage)):
        whole = open_image(imgs, name=name)
        _check_grid(whole, mask, name)
        count = math.prod(whole.shape[3:])
        return count, (volume[inside] for volume in volumes(whole, name=name))
    if not isinstance(imgs, Sequence):
        msg = (
            f"{name} is of type {type(imgs).__name__}; it must be a sequence of images "
            "or paths, one 4-D image, or an array of voxels in the mask"
        )
        raise TypeError(msg)

    def row(number: int) -> NDArray[Any]:
        own = f"{name}[{number}]"
        image = open_image(imgs[number], name=own)
        _check_grid(image, mask, own)
        volume: NDArray[Any] = read_volume(image, name=own)
        return volume[inside]

    return len(imgs), map(row, range(len(imgs)))


def _check_grid(image: SpatialImage, mask: SpatialImage, name: str) -> None:
    shape = image.shape[:3]
    blank = np.broadcast_to(np.uint8(0), shape)
    volume = made(nibabel.Nifti1Image, blank, image.affine)
    differs = difference(volume, mask)
    if differs is not None:
        msg = (
            f"{name} is on another grid than mask_img: {differs}; all images must "
            "agree with it in shape and affine"
        )
        raise ValueError(msg)
