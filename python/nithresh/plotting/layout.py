"""Where the panels, the colour bar and the title go inside the frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BarRoom", "Box", "arrange"]

# Left, bottom, width and height, as parts of the frame.
Box = tuple[float, float, float, float]

_MARGIN = 0.008  # around the panels, part of the frame's width
_MOST_MARGIN = 0.02  # above and below them, part of the frame's height
_GAP = 0.008  # between panels, part of the frame's width
_LEAST_PANELS = 0.3  # part of the frame that title and bar cannot take


@dataclass(frozen=True)
class BarRoom:
    """What the bar needs, in points.

    Its own width; room for labels on its left, on its right, and where they stick
    out above and below; and the height that its ticks need.
    """

    left: float
    width: float
    right: float
    ends: float
    height: float


def arrange(
    frame: tuple[float, float],
    sizes: Sequence[tuple[float, float]],
    *,
    title: float = 0.0,
    labels: float = 0.0,
    bar: BarRoom | None = None,
    rows: int = 1,
) -> list[Box]:
    """Place panels in rows at one scale, below the title, left of the bar.

    Parameters
    ----------
    frame : (float, float)
        Width and height of the frame in points.
    sizes : sequence of (float, float)
        Width and height in mm of each panel of a row; all rows are alike.
    title : float
        Height that the title takes from the top, in points.
    labels : float
        Height of the labels below the panels of each row, in points.
    bar : BarRoom, optional
        One for all rows.
    rows : int, default=1

    Returns
    -------
    list of Box
        The panels, row by row from the top, and then the bar if there is one. Every
        panel has the same points per mm, across and up.

    Examples
    --------
    >>> first, second = arrange((100.0, 50.0), [(40.0, 20.0), (40.0, 40.0)])
    >>> [round(part, 3) for part in first]
    [0.012, 0.258, 0.484, 0.484]
    """
    width, height = frame
    margin = _MARGIN * width
    margin_up = min(margin, _MOST_MARGIN * height)
    gap = _GAP * width
    taken = 0.0 if bar is None else bar.left + bar.width + bar.right
    room_across = max(width - 2 * margin - taken, _LEAST_PANELS * width)
    room_up = max(
        height - title - rows * labels - 2 * margin_up, _LEAST_PANELS * height
    )
    room_for_mm = room_across - gap * (len(sizes) - 1)
    tallest = max(up for _, up in sizes)
    scale = min(
        room_for_mm / sum(across for across, _ in sizes), room_up / (rows * tallest)
    )

    row = scale * sum(across for across, _ in sizes) + gap * (len(sizes) - 1)
    spare = margin + (room_across - row) / 2
    boxes = []
    for below in reversed(range(rows)):
        left = spare
        middle = margin_up + (below + 0.5) * room_up / rows + (below + 1) * labels
        for across, up in sizes:
            boxes.append(
                (
                    left / width,
                    (middle - scale * up / 2) / height,
                    scale * across / width,
                    scale * up / height,
                )
            )
            left += scale * across + gap
    if bar is None:
        return boxes
    # As tall as the panels of all rows, where that leaves its labels room; beside
    # them, where there is room to spare on the right.
    between = (rows - 1) * (room_up / rows + labels)
    middle = margin_up + labels + (room_up + (rows - 1) * labels) / 2
    most = room_up + (rows - 1) * labels - 2 * bar.ends
    tall = min(max(between + scale * tallest, bar.height), most)
    tall = max(tall, _LEAST_PANELS * height)
    boxes.append(
        (
            (width - spare + margin - bar.right - bar.width) / width,
            (middle - tall / 2) / height,
            bar.width / width,
            tall / height,
        )
    )
    return boxes
