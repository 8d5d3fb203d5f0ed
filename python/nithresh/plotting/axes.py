"""Axes that make no ticks until somebody asks for them.

That is a tenth of the time of a figure (benches/record/figures.md). Imported with the
first figure, as matplotlib is.
"""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import XAxis, YAxis

__all__ = ["TicklessAxes"]


class TicklessAxes(Axes):
    """Axes that make their ticks when they are first asked for.

    matplotlib's own make them at once, to say how each looks. That is kept for ticks
    that come later as well.
    """

    are_new = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.are_new = False
        for axis in (self.xaxis, self.yaxis):
            # Without them, matplotlib makes one when it reads them.
            vars(axis).pop("majorTicks", None)
            vars(axis).pop("minorTicks", None)

    def _init_axis(self) -> None:
        # As in matplotlib, with other classes.
        self.xaxis = _XAxis(self, clear=False)
        self.spines.bottom.register_axis(self.xaxis)
        self.spines.top.register_axis(self.xaxis)
        self.yaxis = _YAxis(self, clear=False)
        self.spines.left.register_axis(self.yaxis)
        self.spines.right.register_axis(self.yaxis)


class _XAxis(XAxis):
    def reset_ticks(self) -> None:
        if not _starts_without(self):
            super().reset_ticks()


class _YAxis(YAxis):
    def reset_ticks(self) -> None:
        if not _starts_without(self):
            super().reset_ticks()


def _starts_without(axis: Any) -> bool:
    """Leave new axes without ticks; False for others."""
    if axis.axes.are_new:
        axis.majorTicks, axis.minorTicks = [], []
    return bool(axis.axes.are_new)
