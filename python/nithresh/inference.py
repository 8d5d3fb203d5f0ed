"""Thresholds at an error rate: per voxel, family-wise, or of false discoveries."""

from __future__ import annotations

import math
import numbers
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from nithresh._comparison import as_compared, next_before, next_beyond
from nithresh._numbers import in_full
from nithresh._open import OpenMap
from nithresh._params import (
    Percentile,
    Request,
    check_cluster_threshold,
    check_request,
    check_threshold,
    warn,
)
from nithresh._rules import CONNECTIVITY, TWO_SIDED
from nithresh._shared_docs import shared_docs
from nithresh._stated import read_stat, state
from nithresh._tails import Statistic, check_stat, import_special
from nithresh.surfaces.words import SurfaceWords
from nithresh.thresholding import threshold_open

if TYPE_CHECKING:
    from collections.abc import Callable

    from nithresh._open import MapOrPath

    HeightControl: TypeAlias = Literal["fpr", "fdr", "bonferroni"] | None
    Stat: TypeAlias = (
        Literal["z"]
        | tuple[Literal["t", "chi2"], float]
        | tuple[Literal["F"], float, float]
    )

_ERROR_RATES = ("fpr", "fdr", "bonferroni")
_DEFAULT_LEVEL = 3.0


@overload
def threshold_stats_img(
    stat_img: MapOrPath,
    mask_img: MapOrPath | None = ...,
    alpha: float = ...,
    threshold: float | None = ...,
    height_control: HeightControl = ...,
    cluster_threshold: int = ...,
    two_sided: bool = ...,  # noqa: FBT001
    *,
    stat: Stat | None = ...,
    connectivity: int = ...,
    comparison: str | None = ...,
    rules: str | None = ...,
    surface: Any = ...,
    areas: Any = ...,
    min_area: float = ...,
    across_structures: bool = ...,
) -> tuple[Any, float]: ...


@overload
def threshold_stats_img(
    stat_img: None = ...,
    mask_img: MapOrPath | None = ...,
    alpha: float = ...,
    threshold: float | None = ...,
    height_control: HeightControl = ...,
    cluster_threshold: int = ...,
    two_sided: bool = ...,  # noqa: FBT001
    *,
    stat: Stat | None = ...,
    connectivity: int = ...,
    comparison: str | None = ...,
    rules: str | None = ...,
) -> tuple[None, float]: ...


@shared_docs
def threshold_stats_img(
    stat_img: MapOrPath | None = None,
    mask_img: MapOrPath | None = None,
    alpha: float = 0.001,
    threshold: float | None = None,
    height_control: HeightControl = "fpr",
    cluster_threshold: int = 0,
    two_sided: bool = TWO_SIDED,  # noqa: FBT001 - nilearn's signature
    *,
    stat: Stat | None = None,
    connectivity: int = CONNECTIVITY,
    comparison: str | None = None,
    rules: str | None = None,
    surface: Any = None,
    areas: Any = None,
    min_area: float = 0.0,
    across_structures: bool = False,
) -> tuple[Any, float]:
    """Threshold a z-, t-, F- or chi2-map at an error rate; a drop-in for nilearn's.

    A voxel whose value equals the threshold is kept (see `comparison`), and so is a
    cluster of exactly ``cluster_threshold`` voxels: all of it is done by
    :func:`threshold_img`, with the threshold that is returned.

    Parameters
    ----------
    stat_img : str, pathlib.Path, nibabel image or nilearn SurfaceImage, optional
        A map of shape (x, y, z) or (x, y, z, volumes), or a map of surfaces as for
        :func:`nithresh.threshold_img`. Without one, only the threshold is computed, if
        it does not depend on the map.
    mask_img : str, pathlib.Path or nibabel image, optional
        The voxels that were tested, as for :func:`threshold_img`: 0 outside and
        one other value inside; on another grid it is taken at the
        centres of the map's voxels.
        Voxels in it that are NaN or infinite count as tested, with the value 0.
        Without a mask, the tested voxels are those that are finite and not 0.
    alpha : float, default=0.001
        The error rate, above 0 and below 1; see `height_control`. Halved
        between the two sides if `two_sided`.
    threshold : float, default=3.0
        The threshold in the units of the map if `height_control` is None;
        otherwise not used, which a warning says.
    height_control : {"fpr", "fdr", "bonferroni", None}, default="fpr"
        What `alpha` limits, with p the probability of a value or a larger one
        where there is no effect, and n the number of tested voxels, all
        volumes together:

        - ``"fpr"``: false positives among voxels without effect. Kept where
          p <= alpha; no correction for the number of tests.
        - ``"fdr"``: false discoveries among what is kept (Benjamini and
          Hochberg [1]_). Kept up to the largest of the sorted p with
          p(k) <= alpha k / n.
        - ``"bonferroni"``: the probability of any false positive. Kept where
          p <= alpha / n.
        - None: nothing; `threshold` is taken as it is, and neither `alpha` nor
          `stat` is used.
    {cluster_threshold}
        Here not below 0. The error rate is that of the voxels, before small clusters
        are dropped.
    two_sided : bool, default=True
        Keep both ``v >= threshold`` and ``v <= -threshold``; otherwise only
        the first. An F- or chi2-map is tested on its upper side in both cases,
        with all of `alpha`, because F and chi2 are large for effects of either sign.
    stat : "z", ("t", df), ("F", df1, df2) or ("chi2", df), optional
        What the values of the map are, and with which degrees of freedom.
        Without it, the first of these places that says it: the intent of the NIfTI
        header, or what an AFNI header says of all sub-bricks; its description, as SPM
        writes it (``SPM{T_[15.0]}``); the name of the file, by the BIDS entity
        ``stat`` (``stat-z``) or as SPM and FSL name maps (``spmT_0001.nii``,
        ``tstat1.nii.gz``). Where none says anything, z.
    {connectivity}
        nilearn has no choice but 6.
    {comparison}
    {surface}
    {areas}
    {min_area}
    {across_structures}

    Returns
    -------
    image or None
        As from :func:`threshold_img`; None without `stat_img`. If `stat`, the
        description or the name said that the values are t, F or chi2, the intent of
        its NIfTI header says so too.
    float
        The threshold in the units of the map. That of an error rate is finite
        and never negative. If no voxel survives ``"fdr"``, it is what a single
        voxel would have had to reach, that with p = alpha / n.

    Raises
    ------
    TypeError
        An argument of the wrong type.
    ValueError
        An argument of the right type with a value that is not allowed; no map,
        or no tested voxel, where the threshold depends on them; an intent of t,
        F or chi2 without degrees of freedom; a map of p-values or other
        probabilities by its own words.
    ImportError
        An error rate without SciPy (``pip install 'nithresh[stats]'``).

    Warns
    -----
    FutureWarning
        A `threshold` of 3 with no `height_control`, given or not: the default will
        change with nilearn's.
    UserWarning
        No voxel reaches the threshold; a `threshold` that is not used; values
        that all lie between 0 and 1, as p-values do, under an error rate; a map
        that says two things about its statistic, or names something else, or leaves
        out the degrees of freedom in its name or description, so that its values are
        taken as z; and as :func:`threshold_img` does.

    Notes
    -----
    Where it is right, this gives the numbers of nilearn 0.14.1 [2]_; the tests
    list the rest. Values outside the brain that are not 0 count as tests, and a
    map that was thresholded before has too few: give a mask for both.

    References
    ----------
    .. [1] Benjamini and Hochberg (1995), J. R. Stat. Soc. B 57(1):289-300.
    .. [2] https://nilearn.github.io/stable/modules/generated/nilearn.glm.threshold_stats_img.html

    Examples
    --------
    >>> from nithresh import datasets, threshold_stats_img
    >>> image = datasets.load_sample_motor_activation_image()
    >>> kept, threshold = threshold_stats_img(image, alpha=0.001)
    >>> round(threshold, 4)
    3.2905
    >>> kept, threshold = threshold_stats_img(image, alpha=0.05, height_control="fdr")
    >>> round(threshold, 4), int((kept.get_fdata() != 0).sum())
    (2.8438, 4081)

    Only the threshold, for a t-map with 20 degrees of freedom:

    >>> _, threshold = threshold_stats_img(alpha=0.001, stat=("t", 20))
    >>> round(threshold, 4)
    3.8495
    """
    if not (height_control is None or height_control in _ERROR_RATES):
        msg = (
            f"height_control is {height_control!r}; it must be "
            f"{', '.join(map(repr, _ERROR_RATES))} or None"
        )
        raise ValueError(msg)
    alpha = check_alpha(alpha)
    request = check_request(
        0.0,
        two_sided=two_sided,
        cluster_threshold=_check_extent(cluster_threshold),
        connectivity=connectivity,
        comparison=comparison,
        rules=rules,
    )
    statistic = None if stat is None else check_stat(stat)
    level = _check_level(threshold, height_control, two_sided=request.two_sided)
    if stat_img is None:
        if height_control in ("fdr", "bonferroni"):
            msg = (
                f"stat_img is None; with height_control={height_control!r} it must be "
                "a path or a nibabel image, because the threshold depends on it"
            )
            raise ValueError(msg)
        if height_control == "fpr":
            statistic = statistic or Statistic("z")
            halved = request.two_sided and statistic.has_two_sides
            level = _critical_value(statistic, alpha / 2 if halved else alpha)
        return None, level

    words = SurfaceWords.checked(
        surface, areas, min_area, across_structures=across_structures
    )
    if words.are_for(stat_img):
        from nithresh.surfaces.opened import OpenSurface
        from nithresh.surfaces.thresholding import threshold_surface

        on_surface = OpenSurface(stat_img, mask_img, words, name="stat_img")
        opened = on_surface.map
        finish: Callable[[Request, float], Any] = partial(threshold_surface, on_surface)
    else:
        opened = OpenMap.of_image(
            stat_img,
            mask_img,
            name="stat_img",
            for_clusters=request.cluster_threshold > 0,
        )
        finish = partial(threshold_open, opened)
    request = request._replace(threshold=level)
    if height_control is not None:
        request, statistic = at_error_rate(
            opened, request, height_control, alpha, statistic
        )
        level = opened.level(request)
    thresholded = finish(request, level)
    if statistic is not None:
        state(thresholded, statistic)
    return thresholded, level


def at_error_rate(
    opened: OpenMap,
    request: Request,
    height_control: str,
    alpha: float,
    statistic: Statistic | None = None,
) -> tuple[Request, Statistic]:
    """Return a request with the threshold of an error rate, and what the values are.

    Parameters
    ----------
    opened : OpenMap
    request : Request
        Its threshold does not count. The sides of an F- or chi2-map become one.
    height_control : str
        One of ``"fpr"``, ``"fdr"`` and ``"bonferroni"``.
    alpha : float
        Above 0 and below 1.
    statistic : Statistic, optional
        What the map says if not given.
    """
    statistic = statistic or read_stat(opened.image)
    two_sided = request.two_sided and statistic.has_two_sides
    values = _tested_values(opened)
    if statistic.has_two_sides:
        _warn_of_p_values(values)
    level = _level(
        height_control,
        statistic,
        np.abs(values) if two_sided else values,
        alpha / 2 if two_sided else alpha,
        opened.data.dtype,
        is_strict=request.comparison == ">",
    )
    return request._replace(threshold=level, two_sided=two_sided), statistic


def check_alpha(alpha: Any) -> float:
    """Check an error rate: a number above 0 and below 1."""
    if isinstance(alpha, (bool, np.bool_)) or not isinstance(alpha, numbers.Real):
        msg = (
            f"alpha is {alpha!r} of type {type(alpha).__name__}; it must be a number "
            "above 0 and below 1"
        )
        raise TypeError(msg)
    rate = float(alpha)
    if not 0 < rate < 1:
        msg = f"alpha is {in_full(rate)}; it must be above 0 and below 1"
        raise ValueError(msg)
    return rate


def _check_extent(cluster_threshold: Any) -> int:
    """Check a least extent; a negative one is an error here, as in nilearn."""
    extent = check_cluster_threshold(cluster_threshold)
    if cluster_threshold < 0:
        msg = f"cluster_threshold is {cluster_threshold}; it must be 0 or more"
        raise ValueError(msg)
    return extent


def _check_level(
    threshold: Any, height_control: HeightControl, *, two_sided: bool
) -> float:
    """Check a threshold that is a number, which only counts without an error rate."""
    if height_control is not None:
        import_special()
        if threshold is not None:
            warn(
                f"threshold is {threshold!r}, which is not used: height_control is "
                f"{height_control!r}, and only None takes a threshold as it is."
            )
        return _DEFAULT_LEVEL
    level: float | Percentile = _DEFAULT_LEVEL
    if threshold is not None:
        level = check_threshold(threshold, two_sided=two_sided)
    if isinstance(level, Percentile):
        msg = (
            f"threshold is {threshold!r}; it must be a number here (threshold_img "
            "takes percentiles)"
        )
        raise TypeError(msg)
    if level == _DEFAULT_LEVEL:
        warn(
            f"The default threshold, {_DEFAULT_LEVEL:g}, will follow that of nilearn, "
            "which becomes 3.0902 (p = 0.001, one-sided) in nilearn 0.15. Say with "
            "threshold which you want.",
            FutureWarning,
        )
    return level


def _tested_values(opened: OpenMap) -> NDArray[np.float64]:
    """Return the values of the tested voxels, of all volumes, in one row.

    Without a mask, these are the voxels that are finite and not 0.
    """
    voxels, tested = opened.voxels, opened.inside
    if tested is None:
        tested = np.isfinite(voxels) & (voxels != 0)
    values: NDArray[np.float64] = voxels[tested].astype(np.float64).ravel()
    values[~np.isfinite(values)] = 0
    return values


def _warn_of_p_values(values: NDArray[np.float64]) -> None:
    """Warn if a map looks like p-values; only zeros and ones look like a mask."""
    if (
        values.size
        and values.min() >= 0
        and values.max() <= 1
        and ((values > 0) & (values < 1)).any()
    ):
        warn(
            "The values of stat_img all lie between 0 and 1, as p-values (or 1 - p) "
            "do; they are taken as z or t, as stat or the header says."
        )


def _level(
    height_control: str,
    statistic: Statistic,
    values: NDArray[np.float64],
    alpha: float,
    dtype: np.dtype[Any],
    *,
    is_strict: bool,
) -> float:
    """Return the threshold of an error rate in the upper tail.

    `values` are those of the tested voxels, absolute ones if both sides are
    tested; `dtype` is the type of the map. If it `is_strict`, what equals the threshold
    is dropped.
    """
    if height_control == "fpr":
        return _critical_value(statistic, alpha)
    if not values.size:
        msg = (
            "stat_img has no tested voxel: without mask_img these are the voxels that "
            f"are finite and not 0; height_control={height_control!r} needs at least "
            "one"
        )
        raise ValueError(msg)
    if height_control == "fdr":
        least = _least_discovery(statistic, values, alpha)
        if least is not None:
            # The discovery itself is kept.
            return next_before(least, dtype) if is_strict else least
    strictest = _critical_value(statistic, alpha / values.size)
    if height_control == "bonferroni":
        return strictest
    # No voxel may reach this threshold, nor after both are rounded to the type in
    # which they will be compared.
    largest = float(values.max())
    if as_compared(strictest, dtype) > largest:
        return strictest
    return next_beyond(largest, dtype)


def _least_discovery(
    statistic: Statistic, values: NDArray[np.float64], alpha: float
) -> float | None:
    """Return the smallest value that Benjamini and Hochberg's procedure keeps.

    p(k) <= alpha k / n, with <= as in their paper. Only positive values can be
    kept, because on the upper side no other is a discovery. (Interpolation can
    leave an F-map with values a little below 0.)
    """
    # No p above alpha can pass: only the largest values need sorting. Twice alpha
    # leaves room for rounding.
    floor = _critical_value(statistic, min(2 * alpha, 1.0))
    largest = np.sort(values[(values >= floor) & (values > 0)])[::-1]
    lines = alpha * (np.arange(1, largest.size + 1) / values.size)
    passing = np.flatnonzero(statistic.upper_tail(largest) <= lines)
    return float(largest[passing[-1]]) if passing.size else None


def _critical_value(statistic: Statistic, p: float) -> float:
    """Return the value with the upper tail p, or 0 if that is negative.

    A negative threshold would stand for the other side.
    """
    if statistic.has_two_sides and p >= 0.5:
        return 0.0
    value = statistic.critical_value(p)
    # SciPy runs out of numbers far enough out: for t, around p = 1e-200.
    if not math.isclose(statistic.upper_tail(np.float64(value)), p, rel_tol=1e-6):
        msg = (
            f"alpha leaves each voxel a tail of {p:g}, for which SciPy finds no value "
            f"of {statistic}; alpha must be larger"
        )
        raise ValueError(msg)
    return value
