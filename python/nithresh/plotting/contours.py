"""Lines on a plane: at which levels, in which order, and where an image changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from nithresh.plotting.maps import StatMap

__all__ = ["edges", "sorted_levels"]

# Properties that can differ from level to level.
_OF_LEVELS = ("colors", "linewidths", "linestyles")
# An edge has a gradient above this percentile.
_STEEP = 75.0


def sorted_levels(style: dict[str, Any], stat_map: StatMap) -> dict[str, Any]:
    """Sort the levels of contours, and their colours and line styles with them.

    A number of levels is that many, evenly inside the range of the map.
    """
    levels = style.get("levels")
    if levels is None:
        return style
    if isinstance(levels, (int, np.integer)) and not isinstance(levels, bool):
        if levels < 1:
            msg = f"levels is {levels}; as a number of levels it must be 1 or more"
            raise ValueError(msg)
        inside = np.linspace(stat_map.low, stat_map.high, int(levels) + 2)[1:-1]
        return {**style, "levels": inside}
    values = np.ravel(levels)
    if values.dtype.kind not in "iuf" or not np.isfinite(values).all():
        msg = f"levels is {levels!r}; it must be a number of levels, or finite numbers"
        raise ValueError(msg)
    order = np.argsort(values, kind="stable")
    style = {**style, "levels": values[order]}
    for name in _OF_LEVELS:
        given = style.get(name)
        if isinstance(given, str) or not np.iterable(given):
            continue
        items: list[Any] = list(given)
        if len(items) == len(order) and not _is_color(name, items):
            style[name] = [items[index] for index in order]
    return style


def _is_color(name: str, items: list[Any]) -> bool:
    """Whether a sequence is one colour, as (r, g, b) or (r, g, b, alpha)."""
    from matplotlib.colors import is_color_like

    return (
        name == "colors"
        and not isinstance(items[0], str)
        and is_color_like(tuple(items))
    )


def edges(plane: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Return where a plane changes most: ridges of its gradient, one pixel wide.

    Parameters
    ----------
    plane : numpy.ndarray of shape (up, across)

    Returns
    -------
    numpy.ndarray of bool, same shape
        A pixel is an edge if the gradient there is in its upper quarter, and not below
        that of its two neighbours in the direction of the steepest change.

    Examples
    --------
    >>> edges(np.array([[0.0, 0, 0, 5, 5, 5]] * 5)).any(axis=0).tolist()
    [False, False, True, True, False, False]
    """
    if min(plane.shape) < 2:
        return np.zeros(plane.shape, dtype=bool)
    up, across = np.gradient(plane.astype(np.float64))
    steep = np.hypot(up, across)
    if not steep.any():
        return np.zeros(plane.shape, dtype=bool)
    around = np.pad(steep, 1)
    is_level = np.abs(across) >= np.abs(up)
    before = np.where(is_level, around[1:-1, :-2], around[:-2, 1:-1])
    after = np.where(is_level, around[1:-1, 2:], around[2:, 1:-1])
    enough = max(float(np.percentile(steep[steep > 0], _STEEP)), np.nextafter(0, 1))
    found: npt.NDArray[np.bool_] = (
        (steep >= before) & (steep >= after) & (steep >= enough)
    )
    return found
