"""`nithresh.threshold` on arrays, against SciPy and against itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import scoreatpercentile

import nithresh
from nithresh import testing
from oracles import threshold as naive_threshold

CONNECTIVITIES = st.sampled_from([6, 18, 26])
EXTENTS = st.integers(0, 6)


def same_bits(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


@given(testing.maps(), st.data(), st.booleans(), EXTENTS, CONNECTIVITIES)
def test_equal_to_scipy(data, draw, two_sided, cluster_threshold, connectivity):
    level = draw.draw(
        testing.thresholds(two_sided=two_sided).filter(
            lambda threshold: not isinstance(threshold, str)
        )
    )
    mask = None
    if data.size and draw.draw(st.booleans()):
        mask = draw.draw(testing.masks(data.shape[:3]))
    words = {
        "cluster_threshold": cluster_threshold,
        "two_sided": two_sided,
        "connectivity": connectivity,
        "mask": mask,
    }
    before = data.tobytes()
    kept = nithresh.threshold(data, level, **words)
    np.testing.assert_array_equal(kept, naive_threshold(data, level, **words))
    assert kept.dtype == data.dtype.newbyteorder("=")
    assert data.tobytes() == before


@given(testing.maps(), testing.thresholds(), EXTENTS, CONNECTIVITIES)
def test_in_place_and_into_an_array_agree(data, level, cluster_threshold, connectivity):
    words = {"cluster_threshold": cluster_threshold, "connectivity": connectivity}
    kept = nithresh.threshold(data, level, **words)
    out = np.full_like(data, 7)
    assert nithresh.threshold(data, level, out=out, **words) is out
    np.testing.assert_array_equal(out, kept)
    own = data.copy(order="K")
    assert nithresh.threshold(own, level, out=own, **words) is own
    np.testing.assert_array_equal(own, kept)


@given(testing.maps(layouts=["C"]), testing.thresholds(), EXTENTS, CONNECTIVITIES)
def test_the_memory_layout_changes_nothing(
    data, level, cluster_threshold, connectivity
):
    words = {"cluster_threshold": cluster_threshold, "connectivity": connectivity}
    kept = nithresh.threshold(data, level, **words)
    for layout in testing.LAYOUTS.values():
        assert same_bits(nithresh.threshold(layout(data), level, **words), kept)


@given(
    testing.maps(dimensions=[3]),
    testing.thresholds(),
    EXTENTS,
    CONNECTIVITIES,
    st.permutations(range(3)),
    st.lists(st.booleans(), min_size=3, max_size=3),
)
def test_flips_and_permutations_commute(
    data, level, cluster_threshold, connectivity, axes, flips
):
    def turn(array):
        step = tuple(slice(None, None, -1 if flip else 1) for flip in flips)
        return array.transpose(axes)[step]

    words = {"cluster_threshold": cluster_threshold, "connectivity": connectivity}
    np.testing.assert_array_equal(
        nithresh.threshold(turn(data), level, **words),
        turn(nithresh.threshold(data, level, **words)),
    )


@given(testing.maps(), st.sampled_from([0.5, 1, 2, 2.5]), EXTENTS, CONNECTIVITIES)
def test_raising_the_threshold_nests(data, level, cluster_threshold, connectivity):
    words = {"cluster_threshold": cluster_threshold, "connectivity": connectivity}
    low = nithresh.threshold(data, level, **words) != 0
    high = nithresh.threshold(data, level + 0.5, **words) != 0
    assert (low | ~high).all()


@given(testing.maps(), st.sampled_from([0.0, 0.5, 2, 2.5]), EXTENTS, CONNECTIVITIES)
def test_twice_is_once(data, level, cluster_threshold, connectivity):
    words = {"cluster_threshold": cluster_threshold, "connectivity": connectivity}
    once = nithresh.threshold(data, level, **words)
    assert same_bits(nithresh.threshold(once, level, **words), once)


@given(testing.maps(smallest_side=1), st.floats(0, 100), st.booleans(), st.data())
def test_percentiles_are_those_of_scipy(data, percent, two_sided, draw):
    from nithresh import _core
    from nithresh._arrays import as_voxels

    mask = draw.draw(st.none() | testing.masks(data.shape[:3]))
    inside = None if mask is None else mask != 0
    values = np.nan_to_num(
        data.astype(data.dtype.newbyteorder("=")), posinf=0, neginf=0
    )
    values = values if inside is None else values[inside]
    if values.dtype.kind == "i":
        values = values.astype(object)  # no overflow at the signed minimum
    values = abs(values) if two_sided else values[values >= 0]
    score = _core.percentile(as_voxels(data, "data"), inside, percent, two_sided)
    if values.size == 0:
        assert score is None
    else:
        assert score == scoreatpercentile(values.astype(np.float64), percent)


def test_minus_zero_survives_a_threshold_of_zero_and_nothing_else():
    data = np.array([-0.0, 0.0, 1.0, np.nan, -1.0], np.float32).reshape(5, 1, 1)
    for cluster_threshold in (0, 2):
        kept = nithresh.threshold(data, 0, cluster_threshold=cluster_threshold)
        assert np.signbit(kept[0])
        assert not np.signbit(kept[1:4]).any()
    assert not np.signbit(nithresh.threshold(data, 0.5)[:4]).any()
    outside = np.array([0, 1, 1, 1, 1]).reshape(5, 1, 1)
    assert not np.signbit(nithresh.threshold(data, 0, mask=outside)[0])


def test_float32_maps_compare_with_the_rounded_threshold():
    data = np.full((1, 1, 1), 0.1, np.float32)
    assert nithresh.threshold(data, 0.1)[0, 0, 0] == np.float32(0.1)
    assert nithresh.threshold(data.astype(np.float64), 0.1)[0, 0, 0] != 0
    assert nithresh.threshold(np.full((1, 1, 1), 0.09999999), 0.1)[0, 0, 0] == 0


def test_float16_and_bool():
    half = np.array([0.1, 2, -3], np.float16).reshape(3, 1, 1)
    kept = nithresh.threshold(half, 0.1)
    assert same_bits(kept, half)
    flags = np.array([True, False, True]).reshape(3, 1, 1)
    kept = nithresh.threshold(flags, 1, cluster_threshold=1)
    assert kept.dtype == np.uint8
    assert kept.ravel().tolist() == [1, 0, 1]


def test_overlapping_output_is_computed_first():
    whole = np.arange(27 * 2, dtype=np.float64).reshape(3, 3, 6)
    data, out = whole[:, :, :5], whole[:, :, 1:]
    expected = nithresh.threshold(data.copy(), 7, cluster_threshold=2)
    nithresh.threshold(data, 7, cluster_threshold=2, out=out)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("layout", testing.LAYOUTS.values(), ids=testing.LAYOUTS)
def test_outputs_of_every_layout(layout):
    rng = np.random.default_rng(0)
    data = rng.standard_normal((5, 6, 7)).astype(np.float32)
    expected = nithresh.threshold(data, 1, cluster_threshold=2)
    out = layout(np.full(data.shape, 7, np.float32))
    whole = out if out.base is None else out.base
    before = whole.copy()
    assert nithresh.threshold(data, 1, cluster_threshold=2, out=out) is out
    np.testing.assert_array_equal(out, expected)
    # What lies between the voxels of the output stays as it was.
    out[...] = 7
    assert whole.tobytes() == before.tobytes()
    same = layout(data)
    nithresh.threshold(same, 1, cluster_threshold=2, out=same)
    np.testing.assert_array_equal(same, expected)


@given(testing.maps(), testing.thresholds(), EXTENTS, CONNECTIVITIES)
def test_memory_zeroed_by_the_system_changes_nothing(
    data, level, cluster_threshold, connectivity
):
    words = {"cluster_threshold": cluster_threshold, "connectivity": connectivity}
    volume = data if data.ndim == 3 else data[..., 0] if data.shape[3] else None

    def results():
        labelled = [] if volume is None else nithresh.label(volume, level, **words)
        return nithresh.threshold(data, level, **words), *labelled[:1]

    found = results()
    with pytest.MonkeyPatch.context() as patch:
        # Else it is used from 32 MB on.
        patch.setattr("nithresh._arrays._LARGE", 0)
        again = results()
    for ours, other in zip(again, found, strict=True):
        assert ours.dtype == other.dtype
        np.testing.assert_array_equal(ours, other)
        np.testing.assert_array_equal(np.signbit(ours), np.signbit(other))
        assert np.abs(ours.strides).tolist() == np.abs(other.strides).tolist()


def test_the_signed_minimum_is_a_large_negative_value():
    for dtype in (np.int8, np.int16, np.int32, np.int64):
        data = np.array([np.iinfo(dtype).min, 5, np.iinfo(dtype).max], dtype)
        data = data.reshape(3, 1, 1)
        kept = nithresh.threshold(data, 100)
        assert kept.ravel().tolist() == [np.iinfo(dtype).min, 0, np.iinfo(dtype).max]
        assert not nithresh.threshold(data, 100, cluster_threshold=2).any()


GOOD = np.zeros((2, 2, 2), np.float32)


@pytest.mark.parametrize(
    ("args", "words", "error", "message"),
    [
        ((GOOD, "2"), {}, ValueError, "threshold is '2'"),
        ((GOOD, "five%"), {}, ValueError, "percent sign"),
        ((GOOD, "-5%"), {}, ValueError, "from 0 to 100"),
        ((GOOD, "101%"), {}, ValueError, "from 0 to 100"),
        ((GOOD, "nan%"), {}, ValueError, "from 0 to 100"),
        ((GOOD, "5 %%"), {}, ValueError, "percent sign"),
        ((GOOD, float("nan")), {}, ValueError, "threshold is NaN"),
        ((GOOD, float("nan")), {"two_sided": False}, ValueError, "threshold is NaN"),
        ((GOOD, -1), {}, ValueError, "with two_sided=True it must be 0 or more"),
        ((GOOD, -(10**400)), {}, ValueError, "0 or more"),
        ((GOOD, None), {}, TypeError, "threshold is None"),
        ((GOOD, True), {}, TypeError, "threshold is True"),
        ((GOOD, [2]), {}, TypeError, "threshold"),
        ((GOOD, 2j), {}, TypeError, "threshold"),
        ((GOOD, 2), {"cluster_threshold": 3.0}, TypeError, "cluster_threshold is 3.0"),
        ((GOOD, 2), {"cluster_threshold": True}, TypeError, "cluster_threshold"),
        ((GOOD, 2), {"cluster_threshold": np.nan}, TypeError, "cluster_threshold"),
        ((GOOD, 2), {"cluster_threshold": np.inf}, TypeError, "cluster_threshold"),
        ((GOOD, 2), {"cluster_threshold": "9"}, TypeError, "cluster_threshold"),
        ((GOOD, 2), {"connectivity": 8}, ValueError, "6 (faces), 18"),
        ((GOOD, 2), {"connectivity": 6.0}, TypeError, "connectivity"),
        ((GOOD, 2), {"two_sided": "yes"}, TypeError, "two_sided is 'yes'"),
        (([[[1.0]]], 2), {}, TypeError, "data is of type list"),
        ((GOOD[0], 2), {}, ValueError, "data has 2 dimensions"),
        ((np.zeros((2,) * 5), 2), {}, ValueError, "data has 5 dimensions"),
        ((GOOD.astype(complex), 2), {}, TypeError, "data has dtype complex128"),
        ((GOOD.astype(object), 2), {}, TypeError, "data has dtype object"),
        ((GOOD.astype(np.longdouble), 2), {}, TypeError, "data has dtype"),
        ((np.ma.masked_array(GOOD), 2), {}, TypeError, "masked array"),
        ((GOOD, 2), {"mask": GOOD}, ValueError, "mask is empty"),
        ((GOOD, 2), {"mask": GOOD * np.nan}, ValueError, "mask is empty"),
        ((GOOD, 2), {"mask": GOOD[0]}, ValueError, "mask has shape (2, 2)"),
        ((GOOD, 2), {"mask": GOOD + 1j}, TypeError, "mask has dtype"),
        ((GOOD, 2), {"mask": "brain"}, TypeError, "mask is of type str"),
        (
            (GOOD, 2),
            {"mask": np.arange(8).reshape(2, 2, 2)},
            ValueError,
            "more than one value other than 0",
        ),
        ((GOOD, 2), {"out": GOOD[0]}, ValueError, "out has shape (2, 2)"),
        ((GOOD, 2), {"out": GOOD.astype(int)}, TypeError, "out has dtype int64"),
        ((GOOD, 2), {"out": [0]}, TypeError, "out is of type list"),
        (
            (GOOD, 2),
            {"out": np.broadcast_to(np.float32(0), (2, 2, 2))},
            ValueError,
            "out is a read-only array",
        ),
    ],
)
def test_bad_input_is_one_clear_error(args, words, error, message):
    with pytest.raises(error) as caught:
        nithresh.threshold(*args, **words)
    assert message in str(caught.value)


def test_what_equals_a_good_word_is_not_taken_for_it():
    # Words that have been checked are remembered, and 1 == 1.0 == True.
    data = np.ones((1, 1, 1), np.float32)
    for _ in range(2):
        assert nithresh.threshold(data, 1, cluster_threshold=1, connectivity=6).all()
        for words in (
            {"threshold": True},
            {"threshold": 1, "cluster_threshold": 1.0},
            {"threshold": 1, "cluster_threshold": True},
            {"threshold": 1, "connectivity": 6.0},
            {"threshold": 1, "two_sided": 1.0},
        ):
            with pytest.raises(TypeError) as caught:
                nithresh.threshold(data, **words)
            assert caught.value.__context__ is None


def test_a_failed_call_leaves_the_output_alone():
    out = np.full((2, 2, 2), 7, np.float32)
    with pytest.raises(ValueError, match="mask is empty"):
        nithresh.threshold(GOOD, 2, mask=np.zeros_like(GOOD), out=out)
    assert (out == 7).all()


@pytest.mark.parametrize("huge", [10**400, 2**63, 10**12])
def test_thresholds_and_extents_beyond_any_map_keep_nothing(huge):
    data = np.ones((3, 3, 3), np.float32)
    assert not nithresh.threshold(data, huge).any()
    assert not nithresh.threshold(data, 0.5, cluster_threshold=huge).any()


def test_the_core_checks_for_itself():
    from nithresh import _core

    sides = {"two_sided": True, "cluster_threshold": 2}
    request = _core.Request(1.0, **sides, connectivity=6)
    words = {"request": request, "mask": None, "out_is_zero": False}
    with pytest.raises(TypeError, match="same dtype"):
        _core.threshold(GOOD, GOOD.astype(int), **words)
    with pytest.raises(ValueError, match=r"out has shape \[1, 2, 2\]"):
        _core.threshold(GOOD, GOOD[:1].copy(), **words)
    with pytest.raises(TypeError, match="complex64"):
        _core.threshold(GOOD.astype("c8"), GOOD.astype("c8"), **words)
    with pytest.raises(ValueError, match="connectivity is 7"):
        _core.Request(1.0, **sides, connectivity=7)
    with pytest.raises(ValueError, match="NaN"):
        _core.Request(np.nan, **sides, connectivity=6)
    with pytest.raises(ValueError, match="two_sided=True it must be 0 or more"):
        _core.Request(-1.0, **sides, connectivity=6)
    mask = np.ones((1, 2, 2), bool)
    with pytest.raises(ValueError, match="mask has shape"):
        _core.threshold(GOOD, GOOD.copy(), **{**words, "mask": mask})
    with pytest.raises(ValueError, match="2 dimensions"):
        _core.threshold(GOOD[0], GOOD[0].copy(), **words)
