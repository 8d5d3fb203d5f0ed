"""nibabel images to files.

nibabel writes the formats, into streams that are opened and closed here. ``atomic``
gives the files their names when they are complete.
"""

import io
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import nibabel
import numpy as np
from isal import isal_zlib
from nibabel.cifti2.cifti2 import Cifti2Image
from nibabel.gifti.gifti import GiftiImage
from nibabel.spatialimages import SpatialImage

from nithresh._paths import expanded
from nithresh.files.atomic import Transaction, Turn
from nithresh.files.surface_files import CIFTI_CODE
from nithresh.grids import fault

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_PAIR_EXTENSIONS = (".hdr", ".img", ".hdr.gz", ".img.gz")
_MGH_EXTENSIONS = (".mgh", ".mgz")
_GIFTI_EXTENSIONS = (".gii", ".gii.gz")
_VOLUME_EXTENSIONS = (".nii", ".nii.gz", *_PAIR_EXTENSIONS, *_MGH_EXTENSIONS)
_EXTENSIONS = (*_VOLUME_EXTENSIONS, *_GIFTI_EXTENSIONS)
_GZIP_EXTENSIONS = (".gz", ".mgz")
# What MGH files hold for all versions of FreeSurfer.
_MGH_DTYPES = ("uint8", "int16", "int32", "float32")
# The size of what nibabel calls its default, at a seventh of the time.
_GZIP_LEVEL = 1
# How zlib calls a stream of gzip.
_GZIP_WINDOW = 31
_CHUNK = 1 << 20


def save(
    img: SpatialImage | GiftiImage | Cifti2Image, path: str | os.PathLike[str]
) -> None:
    """Save an image to a file.

    Parameters
    ----------
    img : nibabel image
        It is not changed. Its voxels are stored in the data type of its header.
    path : str or os.PathLike
        Ends in ``.nii``, ``.nii.gz``, ``.hdr``, ``.img``, ``.hdr.gz``,
        ``.img.gz``, ``.mgh`` or ``.mgz``; of a GIFTI image in ``.gii`` or
        ``.gii.gz``, of a CIFTI-2 image in ``.nii``. ``~`` is the home folder. An
        existing file is replaced only when the new one is complete.

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
    if not isinstance(img, (SpatialImage, GiftiImage, Cifti2Image)):
        msg = f"img is of type {type(img).__name__}; it must be a nibabel image"
        if hasattr(getattr(img, "data", None), "to_filename"):
            msg += " (a SurfaceImage has img.data.to_filename to write its two files)"
        raise TypeError(msg)
    place = expanded(path)
    check_extension(path)
    with Transaction() as files:
        write_image(img, place, files)
        files.commit()


def write_image(img: Any, path: Path, files: Transaction) -> None:
    """Write the files of an image, which appear with the others of a transaction."""
    check_fits(img, path)
    if isinstance(img, (GiftiImage, Cifti2Image)):
        _write_surfaces(img, path, files)
        return
    is_fit = img.affine is None or fault(img.affine) is None
    # Without a volume, voxel sizes and directions are not finite, and are written so.
    with nullcontext() if is_fit else np.errstate(all="ignore"):
        _write_image(img, path, files)


def _write_image(img: Any, path: Path, files: Transaction) -> None:
    is_mgh = path.name.lower().endswith(_MGH_EXTENSIONS)
    own = _stored_as(path, _as_mgh(img) if is_mgh else _of_class(type(img), img))
    holders = own.filespec_to_file_map(path)
    if own.affine is None:
        # Without one, nibabel leaves this file of SPM's images empty.
        holders.pop("mat", None)
    with ExitStack() as streams:
        for name, holder in holders.items():
            # A header is never beside voxels that it does not belong to.
            turn = Turn.MIDDLE if name == "image" else Turn.LAST
            # A link keeps pointing where it did: what it points to is replaced.
            file = files.open(Path(holder.filename), turn, follows_links=True)
            stream = streams.enter_context(file)
            if holder.filename.lower().endswith(_GZIP_EXTENSIONS):
                stream = streams.enter_context(_gzipped(stream))
            holder.fileobj = stream
        own.to_file_map(holders)


def _write_surfaces(img: Any, path: Path, files: Transaction) -> None:
    """Write the file of an image that has no volume, or not only one."""
    if isinstance(img, Cifti2Image):
        # nibabel changes the headers of what it saves.
        header = img.nifti_header.copy()
        content = Cifti2Image(img.dataobj, img.header, header).to_bytes()
    else:
        content = img.to_bytes()
    with ExitStack() as streams:
        stream = streams.enter_context(files.open(path, follows_links=True))
        if path.name.lower().endswith(_GZIP_EXTENSIONS):
            stream = streams.enter_context(_gzipped(stream))
        stream.write(content)


def _of_class(image_class: Any, img: Any) -> Any:
    """Make another image over the same voxels, with a header of its own.

    nibabel changes the header of what it saves and where it belongs.
    """
    affine = img.affine
    is_nifti = issubclass(image_class, nibabel.Nifti1Pair)
    if not is_nifti or affine is None or fault(affine) is None:
        return image_class(img.dataobj, affine, header=img.header, extra=img.extra)
    # nibabel would look for a qform, which such an affine does not have.
    own = image_class(img.dataobj, None, header=img.header, extra=img.extra)
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
    image = nibabel.MGHImage(data, img.affine, header, extra=img.extra)
    if img.affine is None or fault(img.affine) is None:
        return image
    # nibabel would divide once more when it writes.
    return nibabel.MGHImage(data, None, image.header, extra=img.extra)


def check_extension(path: str | os.PathLike[str], name: str = "path") -> None:
    """Check that a path is that of an image as :func:`save` writes it.

    Parameters
    ----------
    path : str or os.PathLike
    name : str
        The argument, for errors.
    """
    if not str(path).lower().endswith(_EXTENSIONS):
        msg = f"{name} is {str(path)!r}; it must end in one of {', '.join(_EXTENSIONS)}"
        raise ValueError(msg)


def check_fits(img: Any, path: str | os.PathLike[str]) -> None:
    """Check that a path is that of an image of such a class.

    Raises
    ------
    ValueError
        It is not.
    """
    is_gifti = isinstance(img, GiftiImage)
    allowed: tuple[str, ...] = _GIFTI_EXTENSIONS if is_gifti else _VOLUME_EXTENSIONS
    kind = type(img).__name__
    if isinstance(img, Cifti2Image) or _holds_cifti(img):
        allowed, kind = (".nii",), Cifti2Image.__name__
    if not str(path).lower().endswith(allowed):
        msg = (
            f"path is {str(path)!r}; for a {kind} it must end in {' or '.join(allowed)}"
        )
        raise ValueError(msg)


def _holds_cifti(img: Any) -> bool:
    """Whether an image is CIFTI-2 as the NIfTI-2 file that it is."""
    return isinstance(img, nibabel.Nifti2Image) and any(
        extension.code == CIFTI_CODE for extension in img.header.extensions
    )


def files_of(path: Path) -> list[Path]:
    """Return the files of an image or another output: two of a pair, else one."""
    if not path.name.lower().endswith(_PAIR_EXTENSIONS):
        return [path]
    holders: Any = nibabel.Nifti1Pair.filespec_to_file_map(path)
    return [Path(holder.filename) for holder in holders.values()]


def _stored_as(path: Path, image: Any) -> Any:
    """Return an image of a class that is stored under such a name, as nibabel does."""
    try:
        image.filespec_to_file_map(path)
    except nibabel.filebasedimages.ImageFileError:
        pass
    else:
        return image
    is_pair = path.name.lower().endswith(_PAIR_EXTENSIONS)
    if is_pair:
        kinds = [nibabel.Nifti1Pair, nibabel.Nifti2Pair]
    else:
        kinds = [nibabel.Nifti1Image, nibabel.Nifti2Image]
    if isinstance(image, (nibabel.Nifti2Pair, nibabel.Nifti2Image)):
        del kinds[0]
    try:
        return _of_class(kinds[0], image)
    except nibabel.spatialimages.HeaderDataError:
        # Such as a shape that the first version of NIfTI cannot state.
        return _of_class(kinds[-1], image)


class _Compressor(io.RawIOBase):
    """A stream that compresses what is written to it into another one."""

    def __init__(self, target: BinaryIO) -> None:
        super().__init__()
        self._target = target
        self._compressor = isal_zlib.compressobj(
            _GZIP_LEVEL, isal_zlib.DEFLATED, _GZIP_WINDOW
        )
        self._position = 0

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        """Say yes to nibabel, which seeks forwards."""
        return True

    def write(self, data: "ReadableBuffer") -> int:
        self._target.write(self._compressor.compress(data))
        size = memoryview(data).nbytes
        self._position += size
        return size

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Write zeros up to a later position."""
        if whence != os.SEEK_SET or offset < self._position:
            msg = "a compressed stream cannot go back"
            raise io.UnsupportedOperation(msg)
        self.write(bytes(offset - self._position))
        return self._position

    def finish(self) -> None:
        self._target.write(self._compressor.flush())


@contextmanager
def _gzipped(target: BinaryIO) -> Iterator[BinaryIO]:
    """Compress what is written; without time or name, so that bytes stay the same."""
    with (
        _Compressor(target) as compressor,
        # nibabel writes plane by plane, which are short for a compressor.
        io.BufferedWriter(compressor, _CHUNK) as stream,
    ):
        yield stream
        stream.flush()
        compressor.finish()
