"""The rules of other tools: against those that run here, and slow twins of the rest."""

import argparse
import inspect
import json
import shutil
import subprocess

import cc3d
import dask
import dask.array as da
import matplotlib.pyplot as plt
import nibabel
import nilearn.image
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from nibabel import gifti
from nilearn.reporting import get_clusters_table
from scipy import ndimage

import nithresh
import nithresh.dask
import nithresh.plotting
import nithresh.viewer
from nithresh import datasets, find_clusters, label, testing, threshold_stats_img
from nithresh._rules import RULES, Unsaid
from nithresh.command import SUBCOMMANDS
from nithresh.plotting import plot_stat_map
from oracles import NEIGHBOURS, finite
from running import run_here
from test_comparison import NUMBERS, maps

SAMPLE = nithresh.load(datasets.load_sample_motor_activation_image())
WORKBENCH = shutil.which("wb_command")
VOLUMES = testing.maps(
    dtypes=["<f4", ">i2", "f8", "i1"], dimensions=[3], largest_side=6
)


def is_same_partition(labels, others):
    """Whether two label arrays have the same clusters, by whatever numbers."""
    pairs = np.unique(np.stack([labels.ravel(), others.ravel()]), axis=1)
    return all(len(np.unique(numbers)) == pairs.shape[1] for numbers in pairs)


def strict_signs(data, level, two_sided):
    """The voxels beyond a threshold on each side, as NumPy compares them."""
    data = finite(data)
    with np.errstate(over="ignore"):
        positive, negative = data > abs(level), data < -abs(level)
    if two_sided:
        return [positive, negative]
    return [positive] if level >= 0 else [negative]


@settings(max_examples=300)
@given(maps(), st.sampled_from(NUMBERS), st.booleans(), st.sampled_from([1, -1]))
def test_a_strict_threshold_drops_just_the_voxels_that_equal_it(
    data, level, two_sided, side
):
    level = level if two_sided else side * level
    kept = nithresh.threshold(data, level, two_sided=two_sided, comparison=">")
    passing = np.any(strict_signs(data, level, two_sided), axis=0)
    np.testing.assert_array_equal(kept != 0, passing)
    equal = nithresh.threshold(data, level, two_sided=two_sided, comparison=">=")
    assert set(np.flatnonzero(kept)) <= set(np.flatnonzero(equal))


# What each tool does, by its own source; see the table of docs/rules.md. The keys are
# those by which clusters are sorted: of (voxels, largest abs, sign, first voxel).
TWINS = {
    "nilearn": (False, 6, True, lambda n, peak, sign, first: (-sign, -peak)),
    "spm": (True, 18, False, lambda n, peak, sign, first: -peak),
    "fsl": (False, 26, False, lambda n, peak, sign, first: -n),
    "afni-bisided": (False, 6, True, lambda n, peak, sign, first: -n),
    "mrtrix": (True, 6, False, lambda n, peak, sign, first: -n),
    "workbench": (True, 6, False, lambda n, peak, sign, first: first),
}


def twin(data, level, name):
    """The clusters of a tool in its order, as sets of voxels."""
    is_strict, connectivity, two_sided, key = TWINS[name]
    structure = ndimage.generate_binary_structure(3, NEIGHBOURS[connectivity])
    data = finite(data)
    found = []
    for sign in [1, -1] if two_sided else [1]:
        signed = sign * data.astype(np.float64)
        passing = signed > level if is_strict else signed >= level
        labels, count = ndimage.label(passing & (signed > 0), structure)
        for number in range(1, count + 1):
            voxels = [tuple(voxel) for voxel in np.argwhere(labels == number).tolist()]
            values = [abs(float(data[voxel])) for voxel in voxels]
            first = min(voxel[::-1] for voxel in voxels)
            found.append(
                (len(voxels), max(values), sign, first, frozenset(voxels)),
            )
    return [(key(*cluster[:4]), cluster[4]) for cluster in found]


@pytest.mark.parametrize("name", RULES)
@given(data=VOLUMES, level=st.sampled_from([0.5, 1.0, 2.0]))
def test_the_clusters_and_their_order_are_those_of_the_tool(name, data, level):
    expected = twin(data, level, name)
    labels, count = label(data, level, rules=name)
    ours = [
        frozenset(map(tuple, np.argwhere(labels == n + 1).tolist()))
        for n in range(count)
    ]
    keys = {voxels: key for key, voxels in expected}
    assert set(ours) == set(keys)
    # Clusters that are alike for the tool may come in any order.
    assert [keys[voxels] for voxels in ours] == sorted(keys.values())
    kept = nithresh.threshold(data, level, rules=name)
    np.testing.assert_array_equal(kept != 0, labels != 0)


@pytest.mark.parametrize("name", RULES)
def test_every_result_has_the_same_numbers(name):
    clusters = find_clusters(SAMPLE, 3, rules=name, extra={"map": SAMPLE}, max_peaks=3)
    data = np.asarray(SAMPLE.dataobj)
    labels, count = label(data, 3, rules=name)
    np.testing.assert_array_equal(np.asarray(clusters.labels_img.dataobj), labels)
    assert len(clusters) == count
    table = clusters.table
    for number, row in clusters.lookup.items():
        voxels = data[labels == number]
        assert table["extent"][row] == voxels.size
        peak = data[table["i"][row], table["j"][row], table["k"][row]]
        assert table["peak"][row] == peak == max(voxels, key=abs)
        np.testing.assert_allclose(table["map_mean"][row], table["mean"][row])
        assert table["map_max"][row] == voxels.max()
    one_sided = not RULES[name].two_sided
    assert (data[labels != 0] > 0).all() == one_sided


def test_a_word_counts_before_the_rules():
    corners = np.eye(2, dtype=np.float32).reshape(2, 1, 2) * np.eye(2).reshape(2, 2, 1)
    assert label(corners, 0.5, rules="spm")[1] == 2
    assert label(corners, 0.5, rules="spm", connectivity=26)[1] == 1
    choices = find_clusters(
        SAMPLE, 3, rules="spm", connectivity=26, two_sided=True, comparison=">="
    ).table.choices
    assert choices["rules"] == "spm"
    assert choices["connectivity"] == 26
    assert choices["two_sided"] is True
    assert choices["comparison"] == "abs(value) >="
    assert choices["order"] == "peak"
    # The default itself is a word like any other.
    assert (
        find_clusters(SAMPLE, 3, rules="fsl", connectivity=6).table.choices[
            "connectivity"
        ]
        == 6
    )


@pytest.mark.parametrize("name", RULES)
def test_many_files(tmp_path, name):
    nithresh.save(SAMPLE, tmp_path / "in.nii")
    pairs = [(tmp_path / "in.nii", tmp_path / "out.nii")]
    nithresh.threshold_files(pairs, 3, cluster_threshold=5, rules=name)
    expected = nithresh.threshold_img(SAMPLE, 3, 5, rules=name)
    kept = nithresh.load(tmp_path / "out.nii")
    np.testing.assert_array_equal(kept.get_fdata(), expected.get_fdata())


def test_the_defaults_are_shown_as_numbers():
    ours = inspect.signature(nithresh.threshold_img).parameters
    theirs = inspect.signature(nilearn.image.threshold_img).parameters
    assert str(ours["two_sided"].default) == str(theirs["two_sided"].default) == "True"
    assert str(ours["connectivity"].default) == "6"


@settings(max_examples=20)
@given(
    testing.maps(dtypes=["<f4"], dimensions=[3], smallest_side=1, non_finite=False),
    st.sampled_from([0.5, 1.0, 2.0]),
)
def test_fsl_keeps_what_niimath_keeps(tmp_path_factory, data, level):
    niimath = pytest.importorskip("niimath")  # of the benches; not for every Python
    folder = tmp_path_factory.mktemp("niimath")
    nibabel.Nifti1Image(data, np.eye(4)).to_filename(folder / "in.nii")
    words = ["-thr", str(level), folder / "thresholded", "-odt", "float"]
    env = {"FSLOUTPUTTYPE": "NIFTI"}
    subprocess.run([niimath.bin, folder / "in", *words], check=True, env=env)
    theirs = np.asarray(nibabel.load(folder / "thresholded.nii").dataobj)
    ours = nithresh.threshold(data, level, rules="fsl")
    np.testing.assert_array_equal(ours, theirs.reshape(data.shape))


@pytest.mark.skipif(not WORKBENCH, reason="needs wb_command")
@settings(max_examples=12)
@given(
    testing.maps(dtypes=["<f4"], dimensions=[3], smallest_side=2, non_finite=False),
    st.sampled_from([0.5, 1.0, 2.0]),
    st.integers(1, 3),
)
def test_workbench_gives_the_same_labels(tmp_path_factory, data, level, extent):
    folder = tmp_path_factory.mktemp("workbench")
    nibabel.Nifti1Image(data, np.eye(4)).to_filename(folder / "in.nii")
    words = [folder / "in.nii", str(level), str(extent), folder / "out.nii"]
    subprocess.run([WORKBENCH, "-volume-find-clusters", *words], check=True)
    theirs = np.asarray(nibabel.load(folder / "out.nii").dataobj).reshape(data.shape)
    # Workbench 1.5.0 takes some chains of shared faces apart.
    numbers, _ = ndimage.label(data > level)
    large = np.bincount(numbers.ravel()) >= extent
    components = np.where(large[numbers], numbers, 0)
    assume(is_same_partition(theirs, components))
    ours, _ = label(data, level, cluster_threshold=extent, rules="workbench")
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.skipif(not WORKBENCH, reason="needs wb_command")
@pytest.mark.parametrize("area", [0, 1.5])
@pytest.mark.parametrize("seed", range(4))
def test_workbench_gives_the_same_labels_on_a_surface(tmp_path, area, seed):
    side = 9
    corners = np.arange((side - 1) ** 2) // (side - 1) * side
    corners += np.arange((side - 1) ** 2) % (side - 1)
    halves = [[0, 1, side], [1, side + 1, side]]
    triangles = np.concatenate([corners[:, None] + half for half in halves])
    i, j = np.divmod(np.arange(side**2), side)
    points = np.stack([i, j, i * j % 3 * 0.2], axis=1)
    values = np.random.default_rng(seed).integers(-3, 4, side**2)
    meta = gifti.GiftiMetaData(AnatomicalStructurePrimary="CortexLeft")
    surface = gifti.GiftiImage(
        darrays=[
            gifti.GiftiDataArray(
                points.astype(np.float32), "NIFTI_INTENT_POINTSET", meta=meta
            ),
            gifti.GiftiDataArray(triangles.astype(np.int32), "NIFTI_INTENT_TRIANGLE"),
        ]
    )
    metric = gifti.GiftiDataArray(values.astype(np.float32), "NIFTI_INTENT_NONE")
    nibabel.save(surface, tmp_path / "s.surf.gii")
    nibabel.save(gifti.GiftiImage(darrays=[metric], meta=meta), tmp_path / "m.func.gii")
    words = [tmp_path / "s.surf.gii", tmp_path / "m.func.gii", "1", str(area)]
    out = tmp_path / "out.func.gii"
    subprocess.run([WORKBENCH, "-metric-find-clusters", *words, out], check=True)
    clusters = find_clusters(
        tmp_path / "m.func.gii",
        1,
        rules="workbench",
        surface=tmp_path / "s.surf.gii",
        min_area=area,
    )
    theirs = nibabel.load(out).darrays[0].data
    np.testing.assert_array_equal(clusters.labels_img.darrays[0].data, theirs)


@given(VOLUMES, st.sampled_from([0.5, 1.0, 2.0]))
def test_fsl_clusters_are_those_of_cc3d(data, level):
    passing = np.ascontiguousarray(finite(data) >= level, np.uint8)
    theirs, count = cc3d.connected_components(passing, connectivity=26, return_N=True)
    ours, number = label(data, level, rules="fsl")
    assert number == count
    pairs = np.unique(np.stack([ours.ravel(), theirs.ravel()]), axis=1)
    assert pairs.shape[1] == count + (passing == 0).any()


# It takes the middle of a plateau for a peak.
@pytest.mark.filterwarnings("ignore:Attention. At least one:UserWarning")
@pytest.mark.parametrize("level", [3.0, 4.5, 6.0])
def test_the_order_is_that_of_nilearns_table(level):
    theirs = get_clusters_table(SAMPLE, level, two_sided=True, min_distance=1e3)
    ours = find_clusters(SAMPLE, level, rules="nilearn", comparison=">", max_peaks=1)
    main = theirs[theirs["Cluster ID"].astype(str).str.isdigit()]
    np.testing.assert_allclose(ours.table["peak"], main["Peak Stat"], rtol=1e-6)
    # Of equal peaks, nilearn's sort takes any first.
    volumes = main["Cluster Size (mm3)"].astype(int)
    pairs = zip(main["Peak Stat"].astype(np.float32), volumes, strict=True)
    ours_too = zip(
        ours.table["peak"].astype(np.float32),
        ours.table["volume_mm3"].round().astype(int),
        strict=True,
    )
    assert sorted(pairs) == sorted(ours_too)


@given(VOLUMES, st.sampled_from(sorted(RULES)))
def test_chunks_have_the_same_voxels(data, name):
    chunked = da.from_array(data, chunks=3) if data.size else None
    if chunked is None:
        return
    with dask.config.set(scheduler="synchronous"):
        kept = nithresh.dask.threshold(chunked, 1.0, rules=name, cluster_threshold=2)
        expected = nithresh.threshold(data, 1.0, rules=name, cluster_threshold=2)
        np.testing.assert_array_equal(kept.compute(), expected)
        labels, count = nithresh.dask.label(chunked, 1.0, rules=name)
        assert count == label(data, 1.0, rules=name)[1]
        np.testing.assert_array_equal(
            labels.compute() != 0, nithresh.threshold(data, 1.0, rules=name) != 0
        )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_discovery_is_kept_under_a_strict_threshold(dtype):
    data = np.zeros((10, 1, 1), dtype)
    data[:, 0, 0] = [5, 4, 4, 3, 1, 1, -1, 0.5, 0.25, 2]
    image = nibabel.Nifti1Image(data, np.eye(4))
    words = {"alpha": 0.05, "height_control": "fdr"}
    kept, _ = threshold_stats_img(image, **words)
    strictly, level = threshold_stats_img(image, **words, comparison=">")
    np.testing.assert_array_equal(kept.get_fdata(), strictly.get_fdata())
    passing = np.abs(data) > dtype(level)
    np.testing.assert_array_equal(passing, strictly.get_fdata() != 0)


def test_error_rates_take_the_sides_of_the_rules():
    _, one_sided = threshold_stats_img(SAMPLE, alpha=0.001, rules="spm")
    _, expected = threshold_stats_img(SAMPLE, alpha=0.001, two_sided=False)
    assert one_sided == expected


def test_nothing_beyond_the_largest_value_is_warned_of():
    data = np.array([1, 2, 3], np.float32).reshape(3, 1, 1)
    image = nibabel.Nifti1Image(data, np.eye(4))
    with pytest.warns(UserWarning, match="no voxel is kept"):
        kept = nithresh.threshold_img(image, 3, comparison=">")
    assert not kept.get_fdata().any()


def test_robust_thresholds_hold_under_a_strict_one():
    clusters = find_clusters(SAMPLE, 3, rules="workbench", robust=True)
    rows = list(clusters.lookup.values())
    assert (clusters.table["robust_to"][rows] > 3).all()


@pytest.mark.parametrize("name", RULES)
def test_the_command_says_the_rules_in_its_sidecar(tmp_path, name):
    path = tmp_path / "map.nii.gz"
    nithresh.save(SAMPLE, path)
    kept = tmp_path / "kept.nii.gz"
    done = run_here(
        "threshold", path, "-t", "3", "-k", "5", "--rules", name, "-o", kept
    )
    assert done.code == 0, done.err
    expected = nithresh.threshold_img(SAMPLE, 3, 5, rules=name)
    np.testing.assert_array_equal(nithresh.load(kept).get_fdata(), expected.get_fdata())
    choices = json.loads((tmp_path / "kept.json").read_text())["Choices"]
    rules = RULES[name]
    assert choices["rules"] == name
    assert choices["two_sided"] == rules.two_sided
    assert choices["connectivity"] == rules.connectivity
    assert choices["order"] == rules.order
    side = "abs(value)" if rules.two_sided else "value"
    assert choices["comparison"] == f"{side} {rules.comparison}"
    command = json.loads((tmp_path / "kept.json").read_text())["CommandLine"]
    assert f"--rules {name}" in command
    done = run_here("clusters", path, "-t", "3", "--rules", name)
    assert done.out == find_clusters(SAMPLE, 3, rules=name).table.as_text()


@pytest.mark.parametrize("name", RULES)
def test_figures_show_what_is_kept(name):
    data = np.asarray(SAMPLE.dataobj).round()
    image = nibabel.Nifti1Image(data, SAMPLE.affine)
    words = {"cut_coords": (36, -25, 52), "vmax": 8}
    kept = nithresh.threshold_img(image, 3, 5, rules=name)
    shown = plot_stat_map(image, threshold=3, cluster_threshold=5, rules=name, **words)
    expected = plot_stat_map(kept, threshold=0, **words)
    overlaid = plot_stat_map(image, threshold=7, **words)
    overlaid.add_overlay(image, threshold=3, cluster_threshold=5, rules=name)
    for panel in "xyz":
        ours, theirs, over = (
            display.axes[panel].ax.images[-1].get_array()
            for display in (shown, expected, overlaid)
        )
        np.testing.assert_array_equal(ours.mask, theirs.mask)
        np.testing.assert_array_equal(over.mask, theirs.mask)
        np.testing.assert_array_equal(ours.filled(0), theirs.filled(0))
    plt.close("all")


def test_the_command_draws_by_rules(tmp_path):
    nithresh.save(SAMPLE, tmp_path / "map.nii.gz")
    words = ["-t", "3", "-k", "5", "--rules", "spm", "-o", "out.png"]
    done = run_here("plot", "map.nii.gz", *words, folder=tmp_path)
    assert done.code == 0, done.err
    choices = json.loads((tmp_path / "out.json").read_text())["Choices"]
    assert choices["rules"] == "spm"
    assert choices["comparison"] == "value >"
    assert choices["two_sided"] is False
    assert choices["connectivity"] == 18


def calls_that_threshold():
    """All public calls that have a threshold and neighbours."""
    for module in (nithresh, nithresh.dask, nithresh.plotting, nithresh.viewer):
        for name in module.__all__:
            public = getattr(module, name)
            calls = {name: public}
            if inspect.isclass(public):
                members = inspect.getmembers(public, inspect.isfunction)
                calls = {f"{name}.{own}": call for own, call in members}
            for own, call in calls.items():
                if own.split(".")[-1].startswith("_") or not callable(call):
                    continue
                words = inspect.signature(call).parameters
                if "connectivity" in words and {"threshold", "thresholds"} & {*words}:
                    yield f"{module.__name__}.{own}", words


def test_every_call_that_thresholds_takes_rules():
    calls = dict(calls_that_threshold())
    assert len(calls) > 12
    for name, words in calls.items():
        assert words["rules"].default is words["comparison"].default is None, name
        for word in ("two_sided", "connectivity"):
            assert isinstance(words[word].default, Unsaid), name


def test_every_command_that_thresholds_takes_rules():
    thresholding = set()
    for name, subcommand in SUBCOMMANDS.items():
        parser = argparse.ArgumentParser()
        subcommand.add_words(parser)
        options = parser.format_help()
        assert ("--threshold" in options) == ("--rules" in options), name
        thresholding |= {name} if "--rules" in options else set()
    assert thresholding == {
        *("threshold", "clusters", "permute", "plot", "view", "report"),
    }


@pytest.mark.parametrize(
    ("words", "error", "match"),
    [
        ({"rules": "SPM"}, ValueError, "rules is 'SPM'; it must be one of 'nilearn', "),
        ({"rules": 12}, TypeError, "rules is of type int"),
        ({"comparison": "<"}, ValueError, "comparison is '<'; it must be"),
        ({"comparison": True}, TypeError, "comparison is True"),
        ({"rules": "fsl", "two_sided": None}, TypeError, "two_sided is None"),
    ],
)
def test_bad_rules(words, error, match):
    with pytest.raises(error, match=match):
        nithresh.threshold(np.zeros((2, 2, 2)), 1, **words)
