"""Results go to other processes and come back the same, however these are started."""

import dataclasses
import io
import multiprocessing
import pickle

import joblib
import nibabel
import numpy as np
import pytest
from matplotlib.figure import Figure

import nithresh
from nithresh.plotting import SliceDisplay, plot_clusters, plot_stat_map

AFFINE = np.diag([-2, 2, 2, 1.0])
LEVEL = 2


def series():
    rng = np.random.default_rng(0)
    data = rng.integers(-4, 5, (10, 7, 6, 2)).astype(np.float32)
    data[0], data[1] = np.nan, np.inf
    return nibabel.Nifti1Image(np.asfortranarray(data), AFFINE)


def random_map():
    return series().slicer[2:, ..., 0]


def found():
    return nithresh.find_clusters(
        random_map(), LEVEL, extra={"again": random_map()}, robust=True
    )


def figure():
    return Figure(figsize=(7.3, 3.5))


def display():
    return plot_stat_map(random_map(), threshold=LEVEL, clusters=found(),
                         cut_coords="cluster:2", figure=figure())  # fmt: skip


# What makes each kind of result.
RESULTS = {
    "Clusters": found,
    "no clusters": lambda: nithresh.find_clusters(random_map(), 4, cluster_threshold=9),
    "ClusterTable": lambda: found().table,
    "get_clusters_table": lambda: nithresh.get_clusters_table(random_map(), LEVEL),
    "ClusterTree": lambda: nithresh.ClusterTree(random_map(), 26),
    "TreeClusters": lambda: nithresh.ClusterTree(random_map()).clusters(LEVEL),
    "label": lambda: nithresh.label(np.asarray(random_map().dataobj), LEVEL),
    "load": lambda: nithresh.load(
        nithresh.datasets.load_sample_motor_activation_image()
    ),
    "threshold_img": lambda: nithresh.threshold_img(random_map(), LEVEL, 3),
    "threshold_img, series": lambda: nithresh.threshold_img(series(), LEVEL, 3),
    "tfce_img": lambda: nithresh.tfce_img(random_map()),
    "threshold_stats_img": lambda: nithresh.threshold_stats_img(
        random_map(), alpha=0.05, height_control="fdr"
    ),
    "SliceDisplay": display,
    "ClustersDisplay": lambda: plot_clusters(found(), n=2, figure=figure()),
    "MissingFileError": lambda: nithresh.MissingFileError("no such file: 'a.nii'"),
    "ImageFileError": lambda: nithresh.ImageFileError("cannot read 'a.nii'"),
}


def facts(result):
    """All that there is to say of a result, in what can be compared."""
    kind = type(result).__name__
    if isinstance(result, tuple):
        return [facts(part) for part in result]
    if isinstance(result, np.ndarray):
        return result.dtype.str, result.shape, result.tobytes()
    if isinstance(result, nithresh.Clusters):
        images = (
            result.thresholded_img,
            result.labels_img,
            result.positive_labels_img,
            result.negative_labels_img,
        )
        return kind, facts(images), facts(result.table), result.lookup, str(result)
    if isinstance(result, nithresh.ClusterTable):
        columns = {name: (facts(result[name]), result[name].flags.writeable)
                   for name in result}  # fmt: skip
        return kind, columns, result.sidecar, str(result), result.as_text()
    if isinstance(result, nithresh.ClusterTree):
        at = tuple(result.clusters(level) for level in (1, 2, 3.5))
        about = result.shape, result.connectivity, result.two_sided
        return kind, about, facts(at), facts(result.counts([1, 2, 3]))
    if dataclasses.is_dataclass(result):
        return kind, {name: facts(value) for name, value in vars(result).items()}
    if isinstance(result, nibabel.Nifti1Image):
        header = result.header.binaryblock
        return kind, header, facts(result.affine), facts(np.asarray(result.dataobj))
    if isinstance(result, SliceDisplay):
        file = io.BytesIO()
        result.savefig(file, dpi=40)
        return kind, file.getvalue()
    if hasattr(result, "to_csv"):
        return kind, result.to_csv()
    return kind, str(result)


def look_and_send_back(result):
    """What another process does with a result."""
    return facts(result), result


def make(name):
    return RESULTS[name]()


def in_loky(work, tasks):
    # Arrays of a few voxels are mapped into memory as well.
    return joblib.Parallel(2, backend="loky", max_nbytes=100)(
        joblib.delayed(work)(task) for task in tasks
    )


def in_multiprocessing(start):
    def run(work, tasks):
        with multiprocessing.get_context(start).Pool(2) as pool:
            return pool.map(work, tasks, chunksize=1)

    return run


@pytest.mark.parametrize(
    "run",
    [in_loky, in_multiprocessing("fork"), in_multiprocessing("spawn")],
    ids=["loky", "fork", "spawn"],
)
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Non-finite:UserWarning")
def test_results_survive_the_way_to_other_processes(run):
    results = [make(name) for name in RESULTS]
    expected = [facts(result) for result in results]
    sent_back = run(look_and_send_back, results)
    made = run(make, RESULTS)
    for name, own, (there, back), other in zip(
        RESULTS, expected, sent_back, made, strict=True
    ):
        assert there == own, name
        assert facts(back) == own, name
        assert facts(other) == own, name


def test_a_pickled_result_can_be_used_as_before():
    clusters = pickle.loads(pickle.dumps(found()))  # noqa: S301
    assert facts(clusters) == facts(found())
    with pytest.raises(ValueError, match="read-only"):
        clusters.table["x"][0] = 0
    shown = pickle.loads(pickle.dumps(display()))  # noqa: S301
    shown.add_contours(random_map(), levels=[2])
    shown.title("again")
    other = display()
    other.add_contours(random_map(), levels=[2])
    other.title("again")
    assert facts(shown) == facts(other)
    shown.close()
