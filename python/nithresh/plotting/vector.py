"""Pictures in vector files: small, and still finer than voxels.

A smooth picture at the resolution of print takes ten times the bytes of its voxels.
In a vector file it has two pixels for each voxel instead, which the reader's program
enlarges.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.figure import Figure

__all__ = ["SMOOTH", "small_pictures"]

#: The interpolation of pictures that are smooth.
SMOOTH = "bilinear"


@contextlib.contextmanager
def small_pictures(figure: Figure) -> Iterator[None]:
    """Draw the smooth pictures of a figure with two pixels for each of theirs."""
    found: list[tuple[Any, Any, Any]] = [
        (image, image.get_array(), image.get_alpha())
        for ax in figure.axes
        for image in ax.images
        if image.get_interpolation() == SMOOTH
        and isinstance(image.get_alpha(), np.ndarray)
    ]
    try:
        for image, plane, alpha in found:
            image.set_data(doubled(np.ma.filled(np.ma.asarray(plane), 0)))
            image.set_alpha(doubled(alpha))
            image.set_interpolation("none")
        yield
    finally:
        for image, plane, alpha in found:
            image.set_data(plane)
            image.set_alpha(alpha)
            image.set_interpolation(SMOOTH)


def doubled(plane: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return a plane with two pixels for one in each direction, blended linearly.

    Examples
    --------
    >>> doubled(np.array([[0.0, 4.0]])).tolist()
    [[0.0, 1.0, 3.0, 4.0], [0.0, 1.0, 3.0, 4.0]]
    """
    result: npt.NDArray[np.float32] = plane.astype(np.float32)
    for _ in range(2):
        around = np.pad(result, ((1, 1), (0, 0)), mode="edge")
        before = 0.75 * result + 0.25 * around[:-2]
        after = 0.75 * result + 0.25 * around[2:]
        result = np.stack([before, after], axis=1).reshape(-1, result.shape[1]).T
    return result
