"""Numbers as people read them: in short, but never so short that they mislead."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral
from typing import Any

import numpy as np


def in_full(number: float) -> str:
    """Return the shortest text that is this number and no other.

    For thresholds: ``>= 1`` for 1.00001 would promise voxels that are not kept. Zero
    has no sign.

    >>> in_full(3.0), in_full(1.00001), in_full(-0.1), in_full(-0.0)
    ('3', '1.00001', '-0.1', '0')
    """
    return repr(float(number) + 0.0).removesuffix(".0")


def told_apart(*numbers: Any, least: int = 6) -> list[str]:
    """Return numbers with as many digits as tell them apart, and `least` or more.

    Integers have all their digits. NumPy's small floats are what their digits say, as
    in NumPy: the float32 next to 2.3 is 2.3. Zero has no sign.

    >>> told_apart(3.0000001, 3.0, 1 / 3, -0.0)
    ['3.0000001', '3', '0.33333333', '0']
    """
    # Minus zero and zero are zero.
    exact = [
        (float(str(number)) if isinstance(number, np.floating) else number) + 0
        for number in numbers
    ]
    texts: list[str] = []
    for digits in range(least, 18):
        texts = [
            str(number) if isinstance(number, Integral) else f"{number:.{digits}g}"
            for number in exact
        ]
        if len(set(texts)) >= len(set(exact)):
            break
    return texts


def short(number: float, *others: float) -> str:
    """Return a number with five digits and all of its whole ones, as tables have it.

    It has as many more as tell it from the others. From 1e15 on it has an exponent.

    >>> short(3.14159265), short(107030.44), short(3.100001, 3.1)
    ('3.1416', '107030', '3.100001')
    """
    size = abs(number)
    whole = len(str(round(size))) if size < 1e15 else 0
    return told_apart(number, *others, least=max(5, whole))[0]


def counted(number: int, what: str) -> str:
    """Say how many there are of something.

    Examples
    --------
    >>> counted(1, "cluster"), counted(0, "cluster")
    ('1 cluster', '0 clusters')
    """
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def shape_text(shape: Iterable[Any]) -> str:
    """Return a shape without the types that some headers give its numbers.

    >>> import numpy as np
    >>> shape_text((np.int32(3), np.int32(4)))
    '(3, 4)'
    """
    return str(tuple(map(int, shape)))
