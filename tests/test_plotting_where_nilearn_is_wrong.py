"""The places where nilearn's plot is wrong and this one is right."""

import io
import itertools
import subprocess
import sys
import textwrap
import warnings

import matplotlib.pyplot as plt
import nibabel as nib
import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import ndimage

from nithresh import datasets, threshold_img
from nithresh.plotting import plot_stat_map

CUTS = (5, -26, 21)
AXES = {"x": (1, 2), "y": (0, 2), "z": (0, 1)}


@pytest.fixture(autouse=True)
def _no_figures_left():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def sample():
    return nib.load(datasets.load_sample_motor_activation_image())


def draw(img, **kwargs):
    return plot_stat_map(img, figure=Figure(figsize=(7.3, 3.5)), **kwargs)


def map_image(panel):
    """The picture of the map in a panel: the one above the background's."""
    return panel.ax.images[-1]


def oblique(degrees=(10, 15, 20), zooms=(3, 3, 3)):
    from scipy.spatial.transform import Rotation

    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    affine[:3, :3] *= zooms
    return affine


def image(data, affine=None):
    return nib.Nifti1Image(data, np.diag([3.0, 3, 3, 1]) if affine is None else affine)


def pixels(picture):
    """The mm of the pixel centres of a picture, across and up."""
    left, right, bottom, top = picture.get_extent()
    rows, columns = picture.get_array().shape
    across = left + (right - left) * (np.arange(columns) + 0.5) / columns
    up = bottom + (top - bottom) * (np.arange(rows) + 0.5) / rows
    return across, up


def points_of(panel):
    """The mm of every pixel of the map in a panel, shape (rows, columns, 3)."""
    across, up = pixels(map_image(panel))
    points = np.empty((len(up), len(across), 3))
    points[..., AXES[panel.direction][0]] = across
    points[..., AXES[panel.direction][1]] = up[:, np.newaxis]
    points[..., "xyz".index(panel.direction)] = panel.coord
    return points


def on_an_edge(img, points):
    """Points that are in two voxels, within rounding: either may be drawn."""
    ijk = nib.affines.apply_affine(np.linalg.inv(img.affine), points)
    return (np.abs(ijk - np.floor(ijk) - 0.5) < 1e-5).any(axis=-1)


def voxel_values(img, points):
    """The voxels that hold points in mm, 0 outside: one point at a time."""
    data = np.asarray(img.dataobj)
    ijk = np.rint(nib.affines.apply_affine(np.linalg.inv(img.affine), points))
    values = np.zeros(points.shape[:-1], data.dtype)
    for place in np.ndindex(values.shape):
        i, j, k = ijk[place].astype(int)
        if all(0 <= v < n for v, n in zip((i, j, k), data.shape, strict=True)):
            values[place] = data[i, j, k]
    return values


# 1


def test_half_voxel_extents_are_voxel_edges(sample):
    display = draw(sample, cut_coords=CUTS)
    # Origin (78, -112, -50), steps (-3, 3, 3), 53 x 63 x 46 voxels.
    x, y, z = (78 - 52 * 3 - 1.5, 79.5), (-113.5, 75.5), (-51.5, 86.5)
    assert map_image(display.axes["x"]).get_extent() == pytest.approx([*y, *z])
    assert map_image(display.axes["y"]).get_extent() == pytest.approx([*x, *z])
    assert map_image(display.axes["z"]).get_extent() == pytest.approx([*x, *y])


def test_half_voxel_one_voxel_is_drawn_where_it_is():
    # The same blob of 6 mm on grids of 2, 3 and 6 mm: it covers 0 to 6 in each.
    for zoom in (2, 3, 6):
        data = np.zeros((24 // zoom,) * 3, np.float32)
        start = (0 + 12) // zoom
        data[(slice(start, start + 6 // zoom),) * 3] = 5
        affine = np.diag([zoom, zoom, zoom, 1.0])
        affine[:3, 3] = -12 + zoom / 2
        display = draw(image(data, affine), bg_img=None, cut_coords=(3, 3, 3))
        for panel in display.axes.values():
            across, up = pixels(map_image(panel))
            shown = ~np.ma.getmaskarray(map_image(panel).get_array())
            for centres, any_shown in ((across, shown.any(0)), (up, shown.any(1))):
                covered = centres[any_shown]
                assert covered.min() - zoom / 2 == pytest.approx(0)
                assert covered.max() + zoom / 2 == pytest.approx(6)


def test_map_and_background_are_drawn_alike(sample):
    # A background that is the map itself lies exactly under the map.
    display = draw(sample, bg_img=sample, cut_coords=CUTS)
    for panel in display.axes.values():
        background, front = panel.ax.images
        assert background.get_extent() == pytest.approx(front.get_extent())


# 2


@pytest.mark.parametrize("z", [-66, 120])
def test_a_cut_outside_is_an_empty_panel_and_a_warning(sample, z):
    with pytest.warns(UserWarning, match=r"z=-?\d+ .*-51.5 to 86.5"):
        display = draw(sample, bg_img=None, cut_coords=(5, -26, z))
    assert len(display.axes["x"].ax.images) == 1
    assert len(display.axes["z"].ax.images) == 0


def test_a_cut_outside_the_map_shows_the_background_alone(sample):
    with pytest.warns(UserWarning, match="outside the map"):
        display = draw(sample, cut_coords=(5, -26, -66))
    (background,) = display.axes["z"].ax.images
    assert background.get_array().max() > 100


def test_all_cuts_outside_are_an_error(sample):
    with pytest.raises(ValueError, match=r"x -79.5 to 79.5, y -113.5 to 75.5"):
        draw(sample, cut_coords=(500, 500, 500))
    with pytest.raises(ValueError, match="outside the map"):
        draw(sample, display_mode="z", cut_coords=[-80, -70])


def test_the_edge_of_the_outermost_voxel_is_inside(sample):
    display = draw(sample, bg_img=None, display_mode="z", cut_coords=[-51.5, 86.5])
    assert all(len(panel.ax.images) == 1 for panel in display.axes.values())


# 3


@pytest.mark.parametrize("threshold", [1e-6, 3, 5.5])
def test_oblique_draws_only_voxels_of_the_map(sample, threshold):
    data = np.asarray(sample.dataobj)
    img = image(data, oblique() @ np.diag([1 / 3, 1 / 3, 1 / 3, 1]) @ sample.affine)
    display = draw(img, threshold=threshold, cut_coords=CUTS)
    kept = threshold_img(img, 0 if threshold == 1e-6 else threshold)
    drawn = 0
    for panel in display.axes.values():
        plane = map_image(panel).get_array()
        values = plane.compressed()
        assert np.isin(values, data).all()
        assert (np.abs(values) >= (threshold if threshold > 1 else 0)).all()
        assert (values != 0).all()
        drawn += len(values)
        # And each of them is the voxel that holds the pixel's centre.
        expected = voxel_values(kept, points_of(panel))
        sure = ~on_an_edge(kept, points_of(panel))
        assert sure.mean() > 0.99
        np.testing.assert_array_equal(plane.filled(0)[sure], expected[sure])
    assert drawn > 100


def test_a_shear_and_swapped_axes_are_sampled_too():
    rng = np.random.default_rng(0)
    data = rng.normal(size=(12, 14, 16)).astype(np.float32)
    affine = np.array(
        [[0.0, 2.5, 0.4, -20], [3.0, 0, 0, -18], [0.2, 0, -2.0, 18], [0, 0, 0, 1]]
    )
    img = image(data, affine)
    display = draw(img, bg_img=None, threshold=1, cut_coords=(0, 0, 0))
    kept = threshold_img(img, 1)
    for panel in display.axes.values():
        np.testing.assert_array_equal(
            map_image(panel).get_array().filled(0),
            voxel_values(kept, points_of(panel)),
        )


@pytest.mark.parametrize("method", ["nearest", "linear", "continuous"])
def test_no_interpolation_paints_below_the_threshold(method):
    rng = np.random.default_rng(1)
    data = rng.normal(size=(20, 20, 20)).astype(np.float32)
    img = image(data, oblique())
    display = draw(img, threshold=1.5, resampling_interpolation=method)
    for panel in display.axes.values():
        values = map_image(panel).get_array().compressed()
        assert len(values)
        assert (np.abs(values) >= 1.5).all()


def test_labels_are_never_blended():
    data = np.zeros((20, 20, 20), np.float32)
    data[5:15, 5:15, 5:15] = 7
    img = image(data, oblique())
    display = draw(img, bg_img=None, threshold=None, cut_coords=(20, 30, 30))
    for panel in display.axes.values():
        assert set(map_image(panel).get_array().compressed()) <= {0, 7}


def test_nothing_hidden_may_be_blended():
    data = np.random.default_rng(2).normal(size=(20, 20, 20)).astype(np.float32)
    img = image(data, oblique())
    planes = {}
    for method in ("nearest", "linear", "continuous"):
        display = draw(
            img,
            bg_img=None,
            threshold=None,
            cut_coords=(20, 30, 30),
            resampling_interpolation=method,
        )
        planes[method] = map_image(display.axes["z"]).get_array()
    assert np.isin(planes["nearest"].compressed(), data).all()
    assert not np.isin(planes["linear"].compressed(), data).all()
    np.testing.assert_array_equal(planes["linear"], planes["continuous"])


# 4


def test_nothing_of_the_callers_is_changed():
    rng = np.random.default_rng(3)
    images = []
    for _ in range(3):
        data = rng.normal(size=(10, 10, 10)).astype(np.float32)
        data[2, 3, 4], data[0, 0, 0], data[5, 5, 5] = np.nan, np.inf, -np.inf
        images.append(image(data))
    before = [(np.array(i.dataobj), i.affine.copy(), i.header.copy()) for i in images]
    span = [0.5, 1.0]
    draw(
        images[0],
        bg_img=images[1],
        transparency=images[2],
        transparency_range=span,
        threshold=1,
        cluster_threshold=2,
        cut_coords=(12, 12, 12),
    )
    levels = [0.5]
    display = draw(images[0], bg_img=None, cut_coords=(12, 12, 12))
    display.add_contours(images[0], filled=True, levels=levels)
    for img, (data, affine, header) in zip(images, before, strict=True):
        assert np.asarray(img.dataobj).tobytes() == data.tobytes()
        assert (img.affine == affine).all()
        assert img.header == header
    assert span == [0.5, 1.0]
    assert levels == [0.5]


# 5


def boxes(display):
    return [panel.ax.get_window_extent() for panel in display.axes.values()]


def test_an_overlay_leaves_panels_and_bar_where_they_are(sample):
    display = draw(sample, threshold=3, cut_coords=CUTS)
    display.frame_axes.figure.draw_without_rendering()
    before = [box.bounds for box in boxes(display)]
    bar = display.colorbar_ax.get_window_extent().bounds
    display.add_overlay(threshold_img(sample, 5), threshold=5, cmap="viridis")
    display.frame_axes.figure.draw_without_rendering()
    assert [box.bounds for box in boxes(display)] == before
    assert display.colorbar_ax.get_window_extent().bounds == bar
    labels = display.colorbar_ax.get_tightbbox()
    assert not any(labels.overlaps(box) for box in boxes(display))


# 6


def largest_cluster(data, threshold):
    """The largest cluster, by SciPy, as a mask."""
    sizes, best = 0, None
    for side in (data >= threshold, data <= -threshold):
        labels, count = ndimage.label(side)
        for label in range(1, count + 1):
            mask = labels == label
            if mask.sum() > sizes:
                sizes, best = mask.sum(), mask
    return best


def voxel_at(img, coords):
    ijk = nib.affines.apply_affine(np.linalg.inv(img.affine), coords)
    return tuple(np.rint(ijk).astype(int))


@pytest.mark.parametrize("threshold", [2, 3, 6])
def test_cuts_go_through_the_largest_cluster(sample, threshold):
    data = np.asarray(sample.dataobj)
    cluster = largest_cluster(data, threshold)
    display = draw(sample, threshold=threshold)
    assert cluster[voxel_at(sample, display.cut_coords)]
    centre = ndimage.center_of_mass(np.abs(data) * cluster)
    if cluster[tuple(np.rint(centre).astype(int))]:
        mm = nib.affines.apply_affine(sample.affine, centre)
        assert display.cut_coords == pytest.approx(mm, abs=1e-3)


@pytest.mark.parametrize("threshold", [1e-6, None, 0])
def test_a_threshold_that_hides_nothing(sample, threshold):
    data = np.asarray(sample.dataobj)
    level = np.percentile(np.abs(data[data != 0]), 80)
    display = draw(sample, threshold=threshold)
    assert largest_cluster(data, level)[voxel_at(sample, display.cut_coords)]


@pytest.mark.parametrize("threshold", [0.5, -0.5])
def test_an_explicit_threshold_that_hides_nothing(threshold):
    # All that is shown is one cluster at the threshold; the upper fifth of it is
    # what the cut goes through.
    data = np.zeros((20, 20, 20), np.float32)
    data[1:9, 1:9, 1:9] = data[8:13, 8:13, 8:13] = 1
    data[12:18, 12:18, 12:18] = 3
    data *= np.sign(threshold)
    display = draw(image(data), threshold=threshold, two_sided=threshold > 0)
    assert display.cut_coords == pytest.approx((43.5,) * 3, abs=1)


@pytest.mark.parametrize("dtype", ["float16", ">f4", "int8", "bool"])
def test_a_threshold_that_hides_nothing_of_a_map_of_any_type(dtype):
    data = np.zeros((10, 10, 10), np.float32)
    data[1:4, 1:5, 1:6] = 1
    data[5:8, 5:7, 5:8] = 1 if dtype == "bool" else 3
    displays = [
        draw(nib.spatialimages.SpatialImage(own, np.eye(4)), threshold=0.5, bg_img=None)
        for own in (data, data.astype(dtype))
    ]
    assert displays[0].cut_coords == displays[1].cut_coords


def test_a_hollow_cluster_is_cut_at_its_nearest_voxel():
    data = np.zeros((15, 15, 15), np.float32)
    data[2:13, 2:13, 2:13] = 4
    data[4:11, 4:11, 4:10] = 0  # thinnest below the hollow at the upper end of z
    data[0, 0, 0] = 1  # so that the threshold hides something
    img = image(data, oblique())
    display = draw(img, threshold=3, bg_img=None)
    voxels = np.argwhere(data >= 3)
    centre = nib.affines.apply_affine(img.affine, voxels.mean(axis=0))
    points = nib.affines.apply_affine(img.affine, voxels)
    distance = np.linalg.norm(points - centre, axis=1)
    assert np.linalg.norm(display.cut_coords - centre) == pytest.approx(distance.min())
    assert data[voxel_at(img, display.cut_coords)] >= 3


def test_the_cluster_is_one_that_is_shown():
    data = np.zeros((20, 20, 20), np.float32)
    data[2:8, 2:8, 2:8] = -5  # the larger one, but on the other side
    data[14:17, 14:17, 14:17] = 5
    for two_sided, expected in ((True, -5), (False, 5)):
        display = draw(image(data), threshold=3, two_sided=two_sided, bg_img=None)
        assert data[voxel_at(image(data), display.cut_coords)] == expected


@pytest.mark.parametrize("mode", ["x", "y", "z"])
@pytest.mark.parametrize("affine", [None, oblique()], ids=["aligned", "oblique"])
def test_each_of_several_cuts_shows_something(mode, affine):
    data = np.zeros((20, 22, 24), np.float32)
    data[3:6, 10:16, 4:9] = 3
    data[14, 3, 20] = -6
    display = draw(
        image(data, affine), display_mode=mode, cut_coords=4, threshold=2, bg_img=None
    )
    assert len(display.cut_coords) == 4
    assert display.cut_coords == sorted(set(display.cut_coords))
    for panel in display.axes.values():
        assert map_image(panel).get_array().count() > 0


def test_an_empty_map_is_cut_in_the_middle_with_a_warning(sample):
    empty = image(np.zeros((10, 11, 12), np.float32))
    with pytest.warns(UserWarning, match="middle of the field of view"):
        display = draw(empty, bg_img=None)
    assert display.cut_coords == pytest.approx((13.5, 15, 16.5))
    with pytest.warns(UserWarning, match="no voxel is left"):
        draw(sample, threshold=100)
    with pytest.warns(UserWarning, match="no voxel is left"):
        draw(sample, threshold=3, cluster_threshold=10**6)


# 7


@pytest.mark.parametrize(
    "words",
    [
        {"threshold": 4},
        {"threshold": 4, "cluster_threshold": 4},
        {"threshold": 4, "cluster_threshold": 5},
        {"threshold": 4, "two_sided": False},
        {"threshold": -4, "two_sided": False},
        {"threshold": 4, "cluster_threshold": 6, "connectivity": 26},
    ],
    ids=str,
)
def test_the_plot_shows_what_threshold_img_keeps(words):
    rng = np.random.default_rng(4)
    data = rng.integers(-6, 7, size=(9, 9, 9)).astype(np.float32)
    img = image(data)
    kept = np.asarray(threshold_img(img, **words).dataobj)
    assert (np.abs(kept) == 4).any()  # voxels equal to the threshold stay
    display = draw(img, bg_img=None, cut_coords=(12, 12, 12), **words)
    for direction, plane in {
        "x": kept[4, :, :].T,
        "y": kept[:, 4, :].T,
        "z": kept[:, :, 4].T,
    }.items():
        drawn = map_image(display.axes[direction]).get_array()
        np.testing.assert_array_equal(drawn.filled(0), plane)
        np.testing.assert_array_equal(np.ma.getmaskarray(drawn), plane == 0)


# 8


def test_a_negative_threshold_shows_the_negative_tail(sample):
    data = np.asarray(sample.dataobj)
    display = draw(sample, threshold=-3, two_sided=False)
    assert data[voxel_at(sample, display.cut_coords)] <= -3
    for panel in display.axes.values():
        values = map_image(panel).get_array().compressed()
        assert len(values)
        assert (values <= -3).all()
    (band,) = display.colorbar_ax.patches
    low, high = band.get_y(), band.get_y() + band.get_height()
    assert (low, high) == pytest.approx((-3, np.abs(data).max()))
    ticks = display.colorbar_ax.get_yticks()
    assert -3 in ticks
    assert 3 not in ticks
    with pytest.raises(ValueError, match=r"threshold is -3.*two_sided=True"):
        draw(sample, threshold=-3)


# 9


def test_limits_color_and_do_not_hide(sample):
    # Of one sign: the limits leave no colours for the other one.
    free = draw(sample, cut_coords=CUTS, two_sided=False)
    limited = draw(sample, cut_coords=CUTS, two_sided=False, vmin=2, vmax=5)
    for one, other in zip(free.axes.values(), limited.axes.values(), strict=True):
        picture = map_image(other)
        assert picture.get_clim() == (2, 5)
        shown = picture.get_array()
        np.testing.assert_array_equal(shown.mask, map_image(one).get_array().mask)
        assert ((shown.compressed() > 0) & (shown.compressed() < 2)).any()


# 10

LONG = (
    "left minus right button press, all subjects, smoothed with 8 mm, thresholded at "
    "z = 3 with a cluster threshold of 20 voxels and six neighbours each"
)


@pytest.mark.parametrize("title", [LONG, LONG * 2, "no_spaces_" * 30])
@pytest.mark.parametrize("black", [False, True])
def test_a_long_title_covers_nothing(sample, title, black):
    display = draw(sample, title=title, cut_coords=CUTS, black_bg=black)
    figure = display.frame_axes.figure
    figure.draw_without_rendering()
    (text,) = display.frame_axes.texts
    box = text.get_bbox_patch().get_window_extent()
    assert "".join(text.get_text().split()) == "".join(title.split())
    assert figure.bbox.x0 <= box.x0
    assert box.x1 <= figure.bbox.x1
    assert box.y1 <= figure.bbox.y1
    assert not box.overlaps(display.colorbar_ax.get_tightbbox())
    assert not any(box.overlaps(panel) for panel in boxes(display))


def test_panels_are_cropped_to_the_brain(sample):
    display = draw(sample, cut_coords=CUTS)
    template = datasets.load_mni152_template()
    shown = np.argwhere(np.asarray(template.dataobj))
    statistic = np.argwhere(np.asarray(sample.dataobj))
    corners = [
        nib.affines.apply_affine(img.affine, voxels) + np.array(shift)[:, None, None]
        for img, voxels, shift in (
            (template, shown, (-1, 1)),
            (sample, statistic, (-1.5, 1.5)),
        )
    ]
    points = np.concatenate([corner.reshape(-1, 3) for corner in corners])
    low, high = points.min(axis=0), points.max(axis=0)
    for panel in display.axes.values():
        across, up = AXES[panel.direction]
        for limits, axis in (
            (panel.ax.get_xlim(), across),
            (panel.ax.get_ylim(), up),
        ):
            assert low[axis] - 3 <= limits[0] <= low[axis]
            assert high[axis] <= limits[1] <= high[axis] + 3


def test_panels_are_larger_than_nilearns(sample):
    from nilearn.plotting import plot_stat_map as nilearn_plot

    def scale(display):
        display.frame_axes.figure.canvas.draw()
        ax = display.axes["y"].ax
        return ax.get_window_extent().width / np.ptp(ax.get_xlim())

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = scale(nilearn_plot(sample, cut_coords=CUTS))
    ours = scale(plot_stat_map(sample, cut_coords=CUTS))
    assert ours > 1.25 * theirs


# 11


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_output_file_saves_closes_and_gives_the_display(sample, tmp_path, suffix):
    path = tmp_path / "new folder" / f"plot.{suffix}"
    display = plot_stat_map(sample, cut_coords=CUTS, output_file=path)
    assert display.cut_coords == CUTS
    start = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[suffix]
    assert path.read_bytes().startswith(start)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert plt.get_fignums() == []


def test_output_file_closes_a_figure_of_pyplot(sample, tmp_path):
    figure = plt.figure()
    plot_stat_map(
        sample, cut_coords=CUTS, figure=figure, output_file=tmp_path / "plot.png"
    )
    assert not plt.fignum_exists(figure.number)


def test_output_file_needs_no_pyplot(tmp_path):
    code = f"""
        import sys
        import nithresh.plotting
        assert "matplotlib" not in sys.modules
        image = nithresh.datasets.load_sample_motor_activation_image()
        nithresh.plotting.plot_stat_map(
            image, threshold=3, title="t", output_file={str(tmp_path / "plot.png")!r}
        )
        assert "matplotlib.pyplot" not in sys.modules
        """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)
    assert (tmp_path / "plot.png").stat().st_size > 10_000


def test_a_failed_save_leaves_no_file(sample, tmp_path):
    path = tmp_path / "plot.png"
    path.write_text("before")
    display = draw(sample, cut_coords=CUTS)
    with pytest.raises(ValueError, match="dpi"):
        display.savefig(path, dpi=-1)
    with pytest.raises(ValueError, match="not supported"):
        display.savefig(tmp_path / "plot.xyz")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_close_works_on_any_figure(sample):
    with_pyplot = plot_stat_map(sample, cut_coords=CUTS)
    assert len(plt.get_fignums()) == 1
    with_pyplot.close()
    assert plt.get_fignums() == []
    draw(sample, cut_coords=CUTS).close()


def test_subfigures(sample):
    figure = plt.figure(figsize=(8, 8))
    above, below = figure.subfigures(2, 1)
    first = plot_stat_map(sample, cut_coords=CUTS, figure=above, title="above")
    ax = below.subplots()
    second = plot_stat_map(sample, cut_coords=CUTS, axes=ax, title="below")
    figure.draw_without_rendering()
    middle = figure.bbox.height / 2
    assert all(box.y0 >= middle for box in boxes(first))
    assert all(box.y1 <= middle for box in boxes(second))
    file = io.BytesIO()
    first.savefig(file)
    assert file.getvalue().startswith(b"\x89PNG")
    first.close()
    assert plt.get_fignums() == []


def test_savefig_to_a_file_object(sample):
    display = draw(sample, cut_coords=CUTS)
    sizes = []
    for dpi in (50, 100):
        file = io.BytesIO()
        display.savefig(file, dpi=dpi)
        sizes.append(plt.imread(io.BytesIO(file.getvalue())).shape[:2])
    assert sizes == [(175, 365), (350, 730)]


@pytest.mark.parametrize("span", [(2, 6), [2, 6], np.array([2.0, 6.0])], ids=type)
def test_transparency_range(sample, span):
    display = draw(
        sample, transparency=sample, transparency_range=span, cut_coords=CUTS
    )
    for panel in display.axes.values():
        picture = map_image(panel)
        alpha = np.clip((np.abs(picture.get_array().filled(0)) - 2) / 4, 0, 1)
        np.testing.assert_allclose(picture.get_alpha(), alpha, atol=1e-6)


# 12


@pytest.mark.parametrize("scale", [1e-8, 1e-30, 1e20])
def test_the_default_threshold_hides_zeros_alone(sample, scale):
    data = np.asarray(sample.dataobj, np.float64) * scale
    display = draw(image(data, sample.affine), cut_coords=CUTS)
    for panel in display.axes.values():
        drawn = map_image(panel).get_array()
        values = voxel_values(image(data, sample.affine), points_of(panel))
        np.testing.assert_array_equal(drawn.filled(0), values)
        np.testing.assert_array_equal(drawn.mask, values == 0)
        assert map_image(panel).get_clim()[1] == pytest.approx(np.abs(data).max())
    assert len(display.colorbar_ax.patches) == 0  # no band


# What nilearn has not


def test_cluster_threshold_is_that_of_threshold_img(sample):
    words = {"threshold": 3, "cluster_threshold": 40, "connectivity": 18}
    kept = threshold_img(sample, **words)
    one = draw(sample, cut_coords=CUTS, **words)
    other = draw(kept, cut_coords=CUTS)
    for a, b in itertools.zip_longest(one.axes.values(), other.axes.values()):
        drawn, expected = map_image(a).get_array(), map_image(b).get_array()
        np.testing.assert_array_equal(drawn.filled(0), expected.filled(0))
        assert drawn.count() == expected.count()


def test_volume_of_a_4d_image(sample):
    data = np.asarray(sample.dataobj)
    img = image(np.stack([data, -2 * data, 0.5 * data], axis=3), sample.affine)
    display = draw(img, volume=1, cut_coords=CUTS)
    expected = draw(image(-2 * data, sample.affine), cut_coords=CUTS)
    for a, b in zip(display.axes.values(), expected.axes.values(), strict=True):
        np.testing.assert_array_equal(
            map_image(a).get_array().filled(0), map_image(b).get_array().filled(0)
        )
    with pytest.raises(ValueError, match="has 3 volumes"):
        draw(img)
    for volume in (-1, 3):
        with pytest.raises(ValueError, match=rf"volume is {volume}.*0 to 2"):
            draw(img, volume=volume)
    with pytest.raises(TypeError, match=r"volume is 1\.0"):
        draw(img, volume=1.0)
    draw(image(data[..., np.newaxis], sample.affine), cut_coords=CUTS)


def test_cbar_label_stands_beside_the_bar(sample):
    display = draw(sample, cbar_label="z", cut_coords=CUTS)
    assert display.colorbar_ax.get_ylabel() == "z"
    figure = display.frame_axes.figure
    figure.draw_without_rendering()
    label = display.colorbar_ax.yaxis.label.get_window_extent()
    assert label.x0 > display.colorbar_ax.get_window_extent().x1
    assert label.x1 < figure.bbox.x1
