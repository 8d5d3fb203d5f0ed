"""nilearn's table of the clusters of a SurfaceImage."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nithresh._numbering import first_places
from nithresh._params import Request
from nithresh.surfaces.clusters import found_in
from nithresh.surfaces.opened import OpenSurface

COLUMNS = ["Cluster ID", "Hemisphere", "Peak Stat", "Cluster Size (vertices)"]


def rows_and_maps(
    opened: OpenSurface, request: Request, level: float, signs: list[int]
) -> tuple[list[list[Any]], list[Any], NDArray[np.int8]]:
    """Return the rows, a map of labels for each of `signs`, and the clusters' signs.

    Clusters have numbers by sign, positive ones first, then by hemisphere, then by
    their first vertices.
    """
    found = found_in(opened, request, level, with_areas=False)
    labels = found["labels"]
    first = first_places(labels)
    order = np.lexsort((first, -found["signs"].astype(int)))
    ids = np.zeros(order.size + 1, np.int32)
    ids[order + 1] = np.arange(1, order.size + 1)
    peaks = opened.map.voxels.reshape(-1)[found["peaks"]]
    structures = opened.nodes.structure_of(first)
    rows = [
        [
            str(number),
            opened.nodes.structures[structures[cluster]].name,
            peaks[cluster],
            int(found["extents"][cluster]),
        ]
        for number, cluster in enumerate(order.tolist(), 1)
    ]
    maps = []
    for sign in signs:
        of_sign = np.where(np.append(0, found["signs"]) == sign, ids, 0)
        # Of nilearn's type.
        own = of_sign.astype(np.int64)[labels]
        maps.append(opened.kind.with_labels(own, int(of_sign.max())))
    return rows, maps, found["signs"]
