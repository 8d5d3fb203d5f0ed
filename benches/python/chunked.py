"""Clusters of a volume that does not fit into memory: time, peak memory, and a peer.

Run as ``chunked.py [--side 2048] [--chunk 256] [--dtype uint8]``. The volume is made on
the fly, so that no disk is measured; ``made`` is what it costs to make it alone. The
peer, ``dask_image.ndmeasure.label``, gets a volume of ``--peer-side`` in the same
chunks, because it would take an hour for the large one. Linux only, as
``peak_memory.py`` is.
"""

import argparse
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
from peak_memory import kibibytes

import nithresh.dask as chunked

THRESHOLD = 200


def volume(side: int, chunk: int, dtype: str) -> da.Array:
    """Waves of three directions and a hash of the indices: blobs, tubes and specks.

    Some 5 % of the voxels reach the threshold, and one of 65 536 by itself. Integers
    all the way, so that it costs little and is the same on every machine.
    """
    length = 256
    wave = (60 * np.sin(2 * np.pi * np.arange(length) / length)).astype(np.int16)

    def make(block_info: Any = None) -> np.ndarray:
        where = block_info[None]["array-location"]
        i, j, k = np.ogrid[tuple(slice(*bounds) for bounds in where)]
        data = wave[3 * i % length] + wave[(2 * j + i) % length]
        data = data + wave[(3 * k + j // 2) % length]
        i, j, k = (part.astype(np.uint16) for part in (i, j, k))
        specks = (i * np.uint16(40503)) ^ (j * np.uint16(30011)) ^ (k * np.uint16(59))
        data[specks == 5] = 120
        return np.clip(data + np.int16(80), 0, 250).astype(dtype)

    chunks = da.core.normalize_chunks(chunk, (side,) * 3)
    return da.map_blocks(make, chunks=chunks, meta=np.empty((0, 0, 0), dtype))


class Peak:
    """The most memory that this process holds, looked at all the time."""

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")
        self.before = kibibytes("VmRSS")

    def gigabytes(self) -> float:
        """Say how far the memory has grown at most."""
        return 1024 * (kibibytes("VmHWM") - self.before) / 1e9


def measured(what: str, call: Callable[[], Any], voxels: int) -> tuple[Any, float]:
    """Print the time and the peak of a call."""
    peak, start = Peak(), time.perf_counter()
    result = call()
    seconds = time.perf_counter() - start
    print(
        f"| {what} | {seconds:.1f} s | {voxels / seconds / 1e6:.0f} M voxels/s | "
        f"{peak.gigabytes():.2f} GB |",
        flush=True,
    )
    return result, seconds


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--chunk", type=int, default=256)
    parser.add_argument("--dtype", default="uint8")
    parser.add_argument("--peer-side", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    words = parser.parse_args()
    dask.config.set(scheduler="threads", num_workers=words.threads)
    # Imports and threads.
    chunked.label(da.ones((100, 100, 100), chunks=50), 1)

    array = volume(words.side, words.chunk, words.dtype)
    print(f"{array}, {words.threads} threads\n")
    print("| what | time | speed | memory |")
    print("|---|--:|--:|--:|")
    voxels = array.size
    measured("made", lambda: array.max().compute(), voxels)
    words_of_all = {"connectivity": 26, "cluster_threshold": 20}
    (_, count), _ = measured(
        "label, first pass", lambda: chunked.label(array, THRESHOLD), voxels
    )
    found, _ = measured(
        "find_clusters, 26, the table",
        lambda: chunked.find_clusters(array, THRESHOLD, **words_of_all),
        voxels,
    )
    kept, _ = measured(
        "thresholded, second pass",
        lambda: (found.thresholded != 0).sum().compute(),
        voxels,
    )
    if kept != found.table["extent"].sum():
        msg = "the second pass keeps other voxels than the table counts"
        raise RuntimeError(msg)
    print(f"\n{count} clusters with 6 neighbours, {len(found)} of 20 voxels with 26\n")
    if words.peer_side:
        beside_dask_image(words)


def beside_dask_image(words: argparse.Namespace) -> None:
    """Label a volume with dask-image too, and compare the extents of all clusters."""
    from dask_image import ndmeasure

    array = volume(words.peer_side, words.chunk, words.dtype)

    def ours() -> np.ndarray:
        labels, count = chunked.label(array, THRESHOLD)
        return _extents(labels, count)

    def theirs() -> np.ndarray:
        labels, count = ndmeasure.label(array >= THRESHOLD)
        return _extents(labels, int(count))

    print(f"{array}, labelled and counted\n")
    print("| what | time | speed | memory |")
    print("|---|--:|--:|--:|")
    extents, seconds = measured("nithresh.dask.label", ours, array.size)
    others, of_other = measured("dask_image.ndmeasure.label", theirs, array.size)
    if not np.array_equal(np.sort(extents), np.sort(others)):
        msg = "the extents differ, so the times say nothing"
        raise RuntimeError(msg)
    if not (np.diff(extents) <= 0).all():
        msg = "clusters are not numbered by their extents"
        raise RuntimeError(msg)
    ratio = of_other / seconds
    print(f"\n{len(extents)} clusters; {ratio:.1f} times as fast (target: 5)")


def _extents(labels: da.Array, count: int) -> np.ndarray:
    """Count the voxels of each cluster, one chunk after the other."""
    extents, lock = np.zeros(count + 1, np.int64), threading.Lock()

    def add(block: np.ndarray) -> np.ndarray:
        labelled = block[block > 0]
        found, counts = np.unique(labelled, return_counts=True)
        with lock:
            extents[found] += counts
        return np.zeros((1, 1, 1), np.bool_)

    ones = tuple((1,) * blocks for blocks in labels.numblocks)
    counted = labels.map_blocks(add, chunks=ones, meta=np.empty((0, 0, 0), np.bool_))
    counted.compute()
    return extents[1:]


if __name__ == "__main__":
    main()
