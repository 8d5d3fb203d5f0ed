"""Figures and files: where a plot is drawn, how it is saved and closed."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any, cast

from nithresh._params import check_not_negative
from nithresh._paths import expanded
from nithresh.files import atomic
from nithresh.plotting.pictures import VECTOR, ready_pictures

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
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
# The resolution of pictures in vector files: that of print.
_PRINT_DPI = 300
_PNG_LEVEL = 2
# Settings that keep text as text.
_TEXTS = {"svg.fonttype": "none", "pdf.fonttype": 42, "ps.fonttype": 42}
_saving = threading.RLock()
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
        Whether a new figure must show up in a notebook or a window. pyplot is
        imported only then, or for a figure's number.
    """
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

    from nithresh.plotting.axes import TicklessAxes

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
    frame = cast("Axes", target.add_axes(rect, axes_class=TicklessAxes))
    frame.set_axis_off()
    forget_earlier(frame)
    return frame


def show() -> None:
    """Show all figures in windows, and wait until they are closed.

    It is :func:`matplotlib.pyplot.show`.
    """
    from matplotlib import pyplot as plt

    plt.show()


def is_dark(
    figure: Figure | SubFigure | int | str | None,
    axes: Axes | Sequence[float] | None,
) -> bool:
    """Whether the caller's figure is dark."""
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
    """Remove what an earlier plot drew in the same place."""
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
    dpi: float | str | None = None,
    **kwargs: Any,
) -> None:
    """Save a figure; a file appears whole or not at all.

    Folders that are missing are made. The extension tells the format, as
    matplotlib has it, or the keyword ``format`` does. Texts in vector files are
    texts, unless matplotlib's settings were changed.
    """
    from matplotlib import rcParams

    if not isinstance(target, (str, os.PathLike)) and not hasattr(target, "write"):
        msg = (
            f"the file to save is {target!r}; it must be a path or a binary file object"
        )
        raise TypeError(msg)
    if dpi is not None and dpi != "figure":
        dpi = _check_dpi(dpi)
    if kwargs.get("format", "") is None:
        del kwargs["format"]
    path = expanded(target) if isinstance(target, (str, os.PathLike)) else None
    usual = rcParams["savefig.format"]
    if path is not None:
        if not path.suffix and "format" not in kwargs:
            path = path.with_name(f"{path.name}.{usual}")
        kwargs.setdefault("format", path.suffix[1:])
    file_format = kwargs.get("format", usual).lower()
    date = _DATES.get(file_format)
    if date is not None:
        # The same figure gives the same bytes.
        kwargs["metadata"] = {date: None} | (kwargs.get("metadata") or {})
    if dpi is None:
        # matplotlib's own default is a setting, which None would override.
        dpi = rcParams["savefig.dpi"]
        if dpi == "figure" and file_format in VECTOR:
            dpi = _PRINT_DPI
    if path is None:
        _write(figure, target, dpi, kwargs)
        return
    with _naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    atomic.check_place(path)
    content = io.BytesIO()
    _write(figure, content, dpi, kwargs)
    atomic.write(path, content.getvalue())


def _check_dpi(dpi: Any) -> float:
    value = check_not_negative(dpi, "dpi")
    if value == 0:
        msg = "dpi is 0; it must be above 0"
        raise ValueError(msg)
    return value


def _write(figure: Figure, target: Any, dpi: Any, kwargs: dict[str, Any]) -> None:
    from matplotlib import rc_context, rcParams, rcParamsDefault

    if kwargs.get("bbox_inches", rcParams["savefig.bbox"]) == "tight":
        pad = kwargs.get("pad_inches", rcParams["savefig.pad_inches"])
        kwargs["bbox_inches"] = _tight_box(figure, pad)
    now: Any = rcParams
    usual: Any = rcParamsDefault
    texts: Any = {
        name: value for name, value in _TEXTS.items() if now[name] == usual[name]
    }
    file_format = kwargs.get("format", rcParams["savefig.format"]).lower()
    if file_format == "png":
        # The default level takes three times as long and saves little.
        kwargs = {"pil_kwargs": {"compress_level": _PNG_LEVEL}, **kwargs}
    pictures = ready_pictures(figure, file_format)
    # Settings belong to all threads, so one saves at a time.
    with _saving, rc_context(texts), pictures:
        figure.savefig(target, dpi=dpi, **kwargs)


def _tight_box(figure: Figure, pad: Any) -> Any:
    """Return the box around all that is drawn, in inches, without empty frames."""
    from matplotlib.transforms import Bbox

    figure.draw_without_rendering()
    found: list[Any] = []
    for ax in figure.axes:
        if ax not in _parts:
            found.append(ax.get_tightbbox())
        else:
            for text in ax.texts:
                patch = text.get_bbox_patch()
                found.append((text if patch is None else patch).get_window_extent())
    others = [artist for artist in figure.get_children() if artist not in figure.axes]
    found += [
        artist.get_tightbbox()
        for artist in others
        if artist is not figure.patch and artist.get_visible()
    ]
    boxes = [box for box in found if box is not None and box.width and box.height]
    if not boxes:
        return None
    box = Bbox.union(boxes).transformed(figure.dpi_scale_trans.inverted())
    inches = pad if isinstance(pad, (int, float)) else 0.1
    return Bbox.intersection(box.padded(inches), figure.bbox_inches.padded(inches))


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the user's file in errors about its folder."""
    try:
        yield
    except OSError as error:
        error.filename = str(path)
        raise


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

    Nobody else holds such a figure. The caller's own `figure` and `axes` stay open.
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

        figure = plt.figure(number, figsize=size, facecolor=facecolor)
        if number is None:
            # Panels have places of their own, whatever matplotlib's settings say.
            figure.set_layout_engine("none")
        return figure
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, facecolor=facecolor)
    figure.set_layout_engine("none")
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
