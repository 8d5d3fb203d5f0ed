"""Thresholding maps of surfaces."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nithresh._arrays import check_writeable, result_type
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
    if request.cluster_threshold > 1 or opened.words.min_area > 0:
        kept, limits, has_non_finite = _in_clusters(opened, request, level)
    else:
        # Without clusters, no node needs to know another.
        alone = request._replace(cluster_threshold=0)
        result = threshold_map(opened.map, alone, level, None)
        kept, limits, has_non_finite = result
    warn_of_kept(opened.map, request, level, limits, has_non_finite)
    values = kept.reshape(opened.map.shape)
    if in_place is not None:
        return in_place.write_back(values)
    return kind.with_data(values)


def _in_clusters(
    opened: OpenSurface, request: Request, level: float
) -> tuple[NDArray[Any], tuple[float, float], bool]:
    """Keep clusters that are large enough, in each map by itself."""
    graph = opened.graph(request.connectivity)
    areas = opened.areas() if opened.words.min_area > 0 else None
    voxels = opened.map.voxels
    # With each map in one piece.
    out = np.empty((voxels.size // max(1, len(voxels)), len(voxels)), voxels.dtype)
    found = [
        graph.threshold(
            values,
            own,
            opened.map.for_core(request, level),
            mask=opened.inside(),
            areas=areas,
            min_area=opened.words.min_area,
        )
        for values, own in zip(opened.one_map_each(), out, strict=True)
    ]
    kept = out.T.astype(result_type(opened.map.data.dtype), copy=False)
    lows, highs, non_finite = zip(*found, strict=True) if found else ((), (), ())
    return kept, (min(lows, default=0), max(highs, default=0)), any(non_finite)
