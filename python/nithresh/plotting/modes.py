"""Display modes: which directions are cut, in which rows, under which keys.

A mode is one entry of ``MODES``. No other module knows their names.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MODES", "Cut", "Mode", "mode_named"]

#: A direction, and where along it, in mm.
Cut = tuple[str, float]

# Inches, for a new figure: what a colour bar takes.
_BAR_WIDTH = 0.7
# More panels than this stand in several rows.
_MOST_IN_ROW = 8
# Relative size of panels that stand in several rows.
_IN_ROWS = 0.7
# Columns to rows of many cuts: figures are wider than high.
_WIDER = 1.6


@dataclass(frozen=True)
class Mode:
    """How the panels of a display are chosen and laid out.

    Attributes
    ----------
    name : str
    rows : tuple of str
        The directions of each row, from the top.
    panel_size : (float, float)
        Inches in a new figure: the width of a panel and the height of a row.
    stacked : bool, default=False
        Whether each direction is cut in several places.
    """

    name: str
    rows: tuple[str, ...]
    panel_size: tuple[float, float]
    stacked: bool = False

    @property
    def directions(self) -> str:
        """The directions in the order of ``cut_coords``: that of the alphabet."""
        return "".join(sorted("".join(self.rows)))

    @property
    def wraps(self) -> bool:
        """Whether many cuts of its one direction go on in further rows."""
        return self.stacked and len(self.rows) == 1

    @property
    def crosses(self) -> bool:
        """Whether each panel can show where the others cut."""
        return not self.stacked

    def arranged(self, cuts: dict[str, list[float]]) -> list[list[Cut]]:
        """Return the cuts of each row; those of `wraps` in one."""
        return [
            [(direction, coord) for direction in row for coord in cuts[direction]]
            for row in self.rows
        ]

    def key(self, direction: str, coord: float) -> Any:
        """Return the key of a panel in ``.axes``."""
        if not self.stacked:
            return direction
        return coord if self.wraps else (direction, coord)

    def cut_coords(self, cuts: dict[str, list[float]]) -> Any:
        """Return the cuts as nilearn's displays have them."""
        if not self.stacked:
            return tuple(coord for axis in self.directions for coord in cuts[axis][:1])
        return cuts[self.directions] if self.wraps else cuts

    def figure_size(
        self, cuts: dict[str, list[float]], *, colorbar: bool
    ) -> tuple[float, float]:
        """Return width and height of a new figure in inches."""
        width, height = self.panel_size
        rows = self.arranged(cuts)
        columns, count = max(map(len, rows)), len(rows)
        if self.wraps and columns > _MOST_IN_ROW:
            number = columns
            columns = round(math.sqrt(_WIDER * number))
            count = -(-number // columns)
            width, height = _IN_ROWS * width, _IN_ROWS * height
        return columns * width + (_BAR_WIDTH if colorbar else 0), count * height

    def columns(self, number: int) -> Sequence[int]:
        """Return the numbers of columns to choose from, for so many panels."""
        if not self.wraps or number <= _MOST_IN_ROW:
            return (number,)
        return range(1, number + 1)


MODES = {
    mode.name: mode
    for mode in (
        Mode("ortho", ("xyz",), (2.2, 3.5)),
        Mode("tiled", ("yx", "z"), (3.0, 3.5)),
        Mode("mosaic", ("z", "y", "x"), (1.7, 1.8), stacked=True),
        Mode("x", ("x",), (2.6, 2.6), stacked=True),
        Mode("y", ("y",), (2.2, 2.6), stacked=True),
        Mode("z", ("z",), (2.2, 2.8), stacked=True),
        Mode("xz", ("xz",), (2.2, 3.5)),
        Mode("yz", ("yz",), (2.2, 3.5)),
        # As in nilearn: sagittal first.
        Mode("yx", ("xy",), (2.2, 3.5)),
    )
}


def mode_named(display_mode: Any) -> Mode:
    """Return a mode.

    Raises
    ------
    ValueError
        There is no such mode.
    """
    mode = MODES.get(display_mode) if isinstance(display_mode, str) else None
    if mode is None:
        allowed = ", ".join(f'"{name}"' for name in MODES)
        msg = f"display_mode is {display_mode!r}; it must be one of {allowed}"
        raise ValueError(msg)
    return mode
