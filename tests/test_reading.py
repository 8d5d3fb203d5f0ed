"""Files of every format, whole and broken: they load, or one error names them."""

import bz2
import gzip
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import warnings
from contextlib import contextmanager
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nithresh
from nithresh import ImageFileError, testing
from nithresh.files import read_voxels
from oracles import nilearn_threshold_img

try:
    from compression import zstd
except ImportError:  # before Python 3.14
    from backports import zstd

# nibabel's own small files of each format.
EXAMPLES = Path(nibabel.__file__).parent / "tests" / "data"
GIFTI_EXAMPLES = Path(nibabel.__file__).parent / "gifti" / "tests" / "data"
ALLOWED = (ImageFileError, FileNotFoundError, PermissionError)
ZOOMS = np.diag([2.0, 2, 3, 1])
PLAIN = np.linspace(-4, 4, 60, dtype=np.float32).reshape(3, 4, 5)


def array(image):
    return np.asanyarray(image.dataobj)


@contextmanager
def opened_by_nibabel():
    """Leave alone that nibabel leaves files open, and warns of what it reads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def theirs(path):
    """What nibabel loads, and None where it cannot."""
    load = nibabel.ecat.load if path.suffix == ".v" else nibabel.load
    with opened_by_nibabel():
        try:
            image = load(path)
            voxels = array(image)
        except Exception:
            return None
    # What nibabel leaves open.
    if path.suffix == ".v":
        image.get_subheaders().fileobj.close()
    elif path.suffix in (".PAR", ".REC"):
        image.dataobj.file_like.close()
    return image, voxels


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in sorted(EXAMPLES.iterdir())
        if path.is_file() and not path.name.endswith(".dconn.nii")
    ],
    ids=lambda path: path.name,
)
@pytest.mark.filterwarnings("ignore")
def test_files_of_every_format(path):
    expected = theirs(path)
    if expected is None:
        with pytest.raises(ImageFileError) as caught:
            nithresh.load(path)
        assert str(path) in str(caught.value)
        return
    image, voxels = expected
    ours = nithresh.load(path)
    assert type(ours) is type(image)
    assert ours.get_filename() == image.get_filename()
    assert array(ours).dtype == voxels.dtype
    np.testing.assert_array_equal(array(ours), voxels)
    np.testing.assert_array_equal(ours.affine, image.affine)
    if path.suffix != ".v":  # whose header has none
        assert ours.header.get_zooms() == image.header.get_zooms()


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(GIFTI_EXAMPLES.iterdir()) if ".gii" in path.name],
    ids=lambda path: path.name,
)
def test_files_of_gifti(path):
    expected, ours = nibabel.load(path), nithresh.load(path)
    assert type(ours) is nibabel.GiftiImage
    assert ours.get_filename() == str(path)
    assert dict(ours.meta) == dict(expected.meta)
    for own, other in zip(ours.darrays, expected.darrays, strict=True):
        assert (own.intent, own.data.dtype) == (other.intent, other.data.dtype)
        np.testing.assert_array_equal(own.data, other.data)


def test_files_of_cifti(tmp_path):
    nibabel.save(cifti_image(), tmp_path / "map.dscalar.nii")
    for path in (EXAMPLES / "row_major.dconn.nii", tmp_path / "map.dscalar.nii"):
        expected, ours = nibabel.load(path), nithresh.load(path)
        assert type(ours) is nibabel.Cifti2Image
        assert ours.get_filename() == str(path)
        assert ours.header == expected.header
        np.testing.assert_array_equal(array(ours), array(expected))


def test_the_examples_are_of_every_format():
    names = {type(nithresh.load(path)).__name__ for path in (
        EXAMPLES / "anatomical.nii", EXAMPLES / "example_nifti2.nii.gz",
        EXAMPLES / "example4d+orig.HEAD", EXAMPLES / "scaled+tlrc.BRIK",
        EXAMPLES / "phantom_varscale.PAR", EXAMPLES / "tiny.mnc",
        EXAMPLES / "small.mnc", EXAMPLES / "test.mgz", EXAMPLES / "tinypet.v",
    )}  # fmt: skip
    assert names == {
        "Nifti1Image", "Nifti2Image", "AFNIImage", "PARRECImage", "Minc1Image",
        "Minc2Image", "MGHImage", "EcatImage",
    }  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["scaled+tlrc.HEAD", "example4d+orig.BRIK.gz", "phantom_varscale.PAR", "tiny.mnc",
     "small.mnc", "minc2_4d.mnc", "tinypet.v", "test.mgz"],
)  # fmt: skip
def test_maps_of_every_format(tmp_path, name):
    data = theirs(EXAMPLES / name)[1]
    if name == "minc2_4d.mnc":
        data = np.moveaxis(data, 0, -1)
    kept = nithresh.threshold_img(EXAMPLES / name, "80%", cluster_threshold=3)
    expected = nithresh.threshold(data, "80%", cluster_threshold=3)
    assert expected.any()
    assert array(kept).dtype == expected.dtype
    np.testing.assert_array_equal(array(kept), expected)
    nithresh.save(kept, tmp_path / "kept.nii.gz")
    saved = nithresh.load(tmp_path / "kept.nii.gz")
    np.testing.assert_array_equal(array(saved), array(kept))
    pairs = [(EXAMPLES / name, tmp_path / "batch.nii.gz")]
    nithresh.threshold_files(pairs, "80%", cluster_threshold=3)
    np.testing.assert_array_equal(array(nithresh.load(pairs[0][1])), kept.dataobj)


COMPRESS = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": zstd.compress,
}


@pytest.mark.parametrize("ending", list(COMPRESS))
@pytest.mark.parametrize(
    ("image_class", "name"),
    [
        (nibabel.Nifti1Image, "map.nii"),
        (nibabel.Nifti2Image, "map.nii"),
        (nibabel.Nifti1Pair, "map.hdr"),
        (nibabel.Nifti2Pair, "map.img"),
        (nibabel.AnalyzeImage, "map.hdr"),
        (nibabel.Spm99AnalyzeImage, "map.img"),
        (nibabel.Spm2AnalyzeImage, "map.hdr"),
    ],
)
@pytest.mark.parametrize("has_affine", [True, False])
# nibabel alone looks for a .mat.gz that is not there, and leaves a stream behind.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored.*GzipFile:pytest.PytestUnraisableExceptionWarning"
)
def test_files_in_every_compression(tmp_path, image_class, name, ending, has_affine):
    """With the .mat that SPM writes, and without it."""
    nibabel.save(image_class(PLAIN, ZOOMS), tmp_path / name)
    for file in list(tmp_path.iterdir()):
        content = file.read_bytes()
        file.unlink()
        if file.suffix != ".mat" or has_affine:
            (tmp_path / f"{file.name}{ending}").write_bytes(COMPRESS[ending](content))
    path = tmp_path / f"{name}{ending}"
    image, voxels = theirs(path)
    for kind in image.files_types[:2]:
        ours = nithresh.load(image.file_map[kind[0]].filename)
        assert type(ours) is type(image)
        np.testing.assert_array_equal(array(ours), voxels)
        np.testing.assert_array_equal(array(ours), PLAIN)
        np.testing.assert_array_equal(ours.affine, image.affine)
    kept = nithresh.threshold_img(path, 2, cluster_threshold=2)
    expected = nithresh.threshold(PLAIN, 2, cluster_threshold=2)
    np.testing.assert_array_equal(array(kept), expected)


def test_formats_that_are_compressed_as_a_whole(tmp_path):
    content = (EXAMPLES / "minc1_4d.mnc").read_bytes()
    for ending, compress in COMPRESS.items():
        path = tmp_path / f"map.mnc{ending}"
        path.write_bytes(compress(content))
        ours = nithresh.load(path)
        np.testing.assert_array_equal(array(ours), theirs(path)[1])


@pytest.mark.parametrize("name", ["map.nii", "map.mgh", "map.mnc", "map.hdr", "a.HEAD"])
def test_compression_that_the_name_denies(tmp_path, name):
    sources = {
        ".mnc": EXAMPLES / "tiny.mnc",
        ".HEAD": EXAMPLES / "scaled+tlrc.HEAD",
    }
    path = tmp_path / name
    if path.suffix in sources:
        shutil.copy(sources[path.suffix], path)
        shutil.copy(EXAMPLES / "scaled+tlrc.BRIK", tmp_path / "a.BRIK")
    else:
        image_class = {".nii": nibabel.Nifti1Image, ".mgh": nibabel.MGHImage}
        made = image_class.get(path.suffix, nibabel.Nifti1Pair)(PLAIN, ZOOMS)
        nibabel.save(made, path)
    plain = path.read_bytes()
    for ending, way in {".gz": "gzip", ".bz2": "bzip2", ".zst": "Zstandard"}.items():
        path.write_bytes(COMPRESS[ending](plain))
        words = f"{path.name}' is compressed with {way}, but its name does not end in"
        with pytest.raises(ImageFileError, match=words):
            nithresh.load(path)


@pytest.mark.parametrize("ending", [".gz", ".bz2", ".zst"])
def test_compression_that_the_name_claims(tmp_path, ending):
    nibabel.save(nibabel.Nifti1Image(PLAIN, ZOOMS), tmp_path / "map.nii")
    content = (tmp_path / "map.nii").read_bytes()
    path = tmp_path / f"map.nii{ending}"
    path.write_bytes(content)
    with pytest.raises(ImageFileError, match="but it is not compressed"):
        nithresh.load(path)
    other = ".bz2" if ending == ".gz" else ".gz"
    path.write_bytes(COMPRESS[other](content))
    with pytest.raises(ImageFileError, match="but it is compressed with (bzip2|gzip)"):
        nithresh.load(path)
    shutil.copy(path, tmp_path / "map.nii.xz")
    with pytest.raises(ImageFileError, match="says that it is compressed with xz"):
        nithresh.load(tmp_path / "map.nii.xz")


def test_voxels_of_a_pair_that_are_compressed(tmp_path):
    nibabel.save(nibabel.Nifti1Pair(PLAIN, ZOOMS), tmp_path / "map.hdr")
    voxels = tmp_path / "map.img"
    voxels.write_bytes(gzip.compress(voxels.read_bytes()))
    with pytest.raises(ImageFileError, match="it looks compressed with gzip"):
        nithresh.load(tmp_path / "map.hdr")
    # What only begins as a gzip file does is none.
    data = np.zeros((8, 8, 8), np.uint8)
    data[:2, 0, 0] = [0x1F, 0x8B]
    nibabel.save(nibabel.Nifti1Pair(data, ZOOMS), tmp_path / "map.hdr")
    np.testing.assert_array_equal(array(nithresh.load(tmp_path / "map.hdr")), data)


def test_a_damaged_affine_of_spm(tmp_path):
    nibabel.save(nibabel.Spm2AnalyzeImage(PLAIN, ZOOMS), tmp_path / "map.img")
    for content in (
        b"no affine",
        bytes(2000),
        (tmp_path / "map.mat").read_bytes()[:99],
    ):
        (tmp_path / "map.mat").write_bytes(content)
        with pytest.raises(ImageFileError, match="map.img'"):
            nithresh.load(tmp_path / "map.img")
    import scipy.io

    scipy.io.savemat(tmp_path / "map.mat", {"mat": np.ones((1, 4))}, format="4")
    with pytest.raises(ImageFileError, match=r"its affine has shape \(1, 4\)"):
        nithresh.load(tmp_path / "map.img")


def without(package, path):
    """Load a file where a package is missing, and return what is printed."""
    code = f"import sys; sys.modules[{package!r}] = None; import nithresh"
    run = subprocess.run(
        [sys.executable, "-c", f"{code}; nithresh.load({str(path)!r})"],
        capture_output=True,
        text=True,
        check=False,
    )
    return run.stderr.splitlines()[-1]


def test_packages_that_are_missing(tmp_path):
    path = EXAMPLES / "small.mnc"
    assert without("h5py", path).endswith(
        f"cannot read {str(path)!r}: it needs the package h5py, which is not installed"
    )
    if sys.version_info < (3, 14):  # Later ones have it.
        nibabel.save(nibabel.Nifti1Image(PLAIN, ZOOMS), tmp_path / "map.nii.zst")
        message = without("backports", tmp_path / "map.nii.zst")
        assert "map.nii.zst': files compressed with Zstandard need" in message
        assert message.endswith("zstd, which is not installed")
    nibabel.save(nibabel.Spm2AnalyzeImage(PLAIN, ZOOMS), tmp_path / "map.img")
    message = without("scipy.io", tmp_path / "map.img")
    assert "map.img': it needs the package scipy" in message


@pytest.mark.parametrize("offset", [np.nan, np.inf, -np.inf, -1.0, -1e6, 1e9, 3e38])
@pytest.mark.parametrize("name", ["map.nii", "map.nii.gz", "map.hdr", "map.hdr.gz"])
def test_voxels_that_begin_nowhere(tmp_path, name, offset):
    single = name.startswith("map.nii")
    image_class = nibabel.Nifti1Image if single else nibabel.Nifti1Pair
    nibabel.save(image_class(PLAIN, ZOOMS), tmp_path / name)
    opener = gzip.open if name.endswith(".gz") else open
    with opener(tmp_path / name, "rb") as file:
        content = bytearray(file.read())
    content[108:112] = np.float32(offset).tobytes()
    with opener(tmp_path / name, "wb") as file:
        file.write(content)
    with pytest.raises(ImageFileError) as caught:
        nithresh.load(tmp_path / name)
    assert f"{name}': " in str(caught.value)
    words = ("voxels begin at byte", "the header claims", "vox offset")
    assert any(word in str(caught.value) for word in words)


def test_files_that_may_not_be_read():
    # Others may not look into the folders that pytest makes.
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    try:
        nithresh.save(nibabel.Nifti1Image(PLAIN, ZOOMS), folder / "map.nii.gz")
        nithresh.save(nibabel.Nifti1Pair(PLAIN, ZOOMS), folder / "pair.hdr")
        nibabel.save(nibabel.Spm2AnalyzeImage(PLAIN, ZOOMS), folder / "spm.img")
        nithresh.load(folder / "spm.img")
        for name in ("map.nii.gz", "pair.hdr", "spm.mat"):
            (folder / name).chmod(0)
        is_root = os.geteuid() == 0
        if is_root:
            os.seteuid(65534)
        try:
            for name, secret in {
                "map.nii.gz": "map.nii.gz",
                "pair.hdr": "pair.hdr",
                "pair.img": "pair.hdr",
                "spm.img": "spm.mat",
            }.items():
                with pytest.raises(PermissionError, match=secret):
                    nithresh.load(folder / name)
                with pytest.raises(PermissionError, match=secret):
                    nithresh.threshold_img(folder / name, 2)
            folder_mode = folder.stat().st_mode
        finally:
            if is_root:
                os.seteuid(0)
        assert folder_mode & 0o777 == 0o755
    finally:
        shutil.rmtree(folder)


def test_no_free_file_descriptor(tmp_path):
    paths = []
    for name in ("map.nii", "map.nii.gz", "map.mgz"):
        paths.append(tmp_path / name)
        nithresh.save(nibabel.Nifti1Image(PLAIN, ZOOMS), tmp_path / "map.nii.gz")
        image_class = nibabel.MGHImage if name == "map.mgz" else nibabel.Nifti1Image
        nithresh.save(image_class(PLAIN, ZOOMS), paths[-1])
        nithresh.load(paths[-1])
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken, errors = [], []
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
    try:
        while True:
            try:
                taken.append(os.open(os.devnull, os.O_RDONLY))
            except OSError:
                break
        for path in paths:
            try:
                nithresh.load(path)
            except ImageFileError as error:
                errors.append(str(error))
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert errors == [f"cannot read {str(p)!r}: Too many open files" for p in paths]


def test_names_that_lead_nowhere(tmp_path, monkeypatch):
    (tmp_path / "loop.nii").symlink_to(tmp_path / "loop.nii")
    for name in ("~nobody-of-this-name.nii", "no/such.nii", "a\0b.nii"):
        with pytest.raises(nithresh.MissingFileError):
            nithresh.load(name)
        with pytest.raises(nithresh.MissingFileError, match="img is"):
            nithresh.threshold_img(name, 2)
    for name, words in {
        "x" * 300 + ".nii": "too long",
        str(tmp_path / "loop.nii"): "Too many levels of symbolic links",
    }.items():
        for call in (nithresh.load, lambda path: nithresh.threshold_img(path, 2)):
            with pytest.raises(ImageFileError, match=words):
                call(name)
    # As in a shell, this is the name of a file if nobody is called so.
    monkeypatch.chdir(tmp_path)
    nithresh.save(nibabel.Nifti1Image(PLAIN, ZOOMS), tmp_path / "~x.nii")
    np.testing.assert_array_equal(array(nithresh.load("~x.nii")), PLAIN)
    os.mkfifo(tmp_path / "pipe.nii")
    with pytest.raises(ImageFileError, match="not a regular file"):
        nithresh.load(tmp_path / "pipe.nii")


def broken_files():
    """Files of each format by name, each with those beside it."""
    folder = Path(tempfile.mkdtemp())
    for name, image_class in {
        "nifti.nii": nibabel.Nifti1Image,
        "nifti.nii.gz": nibabel.Nifti1Image,
        "wide.nii.bz2": nibabel.Nifti2Image,
        "wide.nii.zst": nibabel.Nifti2Image,
        "pair.hdr": nibabel.Nifti1Pair,
        "spm.img.gz": nibabel.Spm99AnalyzeImage,
        "map.mgh": nibabel.MGHImage,
        "map.mgz": nibabel.MGHImage,
    }.items():
        image = image_class(PLAIN, ZOOMS)
        if hasattr(image.header, "extensions"):
            note = nibabel.nifti1.Nifti1Extension("comment", b"a note")
            image.header.extensions.append(note)
        nibabel.save(image, folder / name)
    for name in (
        "scaled+tlrc.HEAD", "scaled+tlrc.BRIK", "phantom_varscale.PAR",
        "phantom_varscale.REC", "tiny.mnc", "minc2_1_scale.mnc", "tinypet.v",
    ):  # fmt: skip
        shutil.copy(EXAMPLES / name, folder / name)
    files = {file.name: file.read_bytes() for file in sorted(folder.iterdir())}
    shutil.rmtree(folder)
    return files


FILES = broken_files()
BESIDE = {
    "pair.hdr": ["pair.img"],
    "spm.img.gz": ["spm.hdr.gz", "spm.mat.gz"],
    "scaled+tlrc.HEAD": ["scaled+tlrc.BRIK"],
    "phantom_varscale.PAR": ["phantom_varscale.REC"],
}
LOADED = sorted(set(FILES) - {name for names in BESIDE.values() for name in names})


def check_that_it_loads_or_is_named(path):
    """Load a file that may be broken; only the errors that are promised come."""
    message = None
    with opened_by_nibabel():
        try:
            image = nithresh.load(path)
            voxels = read_voxels(image)
        except ALLOWED as error:
            message = str(error)
    if message is not None:
        assert str(path) in message
        assert "\n" not in message
        return
    assert voxels.shape == tuple(image.shape)
    assert image.affine.shape == (4, 4)


@pytest.mark.parametrize("name", LOADED)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files(tmp_path, name, data):
    files = [name, *BESIDE.get(name, [])]
    victim = data.draw(st.sampled_from(files))
    for file in files:
        content = FILES[file]
        if file == victim:
            inside = file.endswith(".gz") and data.draw(st.booleans())
            content = gzip.decompress(content) if inside else content
            content = data.draw(testing.damaged(content, within=400))
            content = gzip.compress(content, 1) if inside else content
        (tmp_path / file).write_bytes(content)
    check_that_it_loads_or_is_named(tmp_path / name)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".hdr", ".hdr.gz"])
@pytest.mark.parametrize(
    "header_class",
    [
        nibabel.Nifti1Header,
        nibabel.Nifti2Header,
        nibabel.analyze.AnalyzeHeader,
        nibabel.spm2analyze.Spm2AnalyzeHeader,
    ],
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_headers_that_lie(tmp_path, header_class, ending, data):
    header = header_class()
    header.set_data_shape(PLAIN.shape)
    header.set_data_dtype(PLAIN.dtype)
    is_single = ending.startswith(".nii")
    if "magic" in header.structarr.dtype.names and not is_single:
        header["magic"] = b"ni1" if header_class is nibabel.Nifti1Header else b"ni2"
    if is_single:
        header.set_data_offset(header.structarr.dtype.itemsize + 4)
    lies = data.draw(testing.lying_headers(header))
    parts = {ending: lies + bytes(4) + PLAIN.tobytes()} if is_single else {
        ending: lies, ending.replace("hdr", "img"): PLAIN.tobytes()
    }  # fmt: skip
    for end, content in parts.items():
        packed = gzip.compress(content, 1) if end.endswith(".gz") else content
        (tmp_path / f"map{end}").write_bytes(packed)
    check_that_it_loads_or_is_named(tmp_path / f"map{ending}")


@pytest.mark.parametrize("name", [name for name in LOADED if name.endswith("gz")])
def test_every_damaged_byte_of_a_gzipped_file(tmp_path, name):
    """What is wrong inside has a checksum, so that nothing wrong is loaded."""
    for file in BESIDE.get(name, []):
        (tmp_path / file).write_bytes(FILES[file])
    (tmp_path / name).write_bytes(FILES[name])
    whole = array(nithresh.load(tmp_path / name))
    rng = np.random.default_rng(0)
    for place in rng.choice(len(FILES[name]), 200):
        content = bytearray(FILES[name])
        content[place] ^= 1 << rng.integers(8)
        (tmp_path / name).write_bytes(content)
        try:
            ours = nithresh.load(tmp_path / name)
        except ImageFileError as error:
            assert name in str(error)  # noqa: PT017 - it may load as well
        else:
            # Some bits matter to nobody.
            np.testing.assert_array_equal(array(ours), whole)


def test_files_that_change_after_they_are_loaded(tmp_path):
    path = tmp_path / "map.nii"
    nithresh.save(nibabel.Nifti1Image(PLAIN, ZOOMS), path)
    image = nithresh.load(path)
    path.write_bytes(path.read_bytes()[:400])
    with pytest.raises(ImageFileError, match="map.nii'"):
        nithresh.threshold_img(image, 2)
    path.unlink()
    with pytest.raises(ImageFileError, match="map.nii': No such file"):
        nithresh.find_clusters(image, 2)


BOMBS = """
import gzip, bz2, resource, sys, warnings
from pathlib import Path
import h5py, nibabel, numpy as np
import scipy.io, nithresh
from nithresh.files import read_voxels

warnings.simplefilter("ignore")
folder, examples = map(Path, sys.argv[1:])
# 2 GB of nothing, from 2 MB.
nothing = gzip.compress(bytes(1 << 26)) * 32
plain = np.ones((3, 4, 5), np.float32)

def header(image_class, **fields):
    lies = image_class(plain, np.eye(4)).header
    lies["vox_offset"] = 352 if image_class is nibabel.Nifti1Image else 0
    for name, value in fields.items():
        lies[name] = value
    return lies.binaryblock

def write(name, content):
    (folder / name).write_bytes(content)

bombs = []
for number, offset in enumerate((1e9, -1e6, float("nan"), float("inf"), -1.0, 5e8)):
    lies = gzip.compress(header(nibabel.Nifti1Image, vox_offset=offset) + bytes(300))
    write(f"single{number}.nii.gz", lies + nothing)
    lies = header(nibabel.Nifti1Pair, vox_offset=offset)
    write(f"pair{number}.hdr.gz", gzip.compress(lies))
    write(f"pair{number}.img.gz", nothing)
    lies = header(nibabel.Spm2AnalyzeImage, vox_offset=offset)
    write(f"spm{number}.hdr.gz", gzip.compress(lies))
    write(f"spm{number}.img.gz", nothing)
    bombs += [f"{kind}{number}" for kind in ("single", "pair", "spm")]
bombs = [f"{name}.nii.gz" if name[1] == "i" else f"{name}.img.gz" for name in bombs]

# A header, and an affine, that never end.
write("head.hdr.gz", gzip.compress(header(nibabel.Nifti1Pair)) + nothing)
write("head.img.gz", gzip.compress(plain.tobytes()))
write("affine.hdr.gz", gzip.compress(header(nibabel.Spm2AnalyzeImage)))
write("affine.img.gz", gzip.compress(plain.tobytes()))
write("affine.mat.gz", nothing)
bombs += ["head.hdr.gz", "affine.img.gz"]

# Axes that claim more than there is, by far or by sign.
for number, dims in enumerate(
    ([3, 30000, 30000, 1, 1, 1, 1, 1], [4, -2, 3, 4, -5, 1, 1, 1])
):
    lies = header(nibabel.Nifti1Image, dim=dims)
    write(f"dim{number}.nii.gz", gzip.compress(lies + bytes(1000)))
    write(f"dim{number}.nii.bz2", bz2.compress(lies + bytes(1000)))
    bombs += [f"dim{number}.nii.gz", f"dim{number}.nii.bz2"]
for number, dims in enumerate(([20000, 20000, 1, 1], [-20000, -20000, 1, 1])):
    lies = bytearray(nibabel.MGHImage(plain, np.eye(4)).header.binaryblock[:284])
    lies[4:20] = np.array(dims, ">i4").tobytes()
    write(f"dims{number}.mgz", gzip.compress(bytes(lies) + bytes(400)))
    bombs.append(f"dims{number}.mgz")
head = (examples / "example4d+orig.HEAD").read_text()
for number, lie in enumerate(("-33 41 25", "330000 41000 25", "33000 410 25")):
    write(f"lies{number}.HEAD", head.replace("33 41 25", lie).encode())
    write(f"lies{number}.BRIK.gz", nothing if number == 0 else nothing[:4000])
    bombs.append(f"lies{number}.HEAD")
par = (examples / "phantom_varscale.PAR").read_text()
for number, lie in enumerate(("6400 640000", "-64 64")):
    write(f"rec{number}.PAR", par.replace(" 64   64", f" {lie}").encode())
    write(f"rec{number}.REC", bytes(4000))
    bombs.append(f"rec{number}.PAR")

# Lengths of NetCDF's dimensions, names and attributes.
minc = (examples / "tiny.mnc").read_bytes()
for place in range(4, 64, 4):
    for value in (0xFF, 0x7F):
        lies = bytearray(minc)
        lies[place : place + 4] = bytes([value, 255, 255, 255])
        write(f"{place}-{value}.mnc.gz", gzip.compress(bytes(lies)) + nothing)
        write(f"{place}-{value}.mnc", bytes(lies))
        bombs += [f"{place}-{value}.mnc.gz", f"{place}-{value}.mnc"]

# A list of frames that leads back to itself.
pet = bytearray((examples / "tinypet.v").read_bytes())
pet[512:528] = np.array([31, 3, 0, 0], ">i4").tobytes()
pet[1024:1040] = np.array([31, 3, 0, 0], ">i4").tobytes()
write("circle.v", bytes(pet))
bombs.append("circle.v")

# Voxels that were never stored.
small = (examples / "minc2_1_scale.mnc").read_bytes()
write("hdf5.mnc", small)
with h5py.File(folder / "hdf5.mnc", "r+") as file:
    group = file["minc-2.0/image/0"]
    attributes = dict(group["image"].attrs)
    del group["image"]
    image = group.create_dataset("image", (1000, 2000, 2000), "u1", chunks=True)
    image.attrs.update(attributes)
bombs.append("hdf5.mnc")

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (300 << 20),) * 2)
for name in bombs:
    try:
        read_voxels(nithresh.load(folder / name))
        what = "loaded"
    except nithresh.ImageFileError as error:
        what = str(error)
        assert name.partition(".")[0] in what, what
    print(name, what)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((after - before) >> 10)
"""


def test_bombs(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", BOMBS, tmp_path, EXAMPLES],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    *lines, megabytes = run.stdout.splitlines()
    assert len(lines) > 80
    # Some of MINC's numbers do not matter.
    loaded = [line for line in lines if line.endswith(" loaded")]
    assert all(".mnc" in line for line in loaded), loaded
    assert not [line for line in lines if "not enough memory" in line]
    assert int(megabytes) < 150


def test_axes_of_length_one_count_for_nothing():
    rng = np.random.default_rng(0)
    series = rng.integers(-3, 4, (6, 5, 4, 3)).astype(np.float32)
    bucket = nibabel.Nifti1Image(series[:, :, :, None], ZOOMS)
    one = nibabel.Nifti1Image(series[..., :1, None], ZOOMS)
    first = nibabel.Nifti1Image(series[..., 0], ZOOMS)

    kept = nithresh.threshold_img(bucket, 2, cluster_threshold=3)
    flat = nithresh.threshold_img(nibabel.Nifti1Image(series, ZOOMS), 2, 3)
    assert kept.shape == nilearn_threshold_img(bucket, 2)[0].shape == bucket.shape
    np.testing.assert_array_equal(array(kept)[:, :, :, 0], array(flat))

    for image in (one, nibabel.Nifti1Image(series[..., :1], ZOOMS)):
        ours = nithresh.find_clusters(image, 2, cluster_threshold=3)
        expected = nithresh.find_clusters(first, 2, cluster_threshold=3)
        assert str(ours) == str(expected)
        for kind in ("labels_img", "thresholded_img"):
            result = getattr(ours, kind)
            assert result.shape == image.shape
            np.testing.assert_array_equal(
                array(result).reshape(first.shape), array(getattr(expected, kind))
            )
        np.testing.assert_array_equal(
            nithresh.ClusterTree(image).counts([1, 2]),
            nithresh.ClusterTree(first).counts([1, 2]),
        )
        np.testing.assert_array_equal(
            array(nithresh.tfce_img(image)).reshape(first.shape),
            array(nithresh.tfce_img(first)),
        )
        table = nithresh.get_clusters_table(image, 2)
        assert table.equals(nithresh.get_clusters_table(first, 2))
        mask = nibabel.Nifti1Image((array(image) > 0).astype(np.uint8), ZOOMS)
        masked = nithresh.threshold_img(first, 1, mask_img=mask)
        assert (array(masked) >= 0).all()
    with pytest.raises(ValueError, match="img has shape .*; it must be one volume"):
        nithresh.find_clusters(bucket, 2)


def test_axes_of_length_one_of_arrays():
    rng = np.random.default_rng(0)
    series = rng.integers(-3, 4, (6, 5, 4, 3)).astype(np.float32)
    for layout in testing.LAYOUTS.values():
        bucket = layout(series[:, :, :, None])
        expected = nithresh.threshold(series, 2, cluster_threshold=3)
        ours = nithresh.threshold(bucket, 2, cluster_threshold=3)
        assert ours.shape == bucket.shape
        np.testing.assert_array_equal(ours[:, :, :, 0], expected)
        assert nithresh.tfce(bucket).shape == bucket.shape
        np.testing.assert_array_equal(
            nithresh.tfce(bucket)[:, :, :, 0], nithresh.tfce(series)
        )
        out = np.empty(bucket.shape, bucket.dtype)
        assert nithresh.threshold(bucket, 2, cluster_threshold=3, out=out) is out
        np.testing.assert_array_equal(out, ours)
        own = bucket.copy()
        assert nithresh.threshold(own, 2, cluster_threshold=3, out=own) is own
        np.testing.assert_array_equal(own, ours)
        one = layout(series[..., :1, None])
        labels, count = nithresh.label(one, 2)
        expected_labels, expected_count = nithresh.label(series[..., 0], 2)
        assert (labels.shape, count) == (one.shape, expected_count)
        np.testing.assert_array_equal(labels[..., 0, 0], expected_labels)
        tree = nithresh.ClusterTree.from_array(one)
        assert tree.shape == (6, 5, 4)
    with pytest.raises(ValueError, match="5 dimensions"):
        nithresh.threshold(np.zeros((2, 2, 2, 2, 2)), 2)


def test_plots_of_a_bucket():
    import matplotlib.pyplot as plt

    from nithresh.plotting import plot_stat_map

    rng = np.random.default_rng(0)
    series = rng.normal(size=(6, 5, 4, 1, 3)).astype(np.float32)
    bucket = nibabel.Nifti1Image(series, ZOOMS)
    with pytest.raises(ValueError, match="stat_map_img has 3 volumes"):
        plot_stat_map(bucket, threshold=1, bg_img=None)
    pictures = [
        plot_stat_map(image, threshold=1, bg_img=None, cut_coords=(2, 2, 3), **words)
        for image, words in [
            (bucket, {"volume": 1}),
            (nibabel.Nifti1Image(series[..., 0, 1], ZOOMS), {}),
        ]
    ]
    shown = [
        [np.ma.filled(drawn.get_array(), 0) for axes in picture.axes.values()
         for drawn in axes.ax.images]
        for picture in pictures
    ]  # fmt: skip
    assert shown[0]
    for ours, expected in zip(*shown, strict=True):
        np.testing.assert_array_equal(ours, expected)
    plt.close("all")


def test_the_volumes_of_minc_come_last():
    """They are the first axis of the file, and would be taken for one of space."""
    path = EXAMPLES / "minc1_4d.mnc"
    data = array(nithresh.load(path))
    assert data.shape == (2, 10, 20, 20)
    level = float(np.quantile(data, 0.8))
    for source in (path, nithresh.load(path)):
        kept = nithresh.threshold_img(source, level, cluster_threshold=5)
        assert kept.shape == (10, 20, 20, 2)
        assert kept.header.get_xyzt_units()[0] == "mm"
        for volume in range(2):
            np.testing.assert_array_equal(
                array(kept)[..., volume],
                nithresh.threshold(data[volume], level, cluster_threshold=5),
            )


def asking_for_clusters(image):
    """Every call that would look for clusters in an image."""
    from nithresh.plotting import plot_stat_map

    return {
        "threshold_img": lambda: nithresh.threshold_img(image, 2, cluster_threshold=5),
        "threshold_stats_img": lambda: nithresh.threshold_stats_img(
            image, threshold=2, height_control=None, cluster_threshold=5
        ),
        "find_clusters": lambda: nithresh.find_clusters(image, 2),
        "get_clusters_table": lambda: nithresh.get_clusters_table(image, 2),
        "tfce_img": lambda: nithresh.tfce_img(image),
        "ClusterTree": lambda: nithresh.ClusterTree(image),
        "plot_stat_map": lambda: plot_stat_map(
            image, threshold=2, cluster_threshold=5, bg_img=None
        ),
    }


@pytest.mark.parametrize("call", list(asking_for_clusters(None)))
def test_clusters_of_the_vertices_of_a_surface(tmp_path, call):
    data = np.linspace(-4, 4, 2562, dtype=np.float32)
    for shape in ((2562, 1, 1), (1, 1, 2562)):
        overlay = nibabel.MGHImage(data.reshape(shape), np.eye(4))
        nithresh.save(overlay, tmp_path / "lh.thickness.mgz")
        for image in (overlay, tmp_path / "lh.thickness.mgz"):
            with pytest.raises(ValueError, match="Their clusters need surface, a file"):
                asking_for_clusters(image)[call]()
    # Without clusters there is nothing to get wrong, and a short row is a volume.
    kept = nithresh.threshold_img(overlay, 2)
    np.testing.assert_array_equal(
        array(kept).ravel(), np.where(abs(data) >= 2, data, 0)
    )
    row = nibabel.Nifti1Image(data[:1000].reshape(1000, 1, 1), np.eye(4))
    assert nithresh.threshold_img(row, 2, cluster_threshold=5).shape == row.shape


def cifti_image():
    axes = (
        nibabel.cifti2.ScalarAxis(["map"]),
        nibabel.cifti2.BrainModelAxis.from_mask(np.ones(10, bool), name="CortexLeft"),
    )
    return nibabel.Cifti2Image(np.zeros((1, 10), np.float32), axes)


def calls_for_volumes(image):
    """Calls that take no map of surfaces."""
    from nithresh.plotting import plot_stat_map

    return {
        "plot_stat_map": lambda: plot_stat_map(image, threshold=2, bg_img=None),
        "view": lambda: nithresh.view(image, 2),
    }


@pytest.mark.parametrize("call", list(calls_for_volumes(None)))
@pytest.mark.parametrize("kind", ["CIFTI-2", "GIFTI", "surface"])
def test_surfaces_are_named_where_only_volumes_will_do(tmp_path, call, kind):
    if kind == "CIFTI-2":
        image, path = cifti_image(), tmp_path / "map.dscalar.nii"
        nibabel.save(image, path)
    elif kind == "GIFTI":
        image, path = nibabel.GiftiImage(), GIFTI_EXAMPLES / "task.func.gii"
    else:
        from nilearn.surface import InMemoryMesh, SurfaceImage

        mesh = {"left": InMemoryMesh(np.zeros((3, 3)), np.array([[0, 1, 2]]))}
        image, path = SurfaceImage(mesh, {"left": np.zeros(3)}), None
    words = f"is a {kind} image; it must be an image of a volume"
    with pytest.raises(TypeError, match=f"img {words}"):
        calls_for_volumes(image)[call]()
    if path is not None:
        with pytest.raises(ImageFileError, match=f"{path.name}': it {words}"):
            calls_for_volumes(path)[call]()
