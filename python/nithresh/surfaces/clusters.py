"""Every result about the clusters of a map of surfaces, from one pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nithresh._arrays import result_type
from nithresh._choices import rules_of, sources, versions
from nithresh._clusters import Clusters, Wanted
from nithresh._columns import Rows, made, made_of_extra
from nithresh._kept import warn_of_kept
from nithresh._numbering import first_places, in_other_order
from nithresh._params import Request, warn
from nithresh._stated import stated
from nithresh.grids import determinant, to_mm
from nithresh.peaks import spaced
from nithresh.surfaces.kind import Kind
from nithresh.surfaces.kinds import open_kind
from nithresh.surfaces.nodes import Nodes, SurfacePlaces
from nithresh.surfaces.opened import OpenSurface, one_map_at
from nithresh.surfaces.tree import grow
from nithresh.table import ClusterTable
from nithresh.tree import ClusterTree, robust_heights, tree_of_grown


def find_surface_clusters(
    opened: OpenSurface, wanted: Wanted, img: Any, mask_img: Any
) -> Clusters:
    """Do what :func:`nithresh.find_clusters` does, for a map of surfaces.

    `img` and `mask_img` are as they were given.
    """
    request, words = wanted.request, opened.words
    level = opened.map.level(request)
    values = _read_extra(wanted.extra, opened.nodes)
    found = found_in(opened, request, level)
    rows = SurfaceRows.of_surface(
        found,
        opened,
        min_distance=wanted.min_distance,
        max_peaks=wanted.max_peaks,
        robust=_robust(found, opened, request, level) if wanted.robust else None,
    )
    columns = made(rows)
    for name, own in values.items():
        columns |= made_of_extra(name, _sampled(name, own, found), rows)
    inside = opened.inside()
    choices = {
        **rules_of(request, wanted.threshold, level),
        "min_area_mm2": words.min_area,
        "across_structures": words.across_structures,
        "min_distance_mm": wanted.min_distance,
        "max_peaks": wanted.max_peaks,
        "non_finite_values": found["non_finite"],
        "mask_values": opened.nodes.count if inside is None else int(inside.sum()),
        "statistic": stated(opened.map.image).as_choice(),
        "input": sources(img),
        "mask": sources(mask_img),
        "extra": sources(wanted.extra),
        "surface": sources(words.surface),
        "areas": sources(words.areas),
        "versions": versions(),
    }
    kept = found["kept"].astype(result_type(opened.map.data.dtype), copy=False)
    points = {name: mesh.points for name, mesh in opened.meshes.items()}
    images = _SurfaceImages(
        opened.kind,
        kept.reshape(opened.map.shape),
        SurfacePlaces(found["labels"], rows.peak_nodes, opened.nodes, points),
    )
    return Clusters(ClusterTable(columns, choices), found["signs"], images)


@dataclass(frozen=True)
class SurfaceRows(Rows):
    """What columns are made of, for clusters of vertices and of voxels."""

    nodes: Nodes = field(kw_only=True)

    @classmethod
    def of_surface(
        cls,
        found: Mapping[str, Any],
        opened: OpenSurface,
        *,
        min_distance: float,
        max_peaks: int,
        robust: Mapping[str, NDArray[np.float64]] | None,
    ) -> SurfaceRows:
        """Choose the peaks to list."""
        nodes = opened.nodes
        of_peaks = found["maxima_clusters"]
        xyz = _places(found["maxima"].astype(np.intp), opened)
        chosen = spaced(of_peaks, xyz, min_distance=min_distance, max_peaks=max_peaks)
        clusters = of_peaks[chosen].astype(np.intp) - 1
        affine = np.eye(4) if nodes.affine is None else nodes.affine
        return cls(found, affine, chosen, clusters, xyz[chosen], robust, nodes=nodes)

    @property
    def peak_nodes(self) -> NDArray[np.intp]:
        """The node of each peak."""
        places: NDArray[np.intp] = self.found["maxima"][self.peaks].astype(np.intp)
        return places

    @property
    def structures(self) -> NDArray[np.str_]:
        """The structure of each row."""
        names = np.array([part.name for part in self.nodes.structures], np.str_)
        return names[self.nodes.structure_of(self.peak_nodes)]

    @property
    def vertices(self) -> NDArray[np.int64] | None:
        """The vertices of the peaks."""
        if not self.nodes.surfaces:
            return None
        vertices = np.full(self.nodes.count, -1, np.int64)
        for part in self.nodes.surfaces:
            vertices[part.nodes] = part.all_vertices()
        return vertices[self.peak_nodes]

    @property
    def ijk(self) -> NDArray[np.int64] | None:
        """The voxel indices of the peaks."""
        if not self.nodes.volumes:
            return None
        ijk = np.full((self.nodes.count, 3), -1, np.int64)
        for part in self.nodes.volumes:
            if part.ijk is not None:
                ijk[part.nodes] = part.ijk
        return ijk[self.peak_nodes]

    @property
    def areas(self) -> NDArray[np.float64] | None:
        """The areas of the clusters."""
        areas: NDArray[np.float64] = self.found["areas"]
        return areas if self.nodes.surfaces else None

    @property
    def volumes(self) -> NDArray[np.float64] | None:
        """The volumes of the clusters; NaN of those of vertices."""
        if not self.nodes.volumes:
            return None
        of_peaks = self.nodes.structure_of(self.found["peaks"])
        is_surface = np.array([part.is_surface for part in self.nodes.structures])
        volumes = abs(determinant(self.affine)) * self.found["extents"]
        return np.where(is_surface[of_peaks], np.nan, volumes)

    @property
    def centres(self) -> None:
        """None: the centre of mass lies off the surface."""
        return


class _SurfaceImages:
    """The images of clusters of a map of surfaces."""

    def __init__(self, kind: Kind, kept: NDArray[Any], places: SurfacePlaces) -> None:
        self._kind, self._kept, self._places = kind, kept, places

    def thresholded(self) -> Any:
        """Make the thresholded map."""
        return self._kind.with_data(self._kept.copy())

    def labelled(self, numbers: NDArray[Any]) -> Any:
        """Make an image of labels."""
        labels = numbers.astype(np.int32)[self._places.labels]
        return self._kind.with_labels(labels, int(numbers.max(initial=0)))

    def places(self) -> SurfacePlaces:
        """Say where the clusters are."""
        return self._places


def found_in(
    opened: OpenSurface, request: Request, level: float, *, with_areas: bool = True
) -> dict[str, Any]:
    """Return what the core finds, with the map and the number of non-finite values."""
    (values,) = opened.one_map_each()
    kept = np.empty(values.shape, values.dtype)
    neighbours = opened.graph(request.connectivity)
    areas = opened.areas() if with_areas else None
    with neighbours as graph:
        found = graph.find_clusters(
            values,
            kept,
            opened.map.for_core(request, level),
            mask=opened.inside(),
            areas=areas,
            min_area=opened.words.min_area,
        )
    non_finite = 0
    warn_of_kept(opened.map, request, level, found["range"], found["has_non_finite"])
    if found["has_non_finite"]:
        non_finite = int(values.size - np.isfinite(values).sum())
    labels = found["labels"]
    renumbered, numbers = in_other_order(
        found, request.order, lambda: first_places(labels)
    )
    if numbers is not None:
        renumbered["labels"] = numbers[labels]
    return {**renumbered, "kept": kept, "non_finite": non_finite}


def _robust(
    found: Mapping[str, Any], opened: OpenSurface, request: Request, level: float
) -> dict[str, NDArray[np.float64]]:
    connectivity = request.connectivity

    def tree() -> ClusterTree:
        grown = grow(opened, connectivity, two_sided=True)
        return tree_of_grown(grown, connectivity, two_sided=True)

    labels = found["labels"].reshape(-1, 1, 1)
    least = request.least(level, opened.map.data.dtype)
    return robust_heights(len(found["signs"]), labels, tree, least)


def _places(nodes: NDArray[np.intp], opened: OpenSurface) -> NDArray[np.float64]:
    """Return where nodes are in mm: on the surfaces, or by the affine."""
    xyz = np.empty((len(nodes), 3))
    of_nodes = opened.nodes.structure_of(nodes)
    for number, part in enumerate(opened.nodes.structures):
        own = of_nodes == number
        within = nodes[own] - part.nodes.start
        if part.ijk is not None and opened.nodes.affine is not None:
            xyz[own] = to_mm(opened.nodes.affine, part.ijk[within])
        elif len(within):
            points = opened.meshes[part.name].points
            xyz[own] = points[part.all_vertices()[within]]
    return xyz


def _read_extra(extra: Mapping[str, Any], nodes: Nodes) -> dict[str, NDArray[Any]]:
    """Read extra maps, each of one map with a value for each node."""
    values = {}
    for name, img in extra.items():
        argument = f"extra[{name!r}]"
        values[name] = one_map_at(open_kind(img, argument), nodes, argument)
    return values


def _sampled(
    name: str, values: NDArray[Any], found: Mapping[str, Any]
) -> tuple[NDArray[np.float64], ...]:
    """Return mean, smallest and largest value of an extra map in each cluster."""
    labels, count = found["labels"], len(found["signs"])
    in_clusters = labels > 0
    labels, values = labels[in_clusters] - 1, values[in_clusters].astype(np.float64)
    finite = np.isfinite(values)
    if not finite.all():
        left_out = int((~finite).sum())
        warn(
            f"extra[{name!r}] has {left_out} non-finite values in clusters. They are "
            "left out."
        )
    labels, values = labels[finite], values[finite]
    extents = np.bincount(labels, minlength=count)
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, labels, values)
    np.maximum.at(high, labels, values)
    with np.errstate(invalid="ignore"):
        means = np.bincount(labels, values, minlength=count) / extents
    low[extents == 0] = high[extents == 0] = np.nan
    return means, low, high
