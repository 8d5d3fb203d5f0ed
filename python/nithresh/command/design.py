"""A design as a table in a file: a column for each regressor, with names."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from nithresh.command.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def read_design(path: str) -> dict[str, list[str]]:
    """Read the cells of each column by its name."""
    from nithresh._paths import expanded

    try:
        with expanded(path).open(newline="", encoding="utf-8-sig") as stream:
            lines = enumerate(csv.reader(stream, delimiter="\t"), start=1)
            rows = [(n, row) for n, row in lines if any(map(str.strip, row))]
    except (OSError, UnicodeDecodeError) as error:
        why = (isinstance(error, OSError) and error.strerror) or error
        msg = f"--design is {path!r}, which cannot be read: {why}"
        raise UsageError(msg) from error
    if len(rows) < 2:
        msg = (
            f"--design is {path!r}; it must have a line of names and a row for each map"
        )
        raise UsageError(msg)
    names = rows[0][1]
    for number, row in rows[1:]:
        if len(row) != len(names):
            msg = (
                f"--design is {path!r}; line {number} has {len(row)} cells for "
                f"{len(names)} columns, which are separated by tabs"
            )
            raise UsageError(msg)
    if len(set(names)) < len(names):
        msg = f"--design is {path!r}; two columns have the same name"
        raise UsageError(msg)
    return dict(
        zip(
            names,
            map(list, zip(*(row for _, row in rows[1:]), strict=True)),
            strict=True,
        )
    )


def as_numbers(cells: list[str], name: str) -> NDArray[np.float64]:
    """Return the cells of a regressor as numbers."""
    import numpy as np

    values = np.empty(len(cells))
    for number, cell in enumerate(cells):
        try:
            values[number] = float(cell)
        except ValueError as error:
            msg = (
                f"column {name!r} of the design holds {cell!r}; all columns must hold "
                "numbers (leave out names of subjects, code groups as 0 and 1)"
            )
            raise UsageError(msg) from error
    return values
