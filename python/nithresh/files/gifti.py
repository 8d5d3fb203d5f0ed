"""GIFTI files, parsed by nibabel; what it leaves open is done here.

No claim of the XML is believed: what an array says of its size is compared with its
bytes before memory is taken for it, and compressed values are inflated as far as that.
"""

from __future__ import annotations

import base64
import math
import os
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn

import nibabel
import numpy as np
from isal import isal_zlib
from nibabel.gifti.parse_gifti_fast import GiftiImageParser
from nibabel.gifti.util import (
    array_index_order_codes,
    gifti_encoding_codes,
    gifti_endian_codes,
)
from nibabel.nifti1 import data_type_codes
from numpy.typing import NDArray

from nithresh.files.compression import UnreadableError

# The most axes that GIFTI has.
_MOST_AXES = 6
# No text is fewer times shorter than what it holds: 3 bytes in 4 letters, and zlib.
_MOST_OF_TEXT = 1032


def parse_gifti(content: bytes, place: Path) -> nibabel.GiftiImage:
    """Parse the XML of a GIFTI file.

    Raises
    ------
    Exception
        Of any kind, if it is damaged: to be called within
        :func:`nithresh.files.reading.naming_file`.
    """
    parser = _Parser()
    stream = BytesIO(content)
    # Values may lie in another file beside it.
    stream.name = str(place)
    parser.parse(fptr=stream)
    image: nibabel.GiftiImage | None = parser.img
    if image is None:
        msg = "it is not GIFTI: its XML has no such element"
        raise UnreadableError(msg)
    if any(array.data is None for array in image.darrays):
        msg = "one of its arrays has no values"
        raise UnreadableError(msg)
    return image


class _Parser(GiftiImageParser):
    """nibabel's parser, which believes nothing."""

    def _create_parser(self) -> Any:
        parser = super()._create_parser()
        parser.EntityDeclHandler = refuse_entity
        return parser

    def StartElementHandler(self, name: str, attrs: Mapping[str, str]) -> None:  # noqa: N802
        if name == "DataArray":
            _check_axes(attrs)
        if name == "Data" and (self.da is None or self.da.data is not None):
            msg = "one of its arrays does not have its values once"
            raise UnreadableError(msg)
        super().StartElementHandler(name, attrs)

    def flush_chardata(self) -> None:
        """Take the text of an element in; that of values is ours."""
        if self.write_to != "Data":
            super().flush_chardata()
            return
        array: Any = self.da
        encoding = gifti_encoding_codes.label[array.encoding]
        dtype: Any = data_type_codes.dtype[array.datatype]
        size = math.prod(array.dims) * dtype.itemsize
        if encoding == "External":
            _check_beside(Path(str(self.fname)), array, size)
        if encoding not in ("B64BIN", "B64GZ"):
            super().flush_chardata()
            return
        text = "".join(self._char_blocks or ())
        self._char_blocks = None
        content = _decoded(text, size, is_zipped=encoding == "B64GZ")
        array.data = _as_array(content, dtype, array)


def _check_axes(attrs: Mapping[str, str]) -> None:
    """Check how many axes an array says it has, because nibabel counts up to it."""
    count = int(attrs.get("Dimensionality", "0"))
    if not 1 <= count <= _MOST_AXES:
        msg = f"one of its arrays has {count} axes; GIFTI has 1 to {_MOST_AXES}"
        raise UnreadableError(msg)
    lengths = [int(attrs.get(f"Dim{axis}", "-1")) for axis in range(count)]
    if min(lengths) < 0:
        msg = f"one of its arrays does not say the lengths of its {count} axes"
        raise UnreadableError(msg)


def _decoded(text: str, size: int, *, is_zipped: bool) -> bytes:
    """Return the bytes of values, of which there must be `size`."""
    content = b""
    if size <= len(text) * (_MOST_OF_TEXT if is_zipped else 1):
        content = base64.b64decode(text.encode("ascii"))
        if is_zipped:
            inflater = isal_zlib.decompressobj()
            # One more than it should be, so that too much is seen and the end is read.
            content = inflater.decompress(content, size + 1)
            if len(content) <= size and not inflater.eof:
                msg = "its compressed data are cut short"
                raise UnreadableError(msg)
    if len(content) != size:
        msg = f"one of its arrays claims {size} bytes, which its values do not have"
        raise UnreadableError(msg)
    return content


def _as_array(content: bytes, dtype: np.dtype[Any], array: Any) -> NDArray[Any]:
    order: Any = array_index_order_codes.npcode[array.ind_ord]
    byte_order: Any = gifti_endian_codes.byteorder[array.endian]
    stored = dtype.newbyteorder(byte_order)
    # Of a bytearray, so that it can be written to, as nibabel's can.
    values = np.frombuffer(bytearray(content), stored)
    shaped: NDArray[Any] = values.reshape(tuple(array.dims), order=order)
    return shaped


def _check_beside(place: Path, array: Any, size: int) -> None:
    """Check that values in another file are beside this one, and are there.

    A file of a stranger has nothing to read elsewhere.
    """
    name = array.ext_fname
    if not name or name != os.path.basename(name):  # noqa: PTH119 - text
        msg = f"its values are in {name!r}; they must be in a file beside it"
        raise UnreadableError(msg)
    beside = place.with_name(name)
    if not beside.is_file():
        msg = f"there is no {name!r} beside it, where its values are"
        raise UnreadableError(msg)
    begin, held = array.ext_offset or 0, beside.stat().st_size
    if not 0 <= begin <= begin + size <= held:
        msg = (
            f"it claims {size} bytes of values from byte {begin} of {name!r} on, which "
            f"holds {held}"
        )
        raise UnreadableError(msg)


def refuse_entity(*_: Any) -> NoReturn:
    """Refuse the declaration of an entity, as a handler of expat."""
    msg = "it defines entities of XML, which may stand for anything"
    raise UnreadableError(msg)
