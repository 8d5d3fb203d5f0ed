"""A surface: where its vertices are, and which of them a triangle joins."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from nithresh import _core
from nithresh._numbers import shape_text
from nithresh._paths import expanded
from nithresh.files import ImageFileError
from nithresh.files.surface_files import read_freesurfer_surface, read_gifti

# Structures as GIFTI and CIFTI write them, without what stands before them.
HEMISPHERES = {"CortexLeft": "left", "CortexRight": "right"}
#: The vertices of each triangle, in the type that the core takes without a copy.
Triangles = NDArray[np.int32] | NDArray[np.int64]
_POINTS, _TRIANGLES = 1008, 1009
_ANATOMICAL = ("Anatomical", "Reconstruction", "Unknown", "Invalid", None)
# In mm², if all vertices were like the largest: the core adds areas up in billionths.
_MOST_AREA = 1e9
# In mm, so that the squares of distances are numbers as well.
_FARTHEST = 1e100
# Names of surfaces that are averages of many brains, which are smoother than each.
_AVERAGE = re.compile(
    r"fsaverage|fs_?average|conte69|S\d+\.[LR]\.|average|GroupAvg|tpl-fs|fsa[3-7]", re.I
)

# Of FreeSurfer, of BIDS and of the HCP.
_SIDE = re.compile(r"^([lr]h)\.|(?:^|_)hemi-([LR])(?=[._])|(?:^|\.)([LR])(?=\.)")
_SIDES = {"lh": "left", "L": "left", "rh": "right", "R": "right"}


@dataclass(frozen=True, eq=False)
class Mesh:
    """A surface.

    Attributes
    ----------
    coordinates : numpy.ndarray of shape (vertices, 3)
        In mm.
    given_triangles : numpy.ndarray of int32 or int64, shape (triangles, 3)
        The vertices of each triangle, from 0, which may not have been checked.
    name : str
        The argument that it is, with its file, for errors.
    structure : str or None
        "left" or "right", where the file or its name says so.
    geometry : str or None
        What the file says of its form, as GIFTI has it: "Anatomical", "Inflated", ...
    is_average : bool
        Whether its file says that it is the average of many.
    path : Path or None
        Its file.
    """

    coordinates: NDArray[Any]
    given_triangles: Triangles
    name: str
    structure: str | None = None
    geometry: str | None = None
    is_average: bool = False
    path: Path | None = None

    @property
    def vertices(self) -> int:
        """How many vertices it has."""
        return len(self.coordinates)

    @cached_property
    def triangles(self) -> Triangles:
        """The vertices of each triangle: a checked copy, for NumPy to index with.

        NumPy writes to wrong places if another thread changes an index meanwhile.

        Raises
        ------
        ValueError
            One is not there.
        """
        copy = self.given_triangles.copy()
        fault = self._fault_of(copy)
        if fault is not None:
            raise ValueError(fault)
        return copy

    @cached_property
    def fault(self) -> str | None:
        """What is wrong with the vertices of its triangles; None if nothing is."""
        return self._fault_of(self.given_triangles)

    def _fault_of(self, triangles: Triangles) -> str | None:
        # A negative number is a large one without its sign: one look, and not two.
        unsigned = triangles.view(f"u{triangles.itemsize}")
        if not unsigned.size or unsigned.max() < self.vertices:
            return None
        return (
            f"{self.name} has triangles of vertices {triangles.min()} to "
            f"{triangles.max()}; they are counted from 0, and there are {self.vertices}"
        )

    @cached_property
    def points(self) -> NDArray[np.float64]:
        """The coordinates, checked.

        Raises
        ------
        ValueError
            Some are not finite, or cannot be in mm.
        """
        points = np.ascontiguousarray(self.coordinates, dtype=np.float64)
        if not np.isfinite(points).all():
            msg = f"{self.name} has coordinates that are not finite"
            raise ValueError(msg)
        farthest = max(-points.min(initial=0), points.max(initial=0))
        if farthest > _FARTHEST:
            msg = f"{self.name} has coordinates up to {farthest:.3g}; they must be mm"
            raise ValueError(msg)
        return points

    @cached_property
    def areas(self) -> NDArray[np.float64]:
        """The area of each vertex in mm²: a third of that of each of its triangles.

        Raises
        ------
        ValueError
            Coordinates are not finite, or so large that they are not in mm; a triangle
            of a vertex that is not there.
        """
        if self.fault is not None:
            raise ValueError(self.fault)
        areas = _core.vertex_areas(self.points, self.given_triangles)
        check_areas(areas, self.name, "its coordinates must be in mm")
        return areas

    @property
    def is_closed(self) -> bool:
        """Whether it has as many triangles as a surface without holes."""
        return len(self.given_triangles) == 2 * self.vertices - 4

    @property
    def doubt(self) -> str | None:
        """Why its areas are not those of a brain; None if nothing says so."""
        if self.geometry not in _ANATOMICAL:
            return (
                f"A surface is {str(self.geometry).lower()}: its areas are not those "
                "of the cortex. Give areas, or a surface of the cortex."
            )
        if self.is_average:
            return (
                "A surface is the average of many, which is smoother than each of "
                "them: its areas are too small (those of the S1200 midthickness by a "
                "factor of 1.7). Give areas, such as the mean of the subjects' own."
            )
        return None


def check_areas(areas: NDArray[np.float64], name: str, must: str) -> None:
    """Check that the areas of vertices may be in mm².

    Raises
    ------
    ValueError
        One is too large.
    """
    largest = areas.max(initial=0)
    if not largest * len(areas) <= _MOST_AREA:
        msg = f"{name} has a vertex with an area of {largest:.3g} mm²; {must}"
        raise ValueError(msg)


def open_mesh(surface: Any, name: str = "surface", *, check: bool = True) -> Mesh:
    """Read a surface.

    Parameters
    ----------
    surface : str, os.PathLike, GiftiImage, nilearn mesh or (coordinates, triangles)
        A file is GIFTI (``.surf.gii``) or of FreeSurfer (``lh.white``).
    name : str
        The argument, for errors.
    check : bool
        Whether to look now whether the vertices of its triangles are there. If not, the
        core does when it reads them.

    Raises
    ------
    TypeError
        None of these.
    ValueError
        A missing or damaged file; arrays of other shapes or types; a triangle of
        vertices that are not there.
    """
    mesh = _read(surface, name)
    if check and mesh.fault is not None:
        raise ValueError(mesh.fault)
    return mesh


def open_meshes(
    surface: Any, name: str = "surface", *, check: bool = True
) -> dict[str | None, Mesh]:
    """Read surfaces by the structures that they are of; None of an unnamed one.

    Parameters
    ----------
    surface : mapping of "left" and "right" to surfaces, or one surface
    name, check
        Those of :func:`open_mesh`.
    """
    parts = getattr(surface, "parts", surface)
    if isinstance(parts, Mapping) and all(
        isinstance(part, Mesh) for part in parts.values()
    ):
        return dict(parts)
    if not isinstance(parts, Mapping):
        mesh = open_mesh(surface, name, check=check)
        return {mesh.structure: mesh}
    meshes: dict[str | None, Mesh] = {}
    check_sides(parts, name)
    for side, part in parts.items():
        argument = f"{name}[{side!r}]"
        mesh = open_mesh(part, argument, check=check)
        check_structure(mesh.structure, side, argument)
        meshes[side] = mesh
    return meshes


def _read(surface: Any, name: str) -> Mesh:
    if isinstance(surface, Mesh):
        return surface
    if isinstance(surface, (str, os.PathLike)):
        return _of_file(surface, name)
    if isinstance(surface, nibabel.GiftiImage):
        return _of_gifti(surface, name, None)
    path = getattr(surface, "file_path", None)
    if isinstance(path, (str, os.PathLike)):
        # nilearn's mesh of a file, which it reads anew for each part that is asked for.
        return _of_file(path, name)
    if hasattr(surface, "coordinates") and hasattr(surface, "faces"):
        return Mesh(*_arrays(surface.coordinates, surface.faces, name), name)
    is_pair = isinstance(surface, (tuple, list)) and len(surface) == 2
    if is_pair and not isinstance(surface[0], (str, os.PathLike)):
        coordinates, triangles = surface
        return Mesh(*_arrays(coordinates, triangles, name), name)
    msg = (
        f"{name} is of type {type(surface).__name__}; it must be a path, a nilearn "
        "mesh, a pair of arrays (coordinates, triangles), or {'left': ..., 'right': "
        "...} for two hemispheres"
    )
    raise TypeError(msg)


def check_sides(given: Mapping[Any, Any], name: str) -> None:
    """Check that a mapping is one of hemispheres.

    Raises
    ------
    ValueError
        It has another key.
    """
    for side in given:
        if side not in HEMISPHERES.values():
            msg = f"{name} has the key {side!r}; its keys must be 'left' and 'right'"
            raise ValueError(msg)


def check_structure(structure: str | None, side: str, name: str) -> None:
    """Check that something is not of the other hemisphere by its words or its name.

    Raises
    ------
    ValueError
        It is.
    """
    if {structure, side} == {"left", "right"}:
        msg = (
            f"{name} is of the {structure} hemisphere by its own words or its "
            f"name; it must be of the {side} one"
        )
        raise ValueError(msg)


def side_by_name(path: str | os.PathLike[str] | None) -> str | None:
    """Return the side that the name of a file says; None without one.

    Names of FreeSurfer (``lh.white``), of BIDS (``sub-01_hemi-L_thickness.shape.gii``)
    and of the HCP (``100307.L.midthickness.32k_fs_LR.surf.gii``) do.
    """
    if path is None:
        return None
    found = {match[match.lastindex or 0] for match in _SIDE.finditer(Path(path).name)}
    return _SIDES[found.pop()] if len(found) == 1 else None


def gifti_side(
    image: nibabel.GiftiImage,
    words: Mapping[str, Any],
    path: str | os.PathLike[str] | None = None,
) -> str | None:
    """Return the side that the words of a GIFTI image say, or else its name."""
    said = words.get("AnatomicalStructurePrimary")
    if said:
        return HEMISPHERES.get(str(said))
    return side_by_name(path or image.get_filename())


def _is_named_average(place: Path | None) -> bool:
    """Whether a file or the folders around it have such a name (fsaverage/surf)."""
    return place is not None and bool(_AVERAGE.search("/".join(place.parts[-3:])))


def _with_file(name: str, place: Path) -> str:
    return f"{name} ({str(place)!r})"


def _of_file(path: str | os.PathLike[str], name: str) -> Mesh:
    place = expanded(path)
    if place.name.lower().endswith((".gii", ".gii.gz")):
        return _of_gifti(read_gifti(path), name, place)
    coordinates, triangles = read_freesurfer_surface(path)
    geometry = next(
        (
            form.capitalize()
            for form in ("inflated", "sphere", "flat")
            if form in place.name.lower()
        ),
        None,
    )
    name = _with_file(name, place)
    return Mesh(
        *_arrays(coordinates, triangles, name),
        name,
        structure=side_by_name(place),
        geometry=geometry,
        is_average=_is_named_average(place),
        path=place,
    )


def _of_gifti(image: Any, name: str, place: Path | None) -> Mesh:
    points = [part for part in image.darrays if part.intent == _POINTS]
    faces = [part for part in image.darrays if part.intent == _TRIANGLES]
    if place is not None:
        name = _with_file(name, place)
    if len(points) != 1 or len(faces) != 1:
        msg = (
            f"{name} is a GIFTI image with {len(points)} sets of points and "
            f"{len(faces)} of triangles; a surface has one of each"
        )
        raise ValueError(msg) if place is None else ImageFileError(msg)
    words = {**image.meta, **points[0].meta}
    history = str(words.get("Provenance", "")) + str(words.get("ParentProvenance", ""))
    return Mesh(
        *_arrays(points[0].data, faces[0].data, name),
        name,
        structure=gifti_side(image, words, place),
        geometry=words.get("GeometricType"),
        is_average="-surface-average" in history or _is_named_average(place),
        path=place,
    )


def _arrays(
    coordinates: Any, triangles: Any, name: str
) -> tuple[NDArray[Any], Triangles]:
    """Check the shapes and types of a surface."""
    try:
        points, faces = np.asarray(coordinates), np.asarray(triangles)
    except ValueError:
        msg = (
            f"{name} has rows of different lengths; coordinates and triangles must be "
            "of shape (vertices, 3) and (triangles, 3)"
        )
        raise ValueError(msg) from None
    if points.ndim != 2 or points.shape[1] != 3 or points.dtype.kind not in "iuf":
        msg = (
            f"{name} has coordinates of shape {shape_text(points.shape)} and type "
            f"{points.dtype}; they must be numbers of shape (vertices, 3)"
        )
        raise ValueError(msg)
    if faces.ndim != 2 or faces.shape[1] != 3 or faces.dtype.kind not in "iu":
        msg = (
            f"{name} has triangles of shape {shape_text(faces.shape)} and type "
            f"{faces.dtype}; they must be integers of shape (triangles, 3)"
        )
        raise ValueError(msg)
    if faces.dtype.kind == "u" and faces.itemsize == 8:
        # What int64 does not hold is as wrong as the largest that it does.
        faces = np.minimum(faces, np.uint64(np.iinfo(np.int64).max))
    if faces.dtype.kind == "u" and faces.itemsize == 4:
        faces = faces.astype(np.int64)
    if faces.itemsize == 8:
        return points, np.ascontiguousarray(faces, dtype=np.int64)
    return points, np.ascontiguousarray(faces, dtype=np.int32)
