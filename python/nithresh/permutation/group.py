"""A permutation test, from images to corrected p-values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nithresh._choices import versions
from nithresh._numbers import counted
from nithresh._params import (
    Request,
    check_bool,
    check_count,
    check_request,
    warn,
)
from nithresh._rules import CONNECTIVITY, TWO_SIDED
from nithresh._shared_docs import shared_docs
from nithresh._tails import Statistic, import_special
from nithresh.permutation.design import Design, read_design
from nithresh.permutation.images import open_mask, read_rows
from nithresh.permutation.loop import Loop
from nithresh.permutation.maxima import (
    Statistics,
    as_number,
    check_levels,
    leasts,
    several,
)
from nithresh.permutation.null import ROUNDING, Null, null_of
from nithresh.permutation.observations import observe
from nithresh.permutation.plan import (
    Plan,
    check_seed,
    check_shuffle,
    plan_of,
    shuffles_of,
)
from nithresh.permutation.result import PermutationResult
from nithresh.permutation.run import check_run, run
from nithresh.permutation.shuffles import Kind
from nithresh.threads import get_num_threads

if TYPE_CHECKING:
    import os

    from nithresh._open import ImageOrPath

# The largest p that is usually called significant.
_USUAL_ALPHA = 0.05


@shared_docs
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
    two_sided: bool = TWO_SIDED,
    connectivity: int = CONNECTIVITY,
    comparison: str | None = None,
    rules: str | None = None,
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

    For each permutation the test keeps the largest t (or F), cluster extent, cluster
    mass and TFCE score in the mask [1]_. The corrected p of a
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
        Images to subtract, one for each: a paired test. Both are read into memory.
    threshold : float or sequence of float, optional
        The cluster-defining threshold in the units of the statistic, 0 or more; 3.1 if
        neither this nor `threshold_p` is given. A voxel whose value equals it is in a
        cluster (see `comparison`). The table uses the first one.
    threshold_p : float or sequence of float, optional
        The same as an uncorrected p, of both tails together in a two-sided test. Needs
        SciPy.
    n_permutations : int, default=10000
        How many, the identity included. If fewer exist, all are used, each once. A
        two-sided test that flips signs uses all of them if half are asked for, which
        takes no more time.
    two_sided : bool, default=True
        Look at both signs; the null is then the larger of both. Positive and negative
        clusters never merge. Not used for an F, which has one side.
    {connectivity}
    {comparison}
        t and F are compared as float32.
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
    t is computed in float32, with a relative error of about ``1e-7 * (1 + t**2 / df)``,
    and anew in float64 where ``t**2 > 63 * df``. Where t equals the threshold but for
    this error, either side of it may count, whatever `comparison` is.

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
    request = check_request(
        0.0,
        two_sided=two_sided,
        cluster_threshold=0,
        connectivity=connectivity,
        comparison=comparison,
        rules=rules,
    )
    tfce = check_bool(tfce, "tfce")
    n_permutations = check_count(n_permutations, "n_permutations")
    jobs = get_num_threads() if jobs is None else check_count(jobs, "jobs")
    seed = check_seed(seed)
    kind = check_shuffle(shuffle)
    check_run(checkpoint, dask)

    mask, inside = open_mask(mask_img)
    values = read_rows(imgs, inside, mask, minus)
    if len(values) < 2:
        msg = f"imgs holds {counted(len(values), 'image')}; a test needs two at least"
        raise ValueError(msg)
    model = read_design(design, contrast, len(values))
    two_sided = request.two_sided and not model.is_f
    request = request._replace(two_sided=two_sided)
    levels = _levels(threshold, threshold_p, model, two_sided=two_sided)
    if kind is None:
        kind = "signs" if model.is_constant else "labels"
    shuffles = shuffles_of(model, kind, within, whole, seed)
    plan = plan_of(shuffles, n_permutations, one_sided=not (two_sided or model.is_f))
    observations = observe(values, model)
    tested = np.zeros(inside.shape, bool)
    tested[inside] = observations.tested
    statistics = Statistics(
        leasts(levels, request),
        request.connectivity,
        two_sided or plan.mirrored,
        tfce,
    )
    loop = Loop(observations, tested, shuffles, statistics)
    maxima = run(
        loop, plan, checkpoint=checkpoint, jobs=jobs, dask=dask, on_progress=on_progress
    )
    null = null_of(maxima, statistics, mirrored=plan.mirrored, count=plan.total)
    _warn_of_few(null)
    return PermutationResult(
        null,
        levels,
        kind,
        {
            "images": len(values),
            "blocks": _kind_of_blocks(within, whole),
            "mask_voxels": int(inside.sum()),
            **_choices(loop, plan, request, levels),
        },
        _statistic(model),
        loop.maps([shuffles.shuffle(0)])[0],
        tested,
        mask,
        request,
    )


def _warn_of_few(null: Null) -> None:
    """Warn if no p can be as small as it usually has to be."""
    # Some permutations have the same maximum whatever the data: those with all signs
    # flipped, or with two groups exchanged.
    least = float(np.mean(null.peak >= null.peak.max() * (1 - ROUNDING)))
    if least > _USUAL_ALPHA:
        warn(f"{len(null)} permutations give no p below {least:.2g}.")


def _kind_of_blocks(within: Any, whole: Any) -> str | None:
    if within is not None:
        return "within"
    return None if whole is None else "whole"


def _choices(
    loop: Loop, plan: Plan, request: Request, levels: tuple[float, ...]
) -> dict[str, Any]:
    """Say by which rules the null was made."""
    return {
        "statistic": str(_statistic(loop.design)),
        "design": loop.design.columns.tolist(),
        "effect": loop.design.effect.tolist(),
        "rules": request.rules,
        "thresholds": list(levels),
        "comparison": request.comparison,
        "two_sided": None if loop.design.is_f else request.two_sided,
        "connectivity": request.connectivity,
        "order": request.order,
        "tfce": loop.statistics.tfce,
        "shuffle": loop.shuffles.kind,
        "n_permutations": plan.total,
        "exhaustive": plan.is_exhaustive,
        "seed": loop.shuffles.seed,
        "tested_voxels": loop.observations.voxels,
        "p": "(1 + b) / (1 + B)",
        "versions": versions(),
    }


def _statistic(model: Design) -> Statistic:
    if model.is_f:
        return Statistic("F", (len(model.effect), model.degrees_of_freedom))
    return Statistic("t", (model.degrees_of_freedom,))


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
    most = 1.0 if two_sided or model.is_f else 0.5
    for number in several(threshold_p, "threshold_p"):
        p = as_number(number)
        if p is None or not 0 < p < 1 or p > most:
            allowed = "at most 0.5 in a one-sided test" if most < 1 else "below 1"
            msg = (
                f"threshold_p is {number!r}; it must be above 0 and {allowed} (for a "
                "value of the statistic, use threshold)"
            )
            raise ValueError(msg)
        # First, for the name in its error.
        import_special("threshold_p")
        levels.append(_statistic(model).critical_value(p / 2 if two_sided else p))
    return tuple(levels)
