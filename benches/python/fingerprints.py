"""Hash every result over a corpus of maps, to compare two builds to the last bit.

Each line names a call and its case and gives a hash of all that came of it, or the
error. Run it with either build and compare::

    PYTHONPATH=old/python python benches/python/fingerprints.py > old.txt
    PYTHONPATH=new/python python benches/python/fingerprints.py > new.txt
    diff old.txt new.txt

The corpus has all types of voxels, memory layouts (C and Fortran order, slices,
reversed and swapped axes, big-endian, interleaved volumes), connectivities, thresholds
and masks, values that tie, and values that are not finite. ``--threads N`` limits the
threads: the hashes are the same with any number.
"""

import argparse
import hashlib
import itertools
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import nibabel
import numpy as np

import nithresh
from nithresh import _core
from nithresh._arrays import as_voxels

DTYPES = ("f4", "f8", "f2", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", ">f4")
SHAPES = (
    (5, 6, 7),
    (1, 1, 1),
    (0, 3, 4),
    (1, 70, 3),
    (65, 3, 2),
    (9, 1, 140),
    (40, 31, 29),
    (6, 5, 4, 3),
    (7, 4, 5, 70),
    (3, 4, 5, 0),
)
# Types that files do not have, or not in this order of bytes.
NOT_FILED = ("f2", "?", ">f4")
KINDS = ("few", "noise", "smooth", "extreme")
THRESHOLDS = (0, 1, 2.0, 2.5, 0.1, "50%", "97.3%", 1e300)
SIDES = ((True, 1), (False, 1), (False, -1))
EXTENTS = (0, 2, 12)
CONNECTIVITIES = (6, 18, 26)


def values(kind: str, shape: tuple[int, ...], dtype: str, seed: int) -> np.ndarray:
    """Make a map of one kind, in C order."""
    rng = np.random.default_rng(seed)
    if kind == "few":
        drawn = rng.integers(-3, 4, shape).astype(float)
    elif kind == "smooth":
        drawn = rng.normal(size=shape)
        for axis in range(min(3, len(shape))):
            for step in (1, 2, 3):
                drawn = drawn + np.roll(drawn, step, axis)
        # The sum of eight for each axis, so that it has about the spread of the others.
        drawn /= 8
    else:
        drawn = rng.normal(scale=2, size=shape)
    kind_of_type = np.dtype(dtype).kind
    with np.errstate(invalid="ignore", over="ignore"):
        if kind_of_type == "u":
            drawn = abs(drawn)
        made = drawn.astype(dtype)
    if kind == "extreme" and made.size:
        where = rng.integers(0, made.size, max(made.size // 9, 1))
        if kind_of_type == "f":
            info: Any = np.finfo(made.dtype)
            some = [
                np.nan,
                np.inf,
                -np.inf,
                info.max,
                info.min,
                info.smallest_subnormal,
            ]
            some += [-0.0, -info.smallest_subnormal]
        elif kind_of_type == "b":
            some = [True, False]
        else:
            info = np.iinfo(made.dtype)
            some = [info.max, info.min, info.min + 1, 0]
        made.reshape(-1)[where] = rng.choice(np.array(some, made.dtype), where.size)
    return made


def layouts(data: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Give the same map in several memory layouts."""
    yield "C", np.ascontiguousarray(data)
    yield "F", np.asfortranarray(data)
    wide = np.full([2 * side for side in data.shape], data.dtype.type(1), data.dtype)
    steps = wide[tuple(slice(None, None, 2) for _ in data.shape)]
    steps[...] = data
    yield "steps", steps
    backwards = np.ascontiguousarray(np.flip(data))
    yield "backwards", np.flip(backwards)
    axes = np.roll(np.arange(data.ndim), 1)
    swapped = np.ascontiguousarray(data.transpose(axes)).transpose(np.argsort(axes))
    yield "swapped", swapped


def masks(shape: tuple[int, ...], seed: int) -> Iterator[tuple[str, Any]]:
    """Give no mask, and one in Fortran order with two voxels of three inside."""
    yield "all", None
    rng = np.random.default_rng(seed + 1)
    yield "mask", np.asfortranarray(rng.random(shape[:3]) < 2 / 3)


def digest(parts: Iterable[Any]) -> str:
    """Hash arrays with their types and shapes, and anything else as text."""
    made = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray) and part.dtype != object:
            head = f"{part.dtype.str}{part.shape}"
            made.update(head.encode() + np.ascontiguousarray(part).tobytes())
        elif isinstance(part, np.ndarray):
            made.update(repr(part.tolist()).encode())
        else:
            made.update(repr(part).encode())
    return made.hexdigest()[:24]


def show(name: str, case: Iterable[Any], call: Callable[[], Iterable[Any]]) -> None:
    """Print the hash of what a call gives, or its error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = digest(call())
        except (TypeError, ValueError, RuntimeError) as error:
            found = f"{type(error).__name__}: {error}"
    said = digest(sorted(str(warning.message) for warning in caught))[:6]
    print(name, *case, found, said if caught else "-")


def show_arrays(case: tuple[Any, ...], data: np.ndarray, mask: Any) -> None:
    """Print what comes of an array at thresholds."""
    words = itertools.product(THRESHOLDS, SIDES, EXTENTS, CONNECTIVITIES)
    for number, (level, (two_sided, sign), extent, connectivity) in enumerate(words):
        # A twelfth of all for each map, each of them for some maps.
        if (number + zlib.crc32(str(case).encode())) % 12:
            continue
        threshold = level if isinstance(level, str) else sign * level
        rules = {
            "two_sided": two_sided,
            "cluster_threshold": extent,
            "connectivity": connectivity,
            "mask": mask,
        }
        own = (*case, threshold, two_sided, extent, connectivity)
        show(
            "threshold",
            own,
            lambda t=threshold, r=rules: [nithresh.threshold(data, t, **r)],
        )

        def in_place(t: Any = threshold, r: dict[str, Any] = rules) -> list[Any]:
            again = data.copy(order="K")
            return [nithresh.threshold(again, t, out=again, **r)]

        show("in_place", own, in_place)
        if data.ndim == 3:
            show(
                "label", own, lambda t=threshold, r=rules: nithresh.label(data, t, **r)
            )


def show_whole(case: tuple[Any, ...], data: np.ndarray, mask: Any) -> None:
    """Print what comes of an array without a threshold."""
    voxels = as_voxels(data, "data")
    inside = mask
    show("summary", case, lambda: _core.summary(voxels, inside))
    for percent, absolute in itertools.product(
        (0, 5, 33.3, 95, 99.9, 100), (True, False)
    ):
        own = (*case, percent, absolute)
        show(
            "percentile",
            own,
            lambda p=percent, a=absolute: [_core.percentile(voxels, inside, p, a)],
        )
    for two_sided, connectivity in itertools.product((True, False), CONNECTIVITIES):
        rules = {"two_sided": two_sided, "connectivity": connectivity, "mask": mask}
        own = (*case, two_sided, connectivity)
        for powers in ({}, {"E": 1.0, "H": 1.0}, {"E": 0.7, "H": 0.0}):
            show(
                "tfce",
                (*own, *powers.values()),
                lambda p=powers, r=rules: [nithresh.tfce(data, **p, **r)],
            )
        if data.ndim == 3:
            show("tree", own, lambda r=rules: tree_of(data, r))


def tree_of(data: np.ndarray, rules: dict[str, Any]) -> Iterator[Any]:
    """Ask a tree for all that it knows."""
    tree = nithresh.ClusterTree.from_array(data, **rules)
    yield from (tree.levels, tree.counts(tree.levels), tree.voxels(tree.levels))
    for level in tree.levels[:: max(len(tree.levels) // 7, 1)]:
        clusters = tree.clusters(float(level))
        yield from vars(clusters).values()


def show_tables(case: tuple[Any, ...], data: np.ndarray, mask: Any) -> None:
    """Print the table of an image, column by column, with its images."""
    affine = np.diag([2.0, 2, 2, 1])
    image = nibabel.Nifti1Image(data, affine, dtype=data.dtype)
    inside = None
    if mask is not None:
        inside = nibabel.Nifti1Image(mask.astype(np.uint8), affine)
    other = nibabel.Nifti1Image(
        np.cbrt(np.arange(data.size)).reshape(data.shape), affine
    )
    for threshold, (two_sided, sign), connectivity in itertools.product(
        (1, 2, "90%"), SIDES, CONNECTIVITIES
    ):
        level = threshold if isinstance(threshold, str) else sign * threshold
        rules = {"two_sided": two_sided, "connectivity": connectivity}
        own = (*case, level, two_sided, connectivity)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = nithresh.find_clusters(
                    image,
                    level,
                    cluster_threshold=2,
                    mask_img=inside,
                    extra={"other": other, "own": image},
                    robust=not isinstance(threshold, str),
                    **rules,
                )
        except (TypeError, ValueError) as error:
            print("find_clusters", *own, type(error).__name__, error)
            continue
        show(
            "thresholded",
            own,
            lambda f=found: [np.asanyarray(f.thresholded_img.dataobj)],
        )
        show("labels", own, lambda f=found: [np.asanyarray(f.labels_img.dataobj)])
        is_cluster = np.char.isdigit(found.table["id"])
        for name in found.table:
            column = found.table[name]
            # Counts as floats, because a column of them may be of either type.
            column = column.astype(float) if name == "extent" else column
            for of, rows in (("clusters", is_cluster), ("sub-peaks", ~is_cluster)):
                show(f"{of}:{name}", own, lambda c=column[rows]: [c])


def main() -> None:
    """Print a line for each call."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, help="how many threads to use")
    arguments = parser.parse_args()
    if arguments.threads:
        nithresh.set_num_threads(arguments.threads)
    numbered = enumerate(itertools.product(SHAPES, KINDS, DTYPES))
    for seed, (shape, kind, dtype) in numbered:
        made = values(kind, shape, dtype, seed)
        for place, (layout, data) in enumerate(layouts(made)):
            for inside, mask in masks(shape, seed):
                case = ("x".join(map(str, shape)), kind, dtype, layout, inside)
                # Large maps in two layouts, others in all.
                if made.size > 5000 and place not in (seed % 5, 1):
                    continue
                show_arrays(case, data, mask)
                show_whole(case, data, mask)
                if place == seed % 2 and len(shape) == 3 and dtype not in NOT_FILED:
                    show_tables(case, data, mask)
    # Enough voxels for threads, and for memory that the system has zeroed.
    for shape, kind, dtype in (
        ((91, 109, 91), "smooth", "f4"),
        ((91, 109, 91), "noise", "f8"),
        ((91, 109, 91), "few", "i2"),
        ((220, 210, 190), "smooth", "f4"),
        ((40, 44, 36, 30), "noise", "f4"),
    ):
        made = values(kind, shape, dtype, 1)
        for layout, data in list(layouts(made))[:2]:
            for inside, mask in masks(shape, 1):
                case = ("x".join(map(str, shape)), kind, dtype, layout, inside)
                show_arrays(case, data, mask)
                if made.size < 2_000_000:
                    show_whole(case, data, mask)


if __name__ == "__main__":
    main()
