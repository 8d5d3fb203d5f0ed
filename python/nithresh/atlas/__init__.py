"""Label images with names: which region a peak lies in, and which a cluster covers."""

from __future__ import annotations

from typing import Any

import numpy as np

from nithresh._arrays import drop_axes
from nithresh.atlas.forms import open_atlases, space_in
from nithresh.atlas.regions import check_overlap, columns_of
from nithresh.table import ClusterTable

__all__ = ["name_regions", "open_atlases"]


def name_regions(table: ClusterTable, image: Any, atlas: Any) -> ClusterTable:
    """Return a table of clusters with the columns of one atlas or several.

    `image` has the number of its cluster at each voxel.
    """
    choices = table.choices
    atlases = open_atlases(atlas)
    sources = choices.get("atlas", {})
    for one in atlases:
        if one.name in sources:
            msg = f"the table has an atlas {one.name!r}; give this one another name"
            raise ValueError(msg)
        sources = {**sources, one.name: {**one.source, "space": one.space}}
    labels = drop_axes(np.asarray(image.dataobj))
    xyz = np.stack([table[axis] for axis in "xyz"], axis=1)
    is_first = np.array([name.isdigit() for name in table["id"].tolist()], np.bool_)
    space = space_in((choices["input"] or {}).get("name", ""))
    columns = dict(table)
    for one in atlases:
        check_overlap(one, image.affine, labels.shape, space)
        columns |= columns_of(one, xyz, is_first, labels, image.affine)
    return ClusterTable(columns, {**choices, "atlas": sources})
