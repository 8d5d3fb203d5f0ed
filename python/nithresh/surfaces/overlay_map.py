"""FreeSurfer's maps of vertices: volumes of one row, or files of their own form."""

from __future__ import annotations

from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from nithresh import _core
from nithresh._arrays import as_voxels
from nithresh._numbers import shape_text
from nithresh._stated import NoHeader
from nithresh.headers import image_like, label_image
from nithresh.images import read_array
from nithresh.surfaces.kind import Kind, check_values
from nithresh.surfaces.mesh import side_by_name
from nithresh.surfaces.nodes import Nodes, Structure


def _nodes(count: int, path: Any) -> Nodes:
    """Return the nodes of a surface, whose side the name of the file says."""
    name = side_by_name(path) or "surface"
    return Nodes((Structure(name, slice(0, count), vertex_count=count),))


class OverlayMap(Kind):
    """An image of shape (n, 1, 1) or (n, 1, 1, maps), as .mgh and NIfTI files have."""

    def __init__(self, image: Any, name: str) -> None:
        self.image = self.origin = image
        data = read_array(image, name=name)
        shape = data.shape
        if sorted(shape[:3])[:2] != [1, 1]:
            msg = (
                f"{name} has shape {shape_text(shape)}, which is a volume; it must be "
                "a map of the vertices of a surface (surface, areas and min_area are "
                "for such maps alone)"
            )
            raise ValueError(msg)
        count = max(shape[:3])
        self._shape = shape
        self.nodes = _nodes(count, image.get_filename())
        self.data: NDArray[Any] = data.reshape(count, *shape[3:])

    def with_data(self, result: NDArray[Any], *, are_scores: bool = False) -> Any:
        """Make an image of the class and the shape of this one."""
        limits = _core.summary(as_voxels(result.reshape(self._shape), "img"), None)[:2]
        voxels = result.reshape(self.image.shape)
        return image_like(self.image, voxels, limits, copy_header=True)

    def with_labels(self, labels: NDArray[Any], count: int) -> Any:
        """Make an image of the class and the shape of this one."""
        return label_image(self.image, labels.reshape(self._shape[:3]), count)


class MorphMap(Kind):
    """A file of FreeSurfer's own form (lh.thickness); its results are MGH images."""

    def __init__(self, values: NDArray[Any], path: str) -> None:
        check_values(values, f"img ({path!r})")
        self.nodes = _nodes(len(values), path)
        self.origin = NoHeader(path)
        self.data = values.astype(np.float32, copy=False)

    def with_data(
        self, result: NDArray[Any], *, are_scores: bool = False
    ) -> nibabel.MGHImage:
        """Make an MGH image of shape (n, 1, 1), as FreeSurfer's overlays have."""
        return nibabel.MGHImage(result.reshape(-1, 1, 1), np.eye(4))

    def with_labels(self, labels: NDArray[Any], count: int) -> nibabel.MGHImage:
        """Make an MGH image of shape (n, 1, 1)."""
        return nibabel.MGHImage(labels.reshape(-1, 1, 1), np.eye(4))
