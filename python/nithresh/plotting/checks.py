"""The arguments of figures, checked before anything is drawn."""

from __future__ import annotations

import contextlib
import difflib
import inspect
import math
import numbers
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nithresh._params import check_bool, warn
from nithresh.plotting.figures import is_dark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = [
    "check_black_bg",
    "check_color",
    "check_decimals",
    "check_imshow_kwargs",
    "check_interpolation",
    "check_label",
    "check_limit",
    "check_text_size",
    "check_tick_format",
]

_MOST_DECIMALS = 17  # a float has no more digits


def check_black_bg(
    black_bg: Any,
    figure: Figure | SubFigure | int | str | None,
    axes: Axes | Sequence[float] | None,
) -> bool | Literal["auto"]:
    """Check whether to draw on black; "auto" is True where the figure is dark."""
    if black_bg != "auto":
        return check_bool(black_bg, "black_bg")
    return True if is_dark(figure, axes) else "auto"


def check_limit(value: Any, name: str) -> float | None:
    """Check an end of the colours; NaN and infinities count as none."""
    if value is None:
        return None
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        msg = f"{name} is {value!r}; it must be a number or None"
        raise TypeError(msg)
    if not math.isfinite(value):
        warn(f"{name} is {value}; the extreme of the map is used instead")
        return None
    return float(value)


def check_tick_format(tick_format: Any) -> str:
    """Check a format of numbers, such as "%.2g"."""
    try:
        float(tick_format % 1.5 if isinstance(tick_format, str) else "")
    except (TypeError, ValueError):
        msg = (
            f'cbar_tick_format is {tick_format!r}; it must be a format such as "%.2g", '
            '"%.1f" or "%i"'
        )
        raise ValueError(msg) from None
    return str(tick_format)


def check_label(label: Any) -> str | None:
    """Check what stands beside the colour bar."""
    if label is not None and not isinstance(label, str):
        msg = f"cbar_label is {label!r}; it must be a text or None"
        raise TypeError(msg)
    return label


def check_color(color: Any, name: str) -> Any:
    """Check one colour."""
    from matplotlib.colors import is_color_like

    if not is_color_like(color):
        msg = f'{name} is {color!r}; it must be a colour such as "red" or (1, 0, 0)'
        raise ValueError(msg)
    return color


def check_decimals(decimals: Any) -> int | None:
    """Check a number of decimals; None for as many as it takes."""
    if decimals is None:
        return None
    if isinstance(decimals, (bool, np.bool_)) or not isinstance(
        decimals, (int, np.integer)
    ):
        msg = f"decimals is {decimals!r}; it must be an integer or None"
        raise TypeError(msg)
    if not 0 <= decimals <= _MOST_DECIMALS:
        msg = f"decimals is {decimals}; it must be 0 to {_MOST_DECIMALS}"
        raise ValueError(msg)
    return int(decimals)


def check_text_size(size: Any) -> float:
    """Return the size of a text in points; matplotlib has names for some."""
    from matplotlib.font_manager import FontProperties

    points = math.nan
    if isinstance(size, str):
        with contextlib.suppress(ValueError):
            points = float(FontProperties(size=size).get_size_in_points())
    elif isinstance(size, numbers.Real):
        points = float(size)
    if not 0 < points < math.inf:
        msg = (
            f'size is {size!r}; it must be a number of points or a name such as "large"'
        )
        raise ValueError(msg)
    return points


def check_interpolation(resampling_interpolation: Any) -> bool:
    """Check the name of an interpolation; True for one that blends voxels."""
    allowed = ("nearest", "linear", "continuous")
    if resampling_interpolation not in allowed:
        msg = (
            f"resampling_interpolation is {resampling_interpolation!r}; it must be one "
            f"of {', '.join(map(repr, allowed))}"
        )
        raise ValueError(msg)
    return bool(resampling_interpolation != "nearest")


def check_imshow_kwargs(kwargs: dict[str, Any], function: Any) -> None:
    """Refuse keywords that would move voxels, and unknown ones."""
    if not kwargs:
        return
    from matplotlib.artist import ArtistInspector
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

    for name in ("extent", "origin", "norm"):
        if name in kwargs:
            msg = f"{name} cannot be given: the plot sets it"
            raise TypeError(msg)
    own = set(inspect.signature(function).parameters)
    known = own | set(inspect.signature(Axes.imshow).parameters)
    known |= set(ArtistInspector(AxesImage).get_setters())
    for name in kwargs:
        if name in known:
            continue
        nearest = difflib.get_close_matches(name, sorted(known), 1)
        msg = f"{function.__name__} has no argument {name!r}"
        if nearest:
            msg += f"; is {nearest[0]!r} meant?"
        raise TypeError(msg)
