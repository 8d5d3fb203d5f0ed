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
from nithresh.files.reading import naming_file, read_nifti2

# How FreeSurfer's files begin: a surface of triangles, and a map of its vertices.
_GEOMETRY = b"\xff\xff\xfe"
_OVERLAY = b"\xff\xff\xff"
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
        if b"<!ENTITY" in content:
            msg = "it defines entities of XML, which may stand for anything"
            raise UnreadableError(msg)
        if b"ExternalFileBinary" in content:
            # Its values lie in a file beside it, which nibabel finds by its name.
            _check_beside(content)
            image: nibabel.GiftiImage = nibabel.GiftiImage.from_filename(str(place))
        else:
            image = nibabel.GiftiImage.from_bytes(content)
        image.set_filename(str(place))
        return image


def _check_beside(content: bytes) -> None:
    """Check that the files that GIFTI names are in its own folder.

    Raises
    ------
    UnreadableError
        One is elsewhere, where a file of a stranger has nothing to read.
    """

    def begin(_: str, words: Mapping[str, str]) -> None:
        name = words.get("ExternalFileName", "")
        if name != os.path.basename(name):  # noqa: PTH119 - text
            msg = f"its values are in {name!r}; they must be in a file beside it"
            raise UnreadableError(msg)

    parser = expat.ParserCreate()
    parser.StartElementHandler = begin
    parser.Parse(content, True)  # noqa: FBT003 - expat's signature


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
        if len(image.shape) != 6:
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
        with warnings.catch_warnings():
            # That it does not end with where its volume is, which it need not.
            warnings.simplefilter("ignore")
            coordinates, triangles, volume = freesurfer.read_geometry(
                str(place), read_metadata=True
            )
        # FreeSurfer counts from the centre of the volume, which lies there.
        centre = volume.get("cras") if hasattr(volume, "get") else None
        if centre is not None:
            coordinates = coordinates + centre
        return coordinates, triangles


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
        values: NDArray[Any] = freesurfer.read_morph_data(str(place))
        return values


def load_surfaces(image_class: Any, place: Path) -> Any:
    """Load a file of surfaces as nibabel does: as GiftiImage or Cifti2Image.

    To be called within :func:`naming_file`.
    """
    if image_class is nibabel.GiftiImage:
        return read_gifti(place)
    file = read_cifti(place)
    image = Cifti2Image(
        reshape_dataobj(file.image.dataobj, file.image.shape[4:]),
        cifti_header(file.xml),
        file.image.header,
    )
    image.set_filename(str(place))
    return image


def cifti_header(xml: bytes) -> Any:
    """Make nibabel's objects of the XML of a CIFTI-2 file."""
    parser = Cifti2Parser()
    parser.parse(string=xml)
    return parser.header


def _existing(path: str | os.PathLike[str]) -> Path:
    place = expanded(path)
    if not place.is_file():
        msg = f"no such file: {str(path)!r}"
        raise MissingFileError(msg)
    return place


def _beginning(place: Path) -> bytes:
    with place.open("rb") as stream:
        return stream.read(3)
