"""A permutation test, from images to corrected p-values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nithresh._choices import versions
from nithresh._params import (
    check_bool,
    check_connectivity,
    check_count,
    check_threshold,
    warn,
)
from nithresh._tails import Statistic
from nithresh.permutation.design import Design, read_design
from nithresh.permutation.images import open_mask, read_rows
from nithresh.permutation.loop import Loop
from nithresh.permutation.maxima import Statistics, check_levels, several
from nithresh.permutation.null import null_of
from nithresh.permutation.observations import observe
from nithresh.permutation.result import PermutationResult
from nithresh.permutation.run import run
from nithresh.permutation.shuffles import Kind, Shuffles
from nithresh.threads import get_num_threads

if TYPE_CHECKING:
    import os

    from nithresh._open import ImageOrPath

# The largest p that is usually called significant.
_USUAL_ALPHA = 0.05


def permutation_test(
    imgs: Any,
    design: Any = None,
    contrast: Any = None,
    *,
    mask_img: ImageOrPath,
    minus: Any = None,
    threshold: Any = None,
    threshold_p: Any = None,
    n_permutations: int = 10_000,
    two_sided: bool = True,
    connectivity: int = 6,
    tfce: bool = True,
    shuffle: Kind | Literal["auto"] = "auto",
    within: Any = None,
    whole: Any = None,
    seed: int = 0,
    checkpoint: str | os.PathLike[str] | None = None,
    jobs: int | None = None,
    dask: Any = None,
    on_progress: Callable[[int, int], object] | None = None,
) -> PermutationResult:
    """Test which clusters, peaks and scores of a group of images are real.

    Of each permutation the largest t (or F), the largest extent and mass of a cluster
    and the largest TFCE score in the whole mask are kept [1]_. The corrected p of a
    cluster is the share of permutations whose largest is as large or larger, the
    identity counted: ``(1 + b) / (1 + B)`` [2]_. It controls the probability of any
    false positive in the mask.

    Parameters
    ----------
    imgs : sequence of paths or nibabel images, one 4-D image or path, or array
        One map of shape (x, y, z) for each subject, on the grid of the mask. An array
        has shape (subjects, voxels): the voxels in the mask in C order. So does a file
        that :func:`nithresh.stack` wrote (``.npy``), which is never read as a whole,
        and a memory-mapped array.
    design : array of shape (subjects, columns), mapping or DataFrame, optional
        The linear model; a mapping has a column for each name. One constant column if
        not given: a test of one sample. Nothing is added to it: give it an intercept
        where the model needs one.
    contrast : str, or array of shape (columns,) or (rows, columns), optional
        The name of a column, or the weight of each column (a t); several rows are
        tested together (an F). Not needed for a design of one column.
    mask_img : str, pathlib.Path or nibabel image
        0 outside and one other value inside. It gives the grid.
    minus : as `imgs`, optional
        Images to subtract, one for each: a paired test.
    threshold : float or sequence of float, optional
        The cluster-defining threshold in the units of the statistic, 0 or more; 3.1 if
        neither this nor `threshold_p` is given. A voxel whose value equals it is in a
        cluster. Of several the first is that of the table.
    threshold_p : float or sequence of float, optional
        The same as an uncorrected p, of both tails together in a two-sided test. Needs
        SciPy.
    n_permutations : int, default=10000
        How many, the identity included. All of them, exactly, where fewer exist.
    two_sided : bool, default=True
        Look at both signs; the null is then the larger of both. Positive and negative
        clusters never merge. Not used for an F, which has one side.
    connectivity : {6, 18, 26}, default=6
        Voxels belong together that share a face; a face or an edge; a face, an edge or
        a corner.
    tfce : bool, default=True
        Test the scores by threshold-free cluster enhancement, too [3]_, with E = 0.5
        and H = 2.
    shuffle : {"auto", "signs", "labels", "both"}, default="auto"
        What is shuffled: the signs of images, which must have symmetric errors; which
        image belongs to which row of the design, which must be exchangeable; or both.
        "auto" is signs for a design of one constant column, and labels for all others,
        whether they have an intercept or not. The result says which it was.
    within, whole : array of shape (subjects,), optional
        Blocks of images that are exchangeable only among themselves, or only as wholes
        (then of equal size, in the same order) [4]_. One of the two.
    seed : int, default=0
        Permutation i depends on this and on i alone.
    checkpoint : str or os.PathLike, optional
        A file (``.npz``) for what is done, written every few seconds; if it is there,
        the run goes on from it. It is refused if it belongs to another run.
    jobs : int, optional
        Threads; as many as :func:`nithresh.get_num_threads` if not given.
    dask : str or distributed.Client, optional
        Do the work on the workers of a Dask cluster, given by its address or a client.
    on_progress : callable, optional
        Called with how many permutations are done, and how many there are.

    Returns
    -------
    PermutationResult
        To the last bit the same for every number of jobs, size of blocks, order in
        which they are done, Dask worker, and resumed run, on processors with the same
        vector instructions; on others statistics differ in their last digits.

    Raises
    ------
    TypeError
        An argument of the wrong type.
    ValueError
        An argument of the right type with a value that is not allowed: among them
        images on different grids, fewer than two images, a design that is not of full
        rank, a contrast of zeros, blocks that do not fit, no voxel that can be tested.

    Warns
    -----
    UserWarning
        Voxels that are constant, that the model fits without an error or that are not
        finite in an image: they leave the mask. Too few permutations for a p of 0.05.

    Notes
    -----
    With nuisance columns the residuals of the nuisance are shuffled, and the model is
    fitted to them again (Freedman and Lane [5]_, as in [4]_).

    References
    ----------
    .. [1] Nichols and Holmes (2002), Human Brain Mapping 15(1):1-25.
    .. [2] Phipson and Smyth (2010), Statistical Applications in Genetics and Molecular
       Biology 9(1):39.
    .. [3] Smith and Nichols (2009), NeuroImage 44(1):83-98.
    .. [4] Winkler et al. (2014), NeuroImage 92:381-397; (2015), NeuroImage 123:253-268.
    .. [5] Freedman and Lane (1983), Journal of Business and Economic Statistics
       1(4):292-298.

    Examples
    --------
    Ten maps of noise with an effect in 27 voxels:

    >>> import nibabel
    >>> import numpy as np
    >>> import nithresh
    >>> rng = np.random.default_rng(0)
    >>> maps = rng.standard_normal((10, 9, 9, 9)).astype(np.float32)
    >>> maps[:, 3:6, 3:6, 3:6] += 2
    >>> imgs = [nibabel.Nifti1Image(one, np.eye(4)) for one in maps]
    >>> mask = nibabel.Nifti1Image(np.ones((9, 9, 9), np.uint8), np.eye(4))
    >>> result = nithresh.permutation_test(imgs, mask_img=mask, threshold=3)
    >>> result.shuffle, len(result.null)
    ('signs', 1024)
    >>> first = result.clusters.table
    >>> int(first["extent"][0]), float(first["p_fwe_extent"][0])
    (27, 0.001953125)
    """
    two_sided = check_bool(two_sided, "two_sided")
    tfce = check_bool(tfce, "tfce")
    connectivity = check_connectivity(connectivity)
    n_permutations = check_count(n_permutations, "n_permutations")
    jobs = get_num_threads() if jobs is None else check_count(jobs, "jobs")
    seed = _check_seed(seed)
    kind = _check_shuffle(shuffle)

    mask, inside = open_mask(mask_img)
    values = read_rows(imgs, inside, mask, minus)
    if len(values) < 2:
        msg = f"imgs holds {len(values)} images; a test needs two at least"
        raise ValueError(msg)
    model = read_design(design, contrast, len(values))
    two_sided = two_sided and not model.is_f
    levels = _levels(threshold, threshold_p, model, two_sided=two_sided)
    if kind is None:
        kind = "signs" if model.is_constant else "labels"
    shuffles = _shuffles(model, kind, within, whole, seed)
    plan = _plan(shuffles, n_permutations, one_sided=not (two_sided or model.is_f))
    if 1 / plan.total > _USUAL_ALPHA:
        warn(
            f"There are {plan.total} permutations, so that no p is below "
            f"{1 / plan.total:.2g}."
        )
    observations = observe(values, model)
    tested = np.zeros(inside.shape, bool)
    tested[inside] = observations.tested
    statistics = Statistics(levels, connectivity, two_sided or plan.mirrored, tfce)
    loop = Loop(observations, tested, shuffles, statistics)
    maxima = run(
        loop,
        plan.passes,
        checkpoint=checkpoint,
        jobs=jobs,
        dask=dask,
        on_progress=on_progress,
    )
    null = null_of(maxima, statistics, mirrored=plan.mirrored, count=plan.total)
    return PermutationResult(
        null,
        levels,
        kind,
        {
            "images": len(values),
            "blocks": _kind_of_blocks(within, whole),
            "mask_voxels": int(inside.sum()),
            **_choices(loop, plan, two_sided=two_sided),
        },
        _statistic(model),
        loop.maps([shuffles.shuffle(0)])[0],
        tested,
        mask,
        two_sided,
        connectivity,
    )


def _kind_of_blocks(within: Any, whole: Any) -> str | None:
    if within is not None:
        return "within"
    return None if whole is None else "whole"


def _choices(loop: Loop, plan: _Plan, *, two_sided: bool) -> dict[str, Any]:
    """Say by which rules the null was made."""
    return {
        "statistic": str(_statistic(loop.design)),
        "design": loop.design.columns.tolist(),
        "effect": loop.design.effect.tolist(),
        "thresholds": list(loop.statistics.thresholds),
        "comparison": ">=",
        "two_sided": two_sided,
        "connectivity": loop.statistics.connectivity,
        "tfce": loop.statistics.tfce,
        "shuffle": loop.shuffles.kind,
        "n_permutations": plan.total,
        "exhaustive": plan.is_exhaustive,
        "seed": loop.shuffles.seed,
        "tested_voxels": loop.observations.voxels,
        "p": "(1 + b) / (1 + B)",
        "versions": versions(),
    }


class _Plan(NamedTuple):
    """How many shuffles there are, and how many passes over the data give them.

    Where signs are flipped, the negative clusters of a pass are the positive ones of
    the shuffle with all signs flipped. A one-sided test has that one for nothing. A
    two-sided test gains nothing from it, but has it too where all shuffles are used.
    """

    passes: int
    total: int
    mirrored: bool
    is_exhaustive: bool


def _plan(shuffles: Shuffles, wanted: int, *, one_sided: bool) -> _Plan:
    flips = shuffles.kind != "labels"
    every = shuffles.total * (1 + flips)
    mirrored = flips and one_sided
    if wanted >= (every if mirrored else shuffles.total):
        return _Plan(shuffles.total, every, mirrored, is_exhaustive=True)
    if mirrored:
        return _Plan(-(-wanted // 2), wanted, mirrored, is_exhaustive=False)
    return _Plan(wanted, wanted, mirrored, is_exhaustive=False)


def _statistic(model: Design) -> Statistic:
    if model.is_f:
        return Statistic("F", (len(model.effect), model.degrees_of_freedom))
    return Statistic("t", (model.degrees_of_freedom,))


def _check_seed(seed: Any) -> int:
    if isinstance(seed, (bool, np.bool_)) or not isinstance(seed, (int, np.integer)):
        msg = f"seed is {seed!r} of type {type(seed).__name__}; it must be an integer"
        raise TypeError(msg)
    return int(seed)


def _check_shuffle(shuffle: Any) -> Kind | None:
    """Return what is to be shuffled; None for "auto"."""
    kinds: tuple[Kind, ...] = ("signs", "labels", "both")
    for kind in kinds:
        if isinstance(shuffle, str) and shuffle == kind:
            return kind
    if not isinstance(shuffle, str) or shuffle != "auto":
        msg = f"shuffle is {shuffle!r}; it must be 'auto', 'signs', 'labels' or 'both'"
        raise ValueError(msg)
    return None


def _shuffles(
    model: Design, kind: Kind, within: Any, whole: Any, seed: int
) -> Shuffles:
    if within is not None and whole is not None:
        msg = "within and whole are both given; blocks have one level, give one of them"
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
    return shuffles


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
    _, numbers = np.unique(values, return_inverse=True)
    return numbers.astype(np.intp)


def _levels(
    threshold: Any, threshold_p: Any, model: Design, *, two_sided: bool
) -> tuple[float, ...]:
    """Return the cluster-defining thresholds in the units of the statistic."""
    if threshold is not None and threshold_p is not None:
        msg = "threshold and threshold_p are both given; give one of them"
        raise ValueError(msg)
    if threshold_p is None:
        return check_levels(
            3.1 if threshold is None else threshold,
            "threshold",
            other=" (for a p, use threshold_p)",
        )
    levels = []
    for number in several(threshold_p):
        p = check_threshold(number, two_sided=False)
        if not isinstance(p, float) or not 0 < p < 1:
            msg = (
                f"threshold_p is {number!r}; it must be above 0 and below 1 (for a "
                "value of the statistic, use threshold)"
            )
            raise ValueError(msg)
        level = _statistic(model).critical_value(p / 2 if two_sided else p)
        levels.append(max(level, 0.0))
    return tuple(levels)
