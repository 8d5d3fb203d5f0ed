"""Draw the time of a call by tool and size of the map, from a record.

python benches/python/draw.py benches/record/NAME.md docs/speed.png
"""

import argparse
import re
from math import prod
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import maps
from matplotlib import pyplot as plt

SIZES = {
    "sample map": (53, 63, 46),
    "smooth 2 mm array": maps.SHAPES["2 mm"],
    "smooth 1 mm array": maps.SHAPES["1 mm"],
}
OTHERS = ["numpy + cc3d", "nilearn"]
ROW = re.compile(
    r"\| threshold and filter clusters, (?P<size>[^|,]+) "
    r"\| (?P<ours>[\d.e+]+) ms \| (?P<theirs>[\d.e+]+) ms \((?P<tool>[^)]+)\) "
    r"\| (?P<ratio>[\d.e+]+)x"
)
# Milliseconds.
TICKS = {0.01: "10 µs", 1: "1 ms", 100: "0.1 s", 10_000: "10 s"}


def rows(record: str) -> dict[tuple[str, str], re.Match[str]]:
    """Find the rows of the record that are drawn, by size and other tool."""
    return {(row["size"], row["tool"]): row for row in ROW.finditer(record)}


def main() -> None:
    """Read a record and write the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("record", type=Path)
    parser.add_argument("figure", type=Path)
    options = parser.parse_args()
    found = rows(options.record.read_text())
    figure, panels = plt.subplots(
        1, 3, figsize=(9, 2.7), sharex=True, sharey=True, layout="constrained"
    )
    for axes, (size, shape) in zip(panels, SIZES.items(), strict=True):
        ours = float(found[size, OTHERS[0]]["ours"])
        axes.plot(ours, 0, "o", color="C3", markersize=9)
        for place, tool in enumerate(OTHERS, 1):
            row = found[size, tool]
            time = float(row["theirs"])
            axes.plot([ours, time], [place, place], color="lightgrey", zorder=0)
            axes.plot(time, place, "o", color="dimgrey", markersize=9)
            axes.annotate(
                f"{float(row['ratio']):,.0f}×",
                (time, place),
                (9, 0),
                textcoords="offset points",
                va="center",
            )
        axes.axvline(ours, color="C3", linewidth=0.8, zorder=0)
        axes.set_title(f"{size}\n{prod(shape):,} voxels", fontsize=10)
        axes.set(xscale="log", xlim=(0.01, 5e4), ylim=(2.5, -0.5))
        axes.set_xticks([*TICKS], TICKS.values(), fontsize=9)
        axes.minorticks_off()
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(left=False)
    panels[0].set_yticks(range(3), ["nithresh", *OTHERS])
    figure.suptitle("Time to threshold a map and drop clusters below 10 voxels")
    figure.savefig(options.figure, dpi=130)


if __name__ == "__main__":
    main()
