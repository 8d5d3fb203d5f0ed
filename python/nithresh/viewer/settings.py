"""What the scripts of a page need to know, and the arrays that they look up."""

from __future__ import annotations

import dataclasses
import shlex
from typing import TYPE_CHECKING, Any

import numpy as np

from nithresh._numbers import in_full
from nithresh._rules import check_rules
from nithresh.grids import determinant
from nithresh.plotting.cmaps import is_diverging
from nithresh.plotting.colorbar import centred, color_limits
from nithresh.plotting.maps import Template, open_background
from nithresh.plotting.stat_map import view_of
from nithresh.viewer.data import (
    Slider,
    greys_of,
    lookup_of,
    packed,
    place_of,
    ramp_of,
    shades_of,
    tree_of,
)

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

    from nithresh.plotting.maps import Background
    from nithresh.viewer.prepare import Prepared

__all__ = ["controls_of", "settings_of", "style_of"]

_TALLEST = 440  # pixels of a slice
_NARROW = 600  # pixels of a page
_STOPS = 64  # colours of the bar
_MARGIN = 1.0  # mm around what a panel shows, as in plot_stat_map


def settings_of(prepared: Prepared) -> tuple[dict[str, Any], str]:
    """Return the settings, as JSON can hold them, and the arrays as one text."""
    stat_map, values = prepared.stat_map, prepared.values
    affine = prepared.opened.affine
    background = open_background(prepared.bg_img)
    # All that the slider can show lies in the panels.
    everything = dataclasses.replace(stat_map, kept=stat_map.raw)
    view = view_of(everything, background) + np.array([-_MARGIN, _MARGIN])
    arrays = {
        "values": values,
        **tree_of(values, prepared.request.connectivity),
        "ramp": ramp_of(prepared.cmap),
    }
    behind = None
    if background.volume is not None:
        arrays["background"], levels = greys_of(background.volume)
        behind = place_of(background.volume, view, per_voxel=1)
        for name, black in (("dark", True), ("light", False)):
            behind[name] = shades_of(
                levels, _lit(prepared.bg_img, background, black=black)
            )
    data, layout = packed(arrays)
    limits = color_limits(stat_map.low, stat_map.high)
    if is_diverging(prepared.cmap):
        limits = centred(limits, None, None)
    settings = {
        "arrays": layout,
        "lookup": lookup_of(prepared.request, prepared.opened.data.dtype, values.shape),
        "map": place_of(stat_map.raw, view, per_voxel=2),
        "background": behind,
        "isBlack": background.black if _is_lit_once(prepared.bg_img) else None,
        "affine": affine[:3].tolist(),
        "voxelVolume": abs(determinant(affine)),
        "view": view.tolist(),
        "cuts": prepared.cuts,
        "limits": _apart(limits.vmin, limits.vmax),
        "bar": _apart(limits.bar_min, limits.bar_max),
        "lowest": prepared.lowest,
        "texts": _texts(prepared),
    }
    return settings, data


def controls_of(prepared: Prepared) -> dict[str, str]:
    """Return what the controls say when the page opens, as HTML."""
    values, request, lowest = prepared.values, prepared.request, prepared.lowest
    highest = max(float(values.max()), -float(values.min()), lowest) or 1.0
    threshold = min(abs(prepared.level), np.finfo(np.float64).max)
    # A threshold beyond the map stands in the number alone: its clusters are none.
    slider = Slider.over(lowest, highest)
    ends = f'max="{in_full(slider.high)}" step="{in_full(slider.step)}"'
    own = f'value="{in_full(threshold)}"'
    sign = 0 if request.two_sided else -1 if prepared.level < 0 else 1
    signs = {0: "both", 1: "positive", -1: "negative"}
    return {
        "slider": f'min="{in_full(slider.low)}" {ends} {own}',
        "threshold": f'min="{in_full(lowest)}" step="{in_full(slider.step)}" {own}',
        "extent": str(request.cluster_threshold),
        "signs": "".join(
            f'<option value="{number}"{" selected" * (number == sign)}>{name}</option>'
            for number, name in signs.items()
        ),
    }


def style_of(settings: dict[str, Any], cmap: Colormap) -> str:
    """Return the style of a map: the sizes of its slices, the colours of its bar.

    All slices have one scale: in a row, or the third below where it is narrow.
    """
    sizes = np.diff(settings["view"])[:, 0].tolist()
    widths, heights = [sizes[1], sizes[0], sizes[0]], [sizes[2], sizes[2], sizes[1]]
    widest = _TALLEST / max(heights) * sum(widths)
    lines = [f"#panels {{ max-width: {widest:.0f}px; }}"]
    for name, width, height in zip("xyz", widths, heights, strict=True):
        part = 99.9 * width / sum(widths)
        lines.append(
            f"#{name} {{ width: {part:.3f}%; aspect-ratio: {width} / {height}; }}"
        )
    lines.append(f"@media (max-width: {_NARROW}px) {{")
    for name, width in zip("xyz", widths, strict=True):
        lines.append(f"#{name} {{ width: {99.9 * width / sum(widths[:2]):.3f}%; }}")
    (low, high), (start, end) = settings["limits"], settings["bar"]
    shades = (np.linspace(start, end, _STOPS) - low) / (high - low) * 255
    ramp = ramp_of(cmap)[np.rint(shades.clip(0, 255)).astype(int)]
    colours = ", ".join(f"rgb({r} {g} {b})" for r, g, b in ramp.tolist())
    gradient = f"linear-gradient(90deg, {colours})"
    return "\n".join([*lines, "}", f"#bar div {{ background: {gradient}; }}"])


def _apart(low: float, high: float) -> list[float]:
    """Return two ends; a map of nothing but zeros has colours, too."""
    return [low, high if high > low else low + 1.0]


def _is_lit_once(bg_img: Any) -> bool:
    """Whether it is light or dark behind the brain whatever the reader's screen is."""
    return not (isinstance(bg_img, Template) or bg_img is None or bg_img is False)


def _lit(bg_img: Any, background: Background, *, black: bool) -> Background:
    """Return the background as it is on black or on white."""
    return (
        background if _is_lit_once(bg_img) else open_background(bg_img, black_bg=black)
    )


def _texts(prepared: Prepared) -> dict[str, Any]:
    """Return the call and the command that give the table, around what may change.

    Files by their names alone: folders tell of whoever made the page.
    """
    choices, request = prepared.choices, prepared.request
    source, mask, volume = choices["input"], choices["mask"], choices["volume"]
    image = "img" if source is None else repr(source["name"])
    if volume is not None:
        image = image if source is None else f"nithresh.load({image})"
        image += f".slicer[..., {volume}]"
    rules = check_rules(request.rules)
    end = f", connectivity={request.connectivity}"
    options = f" --connectivity {request.connectivity}"
    if request.rules is not None:
        end += f", rules={request.rules!r}"
        options += f" --rules {request.rules}"
    is_said = request.comparison != rules.comparison
    if is_said:
        end += f", comparison={request.comparison!r}"
    has_mask = prepared.opened.inside is not None
    if has_mask:
        end += f", mask_img={'mask_img' if mask is None else repr(mask['name'])}"
    if mask is not None:
        options += f" --mask {_as_word(mask['name'])}"
    command = None
    has_files = source is not None and (mask is not None or not has_mask)
    if has_files and volume is None and not is_said:
        command = [f"nithresh clusters {_as_word(source['name'])} ", options]
    return {
        "python": [f"nithresh.find_clusters({image}, ", f"{end})"],
        "command": command,
        "isOneSided": not rules.two_sided,
    }


def _as_word(name: str) -> str:
    """Return the name of a file as a shell takes it, and no command for an option."""
    return shlex.quote(f"./{name}" if name.startswith("-") else name)
