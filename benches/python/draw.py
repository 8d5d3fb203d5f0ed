"""Draw voxels per second by tool and size of the map, from a record."""

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
ROW = re.compile(
    r"\| threshold and filter clusters, (?P<size>[^|,]+) "
    r"\| (?P<ours>[\d.e+]+) ms \| (?P<theirs>[\d.e+]+) ms \((?P<tool>[^)]+)\) \|"
)


def rates(record: str) -> dict[str, dict[int, float]]:
    """Read million voxels per second, by tool and number of voxels."""
    found: dict[str, dict[int, float]] = {}
    for row in ROW.finditer(record):
        if row["size"] not in SIZES:
            continue
        voxels = prod(SIZES[row["size"]])
        for tool, time in (("nithresh", row["ours"]), (row["tool"], row["theirs"])):
            found.setdefault(tool, {})[voxels] = voxels / float(time) / 1000
    return found


def main() -> None:
    """Read a record and write the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("record", type=Path)
    parser.add_argument("figure", type=Path)
    options = parser.parse_args()
    figure, axes = plt.subplots(figsize=(8, 3.2), layout="constrained")
    for tool, rate in rates(options.record.read_text()).items():
        axes.plot(*zip(*sorted(rate.items()), strict=True), "o-", label=tool)
    voxels = [prod(shape) for shape in SIZES.values()]
    axes.set(
        xscale="log",
        yscale="log",
        ylabel="million voxels per second",
        title="Threshold a map and drop clusters below 10 voxels",
    )
    axes.set_xticks(
        voxels, [f"{name}\n{n:,}" for name, n in zip(SIZES, voxels, strict=True)]
    )
    axes.minorticks_off()
    axes.set_xlim(voxels[0] / 2, voxels[-1] * 2)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    axes.grid(alpha=0.3)
    figure.savefig(options.figure, dpi=150)


if __name__ == "__main__":
    main()
