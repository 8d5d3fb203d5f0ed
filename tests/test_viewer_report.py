"""`nithresh view` and `nithresh report`: the files that they write."""

import hashlib
import html
import json
import re
import shutil
import warnings
from pathlib import Path

import pytest

import nithresh
from nithresh import datasets, find_clusters
from nithresh.command import main
from nithresh.viewer import report


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(datasets.load_sample_motor_activation_image(), "motor.nii.gz")
    return tmp_path


def test_view_writes_the_page_of_the_call_and_its_sidecar(folder, capsys):
    words = ["view", "motor.nii.gz", "-t", "3", "-k", "20", "-o", "page.html"]
    assert main(words) == 0
    assert capsys.readouterr().out == "page.html\n"
    page = Path("page.html").read_bytes()
    expected = nithresh.view("motor.nii.gz", 3.0, cluster_threshold=20)
    assert page == expected.html.encode()
    sidecar = json.loads(Path("page.json").read_text())
    assert sidecar["CommandLine"] == "nithresh " + " ".join(words)
    assert sidecar["Choices"] == json.loads(json.dumps(expected.choices))
    assert hashlib.sha256(page).hexdigest() in json.dumps(sidecar["Outputs"])
    assert main(words) == 1
    assert "page.html" in capsys.readouterr().err
    assert main([*words, "--overwrite"]) == 0


def test_view_takes_all_its_words(folder):
    nithresh.save(nithresh.threshold_img("motor.nii.gz", 0.5), "mask.nii.gz")
    mask = nithresh.load("mask.nii.gz")
    inside = (mask.get_fdata() != 0).astype("uint8")
    nithresh.save(type(mask)(inside, mask.affine), "mask.nii.gz")
    words = ["--one-sided", "--connectivity", "26", "--mask", "mask.nii.gz"]
    words += ["--lowest", "1.5", "--volume", "0", "--title", "A <b> title"]
    assert main(["view", "motor.nii.gz", "-t", "-2.5", *words, "-o", "a.html"]) == 0
    choices = json.loads(Path("a.json").read_text())["Choices"]
    assert choices["two_sided"] is False
    assert choices["threshold_resolved"] == -2.5
    assert choices["connectivity"] == 26
    assert choices["mask"]["name"] == "mask.nii.gz"
    assert choices["lowest"] == 1.5
    assert "<title>A &lt;b&gt; title</title>" in Path("a.html").read_text()
    command = json.loads(Path("a.json").read_text())["CommandLine"]
    assert "--lowest 1.5 --volume 0 --title 'A <b> title' -o a.html" in command


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["view", "motor.nii.gz", "-o", "page.png"], "must end in .html"),
        (["view", "motor.nii.gz"], "required: -o"),
        (["view", "motor.nii.gz", "--lowest", "-1", "-o", "a.html"], "lowest is -1"),
        (["report", "motor.nii.gz", "-o", "a.html"], "--alpha is required"),
        (["report", "motor.nii.gz", "-t", "3", "-n", "0", "-o", "a.html"], "n is 0"),
    ],
)
def test_wrong_command_lines(folder, capsys, words, message):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
    assert not list(folder.glob("*.html"))


def test_a_map_that_has_no_page_fails_alone(folder, capsys):
    words = ["view", "motor.nii.gz", "--lowest", "3", "-t", "2", "-o", "a.html"]
    assert main(words) == 1
    assert "threshold is 2 and lowest 3" in capsys.readouterr().err
    assert not Path("a.html").exists()


def test_a_report_begins_with_what_was_chosen(folder):
    words = ["report", "motor.nii.gz", "-t", "3", "-k", "50", "-n", "2"]
    assert main([*words, "-o", "report.html"]) == 0
    page = Path("report.html").read_text()
    fixed, live = page.split('<div id="static">')
    clusters = find_clusters("motor.nii.gz", 3, cluster_threshold=50)
    assert html.escape(str(clusters).partition("\n")[0]) in fixed
    names, rows, _ = clusters.table.printed()
    assert len(names) == fixed.count("<th ")
    for row in rows:
        assert "".join(f"<td>{cell}</td>" for cell in row) in fixed
    assert fixed.count("<img src=") == 1
    assert 'id="slider"' in live
    sidecar = re.search(r"<pre>(.*?)</pre>", live, re.DOTALL)[1]
    saved = json.loads(Path("report.json").read_text())
    assert json.loads(html.unescape(sidecar)) == saved["Choices"]
    assert saved["CommandLine"] == "nithresh " + " ".join(
        [*words[:-2], "-o", "report.html", *words[-2:]]
    )
    same = report("motor.nii.gz", 3.0, cluster_threshold=50, n=2)
    assert page == same.html


def test_a_report_of_no_clusters_says_so(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        page = report("motor.nii.gz", 9).html
    fixed = page.split('<div id="static">')[0]
    assert "No clusters: no voxel with abs(value) &gt;= 9." in fixed


def test_a_report_is_live(folder):
    from browser import Opened, chromium

    report("motor.nii.gz", 3, cluster_threshold=50, n=1).save("report.html")
    with chromium() as browser:
        opened = Opened(browser, folder / "report.html").ready()
        assert opened.page.is_visible("#fixed img")
        opened.page.fill("#threshold", "4")
        opened.settle()
        clusters = find_clusters("motor.nii.gz", 4, cluster_threshold=50, max_peaks=1)
        assert opened.table() == clusters.table.printed()[1]
        assert opened.said == []
        assert len(opened.requests) == 1
        opened.context.close()


@pytest.mark.parametrize("subcommand", ["view", "report"])
def test_pages_by_the_rules_of_another_tool(folder, subcommand):
    words = ["-t", "3", "-k", "5", "--rules", "spm", "-o", "page.html"]
    assert main([subcommand, "motor.nii.gz", *words]) == 0
    sidecar = json.loads(Path("page.json").read_text())
    assert "--rules spm" in sidecar["CommandLine"]
    make = {"view": nithresh.view, "report": report}[subcommand]
    expected = make("motor.nii.gz", 3.0, cluster_threshold=5, rules="spm")
    assert Path("page.html").read_text() == expected.html
    choices = sidecar["Choices"]
    assert choices["rules"] == "spm"
    assert choices["comparison"] == "value >"
    assert choices["connectivity"] == 18
    assert choices["order"] == "peak"
    # What stands where no script runs, and the figure and the table of a report.
    clusters = find_clusters("motor.nii.gz", 3, cluster_threshold=5, rules="spm")
    rule = html.escape(str(clusters).partition("\n")[0])
    assert expected.html.count(rule) == (1 if subcommand == "view" else 2)
    with pytest.raises(ValueError, match="rules is 'SPM'"):
        make("motor.nii.gz", 3, rules="SPM")


def test_a_page_at_an_error_rate_by_rules(folder):
    words = ["--alpha", "0.05", "--correct", "fdr", "--rules", "spm"]
    assert main(["view", "motor.nii.gz", *words, "-o", "page.html"]) == 0
    _, level = nithresh.threshold_stats_img(
        "motor.nii.gz", alpha=0.05, height_control="fdr", rules="spm"
    )
    choices = json.loads(Path("page.json").read_text())["Choices"]
    assert choices["threshold_resolved"] == level
    assert choices["two_sided"] is False
