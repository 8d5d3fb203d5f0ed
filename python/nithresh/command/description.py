"""A description of a map: lines, each with a name and a text."""

import math
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from nithresh._arrays import as_voxels
from nithresh._numbers import told_apart
from nithresh._stated import stated
from nithresh.clusters import label
from nithresh.grids import determinant, fault_of
from nithresh.images import volumes

_THRESHOLDS = (2.3, 3.1, 5.0)


def described(image: Any, connectivity: int) -> dict[str, str]:
    """Say what a map is, what its voxels are, and what thresholds would keep of it."""
    counts = Counts(connectivity)
    for volume in volumes(image):
        counts.add(volume)
    return {**_of_grid(image), **counts.lines()}


def _of_grid(image: Any) -> dict[str, str]:
    header = image.header
    affine = image.affine
    lines = {"shape": " x ".join(map(str, image.shape))}
    units = ("unknown", "unknown")
    if isinstance(header, nibabel.Nifti1Header):
        units = header.get_xyzt_units()
    space = "" if units[0] == "unknown" else f" {units[0]}"
    zooms = [f"{zoom:g}" for zoom in header.get_zooms()]
    lines["zooms"] = " x ".join(zooms[:3]) + space
    if len(zooms) > 3:
        lines["zooms"] += f", {zooms[3]} {units[1]}"
    stored = header.get_data_dtype()
    scaled = getattr(image.dataobj, "slope", 1) != 1 or (
        getattr(image.dataobj, "inter", 0) != 0
    )
    lines["type"] = f"{stored.name}, scaled" if scaled else stored.name
    lines["format"] = type(image).__name__
    problem = fault_of(image)
    if problem is not None:
        lines["orientation"] = f"unknown: {problem}"
    else:
        axes = "".join(axis or "?" for axis in nibabel.aff2axcodes(affine))
        hand = "left" if determinant(affine) < 0 else "right"
        tilt = np.degrees(nibabel.affines.obliquity(affine)).max()
        oblique = f", oblique by {tilt:.3g} degrees" if tilt > 1e-3 else ""
        lines["orientation"] = f"{axes}, {hand}-handed{oblique}"
    if isinstance(header, nibabel.Nifti1Header):
        code, parameters, name = header.get_intent()
        numbers = ", ".join(f"{number:g}" for number in parameters)
        lines["intent"] = code + (f" ({numbers})" if numbers else "")
        if name:
            lines["intent"] += f", {name!r}"
    return lines | _of_statistic(image)


def _of_statistic(image: Any) -> dict[str, str]:
    """Say what the values are if the intent does not say it already."""
    said = stated(image)
    taken, against = said.taken, said.against
    if taken is None or (taken.place == "intent" and not against):
        return {}
    what = "not known" if taken.kind is None else str(taken.statistic or taken.kind)
    if taken.statistic is None and taken.kind in ("t", "F", "chi2"):
        what += " without degrees of freedom"
    text = f"{what}, by the {taken.place} {taken.words!r}"
    for other in against:
        text += f"; but the {other.place} says {other.words!r}"
    return {"statistic": text}


class Counts:
    """Counts of voxels and clusters, volume by volume."""

    def __init__(self, connectivity: int) -> None:
        self._connectivity = connectivity
        self._size = self._nan = self._infinite = self._zero = 0
        # The extreme values, and how many voxels have them; none at first.
        self._ends: dict[str, tuple[Any, int]] = {}
        self._passing = dict.fromkeys(_THRESHOLDS, (0, 0))

    def add(self, data: NDArray[Any]) -> None:
        """Count one volume of a map."""
        volume = as_voxels(data, "img")
        self._size += volume.size
        self._zero += volume.size - int(np.count_nonzero(volume))
        finite = volume
        if volume.size and not np.isfinite([volume.min(), volume.max()]).all():
            finite = volume[np.isfinite(volume)]
            nan = int(np.isnan(volume).sum())
            self._nan += nan
            self._infinite += volume.size - finite.size - nan
        if not finite.size:
            return
        for name, end in (("low", finite.min()), ("high", finite.max())):
            known, count = self._ends.get(name, (end, 0))
            if end != known and (end < known) == (name == "low"):
                known, count = end, 0
            if end == known:
                count += int(np.count_nonzero(finite == end))
            self._ends[name] = known, count
        for threshold in _THRESHOLDS:
            labels, count = label(data, threshold, connectivity=self._connectivity)
            voxels, clusters = self._passing[threshold]
            self._passing[threshold] = (
                voxels + int(np.count_nonzero(labels)),
                clusters + count,
            )

    def _texts(self) -> list[str]:
        """Return the extreme values with as many digits as tell them apart."""
        ends = (end for end, _ in self._ends.values())
        return told_apart(*ends, *_THRESHOLDS)[:2]

    def lines(self) -> dict[str, str]:
        """Return what was counted."""
        lines = {"range": "no finite value"}
        if self._ends:
            low, high = self._texts()
            lines["range"] = f"{low} to {high}"
        lines["NaN"] = _voxels(self._nan, self._size)
        if self._infinite:
            lines["infinite"] = _voxels(self._infinite, self._size)
        lines["zero"] = _voxels(self._zero, self._size)
        if self._ends:
            ends = {
                end: f"{text} in {count} voxels"
                for (end, count), text in zip(
                    self._ends.values(), self._texts(), strict=True
                )
                if end != 0 and count > 1
            }
            lines["saturation"] = (
                ", ".join(ends.values()) or "none: no extreme value is shared"
            )
        for threshold, (voxels, clusters) in self._passing.items():
            lines[f"abs(value) >= {threshold:g}"] = (
                f"{_voxels(voxels, self._size)}, {clusters} clusters"
            )
        return lines


def _voxels(count: int, of: int) -> str:
    share = count / of if of else math.nan
    return f"{count} voxels ({share:.1%})" if count else "0 voxels"
