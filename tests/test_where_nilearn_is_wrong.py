"""The places where `threshold_img` differs from nilearn's, one test each.

Where it is cheap to show, a test also asserts what nilearn 0.14.1 does, so that
a difference which disappears is noticed.
"""

import nibabel
import numpy as np
import pytest

import nithresh
from oracles import call, nilearn_threshold_img
from oracles import threshold as naive_threshold


def array(image):
    return np.asanyarray(image.dataobj)


def line(values, dtype=np.float32):
    data = np.asarray(values, dtype).reshape(-1, 1, 1)
    return nibabel.Nifti1Image(data, np.eye(4))


def kept(image):
    return array(image).ravel().tolist()


def test_the_signed_minimum():
    image = line([-128, 0, -127, 0, 5], np.int8)
    theirs, _ = nilearn_threshold_img(image, 100.0, cluster_threshold=2)
    assert kept(theirs) == [-128, 0, 0, 0, 0]
    assert kept(nithresh.threshold_img(image, 100.0)) == [-128, 0, -127, 0, 0]
    assert kept(nithresh.threshold_img(image, 100.0, cluster_threshold=2)) == [0] * 5
    # Half of 128, 0, 127, 0 and 5 is at most 5.
    assert kept(nithresh.threshold_img(image, "50%")) == [-128, 0, -127, 0, 0]
    for dtype in (np.int16, np.int32):
        lowest = np.iinfo(dtype).min
        image = line([lowest, 3], dtype)
        assert kept(nithresh.threshold_img(image, 5)) == [lowest, 0]
        assert kept(nithresh.threshold_img(image, 5, 2)) == [0, 0]


def test_a_one_sided_percentile_with_nothing_on_that_side():
    image = line([-3, -2, -1])
    theirs, _ = nilearn_threshold_img(image, "50%", two_sided=False)
    assert kept(theirs) == [-3, -2, -1]
    with pytest.warns(UserWarning, match="the map, -3 to -1, has none"):
        ours = nithresh.threshold_img(image, "50%", two_sided=False)
    assert kept(ours) == [0, 0, 0]


@pytest.mark.parametrize("two_sided", [True, False])
def test_nan_and_infinity(two_sided):
    image = line([-3, 0, 3])
    with pytest.raises(ValueError, match="threshold is NaN"):
        nithresh.threshold_img(image, np.nan, two_sided=two_sided)
    with pytest.warns(UserWarning, match="beyond the range"):
        ours = nithresh.threshold_img(image, np.inf, two_sided=two_sided)
    assert kept(ours) == [0, 0, 0]
    if not two_sided:
        with pytest.warns(UserWarning, match="beyond the range"):
            ours = nithresh.threshold_img(image, -np.inf, two_sided=False)
        assert kept(ours) == [0, 0, 0]


@pytest.mark.parametrize("extension", [".nii", ".nii.gz"])
def test_what_is_saved_is_what_was_computed(tmp_path, extension):
    rng = np.random.default_rng(0)
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.int16)
    data = rng.standard_normal((10, 10, 10))
    nibabel.save(nibabel.Nifti1Image(data, np.eye(4), header), tmp_path / "scaled.nii")
    ours = nithresh.threshold_img(tmp_path / "scaled.nii", 1, copy_header=True)
    nithresh.save(ours, tmp_path / f"ours{extension}")
    saved = nibabel.load(tmp_path / f"ours{extension}")
    assert array(saved).tobytes("F") == array(ours).tobytes("F")
    nibabel.save(ours, tmp_path / f"by_nibabel{extension}")
    saved = nibabel.load(tmp_path / f"by_nibabel{extension}")
    assert array(saved).tobytes("F") == array(ours).tobytes("F")

    theirs, _ = nilearn_threshold_img(tmp_path / "scaled.nii", 1, copy_header=True)
    nibabel.save(theirs, tmp_path / "theirs.nii")
    saved = nibabel.load(tmp_path / "theirs.nii")
    assert not np.array_equal(array(saved), array(theirs))


def test_a_result_is_independent_of_its_file(tmp_path):
    path = tmp_path / "map.nii"
    data = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    nibabel.save(nibabel.Nifti1Image(data, np.eye(4)), path)
    ours = nithresh.threshold_img(path, 30)
    expected = np.where(data >= 30, data, 0)
    np.testing.assert_array_equal(array(ours), expected)
    nithresh.save(ours, path)
    np.testing.assert_array_equal(array(ours), expected)
    np.testing.assert_array_equal(array(nibabel.load(path)), expected)
    nibabel.save(ours, path)  # in nilearn this dies of SIGBUS
    path.write_bytes(b"something else")
    np.testing.assert_array_equal(array(ours), expected)


def test_clusters_are_linear():
    # nilearn goes over the volume once for each of these 48,000 clusters, which
    # takes it most of an hour.
    rng = np.random.default_rng(0)
    data = rng.standard_normal((91, 109, 91)).astype(np.float32)
    ours = nithresh.threshold_img(nibabel.Nifti1Image(data, np.eye(4)), 1.5, 3)
    np.testing.assert_array_equal(
        array(ours), naive_threshold(data, 1.5, cluster_threshold=3)
    )


@pytest.mark.parametrize("name", ["map[1].nii", "map?.nii.gz", "sub-*.nii", "[x.nii"])
def test_an_existing_file_is_no_pattern(tmp_path, name):
    path = tmp_path / name
    nibabel.save(line([1, 2, 3]), path)
    nibabel.save(line([7, 7, 7]), tmp_path / "map1.nii")
    for given in (path, str(path)):
        assert kept(nithresh.threshold_img(given, 2)) == [0, 2, 3]


def test_one_sided_and_no_voxel_on_that_side():
    theirs, _ = nilearn_threshold_img(line([-3, -2]), 1, two_sided=False)
    assert isinstance(theirs, ValueError)
    with pytest.warns(UserWarning, match="beyond the range"):
        ours = nithresh.threshold_img(line([-3, -2]), 1, two_sided=False)
    assert kept(ours) == [0, 0]
    with pytest.warns(UserWarning, match="beyond the range"):
        ours = nithresh.threshold_img(line([3, 2]), -1, two_sided=False)
    assert kept(ours) == [0, 0]


@pytest.mark.parametrize("threshold", [2, 0, "50%"])
@pytest.mark.parametrize("cluster_threshold", [0, 3])
@pytest.mark.parametrize("shape", [(0, 3, 3), (3, 0, 3, 2), (2, 2, 2, 0)])
def test_empty_volumes(shape, cluster_threshold, threshold):
    image = nibabel.Nifti1Image(np.zeros(shape, np.float32), np.eye(4))
    ours = nithresh.threshold_img(image, threshold, cluster_threshold)
    assert ours.shape == shape


def test_two_and_five_dimensions():
    data = np.arange(24, dtype=np.float32)
    for shape in [(24,), (4, 6), (2, 3, 1, 2, 2)]:
        image = nibabel.Nifti1Image(data.reshape(shape), np.eye(4))
        with pytest.raises(ValueError, match=f"img has {len(shape)} dimensions"):
            nithresh.threshold_img(image, 2)
    for shape in [(2, 3, 4, 1), (2, 3, 4, 1, 1), (2, 3, 2, 2, 1), (2, 3, 2, 1, 2)]:
        image = nibabel.Nifti1Image(data.reshape(shape), np.eye(4))
        theirs, _ = nilearn_threshold_img(image, 2)
        ours = nithresh.threshold_img(image, 2, copy=False)
        assert ours.shape == theirs.shape == shape
        np.testing.assert_array_equal(array(ours), array(theirs))
        assert np.shares_memory(array(ours), array(image))
        assert array(image).ravel().tolist() == [0, 0, *range(2, 24)]


@pytest.mark.parametrize("extension", [".hdr", ".img", ".mgz", ".mgh", ".hdr.gz"])
def test_pairs_and_freesurfer_files(tmp_path, extension):
    data = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    affine = np.diag([-2.0, 2, 2, 1])
    is_pair = extension[1] in "hi"
    image_class = nibabel.Nifti1Pair if is_pair else nibabel.MGHImage
    path = tmp_path / f"map{extension}"
    nibabel.save(image_class(data, affine), path)
    ours = nithresh.threshold_img(path, 30)
    assert type(ours) is (nibabel.Nifti1Image if is_pair else nibabel.MGHImage)
    np.testing.assert_array_equal(array(ours), np.where(data >= 30, data, 0))
    np.testing.assert_allclose(ours.affine, affine)
    nithresh.save(ours, tmp_path / f"saved{extension}")
    saved = nithresh.load(tmp_path / f"saved{extension}")
    np.testing.assert_array_equal(array(saved), array(ours))


def test_analyze_files(tmp_path):
    data = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    image = nibabel.Spm2AnalyzeImage(data, np.eye(4))
    nibabel.save(image, tmp_path / "map.img")
    ours = nithresh.threshold_img(tmp_path / "map.img", 30)
    np.testing.assert_array_equal(array(ours), np.where(data >= 30, data, 0))


def test_bool_with_a_cluster_threshold():
    image = line([1, 1, 0, 1], np.uint8)
    image._dataobj = array(image).astype(bool)
    ours = nithresh.threshold_img(image, 1, cluster_threshold=2)
    assert array(ours).dtype == np.uint8
    assert kept(ours) == [1, 1, 0, 0]


def test_messages_are_text():
    with pytest.raises(ValueError, match="threshold is '5 %%'; as text it must be"):
        nithresh.threshold_img(line([1]), "5 %%")


def test_a_threshold_beyond_floats():
    with pytest.warns(UserWarning, match="beyond the range of the map, 1 to 2"):
        assert kept(nithresh.threshold_img(line([1, 2]), 10**400)) == [0, 0]


def test_a_singular_affine_under_a_mask(tmp_path):
    nibabel.save(line([1, 1], np.uint8), tmp_path / "mask.nii")
    content = (tmp_path / "mask.nii").read_bytes()
    header = nibabel.Nifti1Header(content[:348])
    header["srow_x"] = 0
    (tmp_path / "mask.nii").write_bytes(header.binaryblock + content[348:])
    mask = nibabel.load(tmp_path / "mask.nii")
    with pytest.raises(
        ValueError, match=r"mask_img '.*mask.nii' .* \(code 2\) is sing"
    ):
        nithresh.threshold_img(line([1, 2]), 1, mask_img=mask)


def test_no_affine_under_a_mask():
    mask = nibabel.Nifti1Image(np.ones((3, 1, 1), np.uint8), None)
    with pytest.raises(ValueError, match="mask_img has no place in mm: it has no aff"):
        nithresh.threshold_img(line([1, 2]), 1, mask_img=mask)
    image = nibabel.Nifti1Image(np.ones((3, 1, 1), np.float32), None)
    assert nithresh.threshold_img(image, 1).affine is None
    with pytest.raises(ValueError, match="^img has no place in mm: it has no affine"):
        nithresh.threshold_img(image, 1, mask_img=line([1, 1]))


def test_a_flipped_byte_is_noticed(tmp_path):
    path = tmp_path / "map.nii.gz"
    rng = np.random.default_rng(0)
    data = rng.standard_normal((20, 20, 20)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(data, np.eye(4)), path)
    whole = bytearray(path.read_bytes())
    for position in (len(whole) // 2, len(whole) - 6):
        damaged = bytearray(whole)
        damaged[position] ^= 0x10
        path.write_bytes(damaged)
        with pytest.raises(nithresh.ImageFileError, match="map.nii.gz"):
            nithresh.threshold_img(path, 1)


def test_the_caller_s_mask_and_array_stay_as_they_are():
    mask = line([1, np.nan, 1])
    image = line([1, 2, 3])
    with pytest.warns(UserWarning, match="mask_img"):
        ours = nithresh.threshold_img(image, 1, mask_img=mask)
    assert kept(ours) == [1, 0, 3]
    assert np.isnan(array(mask)[1, 0, 0])
    other = line([np.nan, 2, 3])
    for words in ({"mask_img": line([0, 0, 0])}, {"threshold": "x"}):
        with pytest.raises(ValueError, match="mask|thresh"):
            nithresh.threshold_img(other, **({"threshold": 2.5} | words), copy=False)
        np.testing.assert_array_equal(array(other).ravel(), [np.nan, 2, 3])


def test_a_half_precision_array_is_not_changed_before_the_failure():
    header = nibabel.Nifti1Header()
    data = np.array([1, 2, 3], np.float16).reshape(3, 1, 1)
    image = nibabel.Nifti1Image(data, np.eye(4), header)
    ours, _ = call(nithresh.threshold_img, image, 2, copy=False, copy_header=False)
    assert isinstance(ours, nibabel.spatialimages.HeaderDataError)
    assert data.ravel().tolist() == [1, 2, 3]


def test_a_64_bit_array_is_not_changed_before_the_failure():
    data = np.array([1, 2, 2**40]).reshape(3, 1, 1)
    image = nibabel.Nifti1Image(data, np.eye(4), dtype=np.int64)
    for copy in (True, False):
        error, _ = call(nithresh.threshold_img, image, 2, copy=copy, copy_header=False)
        assert type(error) is ValueError
        assert data.ravel().tolist() == [1, 2, 2**40]


def test_the_margin_of_percentiles_is_kept():
    image = line([1e-8, 2e-8, 3e-8])
    for threshold in ("0%", "50%", "100%"):
        theirs, _ = nilearn_threshold_img(image, threshold)
        assert kept(theirs) == kept(nithresh.threshold_img(image, threshold)) == [0] * 3


def test_a_cluster_that_fills_the_volume_can_be_too_small():
    image = line([3, 4])
    theirs, _ = nilearn_threshold_img(image, 2, cluster_threshold=10)
    assert kept(theirs) == [3, 4]
    assert kept(nithresh.threshold_img(image, 2, cluster_threshold=10)) == [0, 0]


def test_joined_images_keep_their_values(tmp_path):
    nibabel.save(line([1, 2], np.int16), tmp_path / "a.nii")
    nibabel.save(line([1.5, 2.5]), tmp_path / "b.nii")
    ours = nithresh.threshold_img(str(tmp_path / "*.nii"), 1)
    assert array(ours).reshape(2, 2).tolist() == [[1, 1.5], [2, 2.5]]


def test_rounding_noise_does_not_make_another_grid_of_a_mask():
    rng = np.random.default_rng(0)
    data = rng.standard_normal((20, 24, 10)).astype(np.float32)
    data[:7, :7, 0] = 5
    image = nibabel.Nifti1Image(data, np.diag([3.0, 3, 3, 1]))
    # Under 1e-6 mm at the far corner; the centres of the lowest slice lie outside.
    noisy = image.affine.copy()
    noisy[2, 0] = 2e-8
    mask = nibabel.Nifti1Image(np.ones(data.shape, np.uint8), noisy)
    theirs, _ = nilearn_threshold_img(image, 4.5, 49, mask_img=mask)
    assert not array(theirs).any()
    ours = nithresh.threshold_img(image, 4.5, 49, mask_img=mask)
    assert np.count_nonzero(array(ours)) == 49


def test_the_outermost_voxels_of_a_mask_are_whole():
    # Slices of 2 mm, of which two have their centres in one of 4 mm.
    image = nibabel.Nifti1Image(
        np.ones((3, 3, 4), np.float32),
        nibabel.affines.from_matvec(np.diag([2.0, 2, 2]), [0, 0, -2.6]),
    )
    mask = nibabel.Nifti1Image(np.ones((3, 3, 1), np.uint8), np.diag([2.0, 2, 4, 1]))
    theirs, _ = nilearn_threshold_img(image, 1, mask_img=mask)
    assert isinstance(theirs, ValueError)
    ours = nithresh.threshold_img(image, 1, mask_img=mask)
    assert array(ours)[0, 0].tolist() == [0, 1, 1, 0]
