"""Chunked volumes, against the same calls on the volume in one piece."""

import subprocess
import sys
import threading
import warnings
import weakref

import dask
import dask.array as da
import nibabel
import numpy as np
import pytest
from distributed import Client, LocalCluster
from hypothesis import given, settings
from hypothesis import strategies as st

import nithresh
from nithresh import testing
from nithresh.dask import find_clusters, label, threshold

CONNECTIVITIES = [6, 18, 26]
AFFINE = np.diag([-2, 2, 2, 1.0])


@pytest.fixture(autouse=True)
def _in_this_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


@st.composite
def chunks(draw, shape):
    """Cut each axis anywhere: into single voxels, into one piece, and all between."""
    sides = []
    for length in shape:
        places = st.integers(0, length)
        cuts = draw(
            st.one_of(
                st.just([]),
                st.just(list(range(1, length))),
                st.lists(places, max_size=3).map(sorted),
            )
        )
        ends = [0, *cuts, length]
        sides.append(tuple(np.diff(ends).tolist()))
    return tuple(sides)


@st.composite
def cases(draw, **words):
    words = {"dimensions": [3], "largest_side": 4, **words}
    data = draw(testing.maps(**words))
    two_sided = draw(st.booleans())
    mask = None
    if data.size and draw(st.booleans()):
        mask = draw(testing.masks(data.shape))
    request = {
        "threshold": draw(testing.thresholds(two_sided=two_sided)),
        "two_sided": two_sided,
        "cluster_threshold": draw(st.integers(0, 6)),
        "connectivity": draw(st.sampled_from(CONNECTIVITIES)),
    }
    return data, draw(chunks(data.shape)), mask, request


def chunked(data, sides, *, name=None):
    return da.from_array(data, chunks=sides, name=name, asarray=False)


def assert_same(ours, expected):
    """Check values, the sign of zeros, and the type."""
    assert ours.dtype == expected.dtype
    np.testing.assert_array_equal(ours, expected)
    if expected.dtype.kind == "f":
        np.testing.assert_array_equal(np.signbit(ours), np.signbit(expected))


@settings(max_examples=60)
@given(cases(), st.booleans())
def test_every_chunking_gives_what_one_piece_gives(case, mask_is_lazy):
    data, sides, mask, request = case
    array = chunked(data, sides)
    lazy = mask
    if mask is not None and mask_is_lazy:
        lazy = da.from_array(mask, chunks=2)
    before = data.copy()
    kept = threshold(array, **request, mask=lazy)
    labels, count = label(array, **request, mask=lazy)
    expected, expected_count = nithresh.label(data, **request, mask=mask)
    assert kept.shape == labels.shape == data.shape
    kept, labels = dask.compute(kept, labels)
    assert_same(kept, nithresh.threshold(data, **request, mask=mask))
    assert_same(labels, expected)
    assert count == expected_count
    np.testing.assert_array_equal(data, before)


@settings(max_examples=40)
@given(
    st.sampled_from(CONNECTIVITIES),
    st.integers(0, 2**32 - 1),
    st.tuples(*[st.integers(1, 5)] * 3),
    st.integers(0, 4),
    st.data(),
)
def test_volumes_of_many_chunks(connectivity, seed, shape, extent, data):
    rng = np.random.default_rng(seed)
    volume = rng.integers(-3, 4, shape).astype(np.int8)
    array = chunked(volume, data.draw(chunks(shape)))
    request = {"connectivity": connectivity, "cluster_threshold": extent}
    labels, _ = label(array, 2, **request)
    np.testing.assert_array_equal(labels, nithresh.label(volume, 2, **request)[0])
    kept = threshold(array, 2, **request)
    np.testing.assert_array_equal(kept, nithresh.threshold(volume, 2, **request))


@pytest.mark.parametrize("connectivity", CONNECTIVITIES)
def test_chunks_of_single_voxels_touch_in_every_direction(connectivity):
    reach = {6: 1, 18: 2, 26: 3}[connectivity]
    # One pair of voxels for each of the 13 directions.
    for first in np.ndindex(2, 2, 2):
        for second in np.ndindex(2, 2, 2):
            if first < second:
                volume = np.zeros((2, 2, 2), np.float32)
                volume[first] = volume[second] = 2
                apart = np.count_nonzero(np.subtract(second, first))
                _, count = label(chunked(volume, 1), 1, connectivity=connectivity)
                assert count == (1 if apart <= reach else 2)


def test_clusters_of_two_signs_stay_apart_across_chunks():
    volume = np.array([2, 2, -2, -2]).reshape(4, 1, 1)
    labels, count = label(chunked(volume, 1), 1)
    assert count == 2
    assert labels.compute().ravel().tolist() == [1, 1, 2, 2]


def table_of(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = call()
    return found, [str(warning.message) for warning in caught]


@settings(max_examples=50)
@given(
    testing.images(dimensions=[3], largest_side=4),
    st.data(),
    st.integers(0, 4),
    st.sampled_from(CONNECTIVITIES),
    st.booleans(),
)
def test_the_table_is_that_of_one_piece(image, data, extent, connectivity, two_sided):
    voxels = np.asanyarray(image.dataobj)
    level = data.draw(testing.thresholds(two_sided=two_sided))
    request = {
        "cluster_threshold": extent,
        "connectivity": connectivity,
        "two_sided": two_sided,
    }
    expected, warned = table_of(
        lambda: nithresh.find_clusters(image, level, **request, max_peaks=1)
    )
    array = chunked(voxels, data.draw(chunks(voxels.shape)))
    found, also_warned = table_of(
        lambda: find_clusters(array, level, **request, affine=image.affine)
    )
    assert [text for text in warned if "integers" not in text] == also_warned
    assert list(found.table) == list(expected.table)
    assert len(found) == len(expected)
    magnitudes = np.abs(voxels[np.isfinite(voxels) & (voxels != 0)].astype(np.float64))
    is_exact = not magnitudes.size or magnitudes.max() / magnitudes.min() < 2**27
    for name, column in expected.table.items():
        if is_exact or column.dtype.kind != "f":
            np.testing.assert_array_equal(found.table[name], column, strict=True)
        else:
            np.testing.assert_allclose(found.table[name], column, rtol=1e-12, atol=1e-9)
    kept, labels = dask.compute(found.thresholded, found.labels)
    np.testing.assert_array_equal(labels, expected.labels_img.dataobj)
    np.testing.assert_array_equal(kept, expected.thresholded_img.dataobj)
    ours, theirs = found.table.choices, expected.table.choices
    shared = set(ours) & set(theirs) - {"versions"}
    assert {name: ours[name] for name in shared} == {
        name: theirs[name] for name in shared
    }
    assert {"threshold", "non_finite_voxels", "mask_voxels"} <= shared


def test_means_are_the_same_to_the_last_bit():
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        volume = rng.normal(size=(30, 31, 32)).astype(dtype)
        volume = volume + np.roll(volume, 1, 0) + np.roll(volume, 1, 1)
        image = nibabel.Nifti1Image(volume, AFFINE)
        expected = nithresh.find_clusters(image, 1.5, max_peaks=1).table
        for sides in [(7, 8, 9), (30, 31, 4), 16]:
            found = find_clusters(chunked(volume, sides), 1.5, affine=AFFINE).table
            for name, column in expected.items():
                np.testing.assert_array_equal(found[name], column, strict=True)


@settings(max_examples=60)
@given(cases(largest_side=5), st.floats(0, 100))
def test_percentiles_are_those_of_one_piece(case, percent):
    data, sides, mask, request = case
    request |= {"threshold": f"{percent!r}%", "cluster_threshold": 0}
    kept = threshold(chunked(data, sides), **request, mask=mask)
    assert_same(kept.compute(), nithresh.threshold(data, **request, mask=mask))


@pytest.mark.parametrize("dtype", ["bool", "float16"])
@pytest.mark.parametrize("level", [0.1, "60%"])
def test_types_that_the_core_does_not_have(dtype, level):
    rng = np.random.default_rng(1)
    data = (rng.integers(0, 11, (6, 5, 4)) / 10).astype(dtype)
    array = chunked(data, (2, 5, 3))
    for extent in (0, 2):
        kept = threshold(array, level, cluster_threshold=extent)
        expected = nithresh.threshold(data, level, cluster_threshold=extent)
        assert kept.dtype == expected.dtype
        assert_same(kept.compute(), expected)


def test_without_clusters_nothing_is_computed_at_the_call():
    def explode(block):
        raise AssertionError

    array = ARRAY.map_blocks(explode, meta=np.empty((0, 0, 0)))
    threshold(array, 1, cluster_threshold=1, mask=np.ones((4, 4, 4)))


@pytest.mark.parametrize("call", ["threshold", "label", "clusters"])
def test_no_more_than_a_few_chunks_are_alive_at_a_time(call):
    """Count chunks between their making and the end of their memory."""
    lock, alive, most, made = threading.Lock(), 0, 0, 0

    def gone():
        nonlocal alive
        with lock:
            alive -= 1

    def make():
        nonlocal alive, most, made
        block = np.empty((8, 8, 8), np.int16)
        block[...] = np.arange(8) % 5
        with lock:
            alive, made = alive + 1, made + 1
            most = max(most, alive)
        weakref.finalize(block, gone)
        return block

    array = da.map_blocks(make, chunks=((8,) * 6,) * 3, meta=np.empty((0,) * 3, "i2"))
    with dask.config.set(scheduler="threads", num_workers=2):
        if call == "threshold":
            threshold(array, 3, cluster_threshold=4).sum().compute()
        elif call == "label":
            label(array, 3)[0].max().compute()
        else:
            found = find_clusters(array, 3)
            dask.compute(found.labels.max(), found.thresholded.sum())
    assert made == 2 * 6**3
    assert most <= 8, most


def test_the_table_says_what_it_was_made_of(tmp_path):
    volume = np.zeros((6, 6, 6), np.float32)
    volume[1:3, 1:3, 3:] = 4
    volume[5, 5, 5] = np.nan
    mask = np.ones(volume.shape, np.uint8)
    mask[0] = 0
    with pytest.warns(UserWarning, match="Non-finite values detected"):
        found = find_clusters(chunked(volume, 2), 3, mask=mask, affine=AFFINE)
    assert repr(found) == "<Clusters: 1 cluster in 27 chunks>"
    choices = found.table.choices
    assert (choices["mask_voxels"], choices["non_finite_voxels"]) == (180, 1)
    found.table.to_tsv(tmp_path / "clusters.tsv")
    assert (tmp_path / "clusters.tsv").read_text().count("\n") == 2
    with pytest.warns(UserWarning, match="beyond the range of the map, 0 to 4"):
        empty = find_clusters(chunked(volume[:5], 2), 5)
    assert len(empty) == 0
    assert not empty.labels.compute().any()


def test_what_is_persisted_may_be_asked_too():
    volume = np.random.default_rng(2).integers(-3, 4, (9, 8, 7)).astype(np.float32)
    array = chunked(volume, 3).persist()
    labels, _ = label(array, 2, connectivity=26)
    expected, _ = nithresh.label(volume, 2, connectivity=26)
    np.testing.assert_array_equal(labels, expected)
    # Together with the array itself.
    masked = da.where(labels > 1, array, 0)
    np.testing.assert_array_equal(masked, np.where(expected > 1, volume, 0))


def test_zarr_and_memory_maps(tmp_path):
    volume = np.random.default_rng(3).integers(-3, 4, (9, 8, 7)).astype(np.int16)
    file = tmp_path / "volume.npy"
    np.save(file, volume)
    mapped = da.from_array(np.load(file, mmap_mode="r"), chunks=4)
    expected = nithresh.threshold(volume, 2, cluster_threshold=3)
    np.testing.assert_array_equal(threshold(mapped, 2, cluster_threshold=3), expected)
    zarr = pytest.importorskip("zarr")
    stored = zarr.create_array(
        tmp_path / "volume.zarr", shape=volume.shape, chunks=(3, 4, 5), dtype="i2"
    )
    stored[...] = volume
    array = da.from_zarr(tmp_path / "volume.zarr")
    assert array.chunksize == (3, 4, 5)
    np.testing.assert_array_equal(threshold(array, 2, cluster_threshold=3), expected)


def test_workers_in_other_processes():
    volume = np.random.default_rng(4).integers(-3, 4, (30, 20, 10)).astype(np.float32)
    expected, expected_count = nithresh.label(volume, 2, connectivity=18)
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        Client(cluster),
        dask.config.set(scheduler="dask.distributed"),
    ):
        array = chunked(volume, (10, 7, 5))
        labels, count = label(array, 2, connectivity=18)
        np.testing.assert_array_equal(labels.compute(), expected)
        assert count == expected_count
        found = find_clusters(array, 2, connectivity=18, cluster_threshold=2)
        kept = nithresh.threshold(volume, 2, connectivity=18, cluster_threshold=2)
        np.testing.assert_array_equal(found.thresholded.compute(), kept)
        assert found.table["extent"].sum() == np.count_nonzero(kept)


ARRAY = da.ones((4, 4, 4), chunks=2)


@pytest.mark.parametrize("call", [threshold, label, find_clusters])
@pytest.mark.parametrize(
    ("words", "error", "match"),
    [
        ({"array": np.ones((2, 2, 2))}, TypeError, "array is of type ndarray; it must"),
        ({"array": da.ones((4, 4), chunks=2)}, ValueError, "must have 3 dimensions"),
        ({"array": da.ones((2, 2, 2, 2))}, ValueError, "must have 3 dimensions"),
        ({"array": ARRAY.astype(complex)}, TypeError, "array has dtype complex128"),
        ({"array": ARRAY[ARRAY[:, 0, 0] > 0]}, ValueError, "unknown sizes"),
        ({"threshold": None}, TypeError, "threshold is None"),
        ({"threshold": "101%"}, ValueError, "threshold is '101%'"),
        ({"threshold": -1}, ValueError, "two_sided=True it must be 0 or more"),
        ({"threshold": np.nan}, ValueError, "threshold is NaN"),
        ({"cluster_threshold": 1.0}, TypeError, "cluster_threshold is 1.0"),
        ({"connectivity": 8}, ValueError, "connectivity is 8"),
        ({"two_sided": "no"}, TypeError, "two_sided is 'no'"),
        ({"mask": [1]}, TypeError, "mask is of type list"),
        ({"mask": np.ones((4, 4, 2))}, ValueError, r"mask has shape \(4, 4, 2\)"),
        ({"mask": np.zeros((4, 4, 4))}, ValueError, "mask is empty"),
        ({"mask": ARRAY[1:]}, ValueError, r"mask has shape \(3, 4, 4\)"),
        ({"mask": ARRAY.astype(complex)}, TypeError, "mask has dtype complex128"),
        ({"mask": ARRAY * np.nan}, ValueError, "mask is empty"),
        ({"mask": da.arange(64).reshape(4, 4, 4)}, ValueError, "more than one value"),
    ],
)
def test_bad_input(call, words, error, match):
    with pytest.raises(error, match=match):
        call(**{"array": ARRAY, "threshold": 1, **words})


@pytest.mark.parametrize(
    ("affine", "error", "match"),
    [
        (np.eye(3), ValueError, r"affine has shape \(3, 3\)"),
        (np.full((4, 4), np.nan), ValueError, "affine has numbers that are not finite"),
        (np.diag([0, 0, 0, 1]), ValueError, "affine is zero"),
        (np.diag([2, 2, 0, 1]), ValueError, "affine is singular"),
        (np.eye(4) + np.eye(4)[::-1], ValueError, "affine has the last row"),
        ("mm", TypeError, "affine is 'mm'"),
    ],
)
def test_bad_affines(affine, error, match):
    with pytest.raises(error, match=match):
        find_clusters(ARRAY, 1, affine=affine)


def test_an_error_of_the_source_comes_through():
    def fail(block):
        msg = "the disk is on fire"
        raise OSError(msg)

    array = ARRAY.map_blocks(fail, meta=np.empty((0, 0, 0)))
    with pytest.raises(OSError, match="the disk is on fire"):
        find_clusters(array, 1)


def test_dask_is_imported_only_when_asked_for():
    code = "import sys, nithresh; nithresh.label; print('dask' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


def test_without_dask_the_error_names_the_extra(tmp_path):
    (tmp_path / "dask.py").write_text("raise ImportError('no dask here')\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import nithresh\n"
        "try: nithresh.dask\n"
        "except ImportError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "pip install 'nithresh[dask]'" in done.stdout
