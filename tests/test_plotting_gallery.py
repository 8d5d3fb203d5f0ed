"""The ways in which nilearn's gallery calls plot_stat_map, on ours and on nilearn's.

The 122 calls of nilearn 0.14.1 have these sets of arguments; those that differ in
numbers alone are one here. Maps that the gallery downloads are made up.
"""

import inspect
import warnings

import matplotlib.pyplot as plt
import nibabel as nib
import numpy as np
import pytest
from nilearn.plotting import plot_stat_map as nilearn_plot

from nithresh import datasets
from nithresh.plotting import plot_stat_map

CUT = (36, -27, 60)
MIDDLE = [5, -26, 21]
TITLE = {"title": "A title that says what is shown"}
LONG = {
    "title": "listening > rest (p<0.05 FDR-corrected; threshold: 3.298; clusters > 10)"
}
ANAT = {"bg_img": "anat"}
AT_Z = {"display_mode": "z"}
ONE = {**AT_Z, "cut_coords": 1}
INFERNO = {"cmap": "inferno"}
NO_BAR = {"colorbar": False}
NO_CROSS = {"draw_cross": False}
ORTHO = {"display_mode": "ortho", "cut_coords": CUT}
DARK = {**AT_Z, **ANAT, "cut_coords": 3, "black_bg": True}
CLEAR = {"display_mode": "ortho", "cut_coords": MIDDLE, **NO_CROSS, "cmap": "cold_hot"}
RESULT = {**AT_Z, **ANAT, "cut_coords": [9, 42, 63], "black_bg": True, "vmin": 0}
FADED = {"transparency": "signed", "transparency_range": [1.5, 3]}
RUNS = {**ANAT, "threshold": 3, "cut_coords": (-46, -18, 42), **TITLE, "vmax": 6}
LOG_P = {"threshold": 1.3, "vmin": 1.3, **INFERNO}

# The map, and the arguments.
CALLS = [
    # Tutorials
    ("signed", {}),
    ("signed", {"threshold": 3}),
    ("positive", {}),
    ("signed", {"threshold": 3, **ONE, **NO_BAR}),
    ("signed", {**DARK, **LONG, "threshold": 3, "figure": (10, 4)}),
    ("cut off", {**DARK, **LONG, "threshold": 3, "figure": (10, 4)}),
    # Plotting
    (
        "signed",
        {"display_mode": "x", "threshold": 1.0, "cut_coords": [0, 10, 20, 30, 40, 50]},
    ),
    ("signed", {"cmap": "RdBu_r", "threshold": 6, **TITLE}),
    ("signed", {"cmap": "cold_hot", "threshold": 6, **TITLE}),
    ("signed", {**ORTHO, **TITLE}),
    ("signed", {**AT_Z, "cut_coords": 5, **TITLE}),
    ("signed", {"display_mode": "x", "cut_coords": [-36, 36], **TITLE}),
    ("signed", {"display_mode": "y", "cut_coords": 1, **TITLE, "figure": (5, 4)}),
    ("signed", {"display_mode": "xz", "cut_coords": [36, 60], **TITLE}),
    ("signed", {"display_mode": "yx", "cut_coords": [-27, 36], **TITLE}),
    ("signed", {"display_mode": "yz", "cut_coords": [-27, 60], **TITLE}),
    ("signed", {"display_mode": "tiled", "cut_coords": CUT, **TITLE}),
    ("signed", {"display_mode": "mosaic", **TITLE}),
    ("signed", {"display_mode": "mosaic", "cut_coords": 3, **TITLE}),
    ("signed", {"display_mode": "mosaic", "cut_coords": (5, 4, 10), **TITLE}),
    (
        "signed",
        {
            "display_mode": "mosaic",
            "cut_coords": {"x": [42, 18, -42], "y": [-52, -28, 0], "z": [54, 66, 72]},
            **TITLE,
        },
    ),
    ("signed", {**TITLE, "output_file": "map.png"}),
    ("signed", {"threshold": 3, **TITLE, "cut_coords": [36, -27, 66]}),
    (
        "signed",
        {"threshold": 3, **TITLE, "cut_coords": [36, -27, 66], "radiological": True},
    ),
    ("signed", {**ORTHO, "threshold": 1, **TITLE}),
    ("signed", {**ORTHO, "threshold": 1, **INFERNO, **TITLE, "vmin": 0}),
    ("signed", {**ORTHO, "threshold": 1, **INFERNO, **TITLE, "vmax": 0}),
    ("signed", {**ORTHO, **NO_BAR, **TITLE}),
    *(
        ("signed", {**ANAT, "cut_coords": CUT, "threshold": 3, **TITLE, "dim": dim})
        for dim in (-0.5, 0, 0.5, 1)
    ),
    ("probability", {**NO_BAR, **TITLE, **INFERNO}),
    ("signed", {**CLEAR, "vmax": 8, **TITLE, "axes": True}),
    ("signed", {**CLEAR, "vmax": 8, **TITLE, "axes": True, "threshold": 3}),
    ("signed", {**CLEAR, "vmax": 8, **TITLE, "axes": True, "transparency": "signed"}),
    ("signed", {**CLEAR, "vmax": 8, **TITLE, "axes": True, **FADED}),
    ("signed", {**CLEAR, **TITLE, "axes": True, "transparency": "mask"}),
    ("signed", {**RESULT, **TITLE, **INFERNO, "axes": True}),
    ("signed", {**RESULT, **TITLE, **INFERNO, "axes": True, "threshold": 3}),
    (
        "signed",
        {**RESULT, **TITLE, **INFERNO, "axes": True, "transparency": "positive"},
    ),
    # Decoding
    ("weights", {**ANAT, **TITLE}),
    (
        "weights",
        {**ANAT, **AT_Z, "cut_coords": [-15], "threshold": 0.005, "figure": (3, 4)},
    ),
    ("weights", {**ANAT, **TITLE, "cut_coords": (-50, -4), "display_mode": "yz"}),
    ("positive", {**ANAT, **TITLE, **AT_Z, "cut_coords": [-9], **INFERNO}),
    ("weights", {"axes": True, **AT_Z, "cut_coords": [-9], **TITLE}),
    (
        "weights",
        {**TITLE, "display_mode": "yz", "cut_coords": [20, -2], "threshold": 0.01},
    ),
    (
        "cut off",
        {**ANAT, "cut_coords": [-8], **AT_Z, "aspect": 1.25, **TITLE, **INFERNO},
    ),
    ("weights", {**TITLE, **ANAT, **AT_Z, "cut_coords": [22], "figure": "dark"}),
    (
        "signed",
        {"threshold": 1, **TITLE, **ANAT, **AT_Z, "cut_coords": [22], "figure": "dark"},
    ),
    ("weights", {**ANAT, **TITLE, **ONE}),
    # Connectivity
    ("weights", {**ONE, **TITLE, "vmax": 0.05, "vmin": -0.05, **NO_BAR}),
    ("positive", {"cut_coords": (6, -50, 29), **TITLE}),
    (
        "correlation",
        {"threshold": 0.5, "vmax": 1, "cut_coords": (0, -52, 18), **TITLE},
    ),
    # First and second level
    ("signed", {"threshold": 3.0, **TITLE, "cut_coords": (0, -53, 26)}),
    ("signed", {**ONE, "threshold": 3.0, **TITLE, "axes": True}),
    ("signed", {**AT_Z, "threshold": 3.0, **TITLE}),
    ("signed", {**ANAT, "threshold": 3.1, **TITLE}),
    (
        "probability",
        {
            **ANAT,
            **AT_Z,
            "threshold": 0.1,
            "cut_coords": 7,
            **INFERNO,
            **TITLE,
            "vmin": 0,
            "symmetric_cbar": False,
        },
    ),
    (
        "signed",
        {
            **AT_Z,
            **ANAT,
            "cut_coords": [42],
            "threshold": 3.1,
            "axes": True,
            **NO_BAR,
        },
    ),
    (
        "signed",
        {
            **DARK,
            **TITLE,
            **INFERNO,
            "vmin": 0,
            "transparency": "positive",
            "transparency_range": [0, 3],
        },
    ),
    ("signed", RUNS),
    ("signed", {"threshold": 3, **AT_Z, "cut_coords": [-4, 26], "figure": (5, 3)}),
    ("signed", {"threshold": 3, **TITLE}),
    (
        "probability",
        {
            **AT_Z,
            "threshold": 0.0,
            "vmax": 1,
            **INFERNO,
            **TITLE,
            "cut_coords": [-20, 0, 21],
        },
    ),
    ("signed", {**AT_Z, "threshold": 3.09, **TITLE, "cut_coords": [-20, 0, 21]}),
    ("signed", {"threshold": 3, **TITLE, "cut_coords": CUT, **NO_CROSS}),
    ("log p", {**LOG_P, "cut_coords": CUT, **TITLE, **NO_CROSS}),
    # Images
    ("cut off", {"cut_coords": CUT, "threshold": 2, **LONG}),
    ("cut off", {**AT_Z, "cut_coords": [22], **NO_BAR, **INFERNO, "vmax": 15}),
    ("cut off", {**AT_Z, "cut_coords": 5, **TITLE, **NO_BAR}),
    ("signed", {"cut_coords": (36, -27, 66), "threshold": 3, **TITLE, "vmax": 9}),
    ("signed", {**ANAT, "display_mode": "y", "cut_coords": 4, **TITLE}),
    ("signed", {**ANAT, **TITLE, "cut_coords": (36, -27, 66), "vmax": 8}),
    ("log p", {**ANAT, **TITLE, "cut_coords": (18, -27, 21), **INFERNO}),
    ("signed", {"cut_coords": MIDDLE, **NO_CROSS, **TITLE, "display_mode": "ortho"}),
    ("positive", {"cut_coords": MIDDLE, **NO_CROSS, "cmap": "Reds", "axes": True}),
    ("negative", {"cut_coords": MIDDLE, **NO_CROSS, "cmap": "Blues_r", "axes": True}),
    # Advanced
    ("weights", {**TITLE, **NO_CROSS}),
    (
        "correlation",
        {
            "threshold": 0.5,
            "vmax": 1,
            "cut_coords": (-16, -14, 28),
            **TITLE,
            "figure": (5, 3),
            "axes": True,
        },
    ),
    ("log p", {**LOG_P, **ANAT, **AT_Z, "cut_coords": [-1], "vmax": 4}),
    (
        "correlation",
        {
            **ANAT,
            **TITLE,
            "threshold": 0.15,
            "vmax": 1.0,
            "black_bg": True,
            "figure": (6, 4),
            "symmetric_cbar": True,
        },
    ),
    ("signed", {"threshold": 2.5, **NO_BAR, **TITLE}),
    ("weights", ANAT),
    ("log p", {**LOG_P, **AT_Z, "cut_coords": [22], "figure": (5, 6), **TITLE}),
    (
        "signed",
        {**AT_Z, "threshold": 6, "cut_coords": [-15, -8, 6, 30], "vmax": 9, "vmin": -9},
    ),
]


@pytest.fixture(scope="module")
def maps():
    """The sample in voxels of 6 mm, and what can be made of it."""
    sample = nib.load(datasets.load_sample_motor_activation_image())
    data = np.asarray(sample.dataobj)[::2, ::2, ::2].astype(np.float32)
    affine = sample.affine @ np.diag([2.0, 2, 2, 1])
    anat = 100 + 50 * np.cos(np.arange(data.size, dtype=np.float32)).reshape(data.shape)
    made = {
        "signed": data,
        "positive": np.abs(data),
        "negative": -np.abs(data),
        "cut off": np.where(np.abs(data) > 2, data, 0),
        "weights": data / 500,
        "probability": np.abs(data) / 8,
        "correlation": np.tanh(data / 4),
        "log p": np.abs(data) / 2,
        "mask": (np.abs(data) > 1).astype(np.float32),
        "anat": np.where(data != 0, anat, 0),
    }
    return {name: nib.Nifti1Image(value, affine) for name, value in made.items()}


@pytest.fixture(autouse=True)
def _no_figures_left():
    yield
    plt.close("all")


def drawn(plot, maps, name, words, folder):
    """Call one of the two, in a place of its own."""
    words = dict(words)
    for key in ("bg_img", "transparency"):
        if key in words:
            words[key] = maps[words[key]]
    size = words.pop("figure", None)
    if size is not None:
        dark = {"figsize": (5.5, 7.5), "facecolor": "k"}
        words["figure"] = plt.figure(**(dark if size == "dark" else {"figsize": size}))
    if words.pop("axes", False):
        words["axes"] = words.get("figure", plt.figure(figsize=(8, 4))).add_subplot()
    if "output_file" in words:
        words["output_file"] = folder / f"{plot.__module__}.png"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return plot(maps[name], **words)


def map_of(panel):
    return panel.ax.images[-1] if panel.ax.images else None


def test_every_argument_of_the_gallery_is_here():
    used = {key for _, words in CALLS for key in words}
    known = set(inspect.signature(nilearn_plot).parameters) | {"aspect"}
    assert used <= known
    never_used = {"annotate", "cbar_tick_format", "resampling_interpolation"}
    assert known - used == {"stat_map_img", "kwargs"} | never_used


@pytest.mark.parametrize(("name", "words"), CALLS, ids=range(len(CALLS)))
def test_a_call_of_the_gallery_draws_the_voxels_of_nilearns(
    maps, name, words, tmp_path
):
    ours = drawn(plot_stat_map, maps, name, words, tmp_path)
    mode = words.get("display_mode", "ortho")
    # docs/nilearn.md: without any cuts, ours go through the largest cluster, and a
    # number of cuts goes through what is drawn.
    chosen = (mode == "ortho" and "cut_coords" not in words) or (
        words.get("cut_coords") == 3 and words.get("vmin") == 0
    )
    given = {"cut_coords": ours.cut_coords} if chosen else {}
    theirs = drawn(nilearn_plot, maps, name, {**words, **given}, tmp_path)
    if "output_file" in words:
        assert len(list(tmp_path.iterdir())) == 2
        return
    assert set(ours.axes) == set(theirs.axes)
    for key, panel in theirs.axes.items():
        mine, other = map_of(ours.axes[key]), map_of(panel)
        plane = mine.get_array()
        # nilearn's rows run downwards.
        expected = np.flipud(other.get_array())
        shown = ~np.ma.getmaskarray(expected)
        np.testing.assert_array_equal(~np.ma.getmaskarray(plane), shown)
        np.testing.assert_array_equal(plane.filled(0)[shown], expected[shown])
        assert mine.get_cmap().name == other.get_cmap().name
        if name in {"signed", "weights", "correlation", "cut off"} or "cmap" in words:
            assert mine.get_clim() == pytest.approx(other.get_clim())
    figure = ours.frame_axes.figure
    figure.draw_without_rendering()
