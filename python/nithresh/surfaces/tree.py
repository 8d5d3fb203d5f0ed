"""All thresholds of a map of surfaces at once."""

from __future__ import annotations

import numpy as np

from nithresh._grown import Grown
from nithresh.surfaces.opened import OpenSurface


def grow(opened: OpenSurface, connectivity: int, *, two_sided: bool) -> Grown:
    """Make what the tree of a map of surfaces is made of.

    It is that of a volume of one row, with a voxel (node, 0, 0) for each node.
    """
    (values,) = opened.one_map_each()
    steps = np.empty(values.shape, np.int32)
    with opened.graph(connectivity) as graph:
        branches = graph.merge_tree(
            values, steps, mask=opened.inside(), two_sided=two_sided
        )
    peaks = np.zeros((len(branches["births"]), 3), np.intp)
    peaks[:, 0] = branches["peaks"]
    in_row = steps.reshape(-1, 1, 1)
    return Grown({**branches, "peaks": peaks}, in_row, opened.map.data.dtype)
