"""A page in a real browser: what a person sees and does."""

import html
import json
import re
import shlex
import warnings
from pathlib import Path

import nibabel
import numpy as np
import pytest
from matplotlib.figure import Figure

import nithresh
from browser import Opened, chromium
from nithresh import datasets, find_clusters
from nithresh._rules import RULES
from nithresh.command import main
from nithresh.plotting import plot_stat_map
from nithresh.plotting.geometry import PLANE_AXES, Volume

SAMPLE = datasets.load_sample_motor_activation_image()
# Keeps what a copy takes.
LISTEN = """document.addEventListener("copy", () => {
  window.copied = document.activeElement.value;
})"""


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def sample_view():
    return nithresh.view(SAMPLE, 3, cluster_threshold=10)


@pytest.fixture(scope="module")
def sample(sample_view, tmp_path_factory):
    path = tmp_path_factory.mktemp("pages") / "sample.html"
    sample_view.save(path)
    return path


@pytest.fixture
def opened(browser, sample):
    opened = Opened(browser, sample).ready()
    yield opened
    assert opened.said == []
    assert opened.requests == [sample.as_uri()]
    opened.context.close()


def open_page(browser, tmp_path, view, **context):
    path = tmp_path / "page.html"
    view.save(path)
    return Opened(browser, path, **context)


def printed(clusters):
    return clusters.table.printed()[1]


def oblique():
    """A map whose voxels lie askew, with a blob of each sign."""
    random = np.random.default_rng(0)
    data = random.standard_normal((12, 14, 10)).astype(np.float32)
    data[3:7, 4:9, 3:6] += 5
    data[8:11, 2:5, 5:8] -= 5
    angle = 0.4
    turn = np.array(
        [
            [np.cos(angle), -np.sin(angle), 0],
            [np.sin(angle), np.cos(angle), 0.2],
            [0.1, -0.1, 1],
        ]
    )
    affine = np.eye(4)
    affine[:3, :3] = turn * 4
    affine[:3, 3] = -20, -30, 10
    return nibabel.Nifti1Image(data, affine)


def test_opens_without_a_word_and_without_a_request(opened):
    assert opened.table() == printed(
        find_clusters(SAMPLE, 3, cluster_threshold=10, max_peaks=1)
    )
    assert opened.text("#count") == "9 clusters, 3797 voxels"
    assert not opened.page.is_visible("#static")
    assert "not an inference" in opened.text("#honest")
    assert opened.page.is_visible("#honest")


@pytest.mark.parametrize(
    ("threshold", "extent", "sign"),
    [(2.3, 50, 0), (3.1, 0, 0), (4, 5, 1), (2.5, 20, -1), (7.94, 0, 0), (9, 0, 0)],
)
def test_the_table_is_that_of_find_clusters(opened, threshold, extent, sign):
    opened.page.fill("#threshold", str(threshold))
    opened.page.fill("#extent", str(extent))
    opened.page.select_option("#sign", str(sign))
    opened.settle()
    expected = (
        find_clusters(
            SAMPLE,
            -threshold if sign < 0 else threshold,
            cluster_threshold=extent,
            two_sided=not sign,
            max_peaks=1,
        )
        if threshold < 8
        else None
    )
    rows = [] if expected is None else printed(expected)
    assert opened.table() == rows
    assert opened.text("#count").startswith(f"{len(rows)} clusters, ")


def test_the_call_and_the_command_give_what_is_shown(opened, capsys, monkeypatch):
    monkeypatch.chdir(Path(SAMPLE).parent)
    for sign in ("0", "1", "-1"):
        opened.page.fill("#threshold", "2.7")
        opened.page.fill("#extent", "30")
        opened.page.select_option("#sign", sign)
        opened.settle()
        clusters = eval(opened.text("#python"))  # noqa: S307 - it is what we show
        is_cluster = [name.isdigit() for name in clusters.table["id"].tolist()]
        rows = [
            row for row, own in zip(printed(clusters), is_cluster, strict=True) if own
        ]
        assert opened.table() == rows
        command = opened.text("#command").split()
        assert command[0] == "nithresh"
        assert main(command[1:]) == 0
        lines = capsys.readouterr().out.splitlines()[1:]
        ids = [line.split("\t")[0] for line in lines]
        assert [name for name in ids if name.isdigit()] == [row[0] for row in rows]


def test_the_copied_table_has_all_digits(opened):
    opened.page.evaluate(LISTEN)
    opened.page.click("[data-copy=table]")
    lines = [line.split("\t") for line in opened.page.evaluate("copied").splitlines()]
    table = find_clusters(SAMPLE, 3, cluster_threshold=10, max_peaks=1).table
    assert len(lines) == len(table["id"]) + 1
    for place, name in enumerate(lines[0]):
        written = [float(line[place]) for line in lines[1:]]
        assert written == table[name].astype(float).tolist(), name
    assert opened.text("#copied") == "Copied."
    opened.page.click("[data-copy=python]")
    assert opened.page.evaluate("copied") == opened.text("#python")


def test_slider_number_and_keys_move_the_threshold(opened):
    page = opened.page
    page.focus("#slider")
    page.keyboard.press("ArrowRight")
    opened.settle()
    assert page.input_value("#threshold") == "3.01"
    assert opened.table() == printed(
        find_clusters(SAMPLE, 3.01, cluster_threshold=10, max_peaks=1)
    )
    page.keyboard.press("Home")
    opened.settle()
    assert page.input_value("#threshold") == "0"
    assert opened.text("#more") == ""
    page.fill("#threshold", "5")
    opened.settle()
    assert page.input_value("#slider") == "5"
    page.fill("#threshold", "")
    opened.settle()
    assert opened.table() == printed(
        find_clusters(SAMPLE, 5, cluster_threshold=10, max_peaks=1)
    )


@pytest.mark.parametrize(("written", "least"), [("44.5", 45), ("-3", 0), ("", 10)])
def test_an_extent_that_is_no_count_of_voxels(opened, written, least):
    opened.page.fill("#extent", written)
    opened.page.keyboard.press("Tab")
    opened.settle()
    assert opened.page.input_value("#extent") == str(least)
    assert opened.table() == printed(
        find_clusters(SAMPLE, 3, cluster_threshold=least, max_peaks=1)
    )
    assert f"cluster_threshold={least}, " in opened.text("#python")


def test_many_clusters_are_counted_and_the_first_are_shown(opened):
    opened.page.fill("#threshold", "1")
    opened.page.fill("#extent", "0")
    opened.settle()
    count = len(find_clusters(SAMPLE, 1, max_peaks=1))
    assert count > 100
    assert len(opened.table()) == 100
    assert opened.text("#more") == f"... and {count - 100} more rows"


def test_rows_lead_to_their_peaks(opened):
    page = opened.page
    page.click("#rows tr:nth-child(2)")
    opened.settle()
    assert opened.text("#here") == "-24, -31, 73 mm: -7.9414, cluster 2"
    assert page.get_attribute("#rows tr:nth-child(2)", "aria-current") == "true"
    page.focus("#rows tr:nth-child(1)")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    opened.settle()
    assert opened.text("#here").startswith("-9, -58, -17 mm: 7.9413, cluster 3")


def test_slices_answer_to_mouse_wheel_and_keys(opened):
    page = opened.page
    box = page.query_selector("#z").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    opened.settle()
    x, y, z = page.evaluate("cross")
    low, high = np.transpose(page.evaluate("settings.view"))
    np.testing.assert_allclose([x, y], ((low + high) / 2)[:2], atol=1)
    assert z == pytest.approx(52, abs=1)
    page.mouse.wheel(0, -100)
    opened.settle()
    assert page.evaluate("cross")[2] == pytest.approx(z + 3)
    page.focus("#y canvas")
    for key in ("PageUp", "ArrowRight", "ArrowUp", "ArrowUp"):
        page.keyboard.press(key)
    opened.settle()
    np.testing.assert_allclose(page.evaluate("cross"), [x + 3, y + 3, z + 9])
    assert page.get_attribute("#y canvas", "aria-label").startswith("Slice at y = ")
    for key in ("Alt+ArrowUp", "Control+PageUp"):
        page.keyboard.press(key)
    opened.settle()
    np.testing.assert_allclose(page.evaluate("cross"), [x + 3, y + 3, z + 9])
    page.mouse.move(box["x"] + 3, box["y"] + 3)
    assert opened.text("#here").endswith(("mm: 0", "mm: outside the map"))


def test_touch_moves_the_cross(browser, sample):
    opened = Opened(browser, sample, has_touch=True).ready()
    box = opened.page.query_selector("#x").bounding_box()
    before = opened.page.evaluate("cross[1]")
    opened.page.touchscreen.tap(box["x"] + 20, box["y"] + 30)
    opened.settle()
    assert opened.page.evaluate("cross[1]") < before - 20
    opened.context.close()


def test_the_crop_and_the_cuts_are_those_of_plot_stat_map(opened):
    display = plot_stat_map(SAMPLE, threshold=3, cluster_threshold=10, figure=Figure())
    cuts = opened.page.evaluate("settings.cuts")
    np.testing.assert_allclose(cuts, display.cut_coords)
    everything = plot_stat_map(SAMPLE, figure=Figure())
    view = opened.page.evaluate("settings.view")
    for direction, axes in PLANE_AXES.items():
        panel = everything.axes[direction].ax
        np.testing.assert_allclose(view[axes[0]], panel.get_xlim())
        np.testing.assert_allclose(view[axes[1]], panel.get_ylim())


@pytest.mark.parametrize("image", [SAMPLE, oblique()], ids=["aligned", "oblique"])
def test_each_pixel_has_its_voxel(browser, tmp_path, image):
    view = nithresh.view(image, 3, cluster_threshold=2, bg_img=None)
    opened = open_page(browser, tmp_path, view).ready()
    image = nithresh.load(image) if isinstance(image, str) else image
    data = np.ascontiguousarray(image.get_fdata())
    volume = Volume(np.arange(data.size).reshape(data.shape), image.affine)
    settings = opened.page.evaluate("settings")
    bounds = np.array(settings["view"])
    for name, coord in zip("xyz", settings["cuts"], strict=True):
        grid = volume.grid(name, coord, bounds, per_voxel=2)
        expected = volume.nearest(grid).filled(-1)[::-1]
        found = opened.page.evaluate(
            f"Array.from(panels.find(panel => panel.name === '{name}').map.voxels)"
        )
        assert np.array_equal(np.reshape(found, expected.shape), expected)
    assert opened.said == []
    opened.context.close()


def test_numbers_lie_in_their_clusters(opened):
    opened.page.fill("#threshold", "2")
    opened.settle()
    written = opened.page.evaluate(
        """panels.map((panel) => {
          const labels = colour(panel.map);
          const { x, y, dx, dy, width } = panel.map;
          const seen = [];
          const context = {
            measureText: () => ({ width: 0 }),
            strokeText() {},
            fillText(label, left, top) {
              const column = Math.floor((left - x) / dx);
              seen.push([label, labels[Math.floor((top - y) / dy) * width + column]]);
            },
          };
          number(context, panel.map, labels, 1e-6);
          return [seen, [...new Set(labels)].filter(Boolean).length];
        })"""
    )
    for seen, clusters in written:
        assert len(seen) == clusters > 3
        assert all(label == under for label, under in seen)


def paper_of(opened):
    return opened.page.eval_on_selector(
        "#z", "figure => getComputedStyle(figure).backgroundColor"
    )


def test_paper_is_that_of_the_screen(browser, sample):
    opened = Opened(browser, sample, color_scheme="dark").ready()
    opened.settle()
    assert paper_of(opened) == "rgb(0, 0, 0)"
    opened.page.emulate_media(color_scheme="light")
    opened.settle()
    opened.settle()
    assert paper_of(opened) == "rgb(255, 255, 255)"
    opened.context.close()


def test_a_phone_shows_all_of_it(browser, sample):
    size = {"width": 390, "height": 800}
    opened = Opened(browser, sample, viewport=size, device_scale_factor=2).ready()
    page = opened.page
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    x, y, z = (page.query_selector(f"#{name}").bounding_box() for name in "xyz")
    assert x["y"] == y["y"] < z["y"]
    assert y["x"] + y["width"] <= 390
    view = page.evaluate("settings.view")
    scales = [
        box["width"] / (view[axes[0]][1] - view[axes[0]][0])
        for box, axes in zip((x, y, z), PLANE_AXES.values(), strict=True)
    ]
    np.testing.assert_allclose(scales, scales[0], rtol=1e-2)
    opened.context.close()


def test_a_small_brain_is_drawn_as_large_as_a_human_one(browser, tmp_path):
    data = np.ascontiguousarray(nithresh.load(SAMPLE).dataobj)[::3, ::3, ::3]
    image = nibabel.Nifti1Image(data, np.diag([0.3, 0.3, 0.3, 1]))
    opened = open_page(browser, tmp_path, nithresh.view(image, 3, bg_img=None)).ready()
    boxes = [opened.page.query_selector(f"#{name}").bounding_box() for name in "xyz"]
    assert sum(box["width"] for box in boxes) > 900
    assert 300 < max(box["height"] for box in boxes) < 450
    assert opened.said == []
    opened.context.close()


def test_paper_has_the_choices_and_nothing_to_click(opened):
    opened.page.fill("#threshold", "4")
    opened.settle()
    opened.page.emulate_media(media="print")
    assert not opened.page.is_visible("#controls")
    assert not any(
        button.is_visible() for button in opened.page.query_selector_all("button")
    )
    assert ", 4, cluster_threshold=10, " in opened.text("#python")
    assert opened.page.is_visible("#python")
    assert opened.page.is_visible("#command")
    assert opened.page.is_visible("#x")
    assert opened.page.is_visible("#rows tr:last-child")


HOSTILE = (
    "</script></title><script>window.bad = 1</script><img src=x onerror=bad=1>{{data}}"
)


def test_text_stays_text(browser, tmp_path):
    name = "<img src=x onerror=bad=1>'\"&amp;.nii"
    path = tmp_path / name
    image = oblique()
    image.to_filename(path)
    mask = tmp_path / "<script>bad=1<!--.nii"
    nibabel.Nifti1Image(np.ones(image.shape, np.uint8), image.affine).to_filename(mask)
    for title in (None, HOSTILE):
        view = nithresh.view(path, 3, mask_img=mask, title=title)
        opened = open_page(browser, tmp_path, view).ready()
        assert opened.text("h1") == (title or name)
        assert opened.page.title() == (title or name)
        assert opened.page.evaluate("typeof bad") == "undefined"
        assert opened.page.query_selector("img[onerror]") is None
        assert repr(name) in opened.text("#python")
        assert opened.said == []
        assert len(opened.requests) == 1
        choices = json.loads(opened.text("#choices"))["Choices"]
        assert choices["input"]["name"] == name
        assert choices["mask"]["name"] == mask.name
        assert choices == json.loads(json.dumps(view.choices))
        opened.context.close()


def host(tmp_path, inside, policy=""):
    path = tmp_path / "host.html"
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    path.write_text(f"<!doctype html>{meta if policy else ''}{inside}")
    return path


def framed(view, sandbox):
    return (
        f'<iframe srcdoc="{html.escape(view.html)}" {sandbox} '
        'width="1000" height="900"></iframe>'
    )


@pytest.mark.parametrize(
    ("sandbox", "policy"),
    [
        ("", ""),
        ('sandbox="allow-scripts"', ""),
        (
            "",
            "default-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'",
        ),
    ],
)
def test_hosts_with_scripts_have_the_live_page(
    browser, tmp_path, sample_view, sandbox, policy
):
    opened = Opened(browser, host(tmp_path, framed(sample_view, sandbox), policy))
    frame = opened.page.frames[1]
    frame.wait_for_selector("#count:not(:empty)")
    assert frame.text_content("#count") == "9 clusters, 3797 voxels"
    frame.evaluate(LISTEN)
    frame.click("[data-copy=table]")
    assert frame.evaluate("copied").startswith("id\tsign\tx\ty\tz\t")
    assert frame.text_content("#copied") == "Copied."
    opened.context.close()


@pytest.mark.parametrize(
    ("sandbox", "policy"),
    [('sandbox=""', ""), ("", "script-src 'self'; img-src data:")],
)
def test_hosts_without_scripts_show_picture_and_table(
    browser, tmp_path, sample_view, sandbox, policy
):
    opened = Opened(browser, host(tmp_path, framed(sample_view, sandbox), policy))
    frame = opened.page.frames[1]
    assert frame.is_visible("#static img")
    assert frame.is_visible("#rows tr:nth-child(9)")
    assert not frame.is_visible("#live")
    assert not frame.is_visible("#copies")
    assert "9 clusters, abs(value) >= 3" in frame.text_content("#static")
    opened.context.close()


def test_a_browser_without_scripts_has_the_picture(browser, sample):
    opened = Opened(browser, sample, java_script_enabled=False)
    box = opened.page.query_selector("#static img").bounding_box()
    assert box["width"] > 400
    assert opened.page.is_visible("#rows tr:nth-child(9)")
    opened.context.close()


def test_a_notebook_shows_the_frame_over_picture_and_table(browser, tmp_path):
    # Of more clusters than there is room for.
    cell = nithresh.view(SAMPLE, 2)._repr_html_()
    opened = Opened(browser, host(tmp_path, cell))
    frame = opened.page.frames[1]
    frame.wait_for_selector("#count:not(:empty)")
    outer = opened.page.query_selector("iframe").bounding_box()
    under = opened.page.query_selector("div > div").bounding_box()
    assert outer == under
    # What an untrusted notebook leaves of it.
    stripped = re.sub(r"<iframe.*?</iframe>", "", cell, flags=re.DOTALL)
    rest = Opened(browser, host(tmp_path, stripped))
    assert len(rest.page.frames) == 1
    assert rest.page.is_visible("img")
    assert rest.page.query_selector_all("tbody tr")[59].is_visible()
    opened.context.close()
    rest.context.close()


def test_the_slider_ends_at_the_lowest_threshold(browser, tmp_path):
    view = nithresh.view(SAMPLE, 3, cluster_threshold=10, lowest=2)
    opened = open_page(browser, tmp_path, view).ready()
    opened.page.fill("#threshold", "1")
    opened.settle()
    assert opened.table() == printed(
        find_clusters(SAMPLE, 2, cluster_threshold=10, max_peaks=1)
    )
    opened.page.focus("#slider")
    opened.page.keyboard.press("Home")
    assert opened.page.input_value("#threshold") == "2"
    opened.context.close()


def of_few_values():
    """A map of values that thresholds equal, in the type of the map and not in 64 bits.

    They are tenths up to 10, over which the slider has a hundred steps.
    """
    random = np.random.default_rng(3)
    tenths = random.choice([-100, -31, -23, 0, 17, 23, 31, 100], (7, 6, 8))
    return nibabel.Nifti1Image((tenths / 10).astype(np.float32), np.diag([2, 2, 2, 1]))


# Moves the slider over its whole way, and reads the label of each voxel.
SWEEP = """() => {
  const slider = $("slider");
  const seen = [];
  for (slider.value = slider.min; ; slider.stepUp()) {
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    const now = clustersAt(map, asked.threshold, asked.extent, asked.sign);
    const labels = Array.from(map.values, (_, voxel) => labelOf(map, now, voxel));
    seen.push([asked.threshold, labels]);
    if (+slider.value >= +slider.max) return seen;
  }
}"""


@pytest.mark.parametrize("rules", RULES)
def test_pages_have_the_clusters_of_other_tools(browser, tmp_path, capfd, rules):
    path = tmp_path / "few.nii"
    nibabel.save(of_few_values(), path)
    view = nithresh.view(path, 2.3, rules=rules, cluster_threshold=2, bg_img=None)
    opened = open_page(browser, tmp_path, view).ready()
    words = {"rules": rules, "cluster_threshold": 2, "max_peaks": 1}
    assert opened.table() == printed(find_clusters(path, 2.3, **words))
    swept = opened.page.evaluate(SWEEP)
    assert len(swept) > 100
    assert {2.3, 3.1, 10} < {threshold for threshold, _ in swept}
    for threshold, labels in swept:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nothing lies beyond 10
            expected = find_clusters(path, threshold, **words).labels_img
        expected = np.asarray(expected.dataobj).ravel().tolist()
        assert labels == expected, threshold
    # Each sign, at a threshold that voxels equal; the call and the command of each.
    opened.page.fill("#threshold", "2.3")
    for sign in ("0", "1", "-1"):
        opened.page.select_option("#sign", sign)
        opened.settle()
        clusters = eval(  # noqa: S307 - it is what we show
            opened.text("#python").replace("'few.nii'", "path")
        )
        rows = opened.table()
        table = clusters.table
        ids = [name for name in table["id"].tolist() if name.isdigit()]
        assert [row[0] for row in rows] == ids
        firsts = [row for row in printed(clusters) if row[0].isdigit()]
        assert rows == firsts
        is_shown = opened.page.is_visible("#command")
        assert is_shown == (RULES[rules].two_sided or sign != "0")
        if is_shown:
            command = shlex.split(opened.text("#command"))
            assert command.pop(0) == "nithresh"
            command[command.index("few.nii")] = str(path)
            assert main(command) == 0
            assert capfd.readouterr().out == table.as_text()
    assert opened.said == []
    opened.context.close()


def test_a_strict_page_says_so(tmp_path):
    image = of_few_values()
    page = nithresh.view(image, 2.3, comparison=">", bg_img=None)
    assert "abs(value) &gt; 2.3, " in page.html
    assert ", comparison='\\u003e'" in page.html
    nibabel.save(image, tmp_path / "few.nii")
    # No word of the command says it.
    page = nithresh.view(tmp_path / "few.nii", 2.3, rules="spm", comparison=">=")
    assert '"command": null' in page.html
    assert page.choices["comparison"] == "value >="
