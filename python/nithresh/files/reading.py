"""Image files to nibabel images.

nibabel knows the formats; what is done here is what it leaves open. gzip goes
through isal, several times faster, and is read to its end, so that the checksum
is verified. A header that claims more than its file holds is refused before
any memory is taken for it.
"""

import hashlib
import io
import math
import os
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import nibabel
from isal import igzip
from nibabel import filebasedimages
from nibabel.spatialimages import HeaderDataError, SpatialImage
from nibabel.wrapstruct import WrapStructError

from nithresh._numbers import shape_text
from nithresh.files.errors import ImageFileError, MissingFileError

if TYPE_CHECKING:
    from collections.abc import Iterator

_GZIP_EXTENSIONS = (".gz", ".mgz")
# No gzip stream is more than this many times smaller than what it holds.
_MOST_COMPRESSION = 1032
# What may follow the voxels and is kept: MGH files put tags there.
_LONGEST_FOOTER = 1 << 20
# More than any header, without its extensions.
_LONGEST_HEAD = 1 << 16
_LONGEST_EXTENSIONS = 1 << 24
_CHUNK = 1 << 20


def load(path: str | os.PathLike[str]) -> Any:
    """Load an image file.

    Parameters
    ----------
    path : str or os.PathLike
        A NIfTI-1 or NIfTI-2 file (``.nii``, ``.nii.gz``, or a pair of ``.hdr``
        and ``.img``), a FreeSurfer ``.mgh`` or ``.mgz`` file, or another format
        that nibabel reads. ``~`` is the home folder.

    Returns
    -------
    nibabel image
        An uncompressed file is mapped into memory when its voxels are asked
        for; a gzipped one is decompressed here and its checksum verified.

    Raises
    ------
    MissingFileError
        There is no such file (a FileNotFoundError and a ValueError).
    ImageFileError
        Not an image, truncated or damaged (nibabel's error of that name and a
        ValueError).

    Examples
    --------
    >>> from nithresh import datasets, load
    >>> load(datasets.load_sample_motor_activation_image()).shape
    (53, 63, 46)
    """
    place = Path(path).expanduser()
    if not place.exists():
        msg = f"no such file: {str(path)!r}"
        raise MissingFileError(msg)
    if place.is_dir():
        msg = f"{str(path)!r} is a folder; it must be an image file"
        raise ImageFileError(msg)
    with _naming(place):
        image_class = _image_class(place)
        file_map = image_class.filespec_to_file_map(place)
        for holder in file_map.values():
            if not Path(holder.filename).exists():
                msg = f"the image has no {Path(holder.filename).name!r} beside it"
                raise ValueError(msg)
        if hasattr(image_class.header_class, "get_data_offset"):
            _check_and_read(image_class, file_map)
        image = image_class.from_file_map(file_map)
        image.file_map = image_class.filespec_to_file_map(place)
        return image


def sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def _naming(place: Path) -> "Iterator[None]":
    """Turn whatever is wrong with a file into one error that names it."""
    try:
        yield
    except PermissionError:
        raise
    except (
        filebasedimages.ImageFileError,
        HeaderDataError,
        WrapStructError,
        EOFError,
        OSError,
        OverflowError,
        ValueError,
        igzip.BadGzipFile,
        zlib.error,
    ) as error:
        msg = f"cannot read {str(place)!r}: {error}"
        raise ImageFileError(msg) from error


def _image_class(place: Path) -> Any:
    """Find the nibabel class that reads a file, by its name and first bytes."""
    if place.stat().st_size == 0:
        msg = "the file is empty"
        raise ValueError(msg)
    sniff = None
    for image_class in nibabel.imageclasses.all_image_classes:
        is_image, sniff = image_class.path_maybe_image(str(place), sniff)
        if is_image and issubclass(image_class, SpatialImage):
            return image_class
    msg = "it is not an image of a format that nibabel reads"
    raise ValueError(msg)


def _check_and_read(image_class: Any, file_map: Any) -> None:
    """Refuse a header that claims more than its file holds, and read streams.

    A file that cannot be mapped into memory is replaced in the map by its
    content; a gzipped one is read to its end, where its checksum is.
    """
    header_holder = file_map.get("header", file_map["image"])
    image_holder = file_map["image"]
    with _open(header_holder.filename) as stream:
        header = _parse_header(image_class.header_class, stream.read(_LONGEST_HEAD))
    needed = _claimed_bytes(header, image_holder.filename)
    # From here each file is read from its start: to decompress the head twice takes
    # less time than to join it to the voxels, and some versions of isal cannot seek.
    if header_holder is not image_holder and _is_stream(header_holder.filename):
        with _open(header_holder.filename) as stream:
            content = stream.read(_LONGEST_HEAD + _LONGEST_EXTENSIONS)
        header_holder.fileobj = io.BytesIO(content)
    if not _is_stream(image_holder.filename):
        return
    with _open(image_holder.filename) as stream:
        # By themselves: a read of more than there is takes a third longer.
        content = stream.read(needed)
        content += stream.read(_LONGEST_FOOTER)
        while stream.read(_CHUNK):
            pass
    if len(content) < needed:
        msg = (
            f"the header claims {needed} bytes of image, the file holds {len(content)}"
        )
        raise ValueError(msg)
    image_holder.fileobj = io.BytesIO(content)


def _parse_header(header_class: Any, head: bytes) -> Any:
    if issubclass(header_class, nibabel.analyze.AnalyzeHeader):
        # Without the extensions, which may be longer than the head.
        return header_class(head[: header_class.template_dtype.itemsize])
    return header_class.from_fileobj(io.BytesIO(head))


def _claimed_bytes(header: Any, filename: str) -> int:
    """Count the bytes that a header says its image file has."""
    shape = header.get_data_shape()
    if any(length < 0 for length in shape):
        msg = f"the header claims a shape of {shape_text(shape)}"
        raise ValueError(msg)
    voxels = math.prod(int(length) for length in shape)
    voxel_size: int = header.get_data_dtype().itemsize
    needed = int(header.get_data_offset()) + voxels * voxel_size
    size = Path(filename).stat().st_size
    if needed > (size * _MOST_COMPRESSION if _is_gzipped(filename) else size):
        msg = f"the header claims {needed} bytes of image, the file is cut short"
        raise ValueError(msg)
    return needed


def _open(filename: str) -> IO[bytes]:
    if _is_gzipped(filename):
        stream: IO[bytes] = igzip.open(filename, "rb")
        return stream
    return Path(filename).open("rb")


def _is_stream(filename: str) -> bool:
    """Whether a file is read at once: nibabel would leave an .mgh file open."""
    return _is_gzipped(filename) or filename.endswith(".mgh")


def _is_gzipped(filename: str) -> bool:
    return filename.lower().endswith(_GZIP_EXTENSIONS)
