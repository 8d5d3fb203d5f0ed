"""What a map of surfaces has values at, and which of it is next to which.

A *node* is a vertex or a voxel: a grayordinate of CIFTI. Nodes are counted over all
structures of a map, so that clusters, tables and percentiles need not know of them::

    left   v0 v1 v2 v3 ...        nodes 0 to 3 ...     joined by triangles
    right  v0 v1 v2 ...           nodes n to n + 2 ... joined by triangles
    thalamus  (i,j,k) ...         nodes m ...          joined by pairs of voxels
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from nithresh import _core
from nithresh._connectivity import half_steps
from nithresh.surfaces.mesh import Mesh, Triangles, check_structure

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Structure:
    """A hemisphere, or a structure of voxels.

    Attributes
    ----------
    name : str
        "left", "right", "thalamus_left", ...; "surface" of one that has no name.
    nodes : slice
    vertices : numpy.ndarray of int, shape (nodes,), or None
        The vertex that each node is; None where all vertices have a node, in order.
    vertex_count : int
        How many vertices the surface has; 0 of voxels.
    ijk : numpy.ndarray of int, shape (nodes, 3), or None
        The voxel that each node is; None of a surface.
    """

    name: str
    nodes: slice
    vertices: NDArray[np.intp] | None = None
    vertex_count: int = 0
    ijk: NDArray[np.intp] | None = None

    @property
    def is_surface(self) -> bool:
        """Whether its nodes are vertices."""
        return self.ijk is None

    @property
    def count(self) -> int:
        """How many nodes it has."""
        return int(self.nodes.stop - self.nodes.start)

    def all_vertices(self) -> NDArray[np.intp]:
        """Return the vertex that each node is."""
        return np.arange(self.count) if self.vertices is None else self.vertices


@dataclass(frozen=True, eq=False)
class Nodes:
    """The structures of a map, one after the other.

    Attributes
    ----------
    structures : tuple of Structure
    affine : numpy.ndarray of shape (4, 4), or None
        Of the voxels, if there are any.
    """

    structures: tuple[Structure, ...]
    affine: NDArray[np.float64] | None = None

    @property
    def count(self) -> int:
        """How many there are."""
        return self.structures[-1].nodes.stop if self.structures else 0

    @cached_property
    def surfaces(self) -> tuple[Structure, ...]:
        """The structures that are surfaces."""
        return tuple(part for part in self.structures if part.is_surface)

    @cached_property
    def volumes(self) -> tuple[Structure, ...]:
        """The structures of voxels."""
        return tuple(part for part in self.structures if not part.is_surface)

    def structure_of(self, nodes: NDArray[Any]) -> NDArray[np.intp]:
        """Return the place of the structure that each node is of."""
        stops = [part.nodes.stop for part in self.structures]
        return np.searchsorted(stops, nodes, side="right")

    def meshes(
        self, given: Mapping[str | None, Mesh], name: str = "surface"
    ) -> dict[str, Mesh]:
        """Match surfaces to the structures that they are of.

        Raises
        ------
        ValueError
            One is missing, of the other hemisphere, or has another number of vertices.
        """
        found: dict[str, Mesh] = {}
        for part in self.surfaces:
            mesh = self.given_for(part, given, name)
            if mesh is None:
                if len(self.surfaces) == len(given) == 1:
                    (other,) = given.values()
                    check_structure(other.structure, part.name, name)
                raise ValueError(self._missing(part, given, name))
            check_structure(mesh.structure, part.name, name)
            if mesh.vertices != part.vertex_count:
                msg = (
                    f"{name} has {mesh.vertices} vertices for {part.name}; the map has "
                    f"{part.vertex_count}"
                )
                raise ValueError(msg)
            found[part.name] = mesh
        return found

    def given_for(
        self, part: Structure, given: Mapping[str | None, T], name: str
    ) -> T | None:
        """Return what was given for a surface: by its name, or for the only one.

        Raises
        ------
        ValueError
            There is one for each hemisphere, and the map does not say which it is.
        """
        if part.name in given or len(self.surfaces) > 1:
            return given.get(part.name)
        if len(given) > 1:
            msg = (
                f"{name} is given for {_listed(given)}, and the map does not say which "
                "hemisphere it is of, nor does the name of its file (hemi-L, .L. or "
                f"lh.); give the {name} of that one alone (--{name} at the prompt)"
            )
            raise ValueError(msg)
        for side, own in given.items():
            if side is None or _side(part.name) is None:
                return own
        return None

    def check_same(self, other: Nodes, name: str) -> None:
        """Check that another map has its values at the same vertices and voxels.

        Raises
        ------
        ValueError
            It has not.
        """
        if len(other.structures) != len(self.structures) or not all(
            map(_is_same, other.structures, self.structures)
        ):
            msg = (
                f"{name} has its values at other vertices or voxels (of "
                f"{_listed(part.name for part in other.structures)}) than img (of "
                f"{_listed(part.name for part in self.structures)}); they must be the "
                "same, in the same order"
            )
            raise ValueError(msg)

    def _missing(
        self, part: Structure, given: Mapping[str | None, Any], name: str
    ) -> str:
        """Say which surface is needed."""
        others = [side for side in given if side is not None]
        but = f", but for {_listed(others)}" if others else ""
        short = {"left": "L", "right": "R"}.get(part.name)
        file, words, option = "a .surf.gii file", f"{name}=...", f"--{name}"
        if short:
            file = f"hemi-{short}_midthickness.surf.gii"
            words = f"{name}={{{part.name!r}: ...}}"
        if len(self.structures) > 1:
            option = f"--{part.name}-{name}"
        return (
            f"the map has vertices of {part.name!r} and no surface for them{but}: "
            "clusters need one, because only it says which vertices are neighbours. "
            f"Give {words} ({option} at the prompt), a surface of {part.vertex_count} "
            f"vertices such as {file} of the same subject or space"
        )

    def graph(
        self,
        meshes: Mapping[str, Mesh],
        connectivity: int,
        *,
        across_structures: bool = False,
    ) -> _core.Graph:
        """Say which nodes are neighbours.

        Parameters
        ----------
        meshes : mapping of str to Mesh
            By the names of structures.
        connectivity : {6, 18, 26}
            Of voxels.
        across_structures : bool
            Whether voxels of two structures are neighbours too.
        """
        surfaces: list[tuple[int, int, Triangles]] = []
        pairs: list[NDArray[np.int32]] = []
        for part in self.surfaces:
            mesh = meshes[part.name]
            if part.vertices is None:
                # Neither copied nor checked: the core counts the vertices from the
                # first node on, and refuses those that are not there.
                surfaces.append((part.nodes.start, part.count, mesh.given_triangles))
            else:
                inside, edges = _on_nodes(part, part.vertices, mesh.triangles)
                surfaces.append((0, self.count, inside))
                pairs.append(edges)
        groups: Sequence[Sequence[Structure]] = [[part] for part in self.volumes]
        if across_structures:
            groups = [self.volumes]
        pairs += [_touching(group, connectivity) for group in groups if group]
        all_pairs = np.concatenate(pairs) if pairs else np.empty((0, 2), np.int32)
        return _core.Graph(self.count, surfaces, all_pairs)


class SurfacePlaces(NamedTuple):
    """Clusters of a map of surfaces, for an atlas to be laid over them.

    Attributes
    ----------
    labels : numpy.ndarray of int32, shape (nodes,)
        The number of its cluster at each node.
    peaks : numpy.ndarray of int, shape (rows,)
        The node of each peak.
    nodes : Nodes
    points : mapping of str to numpy.ndarray of shape (vertices, 3)
        The places of vertices in mm, by structure.
    """

    labels: NDArray[np.int32]
    peaks: NDArray[np.intp]
    nodes: Nodes
    points: Mapping[str, NDArray[np.float64]]


def _side(name: str) -> str | None:
    return name if name in ("left", "right") else None


def _listed(names: Iterable[str | None]) -> str:
    return " and ".join(repr(name) for name in names)


def _is_same(one: Structure, other: Structure) -> bool:
    """Whether two structures have the same nodes, as far as both say."""
    sides = {_side(one.name), _side(other.name)} - {None}
    if len(sides) > 1 or one.vertex_count != other.vertex_count:
        return False
    if one.ijk is None or other.ijk is None:
        return one.ijk is other.ijk and np.array_equal(
            one.all_vertices(), other.all_vertices()
        )
    return np.array_equal(one.ijk, other.ijk)


def _on_nodes(
    part: Structure, vertices: NDArray[np.intp], triangles: Triangles
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Turn triangles of vertices into those of nodes, and pairs.

    Of a triangle of which one vertex has no node, the edge of the other two is left.
    """
    node_of = np.full(part.vertex_count, -1, np.int32)
    node_of[vertices] = np.arange(part.nodes.start, part.nodes.stop, dtype=np.int32)
    on_nodes = node_of[triangles]
    has_node = on_nodes >= 0
    left = has_node.sum(axis=1)
    edges = on_nodes[left == 2]
    return on_nodes[left == 3], edges[edges >= 0].reshape(-1, 2)


def _touching(parts: Sequence[Structure], connectivity: int) -> NDArray[np.int32]:
    """Return the pairs of nodes whose voxels touch, each once."""
    ijk = np.concatenate([part.ijk for part in parts if part.ijk is not None])
    nodes = np.concatenate(
        [np.arange(part.nodes.start, part.nodes.stop, dtype=np.int32) for part in parts]
    )
    if not len(ijk):
        return np.empty((0, 2), np.int32)
    # A margin of one voxel, so that no step wraps around to the next row.
    ijk = ijk - ijk.min(axis=0) + 1
    shape = ijk.max(axis=0) + 2
    steps_of_axes = np.array([shape[1] * shape[2], shape[2], 1])
    places = ijk @ steps_of_axes
    order = np.argsort(places)
    places, nodes = places[order], nodes[order]
    pairs = []
    for step in half_steps(connectivity):
        found = np.searchsorted(places, places + step @ steps_of_axes)
        found[found == len(places)] = 0
        touches = places[found] == places + step @ steps_of_axes
        pairs.append(np.column_stack([nodes[touches], nodes[found[touches]]]))
    return np.concatenate(pairs)
