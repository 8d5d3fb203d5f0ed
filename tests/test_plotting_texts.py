"""Texts: titles, L and R, positions, and one scale of sizes for all of them."""

import io
import itertools

import matplotlib.pyplot as plt
import nibabel as nib
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.text import Text

from nithresh import datasets, find_clusters
from nithresh.plotting import plot_clusters, plot_stat_map

SAMPLE = datasets.load_sample_motor_activation_image()
CUT = (36, -25, 52)
MM = 1 / 25.4


@pytest.fixture(autouse=True)
def _no_figures_left():
    yield
    plt.close("all")


def draw(img=SAMPLE, size=(7.3, 3.5), **words):
    words.setdefault("cut_coords", CUT)
    display = plot_stat_map(img, figure=Figure(size), **words)
    display.frame_axes.figure.draw_without_rendering()
    return display


def boxes(display):
    return [panel.ax.get_window_extent() for panel in display.axes.values()]


def texts(display):
    return [
        text
        for text in display.frame_axes.figure.findobj(Text)
        if text.get_visible()
        and text.get_text()
        # An axis that is off has labels that are not drawn.
        and (text.axes is None or text.axes.axison or text in text.axes.texts)
    ]


def marks(display):
    return [
        (panel, text)
        for panel in display.axes.values()
        for text in panel.ax.texts
        if text.get_text() in "LR"
    ]


# Titles


@pytest.mark.parametrize(
    "place", [{"x": 0.5}, {"y": 0.1}, {"x": 0.2, "y": 0.3}, {"x": 0.5, "ha": "center"}]
)
def test_a_placed_title_stands_there_and_moves_nothing(place):
    display = draw()
    before = [box.bounds for box in boxes(display)]
    display.title("A title of some words", **place)
    display.frame_axes.figure.draw_without_rendering()
    assert [box.bounds for box in boxes(display)] == before
    (title,) = display.frame_axes.texts
    assert title.get_text() == "A title of some words"
    box = title.get_bbox_patch().get_window_extent()
    frame = display.frame_axes.get_window_extent()
    x = (box.x0 + box.x1) / 2 if "ha" in place else box.x0
    assert x == pytest.approx(frame.x0 + place.get("x", 0.01) * frame.width, abs=2)
    y = frame.y0 + place.get("y", 0.99) * frame.height
    assert box.y1 == pytest.approx(y, abs=2)


def test_what_a_title_is_like():
    display = draw()
    display.title(
        "t", size=9, ha="right", va="bottom", zorder=5, x=0.9, y=0.2, fontweight="bold"
    )
    (title,) = display.frame_axes.texts
    assert (title.get_size(), title.get_zorder()) == (9, 5)
    assert (title.get_ha(), title.get_va()) == ("right", "bottom")
    assert title.get_fontweight() == "bold"
    display.title("t", horizontalalignment="center")
    (title,) = display.frame_axes.texts
    display.frame_axes.figure.draw_without_rendering()
    box = title.get_bbox_patch().get_window_extent()
    assert box.x0 + box.x1 == pytest.approx(730, abs=2)
    for wrong in (5, b"t", ["a"]):
        with pytest.raises(TypeError, match="title is"):
            draw(title=wrong)


@pytest.mark.parametrize("size", [(8, 4), (4, 4), (4, 9), (12, 3)])
def test_the_title_stands_right_above_the_panels(size):
    figure = plt.figure(figsize=(7, 7))
    display = plot_stat_map(SAMPLE, title="A title", figure=figure, cut_coords=CUT)
    figure.set_size_inches(*size)
    figure.draw_without_rendering()
    (title,) = display.frame_axes.texts
    box = title.get_bbox_patch().get_window_extent()
    drawn = boxes(display)
    assert -1 <= box.y0 - max(panel.y1 for panel in drawn) < 10
    # All of it stands in the middle.
    below = min(panel.y0 for panel in drawn) - 12 * 100 / 72
    assert figure.bbox.height - box.y1 == pytest.approx(below, abs=12)


def test_a_bar_beside_many_rows_is_no_taller_than_it_must_be():
    display = plot_stat_map(SAMPLE, display_mode="z", cut_coords=40, threshold=3)
    display.frame_axes.figure.draw_without_rendering()
    assert 100 < display.colorbar_ax.get_window_extent().height < 400


def test_panels_of_subplots_are_larger_than_nilearns():
    from nilearn.plotting import plot_stat_map as nilearn_plot

    scales = []
    for plot in (plot_stat_map, nilearn_plot):
        figure, axes = plt.subplots(3, 1, figsize=(8, 13))
        for ax in axes:
            display = plot(SAMPLE, title="A title", axes=ax, cut_coords=CUT)
        figure.canvas.draw()
        ax = display.axes["y"].ax
        scales.append(ax.get_window_extent().width / np.ptp(ax.get_xlim()))
    assert scales[0] > 1.1 * scales[1]


# Sizes


@pytest.mark.parametrize("mode", ["ortho", "tiled", "mosaic", "z", "yx"])
@pytest.mark.parametrize(
    "size",
    [(85 * MM, 45 * MM), (85 * MM, 85 * MM), (180 * MM, 86 * MM), (7.3, 3.5), (16, 9)],
    ids=lambda size: f"{size[0]:.1f} x {size[1]:.1f}",
)
def test_texts_are_on_one_scale_and_can_be_read(mode, size):
    words = {} if mode in ("ortho", "tiled") else {"cut_coords": None}
    long = "A title of quite a number of words that has to go on in another line"
    for title in ("A title", long):
        display = draw(
            size=size, display_mode=mode, title=title, cbar_label="z score", **words
        )
        sizes = [text.get_size() for text in texts(display)]
        assert len(sizes) > 5
        assert min(sizes) >= 5 - 1e-9
        assert max(sizes) <= 2 * min(sizes) + 1e-9


def test_texts_of_clusters_are_on_that_scale_too():
    clusters = find_clusters(SAMPLE, 3, cluster_threshold=20)
    for n, size in ((2, (85 * MM, 70 * MM)), (5, (180 * MM, 240 * MM)), (3, (7.3, 8))):
        display = plot_clusters(clusters, n, figure=Figure(size), title="A title")
        sizes = [text.get_size() for text in texts(display)]
        assert min(sizes) >= 5 - 1e-9
        assert max(sizes) <= 2 * min(sizes) + 1e-9


# L and R


@pytest.mark.parametrize("radiological", [False, True])
@pytest.mark.parametrize("mode", ["ortho", "y", "mosaic"])
@pytest.mark.parametrize("size", [(7.3, 3.5), (3.3, 1.8)])
def test_letters_never_cover_a_voxel(radiological, mode, size):
    full = nib.Nifti1Image(np.ones((9, 11, 9), np.float32), np.diag([20.0, 20, 20, 1]))
    cuts = (60, 60, 60) if mode == "ortho" else 2
    for img, background, drawn in (
        (full, None, False),
        (SAMPLE, datasets.load_mni152_template(), False),
        (SAMPLE, None, True),
    ):
        display = plot_stat_map(
            img,
            bg_img=background,
            display_mode=mode,
            cut_coords=cuts,
            figure=Figure(size),
            radiological=radiological,
        )
        if drawn:
            display.add_overlay(full)
        display.frame_axes.figure.draw_without_rendering()
        found = marks(display)
        assert len(found) >= 4
        for panel, text in found:
            box = text.get_window_extent()
            low, high = panel.ax.transData.inverted().transform([box.p0, box.p1])
            for image in panel.ax.images:
                left, right, bottom, top = image.get_extent()
                plane = image.get_array()
                shown = ~np.ma.getmaskarray(plane)
                if isinstance(image.get_alpha(), np.ndarray):
                    shown &= image.get_alpha() != 0
                rows, columns = np.nonzero(shown)
                x = left + (right - left) * columns / plane.shape[1]
                y = bottom + (top - bottom) * rows / plane.shape[0]
                step_x = (right - left) / plane.shape[1]
                step_y = (top - bottom) / plane.shape[0]
                covered = (
                    (x < max(low[0], high[0]))
                    & (x + step_x > min(low[0], high[0]))
                    & (y < high[1])
                    & (y + step_y > low[1])
                )
                assert not covered.any()
        every = [text.get_window_extent() for _, text in found]
        assert not any(a.overlaps(b) for a, b in itertools.combinations(every, 2))
        bounds = display.frame_axes.figure.bbox
        assert all(bounds.y0 <= box.y0 and box.y1 <= bounds.y1 for box in every)


def test_letters_are_in_the_corners_where_there_is_room():
    display = draw()
    for panel, text in marks(display):
        box, frame = text.get_window_extent(), panel.ax.get_window_extent()
        assert frame.y0 <= box.y0
        assert box.y1 <= frame.y1


# Positions


def position_texts(display):
    return [
        text.get_text()
        for panel in display.axes.values()
        for text in panel.ax.texts
        if "=" in text.get_text()
    ]


def test_positions_tell_neighbouring_cuts_apart():
    data = np.random.default_rng(0).normal(size=(30, 40, 20)).astype(np.float32)
    affine = np.diag([0.1, 0.1, 0.2, 1])
    affine[:3, 3] = (-1.5, -4, -1)
    rodent = nib.Nifti1Image(data, affine)
    display = draw(rodent, bg_img=None, display_mode="y", cut_coords=7)
    found = position_texts(display)
    assert len(set(found)) == 7
    for text, cut in zip(found, display.cut_coords, strict=True):
        assert float(text[2:]) == pytest.approx(cut, abs=0.05)
    (x, *_) = position_texts(draw(rodent, bg_img=None, cut_coords=(0.12, -2.34, 0.56)))
    assert x == "x=0.1"
    near = draw(display_mode="z", cut_coords=[10, 10.25])
    assert position_texts(near) == ["z=10.0", "z=10.2"]
    assert position_texts(draw()) == ["x=36", "y=-25", "z=52"]
    assert position_texts(draw(decimals=2)) == ["x=36.00", "y=-25.00", "z=52.00"]


# Dark figures and figures that are used again


def test_a_dark_figure_is_drawn_on_with_white():
    figure = Figure((7.3, 3.5), facecolor="0.1")
    display = plot_stat_map(SAMPLE, figure=figure, cut_coords=CUT, title="t")
    assert display.black_bg
    ticks = display.colorbar_ax.get_yticklabels()
    assert {to_rgba(tick.get_color()) for tick in ticks} == {to_rgba("w")}
    axes = Figure((7.3, 3.5), facecolor="k").subplots()
    assert plot_stat_map(SAMPLE, axes=axes, cut_coords=CUT).black_bg
    assert not plot_stat_map(SAMPLE, axes=axes, cut_coords=CUT, black_bg=False).black_bg
    clear = Figure((7.3, 3.5), facecolor=(0, 0, 0, 0))
    assert not plot_stat_map(SAMPLE, figure=clear, cut_coords=CUT).black_bg
    clusters = find_clusters(SAMPLE, 5, cluster_threshold=400)
    dark = Figure((7.3, 5), facecolor="k")
    assert plot_clusters(clusters, 1, figure=dark).black_bg


def test_a_figure_that_is_used_again_is_drawn_anew():
    figure = Figure((7.3, 3.5))
    axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
    for words in ({"axes": axes}, {"figure": figure}):
        plot_stat_map(SAMPLE, cut_coords=CUT, title="old", **words)
        before = len(figure.axes)
        display = plot_stat_map(SAMPLE, cut_coords=CUT, threshold=3, **words)
        assert len(figure.axes) == before
        assert display.colorbar_ax in figure.axes
        assert not display.frame_axes.texts
        display.savefig(io.BytesIO())
    # What stands beside it stays.
    figure = Figure((7.3, 7))
    above, below = figure.subplots(2, 1)
    plot_stat_map(SAMPLE, cut_coords=CUT, axes=above)
    half = len(figure.axes)
    plot_stat_map(SAMPLE, cut_coords=CUT, axes=below)
    assert len(figure.axes) > half
    plot_stat_map(SAMPLE, cut_coords=CUT, axes=(0, 0, 0.2, 0.2), figure=figure)
    assert len(figure.axes) > half + 4


# Nothing to see


def test_a_threshold_that_leaves_nothing_is_said_once():
    for words in (
        {"threshold": 100},
        {"threshold": 3, "cluster_threshold": 10**6},
        {"threshold": 100, "display_mode": "z", "cut_coords": 3},
        {"threshold": 100, "cut_coords": None},
    ):
        with pytest.warns(UserWarning, match="no voxel is left to show") as caught:
            draw(**words)
        assert len(caught) == 1
