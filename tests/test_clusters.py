"""`nithresh.find_clusters` and `nithresh.label` against slow, obvious twins."""

import csv
import dataclasses
import hashlib
import json
import pickle
import re
import subprocess
import sys

import nibabel
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import nithresh
import oracles
from nithresh import datasets, find_clusters, label, testing, threshold_img

CONNECTIVITIES = st.sampled_from([6, 18, 26])
EXTENTS = st.sampled_from([0, 1, 2, 4])
SAMPLE = datasets.load_sample_motor_activation_image()
# In the last digits: affines are applied in another order, means are rounded twice.
CLOSE = {"rtol": 1e-13, "atol": 1e-10}


def image_of(data, affine=None):
    """An image in memory, of an array in any byte order and alignment."""
    affine = np.eye(4) if affine is None else affine
    return nibabel.Nifti1Image(data, affine, dtype=data.dtype.newbyteorder("="))


def line(*values, dtype=np.float32):
    return np.array(values, dtype).reshape(-1, 1, 1)


def labels_of(found, shape):
    labels = np.zeros(shape, np.int32)
    for number, voxels in enumerate(found, start=1):
        for voxel in voxels:
            labels[voxel] = number
    return labels


def pickled(clusters):
    return pickle.loads(pickle.dumps(clusters))  # noqa: S301


def voxels_of(image):
    return np.asarray(image.dataobj)


def check_table(table, rows):
    """Compare a table with rows of a twin."""
    for name in table:
        expected = [row[name] for row in rows]
        if name in ("id", "sign", "i", "j", "k", "peak", "extent"):
            np.testing.assert_array_equal(table[name], expected, err_msg=name)
        else:
            np.testing.assert_allclose(table[name], expected, **CLOSE, err_msg=name)


def same_tables(table, other):
    for name in table:
        np.testing.assert_array_equal(table[name], other[name])
        assert table[name].dtype == other[name].dtype


@given(
    testing.maps(dimensions=[3], largest_side=5),
    st.sampled_from([0, 0.5, 1, 2, 2.5, 1e31]),
    EXTENTS,
    st.booleans(),
    CONNECTIVITIES,
    st.data(),
)
def test_labels_are_those_of_the_twin(
    data, level, extent, two_sided, connectivity, draw
):
    mask = None
    if data.size and draw.draw(st.booleans()):
        mask = draw.draw(testing.masks(data.shape))
    if not two_sided and draw.draw(st.booleans()):
        level = -level
    words = {
        "cluster_threshold": extent,
        "two_sided": two_sided,
        "connectivity": connectivity,
        "mask": mask,
    }
    before = data.tobytes()
    labels, count = label(data, level, **words)
    assert data.tobytes() == before
    found = oracles.clusters(oracles.finite(data), level, **words)
    assert count == len(found)
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels, labels_of(found, data.shape))
    kept = nithresh.threshold(data, level, **words)
    np.testing.assert_array_equal(labels != 0, kept != 0)


@given(
    testing.images(dimensions=[3], largest_side=5),
    st.sampled_from([0.5, 1, 2, 2.5]),
    EXTENTS,
    st.booleans(),
    CONNECTIVITIES,
    # Away from the distances of voxels, where rounding decides.
    st.sampled_from([0, 1.13, 2.57, 6.31]),
    st.integers(1, 4),
)
def test_every_figure_is_that_of_the_twin(
    image, level, extent, two_sided, connectivity, min_distance, max_peaks
):
    words = {
        "cluster_threshold": extent,
        "two_sided": two_sided,
        "connectivity": connectivity,
    }
    peaks = {"min_distance": min_distance, "max_peaks": max_peaks}
    clusters, _ = oracles.call(find_clusters, image, level, **words, **peaks)
    data = voxels_of(image)
    found = oracles.clusters(oracles.finite(data), level, **words)
    check_table(clusters.table, oracles.table_rows(found, image.affine, **peaks))
    labels = labels_of(found, data.shape)
    np.testing.assert_array_equal(voxels_of(clusters.labels_img), labels)
    assert len(clusters) == len(found)
    # Ids are equal across map, table and label image.
    for name, row in clusters.lookup.items():
        i, j, k = (clusters.table[axis][row] for axis in "ijk")
        assert clusters.table["id"][row] == str(name)
        assert labels[i, j, k] == name
        assert (labels == name).sum() == clusters.table["extent"][row]
        assert (
            voxels_of(clusters.thresholded_img)[i, j, k]
            == (clusters.table["peak"][row])
        )
    for sign, signed in [
        (1, clusters.positive_labels_img),
        (-1, clusters.negative_labels_img),
    ]:
        own = np.where(np.sign(oracles.finite(data).astype(float)) == sign, labels, 0)
        np.testing.assert_array_equal(voxels_of(signed), own)


@given(
    testing.images(dimensions=[3, 4], largest_side=5),
    testing.thresholds(),
    EXTENTS,
    st.booleans(),
)
def test_the_map_is_that_of_threshold_img(image, threshold, extent, two_sided):
    assume(len(image.shape) == 3 or image.shape[3] == 1)
    words = {"cluster_threshold": extent, "two_sided": two_sided}
    ours, warned = oracles.call(find_clusters, image, threshold, **words)
    other, also_warned = oracles.call(threshold_img, image, threshold, **words)
    assert warned == also_warned
    thresholded = ours.thresholded_img
    assert type(thresholded) is type(other)
    assert thresholded.header == other.header
    assert thresholded.header.extensions == other.header.extensions
    np.testing.assert_array_equal(thresholded.affine, other.affine)
    assert voxels_of(thresholded).dtype == voxels_of(other).dtype
    np.testing.assert_array_equal(voxels_of(thresholded), voxels_of(other))
    np.testing.assert_array_equal(
        np.signbit(voxels_of(thresholded)), np.signbit(voxels_of(other))
    )
    labels = ours.labels_img
    assert labels.shape == image.shape
    assert labels.get_data_dtype() == np.int32
    assert labels.header.get_intent()[0] == "label"
    assert labels.header["descrip"] == image.header["descrip"]


@given(testing.maps(dimensions=[3], layouts=["C"]), CONNECTIVITIES)
def test_the_memory_layout_changes_nothing(data, connectivity):
    assume(data.dtype.itemsize < 8 or data.dtype.kind == "f")
    results = []
    for layout in testing.LAYOUTS.values():
        image = image_of(layout(data))
        words = {"connectivity": connectivity, "min_distance": 0, "max_peaks": 30}
        clusters, _ = oracles.call(
            find_clusters, image, 1, **words, extra={"own": image}
        )
        results.append(clusters)
    for clusters in results[1:]:
        same_tables(clusters.table, results[0].table)
        np.testing.assert_array_equal(
            voxels_of(clusters.labels_img), voxels_of(results[0].labels_img)
        )


def test_the_number_of_threads_changes_nothing():
    rng = np.random.default_rng(1)
    data = rng.integers(-3, 4, (130, 100, 90)).astype(np.float32) / 3
    image = image_of(np.asfortranarray(data))
    results = []
    try:
        for threads in (1, 2, 3):
            nithresh.set_num_threads(threads)
            results.append(find_clusters(image, 1, extra={"own": image}))
    finally:
        nithresh.set_num_threads(None)
    for clusters in results[1:]:
        same_tables(clusters.table, results[0].table)
        np.testing.assert_array_equal(
            voxels_of(clusters.labels_img), voxels_of(results[0].labels_img)
        )


@given(
    testing.maps(dimensions=[3], dtypes=["float32", "int16"], largest_side=5),
    st.data(),
)
def test_further_maps(data, draw):
    kinds = st.sampled_from(["float64", "float32", "int8", "uint16"])
    drawn = {}
    for name in ("one", "other"):
        values = testing.values(draw.draw(kinds))
        flat = [draw.draw(values) for _ in range(data.size)]
        drawn[name] = np.array(flat, dtype=flat[0].dtype if flat else "f4").reshape(
            data.shape
        )
    images = {name: image_of(values) for name, values in drawn.items()}
    clusters, warned = oracles.call(
        find_clusters, image_of(data), 1, extra=images, max_peaks=1
    )
    found = oracles.clusters(oracles.finite(data), 1)
    is_finite = []
    for name, values in drawn.items():
        for row, voxels in enumerate(found):
            under = np.array([values[voxel] for voxel in voxels], np.float64)
            is_finite.append(np.isfinite(under).all())
            under = under[np.isfinite(under)]
            expected = (
                [under.mean(), under.min(), under.max()] if under.size else [np.nan] * 3
            )
            ours = [
                clusters.table[f"{name}_{of}"][row] for of in ("mean", "min", "max")
            ]
            # NumPy loses digits where large values cancel.
            largest = abs(under).max(initial=0)
            np.testing.assert_allclose(
                ours[0], expected[0], rtol=1e-13, atol=1e-14 * largest
            )
            np.testing.assert_array_equal(ours[1:], expected[1:])
    in_map = not np.isfinite(data).all()
    names = [
        list(drawn)[number // max(len(found), 1)] for number in range(len(is_finite))
    ]
    bad = {name for name, finite in zip(names, is_finite, strict=True) if not finite}
    beyond = not found and data.size > 0
    assert len(warned) == len(bad) + in_map + beyond


def test_the_plateau_of_the_sample_map():
    clusters = find_clusters(SAMPLE, 3)
    data = voxels_of(nibabel.load(SAMPLE))
    assert (data == data.max()).sum() == 693
    rows = oracles.table_rows(
        oracles.clusters(data, 3), nibabel.load(SAMPLE).affine,
        min_distance=8, max_peaks=4,
    )  # fmt: skip
    check_table(clusters.table, rows)
    top = [row for row in rows if row["peak"] == data.max()]
    assert len(top) > 4
    first = min(
        (int(i), int(j), int(k))
        for i, j, k in np.argwhere(
            (data == data.max()) & (voxels_of(clusters.labels_img) == 1)
        )
    )
    assert tuple(int(clusters.table[axis][0]) for axis in "ijk") == first


def test_ties_of_extent_and_peak():
    # Three of one extent, two of them with the same peak.
    labels, count = label(line(2, 2, 0, -3, 2, 0, 2, 3, 0, -2, -3), 2)
    assert count == 5
    found = oracles.clusters(line(2, 2, 0, -3, 2, 0, 2, 3, 0, -2, -3), 2)
    np.testing.assert_array_equal(labels, labels_of(found, labels.shape))
    assert labels.ravel().tolist() == [3, 3, 0, 4, 5, 0, 1, 1, 0, 2, 2]


def test_of_equal_peaks_the_first_indices_count_not_the_memory():
    data = np.zeros((3, 1, 3), np.float32)
    data[0, 0, 2] = data[2, 0, 0] = 5
    for layout in testing.LAYOUTS.values():
        labels, _ = label(layout(data), 1)
        assert (labels[0, 0, 2], labels[2, 0, 0]) == (1, 2)


def test_distances_are_in_mm_and_kept_at_the_bound():
    data = np.zeros((9, 1, 9), np.float32)
    data[:, 0, 0] = [5, 1, 1, 1, 4, 1, 1, 1, 3]
    data[0, 0, :] = [5, 1, 1, 1, 2, 1, 1, 1, 3]
    image = image_of(data, np.diag([2, 1, 1, 1.0]))
    table = find_clusters(image, 1, min_distance=8).table
    # Along x, 4 voxels are 8 mm; along z they are 4.
    assert table["id"].tolist() == ["1", "1a", "1b", "1c"]
    assert table["x"].tolist() == [0, 8, 0, 16]
    assert table["z"].tolist() == [0, 0, 8, 0]
    assert find_clusters(image, 1, min_distance=8.01).table["x"].tolist() == [0, 16]
    assert find_clusters(image, 1, max_peaks=1).table["id"].tolist() == ["1"]


def test_a_peak_between_two_others_is_not_revived():
    data = line(*[9, 1, 8, 1, 7, 1, 6])
    table = find_clusters(image_of(data), 1, min_distance=3).table
    assert table["peak"].tolist() == [9, 7]


def test_many_sub_peaks_have_names():
    data = np.ones((61, 1, 1), np.float32)
    data[::2, 0, 0] += np.arange(31, 0, -1)
    table = find_clusters(image_of(data), 1, min_distance=0, max_peaks=40).table
    assert table["id"].tolist()[-5:] == ["1z", "1aa", "1ab", "1ac", "1ad"]


@pytest.mark.parametrize(
    "affine",
    [
        np.diag([-2, 3, 1.5, 1.0]),
        np.array([[0, -2, 0, 5], [3, 0, 0, -7], [0, 0, -1.5, 1], [0, 0, 0, 1.0]]),
        np.array([[1.8, -1.1, 0, 0], [0.9, 2.4, 0, 0], [0, 0, 1.5, 3], [0, 0, 0, 1.0]]),
    ],
)
def test_volumes_are_positive_whatever_the_affine(affine):
    data = np.zeros((3, 4, 5), np.float32)
    data[2, 3, 3:] = -4
    table = find_clusters(image_of(data, affine), 2).table
    assert table["volume_mm3"][0] == pytest.approx(2 * abs(np.linalg.det(affine)))
    assert table["volume_mm3"].dtype == np.float64
    place = [table[axis][0] for axis in "xyz"]
    np.testing.assert_allclose(place, affine[:3] @ [2, 3, 3, 1])
    centre = [table[f"com_{axis}"][0] for axis in "xyz"]
    np.testing.assert_allclose(centre, affine[:3] @ [2, 3, 3.5, 1])


def test_sums_of_very_different_values():
    data = line(1, 2.0**-60, 2.0**-60, 1e300, 1, dtype=np.float64)
    table = find_clusters(image_of(data), 1e-30).table
    assert table["mass"][0] == 1e300
    small = line(1, *[2.0**-53] * 4096, dtype=np.float64)
    # In more rows than one: a volume of one such row is taken for a surface.
    small = small.reshape(17, 241, 1)
    assert find_clusters(image_of(small), 1e-30).table["mass"][0] == 1 + 2.0**-41


def test_an_empty_result(tmp_path):
    with pytest.warns(UserWarning, match="beyond the range"):
        clusters = find_clusters(SAMPLE, 90, cluster_threshold=10, extra={"e": SAMPLE})
    assert len(clusters) == 0
    assert all(column.size == 0 for column in clusters.table.values())
    assert not voxels_of(clusters.labels_img).any()
    assert not voxels_of(clusters.thresholded_img).any()
    assert not voxels_of(clusters.positive_labels_img).any()
    assert str(clusters) == (
        "No clusters: no 10 connected voxels with abs(value) >= 90."
    )
    assert "No clusters" in clusters._repr_html_()
    assert clusters.lookup == {}
    assert list(clusters.table.to_pandas().columns) == list(clusters.table)
    clusters.table.to_tsv(tmp_path / "empty.tsv")
    assert len((tmp_path / "empty.tsv").read_text().splitlines()) == 1
    assert len(pickled(clusters)) == 0


@pytest.mark.parametrize("shape", [(0, 3, 3), (2, 0, 1)])
def test_an_image_without_voxels(shape):
    labels, count = label(np.zeros(shape, np.float32), 1)
    assert (labels.shape, count) == (shape, 0)


@pytest.mark.parametrize("dtype", ["bool", "float16", "uint8", "int8"])
def test_other_types(dtype):
    data = np.array([0, 1, 1, 0, 1]).reshape(5, 1, 1).astype(dtype)
    labels, count = label(data, 1)
    assert (labels.ravel().tolist(), count) == ([0, 1, 1, 0, 2], 2)


def test_the_signed_minimum():
    table = find_clusters(image_of(line(-128, 0, 127, dtype=np.int8)), 1).table
    assert table["peak"].tolist() == [-128, 127]


def test_it_cannot_be_changed():
    clusters = find_clusters(SAMPLE, 5)
    restored = pickled(clusters)
    for each in (clusters, restored):
        with pytest.raises(dataclasses.FrozenInstanceError):
            each.table = None
        with pytest.raises(AttributeError, match="cannot be changed"):
            each.table._columns = {}
        with pytest.raises(TypeError):
            each.table["id"] = None
        for column in each.table.values():
            with pytest.raises(ValueError, match="read-only"):
                column[:1] = 0
        for image in (each.thresholded_img, each.labels_img, each.positive_labels_img):
            with pytest.raises(ValueError, match="read-only"):
                image.dataobj[0] = 1
        image = each.thresholded_img
        image.header["descrip"] = b"changed"
        image.affine[0] = 0
        assert each.thresholded_img.header["descrip"] != b"changed"
        assert each.thresholded_img.affine[0].any()
        each.table.choices["threshold"] = 1
        assert each.table.choices["threshold"] == 5


@given(testing.images(dimensions=[3], largest_side=4))
def test_it_pickles(image):
    clusters, _ = oracles.call(find_clusters, image, 1, extra={"own": image})
    restored = pickled(clusters)
    same_tables(restored.table, clusters.table)
    assert restored.table.choices == clusters.table.choices
    assert str(restored) == str(clusters)
    for name in ("thresholded_img", "labels_img", "negative_labels_img"):
        ours, other = getattr(clusters, name), getattr(restored, name)
        assert ours.header == other.header
        np.testing.assert_array_equal(voxels_of(ours), voxels_of(other))
        assert voxels_of(ours).dtype == voxels_of(other).dtype


def test_the_image_passed_is_neither_changed_nor_shared():
    data = line(3, 0, -3)
    image = image_of(data)
    clusters = find_clusters(image, 2)
    data[:] = 7
    assert voxels_of(clusters.thresholded_img).ravel().tolist() == [3, 0, -3]
    assert data.flags.writeable


def test_an_image_with_a_trailing_axis():
    image = image_of(line(3, 0, -3)[..., np.newaxis])
    clusters = find_clusters(image, 2)
    assert clusters.labels_img.shape == (3, 1, 1, 1)
    assert threshold_img(image, 2).shape == clusters.thresholded_img.shape


@pytest.mark.parametrize(
    "image_class", [nibabel.Nifti2Image, nibabel.MGHImage, nibabel.Nifti1Pair]
)
def test_other_image_classes(image_class):
    image = image_class(line(3, 0, -3, -3), np.diag([2.0, 2, 2, 1]))
    clusters = find_clusters(image, 2)
    assert type(clusters.labels_img) is type(threshold_img(image, 2))
    assert voxels_of(clusters.labels_img).ravel().tolist() == [2, 0, 1, 1]
    assert len(pickled(clusters)) == 2


def test_what_belongs_to_the_cluster_is_missing_for_sub_peaks(tmp_path):
    found = find_clusters(SAMPLE, 3, extra={"own": SAMPLE}, robust=True)
    table = found.table
    is_cluster = np.char.isdigit(table["id"])
    assert not is_cluster.all()
    whole = {
        *("extent", "volume_mm3", "mean", "mass", "com_x", "com_y", "com_z"),
        *("robust_from", "robust_to", "own_mean", "own_min", "own_max"),
    }
    table.to_tsv(tmp_path / "clusters.tsv")
    with (tmp_path / "clusters.tsv").open(newline="") as stream:
        on_disk = list(csv.DictReader(stream, delimiter="\t"))
    for name in table:
        is_missing = np.array([row[name] == "n/a" for row in on_disk])
        text = table.sidecar[name]["Description"]
        if name in whole:
            np.testing.assert_array_equal(np.isnan(table[name]), ~is_cluster)
            np.testing.assert_array_equal(is_missing, ~is_cluster)
            assert text.endswith("; n/a for a sub-peak")
        else:
            assert not is_missing.any()
            assert "n/a" not in text
    labels, data = voxels_of(found.labels_img), voxels_of(nibabel.load(SAMPLE))
    assert np.nansum(table["extent"]) == (labels != 0).sum()
    assert np.nansum(table["mass"]) == pytest.approx(data[labels != 0].sum(), rel=1e-4)
    extents = [row["extent"] for row in on_disk]
    assert [text for text in extents if text != "n/a"] == [
        str((labels == number).sum()) for number in found.lookup
    ]


def test_a_column_that_is_no_record_is_refused():
    with pytest.raises(ValueError, match="'std' is not a column"):
        nithresh.ClusterTable({"std": np.zeros(1)}, {})


def test_tables_on_disk(tmp_path):
    odd = np.zeros((5, 1, 1))
    odd[:3] = np.nan
    with pytest.warns(UserWarning, match=r"extra\['odd'\] has 3 non-finite values"):
        clusters = find_clusters(
            image_of(line(3, 4, 3, 0, -5.1)), "20%", extra={"odd": image_of(odd)}
        )
    table = clusters.table
    table.to_tsv(tmp_path / "clusters.tsv")
    table.to_csv(tmp_path / "table.csv")
    for name, delimiter in [("clusters.tsv", "\t"), ("table.csv", ",")]:
        with (tmp_path / name).open(newline="") as stream:
            names, *rows = csv.reader(stream, delimiter=delimiter)
        assert names == list(table)
        for column, cells in zip(names, zip(*rows, strict=True), strict=True):
            values = table[column].tolist()
            if column == "extent":
                values = [value if np.isnan(value) else int(value) for value in values]
            assert list(cells) == [
                "n/a" if value != value else str(value) for value in values
            ]
    assert "n/a" in (tmp_path / "clusters.tsv").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "clusters.json", "clusters.tsv", "table.csv", "table.json",
    ]  # fmt: skip
    sidecar = json.loads((tmp_path / "clusters.json").read_text())
    assert sidecar.pop("Choices") == table.choices
    content = (tmp_path / "clusters.tsv").read_bytes()
    assert sidecar.pop("Outputs") == [
        {"name": "clusters.tsv", "sha256": hashlib.sha256(content).hexdigest()}
    ]
    assert list(sidecar) == list(table)
    assert sidecar["x"]["Units"] == "mm"
    # Again, over what is there.
    find_clusters(image_of(line(3)), 1).table.to_tsv(tmp_path / "clusters.tsv")
    assert len((tmp_path / "clusters.tsv").read_text().splitlines()) == 2


def test_the_sidecar_states_every_choice(tmp_path):
    data = line(3, 4, np.nan, 0, -5)
    nithresh.save(image_of(data), tmp_path / "map.nii.gz")
    nithresh.save(image_of(line(1, 1, 1, 1, 0)), tmp_path / "mask.nii.gz")
    with pytest.warns(UserWarning, match="Non-finite"):
        clusters = find_clusters(
            tmp_path / "map.nii.gz", "50%", two_sided=False, connectivity=26,
            cluster_threshold=2, mask_img=tmp_path / "mask.nii.gz", max_peaks=3,
            extra={"same": nibabel.load(tmp_path / "map.nii.gz")},
        )  # fmt: skip
    choices = clusters.table.choices
    digest = hashlib.sha256((tmp_path / "map.nii.gz").read_bytes()).hexdigest()
    assert choices["threshold"] == "50%"
    assert choices["threshold_resolved"] == pytest.approx(1.5 + 1e-5)
    assert choices["comparison"] == "value >="
    assert choices["two_sided"] is False
    assert choices["connectivity"] == 26
    assert choices["cluster_threshold"] == 2
    assert choices["min_distance_mm"] == 8
    assert choices["max_peaks"] == 3
    assert choices["non_finite_voxels"] == 1
    assert choices["mask_voxels"] == 4
    assert choices["input"] == {"name": "map.nii.gz", "sha256": digest}
    assert choices["mask"]["name"] == "mask.nii.gz"
    assert choices["extra"] == {"same": {"name": "map.nii.gz", "sha256": digest}}
    assert choices["versions"] == {
        "nithresh": nithresh.__version__,
        "numpy": np.__version__,
        "nibabel": nibabel.__version__,
    }
    in_memory = find_clusters(image_of(line(-3)), -1, two_sided=False).table.choices
    assert in_memory["input"] is None
    assert in_memory["comparison"] == "value <="
    with pytest.warns(UserWarning, match="beyond the range"):
        beyond = find_clusters(image_of(line(3)), np.inf).table.choices
    assert beyond["threshold"] == "inf"


def test_to_pandas():
    found = find_clusters(SAMPLE, 3)
    table = found.table
    frame = table.to_pandas()
    assert list(frame.columns) == list(table)
    assert frame["extent"].dtype == np.float64
    assert frame["extent"].sum() == (voxels_of(found.labels_img) != 0).sum()
    frame.loc[0, "extent"] = 0
    assert table["extent"][0] == 2237


def test_shown_as_text_and_html():
    extra = {"<b>effect</b>": SAMPLE}
    clusters = find_clusters(SAMPLE, 3, extra=extra)
    lines = str(clusters).splitlines()
    assert lines[0] == "22 clusters, abs(value) >= 3, connectivity 6, extent >= 1"
    assert lines[1].split() == [
        "id", "x", "y", "z", "peak", "extent", "volume_mm3", "mean",
        "<b>effect</b>_mean",
    ]  # fmt: skip
    assert len(lines) == 2 + clusters.table["id"].size
    assert lines[3].split() == ["1a", "51", "-31", "58", "7.9413"]
    shown = clusters._repr_html_()
    assert "<b>" not in shown
    assert shown.count("<tr>") == 1 + clusters.table["id"].size
    assert repr(clusters) == "<Clusters: 22 clusters, a table of 29 rows>"
    many = find_clusters(SAMPLE, 1).table
    assert str(many).splitlines()[-1].startswith("... and ")
    assert "more rows" in many._repr_html_()


def test_arrays_need_numpy_alone():
    code = (
        "import sys, numpy, nithresh; nithresh.label(numpy.ones((2, 2, 2)), 1);"
        "print([name for name in ('nibabel', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("error", "message", "words"),
    [
        (TypeError, "threshold is True", {"threshold": True}),
        (ValueError, "threshold is -1", {"threshold": -1}),
        (ValueError, "threshold is NaN", {"threshold": np.nan}),
        (TypeError, "cluster_threshold is 2.0", {"cluster_threshold": 2.0}),
        (ValueError, "connectivity is 8", {"connectivity": 8}),
        (TypeError, "two_sided is 'yes'", {"two_sided": "yes"}),
        (TypeError, "img is of type int", {"img": 3}),
        (ValueError, "img is 'no.nii'; there is no such file", {"img": "no.nii"}),
        (TypeError, "min_distance is 'far'", {"min_distance": "far"}),
        (ValueError, "min_distance is -1", {"min_distance": -1}),
        (ValueError, "min_distance is inf", {"min_distance": np.inf}),
        (TypeError, "max_peaks is 1.5", {"max_peaks": 1.5}),
        (ValueError, "max_peaks is 0", {"max_peaks": 0}),
        (TypeError, "extra is of type list", {"extra": [SAMPLE]}),
        (TypeError, "extra has the name 1;", {"extra": {1: SAMPLE}}),
        (ValueError, "extra has the name ''", {"extra": {"": SAMPLE}}),
        (ValueError, "extra has the name 'a\\tb'", {"extra": {"a\tb": SAMPLE}}),
        (TypeError, "extra['e'] is of type int", {"extra": {"e": 3}}),
        (ValueError, "extra['e'] is 'no.nii'", {"extra": {"e": "no.nii"}}),
        (
            ValueError,
            "extra['e'] is on another grid than img: its shape is (3, 1, 1), not (53, ",
            {"extra": {"e": image_of(line(1, 2, 3))}},
        ),
        (
            ValueError,
            "img has shape (2, 2, 2, 2); it must be one volume, of 3 dimensions",
            {"img": image_of(np.ones((2, 2, 2, 2), np.float32))},
        ),
        (ValueError, "mask_img is empty", {"mask_img": image_of(line(0, 0, 0))}),
    ],
)
def test_refused(error, message, words):
    words = {"img": SAMPLE, "threshold": 3} | words
    with pytest.raises(error, match=re.escape(message)):
        find_clusters(**words)


@pytest.mark.parametrize(
    ("error", "message", "data", "words"),
    [
        (TypeError, "data is of type list", [1], {}),
        (ValueError, "data has shape (2, 2, 2, 2)", np.ones((2, 2, 2, 2)), {}),
        (ValueError, "data has shape (2, 2)", np.ones((2, 2)), {}),
        (TypeError, "data has dtype complex128", np.ones((2, 2, 2), complex), {}),
        (ValueError, "mask has shape", np.ones((2, 2, 2)), {"mask": np.ones((2, 2))}),
        (ValueError, "mask is empty", np.ones((1, 1, 1)), {"mask": line(0)}),
        (ValueError, "connectivity is 4", np.ones((1, 1, 1)), {"connectivity": 4}),
    ],
)
def test_refused_by_label(error, message, data, words):
    with pytest.raises(error, match=re.escape(message)):
        label(data, 1, **words)


@pytest.mark.parametrize(
    ("method", "name", "error", "message"),
    [
        ("to_tsv", "table.csv", ValueError, "it must end in .tsv"),
        ("to_csv", "table", ValueError, "it must end in .csv"),
        ("to_tsv", "none/table.tsv", nithresh.MissingFileError, "no such folder"),
    ],
)
def test_refused_paths(tmp_path, method, name, error, message):
    table = find_clusters(SAMPLE, 5).table
    with pytest.raises(error, match=message):
        getattr(table, method)(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_pandas_is_an_extra():
    code = (
        "import sys; sys.modules['pandas'] = None; import nithresh;"
        "from nithresh import datasets;"
        "image = datasets.load_sample_motor_activation_image();"
        "clusters = nithresh.find_clusters(image, 5)\n"
        "for call in (clusters.table.to_pandas,"
        " lambda: nithresh.get_clusters_table(image, 5)):\n"
        "    try: call()\n"
        "    except ImportError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    first, second = done.stdout.splitlines()
    assert first == "to_pandas needs pandas; install it with: " + (
        "pip install 'nithresh[pandas]'"
    )
    assert second.startswith("get_clusters_table needs pandas")
