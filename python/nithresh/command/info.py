"""``nithresh info``."""

import argparse
import math
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from nithresh import nifti
from nithresh._numbers import told_apart
from nithresh.clusters import label
from nithresh.command.each import Job, for_each, inputs_of
from nithresh.grids import determinant, fault_of

_THRESHOLDS = (2.3, 3.1, 5.0)


def run(words: argparse.Namespace) -> int:
    """Describe each input."""

    def work(job: Job) -> str:
        image = nifti.load_map(job.source)
        data = nifti.read_array(image)
        lines = {
            **_of_grid(image),
            **_of_values(data),
            **_of_thresholds(data, words.connectivity),
        }
        width = max(map(len, lines))
        text = "".join(f"  {name:{width}}  {what}\n" for name, what in lines.items())
        return f"{job.source}\n{text}"

    return for_each(words, [Job(source) for source in inputs_of(words)], work)


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
    return lines


def _of_values(data: NDArray[Any]) -> dict[str, str]:
    finite = data[np.isfinite(data)]
    lines = {"range": "no finite value"}
    if finite.size:
        low, high = finite.min(), finite.max()
        low_text, high_text, *_ = told_apart(low, high, *_THRESHOLDS)
        lines["range"] = f"{low_text} to {high_text}"
    nan = int(np.isnan(data).sum())
    lines["NaN"] = _voxels(nan, data.size)
    infinite = data.size - finite.size - nan
    if infinite:
        lines["infinite"] = _voxels(infinite, data.size)
    lines["zero"] = _voxels(int((data == 0).sum()), data.size)
    if finite.size:
        ends = [
            f"{text} in {count} voxels"
            for end, text in {low: low_text, high: high_text}.items()
            if end != 0 and (count := int((data == end).sum())) > 1
        ]
        lines["saturation"] = ", ".join(ends) or "none: no extreme value is shared"
    return lines


def _of_thresholds(data: NDArray[Any], connectivity: int) -> dict[str, str]:
    volumes = [data] if data.ndim == 3 else list(np.moveaxis(data, -1, 0))
    lines = {}
    for threshold in _THRESHOLDS:
        voxels = clusters = 0
        for volume in volumes:
            labels, count = label(volume, threshold, connectivity=connectivity)
            voxels += int(np.count_nonzero(labels))
            clusters += count
        lines[f"abs(value) >= {threshold:g}"] = (
            f"{_voxels(voxels, data.size)}, {clusters} clusters"
        )
    return lines


def _voxels(count: int, of: int) -> str:
    share = count / of if of else math.nan
    return f"{count} voxels ({share:.1%})" if count else "0 voxels"
