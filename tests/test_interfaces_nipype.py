"""nipype's interfaces, in workflows that nipype runs."""

import json
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
from nipype import MapNode, Node, Workflow, config
from nipype.interfaces.base import TraitError
from nipype.interfaces.utility import IdentityInterface

import nithresh
from nithresh.interfaces.nipype import TFCE, Clusters, Threshold
from running import import_error_without

COMMAND = Path(sys.executable).with_name("nithresh")
AFFINE = np.diag([-2, 2, 2, 1.0])
BIDS = "sub-01_stat-z_statmap.nii.gz"


@pytest.fixture(autouse=True)
def _by_itself(tmp_path, monkeypatch):
    # nipype leaves its reports of crashes where it was imported, and asks the web for
    # its newest version.
    config.set("execution", "crashdump_dir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NIPYPE_NO_ET", "1")


def save_map(path, seed=0, shape=(12, 10, 8)):
    rng = np.random.default_rng(seed)
    data = rng.integers(-3, 4, shape).astype(np.float32)
    path.parent.mkdir(exist_ok=True)
    nithresh.save(nibabel.Nifti1Image(data, AFFINE), path)
    return str(path)


def save_mask(path):
    # On a grid of its own.
    mask = np.zeros((6, 5, 4), np.uint8)
    mask[1:5] = 1
    nithresh.save(nibabel.Nifti1Image(mask, np.diag([-4, 4, 4, 1.0])), path)
    return str(path)


def contents(folder):
    """The files that a node wrote, but for nipype's own."""
    names = ("_*", "*.pklz", "command.txt")
    return {
        path.name: path.read_bytes()
        for path in Path(folder).iterdir()
        if path.is_file() and not any(map(path.match, names))
    }


def assert_same_image(path, image):
    saved = nithresh.load(path)
    np.testing.assert_array_equal(saved.dataobj, image.dataobj)
    np.testing.assert_array_equal(saved.affine, image.affine)
    assert saved.get_data_dtype() == image.get_data_dtype()


def test_a_workflow_writes_what_the_calls_give_and_the_command_names(tmp_path):
    source = save_map(tmp_path / "in" / BIDS)
    mask = save_mask(tmp_path / "mask.nii")
    threshold = Node(
        Threshold(
            in_file=source,
            threshold="40%",
            cluster_threshold=2,
            connectivity=26,
            mask_img=mask,
        ),
        "threshold",
    )
    clusters = Node(Clusters(threshold=1, max_peaks=2, two_sided=False), "clusters")
    tfce = Node(TFCE(E=1, H=1.5, connectivity=18), "tfce")
    flow = Workflow("flow", base_dir=str(tmp_path / "work"))
    flow.connect(threshold, "out_file", clusters, "in_file")
    flow.connect(threshold, "out_file", tfce, "in_file")
    flow.run()

    work = tmp_path / "work" / "flow"
    kept = nithresh.threshold_img(
        source, "40%", cluster_threshold=2, connectivity=26, mask_img=mask
    )
    kept_name = "sub-01_stat-z_desc-thresholded_statmap.nii.gz"
    assert set(contents(work / "threshold")) == {kept_name}
    assert_same_image(work / "threshold" / kept_name, kept)

    found = nithresh.find_clusters(
        work / "threshold" / kept_name, 1, max_peaks=2, two_sided=False
    )
    stem = "sub-01_stat-z_desc-thresholded"
    assert set(contents(work / "clusters")) == {
        f"{stem}_clusters.tsv",
        f"{stem}_clusters.json",
        f"{stem}Clusters_dseg.nii.gz",
    }
    table = work / "clusters" / f"{stem}_clusters.tsv"
    assert table.read_text() == found.table.as_text()
    sidecar = table.with_suffix(".json")
    said = json.loads(sidecar.read_text())
    assert [output["name"] for output in said.pop("Outputs")] == [table.name]
    assert said == found.table.sidecar
    assert_same_image(
        work / "clusters" / f"{stem}Clusters_dseg.nii.gz", found.labels_img
    )

    scores = nithresh.tfce_img(kept, E=1, H=1.5, connectivity=18)
    name = "sub-01_stat-z_desc-thresholdedTfce_statmap.nii.gz"
    assert set(contents(work / "tfce")) == {name}
    assert_same_image(work / "tfce" / name, scores)

    # By the same rules as the command's.
    for command, node in [
        (["threshold", source, "-t", "1"], "threshold"),
        (["clusters", work / "threshold" / kept_name, "-t", "1"], "clusters"),
        (["tfce", work / "threshold" / kept_name], "tfce"),
    ]:
        out = tmp_path / f"{node}-by-command"
        subprocess.run(
            [COMMAND, *command, "--output-dir", out], check=True, capture_output=True
        )
        images = {name for name in contents(out) if not name.endswith(".json")}
        assert images == {
            name for name in contents(work / node) if not name.endswith(".json")
        }


def test_the_rules_of_a_tool(tmp_path):
    source = save_map(tmp_path / "in" / "map.nii.gz")
    done = Threshold(in_file=source, threshold=1, rules="spm").run()
    expected = nithresh.threshold_img(source, 1, rules="spm")
    assert_same_image(done.outputs.out_file, expected)
    words = {"rules": "spm", "connectivity": 26}
    done = Clusters(in_file=source, threshold=1, two_sided=False, **words).run()
    expected = nithresh.find_clusters(source, 1, two_sided=False, **words)
    assert Path(done.outputs.table_file).read_text() == expected.table.as_text()
    with pytest.raises(TraitError):
        Threshold(in_file=source, threshold=1, rules="none")


def test_map_nodes_in_processes(tmp_path):
    sources = [save_map(tmp_path / "in" / f"{seed}.nii", seed) for seed in range(3)]
    inputs = Node(IdentityInterface(["threshold"]), "inputs")
    inputs.iterables = ("threshold", [1.0, 2.0])
    threshold = MapNode(Threshold(), "in_file", name="threshold")
    threshold.inputs.in_file = sources
    clusters = MapNode(Clusters(threshold=1), "in_file", name="clusters")
    clusters.inputs.extra = {"first": sources[0]}
    flow = Workflow("flow", base_dir=str(tmp_path / "work"))
    flow.connect(inputs, "threshold", threshold, "threshold")
    flow.connect(threshold, "out_file", clusters, "in_file")
    flow.config["execution"] = {"poll_sleep_duration": 0.05}
    done = flow.run("MultiProc", plugin_args={"n_procs": 2})
    nodes = [node for node in done.nodes if node.name == "clusters"]
    assert len(nodes) == 2
    for node in nodes:
        assert len(node.result.outputs.table_file) == 3
        level = float(Path(node.output_dir()).parent.name.rpartition("_")[2])
        for source, table in zip(sources, node.result.outputs.table_file, strict=True):
            kept = nithresh.threshold_img(source, level)
            extra = {"first": sources[0]}
            found = nithresh.find_clusters(kept, 1, extra=extra)
            assert Path(table).read_text() == found.table.as_text()


def test_names_may_be_chosen_and_a_node_is_not_run_twice(tmp_path):
    source = save_map(tmp_path / "in" / "motor.nii.gz")
    made = tmp_path / "named" / "mine.nii"

    def run(level):
        threshold = Threshold(in_file=source, threshold=level, out_file="mine.nii")
        result = Node(threshold, "named", base_dir=str(tmp_path)).run()
        assert result.outputs.out_file == str(made)
        assert_same_image(made, nithresh.threshold_img(source, level))
        return made.stat().st_mtime_ns

    assert run(2) == run(2) < run(3)
    result = Clusters(in_file=source, threshold=2, table_file="a.tsv").run()
    assert result.outputs.table_file == str(tmp_path / "a.tsv")
    assert result.outputs.sidecar_file == str(tmp_path / "a.json")
    assert result.outputs.labels_file == str(tmp_path / "motor_labels.nii.gz")


def test_bad_inputs_say_what_is_wrong(tmp_path):
    source = save_map(tmp_path / "map.nii")
    threshold = Threshold(in_file=source, threshold=2)
    for name, value in [
        ("connectivity", 7),
        ("threshold", None),
        ("cluster_threshold", 1.5),
        ("in_file", str(tmp_path / "no.nii")),
        ("mask_img", str(tmp_path / "no.nii")),
    ]:
        with pytest.raises(TraitError, match=name):
            setattr(threshold.inputs, name, value)
    with pytest.raises(ValueError, match="requires a value for input 'threshold'"):
        Threshold(in_file=source).run()
    with pytest.raises(ValueError, match="threshold is -2; with two_sided=True"):
        Threshold(in_file=source, threshold=-2).run()
    Threshold(in_file=source, threshold=-2, two_sided=False).run()
    with pytest.raises(ValueError, match="must end in .tsv"):
        Clusters(in_file=source, threshold=2, table_file="a.txt").run()
    # What fails in a node of a workflow says so as well.
    Path(source).write_text("no image")
    flow = Workflow("flow", base_dir=str(tmp_path / "work"))
    flow.add_nodes([Node(Threshold(in_file=source, threshold=2), "threshold")])
    with pytest.raises(RuntimeError, match=r"(?s)threshold.*cannot read .*map.nii"):
        flow.run()


def test_without_nipype():
    assert import_error_without("nipype", "import nithresh.interfaces.nipype") == (
        "nithresh.interfaces.nipype needs nipype; install it with: "
        "pip install 'nithresh[nipype]'\n"
    )
