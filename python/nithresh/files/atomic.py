"""Files that appear whole or not at all, alone or together.

A file is written beside its place, under a name that no other call has. It gets its
own name when it is complete, by a rename or, where nothing may be replaced, by a hard
link. What a killed process leaves behind names that process, so that a later one can
tell that nobody needs it any more.
"""

import errno
import hashlib
import os
import platform
import re
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum, IntEnum, auto
from functools import cache
from pathlib import Path
from typing import BinaryIO

from nithresh.files.errors import MissingFileError
from nithresh.files.reading import sha256

if sys.platform != "win32":
    import fcntl

# The end keeps them out of *.nii.gz and *.json.
_PREFIX, _SUFFIX = ".nithresh-", ".tmp"
_TEMPORARY = re.compile(
    rf"{re.escape(_PREFIX)}([0-9a-f]+)-([0-9]+)-([0-9]+)-.*{re.escape(_SUFFIX)}"
)
_mark: ContextVar[str] = ContextVar("mark", default="")
# After how many seconds nobody can be writing a temporary file any more, whose process
# cannot be asked for: it belongs to another machine, or the machine was started again.
_LONGEST_WRITE = 7 * 24 * 3600.0
# For how many seconds others may hold a folder: a rename takes less than one of them.
_PATIENCE = 2.0

# Folders that this process has cleaned, and those that somebody holds for longer.
_cleaned: set[tuple[int, Path]] = set()
_held: set[tuple[int, int]] = set()


class IfExists(Enum):
    """What is done about files that exist: the words of pandas."""

    FAIL = auto()
    SKIP = auto()
    REPLACE = auto()


class Turn(IntEnum):
    """When a file gets its name, of several that belong together.

    The last ones are away while the others are replaced: nobody finds one beside a file
    that it does not belong to.
    """

    FIRST = auto()
    MIDDLE = auto()
    LAST = auto()


@dataclass(frozen=True, slots=True)
class _Written:
    """A file that is complete and has no name yet."""

    path: Path
    # Where the path leads to.
    place: Path
    temporary: Path
    turn: Turn


class Transaction:
    """Files that are written one after the other and appear together.

    Nothing appears before :meth:`commit`, which puts back what was there if it fails.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Transaction() as files:
    ...     with files.open(Path(folder, "map.txt")) as stream:
    ...         _ = stream.write(b"1 2 3")
    ...     files.commit()
    ...     Path(folder, "map.txt").read_text()
    '1 2 3'
    """

    def __init__(self) -> None:
        self._written: list[_Written] = []
        self._temporaries: list[Path] = []

    def __enter__(self) -> "Transaction":
        """Begin; what was not committed is gone in the end."""
        return self

    def __exit__(self, *_: object) -> None:
        for temporary in self._temporaries:
            with suppress(OSError):
                temporary.unlink()

    @contextmanager
    def open(
        self, path: Path, turn: Turn = Turn.MIDDLE, *, follows_links: bool = False
    ) -> Iterator[BinaryIO]:
        """Write a file; it keeps the owner and the mode of the one that it replaces.

        Parameters
        ----------
        path : pathlib.Path
            Where the file is to appear.
        turn : Turn
        follows_links : bool, default=False
            Whether a symbolic link stays, and what it points to is replaced. Otherwise
            the link itself is replaced, and what it points to is nobody's business.

        Raises
        ------
        MissingFileError
            There is no such folder.
        ValueError
            What is there is a folder, a device or a pipe.
        OSError
            The file cannot be written; names `path`.
        """
        check_place(path)
        place = Path(os.path.realpath(path)) if follows_links else path
        remove_left_overs(place.parent)
        is_new = not _is_own_file(place)
        temporary = self._temporary_beside(place)
        with _naming(path, temporary):
            # Nobody else may read a file that replaces a private one.
            temporary.touch(0o666 if is_new else 0o600, exist_ok=False)
            with temporary.open("wb") as stream:
                yield stream
        self._written.append(_Written(path, place, temporary, turn))

    def checksums(self) -> dict[Path, str]:
        """Return the SHA-256 of what has been written, but for the first ones."""
        return {
            file.path: sha256(file.temporary)
            for file in self._written
            if file.turn is not Turn.FIRST
        }

    def commit(self, decide: Callable[[], IfExists] = lambda: IfExists.REPLACE) -> None:
        """Give the files their names.

        Several files are exchanged by one transaction at a time in a folder, so that
        those of two calls do not mix.

        Parameters
        ----------
        decide : callable
            What to do about files that exist. It is called when no other transaction
            can change them.

        Raises
        ------
        FileExistsError
            A file exists, and `decide` says that this is a failure.
        OSError
            A file could not be renamed; what was there before is there again.
        """
        files = sorted(self._written, key=lambda file: file.turn)
        with ExitStack() as locks:
            if len(files) > 1:
                # A folder may have several names, and is locked once.
                folders = {_identity(file.place.parent): file for file in files}
                for identity in sorted(folders):
                    folder = folders[identity].place.parent
                    locks.enter_context(_alone_in(folder, identity))
            if_exists = decide()
            if if_exists is not IfExists.SKIP:
                self._exchange(files, replaces=if_exists is IfExists.REPLACE)

    def _exchange(self, files: list[_Written], *, replaces: bool) -> None:
        for file in files:
            # Not before: others may have had it away, or changed it.
            if _is_own_file(file.place):
                with _naming(file.path, file.temporary):
                    _take_over(file.place, file.temporary)
        with ExitStack() as undo:
            if replaces:
                for file in files:
                    if file.turn is Turn.LAST:
                        self._keep(file, undo, away=True)
            for number, file in enumerate(files, start=1):
                with _naming(file.path, file.temporary):
                    if replaces and number < len(files) and file.turn is not Turn.LAST:
                        self._keep(file, undo, away=False)
                    undo.callback(_take_back, file.place, file.temporary.stat())
                    _put(file, replaces=replaces)
            undo.pop_all()

    def _keep(self, file: _Written, undo: ExitStack, *, away: bool) -> None:
        """Keep what is to be replaced, and put it back if anything fails."""
        old = self._temporary_beside(file.place)
        undo.callback(_put_back, old, file.place)
        if not away:
            try:
                os.link(file.place, old, follow_symlinks=False)
            except OSError:
                pass  # there are no hard links here, or nothing to keep
            else:
                return
        with suppress(FileNotFoundError):
            file.place.rename(old)

    def _temporary_beside(self, place: Path) -> Path:
        name = f"{_PREFIX}{_process(os.getpid())}-{_mark.get()}{secrets.token_hex(8)}"
        temporary = place.with_name(name + _SUFFIX)
        self._temporaries.append(temporary)
        return temporary


def write(path: Path, content: bytes) -> None:
    """Write a file at once.

    Raises
    ------
    As :meth:`Transaction.open`.
    """
    with Transaction() as files:
        with files.open(path) as stream:
            stream.write(content)
        files.commit()


def check_place(path: Path) -> None:
    """Refuse a path where no file can be, or where something else is than a file.

    Raises
    ------
    MissingFileError
        There is no such folder.
    ValueError
        What is there is a folder, a device or a pipe.
    """
    if not path.parent.is_dir():
        msg = f"path is {str(path)!r}; there is no such folder"
        raise MissingFileError(msg)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    except ValueError as error:  # a NUL
        msg = f"path is {str(path)!r}; no file can have this name"
        raise ValueError(msg) from error
    if stat.S_ISREG(mode):
        return
    kinds = {
        stat.S_ISDIR: "a folder",
        stat.S_ISFIFO: "a pipe",
        stat.S_ISSOCK: "a socket",
    }
    kind = next((kind for is_, kind in kinds.items() if is_(mode)), "a device")
    msg = f"path is {str(path)!r}, which is {kind}; it must be a file or not exist"
    raise ValueError(msg)


@contextmanager
def marked_temporaries(mark: str) -> Iterator[None]:
    """Give the temporary files of this thread a mark in their names."""
    token = _mark.set(mark)
    try:
        yield
    finally:
        _mark.reset(token)


def remove_temporaries(folder: Path, mark: str) -> None:
    """Remove the temporary files that carry a mark, whichever process left them."""
    for left in folder.glob(f"{_PREFIX}*-{mark}*{_SUFFIX}"):
        left.unlink(missing_ok=True)


def remove_left_overs(folder: Path) -> None:
    """Remove the temporary files of dead processes; a folder is looked at once."""
    key = (os.getpid(), folder.absolute())
    if key in _cleaned:
        return
    _cleaned.add(key)
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            # Another one may remove it at the same time, or this one may not.
            with suppress(OSError):
                if _is_left_over(entry):
                    os.unlink(entry)  # noqa: PTH108 - an entry is no Path


def _is_left_over(entry: os.DirEntry[str]) -> bool:
    """Whether a file is a temporary one, and the process that wrote it has ended."""
    found = _TEMPORARY.fullmatch(entry.name)
    if found is None:
        return False
    machine, pid, start = found.groups()
    if machine != _machine() or os.name != "posix":
        return time.time() - entry.stat().st_mtime > _LONGEST_WRITE
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass  # it lives, and belongs to somebody else
    # Another process may have the number by now.
    return _start(int(pid)) not in (None, start)


@cache
def _process(pid: int) -> str:
    """Name this process, so that others on this machine can tell whether it lives."""
    return f"{_machine()}-{pid}-{_start(pid) or 0}"


@cache
def _machine() -> str:
    """Name what the numbers of processes belong to: a running system or container."""
    parts = [platform.node()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text())
        parts.append(str(Path("/proc/self/ns/pid").stat().st_ino))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]


def _start(pid: int) -> str | None:
    """Return when a process began; None if that cannot be found out."""
    try:
        # After the name, which may hold anything.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    # A zombie has ended, and nobody has asked for its exit code yet.
    return "ended" if fields[0] in "ZX" else fields[19]


def _is_own_file(place: Path) -> bool:
    """Whether there is something at a place itself, and not where a link leads to."""
    return place.exists() and not place.is_symlink()


def _take_over(old: Path, new: Path) -> None:
    """Give a file the owner, the mode and the attributes of another one."""
    if sys.platform != "win32":
        try:
            status = old.stat()
        except FileNotFoundError:
            return  # somebody has just removed it
        # Who may not give files away may still choose among their groups.
        for owner in (status.st_uid, -1):
            with suppress(OSError):
                os.chown(new, owner, status.st_gid)
                break
    with suppress(OSError):
        shutil.copystat(old, new)
        os.utime(new)


def _put(file: _Written, *, replaces: bool) -> None:
    if not replaces:
        try:
            os.link(file.temporary, file.place)
        except FileExistsError as error:
            raise _exists(file.path) from error
        except OSError:
            # There are no hard links here.
            if os.path.lexists(file.place):
                raise _exists(file.path) from None
        else:
            return
    file.temporary.replace(file.place)


def _take_back(place: Path, status: os.stat_result) -> None:
    """Remove a file that was put into place, and no other one."""
    with suppress(FileNotFoundError):
        if os.path.samestat(place.lstat(), status):
            place.unlink()


def _put_back(old: Path, place: Path) -> None:
    with suppress(FileNotFoundError):
        old.replace(place)


def _exists(path: Path) -> FileExistsError:
    return FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))


@contextmanager
def _naming(path: Path, temporary: Path) -> Iterator[None]:
    """Name in an error the file that was to be, and not the temporary one."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(temporary)):
            error.filename = str(path)
            # None would be printed as a second file.
            del error.filename2
        raise


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


@contextmanager
def _alone_in(folder: Path, identity: tuple[int, int]) -> Iterator[None]:
    """Keep other transactions, of this process or another one, out of a folder.

    The folder itself is locked, so that no file is left. File systems that cannot do
    that go without.
    """
    if sys.platform == "win32":
        yield
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        yield
        return
    try:
        _lock(descriptor, identity)
        yield
    finally:
        # By itself: a process that was forked meanwhile has the descriptor as well.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _lock(descriptor: int, folder: tuple[int, int]) -> None:
    """Wait for a lock, but for no process that was stopped while it held it."""
    until = time.monotonic() + (0 if folder in _held else _PATIENCE)
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                _held.add(folder)
                return
            time.sleep(0.001)
        except OSError:
            return
        else:
            _held.discard(folder)
            return
