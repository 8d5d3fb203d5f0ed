"""Image files to nibabel images.

nibabel knows the formats; what is done here is what it leaves open. A header that
claims more than its file holds is refused before any memory is taken for it. What
is compressed is inflated here, as far as the header claims, and read to its end, so
that the checksum is verified. Whatever is wrong with a file becomes one error that
names it.
"""

import hashlib
import io
import math
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from isal import igzip, isal_zlib
from nibabel.brikhead import AFNIImage
from nibabel.ecat import EcatImage
from nibabel.filename_parser import splitext_addext
from nibabel.freesurfer.mghformat import MGHImage
from nibabel.parrec import PARRECHeader, PARRECImage
from nibabel.spatialimages import SpatialImage
from numpy.typing import NDArray

from nithresh._numbers import shape_text
from nithresh.files.compression import (
    LONGEST_HEADER,
    Content,
    UnreadableError,
    check_name,
    compression_by_content,
    compression_by_name,
    most_bytes,
    open_stream,
)
from nithresh.files.errors import ImageFileError, MissingFileError

# nibabel reads ECAT files, though its load() does not look for them.
_CLASSES: tuple[Any, ...] = (*nibabel.imageclasses.all_image_classes, EcatImage)
# What has no volume, or not only one, and what it is called.
_SURFACES: dict[str, str] = {
    "Cifti2Image": "a CIFTI-2 image",
    "GiftiImage": "a GIFTI image",
    "SurfaceImage": "a surface image",  # nilearn's
}
# Their headers are text.
_WITH_TEXT = (AFNIImage, PARRECImage)
# Only a parser knows where their voxels are, so it is given the whole file.
_WHOLE = (nibabel.Minc1Image, EcatImage)
_GZIP_ERRORS: tuple[Any, ...] = (
    EOFError,
    zlib.error,
    isal_zlib.error,
    igzip.BadGzipFile,
)
# HDF5 compresses inside, by gzip.
_MOST_INSIDE_HDF5 = 1032
# What may follow the voxels and is kept: MGH files put tags there.
_LONGEST_FOOTER = 1 << 20
# More than any header without its extensions.
_LONGEST_HEAD = 1 << 16
_SNIFFED = 1024


def read_image(image_class: Any, place: Path) -> Any:
    """Read the file of an image of a volume.

    Raises
    ------
    UnreadableError
        It is damaged: to be caught by :func:`naming_file`.
    """
    # Numbers without sense overflow when a parser computes with them.
    with np.errstate(all="ignore"):
        image = _read(image_class, image_class.filespec_to_file_map(place))
        affine = image.affine
    if np.shape(affine) != (4, 4) or affine.dtype.kind != "f":
        msg = f"its affine has shape {np.shape(affine)}"
        raise UnreadableError(msg)
    image.file_map = image_class.filespec_to_file_map(place)
    return image


def read_nifti2(place: Path) -> nibabel.Nifti2Image:
    """Read a file as NIfTI-2, whatever it is by its name; for CIFTI-2, which is.

    Raises
    ------
    UnreadableError
        It is not, or it is damaged: to be caught by :func:`naming_file`.
    """
    _check_file(place)
    with open_stream(str(place)) as stream:
        head = stream.read(nibabel.Nifti2Header.sizeof_hdr)
    if not nibabel.Nifti2Header.may_contain_header(head):
        msg = "it is not a NIfTI-2 file, as CIFTI-2 files are"
        raise UnreadableError(msg)
    with np.errstate(all="ignore"):
        image: nibabel.Nifti2Image = _read(
            nibabel.Nifti2Image, nibabel.Nifti2Image.filespec_to_file_map(place)
        )
    return image


def read_voxels(image: SpatialImage, index: Any = None) -> NDArray[Any]:
    """Return the voxels of an image in the type of its file.

    Parameters
    ----------
    image : nibabel image
    index : tuple, optional
        Which of them, where the image has a proxy that is indexed.

    Raises
    ------
    ImageFileError
        They are in a file that cannot be read.
    """
    if isinstance(image.dataobj, np.ndarray) or not nibabel.is_proxy(image.dataobj):
        return np.asanyarray(image.dataobj)
    with naming_file(image.get_filename() or "a file without a name"):
        if index is not None:
            return np.asanyarray(image.dataobj[index])
        data: NDArray[Any] = np.asanyarray(image.dataobj)
        # nibabel gives one axis to what has no voxels.
        return data if data.size else data.reshape(image.shape)


def without_volume(image_class: type) -> str | None:
    """Say that images of a class hold surfaces and not a volume; None if they do not.

    The text follows the name of such an image.
    """
    kind = _SURFACES.get(image_class.__name__)
    if kind is None:
        return None
    return f"is {kind}; it must be an image of a volume"


def sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def naming_file(place: str | os.PathLike[str]) -> Iterator[None]:
    """Turn whatever is wrong with a file into one error that names it."""
    try:
        yield
    except (ImageFileError, MissingFileError, PermissionError, Warning):
        raise
    except Exception as error:
        # Parsers that are given a damaged file raise whatever there is.
        msg = f"cannot read {os.fspath(place)!r}: {_reason(error)}"
        raise ImageFileError(msg) from error


def _reason(error: Exception) -> str:
    """Say in words why a file cannot be read."""
    if isinstance(error, UnreadableError):
        return str(error)
    if isinstance(error, ImportError):
        return f"it needs the package {error.name}, which is not installed"
    if isinstance(error, MemoryError):
        return f"there is not enough memory for it ({error})"
    if isinstance(error, _GZIP_ERRORS):
        return f"its compressed data are damaged or cut short ({error})"
    if isinstance(error, OSError) and error.strerror is not None:
        return error.strerror
    detail = " ".join(str(error).split())
    if not isinstance(error, (ValueError, OSError)):
        detail = f"{type(error).__name__}: {detail}"
    return f"it is damaged, or of a kind that nibabel does not read ({detail})"


def _check_file(place: Path) -> None:
    """Check what is known of a file before its format is."""
    try:
        status = place.stat()
    except FileNotFoundError as error:
        msg = f"the image has no {place.name!r} beside it"
        raise UnreadableError(msg) from error
    if not stat.S_ISREG(status.st_mode):
        msg = f"{place.name!r} is not a regular file"
        raise UnreadableError(msg)
    if status.st_size == 0:
        msg = f"the file {place.name!r} is empty"
        raise UnreadableError(msg)


def image_class_of(place: Path) -> Any:
    """Find the nibabel class that reads a file, by its name and first bytes.

    Raises
    ------
    UnreadableError
        There is none: to be caught by :func:`naming_file`.
    """
    _check_file(place)
    first = place
    if splitext_addext(place)[1].lower() in nibabel.AnalyzeImage.valid_exts:
        pair: Any = nibabel.AnalyzeImage.filespec_to_file_map(place)
        first = Path(pair["header"].filename)
        _check_file(first)
    check_name(str(first))
    with open_stream(str(first)) as stream:
        # nibabel would take what it cannot open for what it does not know.
        sniff = (stream.read(_SNIFFED), str(first))
    for image_class in _CLASSES:
        is_image, sniff = image_class.path_maybe_image(str(place), sniff)
        if is_image:
            break
    else:
        msg = (
            "it is not an image of a known format (NIfTI, Analyze, MGH, AFNI, PAR/REC, "
            "MINC, ECAT, GIFTI, CIFTI-2)"
        )
        raise UnreadableError(msg)
    return image_class


def _read(image_class: Any, file_map: Any) -> Any:
    """Read an image whose files have been found."""
    # SPM's affine, which not every Analyze image has.
    affine_holder = file_map.get("mat")
    holders = {
        holder.filename: holder
        for holder in file_map.values()
        if holder is not affine_holder
    }
    for filename in holders:
        _check_file(Path(filename))
    if affine_holder is not None:
        affine_holder.fileobj = _small_file(affine_holder.filename)
    if image_class is nibabel.Minc2Image:
        return _read_hdf5(image_class, file_map)
    if image_class in _WHOLE:
        return _read_whole(image_class, file_map)
    return _read_claimed(image_class, file_map)


def _read_claimed(image_class: Any, file_map: Any) -> Any:
    """Read an image whose header says where its voxels are.

    What cannot be mapped into memory is replaced in the map by its content.
    """
    header_holder = file_map.get("header", file_map["image"])
    image_holder = file_map["image"]
    header_class = image_class.header_class
    if image_class in _WITH_TEXT:
        header_holder.fileobj = _text(header_holder.filename)
        header = header_class.from_fileobj(header_holder.fileobj)
    elif header_holder is image_holder:
        with open_stream(header_holder.filename) as stream:
            header = _parse_header(header_class, stream.read(_LONGEST_HEAD))
    else:
        header_holder.fileobj = _small_file(header_holder.filename)
        header = _parse_header(header_class, header_holder.fileobj.getvalue())
    offset, size = _claimed_place(header)
    filename = image_holder.filename
    check_name(filename, is_known_head=header_holder is image_holder)
    if compression_by_name(filename) and offset > LONGEST_HEADER:
        raise UnreadableError(_no_place(offset))
    needed = offset + size
    if needed > most_bytes(filename):
        raise UnreadableError(_cut_short(needed, filename))
    # nibabel would leave the files of two classes open.
    if compression_by_name(filename) or image_class in (MGHImage, PARRECImage):
        # From its start: to decompress the head twice takes less time than to join it
        # to the voxels, and some versions of isal cannot seek.
        with open_stream(filename) as stream:
            content = Content(filename, stream, needed)
            if content.length < needed:
                raise UnreadableError(_cut_short(needed, filename, content.length))
            content.inflate(needed + _LONGEST_FOOTER)
            content.close_stream()
        image_holder.fileobj = content
    elif image_class in (nibabel.Nifti1Image, nibabel.Nifti2Image):
        _check_extensions(header, filename, offset)
    return image_class.from_file_map(file_map)


def _check_extensions(header: Any, filename: str, end: int) -> None:
    """Check that extensions of a header are in their file, before they are read."""
    held = Path(filename).stat().st_size
    order: Any = "little" if header.endianness == "<" else "big"
    place = header.sizeof_hdr + 4
    if end < place:
        end = held  # as nibabel takes it
    with Path(filename).open("rb") as stream:
        while place + 8 <= end:
            stream.seek(place)
            size = int.from_bytes(stream.read(4), order, signed=True)
            if place + size > held:
                msg = f"an extension of its header claims {size} bytes"
                raise UnreadableError(msg)
            if size < 8:
                return
            place += size


def _read_whole(image_class: Any, file_map: Any) -> Any:
    """Read an image of which only the parser knows where its voxels are."""
    filename = file_map["image"].filename
    size = _LONGEST_HEAD if compression_by_name(filename) else most_bytes(filename)
    with open_stream(filename) as stream:
        content = Content(filename, stream, size)
        for holder in file_map.values():
            holder.fileobj = content
        image = image_class.from_file_map(file_map)
        content.close_stream()
    if image_class is EcatImage:
        _check_frames(image, content.length)
    return image


def _read_hdf5(image_class: Any, file_map: Any) -> Any:
    """Read an image that the package h5py reads."""
    image = image_class.from_file_map(file_map)
    filename = file_map["image"].filename
    needed = _bytes_of(image.shape, image.header.get_data_dtype())
    if needed > _MOST_INSIDE_HDF5 * most_bytes(filename):
        raise UnreadableError(_cut_short(needed, filename))
    return image


def _check_frames(image: Any, size: int) -> None:
    """Check that the frames of an ECAT file are alike, and lie apart in their file."""
    headers = image.get_subheaders()
    frames = range(image.shape[3])
    shapes = {headers.get_shape(frame) for frame in frames}
    if len(shapes) != 1:
        msg = f"its frames have different shapes: {sorted(shapes)}"
        raise UnreadableError(msg)
    needed = _bytes_of(image.shape, image.get_data_dtype(0))
    if needed > size:
        msg = f"the header claims {needed} bytes of image, the file holds {size}"
        raise UnreadableError(msg)


def _parse_header(header_class: Any, head: bytes) -> Any:
    if issubclass(header_class, nibabel.analyze.AnalyzeHeader):
        # Without the extensions, which may be longer than the head. nibabel checks the
        # rest, and prints what it finds, when it makes the image.
        own = head[: header_class.template_dtype.itemsize]
        return header_class(own, check=False)
    return header_class.from_fileobj(io.BytesIO(head))


def _claimed_place(header: Any) -> tuple[int, int]:
    """Return where the voxels begin, and how many bytes they take, by the header."""
    try:
        dtype = header.get_data_dtype()
    except KeyError as error:
        msg = f"the header claims the data type {error}, which is unknown"
        raise UnreadableError(msg) from error
    if isinstance(header, PARRECHeader):
        return 0, _bytes_of(header.get_rec_shape(), dtype)
    if isinstance(header, nibabel.analyze.AnalyzeHeader):
        offset = header.structarr["vox_offset"].item()
        if not 0 <= offset < math.inf:
            raise UnreadableError(_no_place(offset))
    return int(header.get_data_offset()), _bytes_of(header.get_data_shape(), dtype)


def _bytes_of(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    """Return how many bytes an array takes."""
    if any(length < 0 for length in shape):
        msg = f"the header claims a shape of {shape_text(shape)}"
        raise UnreadableError(msg)
    return math.prod(map(int, shape)) * np.dtype(dtype).itemsize


def _no_place(offset: float) -> str:
    """Say that voxels cannot be where a header says that they are."""
    return f"the header says that the voxels begin at byte {offset:.10g}"


def _cut_short(needed: int, filename: str, held: int | None = None) -> str:
    """Say that a file holds less than its header claims."""
    holds = "is cut short" if held is None else f"holds {held}"
    text = f"the header claims {needed} bytes of image, the file {holds}"
    found = compression_by_content(filename)
    if found is not None and compression_by_name(filename) is None:
        text += (
            f" (it looks compressed with {found.name}, but its name does not end in "
            f"{found.endings[0]})"
        )
    return text


def _text(filename: str) -> io.StringIO:
    """Return the text of a header."""
    content = _small_file(filename).getvalue()
    try:
        text = content.decode()
    except UnicodeDecodeError:
        # Names of people and places, which old scanners wrote so.
        text = content.decode("latin-1")
    # With lines as a file opened as text has them.
    return io.StringIO(text, newline=None)


def _small_file(filename: str) -> io.BytesIO:
    """Return what a file beside that of the voxels holds; nothing if there is none."""
    try:
        check_name(filename, is_known_head=False)
        with open_stream(filename) as stream:
            content = stream.read(LONGEST_HEADER + 1)
    except FileNotFoundError:
        return io.BytesIO()
    if len(content) > LONGEST_HEADER:
        msg = f"{Path(filename).name!r} is longer than any header"
        raise UnreadableError(msg)
    return io.BytesIO(content)
