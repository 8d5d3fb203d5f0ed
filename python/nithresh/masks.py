"""Masks: images of 0 and one other value, on the grid of a map or on another."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from nithresh import grids
from nithresh._arrays import as_voxels, check_mask, shape_of_map
from nithresh._choices import source
from nithresh._numbers import shape_text
from nithresh._params import warn
from nithresh.headers import image_like, made
from nithresh.images import open_image, read_volume

if TYPE_CHECKING:
    from nibabel.spatialimages import SpatialImage


def open_mask(
    mask_img: Any, image: SpatialImage, *, name: str = "img"
) -> NDArray[np.bool_] | None:
    """Open a mask and read it as :func:`read_mask` does; None without one."""
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
    return made(nibabel.Nifti1Image, inside.view(np.uint8), image.affine)


class Mask:
    """A mask that is read once, and resampled once for each new grid."""

    def __init__(self, mask_img: Any) -> None:
        image = open_image(mask_img, name="mask_img")
        # An invalid mask is refused here, and not once for each file.
        inside = read_mask(image, image)
        self._image = image_like(image, inside, (0, 1), copy_header=True)
        self._image.file_map = image.file_map  # for errors, which name the file
        self._resampled: Any = None
        self.source = source(mask_img)
        self._lock = threading.Lock()

    def on_grid_of(self, image: SpatialImage) -> Any:
        """Return the mask as an image on the grid of another."""
        # A map of fewer axes is an error that threshold_img raises.
        if len(image.shape) < 3 or grids.same_grid(self._image, image):
            return self._image
        with self._lock:
            last = self._resampled
            # Only for equal grids, so that no result depends on the other files.
            if (
                last is None
                or last.shape != image.shape[:3]
                or not np.array_equal(last.affine, image.affine)
            ):
                inside = read_mask(self._image, image)
                last = self._resampled = mask_image_like(image, inside)
            return last
