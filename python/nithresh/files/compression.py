"""Compressed files: which ones they are, and what they hold, inflated within bounds.

gzip goes through isal, several times faster than Python's own; nibabel opens the
others.
"""

import io
import re
from pathlib import Path
from typing import IO, Any, NamedTuple

from isal import igzip
from nibabel.openers import ImageOpener
from nibabel.tripwire import TripWireError

# How much is inflated at a time. What a header claims may be a lie, so no more memory
# than this is taken beyond what a file really holds.
_PIECE = 1 << 26
# How much may follow what was asked for before the file counts as endless.
_LONGEST_REST = 1 << 30
# No header is longer.
LONGEST_HEADER = 1 << 24
_CHUNK = 1 << 20


class Compression(NamedTuple):
    """A way to compress files."""

    name: str
    endings: tuple[str, ...]
    # What every file that is compressed so begins with.
    magic: bytes
    # No file is more than this many times smaller than what it holds; 0 if files that
    # are compressed so cannot be read.
    most: int


_GZIP = Compression("gzip", (".gz", ".mgz"), b"\x1f\x8b", 1032)
_COMPRESSIONS = (
    _GZIP,
    Compression("bzip2", (".bz2",), b"BZh", 1 << 21),
    Compression("Zstandard", (".zst",), b"\x28\xb5\x2f\xfd", 1 << 16),
    Compression("xz", (".xz",), b"\xfd7zXZ\x00", 0),
    Compression("zip", (".zip",), b"PK\x03\x04", 0),
    Compression("compress", (".z",), b"\x1f\x9d", 0),
)


class UnreadableError(ValueError):
    """Why a file cannot be read, in words for people."""


def compression_by_name(filename: str) -> Compression | None:
    """Return how a file is compressed, by the end of its name; None if it is not."""
    name = filename.lower()
    return next((one for one in _COMPRESSIONS if name.endswith(one.endings)), None)


def compression_by_content(filename: str) -> Compression | None:
    """Return how a file is compressed, by its first bytes; None if by no known way."""
    with Path(filename).open("rb") as stream:
        head = stream.read(max(len(one.magic) for one in _COMPRESSIONS))
    return next((one for one in _COMPRESSIONS if head.startswith(one.magic)), None)


def check_name(filename: str, *, is_known_head: bool = True) -> None:
    """Check that a file is compressed as the end of its name says.

    With `is_known_head` the first bytes of a file that is not compressed are not
    those of one that is, which does not hold of files of voxels alone.

    Raises
    ------
    UnreadableError
        It is compressed otherwise, or in a way that cannot be read.
    """
    named = compression_by_name(filename)
    if named is None and not is_known_head:
        return
    found = compression_by_content(filename)
    name = Path(filename).name
    if found is not None and named is None:
        msg = (
            f"{name!r} is compressed with {found.name}, but its name does not end in "
            f"{found.endings[0]}; rename or decompress it"
        )
        raise UnreadableError(msg)
    if named is not None and named != found:
        content = f"compressed with {found.name}" if found else "not compressed"
        msg = (
            f"the name of {name!r} says that it is compressed with {named.name}, but "
            f"it is {content}"
        )
        raise UnreadableError(msg)
    if named is not None and not named.most:
        msg = f"{name!r} is compressed with {named.name}; decompress it first"
        raise UnreadableError(msg)


def most_bytes(filename: str) -> int:
    """Return how many bytes a file holds at most, when it is inflated."""
    compression = compression_by_name(filename)
    size = Path(filename).stat().st_size
    return size if compression is None else size * compression.most


def open_stream(filename: str) -> IO[bytes]:
    """Open a file to read what it holds, inflated."""
    compression = compression_by_name(filename)
    if compression is None:
        return Path(filename).open("rb")
    opener: Any = igzip.open if compression is _GZIP else ImageOpener
    try:
        stream: IO[bytes] = opener(filename, "rb")
    except TripWireError as error:
        # nibabel's words name the package.
        package = re.search(r"package (\S+)", str(error))
        msg = (
            f"files compressed with {compression.name} need the package "
            f"{package[1] if package else error}, which is not installed"
        )
        raise UnreadableError(msg) from error
    return stream


def read_to_end(stream: IO[bytes]) -> None:
    """Read what is left of a stream, where its checksum is, and forget it.

    Raises
    ------
    UnreadableError
        There is no end in sight.
    """
    left = _LONGEST_REST
    while piece := stream.read(_CHUNK):
        left -= len(piece)
        if left < 0:
            msg = f"more than {_LONGEST_REST} bytes follow its image"
            raise UnreadableError(msg)


class Content(io.BytesIO):
    """What a file holds, for nibabel to parse; inflated as far as it is asked for.

    A header that lies makes a parser ask for less than nothing, for more than there
    can be, or for the same again and again: that is refused.

    Parameters
    ----------
    filename : str
        The file.
    stream : file-like
        The file, opened by :func:`open_stream`.
    size : int
        How many bytes to take at once. Fewer are taken if the file holds fewer.
    """

    def __init__(self, filename: str, stream: IO[bytes], size: int) -> None:
        first = stream.read(min(size, _PIECE))
        super().__init__(first)
        self.length = len(first)
        self._stream: IO[bytes] | None = stream
        self._most = most_bytes(filename)
        self._read = 0
        self._was_sought = False
        self.inflate(size)

    def inflate(self, size: int) -> None:
        """Take this many bytes in all, if the file holds as many."""
        if self._stream is None or size <= self.length:
            return
        if size > self._most + _CHUNK:
            msg = f"the header claims {size} bytes, the file is cut short"
            raise UnreadableError(msg)
        place = self.tell()
        super().seek(0, io.SEEK_END)
        while self.length < size:
            piece = self._stream.read(min(_PIECE, size - self.length))
            if not piece:
                break
            self.length += self.write(piece)
        super().seek(place)

    def close_stream(self) -> None:
        """Read the file to its end; from now on it stays as it is."""
        if self._stream is not None:
            read_to_end(self._stream)
        self._stream = None

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to another place."""
        self._was_sought = True
        return super().seek(offset, whence)

    def read(self, size: int | None = -1, /) -> bytes:
        """Read some bytes; those of a parser are counted."""
        if self._stream is None:
            return super().read(size)
        if size is None or size < 0:
            msg = "the header claims a negative length"
            raise UnreadableError(msg)
        # A parser goes to where the voxels are, and reads the header in one row.
        if not self._was_sought and size > LONGEST_HEADER:
            msg = f"the header claims {size} bytes of a name or a note"
            raise UnreadableError(msg)
        self._was_sought = False
        self.inflate(self.tell() + size)
        content = super().read(size)
        self._read += len(content)
        if self._read > 2 * self.length + _CHUNK:
            msg = "the header leads in circles"
            raise UnreadableError(msg)
        return content
