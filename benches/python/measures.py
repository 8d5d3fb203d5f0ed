"""What is measured, each with what it is compared to and its target."""

import importlib
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import maps
import nibabel
import nilearn.image
import nilearn.plotting
import numpy as np
from maps import EXTENT, SAMPLE_THRESHOLD, SMOOTH_THRESHOLD
from matplotlib import pyplot as plt
from nibabel.nifti1 import Nifti1Image
from rows import Row, beyond, require_same, timed
from timing import Call

import nithresh
from nithresh import datasets

FILES = 100
WORKERS = 2


def images() -> Iterator[Row]:
    """threshold_img of images in memory, against nilearn's."""
    sample = maps.in_memory(datasets.load_sample_motor_activation_image())
    smooth = maps.smooth(maps.SHAPE_2MM)
    share = maps.share_above(smooth, SMOOTH_THRESHOLD)
    yield Row(f"(of the smooth map {100 * share:.1f} % of the voxels pass)")
    calls = [
        ("sample map, no clusters", sample, SAMPLE_THRESHOLD, 0, 5),
        ("sample map, clusters", sample, SAMPLE_THRESHOLD, EXTENT, 150),
        ("smooth 2 mm map, no clusters", smooth, SMOOTH_THRESHOLD, 0, None),
        ("smooth 2 mm map, clusters", smooth, SMOOTH_THRESHOLD, EXTENT, 100),
    ]
    for what, image, threshold, extent, least in calls:

        def ours(image=image, threshold=threshold, extent=extent):
            return nithresh.threshold_img(image, threshold, extent)

        def theirs(image=image, threshold=threshold, extent=extent):
            return nilearn.image.threshold_img(image, threshold, extent)

        require_same(ours().dataobj, theirs().dataobj)
        yield timed(f"threshold_img, {what}", "nilearn", ours, theirs, least)


def plots() -> Iterator[Row]:
    """plot_stat_map of the sample map, against nilearn's."""
    try:
        plot = importlib.import_module("nithresh.plotting").plot_stat_map
    except ImportError as error:
        yield Row(f"plot_stat_map: skipped, no nithresh.plotting ({error})")
        return
    image = maps.in_memory(datasets.load_sample_motor_activation_image())
    folder = tempfile.TemporaryDirectory()
    figure = str(Path(folder.name, "figure.png"))
    options = {"cut_coords": [5, -26, 21], "display_mode": "ortho"}

    def plotted(plot: Callable[..., object]) -> None:
        plot(image, **options)
        plt.close("all")

    def saved(plot: Callable[..., object]) -> None:
        plot(image, **options).savefig(figure)
        plt.close("all")

    theirs = nilearn.plotting.plot_stat_map
    for what, draw, least in [
        ("plot_stat_map, given cuts", plotted, 2.5),
        ("plot_stat_map, given cuts, and savefig", saved, None),
    ]:
        yield timed(
            what,
            "nilearn",
            lambda draw=draw: draw(plot),
            lambda draw=draw: draw(theirs),
            least,
        )
    folder.cleanup()


def imports() -> Iterator[Row]:
    """How much longer a fresh process takes for nithresh than for nibabel."""
    ours, theirs = (
        [sys.executable, "-c", f"import {name}"] for name in ("nithresh", "nibabel")
    )
    yield beyond("import in a fresh process", "import nibabel", ours, theirs, 20)


def memory() -> Iterator[Row]:
    """Growth of a fresh process's memory in one call, in sizes of the result."""
    script = str(Path(__file__).with_name("peak_memory.py"))
    with tempfile.TemporaryDirectory() as folder:
        map_file = str(Path(folder, "map.npy"))
        np.save(map_file, np.asfortranarray(maps.smooth(maps.SHAPE_1MM).dataobj))

        def growth(package: str) -> float:
            command = [sys.executable, script, package, map_file]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            return float(done.stdout)

        ours = [growth("nithresh") for _ in range(2)]
        theirs = growth("nilearn")
    yield Row(
        "peak memory of threshold_img, 1 mm map, clusters",
        f"{ours[0]:.3g} results",
        f"{theirs:.3g} results (nilearn)",
        f"{ours[0]:.3g}",
        f"{ours[1]:.3g}",
        "<= 1.25",
        max(ours) <= 1.25,
    )


def files() -> Iterator[Row]:
    """A gzipped 2 mm map from disk to disk, against nibabel and nilearn."""
    image = maps.smooth(maps.SHAPE_2MM)
    image = Nifti1Image(np.asarray(image.dataobj), image.affine)
    with tempfile.TemporaryDirectory() as folder:
        path, path_of_ours, path_of_theirs = (
            Path(folder, f"{name}.nii.gz") for name in ("map", "ours", "theirs")
        )
        nibabel.save(image, path)
        yield timed(
            "load a 2 mm .nii.gz",
            "nibabel",
            lambda: np.asarray(nithresh.load(path).dataobj),
            lambda: np.asarray(nibabel.load(path).dataobj),
        )
        yield timed(
            "save a 2 mm .nii.gz",
            "nibabel",
            lambda: nithresh.save(image, path_of_ours),
            lambda: nibabel.save(image, path_of_theirs),
        )
        yield timed(
            "load and save a 2 mm .nii.gz",
            "nibabel",
            lambda: nithresh.save(nithresh.load(path), path_of_ours),
            lambda: nibabel.save(nibabel.load(path), path_of_theirs),
            2.5,
        )
        sizes = [p.stat().st_size / 1e6 for p in (path_of_ours, path_of_theirs)]
        yield Row(
            "size of that file",
            f"{sizes[0]:.2f} MB",
            f"{sizes[1]:.2f} MB (nibabel)",
            f"{sizes[0] / sizes[1]:.3f}",
            target="<= 1.05",
            met=sizes[0] <= 1.05 * sizes[1],
        )
        yield timed(
            "load, threshold_img with clusters, save",
            "nibabel + nilearn",
            lambda: threshold_file(nithresh, nithresh, path, path_of_ours),
            lambda: threshold_file(nibabel, nilearn.image, path, path_of_theirs),
            4,
        )
        kept = [nibabel.load(p).dataobj for p in (path_of_ours, path_of_theirs)]
        require_same(*kept)


def threshold_file(files: Any, images: Any, source: Path, target: Path) -> None:
    """Threshold a file with one library for files and one for images."""
    image = files.load(source)
    files.save(images.threshold_img(image, SMOOTH_THRESHOLD, EXTENT), target)


def threshold_file_with_nilearn(source: Path, target: Path) -> None:
    """Threshold a file in a process that knows this module by name alone."""
    threshold_file(nibabel, nilearn.image, source, target)


def batch() -> Iterator[Row]:
    """Many gzipped 2 mm maps from disk to disk, against processes of nilearn."""
    base = maps.smooth(maps.SHAPE_2MM)
    with tempfile.TemporaryDirectory() as name:
        folders = {part: Path(name, part) for part in ("maps", "ours", "theirs")}
        for folder in folders.values():
            folder.mkdir()
        for number in range(FILES):
            data = np.asfortranarray(np.roll(base.dataobj, number, axis=0))
            image = Nifti1Image(data, base.affine)
            nibabel.save(image, folders["maps"] / f"{number}.nii.gz")

        def pairs(part: str) -> list[tuple[Path, Path]]:
            sources = sorted(folders["maps"].iterdir())
            return [(source, folders[part] / source.name) for source in sources]

        def ours() -> None:
            nithresh.threshold_files(
                pairs("ours"), SMOOTH_THRESHOLD, cluster_threshold=EXTENT, jobs=WORKERS
            )

        def theirs() -> None:
            task = joblib.delayed(threshold_file_with_nilearn)
            joblib.Parallel(WORKERS)(task(*pair) for pair in pairs("theirs"))

        # Their processes start and all import before anything counts; a run is long
        # enough to be timed by itself.
        times = [(_seconds(ours), _seconds(theirs)) for _ in range(3)][1:]
        for (_, mine), (_, other) in zip(pairs("ours"), pairs("theirs"), strict=True):
            require_same(nibabel.load(mine).dataobj, nibabel.load(other).dataobj)
    ratios = [other / mine for mine, other in times]
    yield Row(
        f"threshold_files, {FILES} maps of 2 mm, {WORKERS} jobs",
        f"{times[0][0]:.3g} s",
        f"{times[0][1]:.3g} s (nibabel + nilearn, joblib, {WORKERS} processes)",
        f"{ratios[0]:.3g}x",
        f"{ratios[1]:.3g}x",
        ">= 8x",
        min(ratios) >= 8,
    )


def _seconds(call: Call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main_rows() -> Iterator[Row]:
    """Measure everything, one row after the other."""
    warnings.simplefilter("ignore")
    for part in (imports, memory, images, plots, files, batch):
        yield from part()
