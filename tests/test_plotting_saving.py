"""Figures in files: formats, resolution, texts, threads, places that cannot be."""

import base64
import io
import os
import re
import threading
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import nibabel as nib
import numpy as np
import pytest
from matplotlib.figure import Figure

from nithresh import datasets
from nithresh.plotting import plot_stat_map

SAMPLE = datasets.load_sample_motor_activation_image()
CUT = (36, -25, 52)


@pytest.fixture(autouse=True)
def _no_figures_left():
    yield
    plt.close("all")


def draw(**words):
    words.setdefault("figure", Figure((7.3, 3.5)))
    return plot_stat_map(SAMPLE, cut_coords=CUT, **words)


def saved(display, **words):
    file = io.BytesIO()
    display.savefig(file, **words)
    return file.getvalue()


def picture(display, **words):
    return plt.imread(io.BytesIO(saved(display, **words)))


def test_transparent_is_transparent():
    display = draw()
    assert picture(display)[0, -1, 3] == 1
    clear = picture(display, transparent=True)
    assert clear[0, -1, 3] == 0
    assert (clear[..., 3] == 1).mean() > 0.2
    with mpl.rc_context({"savefig.transparent": True}):
        assert picture(display)[0, -1, 3] == 0
    with mpl.rc_context({"savefig.facecolor": "r"}):
        np.testing.assert_allclose(picture(display)[0, -1], (1, 0, 0, 1))


def test_black_stays_black():
    display = draw(black_bg=True)
    assert (picture(display)[:3, -3:, :3] == 0).all()
    assert plot_stat_map(SAMPLE, black_bg=True).frame_axes.figure.get_facecolor() == (
        mpl.colors.to_rgba("k")
    )


def test_tight_trims_and_loses_nothing():
    # A figure with much room around its panels.
    display = draw(figure=Figure((7.3, 7)), title="A title")
    whole = picture(display, dpi=100)
    tight = picture(display, dpi=100, bbox_inches="tight")
    assert tight.shape[0] < 0.75 * whole.shape[0]

    def ink(pixels):
        return (pixels[..., :3] < 0.99).any(axis=2).sum()

    assert ink(tight) == pytest.approx(ink(whole), rel=0.01)


@pytest.mark.parametrize("suffix", ["svg", "pdf"])
def test_vector_files_hold_every_voxel(suffix):
    display = draw()
    content = saved(display, format=suffix)
    if suffix == "pdf":
        found = [int(width) for width in re.findall(rb"/Width (\d+)", content)]
    else:
        encoded = re.findall(rb"data:image/png;base64,([^\"]+)", content)
        pictures = [plt.imread(io.BytesIO(base64.b64decode(e))) for e in encoded]
        found = [picture.shape[1] for picture in pictures]
    for panel in display.axes.values():
        for image in panel.ax.images:
            assert 2 * image.get_array().shape[1] <= max(found)
    # The figure itself is as it was.
    assert all(len(panel.ax.images) == 2 for panel in display.axes.values())
    assert all(
        image.get_visible() for p in display.axes.values() for image in p.ax.images
    )


def pictures_of_postscript(content):
    """The pictures in a PostScript file, each of shape (rows, columns, 3)."""
    found = []
    for match in re.finditer(
        rb"(\d+) (\d+) 8 \[.*?colorimage\n([0-9a-f\n]+)\ngrestore", content, re.DOTALL
    ):
        width, height = int(match[1]), int(match[2])
        values = bytes.fromhex(match[3].decode().replace("\n", ""))
        found.append(np.frombuffer(values, np.uint8).reshape(height, width, 3))
    return found


@pytest.mark.parametrize("suffix", ["eps", "ps"])
@pytest.mark.parametrize("black", [False, True])
def test_postscript_shows_the_brain_under_the_map(suffix, black):
    display = draw(threshold=3, black_bg=black, colorbar=False)
    pictures = pictures_of_postscript(saved(display, format=suffix, dpi=100))
    assert len(pictures) == 3
    paper = 0 if black else 255
    for found in pictures:
        assert (found[[0, 0, -1, -1], [0, -1, 0, -1]] == paper).all()
        colors = found.reshape(-1, 3).astype(int)
        is_grey = np.ptp(colors, axis=1) == 0
        is_brain = is_grey & (colors[:, 0] > 20) & (colors[:, 0] < 250)
        assert is_brain.mean() > 0.2
        assert 0.01 < (~is_grey).mean() < 0.3
    # The figure itself is as it was.
    assert all(len(panel.ax.images) == 2 for panel in display.axes.values())


def test_a_file_looks_like_the_figure():
    display = draw(threshold=3, transparency=0.5)
    file = io.BytesIO()
    display.frame_axes.figure.savefig(file, dpi=100, format="png")
    plain = plt.imread(io.BytesIO(file.getvalue()))
    np.testing.assert_allclose(picture(display, dpi=100), plain, atol=0.25)
    assert np.abs(picture(display, dpi=100) - plain).mean() < 0.005


def test_output_file_has_a_resolution(tmp_path):
    path = tmp_path / "plot.png"
    draw(output_file=path, dpi=50)
    assert plt.imread(path).shape[:2] == (175, 365)
    draw(output_file=path).savefig(path, format=None)
    assert plt.imread(path).shape[:2] == (350, 730)


def test_texts_in_vector_files_are_texts():
    display = draw(title="A title", cbar_label="z score", threshold=3)
    svg = saved(display, format="svg").decode()
    for text in ("A title", "z score", "x=36", "L", "R"):
        assert re.search(rf"<text[^>]*>\s*{text}\s*</text>", svg)
    assert b"/FontFile2" in saved(display, format="pdf")
    with mpl.rc_context({"svg.fonttype": "path"}):
        assert mpl.rcParams["svg.fonttype"] == "path"
    assert mpl.rcParams["svg.fonttype"] == mpl.rcParamsDefault["svg.fonttype"]


@pytest.mark.parametrize("suffix", ["svg", "pdf"])
def test_vector_files_are_at_most_twice_nilearns(suffix, tmp_path):
    from nilearn.plotting import plot_stat_map as nilearn_plot

    sizes = []
    for plot in (plot_stat_map, nilearn_plot):
        display = plot(SAMPLE, cut_coords=CUT, threshold=3)
        path = tmp_path / f"{plot.__module__}.{suffix}"
        display.savefig(path, dpi=300)
        sizes.append(path.stat().st_size)
    assert sizes[0] <= 2 * sizes[1]


def test_the_same_figure_is_the_same_file():
    with mpl.rc_context({"svg.hashsalt": "salt"}):
        for suffix in ("png", "svg", "pdf"):
            one, other = (saved(draw(), format=suffix) for _ in range(2))
            assert one == other


def test_what_is_no_file():
    display = draw()
    for wrong in (None, 3, ["a.png"]):
        with pytest.raises(TypeError, match="the file to save is"):
            display.savefig(wrong)


@pytest.mark.skipif(os.name != "posix", reason="needs a place for no files")
def test_a_place_that_cannot_be_is_named(tmp_path):
    display = draw()
    file = tmp_path / "file"
    file.write_text("no folder")
    for path in (file / "plot.png", file / "more" / "plot.png"):
        with pytest.raises(OSError, match=re.escape(f"'{path}'") + "$"):
            display.savefig(path)
    for path in ("/proc/nithresh/plot.png", "/proc/plot.png"):
        with pytest.raises(OSError, match=re.escape(f"'{path}'") + "$"):
            display.savefig(path)
    assert sorted(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_threads_that_save_one_file(tmp_path, suffix):
    path = tmp_path / f"plot.{suffix}"
    failures = []

    def save(number):
        try:
            for _ in range(3):
                draw(output_file=path, threshold=number, title=f"title {number}")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=save, args=(n,)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    start = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[suffix]
    assert path.read_bytes().startswith(start)
    if suffix == "svg":
        assert len(re.findall("title [1-4]<", path.read_text())) == 1


# What nilearn has as well


def test_masked_voxels_are_not_drawn():
    data = np.asarray(nib.load(SAMPLE).dataobj)
    template = datasets.load_mni152_template()
    brain = np.asarray(template.dataobj)
    masked = nib.Nifti1Image(np.ma.masked_less(data, 3), nib.load(SAMPLE).affine)
    background = nib.Nifti1Image(np.ma.masked_equal(brain, 0), template.affine)
    display = plot_stat_map(
        masked, bg_img=background, cut_coords=CUT, figure=Figure((7.3, 3.5))
    )
    expected = draw(threshold=3, two_sided=False, bg_img=template)
    for a, b in zip(display.axes.values(), expected.axes.values(), strict=True):
        np.testing.assert_array_equal(
            a.ax.images[-1].get_array().filled(0), b.ax.images[-1].get_array().filled(0)
        )
        np.testing.assert_array_equal(
            a.ax.images[0].get_alpha(), b.ax.images[0].get_alpha()
        )


def test_the_template_of_nilearn_is_a_background():
    from nilearn.plotting.image.utils import MNI152TEMPLATE

    one, other = draw(bg_img=MNI152TEMPLATE), draw()
    for a, b in zip(one.axes.values(), other.axes.values(), strict=True):
        np.testing.assert_array_equal(
            a.ax.images[0].get_array(), b.ax.images[0].get_array()
        )
    assert not one.black_bg


def test_edges_are_where_an_image_changes():
    data = np.zeros((20, 20, 20), np.float32)
    data[5:15, 5:15, 5:15] = 1
    img = nib.Nifti1Image(data, np.diag([3.0, 3, 3, 1]))
    display = plot_stat_map(img, None, (30, 30, 30), figure=Figure())
    display.add_edges(img, color="g")
    for panel in display.axes.values():
        drawn = panel.ax.images[-1]
        shown = ~np.ma.getmaskarray(drawn.get_array())
        assert shown.any()
        rows, columns = np.nonzero(shown)
        at_border = np.isin(rows, (4, 5, 14, 15)) | np.isin(columns, (4, 5, 14, 15))
        assert at_border.all()
        assert drawn.cmap(1.0) == mpl.colors.to_rgba("g")
    flat = nib.Nifti1Image(np.ones((4, 4, 4), np.float32), np.diag([9.0, 9, 9, 1]))
    display.add_edges(flat)


@pytest.mark.parametrize("aspect", ["equal", "auto", 1])
def test_an_aspect_is_taken(aspect):
    display = draw(aspect=aspect)
    display.frame_axes.figure.draw_without_rendering()
    for panel in display.axes.values():
        box = panel.ax.get_window_extent()
        across = box.width / np.ptp(panel.ax.get_xlim())
        assert across == pytest.approx(box.height / np.ptp(panel.ax.get_ylim()))


# Contours


def colors_of_levels(display):
    found = {}
    for panel in display.axes.values():
        for lines in panel.ax.collections:
            for level, color, width in zip(
                lines.levels,
                lines.get_edgecolors(),
                lines.get_linewidths(),
                strict=True,
            ):
                found[float(level)] = (mpl.colors.to_hex(color), width)
    return found


def test_what_is_said_of_a_level_belongs_to_it():
    display = draw()
    levels = [3, -3, 5]
    display.add_contours(
        SAMPLE, levels=levels, colors=["red", "blue", "lime"], linewidths=[1, 2, 3]
    )
    assert colors_of_levels(display) == {
        -3: ("#0000ff", 2),
        3: ("#ff0000", 1),
        5: ("#00ff00", 3),
    }
    assert levels == [3, -3, 5]
    one = draw()
    one.add_contours(SAMPLE, levels=[5, 3, -3], colors=(0, 0, 1), linewidths=2)
    assert set(colors_of_levels(one).values()) == {("#0000ff", 2)}


def test_a_number_of_levels():
    display = draw()
    display.add_contours(SAMPLE, levels=5)
    (panel, *_) = display.axes.values()
    (lines,) = panel.ax.collections
    assert len(lines.levels) == 5
    assert len(set(lines.levels)) == 5
    with pytest.raises(ValueError, match="levels is 0"):
        display.add_contours(SAMPLE, levels=0)


def test_the_display_of_an_output_file_can_be_saved_again(tmp_path):
    display = draw(output_file=tmp_path / "one.png")
    display.savefig(tmp_path / "two.png")
    assert Path(tmp_path, "two.png").stat().st_size > 1000
