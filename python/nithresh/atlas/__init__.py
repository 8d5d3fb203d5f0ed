"""Labels with names: which region a peak lies in, and which a cluster covers."""

from __future__ import annotations

from typing import Any

import numpy as np

from nithresh.atlas.forms import open_atlas, open_atlases
from nithresh.atlas.names import space_in
from nithresh.atlas.regions import columns_of
from nithresh.atlas.surfaces import SurfaceAtlas
from nithresh.surfaces.nodes import SurfacePlaces
from nithresh.table import ClusterTable

__all__ = ["name_regions", "open_atlas", "open_atlases"]


def name_regions(table: ClusterTable, places: Any, atlas: Any) -> ClusterTable:
    """Return a table of clusters with the columns of one atlas or several.

    Parameters
    ----------
    table : ClusterTable
    places : VolumePlaces or SurfacePlaces
        Where the clusters are.
    atlas : atlas, mapping of names to atlases, or list of open ones

    Raises
    ------
    ValueError
        An atlas does not fit the map.
    """
    choices = table.choices
    atlases = open_atlases(atlas)
    sources = choices.get("atlas", {})
    for one in atlases:
        if one.name in sources:
            msg = f"the table has an atlas {one.name!r}; give this one another name"
            raise ValueError(msg)
        sources = {**sources, one.name: {**one.source, "space": one.space}}
    xyz = np.stack([table[axis] for axis in "xyz"], axis=1)
    is_first = np.array([name.isdigit() for name in table["id"].tolist()], np.bool_)
    source = choices["input"] or {}
    space = space_in(str(source.get("name", "")))
    columns = dict(table)
    of_surfaces = isinstance(places, SurfacePlaces)
    for one in atlases:
        if isinstance(one, SurfaceAtlas) != of_surfaces:
            raise ValueError(_wrong_kind(one.name, of_surfaces=of_surfaces))
        laid = one.over(places, xyz, space)
        columns |= columns_of(one.name, one.regions, laid, is_first)
    return ClusterTable(columns, {**choices, "atlas": sources})


def _wrong_kind(name: str, *, of_surfaces: bool) -> str:
    """Say that an atlas is for maps of the other kind, and what fits."""
    if of_surfaces:
        return (
            f"the atlas {name!r} is a volume, and the map is one of surfaces; give "
            "GIFTI labels (.label.gii), a .dlabel.nii, an .annot or a SurfaceImage of "
            "the vertices of the map"
        )
    return (
        f"the atlas {name!r} is one of surfaces, and the map is a volume; give a label "
        "image of voxels and its names"
    )
