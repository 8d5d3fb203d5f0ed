"""What goes wrong, in one line for each file."""

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


class UsageError(Exception):
    """A command line that is wrong."""


class NeededFileError(Exception):
    """A file that all others need, and why it cannot be read."""

    def __init__(self, path: str, error: Exception) -> None:
        super().__init__(path, error)
        self.path = path
        self.error = error


@contextmanager
def needing(path: str) -> Iterator[None]:
    """Name a file that all others need when it cannot be read."""
    try:
        yield
    except (OSError, TypeError, ValueError) as error:
        raise NeededFileError(path, error) from error


@contextmanager
def as_usage() -> Iterator[None]:
    """Turn an error of the library about an argument into one of the command line.

    Missing or damaged files are not errors of the command line.
    """
    try:
        yield
    except OSError:
        raise
    except (TypeError, ValueError) as error:
        if type(error) in (TypeError, ValueError):
            raise UsageError(one_line(str(error))) from error
        raise


@contextmanager
def naming(path: str | os.PathLike[str] | None = None) -> Iterator[None]:
    """Say that a file cannot be written: the one that the error names, or `path`."""
    try:
        yield
    except OSError as error:
        name = error.filename or path
        if name is None or isinstance(error, ValueError):
            raise  # the words are those of the library or of the command already
        msg = f"cannot write {str(name)!r}: {error.strerror or error}"
        raise OSError(msg) from error


def make_folder(path: Path) -> None:
    """Make a folder if it is not there.

    Raises
    ------
    OSError
        A file is there or in the place of a folder above, or the folder cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"cannot write {str(path)!r}: {error.strerror}"
        if isinstance(error, (FileExistsError, NotADirectoryError)):
            for place in (path, *path.parents):
                if place.exists() and not place.is_dir():
                    msg = f"{str(place)!r} is a file, not a folder"
        raise OSError(msg) from error


def already_exists(
    path: str | os.PathLike[str],
    *,
    can_skip: bool = True,
    tells_of: Iterable[str] = (),
) -> OSError:
    """Refuse to replace a file.

    Parameters
    ----------
    path : str or os.PathLike
    can_skip : bool, default=True
        Whether there is --skip-existing.
    tells_of : iterable of str, optional
        The outputs that it tells of, if it is a sidecar.
    """
    told = ", ".join(tells_of)
    about = f" and tells of {told}: choose another name" if told else ""
    msg = f"{str(path)!r} exists{about}; --overwrite replaces it"
    if can_skip:
        msg += ", --skip-existing leaves out inputs whose outputs are complete"
    return OSError(msg)


def report(source: str | None, error: Exception, *, debug: bool) -> None:
    """Print why a file failed; with `debug` the traceback before it."""
    if debug:
        import traceback

        traceback.print_exception(error)
    print_about(source, reason(error))


def print_about(source: str | None, text: str) -> None:
    """Print one line to standard error."""
    name = "" if source is None else f"{source}: "
    print(one_line(f"nithresh: {name}{text}"), file=sys.stderr, flush=True)


def forget_output() -> None:
    """Write what is left in standard output to nowhere, after it could not be written.

    The end of the interpreter would try once more.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def reason(error: Exception) -> str:
    """Say in words why."""
    if isinstance(error, OSError) and error.strerror is not None:
        name = "" if error.filename is None else f": {error.filename!r}"
        return f"{error.strerror}{name}"
    if isinstance(error, MemoryError):
        return f"not enough memory {error}".rstrip()
    return str(error) or type(error).__name__


def one_line(text: str) -> str:
    """Put the lines of a text side by side."""
    return re.sub(r"\s*[\r\n]+\s*", " ", text)
