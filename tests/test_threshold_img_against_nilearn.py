"""`threshold_img` against nilearn, on random images and every kind of argument."""

import nibabel
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import nithresh
from nithresh import testing
from oracles import call, nilearn_threshold_img

# How many cases: this is the contract, so it gets the most.
CASES = settings(max_examples=4 * settings().max_examples)


def array(image):
    return np.asanyarray(image.dataobj)


def assert_same_header(ours, theirs):
    """All fields are equal, but for the data type that ours sets right."""
    assert type(ours) is type(theirs)
    for field in theirs.keys():  # noqa: SIM118 - a header is no mapping
        if field in ("datatype", "bitpix"):
            continue
        np.testing.assert_array_equal(ours[field], theirs[field], err_msg=field)
    assert ours.extensions == theirs.extensions


def assert_same(ours, theirs):
    """The images agree: class, values, types, affine, header."""
    assert type(ours) is type(theirs)
    np.testing.assert_array_equal(array(ours), array(theirs))
    native = array(theirs).dtype.newbyteorder("=")
    assert array(ours).dtype == native
    assert ours.get_data_dtype().newbyteorder("=") == native
    np.testing.assert_array_equal(ours.affine, theirs.affine)
    assert_same_header(ours.header, theirs.header)


def is_wrong_in_nilearn(data, threshold, two_sided, cluster_threshold=0):
    """The listed cases in which nilearn is wrong; they have their own tests."""
    volumes = np.moveaxis(data, 3, 0) if data.ndim == 4 else [data]
    if cluster_threshold > 1 and any(
        (volume > 0).all() or (volume < 0).all() for volume in volumes
    ):
        return True  # a cluster that fills the volume is never dropped
    data = data.astype(data.dtype.newbyteorder("="))
    if data.dtype.kind == "i" and (data == np.iinfo(data.dtype).min).any():
        return True  # abs() overflows
    data = np.where(np.isfinite(data), data, 0)
    if not two_sided:
        percentile = isinstance(threshold, str)
        number = 0 if percentile else threshold
        on_that_side = (data >= 0) if number >= 0 else (data <= 0)
        return not on_that_side.any()
    return False


@CASES
@given(
    testing.images(),
    st.data(),
    st.booleans(),
    st.integers(-1, 6),
    st.booleans(),
    st.booleans(),
)
def test_equal_to_nilearn(
    image, draw, two_sided, cluster_threshold, copy_header, masked
):
    threshold = draw.draw(testing.thresholds(two_sided=two_sided))
    words = {
        "cluster_threshold": cluster_threshold,
        "two_sided": two_sided,
        "copy_header": copy_header,
    }
    voxels = array(image)
    inside = np.ones(voxels.shape[:3], bool)
    if masked:
        mask = draw.draw(testing.masks(voxels.shape[:3]))
        inside = mask != 0
        if mask.dtype == bool:
            mask = mask.astype(np.uint8)
        words["mask_img"] = nibabel.Nifti1Image(mask, image.affine)
    for volume in np.atleast_2d(voxels[inside].T):
        assume(not is_wrong_in_nilearn(volume, threshold, two_sided, cluster_threshold))
    before = voxels.tobytes()

    theirs, their_warnings = nilearn_threshold_img(image, threshold, **words)
    ours, our_warnings = call(nithresh.threshold_img, image, threshold, **words)

    assert not isinstance(ours, Exception), ours
    assert_same(ours, theirs)
    assert our_warnings == their_warnings
    assert voxels.tobytes() == before


@given(testing.images(layouts=["C", "Fortran"]), st.integers(0, 4))
def test_in_place_equal_to_nilearn(image, cluster_threshold):
    assume(not is_wrong_in_nilearn(array(image), 2, True, cluster_threshold))

    def copy_of(image):
        return type(image)(array(image).copy(order="K"), image.affine, image.header)

    own, other = copy_of(image), copy_of(image)
    theirs, their_warnings = nilearn_threshold_img(
        other, 2, cluster_threshold, copy=False
    )
    ours, our_warnings = call(
        nithresh.threshold_img, own, 2, cluster_threshold, copy=False
    )
    assert_same(ours, theirs)
    assert our_warnings == their_warnings
    np.testing.assert_array_equal(array(own), array(other))
    assert np.shares_memory(array(ours), array(own))


SCALINGS = st.sampled_from([(None, None), (1, 0), (0.5, 0), (2, -1), (0.01, 3)])


@given(
    testing.images(non_finite=False, layouts=["C"]),
    SCALINGS,
    st.sampled_from([".nii", ".nii.gz"]),
    st.sampled_from(["<", ">"]),
    st.integers(0, 4),
    st.booleans(),
)
def test_files_equal_to_nilearn(
    tmp_path_factory, image, scaling, extension, order, cluster_threshold, copy_header
):
    # Written raw, so that the file has exactly this scaling and byte order.
    header = type(image.header)(endianness=order)
    header.set_data_shape(image.shape)
    header.set_data_dtype(array(image).dtype.newbyteorder(order))
    header.set_sform(image.affine, 2)
    header.set_data_offset(544 if isinstance(image, nibabel.Nifti2Image) else 352)
    header["magic"] = image.header["magic"]
    header["scl_slope"], header["scl_inter"] = (
        (np.nan, np.nan) if scaling[0] is None else scaling
    )
    path = tmp_path_factory.mktemp("files") / f"map{extension}"
    raw = header.binaryblock + b"\0\0\0\0"
    raw += array(image).astype(header.get_data_dtype()).tobytes(order="F")
    if extension.endswith("gz"):
        import gzip

        raw = gzip.compress(raw)
    path.write_bytes(raw)
    assume(
        not is_wrong_in_nilearn(array(nibabel.load(path)), 2, True, cluster_threshold)
    )

    words = {"cluster_threshold": cluster_threshold, "copy_header": copy_header}
    theirs, their_warnings = nilearn_threshold_img(path, 2, **words)
    ours, our_warnings = call(nithresh.threshold_img, path, 2, **words)
    np.testing.assert_array_equal(array(ours), array(theirs))
    assert array(ours).dtype == array(theirs).dtype.newbyteorder("=")
    np.testing.assert_array_equal(ours.affine, theirs.affine)
    assert our_warnings == their_warnings
    assert_same_header(ours.header, theirs.header)
    saved = path.with_name(f"saved{extension}")
    nithresh.save(ours, saved)
    np.testing.assert_array_equal(array(nibabel.load(saved)), array(ours))
    assert array(nibabel.load(saved)).dtype.newbyteorder("=") == array(ours).dtype


@given(
    testing.images(dimensions=[3], dtypes=["float32"], smallest_side=2),
    testing.affines(),
    st.tuples(*[st.integers(2, 6)] * 3),
    st.data(),
)
def test_masks_on_another_grid_equal_to_nilearn(image, affine, shape, draw):
    # With a rim of zeros, the outer half of which is outside in nilearn.
    mask = np.pad(draw.draw(testing.masks(shape)).astype(np.uint8), 1)
    # Moved a little, so that no voxel centre lies half-way between two of the
    # mask or on its border, where the last bit of an inverse decides.
    affine = affine.copy()
    affine[:3, 3] += [0.137, 0.211, 0.307]
    mask_image = nibabel.Nifti1Image(mask, affine)
    theirs, their_warnings = nilearn_threshold_img(image, 1.5, mask_img=mask_image)
    ours, our_warnings = call(nithresh.threshold_img, image, 1.5, mask_img=mask_image)
    if isinstance(theirs, Exception):
        assert isinstance(ours, ValueError)
        return
    assert_same(ours, theirs)
    assert our_warnings == their_warnings


def volume(dtype, shape=(3, 4, 5), affine=None):
    values = np.arange(np.prod(shape)).reshape(shape) % 7
    data = values.astype(dtype)
    affine = np.eye(4) if affine is None else affine
    if data.dtype == np.bool_:
        image = nibabel.Nifti1Image(data.astype(np.uint8), affine)
        image._dataobj = data
        return image
    if data.dtype.itemsize == 8 and data.dtype.kind in "iu":
        return nibabel.Nifti1Image(data, affine, dtype=data.dtype)
    if data.dtype == np.float16:
        header = nibabel.Nifti1Header()
        return nibabel.Nifti1Image(data, affine, header=header)
    return nibabel.Nifti1Image(data, affine)


@pytest.mark.parametrize("copy_header", [True, False])
@pytest.mark.parametrize("dtype", ["bool", "float16", "int64", "uint64"])
def test_unusual_types_equal_to_nilearn(dtype, copy_header):
    image = volume(dtype)
    words = {"copy_header": copy_header}
    theirs, their_warnings = nilearn_threshold_img(image, 1, **words)
    ours, our_warnings = call(nithresh.threshold_img, image, 1, **words)
    if isinstance(theirs, Exception):
        assert type(ours) is type(theirs)
        return
    np.testing.assert_array_equal(array(ours), array(theirs))
    assert array(ours).dtype == array(theirs).dtype
    assert our_warnings == their_warnings


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_large_64_bit_integers_equal_to_nilearn(dtype):
    image = volume(dtype)
    array(image)[0, 0, 0] = 2**40
    theirs, their_warnings = nilearn_threshold_img(image, 1)
    ours, our_warnings = call(nithresh.threshold_img, image, 1)
    assert_same(ours, theirs)
    assert our_warnings == their_warnings
    theirs, _ = nilearn_threshold_img(image, 1, copy_header=False)
    ours, _ = call(nithresh.threshold_img, image, 1, copy_header=False)
    assert type(ours) is type(theirs) is ValueError


FAR_AWAY = nibabel.affines.from_matvec(np.eye(3), [99, 99, 99])


@pytest.mark.parametrize(
    "words",
    [
        {"threshold": None},
        {"threshold": True},
        {"threshold": [2]},
        {"threshold": "2"},
        {"threshold": "two%"},
        {"threshold": "-2%"},
        {"threshold": "101%"},
        {"threshold": "%"},
        {"threshold": -1},
        {"cluster_threshold": 3.0},
        {"cluster_threshold": True},
        {"cluster_threshold": None},
        {"copy_header": 1},
        {"copy_header": "yes"},
        {"img": 3},
        {"img": None},
        {"img": []},
        {"img": np.zeros((2, 2, 2))},
        {"img": "no/such/file.nii"},
        {"img": "no/such/*.nii"},
        {"mask_img": 3},
        {"mask_img": "no/such/file.nii"},
        {"mask_img": volume("float32")},
        {"mask_img": nibabel.Nifti1Image(np.zeros((3, 4, 5), "u1"), np.eye(4))},
        {"mask_img": nibabel.Nifti1Image(np.ones((3, 4, 5, 2), "u1"), np.eye(4))},
        {"mask_img": nibabel.Nifti1Image(np.ones((3, 4, 5), "u1"), FAR_AWAY)},
    ],
    ids=lambda words: " ".join(f"{key}={value!r:.30}" for key, value in words.items()),
)
def test_errors_are_of_the_type_of_nilearns(words):
    words = {"img": volume("float32"), "threshold": 2} | words
    theirs, _ = nilearn_threshold_img(**words)
    ours, _ = call(nithresh.threshold_img, **words)
    assert isinstance(theirs, Exception)
    base = TypeError if isinstance(theirs, TypeError) else ValueError
    assert isinstance(theirs, base)
    assert isinstance(ours, base), ours
    # The message names the argument.
    name = (
        next(key for key in words if key not in ("img", "threshold"))
        if len(words) > 2
        else ("threshold" if words["threshold"] != 2 else "img")
    )
    assert name in str(ours)
