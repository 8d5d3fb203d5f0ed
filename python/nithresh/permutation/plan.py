"""Which permutations a test uses, and how many.

The first is the identity. What is shuffled must be able to change what is tested.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nithresh.permutation.design import Design
from nithresh.permutation.shuffles import Kind, Shuffles

# A direction of length 1 whose share is less than this is not in a space.
_ROUNDING = 1e-9


class Plan(NamedTuple):
    """How many permutations there are, and how many passes over the data give them.

    Where signs are flipped, the negative clusters of a pass are the positive ones of
    the shuffle with all signs flipped. A one-sided test has that one for nothing. A
    two-sided test gains nothing from it, but has it too where all shuffles are used.
    """

    passes: int
    total: int
    mirrored: bool
    is_exhaustive: bool

    @property
    def per_pass(self) -> int:
        """How many permutations a pass stands for."""
        return -(-self.total // self.passes)


def plan_of(shuffles: Shuffles, wanted: int, *, one_sided: bool) -> Plan:
    """Say how many permutations to use, of which `wanted` are wanted."""
    flips = shuffles.kind != "labels"
    every = shuffles.total * (1 + flips)
    mirrored = flips and one_sided
    if wanted >= (every if mirrored else shuffles.total):
        return Plan(shuffles.total, every, mirrored, is_exhaustive=True)
    if mirrored:
        return Plan(-(-wanted // 2), wanted, mirrored, is_exhaustive=False)
    return Plan(wanted, wanted, mirrored, is_exhaustive=False)


def check_seed(seed: Any) -> int:
    """Check a seed: any integer."""
    if isinstance(seed, (bool, np.bool_)) or not isinstance(seed, (int, np.integer)):
        msg = f"seed is {seed!r} of type {type(seed).__name__}; it must be an integer"
        raise TypeError(msg)
    return int(seed)


def check_shuffle(shuffle: Any) -> Kind | None:
    """Return what is to be shuffled; None for "auto"."""
    kinds: tuple[Kind, ...] = ("signs", "labels", "both")
    for kind in kinds:
        if isinstance(shuffle, str) and shuffle == kind:
            return kind
    if not isinstance(shuffle, str) or shuffle != "auto":
        msg = f"shuffle is {shuffle!r}; it must be 'auto', 'signs', 'labels' or 'both'"
        raise ValueError(msg)
    return None


def shuffles_of(
    model: Design, kind: Kind, within: Any, whole: Any, seed: int
) -> Shuffles:
    """Check blocks, and say which permutations there are.

    Raises
    ------
    TypeError
        Blocks that cannot be compared.
    ValueError
        Blocks that do not fit; permutations that cannot test the contrast.
    """
    if within is not None and whole is not None:
        msg = "within and whole are both given; blocks have one level, give one of them"
        raise ValueError(msg)
    if within is not None and kind == "signs":
        msg = (
            "within has no effect where signs are flipped; give whole, or shuffle="
            "'labels' or 'both'"
        )
        raise ValueError(msg)
    count = model.observations
    shuffles = Shuffles(
        kind,
        model.columns,
        seed,
        within=_blocks(within, count, "within"),
        whole=_blocks(whole, count, "whole"),
    )
    if shuffles.whole is not None and kind != "signs":
        _, sizes = np.unique(shuffles.whole, return_counts=True)
        if np.ptp(sizes):
            msg = (
                f"whole has blocks of {sizes.min()} to {sizes.max()} images; blocks "
                "that change places must have the same size (shuffle='signs' allows "
                "any)"
            )
            raise ValueError(msg)
    if shuffles.total * (1 + (kind != "labels")) == 1:
        msg = (
            f"there is one permutation, the identity: with shuffle={kind!r}, images "
            "that may change places all have the same row in design"
        )
        raise ValueError(msg)
    if kind == "labels":
        _check_labels_can_test(model, shuffles)
    return shuffles


def _check_labels_can_test(model: Design, shuffles: Shuffles) -> None:
    """Refuse to permute labels where that leaves what is tested as it is.

    The mean of all images stays the same, and so does a sum over a block.
    """
    mean = np.full(model.observations, model.observations**-0.5)
    nuisance = float(((model.nuisance @ mean) ** 2).sum())
    whole = nuisance + float(((model.effect @ mean) ** 2).sum())
    if whole > 1 - _ROUNDING and nuisance < 1 - _ROUNDING:
        msg = (
            "contrast tests the mean of images, which permuted labels do not change; "
            "use shuffle='signs', or a contrast of the other columns"
        )
        raise ValueError(msg)
    blocks = shuffles.within
    if blocks is not None and all(
        np.ptp(model.effect[:, blocks == block], axis=1).max() < _ROUNDING
        for block in np.unique(blocks)
    ):
        msg = (
            "contrast tests what is the same for all images of each block of within; "
            "permutations within blocks do not change it"
        )
        raise ValueError(msg)


def _blocks(blocks: Any, count: int, name: str) -> NDArray[np.intp] | None:
    if blocks is None:
        return None
    values = np.asarray(blocks)
    if values.shape != (count,):
        msg = (
            f"{name} has shape {values.shape}; it must have shape ({count},), the "
            "block of each image"
        )
        raise ValueError(msg)
    try:
        _, numbers = np.unique(values, return_inverse=True)
    except TypeError as error:
        msg = f"{name} is {blocks!r}; it must hold numbers alone, or text alone"
        raise TypeError(msg) from error
    return numbers.astype(np.intp)
