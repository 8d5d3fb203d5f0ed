"""`threshold_stats_img`: against nilearn, against SciPy, and where nilearn is wrong."""

import math
import subprocess
import sys
import textwrap

import nibabel
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from nilearn.glm import threshold_stats_img as nilearn_threshold_stats_img
from scipy import stats

import nithresh
from nithresh import testing
from nithresh._tails import Statistic
from oracles import call, finite
from oracles import threshold as naive_threshold

ALPHAS = st.sampled_from([1e-12, 0.001, 0.05, 0.2, 0.45])
ONE_SIDED = ("F", "chi2")
STATS = st.sampled_from(
    [
        *["z", ("t", 1), ("t", 7.5), ("t", 200), ("chi2", 1), ("chi2", 7.5)],
        *[("F", 1, 4), ("F", 2.5, 30), ("F", 9, 9)],
    ]
)


def array(image):
    return np.asanyarray(image.dataobj)


def line(values, dtype=np.float64):
    data = np.asarray(values, dtype).reshape(-1, 1, 1)
    return nibabel.Nifti1Image(data, np.eye(4))


def everywhere(image):
    return nibabel.Nifti1Image(np.ones(image.shape[:3], np.uint8), image.affine)


def kept(image):
    return array(image).ravel().tolist()


def distribution(stat):
    if stat == "z":
        return stats.norm()
    return {"t": stats.t, "F": stats.f, "chi2": stats.chi2}[stat[0]](*stat[1:])


def without_lowest(data):
    """Without the smallest signed integers, which nilearn takes for positive."""
    data = data.astype(data.dtype.newbyteorder("="))
    return (
        np.maximum(data, -np.iinfo(data.dtype).max) if data.dtype.kind == "i" else data
    )


# Against nilearn ----------------------------------------------------------------------


@given(
    st.data(),
    ALPHAS,
    st.sampled_from(["fpr", "fdr", "bonferroni", None]),
    st.integers(0, 4),
    st.booleans(),
    st.booleans(),
)
def test_equal_to_nilearn(
    draw, alpha, height_control, cluster_threshold, two_sided, masked
):
    # With a background of zeros, as maps have, and nilearn's guess is right.
    data = draw.draw(
        testing.maps(
            dtypes=["float32", "float64", "int16", "uint8"],
            dimensions=[3],
            smallest_side=1,
            non_finite=masked,
        )
    )
    data = np.pad(without_lowest(data), 3)
    image = nibabel.Nifti1Image(data, np.eye(4))
    mask_image = None
    if masked:
        mask = draw.draw(testing.masks(data.shape))
        mask_image = nibabel.Nifti1Image(mask.astype(np.uint8), np.eye(4))
        # Where no voxel is on the side asked for, nilearn gives an error.
        assume(two_sided or (finite(data)[mask > 0] >= 0).any())
    else:
        assume(data.any())
    words = {
        "alpha": alpha,
        "height_control": height_control,
        "cluster_threshold": cluster_threshold,
        "two_sided": two_sided,
    }
    if height_control is None:
        words["threshold"] = draw.draw(st.sampled_from([0.5, 1, 2.5, 3, 3.0, None]))
    before = data.tobytes()
    theirs, their_warnings = call(
        nilearn_threshold_stats_img, image, mask_image, **words
    )
    ours, our_warnings = call(nithresh.threshold_stats_img, image, mask_image, **words)
    assert not isinstance(theirs, Exception), theirs
    assert not isinstance(ours, Exception), ours

    np.testing.assert_array_equal(array(ours[0]), array(theirs[0]))
    assert array(ours[0]).dtype == array(theirs[0]).dtype
    assert type(ours[1]) is float
    assert math.isfinite(ours[1])
    if math.isinf(theirs[1]):
        assert not array(ours[0]).any()
    elif height_control == "fdr":
        # nilearn takes 1e-12 off.
        assert ours[1] == pytest.approx(float(theirs[1]), rel=1e-15, abs=1.1e-12)
    else:
        assert ours[1] == float(theirs[1])
    assert data.tobytes() == before

    # nilearn knows nothing of p-values.
    their_warnings = set(their_warnings) - {RuntimeWarning}
    if height_control is not None and looks_like_p(data, mask_image):
        assert UserWarning in our_warnings
    else:
        assert set(our_warnings) == their_warnings


def looks_like_p(data, mask_image):
    values = finite(data)
    values = (
        values[values != 0] if mask_image is None else values[array(mask_image) > 0]
    )
    return all(0 <= v <= 1 for v in values) and not all(v in (0, 1) for v in values)


@given(ALPHAS, st.booleans(), st.sampled_from(["fpr", None]))
def test_no_map_equal_to_nilearn(alpha, two_sided, height_control):
    words = {"alpha": alpha, "two_sided": two_sided, "height_control": height_control}
    theirs = call(nilearn_threshold_stats_img, **words)
    assert call(nithresh.threshold_stats_img, **words) == theirs


@pytest.mark.parametrize("two_sided", [True, False])
@pytest.mark.parametrize("height_control", ["fpr", "fdr", "bonferroni", None])
def test_the_sample_map_equal_to_nilearn(height_control, two_sided):
    path = nithresh.datasets.load_sample_motor_activation_image()
    words = {
        "alpha": 0.01,
        "height_control": height_control,
        "cluster_threshold": 20,
        "two_sided": two_sided,
    }
    theirs, their_warnings = call(nilearn_threshold_stats_img, path, **words)
    ours, our_warnings = call(nithresh.threshold_stats_img, path, **words)
    assert (FutureWarning in our_warnings) == (FutureWarning in their_warnings)
    assert (FutureWarning in our_warnings) == (height_control is None)
    np.testing.assert_array_equal(array(ours[0]), array(theirs[0]))
    assert ours[1] == theirs[1]


def test_a_series_is_pooled_as_in_nilearn():
    rng = np.random.default_rng(0)
    data = np.zeros((10, 10, 10, 3))
    data[3:7, 3:7, 3:7] = rng.standard_normal((4, 4, 4, 3))
    data[5, 5, 5] = [5, 6, 7]
    image = nibabel.Nifti1Image(data, np.eye(4))
    for height_control in ("fdr", "bonferroni"):
        words = {"alpha": 0.05, "height_control": height_control}
        theirs, _ = call(nilearn_threshold_stats_img, image, **words)
        ours = nithresh.threshold_stats_img(image, **words)
        np.testing.assert_array_equal(array(ours[0]), array(theirs[0]))
        assert ours[1] == pytest.approx(theirs[1], abs=1.1e-12)


@pytest.mark.parametrize(
    "words",
    [
        {"height_control": "fwe"},
        {"height_control": 3},
        {"height_control": ["fdr"]},
        {"alpha": [0.05]},
        {"alpha": "0.05"},
        {"alpha": None},
        {"cluster_threshold": -1},
        {"cluster_threshold": 3.0},
        {"cluster_threshold": True},
        {"threshold": -1, "height_control": None},
        {"stat_img": None, "height_control": "fdr"},
        {"stat_img": None, "height_control": "bonferroni"},
        {"stat_img": 3},
        {"stat_img": "no/such/file.nii"},
        {"mask_img": 3},
        {"mask_img": "no/such/file.nii"},
        {"mask_img": line([0, 0, 0])},
    ],
    ids=lambda words: " ".join(f"{key}={value!r:.30}" for key, value in words.items()),
)
def test_errors_are_of_the_type_of_nilearns(words):
    name = next(iter(words))
    words = {"stat_img": line([1, 2, 3])} | words
    theirs, _ = call(nilearn_threshold_stats_img, **words)
    ours, _ = call(nithresh.threshold_stats_img, **words)
    assert isinstance(theirs, (TypeError, ValueError))
    base = TypeError if isinstance(theirs, TypeError) else ValueError
    assert isinstance(ours, base), ours
    assert str(ours).startswith(name)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"alpha": 0}, "alpha is 0; it must be above 0 and below 1"),
        ({"alpha": 1}, "alpha is 1; it must be above 0 and below 1"),
        ({"alpha": 5}, "alpha is 5; it must"),
        ({"alpha": -0.1}, "alpha is -0.1; it must"),
        ({"alpha": math.nan}, "alpha is nan; it must"),
        ({"height_control": "x"}, "is 'x'; it must be 'fpr', 'fdr', 'bonferroni' or"),
        ({"connectivity": 4}, "connectivity is 4"),
        ({"threshold": math.nan, "height_control": None}, "threshold is NaN"),
        ({"stat": "t"}, "stat is 't'; it must be"),
        ({"stat": "x"}, "stat is 'x'; it must be"),
        ({"stat": ("z", 3)}, "stat is ('z', 3); it must be"),
        ({"stat": ("t", 0)}, 'must be "z", ("t", df) or ("F", df1, df2), each df fin'),
        ({"stat": ("t", -3)}, "stat is ('t', -3); it must be"),
        ({"stat": ("t", math.nan)}, "stat is ('t', nan); it must be"),
        ({"stat": ("t", math.inf)}, "stat is ('t', inf); it must be"),
        ({"stat": ("F", 3)}, "stat is ('F', 3); it must be"),
        ({"stat": ("F", 3, 0)}, "stat is ('F', 3, 0); it must be"),
        ({"stat": ("f", 3, 3)}, "stat is ('f', 3, 3); it must be"),
        (
            {"alpha": 1e-310, "stat": ("t", 1)},
            "a tail of 5e-311, for which SciPy finds no value of t(1); alpha must",
        ),
        ({"stat_img": line([0, 0]), "height_control": "fdr"}, "has no tested voxel"),
        ({"stat_img": line([0]), "height_control": "bonferroni"}, "no tested voxel"),
    ],
)
def test_values_that_are_not_allowed(words, message):
    words = {"stat_img": line([1, 2, 3])} | words
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - matched as text
        nithresh.threshold_stats_img(**words)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"alpha": True}, "alpha is True of type bool; it must be a number"),
        ({"two_sided": "yes"}, "two_sided is 'yes'; it must be True or False"),
        ({"threshold": "95%", "height_control": None}, "threshold is '95%'; it must"),
        ({"threshold": True, "height_control": None}, "threshold is True of type"),
        ({"stat": 3}, "stat is 3; it must be"),
        ({"stat": ("t", "3")}, "stat is ('t', '3'); it must be"),
        ({"stat": ("t", True)}, "stat is ('t', True); it must be"),
        ({"stat": ()}, "stat is (); it must be"),
        ({"connectivity": "6"}, "connectivity is '6'"),
        ({"stat_img": line([1j], np.complex64)}, "stat_img has voxels of type"),
        ({"stat_img": np.zeros((2, 2, 2))}, "stat_img is of type ndarray"),
    ],
)
def test_types_that_are_not_allowed(words, message):
    words = {"stat_img": line([1, 2, 3])} | words
    with pytest.raises(TypeError) as caught:
        nithresh.threshold_stats_img(**words)
    assert message in str(caught.value)


def test_an_empty_volume():
    image = nibabel.Nifti1Image(np.zeros((0, 3, 3), np.float32), np.eye(4))
    thresholded, threshold = nithresh.threshold_stats_img(image)
    assert (thresholded.shape, threshold) == ((0, 3, 3), stats.norm.isf(0.0005))
    for height_control in ("fdr", "bonferroni"):
        with pytest.raises(ValueError, match="has no tested voxel"):
            nithresh.threshold_stats_img(image, height_control=height_control)


# Where nilearn is wrong ---------------------------------------------------------------


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_wrong_01_p_exactly_on_the_line_of_benjamini_and_hochberg(rank):
    # Four tests and ranks of 1, 2 and 4, so that no product is rounded.
    z = 2.5
    alpha = 2 * stats.norm.sf(z) * 4 / rank
    image = line([z] * rank + [0.25] * (4 - rank))
    words = {"alpha": alpha, "height_control": "fdr"}
    theirs, _ = call(nilearn_threshold_stats_img, image, everywhere(image), **words)
    assert theirs[1] == math.inf
    ours = nithresh.threshold_stats_img(image, everywhere(image), **words)
    assert ours[1] == z
    assert kept(ours[0]) == [z] * rank + [0] * (4 - rank)


@pytest.mark.parametrize("two_sided", [True, False])
def test_wrong_02_an_infinite_threshold_when_no_voxel_survives(two_sided):
    image = line([1, -2, 2, 0.5])
    words = {"alpha": 0.05, "height_control": "fdr", "two_sided": two_sided}
    theirs, _ = call(nilearn_threshold_stats_img, image, everywhere(image), **words)
    assert theirs[1] == math.inf
    with pytest.warns(UserWarning, match="range of the map.*no voxel is kept"):
        ours = nithresh.threshold_stats_img(image, **words)
    # What a single voxel would have had to reach.
    assert ours[1] == stats.norm.isf(0.05 / (1 + two_sided) / 4)
    assert kept(ours[0]) == [0] * 4


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_wrong_02_no_voxel_survives_by_rounding(dtype):
    # Both are 3 in the type of the map, but the voxel is a little below the line.
    alpha = stats.norm.sf(3) * (1 - 1e-9 if dtype != np.float64 else 1 - 1e-15)
    image = nibabel.Nifti1Image(
        np.full((1, 1, 1), 3, dtype), np.eye(4), nibabel.Nifti1Header()
    )
    with pytest.warns(UserWarning, match="no voxel is kept"):
        thresholded, threshold = nithresh.threshold_stats_img(
            image, alpha=alpha, height_control="fdr", two_sided=False
        )
    assert kept(thresholded) == [0]
    assert 3 < threshold < 3.01


def test_wrong_02_no_voxel_survives_beyond_the_type_of_the_map():
    data = np.array([1, 2], np.float16).reshape(2, 1, 1)
    image = nibabel.Nifti1Image(data, np.eye(4), nibabel.Nifti1Header())
    with pytest.warns(UserWarning, match="no voxel is kept"):
        thresholded, threshold = nithresh.threshold_stats_img(
            image, alpha=1e-12, height_control="fdr", stat=("t", 1)
        )
    assert kept(thresholded) == [0, 0]
    assert threshold == pytest.approx(stats.t.isf(1e-12 / 4, 1))


def test_wrong_03_zeros_are_tested_if_the_background_is_nan():
    data = np.full((9, 9, 9), np.nan)
    data[3:6, 3:6, 3:6] = np.arange(27).reshape(3, 3, 3) / 9 - 1
    assert (data == 0).sum() == 1
    image = nibabel.Nifti1Image(data, np.eye(4))
    words = {"alpha": 0.05, "height_control": "bonferroni"}
    theirs, _ = call(nilearn_threshold_stats_img, image, **words)
    ours, _ = call(nithresh.threshold_stats_img, image, **words)
    assert theirs[1] == stats.norm.isf(0.025 / 27)
    assert ours[1] == stats.norm.isf(0.025 / 26)


def test_wrong_03_nan_is_tested_if_the_background_is_zero():
    data = np.zeros((9, 9, 9))
    data[3:6, 3:6, 3:6] = 1.5
    data[4, 4, 4:6] = [np.nan, np.inf]
    image = nibabel.Nifti1Image(data, np.eye(4))
    words = {"alpha": 0.05, "height_control": "bonferroni"}
    theirs, _ = call(nilearn_threshold_stats_img, image, **words)
    ours, _ = call(nithresh.threshold_stats_img, image, **words)
    assert theirs[1] == stats.norm.isf(0.025 / 27)
    assert ours[1] == stats.norm.isf(0.025 / 25)


def test_wrong_03_the_median_of_the_border_is_taken_for_the_background():
    # A field of view that is all brain.
    data = np.full((4, 4, 4), 2.0)
    data[1:3, 1:3, 1:3] = 1
    data[0, 0, 0] = -4
    image = nibabel.Nifti1Image(data, np.eye(4))
    words = {"alpha": 0.05, "height_control": "bonferroni"}
    theirs, _ = call(nilearn_threshold_stats_img, image, **words)
    ours = nithresh.threshold_stats_img(image, **words)
    assert theirs[1] == stats.norm.isf(0.025 / 9)
    assert ours[1] == stats.norm.isf(0.025 / 64)


def test_wrong_03_a_map_without_a_background_of_its_own_is_refused():
    image = line([0] * 5)
    theirs, _ = call(nilearn_threshold_stats_img, image)
    assert isinstance(theirs, ValueError)
    with pytest.warns(UserWarning, match="no voxel is kept"):
        ours = nithresh.threshold_stats_img(image)
    assert kept(ours[0]) == [0] * 5


def test_wrong_04_a_mask_on_another_grid_changes_the_number_of_tests():
    data = np.zeros((6, 6, 6))
    data[1:5, 1:5, 1:5] = 2
    image = nibabel.Nifti1Image(data, np.diag([2.0, 2, 2, 1]))
    fine = np.kron(data != 0, np.ones((2, 2, 2))).astype(np.uint8)
    affine = np.eye(4)
    affine[:3, 3] = -0.5
    mask_image = nibabel.Nifti1Image(fine, affine)
    words = {"alpha": 0.05, "height_control": "bonferroni"}
    theirs, _ = call(nilearn_threshold_stats_img, image, mask_image, **words)
    ours, warnings = call(nithresh.threshold_stats_img, image, mask_image, **words)
    assert theirs[1] == stats.norm.isf(0.025 / (8 * 64))
    assert ours[1] == stats.norm.isf(0.025 / 64)
    assert warnings == [UserWarning]  # that 2 is below the threshold


def test_wrong_05_one_sided_with_a_large_alpha_keeps_the_other_side():
    image = line([-2, -1, 0, 1, 2])
    words = {"alpha": 0.7, "two_sided": False}
    theirs, _ = call(nilearn_threshold_stats_img, image, everywhere(image), **words)
    assert theirs[1] < 0
    assert kept(theirs[0]) == [-2, -1, 0, 0, 0]
    ours = nithresh.threshold_stats_img(image, **words)
    assert ours[1] == 0
    assert kept(ours[0]) == [0, 0, 0, 1, 2]
    for height_control in ("fdr", "bonferroni"):
        words = {"alpha": 0.9, "two_sided": False, "height_control": height_control}
        thresholded, threshold = nithresh.threshold_stats_img(image, **words)
        assert threshold >= 0
        assert min(kept(thresholded)) == 0
    # Zeros and negative values pass no test for a positive effect, and so do not
    # help others to pass it.
    for values in ([-0.1], [0.5, -0.1] + [0] * 9, [0.5] + [-0.1] * 9):
        image = line(values)
        with pytest.warns(UserWarning, match="no voxel is kept"):
            thresholded, threshold = nithresh.threshold_stats_img(
                image,
                everywhere(image),
                alpha=0.9,
                two_sided=False,
                height_control="fdr",
                stat="z" if len(values) == 1 else ("t", 5),
            )
        assert not any(kept(thresholded))
        assert threshold > max(values)


def test_wrong_06_alpha_beyond_probabilities_is_said_to_be_the_threshold():
    image = line([1, 2, 3])
    for alpha in (1.7, -1):
        theirs, _ = call(nilearn_threshold_stats_img, image, alpha=alpha)
        assert '"threshold" should not be a negative' in str(theirs)
        with pytest.raises(ValueError, match=f"alpha is {alpha}"):
            nithresh.threshold_stats_img(image, alpha=alpha)


def test_wrong_07_t_maps_are_taken_for_z_maps():
    image = line([2, 3.5, -4, 5])
    image.header.set_intent("t test", (12,))
    theirs, _ = call(nilearn_threshold_stats_img, image, everywhere(image))
    ours = nithresh.threshold_stats_img(image)
    assert theirs[1] == stats.norm.isf(0.0005)
    assert ours[1] == stats.t.isf(0.0005, 12)
    assert kept(ours[0]) == [0, 0, 0, 5]


# The statistics -----------------------------------------------------------------------


@given(
    STATS,
    st.one_of(st.floats(-30, -0.4), st.sampled_from([-12.0, -3.0])),
    st.booleans(),
)
def test_a_threshold_has_the_tail_that_was_asked_for(stat, exponent, two_sided):
    alpha = 10**exponent
    _, threshold = nithresh.threshold_stats_img(
        alpha=alpha, stat=stat, two_sided=two_sided
    )
    tail = alpha / 2 if two_sided and stat[0] not in ONE_SIDED else alpha
    assert distribution(stat).sf(threshold) == pytest.approx(tail, rel=1e-9)


@pytest.mark.parametrize("alpha", [0.3, 0.05, 0.001])
@pytest.mark.parametrize(
    "stat",
    [
        "z",
        ("t", 2),
        ("t", 33.3),
        ("F", 1, 10),
        ("F", 4, 1e6),
        ("F", 100, 2),
        ("chi2", 5),
    ],
)
def test_thresholds_are_those_of_scipy(stat, alpha):
    _, threshold = nithresh.threshold_stats_img(alpha=alpha, stat=stat, two_sided=False)
    # SciPy takes F from 1 - p.
    assert threshold == pytest.approx(distribution(stat).isf(alpha), rel=1e-11)


@pytest.mark.parametrize("alpha", [0.05, 1e-6, 1e-12, 1e-20])
@pytest.mark.parametrize("df", [1, 2, 7, 30, 1000, 1e6])
def test_identities_far_out_in_the_tails(df, alpha):
    _, t = nithresh.threshold_stats_img(alpha=alpha, stat=("t", df))
    _, f = nithresh.threshold_stats_img(alpha=alpha, stat=("F", 1, df))
    assert f == pytest.approx(t**2, rel=1e-9)
    if df == 1:
        assert t == pytest.approx(1 / math.tan(math.pi * alpha / 2), rel=1e-12)
    # The tail of F with 2 and df degrees of freedom is (1 + 2 F / df) ** (-df / 2).
    _, f = nithresh.threshold_stats_img(alpha=alpha, stat=("F", 2, df))
    expected = df / 2 * math.expm1(-2 / df * math.log(alpha))
    assert f == pytest.approx(expected, rel=1e-12)


def test_scipys_own_inverse_of_f_would_not_do():
    exact = 30 / 2 * math.expm1(-2 / 30 * math.log(1e-12))
    assert Statistic("F", (2, 30)).critical_value(1e-12) == pytest.approx(
        exact, rel=1e-13
    )
    assert abs(stats.f.isf(1e-12, 2, 30) / exact - 1) > 1e-7


def naive_survivors(values, alpha, stat, two_sided):
    """Benjamini and Hochberg's procedure, a p-value at a time."""
    null = distribution(stat)
    if stat[0] in ONE_SIDED:
        p = [float(null.sf(max(v, 0))) for v in values]
    elif two_sided:
        p = [2 * float(null.sf(abs(v))) for v in values]
    else:
        p = [float(null.sf(v)) if v > 0 else 1.0 for v in values]
    for rank in range(len(p), 0, -1):
        limit = sorted(p)[rank - 1]
        if limit <= alpha * (rank / len(p)):
            return [own <= limit for own in p]
    return [False] * len(p)


@given(
    testing.maps(
        dtypes=["float32", "float64", "int8", "int16", "uint8"],
        smallest_side=1,
        largest_side=4,
    ),
    STATS,
    ALPHAS | st.just(0.9),
    st.booleans(),
    st.booleans(),
)
def test_discoveries_are_those_of_a_naive_twin(data, stat, alpha, two_sided, masked):
    image = nibabel.Nifti1Image(data, np.eye(4))
    values = finite(data).astype(np.float64)
    tested = np.ones(data.shape, bool) if masked else values != 0
    assume(tested.any())
    (thresholded, threshold), _ = call(
        nithresh.threshold_stats_img,
        image,
        everywhere(image) if masked else None,
        alpha=alpha,
        height_control="fdr",
        two_sided=two_sided,
        stat=stat,
    )
    expected = np.zeros(data.shape)
    expected[tested] = np.where(
        naive_survivors(values[tested].tolist(), alpha, stat, two_sided),
        values[tested],
        0,
    )
    np.testing.assert_array_equal(array(thresholded), expected)
    assert math.isfinite(threshold)


@given(testing.maps(dimensions=[3], smallest_side=1), STATS, ALPHAS, st.booleans())
def test_what_passes_is_what_bonferroni_lets_pass(data, stat, alpha, two_sided):
    assume(data.dtype.kind == "f" or data.dtype.itemsize < 8)
    image = nibabel.Nifti1Image(data, np.eye(4))
    values = finite(data)
    assume(values.any())
    (thresholded, threshold), _ = call(
        nithresh.threshold_stats_img,
        image,
        alpha=alpha,
        height_control="bonferroni",
        cluster_threshold=2,
        two_sided=two_sided,
        stat=stat,
        connectivity=18,
    )
    two_sided = two_sided and stat[0] not in ONE_SIDED
    share = alpha / (1 + two_sided) / np.count_nonzero(values)
    assert distribution(stat).sf(threshold) == pytest.approx(share, rel=1e-9)
    expected = naive_threshold(
        data, threshold, cluster_threshold=2, two_sided=two_sided, connectivity=18
    )
    np.testing.assert_array_equal(array(thresholded), expected)


def test_an_f_map_is_tested_on_its_upper_side_with_all_of_alpha():
    # -9 is what interpolation leaves, not a discovery.
    image = line([0.5, 4, 9, -9])
    for two_sided in (True, False):
        thresholded, threshold = nithresh.threshold_stats_img(
            image, alpha=0.05, stat=("F", 2, 20), two_sided=two_sided
        )
        assert threshold == pytest.approx(stats.f.isf(0.05, 2, 20), rel=1e-12)
        assert kept(thresholded) == [0, 4, 9, 0]
        thresholded, threshold = nithresh.threshold_stats_img(
            image,
            alpha=0.05,
            stat=("F", 2, 20),
            two_sided=two_sided,
            height_control="fdr",
        )
        assert threshold == 9
        assert kept(thresholded) == [0, 0, 9, 0]


# Headers ------------------------------------------------------------------------------


@pytest.mark.parametrize("image_class", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("extension", [".nii", ".nii.gz"])
@pytest.mark.parametrize(
    ("intent", "parameters", "stat"),
    [
        ("none", (), "z"),
        ("z score", (), "z"),
        ("t test", (12,), ("t", 12)),
        ("t test", (17.5,), ("t", 17.5)),
        ("f test", (2, 40), ("F", 2, 40)),
        ("chi2", (1,), ("chi2", 1)),
    ],
)
def test_what_the_header_of_a_file_says(
    tmp_path, image_class, extension, intent, parameters, stat
):
    data = np.array([1, 7, 9, -9], np.float32).reshape(4, 1, 1)
    image = image_class(data, np.eye(4))
    image.header.set_intent(intent, parameters)
    path = tmp_path / f"map{extension}"
    nibabel.save(image, path)
    tail = 0.01 if stat[0] in ONE_SIDED else 0.005
    expected = pytest.approx(distribution(stat).isf(tail), rel=1e-12)
    for given_path in (path, str(path)):
        thresholded, threshold = nithresh.threshold_stats_img(given_path, alpha=0.01)
        assert threshold == expected
        assert kept(thresholded) == [0, 7, 9, -9 if tail == 0.005 else 0]
        assert thresholded.header.get_intent()[:2] == (intent, parameters)
    # What the caller says goes before it.
    _, threshold = nithresh.threshold_stats_img(path, alpha=0.01, stat=("t", 3))
    assert threshold == pytest.approx(stats.t.isf(0.005, 3), rel=1e-12)


@pytest.mark.parametrize(
    ("intent", "parameters"),
    [("t test", (0,)), ("t test", (-3,)), ("f test", (2, 0)), ("f test", (0, 9))],
)
def test_a_header_without_degrees_of_freedom(intent, parameters):
    image = line([1, 2, 5])
    image.header.set_intent(intent, parameters)
    with pytest.raises(ValueError, match=f"says {intent!r} with the degrees of freed"):
        nithresh.threshold_stats_img(image)
    nithresh.threshold_stats_img(image, stat="z")
    nithresh.threshold_stats_img(image, threshold=2.5, height_control=None)


@pytest.mark.parametrize(
    ("intent", "parameters"),
    [("correlation", (9,)), ("label", ()), ("estimate", ())],
)
def test_another_intent(intent, parameters):
    image = line([1, 2, 5])
    image.header.set_intent(intent, parameters)
    with pytest.warns(UserWarning, match=f"its intent is {intent!r}; its values are"):
        _, threshold = nithresh.threshold_stats_img(image)
    assert threshold == stats.norm.isf(0.0005)
    nithresh.threshold_stats_img(image, stat="z")
    nithresh.threshold_stats_img(image, threshold=2.5, height_control=None)


def test_a_header_without_intents():
    data = np.array([1, 2, 5], np.float32).reshape(3, 1, 1)
    thresholded, threshold = nithresh.threshold_stats_img(
        nibabel.MGHImage(data, np.eye(4))
    )
    assert threshold == stats.norm.isf(0.0005)
    assert kept(thresholded) == [0, 0, 5]


# Warnings -----------------------------------------------------------------------------

P_VALUES = [0.5, 0.001, 1, 0, 0.04]


@pytest.mark.parametrize("height_control", ["fpr", "fdr", "bonferroni"])
@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("stat", [None, "z", ("t", 9)])
def test_p_values(height_control, masked, stat):
    image = line([*P_VALUES, np.nan])
    with (
        pytest.warns(UserWarning, match="all lie between 0 and 1, as p-values"),
        pytest.warns(UserWarning, match="no voxel is kept"),
        pytest.warns(UserWarning, match="Non-finite values detected"),
    ):
        nithresh.threshold_stats_img(
            image,
            everywhere(image) if masked else None,
            height_control=height_control,
            stat=stat,
        )


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([0, 1, 1], {"alpha": 0.9}),
        ([*P_VALUES, -0.1], {"alpha": 0.9}),
        ([*P_VALUES, 1.1], {"alpha": 0.9}),
        (P_VALUES, {"alpha": 0.9, "stat": ("F", 3, 20)}),
        (P_VALUES, {"height_control": None, "threshold": 0.9}),
    ],
)
def test_no_p_values(values, words):
    nithresh.threshold_stats_img(line(values), **words)


def test_a_threshold_that_is_not_used():
    image = line([1, 2, 5])
    with pytest.warns(
        UserWarning, match="threshold is 2.5, which is not used"
    ) as caught:
        _, threshold = nithresh.threshold_stats_img(image, threshold=2.5)
    assert threshold == stats.norm.isf(0.0005)
    assert caught[0].filename == __file__
    thresholded, threshold = nithresh.threshold_stats_img(
        image, threshold=2, height_control=None
    )
    assert (kept(thresholded), threshold) == ([0, 2, 5], 2)


def test_the_default_threshold_will_change():
    image = line([1, 2, 5])
    for words in ({}, {"threshold": 3}):
        with pytest.warns(FutureWarning, match="becomes 3.0902 .* in nilearn") as seen:
            thresholded, threshold = nithresh.threshold_stats_img(
                image, height_control=None, **words
            )
        assert (kept(thresholded), threshold) == ([0, 0, 5], 3)
        assert seen[0].filename == __file__


def test_a_mask_is_warned_of_once():
    image = line([1, 2, 5])
    affine = np.eye(4)
    affine[0, 3] = 0.2
    header = nibabel.Nifti1Header()
    mask_image = nibabel.Nifti1Image(np.ones((3, 1, 1), np.float32), affine, header)
    array(mask_image)[0] = np.nan
    mask_image.set_sform(None, 0)
    mask_image.set_qform(affine, 1)
    _, warnings = call(nithresh.threshold_stats_img, image, mask_image)
    assert warnings == [UserWarning] * 2  # NaN in it, and no sform


# SciPy --------------------------------------------------------------------------------


def run(code):
    subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)], check=True
    )


def test_scipy_is_imported_with_the_first_error_rate():
    run(
        """
        import sys
        import nithresh
        assert "nibabel" not in sys.modules
        assert "scipy" not in sys.modules
        path = nithresh.datasets.load_sample_motor_activation_image()
        nithresh.threshold_stats_img(path, threshold=2.5, height_control=None)
        # nibabel imports the bare scipy if it is there.
        assert "scipy.special" not in sys.modules
        nithresh.threshold_stats_img(path)
        assert "scipy.special" in sys.modules
        """
    )


def test_without_scipy():
    run(
        """
        import sys
        sys.modules["scipy"] = None  # as if it were not there
        import nithresh
        path = nithresh.datasets.load_sample_motor_activation_image()
        thresholded, threshold = nithresh.threshold_stats_img(
            path, threshold=2.5, height_control=None
        )
        assert threshold == 2.5 and thresholded.shape == (53, 63, 46)
        for rate in ("fpr", "fdr", "bonferroni"):
            try:
                nithresh.threshold_stats_img("no/such.nii", height_control=rate)
            except ImportError as error:
                assert "pip install 'nithresh[stats]'" in str(error), error
            else:
                raise AssertionError
        """
    )
