"""Where the panels, the colour bar and the title go inside the frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BarRoom", "Box", "Layout", "arrange", "wrapped"]

# Left, bottom, width and height, as parts of the frame.
Box = tuple[float, float, float, float]
# Width and height of a panel in mm.
Size = tuple[float, float]

_MARGIN = 0.008  # around the panels, part of the frame's width
_MOST_MARGIN = 0.02  # above and below them, part of the frame's height
_GAP = 0.008  # between panels, part of the frame's width
_LEAST_PANELS = 0.3  # part of the frame that is kept for the panels


@dataclass(frozen=True)
class BarRoom:
    """What the bar needs, in points.

    Its own width; room for labels on its left, on its right, and where they stick
    out above and below; the height that its ticks need, and the most that looks well.
    """

    left: float
    width: float
    right: float
    ends: float
    height: float
    most: float


@dataclass(frozen=True)
class Layout:
    """Where things are; the panels go row by row from the top.

    ``lowered`` says how far below the top of the frame the title starts, as a part of
    the frame.
    """

    panels: list[Box]
    bar: Box | None
    lowered: float = 0.0


def arrange(
    frame: tuple[float, float],
    rows: Sequence[Sequence[Size]],
    *,
    title: float = 0.0,
    labels: float = 0.0,
    marks: float = 0.0,
    bar: BarRoom | None = None,
) -> Layout:
    """Place panels in rows and columns at one scale, below the title, left of the bar.

    Parameters
    ----------
    frame : (float, float)
        Width and height of the frame in points.
    rows : sequence of sequence of (float, float)
        Width and height in mm of each panel of each row. Panels of one column are
        centred on each other.
    title : float
        Height of the title in points. The panels stand right below it, and all of this
        in the middle of the frame.
    labels, marks : float
        Height of what is below and above the panels of each row, in points.
    bar : BarRoom, optional
        One for all rows.

    Returns
    -------
    Layout
        Every panel has the same points per mm, across and up.

    Examples
    --------
    >>> layout = arrange((100.0, 50.0), [[(40.0, 20.0), (40.0, 40.0)]])
    >>> [round(part, 3) for part in layout.panels[0]]
    [0.012, 0.258, 0.484, 0.484]
    """
    width, height = frame
    margin_up = _margin_up(frame)
    columns = _column_widths(rows)
    heights = [max(up for _, up in row) for row in rows]
    room = _room(frame, len(columns), title + len(rows) * (labels + marks), bar)
    scale = _scale(room, rows)
    left = _MARGIN * width + (room.across - scale * sum(columns)) / 2
    spare_up = max(room.up - scale * sum(heights), 0) / 2
    block = scale * sum(heights) + len(rows) * (labels + marks)
    upper = margin_up + spare_up + block
    panels: list[Box] = []
    for row, tall in zip(rows, heights, strict=True):
        middle = upper - marks - scale * tall / 2
        start = left
        for (across, up), column in zip(row, columns, strict=False):
            panels.append(
                (
                    (start + scale * (column - across) / 2) / width,
                    (middle - scale * up / 2) / height,
                    scale * across / width,
                    scale * up / height,
                )
            )
            start += scale * column + room.gap
        upper -= marks + scale * tall + labels
    lowered = spare_up / height
    if bar is None:
        return Layout(panels, None, lowered)
    # The bar is as tall as all rows at most, and stands right beside the panels.
    middle = margin_up + spare_up + (block + labels - marks) / 2
    beside = block - labels - marks
    above = height - title - margin_up - middle
    most = max(2 * min(above, middle - margin_up), beside) - 2 * bar.ends
    wanted = max(min(beside, bar.most), bar.height)
    tall = max(min(wanted, most), min(_LEAST_PANELS * height, bar.most))
    place = (
        1 - (left + bar.right + bar.width) / width,
        (middle - tall / 2) / height,
        bar.width / width,
        tall / height,
    )
    return Layout(panels, place, lowered)


def wrapped(
    frame: tuple[float, float],
    sizes: Sequence[Size],
    columns: Sequence[int],
    *,
    title: float = 0.0,
    per_row: float = 0.0,
    bar: BarRoom | None = None,
) -> int:
    """Return the number of columns with the largest panels; the most of a tie."""

    def scale(count: int) -> float:
        rows = [sizes[start : start + count] for start in range(0, len(sizes), count)]
        room = _room(frame, count, title + len(rows) * per_row, bar)
        return round(_scale(room, rows), 9)

    return max(columns, key=lambda count: (scale(count), count))


@dataclass(frozen=True)
class _Room:
    """The points that all panels have, without the gaps between them."""

    across: float
    up: float
    gap: float


def _room(
    frame: tuple[float, float], columns: int, taken_up: float, bar: BarRoom | None
) -> _Room:
    width, height = frame
    taken = 0.0 if bar is None else bar.left + bar.width + bar.right
    across = max(width - 2 * _MARGIN * width - taken, _LEAST_PANELS * width)
    gap = min(_GAP * width, across / (2 * columns))
    up = max(height - taken_up - 2 * _margin_up(frame), _LEAST_PANELS * height)
    return _Room(across - gap * (columns - 1), up, gap)


def _scale(room: _Room, rows: Sequence[Sequence[Size]]) -> float:
    """Return the points per mm."""
    heights = sum(max(up for _, up in row) for row in rows)
    return min(room.across / sum(_column_widths(rows)), room.up / heights)


def _column_widths(rows: Sequence[Sequence[Size]]) -> list[float]:
    count = max(map(len, rows))
    return [max(row[i][0] for row in rows if i < len(row)) for i in range(count)]


def _margin_up(frame: tuple[float, float]) -> float:
    width, height = frame
    return min(_MARGIN * width, _MOST_MARGIN * height)
