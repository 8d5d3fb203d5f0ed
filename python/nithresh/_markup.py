"""Tables as people paste them: Markdown, LaTeX, HTML and Typst."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    # After a line break these two would be its options.
    "[": "{[}",
    "*": "{*}",
    "<": r"$<$",
    ">": r"$>$",
} | {one: f"\\{one}" for one in "&%$#_{}"}
_NUMBER = re.compile(r"-?\d[\d.]*")


class Cells(NamedTuple):
    """The cells of a table as text.

    Attributes
    ----------
    head : sequence of str
        The names of the columns.
    rows : sequence of sequences of str
    from_left : sequence of bool
        Which columns are words, and shown from the left.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    from_left: Sequence[bool]


def markdown(cells: Cells) -> str:
    """Write a table of GitHub's Markdown, its columns aligned in the source too."""
    texts = _escaped(cells, _markdown_text)
    widths = [max(3, *map(len, column)) for column in zip(*texts, strict=True)]
    lines = []
    for row in texts:
        shown = [
            text.ljust(width) if left else text.rjust(width)
            for text, width, left in zip(row, widths, cells.from_left, strict=True)
        ]
        lines.append(f"| {' | '.join(shown)} |")
    rule = [
        f":{'-' * (width - 1)}" if left else f"{'-' * (width - 1)}:"
        for width, left in zip(widths, cells.from_left, strict=True)
    ]
    lines.insert(1, f"| {' | '.join(rule)} |")
    return "\n".join(lines) + "\n"


def latex(cells: Cells) -> str:
    """Write a tabular of LaTeX, which needs no package."""
    head, *rows = _escaped(cells, _latex_text)
    columns = "".join("l" if left else "r" for left in cells.from_left)
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\hline"]
    lines += [" & ".join(head) + r" \\", r"\hline"]
    lines += [" & ".join(row) + r" \\" for row in rows]
    return "\n".join([*lines, r"\hline", r"\end{tabular}"]) + "\n"


def as_html(cells: Cells) -> str:
    """Write a table of HTML."""
    head, *rows = _escaped(cells, html.escape)
    lines = ["<table>", "<thead>", _html_row(head, "th", cells), "</thead>", "<tbody>"]
    lines += [_html_row(row, "td", cells) for row in rows]
    return "\n".join([*lines, "</tbody>", "</table>"]) + "\n"


def typst(cells: Cells) -> str:
    """Write a table of Typst."""
    head, *rows = _escaped(cells, _typst_text)
    align = ", ".join("left" if left else "right" for left in cells.from_left)
    lines = [
        "#table(",
        f"  columns: {len(head)},",
        f"  align: ({align},),",
        f"  table.header({', '.join(f'[{text}]' for text in head)}),",
    ]
    lines += [f"  {', '.join(f'[{text}]' for text in row)}," for row in rows]
    return "\n".join([*lines, ")"]) + "\n"


def p_value(p: float) -> str:
    """Write a p-value by the rules of the APA: three digits, without the zero.

    Examples
    --------
    >>> p_value(0.0321), p_value(0.0004), p_value(0.9999), p_value(1.0)
    ('.032', '< .001', '> .999', '1.000')
    """
    if p < 0.001:
        return "< .001"
    if 0.9995 <= p < 1:
        return "> .999"
    return f"{p:.3f}".removeprefix("0")


def decimals(values: Sequence[float], least: int) -> int:
    """Choose how many decimals numbers of a column need: `least`, or more if small.

    Examples
    --------
    >>> decimals([3.1, -7.25], 2), decimals([0.00123], 2), decimals([2.0, 4.0], 0)
    (2, 4, 0)
    """
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0)
    if not 0 < largest < 0.1:
        return least
    return max(least, 1 - math.floor(math.log10(largest)))


def _escaped(cells: Cells, escape: Callable[[str], str]) -> list[list[str]]:
    return [[escape(text) for text in row] for row in (cells.head, *cells.rows)]


def _markdown_text(text: str) -> str:
    # Within a word an underscore means nothing. In a link, which addresses become by
    # themselves, a backslash would be seen.
    special = r"([\\`*\[\]<>|#~$&]|\b_|_\b|:(?=//)|(?<=www)\.)"
    return re.sub(special, r"\\\1", text, flags=re.IGNORECASE)


def _latex_text(text: str) -> str:
    if _NUMBER.fullmatch(text):
        # In text a minus would be a hyphen.
        return f"${text}$" if text.startswith("-") else text
    escaped = "".join(_LATEX.get(one, one) for one in text)
    # Two of these would be one: a dash, a quotation mark, a turned ? or !.
    return re.sub(r"([-`',])(?=\1)|([?!])(?=`)", r"\g<0>{}", escaped)


def _typst_text(text: str) -> str:
    if _NUMBER.fullmatch(text):
        return f"${text}$" if text.startswith("-") else text
    return re.sub(r"([\\`*_\[\]<>#$@~/=+.-])", r"\\\1", text)


def _html_row(texts: Sequence[str], tag: str, cells: Cells) -> str:
    written = [
        f'<{tag} style="text-align: {"left" if left else "right"}">{text}</{tag}>'
        for text, left in zip(texts, cells.from_left, strict=True)
    ]
    return f"<tr>{''.join(written)}</tr>"
