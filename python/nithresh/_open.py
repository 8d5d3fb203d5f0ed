"""A map, opened once: its image, its voxels and its mask, ready for the core."""

from __future__ import annotations

import math
from os import PathLike
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nithresh import _core
from nithresh._arrays import (
    as_voxels,
    check_array,
    check_array_mask,
    check_one_volume,
    check_volumes,
    drop_axes,
    restore_axes,
)
from nithresh._params import Percentile, Request
from nithresh.grids import affine_of

if TYPE_CHECKING:
    from typing import Protocol

    from nibabel.cifti2.cifti2 import Cifti2Image
    from nibabel.gifti.gifti import GiftiImage
    from nibabel.spatialimages import SpatialImage

    class SurfaceImage(Protocol):
        """nilearn's class, which is not imported."""

        mesh: Any
        data: Any

    ImageOrPath: TypeAlias = str | PathLike[str] | SpatialImage
    # What is a map of surfaces, too.
    MapOrPath: TypeAlias = ImageOrPath | GiftiImage | Cifti2Image | SurfaceImage

# nilearn adds this to a percentile, so that the voxels at the percentile
# itself are not kept.
PERCENTILE_MARGIN = 1e-5


class OpenMap(NamedTuple):
    """A map that has been read and checked.

    Attributes
    ----------
    image : nibabel image or None
        None if the map is an array.
    shape : tuple of int
        As it was given, with axes of length 1 beyond the third.
    data : numpy.ndarray of shape (x, y, z) or (x, y, z, volumes)
        In the type of its file; to be read, not written.
    voxels : numpy.ndarray
        The same values as the core reads them; often the very same array.
    inside : numpy.ndarray of bool, shape (x, y, z), or None
        The mask, if there is one.
    name : str
        The argument that the map is, for errors.
    """

    image: Any
    shape: tuple[int, ...]
    data: NDArray[Any]
    voxels: NDArray[Any]
    inside: NDArray[np.bool_] | None
    name: str

    @classmethod
    def of_image(
        cls,
        img: Any,
        mask_img: Any = None,
        *,
        name: str = "img",
        one_volume: bool = False,
        for_clusters: bool = True,
    ) -> OpenMap:
        """Open a map that is a path, a pattern or an image, and its mask.

        Parameters
        ----------
        img, mask_img : str, os.PathLike or nibabel image
        name : str
            The argument that `img` is, for errors.
        one_volume : bool
            Refuse more than one volume.
        for_clusters : bool
            Refuse the vertices of a surface, whose neighbours are not known.

        Raises
        ------
        TypeError
            Neither a path nor an image; voxels that are not real numbers.
        ValueError
            Another number of dimensions; a file that is missing or damaged.
        """
        # Imported here, because arrays need only NumPy.
        from nithresh import images, masks

        image = images.open_image(img, name=name)
        if for_clusters:
            images.check_no_vertices(image.shape, name)
        data = images.read_array(image, name=name)
        if one_volume:
            check_one_volume(data.shape, name)
        inside = masks.open_mask(mask_img, image, name=name)
        shape = tuple(map(int, image.shape))
        return cls(image, shape, data, as_voxels(data, name), inside, name)

    @classmethod
    def of_array(
        cls, data: Any, mask: Any, *, name: str = "data", one_volume: bool = False
    ) -> OpenMap:
        """Check a map that is an array, and its mask.

        Raises
        ------
        TypeError
            Not an array; a type that the core does not read.
        ValueError
            Another number of dimensions; a mask that does not fit.
        """
        check_array(data, name)
        volumes = drop_axes(data)
        check = check_one_volume if one_volume else check_volumes
        check(volumes.shape, name)
        voxels = as_voxels(volumes, name)
        inside = check_array_mask(mask, volumes.shape[:3])
        return cls(None, data.shape, volumes, voxels, inside, name)

    @property
    def affine(self) -> NDArray[np.float64]:
        """The affine of the image, fit to give places in mm.

        Raises
        ------
        ValueError
            It is not.
        """
        return affine_of(self.image, self.name)

    def level(self, request: Request) -> float:
        """Return the threshold in the units of the map; a percentile becomes one.

        A percentile of no values (one-sided, and nothing on that side) is beyond the
        range of the map: infinity.
        """
        if not isinstance(request.threshold, Percentile):
            return request.threshold
        score = _core.percentile(
            self.voxels, self.inside, request.threshold.percent, request.two_sided
        )
        return math.inf if score is None else score + PERCENTILE_MARGIN

    def for_core(self, request: Request, level: float) -> _core.Request:
        """Return a request as the core takes it, at a threshold that is known."""
        return request.at(level, self.data.dtype)

    def summary(self) -> tuple[float, float, bool]:
        """Return the smallest and largest finite value, and if there are others."""
        return _core.summary(self.voxels, self.inside)

    def in_mask(self, mask: NDArray[np.bool_]) -> OpenMap:
        """Return the map with only what lies in another mask as well."""
        inside = mask if self.inside is None else self.inside & mask
        return self._replace(inside=inside)

    def restored(self, result: NDArray[Any]) -> NDArray[Any]:
        """Give a result the shape that the map was given in."""
        return restore_axes(result, self.shape)

    def as_image(
        self,
        result: NDArray[Any],
        limits: tuple[float, float],
        *,
        copy_header: bool = True,
    ) -> Any:
        """Make an image of a result, with the class and the affine of the map.

        Parameters
        ----------
        result : numpy.ndarray
        limits : tuple of float
            Its smallest and its largest value.
        copy_header : bool
            Give it the header of the map, except for what depends on the voxels.
        """
        from nithresh.headers import image_like

        voxels = self.restored(result)
        return image_like(self.image, voxels, limits, copy_header=copy_header)
