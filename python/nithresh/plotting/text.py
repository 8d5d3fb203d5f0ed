"""How wide a text is on paper, and how to make it fit."""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.font_manager import FontProperties

__all__ = ["SMALLEST", "Sizes", "fit_lines", "text_width"]

#: Points; smaller texts cannot be read in print.
SMALLEST = 5.0

# Formulas between dollars stay in one piece.
_WORD = re.compile(r"(?:\$[^$\n]*\$|\S)+")
# One line at a slightly smaller size reads better than two at the full one.
_ONE_LINE = 0.8
_SHRINK = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
# Renderers round glyphs to pixels, so a drawn line can be a little wider.
_SLACK = 1.04


# Points: the frame for which the sizes are made, and its narrowest panel.
_WIDTH, _HEIGHT, _PANEL = 525.0, 252.0, 110.0
# In a smaller frame texts shrink less than the frame does.
_SHRINKING = 0.6
_LEAST = 0.5


@dataclass(frozen=True)
class Sizes:
    """The sizes of all texts of a display in points, on one scale."""

    title: float
    label: float
    bar: float
    number: float

    @classmethod
    def fitting(cls, frame: tuple[float, float], panel: float) -> Sizes:
        """Return the sizes for a frame and its narrowest panel's width, in points.

        None is below 5, and none more than twice another.

        Examples
        --------
        >>> Sizes.fitting((526.0, 252.0), 140.0)
        Sizes(title=15.0, label=12.0, bar=10.0, number=9.0)
        """
        width, height = frame
        unit = min((width / _WIDTH) ** _SHRINKING, (height / _HEIGHT) ** _SHRINKING)
        unit = max(min(unit, panel / _PANEL, 1.0), _LEAST)
        return cls(15 * unit, 12 * unit, 10 * unit, max(9 * unit, SMALLEST))


def text_width(text: str, size: float, font: FontProperties) -> float:
    """Return the width in points of the widest line of ``text`` at ``size`` points."""
    from matplotlib.cbook import is_math_text
    from matplotlib.textpath import text_to_path

    font = font.copy()
    font.set_size(size)
    return _SLACK * max(
        text_to_path.get_text_width_height_descent(
            line, font, ismath=bool(is_math_text(line))
        )[0]
        for line in text.split("\n")
    )


def fit_lines(
    text: str, width_at: Callable[[str, float], float], size: float, limit: float
) -> tuple[str, float]:
    r"""Wrap or shrink ``text`` so that no line is wider than ``limit`` points.

    Parameters
    ----------
    text : str
        Its own line breaks are kept.
    width_at : callable
        Width in points of a line at a size.
    size : float
        The size in points that is wanted; the result is at least half of it, and
        not below 5 unless that is wanted.
    limit : float
        In points.

    Returns
    -------
    text, size : str, float

    Examples
    --------
    >>> def width_at(line, size): return len(line) * size / 2
    >>> fit_lines("sticks and stones", width_at, 10, 100)
    ('sticks and stones', 10)
    >>> fit_lines("sticks and stones", width_at, 10, 50)
    ('sticks and\nstones', 10)
    """
    rows = text.count("\n") + 1
    parts = [part for part in _SHRINK if part == 1 or size * part >= SMALLEST]
    for part in parts:
        if part >= _ONE_LINE and width_at(text, size * part) <= limit:
            return text, size * part if part < 1 else size
    fitted = text
    for part in parts:
        fitted = "\n".join(
            _wrapped(line, width_at, size * part, limit) for line in text.split("\n")
        )
        if fitted.count("\n") <= rows:
            return fitted, size * part if part < 1 else size
    return fitted, size * parts[-1]


def _wrapped(
    line: str, width_at: Callable[[str, float], float], size: float, limit: float
) -> str:
    lines: list[str] = []
    current = ""
    for word in _WORD.findall(line):
        longer = f"{current} {word}" if current else word
        if width_at(longer, size) <= limit:
            current = longer
            continue
        if current:
            lines.append(current)
        current = word
        while (
            width_at(current, size) > limit and len(current) > 1 and "$" not in current
        ):
            # A word wider than the figure is cut where the line is full.
            fitting = _fitting(current, width_at, size, limit)
            lines.append(current[:fitting])
            current = current[fitting:]
    return "\n".join([*lines, current])


def _fitting(
    word: str, width_at: Callable[[str, float], float], size: float, limit: float
) -> int:
    """Return how many of a word's letters fit, at least one."""

    def width(letters: int) -> float:
        return width_at(word[:letters], size)

    return 1 + bisect.bisect_right(range(2, len(word)), limit, key=width)
