"""Image files: bytes on disk to nibabel images and back.

nibabel knows the formats; what is done here is what it leaves open. gzip goes
through isal, several times faster, and is read to its end, so that the checksum
is verified. A header that claims more than its file holds is refused before
any memory is taken for it. Files are written beside their place and renamed
into it, so that a failure leaves the old file as it was.
"""

import hashlib
import io
import math
import os
import secrets
import shutil
import tempfile
import zlib
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import nibabel
from isal import igzip
from nibabel import filebasedimages
from nibabel.fileholders import FileHolder
from nibabel.spatialimages import HeaderDataError, SpatialImage
from nibabel.wrapstruct import WrapStructError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PAIR_EXTENSIONS = (".hdr", ".img", ".hdr.gz", ".img.gz")
_EXTENSIONS = (".nii", ".nii.gz", *_PAIR_EXTENSIONS, ".mgh", ".mgz")
_GZIP_EXTENSIONS = (".gz", ".mgz")
# The size of what nibabel calls its default, at a seventh of the time.
_GZIP_LEVEL = 1
# No gzip stream is more than this many times smaller than what it holds.
_MOST_COMPRESSION = 1032
# What may follow the voxels and is kept: MGH files put tags there.
_LONGEST_FOOTER = 1 << 20
# More than any header, without its extensions.
_LONGEST_HEAD = 1 << 16
_LONGEST_EXTENSIONS = 1 << 24
_CHUNK = 1 << 20

# How temporary files are named, and by which mark whoever wants to can tell its own.
_TEMPORARY = ".nithresh-"
_mark: ContextVar[str] = ContextVar("mark", default="")


class ImageFileError(filebasedimages.ImageFileError, ValueError):
    """A file that is no image, or a damaged one. The message names the file."""


class MissingFileError(FileNotFoundError, ValueError):
    """A path that does not exist.

    A ValueError too, because that is what code written for nilearn catches.
    """


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


def save(img: SpatialImage, path: str | os.PathLike[str]) -> None:
    """Save an image to a file.

    Parameters
    ----------
    img : nibabel image
        It is not changed. Its voxels are stored in the data type of its header.
    path : str or os.PathLike
        Ends in ``.nii``, ``.nii.gz``, ``.hdr``, ``.img``, ``.hdr.gz``,
        ``.img.gz``, ``.mgh`` or ``.mgz``; ``~`` is the home folder. An existing
        file is replaced only when the new one is complete.

    Raises
    ------
    TypeError
        `img` is not an image.
    ValueError
        Another extension.
    MissingFileError
        There is no such folder (a FileNotFoundError and a ValueError).

    Notes
    -----
    A gzipped file holds no time and no name: the same image gives the same
    bytes.

    Examples
    --------
    >>> import nithresh, tempfile
    >>> image = nithresh.load(nithresh.datasets.load_sample_motor_activation_image())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     nithresh.save(image, f"{folder}/copy.nii.gz")
    ...     nithresh.load(f"{folder}/copy.nii.gz").shape
    (53, 63, 46)
    """
    if not isinstance(img, SpatialImage):
        msg = f"img is of type {type(img).__name__}; it must be a nibabel image"
        raise TypeError(msg)
    # A link keeps pointing where it did: what it points to is replaced.
    place = Path(path).expanduser().resolve()
    check_extension(place)
    if not place.parent.is_dir():
        msg = f"path is {str(path)!r}; there is no such folder"
        raise MissingFileError(msg)
    # nibabel changes the header of what it saves and where it belongs, so it
    # is given an image of its own over the same voxels.
    own = type(img)(img.dataobj, img.affine, header=img.header, extra=img.extra)
    if place.name.lower().endswith(_PAIR_EXTENSIONS):
        with _folder_beside(place) as folder:
            nibabel.save(own, folder / place.name)
        return
    with _file_beside(place) as temporary:
        if place.name.lower().endswith(".nii.gz"):
            _save_gzip(own, temporary)
        else:
            nibabel.save(own, temporary)


def check_extension(path: str | os.PathLike[str]) -> None:
    """Check that a path is that of an image as :func:`save` writes it."""
    if not str(path).lower().endswith(_EXTENSIONS):
        msg = f"path is {str(path)!r}; it must end in one of {', '.join(_EXTENSIONS)}"
        raise ValueError(msg)


def save_text(text: str, path: str | os.PathLike[str]) -> None:
    """Save text to a file in UTF-8; an existing file is replaced once it is whole."""
    place = Path(path).expanduser().resolve()
    if not place.parent.is_dir():
        msg = f"path is {str(path)!r}; there is no such folder"
        raise MissingFileError(msg)
    with _file_beside(place) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


@contextmanager
def marked_temporaries(mark: str) -> "Iterator[None]":
    """Give the temporary files of this thread a mark in their names."""
    token = _mark.set(mark)
    try:
        yield
    finally:
        _mark.reset(token)


def remove_temporaries(folder: Path, mark: str) -> None:
    """Remove the temporary files with a mark, of which a process has left."""
    for left in folder.glob(f"{_TEMPORARY}{mark}*"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _save_gzip(image: SpatialImage, path: Path) -> None:
    """Write a single-file NIfTI image, gzipped."""
    if not isinstance(image, nibabel.Nifti1Image):
        is_wide = isinstance(image, nibabel.Nifti2Pair)
        single = nibabel.Nifti2Image if is_wide else nibabel.Nifti1Image
        image = single.from_image(image)
    with (
        path.open("wb") as file,
        igzip.IGzipFile(
            filename="", mode="wb", compresslevel=_GZIP_LEVEL, fileobj=file, mtime=0
        ) as stream,
        # nibabel writes plane by plane, which are short for a compressor.
        io.BufferedWriter(stream, _CHUNK) as planes,
    ):
        image.to_file_map({"image": FileHolder(fileobj=planes)})


@contextmanager
def _file_beside(place: Path) -> "Iterator[Path]":
    """Give a path to write a file to, and rename it into place."""
    # The end of the name tells nibabel the format.
    extensions = (end for end in _EXTENSIONS if place.name.lower().endswith(end))
    extension = next(extensions, place.suffix)
    name = f"{_TEMPORARY}{_mark.get()}{secrets.token_hex(8)}{extension}"
    temporary = place.with_name(name)
    try:
        yield temporary
        temporary.replace(place)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _folder_beside(place: Path) -> "Iterator[Path]":
    """Give a folder to write the files of a pair to, and rename them into place."""
    prefix = f"{_TEMPORARY}{_mark.get()}"
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place.parent))
    try:
        yield folder
        for written in sorted(folder.iterdir()):
            written.replace(place.parent / written.name)
    finally:
        shutil.rmtree(folder)


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
    msg = f"it is not an image of a known format ({', '.join(_EXTENSIONS)})"
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
        msg = f"the header claims a shape of {shape}"
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
