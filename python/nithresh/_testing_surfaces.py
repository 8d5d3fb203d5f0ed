"""Hypothesis strategies that make surfaces, and maps of them."""

from __future__ import annotations

from typing import Any

import nibabel
import numpy as np
from hypothesis import strategies as st
from nibabel.cifti2.cifti2 import Cifti2Image
from nibabel.cifti2.cifti2_axes import BrainModelAxis, ScalarAxis
from numpy.typing import NDArray

from nithresh._testing_values import values

Surface = tuple[NDArray[np.float64], NDArray[np.int32]]

_HEMISPHERES = {"left": "CortexLeft", "right": "CortexRight"}


def strip(vertices: int) -> Surface:
    r"""Make a strip of triangles, in which vertex v touches v + 1 and v + 2.

    ::

        0 - 2 - 4
         \ / \ / \
          1 - 3 - 5
    """
    number = np.arange(vertices)
    coordinates = np.column_stack([number / 2, number % 2, 0 * number])
    first = np.arange(max(0, vertices - 2), dtype=np.int32)
    return coordinates.astype(np.float64), np.column_stack(
        [first, first + 1, first + 2]
    ).astype(np.int32)


def icosphere(subdivisions: int = 1) -> Surface:
    """Make a closed surface of 10 * 4**subdivisions + 2 vertices, of radius 1."""
    golden = (1 + 5**0.5) / 2
    corners = [
        np.roll([0, one, other], turn)
        for turn in range(3)
        for one in (-1, 1)
        for other in (-golden, golden)
    ]
    points = np.array(corners, np.float64)
    distances = np.linalg.norm(points[:, np.newaxis] - points, axis=-1)
    touches = np.isclose(distances, 2)
    faces = np.array(
        [
            (a, b, c)
            for a in range(12)
            for b in range(a)
            for c in range(b)
            if touches[a, b] and touches[b, c] and touches[a, c]
        ],
        np.int32,
    )
    for _ in range(subdivisions):
        points, faces = _subdivided(points, faces)
    return points / np.linalg.norm(points, axis=1, keepdims=True), faces


def _subdivided(points: NDArray[np.float64], faces: NDArray[np.int32]) -> Surface:
    """Cut each triangle into four."""
    edges = np.sort(
        np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    )
    unique, places = np.unique(edges, axis=0, return_inverse=True)
    first, second, third = places.reshape(3, -1) + len(points)
    middles = points[unique].mean(axis=1)
    a, b, c = faces.T
    cut = [(a, first, third), (b, second, first), (c, third, second)]
    cut.append((first, second, third))
    return np.concatenate([points, middles]), np.concatenate(
        [np.column_stack(corners) for corners in cut]
    ).astype(np.int32)


def _flags(count: int) -> st.SearchStrategy[NDArray[np.bool_]]:
    flags = st.lists(st.booleans(), min_size=count, max_size=count)
    return flags.map(lambda drawn: np.array(drawn, np.bool_))


@st.composite
def surfaces(draw: st.DrawFn, *, max_vertices: int = 12) -> Surface:
    """Draw a surface: coordinates in mm, and triangles.

    A strip or a closed surface with some triangles left out, so that it has holes and
    vertices on their own, and some that are degenerate or there twice.
    """
    coordinates, triangles = draw(
        st.sampled_from([strip(draw(st.integers(1, max_vertices))), icosphere(0)])
    )
    vertex = st.integers(0, len(coordinates) - 1)
    stays = draw(
        st.lists(st.booleans(), min_size=len(triangles), max_size=len(triangles))
    )
    more = draw(st.lists(st.tuples(vertex, vertex, vertex), max_size=3))
    kept = triangles[stays]
    added = np.array(more, np.int32).reshape(-1, 3)
    return coordinates, np.concatenate([kept, added])


def surface_values(
    count: int, *, dtype: str = "float32", non_finite: bool = True
) -> st.SearchStrategy[NDArray[Any]]:
    """Draw the values of vertices: few distinct ones, so that they are often equal."""
    one = values(dtype, non_finite=non_finite)
    drawn = st.lists(one, min_size=count, max_size=count)
    return drawn.map(lambda numbers: np.array(numbers, dtype))


@st.composite
def surface_images(
    draw: st.DrawFn,
    *,
    maps: int = 1,
    dtype: str = "float32",
    non_finite: bool = True,
    signs: int = 2,
) -> Any:
    """Draw a nilearn SurfaceImage of both hemispheres; needs nilearn.

    Parameters
    ----------
    maps : int
        The values of a hemisphere have the shape (vertices,) for 1, else
        (vertices, maps).
    dtype : str
    non_finite : bool
        Whether there may be NaN and infinities.
    signs : {1, 2}
        Whether there are only positive values, or negative ones too.
    """
    from nilearn.surface import InMemoryMesh, PolyMesh, SurfaceImage

    # nilearn makes no mesh without triangles.
    meshes = {side: draw(surfaces().filter(_has_triangles)) for side in _HEMISPHERES}
    data = {}
    for side, (coordinates, _) in meshes.items():
        count = len(coordinates)
        drawn = surface_values(count * maps, dtype=dtype, non_finite=non_finite)
        numbers = draw(drawn).reshape((count, maps) if maps > 1 else (count,))
        data[side] = np.abs(numbers) if signs == 1 else numbers
    parts = {side: InMemoryMesh(*mesh) for side, mesh in meshes.items()}
    return SurfaceImage(PolyMesh(**parts), data)


def _has_triangles(surface: Surface) -> bool:
    """Whether a surface has a triangle."""
    return len(surface[1]) > 0


@st.composite
def gifti_images(
    draw: st.DrawFn, count: int, *, maps: int = 1, structure: str | None = None
) -> nibabel.GiftiImage:
    """Draw a GIFTI image of float32 values, with an array for each map."""
    image = nibabel.GiftiImage()
    if structure is not None:
        image.meta["AnatomicalStructurePrimary"] = _HEMISPHERES[structure]
    for _ in range(maps):
        data = draw(surface_values(count))
        array = nibabel.gifti.gifti.GiftiDataArray(data, intent="NIFTI_INTENT_ZSCORE")
        image.add_gifti_data_array(array)
    return image


@st.composite
def cifti_images(
    draw: st.DrawFn, surfaces: dict[str, Surface], *, maps: int = 1
) -> Cifti2Image:
    """Draw a CIFTI-2 image of some vertices of surfaces, and of voxels in structures.

    Parameters
    ----------
    surfaces : dict of "left" and "right" to surfaces
    maps : int
    """
    axes = []
    for side, (coordinates, _) in surfaces.items():
        has = draw(
            st.lists(
                st.booleans(), min_size=len(coordinates), max_size=len(coordinates)
            )
        )
        vertices = np.flatnonzero(np.array(has, np.bool_))
        if vertices.size:
            axes.append(
                BrainModelAxis.from_surface(
                    vertices, len(coordinates), name=_HEMISPHERES[side]
                )
            )
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    structures = draw(
        st.sampled_from([[], ["ThalamusLeft"], ["ThalamusLeft", "ThalamusRight"]])
    )
    count = len(structures)
    # Each has a voxel, and no voxel is in two.
    others = st.lists(st.integers(0, count), min_size=18 - count, max_size=18 - count)
    owners = np.array([*range(count), *draw(others)]).reshape(3, 3, 2)
    for number, name in enumerate(structures):
        axes.append(BrainModelAxis.from_mask(owners == number, name, affine))
    if not axes:
        axes.append(
            BrainModelAxis.from_mask(
                np.ones((1, 1, 1), np.bool_), "ThalamusLeft", affine
            )
        )
    models = axes[0]
    for more in axes[1:]:
        models = models + more
    data = np.array([draw(surface_values(len(models))) for _ in range(maps)])
    names = ScalarAxis([f"map {number}" for number in range(maps)])
    return Cifti2Image(data, (names, models))
