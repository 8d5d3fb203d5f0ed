"""The command in this process, for many runs of little work, and Python in another."""

import contextlib
import io
import subprocess
import sys
import warnings
from pathlib import Path
from typing import NamedTuple

from nithresh.command import main


class Done(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


def run_here(*words: str | Path, folder: Path | None = None) -> Done:
    """Run the command; a warning of another library is an error."""
    # As Python opens them.
    out, err = (
        io.TextIOWrapper(io.BytesIO(), "utf-8", errors)
        for errors in ("strict", "backslashreplace")
    )
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        contextlib.chdir(folder or Path.cwd()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("error")
        code = main([str(word) for word in words])
    return Done(code, *(stream_text(stream) for stream in (out, err)))


def stream_text(stream: io.TextIOWrapper) -> str:
    """All that has been printed."""
    stream.seek(0)
    return stream.read()


def import_error_without(package: str, statement: str) -> str:
    """What an ImportError of a statement says where a package is missing."""
    code = (
        f"import sys; sys.modules[{package!r}] = None; import nithresh\n"
        f"try: {statement}\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout
