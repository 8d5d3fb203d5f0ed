"""What a map keeps at one threshold, and what there is to say of it."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nithresh import _core
from nithresh._arrays import is_plain, new_result, result_type
from nithresh._comparison import passes_none
from nithresh._numbers import told_apart
from nithresh._open import OpenMap
from nithresh._params import Percentile, Request, warn


class Kept(NamedTuple):
    """A result of the core."""

    voxels: NDArray[Any]
    range: tuple[float, float]
    has_non_finite: bool


def warn_of_kept(
    opened: OpenMap,
    request: Request,
    level: float,
    limits: tuple[float, float],
    has_non_finite: bool,  # noqa: FBT001 - as the core says it
    summary: tuple[float, float, bool] | None = None,
) -> None:
    """Warn of values that are not finite, and that nothing is kept.

    Parameters
    ----------
    limits : tuple of float
        The smallest and the largest value of what was kept.
    summary : tuple, optional
        That of the map, where it has been overwritten since.
    """
    if has_non_finite:
        warn("Non-finite values detected. They will be replaced with zeros.")
    if limits == (0, 0):
        smallest, largest, _ = summary or opened.summary()
        warn_beyond_range(request, level, smallest, largest, opened.data.dtype)


def warn_beyond_range(
    request: Request,
    level: float,
    smallest: float,
    largest: float,
    dtype: np.dtype[Any],
) -> None:
    """Warn that a threshold lets nothing pass, and say what the range is."""
    if smallest > largest:
        return  # no voxels, so nothing that a threshold could let pass
    shown, low, high = told_apart(level, smallest, largest)
    if isinstance(request.threshold, Percentile):
        if math.isinf(level):
            warn(
                "The threshold is a percentile of the values >= 0, and the map, "
                f"{low} to {high}, has none: no voxel is kept."
            )
        return
    two_sided = request.two_sided
    least = request.least(level, dtype)
    if passes_none(least, dtype, smallest, largest, two_sided=two_sided):
        warn(
            f"The threshold {shown} is beyond the range of the map, {low} to {high}: "
            "no voxel is kept."
        )


def threshold_map(
    opened: OpenMap, request: Request, level: float, out: NDArray[Any] | None
) -> Kept:
    """Run the core, and give the result the type of the map."""
    data, voxels = opened.data, opened.voxels
    target = None
    if out is not None:
        if out is data and voxels is data:
            target = voxels
        elif (
            out.dtype == voxels.dtype
            and is_plain(out)
            and not np.may_share_memory(out, voxels)
        ):
            target = out
    is_zero = False
    if target is None:
        target, is_zero = new_result(voxels, voxels.dtype)
    low, high, has_non_finite = 0.0, 0.0, False
    if voxels.size:
        low, high, has_non_finite = _core.threshold(
            voxels,
            target,
            opened.for_core(request, level),
            mask=opened.inside,
            out_is_zero=is_zero,
        )
    if out is not None:
        if target is not out:
            np.copyto(out, target, casting="unsafe")
    else:
        out = target.astype(result_type(data.dtype), copy=False)
    return Kept(out, (low, high), has_non_finite)
