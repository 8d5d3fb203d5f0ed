"""The table of clusters: columns, and the ways to show and to save them."""

from __future__ import annotations

import csv
import html
import io
import json
from collections.abc import Iterator, Mapping
from os import PathLike
from typing import Any

from numpy.typing import NDArray

from nithresh._choices import finite
from nithresh._columns import Column, column_of
from nithresh._numbers import in_full, told_apart
from nithresh._paths import expanded

_MOST_ROWS = 60


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
    ``NAME_distance``         float64: how far the peak is from that region, in mm; 0
                              within it
    ``NAME_probability``      float64: of that region at the peak, from 0 to 1; of
                              probabilistic atlases
    ``NAME_regions``          text: the share of the cluster in each region, the largest
                              first
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
        self._save(path, ".tsv", "\t")

    def to_csv(self, path: str | PathLike[str]) -> None:
        """Write a comma-separated file, and beside it what the columns mean.

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
        """
        self._save(path, ".csv", ",")

    def _save(self, path: str | PathLike[str], extension: str, delimiter: str) -> None:
        # Imported here, because most tables are never written.
        from nithresh.files.atomic import Transaction
        from nithresh.files.sidecars import write_sidecar

        place = expanded(path)
        if place.suffix.lower() != extension:
            msg = f"path is {str(path)!r}; it must end in {extension}"
            raise ValueError(msg)
        with Transaction() as files:
            with files.open(place) as stream:
                stream.write(self.as_text(delimiter).encode())
            write_sidecar(files, place.with_suffix(".json"), self.sidecar)
            files.commit()

    def as_text(
        self, delimiter: str = "\t", *, first: Mapping[str, str] | None = None
    ) -> str:
        """Return the text of the file that :meth:`to_tsv` writes.

        Parameters
        ----------
        delimiter : str
            Between the columns.
        first : mapping of str to str, optional
            Columns before all others, with the same value in each row.

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
        writer.writerow([*first, *self])
        writer.writerows(
            [
                *first.values(),
                *("n/a" if _is_missing(value) else value for value in row),
            ]
            for row in self.rows()
        )
        return text.getvalue()

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
        table = [names, *rows]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        justify = [
            str.ljust if column_of(name).is_text else str.rjust for name in names
        ]
        lines = [
            "  ".join(
                just(cell, width)
                for just, cell, width in zip(justify, row, widths, strict=True)
            ).rstrip()
            for row in table
        ]
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
            "<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>"
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
                ""
                if record.per_cluster and not id_.isdigit()
                else self._cell(record, value)
                for id_, value in zip(ids[:_MOST_ROWS], self[record.name], strict=False)
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
        return told_apart(value, *others, least=5)[0]

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
        extent = choices.get("cluster_threshold", 0)
        what = f"no {extent} connected voxels" if extent > 1 else "no voxel"
        text = in_full(level) if isinstance(level, (int, float)) else level
        return f"No clusters: {what} with {choices.get('comparison')} {text}."


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


def _whole(value: float) -> float:
    """Return a whole number as an integer; NaN stays."""
    return value if value != value else int(value)


def _is_missing(value: Any) -> bool:
    """Whether a value is NaN, or the text of a row that has none."""
    return bool(value != value or value == "")
