"""What is saved is what was computed: every class of images, every kind of result."""

import warnings
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel import ecat

import nithresh
from nithresh import grids, testing
from nithresh.command import main

# nibabel leaves PAR/REC and ECAT files open.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

DATA = Path(nibabel.__file__).parent / "tests" / "data"
LEVEL = 1.5
RESULTS = {
    "map": lambda image, level: nithresh.threshold_img(image, level, 2),
    "map with a fresh header": lambda image, level: nithresh.threshold_img(
        image, level, 2, copy_header=False
    ),
    "map of clusters": lambda image, level: (
        nithresh.find_clusters(image, level, cluster_threshold=2).thresholded_img
    ),
    "labels": lambda image, level: nithresh.find_clusters(image, level).labels_img,
    "positive labels": lambda image, level: (
        nithresh.find_clusters(image, level).positive_labels_img
    ),
    "nilearn's labels": lambda image, level: nithresh.get_clusters_table(
        image, level, return_label_maps=True
    )[1][0],
    "scores": lambda image, level: nithresh.tfce_img(image),
}
# Those of a series.
OF_SERIES = ("map", "map with a fresh header", "scores")


def array(image):
    return np.asanyarray(image.dataobj)


def computed(kind, image, level):
    """The voxels of a result, from the arrays alone."""
    data = array(image)
    if kind not in OF_SERIES:
        data = data.reshape(data.shape[:3])
    if kind.startswith("map"):
        return nithresh.threshold(data, level, cluster_threshold=2)
    if kind == "scores":
        return nithresh.tfce(data)
    labels, _ = nithresh.label(data, level)
    if kind == "positive labels":
        return np.where(data > 0, labels, 0).astype(np.int32)
    return labels


def assert_saved(result, folder, extension=".nii.gz"):
    """On disk are the voxels, the type and the affine that are in memory."""
    path = folder / f"saved{extension}"
    nithresh.save(result, path)
    for saved in (nithresh.load(path), nibabel.load(path)):
        native = array(saved).dtype.newbyteorder("=")
        assert native == array(result).dtype
        np.testing.assert_array_equal(array(saved), array(result))
        np.testing.assert_allclose(saved.affine, result.affine, rtol=1e-5, atol=1e-4)


def own_extension(image):
    return {".nii": ".nii", ".mgh": ".mgz"}.get(image.valid_exts[0], ".img")


@settings(max_examples=2 * settings().max_examples)
@given(testing.images_of_any_class(non_finite=False), st.sampled_from(list(RESULTS)))
@pytest.mark.filterwarnings("ignore:The threshold .* is beyond the range")
@pytest.mark.filterwarnings("ignore:No clusters found")
def test_results_of_every_class(tmp_path_factory, image, kind):
    if len(image.shape) == 4 and kind not in OF_SERIES:
        image = image.slicer[..., :1]
    # Their scores would be too large.
    image.dataobj[abs(array(image).astype(float)) > 1e20] = 3
    voxels, affine, header = (
        array(image).copy(),
        image.affine.copy(),
        image.header.copy(),
    )
    result = RESULTS[kind](image, LEVEL)
    if kind != "nilearn's labels":
        expected = computed(kind, image, LEVEL).reshape(result.shape)
        np.testing.assert_array_equal(array(result), expected)
        assert array(result).dtype == expected.dtype
    np.testing.assert_allclose(result.affine, affine, rtol=1e-6)
    folder = tmp_path_factory.mktemp("classes")
    assert_saved(result, folder)
    # Plain Analyze is not told from that of SPM, which would have a .mat.
    if type(result) is not nibabel.AnalyzeImage:
        assert_saved(result, folder, own_extension(result))
    # The image is as it was.
    np.testing.assert_array_equal(array(image), voxels)
    np.testing.assert_array_equal(image.affine, affine)
    assert image.header == header


@settings(max_examples=settings().max_examples // 2)
@given(testing.images_of_any_class(), testing.degenerate_affines())
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")
def test_images_of_every_class_without_a_place(tmp_path_factory, image, affine):
    """They are saved under every name, and get no place by that."""
    if not isinstance(image, (nibabel.AnalyzeImage, nibabel.MGHImage)):
        image = nibabel.AnalyzeImage(array(image), None)
    # Not by the constructor, which asks some headers for a qform.
    image._affine = affine
    if isinstance(image, nibabel.Nifti1Pair):
        image.header.set_sform(affine, 1)
    folder = tmp_path_factory.mktemp("no place")
    for name in ("a.nii", "a.nii.gz", "b.hdr", "c.mgz"):
        try:
            nithresh.save(image, folder / name)
        except ValueError as error:
            assert "MGH files hold" in str(error)  # noqa: PT017 - for some types only
            continue
        saved = nithresh.load(folder / name)
        # MGH has no fourth axis of length 1.
        voxels = array(image).reshape(saved.shape)
        np.testing.assert_array_equal(array(saved), voxels)
        if type(image) is not nibabel.AnalyzeImage or name[0] == "a":
            assert grids.fault(saved.affine) is not None


HELD = {
    nibabel.AnalyzeImage: {"uint8", "int16", "int32", "float32", "float64"},
    nibabel.MGHImage: {"uint8", "int16", "uint16", "int32", "float32"},
}


@pytest.mark.filterwarnings("ignore:The result would hold 64-bit integers")
@pytest.mark.parametrize("image_class", testing.IMAGE_CLASSES)
@pytest.mark.parametrize("dtype", testing.DTYPES)
@pytest.mark.parametrize("copy_header", [True, False])
def test_a_class_stays_if_it_holds_the_result(
    tmp_path, image_class, dtype, copy_header
):
    data = np.arange(60).reshape(3, 4, 5).astype(dtype)
    header = image_class.header_class()
    header.set_data_dtype(np.float32)  # whatever the voxels are
    header.set_data_shape(data.shape)
    affine = np.diag([-2.0, 2, 2, 1])
    if image_class is nibabel.AnalyzeImage:
        affine = header.get_best_affine()
    image = image_class(data, affine, header=header)
    kept = nithresh.threshold_img(image, 20, copy_header=copy_header)
    held = dtype.removeprefix("u").replace("int64", "int32") if "64" in dtype else dtype
    if dtype == "float64":
        held = dtype
    own = {
        nibabel.Nifti1Pair: nibabel.Nifti1Image,
        nibabel.Nifti2Pair: nibabel.Nifti2Image,
    }.get(image_class, image_class)
    family = next((base for base in HELD if issubclass(own, base)), None)
    if not issubclass(own, nibabel.Nifti1Pair) and held not in HELD[family]:
        own = nibabel.Nifti1Image
    assert type(kept) is own
    assert array(kept).dtype == held
    assert kept.get_data_dtype().newbyteorder("=") == held
    np.testing.assert_array_equal(array(kept), np.where(data >= 20, data, 0))
    assert_saved(kept, tmp_path)


def test_plain_analyze_does_not_hold_an_affine(tmp_path):
    data = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    affine = np.array([[0, 2.0, 0, 5], [2, 0, 0, 6], [0, 0, 2, 7], [0, 0, 0, 1]])
    header = nibabel.AnalyzeImage.header_class()
    header["descrip"] = b"a description"
    for image_class, own in {
        nibabel.AnalyzeImage: nibabel.Nifti1Image,
        nibabel.Spm2AnalyzeImage: nibabel.Spm2AnalyzeImage,
    }.items():
        kept = nithresh.threshold_img(image_class(data, affine, header), 20)
        assert type(kept) is own
        assert kept.header["descrip"] == b"a description"
        assert_saved(kept, tmp_path)
        assert_saved(kept, tmp_path, ".img")


def of_file(name):
    load = ecat.load if name.endswith(".v") else nibabel.load
    return load(DATA / name)


UNWRITTEN = {
    "AFNI, scaled": lambda: of_file("scaled+tlrc.HEAD"),
    "AFNI, a series": lambda: of_file("example4d+orig.HEAD"),
    "PAR/REC": lambda: of_file("phantom_EPI_asc_CLEAR_2_1.PAR"),
    "PAR/REC, scaled": lambda: of_file("phantom_varscale.PAR"),
    "MINC 1": lambda: of_file("tiny.mnc"),
    "MINC 2": lambda: nibabel.Minc2Image(
        np.arange(60, dtype=np.float32).reshape(3, 4, 5), np.diag([2.0, 2, 2, 1])
    ),
    "no file format": lambda: nibabel.spatialimages.SpatialImage(
        np.arange(60, dtype=np.int8).reshape(3, 4, 5), np.diag([2.0, 2, 2, 1])
    ),
}


@pytest.mark.parametrize("name", UNWRITTEN)
@pytest.mark.parametrize("kind", RESULTS)
def test_results_of_classes_that_nibabel_does_not_write(tmp_path, name, kind):
    image = UNWRITTEN[name]()
    if len(image.shape) == 4 and kind not in OF_SERIES:
        image = image.slicer[..., :1]
    data, affine = array(image).copy(), image.affine.copy()
    level = np.percentile(abs(data), 90)
    result = RESULTS[kind](image, level)
    assert type(result) is nibabel.Nifti1Image
    if kind != "nilearn's labels":
        expected = computed(kind, image, level).reshape(result.shape)
        np.testing.assert_array_equal(array(result), expected)
        assert array(result).dtype == expected.dtype
    assert array(result).any()
    assert result.header.get_xyzt_units()[0] == "mm" or "fresh" in kind
    np.testing.assert_array_equal(result.affine, affine)
    assert_saved(result, tmp_path)
    np.testing.assert_array_equal(array(image), data)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_results_of_ecat_files(tmp_path):
    image = ecat.load(DATA / "tinypet.v")
    for kind in RESULTS:
        result = RESULTS[kind](image, np.percentile(array(image), 90))
        assert type(result) is nibabel.Nifti1Image
        assert_saved(result, tmp_path)


def test_the_time_between_volumes_stays():
    image = of_file("example4d+orig.HEAD")
    kept = nithresh.threshold_img(image, "90%")
    assert kept.header.get_zooms() == image.header.get_zooms() == (3, 3, 3, 3)


def test_shapes_that_nifti_1_cannot_count(tmp_path):
    data = np.zeros((40_000, 2, 1), np.int32)
    data[1] = 7
    scores = nithresh.tfce_img(nibabel.MGHImage(data, np.eye(4)))
    assert type(scores) is nibabel.Nifti2Image
    assert array(scores).dtype == np.float64
    assert_saved(scores, tmp_path)


def test_scores_of_an_mgh_file_on_the_command_line(tmp_path):
    data = np.zeros((4, 5, 6), np.int32)
    data[1:3, 2:4, 3] = 70
    path = tmp_path / "map.mgz"
    nithresh.save(nibabel.MGHImage(data, np.eye(4)), path)
    assert main(["tfce", str(path)]) == 0
    (output,) = tmp_path.glob("map_tfce.nii*")
    saved = nithresh.load(output)
    np.testing.assert_array_equal(array(saved), nithresh.tfce(data))
    assert array(saved).dtype == np.float64


def test_what_mgh_files_hold(tmp_path):
    path = tmp_path / "map.mgz"
    values = np.arange(120).reshape(4, 5, 6) + 2**24
    for dtype, held in {
        "uint8": "uint8", "int8": "int16", "int16": "int16", "uint16": "int32",
        "int32": "int32", "float32": "float32",
    }.items():  # fmt: skip
        for shape in [(4, 5, 6), (4, 5, 6, 1), (4, 5, 3, 2)]:
            data = values.astype(dtype).reshape(shape)
            nithresh.save(nibabel.Nifti1Image(data, np.eye(4)), path)
            saved = nibabel.load(path)
            np.testing.assert_array_equal(array(saved), data.reshape(saved.shape))
            assert saved.get_data_dtype().newbyteorder("=") == held
            nithresh.save(saved, path)
            assert nibabel.load(path).get_data_dtype().newbyteorder("=") == held
    path.unlink()
    for dtype in ("float64", "uint32", "int64"):
        image = nibabel.Nifti1Image(values.astype(dtype), np.eye(4), dtype=dtype)
        with pytest.raises(ValueError, match=f"voxels of type {dtype}; MGH files hold"):
            nithresh.save(image, path)
    assert not list(tmp_path.iterdir())


# Big-endian.


@pytest.mark.filterwarnings("ignore:The threshold .* is beyond the range")
@given(testing.maps(layouts=["other byte order"], smallest_side=1, dimensions=[3]))
def test_big_endian_results(tmp_path_factory, data):
    header = nibabel.Nifti1Header(endianness=">")
    header.set_data_dtype(data.dtype)
    image = nibabel.Nifti1Image(data, np.eye(4), header=header)
    other = nibabel.Nifti1Image(
        data.astype(data.dtype.newbyteorder("=")), np.eye(4), dtype=data.dtype
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, expected = (nithresh.threshold_img(one, 2, 2) for one in (image, other))
    np.testing.assert_array_equal(array(ours), array(expected))
    assert array(ours).dtype == array(expected).dtype
    assert_saved(ours, tmp_path_factory.mktemp("big"))


@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("dtype", [">i8", ">u8", "<i8", "<u8"])
def test_64_bit_integers_become_int32_in_either_byte_order(tmp_path, dtype, copy):
    data = np.arange(60).reshape(3, 4, 5).astype(dtype)
    header = nibabel.Nifti1Header(endianness=dtype[0])
    header.set_data_dtype(dtype)
    image = nibabel.Nifti1Image(data.copy(), np.eye(4), header=header)
    nibabel.save(image, tmp_path / "map.nii")
    assert array(nibabel.load(tmp_path / "map.nii")).dtype == dtype
    for img in (image, tmp_path / "map.nii"):
        with pytest.warns(UserWarning, match="it was converted to int32"):
            kept = nithresh.threshold_img(img, 20, copy=copy)
        assert array(kept).dtype == np.int32
        np.testing.assert_array_equal(array(kept), np.where(data >= 20, data, 0))
        assert_saved(kept, tmp_path)
