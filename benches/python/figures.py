"""Measure figures against nilearn's, and the memory of many of them.

python benches/python/figures.py
"""

import gc
import resource
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from nilearn.plotting import plot_stat_map as nilearn_plot

from nithresh import datasets
from nithresh.plotting import plot_stat_map

SAMPLE = datasets.load_sample_motor_activation_image()
WORDS: dict[str, Any] = {"cut_coords": (36, -25, 52), "threshold": 3, "title": "z"}
# Ours must be this many times as fast.
AIMS = {"call": 5.0, "png": 3.0, "png, 300 dpi": 1.5, "svg": 2.0}
FORMATS: dict[str, dict[str, Any] | None] = {
    "call": None,
    "png": {"format": "png"},
    "png, 300 dpi": {"format": "png", "dpi": 300},
    "svg": {"format": "svg", "dpi": 300},
    "pdf": {"format": "pdf", "dpi": 300},
}
ROUNDS = 15
FOLDER = Path(tempfile.mkdtemp())
FIGURES = 200


def figure(plot: Callable[..., Any], saving: dict[str, Any] | None) -> None:
    """Draw a figure, and save it if asked to."""
    display = plot(SAMPLE, **WORDS)
    if saving is not None:
        path = FOLDER / f"figure.{saving['format']}"
        display.savefig(path, **saving)
    plt.close("all")


def seconds(plot: Callable[..., Any], saving: dict[str, Any] | None) -> float:
    """Return how long a figure takes."""
    start = time.perf_counter()
    figure(plot, saving)
    return time.perf_counter() - start


def main() -> None:
    """Measure by turns, and print medians."""
    warnings.simplefilter("ignore")
    print("| figure | nithresh | nilearn | ratio | aim |")
    print("|---|---:|---:|---:|---:|")
    for name, saving in FORMATS.items():
        times: dict[Any, list[float]] = {plot_stat_map: [], nilearn_plot: []}
        for plot in times:
            figure(plot, saving)
        for _ in range(ROUNDS):
            for plot, found in times.items():
                found.append(seconds(plot, saving))
        ours, theirs = (statistics.median(found) * 1e3 for found in times.values())
        aim, ratio = AIMS.get(name, ""), theirs / ours
        print(f"| {name} | {ours:.0f} ms | {theirs:.0f} ms | {ratio:.1f} | {aim} |")
    levels = []
    for number in range(FIGURES):
        figure(plot_stat_map, {"format": "png"})
        if number % 50 == 49:
            gc.collect()
            levels.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    after = ", ".join(f"{level:.0f}" for level in levels)
    print(f"\nMost memory after 50, 100, 150, {FIGURES} figures: {after} MB")


if __name__ == "__main__":
    main()
