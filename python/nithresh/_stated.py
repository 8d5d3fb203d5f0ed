"""What a map says that its values are.

Three places may say it, and the first that does counts: the intent of a NIfTI header or
of the arrays of GIFTI, with parameters in the words of an array [3]_, or what an AFNI
header says of its sub-bricks [2]_; the description in the header, where
SPM writes ``SPM{T_[15.0]} - contrast 1: name`` and sets no intent [1]_; the name of the
file, in the BIDS entity ``stat`` or as SPM and FSL name their maps, such as
``spmT_0001.nii``, ``tstat1.nii.gz`` and ``tfce_corrp_tstat1.nii.gz``.

References
----------
.. [1] https://github.com/spm/spm12/blob/r7771/spm_contrasts.m
.. [2] https://afni.nimh.nih.gov/pub/dist/doc/program_help/README.attributes.html
.. [3] https://www.nitrc.org/frs/download.php/2871/GIFTI_Surface_Format.pdf
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel
from nibabel.brikhead import AFNIHeader
from nibabel.nifti1 import intent_codes

from nithresh._params import warn
from nithresh._tails import ALLOWED, Statistic

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nibabel.spatialimages import SpatialImage

_INTENTS = {
    "z score": "z",
    "t test": "t",
    "f test": "F",
    "chi2": "chi2",
    "p value": "p",
    "log p value": "p",
    "log10 p value": "p",
}
# How many parameters GIFTI may have for the intent of an array.
_PARAMETERS = {"t": 1, "F": 2, "chi2": 1}
# Intents that tools give to any values of vertices: they say nothing of a statistic.
_OF_ANY_VALUES = ("none", "normal", "shape", "time series")
# X is SPM's letter for chi2, and P stands for its posterior probabilities.
_LETTERS = {"z": "z", "t": "t", "f": "F", "x": "chi2", "p": "p"}
_ENTITIES = _LETTERS | {
    "chi2": "chi2",
    "chisq": "chi2",
    "zstat": "z",
    "zscore": "z",
    "tstat": "t",
    "fstat": "F",
    "pval": "p",
    "pvalue": "p",
    "logp": "p",
    "log10p": "p",
}
# DPABI and REST write as SPM does.
_DESCRIPTION = re.compile(
    r"""\s* (?:SPM|DPABI|REST) \s* \{ \s* (?P<letter>[ZTFXP]) \s*
        (?: (?: _ | (?=[\[{(]) )
            \s* [\[{(]? (?P<numbers>[^\[\]{}()]*) [\]})]? \s* )? \}""",
    re.IGNORECASE | re.VERBOSE,
)
_ENTITY = re.compile(r"(?:^|_)stat-(?P<label>[A-Za-z0-9+]+)(?=_|\.|$)")
_SPM_NAME = re.compile(r"(?<![A-Za-z])[rw]?(?P<words>spm(?P<letter>[ZTFXP]))_\d")
# With what comes in front of it: randomise writes p, or 1 - p, of a statistic.
_FSL_NAME = re.compile(
    r"(?P<words>(?:(?<![A-Za-z])(?P<p>corrp|p)_)?(?<![A-Za-z])(?P<kind>zf|[ztf])stat)\d"
)
# Codes of BRICK_STATAUX: the names of AFNI, and what they are here.
_SUB_BRICKS = {
    2: ("fico", None),
    3: ("fitt", "t"),
    4: ("fift", "F"),
    5: ("fizt", "z"),
    6: ("fict", "chi2"),
}


@dataclass(frozen=True, slots=True)
class Statement:
    """What one place says that the values are."""

    # "intent", "description", "name", or "BRICK_STATAUX" of AFNI.
    place: str
    # As they stand there.
    words: str
    # "z", "t", "F", "chi2" or "p"; None for anything else.
    kind: str | None
    degrees_of_freedom: tuple[float, ...] = ()

    @property
    def statistic(self) -> Statistic | None:
        """The statistic, if it is one and has its degrees of freedom."""
        statistic = Statistic(self.kind or "", self.degrees_of_freedom)
        return statistic if statistic.is_valid else None

    def contradicts(self, taken: Statement) -> bool:
        """Whether this and `taken` cannot both be right."""
        if self.kind != taken.kind:
            return True
        ours, theirs = self.statistic, taken.statistic
        if ours is None or theirs is None:
            return False
        # SPM rounds to one digit behind the point, and headers to 32 bits.
        pairs = zip(ours.degrees_of_freedom, theirs.degrees_of_freedom, strict=True)
        return not all(math.isclose(*pair, rel_tol=1e-3, abs_tol=0.1) for pair in pairs)

    def __str__(self) -> str:
        if self.place == "name":
            return f"the file name of stat_img says {self.words!r}"
        return f"the header of stat_img says that its {self.place} is {self.words!r}"


@dataclass(frozen=True, slots=True)
class Stated:
    """What a map says of itself.

    Attributes
    ----------
    taken : Statement or None
        What counts; None if no place says anything.
    against : tuple of Statement
        What contradicts it.
    """

    taken: Statement | None
    against: tuple[Statement, ...] = ()

    def as_choice(self) -> dict[str, Any] | None:
        """Return what counts as sidecars say it."""
        if self.taken is None or self.taken.kind is None:
            return None
        return {
            "name": self.taken.kind,
            "degrees_of_freedom": list(self.taken.degrees_of_freedom),
            "stated_by": self.taken.place,
        }


@dataclass(frozen=True, slots=True)
class NoHeader:
    """An image of which its name, and the arrays of GIFTI, may say what its values are.

    Attributes
    ----------
    path : str or None
    arrays : sequence of nibabel.gifti.GiftiDataArray
    """

    path: str | None
    arrays: Sequence[Any] = ()
    header: None = None

    def get_filename(self) -> str | None:
        """Return the path of its file."""
        return self.path


def stated(image: SpatialImage | NoHeader) -> Stated:
    """Read what a map says that its values are."""
    said = list(_statements(image))
    if not said:
        return Stated(None)
    known = [statement for statement in said if statement.kind is not None]
    first = (known or said)[0]
    # A place may say which statistic, and one after it its degrees of freedom as well.
    complete = (one for one in known if one.kind == first.kind and one.statistic)
    taken = next(complete, first)
    if taken.kind is None:
        return Stated(taken)
    return Stated(taken, tuple(one for one in said if one.contradicts(taken)))


def read_stat(image: SpatialImage | NoHeader) -> Statistic:
    """Return the statistic that a map says its values are, or else z.

    Raises
    ------
    ValueError
        The map says that its values are probabilities; or its intent says t, F or chi2
        without degrees of freedom, and no other place says them.

    Warns
    -----
    UserWarning
        The map says two things, something else than a statistic, or a statistic
        without its degrees of freedom.
    """
    said = stated(image)
    taken = said.taken
    if taken is None:
        return Statistic("z")
    if taken.kind == "p":
        msg = (
            f"{_sentence(taken)}: the values are probabilities, which error rates give "
            "no threshold for. Use threshold_img, or say with stat what they are: "
            f"{ALLOWED}"
        )
        raise ValueError(msg)
    if taken.kind is None:
        warn(
            f"{_sentence(taken)}; its values are taken as z. Say what they are with "
            "stat."
        )
        return Statistic("z")
    statistic = taken.statistic
    if statistic is None:
        if taken.place == "intent" and taken.degrees_of_freedom:
            msg = (
                f"The header of stat_img says {taken.words!r} with the degrees of "
                f"freedom {taken.degrees_of_freedom}; say with stat which they are: "
                f"{ALLOWED}"
            )
            raise ValueError(msg)
        warn(
            f"{_sentence(taken)}, but not with which degrees of freedom; its values "
            f"are taken as z. Say which with stat: {ALLOWED}."
        )
        statistic = Statistic("z")
    for other in said.against:
        warn(
            f"{_sentence(taken)}, but {other}; its values are taken as {statistic}. "
            "Say what they are with stat."
        )
    return statistic


def state(image: Any, statistic: Statistic) -> None:
    """Say in the intent of an image that its values are t, F or chi2.

    z is what others take a map for that says nothing.
    """
    header: Any = getattr(image, "header", None)
    if statistic.name == "z" or not isinstance(header, nibabel.Nifti1Header):
        return
    intent = next(intent for intent, kind in _INTENTS.items() if kind == statistic.name)
    if header.get_intent()[:2] != (intent, statistic.degrees_of_freedom):
        header.set_intent(intent, statistic.degrees_of_freedom)


def unstate(image: SpatialImage, intent: str = "none") -> None:
    """Remove from the header of an image that its values are those of a statistic.

    `intent` is what the header says they are instead.
    """
    header: Any = image.header
    if isinstance(header, nibabel.Nifti1Header):
        header.set_intent(intent)
    if _description(header) is not None:
        header["descrip"] = b""


def unstate_array(array: Any) -> None:
    """Remove from an array of GIFTI that its values are those of a statistic."""
    array.intent = intent_codes.code["none"]
    for word in [word for word in array.meta if word.startswith("Intent_")]:
        del array.meta[word]


def _statements(image: SpatialImage | NoHeader) -> Iterator[Statement]:
    """Yield the statements of all places that make one, in their order."""
    header: Any = image.header
    if isinstance(header, nibabel.Nifti1Header):
        intent, parameters, _ = header.get_intent()
        if intent != "none":
            kind = _INTENTS.get(intent)
            yield Statement("intent", intent, kind, parameters if kind else ())
    of_arrays = _arrays(image.arrays) if isinstance(image, NoHeader) else None
    for statement in (of_arrays, _sub_bricks(header), _description(header)):
        if statement is not None:
            yield statement
    name = Path(image.get_filename() or "").name
    found = _ENTITY.search(name)
    if found is not None:
        words = f"stat-{found['label']}"
        yield Statement("name", words, _ENTITIES.get(found["label"].lower()))
        return
    found = _SPM_NAME.search(name)
    if found is not None:
        words = found["words"]
        yield Statement("name", words, _LETTERS[found["letter"].lower()])
        return
    found = _FSL_NAME.search(name)
    if found is not None:
        kind = "p" if found["p"] else _LETTERS[found["kind"][0]]
        yield Statement("name", found["words"], kind)


def _arrays(arrays: Sequence[Any]) -> Statement | None:
    """Return what all arrays of GIFTI say by their intent."""
    said = {_array(array) for array in arrays}
    if len(said) > 1:
        return Statement("intent", "not the same for all arrays", None)
    return said.pop() if said else None


def _array(array: Any) -> Statement | None:
    intent: Any = intent_codes.label[array.intent]
    if intent in _OF_ANY_VALUES:
        return None
    kind = _INTENTS.get(intent)
    words = [f"Intent_p{n}" for n in range(1, _PARAMETERS.get(kind or "", 0) + 1)]
    numbers = _numbers(" ".join(array.meta.get(word, "") for word in words))
    return Statement("intent", intent, kind, numbers * (len(numbers) == len(words)))


def _sub_bricks(header: Any) -> Statement | None:
    """Return what an AFNI header says of all sub-bricks."""
    if not isinstance(header, AFNIHeader):
        return None
    rest = header.info.get("BRICK_STATAUX")
    if not isinstance(rest, list):
        return None
    found = []
    while len(rest) >= 3:
        _, code, count = map(int, rest[:3])
        found.append((code, tuple(rest[3 : 3 + count])))
        rest = rest[3 + max(count, 0) :]
    if len(set(found)) != 1 or len(found) < header.info["DATASET_RANK"][1]:
        # Which of them a selected volume was is not known.
        return Statement("BRICK_STATAUX", "not the same for all sub-bricks", None)
    code, degrees_of_freedom = found[0]
    words, kind = _SUB_BRICKS.get(code, (str(code), None))
    return Statement("BRICK_STATAUX", words, kind, degrees_of_freedom)


def _description(header: Any) -> Statement | None:
    """Return what the description in a header says."""
    if not isinstance(header, nibabel.analyze.AnalyzeHeader):
        return None
    description = header["descrip"].item().split(b"\0")[0].decode("latin-1")
    found = _DESCRIPTION.match(description)
    if found is None:
        return None
    kind = _LETTERS[found["letter"].lower()]
    # SPM writes a threshold behind P, and DPABI a 1 behind Z.
    degrees_of_freedom = () if kind in "zp" else _numbers(found["numbers"])
    return Statement("description", description, kind, degrees_of_freedom)


def _numbers(text: str | None) -> tuple[float, ...]:
    """Read numbers with commas or spaces between them; none if one cannot be read."""
    try:
        return tuple(float(word) for word in re.split(r"[,;\s]+", (text or "").strip()))
    except ValueError:
        return ()


def _sentence(statement: Statement) -> str:
    text = str(statement)
    return text[0].upper() + text[1:]
