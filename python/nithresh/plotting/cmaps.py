"""Colour maps by name, with those of nilearn, and which of them are diverging."""

from __future__ import annotations

import functools
import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.colors import Colormap

__all__ = ["colormap", "is_diverging"]

# matplotlib's diverging maps.
_DIVERGING = frozenset(
    [
        "PiYG",
        "PRGn",
        "BrBG",
        "PuOr",
        "RdGy",
        "RdBu",
        "RdYlBu",
        "RdYlGn",
        "Spectral",
        "coolwarm",
        "bwr",
        "seismic",
        "berlin",
        "managua",
        "vanimo",
    ]
)
# Two mirrored halves. The upper half is a map of matplotlib; the lower half is the same
# map reversed, with its channels (red, green, blue) in this order.
_MIRRORED = {
    "cold_hot": ("hot", "bgr"),
    "cold_white_hot": ("hot_r", "bgr"),
    "brown_blue": ("bone", "bgr"),
    "cyan_copper": ("copper", "bgr"),
    "cyan_orange": ("YlOrBr_r", "bgr"),
    "blue_red": ("Reds_r", "bgr"),
    "brown_cyan": ("Blues_r", "bgr"),
    "purple_green": ("Greens_r", "grb"),
    "purple_blue": ("Blues_r", "grb"),
    "blue_orange": ("Oranges_r", "bgr"),
}
# One map of matplotlib with its channels swapped.
_SWAPPED = {
    "black_blue": ("hot", "bgr"),
    "black_purple": ("hot", "gbr"),
    "black_pink": ("hot", "rbg"),
    "black_green": ("hot", "grb"),
    "black_red": ("hot", "rgb"),
}
# Two maps of matplotlib, one after the other.
_JOINED = {
    "ocean_hot": ("ocean", "hot_r"),
    "hot_white_bone": ("afmhot", "bone_r"),
    "hot_black_bone": ("afmhot_r", "bone"),
}
# One colour, from half transparent or from clear to opaque.
_TRANSPARENT = {"red": "r", "green": "g", "blue": "b"}
# Colours at equal steps, of the Connectome Workbench.
_STEPS = {
    "roy_big_bl": (
        "00ffff 00ffff 00ff00 00c800 4b7d00 7d00a0 4b007d 0000aa 000050 000000 "
        "3c0000 640000 960000 c80000 ff0000 ff7800 ffc800 ffff00"
    ),
    "videen_style": (
        "000000 bbbbbb dddddd ffffff ff388d e251e2 10b010 00ff00 00ffff 000000 "
        "660033 33334c 4c4c7f 7f7fcc 00ff00 10b010 ffff00 ff9900 ff6900 ff0000"
    ),
}
_COLORS = 256
_registering = threading.Lock()


def colormap(cmap: Any) -> Colormap:
    """Return a colour map by its name, or as it is; matplotlib's default for None.

    nilearn's names work without nilearn, and matplotlib knows each from its first use
    on. Where nilearn is installed, it registers them itself: it cannot be imported
    where its names are taken.

    Raises
    ------
    ValueError
        There is no such name.
    """
    import matplotlib as mpl

    if cmap is None:
        cmap = mpl.rcParams["image.cmap"]
    if isinstance(cmap, mpl.colors.Colormap):
        return cmap
    if not isinstance(cmap, str):
        msg = f"cmap is {cmap!r}; it must be a matplotlib colormap or its name"
        raise TypeError(msg)
    if cmap not in mpl.colormaps:
        made = _nilearns(cmap)
        if made is not None:
            _register(made)
            return made
    return mpl.colormaps.get_cmap(cmap)


def _register(cmap: Colormap) -> None:
    """Let matplotlib know one of nilearn's colour maps, unless nilearn will do so."""
    from matplotlib import colormaps

    with _registering:
        if cmap.name not in colormaps and find_spec("nilearn") is None:
            colormaps.register(cmap)


def is_diverging(cmap: Colormap) -> bool:
    """Whether a colour map is diverging, so that its centre stands for 0."""
    name = cmap.name.removesuffix("_r")
    return name in _DIVERGING or name in _MIRRORED or name in _JOINED


@functools.cache
def _nilearns(name: str) -> Colormap | None:
    """Make one of nilearn's colour maps; None for other names."""
    from matplotlib.colors import LinearSegmentedColormap, ListedColormap

    forward = name.removesuffix("_r")
    if forward in _STEPS:
        if forward != name:
            return None
        steps = [f"#{color}" for color in _STEPS[name].split()]
        return LinearSegmentedColormap.from_list(name, steps)
    base = name.removesuffix("_transparent_full_alpha_range")
    base = base.removesuffix("_transparent")
    if base in _TRANSPARENT and base != name:
        colors = np.zeros((_COLORS, 4))
        colors[:, "rgb".index(_TRANSPARENT[base])] = 1
        colors[:, 3] = np.linspace(0 if name.endswith("_range") else 0.5, 1, _COLORS)
        return ListedColormap(colors, name=name)
    made = _formula(forward)
    if made is None:
        return None
    return ListedColormap(made if forward == name else made[::-1], name=name)


def _formula(name: str) -> npt.NDArray[np.float64] | None:
    """Return the colours of a map that is made of matplotlib's, shape (n, 3)."""
    half = (np.arange(_COLORS // 2) + 0.5) / (_COLORS // 2)
    whole = np.linspace(0, 1, _COLORS)
    if name in _MIRRORED:
        base, channels = _MIRRORED[name]
        lower = _swapped(base, channels, half[::-1])
        return np.concatenate([lower, _swapped(base, "rgb", half)])
    if name in _SWAPPED:
        return _swapped(*_SWAPPED[name], whole)
    if name in _JOINED:
        return np.concatenate([_swapped(base, "rgb", half) for base in _JOINED[name]])
    return None


def _swapped(
    base: str, channels: str, places: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return colours of a map, each channel taken from the one that is named."""
    from matplotlib import colormaps

    colors: npt.NDArray[np.float64] = colormaps[base](places)
    return colors[:, ["rgb".index(channel) for channel in channels]]
