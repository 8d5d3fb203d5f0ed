"""The command on GIFTI, CIFTI-2 and FreeSurfer's overlays, by what it writes."""

import contextlib
import json
import struct

import nibabel
import numpy as np
import pytest

import nithresh
from nithresh.command import main
from nithresh.command.surfaces import _mesh
from nithresh.testing import icosphere, strip
from running import run_here
from test_surfaces import gifti, row, surface_file, values_of

SPHERE = icosphere(2)


def run(*words, cwd, code=0):
    """Run the command, which must end with a code, or with any if that is None."""
    done = run_here(*words, folder=cwd)
    assert code in (None, done.code), done.err
    return done


COUNT = len(SPHERE[0])


@pytest.fixture
def folder(tmp_path):
    """Both surfaces, a map of each, and both with voxels in a CIFTI file."""
    rng = np.random.default_rng(3)
    x = SPHERE[0][:, 0]
    for side, name, sign in (("L", "CortexLeft", 1), ("R", "CortexRight", -1)):
        words = {"AnatomicalStructurePrimary": name}
        surface_file(tmp_path / f"{side}.surf.gii", SPHERE, **words)
        values = sign * 4 * (x > 0.3) + rng.normal(size=COUNT)
        nibabel.save(gifti(values, **words), tmp_path / f"{side}.func.gii")
    nibabel.save(cifti(rng), tmp_path / "z.dscalar.nii")
    return tmp_path


def cifti(rng, maps=1):
    of_surface = nibabel.cifti2.BrainModelAxis.from_surface
    has = np.flatnonzero(np.arange(COUNT) % 7)
    axis = of_surface(has, COUNT, "CortexLeft") + of_surface(has, COUNT, "CortexRight")
    mask = np.ones((3, 4, 2), bool)
    axis = axis + nibabel.cifti2.BrainModelAxis.from_mask(
        mask, "ThalamusLeft", np.diag([2.0, 2, 2, 1])
    )
    x = SPHERE[0][has, 0]
    signal = np.concatenate([4 * (x > 0.3), -4 * (x > 0.3), np.full(24, 3)])
    data = signal + rng.normal(size=(maps, len(axis)))
    names = nibabel.cifti2.ScalarAxis([f"map {number}" for number in range(maps)])
    return nibabel.Cifti2Image(data.astype(np.float32), (names, axis))


SURFACES = ["--left-surface", "L.surf.gii", "--right-surface", "R.surf.gii"]


def test_threshold_gifti(folder):
    done = run("threshold", "L.func.gii", "-t", "2", "-k", "5",
               "--surface", "L.surf.gii", cwd=folder)  # fmt: skip
    assert done.out == "L_thresholded.func.gii\n"
    expected = nithresh.threshold_img(
        folder / "L.func.gii", 2, 5, surface=folder / "L.surf.gii"
    )
    kept = nibabel.load(folder / "L_thresholded.func.gii")
    np.testing.assert_array_equal(row(kept), row(expected))
    assert np.count_nonzero(row(kept)) > 5
    said = json.loads((folder / "L_thresholded.json").read_text())
    assert said["Choices"]["surface"]["name"] == "L.surf.gii"
    assert said["Choices"]["surface"]["sha256"]
    # Its command line makes the same file again.
    again = run(*said["CommandLine"].split()[1:], "--overwrite", cwd=folder)
    assert again.out == done.out


def xml_of(path):
    content = path.read_bytes()
    (size,) = struct.unpack("<i", content[544:548])
    return content[544 : 544 + size]


def test_threshold_cifti(folder):
    run("threshold", "z.dscalar.nii", "-t", "2", "-k", "5", *SURFACES, cwd=folder)
    kept = nibabel.load(folder / "z_thresholded.dscalar.nii")
    image = nibabel.load(folder / "z.dscalar.nii")
    assert type(kept) is nibabel.Cifti2Image
    assert kept.header == image.header
    assert xml_of(folder / "z_thresholded.dscalar.nii") == xml_of(
        folder / "z.dscalar.nii"
    )
    surfaces = {"left": folder / "L.surf.gii", "right": folder / "R.surf.gii"}
    expected = nithresh.threshold_img(folder / "z.dscalar.nii", 2, 5, surface=surfaces)
    assert type(expected) is nibabel.Cifti2Image
    np.testing.assert_array_equal(kept.get_fdata(), expected.get_fdata())
    assert 0 < np.count_nonzero(kept.get_fdata()) < kept.shape[1]
    pair = folder / "z.dscalar.nii", folder / "file.dscalar.nii"
    nithresh.threshold_files([pair], 2, cluster_threshold=5, surface=surfaces)
    written = (folder / "z_thresholded.dscalar.nii").read_bytes()
    assert pair[1].read_bytes() == written
    # What the library gives can be saved, and is the same once more.
    nithresh.save(expected, folder / "saved.dscalar.nii")
    again = nithresh.load(folder / "saved.dscalar.nii")
    assert again.header == image.header
    np.testing.assert_array_equal(again.get_fdata(), kept.get_fdata())


@pytest.mark.parametrize("maps", [1, 3])
def test_series_of_cifti_are_written_as_they_were_read(tmp_path, maps):
    image = cifti(np.random.default_rng(5), maps)
    series = nibabel.cifti2.SeriesAxis(0, 0.7, maps)
    image = nibabel.Cifti2Image(
        np.asarray(image.dataobj), (series, image.header.get_axis(1))
    )
    nibabel.save(image, tmp_path / "z.dtseries.nii")
    run("threshold", "z.dtseries.nii", "-t", "0", cwd=tmp_path)
    before = (tmp_path / "z.dtseries.nii").read_bytes()
    assert (tmp_path / "z_thresholded.dtseries.nii").read_bytes() == before
    paths = tmp_path / "z.dtseries.nii", tmp_path / "kept.dtseries.nii"
    nithresh.threshold_files([paths], 0)
    assert paths[1].read_bytes() == before


def test_labels_of_a_series_of_cifti_can_be_read(folder):
    """Its XML says of the maps in an element without content, which ends early."""
    scalars = nibabel.load(folder / "z.dscalar.nii")
    series = nibabel.cifti2.SeriesAxis(0, 0.7, len(scalars.get_fdata()))
    image = nibabel.Cifti2Image(
        np.asarray(scalars.dataobj), (series, scalars.header.get_axis(1))
    )
    nibabel.save(image, folder / "z.dtseries.nii")
    for name in ("z.dscalar.nii", "z.dtseries.nii"):
        run("clusters", name, "-t", "2", "-k", "5", *SURFACES,
            "--output-dir", name[2:5], cwd=folder)  # fmt: skip
    expected = nibabel.load(folder / "dsc" / "z_labels.dlabel.nii")
    labels = nibabel.load(folder / "dts" / "z_labels.dlabel.nii")
    assert labels.header == expected.header
    np.testing.assert_array_equal(labels.get_fdata(), expected.get_fdata())


def test_areas_that_no_call_needs_are_read_all_the_same(folder):
    """A sidecar names them."""
    args = ["threshold", "L.func.gii", "-t", "2", "--surface", "L.surf.gii"]
    for name, match in (("no.gii", "no such file"), ("L.surf.gii", "areas is a GIFTI")):
        error = run(*args, "--areas", name, code=1, cwd=folder).err
        assert name in error
        assert match in error
    assert not list(folder.glob("*_thresholded*"))


def test_clusters_of_cifti(folder):
    done = run("clusters", "z.dscalar.nii", "-t", "2", "-k", "5", *SURFACES,
               "--output-dir", "out", cwd=folder)  # fmt: skip
    labels = nibabel.load(folder / "out" / "z_labels.dlabel.nii")
    table = np.genfromtxt(
        folder / "out" / "z_clusters.tsv", delimiter="\t", names=True, dtype=None,
        encoding="utf-8", missing_values="n/a",
    )  # fmt: skip
    assert done.out.split("\n")[0].split("\t")[:3] == ["id", "sign", "structure"]
    assert set(table["structure"]) == {"left", "right", "thalamus_left"}
    count = sum(str(name).isdigit() for name in table["id"])
    label_axis = labels.header.get_axis(0)
    assert set(label_axis.label[0]) == set(range(count + 1))
    assert labels.get_fdata().max() == count
    assert labels.header.get_axis(1) == nibabel.load(
        folder / "z.dscalar.nii"
    ).header.get_axis(1)
    assert labels.nifti_header.get_intent()[0] == "ConnDenseLabel"


def test_clusters_of_gifti(folder):
    args = ["clusters", "L.func.gii", "-t", "2", "--surface", "L.surf.gii"]
    args += ["--labels", "out.label.gii", "--mask"]
    done = run(*args, "L.func.gii", code=1, cwd=folder)
    assert "mask_img has more than one value" in done.err
    nibabel.save(gifti(np.arange(COUNT) % 5 > 0), folder / "mask.shape.gii")
    run(*args, "mask.shape.gii", cwd=folder)
    image = nibabel.load(folder / "out.label.gii")
    labels = row(image)
    assert labels.max() >= 1
    assert not labels[::5].any()
    names = {label.key: label.label for label in image.labeltable.labels}
    assert names[0] == "???"
    assert names[labels.max()] == f"cluster {labels.max()}"
    assert image.darrays[0].intent == nibabel.nifti1.intent_codes["NIFTI_INTENT_LABEL"]


def test_tfce(folder):
    run("tfce", "L.func.gii", "--surface", "L.surf.gii", cwd=folder)
    expected = nithresh.tfce_img(
        folder / "L.func.gii", surface=folder / "L.surf.gii", E=1, H=2
    )
    np.testing.assert_array_equal(
        row(nibabel.load(folder / "L_tfce.func.gii")), row(expected)
    )
    said = json.loads((folder / "L_tfce.json").read_text())["Choices"]
    assert (said["E"], said["H"]) == (1, 2)


def test_info(folder):
    done = run("info", "z.dscalar.nii", cwd=folder)
    lines = dict(
        line.strip().split("  ", 1) for line in done.out.splitlines() if "  " in line
    )
    has = np.count_nonzero(np.arange(COUNT) % 7)
    assert lines["left"].strip() == f"{has} of {COUNT} vertices"
    assert lines["voxels"].strip() == "24 in 1 structures"
    assert lines["clusters"].strip().startswith("not counted: no surface")
    done = run("info", "z.dscalar.nii", *SURFACES, cwd=folder)
    image = nibabel.load(folder / "z.dscalar.nii")
    surfaces = {"left": folder / "L.surf.gii", "right": folder / "R.surf.gii"}
    clusters = nithresh.find_clusters(image, 3.1, surface=surfaces)
    assert f", {len(clusters)} clusters" in done.out.split("3.1")[1].split("\n")[0]


def test_info_counts_the_smallest_integer(tmp_path):
    values = np.array([-32768, 0, 4, 1], np.int16).reshape(4, 1, 1)
    nibabel.save(nibabel.MGHImage(values, np.eye(4)), tmp_path / "lh.z.mgh")
    nibabel.freesurfer.write_geometry(tmp_path / "lh.white", *strip(4))
    done = run("info", "lh.z.mgh", "--surface", "lh.white", cwd=tmp_path)
    assert "2 values (50.0%), 2 clusters" in done.out.split(">= 3.1")[1]


def test_many_files_read_each_surface_once(folder):
    names = [f"{number}.func.gii" for number in range(3)]
    for name in names:
        (folder / name).write_bytes((folder / "L.func.gii").read_bytes())
    _mesh.cache_clear()
    done = run("threshold", *names, "-t", "2", "-k", "5", "--surface", "L.surf.gii",
               "--jobs", "2", "--output-dir", "out", cwd=folder)  # fmt: skip
    assert len(done.out.splitlines()) == 3
    assert _mesh.cache_info().misses == 1
    first, *others = [
        (folder / "out" / name.replace(".func", "_thresholded.func")).read_bytes()
        for name in names
    ]
    assert others == [first, first]
    pairs = [(folder / name, folder / f"kept-{name}") for name in names]
    nithresh.threshold_files(
        pairs, 2, cluster_threshold=5, surface=folder / "L.surf.gii"
    )
    assert (folder / "kept-0.func.gii").read_bytes() == first


def test_overlays(folder):
    values = row(nibabel.load(folder / "L.func.gii")).astype(np.float32)
    nibabel.freesurfer.write_morph_data(folder / "lh.z", values)
    nibabel.freesurfer.write_geometry(folder / "lh.white", *SPHERE)
    run("threshold", "lh.z", "-t", "2", "-k", "5", "--surface", "lh.white", cwd=folder)
    kept = nithresh.load(folder / "lh.z_thresholded.mgh")
    expected = nithresh.threshold_img(folder / "L.func.gii", 2, 5, surface=SPHERE)
    np.testing.assert_array_equal(values_of(kept), row(expected))


@pytest.mark.parametrize(
    ("args", "match"),
    [
        (["-k", "5"], "(--surface at the prompt)"),
        (["-k", "5", "--surface", "R.surf.gii"], "of the right hemisphere"),
        (["-k", "5", "--surface", "gone.surf.gii"], "gone.surf.gii"),
        (["--surface", "L.func.gii"], "0 sets of points"),
    ],
)
def test_surfaces_that_do_not_fit(folder, args, match):
    done = run("threshold", "L.func.gii", "-t", "2", *args, code=1, cwd=folder)
    assert match in done.err
    assert "Traceback" not in done.err
    assert not list(folder.glob("*_thresholded*"))


@pytest.mark.parametrize(
    ("args", "match"),
    [
        (["--surface", "L.surf.gii", *SURFACES], "--surface is for a map of one"),
        (["--min-area", "-1", "--surface", "L.surf.gii"], "--min-area is -1"),
    ],
)
def test_options_that_do_not_go_together(folder, args, match, capsys):
    with contextlib.chdir(folder), pytest.raises(SystemExit, match="2"):
        main(["threshold", "L.func.gii", "-t", "2", *args])
    assert match in capsys.readouterr().err


INDICES = b"<VertexIndices>1 2"
# What is in the XML, and what is there instead.
DAMAGE = {
    "no XML": (b"<CIFTI", b"<CXFTI"),
    "another version": (b'Version="2.0"', b'Version="1"'),
    "a vertex too far": (INDICES, b"<VertexIndices>1 999"),
    "a vertex twice": (INDICES, b"<VertexIndices>1 1"),
    "a count": (b'IndexOffset="0"', b'IndexOffset="1"'),
    "an entity": (b"<CIFTI", b'<!DOCTYPE a [<!ENTITY b "c">]><CIFTI'),
    "other axes": (b"TYPE_SCALARS", b"TYPE_PARCELS"),
}


@pytest.mark.parametrize("what", list(DAMAGE))
def test_damaged_cifti(folder, what):
    path = folder / "z.dscalar.nii"
    image = nibabel.Nifti2Image.from_filename(path)
    (own,) = image.header.extensions
    xml = own.content.replace(*DAMAGE[what])
    assert xml != own.content
    extension = nibabel.nifti1.Nifti1Extension(32, xml)
    data = np.asarray(image.dataobj)
    image.header.extensions[:] = [extension]
    nibabel.Nifti2Image(data, None, image.header).to_filename(path)
    with pytest.raises(nithresh.ImageFileError, match="z.dscalar.nii"):
        nithresh.threshold_img(path, 2)
    done = run("threshold", path.name, "-t", "2", code=1, cwd=folder)
    assert "Traceback" not in done.err
    assert path.name in done.err


def test_a_cifti_file_that_is_cut_short(folder):
    path = folder / "z.dscalar.nii"
    content = path.read_bytes()
    for length in (100, 600, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(nithresh.ImageFileError, match="z.dscalar.nii"):
            nithresh.threshold_img(path, 2)


def test_a_strip_in_a_file_by_each_class(tmp_path):
    """The same values, as all kinds of maps, keep the same vertices."""
    values = np.array([3, 3, 0, 0, 3, 0, -3, -3, -3, 1], np.float32)
    surface = strip(10)
    all_vertices = range(10)
    axis = nibabel.cifti2.BrainModelAxis.from_surface(all_vertices, 10, "CortexLeft")
    names = nibabel.cifti2.ScalarAxis(["z"])
    nibabel.save(
        nibabel.Cifti2Image(values[np.newaxis], (names, axis)),
        tmp_path / "z.dscalar.nii",
    )
    nibabel.save(gifti(values), tmp_path / "z.func.gii")
    nibabel.save(gifti(values), tmp_path / "z.func.gii.gz")
    volume = values.reshape(-1, 1, 1)
    nibabel.save(nibabel.MGHImage(volume, np.eye(4)), tmp_path / "z.mgz")
    nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / "z.nii.gz")
    for path in sorted(tmp_path.iterdir()):
        kept = nithresh.threshold_img(path, 2, 3, surface={"left": surface})
        assert row(kept).tolist() == [0] * 6 + [-3] * 3 + [0]


@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("L.func.gii", "out.nii.gz"),
        ("z.dscalar.nii", "out.func.gii"),
        # Workbench reads no compressed CIFTI, and there is none in pairs.
        ("z.dscalar.nii", "out.nii.gz"),
        ("z.dscalar.nii", "out.hdr"),
    ],
)
def test_outputs_of_another_kind_of_file_are_refused(folder, source, output):
    done = run("threshold", source, "-t", "2", "-o", output, code=1, cwd=folder)
    assert "it must end in" in done.err
    with pytest.raises(ExceptionGroup) as raised:
        nithresh.threshold_files([(folder / source, folder / output)], 2)
    (error,) = raised.value.exceptions
    assert "it must end in" in str(error)
    assert not (folder / output).exists()


def test_overlays_of_freesurfer_need_no_surface_without_clusters(folder):
    nibabel.freesurfer.write_morph_data(folder / "lh.thickness", np.arange(4.0))
    done = run("threshold", "lh.thickness", "-t", "2", cwd=folder)
    assert done.out == "lh.thickness_thresholded.mgh\n"
    kept = nithresh.load(folder / "lh.thickness_thresholded.mgh")
    np.testing.assert_array_equal(row(kept), [0, 0, 2, 3])
    assert (
        "left               4 of 4 vertices"
        in run("info", "lh.thickness", cwd=folder).out
    )


@pytest.mark.parametrize("subcommand", ["plot", "view", "report"])
def test_what_draws_volumes_says_who_takes_surfaces(folder, subcommand):
    out = "a.png" if subcommand == "plot" else "a.html"
    done = run(subcommand, "L.func.gii", "-t", "2", "-o", out, code=1, cwd=folder)
    assert "it must be an image of a volume. Surfaces are not drawn; " in done.err
    assert "(threshold, clusters and tfce at the prompt)" in done.err
