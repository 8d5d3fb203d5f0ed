"""A map of surfaces, opened once: its values, its mask, its neighbours, its areas."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from nithresh import _core
from nithresh._arrays import as_voxels, check_mask
from nithresh._numbers import shape_text
from nithresh._open import OpenMap
from nithresh._params import warn
from nithresh.surfaces.kind import Kind
from nithresh.surfaces.kinds import open_kind
from nithresh.surfaces.mesh import (
    Mesh,
    check_areas,
    check_sides,
    check_structure,
    open_meshes,
)
from nithresh.surfaces.nodes import Nodes, Structure
from nithresh.surfaces.words import SurfaceWords


class OpenSurface:
    """A map of surfaces that has been read and checked.

    Attributes
    ----------
    kind : Kind
        Where it comes from, and what its results become.
    map : OpenMap
        Its values as a volume of one row, for what needs no neighbours.
    words : SurfaceWords
    name : str
        The argument that the map is, for errors.
    """

    def __init__(
        self, img: Any, mask_img: Any, words: SurfaceWords, *, name: str = "img",
        one_map: bool = False, raw: bool = False,
    ) -> None:  # fmt: skip
        kind = open_kind(img, name, raw=raw)
        data = kind.data
        if one_map and data.ndim == 2 and data.shape[1] != 1:
            msg = f"{name} has {data.shape[1]} maps; it must have one"
            raise ValueError(msg)
        # A lone map of shape (n, 1) is one of shape (n,).
        volume = data.reshape(len(data), 1, 1, *data.shape[1:])
        if one_map:
            volume = volume.reshape(len(data), 1, 1)
        inside = _read_mask(mask_img, kind.nodes)
        self.kind: Kind = kind
        self.map = OpenMap(
            kind.origin, data.shape, volume, as_voxels(volume, name), inside, name
        )
        self.words = words
        self.name = name

    @property
    def nodes(self) -> Nodes:
        """Its vertices and voxels."""
        return self.kind.nodes

    @cached_property
    def meshes(self) -> dict[str, Mesh]:
        """The surfaces of its structures.

        Raises
        ------
        ValueError
            One is missing or does not fit.
        """
        if not self.nodes.surfaces:
            return {}
        given = self.words.surface
        own = self.kind.own_meshes() if given is None else open_meshes(given)
        return self.nodes.meshes(own)

    @property
    def has_meshes(self) -> bool:
        """Whether its surfaces are there without being asked for."""
        return (
            self.words.surface is not None
            or not self.nodes.surfaces
            or self.kind.has_meshes
        )

    def graph(self, connectivity: int) -> AbstractContextManager[_core.Graph]:
        """Return a context manager that gives the graph of the nodes.

        The core may be the first to check triangles. If it refuses some in the context,
        the error names the argument.
        """
        graph = self.nodes.graph(
            self.meshes, connectivity, across_structures=self.words.across_structures
        )
        self._warn_of_holes()
        return self._naming_surfaces(graph)

    @contextmanager
    def _naming_surfaces(self, graph: _core.Graph) -> Iterator[_core.Graph]:
        try:
            yield graph
        except ValueError:
            for mesh in self.meshes.values():
                if mesh.fault is not None:
                    raise ValueError(mesh.fault) from None
            raise

    def areas(self) -> NDArray[np.float64]:
        """Return the area of each node in mm²; NaN of voxels."""
        areas = np.full(self.nodes.count, np.nan)
        given = self._given_areas()
        doubts = []
        for part in self.nodes.surfaces:
            own = given.get(part.name)
            if own is None:
                mesh = self.meshes[part.name]
                own = mesh.areas
                doubts.append(mesh.doubt)
            areas[part.nodes] = own if part.vertices is None else own[part.vertices]
        for doubt in dict.fromkeys(doubts):
            if doubt is not None:
                warn(doubt)
        return areas

    def one_map_each(self) -> list[NDArray[Any]]:
        """Return the values of each map in one row, as the core reads them."""
        voxels = self.map.voxels.reshape(self.nodes.count, -1)
        return list(voxels.T)

    def inside(self) -> NDArray[np.bool_] | None:
        """Return the mask in one row."""
        return None if self.map.inside is None else self.map.inside.reshape(-1)

    def _given_areas(self) -> dict[str, NDArray[np.float64]]:
        """Read the areas that were given, of all vertices of each surface."""
        given = self.words.areas
        if given is None:
            return {}
        parts = getattr(given, "parts", given)
        if not isinstance(parts, Mapping):
            if len(self.nodes.surfaces) > 1:
                msg = (
                    "areas is for one surface; the map has several, so it must be a "
                    "mapping such as {'left': ..., 'right': ...}"
                )
                raise ValueError(msg)
            parts = {None: given}
        else:
            check_sides(parts, "areas")
        found = {}
        for part in self.nodes.surfaces:
            own = self.nodes.given_for(part, parts, "areas")
            if own is None:
                msg = f"areas has none for {part.name!r}, of which the map has vertices"
                raise ValueError(msg)
            found[part.name] = _read_areas(own, part)
        return found

    def _warn_of_holes(self) -> None:
        """Warn if vertices with values are in no triangle, as on flat surfaces."""
        for part in self.nodes.surfaces:
            mesh = self.meshes[part.name]
            if mesh.is_closed:
                continue
            used = np.zeros(mesh.vertices, np.bool_)
            used[mesh.triangles.ravel()] = True
            alone = ~used[part.all_vertices()]
            values = self.map.voxels.reshape(self.nodes.count, -1)[part.nodes]
            count = int(np.count_nonzero(values[alone].any(axis=1)))
            if count:
                warn(
                    f"{count} vertices of {part.name} that have values are in no "
                    "triangle of the surface, so each is a cluster of its own: a "
                    "flat surface has cuts. Give a closed one."
                )


def _read_mask(mask_img: Any, nodes: Nodes) -> NDArray[np.bool_] | None:
    if mask_img is None:
        return None
    kind = open_kind(mask_img, "mask_img")
    values = one_map_at(kind, nodes, "mask_img")
    voxels = as_voxels(values.reshape(-1, 1, 1), "mask_img")
    return check_mask(voxels, voxels.shape, "mask_img")


def one_map_at(kind: Kind, nodes: Nodes, name: str) -> NDArray[Any]:
    """Return the values of a map that must be one, of the nodes of another.

    Raises
    ------
    ValueError
        It has several maps, or its values are elsewhere.
    """
    if not kind.data.size == len(kind.data) == nodes.count:
        msg = (
            f"{name} has values of shape {shape_text(kind.data.shape)}; it must have "
            f"one for each of the {nodes.count} vertices and voxels of img"
        )
        raise ValueError(msg)
    nodes.check_same(kind.nodes, name)
    return kind.data.reshape(-1)


def _read_areas(areas: Any, part: Structure) -> NDArray[np.float64]:
    """Read the areas of all vertices of a surface."""
    if isinstance(areas, (str, os.PathLike, nibabel.GiftiImage)):
        kind = open_kind(areas, "areas")
        check_structure(kind.nodes.structures[0].name, part.name, "areas")
        areas = kind.data
    areas = np.asarray(areas)
    if areas.size != part.vertex_count or areas.dtype.kind not in "iuf":
        msg = (
            f"areas has values of shape {shape_text(areas.shape)} and type "
            f"{areas.dtype} for {part.name}; there must be a number for each of its "
            f"{part.vertex_count} vertices"
        )
        raise ValueError(msg)
    numbers: NDArray[np.float64] = areas.reshape(-1).astype(np.float64)
    if not np.isfinite(numbers).all() or numbers.min(initial=0) < 0:
        msg = f"areas has values for {part.name} that are negative or not finite"
        raise ValueError(msg)
    check_areas(numbers, "areas", "they must be in mm²")
    return numbers
