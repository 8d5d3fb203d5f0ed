"""What a page holds: the map, its tree and the background, and where they lie."""

from __future__ import annotations

import base64
import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nithresh._comparison import as_compared, compared_type
from nithresh.plotting.cmaps import colormap
from nithresh.plotting.geometry import Volume
from nithresh.tree import ClusterTree

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.colors import Colormap

    from nithresh._open import OpenMap
    from nithresh._params import Request
    from nithresh.plotting.geometry import Bounds
    from nithresh.plotting.maps import Background

__all__ = [
    "Slider",
    "check_cmap",
    "greys_of",
    "lookup_of",
    "packed",
    "place_of",
    "ramp_of",
    "shades_of",
    "tree_of",
    "values_of",
]

# Integers beyond are not all floats of 64 bits, which are all that a page can compare.
_LARGEST = 2**53
_GREYS = 255
_RAMP = 256

Arrays = dict[str, npt.NDArray[Any]]


def values_of(opened: OpenMap, lowest: float) -> npt.NDArray[Any]:
    """Return the voxels as a page holds them: exactly, in a type that JavaScript has.

    Parameters
    ----------
    opened : OpenMap
    lowest : float
        Voxels nearer to zero become 0.

    Returns
    -------
    numpy.ndarray of shape (x, y, z)
        In native byte order and C order; 0 outside the mask and where the map is not
        finite.

    Raises
    ------
    ValueError
        Integers beyond 2^53.
    """
    dtype = opened.data.dtype
    values = np.array(opened.voxels, order="C", subok=False)
    if values.dtype.kind == "f":
        values[~np.isfinite(values)] = 0
    if opened.inside is not None:
        values[~opened.inside] = 0
    if dtype.kind in "iu" and dtype.itemsize == 8:
        smallest, largest = (values.min(), values.max()) if values.size else (0, 0)
        if int(largest) > _LARGEST or int(smallest) < -_LARGEST:
            most = max(int(largest), -int(smallest))
            msg = (
                f"img has the value {most} (dtype {dtype}); a page compares numbers as "
                "64-bit floats, which hold integers up to 2**53 exactly. Save the map "
                "in a float type first"
            )
            raise ValueError(msg)
        values = values.astype(np.float64)
    level = compared_type(values.dtype)(as_compared(lowest, dtype))
    values[(values < level) & (values > -level)] = 0
    return values


def tree_of(values: npt.NDArray[Any], connectivity: int) -> Arrays:
    """Return the component tree of both signs, as ``clusters.js`` reads it."""
    branches = ClusterTree.from_array(values, connectivity).branches
    peaks = np.ravel_multi_index(tuple(branches.peak.T), values.shape)
    # A branch joins another at the height of a voxel, which the type of the map holds.
    merges_type = np.float32 if values.dtype == np.float32 else np.float64
    is_small = len(peaks) < np.iinfo(np.uint16).max
    return {
        "branches": branches.of_voxels.astype(np.uint16 if is_small else np.uint32),
        "into": branches.into.astype(np.uint32),
        "merges": branches.merge.astype(merges_type),
        "peaks": peaks.astype(np.uint32),
    }


def lookup_of(
    request: Request, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> dict[str, Any]:
    """Say by which rules ``clusters.js`` finds and numbers the clusters of a map."""
    return {
        "type": compared_type(dtype).__name__,
        "isStrict": request.comparison == ">",
        "order": request.order,
        "shape": shape,
    }


def check_cmap(cmap: Any) -> Colormap:
    """Check a colour map, or the name of one of matplotlib's or nilearn's."""
    from matplotlib.colors import Colormap

    if not isinstance(cmap, (str, Colormap)):
        msg = f"cmap is {cmap!r}; it must be a colour map of matplotlib, or a name"
        raise TypeError(msg)
    try:
        return colormap(cmap)
    except ValueError:
        msg = f"cmap is {cmap!r}, which is no colour map of matplotlib or nilearn"
        raise ValueError(msg) from None


def ramp_of(cmap: Colormap) -> npt.NDArray[np.uint8]:
    """Return the colours of a colour map, shape (256, 3)."""
    colours = cmap(np.linspace(0, 1, _RAMP))
    ramp: npt.NDArray[np.uint8] = np.rint(colours[:, :3] * 255).astype(np.uint8)
    return ramp


def greys_of(volume: Volume) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float64]]:
    """Return an anatomical image in 255 greys, 0 where it is 0; and their values."""
    data = volume.data
    if data.dtype == np.uint8:
        return data, np.arange(_GREYS + 1.0)
    low, high = float(data.min()), float(data.max())
    values = np.append(0.0, np.linspace(low, high, _GREYS))
    scaled = (data - low) / ((high - low) or 1.0) * (_GREYS - 1)
    return np.where(data == 0, 0, 1 + np.rint(scaled)).astype(np.uint8), values


def shades_of(values: npt.NDArray[np.float64], background: Background) -> list[int]:
    """Return how light each grey is drawn, 0 to 255."""
    span = background.vmax - background.vmin or 1.0
    shades = np.rint(255 * (values - background.vmin) / span)
    return [int(shade) for shade in shades.clip(0, 255)]


def place_of(volume: Volume, view: Bounds, per_voxel: int) -> dict[str, Any]:
    """Say where voxels lie: the shape, mm to voxels, and the pixels of the panels."""
    origin, *ends = volume.mm(np.vstack([np.zeros(3), np.eye(3)]))
    to_mm = np.eye(4)
    to_mm[:3] = np.column_stack([*(end - origin for end in ends), origin])
    grids = {}
    for direction in "xyz":
        grid = volume.grid(direction, 0.0, view, per_voxel=per_voxel)
        grids[direction] = [
            [float(line[0]), step, len(line)]
            for line, step in zip((grid.across, grid.up), grid.steps, strict=True)
        ]
    return {
        "shape": list(volume.data.shape),
        "toVoxel": np.linalg.inv(to_mm)[:3].tolist(),
        "grids": grids,
        "steps": [volume.step(axis) for axis in range(3)],
    }


@dataclass(frozen=True)
class Slider:
    """The thresholds that the slider goes through: from low to high by equal steps."""

    low: float
    high: float
    step: float

    @classmethod
    def over(cls, lowest: float, highest: float) -> Slider:
        """Choose a round step, some hundred to the whole range.

        >>> Slider.over(0, 7.94)
        Slider(low=0.0, high=7.94, step=0.01)
        >>> Slider.over(50, 50)
        Slider(low=50.0, high=50.0, step=0.1)
        """
        span = max(highest - lowest or highest, np.finfo(float).tiny)
        power = math.floor(math.log10(span / 100))
        low, high = (
            round(turn(end / 10.0**power) * 10.0**power, -power)
            for turn, end in ((math.floor, lowest), (math.ceil, highest))
        )
        return cls(low, high, float(f"1e{power}"))


def packed(arrays: Mapping[str, npt.NDArray[Any]]) -> tuple[str, list[dict[str, Any]]]:
    """Return arrays as one text, and how ``clusters.js`` takes them apart.

    Little-endian, floats with all their first bytes first, deflated, in base64.
    """
    layout, parts = [], []
    for name, array in arrays.items():
        small = array.astype(array.dtype.newbyteorder("<"), copy=False)
        planes = array.dtype.kind == "f"
        data = np.frombuffer(small.tobytes("C"), np.uint8)
        if planes:
            data = data.reshape(-1, array.dtype.itemsize).T
        parts.append(data.tobytes())
        layout.append(
            {
                "name": name,
                "type": array.dtype.name,
                "length": array.size,
                "planes": planes,
            }
        )
    # A higher level takes up to eight times as long, for 1 % of the size.
    deflated = zlib.compress(b"".join(parts), level=6)
    return base64.b64encode(deflated).decode("ascii"), layout
