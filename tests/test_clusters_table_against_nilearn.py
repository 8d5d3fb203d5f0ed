"""`nithresh.get_clusters_table` against nilearn's: equal where that is right."""

import re
import warnings

import nibabel
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from nilearn.reporting import get_clusters_table as nilearn_table
from nilearn.reporting.get_clusters_table import _identify_subpeaks

import nithresh
import oracles
from nithresh import (
    _core,
    datasets,
    get_clusters_table,
    testing,
)
from nithresh import (
    nilearn_table as module,
)
from nithresh._params import check_request

SAMPLE = datasets.load_sample_motor_activation_image()


def image_of(data, zooms=(1, 1, 1), shift=0.0):
    affine = np.diag([*zooms, 1.0])
    affine[:3, 3] = shift
    return nibabel.Nifti1Image(data, affine)


def line(*values, dtype=np.float32):
    return np.array(values, dtype).reshape(-1, 1, 1)


def without_ids(table):
    return table.drop(columns="Cluster ID")


def ids_that_go_on(table, positive):
    """nilearn's ids, with those of negative clusters going on from the positive."""
    ids = table["Cluster ID"].tolist()
    signs = np.sign(table["Peak Stat"].to_numpy(float)).tolist()
    first = [number for number, sign in zip(ids, signs, strict=True) if sign < 0][:1]
    shift = first[0] - positive - 1 if first else 0
    return [
        re.sub(r"^\d+", lambda found: str(int(found[0]) - shift), str(name))
        if sign < 0
        else str(name)
        for name, sign in zip(ids, signs, strict=True)
    ]


def peaks_of(table):
    """The places of the peaks of each cluster."""
    peaks = {}
    for name, *place in table[["Cluster ID", "X", "Y", "Z"]].itertuples(index=False):
        sign_and_number = re.match(r"\d+", str(name))[0]
        peaks.setdefault(sign_and_number, []).append(np.array(place, float))
    return peaks.values()


def all_apart(table, min_distance):
    """Whether no peak of nilearn's has come back."""
    return all(
        np.linalg.norm(place - other) > min_distance
        for places in peaks_of(table)
        for number, place in enumerate(places)
        for other in places[:number]
    )


@st.composite
def distinct_maps(draw):
    """Draw maps without ties, so that nothing depends on how equal values sort."""
    shape = tuple(draw(st.integers(1, 6)) for _ in range(3))
    count = int(np.prod(shape))
    order = np.random.default_rng(draw(st.integers(0, 2**32))).permutation(count)
    values = (
        (order + 0.5) * np.where(order % 2, -1, 1) * draw(st.sampled_from([1, 0.5]))
    )
    dtype = draw(st.sampled_from(["float32", "float64"]))
    return values.reshape(shape).astype(dtype)


@given(
    distinct_maps(),
    st.floats(0, 1),
    st.booleans(),
    st.sampled_from([None, 0, 2, 3]),
    st.sampled_from([0.9, 2.0, 4.5, 8.0]),
    st.sampled_from([(1, 1, 1), (2, 3, 1), (-3, 3, 0.5)]),
)
def test_equal_where_nilearn_is_right(
    data, share, two_sided, extent, min_distance, zooms
):
    image = image_of(data, zooms, 1.5)
    threshold = float(np.quantile(abs(data), share))
    if extent is None:
        # One of the values, so that what is equal to it is looked at.
        threshold = float(np.sort(abs(data), axis=None)[int(share * (data.size - 1))])
    words = {"two_sided": two_sided, "min_distance": min_distance}
    (theirs, their_maps), warned = oracles.call(
        nilearn_table,
        image, threshold, 0 if extent is None else extent, **words,
        return_label_maps=True,
    )  # fmt: skip
    (ours, our_maps), also_warned = oracles.call(
        get_clusters_table, image, threshold, extent, **words, return_label_maps=True
    )
    assume(extent is None or threshold not in abs(data))
    assume(all_apart(theirs, min_distance))
    pd.testing.assert_frame_equal(without_ids(ours), without_ids(theirs))
    signs = [1, -1] if two_sided else [1]
    counts = [len(np.unique(image.dataobj)) - 1 for image in our_maps]
    assert ours["Cluster ID"].map(str).tolist() == ids_that_go_on(theirs, counts[0])
    assert set(also_warned) <= set(warned)
    assert len(our_maps) == len(signs)
    found = [labels for labels, count in zip(our_maps, counts, strict=True) if count]
    for labels, other in zip(found, their_maps, strict=True):
        numbers = np.asarray(labels.dataobj)
        shift = numbers[numbers > 0].min() - 1
        np.testing.assert_array_equal(
            np.where(numbers > 0, numbers - shift, 0), np.asarray(other.dataobj)
        )
    assert ours["Cluster ID"].dtype == theirs["Cluster ID"].dtype


@given(
    testing.maps(
        dtypes=["float32", "float64", "int16"],
        dimensions=[3],
        smallest_side=1,
        largest_side=5,
        non_finite=False,
        layouts=["C"],
    ),
    st.sampled_from([0.5, 1, 1.5]),
)
def test_patches_are_those_of_nilearn(data, level):
    data = np.where(abs(data.astype(float)) > 9, 3, data).astype(data.dtype)
    request = check_request(level, two_sided=True, cluster_threshold=0, connectivity=6)
    found = _core.find_clusters(
        data, None, request.at(level, data.dtype), mask=None, out_is_zero=False,
        whole_plateaus=True,
    )  # fmt: skip
    labels = np.empty(data.shape, np.int32)
    found["labels"].write(labels, False)
    clusters, ijk = module._patches(found, data, labels)
    for number, sign in enumerate(found["signs"], start=1):
        masked = data * sign * (labels == number)
        (places, _), _ = oracles.call(_identify_subpeaks, masked)
        ours = set(map(tuple, ijk[clusters == number].tolist()))
        assert ours == set(map(tuple, places.tolist()))


@pytest.mark.parametrize("threshold", [1, 3, 4.5, 7.9])
@pytest.mark.parametrize("two_sided", [False, True])
def test_the_sample_map(threshold, two_sided):
    words = {"two_sided": two_sided}
    theirs, _ = oracles.call(nilearn_table, SAMPLE, threshold, **words)
    ours, _ = oracles.call(get_clusters_table, SAMPLE, threshold, **words)
    columns = ["Peak Stat", "Cluster Size (mm3)"]
    assert len(ours) == len(theirs)
    # Equal values may sort in any order.
    for frame in (ours, theirs):
        frame[columns[1]] = [int(cell or 0) for cell in frame[columns[1]]]
    by = ["Peak Stat", "X", "Y", "Z", columns[1]]
    pd.testing.assert_frame_equal(
        without_ids(ours).sort_values(by, ignore_index=True),
        without_ids(theirs).sort_values(by, ignore_index=True),
    )


def test_a_voxel_equal_to_the_threshold_is_dropped():
    image = image_of(line(3, 2, 4, 0, -2, -3))
    for threshold, values in [(2, [4, 3, -3]), (3, [4]), (2.5, [4, 3, -3])]:
        table, _ = oracles.call(get_clusters_table, image, threshold, two_sided=True)
        assert table["Peak Stat"].tolist() == values
    integers = image_of(line(3, 2, 4, 0, -2, -3, dtype=np.int16))
    for threshold, values in [(2, [4, 3, -3]), (3, [4]), (2.5, [4, 3, -3])]:
        table, _ = oracles.call(get_clusters_table, integers, threshold, two_sided=True)
        assert table["Peak Stat"].tolist() == values


def test_nothing_found():
    theirs, warned = oracles.call(nilearn_table, SAMPLE, 90)
    ours, also_warned = oracles.call(get_clusters_table, SAMPLE, 90)
    pd.testing.assert_frame_equal(ours, theirs)
    assert also_warned == [UserWarning] * 2
    assert set(warned) == {UserWarning}
    with (
        pytest.warns(UserWarning, match="No clusters found with stat higher than 90"),
        pytest.warns(UserWarning, match="The threshold 90 is beyond the range"),
    ):
        get_clusters_table(SAMPLE, 90)


@pytest.mark.parametrize("two_sided", [False, True])
@pytest.mark.parametrize("values", [(3, 2, -5), (-5, -6), (3, 4), (0, 0), (-3, np.nan)])
@pytest.mark.parametrize("threshold", [-7, -6, -2, 0, 2.9, 3, 3.5, 5, 5.5, 9])
def test_thresholds_beyond_the_range_are_warned_of_as_in_nilearn(
    values, two_sided, threshold
):
    if two_sided and threshold < 0:
        return
    image = image_of(line(*values, 0))
    messages = []
    for function in (nilearn_table, get_clusters_table):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            function(image, threshold, two_sided=two_sided)
        messages.append(
            [
                warning.category
                for warning in caught
                if re.search("must not|beyond the range", str(warning.message))
            ]
        )
    assert messages[0] == messages[1]


# Where nilearn is wrong: its output beside ours.


def test_ids_go_on_and_are_those_of_the_label_maps():
    words = {"two_sided": True, "return_label_maps": True}
    (theirs, their_maps), _ = oracles.call(nilearn_table, SAMPLE, 3, 20, **words)
    ours, our_maps = get_clusters_table(SAMPLE, 3, 20, **words)
    numbers = [name for name in ours["Cluster ID"] if isinstance(name, int)]
    assert numbers == list(range(1, len(numbers) + 1))
    theirs_numbers = [name for name in theirs["Cluster ID"] if isinstance(name, int)]
    assert theirs_numbers != numbers
    in_maps = [set(np.unique(image.dataobj)) - {0} for image in our_maps]
    assert in_maps[0] | in_maps[1] == set(numbers)
    assert not in_maps[0] & in_maps[1]
    assert 1 in np.asarray(their_maps[1].dataobj)
    for _, row in ours.iterrows():
        if isinstance(row["Cluster ID"], int):
            i, j, k, _ = (
                np.linalg.solve(our_maps[0].affine, [row["X"], row["Y"], row["Z"], 1])
                .round()
                .astype(int)
            )
            at_peak = [int(image.dataobj[i, j, k]) for image in our_maps]
            assert max(at_peak) == row["Cluster ID"]


def test_a_side_without_clusters_has_a_map():
    image = image_of(line(0, 0, -5))
    words = {"two_sided": True, "return_label_maps": True}
    (_, theirs), _ = oracles.call(nilearn_table, image, 2, **words)
    (_, ours), _ = oracles.call(get_clusters_table, image, 2, **words)
    assert [image.get_fdata().ravel().tolist() for image in theirs] == [[0, 0, 1]]
    assert [image.get_fdata().ravel().tolist() for image in ours] == [
        [0, 0, 0],
        [0, 0, 1],
    ]
    assert ours[0].header.get_intent()[0] == "label"


def test_the_negative_side_alone():
    image = image_of(line(-3, 0, -5, 0, -4))
    theirs = nilearn_table(image, -2)
    ours = get_clusters_table(image, -2)
    assert theirs["Peak Stat"].tolist() == [3, 4, 5]
    assert ours["Peak Stat"].tolist() == [-5, -4, -3]
    assert ours["X"].tolist() == [2, 4, 0]


def test_a_peak_that_is_too_close_does_not_come_back():
    # The third is too close to the first, but far from the second.
    data = np.zeros((5, 1, 6), np.float32)
    data[:, :, :5] = 1
    data[0, 0, 0], data[0, 0, 4], data[2, 0, 0] = 9, 8, 7
    image = image_of(data)
    theirs = nilearn_table(image, 0.5, min_distance=3)
    ours = get_clusters_table(image, 0.5, min_distance=3)
    assert 7 in theirs["Peak Stat"].tolist()
    assert ours["Peak Stat"].tolist()[:2] == [9, 8]
    assert 7 not in ours["Peak Stat"].tolist()


def test_extents_are_those_of_the_clusters_listed():
    image = image_of(line(3, 2, 2, 0, 4, 4, 4))
    assert nilearn_table(image, 2, 3)["Cluster Size (mm3)"].tolist() == [3, 1]
    assert get_clusters_table(image, 2, 3)["Cluster Size (mm3)"].tolist() == [3]


def test_volumes_are_those_of_the_affine():
    data = np.full((11, 10, 10), 3, np.float32)
    data[0] = 0
    image = image_of(data, (0.7, 0.7, 0.7))
    assert nilearn_table(image, 2)["Cluster Size (mm3)"].tolist() == [342]
    assert get_clusters_table(image, 2)["Cluster Size (mm3)"].tolist() == [343]


def test_clusters_that_leave_no_background():
    image = image_of(line(3, 4, 3))
    assert nilearn_table(image, 2)["Peak Stat"].tolist() == []
    assert get_clusters_table(image, 2)["Peak Stat"].tolist() == [4]


def test_the_signed_minimum_and_unsigned_maps():
    image = image_of(line(-128, 0, 5, dtype=np.int8))
    theirs, _ = oracles.call(nilearn_table, image, 2, two_sided=True)
    assert theirs["Peak Stat"].tolist() == [5]
    ours = get_clusters_table(image, 2, two_sided=True)
    assert ours["Peak Stat"].tolist() == [5, -128]
    image = image_of(line(7, 0, 5, dtype=np.uint8))
    theirs, _ = oracles.call(nilearn_table, image, 2, two_sided=True)
    assert isinstance(theirs, OverflowError)
    ours, _ = oracles.call(get_clusters_table, image, 2, two_sided=True)
    assert ours["Peak Stat"].tolist() == [7, 5]


@pytest.mark.parametrize(
    ("error", "message", "words"),
    [
        (TypeError, "stat_threshold is '95%'", {"stat_threshold": "95%"}),
        (TypeError, "threshold is None", {"stat_threshold": None}),
        (ValueError, "threshold is -1", {"stat_threshold": -1, "two_sided": True}),
        (ValueError, "min_distance is 0", {"min_distance": 0}),
        (ValueError, "min_distance is -1", {"min_distance": -1}),
        (TypeError, "cluster_threshold is 1.5", {"cluster_threshold": 1.5}),
        (TypeError, "return_label_maps is 'x'", {"return_label_maps": "x"}),
        (TypeError, "stat_img is of type int", {"stat_img": 3}),
        (
            ValueError,
            "stat_img has shape (2, 2, 2, 2)",
            {"stat_img": image_of(np.ones((2, 2, 2, 2), np.float32))},
        ),
    ],
)
def test_refused(error, message, words):
    with pytest.raises(error, match=re.escape(message)):
        get_clusters_table(**({"stat_img": SAMPLE, "stat_threshold": 3} | words))


def test_the_image_is_not_changed():
    data = line(3, np.nan, -3)
    image = image_of(data)
    with pytest.warns(UserWarning, match="Non-finite"):
        nithresh.get_clusters_table(image, 2, two_sided=True)
    assert np.isnan(data[1])
