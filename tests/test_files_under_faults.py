"""What is on disk when writing fails, is stopped, or is done by several at once."""

import hashlib
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest

import nithresh
from test_command import contents, run

FAULTS = Path(__file__).with_name("faults.py")
AFFINE = np.diag([-2, 2, 2, 1.0])


def random_map(seed=0, shape=(7, 6, 5), dtype=np.float32):
    data = np.random.default_rng(seed).integers(-4, 5, shape)
    return nibabel.Nifti1Image(np.asfortranarray(data, dtype), AFFINE)


def met_faults(folder, **asked):
    """Run a command once for each step that it takes; say how each run ended."""
    done = subprocess.run(
        [sys.executable, FAULTS, folder],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    ends = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(ends) > 8
    # The last one took fewer steps.
    assert (ends[-1]["event"], ends[-1]["code"]) == ("", 0)
    # The folder is locked and unlocked once, though it has an absolute name as well.
    assert [end["event"] for end in ends].count("fcntl.flock") == 2
    return ends


def checksum(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def told_of(sidecar):
    """Return the files that a sidecar tells of, and their checksums."""
    outputs = json.loads(sidecar.read_text())["Outputs"]
    assert outputs
    return {sidecar.with_name(each["name"]): each["sha256"] for each in outputs}


def tells_of_another(sidecar):
    """Whether one of the files is another than the one that a sidecar tells of."""
    told = told_of(sidecar)
    return any(path.exists() and checksum(path) != told[path] for path in told)


def belongs(sidecar):
    """Whether a sidecar has the checksums of all that it tells of."""
    return all(path.exists() for path in told_of(sidecar)) and not tells_of_another(
        sidecar
    )


def written(folder):
    return {name: content for name, content in contents(folder).items()
            if not re.fullmatch(r"\.nithresh-.*\.tmp", name)}  # fmt: skip


OLD = ["-t", "2"]
NEW = ["-t", "3"]
COMMANDS = {
    "threshold": ["threshold", "map.nii.gz", "-o", "out/a.nii.gz"],
    "pair": ["threshold", "map.nii.gz", "-o", "out/a.img"],
    "clusters": ["clusters", "map.nii.gz", "--output-dir", "out"],
}


@pytest.fixture
def template(tmp_path):
    folder = tmp_path / "template"
    (folder / "out").mkdir(parents=True)
    nithresh.save(random_map(), folder / "map.nii.gz")
    return folder


def made(template, args):
    """Return what a command makes."""
    run(*args, "--overwrite", cwd=template)
    return contents(template / "out")


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("replaces", [False, True])
def test_a_command_that_is_killed_at_any_step(template, name, replaces):
    """Each file is the old or the new one, and no sidecar tells of another file."""
    args = [*COMMANDS[name], *NEW]
    new, old = made(template, args), {}
    for path in (template / "out").iterdir():
        path.unlink()
    if replaces:
        # Another grid and another type: no header fits the voxels of the other map.
        nithresh.save(random_map(1, (4, 4, 3), np.int16), template / "map.nii.gz")
        old = made(template, [*COMMANDS[name], *OLD])
        nithresh.save(random_map(), template / "map.nii.gz")
    option = ["--overwrite"] if replaces else []
    after = [*args, "--skip-existing"]
    states = set()
    for end in met_faults(template, args=[*args, *option], fault="kill", after=after):
        out = Path(end["seen"], "out")
        there = written(out)
        assert there.keys() <= new.keys()
        for file, content in there.items():
            assert content in (old.get(file), new[file]), (end, file)
        for path in out.glob("*.json"):
            # Those that tell of other files are new, and say so by their checksums.
            assert there[path.name] == new[path.name] or not tells_of_another(path)
        if there == old:
            states.add("old")
        elif there == new:
            states.add("new")
        else:
            states.add("between")
            assert not all(map(belongs, out.glob("*.json")))
        # Never a header beside voxels that it does not belong to.
        if name == "pair" and {"a.hdr", "a.img"} <= there.keys():
            assert (there["a.hdr"] == old.get("a.hdr")) == (
                there["a.img"] == old.get("a.img")
            )
        if end["code"] != 0:
            assert end["code"] == -signal.SIGKILL
        # The next command makes what is missing or stale, and removes what is left.
        assert end["again"] == 0
        out = Path(end["folder"], "out")
        assert contents(out) in (old, new)
        assert replaces or contents(out) == new
        assert all(map(belongs, out.glob("*.json")))
    assert states == {"old", "between", "new"}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_step_that_fails_changes_nothing(template, name):
    """All outputs are the old ones, or all are the new ones."""
    new = made(template, [*COMMANDS[name], *NEW])
    old = made(template, [*COMMANDS[name], *OLD])
    args = [*COMMANDS[name], *NEW, "--overwrite"]
    codes = set()
    for end in met_faults(template, args=args, fault="error"):
        out = Path(end["seen"], "out")
        codes.add(end["code"])
        assert written(out) == (old if end["code"] else new), end
        # What could not be removed stays; a later process does it.
        if end["event"] != "os.remove":
            assert written(out) == contents(out)
    assert codes == {0, 1}
