"""What somebody meets first: make on a bare machine, and the command."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
# What make and the check themselves need.
TOOLS = ("make", "sh", "sed", "dirname", "grep", "mkdir", "touch", "echo")
PYTHON = """\
case "$*" in
    *version_info*) echo {version} ;;
    *ensurepip*) exit {without_venv} ;;
    *venv*) mkdir -p .venv/bin; ln -s "$0" .venv/bin/python; ln -s "$0" .venv/bin/pip ;;
    *) echo "installs" ;;
esac
"""
GOOD = {
    "python3": PYTHON.format(version="3.11", without_venv=0),
    "cargo": "echo 'cargo 1.89.0 (c24e10642 2025-06-23)'\n",
    "rustc": "echo 'rustc 1.89.0 (29483883e 2025-08-04)'\n",
    "cc": "",
}
OLD = "3.10"
PROBLEMS = {
    "no Python": ({"python3": None}, "python3 cannot be found: install Python 3.11"),
    "old Python": (
        {"python3": PYTHON.format(version=OLD, without_venv=0)},
        "python3 is Python 3.10: install Python 3.11 or newer, "
        "then name it: make PYTHON=python3.11",
    ),
    "broken Python": ({"python3": "exit 1"}, "python3 does not run: install Python"),
    "no venv": (
        {"python3": PYTHON.format(version="3.12", without_venv=1)},
        "python3 cannot make environments: "
        "install its venv (Debian and Ubuntu: apt install python3.12-venv)",
    ),
    "no cargo": (
        {"cargo": None},
        "cargo cannot be found: install Rust 1.89 or newer from https://rustup.rs, "
        "then open a new terminal",
    ),
    "old cargo": ({"cargo": "echo 'cargo 1.85.1'\n"}, "cargo is 1.85.1: install Rust"),
    "no toolchain": ({"cargo": "exit 1"}, "cargo does not run: install Rust 1.89"),
    "no rustc": ({"rustc": None}, "rustc cannot be found: install Rust 1.89"),
    "old rustc": ({"rustc": "echo rustc 1.88.0\n"}, "rustc is 1.88.0: install Rust"),
    "no linker": ({"cc": None}, "cc, the linker that Rust calls, cannot be found: "),
}


@pytest.fixture
def machine(tmp_path):
    """Give a copy of the files of make, and a function that runs it on a machine."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    folder = tmp_path / "clone"
    (folder / "tools").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "Cargo.toml", "tools/check-machine.sh"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("requirements.lock", "Cargo.lock"):
        (folder / name).touch()
    path = tmp_path / "path"
    path.mkdir()
    for tool in (*TOOLS, "ln"):
        (path / tool).symlink_to(shutil.which(tool))

    def make(target, has):
        for name, script in (GOOD | has).items():
            (path / name).unlink(missing_ok=True)
            if script is not None:
                (path / name).write_text(f"#!/bin/sh\n{script}")
                (path / name).chmod(0o755)
        return subprocess.run(
            [path / "make", target],
            check=False,
            cwd=folder,
            env={"PATH": str(path)},
            capture_output=True,
            text=True,
        )

    return folder, make


@pytest.mark.parametrize("target", ["demo", "test"])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_make_says_in_one_sentence_what_to_install_first(problem, target, machine):
    folder, make = machine
    has, sentence = PROBLEMS[problem]
    done = make(target, has)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert f"*** {sentence}" in line
    assert not (folder / ".venv").exists()


@pytest.mark.parametrize("target", [".venv/built", ".venv/tested"])
def test_make_says_what_it_does_where_all_is_there(target, machine):
    _, make = machine
    done = make(target, {})
    assert (done.returncode, done.stderr) == (0, "")
    assert "Making a Python environment in .venv" in done.stdout
    assert "compiling" in done.stdout
    assert "installs" in done.stdout


def test_make_asks_for_a_new_environment_where_its_python_has_grown_old(machine):
    _, make = machine
    assert make(".venv/built", {}).returncode == 0
    done = make("demo", {"python3": PYTHON.format(version=OLD, without_venv=0)})
    assert done.returncode != 0  # built, but there is no example here
    done = make(".venv/tested", {"python3": PYTHON.format(version=OLD, without_venv=0)})
    assert ".venv/bin/python is Python 3.10: install" in done.stderr
    assert "then remove .venv: make clean" in done.stderr


@pytest.mark.skipif(shutil.which("cargo") is None, reason="Rust is not installed")
def test_this_machine_lacks_nothing():
    done = subprocess.run(
        [ROOT / "tools" / "check-machine.sh"], check=True, capture_output=True
    )
    assert (done.stdout, done.stderr) == (b"", b"")


def test_the_package_runs_as_the_command():
    for words in (["--version"], ["threshold", "--help"]):
        outputs = {
            subprocess.run([*program, *words], check=True, capture_output=True).stdout
            for program in ([BIN / "nithresh"], [sys.executable, "-m", "nithresh"])
        }
        assert len(outputs) == 1


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not here")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("nithresh th", ["threshold"]),
        ("nithresh clusters --connectivity ", ["6", "18", "26"]),
        ("nithresh plot map.nii --cut", ["--cut-coords"]),
    ],
)
def test_bash_completes_a_line_as_the_manual_says(line, offered):
    manual = (ROOT / "docs" / "command.md").read_text()
    setup = 'eval "$(register-python-argcomplete nithresh)"'
    assert setup in manual
    words = line.split(" ")
    program = f"""
        {setup}
        COMP_LINE={line!r} COMP_POINT={len(line)} COMP_TYPE=9
        COMP_WORDS=({" ".join(repr(word) for word in words)})
        COMP_CWORD={len(words) - 1}
        _python_argcomplete nithresh {words[-1]!r} {words[-2]!r}
        for word in "${{COMPREPLY[@]}}"; do echo $word; done
    """
    done = subprocess.run(
        [shutil.which("bash"), "--norc", "-c", program],
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": f"{BIN}:{os.environ['PATH']}"},
    )
    assert done.stdout.split() == offered
