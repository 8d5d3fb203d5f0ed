"""What becomes of the file that is replaced, whoever writes the new one."""

import os
import stat
import threading
from pathlib import Path

import nibabel
import numpy as np
import pytest

import nithresh
from nithresh.plotting import plot_stat_map
from running import run_here

# The names of its files, of which each stands for what is written when it is asked for.
WRITERS = {
    "save .nii": ["a.nii"],
    "save .nii.gz": ["a.nii.gz"],
    "save .hdr": ["a.hdr", "a.img"],
    "save .img.gz": ["a.img.gz", "a.hdr.gz"],
    "save .mgz": ["a.mgz"],
    "threshold_files": ["a.nii.gz"],
    "to_tsv": ["a.tsv", "a.json"],
    "savefig .png": ["a.png"],
    "savefig .svg": ["a.svg"],
    "threshold": ["a.nii.gz", "a.json"],
    "clusters --labels": ["a.nii", "a.json"],
    "clusters --table": ["a.tsv", "a.json"],
    "tfce": ["a.hdr", "a.img", "a.json"],
    "plot": ["a.png", "a.json"],
}
LINKS_STAY = (".nii", ".nii.gz", ".hdr", ".img", ".hdr.gz", ".img.gz", ".mgz")


@pytest.fixture(scope="module")
def image():
    data = np.random.default_rng(0).integers(-3, 4, (7, 6, 5))
    return nibabel.Nifti1Image(data.astype(np.float32), np.diag([2, 2, 2, 1.0]))


@pytest.fixture(scope="module")
def figure(image):
    display = plot_stat_map(image, display_mode="z", cut_coords=1)
    yield display
    display.close()


@pytest.fixture(params=WRITERS)
def writer(request, image, figure, tmp_path):
    """What writes, and its files."""
    paths = [tmp_path / name for name in WRITERS[request.param]]
    first = paths[0]
    source = tmp_path / "map.nii"
    nibabel.save(image, source)
    subcommand, *option = request.param.split()

    def write():
        if subcommand == "save":
            nithresh.save(image, first)
        elif subcommand == "threshold_files":
            nithresh.threshold_files([(source, first)], 2)
        elif subcommand == "to_tsv":
            nithresh.find_clusters(image, 2).table.to_tsv(first)
        elif subcommand == "savefig":
            figure.savefig(first)
        else:
            words = [subcommand, source, *(option or ["-o"]), first, "--overwrite"]
            if subcommand != "tfce":
                words.append("-t=2")
            done = run_here(*words)
            assert done.err == "" or done.code == 1
            if done.code:
                raise OSError(done.err)

    return write, paths


def test_owner_and_mode_stay(writer):
    write, paths = writer
    write()
    before = [path.stat() for path in paths]
    for path in paths:
        path.chmod(0o640)
        if os.geteuid() == 0:
            os.chown(path, 12345, 54321)
    kept = [path.stat() for path in paths]
    assert all(
        one.st_mode != other.st_mode for one, other in zip(before, kept, strict=True)
    )
    write()
    for path, old in zip(paths, kept, strict=True):
        new = path.stat()
        assert new.st_ino != old.st_ino
        assert (new.st_mode, new.st_uid, new.st_gid) == (
            old.st_mode,
            old.st_uid,
            old.st_gid,
        )


def test_links_to_files_of_others(writer, tmp_path):
    """The link for an image stays; what was named nowhere is never written to."""
    write, paths = writer
    write()
    for path in paths:
        content = path.read_bytes()
        other = tmp_path / "other"
        other.write_text("mine")
        path.unlink()
        path.symlink_to(other)
        write()
        stays = path.name.endswith(LINKS_STAY)
        assert path.is_symlink() == stays
        assert (other.read_bytes() == b"mine") != stays
        if path.suffix != ".svg":  # matplotlib's names in it are random
            assert path.read_bytes() == content
        path.unlink()
        other.unlink()


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_is_no_file_is_refused(writer, kind):
    write, paths = writer
    write()
    for path in paths:
        others = {one: one.read_bytes() for one in paths if one != path}
        path.unlink()
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "device":
            path.symlink_to("/dev/full")
        else:
            path.mkdir()
        mode = path.lstat().st_mode
        with pytest.raises((OSError, ValueError, ExceptionGroup)) as caught:
            write()
        error = caught.value
        text = str(getattr(error, "exceptions", [error])[0])
        assert f"which is a {kind}; it must be a file or not exist" in text
        assert path.name in text
        assert path.lstat().st_mode == mode
        assert {one: one.read_bytes() for one in others} == others
        if kind == "folder":
            path.rmdir()
        else:
            path.unlink()
        write()
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


def test_many_threads_replace_the_same_files(image, figure, tmp_path):
    table = nithresh.find_clusters(image, 2).table

    def write():
        nithresh.save(image, tmp_path / "a.hdr")
        nithresh.save(image, tmp_path / "b.nii.gz")
        table.to_tsv(tmp_path / "c.tsv")

    write()
    figure.savefig(tmp_path / "d.png")
    expected = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for path in expected:
        path.chmod(0o600)
    errors = []

    def run():
        try:
            for _ in range(25):
                write()
            figure.savefig(tmp_path / "d.png")
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == expected
    assert {stat.S_IMODE(path.stat().st_mode) for path in expected} == {0o600}
