"""What a call on arrays costs beside a copy, cc3d and nilearn."""

import itertools
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import cc3d
import maps
import nilearn.image
import numpy as np
from maps import EXTENT, SAMPLE_THRESHOLD, SMOOTH_THRESHOLD
from nibabel.nifti1 import Nifti1Image
from numpy.typing import NDArray
from rows import Row, one_thread, require_same, timed, times
from scipy.stats import scoreatpercentile

import nithresh
from nithresh import datasets

# White noise of which 16 % and 40 % pass, both signs together.
NOISE_THRESHOLDS = {"16 %": 1.405, "40 %": 0.842}
CHECKERBOARD = (160, 160, 160)
VOLUMES = 40
ROTATIONS = 40


def kernel_rows() -> Iterator[Row]:
    """Measure all of this, one row after the other."""
    for part in (
        copies,
        clusters,
        unseen,
        beside_another_program,
        noise,
        checkerboard,
        forms,
        series,
        percentiles,
    ):
        yield from part()


def copies() -> Iterator[Row]:
    """Thresholding and filtering beside a plain copy, by size of the map."""
    for name, shape in maps.SHAPES.items():
        data = maps.smooth_array(shape)
        out, copy = np.zeros_like(data), np.zeros_like(data)
        for what, extent, most in [
            ("threshold", 0, 1.3),
            ("threshold and filter clusters", EXTENT, None if name == "2 mm" else 2),
        ]:

            def ours(data=data, out=out, extent=extent):
                nithresh.threshold(
                    data, SMOOTH_THRESHOLD, cluster_threshold=extent, out=out
                )

            def theirs(data=data, copy=copy):
                np.copyto(copy, data)

            yield times(f"{what}, smooth {name} array", "np.copyto", ours, theirs, most)


def clusters() -> Iterator[Row]:
    """Filtering of clusters against what people use, by size of the map."""
    sample = maps.in_memory(datasets.load_sample_motor_activation_image())
    arrays = {"sample map": (np.asfortranarray(sample.dataobj), SAMPLE_THRESHOLD)}
    for name in ("2 mm", "1 mm"):
        data = maps.smooth_array(maps.SHAPES[name])
        arrays[f"smooth {name} array"] = (data, SMOOTH_THRESHOLD)
    for name, (data, threshold) in arrays.items():
        image = Nifti1Image(data, sample.affine)
        small = data.shape[0] < 100

        def ours(data=data, threshold=threshold):
            return nithresh.threshold(data, threshold, cluster_threshold=EXTENT)

        def with_cc3d(data=data, threshold=threshold):
            return filter_with_cc3d(data, threshold, EXTENT)

        def with_nilearn(image=image, threshold=threshold):
            return nilearn.image.threshold_img(image, threshold, EXTENT)

        require_same(ours(), with_cc3d())
        require_same(ours(), with_nilearn().dataobj)
        what = f"threshold and filter clusters, {name}"
        least = (15, 150) if small else (None, None)
        yield timed(what, "numpy + cc3d", ours, with_cc3d, least[0])
        with one_thread():
            yield timed(f"{what}, one thread", "numpy + cc3d", ours, with_cc3d)
        yield timed(what, "nilearn", ours, with_nilearn, least[1])


def unseen() -> Iterator[Row]:
    """A map that the processor has not just met, against one that it has."""
    sample = maps.in_memory(datasets.load_sample_motor_activation_image())
    known = np.asfortranarray(sample.dataobj)
    others = itertools.cycle(
        [np.asfortranarray(np.roll(known, step, axis=0)) for step in range(ROTATIONS)]
    )
    yield times(
        "threshold and filter clusters, sample map moved on each time",
        "always the same",
        lambda: nithresh.threshold(
            next(others), SAMPLE_THRESHOLD, cluster_threshold=EXTENT
        ),
        lambda: nithresh.threshold(known, SAMPLE_THRESHOLD, cluster_threshold=EXTENT),
    )


def beside_another_program() -> Iterator[Row]:
    """All threads while a program has one of the processors, against one thread."""
    data = maps.smooth_array(maps.SHAPE_2MM)

    def ours() -> None:
        nithresh.threshold(data, SMOOTH_THRESHOLD, cluster_threshold=EXTENT)

    def alone() -> None:
        with one_thread():
            ours()

    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as program:
        try:
            yield times(
                "threshold and filter clusters, smooth 2 mm, beside another program",
                "one thread",
                ours,
                alone,
            )
        finally:
            program.kill()


def noise() -> Iterator[Row]:
    """White noise: runs and clusters everywhere."""
    for size in ("2 mm", "1 mm"):
        data = white_noise(maps.SHAPES[size])
        for share, threshold in NOISE_THRESHOLDS.items():
            masks = (data >= threshold, data <= -threshold)
            for neighbours in (6, 26):

                def ours(data=data, threshold=threshold, neighbours=neighbours):
                    return nithresh.threshold(
                        data,
                        threshold,
                        cluster_threshold=EXTENT,
                        connectivity=neighbours,
                    )

                def theirs(data=data, threshold=threshold, neighbours=neighbours):
                    return filter_with_cc3d(data, threshold, EXTENT, neighbours)

                def labels(masks=masks, neighbours=neighbours):
                    for mask in masks:
                        label_with_cc3d(mask, neighbours)

                require_same(ours(), theirs())
                what = f"white noise, {share} pass, {neighbours} neighbours, {size}"
                yield timed(what, "numpy + cc3d", ours, theirs, 3)
                yield timed(what, "cc3d, labels of ready masks", ours, labels, 1)


def checkerboard() -> Iterator[Row]:
    """The most clusters there can be, against white noise of the same size."""
    board = np.asfortranarray(np.indices(CHECKERBOARD).sum(0) % 2, np.float32)
    other = white_noise(CHECKERBOARD)
    yield times(
        "checkerboard of 160³, filter clusters",
        "white noise of which 16 % pass",
        lambda: nithresh.threshold(board, 0.5, cluster_threshold=EXTENT),
        lambda: nithresh.threshold(other, 1.405, cluster_threshold=EXTENT),
        3,
    )


def forms() -> Iterator[Row]:
    """Other types and orders of the same map, against float32 in Fortran order."""
    base = maps.smooth_array(maps.SHAPES["2 mm"])
    series = np.zeros((*base.shape, 4), np.float32)
    series[..., 1] = base
    others = {
        "float64": base.astype(np.float64),
        "int16": np.rint(base * 1000).astype(np.int16),
        "uint8": np.rint(np.abs(base) * 50).clip(0, 255).astype(np.uint8),
        "C order": np.ascontiguousarray(base),
        "a volume of a series in C order": series[..., 1],
        "reversed axes": base[::-1, ::-1, ::-1],
    }
    scales = {"int16": 1000, "uint8": 50}
    with one_thread():
        for name, data in others.items():
            threshold = SMOOTH_THRESHOLD * scales.get(name, 1)
            yield times(
                f"{name}, smooth 2 mm, filter clusters, one thread",
                "float32 in Fortran order",
                lambda data=data, threshold=threshold: nithresh.threshold(
                    data, threshold, cluster_threshold=EXTENT
                ),
                lambda: nithresh.threshold(
                    base, SMOOTH_THRESHOLD, cluster_threshold=EXTENT
                ),
                1.5 * max(1, data.itemsize / base.itemsize),
            )


def series() -> Iterator[Row]:
    """A series of volumes on all threads, against one."""
    base = maps.smooth_array(maps.SHAPES["2 mm"])
    data = np.asfortranarray(np.repeat(base[..., None], VOLUMES, axis=3))
    out = np.zeros_like(data)

    def ours() -> None:
        nithresh.threshold(data, SMOOTH_THRESHOLD, cluster_threshold=EXTENT, out=out)

    def theirs() -> None:
        with one_thread():
            ours()

    what = f"a series of {VOLUMES} smooth 2 mm volumes"
    yield timed(what, "nithresh, one thread", ours, theirs, 1.7)

    interleaved = np.ascontiguousarray(data)
    into = np.zeros_like(interleaved)

    def in_c_order() -> None:
        nithresh.threshold(
            interleaved, SMOOTH_THRESHOLD, cluster_threshold=EXTENT, out=into
        )

    yield times(f"{what}, in C order", "in Fortran order", in_c_order, ours)


def percentiles() -> Iterator[Row]:
    """The threshold that a percentile stands for."""
    data = maps.smooth_array(maps.SHAPES["1 mm"])

    def ours() -> float:
        return nithresh._core.percentile(data, None, 95, True)  # noqa: SLF001

    def theirs() -> Any:
        return scoreatpercentile(np.abs(data).ravel(order="K"), 95)

    require_same(ours(), theirs())
    yield timed("95 % percentile, smooth 1 mm array", "scipy", ours, theirs, 4)


def white_noise(shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Make noise of variance 1 without any smoothness."""
    rng = np.random.default_rng(20240607)
    return np.asfortranarray(rng.standard_normal(shape, np.float32))


def filter_with_cc3d(
    data: NDArray[np.float32], threshold: float, extent: int, neighbours: int = 6
) -> NDArray[np.float32]:
    """Filter clusters as somebody who knows cc3d would.

    Boolean masks in the order of the map, which cc3d labels as they are; the
    voxels that pass are looked up once, and only they are counted and copied
    (the labels of all voxels would cost more than the labelling).
    """
    out = np.zeros_like(data)
    flat_data, flat_out = data.ravel(order="K"), out.ravel(order="K")
    for passing in (data >= threshold, data <= -threshold):
        labels = label_with_cc3d(passing, neighbours)
        voxels = np.flatnonzero(passing.ravel(order="K"))
        of_voxel = labels.ravel(order="K")[voxels]
        kept = voxels[(np.bincount(of_voxel) >= extent)[of_voxel]]
        flat_out[kept] = flat_data[kept]
    return out


def label_with_cc3d(passing: NDArray[np.bool_], neighbours: int) -> NDArray[Any]:
    """Label clusters."""
    labels: NDArray[Any] = cc3d.connected_components(
        passing, connectivity=neighbours, binary_image=True
    )
    return labels
