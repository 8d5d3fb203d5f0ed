"""Error rates at the prompt are those of `threshold_stats_img`; they say of what."""

import json
import os
import subprocess
import sys

import nibabel
import numpy as np
import pytest

import nithresh
from nithresh import datasets, find_clusters, threshold_stats_img
from nithresh.command import main
from running import run_here

SAMPLE = nithresh.load(datasets.load_sample_motor_activation_image())
CONTROLS = {"fdr": "fdr", "bonferroni": "bonferroni", "none": "fpr"}


def saved(folder, name="map.nii.gz", *, intent=None, descrip=None, data=None):
    data = SAMPLE.get_fdata(dtype=np.float32) if data is None else data
    image = nibabel.Nifti1Image(data, SAMPLE.affine)
    if intent is not None:
        image.header.set_intent(*intent)
    if descrip is not None:
        image.header["descrip"] = descrip
    nithresh.save(image, folder / name)
    return name


def choices(path):
    return json.loads(path.read_text())["Choices"]


@pytest.mark.parametrize("correct", CONTROLS)
@pytest.mark.parametrize("words", [[], ["--one-sided"]], ids=["two", "one"])
def test_thresholds_are_those_of_the_call(tmp_path, correct, words):
    name = saved(tmp_path, intent=("t test", (20,)))
    done = run_here(
        *("threshold", name, "--alpha", "0.01", "--correct", correct, "-k", "5"),
        *("-o", "kept.nii.gz", *words),
        folder=tmp_path,
    )
    assert done.code == 0, done.err
    expected, level = threshold_stats_img(
        tmp_path / name,
        alpha=0.01,
        height_control=CONTROLS[correct],
        cluster_threshold=5,
        two_sided=not words,
    )
    kept = nithresh.load(tmp_path / "kept.nii.gz")
    np.testing.assert_array_equal(kept.get_fdata(), expected.get_fdata())
    said = choices(tmp_path / "kept.json")
    assert said["threshold_resolved"] == level
    assert said["error_rate"] == {
        "alpha": 0.01,
        "correct": correct,
        "statistic": {
            "name": "t",
            "degrees_of_freedom": [20],
            "stated_by": "intent",
        },
    }
    assert done.out == "kept.nii.gz\n"
    assert done.err.startswith(f"nithresh: {name}: threshold {level:.4g}"[:-2])
    sides = "one side" if words else "both sides"
    assert f"{sides}; the values are t(20), as the intent says (t test)" in done.err


@pytest.mark.parametrize(
    ("name", "header", "words", "statistic", "line"),
    [
        ("map.nii", {}, [], "z", "values are z, because nothing says what they are"),
        ("s_stat-z_statmap.nii", {}, [], "z", "z, as the name says (stat-z)"),
        (
            "spmT_0001.nii",
            {"descrip": "SPM{T_[15.0]} - contrast 1: x"},
            [],
            ("t", 15),
            "t(15), as the description says (SPM{T_[15.0]} - contrast 1: x)",
        ),
        ("map.nii", {"intent": ("f test", (9, 99))}, [], ("F", 9, 99), "F(9, 99), as"),
        (
            "map.nii",
            {"intent": ("t test", (20,))},
            ["--stat", "z"],
            "z",
            "values are z, as --stat says",
        ),
        ("map.nii", {}, ["--stat", "t:12.5"], ("t", 12.5), "t(12.5), as --stat says"),
        ("map.nii", {}, ["--stat", "F:9,99"], ("F", 9, 99), "F(9, 99), as --stat says"),
        ("map.nii", {}, ["--stat", "chi2:1"], ("chi2", 1), "chi2(1), as --stat says"),
    ],
    ids=["none", "name", "spm", "intent", "z", "t", "F", "chi2"],
)
def test_the_line_says_what_is_tested_and_who_says_so(
    tmp_path, name, header, words, statistic, line
):
    saved(tmp_path, name, **header)
    words = ["--alpha", "0.01", "--correct", "none", *words]
    done = run_here("threshold", name, *words, "-o", "out.nii", folder=tmp_path)
    assert done.code == 0, done.err
    _, level = threshold_stats_img(tmp_path / name, alpha=0.01, stat=statistic)
    assert choices(tmp_path / "out.json")["threshold_resolved"] == level
    assert line in done.err
    assert "warning" not in done.err
    command = json.loads((tmp_path / "out.json").read_text())["CommandLine"]
    assert " ".join(words) in command
    quiet = run_here(
        "threshold", name, *words, "-o", "o.nii", "--quiet", folder=tmp_path
    )
    assert quiet.err == ""


def test_clusters(tmp_path):
    name = saved(tmp_path)
    words = ["--alpha", "0.05", "--correct", "bonferroni", "--table", "out.tsv"]
    done = run_here("clusters", name, *words, folder=tmp_path)
    _, level = threshold_stats_img(
        tmp_path / name, alpha=0.05, height_control="bonferroni"
    )
    assert done.out == find_clusters(tmp_path / name, level).table.as_text()
    assert "family-wise error rate 0.05, Bonferroni, both sides" in done.err
    assert choices(tmp_path / "out.json")["error_rate"]["correct"] == "bonferroni"


def test_the_rules_of_a_tool_hold_at_an_error_rate(tmp_path):
    name = saved(tmp_path)
    words = ["--alpha", "0.05", "--correct", "fdr", "--rules", "spm"]
    done = run_here("clusters", name, *words, folder=tmp_path)
    _, level = threshold_stats_img(
        tmp_path / name, alpha=0.05, height_control="fdr", rules="spm"
    )
    expected = find_clusters(tmp_path / name, level, rules="spm").table
    assert done.out == expected.as_text()
    assert "one side" in done.err


def test_f_maps_have_one_side(tmp_path):
    data = np.abs(SAMPLE.get_fdata(dtype=np.float32))
    name = saved(tmp_path, intent=("f test", (9, 99)), data=data)
    words = ["--alpha", "0.01", "--correct", "fdr"]
    done = run_here("clusters", name, *words, folder=tmp_path)
    _, level = threshold_stats_img(tmp_path / name, alpha=0.01, height_control="fdr")
    expected = find_clusters(tmp_path / name, level, two_sided=False).table
    assert done.out == expected.as_text()


def test_a_mask_says_what_is_tested(tmp_path):
    name = saved(tmp_path)
    mask = nibabel.Nifti1Image((SAMPLE.get_fdata() > 1).astype(np.uint8), SAMPLE.affine)
    nithresh.save(mask, tmp_path / "mask.nii.gz")
    words = ["--alpha", "0.05", "--correct", "bonferroni", "--mask", "mask.nii.gz"]
    done = run_here("clusters", name, *words, folder=tmp_path)
    _, level = threshold_stats_img(
        tmp_path / name, mask, alpha=0.05, height_control="bonferroni"
    )
    expected = find_clusters(tmp_path / name, level, mask_img=mask).table
    assert done.out == expected.as_text()


def test_figures_and_pages(tmp_path):
    """Of one volume of several, which is what is tested."""
    first = SAMPLE.get_fdata(dtype=np.float32)
    name = saved(
        tmp_path, data=np.stack([first / 2, first], -1), intent=("t test", (99,))
    )
    words = ["--alpha", "0.01", "--correct", "fdr", "--volume", "1"]
    one = nibabel.Nifti1Image(first, SAMPLE.affine)
    _, level = threshold_stats_img(
        one, alpha=0.01, height_control="fdr", stat=("t", 99)
    )
    for subcommand, output, sidecar in [
        ("plot", "out.png", "out.json"),
        ("view", "page.html", "page.json"),
        ("report", "sent.html", "sent.json"),
    ]:
        done = run_here(subcommand, name, *words, "-o", output, folder=tmp_path)
        assert done.code == 0, done.err
        assert "t(99), as the intent says" in done.err
        said = choices(tmp_path / sidecar)
        assert said["threshold"] == level
        assert said["error_rate"]["alpha"] == 0.01
        assert said["two_sided"] is True
    by_number = run_here(
        "plot", name, "-t", repr(level), "--volume", "1", "-o", "n.png", folder=tmp_path
    )
    assert by_number.code == 0
    assert (tmp_path / "n.png").read_bytes() == (tmp_path / "out.png").read_bytes()


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (["--alpha", "0.05"], "--alpha needs --correct: fdr, bonferroni or none"),
        (["--alpha", "0.05", "-t", "3"], "not allowed with argument"),
        ([], "one of the arguments -t/--threshold --alpha is required"),
        (["-t", "3", "--correct", "fdr"], "--correct belongs to an error rate"),
        (["-t", "3", "--stat", "z"], "--stat belongs to an error rate"),
        (["--alpha", "0", "--correct", "fdr"], "alpha is 0; it must be above 0"),
        (["--alpha", "1.5", "--correct", "fdr"], "alpha is 1.5; it must be above 0"),
        (["--alpha", "0.1", "--correct", "fdr", "--stat", "t"], "'t' is not z, t:DF"),
        (["--alpha", "0.1", "--correct", "fdr", "--stat", "t:0"], "freedom above 0"),
        (["--alpha", "0.1", "--correct", "fdr", "--stat", ":3"], "':3' is not z, t:"),
        (["--alpha", "0.1", "--correct", "fdr", "--stat", "t:x"], "'t:x' is not z, t:"),
        (["--alpha", "0.1", "--correct", "fwe"], "invalid choice: 'fwe'"),
    ],
    ids=range(12),
)
def test_faults_of_the_command_line(tmp_path, capsys, words, match):
    name = saved(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        main(["threshold", str(tmp_path / name), *words])
    assert match in capsys.readouterr().err


def test_a_map_of_p_values_fails_alone(tmp_path):
    saved(tmp_path, "p.nii", intent=("p value", ()))
    saved(tmp_path, "z.nii", intent=("z score", ()))
    words = ["--alpha", "0.05", "--correct", "none"]
    done = run_here("threshold", "p.nii", "z.nii", *words, folder=tmp_path)
    assert done.code == 1
    assert "the values are probabilities" in done.err
    assert "Use -t, or say with --stat what they are: z, t:DF, F:DF1,DF2" in done.err
    assert (tmp_path / "z_thresholded.nii").is_file()


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["clusters", "m.nii", "--alpha", "0.05", "--correct", "fdr"], "--alpha"),
        (["permute", "m.nii", "m.nii", "--mask", "mask.nii", "--output-dir", "out",
          "--threshold-p", "0.01"], "--threshold-p"),
    ],
)  # fmt: skip
def test_what_needs_scipy_says_so_in_words_of_the_command(tmp_path, words, option):
    saved(tmp_path, "m.nii")
    saved(tmp_path, "mask.nii", data=(SAMPLE.get_fdata() != 0).astype(np.uint8))
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "scipy.py").write_text("raise ImportError('none')\n")
    path = os.pathsep.join([str(tmp_path / "lib"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "nithresh", *words],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"nithresh: {option} needs SciPy; install it with: "
        "pip install 'nithresh[stats]'\n"
    )


@pytest.mark.parametrize(
    "words",
    [
        ["-t", "2.5"],
        ["-t", "95%", "--one-sided", "-k", "3"],
        ["-t", "-2", "--rules", "spm"],
        ["-t", "2.5", "--rules", "spm"],
        ["--alpha", "0.01", "--correct", "fdr", "--stat", "z"],
    ],
)
def test_the_sidecar_of_a_figure_holds_the_rules_of_a_map(tmp_path, words):
    name = saved(tmp_path)
    for command, output in (("threshold", "kept.nii.gz"), ("plot", "figure.png")):
        done = run_here(command, name, *words, "-o", output, folder=tmp_path)
        assert done.code == 0, done.err
    of_map, of_figure = (
        choices(tmp_path / "kept.json"),
        choices(tmp_path / "figure.json"),
    )
    for rule in (
        "rules", "threshold", "threshold_resolved", "comparison", "two_sided",
        "connectivity", "cluster_threshold", "order",
    ):  # fmt: skip
        assert of_figure[rule] == of_map[rule], rule


def test_the_sidecar_of_a_figure_that_chooses_its_threshold_holds_the_rules(tmp_path):
    words = ["plot", saved(tmp_path), "--rules", "spm", "-o", "figure.png"]
    assert run_here(*words, folder=tmp_path).code == 0
    said = choices(tmp_path / "figure.json")
    rules = ("rules", "threshold", "two_sided", "connectivity", "comparison", "order")
    expected = ["spm", None, False, 18, "value >", "peak"]
    assert [said[rule] for rule in rules] == expected
