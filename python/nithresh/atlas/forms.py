"""The forms in which an atlas may be given, and what is read of each."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nithresh._choices import source
from nithresh._params import warn
from nithresh._paths import expanded
from nithresh.atlas.names import ALLOWED, Names, content_of, fsl_atlas, read_names
from nithresh.atlas.regions import Atlas
from nithresh.files import MissingFileError
from nithresh.grids import affine_of
from nithresh.images import open_image, read_array

_DEFAULT_NAME = "atlas"
# Labels up to this number are looked up in a table.
_FEW = 1_000_000
_SPACE = re.compile(r"(?:^|_)(?:tpl|space)-(?P<space>[A-Za-z0-9+]+)(?=_|\.)")
# In which TemplateFlow's images differ from their tables of names.
_OF_IMAGES = re.compile(r"(?:^|_)res-[A-Za-z0-9+]+(?=_)|^tpl-[A-Za-z0-9+]+_")
_IMAGES = (".nii.gz", ".nii", ".hdr", ".img", ".mgz", ".mgh")


def open_atlases(given: Any) -> list[Atlas]:
    """Open one atlas, or several by their names.

    Raises
    ------
    TypeError
        Something of which no atlas can be made.
    ValueError
        Labels without names, names that do not fit, labels that are no integers, an
        image or a file that cannot be read.
    """
    if not isinstance(given, Mapping) or "maps" in given:
        return [_opened(_DEFAULT_NAME, given, "atlas")]
    for name in given:
        if not isinstance(name, str) or not name or not name.isprintable():
            msg = f"atlas has the name {name!r}; it must be text that can be printed"
            raise ValueError(msg) if isinstance(name, str) else TypeError(msg)
    return [_opened(name, given[name], f"atlas[{name!r}]") for name in given]


def _opened(name: str, given: Any, argument: str) -> Atlas:
    """Open one atlas, in any of its forms; one that is open stays as it is."""
    if isinstance(given, Atlas):
        return given
    template = None
    names: Any
    if isinstance(given, Mapping):  # as nilearn fetches it
        labels, names = given["maps"], _names_of_fetched(given)
        template = given.get("template")
    elif isinstance(given, (tuple, list)):
        if len(given) != 2:
            msg = (
                f"{argument} is a {type(given).__name__} of {len(given)}; it must have "
                "two parts, the labels and their names"
            )
            raise ValueError(msg)
        labels, names = given
    elif isinstance(given, (str, os.PathLike)) and str(given).lower().endswith(".xml"):
        labels, names = _image_of_fsl(expanded(given), argument), given
    else:
        labels, names = given, _names_beside(given)
    image = open_image(labels, name=f"the image of {argument}")
    if names is None:
        msg = (
            f"{argument} has labels without names; give both as (labels, names), where "
            f"the names are {ALLOWED}"
        )
        raise ValueError(msg)
    read = read_names(names, f"the names of {argument}")
    numbers, regions, probability = _regions(image, read, argument)
    is_file = isinstance(names, (str, os.PathLike))
    return Atlas(
        name,
        numbers,
        regions,
        probability,
        affine_of(image, f"the image of {argument}"),
        _space_of(template, image),
        {"labels": source(labels), "names": source(names) if is_file else None},
    )


def _names_of_fetched(given: Mapping[str, Any]) -> Any:
    """Return the names of an atlas that nilearn has fetched."""
    if given.get("lut") is not None:
        return given["lut"]
    labels = given.get("labels")
    if labels is None or given.get("indices") is None:
        return labels
    return {
        int(index): name for index, name in zip(given["indices"], labels, strict=True)
    }


def _names_beside(given: Any) -> Path | None:
    """Find the table of names that stands beside a label image, as in TemplateFlow."""
    path = given if isinstance(given, (str, os.PathLike)) else None
    if path is None:
        path = getattr(given, "get_filename", lambda: None)()
    if not path:
        return None
    place = expanded(path)
    name = place.name
    for extension in _IMAGES:
        name = name.removesuffix(extension)
    names = [name]
    for _ in range(2):
        names.append(_OF_IMAGES.sub("", names[-1], count=1).lstrip("_"))
    for one in [*names, re.sub(r"(?:^|_)res-[A-Za-z0-9+]+(?=_)", "", name).lstrip("_")]:
        for extension in (".tsv", ".csv", ".xml"):
            beside = place.with_name(f"{one}{extension}")
            if beside.is_file():
                return beside
    return None


def _image_of_fsl(path: Path, argument: str) -> Path:
    """Find the first image of an atlas of FSL that is there."""
    root = fsl_atlas(content_of(path, argument), f"{argument}, {path.name!r},")
    looked_for = [
        path.parent / (text.text or "").strip().lstrip("/")
        for text in root.iterfind("header/images/imagefile")
    ]
    for place in looked_for:
        for extension in ("", *_IMAGES):
            candidate = place.with_name(place.name + extension)
            if candidate.is_file():
                return candidate
    names = ", ".join(repr(place.name) for place in looked_for) or "none"
    msg = f"{argument}, {path.name!r}, names the images {names}; none is beside it"
    raise MissingFileError(msg)


def _space_of(template: Any, image: Any) -> str | None:
    """Return the space that an atlas says it is in."""
    if isinstance(template, str) and "?" not in template:
        return template
    return space_in(Path(image.get_filename() or "").name)


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


def _regions(
    image: Any, names: Names, argument: str
) -> tuple[NDArray[np.int32], list[str], NDArray[np.float32] | None]:
    """Return the number of its region at each voxel, the regions, and probabilities.

    Labels of the same name are one region. Region 0 is none.
    """
    data = read_array(image, name=f"the image of {argument}")
    probability = None
    if data.ndim == 4:
        labels, probability = _most_likely(data, argument)
        present = np.arange(1, data.shape[3] + 1)
        if names.kind == "list" and len(names.by_label) == present.size:
            # Of volumes, whatever the first is called.
            names = Names(dict(enumerate(names.by_label.values(), 1)), "list")
    else:
        labels = as_labels(data, f"the labels of {argument}")
        present = values_in(labels)
    present = present[present != 0]
    _check_names(present.tolist(), names, argument)
    regions = [""]
    numbers = {}
    number_of = np.zeros(present.size, np.int32)
    for place, label in enumerate(present.tolist()):
        text = names.by_label[label]
        if text not in numbers:
            numbers[text] = len(regions)
            regions.append(text)
        number_of[place] = numbers[text]
    return replaced(labels, present, number_of), regions, probability


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
    low, high = min(int(present[0]), 0), max(int(present[-1]), 0)
    if high - low > _FEW:
        places = np.searchsorted(present, labels).clip(0, present.size - 1)
        return np.where(present[places] == labels, by[places], np.int32(0))
    table = np.zeros(high - low + 1, np.int32)
    table[present - low] = by
    numbers: NDArray[np.int32] = table[labels - low]
    return numbers


def _most_likely(
    data: NDArray[Any], argument: str
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the volume from 1 of the largest probability, and the probability.

    The first of equal ones; 0 where all are 0.
    """
    labels = np.zeros(data.shape[:3], np.int64)
    largest = np.zeros(data.shape[:3], np.float32)
    for number, volume in enumerate(np.moveaxis(data, -1, 0), start=1):
        values = np.nan_to_num(volume.astype(np.float32), nan=0.0)
        larger = values > largest
        labels[larger] = number
        largest[larger] = values[larger]
    limit = largest.max(initial=0)
    if limit > 100:
        msg = (
            f"the labels of {argument} have {data.shape[3]} volumes with values up to "
            f"{limit:g}; they must be probabilities, up to 1 or up to 100"
        )
        raise ValueError(msg)
    # In per cent, as FSL has them.
    return labels, largest / np.float32(100) if limit > 1 else largest


def _check_names(present: list[int], names: Names, argument: str) -> None:
    """Check that labels and names fit."""
    missing = [label for label in present if label not in names.by_label]
    if missing:
        msg = (
            f"{argument} has labels without names: {_listed(map(str, missing))}; "
            f"{len(names.by_label)} names were given for {len(present)} labels"
        )
        raise ValueError(msg)
    if not present:
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
    if unused and names.kind != "all":
        texts = _listed(repr(names.by_label[label]) for label in unused)
        warn(f"{argument} has names without labels: {texts}.")


def _listed(texts: Iterator[str] | map[str]) -> str:
    """Join texts with commas, the first five of them."""
    every = list(texts)
    rest = f" and {len(every) - 5} more" if len(every) > 5 else ""
    return ", ".join(every[:5]) + rest
