"""What the colours say: limits, signs, pointed ends, colour maps by name."""

import io
import subprocess
import sys
import warnings

import matplotlib as mpl
import matplotlib.pyplot as plt
import nibabel as nib
import numpy as np
import pytest
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure

from nithresh import datasets, find_clusters
from nithresh.plotting import plot_clusters, plot_stat_map
from nithresh.plotting.cmaps import colormap, is_diverging

SAMPLE = datasets.load_sample_motor_activation_image()
CUT = (36, -25, 52)


def sample():
    return np.asarray(nib.load(SAMPLE).dataobj)


@pytest.fixture(autouse=True)
def _no_figures_left():
    yield
    plt.close("all")


def draw(img=SAMPLE, **words):
    words.setdefault("figure", Figure((7.3, 3.5)))
    words.setdefault("cut_coords", CUT)
    return plot_stat_map(img, **words)


def of_values(*values):
    """A map of some values, each in a slice of its own along z, 3 mm thick."""
    data = np.zeros((8, 8, len(values) + 2), np.float32)
    data[1:-1, 1:-1, 1:-1] = values
    return nib.Nifti1Image(data, np.diag([3.0, 3, 3, 1]))


def pixels(display):
    """The colours that are drawn, by value of the map."""
    file = io.BytesIO()
    display.savefig(file, dpi=100)
    picture = plt.imread(io.BytesIO(file.getvalue()))
    panel = display.axes["x"].ax
    found = {}
    image = panel.images[-1]
    plane = image.get_array()
    left, _, bottom, _ = image.get_extent()
    for row in range(plane.shape[0]):
        place = panel.transData.transform((left + 12, bottom + 3 * row + 1.5))
        x, y = np.rint(place).astype(int)
        color = tuple(picture[len(picture) - 1 - y, x, :3].tolist())
        value = plane[row, 4]
        found[None if value is np.ma.masked else float(value)] = color
    return found


def bar_pixels(display):
    """The colours of the bar from bottom to top, by value."""
    file = io.BytesIO()
    display.savefig(file, dpi=100)
    picture = plt.imread(io.BytesIO(file.getvalue()))
    ax = display.colorbar_ax
    found = {}
    for value in np.linspace(*ax.get_ylim(), 60)[1:-1]:
        x, y = np.rint(ax.transData.transform((0.5, value))).astype(int)
        found[float(value)] = picture[len(picture) - 1 - y, x, :3]
    return found


def words_of(**words):
    return {"bg_img": None, "cut_coords": (10, 10, 10), "draw_cross": False, **words}


# Limits that leave no room for a sign


@pytest.mark.parametrize(
    ("words", "hidden"),
    [
        ({"threshold": 3, "vmin": 3, "cmap": "inferno"}, "negative"),
        ({"threshold": 3, "vmin": 0, "cmap": "inferno"}, "negative"),
        ({"threshold": 3, "vmin": -3, "symmetric_cbar": False}, "negative"),
        ({"vmin": 0}, "negative"),
        ({"vmin": 0, "vmax": 8, "cmap": "Reds"}, "negative"),
        ({"threshold": 3, "vmax": 3, "symmetric_cbar": False}, "positive"),
        ({"threshold": 3, "vmax": 0, "symmetric_cbar": False}, "positive"),
        ({"threshold": 3, "vmin": -8, "vmax": 2}, "positive"),
    ],
    ids=str,
)
def test_a_sign_without_colors_is_not_drawn(words, hidden):
    lowest = np.argwhere(sample() == sample().min())[0]
    place = nib.affines.apply_affine(nib.load(SAMPLE).affine, lowest)
    words["cut_coords"] = CUT if hidden == "negative" else place
    with pytest.warns(UserWarning, match=f"none for {hidden} values") as caught:
        display = draw(**words)
    assert len(caught) == 1
    for panel in display.axes.values():
        values = panel.ax.images[-1].get_array().compressed()
        assert len(values)
        assert (values > 0).all() if hidden == "negative" else (values < 0).all()
    others = draw(
        threshold=words.get("threshold", 1e-6), cut_coords=words["cut_coords"]
    )
    for a, b in zip(display.axes.values(), others.axes.values(), strict=True):
        one = a.ax.images[-1].get_array().filled(0)
        other = b.ax.images[-1].get_array().filled(0)
        kept = other * (other > 0) if hidden == "negative" else other * (other < 0)
        np.testing.assert_array_equal(one, kept)


def test_a_sign_without_colors_is_not_drawn_in_an_overlay():
    display = draw(threshold=3, colorbar=False)
    with pytest.warns(UserWarning, match="none for negative values"):
        display.add_overlay(SAMPLE, threshold=3, vmin=3, colorbar=True)
    for panel in display.axes.values():
        assert (panel.ax.images[-1].get_array().compressed() > 0).all()


@pytest.mark.parametrize(
    "words",
    [
        {"threshold": 3, "vmin": 4, "two_sided": False},
        {"threshold": 3, "vmin": -5, "vmax": 5},
        {"threshold": 3, "vmin": 0, "two_sided": False},
        {"threshold": 3},
    ],
    ids=str,
)
def test_all_else_is_drawn_without_a_warning(words):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        display = draw(**words)
    free = draw(threshold=3, two_sided=words.get("two_sided", True))
    for a, b in zip(display.axes.values(), free.axes.values(), strict=True):
        np.testing.assert_array_equal(
            a.ax.images[-1].get_array().mask, b.ax.images[-1].get_array().mask
        )


# Pointed ends


@pytest.mark.parametrize(
    ("words", "extend"),
    [
        ({}, "neither"),
        ({"vmax": 5}, "both"),
        ({"vmin": -7.95, "vmax": 5}, "max"),
        ({"vmin": -5, "vmax": 7.95}, "min"),
        ({"vmax": 5, "threshold": 3, "two_sided": False}, "max"),
        ({"threshold": 1, "vmin": 4, "two_sided": False}, "min"),
        ({"threshold": 5, "vmin": 4, "two_sided": False}, "neither"),
        ({"vmin": -4, "vmax": 4, "threshold": -3, "two_sided": False}, "min"),
        ({"threshold": None, "vmin": 0}, "min"),
    ],
    ids=str,
)
def test_values_beyond_the_limits_have_pointed_ends(words, extend):
    assert draw(**words)._cbar.extend == extend


def test_an_overlay_has_pointed_ends_too():
    display = draw(colorbar=False)
    display.add_overlay(SAMPLE, threshold=3, colorbar=True, vmin=-5, vmax=5)
    assert display._cbar.extend == "both"


def test_the_points_have_the_color_of_what_is_beyond():
    display = draw(of_values(-9, -4, 4, 9), **words_of(vmax=5, figure=Figure((6, 4))))
    found = pixels(display)
    file = io.BytesIO()
    display.savefig(file, dpi=100)
    picture = plt.imread(io.BytesIO(file.getvalue()))
    box = display.colorbar_ax.get_window_extent()
    middle = round((box.x0 + box.x1) / 2)
    for value, y in ((9, box.y1 + 3), (-9, box.y0 - 3)):
        color = picture[len(picture) - 1 - round(y), middle, :3]
        np.testing.assert_allclose(color, found[value], atol=0.02)
        assert not np.allclose(color, 1)


def test_a_drawn_color_is_the_color_at_its_place_on_the_bar():
    values = (-6, -3, -1, 1, 2.5, 3, 7)
    for words in (
        {},
        {"cmap": "viridis"},
        {"vmin": -6.5, "vmax": 9, "cmap": "cold_hot"},
        {"symmetric_cbar": False},
    ):
        display = draw(of_values(*values), **words_of(figure=Figure((6, 4)), **words))
        bar = bar_pixels(display)
        for value, color in pixels(display).items():
            if value is None:
                continue
            place = min(bar, key=lambda place: abs(place - value))
            np.testing.assert_allclose(color, bar[place], atol=0.08)


# Colours that grow away from a centre


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("cmap", ["RdBu_r", "coolwarm", "cold_hot"])
def test_a_map_of_one_sign_uses_its_half(sign, cmap):
    img = of_values(*(sign * np.array([2, 3, 4, 8])))
    found = pixels(draw(img, **words_of(cmap=cmap)))
    reference = colormap(cmap)
    for value, color in found.items():
        if value is not None:
            expected = reference(0.5 + value / 16)[:3]
            np.testing.assert_allclose(color, expected, atol=0.01)
    if cmap == "RdBu_r":
        red, _, blue = found[sign * 4]
        assert (red > blue) == (sign > 0)
    bar = draw(img, **words_of(cmap=cmap)).colorbar_ax
    assert bar.get_ylim() == ((0, 8) if sign > 0 else (-8, 0))


def test_a_diverging_map_is_centred_unless_limits_say_otherwise():
    def clim(**words):
        return draw(**words).axes["x"].ax.images[-1].get_clim()

    top = pytest.approx(7.941444, abs=1e-3)
    assert clim(symmetric_cbar=False, threshold=3)[1] == top
    assert sum(clim(symmetric_cbar=False)) == 0
    assert clim(vmin=-2, vmax=8) == (-2, 8)
    assert clim(threshold=3, two_sided=False, vmin=2) == (2, top)
    assert sum(clim(threshold=3, two_sided=False, vmin=0)) == 0
    one = clim(symmetric_cbar=False, cmap="viridis")
    assert one == (pytest.approx(sample().min()), top)


@pytest.mark.parametrize("sign", [1, -1])
def test_plot_clusters_uses_half_of_the_colors_too(sign):
    img = of_values(*(sign * np.array([2.0, 3, 4, 8])))
    display = plot_clusters(find_clusters(img, 2), 1, None, figure=Figure((7.3, 3)))
    low, high = display.axes[1, "x"].ax.images[-1].get_clim()
    assert (low, high) == (-8, 8)
    assert display.colorbar_ax.get_ylim() == ((0, 8) if sign > 0 else (-8, 0))


# Names


def test_the_color_maps_of_nilearn_are_nilearns():
    from nilearn.plotting import cm

    places = np.linspace(0, 1, 256)
    from nithresh.plotting import cmaps

    for name, theirs in cm._cmap_d.items():
        ours = cmaps._nilearns(name)
        # nilearn joins some maps from ten colours each.
        joined = name.removesuffix("_r") in cmaps._JOINED
        np.testing.assert_allclose(
            ours(places), theirs(places), atol=0.06 if joined else 0.013
        )


def test_the_names_work_without_nilearn_and_leave_it_importable():
    code = f"""
import sys
from matplotlib.figure import Figure
from nithresh.plotting import plot_stat_map
display = plot_stat_map({str(SAMPLE)!r}, cmap="cold_hot", figure=Figure())
assert display.axes["x"].ax.images[-1].get_cmap().name == "cold_hot"
display.add_overlay({str(SAMPLE)!r}, cmap="black_red_r")
display.add_contours({str(SAMPLE)!r}, cmap="blue_red", levels=[3])
assert "nilearn" not in sys.modules
import nilearn.plotting
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_nilearn_its_names_are_registered_on_first_use():
    code = f"""
import sys, threading
sys.modules["nilearn"] = None  # as if it were not installed
import matplotlib
from matplotlib.figure import Figure
from nithresh.plotting import plot_stat_map
assert "cold_hot" not in matplotlib.colormaps
drawn = []
def draw():
    plot_stat_map({str(SAMPLE)!r}, cmap="cold_hot", figure=Figure())
    drawn.append(matplotlib.colormaps["cold_hot"](0.25))
threads = [threading.Thread(target=draw) for _ in range(4)]
for step in (threading.Thread.start, threading.Thread.join):
    for thread in threads:
        step(thread)
assert len(drawn) == 4
print(*map(float, drawn[0]))
assert "black_blue" not in matplotlib.colormaps
"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    from nilearn.plotting import cm

    color = [float(part) for part in done.stdout.split()]
    assert color == pytest.approx(cm.cold_hot(0.25))


def test_names_that_are_none():
    for name in ("cold_hots", "roy_big_bl_r", "red", "transparent"):
        with pytest.raises(ValueError, match=name):
            draw(cmap=name)


def test_which_maps_have_a_centre():
    for name in ("RdBu_r", "coolwarm", "seismic_r", "cold_hot", "brown_blue_r"):
        assert is_diverging(colormap(name))
    for name in ("viridis", "Reds", "hot", "black_red", "roy_big_bl", "jet"):
        assert not is_diverging(colormap(name))


def test_a_map_beyond_its_limit_has_the_colour_of_the_end():
    high, low = (of_values(*values) for values in ((5, 6, 7), (-5, -6, -7)))
    words = {"bg_img": None, "threshold": 1, "cmap": "inferno"}
    for img, limits, ends, extend in (
        (high, {"vmax": 2}, (0, 2), "max"),
        (low, {"vmin": -2}, (-2, 0), "min"),
    ):
        image = nib.Nifti1Image(np.asarray(img.dataobj)[1:-1, 1:-1, 1:-1], img.affine)
        display = draw(image, cut_coords=(6, 6, 3), **limits, **words)
        assert display.axes["x"].ax.images[-1].get_clim() == ends
        assert display.axes["x"].ax.images[-1].get_array().count() == 18
        assert display._cbar.extend == extend
        below = draw(image, cut_coords=(6, 6, 3), colorbar=False, **words)
        below.add_overlay(image, threshold=1, **limits)
        assert below.axes["x"].ax.images[-1].get_clim() == ends


# The bar


def test_the_bar_is_a_colorbar_of_matplotlib():
    display = draw(threshold=3)
    bar = display._cbar
    assert isinstance(bar, Colorbar)
    assert bar.ax is display.colorbar_ax
    bar.set_label("z score")
    bar.set_ticks([-7, 0, 7], labels=["low", "none", "high"])
    bar.ax.set_xlabel("below")
    display.frame_axes.figure.draw_without_rendering()
    assert [t.get_text() for t in bar.ax.get_yticklabels()] == ["low", "none", "high"]
    figure = display.frame_axes.figure.bbox
    label = bar.ax.yaxis.label.get_window_extent()
    assert figure.x0 <= label.x0
    assert label.x1 <= figure.x1
    assert draw(colorbar=False)._cbar is None


def test_a_label_of_one_letter_is_not_turned():
    assert draw(cbar_label="z").colorbar_ax.yaxis.label.get_rotation() == 0
    assert draw(cbar_label="z score").colorbar_ax.yaxis.label.get_rotation() == 90


@pytest.mark.parametrize("tick_format", ["%i", "%d", "%.0f", "%.1f", "%.2g", "%.3e"])
@pytest.mark.parametrize("threshold", [1e-6, 1.96, 2.5, 7.5])
def test_what_a_tick_says_is_true(tick_format, threshold):
    for words in ({}, {"vmax": 7.6}, {"threshold": threshold, "two_sided": False}):
        words = {"threshold": threshold, **words}
        ax = draw(cbar_tick_format=tick_format, **words).colorbar_ax
        low, high = ax.get_ylim()
        texts = [text.get_text() for text in ax.get_yticklabels()]
        assert texts
        assert len(set(texts)) == len(texts)
        for place, text in zip(ax.get_yticks(), texts, strict=True):
            assert abs(place - float(text)) <= 0.01 * (high - low)


def test_the_band_can_have_another_color():
    display = draw(threshold=3, brain_color=(0.2, 0.4, 0.6))
    (band,) = display.colorbar_ax.patches
    assert band.get_facecolor() == pytest.approx((0.2, 0.4, 0.6, 1))


def test_the_default_map_of_matplotlib_is_a_setting():
    with mpl.rc_context({"image.cmap": "magma"}):
        display = draw(colorbar=False)
        display.add_overlay(SAMPLE)
    assert display.axes["x"].ax.images[-1].get_cmap().name == "magma"
