"""Threshold-free cluster enhancement of maps of surfaces."""

from __future__ import annotations

from typing import Any

import numpy as np

from nithresh._arrays import warn_if_non_finite
from nithresh.surfaces.opened import OpenSurface


def enhance_surface(
    opened: OpenSurface,
    powers: tuple[float, float],
    connectivity: int,
    *,
    two_sided: bool,
) -> Any:
    """Do what :func:`nithresh.tfce_img` does, for a map of surfaces."""
    voxels = opened.map.voxels
    warn_if_non_finite(voxels)
    maps = opened.one_map_each()
    neighbours = opened.graph(connectivity)
    areas = opened.areas() if opened.nodes.surfaces else None
    # With each map in one piece.
    dtype = np.result_type(voxels.dtype, np.float32)
    scores = np.empty((len(maps), len(voxels)), dtype)
    with neighbours as graph:
        for values, own in zip(maps, scores, strict=True):
            graph.tfce(
                values,
                own,
                mask=opened.inside(),
                areas=areas,
                extent_power=powers[0],
                height_power=powers[1],
                two_sided=two_sided,
            )
    return opened.kind.with_data(scores.T.reshape(opened.map.shape), are_scores=True)
