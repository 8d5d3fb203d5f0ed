"""Planes, bounds and crops against SciPy and brute force, on random grids."""

import itertools

import nibabel as nib
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from nilearn.plotting import find_cut_slices
from scipy import ndimage
from scipy.spatial.transform import Rotation

from nithresh.plotting.geometry import PLANE_AXES, Volume, union
from nithresh.plotting.slices import slices_of, smoothed, strongest

WIDE = np.array([[-500.0, 500.0]] * 3)


@st.composite
def volumes(draw, *, oblique=None):
    """Small volumes on any grid: flipped, swapped, stretched, perhaps rotated."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    shape = tuple(draw(st.integers(1, 7)) for _ in range(3))
    data = rng.normal(size=shape).astype(draw(st.sampled_from(["f4", "f8"])))
    data[rng.random(shape) < draw(st.sampled_from([0, 0.5, 0.95]))] = 0
    if draw(st.booleans()):
        data = np.asfortranarray(data)
    linear = np.diag(rng.uniform(0.5, 4, 3) * rng.choice([-1, 1], 3))
    linear = linear[list(draw(st.permutations(range(3))))]
    if draw(st.booleans()) if oblique is None else oblique:
        linear = Rotation.random(random_state=seed).as_matrix() @ linear
    affine = np.eye(4)
    affine[:3, :3] = linear
    affine[:3, 3] = rng.uniform(-20, 20, 3)
    return Volume(data, affine)


def corners(volume, voxels):
    """The mm of the eight corners of each voxel."""
    shifts = np.array(list(itertools.product([-0.5, 0.5], repeat=3)))
    points = (np.asarray(voxels)[:, np.newaxis] + shifts).reshape(-1, 3)
    return nib.affines.apply_affine(volume.affine, points)


def positions(volume, grid):
    """The voxel coordinates of all pixels of a grid, shape (rows, columns, 3)."""
    points = np.empty((len(grid.up), len(grid.across), 3))
    across, up = PLANE_AXES[grid.direction]
    points[..., across] = grid.across
    points[..., up] = grid.up[:, np.newaxis]
    points[..., "xyz".index(grid.direction)] = grid.coord
    return nib.affines.apply_affine(np.linalg.inv(volume.affine), points)


directions = st.sampled_from("xyz")
places = st.floats(0.01, 0.99)


def some_grid(volume, direction, place, **kwargs):
    low, high = volume.bounds["xyz".index(direction)]
    return volume.grid(direction, low + place * (high - low), volume.bounds, **kwargs)


@given(volume=volumes())
def test_bounds_are_the_corners_of_the_voxels(volume):
    points = corners(volume, list(np.ndindex(volume.data.shape)))
    np.testing.assert_allclose(volume.bounds[:, 0], points.min(axis=0), atol=1e-9)
    np.testing.assert_allclose(volume.bounds[:, 1], points.max(axis=0), atol=1e-9)


@given(volume=volumes())
def test_content_bounds_are_the_corners_of_the_non_zero_voxels(volume):
    voxels = np.argwhere(volume.data)
    if len(voxels) == 0:
        assert volume.content_bounds is None
        return
    points = corners(volume, voxels)
    np.testing.assert_allclose(
        volume.content_bounds,
        np.stack([points.min(axis=0), points.max(axis=0)], axis=1),
        atol=1e-9,
    )


@given(volume=volumes(), direction=directions, place=places)
def test_nearest_is_the_voxel_around_the_pixel(volume, direction, place):
    grid = some_grid(volume, direction, place, per_voxel=2)
    plane = volume.nearest(grid)
    assert plane.dtype == volume.data.dtype
    ijk = positions(volume, grid)
    sure = (np.abs(ijk - np.floor(ijk) - 0.5) > 1e-5).all(axis=-1)
    expected = ndimage.map_coordinates(
        volume.data, np.moveaxis(np.rint(ijk), -1, 0), order=0, cval=np.nan
    )
    np.testing.assert_array_equal(
        plane.filled(np.nan)[sure], expected.astype(plane.dtype)[sure]
    )


@given(volume=volumes(), direction=directions, place=places)
def test_linear_blends_as_scipy_does(volume, direction, place):
    grid = some_grid(volume, direction, place)
    plane = volume.linear(grid)
    ijk = positions(volume, grid)
    shape = np.array(volume.data.shape)
    expected = ndimage.map_coordinates(
        volume.data.astype("f8"), np.moveaxis(ijk, -1, 0), order=1, mode="nearest"
    )
    inside = ((ijk > -0.5 + 1e-5) & (ijk < shape - 0.5 - 1e-5)).all(axis=-1)
    outside = ((ijk < -0.5 - 1e-5) | (ijk > shape - 0.5 + 1e-5)).any(axis=-1)
    np.testing.assert_allclose(
        plane.filled(np.nan)[inside], expected[inside], atol=1e-4
    )
    assert np.ma.getmaskarray(plane)[outside].all()


@given(volume=volumes(oblique=False), direction=directions, place=places)
def test_aligned_planes_are_voxels_one_to_one(volume, direction, place):
    grid = some_grid(volume, direction, place)
    assert volume.is_aligned
    plane = volume.nearest(grid)
    assert plane.count() == plane.size
    across, up = PLANE_AXES[direction]
    left, right, bottom, top = grid.extent
    assert (left, right) == pytest.approx(tuple(volume.bounds[across]))
    assert (bottom, top) == pytest.approx(tuple(volume.bounds[up]))
    order = np.abs(volume.affine[:3, :3]).argmax(axis=1)  # voxel axis of x, y, z
    assert plane.shape == (
        volume.data.shape[order[up]],
        volume.data.shape[order[across]],
    )


@given(volume=volumes(oblique=True), direction=directions, place=places)
def test_oblique_pixels_are_square_and_cover_the_volume(volume, direction, place):
    grid = some_grid(volume, direction, place, per_voxel=2)
    assert grid.steps[0] == grid.steps[1]
    across, up = PLANE_AXES[direction]
    left, right, bottom, top = grid.extent
    assert left <= volume.bounds[across, 0] + 1e-6
    assert right >= volume.bounds[across, 1] - 1e-6
    assert bottom <= volume.bounds[up, 0] + 1e-6
    assert top >= volume.bounds[up, 1] - 1e-6


@given(volume=volumes(), axis=st.integers(0, 2), data=st.data())
def test_cuts_go_through_slices_that_show_something(volume, axis, data):
    slices = slices_of(volume, axis, smoothed(volume))
    showing = {place for place, sum_ in enumerate(slices.sums) if sum_ > 0}
    assert bool(showing) == volume.data.any()
    for place in showing:
        grid = volume.grid(
            "xyz"[axis], slices.coords[place], volume.bounds, per_voxel=2
        )
        assert volume.nearest(grid).filled(0).any()
    assert all(volume.contains("xyz"[axis], coord) for coord in slices.coords)
    count = data.draw(st.integers(1, len(slices.coords)))
    picked = strongest(slices, count)
    assert picked == sorted(set(picked))
    assert len(picked) == count
    if showing:
        assert len(showing & set(picked)) == min(count, len(showing))


@given(
    values=arrays(np.float32, (4, 5, 9), elements=st.integers(1, 6).map(float)),
    axis=st.integers(0, 2),
    count=st.integers(1, 4),
)
def test_so_many_cuts_are_those_of_nilearn(values, axis, count):
    affine = np.diag([2.0, 3, 4, 1])
    theirs = find_cut_slices(nib.Nifti1Image(values, affine), "xyz"[axis], count)
    volume = Volume(values, affine)
    slices = slices_of(volume, axis, smoothed(volume))
    # nilearn can leave the map for want of others.
    assume(max(theirs) <= slices.coords[-1])
    assert slices.coords[strongest(slices, count)].tolist() == theirs.tolist()


def test_rounding_noise_does_not_make_a_volume_oblique():
    noise = np.random.default_rng(0).normal(scale=1e-6, size=(3, 3))
    affine = np.diag([-2.0, 2, 2, 1])
    affine[:3, :3] += noise
    assert Volume(np.zeros((91, 109, 91)), affine).is_aligned
    tilted = np.diag([-2.0, 2, 2, 1])
    tilted[0, 1] = 0.01  # half a voxel over the volume
    assert not Volume(np.zeros((91, 109, 91)), tilted).is_aligned


def test_an_oblique_grid_stays_within_the_view():
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("z", 30, degrees=True).as_matrix()
    volume = Volume(np.ones((100, 100, 100), np.float32), affine)
    view = np.array([[0.0, 20.0], [40.0, 60.0], [0.0, 100.0]])
    left, right, bottom, top = volume.grid("z", 50.0, view, per_voxel=2).extent
    assert (left, bottom) == (0, 40)
    assert (right, top) == pytest.approx((20, 60))


def test_a_huge_oblique_volume_gets_no_more_pixels_than_a_panel_shows():
    affine = np.eye(4)
    affine[:3, :3] = 0.1 * Rotation.from_euler("z", 30, degrees=True).as_matrix()
    volume = Volume(np.ones((2000, 2000, 1), np.uint8), affine)
    grid = volume.grid("z", 0.0, volume.bounds, per_voxel=2)
    assert max(len(grid.across), len(grid.up)) <= 600


def test_padded_adds_a_pixel_on_each_side():
    volume = Volume(np.ones((3, 4, 5)), np.diag([2.0, 2, 2, 1]))
    padded = volume.grid("z", 0.0, WIDE).padded()
    assert padded.extent == (-3, 7, -3, 9)
    plane = volume.nearest(padded)
    assert plane[1:-1, 1:-1].count() == plane.count() == 12


def test_integer_valued():
    ones = np.ones((5, 5, 5), np.float32)
    assert Volume(ones, np.eye(4)).is_integer
    ones[4, 4, 4] = 0.5
    assert not Volume(ones, np.eye(4)).is_integer
    assert Volume(np.ones((5, 5, 5), np.uint8), np.eye(4)).is_integer


def test_union():
    one = np.array([[0.0, 1.0], [0, 1], [5, 6]])
    other = np.array([[-1.0, 0.5], [0, 3], [2, 3]])
    assert union([one, other]).tolist() == [[-1, 1], [0, 3], [2, 6]]
