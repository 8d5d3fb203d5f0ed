"""Names of files that are odd, or lead nowhere: each is one file."""

import pwd

import nibabel
import numpy as np
import pytest

import nithresh
from nithresh._paths import expanded, real_path, resolved
from test_command import contents, random_map, run

# A user of this name there is: "~root" is a folder of the system.
USER = pwd.getpwuid(0).pw_name


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory, with two links that lead in a circle."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop.nii").symlink_to("circle.nii")
    (tmp_path / "circle.nii").symlink_to("loop.nii")
    nithresh.save(random_map(), tmp_path / "map.nii")
    return tmp_path


def test_home_folders_are_expanded_once(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder / "home"))
    assert expanded("~/map.nii") == folder / "home" / "map.nii"
    assert expanded("~no-such-user.nii") == folder / "~no-such-user.nii"
    assert expanded("sub/~map.nii").as_posix() == "sub/~map.nii"
    for name in (f"~{USER}/map.nii", f"./~{USER}/map.nii", "./~/map.nii"):
        assert expanded(expanded(name)) == expanded(name)
        assert (expanded(name).parent.parent == folder) == name.startswith("./")


def test_links_in_a_circle(folder):
    assert real_path("loop.nii").parent == folder
    with pytest.raises(OSError, match="Too many levels of symbolic links: 'loop.nii'"):
        resolved("loop.nii")
    with pytest.raises(OSError, match=r"loop\.nii"):
        nithresh.save(random_map(), "loop.nii")
    assert (folder / "loop.nii").is_symlink()
    assert real_path("a\0b").name == "a\0b"


ODD = [
    "~no-such-user.nii",
    "loop.nii",
    "x" * 300 + ".nii",
    "map.nii/sub.nii",
    ".",
    "/",
    "..",
]


@pytest.mark.parametrize("name", ODD)
def test_such_a_name_is_one_failed_file(folder, name):
    args = ("-t", 1, "--output-dir", "out")
    done = run("threshold", name, "map.nii", *args, code=1, cwd=folder)
    assert done.stdout == "out/map_thresholded.nii\n"
    first, second = done.stderr.splitlines()
    assert first == "nithresh: 1 of 2 files failed:"
    assert second.startswith(f"nithresh: {name}: ")
    assert set(contents(folder / "out")) == {
        "map_thresholded.nii",
        "map_thresholded.json",
    }


@pytest.mark.parametrize("name", [*ODD, "a\0b.nii"])
def test_such_a_name_is_one_failed_pair(folder, name):
    results = []
    pairs = [(name, folder / "odd.nii"), ("map.nii", folder / "kept.nii")]
    nithresh.threshold_files(pairs, 1, on_result=results.append)
    assert [result.error is None for result in results] == [False, True]
    # As an output, too.
    pairs = [("map.nii", name), ("map.nii", folder / "again.nii")]
    results.clear()
    nithresh.threshold_files(pairs, 1, on_result=results.append)
    is_fine = name == "~no-such-user.nii"  # a name as others
    assert [result.error is None for result in results] == [is_fine, True]
    with pytest.raises(ExceptionGroup):
        nithresh.threshold_files([("loop.nii", "kept2.nii")], 1)


@pytest.mark.parametrize("path", [3, None, b"map.nii", ["map.nii"]])
def test_what_is_no_path(path):
    image = nibabel.Nifti1Image(np.zeros((1, 1, 1), np.float32), np.eye(4))
    for call in (nithresh.load, lambda path: nithresh.save(image, path)):
        with pytest.raises(TypeError, match="^path is .*; it must be a str or an os"):
            call(path)


def test_a_name_that_no_file_can_have(tmp_path):
    image = nibabel.Nifti1Image(np.ones((1, 1, 1), np.float32), np.eye(4))
    with pytest.raises(ValueError, match=r"^path is '.*x00b\.nii'; no file can have"):
        nithresh.save(image, tmp_path / "a\0b.nii")
    table = nithresh.find_clusters(image, 1).table
    with pytest.raises(ValueError, match="no file can have this name"):
        table.to_tsv(tmp_path / "a\0b.tsv")


def test_a_file_whose_name_begins_with_a_tilde(folder):
    """An existing one, whether there is a user of this name or not."""
    (folder / f"~{USER}").mkdir()
    for name in ("~no-such-user.nii", f"~{USER}/map.nii"):
        nibabel.save(random_map(), folder / name)
        run("threshold", f"./{name}", "-t", 1, cwd=folder)
        output = folder / name.replace(".nii", "_thresholded.nii")
        kept = nithresh.threshold_img(f"./{name}", 1)
        np.testing.assert_array_equal(nithresh.load(output).dataobj, kept.dataobj)
