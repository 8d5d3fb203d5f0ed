"""``nithresh permute`` on files, as a person runs it."""

import hashlib
import json
import shlex
import warnings

import matplotlib.pyplot as plt
import nibabel
import numpy as np
import pytest

import nithresh
from test_command import contents, run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("group")
    rng = np.random.default_rng(0)
    mask = rng.random((9, 8, 7)) < 0.9
    for number in range(8):
        noise = rng.standard_normal(mask.shape).astype(np.float32)
        noise[3:6, 3:6, 2:5] += 2
        nithresh.save(
            nibabel.Nifti1Image(noise, np.eye(4)), folder / f"con_{number}.nii.gz"
        )
    image = nibabel.Nifti1Image(mask.astype(np.uint8), np.eye(4))
    nithresh.save(image, folder / "mask.nii.gz")
    lines = [f"{n % 2}\t1\t{n * n}\t{n // 2}" for n in range(8)]
    text = "\n".join(["group\tmean\tage\tfamily", *lines])
    (folder / "design.tsv").write_text(text + "\n")
    other = nibabel.Nifti1Image(np.ones((9, 8, 6), np.float32), np.eye(4))
    nithresh.save(other, folder / "other.nii")
    big = np.full(mask.shape, 3e38, np.float32)
    for name, values in (("big.nii", big), ("low.nii", -big)):
        nithresh.save(nibabel.Nifti1Image(values, np.eye(4)), folder / name)
    return folder


MAPS = [f"con_{number}.nii.gz" for number in range(8)]
WORDS = ["--mask", "mask.nii.gz", "-t", "2.5", "-n", "100"]


def permute(folder, *args, code=0):
    return run("permute", *args, cwd=folder, code=code)


def test_one_sample(folder, tmp_path):
    out = tmp_path / "out"
    done = permute(folder, *MAPS, *WORDS, "--output-dir", out)
    result = nithresh.permutation_test(
        [folder / name for name in MAPS],
        mask_img=folder / "mask.nii.gz",
        threshold=2.5,
        n_permutations=100,
    )
    assert done.stdout == f"{result}\n"
    assert done.stderr == ""
    expected = tmp_path / "expected"
    result.to_bids(expected)
    made, wanted = contents(out), contents(expected)
    assert sorted(made) == sorted([*wanted, "clusters.png", "null.png"])
    for name in wanted:
        if name != "permutation_test.json":
            assert made[name] == wanted[name], name
    for name in ("clusters.png", "null.png"):
        assert made[name].startswith(b"\x89PNG")
    told = json.loads(made["permutation_test.json"])
    assert told["Choices"]["shuffle"] == "signs"
    for output in told["Outputs"]:
        checksum = hashlib.sha256(made[output["name"]]).hexdigest()
        assert output["sha256"] == checksum
    # The command in the sidecar makes the same.
    again = shlex.split(told["CommandLine"])[1:]
    again[again.index(str(out))] = str(tmp_path / "again")
    run(*again, cwd=folder)
    same = contents(tmp_path / "again")
    assert same["null.tsv"] == made["null.tsv"]
    assert same["clusters.png"] == made["clusters.png"]


def test_a_picture_without_a_surviving_cluster_is_of_no_colour(folder, tmp_path):
    words = [*MAPS, *WORDS, "--alpha", "0.001", "--no-tfce"]
    done = permute(folder, *words, "--output-dir", tmp_path / "out")
    assert done.stderr == ""
    picture = plt.imread(tmp_path / "out" / "clusters.png")[..., :3]
    # The panels, which are left of the colour bar.
    panels = picture[:, : int(0.8 * picture.shape[1])]
    assert np.ptp(panels, axis=-1).max() < 0.05


def test_results_are_not_replaced_unasked(folder, tmp_path):
    args = [*MAPS, *WORDS, "--output-dir", tmp_path / "out", "--quiet"]
    assert permute(folder, *args).stdout == ""
    done = permute(folder, *args, code=1)
    assert done.stderr.endswith(
        "permutation_test.json' exists; --overwrite replaces it\n"
    )
    (tmp_path / "out" / "mine.txt").write_text("mine")
    permute(folder, *args, "--overwrite", "--seed", "3", "--no-tfce")
    left = {path.name for path in (tmp_path / "out").iterdir()}
    assert "mine.txt" in left
    assert not any("tfce" in name for name in left)
    (tmp_path / "file").write_text("mine")
    done = permute(folder, *MAPS, *WORDS, "--output-dir", tmp_path / "file", code=1)
    assert done.stderr.endswith("file' is a file, not a folder\n")
    (tmp_path / "json").mkdir()
    (tmp_path / "json" / "clusters.json").write_text("mine")
    words = [*MAPS, *WORDS, "--output-dir", tmp_path / "json", "--overwrite"]
    done = permute(folder, *words, code=1)
    assert "clusters.json' exists, and is no sidecar of nithresh" in done.stderr
    assert [path.name for path in (tmp_path / "json").iterdir()] == ["clusters.json"]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "clusters.tsv").write_text("mine")
    done = permute(folder, *MAPS, *WORDS, "--output-dir", tmp_path / "other", code=1)
    assert "clusters.tsv' exists" in done.stderr
    told = json.loads((tmp_path / "out" / "permutation_test.json").read_text())
    assert told["Choices"]["seed"] == 3


@pytest.mark.parametrize(
    ("words", "call"),
    [
        (["--paired"], {"half": True}),
        (
            ["--design", "design.tsv", "--contrast", "group"],
            {"design": ["group", "mean", "age", "family"], "contrast": "group"},
        ),
        (
            [
                "--design",
                "design.tsv",
                "--contrast",
                "1",
                "0",
                "-0.1",
                "--within",
                "family",
            ],
            {"design": ["group", "mean", "age"], "contrast": [1, 0, -0.1], "within": 1},
        ),
        (
            [
                *["--design", "design.tsv", "--contrast", "group"],
                *["--contrast", "age", "--whole", "family", "--shuffle", "both"],
            ],
            {
                "design": ["group", "mean", "age"],
                "contrast": [[1, 0, 0], [0, 0, 1]],
                "whole": 1,
                "shuffle": "both",
            },
        ),
        (
            ["--one-sided", "--connectivity", "26", "--no-tfce"],
            {"two_sided": False, "connectivity": 26, "tfce": False},
        ),
    ],
)
def test_models(folder, tmp_path, words, call):
    permute(folder, *MAPS, *WORDS, *words, "--output-dir", tmp_path, "--jobs", "1")
    table = np.genfromtxt(folder / "design.tsv", names=True)
    imgs = [folder / name for name in MAPS]
    arguments = dict(call)
    if arguments.pop("half", False):
        arguments["minus"] = imgs[4:]
        imgs = imgs[:4]
    if "design" in arguments:
        arguments["design"] = {name: table[name] for name in arguments["design"]}
    for name in ("within", "whole"):
        if name in arguments:
            arguments[name] = table["family"]
    with warnings.catch_warnings():
        # There are few permutations of few images.
        warnings.simplefilter("ignore")
        result = nithresh.permutation_test(
            imgs,
            mask_img=folder / "mask.nii.gz",
            threshold=2.5,
            n_permutations=100,
            **arguments,
        )
    null = np.genfromtxt(tmp_path / "null.tsv", names=True)
    for name in result.null.statistics:
        assert np.allclose(null[name], result.null.of(name), rtol=1e-9)


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        ([*MAPS[:7], "--paired"], 2, "--paired needs two maps of each subject"),
        ([*MAPS, "--contrast", "group"], 2, "--contrast needs --design"),
        (
            [*MAPS, "--design", "absent.tsv"],
            2,
            "--design is 'absent.tsv', which cannot be read: No such file or dir",
        ),
        ([*MAPS, "--design", "mask.nii.gz"], 2, "--design is 'mask.nii.gz'"),
        (
            [*MAPS, "--design", "design.tsv", "--contrast", "sex"],
            2,
            "must be a column of the design (group, mean, age, family)",
        ),
        ([*MAPS, "--design", "design.tsv", "--within", "x"], 2, "--within is 'x'"),
        (
            [*MAPS[:4], "--design", "design.tsv"],
            2,
            "column 'group' of design has shape (8,); it must have one value",
        ),
        ([*MAPS, "-t", "-1"], 2, "-t is -1.0; it must be a finite number of 0 or more"),
        ([*MAPS, "-t", "-1"], 2, "(for a p, use --threshold-p)"),
        ([*MAPS, "--threshold-p", "2"], 2, "--threshold-p is 2.0; it must be above 0"),
        ([*MAPS, "--threshold-p", "2"], 2, "(for a value of the statistic, use -t)"),
        ([*MAPS, "-n", "0"], 2, "error: -n is 0; "),
        ([*MAPS, "--jobs", "0"], 2, "error: --jobs is 0; "),
        (
            [*MAPS, "--design", "design.tsv"],
            2,
            "--contrast is not given and --design has 4 columns (group, mean, age, f",
        ),
        ([MAPS[0]], 1, "nithresh: con_0.nii.gz holds 1 image; a test needs two at"),
        (
            [*MAPS, "other.nii"],
            1,
            "nithresh: other.nii is on another grid than --mask: ",
        ),
        (
            ["other.nii", *MAPS[1:], "--paired"],
            1,
            "nithresh: other.nii is on another grid than --mask: ",
        ),
        (
            [*MAPS[1:], "other.nii", "--paired"],
            1,
            "nithresh: other.nii is on another grid than --mask: ",
        ),
        (
            [*MAPS, "absent.nii.gz"],
            1,
            "nithresh: 'absent.nii.gz': there is no such file",
        ),
        ([*MAPS, "--mask", "con_0.nii.gz"], 1, "nithresh: --mask con_0.nii.gz has "),
        ([*MAPS, "--mask", "no.nii"], 1, "--mask is 'no.nii'; there is no such file"),
        ([*MAPS, "--alpha", "2"], 2, "--alpha is 2"),
        ([*MAPS, "absent.nii.gz"], 1, "absent.nii.gz"),
        ([*MAPS, "--dask", "nowhere"], 2, "error: --dask is 'nowhere'; it must be"),
        (
            [*MAPS, "--mask", "mask_img.nii"],
            1,
            "--mask is 'mask_img.nii'; there is no such file",
        ),
        (["big.nii", "low.nii", "--paired"], 1, "big.nii minus low.nii has values too"),
    ],
)
def test_what_cannot_be(folder, tmp_path, args, code, message):
    words = ["--mask", "mask.nii.gz", "--output-dir", tmp_path / "out"]
    done = permute(folder, *words, *args, code=code)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_by_the_rules_of_another_tool(folder, tmp_path):
    done = permute(folder, *MAPS, *WORDS, "--rules", "spm", "--output-dir", tmp_path)
    result = nithresh.permutation_test(
        [folder / name for name in MAPS],
        mask_img=folder / "mask.nii.gz",
        threshold=2.5,
        n_permutations=100,
        rules="spm",
    )
    assert done.stdout == f"{result}\n"
    assert "one-sided" in done.stdout
    told = json.loads((tmp_path / "permutation_test.json").read_text())
    assert "--rules spm" in told["CommandLine"]
    assert told["Choices"]["connectivity"] == 18
    assert told["Choices"]["comparison"] == ">"
