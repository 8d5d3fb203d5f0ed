"""Peaks of another map, clusters within parcels, and the volumes of a series."""

import itertools

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import ndimage

import nithresh
from nithresh import clusters_of_volumes, datasets, find_clusters, testing
from nithresh._parcels import colours_of
from oracles import NEIGHBOURS

SAMPLE = nithresh.load(datasets.load_sample_motor_activation_image())
DATA = SAMPLE.get_fdata(dtype=np.float32)
WHOLE = st.sampled_from([0, 0, 1, 2, 3, -1, -2, -3])
MAPS = npst.arrays(np.float32, (4, 3, 3), elements=WHOLE)
CONNECTIVITIES = st.sampled_from([6, 18, 26])


def image_of(data, affine=None):
    affine = np.eye(4) if affine is None else affine
    return nibabel.Nifti1Image(data, affine)


def same_tables(table, other, names=None):
    assert list(table) == list(other)
    for name in names or table:
        if table[name].dtype.kind == "U":
            np.testing.assert_array_equal(table[name], other[name])
        else:
            np.testing.assert_allclose(
                table[name], other[name], rtol=1e-12, atol=1e-9, err_msg=name
            )


# Peaks of another map


@pytest.mark.filterwarnings("ignore:The threshold:UserWarning")
@given(MAPS, st.sampled_from([1.0, 2.0]), CONNECTIVITIES, testing.affines())
def test_the_peaks_of_the_map_itself_are_its_own(data, level, connectivity, affine):
    image = image_of(data, affine)
    words = {"connectivity": connectivity, "min_distance": 1, "max_peaks": 9}
    same_tables(
        find_clusters(image, level, **words, peaks_of=image).table,
        find_clusters(image, level, **words).table,
    )


@pytest.mark.filterwarnings("ignore:The threshold:UserWarning")
@given(MAPS, MAPS)
def test_peaks_of_another_map_are_those_of_a_twin(data, values):
    clusters = find_clusters(
        image_of(data), 2, peaks_of=image_of(values), min_distance=0, max_peaks=99
    )
    table, labels = clusters.table, clusters.labels_img.get_fdata()
    own = find_clusters(image_of(data), 2)
    np.testing.assert_array_equal(labels, own.labels_img.get_fdata())
    for number, row in clusters.lookup.items():
        voxels = [tuple(voxel) for voxel in np.argwhere(labels == number).tolist()]
        inside = [float(values[voxel]) for voxel in voxels]
        assert table["extent"][row] == len(voxels)
        assert table["mass"][row] == pytest.approx(sum(inside))
        assert table["mean"][row] == pytest.approx(sum(inside) / len(voxels))
        weights = [abs(value) for value in inside]
        weights = weights if any(weights) else [1] * len(voxels)
        for axis, name in enumerate("xyz"):
            place = sum(w * v[axis] for w, v in zip(weights, voxels, strict=True))
            assert table[f"com_{name}"][row] == pytest.approx(place / sum(weights))
        expected = sorted(
            (-abs(values[voxel]), voxel)
            for voxel in voxels
            if is_peak(voxel, voxels, values)
        )
        rows = [
            other
            for other, name in enumerate(table["id"])
            if name.rstrip("abcdefghijklmnopqrstuvwxyz") == str(number)
        ]
        places = [tuple(int(table[axis][one]) for axis in "ijk") for one in rows]
        assert places == [voxel for _, voxel in expected]
        assert [table["peak"][one] for one in rows] == [values[one] for one in places]


def is_peak(voxel, voxels, values):
    """Whether none beside it in the cluster is higher, or as high and before it."""
    own = abs(values[voxel])
    for other in voxels:
        apart = max(abs(a - b) for a, b in zip(voxel, other, strict=True))
        if apart == 1:
            height = abs(values[other])
            if height > own or (height == own and other < voxel):
                return False
    return True


def test_a_z_map_beside_corrected_p_values(tmp_path):
    p = image_of((1 / (1 + np.exp(-np.abs(DATA)))).astype(np.float32), SAMPLE.affine)
    nithresh.save(SAMPLE, tmp_path / "z.nii.gz")
    table = find_clusters(
        p, 0.995, cluster_threshold=20, peaks_of=tmp_path / "z.nii.gz"
    )
    z = table.table["peak"]
    assert (np.abs(z) > 5).all()
    assert (z < 0).any()
    i, j, k = (table.table[name] for name in "ijk")
    np.testing.assert_array_equal(DATA[i, j, k], z)
    assert table.table.choices["peaks_of"]["name"] == "z.nii.gz"
    assert "peaks_of" not in find_clusters(p, 0.995).table.choices


def test_values_of_another_map_that_are_not_finite():
    other = DATA.copy()
    other[6, 31, 32] = np.nan
    with pytest.warns(UserWarning, match="peaks_of has 1 non-finite values in cl"):
        table = find_clusters(SAMPLE, 5, peaks_of=image_of(other, SAMPLE.affine)).table
    assert np.isfinite(table["peak"]).all()


def test_peaks_of_a_map_on_another_grid():
    with pytest.raises(ValueError, match="peaks_of is on another grid than img"):
        find_clusters(SAMPLE, 5, peaks_of=image_of(DATA, np.eye(4)))


# Within parcels


def clusters_within(data, parcels, level, connectivity):
    """The clusters in each parcel and sign, each labelled alone, as sets of voxels."""
    structure = ndimage.generate_binary_structure(3, NEIGHBOURS[connectivity])
    found = []
    for parcel in np.unique(parcels[parcels != 0]):
        for sign in (1, -1):
            passing = (sign * data >= level) & (parcels == parcel)
            labels, count = ndimage.label(passing, structure)
            for number in range(1, count + 1):
                voxels = frozenset(map(tuple, np.argwhere(labels == number).tolist()))
                found.append(voxels)

    def rank(voxels):
        heights = sorted((-abs(float(data[voxel])), voxel) for voxel in voxels)
        return -len(voxels), heights[0]

    return sorted(found, key=rank)


PARCELS = npst.arrays(np.int16, (4, 3, 3), elements=st.sampled_from([0, 1, 2, 5, -7]))


@pytest.mark.filterwarnings("ignore:The threshold:UserWarning")
@settings(max_examples=200)
@given(MAPS, PARCELS, st.sampled_from([1.0, 2.0]), CONNECTIVITIES, st.integers(0, 3))
def test_clusters_end_at_the_borders_of_parcels(
    data, parcels, level, connectivity, extent
):
    parcels[0, 0, 0] = 5
    expected = clusters_within(data, parcels, level, connectivity)
    expected = [voxels for voxels in expected if len(voxels) >= extent]
    clusters = find_clusters(
        image_of(data),
        level,
        connectivity=connectivity,
        cluster_threshold=extent,
        within=image_of(parcels),
        extra={"same": image_of(data)},
    )
    labels = clusters.labels_img.get_fdata()
    found = [
        frozenset(map(tuple, np.argwhere(labels == number).tolist()))
        for number in range(1, len(clusters) + 1)
    ]
    assert found == expected
    kept = clusters.thresholded_img.get_fdata()
    np.testing.assert_array_equal(kept, np.where(labels != 0, data, 0))
    table = clusters.table
    for number, row in clusters.lookup.items():
        values = data[labels == number]
        assert table["extent"][row] == values.size
        assert table["mean"][row] == pytest.approx(values.mean())
        assert table["same_mean"][row] == pytest.approx(values.mean())
        assert table["same_max"][row] == values.max()
        assert table["sign"][row] == np.sign(values[0])
        assert abs(table["peak"][row]) == np.abs(values).max()


@pytest.mark.filterwarnings("ignore:The threshold:UserWarning")
@given(MAPS, CONNECTIVITIES)
def test_one_parcel_is_a_mask(data, connectivity):
    mask = image_of(np.ones((4, 3, 3), np.uint8) * (np.arange(4) > 0)[:, None, None])
    words = {"connectivity": connectivity, "max_peaks": 3, "min_distance": 0}
    same_tables(
        find_clusters(image_of(data), 1, **words, within=mask).table,
        find_clusters(image_of(data), 1, **words, mask_img=mask).table,
    )


@given(npst.arrays(np.int16, (4, 4, 3), elements=st.integers(0, 12)), CONNECTIVITIES)
def test_parcels_of_one_colour_do_not_touch(parcels, connectivity):
    seen = np.zeros(parcels.shape, int)
    for colour in colours_of(parcels, connectivity) if parcels.any() else ():
        seen += colour
        for voxel, other in itertools.combinations(np.argwhere(colour).tolist(), 2):
            apart = [abs(a - b) for a, b in zip(voxel, other, strict=True)]
            if max(apart) == 1 and sum(apart) <= NEIGHBOURS[connectivity]:
                assert parcels[tuple(voxel)] == parcels[tuple(other)]
    np.testing.assert_array_equal(seen, (parcels != 0).astype(int))


@pytest.mark.parametrize("rules", ["spm", "workbench", "nilearn"])
def test_rules_and_a_mask_hold_within_parcels(rules):
    halves = np.where(np.arange(DATA.shape[0]) < 27, 1, 2).astype(np.int16)
    parcels = np.broadcast_to(halves[:, None, None], DATA.shape).copy()
    mask = image_of((np.arange(DATA.size) % 7 > 0).reshape(DATA.shape).astype(np.uint8))
    mask = image_of(np.asarray(mask.dataobj), SAMPLE.affine)
    clusters = find_clusters(
        SAMPLE, 3, rules=rules, mask_img=mask, within=image_of(parcels, SAMPLE.affine)
    )
    labels = clusters.labels_img.get_fdata()
    assert not labels[np.asarray(mask.dataobj) == 0].any()
    for number, row in clusters.lookup.items():
        assert len(np.unique(parcels[labels == number])) == 1
        assert clusters.table["extent"][row] == (labels == number).sum()
    assert clusters.table.choices["rules"] == rules
    assert clusters.table.choices["within"] is None
    assert clusters.table.choices["mask_voxels"] == (np.arange(DATA.size) % 7 > 0).sum()


def test_parcels_on_another_grid_are_taken_at_voxel_centres():
    halves = np.where(np.arange(DATA.shape[0]) < 27, 1, 2).astype(np.int16)
    parcels = np.broadcast_to(halves[:, None, None], DATA.shape)
    fine = np.repeat(np.repeat(np.repeat(parcels, 2, 0), 2, 1), 2, 2)
    affine = SAMPLE.affine @ np.diag([0.5, 0.5, 0.5, 1])
    affine[:3, 3] -= SAMPLE.affine[:3, :3] @ [0.25, 0.25, 0.25]
    same_tables(
        find_clusters(SAMPLE, 3, within=image_of(fine, affine)).table,
        find_clusters(SAMPLE, 3, within=image_of(parcels.copy(), SAMPLE.affine)).table,
    )


@pytest.mark.parametrize(
    ("words", "match"),
    [
        ({"within": image_of(np.zeros(DATA.shape), SAMPLE.affine)}, "no parcel in the"),
        ({"within": image_of(DATA, SAMPLE.affine)}, "labels must be integers"),
        ({"within": SAMPLE, "robust": True}, "robust and within are both given"),
        ({"volume": 1}, "volume is 1; img has 1 volume, so it must be 0"),
    ],
    ids=["none", "fractions", "robust", "volume"],
)
def test_faults(words, match):
    with pytest.raises(ValueError, match=match):
        find_clusters(SAMPLE, 3, **words)


# Series


def series(dtype=np.float32):
    return np.stack([DATA, DATA / 2, -DATA, DATA * 0], -1).astype(dtype)


@pytest.mark.filterwarnings("ignore:The threshold:UserWarning")
@pytest.mark.parametrize("volume", [0, np.int64(1), 2, 3])
def test_one_volume_of_a_series(tmp_path, volume):
    nithresh.save(image_of(series(), SAMPLE.affine), tmp_path / "series.nii.gz")
    clusters = find_clusters(tmp_path / "series.nii.gz", 3, volume=volume)
    expected = find_clusters(image_of(series()[..., volume], SAMPLE.affine), 3)
    same_tables(clusters.table, expected.table)
    assert clusters.labels_img.shape == DATA.shape
    choices = clusters.table.choices
    assert choices["volume"] == volume
    assert choices["input"]["name"] == "series.nii.gz"


@pytest.mark.filterwarnings("ignore:.*The threshold:UserWarning")
@pytest.mark.parametrize("shape", [(4,), (4, 1), (1, 4), (1, 4, 1)])
def test_axes_of_length_one_count_for_nothing(shape):
    image = image_of(series().reshape(*DATA.shape, *shape), SAMPLE.affine)
    same_tables(
        clusters_of_volumes(image, 3),
        clusters_of_volumes(image_of(series(), SAMPLE.affine), 3),
    )


@pytest.mark.filterwarnings("ignore:volume 3. The threshold:UserWarning")
@pytest.mark.parametrize("threshold", [3, "99%"])
def test_all_volumes_in_one_table(tmp_path, threshold):
    data = series()
    nithresh.save(image_of(data, SAMPLE.affine), tmp_path / "series.nii.gz")
    table = clusters_of_volumes(
        tmp_path / "series.nii.gz", threshold, cluster_threshold=10, max_peaks=2
    )
    assert next(iter(table)) == "volume"
    kept = nithresh.threshold(data, threshold, cluster_threshold=10)
    level = table.choices["threshold_resolved"]
    for volume in range(4):
        rows = table["volume"] == volume
        if not kept[..., volume].any():
            assert not rows.any()
            continue
        one = image_of(data[..., volume], SAMPLE.affine)
        expected = find_clusters(one, level, cluster_threshold=10, max_peaks=2).table
        for name in expected:
            np.testing.assert_array_equal(table[name][rows], expected[name])
        extents = np.nansum(table["extent"][rows])
        assert extents == np.count_nonzero(kept[..., volume])
    choices = table.choices
    assert choices["threshold"] == threshold
    assert choices["volumes"] == 4
    assert choices["input"]["name"] == "series.nii.gz"
    assert "volume" not in choices
    assert table.as_text().startswith("volume\tid\t")
    assert str(table).startswith("volume")
    assert table.sidecar["volume"]["Description"] == "Volume of the series, from 0"


def test_a_series_takes_the_words_of_find_clusters():
    labels = image_of(np.ones(DATA.shape, np.uint8), SAMPLE.affine)
    image = image_of(np.stack([DATA, DATA], -1), SAMPLE.affine)
    table = clusters_of_volumes(
        image, 5, rules="spm", atlas=(labels, ["brain"]), extra={"m": SAMPLE}
    )
    assert set(table["atlas_region"]) == {"brain"}
    assert (table["sign"] == 1).all()
    assert table.choices["rules"] == "spm"
    with pytest.raises(TypeError, match="size"):
        clusters_of_volumes(image, 5, size=3)
    with pytest.raises(TypeError, match="^volume is given; clusters_of_volumes lists"):
        clusters_of_volumes(image, 5, volume=1)
    with pytest.raises(TypeError, match="^surface is given; clusters_of_volumes"):
        clusters_of_volumes(image, 5, surface="lh.white")
    # It is read once, and so it is warned of once.
    with pytest.warns(UserWarning, match="names without labels") as warned:
        clusters_of_volumes(image, 5, atlas=(labels, {1: "brain", 2: "spare"}))
    assert len(warned) == 1
    with pytest.raises(ValueError, match="rules is 'none'"):
        clusters_of_volumes(image, "99%", rules="none")


def test_a_volume_alone_is_a_series_of_one():
    table = clusters_of_volumes(SAMPLE, 5)
    expected = find_clusters(SAMPLE, 5).table
    assert set(table["volume"]) == {0}
    for name in expected:
        np.testing.assert_array_equal(table[name], expected[name])


def test_a_series_warns_with_the_number_of_the_volume():
    image = image_of(series(), SAMPLE.affine)
    with pytest.warns(UserWarning, match="^volume 3: The threshold 3 is beyond"):
        clusters_of_volumes(image, 3)


def test_an_image_without_volumes():
    with pytest.raises(ValueError, match="img has no volume"):
        clusters_of_volumes(image_of(np.zeros((3, 3, 3, 0), np.float32)), 1)
