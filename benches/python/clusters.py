"""The table of clusters against nilearn's, and against thresholding alone."""

import warnings
from collections.abc import Iterator

import maps
import numpy as np
from maps import EXTENT, SMOOTH_THRESHOLD
from nilearn.reporting import get_clusters_table
from rows import Row, timed, times

import nithresh
from nithresh import datasets
from nithresh.clusters import Clusters

# Of the time of threshold_img with clusters.
MOST = 4


def cluster_rows() -> Iterator[Row]:
    """Measure all of this, one row after the other."""
    for part in (tables, beside_thresholding):
        yield from part()


def tables() -> Iterator[Row]:
    """find_clusters with its whole table, against nilearn's table, both sides."""
    image = maps.in_memory(datasets.load_sample_motor_activation_image())
    for threshold, least in [(3.0, 50), (1.0, 200)]:

        def ours(threshold=threshold):
            return nithresh.find_clusters(image, threshold).table

        def theirs(threshold=threshold):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return get_clusters_table(image, threshold, two_sided=True)

        rows = [nithresh.get_clusters_table(image, threshold, two_sided=True), theirs()]
        by = ["Peak Stat", "X", "Y", "Z"]
        same = [frame[by].sort_values(by).to_numpy() for frame in rows]
        if not np.array_equal(*same):
            msg = "the tables differ, so their times say nothing"
            raise RuntimeError(msg)
        what = f"find_clusters, sample map at {threshold:g}, {len(rows[1])} rows"
        yield timed(what, "nilearn", ours, theirs, least)


def beside_thresholding() -> Iterator[Row]:
    """find_clusters of a smooth 1 mm map, against thresholding it with clusters."""
    image = maps.smooth(maps.SHAPE_1MM)

    def table() -> Clusters:
        return nithresh.find_clusters(image, SMOOTH_THRESHOLD, cluster_threshold=EXTENT)

    def table_and_labels() -> object:
        # Written when they are asked for.
        return table().labels_img

    def thresholding() -> object:
        return nithresh.threshold_img(image, SMOOTH_THRESHOLD, cluster_threshold=EXTENT)

    for ours, what in [(table, ""), (table_and_labels, " with labels_img")]:
        yield times(
            f"find_clusters{what}, smooth 1 mm map",
            "threshold_img, clusters",
            ours,
            thresholding,
            MOST,
        )
