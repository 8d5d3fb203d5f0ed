"""L and R: at the corners of a panel, or above it where they would cover voxels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

__all__ = ["covers_voxels", "draw_marks", "lift"]

# Where they are, in parts of a panel.
_LEFT, _RIGHT, _UP = 0.03, 0.97, 0.98


def draw_marks(ax: Axes, style: dict[str, Any], *, radiological: bool) -> list[Text]:
    """Write L and R at the upper corners of a panel."""
    left, right = ("R", "L") if radiological else ("L", "R")
    return [
        ax.text(
            x, _UP, side, transform=ax.transAxes, **{"ha": ha, "va": "top", **style}
        )
        for x, side, ha in ((_LEFT, left, "left"), (_RIGHT, right, "right"))
    ]


def lift(mark: Text) -> None:
    """Put a mark above its panel."""
    mark.set_y(1.0)
    mark.set_verticalalignment("bottom")


def covers_voxels(mark: Text, ax: Axes, size: tuple[float, float]) -> bool:
    """Whether a mark at its corner covers a voxel that is drawn.

    ``size`` of the panel is in points. A mark counts as a square, which is slightly
    larger than its letter.
    """
    letter = float(mark.get_fontsize())
    is_left = mark.get_horizontalalignment() == "left"
    parts = [0, _LEFT + letter / size[0]] if is_left else [_RIGHT - letter / size[0], 1]
    left, right = ax.get_xlim()
    across = np.sort(left + (right - left) * np.array(parts))
    bottom, top = ax.get_ylim()
    lowest = bottom + (top - bottom) * (_UP - letter / size[1])
    for image in ax.images:
        x0, x1, y0, y1 = image.get_extent()
        alpha = image.get_alpha()
        shown = ~np.ma.getmaskarray(np.ma.asarray(image.get_array()))
        if isinstance(alpha, np.ndarray):
            shown &= alpha != 0
        rows, columns = shown.shape
        start, stop = (across - x0) * columns / (x1 - x0)
        row = max(int((lowest - y0) * rows / (y1 - y0)), 0)
        if shown[row:, max(int(start), 0) : max(int(stop) + 1, 0)].any():
            return True
    return False
