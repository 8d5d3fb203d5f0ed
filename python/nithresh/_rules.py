"""The rules by which other tools threshold, cluster and number, by their names.

A word that the caller says counts before that of the rules. A default that nobody said
is an :class:`Unsaid` number, which prints and counts as the number that it is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

#: Which values pass: those equal to the threshold too, or only those beyond it.
COMPARISONS = (">=", ">")


class Unsaid(int):
    """A default that was not said, so that rules may say otherwise."""

    def __new__(cls, default: int) -> Unsaid:
        """Make one of True, False or a number."""
        made = super().__new__(cls, default)
        made._text = repr(default)
        return made

    _text: str

    def __repr__(self) -> str:
        """Print as the default itself, for signatures and messages."""
        return self._text

    def __reduce__(self) -> Any:
        return Unsaid, (self._text == "True" or int(self),)


# Of the type that a caller gives.
TWO_SIDED: Any = Unsaid(True)  # noqa: FBT003 - the default itself
CONNECTIVITY: Any = Unsaid(6)


class Rules(NamedTuple):
    """What a tool does by default.

    Attributes
    ----------
    comparison : str
        ``">="`` or ``">"``.
    two_sided : bool
        Whether both signs are looked at, each on its own.
    connectivity : int
    order : str
        By what clusters are numbered: ``"extent"``, the largest first; ``"peak"``, the
        strongest first; ``"sign"``, positive ones before negative ones, and the
        strongest of each first; ``"voxel"``, by their first voxels, the first axis
        fastest.
    """

    comparison: str = ">="
    two_sided: bool = True
    connectivity: int = 6
    order: str = "extent"


DEFAULT = Rules()
# docs/rules.md says of which version each is, and where it was read.
RULES = {
    "nilearn": Rules(order="sign"),
    "spm": Rules(">", two_sided=False, connectivity=18, order="peak"),
    "fsl": Rules(two_sided=False, connectivity=26),
    "afni-bisided": Rules(),
    "mrtrix": Rules(">", two_sided=False),
    "workbench": Rules(">", two_sided=False, order="voxel"),
}


def check_rules(rules: Any) -> Rules:
    """Return the rules of a name; None is our own.

    Raises
    ------
    TypeError
        Not text.
    ValueError
        Another name.
    """
    if rules is None:
        return DEFAULT
    allowed = ", ".join(map(repr, RULES))
    if not isinstance(rules, str):
        msg = f"rules is of type {type(rules).__name__}; it must be one of {allowed}"
        raise TypeError(msg)
    if rules not in RULES:
        msg = f"rules is {rules!r}; it must be one of {allowed}"
        raise ValueError(msg)
    return RULES[rules]


def check_comparison(comparison: Any) -> str:
    """Check an inequality."""
    if comparison not in COMPARISONS:
        msg = f'comparison is {comparison!r}; it must be ">=" or ">"'
        raise ValueError(msg) if isinstance(comparison, str) else TypeError(msg)
    return str(comparison)
