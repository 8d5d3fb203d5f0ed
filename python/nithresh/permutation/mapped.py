"""Rows that stay in their file."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nithresh._paths import expanded


@dataclass(frozen=True)
class MappedRows:
    """A table of numbers in a file, of which a few columns are read at a time.

    It is read and not mapped, because pages of a mapped file count as memory of the
    process. It is pickled as the path of its file.
    """

    path: Path
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @classmethod
    def open(cls, path: str | os.PathLike[str], name: str) -> MappedRows | NDArray[Any]:
        """Open a ``.npy`` file.

        Raises
        ------
        ValueError
            No such file, or not an array in it.
        """
        place = expanded(path)
        try:
            mapped = np.load(place, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            msg = f"{name} is {str(path)!r}, which cannot be read: {error}"
            raise ValueError(msg) from error
        return cls.of(mapped)

    @classmethod
    def of(cls, mapped: NDArray[Any]) -> MappedRows | NDArray[Any]:
        """Return an array that is mapped whole, row by row; another as it is."""
        if (
            not isinstance(mapped, np.memmap)
            or not isinstance(mapped.base, mmap.mmap)
            or mapped.filename is None
            or mapped.mode == "c"  # what was changed is in memory alone
            or not mapped.flags.c_contiguous
        ):
            return mapped
        place = Path(mapped.filename).absolute()
        return cls(place, mapped.offset, mapped.shape, mapped.dtype)

    def __len__(self) -> int:
        """Return how many rows there are."""
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: Any = None) -> NDArray[Any]:
        """Read all of it."""
        whole = self[:, :]
        return whole if dtype is None else whole.astype(dtype)

    def __getitem__(self, key: tuple[slice, slice]) -> NDArray[Any]:
        """Read some rows and columns that follow one another."""
        rows, columns = (
            range(length)[part] for part, length in zip(key, self.shape, strict=True)
        )
        values = np.empty((len(rows), len(columns)), self.dtype)
        size = self.dtype.itemsize
        with self.path.open("rb", buffering=0) as stream:
            for row, into in zip(rows, values, strict=True):
                start = row * self.shape[1] + columns.start
                stream.seek(self.offset + start * size)
                wanted = memoryview(into.view(np.uint8))
                while wanted:
                    done = stream.readinto(wanted)
                    if not done:
                        msg = f"{str(self.path)!r} is shorter than its header says"
                        raise ValueError(msg)
                    wanted = wanted[done:]
        return values

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """Read row by row."""
        return (self[row : row + 1, :][0] for row in range(len(self)))
