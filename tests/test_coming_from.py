"""The commands beside those of other tools run, and give what these give."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import nibabel
import numpy as np
import pytest

import nithresh
from nithresh.command.demo import _make_group
from running import run_here

PAGE = (Path(__file__).parents[1] / "docs" / "coming-from.md").read_text()
COMMANDS = re.findall(r"`(nithresh [^`]+)`", PAGE)
IMPORTS = re.findall(r"`(from nithresh[^`]+)`", PAGE)


def make_surface(folder):
    """Make a flat sheet of triangles, and a smooth map on it."""
    side = 24
    y, x = np.mgrid[:side, :side].astype(np.float32) * 2
    at = np.arange(side * side, dtype=np.int32).reshape(side, side)
    a, b, c, d = at[:-1, :-1], at[:-1, 1:], at[1:, :-1], at[1:, 1:]
    faces = [np.stack(corners, -1).reshape(-1, 3) for corners in ((a, b, c), (b, d, c))]
    noise = np.random.default_rng(0).standard_normal((side, side))
    for _ in range(2):
        noise += np.roll(noise, 1, 0) + np.roll(noise, 1, 1)
    values = (noise / noise.std() * 1.5).astype(np.float32).ravel()
    points = np.stack([x, y, 0 * x], -1).reshape(-1, 3)
    for name, arrays in {
        "left.surf.gii": {"POINTSET": points, "TRIANGLE": np.concatenate(faces)},
        "map.func.gii": {"NONE": values},
    }.items():
        image = nibabel.GiftiImage(
            darrays=[
                nibabel.gifti.GiftiDataArray(data, intent=f"NIFTI_INTENT_{intent}")
                for intent, data in arrays.items()
            ]
        )
        for where in (image, image.darrays[0]):
            where.meta["AnatomicalStructurePrimary"] = "CortexLeft"
        nibabel.save(image, folder / name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Make a folder with the files that the page names."""
    folder = tmp_path_factory.mktemp("files")
    sample = nithresh.load(nithresh.datasets.load_sample_motor_activation_image())
    image = nibabel.Nifti1Image(np.asarray(sample.dataobj), sample.affine)
    nithresh.save(image, folder / "map.nii.gz")
    nithresh.save(image, folder / "cope.nii.gz")
    inside = (np.asarray(sample.dataobj) != 0).astype(np.uint8)
    nithresh.save(nibabel.Nifti1Image(inside, sample.affine), folder / "mask.nii.gz")
    image.header["descrip"] = b"SPM{T_[19.0]} - contrast 1: left"
    nithresh.save(image, folder / "spmT_0001.nii")
    make_surface(folder)
    group = folder / "group"
    _make_group(group)
    for number, path in enumerate(sorted(group.glob("sub-*"))):
        shutil.move(path, group / f"sub-{number:02}.nii.gz")
    maps = [nithresh.load(path) for path in sorted(group.glob("sub-*"))]
    nithresh.save(nibabel.concat_images(maps), group / "maps4d.nii.gz")
    return folder


def test_the_page_is_read_whole():
    assert len(COMMANDS) > 20
    assert len(COMMANDS) == len(set(COMMANDS)) == PAGE.count("`nithresh ")
    assert len(IMPORTS) == 6


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_beside_that_of_another_tool_runs(command, folder, monkeypatch):
    words = shlex.split(command)[1:]
    place = folder / "group" if words[0] == "permute" else folder
    monkeypatch.chdir(place)
    if "sub-*.nii.gz" in words:  # what a shell does
        at = words.index("sub-*.nii.gz")
        words[at : at + 1] = sorted(str(path) for path in Path().glob("sub-*.nii.gz"))
    if "-n" in words:
        words[words.index("-n") + 1] = "20"  # quicker
    done = run_here(*words, "--overwrite", folder=place)
    assert done.code == 0, done.err
    for option in ("-o", "--labels", "--output-dir"):
        if option in words:
            assert Path(words[words.index(option) + 1]).exists()


@pytest.mark.parametrize("line", IMPORTS)
def test_an_import_beside_that_of_nilearn_works(line):
    exec(line)  # noqa: S102 - it is ours


def test_the_degrees_of_freedom_of_spm_are_read(folder):
    words = "clusters spmT_0001.nii --alpha 0.001 --correct none --rules spm --json"
    done = run_here(*words.split(), folder=folder)
    (line,) = re.findall(r".*df.*|.*t.*19.*", done.err)
    assert "3.579" in line  # the t of 0.001 with 19 degrees of freedom


def labels_in(path):
    image = nibabel.load(path)
    return image.darrays[0].data if path.endswith(".gii") else np.asarray(image.dataobj)


@pytest.mark.skipif(shutil.which("wb_command") is None, reason="no wb_command here")
@pytest.mark.parametrize("row", re.findall(r"`(wb_command .*?)` \| `(.*?)`", PAGE))
def test_workbench_gives_the_same_labels(row, folder, monkeypatch):
    monkeypatch.chdir(folder)
    theirs, ours = (shlex.split(command) for command in row)
    subprocess.run(theirs, check=True, capture_output=True)
    (written,) = (word for word in theirs if word.startswith("labels."))
    expected = labels_in(written)
    Path(written).unlink()
    assert run_here(*ours[1:], "--overwrite", folder=folder).code == 0
    found = labels_in(ours[ours.index("--labels") + 1])
    if "--rules" in ours:
        np.testing.assert_array_equal(found, expected)
        assert found.max() > 1
    else:  # other numbers, the same clusters
        pairs = {
            (int(a), int(b)) for a, b in zip(found.flat, expected.flat, strict=True)
        }
        assert len(pairs) == len(np.unique(found)) == len(np.unique(expected)) > 3
