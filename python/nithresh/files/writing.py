"""nibabel images to files, and text.

nibabel writes the formats. Files are written beside their place and renamed into
it, so that a failure leaves the old file as it was.
"""

import io
import os
import secrets
import shutil
import tempfile
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel
import numpy as np
from isal import igzip
from nibabel.fileholders import FileHolder
from nibabel.spatialimages import SpatialImage

from nithresh.files.errors import MissingFileError
from nithresh.grids import fault

if TYPE_CHECKING:
    from collections.abc import Iterator

_PAIR_EXTENSIONS = (".hdr", ".img", ".hdr.gz", ".img.gz")
_MGH_EXTENSIONS = (".mgh", ".mgz")
_EXTENSIONS = (".nii", ".nii.gz", *_PAIR_EXTENSIONS, *_MGH_EXTENSIONS)
# What MGH files hold for all versions of FreeSurfer.
_MGH_DTYPES = ("uint8", "int16", "int32", "float32")
# The size of what nibabel calls its default, at a seventh of the time.
_GZIP_LEVEL = 1
_CHUNK = 1 << 20

# How temporary files are named, and by which mark whoever wants to can tell its own.
_TEMPORARY = ".nithresh-"
_mark: ContextVar[str] = ContextVar("mark", default="")


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
        Another extension; a type of voxels that MGH does not hold, such as float64.
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
    is_mgh = place.name.lower().endswith(_MGH_EXTENSIONS)
    own = _as_mgh(img) if is_mgh else _own(img)
    if place.name.lower().endswith(_PAIR_EXTENSIONS):
        with _folder_beside(place) as folder:
            nibabel.save(own, folder / place.name)
        return
    with _file_beside(place) as temporary:
        if place.name.lower().endswith(".nii.gz"):
            _save_gzip(own, temporary)
        else:
            nibabel.save(own, temporary)


def _own(img: Any) -> Any:
    """Make another image over the same voxels.

    nibabel changes the header of what it saves and where it belongs.
    """
    affine = img.affine
    is_nifti = isinstance(img, nibabel.Nifti1Pair)
    if not is_nifti or affine is None or fault(affine) is None:
        return type(img)(img.dataobj, affine, header=img.header, extra=img.extra)
    # nibabel would look for a qform, which such an affine does not have.
    own = type(img)(img.dataobj, None, header=img.header, extra=img.extra)
    if not np.array_equal(own.header.get_best_affine(), affine, equal_nan=True):
        own.header.set_sform(affine, code="aligned")
    return own


def _as_mgh(img: Any) -> nibabel.MGHImage:
    """Make an MGH image.

    nibabel stores all voxels of another format as float32. Here those that have the
    type of their header keep their values; scaled integers become float32.
    """
    data = np.asanyarray(img.dataobj)
    # The format has no fourth axis of length 1.
    data = data.reshape(data.shape[:3] if data.shape[3:] == (1,) else data.shape)
    if isinstance(img, nibabel.MGHImage):
        header: Any = img.header
    else:
        header = nibabel.MGHImage.header_class()
        if img.get_data_dtype().newbyteorder("=") == data.dtype.newbyteorder("="):
            held = [name for name in _MGH_DTYPES if np.can_cast(data.dtype, name)]
            if not held:
                msg = (
                    f"img has voxels of type {data.dtype}; MGH files hold "
                    f"{', '.join(_MGH_DTYPES)}, so save it as .nii.gz"
                )
                raise ValueError(msg)
            header.set_data_dtype(np.dtype(held[0]))
    return nibabel.MGHImage(data, img.affine, header, extra=img.extra)


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
