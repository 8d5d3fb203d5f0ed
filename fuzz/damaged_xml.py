"""Damage to XML and to the values in it, as steps of a case."""

import base64
import binascii
import contextlib
import re
import zlib

_ATTRIBUTE = re.compile(rb'\b([A-Za-z0-9]+)="([^"]*)"')
_TEXT = re.compile(rb">([^<>\s][^<>]*)<")
_DATA = re.compile(rb"<Data>([^<]*)</Data>")
_DOCTYPE = re.compile(rb"<!DOCTYPE[^>]*>")
_NAME = re.compile(rb"<([A-Za-z]+)")
_VALUES = {
    b"Dimensionality": ["0", "2", "7", "99999999", "9223372036854775807"],
    b"Encoding": ["ASCII", "Base64Binary", "GZipBase64Binary", "ExternalFileBinary"],
    b"DataType": [f"NIFTI_TYPE_{t}" for t in (
        "UINT8", "INT32", "FLOAT32", "FLOAT64", "INT64", "COMPLEX64", "RGB24",
        "FLOAT128",
    )],
    b"Endian": ["LittleEndian", "BigEndian"],
    b"ArrayIndexingOrder": ["RowMajorOrder", "ColumnMajorOrder"],
    b"Intent": ["NIFTI_INTENT_POINTSET", "NIFTI_INTENT_TRIANGLE", "NIFTI_INTENT_PVAL"],
    b"ModelType": ["CIFTI_MODEL_TYPE_SURFACE", "CIFTI_MODEL_TYPE_VOXELS"],
    b"IndicesMapToDataType": [
        "CIFTI_INDEX_TYPE_BRAIN_MODELS", "CIFTI_INDEX_TYPE_SCALARS",
        "CIFTI_INDEX_TYPE_LABELS", "CIFTI_INDEX_TYPE_PARCELS",
    ],
    b"BrainStructure": ["CIFTI_STRUCTURE_CORTEX_LEFT", "CIFTI_STRUCTURE_CORTEX_RIGHT"],
    b"AppliesToMatrixDimension": ["0,1", "1", "0"],
    b"ExternalFileName": ["../values.bin", "/etc/passwd", ".", "", "L.surf.gii"],
}  # fmt: skip
_WORDS = [
    "", " ", "-1", "0", "1", "2", "3", "11", "12", "13", "24", "1e3", "1.5", "-0",
    "1_2", "2147483647", "2147483648", "-2147483649", "4611686018427387904",
    "9223372036854775807", "9223372036854775808", "9" * 40, "9" * 5000, "1e999", "nan",
    "-inf", "0x10", "1 2", "\u0663", "\udc80", "x", "x" * 3000, "&lt;", "&#0;",
    "&#1234567;", "&a;", "../../z",
]  # fmt: skip
_LAUGHS = "".join(
    f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' if n else '<!ENTITY a0 "ha">'
    for n in range(10)
)
_DECLARATIONS = [
    f"<!DOCTYPE GIFTI [{_LAUGHS}<!ENTITY a '&a9;'>]>",
    f"<!DOCTYPE GIFTI [<!ENTITY a '{'7 ' * 2000}'>]>",
    '<!DOCTYPE GIFTI [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
    '<!DOCTYPE GIFTI [<!ENTITY a SYSTEM "values.bin">]>',
    '<!DOCTYPE GIFTI [<!ENTITY % a SYSTEM "L.surf.gii"> %a;]>',
    "<!DOCTYPE GIFTI [<!ENTITY a '&a;'>]>",
    '<!DOCTYPE GIFTI SYSTEM "http://www.nitrc.org/frs/download.php/115/gifti.dtd">',
    '<!DOCTYPE GIFTI [<!ATTLIST DataArray Dim0 CDATA "13" Dim1 CDATA "2">]>',
    "<!--", "<![CDATA[", "<?x ", "]]>", "<a>" * 5000,
]  # fmt: skip
_LONGEST_VALUE = 30_000


def splice(start, end, text):
    """Return the step that puts a text in the place of a span."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    return ["splice", start, [end - start, text]]


def random_step(rng, content):
    """Draw one step of damage to XML."""
    kinds = [_attribute, _attribute, _attribute, _text, _element, _values, _values]
    kind = rng.choice([*kinds, _declaration, _declaration, _recoded])
    return kind(rng, content) or _declaration(rng, content)


def _found(rng, pattern, content):
    found = list(pattern.finditer(content))
    return rng.choice(found) if found else None


def _attribute(rng, content):
    found = _found(rng, _ATTRIBUTE, content)
    if found is None:
        return None
    if rng.random() < 0.15:
        return splice(*found.span(), "")
    words = _VALUES.get(found[1], []) if rng.random() < 0.7 else []
    return splice(*found.span(2), rng.choice(words or _WORDS))


def _text(rng, content):
    found = _found(rng, _TEXT, content)
    if found is None:
        return None
    start, end = found.span(1)
    if rng.random() < 0.7:
        start = rng.randrange(start, end)
        end = min(end, start + rng.choice((0, 1, 2, 8)))
    return splice(start, end, rng.choice(_WORDS))


def _element(rng, content):
    """Leave an element out, put it there twice, or give it another's name."""
    name = _found(rng, _NAME, content)
    if name is None:
        return None
    whole = re.compile(rb"<%b\b[^>]*?(?:/>|>.*?</%b>)" % (name[1], name[1]), re.DOTALL)
    found = whole.match(content, name.start())
    if found is None:
        return None
    way = rng.choice(("lose", "twice", "rename"))
    if way == "rename":
        return splice(*name.span(1), _found(rng, _NAME, content)[1])
    if way == "lose" or len(found[0]) > _LONGEST_VALUE:
        return splice(*found.span(), "")
    return splice(found.end(), found.end(), found[0])


def _values(rng, content):
    """Damage values behind their encoding."""
    found = _found(rng, _DATA, content)
    if found is None:
        return None
    way = rng.choice(("bit", "cut", "more", "none", "bomb", "raw", "plain"))
    if way == "bomb":
        length = found.end(1) - found.start(1)
        return ["bomb", found.start(1), [length, rng.choice((1, 64, 300))]]
    values, is_zipped = found[1], False
    with contextlib.suppress(binascii.Error, zlib.error):
        values = base64.b64decode(values, validate=True)
        values, is_zipped = zlib.decompress(values), True
    if way == "raw":
        place = rng.randrange(found.start(1), found.end(1) + 1)
        end = min(found.end(1), place + rng.randrange(5))
        return splice(place, end, rng.choice(["=", "%%%%", "AAAA", "\n", "é", ""]))
    if way == "bit" and values:
        place = rng.randrange(len(values))
        changed = values[place] ^ 1 << rng.randrange(8)
        values = values[:place] + bytes([changed]) + values[place + 1 :]
    elif way == "cut":
        values = values[: rng.randrange(len(values) + 1)]
    elif way == "more":
        values += bytes(rng.choice((1, 4, 8, 4000)))
    elif way == "none":
        values = b""
    if is_zipped:
        values = zlib.compress(values) + b"more" * (way == "plain")
    elif way == "plain":
        values = zlib.compress(values)
    return splice(*found.span(1), base64.b64encode(values))


def _declaration(rng, content):
    root = re.search(rb"<(GIFTI|CIFTI)\b", content)
    if root is None:
        return ["lose", 0, 1]
    words = rng.choice(_DECLARATIONS)
    first = _DOCTYPE.search(content)
    # There can be one.
    if first is not None and words.startswith("<!D"):
        return splice(*first.span(), words)
    place = root.start() if rng.random() < 0.5 else rng.randrange(len(content))
    return splice(place, place, words)


def _recoded(rng, content):
    return ["recode", 0, rng.choice(("utf-16", "utf-16-be", "utf-8-sig", "utf-32"))]
