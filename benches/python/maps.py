"""The maps that are measured on."""

import nibabel
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

# What the maps are thresholded at, and the least extent of their clusters.
SAMPLE_THRESHOLD = 2.0  # that of the example
SMOOTH_THRESHOLD = 1.7
EXTENT = 10

SHAPE_2MM = (91, 109, 91)
SHAPE_1MM = (182, 218, 182)
SHAPES = {"2 mm": SHAPE_2MM, "1 mm": SHAPE_1MM, "0.5 mm": (364, 436, 364)}


def in_memory(path: str) -> nibabel.Nifti1Image:
    """Read an image whole, so that no call reads the file again."""
    image = nibabel.load(path)
    data = np.asfortranarray(image.dataobj)
    return nibabel.Nifti1Image(data, image.affine, image.header)


def smooth(shape: tuple[int, int, int], sigma: float = 3.0) -> nibabel.Nifti1Image:
    """Make a z-map: smoothed noise of variance 1 in an ellipsoid like a brain."""
    noise = np.random.default_rng(20240607).standard_normal(shape, np.float32)
    data = ndimage.gaussian_filter(noise, sigma)
    data /= data.std()
    radii = [0.8 * length / 2 for length in shape]
    axes = np.ogrid[tuple(slice(length) for length in shape)]
    distance = sum(
        ((axis + 0.5 - length / 2) / radius) ** 2
        for axis, length, radius in zip(axes, shape, radii, strict=True)
    )
    data[distance > 1] = 0
    zoom = 182 / shape[0]
    return nibabel.Nifti1Image(np.asfortranarray(data), np.diag([zoom, zoom, zoom, 1]))


def smooth_array(shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Make the voxels of such a map."""
    return np.asfortranarray(smooth(shape).dataobj)


def share_above(image: nibabel.Nifti1Image, threshold: float) -> float:
    """Count the voxels beyond a threshold, as a share of the field of view."""
    return float((np.abs(image.dataobj) >= threshold).mean())
