"""The names of labels, from any of the places where people keep them."""

from __future__ import annotations

import csv
import io
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nithresh._paths import expanded
from nithresh.files import ImageFileError, MissingFileError

ALLOWED = (
    "a list, a dict of label to name, a table with the columns index and name, or the "
    "path of a TSV or CSV table, of an atlas of FSL (.xml) or of a FreeSurfer colour "
    "table (.txt)"
)
# What tables call label 0, and FreeSurfer and Workbench whatever is in no region.
_NO_REGION = {"", "???", "unknown", "background"}
_SPACE = re.compile(r"(?:^|_)(?:tpl|space)-(?P<space>[A-Za-z0-9+]+)(?=_|\.)")


@dataclass(frozen=True)
class Names:
    """The names of labels.

    Attributes
    ----------
    by_label : mapping of int to str
        Of the value in a label image, or of the number from 1 of a volume.
    kind : str
        ``"list"``: by their places; ``"pairs"``: each with its label; ``"all"``: a
        table of more labels than any one image has.
    """

    by_label: Mapping[int, str]
    kind: str


def read_names(given: Any, name: str) -> Names:
    """Read names of labels.

    Parameters
    ----------
    given : list, mapping, pandas.DataFrame, str or os.PathLike
    name : str
        What they are, for errors.

    Raises
    ------
    TypeError
        Something else.
    ValueError
        Two names for one label, a label that is not an integer, a table without the
        columns, a file that cannot be read.
    """
    if isinstance(given, (str, os.PathLike)):
        return _of_file(expanded(given), name)
    if hasattr(given, "columns"):  # of pandas or polars
        columns = {str(column): list(given[column]) for column in given.columns}
        return _of_table(columns, name)
    if isinstance(given, Mapping) and {"index", "name"} <= set(given):
        return _of_table(given, name)
    if isinstance(given, Mapping):
        return Names(_unique(given.items(), name), "pairs")
    if isinstance(given, (list, tuple, np.ndarray)):
        return Names(_of_list([_text(one, name) for one in given]), "list")
    msg = f"{name} is of type {type(given).__name__}; it must be {ALLOWED}"
    raise TypeError(msg)


def _of_list(names: Sequence[str]) -> dict[int, str]:
    """Give names the numbers from 1, or from 0 if the first is no region."""
    first = 0 if names and is_no_region(names[0]) else 1
    return dict(enumerate(names, start=first))


def content_of(path: Path, name: str) -> bytes:
    """Read a file that an argument names.

    Raises
    ------
    MissingFileError
        There is no such file.
    ImageFileError
        It cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        msg = f"{name} is {str(path)!r}; there is no such file"
        raise MissingFileError(msg) from None
    except OSError as error:
        msg = f"{name} is {str(path)!r}, which cannot be read: {error.strerror}"
        raise ImageFileError(msg) from error


def _of_file(path: Path, name: str) -> Names:
    content = content_of(path, name)
    where = f"{name}, {path.name!r},"
    if path.suffix.lower() == ".xml":
        return Names(fsl_labels(content, where), "pairs")
    try:
        # As spreadsheet programs and old Windows tools write them.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    if path.suffix.lower() in (".tsv", ".csv"):
        delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
        lines = io.StringIO(text, newline="")
        try:
            rows = list(csv.reader(lines, delimiter=delimiter))
        except csv.Error as error:
            msg = f"{where} cannot be read as a table: {error}"
            raise ValueError(msg) from error
        head, body = (rows[0], [row for row in rows[1:] if row]) if rows else ([], [])
        if any(len(row) != len(head) for row in body):
            msg = f"{where} has rows of more or fewer columns than its head"
            raise ValueError(msg)
        columns = dict(zip(head, zip(*body, strict=True), strict=False))
        return _of_table(columns, where)
    return Names(_of_colour_table(text, where), "all")


def _of_table(columns: Mapping[str, Iterable[Any]], name: str) -> Names:
    by_lower = {column.strip().lower(): values for column, values in columns.items()}
    if not {"index", "name"} <= set(by_lower):
        msg = (
            f"{name} has the columns {', '.join(map(repr, columns)) or 'none'}; it "
            "must have index and name, as BIDS has them"
        )
        raise ValueError(msg)
    indices, texts = list(by_lower["index"]), list(by_lower["name"])
    if len(indices) != len(texts):
        msg = f"{name} has {len(indices)} labels and {len(texts)} names"
        raise ValueError(msg)
    return Names(_unique(zip(indices, texts, strict=True), name), "pairs")


def _of_colour_table(text: str, name: str) -> dict[int, str]:
    """Read lines of a label, its name and maybe colours, as FreeSurfer has them."""
    pairs = []
    # Unlike str.splitlines, at ends of lines alone.
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = re.match(r"\s*(-?\d+)\s+(.*?)(?:(?:\s+\d+){3,4})?\s*$", line)
        if found is None or not found[2]:
            msg = (
                f"{name} has {line.strip()!r} in line {number}; each line must have a "
                "label and its name, as in a FreeSurfer colour table"
            )
            raise ValueError(msg)
        pairs.append((found[1], found[2]))
    return _unique(pairs, name)


def fsl_labels(content: bytes, name: str) -> dict[int, str]:
    """Read the labels of an atlas of FSL, which counts volumes from 0.

    Raises
    ------
    ValueError
        Not such a file.
    """
    root = fsl_atlas(content, name)
    is_by_volume = (root.findtext("header/type") or "").strip().lower() != "label"
    pairs = []
    for label in root.iterfind("data/label"):
        index = label.get("index", "")
        value = _label(index, name) + is_by_volume
        pairs.append((label.get("value", value), "".join(label.itertext()).strip()))
    if not pairs:
        msg = f"{name} has no labels; it must be an atlas of FSL"
        raise ValueError(msg)
    return _unique(pairs, name)


def fsl_atlas(content: bytes, name: str) -> ET.Element:
    """Parse an atlas of FSL."""
    if b"<!ENTITY" in content:
        msg = f"{name} declares entities, which no atlas of FSL does"
        raise ValueError(msg)
    try:
        return ET.fromstring(content)  # noqa: S314 - no entities
    except ET.ParseError as error:
        msg = f"{name} is not XML: {error}"
        raise ValueError(msg) from error


def _unique(pairs: Iterable[tuple[Any, Any]], name: str) -> dict[int, str]:
    names: dict[int, str] = {}
    for given, text in pairs:
        label = _label(given, name)
        if label in names:
            msg = (
                f"{name} has label {label} twice, as {names[label]!r} and "
                f"{_text(text, name)!r}; each must have one name"
            )
            raise ValueError(msg)
        names[label] = _text(text, name)
    return names


def _label(given: Any, name: str) -> int:
    if isinstance(given, (int, np.integer)):
        return int(given)
    try:
        number = float(given)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if not number.is_integer():
        msg = f"{name} has the label {given!r}; labels must be integers"
        raise ValueError(msg)
    return int(number)


def _text(given: Any, name: str) -> str:
    if isinstance(given, bytes):
        given = given.decode("utf-8", "replace")
    if not isinstance(given, str):
        msg = f"{name} has the name {given!r}; names must be text"
        raise TypeError(msg)
    # On one line of a table, and without commands to a terminal.
    return " ".join("".join(one if one.isprintable() else " " for one in given).split())


def is_no_region(name: str) -> bool:
    """Whether a name says that what has it is in no region.

    Examples
    --------
    >>> is_no_region("???"), is_no_region("Background+FreeSurfer_Defined_Medial_Wall")
    (True, True)
    """
    lower = name.strip().lower()
    return lower in _NO_REGION or lower.startswith("background+")


def space_in(name: str) -> str | None:
    """Return the template or the space in the entities of a BIDS name.

    Examples
    --------
    >>> space_in("sub-1_space-MNI152NLin6Asym_stat-z_statmap.nii.gz")
    'MNI152NLin6Asym'
    >>> space_in("motor.nii.gz")
    """
    found = _SPACE.search(name)
    return None if found is None else found["space"]
