"""Two versions of nithresh side by side: ``python versions.py BEFORE AFTER``.

Each is a checkout with its extension built in place. Both are in one process and take
turns call by call, so that a busy moment of the machine meets both. The table is for
``benches/record``.
"""

import gc
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

# Both run about this long for each row, in samples of as many calls as take so long.
SECONDS, FEWEST = 6.0, 20
SAMPLE_SECONDS = 0.0003
ROW = "| {:50} | {:>10} | {:>10} | {:>6} | {:>6} |"


def calls() -> dict[str, Callable[[], object]]:
    """Make the calls; both versions have all of them."""
    import maps
    import numpy as np

    import nithresh
    from nithresh.plotting import plot_stat_map

    sample = maps.in_memory(nithresh.datasets.load_sample_motor_activation_image())
    smooth, fine = maps.smooth(maps.SHAPE_2MM), maps.smooth(maps.SHAPE_1MM)
    small = np.asfortranarray(sample.dataobj)
    array, large = (np.asfortranarray(image.dataobj) for image in (smooth, fine))
    noise = np.random.default_rng(0).random(maps.SHAPE_2MM, np.float32)
    level, high, extent = maps.SAMPLE_THRESHOLD, maps.SMOOTH_THRESHOLD, maps.EXTENT
    file = Path(tempfile.mkdtemp(), "map.nii.gz")
    nithresh.save(smooth, file)

    def plot() -> None:
        from matplotlib import pyplot as plt

        plot_stat_map(sample, cut_coords=[5, -26, 21], display_mode="ortho")
        plt.close("all")

    threshold, threshold_img = nithresh.threshold, nithresh.threshold_img
    return {
        "threshold_img, sample map": lambda: threshold_img(sample, level),
        "threshold_img, sample map, clusters": lambda: threshold_img(
            sample, level, extent
        ),
        "threshold_img, sample map, 95 %": lambda: threshold_img(sample, "95%"),
        "threshold_img, smooth 2 mm map": lambda: threshold_img(smooth, high),
        "threshold_img, smooth 2 mm map, clusters": lambda: threshold_img(
            smooth, high, extent
        ),
        "threshold, sample map, clusters": lambda: threshold(
            small, level, cluster_threshold=extent
        ),
        "threshold, smooth 2 mm array": lambda: threshold(array, high),
        "threshold, smooth 2 mm array, clusters": lambda: threshold(
            array, high, cluster_threshold=extent
        ),
        "threshold, smooth 1 mm array, clusters": lambda: threshold(
            large, high, cluster_threshold=extent
        ),
        "threshold, white noise, 16 % pass, clusters": lambda: threshold(
            noise, 0.84, cluster_threshold=extent
        ),
        "threshold, smooth 2 mm array, 95 %": lambda: threshold(array, "95%"),
        "find_clusters, sample map at 3": lambda: nithresh.find_clusters(sample, 3),
        "find_clusters, smooth 1 mm map": lambda: nithresh.find_clusters(fine, high),
        "tfce, sample map": lambda: nithresh.tfce(small),
        "tfce, smooth 2 mm map": lambda: nithresh.tfce(array),
        "ClusterTree, smooth 2 mm map": lambda: nithresh.ClusterTree(smooth),
        "load a 2 mm .nii.gz": lambda: nithresh.load(file).get_fdata(),
        "save a 2 mm .nii.gz": lambda: nithresh.save(smooth, file),
        "plot_stat_map, given cuts": plot,
    }


class Version:
    """The modules of a checkout, and its calls."""

    def __init__(self, checkout: str) -> None:
        sys.path.insert(0, str(Path(checkout, "python")))
        self.calls = calls()
        for call in self.calls.values():
            call()
        self.modules = _taken_out()
        del sys.path[0]

    def time(self, name: str, repeats: int) -> float:
        """Time a call, in seconds."""
        _taken_out()
        sys.modules.update(self.modules)  # for calls that import late
        call = self.calls[name]
        start = time.perf_counter()
        for _ in range(repeats):
            call()
        return (time.perf_counter() - start) / repeats


def _taken_out() -> dict[str, ModuleType]:
    names = [name for name in sys.modules if name.partition(".")[0] == "nithresh"]
    return {name: sys.modules.pop(name) for name in names}


def main() -> None:
    """Print a row for each call: how long it takes before, after, and the ratio."""
    before, after = map(Version, sys.argv[1:])
    gc.disable()
    print(ROW.format("call", "before", "after", "ratio", "median"))
    print("|---|--:|--:|--:|--:|")
    for name in before.calls:
        once = min(before.time(name, 1) for _ in range(9))
        repeats = max(1, int(SAMPLE_SECONDS / once))
        times: list[list[float]] = [[], []]
        end = time.perf_counter() + SECONDS
        while time.perf_counter() < end or len(times[0]) < FEWEST:
            turns = [(before, times[0]), (after, times[1])]
            for version, samples in turns[:: 1 if len(times[0]) % 2 else -1]:
                samples.append(version.time(name, repeats))
            gc.collect(0)
        first, last = (sorted(samples) for samples in times)
        # What other programs take is in the slower samples.
        quick, middle = len(first) // 20, len(first) // 2
        print(
            ROW.format(
                name,
                f"{first[quick] * 1e6:.1f} us",
                f"{last[quick] * 1e6:.1f} us",
                f"{last[quick] / first[quick]:.2f}",
                f"{last[middle] / first[middle]:.2f}",
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
