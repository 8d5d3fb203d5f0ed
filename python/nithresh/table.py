"""The table of clusters: columns, and the ways to show and to save them."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from typing import Any

from numpy.typing import NDArray

from nithresh import _markup
from nithresh._choices import finite
from nithresh._columns import Column, column_of
from nithresh._numbers import in_full, short
from nithresh._params import warn
from nithresh._paths import expanded

_MOST_ROWS = 60
# Of the columns that do not fit a terminal, these go first, and then the last ones.
_GO_FIRST = ("mean", "volume_mm3")
_NARROWEST = 12
# What begins a formula: at the beginning, and where a semicolon ends a cell, as it does
# in many countries. The wide forms are those of Japanese keyboards.
_FORMULA = re.compile(r"(^|;)(?=[=+\-@\t\r\uff1d\uff0b\uff0d\uff20])")


class ClusterTable(Mapping[str, NDArray[Any]]):
    """The table of :func:`nithresh.find_clusters`: columns by name.

    One row for each cluster, in the order of their numbers, each followed by those of
    its sub-peaks. The row of a sub-peak has its id, its sign, its place and its value.
    What belongs to the cluster is missing there (NaN), so that a sum over a column is
    a sum over clusters: ``numpy.nansum``, or pandas' ``sum``.

    A mapping of names to arrays, which are read-only and all of the same length:

    ========================  =====================================================
    ``id``                    text: ``"3"`` of cluster 3, ``"3a"``, ``"3b"``, ... of
                              its sub-peaks
    ``sign``                  int8: 1 or -1
    ``x``, ``y``, ``z``       float64: the peak, in mm
    ``i``, ``j``, ``k``       int64: the same in voxel indices
    ``peak``                  float64: its value
    ``extent``                float64, of whole numbers: voxels of the cluster
    ``volume_mm3``            float64: the extent times abs(det) of the affine
    ``mean``, ``mass``        float64: mean and sum of the values of the cluster
    ``com_x``, ``com_y``,     float64: the centre of mass in mm, the mean of the
    ``com_z``                 voxels' places weighted by their values
    ``robust_from``,          float64, if asked for: at all thresholds between the
    ``robust_to``             two, as distances from zero and the second included, the
                              cluster is in one piece and separate from all others
    ``NAME_mean``,            float64: mean, smallest and largest value of each extra
    ``NAME_min``,             map in the cluster; of the values that are finite, NaN
    ``NAME_max``              if none is
    ``NAME_region``           text: the region of each atlas at the peak, or else the
                              nearest one
    ``NAME_distance``         float64: how far the peak is from that region in a
                              straight line, in mm; 0 within it
    ``NAME_probability``      float64: of that region at the peak, from 0 to 1; of
                              probabilistic atlases
    ``NAME_regions``          text: the share of the cluster's voxels or vertices in
                              each region, the largest first
    ========================  =====================================================

    Examples
    --------
    >>> from nithresh import datasets, find_clusters
    >>> image = datasets.load_sample_motor_activation_image()
    >>> table = find_clusters(image, 5, cluster_threshold=200, max_peaks=2).table
    >>> print(table)
    id    x    y   z     peak  extent  volume_mm3     mean
     1   60  -19  46   7.9413    1012       27324   7.2741
    1a   51  -31  58   7.9413
     2  -24  -31  73  -7.9414     436       11772  -7.2317
    2a  -27  -31  55  -7.9414
    >>> table["extent"]
    array([1012.,   nan,  436.,   nan])
    """

    def __init__(
        self, columns: Mapping[str, NDArray[Any]], choices: Mapping[str, Any]
    ) -> None:
        self._columns = dict(columns)
        self._records = [column_of(name) for name in columns]
        for column in self._columns.values():
            column.flags.writeable = False
        self._choices = json.dumps(finite(choices))

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in vars(self):
            msg = f"a table of clusters cannot be changed, nor its {name!r}"
            raise AttributeError(msg)
        super().__setattr__(name, value)

    def __reduce__(self) -> Any:
        return type(self), (self._columns, json.loads(self._choices))

    @property
    def choices(self) -> dict[str, Any]:
        """What the table was made of and by which rules, as in the sidecar."""
        choices: dict[str, Any] = json.loads(self._choices)
        return choices

    def to_pandas(self) -> Any:
        """Return a copy as a ``pandas.DataFrame``.

        Raises
        ------
        ImportError
            pandas is not installed (``pip install 'nithresh[pandas]'``).

        Examples
        --------
        >>> from nithresh import datasets, find_clusters
        >>> image = datasets.load_sample_motor_activation_image()
        >>> frame = find_clusters(image, 5, max_peaks=1).table.to_pandas()
        >>> int(frame.extent.sum())
        2057
        """
        pandas = import_pandas("to_pandas")
        columns = {name: column.copy() for name, column in self.items()}
        return pandas.DataFrame(columns)

    def to_tsv(self, path: str | PathLike[str]) -> None:
        """Write a tab-separated file, and beside it what the columns mean.

        Parameters
        ----------
        path : str or os.PathLike
            Ends in ``.tsv``. The file beside it ends in ``.json`` instead, as in BIDS
            [1]_: it describes each column and states every choice. Existing files
            are replaced, each only when it is complete.

        Raises
        ------
        ValueError
            Another extension.
        MissingFileError
            There is no such folder (a FileNotFoundError and a ValueError).

        Notes
        -----
        Floats are written with the digits that identify them; NaN as ``n/a``.

        References
        ----------
        .. [1] https://bids-specification.readthedocs.io/en/stable/common-principles.html

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from nithresh import datasets, find_clusters
        >>> image = datasets.load_sample_motor_activation_image()
        >>> table = find_clusters(image, 5).table
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     table.to_tsv(f"{folder}/clusters.tsv")
        ...     sorted(file.name for file in Path(folder).iterdir())
        ['clusters.json', 'clusters.tsv']
        """
        self._save(path, ".tsv")

    def to_csv(self, path: str | PathLike[str]) -> None:
        """Write a comma-separated file, and beside it what the columns mean.

        Spreadsheet programs run a cell that begins with ``=``, ``+``, ``-`` or ``@`` as
        a formula. Words that do (names of regions, of atlases and of extra maps) are
        written with an apostrophe before them.

        Parameters
        ----------
        path : str or os.PathLike
            Ends in ``.csv``; everything else as for :meth:`to_tsv`.

        Raises
        ------
        ValueError
            Another extension.
        MissingFileError
            There is no such folder (a FileNotFoundError and a ValueError).

        Warns
        -----
        UserWarning
            Words got an apostrophe. The file beside the table says so, too.
        """
        self._save(path, ".csv")

    def _save(self, path: str | PathLike[str], extension: str) -> None:
        # Imported here, because most tables are never written.
        from nithresh.files.atomic import Transaction
        from nithresh.files.sidecars import write_sidecar

        place = expanded(path)
        if place.suffix.lower() != extension:
            msg = f"path is {str(path)!r}; it must end in {extension}"
            raise ValueError(msg)
        text, sidecar = self.as_text(), self.sidecar
        if extension == ".csv":
            text, sidecar = self._csv(sidecar)
        with Transaction() as files:
            with files.open(place) as stream:
                stream.write(text.encode())
            write_sidecar(files, place.with_suffix(".json"), sidecar)
            files.commit()

    def _csv(self, sidecar: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return the text of a CSV file without formulas, and what stands beside it."""
        text = self.as_text(",", harmless=True)
        if text != self.as_text(","):
            about = (
                "Words that begin with = + - or @ have an apostrophe before them, so "
                "that no spreadsheet program runs them as formulas"
            )
            warn(f"{about}.")
            sidecar = {_harmless(name): value for name, value in sidecar.items()}
            sidecar["Notes"] = about
        return text, sidecar

    def as_text(
        self,
        delimiter: str = "\t",
        *,
        first: Mapping[str, str] | None = None,
        harmless: bool = False,
    ) -> str:
        """Return the text of the file that :meth:`to_tsv` writes.

        Parameters
        ----------
        delimiter : str
            Between the columns.
        first : mapping of str to str, optional
            Columns before all others, with the same value in each row.
        harmless : bool, default=False
            Write an apostrophe before words that spreadsheet programs would run.

        Examples
        --------
        >>> from nithresh import datasets, find_clusters
        >>> image = datasets.load_sample_motor_activation_image()
        >>> table = find_clusters(image, 5, cluster_threshold=500).table
        >>> print(table.as_text(first={"map": "motor"})[:20])
        map	id	sign	x	y	z	i
        """
        first = first or {}
        text = io.StringIO(newline="")
        writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
        written = _harmless if harmless else _same
        writer.writerow(map(written, [*first, *self]))
        writer.writerows(
            [
                *map(written, first.values()),
                *("n/a" if _is_missing(value) else written(value) for value in row),
            ]
            for row in self.rows()
        )
        return text.getvalue()

    def to_polars(self) -> Any:
        """Return a copy as a ``polars.DataFrame``; what is missing is null.

        Raises
        ------
        ImportError
            polars is not installed (``pip install polars``).
        """
        try:
            import polars as pl
        except ImportError as error:
            msg = "to_polars needs polars; install it with: pip install polars"
            raise ImportError(msg) from error
        columns = []
        for name, column in self.items():
            values = [
                None if _is_missing(value) else value for value in column.tolist()
            ]
            # Also of a table without rows, and of a column of which all is missing.
            dtype = pl.String if column.dtype.kind == "U" else pl.Series(column).dtype
            columns.append(pl.Series(name, values, dtype))
        return pl.DataFrame(columns)

    def to_markdown(self, columns: Sequence[str] | None = None) -> str:
        """Return a table of Markdown, with the digits of a paper.

        Places have one decimal, or none if all are whole, and so have sizes in mm² and
        mm³. p-values have three digits by the rules of the APA (``.032``, ``< .001``),
        and other values have two decimals, or more if they are small. The cells of what
        a sub-peak does not have are empty.

        Parameters
        ----------
        columns : sequence of str, optional
            Which columns, in this order. By default those that are printed.

        Returns
        -------
        str
            It ends in a line break.

        Raises
        ------
        TypeError
            `columns` is not a sequence of text.
        ValueError
            There is no such column, or none at all.

        Examples
        --------
        >>> from nithresh import datasets, find_clusters
        >>> image = datasets.load_sample_motor_activation_image()
        >>> table = find_clusters(image, 5, cluster_threshold=200, max_peaks=1).table
        >>> print(table.to_markdown(["id", "x", "y", "z", "peak", "extent"]))
        |  id |   x |   y |   z |  peak | extent |
        | --: | --: | --: | --: | ----: | -----: |
        |   1 |  60 | -19 |  46 |  7.94 |   1012 |
        |   2 | -24 | -31 |  73 | -7.94 |    436 |
        <BLANKLINE>
        """
        return _markup.markdown(self._cells(columns))

    def to_latex(self, columns: Sequence[str] | None = None) -> str:
        """Return a ``tabular`` of LaTeX, which needs no package.

        Parameters, digits and errors are those of :meth:`to_markdown`.
        """
        return _markup.latex(self._cells(columns))

    def to_html(self, columns: Sequence[str] | None = None) -> str:
        """Return a table of HTML, to be pasted into a page or a text processor.

        Parameters, digits and errors are those of :meth:`to_markdown`.
        """
        return _markup.as_html(self._cells(columns))

    def to_typst(self, columns: Sequence[str] | None = None) -> str:
        """Return a table of Typst.

        Parameters, digits and errors are those of :meth:`to_markdown`.
        """
        return _markup.typst(self._cells(columns))

    def _cells(self, columns: Any) -> _markup.Cells:
        """Return the cells of columns, with the digits of a paper."""
        if columns is None:
            columns = [record.name for record in self._records if record.printed]
        if isinstance(columns, str) or not isinstance(columns, Sequence):
            kind = type(columns).__name__
            msg = f"columns is of type {kind}; it must be a list of names"
            raise TypeError(msg)
        if not columns:
            msg = "columns is empty; it must name at least one column"
            raise ValueError(msg)
        for name in columns:
            if name not in self._columns:
                msg = (
                    f"columns has {name!r}; the columns of this table are "
                    f"{', '.join(map(repr, self))}"
                )
                raise ValueError(msg)
        shown = [record for record in self._records if record.name in columns]
        shown.sort(key=lambda record: columns.index(record.name))
        texts = [self._pasted(record) for record in shown]
        return _markup.Cells(
            [record.name for record in shown],
            list(zip(*texts, strict=True)),
            [record.is_text for record in shown],
        )

    def _pasted(self, record: Column) -> list[str]:
        """Return the cells of a column, with the digits of a paper."""
        values = self[record.name].tolist()
        shown = [value for value in values if not _is_missing(value)]
        if record.whole or not any(isinstance(value, float) for value in shown):
            return ["" if _is_missing(one) else str(_whole(one)) for one in values]
        if record.name.startswith("p_"):
            return ["" if one != one else _markup.p_value(one) for one in values]
        if record.unit in ("mm", "mm^2", "mm^3"):
            is_whole = all(abs(value - round(value)) < 1e-3 for value in shown)
            digits = 0 if is_whole else 1
        else:
            digits = _markup.decimals(shown, 2)
        # Without the sign of a zero.
        return ["" if one != one else f"{one + 0.0:z.{digits}f}" for one in values]

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Go through the rows, each as Python's own numbers and text.

        What is missing is NaN.
        """
        columns = [
            [_whole(value) for value in self[record.name].tolist()]
            if record.whole
            else self[record.name].tolist()
            for record in self._records
        ]
        return zip(*columns, strict=True)

    @property
    def sidecar(self) -> dict[str, Any]:
        """What :meth:`to_tsv` writes beside the table."""
        return self._descriptions() | {"Choices": self.choices}

    def _descriptions(self) -> dict[str, Any]:
        """Return what each column says, in the words of BIDS."""
        described: dict[str, Any] = {}
        for record in self._records:
            missing = "; n/a for a sub-peak" if record.per_cluster else ""
            described[record.name] = {"Description": f"{record.text}{missing}"}
            if record.unit is not None:
                described[record.name]["Units"] = record.unit
        return described

    def __str__(self) -> str:
        """Lay the main columns out as text."""
        names, rows, left_out = self.printed()
        if not rows:
            return self._nothing()
        columns = {
            name: [name, *cells]
            for name, cells in zip(names, zip(*rows, strict=True), strict=True)
        }
        if sys.stdout.isatty():
            too_wide = _fit(columns, shutil.get_terminal_size().columns)
            if too_wide:
                left_out = [*left_out, f"not shown here: {', '.join(too_wide)}"]
        justified = []
        for name, cells in columns.items():
            just = str.ljust if column_of(name).is_text else str.rjust
            width = max(map(len, cells))
            justified.append([just(cell, width) for cell in cells])
        lines = ["  ".join(row).rstrip() for row in zip(*justified, strict=True)]
        return "\n".join([*lines, *left_out])

    def printed(self) -> tuple[list[str], list[list[str]], list[str]]:
        """Return what is printed: columns, rows, and a line about more rows."""
        shown = [record for record in self._records if record.printed]
        return [record.name for record in shown], *self._shown(shown)

    def __repr__(self) -> str:
        """Say what it is a table of."""
        return f"<ClusterTable of {self['id'].size} rows: {', '.join(self)}>"

    def _repr_html_(self) -> str:
        """Lay all columns out for a notebook."""
        rows, left_out = self._shown(self._records)
        if not rows:
            return f"<p>{html.escape(self._nothing())}</p>"
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
            for row in rows
        )
        foot = "".join(f"<p>{line}</p>" for line in left_out)
        return (
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{foot}"
        )

    def _shown(self, records: list[Column]) -> tuple[list[list[str]], list[str]]:
        """Return the first rows as text, and a line about the others."""
        ids = self["id"].tolist()
        columns = [
            [
                "" if _is_missing(value) else self._cell(record, value)
                for value in self[record.name][:_MOST_ROWS]
            ]
            for record in records
        ]
        rows = [list(row) for row in zip(*columns, strict=True)]
        more = len(ids) - len(rows)
        return rows, [f"... and {more} more rows"] if more else []

    def _cell(self, record: Column, value: Any) -> str:
        """Return a value as it is printed, told apart from a near threshold."""
        value = _whole(value.item()) if record.whole else value.item()
        if not isinstance(value, float):
            return str(value)
        level = self.choices.get("threshold_resolved")
        others = []
        if record.near_threshold and isinstance(level, (int, float)):
            others = [level, -level]
        return short(value, *others)

    def _nothing(self) -> str:
        """Say why there is no row."""
        choices = self.choices
        level = choices.get("threshold_resolved")
        if level == "inf" and str(choices.get("threshold")).endswith("%"):
            values = "abs(values)" if choices.get("two_sided") else "values >= 0"
            return (
                f"No clusters: the threshold is a percentile of the {values}, and the "
                "map has none."
            )
        text = in_full(level) if isinstance(level, (int, float)) else level
        compared = f"{choices.get('comparison')} {text}"
        return f"No clusters: no {self._least_cluster()} with {compared}."

    def _least_cluster(self) -> str:
        """Say which clusters are just large enough."""
        extent = self.choices.get("cluster_threshold", 0)
        area = self.choices.get("min_area_mm2", 0)
        count = f"{extent} connected" if extent > 1 else "connected"
        each = []
        if "vertex" in self and area > 0:
            each.append(f"{count} vertices of {in_full(area)} mm2")
        elif "vertex" in self:
            each.append(f"{count} vertices" if extent > 1 else "vertex")
        if "i" in self or not each:
            each.append(f"{count} voxels" if extent > 1 else "voxel")
        return " or ".join(each)


def import_pandas(who: str) -> Any:
    """Import pandas, which is an extra.

    Raises
    ------
    ImportError
        pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        msg = f"{who} needs pandas; install it with: pip install 'nithresh[pandas]'"
        raise ImportError(msg) from error
    return pd


def _whole(value: Any) -> Any:
    """Return a whole number as an integer; NaN and text stay."""
    return int(value) if isinstance(value, float) and value == value else value


def _is_missing(value: Any) -> bool:
    """Whether a value is NaN, or the text of a row that has none."""
    return bool(value != value or value == "")


def _same(value: Any) -> Any:
    return value


def _harmless(value: Any) -> Any:
    """Return a cell that no spreadsheet program runs as a formula."""
    return _FORMULA.sub(r"\1'", value) if isinstance(value, str) else value


def _fit(columns: dict[str, list[str]], width: int) -> list[str]:
    """Shorten words and remove columns until a table fits, and return what is gone."""

    def excess() -> int:
        widths = [max(map(len, cells)) for cells in columns.values()]
        return sum(widths) + 2 * (len(widths) - 1) - width

    for name in columns:
        too_much = excess()
        if too_much > 0 and column_of(name).is_text:
            longest = max(map(len, columns[name]))
            most = max(longest - too_much, len(name), _NARROWEST)
            columns[name] = [
                cell if len(cell) <= most else f"{cell[: most - 1]}…"
                for cell in columns[name]
            ]
    gone = []
    order = [name for name in _GO_FIRST if name in columns]
    order += [name for name in reversed(columns) if name not in order]
    for name in order[:-1]:
        if excess() <= 0:
            break
        gone.append(name)
        del columns[name]
    return gone
