"""nilearn's SurfaceImage."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nithresh._stated import NoHeader
from nithresh.surfaces.kind import Kind, check_values
from nithresh.surfaces.mesh import Mesh, open_meshes
from nithresh.surfaces.nodes import Nodes, Structure


def is_surface_image(img: Any) -> bool:
    """Whether something is nilearn's SurfaceImage."""
    # Looked up and not imported: whoever has such an image has imported it.
    module = sys.modules.get("nilearn.surface")
    return module is not None and isinstance(img, module.SurfaceImage)


class SurfaceImageMap(Kind):
    """A SurfaceImage: a hemisphere or both, with their surfaces."""

    has_meshes = True

    def __init__(self, image: Any, name: str) -> None:
        self.image = image
        self.origin = NoHeader(None)
        self._arrays = {
            side: np.asarray(values) for side, values in image.data.parts.items()
        }
        structures, first = [], 0
        for side, values in self._arrays.items():
            check_values(values, name)
            stop = first + len(values)
            structures.append(
                Structure(side, slice(first, stop), vertex_count=len(values))
            )
            first = stop
        self.nodes = Nodes(tuple(structures))
        arrays = list(self._arrays.values())
        self.data: NDArray[Any] = (
            arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
        )

    def own_meshes(self) -> Mapping[str | None, Mesh]:
        """Read its surfaces, which nilearn has checked."""
        return open_meshes(self.image.mesh, "img.mesh", check=False)

    def with_data(self, result: NDArray[Any], *, are_scores: bool = False) -> Any:
        """Make an image that shares the surfaces, of the types of its parts.

        Its parts may be views of the result.
        """
        parts = {part.name: result[part.nodes] for part in self.nodes.structures}
        if are_scores:
            return self._like({side: own.copy() for side, own in parts.items()})
        return self._like(
            {
                side: own.astype(self._type_of(side), copy=not own.flags.forc)
                for side, own in parts.items()
            }
        )

    def with_labels(self, labels: NDArray[Any], count: int) -> Any:
        """Make an image of labels that shares the surfaces."""
        return self._like(
            {part.name: labels[part.nodes].copy() for part in self.nodes.structures}
        )

    def write_back(self, result: NDArray[Any]) -> Any:
        """Write a result to the arrays of the image, and return that."""
        for part in self.nodes.structures:
            self._arrays[part.name][...] = result[part.nodes]
        return self.image

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """Return the arrays of the image, by structure."""
        return self._arrays

    def _type_of(self, side: str) -> np.dtype[Any]:
        own = self._arrays[side].dtype
        return np.dtype(np.uint8) if own.kind == "b" else own

    def _like(self, parts: Mapping[str, NDArray[Any]]) -> Any:
        data = type(self.image.data)(**parts)
        return type(self.image)(self.image.mesh, data)
