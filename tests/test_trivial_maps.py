"""Maps with no voxel, with one, of one value or of NaN, through all that is public."""

import tempfile
import warnings
from pathlib import Path

import dask.array as da
import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

import nithresh
import nithresh.dask
from nithresh import testing
from nithresh.plotting import plot_clusters, plot_stat_map
from running import run_here

SOURCES = str(Path(nithresh.__file__).parent)
DTYPES = tuple(name for name in testing.DTYPES if not name.endswith("int64"))
SIDES = (True, False)


def image_of(data):
    return nibabel.Nifti1Image(data, np.diag([2.0, 2, 2, 1]), dtype=data.dtype)


def whole(data):
    return image_of(np.ones(data.shape, np.uint8))


def plot(image, **words):
    return plot_stat_map(image, figure=Figure(), **words)


def use_clusters(clusters):
    table = clusters.table
    assert len(table["id"]) == len(clusters) == len(clusters.lookup)
    text = (str(clusters), repr(clusters), clusters._repr_html_(), table.as_text())
    assert all(text)
    table.to_pandas()
    images = (
        clusters.thresholded_img, clusters.labels_img,
        clusters.positive_labels_img, clusters.negative_labels_img,
    )  # fmt: skip
    for image in images:
        image.get_fdata()
    plot_clusters(clusters, bg_img=None, figure=Figure())


def use_tree(tree):
    assert repr(tree)
    tree.counts([0, 2, 1e31])
    tree.voxels([0, 2])
    tree.clusters(2)
    for ask in (tree.threshold_for_clusters, tree.threshold_for_voxels):
        allowing(lambda ask=ask: ask(1))
    allowing(lambda: tree.threshold_separating((0, 0, 0), (0, 0, 1)))


def stacked(data):
    with tempfile.TemporaryDirectory() as folder:
        nithresh.stack([image_of(data)], whole(data), f"{folder}/all.npy")
        (row,) = np.load(f"{folder}/all.npy")
    assert np.isinf(row).sum() == np.isinf(data).sum()


def use_dask(data, level, mask):
    array = da.from_array(data, chunks=2)
    allowing(
        lambda: nithresh.dask.threshold(array, level, cluster_threshold=2).compute()
    )
    allowing(lambda: nithresh.dask.label(array, level, mask=mask)[0].compute())
    clusters = nithresh.dask.find_clusters(array, level)
    assert str(clusters.table)
    clusters.thresholded.compute()
    clusters.labels.compute()


CALLS = {
    "threshold": lambda data, level: nithresh.threshold(
        data, level, cluster_threshold=2
    ),
    "threshold mask": lambda data, level: nithresh.threshold(
        data, level, mask=np.ones(data.shape, bool)
    ),
    "label": lambda data, level: nithresh.label(data, level),
    "tfce": lambda data, _: nithresh.tfce(data),
    "threshold_img": lambda data, level: nithresh.threshold_img(
        image_of(data), level, 2
    ),
    "threshold_img mask_img": lambda data, level: nithresh.threshold_img(
        image_of(data), level, mask_img=whole(data)
    ),
    "find_clusters": lambda data, level: use_clusters(
        nithresh.find_clusters(image_of(data), level, robust=True)
    ),
    "find_clusters extra": lambda data, level: use_clusters(
        nithresh.find_clusters(image_of(data), level, extra={"e": image_of(data)})
    ),
    "get_clusters_table": lambda data, _: nithresh.get_clusters_table(
        image_of(data), 2, two_sided=True, return_label_maps=True
    ),
    "tfce_img": lambda data, _: nithresh.tfce_img(image_of(data)),
    "ClusterTree": lambda data, _: use_tree(nithresh.ClusterTree(image_of(data))),
    "ClusterTree.from_array": lambda data, _: use_tree(
        nithresh.ClusterTree.from_array(data)
    ),
    **{
        f"threshold_stats_img {control} {two_sided}": (
            lambda data, _, control=control, two_sided=two_sided: (
                nithresh.threshold_stats_img(
                    image_of(data), height_control=control, two_sided=two_sided
                )
            )
        )
        for control in ("fpr", "fdr", "bonferroni", None)
        for two_sided in SIDES
    },
    "threshold_stats_img mask_img": lambda data, _: nithresh.threshold_stats_img(
        image_of(data), whole(data), height_control="fdr"
    ),
    "plot_stat_map": lambda data, level: plot(image_of(data), threshold=level),
    "plot_stat_map bg_img": lambda data, _: plot(image_of(data), bg_img=image_of(data)),
    "plot_stat_map transparency": lambda data, _: plot(
        image_of(data), bg_img=None, transparency=image_of(data), display_mode="z"
    ),
    "add_overlay": lambda data, level: plot(
        nithresh.datasets.load_sample_motor_activation_image(), cut_coords=(0, 0, 0)
    ).add_overlay(image_of(data), threshold=level),
    "add_contours": lambda data, _: plot(
        nithresh.datasets.load_sample_motor_activation_image(), cut_coords=(0, 0, 0)
    ).add_contours(image_of(data), levels=[0.5], filled=True),
    "view": lambda data, level: nithresh.view(
        image_of(data), level, bg_img=None, mask_img=whole(data)
    ),
    "permutation_test": lambda data, _: str(
        nithresh.permutation_test(
            [image_of(data)] * 4, mask_img=whole(data), n_permutations=20, seed=0
        )
    ),
    "permutation_test stack": lambda data, _: stacked(data),
    "dask": lambda data, level: use_dask(data, level, np.ones(data.shape, bool)),
}


def allowing(call):
    """Make a call that may be refused, by nithresh itself and in words."""
    try:
        call()
    except (TypeError, ValueError) as error:
        assert raised_by(error).startswith(SOURCES)  # noqa: PT017 - it may or may not
        assert says_why(str(error))  # noqa: PT017


def raised_by(error):
    trace = error.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_filename


def says_why(message):
    return any(word in message for word in (" is ", " has ", " of ", " more than "))


@settings(max_examples=20)
@pytest.mark.parametrize("name", CALLS)
@given(
    testing.trivial_maps(dtypes=DTYPES),
    st.sampled_from([0, 1, 2.5, "0%", "95%", "100%"]),
)
def test_each_function_works_or_says_why_not(name, data, level):
    before = data.tobytes()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        allowing(lambda: CALLS[name](data, level))
    for warning in caught:
        # At the caller's line: the library's own.
        # The default threshold will follow that of nilearn, which says so in this way.
        is_default = "default threshold" in str(warning.message)
        category = FutureWarning if is_default else UserWarning
        assert warning.category is category, warning.message
        assert warning.filename == __file__, warning.message
    assert data.tobytes() == before


@pytest.mark.parametrize("name", CALLS)
def test_values_whose_sums_are_too_large(name):
    data = np.zeros((3, 3, 3))
    data[1] = [[1e308, -1e308, 1e308]]
    test = test_each_function_works_or_says_why_not.hypothesis.inner_test
    test(name, data, 2)


COMMANDS = {
    "threshold": ["-t", "2", "-k", "2", "-o", "out.nii.gz"],
    "threshold %": ["-t", "95%", "-o", "out.nii.gz"],
    "clusters": ["-t", "1", "--labels", "out.nii.gz", "--table", "table.tsv"],
    "tfce": ["-o", "out.nii.gz"],
    "plot": ["-t", "1", "-o", "out.png"],
    "plot x": ["--display-mode", "x", "-o", "out.png"],
    "info": [],
    "view": ["-t", "1", "-o", "out.html"],
}


@settings(max_examples=20)
@pytest.mark.parametrize("name", COMMANDS)
@given(testing.trivial_maps(dtypes=DTYPES))
def test_each_sub_command_works_or_says_why_not(tmp_path_factory, name, data):
    folder = tmp_path_factory.mktemp("trivial")
    nithresh.save(image_of(data), folder / "map.nii")
    subcommand = name.partition(" ")[0]
    done = run_here(subcommand, "map.nii", *COMMANDS[name], folder=folder)
    lines = done.err.splitlines()
    assert all(line.startswith("nithresh: map.nii: ") for line in lines)
    errors = [line for line in lines if ": warning: " not in line]
    assert done.code == len(errors) <= 1
    if errors:
        assert says_why(errors[0])
        assert [path.name for path in folder.iterdir()] == ["map.nii"]
