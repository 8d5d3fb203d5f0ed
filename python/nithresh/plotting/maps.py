"""Images made ready to draw: a thresholded map, a background, a transparency."""

from __future__ import annotations

import dataclasses
import functools
import math
import numbers
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from nithresh import _core
from nithresh._arrays import as_voxels
from nithresh._numbers import in_full, told_apart
from nithresh._open import OpenMap
from nithresh._params import Request, check_request, warn
from nithresh.plotting.geometry import Volume
from nithresh.thresholding import threshold as threshold_array

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nithresh._open import ImageOrPath
    from nithresh.clusters import Clusters
    from nithresh.plotting.geometry import PlaneGrid

__all__ = [
    "HIDE_ZEROS",
    "Background",
    "StatMap",
    "Template",
    "Transparency",
    "check_clusters",
    "check_map_request",
    "open_background",
    "open_labels",
    "open_stat_map",
    "open_transparency",
    "with_colors",
]

#: The default threshold: not a number to compare with, but "hide zeros".
HIDE_ZEROS = 1e-6

_AUTO = "80%"
# Width in voxels of the border that tells a dark background from a light one, and how
# much either is dimmed.
_BORDER = 2
_DIM_ON_BLACK = 0.8
_DIM_ON_WHITE = 0.6


class Template(Enum):
    """Backgrounds that come with the package."""

    MNI152 = "MNI152"


@dataclass(frozen=True)
class StatMap:
    """A map, and what its threshold leaves of it.

    Parameters
    ----------
    raw, kept : Volume
        Before and after thresholding; a voxel is drawn when it is kept and not 0.
    threshold : float or None
        None when nothing is hidden, not even zeros.
    two_sided : bool
    connectivity : int
    low, high : float
        Extremes of the finite voxels before thresholding, zeros included.
    """

    raw: Volume
    kept: Volume
    threshold: float | None
    two_sided: bool
    connectivity: int
    low: float
    high: float

    @functools.cached_property
    def drawn(self) -> tuple[float, float]:
        """The smallest and the largest value that are drawn; (0, 0) if none is."""
        data = self.kept.data
        low, high = data.min().item(), data.max().item()
        if self.threshold is None:
            return low, high
        # Zeros are not drawn.
        if low >= 0 < high:
            low = data.min(where=data > 0, initial=high).item()
        elif high <= 0 and low < 0:
            high = data.max(where=data < 0, initial=low).item()
        return low, high


@dataclass(frozen=True)
class Background:
    """An anatomical image, the grey levels it is drawn with, and what it is on."""

    volume: Volume | None
    vmin: float
    vmax: float
    black: bool


@dataclass(frozen=True)
class Transparency:
    """An image whose abs value, scaled from a range to 0...1, is the alpha."""

    volume: Volume
    low: float
    high: float

    def plane(self, grid: PlaneGrid) -> npt.NDArray[np.float64]:
        """Return the alpha of each pixel, shape (up, across); 0 outside."""
        value = np.abs(self.volume.nearest(grid).filled(0).astype(np.float64))
        alpha: npt.NDArray[np.float64] = (value - self.low) / (self.high - self.low)
        return alpha.clip(0.0, 1.0)


def check_map_request(
    threshold: Any,
    *,
    two_sided: Any,
    cluster_threshold: Any,
    connectivity: Any,
    comparison: Any = None,
    rules: Any = None,
) -> Request | None:
    """Check the arguments of thresholding; None for a threshold of None.

    The threshold may be "auto" here too: the 80th percentile.
    """
    nothing_hidden = threshold is None
    if nothing_hidden:
        threshold = 0.0
    elif isinstance(threshold, str) and threshold == "auto":
        threshold = _AUTO
    request = check_request(
        threshold,
        two_sided=two_sided,
        cluster_threshold=cluster_threshold,
        connectivity=connectivity,
        comparison=comparison,
        rules=rules,
    )
    if not nothing_hidden:
        return request
    if request.cluster_threshold > 0:
        msg = (
            f"cluster_threshold is {cluster_threshold} and threshold is None; clusters "
            "need a threshold (0 hides zeros alone)"
        )
        raise ValueError(msg)
    return None


def open_stat_map(
    img: ImageOrPath,
    request: Request | None,
    *,
    name: str = "stat_map_img",
    volume: int | None = None,
) -> StatMap:
    """Load a map and threshold all of it, by the rule of ``threshold_img``."""
    finds_clusters = request is not None and request.cluster_threshold > 0
    opened = _open(img, name, volume, for_clusters=finds_clusters)
    affine = opened.affine
    low, high, has_non_finite = _extremes(opened.voxels)
    raw = Volume(_finite(opened.voxels) if has_non_finite else opened.voxels, affine)
    if request is None:
        return StatMap(
            raw, raw, None, two_sided=True, connectivity=6, low=low, high=high
        )
    if request.threshold == HIDE_ZEROS:
        request = request._replace(threshold=0.0)
    level = request.least(opened.level(request), opened.data.dtype)
    kept = threshold_array(
        opened.voxels,
        level,
        cluster_threshold=request.cluster_threshold,
        two_sided=request.two_sided,
        connectivity=request.connectivity,
    )
    return StatMap(
        raw,
        Volume(kept, affine),
        level,
        request.two_sided,
        request.connectivity,
        low,
        high,
    )


def with_colors(stat_map: StatMap, low: float, high: float) -> StatMap:
    """Hide the values of a sign that the colour limits leave out.

    Without room between the threshold and the limit (``low`` or ``high``), values of
    that sign would have the colour of others.
    """
    if stat_map.threshold is None:
        return stat_map
    data, level = stat_map.kept.data, abs(stat_map.threshold)
    smallest, largest = stat_map.drawn
    hidden = []
    if low >= -level and smallest < min(low, 0):
        data = np.where(data < min(low, 0), data.dtype.type(0), data)
        hidden.append("negative")
    if high <= level and largest > max(high, 0):
        data = np.where(data > max(high, 0), data.dtype.type(0), data)
        hidden.append("positive")
    if not hidden:
        return stat_map
    ends = told_apart(low, high)
    warn(
        f"the colours run from {' to '.join(ends)}, which leaves none "
        f"for {' and '.join(hidden)} values; they are not drawn"
    )
    return dataclasses.replace(stat_map, kept=Volume(data, stat_map.kept.affine))


def open_background(
    bg_img: ImageOrPath | Template | Literal[False] | None,
    *,
    black_bg: bool | Literal["auto"] = "auto",
    dim: float | Literal["auto"] = "auto",
) -> Background:
    """Load a background and choose its colour and its grey levels.

    On black, the lighter grey levels are dimmed; on white, the darker ones: by
    0.8 and 0.6 unless ``dim`` says otherwise.
    """
    _check_dim(dim)
    if bg_img is None or bg_img is False:
        return Background(None, 0.0, 1.0, black_bg is True)
    if isinstance(bg_img, Template) or _is_nilearns_template(bg_img):
        volume, low, high = _template()
        black = False if black_bg == "auto" else black_bg
    else:
        data, affine = open_volume(bg_img, "bg_img", None)
        low, high, has_non_finite = _extremes(data)
        volume = Volume(_finite(data) if has_non_finite else data, affine)
        black = (
            bool(np.median(_border(volume.data)) <= 0.5 * (low + high))
            if black_bg == "auto"
            else black_bg
        )
    vmin, vmax = _dimmed(low, high, dim, black=black)
    return Background(volume, vmin, vmax, black)


def check_clusters(clusters: Any) -> Clusters:
    """Check that these are clusters."""
    from nithresh.clusters import Clusters

    if not isinstance(clusters, Clusters):
        msg = (
            f"clusters is of type {type(clusters).__name__}; it must be Clusters, the "
            "result of find_clusters"
        )
        raise TypeError(msg)
    return clusters


def open_labels(clusters: Clusters) -> Volume:
    """Return the number of its cluster at each voxel (int32), 0 for none."""
    return Volume(*open_volume(clusters.labels_img, "clusters", None))


def open_transparency(
    transparency: ImageOrPath | float | None,
    transparency_range: Sequence[float] | None = None,
) -> Transparency | float | None:
    """Check a transparency: None, a number from 0 to 1, or an image."""
    if transparency is None:
        return None
    if isinstance(transparency, numbers.Real):
        alpha = float(transparency)
        if not 0 <= alpha <= 1:
            text = in_full(alpha)
            warn(f"transparency is {text}; it is taken as the nearest of 0 and 1")
        return min(max(alpha, 0.0), 1.0)
    image: Any = transparency
    limits = _check_range(transparency_range)
    data, affine = open_volume(image, "transparency", None)
    low, high, has_non_finite = _extremes(data)
    volume = Volume(_finite(data) if has_non_finite else data, affine)
    if limits is None:
        limits = (0.0, max(-low, high) or 1.0)
    return Transparency(volume, *limits)


def open_volume(
    img: Any, name: str, volume: int | None
) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
    """Load a 3-D image, or one volume of a 4-D one, as the core reads it."""
    opened = _open(img, name, volume)
    return opened.voxels, opened.affine


def _open(
    img: Any, name: str, volume: int | None, *, for_clusters: bool = False
) -> OpenMap:
    """Open one volume of an image."""
    opened = OpenMap.of_image(_unmasked(img), name=name, for_clusters=for_clusters)
    shape = opened.data.shape
    volumes = shape[3] if opened.data.ndim == 4 else 1
    if volume is None and volumes != 1:
        msg = f"{name} has {volumes} volumes (shape {shape}); it must have one"
        if name == "stat_map_img":
            msg += f", or volume must say which: 0 to {volumes - 1} "
            msg += "(--volume at the prompt)"
        raise ValueError(msg)
    if volume is not None and not 0 <= volume < volumes:
        msg = f"volume is {volume}; {name} has {volumes}, so it must be 0"
        if volumes > 1:
            msg += f" to {volumes - 1}"
        raise ValueError(msg)
    if 0 in shape:
        msg = f"{name} has no voxels (shape {shape})"
        raise ValueError(msg)
    if opened.data.ndim == 3:
        return opened
    which = (..., volume or 0)
    return opened._replace(data=opened.data[which], voxels=opened.voxels[which])


def _unmasked(img: Any) -> Any:
    """Return an image with 0 for masked voxels, so that they are not drawn."""
    data = getattr(img, "dataobj", None)
    if not isinstance(data, np.ma.MaskedArray):
        return img
    return type(img)(data.filled(0), img.affine)


def _extremes(data: npt.NDArray[Any]) -> tuple[float, float, bool]:
    """Lowest and highest finite value, and whether there are others."""
    low, high, has_non_finite = _core.summary(data, None)
    return (low, high, has_non_finite) if low <= high else (0.0, 0.0, has_non_finite)


def _finite(data: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a copy with 0 for NaN and infinities."""
    return np.where(np.isfinite(data), data, data.dtype.type(0))


def _border(data: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the voxels within two of a face of the volume, shape (n,)."""
    inner = np.zeros(data.shape, dtype=bool)
    inner[_BORDER:-_BORDER, _BORDER:-_BORDER, _BORDER:-_BORDER] = True
    return data[~inner]


def _dimmed(
    low: float, high: float, dim: float | Literal["auto"], *, black: bool
) -> tuple[float, float]:
    mean, half_range = 0.5 * (low + high), 0.5 * (high - low)
    if dim == "auto":
        dim = _DIM_ON_BLACK if black else _DIM_ON_WHITE
    if not dim:
        return low, high
    if black:
        return low, mean + (1 + dim) * half_range
    return 0.5 * (2 - dim) * mean - (1 + dim) * half_range, high


def _is_nilearns_template(bg_img: Any) -> bool:
    """Whether this is what nilearn's plots have for a default: the same brain."""
    return type(bg_img).__name__ == "_MNI152Template"


@functools.cache
def _template() -> tuple[Volume, float, float]:
    from nithresh import datasets, images

    image = datasets.load_mni152_template()
    data = as_voxels(images.read_array(image), "bg_img")
    low, high, _ = _extremes(data)
    return Volume(data, np.asarray(image.affine, dtype=np.float64)), low, high


def _check_dim(dim: Any) -> None:
    if dim == "auto":
        return
    if not isinstance(dim, numbers.Real) or not math.isfinite(dim):
        msg = f'dim is {dim!r}; it must be "auto" or a number'
        raise ValueError(msg)


def _check_range(limits: Any) -> tuple[float, float] | None:
    if limits is None:
        return None
    try:
        low, high = (float(limit) for limit in limits)
    except (TypeError, ValueError):
        low, high = math.nan, math.nan
    if not 0 <= low < high < math.inf:
        msg = (
            f"transparency_range is {limits!r}; it must be two numbers, the first 0 or "
            "more and the second larger"
        )
        raise ValueError(msg)
    return low, high
