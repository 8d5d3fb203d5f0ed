"""A description of a map: lines, each with a name and a text."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from nithresh._arrays import as_voxels
from nithresh._numbers import counted, told_apart
from nithresh._params import check_request
from nithresh._stated import stated
from nithresh.clusters import label
from nithresh.grids import determinant, fault_of
from nithresh.images import volumes

if TYPE_CHECKING:
    from nithresh.surfaces.opened import OpenSurface

_THRESHOLDS = (2.3, 3.1, 5.0)


def described(image: Any, connectivity: int) -> dict[str, str]:
    """Say what a map is, what its voxels are, and what thresholds would keep of it."""

    def count(data: NDArray[Any], threshold: float) -> tuple[int, int]:
        labels, clusters = label(data, threshold, connectivity=connectivity)
        return int(np.count_nonzero(labels)), clusters

    counts = Counts("voxel", count)
    for volume in volumes(image):
        counts.add(volume)
    return {**_of_grid(image), **counts.lines()}


def described_surface(opened: OpenSurface, connectivity: int) -> dict[str, str]:
    """Say the same of a map of surfaces; of clusters only if it has its surfaces."""
    nodes = opened.nodes

    def count(values: NDArray[Any], threshold: float) -> tuple[int, int | None]:
        row = values.reshape(-1)
        finite = row[np.isfinite(row)]
        # Not by abs, which the smallest integer of a type does not have.
        passes = (finite >= threshold) | (finite <= -threshold)
        passing = int(np.count_nonzero(passes))
        if graph is None:
            return passing, None
        request = check_request(
            threshold, two_sided=True, cluster_threshold=0, connectivity=connectivity
        )
        found = graph.find_clusters(
            row,
            None,
            request.at(threshold, row.dtype),
            mask=None,
            areas=None,
            min_area=0.0,
        )
        return passing, len(found["signs"])

    counts = Counts("value", count)
    with opened.graph(connectivity) if opened.has_meshes else nullcontext() as graph:
        for values in opened.one_map_each():
            counts.add(values)
    lines = {
        part.name: f"{part.count} of {part.vertex_count} vertices"
        for part in nodes.surfaces
    }
    if nodes.volumes:
        voxels = sum(part.count for part in nodes.volumes)
        lines["voxels"] = f"{voxels} in {len(nodes.volumes)} structures"
    data = opened.map.data
    lines["maps"] = str(data.size // max(1, len(data)))
    lines["type"] = data.dtype.name
    if graph is None:
        lines["clusters"] = "not counted: no surface says which vertices are neighbours"
    return {**lines, **_of_statistic(opened.map.image), **counts.lines()}


def _of_grid(image: Any) -> dict[str, str]:
    header = image.header
    affine = image.affine
    lines = {"shape": " x ".join(map(str, image.shape))}
    units = ("unknown", "unknown")
    if isinstance(header, nibabel.Nifti1Header):
        units = header.get_xyzt_units()
    space = "" if units[0] == "unknown" else f" {units[0]}"
    zooms = [f"{zoom:g}" for zoom in header.get_zooms()]
    lines["zooms"] = " x ".join(zooms[:3]) + space
    if len(zooms) > 3:
        lines["zooms"] += f", {zooms[3]} {units[1]}"
    stored = header.get_data_dtype()
    scaled = getattr(image.dataobj, "slope", 1) != 1 or (
        getattr(image.dataobj, "inter", 0) != 0
    )
    lines["type"] = f"{stored.name}, scaled" if scaled else stored.name
    lines["format"] = type(image).__name__
    problem = fault_of(image)
    if problem is not None:
        lines["orientation"] = f"unknown: {problem}"
    else:
        axes = "".join(axis or "?" for axis in nibabel.aff2axcodes(affine))
        hand = "left" if determinant(affine) < 0 else "right"
        tilt = np.degrees(nibabel.affines.obliquity(affine)).max()
        oblique = f", oblique by {tilt:.3g} degrees" if tilt > 1e-3 else ""
        lines["orientation"] = f"{axes}, {hand}-handed{oblique}"
    if isinstance(header, nibabel.Nifti1Header):
        code, parameters, name = header.get_intent()
        numbers = ", ".join(f"{number:g}" for number in parameters)
        lines["intent"] = code + (f" ({numbers})" if numbers else "")
        if name:
            lines["intent"] += f", {name!r}"
    return lines | _of_statistic(image, said_already="intent")


def _of_statistic(image: Any, said_already: str | None = None) -> dict[str, str]:
    """Say what the values are, and which place says it, if no line says it already."""
    said = stated(image)
    taken, against = said.taken, said.against
    if taken is None or (taken.place == said_already and not against):
        return {}
    what = "not known" if taken.kind is None else str(taken.statistic or taken.kind)
    if taken.statistic is None and taken.kind in ("t", "F", "chi2"):
        what += " without degrees of freedom"
    text = f"{what}, by the {taken.place} {taken.words!r}"
    for other in against:
        text += f"; but the {other.place} says {other.words!r}"
    return {"statistic": text}


class Counts:
    """Counts of voxels and clusters, volume by volume.

    Parameters
    ----------
    unit : str
        What is counted: "voxel" or "value".
    count : callable
        Returns how many pass a threshold, and in how many clusters; None if that is not
        known.
    """

    def __init__(
        self, unit: str, count: Callable[[NDArray[Any], float], tuple[int, int | None]]
    ) -> None:
        self._unit, self._count = unit, count
        self._size = self._nan = self._infinite = self._zero = 0
        # The extreme values, and how many voxels have them; none at first.
        self._ends: dict[str, tuple[Any, int]] = {}
        self._passing: dict[float, tuple[int, int | None]]
        self._passing = dict.fromkeys(_THRESHOLDS, (0, 0))

    def add(self, data: NDArray[Any]) -> None:
        """Count one volume of a map."""
        volume = as_voxels(data, "img")
        self._size += volume.size
        self._zero += volume.size - int(np.count_nonzero(volume))
        finite = volume
        if volume.size and not np.isfinite([volume.min(), volume.max()]).all():
            finite = volume[np.isfinite(volume)]
            nan = int(np.isnan(volume).sum())
            self._nan += nan
            self._infinite += volume.size - finite.size - nan
        if not finite.size:
            return
        for name, end in (("low", finite.min()), ("high", finite.max())):
            known, count = self._ends.get(name, (end, 0))
            if end != known and (end < known) == (name == "low"):
                known, count = end, 0
            if end == known:
                count += int(np.count_nonzero(finite == end))
            self._ends[name] = known, count
        for threshold in _THRESHOLDS:
            own, own_clusters = self._count(data, threshold)
            voxels, clusters = self._passing[threshold]
            total = None
            if clusters is not None and own_clusters is not None:
                total = clusters + own_clusters
            self._passing[threshold] = voxels + own, total

    def _texts(self) -> list[str]:
        """Return the extreme values with as many digits as tell them apart."""
        ends = (end for end, _ in self._ends.values())
        return told_apart(*ends, *_THRESHOLDS)[:2]

    def lines(self) -> dict[str, str]:
        """Return what was counted."""
        lines = {"range": "no finite value"}
        if self._ends:
            low, high = self._texts()
            lines["range"] = f"{low} to {high}"
        lines["NaN"] = self._share(self._nan)
        if self._infinite:
            lines["infinite"] = self._share(self._infinite)
        lines["zero"] = self._share(self._zero)
        if self._ends:
            ends = {
                end: f"{text} in {counted(count, self._unit)}"
                for (end, count), text in zip(
                    self._ends.values(), self._texts(), strict=True
                )
                if end != 0 and count > 1
            }
            lines["saturation"] = (
                ", ".join(ends.values()) or "none: no extreme value is shared"
            )
        for threshold, (voxels, clusters) in self._passing.items():
            name = f"abs(value) >= {threshold:g}"
            lines[name] = self._share(voxels)
            if clusters is not None:
                lines[name] += f", {counted(clusters, 'cluster')}"
        return lines

    def _share(self, count: int) -> str:
        share = count / self._size if self._size else math.nan
        told = counted(count, self._unit)
        return f"{told} ({share:.1%})" if count else told
