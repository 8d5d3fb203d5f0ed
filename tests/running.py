"""The command in this process, for many runs of little work."""

import contextlib
import io
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
