"""Labels that are integers, and the numbers of the regions that they name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nithresh._params import warn
from nithresh.atlas.names import Names

# Labels up to this number are looked up in a table.
_FEW = 1_000_000


def numbered(
    labels: NDArray[np.int64],
    present: NDArray[np.int64],
    names: Names,
    regions: list[str],
    argument: str,
) -> NDArray[np.int32]:
    """Replace labels by the numbers of their regions.

    Labels of the same name are one region. Region 0 is none: label 0, unless the table
    in its own file names it, and labels without a text.

    Parameters
    ----------
    labels : numpy.ndarray of int64
    present : numpy.ndarray of int64
        Those that may be there, rising.
    names : Names
    regions : list of str
        Those so far, by number; new ones are appended.
    argument : str
        What the labels are, for errors.

    Raises
    ------
    ValueError
        Labels and names do not fit.
    """
    if names.kind != "own" or 0 not in names.by_label:
        present = present[present != 0]
    _check_names(present.tolist(), names, argument)
    numbers = {text: number for number, text in enumerate(regions)}
    number_of = np.zeros(present.size, np.int32)
    for place, label in enumerate(present.tolist()):
        text = names.by_label[label]
        if text not in numbers:
            numbers[text] = len(regions)
            regions.append(text)
        number_of[place] = numbers[text]
    return replaced(labels, present, number_of)


def as_labels(data: NDArray[Any], name: str) -> NDArray[np.int64]:
    """Check that the values of an image are integers; NaN counts as 0.

    Raises
    ------
    ValueError
        One is not.
    """
    if data.dtype.kind == "f":
        data = np.where(np.isnan(data), data.dtype.type(0), data)
        with np.errstate(invalid="ignore"):
            is_label = (data == np.floor(data)) & (np.abs(data) < 2.0**53)
        if not is_label.all():
            value = data[~is_label].flat[0]
            msg = f"{name} have the value {value:g}; labels must be integers"
            raise ValueError(msg)
    labels: NDArray[np.int64] = data.astype(np.int64)
    if data.dtype.kind == "u" and labels.size and labels.min() < 0:
        msg = f"{name} have the value {data.max()}, which is beyond 64 bits with a sign"
        raise ValueError(msg)
    return labels


def values_in(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the different labels, rising."""
    low, high = (int(labels.min()), int(labels.max())) if labels.size else (0, 0)
    if high - low > _FEW:
        return np.unique(labels)
    return np.flatnonzero(np.bincount((labels - low).ravel())) + low


def replaced(
    labels: NDArray[np.int64], present: NDArray[np.int64], by: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Replace the labels that are present by others; what is not present becomes 0."""
    if not present.size:
        return np.zeros(labels.shape, np.int32)
    low, high = min(int(present[0]), 0), max(int(present[-1]), 0)
    if high - low > _FEW:
        places = np.searchsorted(present, labels).clip(0, present.size - 1)
        return np.where(present[places] == labels, by[places], np.int32(0))
    table = np.zeros(high - low + 1, np.int32)
    table[present - low] = by
    numbers: NDArray[np.int32] = table[labels - low]
    return numbers


def _check_names(present: list[int], names: Names, argument: str) -> None:
    """Check that labels and names fit."""
    missing = [label for label in present if label not in names.by_label]
    if missing:
        msg = (
            f"{argument} has labels without names: {_listed(map(str, missing))}; "
            f"{len(names.by_label)} names were given for {len(present)} labels"
        )
        raise ValueError(msg)
    if not present and names.kind != "own":
        msg = f"{argument} has no region: all its labels are 0"
        raise ValueError(msg)
    there = set(present)
    unused = [label for label in names.by_label if label not in there and label != 0]
    if names.kind == "list" and any(label > max(present) for label in unused):
        msg = (
            f"{argument} has names without labels: {len(names.by_label)} names, but "
            f"labels end at {max(present)}. A list must have one name for each label, "
            "from 1, or begin with 'Background'"
        )
        raise ValueError(msg)
    if unused and names.kind not in ("all", "own"):
        texts = _listed(repr(names.by_label[label]) for label in unused)
        warn(f"{argument} has names without labels: {texts}.")


def _listed(texts: Iterator[str] | map[str]) -> str:
    """Join texts with commas, the first five of them."""
    every = list(texts)
    rest = f" and {len(every) - 5} more" if len(every) > 5 else ""
    return ", ".join(every[:5]) + rest
