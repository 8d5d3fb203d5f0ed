"""Display modes: which panels there are, where they stand, under which keys."""

import itertools

import matplotlib.pyplot as plt
import nibabel as nib
import numpy as np
import pytest
from matplotlib.figure import Figure
from nilearn.plotting import plot_stat_map as nilearn_plot

from nithresh import datasets
from nithresh.plotting import plot_stat_map
from nithresh.plotting.modes import MODES

SAMPLE = datasets.load_sample_motor_activation_image()
MOSAIC = {"x": [0.0, 30.0], "y": [-25.0], "z": [-10.0, 21.0, 50.0]}


@pytest.fixture(autouse=True)
def _no_figures_left():
    yield
    plt.close("all")


def draw(**words):
    words.setdefault("figure", Figure((12, 9)))
    return plot_stat_map(SAMPLE, **words)


def boxes(display):
    display.frame_axes.figure.draw_without_rendering()
    return {key: p.ax.get_window_extent() for key, p in display.axes.items()}


def places(display):
    return {key: (panel.direction, panel.coord) for key, panel in display.axes.items()}


@pytest.mark.parametrize("mode", MODES)
def test_the_panels_of_each_mode_have_the_keys_of_nilearns(mode):
    cuts = {
        "mosaic": MOSAIC,
        **{axis: [-20.0, 5.0] for axis in "xyz"},
        **dict.fromkeys(("xz", "yx", "yz"), (5.0, -20.0)),
    }.get(mode, (5.0, -26.0, 21.0))
    ours = draw(display_mode=mode, cut_coords=cuts)
    theirs = nilearn_plot(SAMPLE, display_mode=mode, cut_coords=cuts)
    assert set(ours.axes) == set(theirs.axes)
    for key, panel in theirs.axes.items():
        assert (ours.axes[key].direction, ours.axes[key].coord) == (
            panel.direction,
            panel.coord,
        )
    assert ours.cut_coords == theirs.cut_coords
    # The panels stand in the order of theirs, left to right and in each row.
    theirs.frame_axes.figure.canvas.draw()
    where = boxes(ours)
    for one, other in itertools.combinations(theirs.axes, 2):
        a, b = (theirs.axes[key].ax.get_window_extent() for key in (one, other))
        if abs(a.y0 + a.y1 - b.y0 - b.y1) < 20:
            assert (a.x0 < b.x0) == (where[one].x0 < where[other].x0)
        if a.y0 > b.y1 - 20:
            assert where[one].y0 >= where[other].y1


@pytest.mark.parametrize("mode", MODES)
def test_the_panels_of_each_mode_are_at_one_scale_and_apart(mode):
    display = draw(display_mode=mode, title="A title")
    where = list(boxes(display).values())
    scales = [
        box.width / np.ptp(panel.ax.get_xlim())
        for box, panel in zip(where, display.axes.values(), strict=True)
    ]
    np.testing.assert_allclose(scales, scales[0])
    assert not any(a.overlaps(b) for a, b in itertools.combinations(where, 2))
    bar = display.colorbar_ax.get_tightbbox()
    assert not any(bar.overlaps(box) for box in where)
    bounds = display.frame_axes.figure.bbox
    assert all(bounds.x0 <= b.x0 and b.x1 <= bounds.x1 for b in where)
    assert all(bounds.y0 <= b.y0 and b.y1 <= bounds.y1 for b in where)


def test_yx_is_sagittal_first_with_x_first():
    display = draw(display_mode="yx", cut_coords=(10, -20))
    assert places(display) == {"x": ("x", 10), "y": ("y", -20)}
    assert display.cut_coords == (10, -20)
    where = boxes(display)
    assert where["x"].x1 <= where["y"].x0


def test_tiled_crosses_and_mosaic_does_not():
    tiled = draw(display_mode="tiled", cut_coords=(5, -26, 21))
    assert all(len(panel.ax.lines) == 2 for panel in tiled.axes.values())
    where = boxes(tiled)
    assert where["y"].y0 >= where["z"].y1
    assert where["x"].x0 >= where["y"].x1
    mosaic = draw(display_mode="mosaic", cut_coords=2)
    assert not any(panel.ax.lines for panel in mosaic.axes.values())
    mosaic.draw_cross()
    assert not any(panel.ax.lines for panel in mosaic.axes.values())


def test_the_cuts_of_a_mosaic():
    assert [len(draw(display_mode="mosaic").cut_coords[axis]) for axis in "xyz"] == [
        7,
        7,
        7,
    ]
    display = draw(display_mode="mosaic", cut_coords=(1, 2, 3))
    assert [len(display.cut_coords[axis]) for axis in "xyz"] == [1, 2, 3]
    assert len(display.axes) == 6
    peak = draw(display_mode="mosaic", cut_coords="peak")
    assert [len(peak.cut_coords[axis]) for axis in "xyz"] == [1, 1, 1]
    with pytest.warns(UserWarning, match="z=500"):
        display = draw(display_mode="mosaic", cut_coords={**MOSAIC, "z": [500, 0]})
    assert len(display.axes["z", 500].ax.images) == 0
    with pytest.warns(UserWarning, match="each cut is drawn once"):
        display = draw(display_mode="mosaic", cut_coords={**MOSAIC, "x": [1, 1]})
    assert display.cut_coords["x"] == [1]


@pytest.mark.parametrize(
    "cuts",
    [(1, 2), (1, 2, 3, 4), {"x": [1]}, {**MOSAIC, "z": 3}, {**MOSAIC, "z": []}, "z"],
    ids=str,
)
def test_what_a_mosaic_cannot_be_cut_at(cuts):
    with pytest.raises(ValueError, match="cut_coords"):
        draw(display_mode="mosaic", cut_coords=cuts)


def test_many_cuts_stand_in_rows():
    display = plot_stat_map(SAMPLE, display_mode="z", cut_coords=40)
    width, height = display.frame_axes.figure.get_size_inches()
    assert width < 16
    assert height < 16
    where = list(boxes(display).values())
    rows = sorted({round(box.y0) for box in where}, reverse=True)
    assert 4 <= len(rows) <= 7
    order = [(rows.index(round(box.y0)), box.x0) for box in where]
    assert order == sorted(order)
    assert not any(a.overlaps(b) for a, b in itertools.combinations(where, 2))
    # In any room they are as large as they can be.
    for size in ((20, 3), (6, 8), (3, 12)):
        display = draw(display_mode="z", cut_coords=12, figure=Figure(size))
        columns = len({round(box.x0, 3) for box in boxes(display).values()})
        assert columns == {20: 12, 6: 3, 3: 2}[size[0]]


def test_up_to_eight_cuts_stand_in_one_row():
    display = draw(display_mode="x", cut_coords=8)
    assert len({round(box.y0) for box in boxes(display).values()}) == 1


def test_a_map_without_extent_in_a_mosaic():
    img = nib.Nifti1Image(np.ones((1, 6, 7), np.float32), np.eye(4))
    display = plot_stat_map(img, None, display_mode="mosaic", figure=Figure())
    assert [len(display.cut_coords[axis]) for axis in "xyz"] == [1, 6, 7]


def test_the_command_knows_every_mode():
    from nithresh.command import plot

    assert tuple(MODES) == plot._MODES
