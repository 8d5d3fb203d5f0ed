"""Maxima on disk, so that a run can go on where another stopped."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import numpy as np

from nithresh._paths import expanded
from nithresh.files.atomic import write

_UNREADABLE = (
    *(OSError, ValueError, KeyError, TypeError, EOFError),
    zipfile.BadZipFile,
)


def check_path(path: str | os.PathLike[str]) -> Path:
    """Check the name of a checkpoint.

    Raises
    ------
    ValueError
        Another extension.
    """
    place: Path = expanded(path)
    if place.suffix != ".npz":
        msg = f"checkpoint is {str(path)!r}; it must end in .npz"
        raise ValueError(msg)
    return place


class Checkpoint:
    """The maxima of the passes that are done, in a file.

    Parameters
    ----------
    path : str or os.PathLike
        A file of NumPy that ends in ``.npz``; made if it is not there.
    key : str
        The checksum of all that the maxima depend on.
    shape : tuple of int
        Of the maxima.

    Raises
    ------
    ValueError
        The file is the checkpoint of another run, or no checkpoint.
    """

    def __init__(
        self, path: str | os.PathLike[str], key: str, shape: tuple[int, ...]
    ) -> None:
        self._path = check_path(path)
        self._key = key
        self._done = np.zeros(shape[0], bool)
        self._maxima = np.full(shape, np.nan)
        if self._path.exists():
            self._read(shape)
        # A file of more permutations keeps those that this run does not ask for.
        self.done = self._done[: shape[0]]
        self.maxima = self._maxima[: shape[0]]
        try:
            self.save()
        except (OSError, ValueError) as error:
            msg = f"checkpoint is {str(path)!r}, which cannot be written: {error}"
            raise ValueError(msg) from error

    def _read(self, shape: tuple[int, ...]) -> None:
        try:
            with np.load(self._path, allow_pickle=False) as content:
                key = str(content["key"])
                done, maxima = content["done"], content["maxima"]
        except _UNREADABLE as error:
            msg = (
                f"checkpoint is {str(self._path)!r}, which is not a checkpoint: {error}"
            )
            raise ValueError(msg) from error
        if key != self._key:
            msg = (
                f"checkpoint is {str(self._path)!r}, which belongs to another run: its "
                "images, mask, design, seed or rules are others; name another file, or "
                "remove this one to begin anew"
            )
            raise ValueError(msg)
        if len(done) >= shape[0]:
            self._done, self._maxima = done, maxima
        else:
            self._done[: len(done)] = done
            self._maxima[: len(done)] = maxima

    def save(self) -> None:
        """Write the file, whole or not at all."""
        content = io.BytesIO()
        np.savez(content, key=self._key, done=self._done, maxima=self._maxima)
        write(self._path, content.getvalue())
