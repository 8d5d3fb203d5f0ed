"""Where to cut: what the caller asked for, checked, or a place worth seeing."""

from __future__ import annotations

import math
import numbers
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nithresh import _core
from nithresh._numbers import told_apart
from nithresh._params import warn
from nithresh.clusters import label

if TYPE_CHECKING:
    from nithresh.clusters import Clusters
    from nithresh.plotting.geometry import Bounds, Volume
    from nithresh.plotting.maps import StatMap

__all__ = ["PANELS", "check_cuts", "choose_cuts", "peak_of"]

#: The directions that each display mode shows together, left to right; the modes
#: "x", "y" and "z" show several cuts of one direction instead.
PANELS = {"ortho": "xyz", "xz": "xz", "yz": "yz", "yx": "yx"}

_STACKED = ("x", "y", "z")
_DEFAULT_COUNT = 7
# Of the non-zero abs values, where the threshold itself singles out no cluster.
_PERCENTILE = 80.0
_PEAK = "peak"
_CLUSTER = re.compile(r"cluster:([0-9]+)")


def check_cuts(
    display_mode: Any, cut_coords: Any, clusters: Clusters | None = None
) -> int | list[float] | str | None:
    """Check a display mode and its cuts, before anything is loaded.

    Returns
    -------
    int, list of float, "peak" or None
        A number of cuts (modes "x", "y", "z"), the cuts in mm, "peak" for the peak of
        the map itself, or None to choose.
    """
    if display_mode not in {*PANELS, *_STACKED}:
        allowed = ", ".join(f'"{mode}"' for mode in [*PANELS, *_STACKED])
        msg = f"display_mode is {display_mode!r}; it must be one of {allowed}"
        raise ValueError(msg)
    stacked = display_mode in _STACKED
    if stacked and cut_coords is None:
        return _DEFAULT_COUNT
    if cut_coords is None:
        return None
    if isinstance(cut_coords, str):
        return _named_cuts(display_mode, cut_coords, clusters)
    if stacked and isinstance(cut_coords, numbers.Real):
        return _check_count(cut_coords)
    coords = _numbers(cut_coords)
    if stacked:
        wanted = "a number of cuts, or a list of cuts in mm"
        fits = coords is not None and len(coords) > 0
    else:
        axes = PANELS[display_mode]
        wanted = f"{len(axes)} numbers in mm ({', '.join(axes)})"
        fits = coords is not None and len(coords) == len(axes)
    if coords is None or not fits:
        msg = (
            f"cut_coords is {cut_coords!r}; with display_mode={display_mode!r} it must "
            f'be {wanted}, "peak", "cluster:3" or None'
        )
        raise ValueError(msg)
    if stacked and len(set(coords)) < len(coords):
        warn(f"cut_coords is {cut_coords!r}; each cut is drawn once")
        coords = list(dict.fromkeys(coords))
    return coords


def _named_cuts(
    display_mode: str, name: str, clusters: Clusters | None
) -> list[float] | str:
    """Return the cuts through a cluster's peak, or "peak" for that of the map."""
    match = _CLUSTER.fullmatch(name)
    if name != _PEAK and match is None:
        msg = (
            f'cut_coords is {name!r}; as text it must be "peak", or "cluster:3" for '
            "cluster 3 of clusters"
        )
        raise ValueError(msg)
    if match is not None and clusters is None:
        msg = f"cut_coords is {name!r}; it needs clusters, the result of find_clusters"
        raise ValueError(msg)
    if clusters is None or (match is None and not len(clusters)):
        return _PEAK
    number = 1 if match is None else int(match[1])
    if not 1 <= number <= len(clusters):
        msg = f"cut_coords is {name!r}; clusters has {len(clusters)} clusters"
        if len(clusters):
            msg += f", so it must be 1 to {len(clusters)}"
        raise ValueError(msg)
    return _through(peak_of(clusters, number), display_mode)


def peak_of(clusters: Clusters, number: int) -> npt.NDArray[np.float64]:
    """Return where a cluster has its peak, in mm, shape (3,)."""
    row = clusters.lookup[number]
    return np.array([clusters.table[axis][row] for axis in "xyz"])


def choose_cuts(
    stat_map: StatMap, display_mode: str, cuts: int | list[float] | str | None
) -> list[float]:
    """Return the cuts in mm, in the order of the panels.

    Raises
    ------
    ValueError
        When all of the caller's cuts miss the field of view.
    """
    volume = stat_map.kept
    if isinstance(cuts, int):
        return _spread(volume, "xyz".index(display_mode), cuts)
    if cuts is None or isinstance(cuts, str):
        point = _centre_of_largest_cluster(stat_map) if cuts is None else _peak(volume)
        if point is None:
            warn(
                "no voxel is left to show, so the cuts go through the middle of the "
                "field of view"
            )
            point = volume.bounds.mean(axis=1)
        return _through(point, display_mode)
    directions = PANELS.get(display_mode, display_mode * len(cuts))
    missed = [
        (direction, coord)
        for direction, coord in zip(directions, cuts, strict=True)
        if not volume.contains(direction, coord)
    ]
    if missed:
        message = _missed(missed, volume.bounds)
        if len(missed) == len(cuts):
            raise ValueError(message)
        warn(message)
    return cuts


def _through(point: npt.NDArray[np.float64], display_mode: str) -> list[float]:
    """Return the cuts through a point (mm): one in each direction that is shown."""
    directions = PANELS.get(display_mode, display_mode)
    return [float(point["xyz".index(axis)]) for axis in directions]


def _peak(volume: Volume) -> npt.NDArray[np.float64] | None:
    """Where the largest abs value is, in mm, shape (3,); None if all are 0.

    Of equal ones the voxel with the smallest indices, as in the table of clusters.
    """
    data = volume.data
    # As Python numbers: of integers, the lowest has no abs value in its type.
    highest = max(-data.min().item(), data.max().item())
    if not highest:
        return None
    at = (data == highest) | (data == -highest)
    return volume.mm(np.argwhere(at)[0])


def _centre_of_largest_cluster(
    stat_map: StatMap,
) -> npt.NDArray[np.float64] | None:
    """Where the largest cluster shown has its centre of mass, in mm, shape (3,).

    A centre that lies in a hollow moves to the cluster's nearest voxel, so that the
    cut always shows something. None when nothing is left to show.
    """
    volume = stat_map.kept
    if not np.any(volume.data):
        return None
    labels, _ = label(
        volume.data,
        _singling_threshold(stat_map),
        two_sided=stat_map.two_sided,
        connectivity=stat_map.connectivity,
    )
    ijk = np.argwhere(labels == 1)
    weights = np.abs(volume.data[tuple(ijk.T)].astype(np.float64))
    centre = weights @ ijk / weights.sum()
    if (ijk == np.floor(centre + 0.5)).all(axis=1).any():
        return volume.mm(centre)
    points = volume.mm(ijk)
    nearest: npt.NDArray[np.float64] = points[
        ((points - volume.mm(centre)) ** 2).sum(axis=1).argmin()
    ]
    return nearest


def _singling_threshold(stat_map: StatMap) -> float:
    """Return the map's threshold, or a higher one where it keeps the whole brain.

    A threshold that hides no value of the side it shows makes one "cluster" of all
    the map: then it is the 80th percentile of the abs values shown.
    """
    level, raw = stat_map.threshold, stat_map.raw.data
    if level:
        if level < 0:
            hidden = (raw < 0) & (raw > level)
        elif stat_map.two_sided:
            hidden = (raw != 0) & (raw < level) & (raw > -level)
        else:
            hidden = (raw > 0) & (raw < level)
        if hidden.any():
            return level
    kept = stat_map.kept.data
    absolute = True
    score = _core.percentile(kept, kept != 0, _PERCENTILE, absolute) or 0.0
    return -score if level and level < 0 else score


def _spread(volume: Volume, axis: int, count: int) -> list[float]:
    """Spread cuts evenly over the slices that show something.

    When those are too few, the slices nearest to them fill up.
    """
    low, high = volume.bounds[axis]
    step = volume.step(axis)
    everywhere = low + step * (np.arange(max(round((high - low) / step), 1)) + 0.5)
    slices = volume.slices_shown(axis)
    if len(slices) == 0:
        warn("no voxel is left to show, so the cuts are spread over the field of view")
        slices = everywhere
    elif len(slices) < count:
        distance = np.abs(everywhere[:, np.newaxis] - slices).min(axis=1)
        # A slice within half a step of one that is shown is that slice.
        others = everywhere[distance > step / 2]
        order = distance[distance > step / 2].argsort(kind="stable")
        slices = np.sort(np.append(slices, others[order[: count - len(slices)]]))
    if len(slices) < count:
        warn(
            f"cut_coords is {count}; the map has {len(slices)} slices, drawn once each"
        )
        every: list[float] = slices.tolist()
        return every
    picked: list[float] = slices[
        ((np.arange(count) + 0.5) * len(slices) / count).astype(int)
    ].tolist()
    return picked


def _check_count(cut_coords: Any) -> int:
    if (
        isinstance(cut_coords, (bool, np.bool_))
        or not math.isfinite(cut_coords)
        or cut_coords != int(cut_coords)
        or cut_coords < 1
    ):
        msg = f"cut_coords is {cut_coords!r}; as a number of cuts it must be 1 or more"
        raise ValueError(msg)
    return int(cut_coords)


def _numbers(cut_coords: Any) -> list[float] | None:
    """Return the cuts as floats; None when they are no finite numbers."""
    if isinstance(cut_coords, str) or not np.iterable(cut_coords):
        return None
    coords = list(cut_coords)
    if not all(isinstance(c, numbers.Real) and math.isfinite(c) for c in coords):
        return None
    return [float(coord) for coord in coords]


def _missed(cuts: list[tuple[str, float]], bounds: Bounds) -> str:
    """Say which cuts lie outside the map, and where it ends."""
    spans, missed = [], []
    for axis, ends in zip("xyz", bounds.tolist(), strict=True):
        coords = [coord for direction, coord in cuts if direction == axis]
        low, high, *texts = told_apart(*ends, *coords)
        spans.append(f"{axis} {low} to {high}")
        missed += [f"{axis}={text}" for text in texts]
    return (
        f"cut_coords {', '.join(missed)} outside the map, which spans "
        f"{', '.join(spans)} (mm)"
    )
