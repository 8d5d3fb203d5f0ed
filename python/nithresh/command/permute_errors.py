"""Errors of a permutation test, in the words of the command line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from nithresh.command.errors import UsageError, one_line

# What messages call an argument, and what the command line calls it. A name that is an
# English word, too, counts where a message begins with it.
_WORDS = (
    (r"^contrast is None and design has", "--contrast is not given and --design has"),
    (r"\bn_permutations\b", "-n"),
    (r"\bthreshold_p\b", "--threshold-p"),
    (r"^threshold\b|(?<=use )threshold\b", "-t"),
    (r"\bmask_img\b", "--mask"),
    (r"^(design|contrast|within|whole|shuffle|seed|checkpoint|jobs|dask)\b", r"--\1"),
)
# A missing map is named by the message.
_MISSING = re.compile(
    r"^(?:imgs|minus)(?:\[\d+\])? is '(.*)'; (?=there is no such file)"
)
# An argument that holds maps, and the number of one of them.
_MAPS = re.compile(
    r"\b(imgs|minus)(?:\[(\d+)\])?(?= (?:is|has|holds|and)\b| minus minus\b)"
)
# What is between quotes is a file or a word that somebody has typed.
_QUOTED = re.compile(r"('[^']*')")


@contextmanager
def in_words_of_command(
    inputs: Sequence[str], mask: str, *, paired: bool
) -> Iterator[None]:
    """Say an error as the command line does, and tell faults of files from others.

    Parameters
    ----------
    inputs : sequence of str
        The maps.
    mask : str
        The file of the mask.
    paired : bool
        Whether the second half of them is subtracted.

    Raises
    ------
    UsageError
        A word of the command line is wrong.
    OSError, ValueError
        Something is wrong with a file, which the message names.
    """
    try:
        yield
    except (ImportError, OSError, TypeError, ValueError) as error:
        text = str(error)
        told = _MISSING.sub(r"'\1': ", text)
        told = "".join(
            part if _QUOTED.fullmatch(part) else _worded(part)
            for part in _QUOTED.split(
                re.sub(r"\bshuffle='(\w+)'", r"--shuffle \1", told)
            )
        )
        half = len(inputs) // 2 if paired else 0

        def file(found: re.Match[str]) -> str:
            name, number = found.groups()
            if number is not None:
                return inputs[int(number) + (half if name == "minus" else 0)]
            return inputs[0] if len(inputs) == 1 else "IN"

        told = one_line(_MAPS.sub(file, told))
        if told.startswith("--mask has"):
            told = told.replace("--mask", f"--mask {mask}", 1)
        is_plain = type(error) in (TypeError, ValueError)
        if is_plain and not re.match(r"imgs\b|minus\b|mask_img\b", text):
            raise UsageError(told) from error
        if told == text:
            raise
        raise (OSError if isinstance(error, OSError) else ValueError)(told) from error


def _worded(text: str) -> str:
    """Put the words of the command in place of those of the library."""
    for pattern, words in _WORDS:
        text = re.sub(pattern, words, text)
    return text
