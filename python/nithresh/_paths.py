"""Paths as users write them."""

import errno
import os
from pathlib import Path
from typing import TypeAlias

FilePath: TypeAlias = str | os.PathLike[str]


def expanded(path: FilePath) -> Path:
    """Return a path with ``~`` in front made the home folder.

    ``~name`` stays as it is if there is no user of this name, as in a shell: it is then
    a file of this name. What begins with ``~`` in the end becomes absolute, so that to
    expand it once more changes nothing.

    Raises
    ------
    TypeError
        Not a path of text.

    Examples
    --------
    >>> expanded("map.nii").as_posix(), expanded("~no-such-user.nii").name
    ('map.nii', '~no-such-user.nii')
    >>> expanded("./~root/map.nii") == expanded(expanded("./~root/map.nii"))
    True
    """
    if not isinstance(path, (str, os.PathLike)) or isinstance(os.fspath(path), bytes):
        msg = f"path is {path!r}; it must be a str or an os.PathLike of text"
        raise TypeError(msg)
    place = Path(os.path.expanduser(path))  # noqa: PTH111 - pathlib's fails for ~name
    return Path.cwd() / place if str(place).startswith("~") else place


def resolved(path: FilePath) -> Path:
    """Return where a path leads to, through all links.

    Raises
    ------
    OSError
        The links lead in a circle.
    """
    place = real_path(path)
    if place.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), os.fspath(path))
    return place


def real_path(path: FilePath) -> Path:
    """Return the one name that a file has, as far as it has one; never an error."""
    place = expanded(path)
    try:
        return Path(os.path.realpath(place))
    except ValueError:  # a name with a NUL, which no file can have
        return Path.cwd() / place
