"""Colour limits, ticks and the grey band of the bar."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from nilearn.plotting._utils import get_cbar_ticks, get_colorbar_and_data_ranges

from nithresh import datasets
from nithresh.plotting import plot_stat_map
from nithresh.plotting.colorbar import bar_ticks, color_limits, hidden_band, spread

values = st.floats(-30, 30).map(lambda value: round(value, 1))
limits = st.none() | st.floats(-50, 50).map(lambda value: round(value, 2))


@given(
    data=st.lists(values, min_size=1, max_size=6),
    vmin=limits,
    vmax=limits,
    symmetric=st.sampled_from(["auto", True, False]),
)
def test_limits_are_those_of_nilearn(data, vmin, vmax, symmetric):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bar_min, bar_max, low, high = get_colorbar_and_data_ranges(
            np.array(data), vmin, vmax, symmetric
        )
    expected = (
        low,
        high,
        low if bar_min is None else bar_min,
        high if bar_max is None else bar_max,
    )
    if low > high and expected[2] < expected[3]:
        # nilearn fails later, in matplotlib: all of the map is beyond the limit.
        expected = (expected[2], expected[3]) * 2
    elif low > high or expected[2] > expected[3]:
        with pytest.raises(ValueError, match="vmin must be below vmax"):
            color_limits(min(data), max(data), vmin, vmax, symmetric=symmetric)
        return
    ours = color_limits(min(data), max(data), vmin, vmax, symmetric=symmetric)
    assert (ours.vmin, ours.vmax, ours.bar_min, ours.bar_max) == expected


@given(
    ends=st.tuples(st.floats(-1000, 1000), st.floats(-1000, 1000)),
    threshold=st.none() | st.floats(1e-3, 1200),
    tick_format=st.sampled_from(["%.2g", "%.3g", "%.1f", "%.4f", "%i"]),
)
def test_ticks_are_those_of_nilearn(ends, threshold, tick_format):
    low, high = (round(end, 3) for end in sorted(ends))
    assume(low < high)
    assume(tick_format != "%i" or int(low) < int(high))  # nilearn fails on these
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = get_cbar_ticks(low, high, threshold, tick_format=tick_format)
    ours = bar_ticks(low, high, threshold, tick_format=tick_format)
    np.testing.assert_array_equal(ours, expected)


@given(scale=st.sampled_from([1e-30, 1e-12, 1e-8, 1e12]))
def test_ticks_do_not_depend_on_the_unit(scale):
    ticks = bar_ticks(-8 * scale, 8 * scale, 2.5 * scale)
    np.testing.assert_allclose(ticks / scale, [-8, -4, -2.5, 0, 2.5, 4, 8])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"threshold": 2.5}, (-2.5, 2.5)),
        ({"threshold": 2.5, "two_sided": False}, (-7.941444397, 2.5)),
        ({"threshold": -2.5, "two_sided": False}, (-2.5, 7.941444397)),
        ({"threshold": 2.5, "vmin": 1, "two_sided": False}, (1, 2.5)),
        ({"threshold": 7.9}, (-7.9, 7.9)),
        ({"threshold": None}, None),
        ({}, None),
    ],
    ids=str,
)
def test_the_band_is_exact(words, expected):
    image = datasets.load_sample_motor_activation_image()
    display = plot_stat_map(image, figure=Figure(), **words)
    patches = display.colorbar_ax.patches
    if expected is None:
        assert len(patches) == 0
        return
    (band,) = patches
    assert band.get_y() == pytest.approx(expected[0])
    assert band.get_y() + band.get_height() == pytest.approx(expected[1])
    assert band.get_facecolor() == (0.5, 0.5, 0.5, 1.0)


@pytest.mark.parametrize("words", [{}, {"vmax": 5}, {"symmetric_cbar": False}], ids=str)
@pytest.mark.parametrize("cmap", ["RdBu_r", "viridis", "cold_hot"])
def test_the_bar_shows_the_colors_of_the_map(cmap, words):
    image = datasets.load_sample_motor_activation_image()
    display = plot_stat_map(image, figure=Figure(), cmap=cmap, **words)
    drawn, bar = display.axes["x"].ax.images[-1], display._cbar
    values = np.linspace(*display.colorbar_ax.get_ylim(), 200)
    np.testing.assert_allclose(
        bar.cmap(bar.norm(values)), drawn.cmap(drawn.norm(values)), atol=0.03
    )


@pytest.mark.parametrize(
    ("data", "words", "bar"),
    [
        ([-4, 7.9], {}, (-7.9, 7.9)),
        ([4, 7.9], {"vmin": 1}, (1, 7.9)),
        ([-4, 7.9], {"vmax": 5}, (-5, 5)),
        ([2, 5], {}, (0, 5)),
        ([-5, -2], {}, (-5, 0)),
        ([-5, -2], {"symmetric_cbar": True}, (-5, 5)),
        ([-5, 2], {"symmetric_cbar": False}, (-5, 2)),
        ([np.nan, 5], {}, (0, 5)),
    ],
    ids=str,
)
def test_the_ends_of_the_bar(data, words, bar):
    import nibabel as nib

    array = np.full((4, 4, 4), data[0], np.float64)
    array[2:] = data[1]
    image = nib.Nifti1Image(array, np.eye(4))
    display = plot_stat_map(
        image, bg_img=None, cut_coords=(1, 1, 1), figure=Figure(), **words
    )
    assert display.colorbar_ax.get_ylim() == bar


def test_ticks_are_left_in_ink_and_as_formatted():
    image = datasets.load_sample_motor_activation_image()
    for black, ink in ((False, "k"), (True, "w")):
        display = plot_stat_map(
            image, threshold=2.5, black_bg=black, figure=Figure(figsize=(7.3, 3.5))
        )
        ax = display.colorbar_ax
        texts = [label.get_text() for label in ax.get_yticklabels()]
        assert texts == ["-7.9", "-4", "-2.5", "0", "2.5", "4", "7.9"]
        assert {label.get_color() for label in ax.get_yticklabels()} == {ink}
        ax.figure.draw_without_rendering()
        bar = ax.get_window_extent()
        for label in ax.get_yticklabels():
            assert label.get_window_extent().x1 < bar.x0


@pytest.mark.parametrize("threshold", [0.1, 0.6, 7.8])
@pytest.mark.parametrize("size", [(7.3, 3.5), (3, 2), (2.9, 2.6)])
@pytest.mark.parametrize("titled", [False, True])
def test_tick_labels_never_overlap(threshold, size, titled):
    image = datasets.load_sample_motor_activation_image()
    # With pixels so fine that it does not matter that matplotlib rounds the sizes of
    # texts up to whole ones before 3.11.
    figure = Figure(size, dpi=1000)
    display = plot_stat_map(
        image, threshold=threshold, cut_coords=(5, -26, 21), figure=figure
    )
    if titled:  # later, so that the bar has to shrink
        display.title("A title that takes two lines or even more of them " * 2)
    figure.draw_without_rendering()
    boxes = [
        label.get_window_extent() for label in display.colorbar_ax.get_yticklabels()
    ]
    for below, above in itertools.pairwise(boxes):
        assert above.y0 >= below.y0
        assert not below.overlaps(above)
    assert boxes[0].y0 >= 0
    assert boxes[-1].y1 <= figure.bbox.y1


def test_an_end_rounded_off_the_bar_still_has_its_tick():
    import nibabel as nib

    array = np.zeros((4, 4, 4))
    array[2:] = 7.96  # prints as "8"
    image = nib.Nifti1Image(array, np.eye(4))
    display = plot_stat_map(image, bg_img=None, figure=Figure())
    ax = display.colorbar_ax
    assert ax.get_ylim() == (0, 7.96)
    assert ax.get_yticks()[-1] == 7.96
    assert ax.get_yticklabels()[-1].get_text() == "8"


@given(
    positions=st.lists(st.floats(0, 100), min_size=1, max_size=9).map(sorted),
    distance=st.floats(0, 20),
)
def test_spread_keeps_a_distance_and_moves_no_more_than_it_must(positions, distance):
    wanted = np.array(positions)
    moved = spread(wanted, distance)
    assert (np.diff(moved) >= distance - 1e-9).all()
    if len(wanted) == 1 or (np.diff(wanted) >= distance).all():
        np.testing.assert_allclose(moved, wanted, atol=1e-9)
    assert moved.mean() == pytest.approx(wanted.mean(), abs=1e-6)


def test_no_bar_for_a_map_without_a_range():
    import nibabel as nib

    image = nib.Nifti1Image(np.zeros((4, 4, 4)), np.eye(4))
    display = plot_stat_map(image, bg_img=None, cut_coords=(1, 1, 1), figure=Figure())
    assert display.colorbar_ax is None


def test_hidden_band_stays_on_the_bar():
    assert hidden_band(3, 0, 8) == (0, 3)
    assert hidden_band(3, -8, 0) == (-3, 0)
    assert hidden_band(3, 4, 8) is None
