"""`nithresh.view`: what it takes, what it refuses, and what a page holds."""

import json
import os
import re
import shlex
import sys
import warnings
import webbrowser
import zlib
from base64 import b64decode
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

import nibabel
import numpy as np
import pytest

import nithresh
from nithresh import MissingFileError, datasets, find_clusters
from nithresh.command import main

SAMPLE = datasets.load_sample_motor_activation_image()
SCRIPTS = Path(nithresh.__file__).parent / "viewer"


def block(view, name):
    """Return what a page holds in one of its data blocks."""
    return re.search(f'id="{name}">(.*?)</script>', view.html, re.DOTALL)[1]


def settings(view):
    return json.loads(block(view, "settings"))


def arrays(view):
    """Take a page apart, by what the layout says."""
    data, found = zlib.decompress(b64decode(block(view, "data"))), {}
    for entry in settings(view)["arrays"]:
        dtype = np.dtype(entry["type"]).newbyteorder("<")
        size = dtype.itemsize * entry["length"]
        part, data = np.frombuffer(data[:size], np.uint8), data[size:]
        if entry["planes"]:
            part = np.ascontiguousarray(part.reshape(dtype.itemsize, -1).T)
        found[entry["name"]] = part.view(dtype).ravel()
    assert not data
    return found


def small(dtype="float32", shape=(6, 7, 8)):
    data = (np.random.default_rng(1).standard_normal(shape) * 9).astype(dtype)
    return nibabel.Nifti1Image(data, np.diag([2.0, 2, 2, 1]), dtype=data.dtype)


def quiet(*args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nithresh.view(*args, **kwargs)


def test_the_sample_page_is_small_and_the_same_each_time():
    view = nithresh.view(SAMPLE, 3)
    assert len(view.html.encode()) <= 720_000
    assert view.html == nithresh.view(SAMPLE, 3).html
    assert len(nithresh.view(SAMPLE, 3, lowest=2).html) < len(view.html) - 150_000


def test_the_scripts_are_short():
    lines = [path.read_text().count("\n") for path in SCRIPTS.glob("*.js")]
    assert len(lines) == 2
    assert sum(lines) < 470


@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "uint8", "int16", "int32", "uint16", "uint32"]
)
def test_the_values_are_those_of_the_map(dtype):
    image = small(dtype)
    view = quiet(image, 3, bg_img=None)
    values = arrays(view)["values"]
    assert values.dtype == dtype
    assert values.tobytes() == np.ascontiguousarray(image.dataobj).tobytes()


def test_what_counts_as_zero_is_zero():
    data = np.array(small().dataobj)
    data[0, 0, :3] = np.nan, np.inf, -np.inf
    mask = np.ones(data.shape, np.uint8)
    mask[1] = 0
    image = nibabel.Nifti1Image(data, np.eye(4))
    mask_img = nibabel.Nifti1Image(mask, np.eye(4))
    with pytest.warns(UserWarning, match="Non-finite"):
        view = nithresh.view(image, 3, mask_img=mask_img, bg_img=None, lowest=1)
    expected = np.where((mask == 1) & np.isfinite(data) & (abs(data) >= 1), data, 0)
    assert np.array_equal(arrays(view)["values"], expected.ravel())
    assert "mask_img=mask_img" in settings(view)["texts"]["python"][1]
    assert settings(view)["texts"]["command"] is None


def test_integers_that_no_page_can_compare_are_refused():
    data = np.zeros((3, 3, 3), np.int64)
    data[1, 1, 1] = 2**53
    image = nibabel.Nifti1Image(data, np.eye(4), dtype=np.int64)
    view = quiet(image, 3, bg_img=None)
    assert arrays(view)["values"].max() == 2**53
    data[1, 1, 1] += 1
    image = nibabel.Nifti1Image(data, np.eye(4), dtype=np.int64)
    with pytest.raises(ValueError, match=r"9007199254740993 .* up to 2\*\*53 exactly"):
        nithresh.view(image, 3)
    # Those that no page holds do not matter.
    mask = nibabel.Nifti1Image((data == 0).astype(np.uint8), np.eye(4))
    assert not arrays(quiet(image, 3, mask_img=mask, bg_img=None))["values"].any()


def test_one_volume_of_several():
    series = small(shape=(5, 6, 7, 3))
    view = nithresh.view(series, 3, volume=2, bg_img=None)
    expected = np.ascontiguousarray(series.dataobj[..., 2])
    assert np.array_equal(arrays(view)["values"], expected.ravel())
    assert view.choices["volume"] == 2
    assert settings(view)["texts"]["python"][0].endswith("(img.slicer[..., 2], ")
    with pytest.raises(ValueError, match="volume"):
        nithresh.view(series, 3)
    with pytest.raises(
        ValueError, match="volume is 3; img has 3 volumes, so it must be 0 to 2"
    ):
        nithresh.view(series, 3, volume=3)
    with pytest.raises(TypeError, match=r"volume is 1\.0"):
        nithresh.view(series, 3, volume=1.0)
    one = small()
    assert nithresh.view(one, 3, volume=0, bg_img=None).choices["volume"] == 0


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ({"threshold": -3}, ValueError, "threshold is -3"),
        ({"threshold": 2, "lowest": 3}, ValueError, "threshold is 2 and lowest 3"),
        ({"lowest": -1}, ValueError, "lowest is -1"),
        ({"lowest": "1"}, TypeError, "lowest is '1'"),
        ({"cluster_threshold": 1.5}, TypeError, r"cluster_threshold is 1\.5"),
        ({"connectivity": 7}, ValueError, "connectivity is 7"),
        ({"cut_coords": [1, 2]}, ValueError, "cut_coords"),
        ({"cut_coords": "cluster:99"}, ValueError, "cut_coords"),
        ({"cmap": "no such"}, ValueError, "cmap is 'no such'"),
        ({"cmap": 3}, TypeError, "cmap is 3"),
        ({"title": 3}, TypeError, "title is 3"),
        ({"bg_img": "no such.nii"}, MissingFileError, "no such"),
    ],
)
def test_what_is_refused(words, error, message):
    with pytest.raises(error, match=message):
        nithresh.view(small(), **({"threshold": 3} | words))


def test_the_choices_are_those_of_a_sidecar():
    view = nithresh.view(SAMPLE, "99%", cluster_threshold=20, connectivity=18)
    held = json.loads(block(view, "choices"))
    assert held["Choices"] == json.loads(json.dumps(view.choices))
    assert view.choices["threshold"] == "99%"
    assert view.choices["threshold_resolved"] > 3
    assert view.choices["versions"]["nithresh"] == nithresh.__version__
    assert view.choices["input"]["name"] == Path(SAMPLE).name
    assert str(Path(SAMPLE).parent) not in view.html


def test_no_threshold_is_the_95th_percentile_or_the_lowest():
    auto = nithresh.view(SAMPLE)
    asked = nithresh.view(SAMPLE, "95%")
    assert auto.choices["threshold_resolved"] == asked.choices["threshold_resolved"]
    assert auto.choices["threshold"] == "95%"
    raised = nithresh.view(SAMPLE, lowest=5).choices
    assert raised["threshold"] == raised["threshold_resolved"] == 5


@pytest.mark.parametrize(("threshold", "sign"), [(3, 1), (-3, -1)])
def test_one_side(threshold, sign):
    view = nithresh.view(SAMPLE, threshold, cluster_threshold=50, two_sided=False)
    assert f'<option value="{sign}" selected>' in view.html
    clusters = find_clusters(
        SAMPLE, threshold, cluster_threshold=50, two_sided=False, max_peaks=1
    )
    for row in clusters.table.printed()[1]:
        assert "".join(f"<td>{cell}</td>" for cell in row) in view.html


def test_maps_with_nothing_to_see():
    for data in (np.zeros((3, 4, 5)), np.full((3, 4, 5), -2.0), np.ones((1, 1, 1))):
        image = nibabel.Nifti1Image(data, np.eye(4))
        for bg_img in (None, image):
            assert "0 clusters" not in quiet(image, 5, bg_img=bg_img).html
    with pytest.raises(ValueError, match="no voxels"):
        nithresh.view(nibabel.Nifti1Image(np.zeros((0, 2, 2)), np.eye(4)), 1)


@pytest.mark.parametrize(
    ("words", "slider"),
    [
        ({"threshold": 9, "lowest": 9}, 'min="9" max="9" '),
        ({"threshold": 5, "lowest": 5}, 'min="5" max="5" '),
        ({"lowest": 1e9}, 'min="1000000000" max="1000000000" '),
        ({"threshold": 100}, 'min="0" max="5" step="0.01" value="100"'),
        ({"threshold": float("inf")}, 'min="0" max="5" step="0.01" '),
        ({"threshold": "99%", "two_sided": False}, 'min="0" max="5" step="0.01" '),
    ],
)
def test_the_slider_goes_over_the_map_wherever_the_threshold_is(words, slider):
    image = nibabel.Nifti1Image(np.full((3, 4, 5), -5.0), np.eye(4))
    assert slider in quiet(image, bg_img=None, **words).html


def test_a_background_in_other_types_has_its_greys():
    image = small("int16")
    view = quiet(image, 3, bg_img=image)
    greys = arrays(view)["background"].reshape(image.shape)
    data = np.asanyarray(image.dataobj)
    assert np.array_equal(greys == 0, data == 0)
    order = np.argsort(data[data != 0], kind="stable")
    assert (np.diff(greys[data != 0][order].astype(int)) >= 0).all()
    assert greys.max() == 255
    assert settings(view)["isBlack"] is not None


@pytest.mark.parametrize(
    ("cmap", "limits", "bar"),
    [
        ("RdBu_r", [-5, 5], [0, 5]),
        ("hot", [0, 5], [0, 5]),
        ("cold_hot", [-5, 5], [0, 5]),
    ],
)
def test_colours_of_a_map_without_negative_values(cmap, limits, bar):
    data = np.zeros((4, 4, 4), np.float32)
    data[1, 1, 1:] = 2, 3, 5
    view = nithresh.view(nibabel.Nifti1Image(data, np.eye(4)), 2, cmap=cmap)
    assert settings(view)["limits"] == limits
    assert settings(view)["bar"] == bar
    assert "<span>0</span>" in view.html
    assert "<span>5</span>" in view.html


def test_saving(tmp_path):
    view = quiet(small(), 3, bg_img=None)
    view.save(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_bytes() == view.html.encode()
    assert [file.name for file in tmp_path.iterdir()] == ["page.html"]
    with pytest.raises(ValueError, match=r"must end in \.html"):
        view.save(tmp_path / "page.txt")
    with pytest.raises(MissingFileError):
        view.save(tmp_path / "no" / "page.html")


@pytest.mark.skipif(sys.platform == "darwin", reason="names of files are text there")
def test_a_name_that_is_no_text(tmp_path):
    path = tmp_path / os.fsdecode(b"a\xff.nii")
    nibabel.save(small(), path)
    view = quiet(path, 3, bg_img=None)
    view.save(tmp_path / "page.html")
    assert "<title>a?.nii</title>" in (tmp_path / "page.html").read_text("utf-8")
    assert settings(view)["texts"]["python"][0].endswith("('a\\udcff.nii', ")
    assert view._repr_html_().encode()


def test_the_command_takes_names_that_look_like_options(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image = small()
    nibabel.save(image, "./-x.nii")
    mask = np.ones(image.shape, np.uint8)
    nibabel.save(nibabel.Nifti1Image(mask, image.affine), "./-m a.nii")
    view = quiet("-x.nii", 3, mask_img="-m a.nii", bg_img=None)
    words = shlex.split("-t 3".join(settings(view)["texts"]["command"]))
    assert main(words[1:]) == 0


def test_opening_writes_a_file_that_stays(monkeypatch):
    asked = []
    monkeypatch.setattr(webbrowser, "open", asked.append)
    view = quiet(small(), 3, bg_img=None)
    view.open()
    path = Path(url2pathname(urlparse(asked[0]).path))
    assert path.read_text(encoding="utf-8") == view.html
    path.unlink()


def test_a_large_page_says_how_to_make_it_smaller():
    data = np.random.default_rng(0).standard_normal((90, 90, 90))
    image = nibabel.Nifti1Image(data, np.eye(4))
    with pytest.warns(UserWarning, match=r"page has 1\d MB\. lowest=") as warned:
        nithresh.view(image, 4.5, bg_img=None)
    assert [warning.filename for warning in warned] == [__file__]


def test_nothing_of_the_caller_changes():
    image = small()
    before, header = image.get_fdata().tobytes(), image.header.binaryblock
    quiet(image, 3, bg_img=image)
    assert image.get_fdata().tobytes() == before
    assert image.header.binaryblock == header
