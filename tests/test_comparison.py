"""One rule says which voxels reach a threshold, in every call and for every type."""

import warnings

import dask
import dask.array as da
import nibabel
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import nithresh
import nithresh.dask
from nithresh.plotting.maps import check_map_request, open_stat_map
from oracles import signs

FLOATS = ["<f2", ">f2", "<f4", ">f4", "<f8", ">f8"]
INTEGERS = ["bool", "i1", "u1", "<i2", ">i2", "<u4", ">u4", "<i8", ">i8", "<u8"]
# Around zero, around what rounds to a number of each type, and at the ends.
NUMBERS = [
    *(0.0, 5e-324, 1e-50, 1e-9, 2.98e-8, 2.9802323e-8, 6e-8),
    *(0.1, float(np.float16(0.1)), float(np.float32(0.1)), 1.0, 2.0, 2.0000001),
    *(2048.0, 2049.0, 65504.0, 65519.0, 65520.0, 1e6, 3.5e38),
    *(2.0**24 + 1, 2.0**53, 2.0**53 + 2, 2.0**63),
]
# Not all of them are what they are as 64-bit floats.
WHOLE = [0, 1, 2, 3, -1, -2, 2**53, 2**53 + 1, 2**53 + 3, -(2**53) - 1, 2**63 - 1]


@st.composite
def maps(draw):
    """Draw voxels in a row, of any type and byte order."""
    dtype = np.dtype(draw(st.sampled_from(FLOATS + INTEGERS)))
    length = draw(st.integers(1, 6))
    if dtype.kind == "f":
        numbers = st.sampled_from([*NUMBERS, np.inf, np.nan])
        values = draw(st.lists(numbers, min_size=length, max_size=length))
        data = np.array(values)
        with np.errstate(over="ignore"):
            data = data * draw(st.sampled_from([1, -1, [-1] + [1] * (length - 1)]))
            return data.astype(dtype).reshape(-1, 1, 1)
    numbers = st.sampled_from(WHOLE)
    values = draw(st.lists(numbers, min_size=length, max_size=length))
    info = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    clipped = [min(max(value, int(info[0])), int(info[1])) for value in values]
    return np.array(clipped, dtype).reshape(-1, 1, 1)


def image_of(data):
    # A header of its own, because nibabel makes none for float16.
    stored = data.astype(np.uint8) if data.dtype == bool else data
    return nibabel.Nifti1Image(stored, np.eye(4), nibabel.Nifti1Header())


@pytest.fixture(autouse=True, scope="module")
def _in_this_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


HALF = np.array([2, -3, 1, 0], "<f2").reshape(-1, 1, 1)


@given(maps(), st.sampled_from(NUMBERS), st.booleans(), st.booleans())
@example(HALF, 1e-9, False, True)
@example(HALF.astype(">f2"), 1e-9, False, True)
@example(HALF, 2.98e-8, False, True)
@example(np.full((1, 1, 1), 0.1, ">f2"), 0.1, True, False)
@settings(max_examples=120)
def test_every_call_keeps_the_same_voxels(data, level, two_sided, negative):
    level = -level if negative and not two_sided else level
    words = {"threshold": level, "two_sided": two_sided}
    sides = signs(data, level, two_sided)
    expected = np.logical_or.reduce(sides)
    native = np.dtype("u1") if data.dtype == bool else data.dtype.newbyteorder("=")
    image = image_of(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")

        kept = nithresh.threshold(data, **words)
        np.testing.assert_array_equal(kept != 0, expected)
        assert kept.dtype == native
        np.testing.assert_array_equal(kept[expected], data[expected])
        labels, count = nithresh.label(data, **words)
        np.testing.assert_array_equal(labels != 0, expected)

        of_image = nithresh.threshold_img(image, **words)
        voxels = np.asanyarray(of_image.dataobj)
        np.testing.assert_array_equal(voxels != 0, expected)
        # nibabel stores some 64-bit integers as 32.
        assert voxels.dtype in (native, np.int32)
        clusters = nithresh.find_clusters(image, **words, robust=True)
        found = np.asanyarray(clusters.thresholded_img.dataobj)
        np.testing.assert_array_equal(found, voxels, strict=True)
        assert len(clusters) == count

        drawn = open_stat_map(
            image, check_map_request(**words, cluster_threshold=0, connectivity=6)
        )
        if level != 1e-6:  # which is "hide zeros" there
            np.testing.assert_array_equal(drawn.kept.data != 0, expected)

        chunked = da.from_array(data, chunks=2)
        for extent in (0, 2):
            ours = nithresh.dask.threshold(chunked, **words, cluster_threshold=extent)
            computed = ours.compute()
            assert ours.dtype == computed.dtype == native
            whole = nithresh.threshold(data, **words, cluster_threshold=extent)
            np.testing.assert_array_equal(computed, whole, strict=True)
        numbers, number = nithresh.dask.label(chunked, **words)
        np.testing.assert_array_equal(numbers.compute(), labels)
        assert number == count

        if two_sided:
            tree = nithresh.ClusterTree.from_array(data)
            assert tree.voxels(level) == expected.sum()
            assert tree.counts(level) == count
            at = tree.clusters(level)
            columns = clusters.table
            rows = list(clusters.lookup.values())
            assert sorted(at.robust_to) == sorted(columns["robust_to"][rows])
            assert sorted(at.robust_from) == sorted(columns["robust_from"][rows])


@given(maps(), st.sampled_from(NUMBERS), st.booleans(), st.booleans())
@settings(max_examples=80)
def test_the_warning_says_what_the_result_shows(data, level, two_sided, negative):
    level = -level if negative and not two_sided else level
    passing = np.logical_or.reduce(signs(data, level, two_sided))
    calls = {
        "threshold_img": lambda: nithresh.threshold_img(
            image_of(data), level, two_sided=two_sided
        ),
        "find_clusters": lambda: nithresh.find_clusters(
            image_of(data), level, two_sided=two_sided
        ),
        "dask": lambda: nithresh.dask.find_clusters(
            da.from_array(data, chunks=2), level, two_sided=two_sided
        ),
    }
    for name, call in calls.items():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
        warned = any("no voxel is kept" in str(warning.message) for warning in caught)
        # Zeros reach some thresholds, but a map of zeros alone is no surprise.
        assert not (warned and passing.any()), name
        if warned:
            text = next(str(w.message) for w in caught if "no voxel" in str(w.message))
            words = text.split("threshold ")[1].split(" is beyond")[0]
            low, high = text.split("the map, ")[1].split(":")[0].split(" to ")
            assert words not in {low, high}
            assert (low == high) == (float(low) == float(high))


@pytest.mark.parametrize("dtype", [*FLOATS, "<i8", ">i8"])
def test_values_that_equal_the_threshold_are_dropped_by_the_table_of_nilearn(dtype):
    step = {2: 2, 4: 2**9, 8: 2}[np.dtype(dtype).itemsize]
    large = {2: 2**11, 4: 2**32, 8: 2**53}[np.dtype(dtype).itemsize]
    data = np.array([3, 0, 4, 4, 0, large, 0, large + step]).astype(dtype)
    image = image_of(data.reshape(-1, 1, 1))
    for level, count in [(3, 3), (2.5, 4), (4, 2), (large, 1), (large + step, 0)]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = nithresh.get_clusters_table(image, level)
        assert len(table) == count, level


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_clusters_of_large_integers_have_their_own_robust_thresholds(dtype):
    # As 64-bit floats, the peak of the first two is the same as the voxel before.
    edge = 2**53
    data = [edge, edge + 1, 0, 7, 0, edge + 2, edge + 4, edge + 5, 0, 9, 9]
    image = image_of(np.array(data, dtype).reshape(-1, 1, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = nithresh.find_clusters(image, 5, robust=True, max_peaks=1).table
    columns = ("extent", "peak", "robust_from", "robust_to")
    assert set(zip(*(table[name].tolist() for name in columns), strict=True)) == {
        (3, edge + 4, 0, edge + 4),
        (2, edge, 0, edge),
        (2, 9, 0, 9),
        (1, 7, 0, 7),
    }
