"""Files of surfaces and their maps: GIFTI, CIFTI-2 and FreeSurfer's own."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from xml.parsers import expat

import nibabel
import numpy as np
from nibabel.arrayproxy import reshape_dataobj
from nibabel.cifti2.cifti2 import Cifti2Image
from nibabel.cifti2.parse_cifti2 import Cifti2Parser
from nibabel.freesurfer import io as freesurfer
from numpy.typing import NDArray

from nithresh._paths import expanded
from nithresh.files.compression import UnreadableError, open_stream
from nithresh.files.errors import MissingFileError
from nithresh.files.gifti import parse_gifti, refuse_entity
from nithresh.files.reading import naming_file, read_nifti2

# How FreeSurfer's files begin: a surface of triangles, and a map of its vertices.
_GEOMETRY = b"\xff\xff\xfe"
_OVERLAY = b"\xff\xff\xff"
# What says that each region in an annotation has its place in the table.
_WITH_PLACES = -2
# Of ten, in the unit of a series: nibabel computes the power in whole numbers.
_LARGEST_EXPONENT = 100
# CIFTI-2 has three axes at most.
_LAST_AXIS = 2
# The code of the extension that holds the XML of CIFTI.
CIFTI_CODE = 32


_NO_CIFTI = "it is a NIfTI-2 file without what makes it CIFTI-2"


class CiftiFile(NamedTuple):
    """A CIFTI-2 file whose XML has not been looked at.

    Attributes
    ----------
    image : nibabel.Nifti2Image
        Of shape (1, 1, 1, 1, maps, grayordinates).
    xml : bytes
        Without what pads it.
    """

    image: nibabel.Nifti2Image
    xml: bytes


def read_gifti(path: str | os.PathLike[str]) -> nibabel.GiftiImage:
    """Read a GIFTI file, which may be compressed.

    Raises
    ------
    MissingFileError
        There is no such file.
    ImageFileError
        Not GIFTI, damaged, or with entities of its own.
    """
    place = _existing(path)
    with naming_file(place):
        with open_stream(str(place)) as stream:
            content = stream.read()
        image = parse_gifti(content, place)
        image.set_filename(str(place))
        return image


def read_cifti(path: str | os.PathLike[str]) -> CiftiFile:
    """Read a CIFTI-2 file as the NIfTI-2 file that it is.

    nibabel's class for it takes a hundred times as long, because it makes objects of
    all that the XML says.

    Raises
    ------
    MissingFileError
        There is no such file.
    ImageFileError
        Not CIFTI-2, or damaged.
    """
    place = _existing(path)
    with naming_file(place):
        image = read_nifti2(place)
        if len(image.shape) != 6 or set(image.shape[:4]) != {1}:
            raise UnreadableError(_NO_CIFTI)
        return CiftiFile(image, xml_of(image.header))


def xml_of(header: Any) -> bytes:
    """Return the XML in the header of a CIFTI-2 file.

    Raises
    ------
    UnreadableError
        There is none.
    """
    for extension in header.extensions:
        if extension.code == CIFTI_CODE:
            content: bytes = extension.content
            return content.rstrip(b"\0")
    raise UnreadableError(_NO_CIFTI)


def read_freesurfer_surface(
    path: str | os.PathLike[str],
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Read a surface of FreeSurfer: its coordinates in scanner mm, and its triangles.

    Raises
    ------
    MissingFileError
        There is no such file.
    ImageFileError
        Not such a surface, or damaged.
    """
    place = _existing(path)
    with naming_file(place):
        if _beginning(place) != _GEOMETRY:
            msg = "it is neither a GIFTI surface nor one of FreeSurfer"
            raise UnreadableError(msg)
        _check_geometry(place)
        with warnings.catch_warnings():
            # That it does not end with where its volume is, which it need not.
            warnings.simplefilter("ignore")
            coordinates, triangles, volume = freesurfer.read_geometry(
                str(place), read_metadata=True
            )
        # FreeSurfer counts from the centre of the volume, which lies there.
        centre = volume.get("cras") if hasattr(volume, "get") else None
        if centre is not None:
            if centre.shape != (3,):
                msg = f"it says {centre.tolist()} for the centre of its volume"
                raise UnreadableError(msg)
            coordinates = coordinates + centre
        return coordinates, triangles


def _check_geometry(place: Path) -> None:
    """Check that a surface is as long as it says, before memory is taken for it."""
    with place.open("rb") as stream:
        # Who made it and when, and an empty line.
        stream.readline()
        stream.readline()
        head = stream.read(8)
        begin = stream.tell()
    counts = np.frombuffer(head, ">i4") if len(head) == 8 else np.array([-1])
    _check_length(place, begin, counts.tolist(), 12)


def _check_length(place: Path, begin: int, counts: list[int], size: int) -> None:
    """Check that a file holds what it says it does, of so many bytes each.

    Raises
    ------
    UnreadableError
        It holds less.
    """
    needed, held = begin + size * sum(counts), place.stat().st_size
    if min(counts) < 0 or needed > held:
        msg = f"the header claims {needed} bytes, the file holds {held}"
        raise UnreadableError(msg)


def is_freesurfer_overlay(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a map of vertices as FreeSurfer writes it (lh.thickness)."""
    place = expanded(path)
    return place.is_file() and _beginning(place) == _OVERLAY


def read_freesurfer_overlay(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read a map of vertices as FreeSurfer writes it, in one row.

    Raises
    ------
    ImageFileError
        Damaged.
    """
    place = _existing(path)
    with naming_file(place):
        with place.open("rb") as stream:
            head = np.frombuffer(stream.read(15)[3:], ">i4").tolist()
        if len(head) < 3 or head[2] != 1:
            msg = "it does not say that it has one value for each vertex"
            raise UnreadableError(msg)
        _check_length(place, 15, head[:1], 4)
        values: NDArray[Any] = freesurfer.read_morph_data(str(place))
        return values


class Annotation(NamedTuple):
    """What an annotation of FreeSurfer says.

    Attributes
    ----------
    labels : numpy.ndarray of int64, shape (vertices,)
        The colour of its region at each vertex, as one number.
    names : dict of int to str
        Of the regions, by colour; of two of one colour the first, as in FreeSurfer.
    """

    labels: NDArray[np.int64]
    names: dict[int, str]


def read_freesurfer_annotation(path: str | os.PathLike[str]) -> Annotation:
    """Read an annotation of FreeSurfer (``lh.aparc.annot``).

    nibabel's reader gives the wrong names where the table of colours has gaps.

    Raises
    ------
    MissingFileError
        There is no such file.
    ImageFileError
        Not an annotation, damaged, or without a table of colours.
    """
    place = _existing(path)
    with naming_file(place):
        rest = _Integers(place.read_bytes())
        count = rest.next()
        pairs = rest.take(2 * count).reshape(-1, 2)
        labels = np.zeros(count, np.int64)
        if not np.array_equal(np.sort(pairs[:, 0]), np.arange(count)):
            msg = f"its vertices are not those from 0 to {count - 1}"
            raise UnreadableError(msg)
        labels[pairs[:, 0]] = pairs[:, 1]
        if rest.is_at_end() or rest.next() != 1:
            msg = "it has no table of colours, and so no names"
            raise UnreadableError(msg)
        regions = rest.next()
        has_places = regions < 0
        if has_places:
            if regions != _WITH_PLACES:
                msg = f"its table of colours is of version {-regions}, which is unknown"
                raise UnreadableError(msg)
            rest.next()  # the largest place
        rest.text()  # the file that the table is from
        if has_places:
            regions = rest.next()
        names: dict[int, str] = {}
        for _ in range(regions):
            if has_places:
                rest.next()
            name = rest.text()
            red, green, blue, _ = rest.take(4).tolist()
            names.setdefault(red + (green << 8) + (blue << 16), name)
        return Annotation(labels, names)


class _Integers:
    """The bytes of a file of big-endian integers and texts, from the first on."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    def take(self, count: int) -> NDArray[np.int32]:
        """Return the next integers."""
        return np.frombuffer(self._bytes(4 * count), ">i4").astype(np.int32)

    def next(self) -> int:
        """Return the next integer."""
        return int(self.take(1)[0])

    def text(self) -> str:
        """Return the next text, which a NUL may end."""
        content = self._bytes(self.next())
        return content.partition(b"\0")[0].decode("utf-8", "replace")

    def is_at_end(self) -> bool:
        """Whether all has been taken."""
        return self._at == len(self._content)

    def _bytes(self, count: int) -> bytes:
        end = self._at + count
        if not self._at <= end <= len(self._content):
            msg = "it is cut short, or no annotation of FreeSurfer"
            raise UnreadableError(msg)
        part = self._content[self._at : end]
        self._at = end
        return part


def load_surfaces(image_class: Any, place: Path) -> Any:
    """Load a file of surfaces as nibabel does: as GiftiImage or Cifti2Image.

    To be called within :func:`naming_file`.
    """
    if image_class is nibabel.GiftiImage:
        return read_gifti(place)
    file = read_cifti(place)
    data = reshape_dataobj(file.image.dataobj, file.image.shape[4:])
    image = cifti_image(data, file.xml, file.image.header)
    image.set_filename(str(place))
    return image


def cifti_image(data: Any, xml: bytes, header: Any) -> Cifti2Image:
    """Make the image of nibabel's class, with objects of all that the XML says.

    To be called within :func:`naming_file`.
    """
    _check_xml(xml, max(data.shape))
    parser = Cifti2Parser()
    parser.parse(string=xml)
    return Cifti2Image(data, parser.header, header)


def _check_xml(xml: bytes, most: int) -> None:
    """Check what XML says that nibabel takes memory or time for.

    Raises
    ------
    UnreadableError
        A model has more places than an image has values, an axis or an exponent is
        none that can be, or there are entities.
    """
    limits = {
        "IndexCount": most,
        "AppliesToMatrixDimension": _LAST_AXIS,
        "SeriesExponent": _LARGEST_EXPONENT,
    }

    def begin(_: str, words: Mapping[str, str]) -> None:
        for word, limit in limits.items():
            said = words.get(word, "0")
            if any(abs(int(number)) > limit for number in said.split(",")):
                msg = f"its XML says {said} for {word}; it is {limit} at most"
                raise UnreadableError(msg)

    parser = expat.ParserCreate()
    parser.StartElementHandler = begin
    parser.EntityDeclHandler = refuse_entity
    parser.Parse(xml, True)  # noqa: FBT003 - expat's signature


def _existing(path: str | os.PathLike[str]) -> Path:
    place = expanded(path)
    if not place.is_file():
        msg = f"no such file: {str(path)!r}"
        raise MissingFileError(msg)
    return place


def _beginning(place: Path) -> bytes:
    with place.open("rb") as stream:
        return stream.read(3)
