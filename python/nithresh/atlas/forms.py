"""The forms in which an atlas may be given, and what is read of each."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nithresh._choices import source
from nithresh._paths import expanded
from nithresh.atlas.labels import as_labels, numbered, values_in
from nithresh.atlas.names import (
    ALLOWED,
    Names,
    content_of,
    fsl_atlas,
    read_names,
    space_in,
)
from nithresh.atlas.regions import Atlas
from nithresh.atlas.surface_forms import (
    are_hemispheres,
    is_of_surfaces,
    open_surface_atlas,
)
from nithresh.atlas.surfaces import SurfaceAtlas
from nithresh.files import MissingFileError
from nithresh.grids import affine_of
from nithresh.images import open_image, read_array

_DEFAULT_NAME = "atlas"
# In which TemplateFlow's images differ from their tables of names.
_OF_IMAGES = re.compile(r"(?:^|_)res-[A-Za-z0-9+]+(?=_)|^tpl-[A-Za-z0-9+]+_")
_IMAGES = (".nii.gz", ".nii", ".hdr", ".img", ".mgz", ".mgh")


def open_atlases(given: Any) -> list[Atlas | SurfaceAtlas]:
    """Open one atlas, or several by their names; a list of open ones stays as it is.

    Raises
    ------
    TypeError
        Something of which no atlas can be made.
    ValueError
        Labels without names, names that do not fit, labels that are no integers, an
        image or a file that cannot be read.
    """
    if _are_open(given):
        return list(given)
    if not isinstance(given, Mapping) or _is_one(given):
        return [_opened(_DEFAULT_NAME, given, "atlas")]
    for name in given:
        if not isinstance(name, str) or not name or not name.isprintable():
            msg = f"atlas has the name {name!r}; it must be text that can be printed"
            raise ValueError(msg) if isinstance(name, str) else TypeError(msg)
    return [open_atlas(name, given[name]) for name in given]


def open_atlas(name: str, given: Any) -> Atlas | SurfaceAtlas:
    """Open one atlas by its name, which may be any."""
    return _opened(name, given, f"atlas[{name!r}]")


def _are_open(given: Any) -> bool:
    return (
        isinstance(given, list)
        and bool(given)
        and all(isinstance(one, (Atlas, SurfaceAtlas)) for one in given)
    )


def _is_one(given: Mapping[Any, Any]) -> bool:
    """Whether a mapping is one atlas: as nilearn fetches it, or of hemispheres."""
    return bool({"maps", "map_left", "map_right"} & set(given)) or are_hemispheres(
        given
    )


def _opened(name: str, given: Any, argument: str) -> Atlas | SurfaceAtlas:
    """Open one atlas, in any of its forms."""
    labels, names = _parted(given, argument)
    template = given.get("template") if isinstance(given, Mapping) else None
    if not isinstance(template, str) or "?" in template:
        template = None
    if isinstance(labels, Mapping) and not are_hemispheres(labels):
        raise ValueError(_no_atlas(labels, f"the labels of {argument}"))
    if is_of_surfaces(labels):
        return open_surface_atlas(name, labels, names, argument, template)
    if names is None:
        names = _names_beside(labels)
    image = open_image(labels, name=f"the image of {argument}")
    if names is None:
        msg = (
            f"{argument} has labels without names; give both as (labels, names), or in "
            f"the command with --atlas-names, where the names are {ALLOWED}"
        )
        raise ValueError(msg)
    read = read_names(names, f"the names of {argument}")
    numbers, regions, probability = _regions(image, read, argument)
    if not numbers.any():
        msg = f"{argument} has no region: no voxel has a label or a probability above 0"
        raise ValueError(msg)
    is_file = isinstance(names, (str, os.PathLike))
    return Atlas(
        name,
        numbers,
        regions,
        probability,
        affine_of(image, f"the image of {argument}"),
        template or space_in(Path(image.get_filename() or "").name),
        {"labels": source(labels), "names": source(names) if is_file else None},
    )


def _no_atlas(given: Mapping[Any, Any], argument: str) -> str:
    """Say what a mapping must be to be one atlas."""
    return (
        f"{argument} is a mapping of {', '.join(map(repr, given)) or 'nothing'}; one "
        "atlas as a mapping has maps, or map_left and map_right, or left and right of "
        "GIFTI files, annotations (.annot) or arrays"
    )


def _parted(given: Any, argument: str) -> tuple[Any, Any]:
    """Return the labels of an atlas, and the names if they are given with them."""
    if isinstance(given, Mapping):
        if are_hemispheres(given):
            return given, None
        names = _names_of_fetched(given)
        if "maps" in given:  # as nilearn fetches it
            return given["maps"], names
        if not {"map_left", "map_right"} <= set(given):
            raise ValueError(_no_atlas(given, argument))
        labels = {side: given[f"map_{side}"] for side in ("left", "right")}
        return labels, dict(enumerate(names)) if isinstance(names, list) else names
    if isinstance(given, (tuple, list)):
        if len(given) != 2:
            msg = (
                f"{argument} is a {type(given).__name__} of {len(given)}; it must have "
                "two parts, the labels and their names"
            )
            raise ValueError(msg)
        labels, names = given
        if is_of_surfaces(labels) and is_of_surfaces(names):
            msg = (
                f"{argument} is a pair of labels of surfaces; give those of two "
                "hemispheres as {'left': ..., 'right': ...}"
            )
            raise ValueError(msg)
        return labels, names
    if isinstance(given, (str, os.PathLike)) and str(given).lower().endswith(".xml"):
        return _image_of_fsl(expanded(given), argument), given
    return given, None


def _names_of_fetched(given: Mapping[str, Any]) -> Any:
    """Return the names of an atlas that nilearn has fetched."""
    if given.get("lut") is not None:
        return given["lut"]
    labels = given.get("labels")
    if labels is None or given.get("indices") is None:
        return labels
    return {"index": given["indices"], "name": labels}


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


def _regions(
    image: Any, names: Names, argument: str
) -> tuple[NDArray[np.int32], list[str], NDArray[np.float32] | None]:
    """Return the number of its region at each voxel, the regions, and probabilities."""
    data = read_array(image, name=f"the image of {argument}")
    probability = None
    if data.ndim == 4:
        labels, probability = _most_likely(data, argument)
        count = data.shape[3]
        if names.kind == "list" and len(names.by_label) == count:
            # Of volumes, whatever the first is called.
            names = Names(dict(enumerate(names.by_label.values(), 1)), "list")
        present = np.arange(1, count + 1)
    else:
        labels = as_labels(data, f"the labels of {argument}")
        present = values_in(labels)
    regions = [""]
    return numbered(labels, present, names, regions, argument), regions, probability


def _most_likely(
    data: NDArray[Any], argument: str
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the volume from 1 of the largest probability, and the probability.

    The first of equal ones; 0 where all are 0.
    """
    labels = np.zeros(data.shape[:3], np.int64)
    largest = np.zeros(data.shape[:3], np.float32)
    for number, volume in enumerate(np.moveaxis(data, -1, 0), start=1):
        values = volume.astype(np.float32)
        larger = values > largest  # NaN is not
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
