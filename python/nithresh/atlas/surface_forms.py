"""The forms in which an atlas of surfaces may be given, and what is read of each."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nithresh._choices import sources
from nithresh._numbers import shape_text
from nithresh.atlas.labels import as_labels, numbered, values_in
from nithresh.atlas.names import ALLOWED, Names, is_no_region, read_names, space_in
from nithresh.atlas.surfaces import SurfaceAtlas
from nithresh.files.surface_files import read_freesurfer_annotation
from nithresh.surfaces.kinds import open_kind
from nithresh.surfaces.mesh import HEMISPHERES, check_structure, side_by_name
from nithresh.surfaces.nodes import Nodes, Structure
from nithresh.surfaces.words import GIFTI_NAMES, is_surface_map

_ANNOTATION = ".annot"


def is_of_surfaces(labels: Any) -> bool:
    """Whether labels are those of surfaces, by their names or their classes."""
    if isinstance(labels, Mapping):
        return are_hemispheres(labels)
    is_array = isinstance(labels, np.ndarray)
    return is_array or _is_annotation(labels) or is_surface_map(labels)


def are_hemispheres(given: Mapping[Any, Any]) -> bool:
    """Whether a mapping is one atlas, with the labels of one hemisphere in each part.

    Other mappings are several atlases, which may be called left and right as well.
    """
    return bool(given) and all(
        side in HEMISPHERES.values() and _is_of_one(labels)
        for side, labels in given.items()
    )


def _is_of_one(labels: Any) -> bool:
    if isinstance(labels, (tuple, list)) and len(labels) == 2:
        labels = labels[0]
    if isinstance(labels, (str, os.PathLike)):
        return str(labels).lower().endswith((_ANNOTATION, *GIFTI_NAMES))
    return isinstance(labels, np.ndarray) or hasattr(labels, "darrays")


def _is_annotation(labels: Any) -> bool:
    return isinstance(labels, (str, os.PathLike)) and (
        str(labels).lower().endswith(_ANNOTATION)
    )


class _Part(NamedTuple):
    """Labels of one hemisphere or of several structures.

    Attributes
    ----------
    nodes : Nodes
    labels : numpy.ndarray of int64, shape (nodes,)
    names : mapping of int to str
        Those that stand in the same file, if any.
    """

    nodes: Nodes
    labels: NDArray[np.int64]
    names: Mapping[int, str]


def open_surface_atlas(
    name: str, labels: Any, names: Any, argument: str, template: str | None
) -> SurfaceAtlas:
    """Open an atlas of surfaces.

    Parameters
    ----------
    name : str
    labels : path, image, array, or mapping of "left" and "right" to these
    names : list, mapping, table or path, or None
        None where they stand in the files of the labels, or with each hemisphere.
    argument : str
        What was given, for errors.
    template : str or None
        The space that it is in, if that is known.

    Raises
    ------
    TypeError
        Labels or names of which no atlas can be made.
    ValueError
        Labels without names, names that do not fit or are given twice, labels that are
        no integers, a file that cannot be read.
    """
    each = labels if isinstance(labels, Mapping) else {None: labels}
    pairs = {
        side: given if isinstance(given, (tuple, list)) else (given, None)
        for side, given in each.items()
    }
    of_all = None if names is None else read_names(names, f"the names of {argument}")
    regions = [""]
    parts, numbers = [], []
    for side, (given, of_side) in pairs.items():
        called = argument if side is None else f"{argument}[{side!r}]"
        if of_all is not None and of_side is not None:
            msg = f"{called} has names, and so has {argument}; give one of them"
            raise ValueError(msg)
        part = _read(given, called, side)
        parts.append(part)
        if of_all is None:
            own = _names_of(part, of_side, called)
            numbers.append(_numbered(part.labels, own, regions, called))
    if of_all is not None:
        # Together, because names of one side are no names without labels.
        together = np.concatenate([part.labels for part in parts])
        numbers.append(_numbered(together, of_all, regions, argument))
    if len(regions) == 1:
        msg = f"{argument} has no region: none of its vertices is in one"
        raise ValueError(msg)
    files = {side: given for side, (given, _) in pairs.items()}
    paths = [given for given in files.values() if isinstance(given, (str, os.PathLike))]
    space = template or next((space_in(Path(path).name) for path in paths), None)
    return SurfaceAtlas(
        name,
        np.concatenate(numbers),
        regions,
        _joined([part.nodes for part in parts]),
        space,
        {
            "labels": sources(files)
            if isinstance(labels, Mapping)
            else sources(labels),
            "names": _source_of_names(names, pairs),
        },
    )


def _source_of_names(names: Any, pairs: Mapping[Any, Any]) -> Any:
    """Return names and checksums of the files of names, by hemisphere or of all."""

    def of_file(given: Any) -> Any:
        return sources(given) if isinstance(given, (str, os.PathLike)) else None

    own = {side: of_file(of_side) for side, (_, of_side) in pairs.items()}
    return own if any(own.values()) else of_file(names)


def side_of(path: str) -> str | None:
    """Return the hemisphere that a file of labels says it is of; None without one."""
    if not _is_of_one(path):
        return None
    (structure,) = _read(path, path, None).nodes.structures
    return structure.name if structure.name in HEMISPHERES.values() else None


def _read(given: Any, argument: str, side: str | None) -> _Part:
    """Read labels, and the names that stand with them."""
    own: Mapping[int, str] = {}
    if isinstance(given, np.ndarray):
        nodes, data = _of_one(given.size, None), given
    elif _is_annotation(given):
        labels, own = read_freesurfer_annotation(given)
        nodes, data = _of_one(len(labels), side_by_name(given)), labels
    else:
        kind = open_kind(given, argument)
        nodes, data, own = kind.nodes, kind.data, kind.label_names()
    if not data.size or data.shape[:1] != (data.size,):
        msg = (
            f"{argument} has labels of shape {shape_text(data.shape)}; it must have "
            "one label for each vertex. An atlas of probabilities must be a volume; "
            "of several maps of labels, wb_command takes out one (-label-merge or "
            "-cifti-merge, with -column)"
        )
        raise ValueError(msg)
    if data.dtype.kind not in "biuf":
        msg = f"{argument} has labels of type {data.dtype}; they must be integers"
        raise TypeError(msg)
    if side is not None:
        (structure,) = nodes.structures
        check_structure(structure.name, side, argument)
        nodes = _of_one(structure.count, side)
    labels = as_labels(data.reshape(-1), f"the labels of {argument}")
    return _Part(nodes, labels, own)


def _names_of(part: _Part, names: Any, argument: str) -> Names:
    """Return the names that were given, or else those in the file."""
    if names is not None:
        return read_names(names, f"the names of {argument}")
    if not part.names:
        msg = (
            f"{argument} has labels without names; give both as (labels, names), where "
            f"the names are {ALLOWED}"
        )
        raise ValueError(msg)
    own = read_names(part.names, f"the names of {argument}").by_label
    regions = {key: "" if is_no_region(name) else name for key, name in own.items()}
    return Names(regions, "own")


def _numbered(
    labels: NDArray[np.int64], names: Names, regions: list[str], argument: str
) -> NDArray[np.int32]:
    present = values_in(labels)
    if (present == -1).any() and -1 not in names.by_label:
        # As nibabel reads the vertices of an annotation that are in no region.
        names = Names({**names.by_label, -1: ""}, names.kind)
    return numbered(labels, present, names, regions, argument)


def _of_one(count: int, side: str | None) -> Nodes:
    """Return all vertices of one surface."""
    return Nodes((Structure(side or "surface", slice(0, count), vertex_count=count),))


def _joined(each: list[Nodes]) -> Nodes:
    """Put the structures of hemispheres after one another."""
    if len(each) == 1:
        return each[0]
    structures, first = [], 0
    for nodes in each:
        for part in nodes.structures:
            moved = slice(first, first + part.count)
            structures.append(replace(part, nodes=moved))
            first = moved.stop
    return Nodes(tuple(structures))
