"""`nithresh.ClusterTree` against SciPy's labels at each distinct threshold."""

import pickle
import warnings

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

import nithresh
from nithresh import ClusterTree, datasets, testing
from oracles import NEIGHBOURS, finite, signs

CONNECTIVITIES = st.sampled_from([6, 18, 26])
VOLUMES = testing.maps(dimensions=[3], largest_side=5)
FIELDS = ("extent", "peak", "ijk", "merge", "robust_from", "robust_to")


class Flooded:
    """The slow twin: SciPy's labels at each level, and nothing kept between them."""

    def __init__(self, data, connectivity, two_sided=True, mask=None):
        self.values = finite(data).astype(np.float64)
        if mask is not None:
            self.values[mask == 0] = 0
        self.structure = ndimage.generate_binary_structure(3, NEIGHBOURS[connectivity])
        self.two_sided = two_sided
        heights = abs(self.values) if two_sided else np.maximum(self.values, 0)
        self.levels = np.unique(heights[heights > 0])

    def at(self, level):
        """Return the clusters at a level as sets of voxels, in order."""
        clusters = []
        sides = signs(self.values, level, two_sided=True)
        for passing in sides if self.two_sided else sides[:1]:
            labels, count = ndimage.label(passing, self.structure)
            clusters += [
                {tuple(ijk) for ijk in np.argwhere(labels == label)}
                for label in range(1, count + 1)
            ]
        return sorted(clusters, key=self.rank)

    def rank(self, cluster):
        peak = self.peak(cluster)
        return -len(cluster), -abs(self.values[peak]), peak

    def peak(self, cluster):
        return min(cluster, key=lambda ijk: (-abs(self.values[ijk]), ijk))

    def clusters(self, level):
        """Return what a row of the table says of each cluster at a level."""
        here = self.at(level)
        below = [(h, self.at(h)) for h in self.levels[::-1] if h < level]
        above = [(h, self.at(h)) for h in self.levels if h >= level]
        rows = []
        for cluster in here:
            peak = self.peak(cluster)
            merge = robust_from = 0.0
            for h, clusters in below:
                larger = next(other for other in clusters if peak in other)
                if self.peak(larger) != peak:
                    merge = max(merge, h)
                if sum(other <= larger for other in here) > 1:
                    robust_from = max(robust_from, h)
            robust_to = level
            for h, clusters in above:
                if sum(other <= cluster for other in clusters) != 1:
                    break
                robust_to = h
            value = self.values[peak]
            rows.append((len(cluster), value, peak, merge, robust_from, robust_to))
        return rows


def rows(clusters):
    columns = [getattr(clusters, field).tolist() for field in FIELDS]
    return [
        (extent, peak, tuple(ijk), *heights)
        for extent, peak, ijk, *heights in zip(*columns, strict=True)
    ]


def between(levels):
    """Return each level, and thresholds around and between them."""
    middles = (levels[1:] + levels[:-1]) / 2
    with np.errstate(over="ignore"):
        return np.concatenate([levels, middles, levels[-1:] * 2, levels[:1] / 2, [0]])


@given(VOLUMES, CONNECTIVITIES, st.booleans(), st.data())
def test_equal_to_labels_at_each_distinct_threshold(
    data, connectivity, two_sided, draw
):
    mask = None
    if data.size and draw.draw(st.booleans()):
        mask = draw.draw(testing.masks(data.shape))
    before = data.tobytes()
    tree = ClusterTree.from_array(data, connectivity, two_sided=two_sided, mask=mask)
    assert data.tobytes() == before
    slow = Flooded(data, connectivity, two_sided, mask)
    np.testing.assert_array_equal(tree.levels, slow.levels)
    for level in slow.levels:
        clusters = tree.clusters(level)
        assert clusters.threshold == level
        assert rows(clusters) == slow.clusters(level)
    found = [slow.at(level) for level in slow.levels]
    counts = [len(clusters) for clusters in found]
    voxels = [sum(map(len, clusters)) for clusters in found]
    assert tree.counts(slow.levels).tolist() == counts
    assert tree.voxels(slow.levels).tolist() == voxels


@given(VOLUMES, CONNECTIVITIES)
def test_equal_to_labels_between_the_levels(data, connectivity):
    tree = ClusterTree.from_array(data, connectivity)
    slow = Flooded(data, connectivity)
    native = data.astype(data.dtype.newbyteorder("="))
    structure = ndimage.generate_binary_structure(3, NEIGHBOURS[connectivity])
    thresholds = between(slow.levels)
    for threshold, count, voxels in zip(
        thresholds, tree.counts(thresholds), tree.voxels(thresholds), strict=True
    ):
        # The level and its type are those of threshold().
        sides = signs(native, float(threshold), two_sided=True)
        clusters = tree.clusters(threshold)
        assert len(clusters) == count
        assert clusters.extent.sum() == voxels == sum(side.sum() for side in sides)
        assert count == sum(ndimage.label(side, structure)[1] for side in sides)


@given(VOLUMES, CONNECTIVITIES, st.booleans(), st.integers(0, 4), st.data())
def test_labels_equal_those_of_label(
    data, connectivity, two_sided, cluster_threshold, draw
):
    mask = None
    if data.size and draw.draw(st.booleans()):
        mask = draw.draw(testing.masks(data.shape))
    tree = ClusterTree.from_array(data, connectivity, two_sided=two_sided, mask=mask)
    for threshold in between(tree.levels).tolist():
        expected, count = nithresh.label(
            data,
            threshold,
            cluster_threshold=cluster_threshold,
            two_sided=two_sided,
            connectivity=connectivity,
            mask=mask,
        )
        labels = tree.labels(threshold, cluster_threshold)
        assert labels.dtype == np.int32
        # The step of an axis of length 1 means nothing.
        lines = [axis for axis in range(3) if data.shape[axis] > 1]
        assert [labels.strides[axis] for axis in lines] == [
            expected.strides[axis] for axis in lines
        ]
        assert labels.max(initial=0) == count
        if data.dtype.kind in "iu" and data.dtype.itemsize == 8:
            # Beyond 2^53 the order may be another; the clusters are the same.
            pairs = np.unique([labels.ravel(), expected.ravel()], axis=1)
            assert pairs.shape[1] == len(np.unique(expected))
        if abs(data.astype(np.float64)[np.isfinite(data)]).max(initial=0) < 2**53:
            np.testing.assert_array_equal(labels, expected)


def test_labels_of_large_integers_have_the_order_of_the_trees_clusters():
    data = np.zeros((5, 1, 1), np.int64)
    data[[0, 2]] = [[[2**53]], [[2**53 + 1]]]
    tree = ClusterTree.from_array(data)
    assert tree.labels(1)[:, 0, 0].tolist() == [1, 0, 2, 0, 0]
    assert tree.clusters(1).ijk[:, 0].tolist() == [0, 2]


@pytest.mark.parametrize(
    ("threshold", "cluster_threshold", "error"),
    [
        (-1, 0, ValueError),
        ([1, 2], 0, TypeError),
        ("3", 0, TypeError),
        (1, 2.0, TypeError),
        (1, True, TypeError),
    ],
)
def test_labels_refuse_other_thresholds(threshold, cluster_threshold, error):
    tree = ClusterTree.from_array(np.ones((2, 2, 2)))
    with pytest.raises(error, match="threshold is"):
        tree.labels(threshold, cluster_threshold)


@given(
    testing.maps(dimensions=[3], dtypes=["float32", "int16"]),
    CONNECTIVITIES,
    st.booleans(),
)
def test_equal_to_find_clusters_at_each_threshold(data, connectivity, two_sided):
    tree = ClusterTree.from_array(data, connectivity, two_sided=two_sided)
    image = nibabel.Nifti1Image(data, np.eye(4))
    for level in [0.0, *tree.levels.tolist()]:
        with warnings.catch_warnings():
            # Of values that are not finite, and of maps of which nothing is left.
            warnings.simplefilter("ignore")
            found = nithresh.find_clusters(
                image,
                level,
                connectivity=connectivity,
                two_sided=two_sided,
                max_peaks=1,
                robust=True,
            )
        at, table = tree.clusters(level), found.table
        assert len(found) == len(at) == tree.counts(level)
        for name in ("extent", "peak", "robust_from", "robust_to"):
            assert table[name].tolist() == getattr(at, name).tolist()
        assert np.transpose([table[axis] for axis in "ijk"]).tolist() == at.ijk.tolist()
        # Up to robust_to a cluster is one; beyond, it is none or more.
        labels, _ = nithresh.label(
            data, level, connectivity=connectivity, two_sided=two_sided
        )
        for number, last in enumerate(table["robust_to"].tolist(), start=1):
            own = np.where(labels == number, data, 0)
            beyond = np.nextafter(last, np.inf, dtype=np.float32)
            counts = [
                nithresh.label(own, height, connectivity=connectivity)[1]
                for height in (last, beyond)
            ]
            assert counts[0] == 1 != counts[1]


@given(testing.maps(dimensions=[3], layouts=["C"]), CONNECTIVITIES, st.booleans())
def test_the_memory_layout_changes_nothing(data, connectivity, two_sided):
    trees = [
        ClusterTree.from_array(layout(data), connectivity, two_sided=two_sided)
        for layout in testing.LAYOUTS.values()
    ]
    for tree in trees[1:]:
        for threshold in between(tree.levels):
            ours, theirs = tree.clusters(threshold), trees[0].clusters(threshold)
            assert rows(ours) == rows(theirs)


def test_the_number_of_threads_changes_nothing():
    rng = np.random.default_rng(0)
    data = ndimage.gaussian_filter(rng.standard_normal((60, 60, 50)), 1)
    data = np.round(data, 2)
    results = []
    try:
        for threads in (1, 2, 5):
            nithresh.set_num_threads(threads)
            tree = ClusterTree.from_array(data)
            results.append([rows(tree.clusters(level)) for level in (0.1, 0.2, 0.5)])
    finally:
        nithresh.set_num_threads(None)
    assert results[0] == results[1] == results[2]


@given(VOLUMES, CONNECTIVITIES, st.integers(1, 6))
def test_thresholds_that_are_looked_for(data, connectivity, most):
    tree = ClusterTree.from_array(data, connectivity)
    slow = Flooded(data, connectivity)
    found = [slow.at(level) for level in slow.levels]
    counts = np.array([len(clusters) for clusters in found])
    voxels = np.array([sum(map(len, clusters)) for clusters in found])
    for search, numbers in [
        (tree.threshold_for_clusters, counts),
        (tree.threshold_for_voxels, voxels),
    ]:
        fits = [place for place in range(len(numbers)) if max(numbers[place:]) <= most]
        if fits:
            assert search(most) == slow.levels[fits[0]]
        else:
            with pytest.raises(ValueError, match="highest level|no voxel"):
                search(most)


@given(VOLUMES, CONNECTIVITIES)
def test_thresholds_that_separate(data, connectivity):
    tree = ClusterTree.from_array(data, connectivity)
    slow = Flooded(data, connectivity)
    found = [slow.at(level) for level in slow.levels]
    peaks = sorted({slow.peak(cluster) for clusters in found for cluster in clusters})
    for a, b in zip(peaks, peaks[1:] + peaks[:1], strict=True):
        if a == b:
            continue
        together = [any({a, b} <= cluster for cluster in here) for here in found]
        highest = max(np.flatnonzero(together), default=-1)
        separating = tree.threshold_separating(a, b)
        assert separating == slow.levels[highest + 1]
        # Both are there at this threshold, though not always as peaks.
        assert all(any(p in c for c in found[highest + 1]) for p in (a, b))


def test_a_real_map():
    path = datasets.load_sample_motor_activation_image()
    image = nithresh.load(path)
    data = np.asarray(image.dataobj)
    tree = ClusterTree(path)
    assert tree.shape == data.shape
    assert "53, 63, 46" in repr(tree)
    slow = Flooded(data, 6)
    for level in (2.3, 3, 5, 7.9):
        clusters = tree.clusters(level)
        here = slow.at(np.float32(level))
        assert clusters.extent.tolist() == [len(cluster) for cluster in here]
        assert [tuple(ijk) for ijk in clusters.ijk] == [slow.peak(c) for c in here]
        np.testing.assert_array_equal(data[tuple(clusters.ijk.T)], clusters.peak)
        # What the table promises holds at both ends of the interval.
        for number in range(0, len(here), 5):
            start, end = clusters.robust_from[number], clusters.robust_to[number]
            above = slow.at(np.float32(end))
            assert sum(cluster <= here[number] for cluster in above) == 1
            if start > 0:
                peak = tuple(clusters.ijk[number])
                below = slow.at(np.float32(start))
                larger = next(cluster for cluster in below if peak in cluster)
                assert sum(cluster <= larger for cluster in here) > 1
    assert len(tree.clusters(tree.threshold_for_clusters(15))) == 15
    assert tree.voxels(tree.threshold_for_voxels(1000)) <= 1000


def test_it_goes_through_pickle():
    tree = ClusterTree(datasets.load_sample_motor_activation_image(), 26)
    copy = pickle.loads(pickle.dumps(tree))  # noqa: S301
    assert rows(copy.clusters(3)) == rows(tree.clusters(3))


def test_images_masks_and_warnings():
    data = np.array([np.nan, 1, 2, -3], np.float32).reshape(4, 1, 1)
    image = nibabel.Nifti1Image(data, np.eye(4))
    with pytest.warns(UserWarning, match="They count as zero") as caught:
        tree = ClusterTree(image)
    assert [warning.filename for warning in caught] == [__file__]
    assert tree.levels.tolist() == [1, 2, 3]
    series = nibabel.Nifti1Image(data[1:, ..., None], np.eye(4))
    inside = np.array([0, 1, 1], np.uint8).reshape(3, 1, 1)
    mask = nibabel.Nifti1Image(inside, np.eye(4))
    masked = ClusterTree(series, mask_img=mask)
    assert masked.clusters(0).peak.tolist() == [-3, 2]
    positive = ClusterTree(series, two_sided=False)
    assert positive.clusters(0).peak.tolist() == [2]


def test_thresholds_are_rounded_to_the_type_of_the_map():
    for dtype in (np.float32, np.float16):
        tree = ClusterTree.from_array(np.full((1, 1, 1), 0.1, dtype))
        assert tree.counts(0.1) == 1
        assert tree.clusters(0.1).threshold == dtype(0.1)
    assert ClusterTree.from_array(np.full((1, 1, 1), 0.1)).counts(0.1) == 1
    assert tree.counts(1e300) == 0


def test_maps_without_voxels():
    for data in (np.zeros((3, 3, 3)), np.zeros((0, 2, 2)), -np.ones((2, 2, 2))):
        tree = ClusterTree.from_array(data, two_sided=False)
        assert tree.levels.size == 0
        assert tree.counts([0, 1]).tolist() == [0, 0]
        assert tree.voxels([[0], [1]]).tolist() == [[0], [0]]
        assert len(tree.clusters(0)) == 0
        assert tree.clusters(0).ijk.shape == (0, 3)
        with pytest.raises(ValueError, match="no voxel other than zero"):
            tree.threshold_for_clusters(1)


GOOD = np.array([2.0, 1, 3, 0, -2]).reshape(5, 1, 1)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda tree: tree.counts("3"), TypeError, "threshold is '3'"),
        (lambda tree: tree.counts(True), TypeError, "threshold is True"),
        (lambda tree: tree.counts(None), TypeError, "threshold is None"),
        (lambda tree: tree.counts([1, -1]), ValueError, "it must be 0 or more"),
        (lambda tree: tree.voxels(np.nan), ValueError, "threshold is nan"),
        (lambda tree: tree.clusters([1, 2]), TypeError, "it must be one number"),
        (lambda tree: tree.threshold_for_clusters(0), ValueError, "most is 0"),
        (lambda tree: tree.threshold_for_clusters(2.0), TypeError, "most is 2.0"),
        (lambda tree: tree.threshold_for_voxels(True), TypeError, "most is True"),
        (
            lambda tree: tree.threshold_separating([0, 0], [0, 0, 0]),
            TypeError,
            "peak is [0, 0]",
        ),
        (
            lambda tree: tree.threshold_separating([0, 0, 0], [0.0, 0, 0]),
            TypeError,
            "other is [0.0, 0, 0]",
        ),
        (
            lambda tree: tree.threshold_separating([0, 0, 0], [1, 0, 0]),
            ValueError,
            "other is (1, 0, 0), the peak of no cluster",
        ),
        (
            lambda tree: tree.threshold_separating([0, 0, 0], [0, 0, 0]),
            ValueError,
            "peak and other are both (0, 0, 0)",
        ),
        (lambda _: ClusterTree("missing.nii"), FileNotFoundError, "img is"),
        (lambda _: ClusterTree("missing.nii", 5), ValueError, "connectivity is 5"),
        (lambda _: ClusterTree(GOOD), TypeError, "img is of type ndarray"),
        (
            lambda _: ClusterTree(nibabel.Nifti1Image(np.ones((2, 2, 2, 2)), None)),
            ValueError,
            "img has shape (2, 2, 2, 2)",
        ),
        (lambda _: ClusterTree.from_array(GOOD[0]), ValueError, "data has shape"),
        (lambda _: ClusterTree.from_array([1]), TypeError, "data is of type list"),
        (
            lambda _: ClusterTree.from_array(GOOD, mask=GOOD[:1]),
            ValueError,
            "mask has shape",
        ),
        (
            lambda _: ClusterTree.from_array(GOOD, two_sided=None),
            TypeError,
            "two_sided is None",
        ),
    ],
)
def test_bad_input_is_one_clear_error(call, error, message):
    tree = ClusterTree.from_array(GOOD)
    with pytest.raises(error) as caught:
        call(tree)
    assert message in str(caught.value)


def test_the_highest_level_has_too_many():
    tree = ClusterTree.from_array(np.array([3.0, 0, 3, 0, -3]).reshape(5, 1, 1))
    with pytest.raises(ValueError, match="the highest level, 3, has 3 clusters"):
        tree.threshold_for_clusters(2)
    with pytest.raises(ValueError, match="the highest level, 3, has 3 voxels"):
        tree.threshold_for_voxels(1)
