"""What the XML of a CIFTI-2 file says, without objects for all of it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from nithresh.files.compression import UnreadableError
from nithresh.files.gifti import refuse_entity
from nithresh.grids import determinant
from nithresh.surfaces.kind import Label
from nithresh.surfaces.mesh import HEMISPHERES
from nithresh.surfaces.nodes import Nodes, Structure

_BRAIN_MODELS = "CIFTI_INDEX_TYPE_BRAIN_MODELS"
# Along which maps may lie.
_MAPS = (
    "CIFTI_INDEX_TYPE_SCALARS",
    "CIFTI_INDEX_TYPE_SERIES",
    "CIFTI_INDEX_TYPE_LABELS",
)
SURFACE = "CIFTI_MODEL_TYPE_SURFACE"
# So that the place of a voxel in a volume is a number of 64 bits.
_LONGEST_SIDE = 1 << 20
_STRUCTURE = "CIFTI_STRUCTURE_"


class CiftiXml(NamedTuple):
    """What the XML of a CIFTI-2 file says.

    Attributes
    ----------
    nodes : Nodes
        Its grayordinates.
    place_of_maps : slice
        The bytes that say what is along the other axis.
    """

    nodes: Nodes
    place_of_maps: slice


def parse(xml: bytes) -> CiftiXml:
    """Read the XML.

    Raises
    ------
    UnreadableError
        It is damaged, of another version, or not of maps of grayordinates.
    """
    reader = _Reader(xml)
    try:
        reader.parser.Parse(xml, True)  # noqa: FBT003 - expat's signature
    except expat.ExpatError as error:
        msg = f"its XML is damaged ({error})"
        raise UnreadableError(msg) from error
    except UnreadableError:
        raise
    except (KeyError, ValueError, OverflowError) as error:
        msg = f"its XML says what CIFTI-2 does not allow ({error!r})"
        raise UnreadableError(msg) from error
    return reader.result()


@dataclass
class _Reader:
    """Takes the XML in, element by element."""

    xml: bytes
    parser: Any = field(init=False)
    text: list[str] | None = None
    # The kind of each axis, and the bytes that say so.
    kinds: dict[int, str] = field(default_factory=dict)
    places: dict[int, slice] = field(default_factory=dict)
    models: list[Structure] = field(default_factory=list)
    model: Mapping[str, str] = field(default_factory=dict)
    affine: NDArray[np.float64] | None = None
    axes: list[int] = field(default_factory=list)
    exponent: int = -3
    start: int = 0

    def __post_init__(self) -> None:
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._begin
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._add
        self.parser.EntityDeclHandler = refuse_entity

    def _begin(self, name: str, words: Mapping[str, str]) -> None:
        if name == "CIFTI":
            _check_version(words.get("Version", "none"))
        elif name == "MatrixIndicesMap":
            of = [int(axis) for axis in words["AppliesToMatrixDimension"].split(",")]
            self.axes, self.start = of, self.parser.CurrentByteIndex
            for axis in of:
                self.kinds[axis] = words["IndicesMapToDataType"]
        elif name == "BrainModel":
            self.model = words
        elif name == "TransformationMatrixVoxelIndicesIJKtoXYZ":
            self.exponent = int(words.get("MeterExponent", "-3"))
        if name in (
            "VertexIndices",
            "VoxelIndicesIJK",
            "TransformationMatrixVoxelIndicesIJKtoXYZ",
        ):
            self.text = []

    def _add(self, text: str) -> None:
        if self.text is not None:
            self.text.append(text)

    def _end(self, name: str) -> None:
        if name == "MatrixIndicesMap":
            end = self.parser.CurrentByteIndex
            # An element without content (of a series) ends here, others with a tag.
            if self.xml.startswith(b"</MatrixIndicesMap", end):
                end = self.xml.index(b">", end) + 1
            for axis in self.axes:
                self.places[axis] = slice(self.start, end)
        if self.text is None:
            return
        text, self.text = "".join(self.text), None
        if name == "TransformationMatrixVoxelIndicesIJKtoXYZ":
            matrix = np.array([float(value) for value in text.split()]).reshape(4, 4)
            self.affine = in_mm(matrix, self.exponent)
        else:
            # Seven times as fast as to split it; what it cannot read is missed by the
            # counts.
            self.models.append(self._structure(np.fromstring(text, np.intp, sep=" ")))

    def _structure(self, indices: NDArray[np.intp]) -> Structure:
        """Make a structure of a brain model."""
        words = self.model
        first, count = int(words["IndexOffset"]), int(words["IndexCount"])
        nodes = slice(first, first + count)
        vertices = None
        if words["ModelType"] == SURFACE:
            vertices = int(words["SurfaceNumberOfVertices"])
        return structure_of(words["BrainStructure"], nodes, indices, vertices)

    def result(self) -> CiftiXml:
        check_axes(self.kinds)
        models = in_order(self.models)
        check_affine(models, self.affine)
        return CiftiXml(Nodes(models, self.affine), self.places[0])


def in_order(models: Iterable[Structure]) -> tuple[Structure, ...]:
    """Sort structures by their nodes.

    Raises
    ------
    UnreadableError
        The nodes of one do not begin where those of the one before end, or two are of
        the same vertices or voxels.
    """
    ordered = sorted(models, key=lambda part: part.nodes.start)
    ends = [0, *(part.nodes.stop for part in ordered)]
    if any(part.nodes.start != end for part, end in zip(ordered, ends, strict=False)):
        msg = "its brain models do not follow one another"
        raise UnreadableError(msg)
    named = Counter((part.name, part.is_surface) for part in ordered)
    for (name, is_surface), count in named.items():
        if count > 1:
            of = "vertices" if is_surface else "voxels"
            msg = f"it has {count} brain models of the {of} of {name}; it may have one"
            raise UnreadableError(msg)
    voxels = [part.ijk for part in ordered if part.ijk is not None]
    if voxels and not _are_different(_places(np.concatenate(voxels))):
        msg = "it has a voxel twice"
        raise UnreadableError(msg)
    return tuple(ordered)


def check_affine(
    models: Iterable[Structure], affine: NDArray[np.float64] | None
) -> None:
    """Check that voxels, if there are any, have places and a volume.

    Raises
    ------
    UnreadableError
        They have not.
    """
    if all(part.is_surface for part in models):
        return
    if affine is None:
        msg = "it has voxels without an affine"
        raise UnreadableError(msg)
    if not np.isfinite(affine).all() or not determinant(affine):
        msg = (
            f"its voxels have no volume, or no place, by their affine {affine.tolist()}"
        )
        raise UnreadableError(msg)


def in_mm(matrix: Any, exponent: int) -> NDArray[np.float64]:
    """Return an affine in mm; it is in units of 10**exponent metres."""
    affine = np.array(matrix, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        affine[:3] *= 10.0 ** (exponent + 3)
    return affine


def check_axes(kinds: Mapping[int, str]) -> None:
    """Check that the axes of an image are those of maps of grayordinates.

    Raises
    ------
    UnreadableError
        They are others.
    """
    if kinds.get(1) == _BRAIN_MODELS and kinds.get(0) in _MAPS:
        return
    said = " by ".join(
        kinds[axis].removeprefix("CIFTI_INDEX_TYPE_").lower().replace("_", " ")
        for axis in sorted(kinds)
    )
    msg = (
        f"it is CIFTI-2 of {said or 'nothing'}; it must hold maps of grayordinates, as "
        ".dscalar.nii and .dtseries.nii files do"
    )
    raise UnreadableError(msg)


def structure_of(
    brain_structure: str,
    nodes: slice,
    indices: NDArray[np.intp],
    vertices: int | None,
) -> Structure:
    """Make a structure of what a brain model says.

    Parameters
    ----------
    brain_structure : str
        Its name in CIFTI.
    nodes : slice
    indices : numpy.ndarray of int, shape (n,)
        The vertex of each node, or i, j and k of each voxel after one another.
    vertices : int or None
        How many vertices the surface has; None of voxels.

    Raises
    ------
    UnreadableError
        The indices are not as many as the nodes, or not those of different vertices or
        voxels.
    """
    name, count = structure_name(brain_structure), nodes.stop - nodes.start
    if vertices is None:
        return Structure(name, nodes, ijk=_checked_voxels(name, indices, count))
    _check_vertices(name, indices, count, vertices)
    return Structure(name, nodes, indices, vertices)


def structure_name(brain_structure: str) -> str:
    """Return a name such as "left" or "thalamus_left" for one of CIFTI.

    Examples
    --------
    >>> structure_name("CIFTI_STRUCTURE_CORTEX_LEFT")
    'left'
    >>> structure_name("CIFTI_STRUCTURE_THALAMUS_LEFT")
    'thalamus_left'
    """
    name = brain_structure.removeprefix(_STRUCTURE)
    as_gifti = "".join(word.capitalize() for word in name.split("_"))
    return HEMISPHERES.get(as_gifti, name.lower())


def _check_version(version: str) -> None:
    if not re.fullmatch(r"2(\.\d+)?", version):
        msg = (
            f"it is CIFTI of version {version}; version 2 is needed: wb_command "
            "-file-convert -cifti-version-convert makes it"
        )
        raise UnreadableError(msg)


def _check_vertices(
    name: str, indices: NDArray[np.intp], count: int, vertices: int
) -> None:
    if len(indices) != count or (
        (count and not (indices.min() >= 0 and indices.max() < vertices))
        or not _are_different(indices)
    ):
        msg = f"the vertices of {name} are not {count} of {vertices}, each once"
        raise UnreadableError(msg)


def _are_different(indices: NDArray[np.intp]) -> bool:
    """Whether no index is there twice; they rise in nearly all files."""
    return bool((np.diff(indices) > 0).all()) or (
        len(np.unique(indices)) == len(indices)
    )


def _checked_voxels(
    name: str, indices: NDArray[np.intp], count: int
) -> NDArray[np.intp]:
    if len(indices) != 3 * count:
        msg = f"{name} has {len(indices)} voxel indices, not three of {count} voxels"
        raise UnreadableError(msg)
    ijk = indices.reshape(-1, 3)
    if count and not 0 <= ijk.min() <= ijk.max() < _LONGEST_SIDE:
        msg = (
            f"{name} has voxel indices from {ijk.min()} to {ijk.max()}; they must be "
            f"from 0 to {_LONGEST_SIDE - 1}"
        )
        raise UnreadableError(msg)
    return ijk


def _places(ijk: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return a number for each voxel, another for every other."""
    places: NDArray[np.intp] = ijk @ np.array([_LONGEST_SIDE**2, _LONGEST_SIDE, 1])
    return places


def label_names(maps: bytes) -> dict[int, str]:
    """Return the table of labels of the first map.

    Parameters
    ----------
    maps : bytes
        The part of the XML that says what the maps are, which :func:`parse` has read.
    """
    table = ET.fromstring(maps).find("NamedMap/LabelTable")  # noqa: S314 - no entities
    labels: Iterable[ET.Element] = () if table is None else table.iterfind("Label")
    return {int(label.get("Key", "0")): label.text or "" for label in labels}


def with_labels(xml: bytes, place: slice, table: Sequence[Label]) -> bytes:
    """Return the XML with one map of labels instead of its maps.

    Parameters
    ----------
    xml : bytes
    place : slice
        Where it says what its maps are.
    table : sequence of Label
        In the order of their keys, from 0.
    """
    labels = "".join(
        f'<Label Key="{key}" Red="{red:.4g}" Green="{green:.4g}" Blue="{blue:.4g}" '
        f'Alpha="{alpha:g}">{name}</Label>'
        for key, (name, (red, green, blue, alpha)) in enumerate(table)
    )
    text = (
        '<MatrixIndicesMap AppliesToMatrixDimension="0" '
        'IndicesMapToDataType="CIFTI_INDEX_TYPE_LABELS"><NamedMap>'
        f"<MapName>clusters</MapName><LabelTable>{labels}</LabelTable></NamedMap>"
        "</MatrixIndicesMap>"
    )
    return xml[: place.start] + text.encode() + xml[place.stop :]
