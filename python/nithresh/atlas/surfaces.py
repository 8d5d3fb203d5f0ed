"""Which region of an atlas of surfaces a vertex or a voxel of a map is in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nithresh._params import warn
from nithresh.atlas.regions import Laid, warn_of_space
from nithresh.grids import to_mm, voxels_at
from nithresh.surfaces.nodes import Nodes, Structure, SurfacePlaces

_DECIMALS = 6
# In mm: more than what rounding to these takes or adds.
_SLACK = 2e-6


@dataclass(frozen=True)
class SurfaceAtlas:
    """An atlas of the vertices of surfaces, and maybe of voxels, that has been read.

    Attributes
    ----------
    name : str
    numbers : numpy.ndarray of int32, shape (nodes,)
        The region of each node, 0 of those in none.
    regions : list of str
        Their names, by number; that of 0 is empty.
    nodes : Nodes
        Its vertices and voxels.
    space : str or None
        The template that it says it is in.
    source : mapping
        What it was read from, for sidecars.
    """

    name: str
    numbers: NDArray[np.int32]
    regions: list[str]
    nodes: Nodes
    space: str | None
    source: Mapping[str, Any]

    def over(
        self, places: SurfacePlaces, xyz: NDArray[np.float64], space: str | None
    ) -> Laid:
        """Lay it over clusters whose peaks are at places in mm, shape (rows, 3).

        Raises
        ------
        ValueError
            They are on other surfaces.
        """
        nodes = places.nodes
        is_of_all = self._is_of_unknown and self.nodes.count == nodes.count
        if is_of_all and self.nodes is not nodes:
            # A label for each vertex and voxel of the map.
            return replace(self, nodes=nodes).over(places, xyz, space)
        warn_of_space(self.name, self.space, space)
        own = self._structures_for(nodes)
        numbers = np.zeros(nodes.count, np.int32)
        for part, of_part in zip(nodes.structures, own, strict=True):
            if of_part is not None:
                numbers[part.nodes] = self._in(part, of_part, nodes.affine)
        is_known = np.array([of_part is not None for of_part in own])
        self._warn_of_unknown(places, is_known)

        of_peaks = numbers[places.peaks]
        distances = np.where(of_peaks > 0, 0.0, np.nan)
        of_structures = nodes.structure_of(places.peaks)
        for number, part in enumerate(nodes.structures):
            of_part = own[number]
            rows = (of_peaks == 0) & (of_structures == number)
            if of_part is not None and rows.any():
                points = places.points.get(part.name)
                found = self._nearest(xyz[rows], of_part, points)
                of_peaks[rows], distances[rows] = found

        in_clusters = np.flatnonzero(places.labels)
        clusters = places.labels[in_clusters].astype(np.int64) - 1
        # Nothing is said of a cluster in structures that the atlas does not have.
        known = is_known[nodes.structure_of(in_clusters)]
        counts = np.bincount(clusters, known)[clusters] > 0
        in_clusters, clusters = in_clusters[counts], clusters[counts]
        return Laid(of_peaks, distances, None, clusters, numbers[in_clusters])

    def _structures_for(self, nodes: Nodes) -> list[Structure | None]:
        """Match its structures to those of a map, by their names; None without one.

        One name may be that of vertices and of voxels.

        Raises
        ------
        ValueError
            None matches, or one has another number of vertices.
        """
        surfaces: dict[str | None, Structure] = {
            None if part.name == "surface" else part.name: part
            for part in self.nodes.surfaces
        }
        voxels = {part.name: part for part in self.nodes.volumes}
        found: list[Structure | None] = []
        for part in nodes.structures:
            if not part.is_surface:
                own = voxels.get(part.name)
            else:
                own = nodes.given_for(part, surfaces, f"atlas {self.name!r}")
            if own is not None and own.vertex_count != part.vertex_count:
                msg = (
                    f"the atlas {self.name!r} has {own.vertex_count} vertices for "
                    f"{part.name}; the map has {part.vertex_count}. Both must be of "
                    "the same surface"
                )
                raise ValueError(msg)
            found.append(own)
        if not any(found):
            raise ValueError(self._no_match(nodes))
        return found

    def _no_match(self, nodes: Nodes) -> str:
        """Say that the map has no structure of this atlas."""
        own, of_map = (
            " and ".join(repr(part.name) for part in each.structures)
            for each in (self.nodes, nodes)
        )
        if self._is_of_unknown and nodes.surfaces:
            sides = " and ".join(repr(part.name) for part in nodes.surfaces)
            return (
                f"the atlas {self.name!r} has {self.nodes.count} labels and does not "
                f"say which hemisphere they are of, and the map has {sides}; give "
                "{'left': ..., 'right': ...}"
            )
        return f"the atlas {self.name!r} is of {own}, and the map of {of_map}"

    @property
    def _is_of_unknown(self) -> bool:
        """Whether it is of one surface that has no name."""
        return [part.name for part in self.nodes.structures] == ["surface"]

    def _in(
        self, part: Structure, own: Structure, affine: NDArray[np.float64] | None
    ) -> NDArray[np.int32]:
        """Return the region of each node of a structure of a map."""
        numbers = self.numbers[own.nodes]
        if own.ijk is None or part.ijk is None:
            of_vertices = np.zeros(own.vertex_count, np.int32)
            of_vertices[own.all_vertices()] = numbers
            return of_vertices[part.all_vertices()]
        if not len(own.ijk) or affine is None or self.nodes.affine is None:
            return np.zeros(part.count, np.int32)
        # In the box around the voxels of this structure alone, with a margin, because
        # a place on the border of two voxels is in the one that follows.
        low = own.ijk.min(axis=0) - 1
        shape = tuple((own.ijk.max(axis=0) - low + 2).tolist())
        of_box = self.nodes.affine.copy()
        of_box[:3, 3] = to_mm(self.nodes.affine, low[np.newaxis])[0]
        ijk, is_inside = voxels_at(of_box, shape, to_mm(affine, part.ijk))
        # Voxels may be far apart, and a box of them large: it is never filled.
        places = np.ravel_multi_index(tuple((own.ijk - low).T), shape)
        sought = np.ravel_multi_index(tuple(ijk.T), shape)
        order = np.argsort(places)
        found = np.searchsorted(places, sought, sorter=order)
        nodes = order[found.clip(max=len(order) - 1)]
        has_node = is_inside & (places[nodes] == sought)
        return np.where(has_node, numbers[nodes], np.int32(0))

    def _nearest(
        self,
        xyz: NDArray[np.float64],
        own: Structure,
        points: NDArray[np.float64] | None,
    ) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Return the region with the nearest vertex or voxel of one structure.

        The vertices of the atlas lie where the surface of the map has them.
        """
        numbers = self.numbers[own.nodes]
        is_region = numbers > 0
        if not is_region.any():
            return np.zeros(len(xyz), np.int32), np.full(len(xyz), np.nan)
        if own.ijk is None and points is not None:
            places = points[own.all_vertices()[is_region]]
        elif own.ijk is not None and self.nodes.affine is not None:
            places = to_mm(self.nodes.affine, own.ijk[is_region])
        return _nearest_of(xyz, places, numbers[is_region])

    def _warn_of_unknown(
        self, places: SurfacePlaces, is_known: NDArray[np.bool_]
    ) -> None:
        """Warn of clusters in structures that it does not have."""
        has_peaks = np.zeros(len(is_known), np.bool_)
        has_peaks[places.nodes.structure_of(places.peaks)] = True
        unknown = [
            part.name
            for part, missing in zip(
                places.nodes.structures, has_peaks & ~is_known, strict=True
            )
            if missing
        ]
        if unknown:
            warn(
                f"The atlas {self.name!r} has no labels of {', '.join(unknown)}: the "
                "regions of clusters there are missing."
            )


def _nearest_of(
    xyz: NDArray[np.float64], places: NDArray[np.float64], numbers: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return the smallest number at the least distance from each place, and that.

    Of distances that are equal to 1e-6 mm.
    """
    axes = places.T.copy()
    squares, along = np.empty(len(places)), np.empty(len(places))
    regions = np.zeros(len(xyz), np.int32)
    distances = np.zeros(len(xyz))
    for row, place in enumerate(xyz):
        squares[:] = 0
        for own, other in zip(axes, place, strict=True):
            np.subtract(own, other, out=along)
            squares += np.square(along, out=along)
        # Those that may be the nearest, of which only the exact distances count.
        near = squares <= (np.sqrt(squares.min()) + _SLACK) ** 2
        apart = np.sqrt(squares[near]).round(_DECIMALS)
        distances[row] = apart.min()
        regions[row] = numbers[near][apart == distances[row]].min()
    return regions, distances
