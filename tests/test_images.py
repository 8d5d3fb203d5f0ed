"""What happens to images around the thresholding: headers, paths, files."""

import pickle
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nithresh
from nithresh import datasets, testing
from oracles import nilearn_threshold_img
from running import import_error_without


def array(image):
    return np.asanyarray(image.dataobj)


def rich_image(dtype=np.float32, image_class=nibabel.Nifti1Image):
    """An image whose header has something in every field that can be lost."""
    data = (np.arange(60).reshape(3, 4, 5) - 30).astype(dtype)
    affine = np.array(
        [[-2, 0.1, 0, 78], [0.1, 2, 0, -112], [0, 0, 3, -50], [0, 0, 0, 1.0]]
    )
    header = image_class.header_class()
    header.set_data_dtype(dtype)
    header.set_xyzt_units("mm", "sec")
    header.set_intent("t test", (17,), name="a contrast")
    header["descrip"] = b"a description"
    header["toffset"] = 4.5
    header["cal_max"], header["cal_min"] = 99, -99
    header.set_dim_info(0, 1, 2)
    header["slice_duration"] = 0.5
    header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"a note"))
    image = image_class(data, affine, header)
    image.set_sform(affine, "mni")
    image.set_qform(np.diag([-2, 2, 3, 1.0]), "scanner")
    return image


@pytest.mark.parametrize("image_class", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("extension", [".nii", ".nii.gz"])
def test_a_header_survives_the_whole_way(tmp_path, extension, image_class):
    source = rich_image(image_class=image_class)
    nithresh.save(source, tmp_path / f"in{extension}")
    ours = nithresh.threshold_img(tmp_path / f"in{extension}", 20)
    nithresh.save(ours, tmp_path / f"out{extension}")
    saved = nibabel.load(tmp_path / f"out{extension}")
    assert type(saved) is image_class
    for field in ("intent_code", "intent_name", "intent_p1", "descrip", "toffset",
                  "dim_info", "slice_duration", "xyzt_units", "sform_code",
                  "qform_code", "pixdim", "quatern_b", "srow_x"):  # fmt: skip
        np.testing.assert_array_equal(saved.header[field], source.header[field])
    assert saved.header["cal_max"] == 29
    assert saved.header["cal_min"] == -30
    assert saved.header.extensions == source.header.extensions
    np.testing.assert_array_equal(saved.affine, source.affine)
    np.testing.assert_array_equal(saved.get_qform(), source.get_qform())
    assert array(saved).tobytes("F") == array(ours).tobytes("F")


@pytest.mark.parametrize("image_class", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_a_result_is_what_nibabel_s_constructor_would_make(image_class):
    source = rich_image(image_class=image_class)
    source.get_fdata()
    ours = nithresh.threshold_img(source, 20)
    theirs = image_class(array(ours), ours.affine, ours.header)
    assert vars(ours).keys() == vars(theirs).keys()
    assert ours.header == theirs.header
    assert ours.to_bytes() == theirs.to_bytes()
    assert ours.header is not source.header
    assert ours.affine is not source.affine
    np.testing.assert_array_equal(ours.get_fdata(), array(ours))


def test_without_a_copied_header_it_is_fresh():
    ours = nithresh.threshold_img(rich_image(), 20, copy_header=False)
    assert ours.header["descrip"] == b""
    assert ours.header["intent_code"] == 0
    assert ours.header["sform_code"] == 2
    assert not ours.header.extensions
    np.testing.assert_array_equal(ours.affine, rich_image().affine)


@given(testing.images(), st.sampled_from([".nii", ".nii.gz"]))
def test_round_trip_of_what_was_computed(tmp_path_factory, image, extension):
    folder = tmp_path_factory.mktemp("round")
    ours = nithresh.threshold_img(
        nibabel.Nifti1Image(np.nan_to_num(array(image)), image.affine, image.header), 0
    )
    nithresh.save(ours, folder / f"saved{extension}")
    saved = nithresh.load(folder / f"saved{extension}")
    assert array(saved).tobytes("F") == array(ours).tobytes("F")
    assert array(saved).dtype == array(ours).dtype
    # NIfTI-1 stores affines in single precision.
    np.testing.assert_allclose(saved.affine, ours.affine, rtol=1e-6)


@pytest.mark.parametrize("extension", [".nii", ".nii.gz"])
def test_what_we_load_is_what_nibabel_loads(tmp_path, extension):
    path = tmp_path / f"map{extension}"
    nibabel.save(rich_image(np.int16), path)
    ours, theirs = nithresh.load(path), nibabel.load(path)
    assert type(ours) is type(theirs)
    assert ours.header == theirs.header
    assert ours.get_filename() == theirs.get_filename() == str(path)
    np.testing.assert_array_equal(ours.get_fdata(), theirs.get_fdata())
    again = pickle.loads(pickle.dumps(ours))  # noqa: S301 - our own
    np.testing.assert_array_equal(again.get_fdata(), theirs.get_fdata())


@pytest.mark.parametrize("extension", [".nii", ".nii.gz", ".hdr.gz"])
def test_an_extension_longer_than_a_header(tmp_path, extension):
    image = rich_image()
    note = nibabel.nifti1.Nifti1Extension("comment", b"x" * 299_992)
    image.header.extensions[:] = [note]
    path = tmp_path / f"map{extension}"
    nithresh.save(image, path)
    loaded = nithresh.load(path)
    if not extension.startswith(".hdr"):
        assert loaded.header.extensions == image.header.extensions
    np.testing.assert_array_equal(array(loaded), array(image))


def test_an_uncompressed_file_is_mapped(tmp_path):
    nibabel.save(rich_image(), tmp_path / "map.nii")
    assert isinstance(array(nithresh.load(tmp_path / "map.nii")), np.memmap)


def test_paths(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    nibabel.save(rich_image(), tmp_path / "map.nii")
    expected = array(nithresh.threshold_img(rich_image(), 20))
    for path in ("~/map.nii", Path("~/map.nii"), str(tmp_path / "map.nii")):
        np.testing.assert_array_equal(array(nithresh.threshold_img(path, 20)), expected)
    nithresh.save(rich_image(), "~/saved.nii.gz")
    assert (tmp_path / "saved.nii.gz").exists()


def test_a_pattern_stands_for_the_volumes_of_one_image(tmp_path):
    for number in (2, 1, 3):
        image = rich_image()
        array(image)[...] *= number
        nibabel.save(image, tmp_path / f"sub-{number}.nii.gz")
    for pattern in ("sub-*.nii.gz", "sub-[12].nii.gz", "sub-?.nii*", "sub-3*"):
        pattern = str(tmp_path / pattern)
        ours = nithresh.threshold_img(pattern, 20)
        theirs, _ = nilearn_threshold_img(pattern, 20)
        np.testing.assert_array_equal(array(ours), array(theirs))
        assert array(ours).dtype == array(theirs).dtype
        for field in theirs.header.keys():  # noqa: SIM118 - a header is no mapping
            np.testing.assert_array_equal(ours.header[field], theirs.header[field])


def test_images_that_a_pattern_cannot_join(tmp_path):
    nibabel.save(rich_image(), tmp_path / "a.nii")
    other = nibabel.Nifti1Image(array(rich_image()), np.eye(4))
    nibabel.save(other, tmp_path / "b.nii")
    with pytest.raises(ValueError, match="b.nii' is on another grid"):
        nithresh.threshold_img(str(tmp_path / "*.nii"), 2)
    series = nibabel.Nifti1Image(np.zeros((2, 2, 2, 2), "f4"), np.eye(4))
    nibabel.save(series, tmp_path / "b.nii")
    with pytest.raises(ValueError, match="b.nii' has shape"):
        nithresh.threshold_img(str(tmp_path / "*.nii"), 2)


def test_missing_files():
    for path in ("no/such.nii", Path("no/such.nii"), "no/*.nii"):
        with pytest.raises(FileNotFoundError, match="img is 'no/"):
            nithresh.threshold_img(path, 2)
        with pytest.raises(nithresh.MissingFileError, match="mask_img is 'no/"):
            nithresh.threshold_img(rich_image(), 2, mask_img=path)
    with pytest.raises(ValueError, match="no such file"):
        nithresh.load("no/such.nii")


@pytest.fixture
def nii(tmp_path):
    path = tmp_path / "map.nii"
    nibabel.save(rich_image(), path)
    return path


@pytest.fixture
def nii_gz(tmp_path):
    path = tmp_path / "map.nii.gz"
    nibabel.save(rich_image(), path)
    return path


@pytest.mark.parametrize("keep", [1, 100, 347, 348, 351, 400, 500, -1])
def test_truncated_files(nii, nii_gz, keep):
    for path in (nii, nii_gz):
        whole = path.read_bytes()
        path.write_bytes(whole[: keep if keep < len(whole) else -1])
        with pytest.raises(nithresh.ImageFileError, match=path.name):
            nithresh.threshold_img(path, 2)
        with pytest.raises(nibabel.filebasedimages.ImageFileError, match=path.name):
            nithresh.load(path)


def test_empty_and_foreign_files(tmp_path):
    for name, content in {
        "empty.nii": b"",
        "empty.nii.gz": b"",
        "text.nii": b"not an image " * 100,
        "text.nii.gz": b"not gzipped " * 100,
        "text.txt": b"not an image",
        "map.parquet": b"PAR1" * 100,
        "mgh.mgz": b"not gzipped",
        "alone.hdr": b"\0" * 400,
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(nithresh.ImageFileError, match=name):
            nithresh.threshold_img(tmp_path / name, 2)
    with pytest.raises(nithresh.ImageFileError, match="is a folder"):
        nithresh.threshold_img(tmp_path, 2)


def test_a_pair_with_a_half_missing(tmp_path):
    nibabel.save(nibabel.Nifti1Pair(array(rich_image()), np.eye(4)), tmp_path / "a.hdr")
    (tmp_path / "a.img").unlink()
    with pytest.raises(nithresh.ImageFileError, match="no 'a.img' beside it"):
        nithresh.load(tmp_path / "a.hdr")


@pytest.mark.parametrize("shape", [(32767,) * 3, (3, 4, 6), (30000, 1, 1, 30000)])
def test_headers_that_claim_more_than_the_file_holds(nii, nii_gz, shape):
    import gzip
    import tracemalloc

    for path in (nii, nii_gz):
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rb") as file:
            whole = bytearray(file.read())
        header = nibabel.Nifti1Header(bytes(whole[:348]))
        header.set_data_shape(shape)
        whole[:348] = header.binaryblock
        with opener(path, "wb") as file:
            file.write(whole)
        tracemalloc.start()
        with pytest.raises(nithresh.ImageFileError, match="header claims"):
            nithresh.threshold_img(path, 2)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 10 << 20


def test_a_gzip_bomb_is_read_no_further_than_the_image(tmp_path, nii):
    import gzip
    import tracemalloc

    path = tmp_path / "bomb.nii.gz"
    with gzip.open(path, "wb") as file:
        file.write(nii.read_bytes())
        for _ in range(64):
            file.write(bytes(1 << 20))
    tracemalloc.start()
    image = nithresh.load(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 << 20
    np.testing.assert_array_equal(array(image), array(rich_image()))


def test_gzip_members_and_what_follows_them(tmp_path):
    import gzip

    # Larger than what is read for the header.
    data = np.arange(40_000, dtype=np.float32).reshape(40, 50, 20)
    nithresh.save(nibabel.Nifti1Image(data, np.eye(4)), tmp_path / "map.nii")
    whole = (tmp_path / "map.nii").read_bytes()
    parts = [whole[start : start + 30_000] for start in range(0, len(whole), 30_000)]
    members = b"".join(gzip.compress(part) for part in (b"", *parts))
    path = tmp_path / "map.nii.gz"
    for after in (b"", bytes(512), gzip.compress(b"more")):
        path.write_bytes(members + after)
        np.testing.assert_array_equal(array(nithresh.load(path)), data)
    for content in (
        members + b"no gzip member",
        members + gzip.compress(b"more")[:-1],
        members[:-1],
        members[:60] + members[61:],
    ):
        path.write_bytes(content)
        with pytest.raises(nithresh.ImageFileError, match="map.nii.gz"):
            nithresh.load(path)


@pytest.mark.parametrize(
    "dtype", ["complex64", [("R", "u1"), ("G", "u1"), ("B", "u1")]]
)
def test_voxels_that_are_no_real_numbers(dtype):
    image = nibabel.Nifti1Image(np.zeros((2, 2, 2), dtype), np.eye(4))
    with pytest.raises(TypeError, match="img has voxels of type"):
        nithresh.threshold_img(image, 2)
    with pytest.raises(TypeError, match="mask_img has voxels of type"):
        nithresh.threshold_img(rich_image(), 2, mask_img=image)


def test_saving_is_reproducible_and_atomic(tmp_path, monkeypatch):
    path = tmp_path / "map.nii.gz"
    nithresh.save(rich_image(), path)
    first = path.read_bytes()
    nithresh.save(rich_image(), path)
    assert path.read_bytes() == first
    assert [entry.name for entry in tmp_path.iterdir()] == ["map.nii.gz"]

    class Failing:
        """Voxels that cannot be read to their end."""

        shape, ndim, dtype = (3, 4, 5), 3, np.dtype(np.float32)

        def __array__(self, *_args, **_words):
            msg = "the disk is gone"
            raise OSError(msg)

    for name in ("map.nii.gz", "map.nii", "map.hdr"):
        (tmp_path / name).write_bytes(first)
        with pytest.raises(OSError, match="the disk is gone"):
            nithresh.save(nibabel.Nifti1Image(Failing(), np.eye(4)), tmp_path / name)
        assert (tmp_path / name).read_bytes() == first
    assert len(list(tmp_path.iterdir())) == 3


def test_saving_does_not_change_the_image(tmp_path):
    image = rich_image()
    before = image.header.binaryblock
    nithresh.save(image, tmp_path / "map.nii.gz")
    nithresh.save(image, tmp_path / "map.img")
    assert image.header.binaryblock == before
    assert image.get_filename() is None


def test_saving_through_a_link_keeps_the_link(tmp_path):
    (tmp_path / "target.nii").write_bytes(b"old")
    (tmp_path / "link.nii").symlink_to(tmp_path / "target.nii")
    nithresh.save(rich_image(), tmp_path / "link.nii")
    assert (tmp_path / "link.nii").is_symlink()
    assert nibabel.load(tmp_path / "target.nii").shape == (3, 4, 5)


def test_saving_gives_the_permissions_of_an_ordinary_file(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    for name in ("map.nii", "map.nii.gz"):
        nithresh.save(rich_image(), tmp_path / name)
        mode = (tmp_path / name).stat().st_mode
        assert mode == (tmp_path / "plain").stat().st_mode


def test_bad_arguments_of_save(tmp_path):
    with pytest.raises(ValueError, match="must end in one of .nii, .nii.gz"):
        nithresh.save(rich_image(), tmp_path / "map.txt")
    with pytest.raises(TypeError, match="img is of type ndarray"):
        nithresh.save(array(rich_image()), tmp_path / "map.nii")
    with pytest.raises(FileNotFoundError, match="map.nii'; there is no such folder"):
        nithresh.save(rich_image(), tmp_path / "no" / "map.nii")


def test_read_only_arrays_cannot_be_changed_in_place():
    data = np.broadcast_to(np.float32(3), (2, 2, 2))
    image = nibabel.Nifti1Image(data, np.eye(4))
    with pytest.raises(ValueError, match="img, with copy=False, is a read-only array"):
        nithresh.threshold_img(image, 2, copy=False)
    assert array(nithresh.threshold_img(image, 2)).all()


def test_in_place_leaves_files_alone(nii, nii_gz):
    for path in (nii, nii_gz):
        before = path.read_bytes()
        image = nibabel.load(path)
        ours = nithresh.threshold_img(image, 20, copy=False)
        assert (array(ours) == 0).any()
        assert path.read_bytes() == before
        np.testing.assert_array_equal(array(image), array(rich_image()))


def test_datasets():
    path = datasets.load_sample_motor_activation_image()
    assert isinstance(path, str)
    from nilearn.datasets import load_sample_motor_activation_image

    theirs = nibabel.load(load_sample_motor_activation_image())
    np.testing.assert_array_equal(array(nithresh.load(path)), array(theirs))
    np.testing.assert_array_equal(nithresh.load(path).affine, theirs.affine)
    template = datasets.load_mni152_template()
    assert template.shape == (73, 90, 78)
    assert template.get_data_dtype() == np.uint8
    voxels = array(template)
    np.testing.assert_array_equal(voxels, voxels[::-1])
    licences = Path(datasets.__file__).parent / "data"
    assert "Louis Collins" in (licences / "LICENSE.mni152").read_text()
    assert "CC0" in (licences / "LICENSE.motor_activation").read_text()


def imported_by(code):
    """The modules that a fresh interpreter has loaded after some code."""
    run = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(run.stdout.split())


def test_the_strategies_ask_for_hypothesis():
    assert import_error_without("hypothesis", "nithresh.testing") == (
        "nithresh.testing needs hypothesis; install it with: "
        "pip install 'nithresh[testing]'\n"
    )


def test_importing_is_light():
    modules = imported_by("import nithresh")
    assert not {"matplotlib", "nibabel", "isal", "scipy", "pandas"} & modules
    assert not {"hypothesis", "nithresh.testing", "nithresh.viewer"} & modules
    modules = imported_by(
        "import numpy, nithresh; nithresh.threshold(numpy.ones((2, 2, 2)), 1, mask="
        "numpy.ones((2, 2, 2)), cluster_threshold=2)"
    )
    assert not {"matplotlib", "nibabel"} & modules
    modules = imported_by(
        "import nithresh; nithresh.threshold_img("
        "nithresh.datasets.load_sample_motor_activation_image(), '95%')"
    )
    assert "nibabel" in modules
    assert "matplotlib" not in modules


def test_warnings_point_at_the_caller():
    with pytest.warns(UserWarning, match="beyond the range") as caught:
        nithresh.threshold_img(rich_image(), 1000)
    assert caught[0].filename == __file__
