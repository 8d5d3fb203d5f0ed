"""Thresholding maps of surfaces."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from nithresh._arrays import as_voxels, check_writeable
from nithresh._kept import threshold_map, warn_of_kept
from nithresh._params import Request
from nithresh.surfaces.opened import OpenSurface
from nithresh.surfaces.surface_image_map import SurfaceImageMap


def threshold_surface(
    opened: OpenSurface, request: Request, level: float, *, copy: bool = True
) -> Any:
    """Do what :func:`nithresh.threshold_img` does, at a threshold that is known."""
    kind = opened.kind
    in_place = None
    if not copy and isinstance(kind, SurfaceImageMap):
        in_place = kind
        for values in in_place.arrays().values():
            check_writeable(values, f"{opened.name}, with copy=False,")
    # Without clusters, no node needs to know another.
    alone = request._replace(cluster_threshold=0)
    kept, limits, has_non_finite = threshold_map(opened.map, alone, level, None)
    if request.cluster_threshold > 1 or opened.words.min_area > 0:
        as_core_reads = as_voxels(kept, opened.name)
        limits = _erase_small(opened, request, as_core_reads)
        kept = as_core_reads.astype(kept.dtype, copy=False)
    warn_of_kept(opened.map, request, level, limits, has_non_finite)
    values = kept.reshape(opened.map.shape)
    if in_place is not None:
        return in_place.write_back(values)
    return kind.with_data(values)


def _erase_small(
    opened: OpenSurface, request: Request, kept: NDArray[Any]
) -> tuple[float, float]:
    """Erase the clusters that are too small, in each map by itself."""
    neighbours = opened.graph(request.connectivity)
    areas = opened.areas() if opened.words.min_area > 0 else None
    nodes = kept[:, 0, 0]
    with neighbours as graph:
        limits = [
            graph.erase_small(
                values,
                request.cluster_threshold,
                areas=areas,
                min_area=opened.words.min_area,
            )
            for values in (nodes.T if nodes.ndim > 1 else [nodes])
        ]
    lows, highs = zip(*limits, strict=True) if limits else ((), ())
    return min(lows, default=0), max(highs, default=0)
