"""`nithresh.tfce` and `tfce_img`, against SciPy's labels, tfce and nilearn."""

import nibabel
import numpy as np
import pytest
import tfce as tfce_package
from hypothesis import given
from hypothesis import strategies as st
from nilearn.mass_univariate._utils import calculate_tfce
from scipy import ndimage

import nithresh
from nithresh import datasets, testing
from oracles import NEIGHBOURS
from oracles import tfce as naive_tfce

CONNECTIVITIES = st.sampled_from([6, 18, 26])
# The usual ones, which have ways of their own, and others.
POWERS = st.sampled_from(
    [
        {"E": E, "H": H}
        for E, H in [(0.5, 2.0), (0.5, 2), (1, 2.0), (0.5, 1), (0, 0), (0.7, 2.5)]
    ]
)
RANGES = {np.dtype("f4"): np.finfo("f4"), np.dtype("f8"): np.finfo("f8")}


def score_type(data):
    return np.dtype("f4" if np.can_cast(data.dtype, "f4") else "f8")


def array(image):
    return np.asanyarray(image.dataobj)


def fits(scores, dtype):
    """Whether the largest score is one of the normal numbers of a type."""
    largest = abs(scores).max(initial=0)
    smallest, most = RANGES[dtype].tiny, RANGES[dtype].max
    return largest == 0 or smallest <= largest <= most


@given(testing.maps(), POWERS, st.booleans(), CONNECTIVITIES, st.data())
def test_equal_to_a_sum_over_all_heights(data, powers, two_sided, connectivity, draw):
    mask = None
    if data.size and draw.draw(st.booleans()):
        mask = draw.draw(testing.masks(data.shape[:3]))
    words = {"two_sided": two_sided, "connectivity": connectivity, "mask": mask}
    expected = naive_tfce(data, **powers, **words)
    dtype = score_type(data)
    before = data.tobytes()
    if not fits(expected, dtype):
        with pytest.raises(ValueError, match=f"too large or too small for {dtype}"):
            nithresh.tfce(data, **powers, **words)
        data = data / 1e30
        expected = naive_tfce(data, **powers, **words)
        dtype = score_type(data)
        before = data.tobytes()
    found = nithresh.tfce(data, **powers, **words)
    assert found.dtype == dtype
    assert data.tobytes() == before
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=RANGES[dtype].tiny)


@given(testing.maps(layouts=["C"]), POWERS, st.booleans(), CONNECTIVITIES)
def test_the_memory_layout_changes_no_bit(data, powers, two_sided, connectivity):
    data = np.where(abs(data.astype("f8")) > 1e18, 1, data).astype(data.dtype)
    words = {"two_sided": two_sided, "connectivity": connectivity}
    scores = nithresh.tfce(data, **powers, **words)
    for layout in testing.LAYOUTS.values():
        found = nithresh.tfce(layout(data), **powers, **words)
        assert found.dtype == scores.dtype
        assert found.tobytes() == scores.tobytes()
    turned = nithresh.tfce(data.swapaxes(0, 2)[::-1], **powers, **words)
    assert turned[::-1].swapaxes(0, 2).tobytes() == scores.tobytes()


def test_the_number_of_threads_changes_no_bit():
    rng = np.random.default_rng(0)
    data = ndimage.gaussian_filter(rng.standard_normal((70, 60, 50)), 1.5)
    series = np.stack([data, -data, data[::-1]], axis=-1)
    results = []
    try:
        for threads in (1, 2, 5):
            nithresh.set_num_threads(threads)
            results.append((nithresh.tfce(data).tobytes(), nithresh.tfce(series)))
    finally:
        nithresh.set_num_threads(None)
    assert len({one.tobytes() for _, one in results}) == 1
    assert len({one for one, _ in results}) == 1
    for volume, expected in enumerate([data, -data, data[::-1]]):
        np.testing.assert_array_equal(
            results[0][1][..., volume], nithresh.tfce(np.ascontiguousarray(expected))
        )


@given(
    testing.maps(dtypes=["float32", "int16", "uint8"], smallest_side=1),
    POWERS,
    st.booleans(),
    CONNECTIVITIES,
)
def test_equal_to_the_tfce_package(data, powers, two_sided, connectivity):
    values = np.nan_to_num(data.astype("f4"), posinf=0, neginf=0)
    values[abs(values) > 1e6] = 1
    words = {"connectivity": connectivity, "two_sided": two_sided}
    theirs = tfce_package.tfce(values, **powers, **words)
    np.testing.assert_allclose(
        nithresh.tfce(values, **powers, **words), theirs, rtol=2e-6
    )


@pytest.mark.parametrize("connectivity", [6, 18, 26])
def test_a_real_map_is_equal_to_the_tfce_package(connectivity):
    data = array(nithresh.load(datasets.load_sample_motor_activation_image()))
    ours = nithresh.tfce(data, connectivity=connectivity)
    theirs = tfce_package.tfce(data, connectivity=connectivity)
    np.testing.assert_allclose(ours, theirs, rtol=2e-6)


@pytest.mark.parametrize("connectivity", [6, 26])
def test_nilearn_s_sum_comes_close_once_it_is_scaled(connectivity):
    rng = np.random.default_rng(0)
    data = 3 * ndimage.gaussian_filter(rng.standard_normal((20, 20, 20)), 2)
    structure = ndimage.generate_binary_structure(3, NEIGHBOURS[connectivity])
    steps = 1000
    step = abs(data).max() / steps
    theirs = calculate_tfce(data[..., None], structure, dh=step)[..., 0] * step
    ours = nithresh.tfce(data, connectivity=connectivity)
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.99999
    assert abs(ours - theirs).max() < 0.01 * abs(ours).max()


@given(
    testing.maps(dtypes=["float64"], dimensions=[3], smallest_side=1), CONNECTIVITIES
)
def test_signs_are_each_other_s_mirror(data, connectivity):
    data = np.where(abs(data) > 1e18, 1, data)
    both = nithresh.tfce(data, connectivity=connectivity)
    np.testing.assert_array_equal(
        nithresh.tfce(-data, connectivity=connectivity), -both
    )
    positive = nithresh.tfce(data, connectivity=connectivity, two_sided=False)
    np.testing.assert_array_equal(positive, np.maximum(both, 0))


def test_scores_of_a_pile():
    # One cluster of three voxels up to a height of 1, then two of one voxel each.
    data = np.array([2.0, 1.0, 3.0, 0.0, -2.0]).reshape(5, 1, 1)
    scores = nithresh.tfce(data, E=1, H=0)[:, 0, 0]
    assert scores.tolist() == [3 + 1, 3, 3 + 2, 0, -2]
    scores = nithresh.tfce(data, E=2, H=1)[:, 0, 0]
    assert scores.tolist() == [4.5 + 1.5, 4.5, 4.5 + 4, 0, -2]


def test_float16_bool_and_empty_maps():
    half = np.array([0.5, 2, -3], np.float16).reshape(3, 1, 1)
    assert nithresh.tfce(half).dtype == np.float32
    np.testing.assert_array_equal(nithresh.tfce(half), nithresh.tfce(half.astype("f4")))
    flags = np.array([True, True, False]).reshape(3, 1, 1)
    assert nithresh.tfce(flags, E=1, H=0)[:, 0, 0].tolist() == [2, 2, 0]
    for shape in [(0, 3, 4), (3, 4, 0), (2, 2, 2, 0)]:
        assert nithresh.tfce(np.zeros(shape)).shape == shape
    assert not nithresh.tfce(np.full((2, 2, 2), np.nan)).any()


def test_values_too_far_from_one_are_refused():
    for value in (1e30, 1e-30):
        data = np.full((1, 1, 1), value, np.float32)
        with pytest.raises(ValueError, match="for float32; scale data"):
            nithresh.tfce(data)
        assert nithresh.tfce(data.astype("f8")).item() == pytest.approx(value**3 / 3)
    with pytest.raises(ValueError, match="for float64"):
        nithresh.tfce(np.full((1, 1, 1), 1e200))
    # A small value beside a larger one is no reason to refuse the map.
    both = np.array([1e-30, 0, -1]).reshape(3, 1, 1).astype("f4")
    assert nithresh.tfce(both, E=1).ravel().tolist() == [0, 0, pytest.approx(-1 / 3)]


GOOD = np.ones((2, 2, 2), np.float32)


@pytest.mark.parametrize(
    ("args", "words", "error", "message"),
    [
        ((GOOD,), {"E": -1}, ValueError, "E is -1"),
        ((GOOD,), {"E": np.nan}, ValueError, "E is nan"),
        ((GOOD,), {"H": np.inf}, ValueError, "H is inf"),
        ((GOOD,), {"H": "2"}, TypeError, "H is '2' of type str"),
        ((GOOD,), {"H": True}, TypeError, "H is True"),
        ((GOOD,), {"H": 10**400}, ValueError, "H is"),
        ((GOOD,), {"connectivity": 8}, ValueError, "6 (faces), 18"),
        ((GOOD,), {"two_sided": "yes"}, TypeError, "two_sided is 'yes'"),
        (([[[1.0]]],), {}, TypeError, "data is of type list"),
        ((GOOD[0],), {}, ValueError, "data has 2 dimensions"),
        ((GOOD.astype(complex),), {}, TypeError, "data has dtype complex128"),
        ((GOOD,), {"mask": GOOD * 0}, ValueError, "mask is empty"),
        ((GOOD,), {"mask": GOOD[0]}, ValueError, "mask has shape (2, 2)"),
        ((GOOD,), {"mask": "brain"}, TypeError, "mask is of type str"),
    ],
)
def test_bad_input_is_one_clear_error(args, words, error, message):
    with pytest.raises(error) as caught:
        nithresh.tfce(*args, **words)
    assert message in str(caught.value)


def test_the_core_checks_for_itself():
    from nithresh import _core

    words = {"mask": None, "two_sided": True, "connectivity": 6}
    powers = {"extent_power": 0.5, "height_power": 2.0}
    with pytest.raises(TypeError, match="same dtype"):
        _core.tfce(GOOD, GOOD.astype("f8"), **words, **powers)
    with pytest.raises(ValueError, match=r"out has shape \[1, 2, 2\]"):
        _core.tfce(GOOD, GOOD[:1].copy(), **words, **powers)
    with pytest.raises(ValueError, match="E is -1"):
        _core.tfce(GOOD, GOOD.copy(), **words, **powers | {"extent_power": -1.0})
    with pytest.raises(ValueError, match="H is NaN"):
        _core.tfce(GOOD, GOOD.copy(), **words, **powers | {"height_power": np.nan})
    mask = np.ones((1, 2, 2), bool)
    with pytest.raises(ValueError, match="mask has shape"):
        _core.tfce(GOOD, GOOD.copy(), **words | {"mask": mask}, **powers)


@given(testing.images(largest_side=4), POWERS, st.booleans(), CONNECTIVITIES)
def test_images_have_the_scores_of_their_arrays(image, powers, two_sided, connectivity):
    data = array(image)
    data[abs(data.astype("f8")) > 1e6] = 1
    if data.dtype.kind == "f":
        data[~np.isfinite(data)] = 0
    words = powers | {"two_sided": two_sided, "connectivity": connectivity}
    before = image.to_bytes()
    found = nithresh.tfce_img(image, **words)
    assert image.to_bytes() == before
    assert type(found) is type(image)
    np.testing.assert_array_equal(array(found), nithresh.tfce(data, **words))
    np.testing.assert_array_equal(found.affine, image.affine)
    assert found.get_data_dtype() == array(found).dtype
    assert found.header.get_intent() == ("none", (), "")
    assert found.header["descrip"] == b"drawn"
    assert found.header.extensions == image.header.extensions


def test_files_and_masks(tmp_path):
    path = datasets.load_sample_motor_activation_image()
    image = nithresh.load(path)
    data = array(image)
    mask = (data > 2).astype(np.uint8)
    mask_img = nibabel.Nifti1Image(mask, image.affine)
    found = nithresh.tfce_img(path, connectivity=26, mask_img=mask_img)
    expected = nithresh.tfce(data, connectivity=26, mask=mask)
    np.testing.assert_array_equal(array(found), expected)
    assert found.get_data_dtype() == np.float32
    nithresh.save(found, tmp_path / "scores.nii.gz")
    np.testing.assert_array_equal(
        array(nithresh.load(tmp_path / "scores.nii.gz")), expected
    )


def test_a_warning_of_values_that_are_no_numbers():
    data = np.array([np.nan, 1, np.inf], np.float32).reshape(3, 1, 1)
    image = nibabel.Nifti1Image(data, np.eye(4))
    with pytest.warns(UserWarning, match="They count as zero") as caught:
        found = nithresh.tfce_img(image, E=1, H=0)
    assert [warning.filename for warning in caught] == [__file__]
    assert array(found).ravel().tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("args", "words", "error", "message"),
    [
        (("missing.nii",), {}, FileNotFoundError, "img is 'missing.nii'"),
        ((GOOD,), {}, TypeError, "img is of type ndarray"),
        (("missing.nii",), {"E": -1}, ValueError, "E is -1"),
        (("missing.nii",), {"connectivity": 5}, ValueError, "connectivity is 5"),
    ],
)
def test_bad_images_are_one_clear_error(args, words, error, message):
    with pytest.raises(error) as caught:
        nithresh.tfce_img(*args, **words)
    assert message in str(caught.value)
