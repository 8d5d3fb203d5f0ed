"""The installed command: what it prints, what it writes, how it ends."""

import contextlib
import hashlib
import io
import json
import os
import pty
import re
import resource
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nithresh
from nithresh import images, testing
from nithresh._numbers import told_apart
from nithresh.command import SUBCOMMANDS, main
from nithresh.command.description import Counts
from nithresh.plotting import plot_stat_map
from running import run_here

COMMAND = Path(sys.executable).with_name("nithresh")
SAMPLE = nithresh.datasets.load_sample_motor_activation_image()
BIDS = "sub-01_task-a_stat-z_statmap.nii.gz"
AFFINE = np.diag([-2, 2, 2, 1.0])


def run(*args, code=0, **words):
    """Run the command, and check its exit code."""
    done = subprocess.run(
        [COMMAND, *map(str, args)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **words,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr or "--debug" in args
    return done


def random_map(seed=0, shape=(24, 20, 16)):
    rng = np.random.default_rng(seed)
    data = rng.integers(-3, 4, shape) * rng.integers(0, 2, shape)
    return nibabel.Nifti1Image(np.asfortranarray(data, np.float32), AFFINE)


@pytest.fixture
def folder(tmp_path):
    """A folder with six maps, in which the command runs."""
    for seed in range(5):
        nithresh.save(random_map(seed), tmp_path / f"map{seed}.nii.gz")
    nithresh.save(random_map(5), tmp_path / BIDS)
    return tmp_path


def maps(folder):
    return [f"map{seed}.nii.gz" for seed in range(5)]


def contents(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.name: path.read_bytes() for path in files}


def told(sidecar, folder):
    """Take the outputs from a sidecar, and check that they are the ones there are."""
    outputs = sidecar.pop("Outputs")
    for output in outputs:
        content = (folder / output["name"]).read_bytes()
        assert output["sha256"] == hashlib.sha256(content).hexdigest()
    return [output["name"] for output in outputs]


def voxels(path):
    return np.asarray(nithresh.load(path).dataobj)


def assert_same_image(path, image):
    saved = nithresh.load(path)
    np.testing.assert_array_equal(saved.dataobj, image.dataobj)
    np.testing.assert_array_equal(saved.affine, image.affine)
    assert saved.get_data_dtype() == image.get_data_dtype()


@pytest.mark.parametrize("subcommand", [None, *SUBCOMMANDS])
def test_the_example_of_the_help_works_as_pasted(subcommand, tmp_path):
    help_ = run(*[subcommand] * (subcommand is not None), "--help").stdout
    example = re.search(r"^example:\n((?:  .*\n)+)", help_, re.MULTILINE)[1]
    subprocess.run(
        ["/bin/sh", "-e", "-c", example],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{COMMAND.parent}:{os.environ['PATH']}"},
        check=True,
        timeout=120,
        capture_output=True,
    )
    made = {
        None: "kept.nii.gz",
        "threshold": "kept10.nii.gz",
        "plot": "clusters.png",
        "tfce": "nithresh-demo/motor_tfce.nii.gz",
    }
    assert (tmp_path / made.get(subcommand, "nithresh-demo")).exists()


def test_help_imports_next_to_nothing():
    code = (
        "import sys; from nithresh.command import main\n"
        "try: main(['threshold', '--help'])\n"
        "except SystemExit: pass\n"
        "print('modules', *sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    modules = set(done.stdout.rpartition("modules")[2].split())
    heavy = {"numpy", "nibabel", "matplotlib", "isal", "tqdm", "nithresh._core"}
    assert not modules & heavy
    assert run("--version").stdout == f"nithresh {nithresh.__version__}\n"


@pytest.mark.parametrize(
    ("args", "call"),
    [
        (["-t", "2.3"], {"threshold": 2.3}),
        (["-t", "2", "-k", "3"], {"threshold": 2, "cluster_threshold": 3}),
        (["-t", "-2"], {"threshold": -2, "two_sided": False}),
        (["-t", "-2e0", "--one-sided"], {"threshold": -2, "two_sided": False}),
        (["--threshold", "1", "--one-sided"], {"threshold": 1, "two_sided": False}),
        (
            ["-t", "80%", "-k", "2", "--connectivity", "26"],
            {"threshold": "80%", "cluster_threshold": 2, "connectivity": 26},
        ),
        (["-t", "60%", "--mask", "mask.nii"], {"threshold": "60%"}),
    ],
)
def test_threshold_is_threshold_img(folder, args, call):
    if "--mask" in args:
        # On a grid of its own.
        mask = np.ones((9, 8, 7), np.uint8)
        nithresh.save(
            nibabel.Nifti1Image(mask, np.diag([-4, 4, 4, 1])), folder / "mask.nii"
        )
        call = call | {"mask_img": folder / "mask.nii"}
    before = contents(folder)
    done = run("threshold", BIDS, *args, cwd=folder)
    name = "sub-01_task-a_stat-z_desc-thresholded_statmap"
    assert done.stdout == f"{name}.nii.gz\n"
    assert done.stderr == ""
    kept = nithresh.threshold_img(folder / BIDS, **call)
    assert_same_image(folder / f"{name}.nii.gz", kept)
    sidecar = json.loads((folder / f"{name}.json").read_text())
    choices = sidecar["Choices"]
    assert choices["two_sided"] == call.get("two_sided", True)
    assert choices["connectivity"] == call.get("connectivity", 6)
    assert choices["threshold"] == call["threshold"]
    digest = hashlib.sha256((folder / BIDS).read_bytes()).hexdigest()
    assert choices["input"] == {"name": BIDS, "sha256": digest}
    assert (choices["mask"] or {}).get("name") == (
        "mask.nii" if "--mask" in args else None
    )
    level = choices["threshold_resolved"]
    again = nithresh.threshold_img(folder / BIDS, **(call | {"threshold": level}))
    np.testing.assert_array_equal(again.dataobj, kept.dataobj)

    # The command in the sidecar makes the same bytes again.
    made = contents(folder)
    assert made.keys() - before.keys() == {f"{name}.nii.gz", f"{name}.json"}
    for end in (".nii.gz", ".json"):
        (folder / f"{name}{end}").unlink()
    subprocess.run(
        ["/bin/sh", "-c", sidecar["CommandLine"]],
        cwd=folder,
        env=os.environ | {"PATH": f"{COMMAND.parent}:{os.environ['PATH']}"},
        check=True,
        capture_output=True,
    )
    again = contents(folder)
    assert again == made


def test_bytes_do_not_depend_on_jobs_or_time(folder):
    for number, jobs in enumerate((1, 3)):
        run("threshold", *maps(folder), "-t", 2, "--output-dir", "out", "--jobs", jobs,
            cwd=folder)  # fmt: skip
        (folder / "out").rename(folder / f"out{number}")
        time.sleep(1.1)
    assert contents(folder / "out0") == contents(folder / "out1")
    assert len(contents(folder / "out0")) == 10


def test_tfce_is_tfce_img(folder):
    run("tfce", "map0.nii.gz", "--E", 1, "--H", 1.5, "--connectivity", 26, cwd=folder)
    enhanced = nithresh.tfce_img(folder / "map0.nii.gz", E=1, H=1.5, connectivity=26)
    assert_same_image(folder / "map0_tfce.nii.gz", enhanced)
    choices = json.loads((folder / "map0_tfce.json").read_text())["Choices"]
    assert (choices["E"], choices["H"], choices["connectivity"]) == (1, 1.5, 26)
    assert "--E is -1" in run("tfce", "map0.nii.gz", "--E", -1, code=2).stderr


def test_clusters_prints_and_saves_the_table(folder):
    clusters = nithresh.find_clusters(SAMPLE, 3.1, cluster_threshold=10)
    args = ("clusters", SAMPLE, "-t", 3.1, "-k", 10)
    done = run(*args, "--table", "c.tsv", "--labels", "c.nii.gz", cwd=folder)
    assert done.stdout == clusters.table.as_text()
    assert (folder / "c.tsv").read_text() == done.stdout
    assert_same_image(folder / "c.nii.gz", clusters.labels_img)
    sidecar = json.loads((folder / "c.json").read_text())
    command = f"nithresh clusters {SAMPLE} -t 3.1 -k 10 --labels c.nii.gz --table c.tsv"
    assert sidecar.pop("CommandLine") == command
    assert sidecar.pop("Description")
    assert told(sidecar, folder) == ["c.nii.gz", "c.tsv"]
    assert sidecar == clusters.table.sidecar

    (line,) = run(*args, "--json").stdout.splitlines()
    content = json.loads(line)
    assert content["input"] == SAMPLE
    assert content["choices"] == clusters.table.choices
    rows = content["clusters"]
    assert [row["id"] for row in rows] == clusters.table["id"].tolist()
    means = [np.nan if row["mean"] is None else row["mean"] for row in rows]
    np.testing.assert_array_equal(means, clusters.table["mean"])
    extents = [row["extent"] for row in rows if row["extent"] is not None]
    assert all(type(extent) is int for extent in extents)
    assert sum(extents) == np.nansum(clusters.table["extent"])


def test_clusters_of_several_maps(folder):
    done = run("clusters", *maps(folder), "-t", 2, "-k", 3, "--output-dir", "out",
               "--extra", "other=map0.nii.gz", "--extra", f"last={BIDS}",
               cwd=folder)  # fmt: skip
    lines = done.stdout.splitlines()
    assert lines[0].startswith("input\tid\tsign\tx\t")
    assert lines[0].endswith("\tother_min\tother_max\tlast_mean\tlast_min\tlast_max")
    expected = []
    for name in maps(folder):
        extra = {"other": folder / "map0.nii.gz", "last": folder / BIDS}
        words = {"cluster_threshold": 3, "extra": extra}
        clusters = nithresh.find_clusters(folder / name, 2, **words)
        stem = name.partition(".")[0]
        text = clusters.table.as_text()
        assert (folder / "out" / f"{stem}_clusters.tsv").read_text() == text
        assert_same_image(folder / "out" / f"{stem}_labels.nii.gz", clusters.labels_img)
        sidecar = json.loads((folder / "out" / f"{stem}_clusters.json").read_text())
        assert sidecar["Choices"] == clusters.table.choices
        expected += [f"{name}\t{line}" for line in text.splitlines()[1:]]
    assert lines[1:] == expected
    assert len(contents(folder / "out")) == 20
    run("clusters", BIDS, "-t", 2, "--output-dir", "bids", "--quiet", cwd=folder)
    stem = "sub-01_task-a_stat-z_"
    assert set(contents(folder / "bids")) == {
        f"{stem}{end}"
        for end in (
            "clusters.tsv",
            "clusters.json",
            "desc-clusters_dseg.nii.gz",
            "desc-clusters_dseg.json",
        )
    }


def test_clusters_with_a_mask_and_none(folder):
    mask = np.zeros((24, 20, 16), np.uint8)
    mask[:12] = 1
    nithresh.save(nibabel.Nifti1Image(mask, AFFINE), folder / "mask.nii")
    done = run("clusters", BIDS, "-t", 2, "--mask", "mask.nii", "--json", cwd=folder)
    words = {"mask_img": folder / "mask.nii"}
    clusters = nithresh.find_clusters(folder / BIDS, 2, **words)
    content = json.loads(done.stdout)
    assert content["choices"] == clusters.table.choices
    assert len(content["clusters"]) == clusters.table["id"].size
    done = run("clusters", BIDS, "-t", 99, cwd=folder)
    assert done.stdout.count("\n") == 1
    assert f"nithresh: {BIDS}: warning: The threshold 99 is beyond" in done.stderr
    assert run("clusters", BIDS, "-t", 99, "--quiet", cwd=folder).stderr == ""


@pytest.mark.parametrize("extension", ["png", "svg", "pdf"])
def test_plot_writes_the_same_figure_twice(tmp_path, extension):
    args = ("plot", SAMPLE, "-t", 2, "-k", 10, "--cut-coords", 5, -26, 21)
    path = tmp_path / f"figure.{extension}"
    run(*args, "-o", path)
    first = contents(tmp_path)
    time.sleep(1.1)
    run(*args, "-o", path, "--overwrite")
    assert contents(tmp_path) == first
    starts = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
    assert first[path.name].startswith(starts[extension])
    sidecar = json.loads(first["figure.json"])
    assert sidecar["Choices"]["cut_coords"] == [5, -26, 21]
    assert "--cut-coords 5 -26 21" in sidecar["CommandLine"]


def test_plot_of_one_direction(tmp_path):
    for name, cuts in (("number", ["3"]), ("list", ["-20", "0", "20"])):
        run("plot", SAMPLE, "-t", -3, "--display-mode", "z", "--cut-coords", *cuts,
            "-o", tmp_path / f"{name}.png")  # fmt: skip
    error = run("plot", SAMPLE, "-o", "a.txt", code=2).stderr
    assert "must end in one of .png" in error
    error = run("plot", SAMPLE, "--cut-coords", 1, "-o", "a.png", code=2).stderr
    assert "--cut-coords is 1; with --display-mode ortho" in error


def test_plot_of_one_slice_at_a_place(tmp_path):
    for text, cuts in (("-8", [-8]), ("8.0", [8]), ("+8", [8]), ("3", 3)):
        path = tmp_path / "a.png"
        run("plot", SAMPLE, "-t", 3, "--display-mode", "z", f"--cut-coords={text}",
            "--overwrite", "-o", path)  # fmt: skip
        plot_stat_map(SAMPLE, threshold=3, display_mode="z", cut_coords=cuts,
                      output_file=tmp_path / "call.png")  # fmt: skip
        assert path.read_bytes() == (tmp_path / "call.png").read_bytes()
        written = json.loads(path.with_suffix(".json").read_bytes())["CommandLine"]
        place = f"{cuts[0]:+d}" if isinstance(cuts, list) else "3"
        assert f"--cut-coords {place}" in written.replace("=", " ")


def test_plot_takes_what_the_call_takes(tmp_path):
    look = ("--title", "A title", "--cmap", "cold_hot", "--vmin", -6, "--vmax", 6,
            "--cbar-label", "z", "--dpi", 80, "--black", "--no-cross",
            "--bg")  # fmt: skip
    call = {"title": "A title", "cmap": "cold_hot", "vmin": -6, "vmax": 6, "dpi": 80,
            "cbar_label": "z", "black_bg": True, "draw_cross": False}  # fmt: skip
    clusters = nithresh.find_clusters(SAMPLE, 3, cluster_threshold=50)
    for background, image in (("none", None), (SAMPLE, SAMPLE)):
        run("plot", SAMPLE, "-t", 3, "-k", 50, "--clusters", *look, background,
            "--overwrite", "-o", tmp_path / "a.png")  # fmt: skip
        plot_stat_map(SAMPLE, image, threshold=3, cluster_threshold=50, **call,
                      clusters=clusters, output_file=tmp_path / "call.png")  # fmt: skip
        assert (tmp_path / "a.png").read_bytes() == (tmp_path / "call.png").read_bytes()
    choices = json.loads((tmp_path / "a.json").read_bytes())["Choices"]
    assert choices["title"] == "A title"
    args = ("plot", SAMPLE, "-o", tmp_path / "b.png")
    assert "--clusters needs a threshold" in run(*args, "--clusters", code=2).stderr
    assert "--dpi is -1" in run(*args, "--dpi=-1", code=2).stderr


def test_plot_of_several_maps(folder):
    for seed in (1, 2):
        nithresh.save(random_map(seed), folder / f"map{seed}.nii.gz")
    maps = ("map1.nii.gz", "map2.nii.gz")
    run("plot", *maps, "-t", 2, "--output-dir", "figures", cwd=folder)
    made = sorted(path.name for path in (folder / "figures").iterdir())
    assert made == ["map1_plot.json", "map1_plot.png", "map2_plot.json",
                    "map2_plot.png"]  # fmt: skip
    error = run("plot", *maps, "-o", "a.png", code=2, cwd=folder).stderr
    assert "use --output-dir" in error
    assert "required" in run("plot", *maps, code=2, cwd=folder).stderr


def test_clusters_of_one_volume(folder):
    maps = [random_map(seed) for seed in range(3)]
    series = np.stack([one.get_fdata() for one in maps], axis=-1).astype(np.float32)
    nithresh.save(nibabel.Nifti1Image(series, AFFINE), folder / "series.nii")
    for words in (("clusters",), ("view", "-o", "a.html"), ("report", "-o", "a.html")):
        done = run(*words, "series.nii", "-t", 1, code=1, cwd=folder)
        assert "choose one with volume (--volume at the prompt)" in done.stderr
    done = run("clusters", "series.nii", "-t", 1, "--volume", 3, code=1, cwd=folder)
    assert "volume is 3; img has 3 volumes" in done.stderr

    nithresh.save(nibabel.Nifti1Image(series[..., 1], AFFINE), folder / "one.nii")
    rate = ("--alpha", "0.1", "--correct", "none", "--stat", "t:9")
    for words in (("-t", "1"), ("-t", "50%"), rate):
        outputs = ("--table", "a.tsv", "--labels", "a.nii", "--overwrite")
        words = ("clusters", "series.nii", *words, "--volume", 1, *outputs)
        done = run(*words, cwd=folder)
        expected = run("clusters", "one.nii", *words[2:-7], cwd=folder).stdout
        assert done.stdout == expected
        assert done.stdout.count("\n") > 2
        assert nibabel.load(folder / "a.nii").shape == series.shape[:3]
        said = json.loads((folder / "a.json").read_text())
        assert said["Choices"]["volume"] == 1
        assert "--volume 1" in said["CommandLine"]


def test_plot_of_one_volume(folder):
    series = np.stack([random_map(seed).get_fdata() for seed in range(3)], axis=-1)
    image = nibabel.Nifti1Image(series.astype(np.float32), AFFINE)
    nithresh.save(image, folder / "series.nii")
    nithresh.save(image.slicer[..., 2], folder / "third.nii")
    args = ("-t", 2, "-k", 3, "--cut-coords", "cluster:2", "-o")
    error = run("plot", "series.nii", *args, "a.png", code=1, cwd=folder).stderr
    assert "has 3 volumes" in error
    assert "volume must say which: 0 to 2 (--volume at the prompt)" in error
    error = run("plot", "series.nii", *args, "a.png", "--volume", 3, code=1, cwd=folder)
    assert "volume is 3; " in error.stderr
    assert not list(folder.glob("a.*"))
    run("plot", "series.nii", *args, "a.png", "--volume", 2, cwd=folder)
    run("plot", "third.nii", *args, "b.png", cwd=folder)
    made = contents(folder)
    assert made["a.png"] == made["b.png"]
    assert json.loads(made["a.json"])["Choices"]["volume"] == 2
    assert "--cut-coords cluster:2 --volume 2" in made["a.json"].decode()


def test_plot_cuts_through_peaks_and_clusters(tmp_path):
    clusters = nithresh.find_clusters(SAMPLE, 3, cluster_threshold=50)
    words = {"threshold": 3, "cluster_threshold": 50}
    for cuts, shown in (("peak", None), ("cluster:3", clusters)):
        run("plot", SAMPLE, "-t", 3, "-k", 50, "--cut-coords", cuts, "-o",
            tmp_path / "ours.png")  # fmt: skip
        plot_stat_map(SAMPLE, output_file=tmp_path / "call.png", cut_coords=cuts,
                      clusters=shown, **words)  # fmt: skip
        made = contents(tmp_path)
        assert made["ours.png"] == made["call.png"]
        for path in tmp_path.iterdir():
            path.unlink()
    args = ("plot", SAMPLE, "-o", tmp_path / "a.png", "--cut-coords")
    error = run(*args, "cluster:9", "-t", 3, "-k", 50, code=1).stderr
    assert "cut_coords is 'cluster:9'; clusters has 4 clusters" in error
    assert "needs a threshold: -t" in run(*args, "cluster:1", code=2).stderr
    assert "'cluster:x' is not a place" in run(*args, "cluster:x", code=2).stderr
    assert "--cut-coords is 1 peak 3; with" in run(*args, 1, "peak", 3, code=2).stderr
    assert not list(tmp_path.iterdir())


def test_info_says_what_a_map_is(folder):
    data = np.array([[-4, 3, 0], [np.nan, 3, 2.5]], np.float32)[..., None]
    image = nibabel.Nifti1Image(data, AFFINE)
    image.header.set_intent("t test", (12,))
    image.header.set_xyzt_units("mm")
    nibabel.save(image, folder / "small.nii")
    lines = run("info", "small.nii", cwd=folder).stdout.rstrip().splitlines()
    assert lines.pop(0) == "small.nii"
    said = dict(re.split(r"\s{2,}", line.strip(), maxsplit=1) for line in lines)
    assert said == {
        "shape": "2 x 3 x 1",
        "zooms": "2 x 2 x 2 mm",
        "type": "float32",
        "format": "Nifti1Image",
        "orientation": "LAS, left-handed",
        "intent": "t test (12)",
        "range": "-4 to 3",
        "NaN": "1 voxel (16.7%)",
        "zero": "1 voxel (16.7%)",
        "saturation": "3 in 2 voxels",
        "abs(value) >= 2.3": "4 voxels (66.7%), 2 clusters",
        "abs(value) >= 3.1": "1 voxel (16.7%), 1 cluster",
        "abs(value) >= 5": "0 voxels, 0 clusters",
    }
    for kind in (np.uint8, np.int16, np.float64):
        series = np.zeros((3, 3, 3, 2), kind)
        nibabel.save(nibabel.Nifti1Image(series, AFFINE), folder / "series.nii")
        said = run("info", "series.nii", "small.nii", cwd=folder).stdout
        assert "3 x 3 x 3 x 2" in said
        assert "54 voxels (100.0%)" in said
        assert "\nsmall.nii\n" in said


@given(testing.maps(smallest_side=1, largest_side=5), st.sampled_from([6, 18, 26]))
def test_info_counts_what_a_naive_twin_counts(data, connectivity):
    def count(volume, threshold):
        labels, clusters = nithresh.label(volume, threshold, connectivity=connectivity)
        return np.count_nonzero(labels), clusters

    counts = Counts("voxel", count)
    volumes = [data] if data.ndim == 3 else list(np.moveaxis(data, -1, 0))
    for volume in volumes:
        counts.add(volume)
    said = counts.lines()
    data = data.astype(data.dtype.newbyteorder("="))
    finite = data[np.isfinite(data)]
    if finite.size:
        low, high = finite.min(), finite.max()
        assert said["range"] == " to ".join(told_apart(low, high, 2.3, 3.1, 5.0)[:2])
        shared = [
            f"{text} in {count} voxels"
            for end, text in dict(
                zip((low, high), told_apart(low, high, 2.3, 3.1, 5.0), strict=False)
            ).items()
            if end != 0 and (count := (data == end).sum()) > 1
        ]
        none = "none: no extreme value is shared"
        assert said["saturation"] == (", ".join(shared) or none)
    else:
        assert said["range"] == "no finite value"

    def count_of(line):
        return int(said[line].split()[0]) if line in said else 0

    assert count_of("NaN") == np.isnan(data).sum()
    assert count_of("infinite") == np.isinf(data).sum()
    assert count_of("zero") == (data == 0).sum()
    for threshold in (2.3, 3.1, 5):
        counts_of_volumes = [
            nithresh.label(volume, threshold, connectivity=connectivity)
            for volume in volumes
        ]
        line = said[f"abs(value) >= {threshold:g}"]
        voxels = sum((labels > 0).sum() for labels, _ in counts_of_volumes)
        assert int(line.split()[0]) == voxels
        clusters = sum(count for _, count in counts_of_volumes)
        word = "cluster" if clusters == 1 else "clusters"
        assert line.endswith(f", {clusters} {word}")


@pytest.mark.parametrize("extension", ["nii", "nii.gz"])
@pytest.mark.parametrize("slope", [None, 0.5])
def test_the_volumes_of_a_file_are_those_of_its_array(tmp_path, extension, slope):
    data = np.arange(5 * 4 * 3 * 6, dtype=np.int16).reshape(5, 4, 3, 6)
    for shape in ((5, 4, 3, 6), (5, 4, 3), (5, 4, 3, 1), (5, 4, 3, 6, 1)):
        image = nibabel.Nifti1Image(np.resize(data, shape), AFFINE)
        image.header.set_slope_inter(slope, 0 if slope else None)
        nibabel.save(image, tmp_path / f"a.{extension}")
        loaded = nithresh.load(tmp_path / f"a.{extension}")
        for given_image in (loaded, image):
            whole = images.read_array(given_image)
            volumes = list(images.volumes(given_image))
            assert all(volume.dtype == whole.dtype for volume in volumes)
            one = whole.reshape(5, 4, 3, -1)
            np.testing.assert_array_equal(np.stack(volumes, axis=-1), one)


def test_lists_from_a_file_and_from_standard_input(folder):
    listed = "".join(f"{name}\n" for name in maps(folder))
    (folder / "list.txt").write_text(f"{listed}\n")
    args = ("threshold", "-t", "2", "--from-file")
    run(*args, "list.txt", "--output-dir", "a", cwd=folder)
    run(*args, "-", BIDS, "--output-dir", "b", cwd=folder, input=listed)
    first, second = contents(folder / "a"), contents(folder / "b")
    images = {name for name in first if name.endswith(".gz")}
    assert len(images) == 5
    assert all(first[name] == second[name] for name in images)
    assert len(second) == 12
    assert "no input" in run(*args, "-", code=2, input="\n").stderr
    assert "--from-file no: No such file" in run(*args, "no", code=2).stderr


def test_what_exists_is_kept(folder):
    run("threshold", "map0.nii.gz", "-t", 2, cwd=folder)
    before = contents(folder)
    done = run("threshold", *maps(folder), "-t", 3, code=1, cwd=folder)
    assert "nithresh: 1 of 5 files failed:\n" in done.stderr
    assert "nithresh: map0.nii.gz: 'map0_thresholded.nii.gz' exists" in done.stderr
    after = contents(folder)
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 8

    (folder / "map4_thresholded.nii.gz").unlink()
    done = run("threshold", *maps(folder), "-t", 1, "--skip-existing", cwd=folder)
    assert done.stdout == "map4_thresholded.nii.gz\n"
    assert (
        contents(folder)["map0_thresholded.nii.gz"] == after["map0_thresholded.nii.gz"]
    )
    done = run("threshold", *maps(folder), "-t", 1, "--overwrite", cwd=folder)
    assert done.stdout.count("\n") == 5
    kept = nithresh.threshold_img(folder / "map0.nii.gz", 1)
    assert_same_image(folder / "map0_thresholded.nii.gz", kept)
    # A sidecar alone is somebody's too.
    (folder / "kept.json").write_text("mine")
    args = ("threshold", "map0.nii.gz", "-t", 1, "-o", "kept.nii")
    assert "'kept.json' exists" in run(*args, code=1, cwd=folder).stderr
    assert (folder / "kept.json").read_text() == "mine"
    assert not (folder / "kept.nii").exists()


@pytest.mark.parametrize(
    ("words", "output"),
    [
        (["view"], "map0.html"),
        (["plot", "-t", "2"], "map0.png"),
        (["threshold", "-t", "2"], "map0.mgz"),
        (["clusters", "-t", "2"], "map0.tsv"),
    ],
)
@pytest.mark.parametrize("option", ["--overwrite", "--skip-existing", "--debug"])
@pytest.mark.parametrize(
    "text", ['{"TaskName": "mine", "Outputs": ["a"]}', '{"Outputs": []}', "not JSON"]
)
def test_json_of_others_is_never_replaced(folder, words, output, option, text):
    mine = folder / "map0.json"
    mine.write_text(text)
    before = contents(folder)
    out = "--table" if words[0] == "clusters" else "-o"
    done = run_here(*words, "map0.nii.gz", out, output, option, folder=folder)
    assert done.code == 1
    assert done.err.splitlines()[-1].endswith(
        "map0.nii.gz: 'map0.json' exists, and is no sidecar of nithresh; "
        f"the JSON file of {output} would replace it: choose another name"
    )
    assert contents(folder) == before


def test_json_of_others_is_not_replaced_by_tables(folder):
    mine = folder / "a.json"
    mine.write_text("{}")
    table = nithresh.find_clusters(folder / "map0.nii.gz", 2).table
    with pytest.raises(FileExistsError, match="is no sidecar of nithresh"):
        table.to_tsv(folder / "a.tsv")
    assert mine.read_text() == "{}"
    assert not (folder / "a.tsv").exists()


def test_error_says_which_file_a_sidecar_tells_of(folder):
    assert run_here("view", "map0.nii.gz", "-o", "a.html", folder=folder).code == 0
    done = run_here("plot", "map0.nii.gz", "-o", "a.png", folder=folder)
    assert done.code == 1
    assert "'a.json' exists and tells of a.html: choose another name;" in done.err
    assert not (folder / "a.png").exists()
    before = (folder / "a.json").read_bytes()
    words = ["threshold", "map0.nii.gz", "-t", "2", "-o", "a.nii", "--skip-existing"]
    done = run_here(*words, folder=folder)
    assert done.code == 1
    assert "'a.json' exists and tells of a.html: choose another name;" in done.err
    assert (folder / "a.json").read_bytes() == before
    # Of a file that is gone there is nothing to lose.
    (folder / "a.html").unlink()
    assert run_here(*words, folder=folder).code == 0
    (folder / "a.nii").unlink()
    done = run_here(*words[:-1], folder=folder)
    assert "'a.json' exists; --overwrite replaces it" in done.err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--debug"], "the following arguments are required: SUBCOMMAND"),
        (["shrink"], "invalid choice: 'shrink'"),
        (["threshold", "map0.nii.gz"], "-t/--threshold --alpha is required"),
        (["threshold", "-t", "2"], "no input"),
        (["threshold", "map0.nii.gz", "-t", "x"], "'x' is neither a number"),
        (["threshold", "map0.nii.gz", "-t", "nan"], "threshold is NaN"),
        (["threshold", "map0.nii.gz", "-t", "101%"], "threshold is '101%'"),
        (["threshold", "map0.nii.gz", "-t", "-5%"], "threshold is '-5%'"),
        (["threshold", "map0.nii.gz", "-t", "2", "-k", "1.5"], "invalid int value"),
        (["threshold", "map0.nii.gz", "-t", "2", "--connectivity", "7"], "choose from"),
        (["threshold", "map0.nii.gz", "-t", "2", "--jobs", "0"], "--jobs is 0"),
        (["threshold", "map0.nii.gz", "-t", "2", "-o", "a.txt"], "must end in one of"),
        (["threshold", "map0.nii.gz", BIDS, "-t", "2", "-o", "a.nii"], "2 inputs"),
        (
            ["threshold", "map0.nii.gz", "-t", "2", "-o", "map0.nii.gz", "--overwrite"],
            "is an output and an input",
        ),
        (
            ["threshold", "map0.nii.gz", "-t", "2", "--mask", BIDS, "-o", BIDS],
            "is an output and an input",
        ),
        (
            ["threshold", "map0.nii.gz", "sub/map0.nii.gz", "-t", "2", "--output-dir",
             "out"],
            "two inputs have the output",
        ),
        (["threshold", "map0.nii.gz", "map0.nii.gz", "-t", "2"], "two inputs have"),
        (["clusters", "map0.nii.gz", "-t", "2", "--table", "a.csv"], ".tsv"),
        (["clusters", "map0.nii.gz", "-t", "2", "--extra", "a"], "not NAME=MAP"),
        (
            ["clusters", "map0.nii.gz", BIDS, "-t", "2", "--table", "a.tsv"],
            "--table names one file for 2 inputs",
        ),
    ],
)  # fmt: skip
def test_usage_errors_do_nothing(folder, args, message):
    (folder / "sub").mkdir()
    nithresh.save(random_map(), folder / "sub" / "map0.nii.gz")
    before = sorted(folder.rglob("*"))
    done = run(*args, code=2, cwd=folder)
    assert done.stdout == ""
    assert message in done.stderr.splitlines()[-1]
    assert sorted(folder.rglob("*")) == before


def test_a_usage_error_is_one_line_of_the_subcommand():
    done = run("clusters", "a.nii", "-t", "2", "--tabel", "a.tsv", code=2)
    assert done.stderr == (
        "nithresh clusters: error: unrecognized arguments: --tabel a.tsv (see "
        "nithresh clusters --help)\n"
    )
    done = run("clusters", "a.nii", code=2)
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("nithresh clusters: error: one of the arguments ")


def test_no_words_at_all_give_the_help():
    done = run(code=2)
    assert done.stdout == ""
    assert done.stderr == run("--help").stdout


def test_examples_of_the_help_can_be_run_in_order():
    helps = [run(name, "--help").stdout for name in ("threshold", "view", "report")]
    helps.append(run("--help").stdout)
    outputs = [re.search(r"^  nithresh .* -o (\S+)$", text, re.M)[1] for text in helps]
    assert len({Path(output).stem for output in outputs}) == 4


def damage(path):
    whole = bytearray(path.read_bytes())
    whole[-5] ^= 1
    path.write_bytes(whole)


@pytest.mark.parametrize("subcommand", ["threshold", "clusters", "tfce", "info"])
def test_bad_files_are_reported_in_the_end(folder, subcommand):
    damage(folder / "map1.nii.gz")
    flat = nibabel.Nifti1Image(np.ones((4, 4), np.float32), AFFINE)
    nibabel.save(flat, folder / "flat.nii")
    (folder / "notes.nii").write_text("no image")
    args = ["-t", "2"] if subcommand in ("threshold", "clusters") else []
    inputs = [*maps(folder), "gone.nii", "flat.nii", "notes.nii"]
    done = run(subcommand, *inputs, *args, code=1, cwd=folder)
    lines = done.stderr.splitlines()
    assert lines[0] == "nithresh: 4 of 8 files failed:"
    names = ["map1.nii.gz", "gone.nii", "flat.nii", "notes.nii"]
    assert len(lines) == 5
    for line, name in zip(lines[1:], names, strict=True):
        assert line.startswith(f"nithresh: {name}: ")
    assert "no such file" in lines[2]
    if subcommand in ("threshold", "tfce"):
        assert done.stdout.count("\n") == 4
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    done = run(subcommand, "gone.nii", *args, code=1, cwd=folder)
    assert done.stderr.count("\n") == 1
    done = run(subcommand, "gone.nii", *args, "--debug", code=1, cwd=folder)
    assert "Traceback" in done.stderr


def test_a_mask_that_cannot_be_used_is_named(folder):
    args = ("threshold", "map0.nii.gz", BIDS, "-t", 2, "--mask")
    done = run(*args, "no.nii", code=1, cwd=folder)
    assert done.stderr.startswith("nithresh: no.nii: ")
    done = run(*args, "map1.nii.gz", code=1, cwd=folder)
    assert "nithresh: map1.nii.gz: mask_img has more than one value" in done.stderr
    far = nibabel.Nifti1Image(
        np.ones((4, 4, 4), np.uint8), AFFINE + 500 * np.eye(4, k=3)
    )
    nibabel.save(far, folder / "far.nii")
    done = run(*args, "far.nii", code=1, cwd=folder)
    assert "2 of 2 files failed" in done.stderr
    assert f"nithresh: {BIDS}: mask_img is empty on the grid of img" in done.stderr
    done = run("clusters", BIDS, "-t", 2, "--extra", "a=far.nii", code=1, cwd=folder)
    assert (
        f"nithresh: {BIDS}: --extra a=far.nii is on another grid than the map: "
        in done.stderr
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([5], "--cut-coords is 5; with --display-mode ortho it must be 3 numbers in mm "
              "(x, y, z), peak or cluster:3 ("),
        (["1.5", "--display-mode", "mosaic"],
         "with --display-mode mosaic it must be a number of cuts, 3 such numbers "
         "(x, y, z), peak or cluster:3 ("),
    ],
)  # fmt: skip
def test_cuts_that_do_not_fit_are_told_as_typed(folder, words, message):
    args = ("plot", "map0.nii.gz", "-o", "a.png", "--cut-coords", *words)
    error = run(*args, code=2, cwd=folder).stderr
    assert message in error
    assert "cut_coords" not in error


def test_output_without_extension_is_told_as_typed(folder):
    args = ("threshold", "map0.nii.gz", "-t", 2, "-o", "kept")
    assert (
        "error: -o is 'kept'; it must end in" in run(*args, code=2, cwd=folder).stderr
    )


@pytest.mark.parametrize(
    ("subcommand", "default"),
    [
        ("view", "(default: 95%)"),
        ("plot", "(default: all voxels that are not 0)"),
        ("report", None),
        ("threshold", None),
    ],
)
def test_help_says_what_is_shown_without_a_threshold(subcommand, default):
    help_ = " ".join(run(subcommand, "--help").stdout.split())
    found = re.search(r"at T and below (\(default: .*?\))", help_)
    assert (found and found[1]) == default


def mount(folder, options):
    """Put a small disk of its own in the place of a folder, or skip the test."""
    args = ["/bin/mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
    if not Path(args[0]).exists():
        pytest.skip("there is no mount command")
    done = subprocess.run(args, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"cannot mount a disk: {done.stderr.strip()}")


def unmount(folder):
    subprocess.run(["/bin/umount", str(folder)], check=True)


def test_a_full_disk_leaves_no_half_files(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount(disk, "size=16k")
    try:
        for name in ("a.nii.gz", "b.nii", "c.mgz"):
            done = run("tfce", SAMPLE, "-o", disk / name, code=1)
            assert done.stderr.count("\n") == 1
            assert done.stderr.startswith(f"nithresh: {SAMPLE}: cannot write '{disk}")
            assert list(disk.iterdir()) == []
        done = run("plot", SAMPLE, "-o", disk / "a.png", code=1)
        assert "No space left on device" in done.stderr
        assert list(disk.iterdir()) == []
    finally:
        unmount(disk)


@pytest.mark.parametrize(
    "args",
    [
        ["threshold", "-t", "2", "-o", "out/a.nii"],
        ["tfce", "-o", "out/a.mgz"],
        ["tfce", "-o", "out/a.img"],
        ["clusters", "-t", "2", "--labels", "out/a.nii", "--table", "out/a.tsv"],
        ["plot", "-o", "out/a.svg"],
    ],
)
def test_a_file_that_may_not_grow_is_none(folder, args):
    (folder / "out").mkdir()
    noise = np.random.default_rng(0).standard_normal((40, 40, 40), np.float32)
    nithresh.save(nibabel.Nifti1Image(noise, AFFINE), folder / "noise.nii")

    def limit():
        # Bytes of a file: enough for a sidecar.
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))

    done = run(*args, "noise.nii", code=1, cwd=folder, preexec_fn=limit)
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("nithresh: noise.nii: cannot write 'out/a.")
    assert done.stderr.endswith("': File too large\n")
    assert not list((folder / "out").iterdir())


def test_an_output_in_what_is_no_folder(folder):
    (folder / "file").write_text("mine")
    for place in ("file", "no"):
        done = run("threshold", "map0.nii.gz", "-t", 2, "-o", f"{place}/a.nii", code=1,
                   cwd=folder)  # fmt: skip
        message = f"cannot write '{place}/a.nii': there is no such folder\n"
        assert done.stderr == f"nithresh: map0.nii.gz: {message}"
    for place in ("file", "file/sub", "file/sub/sub"):
        done = run("tfce", "map0.nii.gz", "--output-dir", place, code=1, cwd=folder)
        assert done.stderr == "nithresh: 'file' is a file, not a folder\n"
    assert (folder / "file").read_text() == "mine"
    assert not (folder / "no").exists()


def test_standard_streams_that_are_full_or_closed(folder):
    args = ["clusters", "map0.nii.gz", "-t", "2", "--table", "a.tsv", "--overwrite"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [COMMAND, *args],
            cwd=folder,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "nithresh: standard output: No space left on device\n"
    expected = (folder / "a.tsv").read_bytes()
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        (folder / "a.tsv").unlink()
        subprocess.run(
            ["/bin/sh", "-c", f'"$0" "$@" {closed}', COMMAND, *args],
            cwd=folder,
            check=True,
            capture_output=True,
            timeout=60,
        )
        assert (folder / "a.tsv").read_bytes() == expected


@pytest.mark.parametrize(
    ("args", "ends"),
    [
        (["threshold", "-t", "2"], ["_thresholded.nii.gz"]),
        (["tfce"], ["_tfce.nii.gz"]),
        (
            ["clusters", "-t", "2", "--output-dir", "."],
            ["_clusters.tsv", "_labels.nii.gz"],
        ),
    ],
)
def test_files_are_made_though_nobody_reads_their_names(folder, args, ends):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe, Path("/dev/full").open("w") as full:
        for stdout, code in ((pipe, 0), (full, 1)):
            done = subprocess.run(
                [COMMAND, *args, *maps(folder), "--overwrite"],
                cwd=folder,
                stdout=stdout,
                stderr=subprocess.PIPE,
                text=True,
                timeout=60,
                check=False,
            )
            lost = "nithresh: standard output: No space left on device\n"
            assert (done.returncode, done.stderr) == (code, lost if code else "")
            for end in ends:
                made = list(folder.glob(f"map?{end}"))
                assert len(made) == 5
                for path in made:
                    path.unlink()


def test_what_is_not_printed_is_told(folder):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        for args in (["info"], ["clusters", "-t", "2"]):
            for inputs in (maps(folder), maps(folder)[:1]):
                done = subprocess.run(
                    [COMMAND, *args, *inputs],
                    cwd=folder,
                    stdout=pipe,
                    stderr=subprocess.PIPE,
                    text=True,
                    timeout=60,
                    check=False,
                )
                assert done.returncode == 1
                left = (
                    "nithresh: standard output cannot be written to; 4 files are not "
                    "done, from map1.nii.gz on\n"
                )
                assert done.stderr == (left if len(inputs) > 1 else "")


NO_THREADS = """
import sys, threading
from nithresh.command import main
threading.stack_size(1 << 46)  # more than there is
sys.exit(main(sys.argv[1:]))
"""


def test_a_machine_that_gives_no_thread(folder):
    args = ["threshold", *maps(folder), "-t", "2", "-k", "3", "--output-dir"]
    run(*args, "expected", cwd=folder)
    subprocess.run(
        [sys.executable, "-c", NO_THREADS, *args, "out", "--jobs", "3"],
        cwd=folder,
        # Of the core's own threads.
        env=os.environ | {"RUST_MIN_STACK": str(1 << 46), "RAYON_NUM_THREADS": "4"},
        check=True,
        capture_output=True,
    )
    written = contents(folder / "out")
    for name, content in contents(folder / "expected").items():
        assert written[name] == content.replace(b"expected/", b"out/")


def test_memory_does_not_grow_with_the_number_of_files(folder):
    noise = np.random.default_rng(0).integers(-9, 9, (160, 160, 100))
    image = nibabel.Nifti1Image(noise.astype(np.float32), AFFINE)
    nithresh.save(image, folder / "big.nii.gz")
    peaks = []
    for files in (4, 24):
        for number in range(files):
            (folder / f"{number}.nii.gz").unlink(missing_ok=True)
            (folder / f"{number}.nii.gz").symlink_to("big.nii.gz")
        inputs = [f"{number}.nii.gz" for number in range(files)]
        args = ["-t", "9", "--jobs", "2", "--quiet", "--output-dir", f"out{files}"]
        process = subprocess.Popen([COMMAND, "threshold", *inputs, *args], cwd=folder)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        assert len(contents(folder / f"out{files}")) == 2 * files
        peaks.append(used.ru_maxrss * 1024)
    # Twenty files more, in less than the memory of two maps.
    assert peaks[1] - peaks[0] < 2 * noise.size * 4


def test_a_folder_that_is_read_only(folder):
    out = folder / "out"
    out.mkdir()
    is_root = os.geteuid() == 0
    if is_root:
        mount(out, "ro")  # root may write to folders of any mode
    else:
        out.chmod(0o500)
    try:
        args = ["-t", 2, "--output-dir", "out"]
        done = run("threshold", "map0.nii.gz", *args, code=1, cwd=folder)
        assert done.stderr.startswith("nithresh: map0.nii.gz: cannot write 'out/map0_")
        assert re.search(r"(Read-only file system|Permission denied)$", done.stderr)
        args = ["--output-dir", "out/new"]
        done = run("tfce", "map0.nii.gz", *args, code=1, cwd=folder)
        assert done.stderr.startswith("nithresh: ")
        assert done.stderr.count("\n") == 1
    finally:
        if is_root:
            unmount(out)
        else:
            out.chmod(0o700)


def _unignored():
    """Undo what a shell or nohup, from which the tests run, has ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (signal.SIGINT, "nithresh: interrupted\n"),
        (signal.SIGTERM, "nithresh: terminated\n"),
        (signal.SIGHUP, "nithresh: terminated\n"),
    ],
)
def test_a_signal_and_a_file_that_vanishes(folder, sent, said):
    """Two thousand inputs: the work is stopped, and then one is taken away.

    What is printed fills a pipe that nobody reads, so the work cannot be over before.
    """
    nithresh.save(random_map(0, (64, 64, 64)), folder / "big.nii.gz")
    inputs = folder / "in"
    inputs.mkdir()
    for number in range(2000):
        (inputs / f"{number:04}.nii.gz").symlink_to("../big.nii.gz")
    listed = "".join(f"in/{number:04}.nii.gz\n" for number in range(2000))
    (folder / "list").write_text(listed)
    args = ["threshold", "--from-file", "list", "-t", "2", "--output-dir", "out"]
    process = subprocess.Popen(
        [COMMAND, *args],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pipesize=4096,
        text=True,
        preexec_fn=_unignored,
    )
    out = folder / "out"
    deadline = time.monotonic() + 60
    while not out.exists() or len(list(out.iterdir())) < 20:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(sent)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -sent
    assert errors == said
    written = sorted(path.name for path in out.iterdir())
    assert not [name for name in written if name.startswith(".")]
    images = [name for name in written if name.endswith(".gz")]
    assert 10 <= len(images) < 2000
    assert [name.replace(".nii.gz", ".json") for name in images] == [
        name for name in written if name.endswith(".json")
    ]
    expected = (out / images[0]).read_bytes()
    assert all((out / name).read_bytes() == expected for name in images)

    # Resume with what is left of a short list, one of it gone since.
    (inputs / "1999.nii.gz").unlink()
    times = {name: (out / name).stat().st_mtime_ns for name in images}
    short = "".join(f"in/{n:04}.nii.gz\n" for n in (*range(len(images) + 5), 1999))
    done = run(*args[:1], "--from-file", "-", *args[3:], "--skip-existing", code=1,
               cwd=folder, input=short)  # fmt: skip
    assert "nithresh: 1 of " in done.stderr
    assert "nithresh: in/1999.nii.gz: no such file" in done.stderr
    assert {name: (out / name).stat().st_mtime_ns for name in images} == times
    assert len(list(out.glob("*.nii.gz"))) == len(images) + 5


def test_a_file_that_vanishes_while_others_are_worked_on(folder):
    inputs = folder / "in"
    inputs.mkdir()
    for number in range(400):
        (inputs / f"{number:03}.nii.gz").symlink_to("../map0.nii.gz")
    args = [*sorted(inputs.iterdir()), "--output-dir", "out", "--jobs", "1"]
    process = subprocess.Popen(
        [COMMAND, "tfce", *args],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pipesize=4096,
        text=True,
    )
    with process:
        # Half of the names fill the pipe, of which no more is read than one line: the
        # last file is not opened before the others.
        assert process.stdout.buffer.raw.readline() == b"out/000_tfce.nii.gz\n"
        (inputs / "399.nii.gz").unlink()
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.splitlines() == [
        "nithresh: 1 of 400 files failed:",
        f"nithresh: {inputs}/399.nii.gz: no such file: '{inputs}/399.nii.gz'",
    ]
    assert len(list((folder / "out").iterdir())) == 2 * 399


def in_terminal(args, folder):
    """Run the command in a terminal; return what it shows and the exit code."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.environ["COLUMNS"] = "80"
        os.execv(COMMAND, ["nithresh", *map(str, args)])  # noqa: S606
    shown = b""
    while True:
        ready, _, _ = select.select([terminal], [], [], 60)
        assert ready, shown
        try:
            part = os.read(terminal, 4096)
        except OSError:  # how Linux says that the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    return shown.decode(), os.waitstatus_to_exitcode(status)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_terminal_shows_a_bar_and_a_table_to_read(folder):
    args = ["threshold", *maps(folder), "gone.nii", "-t", 2]
    shown, code = in_terminal([*args, "--output-dir", "a"], folder)
    assert code == 1
    assert "6/6" in shown
    assert "nithresh: 1 of 6 files failed:\r\nnithresh: gone.nii: no such" in shown
    shown, code = in_terminal([*args, "--output-dir", "b", "--quiet"], folder)
    assert shown.count("\n") == 2
    assert "6/6" not in shown
    done = run(*args, "--output-dir", "c", code=1, cwd=folder)
    assert "6/6" not in done.stderr
    shown, code = in_terminal(["clusters", SAMPLE, "-t", 3.1, "-k", 10], folder)
    clusters = nithresh.find_clusters(SAMPLE, 3.1, cluster_threshold=10)
    assert (shown, code) == (f"{clusters}\n".replace("\n", "\r\n"), 0)
    shown, code = in_terminal(["clusters", *maps(folder), "-t", 3], folder)
    assert "map4.nii.gz\r\n" in shown
    assert "id    x" in shown or "No clusters" in shown


def test_a_reader_that_has_enough(folder):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as stdout:
        done = subprocess.run(
            [COMMAND, "clusters", *maps(folder), "-t", "1"],
            cwd=folder,
            stdout=stdout,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert b"4 files are not done, from map1.nii.gz on" in done.stderr
    assert done.returncode == 1


def test_awkward_names(tmp_path):
    names = ["a b's.nii", "[x]*.nii", "ünïcode.nii"]
    for name in names:
        nibabel.save(random_map(), tmp_path / name)
    done = run("threshold", *names, "-t", 2, cwd=tmp_path)
    assert done.stdout.splitlines() == [
        name.replace(".nii", "_thresholded.nii") for name in names
    ]
    done = run("threshold", "two\nlines.nii", "-t", 2, code=1, cwd=tmp_path)
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "name",
    ["-dash", "--overwrite", "-t", "-1", "~", "~user", "per%cent", "a b's", '"', "$HO",
     "`x`", "b\\", "*", "!", "=x", "@x", "#", "{a,b}", "two\nlines", "tab\t", "\udcff"],
)  # fmt: skip
def test_the_command_in_a_sidecar_works_as_pasted(tmp_path, name):
    """For whatever name, of the input, the outputs, their folder or other images."""
    nibabel.save(random_map(), tmp_path / "map.nii")
    source = f"{name}.nii"
    (tmp_path / "map.nii").rename(tmp_path / source)
    data = np.ones((24, 20, 16), np.uint8)
    nibabel.save(nibabel.Nifti1Image(data, AFFINE), tmp_path / "mask.nii")
    mask = f"{name}-mask.nii"
    (tmp_path / "mask.nii").rename(tmp_path / mask)
    inputs = contents(tmp_path)
    extra = [f"--extra=a={mask}", f"--extra=b={mask}"]
    for args in (
        ["threshold", f"--mask={mask}", "-t=-1e-9", f"--output-dir={name}.d"],
        ["clusters", *extra, "-t=2", f"--labels={name}-l.nii", f"--table={name}-t.tsv"],
        ["tfce", "--E=0", f"-o={name}o.nii.gz"],
        ["plot", "-t=2", "--cut-coords", "-1e1", "9", "3", f"-o={name}.png"],
    )[: 4 if name == "-dash" else 3]:
        done = run_here(*args, "--", source, folder=tmp_path)
        assert done.code == 0, done.err
        made = files_below(tmp_path)
        sidecars = [path for path in made if path.suffix == ".json"]
        assert sidecars
        for path in made:
            if path.name not in inputs:
                path.unlink()
        for sidecar in sidecars:
            command = json.loads(made[sidecar])["CommandLine"]
            # As a shell parts it.
            parted = subprocess.run(
                [b"/bin/sh", b"-c", b"printf '%s\\0' " + os.fsencode(command)],
                cwd=tmp_path,
                check=True,
                capture_output=True,
            )
            words = os.fsdecode(parted.stdout).split("\0")[1:-1]
            done = run_here(*words, "--overwrite", folder=tmp_path)
            assert done.code == 0, done.err
        again = files_below(tmp_path)
        assert again == made
        for path in made.keys() - set(map(tmp_path.joinpath, inputs)):
            path.unlink()


def files_below(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_demo_can_be_run_again(tmp_path):
    first = run("demo", cwd=tmp_path).stdout
    made = contents(tmp_path / "nithresh-demo")
    assert {"motor.nii.gz", "5_clusters.png", "motor_clusters.tsv"} < made.keys()
    assert_same_image(
        tmp_path / "nithresh-demo" / "motor_thresholded.nii.gz",
        nithresh.threshold_img(SAMPLE, 3, cluster_threshold=50),
    )
    assert "$ nithresh plot nithresh-demo/motor.nii.gz -t 3 -k 50 -o" in first
    following = first.partition("Look at\n")[2]
    for name in re.findall(r"nithresh-demo/[\w./-]+", following):
        assert (
            name in ("nithresh-demo/group/sub-", "nithresh-demo/group-result")
            or (tmp_path / name).exists()
        )
    assert "(there already)" not in first
    (tmp_path / "nithresh-demo" / "3_positive.png").write_bytes(b"changed")
    again = run("demo", cwd=tmp_path).stdout
    steps = first.count("$ nithresh ")
    # All but info and the one that has changed.
    assert again.count("(there already)") == steps - 2
    assert contents(tmp_path / "nithresh-demo") == made
    (tmp_path / "file").write_text("mine")
    done = run("demo", "file", code=1, cwd=tmp_path)
    assert done.stderr == "nithresh: 'file' is a file, not a folder\n"


def test_a_stream_that_has_no_encoding_takes_the_output():
    # As that of a notebook.
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert main(["clusters", str(SAMPLE), "-t", "5"]) == 0
    assert printed.getvalue() == nithresh.find_clusters(SAMPLE, 5).table.as_text()
