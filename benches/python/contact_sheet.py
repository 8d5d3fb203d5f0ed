"""Draw modes, sizes and kinds of map beside nilearn's, to be looked at.

python benches/python/contact_sheet.py FOLDER

Each picture has ours on the left and nilearn's on the right, at the resolution of
print (100 dots per inch on a screen are the printed size).
"""

import argparse
import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import nibabel as nib
import nilearn.plotting
import numpy as np
from matplotlib import pyplot as plt

import nithresh
from nithresh import datasets
from nithresh.plotting import plot_clusters, plot_stat_map

SAMPLE = datasets.load_sample_motor_activation_image()
CUT = (36, -25, 52)
MM = 1 / 25.4
SHEETS: dict[str, dict[str, dict[str, Any]]] = {
    "modes": {
        mode: {"display_mode": mode, "threshold": 3, "title": f"{mode}, z >= 3"}
        for mode in ("ortho", "tiled", "mosaic", "x", "y", "z", "xz", "yx", "yz")
    },
    "maps": {
        "two_signs": {"threshold": 3, "cut_coords": CUT},
        "no_threshold": {"cut_coords": CUT, "title": "no threshold"},
        "black": {"threshold": 3, "cut_coords": CUT, "black_bg": True},
        "no_background": {"threshold": 3, "cut_coords": CUT, "bg_img": None},
        "cold_hot": {"threshold": 3, "cut_coords": CUT, "cmap": "cold_hot"},
        "limits": {"threshold": 3, "cut_coords": CUT, "vmax": 5},
        "inferno": {"threshold": 3, "cut_coords": CUT, "vmin": 3, "cmap": "inferno"},
        "transparency": {"cut_coords": CUT, "transparency": SAMPLE},
        "radiological": {"threshold": 3, "cut_coords": CUT, "radiological": True},
    },
}
SIZES = {
    "column_85_mm": (85 * MM, 42 * MM),
    "page_180_mm": (180 * MM, 80 * MM),
    "square_85_mm": (85 * MM, 85 * MM),
}


def pixels(draw: Callable[[], Any], dpi: float) -> np.ndarray:
    """Draw a figure and return its picture."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        draw()
        figure = plt.gcf()
        figure.savefig(file, dpi=dpi)
    plt.close("all")
    return plt.imread(io.BytesIO(file.getvalue()))[..., :3]


def beside(pictures: list[np.ndarray]) -> np.ndarray:
    """Put pictures next to each other on grey."""
    height = max(len(picture) for picture in pictures)
    padded = [
        np.pad(
            picture,
            ((0, height - len(picture)), (0, 12), (0, 0)),
            constant_values=0.8,
        )
        for picture in pictures
    ]
    return np.concatenate(padded, axis=1)


def pair(words: dict[str, Any], size: tuple[float, float] | None, dpi: float) -> Any:
    """Draw ours and nilearn's."""

    def drawing(plot: Callable[..., Any]) -> Callable[[], Any]:
        def draw() -> Any:
            place = {} if size is None else {"figure": plt.figure(figsize=size)}
            return plot(SAMPLE, **words, **place)

        return draw

    both = (plot_stat_map, nilearn.plotting.plot_stat_map)
    return beside([pixels(drawing(plot), dpi) for plot in both])


def subplots(plot: Callable[..., Any]) -> Callable[[], Any]:
    """Draw three maps below each other."""

    def draw() -> None:
        _, axes = plt.subplots(3, 1, figsize=(8, 13))
        for ax, title in zip(axes, ("without", "before", "while drawing"), strict=True):
            plot(SAMPLE, title=f"threshold {title}", axes=ax, cut_coords=CUT)

    return draw


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for sheet, entries in SHEETS.items():
        for name, words in entries.items():
            plt.imsave(folder / f"{sheet}_{name}.png", pair(words, None, 60))
    words = {"threshold": 3, "cut_coords": CUT, "title": "left minus right, z >= 3"}
    for name, size in SIZES.items():
        plt.imsave(folder / f"size_{name}.png", pair(words, size, 150))
    both = (plot_stat_map, nilearn.plotting.plot_stat_map)
    three = beside([pixels(subplots(plot), 60) for plot in both])
    plt.imsave(folder / "subplots.png", three)
    many = {"display_mode": "z", "cut_coords": 40, "threshold": 3}
    plt.imsave(folder / "many.png", pixels(lambda: plot_stat_map(SAMPLE, **many), 80))
    clusters = nithresh.find_clusters(SAMPLE, 3, cluster_threshold=5)
    for n in (2, 6, 12):
        plt.imsave(
            folder / f"clusters_{n}.png",
            pixels(lambda n=n: plot_clusters(clusters, n, title="clusters"), 80),
        )
    data = np.asarray(nib.load(SAMPLE).dataobj)[::2, ::2, ::2]
    rodent = nib.Nifti1Image(data, np.diag([0.2, 0.2, 0.2, 1]))
    row = {"bg_img": None, "display_mode": "y", "cut_coords": 5, "threshold": 2}
    plt.imsave(folder / "rodent.png", pixels(lambda: plot_stat_map(rodent, **row), 80))


if __name__ == "__main__":
    main()
