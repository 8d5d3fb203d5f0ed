"""Error rates in the place of thresholds, and what the values of each map are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from nithresh.command.errors import UsageError, as_usage

if TYPE_CHECKING:
    from nithresh._open import OpenMap
    from nithresh._params import Request
    from nithresh._tails import Statistic
    from nithresh.command.options import ErrorRateOptions

_CONTROLS = {"none": "fpr", "fdr": "fdr", "bonferroni": "bonferroni"}
_WHAT = {
    "none": "false positive rate {alpha:g}",
    "fdr": "false discovery rate {alpha:g}",
    "bonferroni": "family-wise error rate {alpha:g}, Bonferroni",
}


class Notice(str):
    """What is told of a file without being a warning."""

    __slots__ = ()


class Rate(NamedTuple):
    """An error rate that was asked for."""

    alpha: float
    correct: str
    # What the values are; None to read it from each map.
    statistic: Statistic | None


def rate_of(options: ErrorRateOptions) -> Rate | None:
    """Check the words about an error rate, and return it if there is one."""
    if options.alpha is None:
        for name in ("correct", "stat"):
            if getattr(options, name) is not None:
                msg = f"--{name} belongs to an error rate: give --alpha as well"
                raise UsageError(msg)
        return None
    from nithresh._tails import check_stat, import_special
    from nithresh.inference import check_alpha

    if options.correct is None:
        msg = "--alpha needs --correct: fdr, bonferroni or none"
        raise UsageError(msg)
    with as_usage():
        alpha = check_alpha(options.alpha)
        statistic = None if options.stat is None else check_stat(options.stat)
    import_special("--alpha")
    return Rate(alpha, options.correct, statistic)


def _stated_by(image: Any) -> Statistic:
    """Return what a map says its values are; say faults as the command line does."""
    from nithresh._params import collected_warnings, warn
    from nithresh._stated import read_stat

    with collected_warnings() as warnings:
        try:
            statistic = read_stat(image)
        except ValueError as error:
            raise ValueError(_at_prompt(str(error))) from error
    for warning in warnings:
        warn(_at_prompt(warning))
    return statistic


def _at_prompt(text: str) -> str:
    from nithresh._tails import ALLOWED

    text = text.replace(ALLOWED, "z, t:DF, F:DF1,DF2 or chi2:DF")
    text = text.replace("Use threshold_img", "Use -t").replace("stat_img", "the map")
    return re.sub(r"\bwith stat\b", "with --stat", text)


def at_rate(
    opened: OpenMap, request: Request, rate: Rate, image: Any = None
) -> tuple[Request, dict[str, Any]]:
    """Return the request at an error rate, and what sidecars say of it.

    A line about it is told with the warnings.

    Parameters
    ----------
    opened : OpenMap
        What is tested.
    request : Request
        Its threshold does not count.
    rate : Rate
    image : image, optional
        What says what the values are, if `opened` is a part of it.
    """
    from nithresh._numbers import in_full
    from nithresh._params import warn
    from nithresh._stated import stated
    from nithresh.inference import at_error_rate

    image = opened.image if image is None else image
    statistic = rate.statistic or _stated_by(image)
    request, statistic = at_error_rate(
        opened, request, _CONTROLS[rate.correct], rate.alpha, statistic
    )
    taken = stated(image).taken
    if rate.statistic is not None:
        place, words = "--stat", "as --stat says"
    elif taken is None:
        place, words = None, "because nothing says what they are"
    elif taken.statistic == statistic:
        place, words = taken.place, f"as the {taken.place} says ({taken.words})"
    else:
        place, words = None, f"although the {taken.place} says {taken.words!r}"
    level = request.threshold
    sides = "both sides" if request.two_sided else "one side"
    what = _WHAT[rate.correct].format(alpha=rate.alpha)
    shown = in_full(level) if isinstance(level, float) else level
    warn(
        Notice(
            f"threshold {shown}: {what}, {sides}; the values are {statistic}, {words}"
        )
    )
    return request, {
        "alpha": rate.alpha,
        "correct": rate.correct,
        "statistic": {
            "name": statistic.name,
            "degrees_of_freedom": list(statistic.degrees_of_freedom),
            "stated_by": place,
        },
    }


def words_at_rate(
    opened: OpenMap, request: dict[str, Any], rate: Rate, image: Any = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the words of a call that thresholds a map at an error rate.

    Parameters
    ----------
    opened, rate, image
        As for :func:`at_rate`.
    request : dict
        The other words of thresholding.

    Returns
    -------
    words : dict
        The threshold and the sides.
    choices : dict
        What sidecars say of it.
    """
    from nithresh._params import check_request

    at, error_rate = at_rate(opened, check_request(0.0, **request), rate, image)
    words = {"threshold": at.threshold, "two_sided": at.two_sided}
    return words, {"error_rate": error_rate}
