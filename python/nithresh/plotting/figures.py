"""Figures and files: where a plot is drawn, how it is saved and closed."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import weakref
from typing import TYPE_CHECKING, Any, cast

from nithresh._paths import expanded
from nithresh.files import atomic

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import IO

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = [
    "close_figure",
    "closed_on_error",
    "forget_earlier",
    "is_dark",
    "open_frame",
    "remember",
    "root_figure",
    "save_figure",
]

# The axes that plots have drawn in each frame.
_parts: weakref.WeakKeyDictionary[Any, list[weakref.ref[Any]]] = (
    weakref.WeakKeyDictionary()
)
# What matplotlib calls the date in formats that have one.
_DATES = {"pdf": "CreationDate", "svg": "Date"}


def open_frame(
    figure: Figure | SubFigure | int | str | None,
    axes: Axes | Sequence[float] | None,
    size: tuple[float, float],
    *,
    facecolor: str,
    on_screen: bool,
) -> Axes:
    """Return the axes that a plot fills, turned off and ready to hold it.

    Parameters
    ----------
    figure, axes
        What the caller gave, see ``plot_stat_map``.
    size : (float, float)
        Of a new figure, in inches.
    facecolor : str
        Of a new figure.
    on_screen : bool
        Whether a new figure must show up in a notebook or a window. Only then, or
        for a figure's number, does pyplot come in.
    """
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

    if isinstance(axes, Axes):
        if isinstance(figure, FigureBase) and figure not in {
            axes.figure,
            root_figure(axes),
        }:
            msg = "axes belong to another figure than the one given as figure"
            raise ValueError(msg)
        axes.set_axis_off()
        forget_earlier(axes)
        return axes
    rect = _check_rect(axes)
    if figure is not None and not isinstance(figure, (FigureBase, int, str)):
        msg = (
            f"figure is of type {type(figure).__name__}; it must be a matplotlib "
            "figure, or its number or name"
        )
        raise TypeError(msg)
    target: Any = figure
    if not isinstance(figure, FigureBase):
        target = _new_figure(
            figure, size, facecolor=facecolor, on_screen=on_screen or figure is not None
        )
    frame = cast("Axes", target.add_axes(rect))
    frame.set_axis_off()
    forget_earlier(frame)
    return frame


def is_dark(
    figure: Figure | SubFigure | int | str | None,
    axes: Axes | Sequence[float] | None,
) -> bool:
    """Whether what the caller gave to draw on is a dark figure."""
    from matplotlib.axes import Axes
    from matplotlib.colors import to_rgba
    from matplotlib.figure import FigureBase

    if isinstance(axes, Axes):
        root: Any = root_figure(axes)
    elif isinstance(figure, FigureBase):
        root = figure.canvas.figure
    else:
        pyplot = sys.modules.get("matplotlib.pyplot")
        if figure is None or pyplot is None or not pyplot.fignum_exists(figure):
            return False
        root = pyplot.figure(figure)
    *color, alpha = to_rgba(root.get_facecolor())
    return alpha > 0.5 and sum(color) < 1.5


def forget_earlier(frame: Axes) -> None:
    """Remove what an earlier plot has drawn in the place of a frame."""
    place = frame.get_position().bounds
    for other in list(frame.figure.axes):
        parts = _parts.get(other)
        if parts is None or other.get_position().bounds != place:
            continue
        for part in (part() for part in parts):
            if part is not None and part in frame.figure.axes:
                part.remove()
        if other is frame:
            frame.clear()
            frame.set_axis_off()
        else:
            other.remove()
    _parts[frame] = []


def remember(frame: Axes, part: Axes) -> None:
    """Remember that a plot has drawn these axes in a frame."""
    _parts.setdefault(frame, []).append(weakref.ref(part))


def root_figure(axes: Axes) -> Figure:
    """Return the whole figure, also for axes that are in a subfigure."""
    return axes.figure.canvas.figure


def save_figure(
    figure: Figure,
    target: str | os.PathLike[str] | IO[bytes],
    dpi: float | None = None,
    **kwargs: Any,
) -> None:
    """Save a figure; a file appears whole or not at all.

    Folders that are missing are made. The extension tells the format, as
    matplotlib has it, or the keyword ``format`` does.
    """
    from matplotlib import rcParams

    kwargs.setdefault("facecolor", figure.get_facecolor())
    path = expanded(target) if isinstance(target, (str, os.PathLike)) else None
    usual = rcParams["savefig.format"]
    if path is not None:
        if not path.suffix and "format" not in kwargs:
            path = path.with_name(f"{path.name}.{usual}")
        kwargs.setdefault("format", path.suffix[1:])
    date = _DATES.get(kwargs.get("format", usual))
    if date is not None:
        # The same figure gives the same bytes.
        kwargs["metadata"] = {date: None} | (kwargs.get("metadata") or {})
    if path is None:
        figure.savefig(target, dpi=_dpi(dpi), **kwargs)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.check_place(path)
    content = io.BytesIO()
    figure.savefig(content, dpi=_dpi(dpi), **kwargs)
    atomic.write(path, content.getvalue())


def close_figure(figure: Figure) -> None:
    """Close a figure, whether pyplot knows it or not."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(figure)


@contextlib.contextmanager
def closed_on_error(
    frame: Axes,
    figure: Figure | SubFigure | int | str | None,
    axes: Axes | Sequence[float] | None,
) -> Iterator[None]:
    """Close the figure of a frame that was opened for a plot, if the plot fails.

    Nobody else knows such a figure; `figure` and `axes` are what the caller gave, whose
    own figures stay.
    """
    try:
        yield
    except BaseException:
        if figure is None and frame is not axes:
            close_figure(root_figure(frame))
        raise


def _new_figure(
    number: int | str | None,
    size: tuple[float, float],
    *,
    facecolor: str,
    on_screen: bool,
) -> Figure:
    if on_screen:
        from matplotlib import pyplot as plt

        return plt.figure(number, figsize=size, facecolor=facecolor)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, facecolor=facecolor)
    FigureCanvasAgg(figure)
    return figure


def _check_rect(axes: Any) -> tuple[float, float, float, float]:
    if axes is None:
        return (0.0, 0.0, 1.0, 1.0)
    try:
        left, bottom, width, height = (float(part) for part in axes)
    except (TypeError, ValueError):
        msg = (
            f"axes is {axes!r}; it must be matplotlib axes, or (left, bottom, width, "
            "height) as parts of the figure"
        )
        raise TypeError(msg) from None
    if not (width > 0 and height > 0):
        msg = f"axes is {axes!r}; its width and height must be above 0"
        raise ValueError(msg)
    return (left, bottom, width, height)


def _dpi(dpi: float | None) -> Any:
    # matplotlib's own default is a setting, which None would override.
    from matplotlib import rcParams

    return rcParams["savefig.dpi"] if dpi is None else dpi
