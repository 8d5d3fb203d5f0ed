"""What is drawn besides the map: background, labels, cross, overlays, layout."""

import io
import itertools
import os
import subprocess
import sys
import warnings
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import nibabel as nib
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from nilearn.plotting.image.utils import load_anat

from nithresh import datasets
from nithresh.plotting import SliceDisplay, plot_stat_map
from nithresh.plotting.layout import BarRoom, arrange
from nithresh.plotting.maps import Template, open_background

CUTS = (5, -26, 21)


@pytest.fixture(autouse=True)
def _no_figures_left():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def sample():
    return nib.load(datasets.load_sample_motor_activation_image())


def draw(img, **kwargs):
    kwargs.setdefault("figure", Figure(figsize=(7.3, 3.5)))
    kwargs.setdefault("cut_coords", CUTS)
    return plot_stat_map(img, **kwargs)


def image(data, affine=None):
    return nib.Nifti1Image(data, np.diag([3.0, 3, 3, 1]) if affine is None else affine)


# The background


@given(
    seed=st.integers(0, 1000),
    border=st.sampled_from([0.0, 0.4, 1.0]),
    dim=st.sampled_from(["auto", 0, 0.5, -1, 2]),
    black=st.sampled_from(["auto", True, False]),
)
def test_background_is_dimmed_as_nilearn_does(seed, border, dim, black):
    data = np.full((12, 12, 12), border)
    data[3:9, 3:9, 3:9] = np.random.default_rng(seed).uniform(0, 1, (6, 6, 6))
    ours = open_background(image(data), black_bg=black, dim=dim)
    _, their_black, vmin, vmax = load_anat(image(data), dim=dim, black_bg=black)
    assert ours.black == their_black
    if dim != 0:  # nilearn leaves the limits to matplotlib then
        assert (ours.vmin, ours.vmax) == pytest.approx((vmin, vmax))


def test_the_template_is_dimmed_as_nilearns_is():
    white = open_background(Template.MNI152)
    black = open_background(Template.MNI152, black_bg=True)
    assert not white.black
    assert white.vmin / 255 == pytest.approx(-0.445, abs=0.001)
    assert white.vmax / 255 == pytest.approx(0.988, abs=0.001)
    assert black.vmin == 0
    assert black.vmax / 255 == pytest.approx(1.384, abs=0.001)


def test_the_background_is_the_template_and_its_zeros_are_clear(sample):
    display = draw(sample, cut_coords=(4, -26, 20))
    template = np.asarray(datasets.load_mni152_template().dataobj)
    for direction, plane in {
        "x": template[(4 + 72) // 2, :, :].T,
        "y": template[:, (-26 + 106) // 2, :].T,
        "z": template[:, :, (20 + 72) // 2].T,
    }.items():
        picture = display.axes[direction].ax.images[0]
        np.testing.assert_array_equal(picture.get_array(), plane)
        np.testing.assert_array_equal(picture.get_alpha(), plane != 0)
        assert picture.get_cmap().name == "gray"


def test_between_two_slices_the_background_is_the_mean_of_the_brain(sample):
    display = draw(sample, cut_coords=(5, -26, 21))
    template = np.asarray(datasets.load_mni152_template().dataobj, np.float64)
    pair = template[(4 + 72) // 2 : (6 + 72) // 2 + 1]
    is_brain = pair != 0
    picture = display.axes["x"].ax.images[0]
    # A pixel that is brain in one of the two slices is no darker, but half as dense.
    np.testing.assert_allclose(picture.get_alpha(), is_brain.mean(axis=0).T)
    mean = pair.sum(axis=0) / np.maximum(is_brain.sum(axis=0), 1)
    np.testing.assert_allclose(picture.get_array(), mean.T, rtol=1e-6)
    assert 0 < (is_brain.mean(axis=0) == 0.5).sum() < 1000


@pytest.mark.parametrize("nothing", [None, False])
def test_no_background(sample, nothing):
    display = draw(sample, bg_img=nothing)
    assert all(len(panel.ax.images) == 1 for panel in display.axes.values())
    assert not display.black_bg


def test_a_background_with_nan(sample):
    data = np.asarray(datasets.load_mni152_template().dataobj, np.float32)
    data[data == 0] = np.nan
    background = image(data, datasets.load_mni152_template().affine)
    one, other = draw(sample, bg_img=background, dim=0.6, black_bg=False), draw(sample)
    for a, b in zip(one.axes.values(), other.axes.values(), strict=True):
        np.testing.assert_array_equal(
            a.ax.images[0].get_alpha(), b.ax.images[0].get_alpha()
        )


def test_black(sample):
    figure = Figure(figsize=(7.3, 3.5))
    display = draw(sample, black_bg=True, figure=figure, title="t")
    file = io.BytesIO()
    display.savefig(file)
    pixels = plt.imread(io.BytesIO(file.getvalue()))
    assert (pixels[:5, -5:, :3] == 0).all()
    texts = [text for panel in display.axes.values() for text in panel.ax.texts]
    assert {to_rgba(text.get_color()) for text in texts} == {to_rgba("w")}
    assert plot_stat_map(sample, black_bg=True).frame_axes.figure.get_facecolor() == (
        to_rgba("k")
    )


# Labels, cross, title


def texts(panel):
    return {text.get_text(): text for text in panel.ax.texts}


def test_annotations(sample):
    display = draw(sample, cut_coords=(5.98, -26.4, -0.3))
    assert set(texts(display.axes["x"])) == {"x=6"}
    assert set(texts(display.axes["y"])) == {"y=-26", "L", "R"}
    assert set(texts(display.axes["z"])) == {"z=0", "L", "R"}
    assert texts(display.axes["z"])["L"].get_position()[0] < 0.5
    bare = draw(sample, annotate=False)
    assert not any(panel.ax.texts for panel in bare.axes.values())
    bare.annotate(left_right=False, decimals=1)
    assert set(texts(bare.axes["z"])) == {"z=21.0"}


def test_no_text_overlaps_another(sample):
    for mode, cuts in (("ortho", CUTS), ("z", 7), ("x", 3), ("y", 1), ("yx", (0, 0))):
        for size in ((7.3, 3.5), (3.5, 1.7)):
            display = draw(
                sample,
                display_mode=mode,
                cut_coords=cuts,
                figure=Figure(size),
                title="A title",
            )
            figure = display.frame_axes.figure
            figure.draw_without_rendering()
            found = [text for panel in display.axes.values() for text in panel.ax.texts]
            found += display.colorbar_ax.get_yticklabels() + display.frame_axes.texts
            extents = [text.get_window_extent() for text in found]
            for index, one in enumerate(extents):
                assert figure.bbox.x0 <= one.x0
                assert one.x1 <= figure.bbox.x1
                assert figure.bbox.y0 <= one.y0
                assert one.y1 <= figure.bbox.y1
                assert not any(one.overlaps(other) for other in extents[:index])


def test_radiological_flips_panels_and_letters(sample):
    display = draw(sample, radiological=True)
    for panel in display.axes.values():
        left, right = panel.ax.get_xlim()
        assert left > right
    assert texts(display.axes["z"])["R"].get_position()[0] < 0.5


def lines(panel):
    return {
        (tuple(np.unique(line.get_xdata())), tuple(np.unique(line.get_ydata())))
        for line in panel.ax.lines
    }


def test_the_cross_goes_through_the_cut(sample):
    display = draw(sample)
    assert lines(display.axes["x"]) == {((-26,), (0, 1)), ((0, 1), (21,))}
    assert lines(display.axes["y"]) == {((5,), (0, 1)), ((0, 1), (21,))}
    assert lines(display.axes["z"]) == {((5,), (0, 1)), ((0, 1), (-26,))}
    two = draw(sample, display_mode="yx", cut_coords=(5, -26))
    assert two.cut_coords == (5, -26)
    assert lines(two.axes["y"]) == {((5,), (0, 1))}
    assert lines(two.axes["x"]) == {((-26,), (0, 1))}
    stacked = draw(sample, display_mode="z", cut_coords=[0, 20])
    assert not any(panel.ax.lines for panel in stacked.axes.values())
    bare = draw(sample, draw_cross=False)
    assert not any(panel.ax.lines for panel in bare.axes.values())
    bare.draw_cross((1, 2, 3), color="r")
    assert ((2,), (0, 1)) in lines(bare.axes["x"])


def test_the_title_is_in_a_box_upper_left_and_can_change(sample):
    display = draw(sample, title="first")
    display.title("second", size=10)
    (title,) = display.frame_axes.texts
    assert title.get_text() == "second"
    assert title.get_size() == 10
    display.frame_axes.figure.draw_without_rendering()
    box = title.get_bbox_patch().get_window_extent()
    figure = display.frame_axes.figure.bbox
    assert box.x0 < 0.05 * figure.width
    assert box.y1 > 0.9 * figure.height
    assert draw(sample, title="x").frame_axes.texts[0].get_size() == 15


# Where things are


@pytest.mark.parametrize("size", [(7.3, 3.5), (4, 6), (16, 2)])
@pytest.mark.parametrize(
    ("mode", "cuts"), [("ortho", CUTS), ("xz", (5, 21)), ("z", 5), ("y", [0])]
)
def test_panels_share_one_scale_and_do_not_overlap(sample, size, mode, cuts):
    display = draw(
        sample, display_mode=mode, cut_coords=cuts, figure=Figure(size), title="t"
    )
    figure = display.frame_axes.figure
    figure.draw_without_rendering()
    extents = []
    scales = []
    for panel in display.axes.values():
        box = panel.ax.get_window_extent()
        scales += [
            box.width / np.ptp(panel.ax.get_xlim()),
            box.height / np.ptp(panel.ax.get_ylim()),
        ]
        extents.append(box)
    assert scales == pytest.approx([scales[0]] * len(scales))
    extents.append(display.colorbar_ax.get_window_extent())
    assert [box.x0 for box in extents] == sorted(box.x0 for box in extents)
    for left, right in itertools.pairwise(extents):
        assert left.x1 <= right.x0


def test_panels_follow_the_window(sample):
    figure = Figure(figsize=(7.3, 3.5))
    display = draw(sample, figure=figure)
    figure.set_size_inches(14.6, 7)
    figure.draw_without_rendering()
    row = [panel.ax.get_window_extent() for panel in display.axes.values()]
    assert row[-1].x1 - row[0].x0 > 1000


@given(
    frame=st.tuples(st.floats(50, 2000), st.floats(50, 2000)),
    sizes=st.lists(
        st.tuples(st.floats(10, 200), st.floats(10, 200)), min_size=1, max_size=9
    ),
    title=st.floats(0, 30),
    labels=st.floats(0, 20),
    bar=st.none() | st.just(BarRoom(20, 10, 5, 5, 80, 200)),
)
@example(frame=(1626, 50), sizes=[(10, 10)], title=2, labels=20, bar=None)
@example(frame=(50, 50), sizes=[(10, 10)] * 9, title=2, labels=2, bar=None)
def test_all_boxes_are_inside_the_frame(frame, sizes, title, labels, bar):
    layout = arrange(frame, [sizes], title=title, labels=labels, bar=bar)
    assert len(layout.panels) == len(sizes)
    assert (layout.bar is None) == (bar is None)
    scale = layout.panels[0][2] * frame[0] / sizes[0][0]
    for (left, bottom, width, height), (across, up) in zip(
        layout.panels, sizes, strict=True
    ):
        assert width * frame[0] == pytest.approx(scale * across)
        assert height * frame[1] == pytest.approx(scale * up)
        assert left >= 0
        assert left + width <= 1 + 1e-9
        if title + labels < 0.6 * frame[1]:
            assert bottom * frame[1] >= labels
            assert (1 - bottom - height) * frame[1] >= title - 1e-6


# Figure and axes


def test_panels_make_ticks_when_somebody_asks_for_them(sample):
    display = draw(sample, cut_coords=CUTS)
    ax = display.axes["x"].ax
    display.savefig(io.BytesIO())
    assert not {"majorTicks", "minorTicks"} & set(vars(ax.xaxis))
    ax.set_axis_on()
    other = Figure().add_subplot()
    other.set_xlim(ax.get_xlim())
    ax.set_xticks([-50, 0, 50])
    other.set_xticks([-50, 0, 50])
    for axes in (ax, other):
        axes.figure.draw_without_rendering()
    labels, expected = (
        [t.get_text() for t in a.get_xticklabels()] for a in (ax, other)
    )
    assert labels == expected
    ax.cla()
    assert ax.axison


def test_without_figure_and_axes_the_figure_is_pyplots(sample):
    display = plot_stat_map(sample, cut_coords=CUTS)
    figure = display.frame_axes.figure
    assert plt.gcf() is figure
    assert tuple(figure.get_size_inches()) == pytest.approx((7.3, 3.5))
    assert figure.get_dpi() == 100
    plot_stat_map(sample, cut_coords=CUTS, figure=7)
    assert 7 in plt.get_fignums()


def test_axes_of_subplots_keep_to_their_part(sample):
    figure, axes = plt.subplots(2, 1, figsize=(8, 8))
    for ax in axes:
        display = plot_stat_map(sample, axes=ax, title="t", cut_coords=CUTS)
        figure.draw_without_rendering()
        frame = ax.get_window_extent().padded(1e-6)
        for other in [*display.axes.values()]:
            box = other.ax.get_window_extent()
            assert frame.x0 <= box.x0
            assert frame.y0 <= box.y0
            assert box.x1 <= frame.x1
            assert box.y1 <= frame.y1
        assert display.frame_axes is ax
        assert not ax.axison


def test_axes_of_a_constrained_layout_are_followed(sample):
    figure, axes = plt.subplots(1, 2, figsize=(12, 4), layout="constrained")
    axes[0].plot([0, 1])
    axes[0].set_ylabel("a label")
    display = plot_stat_map(sample, axes=axes[1], cut_coords=CUTS)
    figure.draw_without_rendering()
    frame = axes[1].get_window_extent()
    row = [panel.ax.get_window_extent() for panel in display.axes.values()]
    assert frame.x0 <= row[0].x0
    assert row[-1].x1 <= frame.x1


def test_axes_as_a_rectangle(sample):
    display = draw(sample, axes=(0.5, 0, 0.5, 1))
    width = display.frame_axes.figure.bbox.width
    for panel in display.axes.values():
        assert panel.ax.get_window_extent().x0 >= width / 2


def test_axes_of_another_figure(sample):
    ax = Figure().subplots()
    with pytest.raises(ValueError, match="axes belong to another figure"):
        plot_stat_map(sample, figure=Figure(), axes=ax)


# What is added later


def test_an_overlay_is_thresholded_like_the_map(sample):
    display = draw(sample, bg_img=None, threshold=6)
    display.add_overlay(sample, threshold=3, cluster_threshold=30, cmap="viridis")
    expected = draw(sample, bg_img=None, threshold=3, cluster_threshold=30)
    for a, b in zip(display.axes.values(), expected.axes.values(), strict=True):
        np.testing.assert_array_equal(
            a.ax.images[-1].get_array().filled(0), b.ax.images[-1].get_array().filled(0)
        )
    with pytest.raises(ValueError, match="has a colour bar"):
        display.add_overlay(sample, colorbar=True)
    late = draw(sample, bg_img=None, colorbar=False)
    late.add_overlay(sample, colorbar=True, vmin=-4, vmax=4, cbar_vmax=8)
    assert late.colorbar_ax.get_ylim() == (-4, 8)


def test_an_overlay_beyond_the_panels_widens_them(sample):
    display = draw(sample)
    data = np.ones((3, 3, 3), np.float32)
    far = np.diag([5.0, 5, 5, 1])
    far[:3, 3] = (0, 150, 0)
    display.add_overlay(image(data, far))
    assert display.axes["x"].ax.get_xlim()[1] >= 162.5
    assert display.axes["z"].ax.get_ylim()[1] >= 162.5


def contour_points(panel):
    return np.concatenate(
        [path.vertices for item in panel.ax.collections for path in item.get_paths()]
    )


def test_contours_of_a_mask_run_along_its_voxels():
    data = np.zeros((20, 20, 20), np.uint8)
    data[0:10, 5:12, 8:10] = 1  # mm: -1.5 to 28.5, 13.5 to 34.5, 22.5 to 28.5
    display = draw(image(data), bg_img=None, cut_coords=(15, 24, 24))
    display.add_contours(image(data), levels=[0.5], colors="g")
    for direction, bounds in {
        "x": ((13.5, 34.5), (22.5, 28.5)),
        "y": ((-1.5, 28.5), (22.5, 28.5)),
        "z": ((-1.5, 28.5), (13.5, 34.5)),
    }.items():
        points = contour_points(display.axes[direction])
        for column, (low, high) in zip(points.T, bounds, strict=True):
            assert (column.min(), column.max()) == pytest.approx((low, high))


def test_contours_where_there_are_none_do_not_warn(sample):
    display = draw(sample)
    display.add_contours(sample, levels=[500])
    assert not any(panel.ax.collections for panel in display.axes.values())


def test_filled_contours(sample):
    levels = [3]
    display = draw(sample, colorbar=False)
    display.add_contours(
        sample, filled=True, levels=levels, colors="r", alpha=0.5, linewidths=2
    )
    assert levels == [3]
    for panel in display.axes.values():
        assert any(item.filled for item in panel.ax.collections)
        assert not all(item.filled for item in panel.ax.collections)


def test_markers_within_two_millimetres(sample):
    display = draw(sample)
    points = [[5, -26, 21], [7, 0, 0], [7.1, 0, 0], [60, 60, 22.9]]
    display.add_markers(
        points, marker_color=["r", "g", "b", "y"], marker_size=[1, 2, 3, 4]
    )
    expected = {
        "x": ([[-26, 21], [0, 0]], "rg", [1, 2]),
        "y": ([[5, 21]], "r", [1]),
        "z": ([[5, -26], [60, 60]], "ry", [1, 4]),
    }
    for direction, (offsets, colors, sizes) in expected.items():
        (markers,) = display.axes[direction].ax.collections
        assert markers.get_offsets().tolist() == offsets
        assert markers.get_facecolors().tolist() == [list(to_rgba(c)) for c in colors]
        assert markers.get_sizes().tolist() == sizes
    display.add_markers([[5, -26, 21]])
    with pytest.raises(ValueError, match="marker_coords"):
        display.add_markers([[1, 2]])


def test_scale_bar(sample):
    display = draw(sample, annotate=False)
    display.annotate(scalebar=True, scale_size=30, scale_units="mm")
    display.frame_axes.figure.draw_without_rendering()
    for panel in display.axes.values():
        (artist,) = [a for a in panel.ax.artists if hasattr(a, "size_bar")]
        assert artist.txt_label.get_text() == "30mm"
    with pytest.raises(ValueError, match="scale_units"):
        display.annotate(scalebar=True, scale_units="inch")


# Transparency


def test_transparency_as_a_number(sample):
    display = draw(sample, transparency=0.4)
    assert all(p.ax.images[-1].get_alpha() == 0.4 for p in display.axes.values())
    assert all(p.ax.images[0].get_alpha().max() == 1 for p in display.axes.values())
    with pytest.warns(UserWarning, match="transparency is 1.5"):
        display = draw(sample, transparency=1.5)
    assert display.axes["x"].ax.images[-1].get_alpha() == 1
    with pytest.warns(UserWarning, match="alpha is ignored"):
        draw(sample, transparency=0.5, alpha=0.1)
    assert draw(sample, alpha=0.1).axes["x"].ax.images[-1].get_alpha() == 0.1


def test_transparency_on_another_grid(sample):
    data = np.zeros((3, 3, 3), np.float32)
    data[0], data[1], data[2] = 0, 1, -2
    coarse = np.diag([60.0, 80, 80, 1])
    coarse[:3, 3] = (-60, -100, -40)
    display = draw(sample, transparency=image(data, coarse))
    alpha = display.axes["z"].ax.images[-1].get_alpha()
    assert np.unique(alpha).tolist() == [0, 0.5, 1]
    for span in ((1, 1), (3, 2), (-1, 2), (1,), "ab", 5):
        with pytest.raises(ValueError, match="transparency_range"):
            draw(sample, transparency=sample, transparency_range=span)


# Arguments


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ({"display_mode": "q"}, ValueError, "display_mode is 'q'.*\"ortho\""),
        ({"display_mode": 3}, ValueError, "display_mode is 3"),
        (
            {"cut_coords": 3},
            ValueError,
            r"cut_coords is 3.*3 numbers in mm \(x, y, z\)",
        ),
        ({"cut_coords": (1, 2)}, ValueError, "cut_coords"),
        ({"cut_coords": "abc"}, ValueError, "cut_coords"),
        ({"cut_coords": (1, 2, np.nan)}, ValueError, "cut_coords"),
        ({"display_mode": "z", "cut_coords": 0}, ValueError, "must be 1 or more"),
        ({"display_mode": "z", "cut_coords": 2.5}, ValueError, "must be 1 or more"),
        ({"display_mode": "z", "cut_coords": []}, ValueError, "cut_coords"),
        ({"display_mode": "xz", "cut_coords": (1, 2, 3)}, ValueError, "2 numbers"),
        ({"threshold": "abc"}, ValueError, "threshold is 'abc'"),
        ({"threshold": "95"}, ValueError, "threshold is '95'"),
        ({"threshold": True}, TypeError, "threshold is True"),
        ({"threshold": [3]}, TypeError, r"threshold is \[3\]"),
        ({"threshold": np.nan}, ValueError, "NaN"),
        ({"threshold": -1}, ValueError, "two_sided"),
        ({"cluster_threshold": 2.0}, TypeError, "cluster_threshold is 2.0"),
        ({"cluster_threshold": 2, "threshold": None}, ValueError, "need a threshold"),
        ({"connectivity": 7}, ValueError, "connectivity is 7"),
        ({"two_sided": "yes"}, TypeError, "two_sided is 'yes'"),
        ({"colorbar": "yes"}, TypeError, "colorbar"),
        ({"annotate": None}, TypeError, "annotate"),
        ({"draw_cross": "no"}, TypeError, "draw_cross"),
        ({"radiological": "no"}, TypeError, "radiological"),
        ({"black_bg": "no"}, TypeError, "black_bg"),
        ({"symmetric_cbar": "no"}, TypeError, "symmetric_cbar"),
        ({"cbar_tick_format": "abc"}, ValueError, "cbar_tick_format is 'abc'"),
        ({"vmin": "1"}, TypeError, "vmin is '1'"),
        ({"vmin": 5, "vmax": 3}, ValueError, "vmin must be below vmax"),
        ({"vmin": 10}, ValueError, "vmin=10"),
        ({"dim": "much"}, ValueError, "dim is 'much'"),
        ({"resampling_interpolation": "cubic"}, ValueError, "resampling_interpolation"),
        ({"extent": (0, 1, 0, 1)}, TypeError, "extent"),
        ({"figure": 3.5}, TypeError, "figure is of type float"),
        ({"axes": (0, 1)}, TypeError, "axes is"),
        ({"axes": (0, 0, 0, 1)}, ValueError, "axes is"),
        ({"bg_img": 3}, TypeError, "bg_img"),
        ({"cmap": "no map"}, ValueError, "no map"),
        ({"nonsense": 1}, TypeError, "plot_stat_map has no argument 'nonsense'"),
        ({"treshold": 3}, TypeError, "plot_stat_map .* 'treshold'; is 'threshold'"),
        ({"interpolaton": "nearest"}, TypeError, "is 'interpolation' meant"),
        ({"title": 5}, TypeError, "title is 5"),
        ({"cbar_tick_format": 3}, ValueError, "cbar_tick_format is 3"),
        ({"output_file": 3}, TypeError, "the file to save is 3"),
        (
            {"bg_img": nib.Nifti1Image(np.ones((3, 3, 3, 2), "f4"), np.eye(4))},
            ValueError,
            r"bg_img has 2 volumes \(shape \(3, 3, 3, 2\)\); it must have one$",
        ),
        ({"transparency": "no/such.nii"}, FileNotFoundError, "transparency"),
        ({"decimals": "x"}, TypeError, "decimals is 'x'"),
        ({"decimals": -1}, ValueError, "decimals is -1; it must be 0 to 17"),
        ({"brain_color": "nocolor"}, ValueError, "brain_color is 'nocolor'"),
        ({"cbar_label": 3}, TypeError, "cbar_label is 3"),
        ({"cmap": 3}, TypeError, "cmap is 3"),
        ({"output_file": "no.png", "dpi": "x"}, TypeError, "dpi is 'x'"),
        ({"output_file": "no.png", "dpi": 0}, ValueError, "dpi is 0"),
        ({"output_file": "no.png", "dpi": -5}, ValueError, "dpi is -5"),
        ({"output_file": "/proc/no/a.png"}, OSError, "directory: '/proc/no/a.png'$"),
    ],
    # Not an image, whose text differs between the processes of a run.
    ids=lambda value: ", ".join(value) if isinstance(value, dict) else str(value),
)
def test_one_clear_error(sample, words, error, message):
    before = plt.get_fignums()
    with pytest.raises(error, match=message):
        plot_stat_map(sample, **words)
    assert plt.get_fignums() == before


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d, img: d.add_contours(img, levels="x"), "levels is 'x'"),
        (lambda d, img: d.add_contours(img, levels=[1, np.nan]), "levels is .*nan"),
        (lambda d, img: d.add_contours(img, levels=True), "levels is True"),
        (lambda d, img: d.add_edges(img, color="nocolor"), "color is 'nocolor'"),
        (lambda d, img: d.annotate(size="x"), "size is 'x'"),
        (lambda d, img: d.title("t", size=-3), "size is -3"),
        (lambda d, img: d.add_overlay(img, cbar_tick_format=3), "tick_format is 3"),
        (lambda d, img: d.add_overlay(img, vmin="x"), "vmin is 'x'"),
        (lambda d, img: d.add_overlay(img, cbar_vmax="x"), "cbar_vmax is 'x'"),
        (lambda d, img: d.add_overlay(img, vmin=5, vmax=1), "vmin must be below vmax"),
    ],
    ids=[
        *("text", "nan", "flag", "edges", "annotate", "title"),
        *("format", "vmin", "cbar_vmax", "no range"),
    ],
)
def test_one_clear_error_of_a_display(sample, call, message):
    display = draw(sample, cut_coords=CUTS, colorbar=False)
    with pytest.raises((TypeError, ValueError), match=message):
        call(display, sample)


def test_sizes_of_texts_by_name(sample):
    display = draw(sample, cut_coords=CUTS, annotate=False)
    display.annotate(size="small")
    display.title("A title", size="x-large")
    (title,) = display.frame_axes.texts
    assert title.get_size() == pytest.approx(14.4)
    assert display.axes["x"].ax.texts[0].get_size() == pytest.approx(8.33)


@pytest.mark.parametrize("name", ["figure.autolayout", "figure.constrained_layout.use"])
def test_settings_of_a_layout_move_nothing(sample, name):
    places = []
    for value in (False, True):
        with mpl.rc_context({name: value}), warnings.catch_warnings():
            warnings.simplefilter("error")
            display = plot_stat_map(sample, cut_coords=CUTS)
            display.savefig(io.BytesIO())
        places.append([p.ax.get_position().bounds for p in display.axes.values()])
    assert places[0] == places[1]


def test_images_that_cannot_be_drawn():
    with pytest.raises(TypeError, match="stat_map_img"):
        plot_stat_map([1, 2])
    with pytest.raises(FileNotFoundError, match="stat_map_img"):
        plot_stat_map("no/such/file.nii.gz")
    singular = np.diag([1.0, 1, 1, 1])
    singular[:3, 1] = singular[:3, 0]
    with pytest.raises(ValueError, match="stat_map_img has no place in mm: .* sing"):
        plot_stat_map(image(np.ones((3, 3, 3), np.float32), singular))
    with pytest.raises(ValueError, match="stat_map_img has 2 dimensions"):
        plot_stat_map(image(np.ones((3, 3), np.float32)))
    with pytest.raises(ValueError, match="no voxels"):
        plot_stat_map(image(np.ones((3, 0, 3), np.float32)))


def test_paths_and_other_types(sample, tmp_path):
    data = np.asarray(sample.dataobj)
    path = tmp_path / "map.nii"
    nib.save(sample, path)
    reference = draw(sample, threshold=3)
    for img in (path, str(path), datasets.load_sample_motor_activation_image()):
        display = draw(img, threshold=3)
        assert isinstance(display, SliceDisplay)
        np.testing.assert_array_equal(
            display.axes["z"].ax.images[-1].get_array(),
            reference.axes["z"].ax.images[-1].get_array(),
        )
    assert isinstance(path, Path)
    for dtype in ("i2", "u1", "i4", "f8", ">f4", "i1"):
        draw(image(data.astype(dtype), sample.affine), threshold=3)


def test_limits_that_are_not_numbers_give_way(sample):
    with pytest.warns(UserWarning, match="vmax is nan"):
        display = draw(sample, vmax=float("nan"))
    assert display.axes["x"].ax.images[-1].get_clim()[1] == pytest.approx(7.941444)


def test_auto_is_the_80th_percentile(sample):
    one, other = draw(sample, threshold="auto"), draw(sample, threshold="80%")
    for a, b in zip(one.axes.values(), other.axes.values(), strict=True):
        np.testing.assert_array_equal(
            a.ax.images[-1].get_array().filled(0), b.ax.images[-1].get_array().filled(0)
        )


def test_threshold_none_hides_nothing(sample):
    display = draw(sample, threshold=None)
    for panel in display.axes.values():
        plane = panel.ax.images[-1].get_array()
        assert plane.count() == plane.size


def test_cuts_of_one_direction(sample):
    display = draw(sample, display_mode="z", cut_coords=[30, 0, -20.5])
    assert display.cut_coords == [30, 0, -20.5]
    assert list(display.axes) == [30, 0, -20.5]
    assert [p.coord for p in display.axes.values()] == [30, 0, -20.5]
    assert len(draw(sample, display_mode="x", cut_coords=None).cut_coords) == 7
    assert len(draw(sample, display_mode="y", cut_coords=3.0).cut_coords) == 3
    with pytest.warns(UserWarning, match="each cut is drawn once"):
        display = draw(sample, display_mode="z", cut_coords=(1, 1, 2))
    assert display.cut_coords == [1, 2]


def test_more_cuts_than_slices():
    data = np.zeros((5, 5, 5), np.float32)
    data[2, 2, 1:3] = 3
    words = {"bg_img": None, "display_mode": "z"}
    display = draw(image(data), cut_coords=4, **words)
    assert display.cut_coords == pytest.approx([0, 3, 6, 9])
    with pytest.warns(UserWarning, match="5 slices"):
        display = draw(image(data), cut_coords=9, **words)
    assert display.cut_coords == pytest.approx([0, 3, 6, 9, 12])
    with pytest.warns(UserWarning, match="no voxel is left"):
        display = draw(image(data), cut_coords=3, threshold=9, **words)
    assert len(display.cut_coords) == 3


def test_kwargs_go_to_imshow(sample):
    display = draw(sample, interpolation="bilinear", zorder=5)
    assert display.axes["x"].ax.images[-1].get_interpolation() == "bilinear"
    assert display.axes["x"].ax.images[-1].get_zorder() == 5
    assert draw(sample).axes["x"].ax.images[-1].get_interpolation() == "nearest"
    assert draw(sample, cmap="Reds").axes["x"].ax.images[-1].get_cmap().name == "Reds"


def test_nothing_warns(sample):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = np.asarray(sample.dataobj).copy()
        data[data == 0] = np.nan
        draw(image(data, sample.affine), threshold=3, cut_coords=None)
        draw(sample, cut_coords=None)


def test_the_signature_is_nilearns_and_then_some():
    import inspect

    from nilearn.plotting import plot_stat_map as nilearn_plot

    theirs = inspect.signature(nilearn_plot).parameters
    ours = inspect.signature(plot_stat_map).parameters
    shared = [name for name in theirs if name != "kwargs"]
    assert list(ours)[: len(shared)] == shared
    for name in shared:
        if name != "bg_img":
            assert ours[name].default == theirs[name].default, name
    added = [name for name in ours if name not in theirs]
    assert all(ours[name].kind is inspect.Parameter.KEYWORD_ONLY for name in added)


def test_show_opens_the_windows_of_all_figures(tmp_path):
    (tmp_path / "windows.py").write_text("""
from matplotlib._pylab_helpers import Gcf
from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas

def show(*, block=None):
    print(len(Gcf.get_all_fig_managers()), "windows")
""")
    program = """
from nithresh import datasets, plotting
for threshold in (3, 4):
    image = datasets.load_sample_motor_activation_image()
    plotting.plot_stat_map(image, threshold=threshold)
plotting.show()
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"MPLBACKEND": "module://windows"},
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("2 windows\n", "")
