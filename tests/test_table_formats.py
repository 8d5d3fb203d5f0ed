"""Tables as people paste them, open them in spreadsheets and see them in terminals."""

import csv
import html.parser
import json
import os
import pty
import re
import subprocess
import sys

import nibabel
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nithresh
from nithresh import _markup, datasets, find_clusters
from nithresh._columns import COLUMNS
from nithresh.table import ClusterTable

SAMPLE = nithresh.load(datasets.load_sample_motor_activation_image())
FORMATS = ["to_markdown", "to_latex", "to_html", "to_typst"]
NASTY = [
    "[a] *b",
    "1. c",
    "R&amp;D",
    "=1+2",
    "@SUM(A1)",
    "-x",
    "a|b",
    "50% & more_",
    "<b>bold</b>",
    "#[x] $y$ *z*",
    "a--b, ``c''",
    "WWW.a.b#c, www.a.b*c or http://a.b/c#d",
]


def table_of(**columns):
    """A table of two clusters, with columns as given."""
    whole = {"id": np.array(["1", "1a", "2"])}
    return ClusterTable(whole | {k: np.array(v) for k, v in columns.items()}, {})


def named(names):
    """A table with regions of these names."""
    labels = np.arange(SAMPLE.shape[0]) * len(names) // SAMPLE.shape[0] + 1
    labels = np.broadcast_to(labels[:, None, None].astype(np.int16), SAMPLE.shape)
    atlas = nibabel.Nifti1Image(labels.copy(), SAMPLE.affine), names
    return find_clusters(SAMPLE, 4.5, cluster_threshold=20, atlas=atlas).table


class Page(html.parser.HTMLParser):
    """The cells of a table of HTML, as a browser would read them."""

    def __init__(self, text):
        super().__init__()
        self.rows = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        assert tag in ("table", "thead", "tbody", "tr", "th", "td")
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            self.rows[-1].append("")

    def handle_data(self, data):
        if data.strip():
            self.rows[-1][-1] += data


def unescaped(text):
    return re.sub(r"\\(.)", r"\1", text)


def markdown_cells(text):
    # GitHub would make links of these.
    assert not re.search(r"(?i)www\.|[^\\]://", text)
    head, rule, *rows = text.splitlines()
    assert set(rule) <= set("|:- ")
    cells = [re.split(r"(?<!\\)\|", row)[1:-1] for row in [head, *rows]]
    assert len({len(line) for line in text.splitlines()}) == 1
    return [[unescaped(cell.strip()) for cell in row] for row in cells]


def latex_cells(text):
    _, _, head, _, *rows, _, _ = text.splitlines()
    found = []
    for row in [head, *rows]:
        assert row.endswith(r" \\")
        cells = re.split(r"(?<!\\)&", row[:-3])
        found.append([latex_text(cell.strip()) for cell in cells])
    return found


LATEX = re.compile(
    r"\\text(?P<name>\w+)\{\}|\{(?P<braced>[\[*])\}|\$(?P<math>[<>]|-[\d.]+)\$"
    r"|\\(?P<escaped>[&%$#_{}])|(?P<plain>[^\\{}$&%#_~^<>\[*])(?P<apart>\{\})?"
)
SYMBOLS = {"backslash": "\\", "asciitilde": "~", "asciicircum": "^"}


def latex_text(cell):
    """What LaTeX prints: each part must be one that it knows."""
    text, place = "", 0
    while place < len(cell):
        found = LATEX.match(cell, place)
        assert found, cell[place:]
        # What TeX would make one character of.
        two = cell[place : place + 2]
        assert two not in ("--", "``", "''", ",,", "?`", "!`")
        text += SYMBOLS.get(found["name"]) or next(filter(None, found.groups()))
        place = found.end()
    return text


def typst_cells(text):
    found = []
    for line in text.splitlines():
        if line.startswith(("  [", "  table.header(")):
            cells = re.findall(r"\[((?:\\.|[^\]\\])*)\]", line)
            cells = [re.sub(r"^\$(-[\d.]+)\$$", r"\1", cell) for cell in cells]
            assert not any(re.search(r"(?<!\\)[#$*_<>@`~]", cell) for cell in cells)
            found.append([unescaped(cell) for cell in cells])
    return found


READERS = {
    "to_markdown": markdown_cells,
    "to_latex": latex_cells,
    "to_html": lambda text: Page(text).rows,
    "to_typst": typst_cells,
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_cell_reads_as_it_is(name):
    table = named(NASTY)
    columns = ["id", "atlas_region", "peak", "extent"]
    cells = READERS[name](getattr(table, name)(columns))
    assert cells[0] == columns
    assert [row[1] for row in cells[1:]] == table["atlas_region"].tolist()
    assert [row[0] for row in cells[1:]] == table["id"].tolist()
    assert [row[2] for row in cells[1:]] == [f"{one:.2f}" for one in table["peak"]]
    sizes = ["" if one != one else f"{one:.0f}" for one in table["extent"]]
    assert [row[3] for row in cells[1:]] == sizes


WRITERS = {
    "to_markdown": _markup.markdown,
    "to_latex": _markup.latex,
    "to_html": _markup.as_html,
    "to_typst": _markup.typst,
}
WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)


@pytest.mark.parametrize("name", FORMATS)
@given(rows=st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=3))
def test_any_words_read_as_they_are(name, rows):
    cells = _markup.Cells(["head", "|_&"], rows, [True, False])
    expected = [list(row) for row in (cells.head, *rows)]
    assert READERS[name](WRITERS[name](cells)) == expected


@pytest.mark.parametrize("name", FORMATS)
def test_all_formats_have_the_same_cells(name):
    table = find_clusters(SAMPLE, 4, cluster_threshold=10).table
    assert READERS[name](getattr(table, name)()) == Page(table.to_html()).rows
    printed, _, _ = table.printed()
    assert Page(table.to_html()).rows[0] == printed


def test_columns_are_chosen_by_name_and_keep_their_order():
    table = find_clusters(SAMPLE, 5).table
    assert markdown_cells(table.to_markdown(["peak", "id"]))[0] == ["peak", "id"]
    assert markdown_cells(table.to_markdown(("k",)))[0] == ["k"]


@pytest.mark.parametrize(
    ("columns", "error", "match"),
    [
        (
            ["id", "size"],
            ValueError,
            "columns has 'size'; the columns of this",
        ),
        ([], ValueError, "columns is empty"),
        ("id", TypeError, "columns is of type str; it must be a list of names"),
        (3, TypeError, "columns is of type int"),
    ],
)
def test_columns_that_are_not_there(columns, error, match):
    table = find_clusters(SAMPLE, 5).table
    for name in FORMATS:
        with pytest.raises(error, match=match):
            getattr(table, name)(columns)


def test_no_clusters_give_a_head_alone():
    with pytest.warns(UserWarning, match="no voxel"):
        table = find_clusters(SAMPLE, 100).table
    assert [len(READERS[name](getattr(table, name)())) for name in FORMATS] == [1] * 4


@pytest.mark.parametrize(
    ("name", "values", "shown"),
    [
        ("x", [60.0, -19.0, 1e-9], ["60", "-19", "0"]),
        ("x", [60.5, -19.0, -0.04], ["60.5", "-19.0", "0.0"]),
        ("extent", [1012.0, np.nan, 3.0], ["1012", "", "3"]),
        ("volume_mm3", [27.0, np.nan, 54.0], ["27", "", "54"]),
        ("volume_mm3", [3.375, np.nan, 54.0], ["3.4", "", "54.0"]),
        ("area_mm2", [3.375, np.nan, 54.0], ["3.4", "", "54.0"]),
        ("peak", [7.9413, -0.004, 3.0], ["7.94", "0.00", "3.00"]),
        ("peak", [0.00123, -0.0005, 0.0002], ["0.0012", "-0.0005", "0.0002"]),
        ("p_fwe_extent", [0.0321, np.nan, 0.00001], [".032", "", "< .001"]),
        ("p_fwe_peak", [1.0, 0.9999, 0.5], ["1.000", "> .999", ".500"]),
        ("i", [3, 0, 12], ["3", "0", "12"]),
        ("a_distance", [0.0, 2.25, 10.0], ["0.0", "2.2", "10.0"]),
        ("a_probability", [0.754, 1.0, 0.0], ["0.75", "1.00", "0.00"]),
    ],
)
def test_digits(name, values, shown):
    cells = markdown_cells(table_of(**{name: values}).to_markdown([name]))
    assert [row[0] for row in cells[1:]] == shown


@given(st.floats(0, 1))
def test_p_values_are_true(p):
    text = _markup.p_value(p)
    if text.startswith("<"):
        assert p < 0.001
    elif text.startswith(">"):
        assert 0.9995 <= p < 1
    else:
        assert abs(float(text) - p) <= 0.0005 + 1e-12
        assert text == "1.000" or text.startswith(".")


def test_every_column_has_digits():
    """No record is forgotten, whatever its values are."""
    for record in COLUMNS:
        values = ["a", "b", "c"] if record.name == "id" else [1.0, 2.0, 0.5]
        if record.whole:
            values = [1.0, 2.0, 3.0]
        table = ClusterTable(
            {"id": np.array(["1", "2", "3"]), record.name: np.array(values)}, {}
        )
        assert table.to_markdown([record.name])


def test_a_spreadsheet_runs_no_cell_of_a_csv_file(tmp_path):
    extra = {"=HYPERLINK(1)": SAMPLE, "fine": SAMPLE}
    labels = nibabel.Nifti1Image(np.ones(SAMPLE.shape, np.uint8), SAMPLE.affine)
    atlas = {"@at": (labels, ["+1"])}
    table = find_clusters(
        SAMPLE, 4.5, cluster_threshold=20, extra=extra, atlas=atlas
    ).table
    path = tmp_path / "table.csv"
    with pytest.warns(UserWarning, match="have an apostrophe before them"):
        table.to_csv(path)
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    for cell in (cell for row in rows for cell in row):
        if cell.startswith(("=", "+", "-", "@")):
            float(cell)
    assert "'@at_region" in rows[0]
    assert "'=HYPERLINK(1)_mean" in rows[0]
    assert {row[rows[0].index("'@at_region")] for row in rows[1:]} == {"'+1"}
    sidecar = json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))
    assert "apostrophe" in sidecar["Notes"]
    assert set(rows[0]) <= set(sidecar)
    # Tab-separated values are for programs, and stay as they are.
    table.to_tsv(tmp_path / "table.tsv")
    assert "@at_region" in (tmp_path / "table.tsv").read_text().split("\n")[0].split(
        "\t"
    )


def test_formulas_of_other_countries_are_harmless_too(tmp_path):
    table = named(["a;=1+2", "\uff1d1+2", "b; =c"])
    with pytest.warns(UserWarning, match="have an apostrophe before them"):
        table.to_csv(tmp_path / "table.csv")
    text = (tmp_path / "table.csv").read_text(encoding="utf-8")
    cells = [cell.strip('"') for cell in re.split("[,;\n]", text)]
    for cell in cells:
        if cell.startswith(("=", "+", "-", "@", "\uff1d")):
            float(cell)
    assert {"a", "'=1+2", "'\uff1d1+2", "b", " =c"} <= set(cells)


def test_a_harmless_csv_file_says_nothing(tmp_path):
    table = named(["a", "b"])
    table.to_csv(tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_text() == table.as_text(",")
    assert "Notes" not in json.loads((tmp_path / "table.json").read_text())


def test_polars():
    # Not of the extra for tests, because it takes 54 MB.
    polars = pytest.importorskip("polars")
    table = named(NASTY)
    frame = table.to_polars()
    assert isinstance(frame, polars.DataFrame)
    assert frame.columns == list(table)
    assert frame["id"].to_list() == table["id"].tolist()
    assert frame["extent"].sum() == np.nansum(table["extent"])
    assert frame["extent"].null_count() == np.isnan(table["extent"]).sum()
    # The types do not depend on the rows.
    none = find_clusters(SAMPLE, 5, cluster_threshold=10_000).table.to_polars()
    assert len(none) == 0
    assert none.schema == find_clusters(SAMPLE, 5).table.to_polars().schema
    assert str(none.schema["id"]) == "String"
    for name in none.columns:
        kind = table[name].dtype.kind
        assert none.schema[name].is_float() == (kind == "f")
        assert none.schema[name].is_integer() == (kind == "i")


def test_polars_is_asked_for(monkeypatch):
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ImportError, match="to_polars needs polars; install it with"):
        find_clusters(SAMPLE, 5).table.to_polars()


def test_pandas_has_the_regions():
    table = named(["a", "b"])
    frame = table.to_pandas()
    assert isinstance(frame, pd.DataFrame)
    assert set(frame["atlas_region"]) == {"a", "b"}


def test_notebooks_show_names_as_text():
    text = named(["<script>x</script>"])._repr_html_()
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


PROGRAM = """
import nibabel, numpy as np, nithresh
image = nithresh.load(nithresh.datasets.load_sample_motor_activation_image())
labels = nibabel.Nifti1Image(np.ones(image.shape, np.uint8), image.affine)
atlas = labels, ["The inferior part of the posterior cingulate gyrus"]
print(nithresh.find_clusters(image, 5, cluster_threshold=100, atlas=atlas).table)
"""


def in_terminal(columns):
    """What the program prints in a terminal of so many columns."""
    outer, inner = pty.openpty()
    env = {**os.environ, "COLUMNS": str(columns)}
    words = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(words, stdout=inner, env=env) as program:
        os.close(inner)
        text = b""
        while True:
            try:
                part = os.read(outer, 4096)
            except OSError:  # the terminal is closed
                break
            text += part
            if not part:
                break
        assert program.wait() == 0
    os.close(outer)
    return text.decode().replace("\r\n", "\n")


@pytest.mark.skipif(sys.platform != "linux", reason="a terminal of Linux")
@pytest.mark.parametrize("columns", [120, 80, 60, 40])
def test_a_terminal_shows_what_fits_and_names_the_rest(columns):
    text = in_terminal(columns)
    *table, last = text.splitlines()
    head = table[0].split()
    if columns >= 120:
        assert "volume_mm3" in head
        assert len(last) <= columns
        return
    assert all(len(line) <= columns for line in table)
    assert last.startswith("not shown here: ")
    gone = last.removeprefix("not shown here: ").split(", ")
    every, _, _ = named(["a"]).printed()
    assert sorted(head + gone) == sorted(every)
    assert head[0] == "id"
    if columns >= 60:
        assert "atlas_region" in head
    assert "…" in text or "atlas_region" in gone
