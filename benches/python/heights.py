"""Scores without a threshold and clusters at all thresholds, against their peers."""

from collections.abc import Iterator

import cc3d
import maps
import numpy as np
import tfce
from nilearn.mass_univariate._utils import calculate_tfce
from numpy.typing import NDArray
from rows import Row, one_thread, require_same, timed
from scipy import ndimage

import nithresh
from nithresh import datasets

THRESHOLDS = np.linspace(0.5, 4, 100, dtype=np.float32)


def height_rows() -> Iterator[Row]:
    """Measure all of this, one row after the other."""
    for part in (enhancement, trees):
        yield from part()


def enhancement() -> Iterator[Row]:
    """Tfce of arrays, both signs, against the tfce package and nilearn."""
    sample = maps.in_memory(datasets.load_sample_motor_activation_image()).dataobj
    smooth = maps.smooth_array(maps.SHAPE_2MM)
    for what, data in [("sample map", sample), ("smooth 2 mm map", smooth)]:
        for connectivity, axes in [(6, 1), (26, 3)]:
            structure = ndimage.generate_binary_structure(3, axes)

            def ours(data=data, connectivity=connectivity):
                return nithresh.tfce(data, connectivity=connectivity)

            def theirs(data=data, connectivity=connectivity):
                return tfce.tfce(data, connectivity=connectivity)

            def nilearns(data=data, structure=structure):
                return calculate_tfce(data[..., None], structure)

            if not np.allclose(ours(), theirs(), rtol=2e-6, atol=0):
                msg = "the scores differ, so their times say nothing"
                raise RuntimeError(msg)
            label = f"tfce, {what}, {connectivity} neighbours"
            yield timed(label, "tfce", ours, theirs, 4)
            with one_thread():
                yield timed(f"{label}, one thread", "tfce", ours, theirs, 4)
            yield timed(label, "nilearn, 100 steps", ours, nilearns, 80)


def trees() -> Iterator[Row]:
    """The number of clusters at 100 thresholds, against labelling at each."""
    data = maps.smooth_array(maps.SHAPE_2MM)

    def ours() -> NDArray[np.int64]:
        return nithresh.ClusterTree.from_array(data).counts(THRESHOLDS)

    def theirs() -> list[int]:
        return [count_with_cc3d(data, threshold) for threshold in THRESHOLDS]

    require_same(ours(), theirs())
    yield timed(
        "ClusterTree of a smooth 2 mm map, clusters counted at 100 thresholds",
        "numpy + cc3d at each",
        ours,
        theirs,
    )
    tree = nithresh.ClusterTree.from_array(data)
    yield timed(
        "clusters at one threshold, the tree being there",
        "numpy + cc3d, count only",
        lambda: tree.clusters(1.7),
        lambda: count_with_cc3d(data, np.float32(1.7)),
    )


def count_with_cc3d(data: NDArray[np.float32], threshold: np.float32) -> int:
    """Count the clusters of both signs."""
    return sum(
        cc3d.connected_components(
            passing, connectivity=6, binary_image=True, return_N=True
        )[1]
        for passing in (data >= threshold, data <= -threshold)
    )
