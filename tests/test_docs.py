"""What the pages in docs/ say about the tests and the code is so."""

import ast
import re
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

import nithresh
from nithresh.command import main

TESTS = Path(__file__).parent
ROOT = TESTS.parent
DOCS = ROOT / "docs"
PAGES = [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), ROOT / "benches" / "README.md"]


def points():
    """Every item of the list of differences from nilearn, on one line."""
    text = (DOCS / "nilearn.md").read_text()
    return [
        " ".join(item.split()) for item in re.findall(r"^- .*(?:\n .*)*", text, re.M)
    ]


def functions(file):
    tree = ast.parse((TESTS / file).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("point", points())
def test_each_difference_from_nilearn_names_a_test_that_exists(point):
    named = re.findall(r"`(\w+\.py)::(\w+)`", point)
    assert named
    for file, name in named:
        assert name in functions(file)


def test_the_list_of_differences_from_nilearn_is_read_whole():
    lines = (DOCS / "nilearn.md").read_text().splitlines()
    assert len(points()) == sum(line.startswith("- ") for line in lines) > 20


def test_each_sub_command_has_its_help_on_the_page_of_the_command():
    page = (DOCS / "command.md").read_text()
    shown = re.findall(r"^\.\. command-help:: (\w+)$", page, re.M)
    with pytest.raises(SystemExit), redirect_stderr(StringIO()) as said:
        main(["no-such-sub-command"])
    offered = re.search(r"choose from (.*)\)", said.getvalue())[1]
    assert shown == re.findall(r"\w+", offered)


def test_the_citation_is_of_this_version():
    citation = (ROOT / "CITATION.cff").read_text()
    assert re.search(r"^version: (.*)$", citation, re.M)[1] == nithresh.__version__


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_that_exist(page):
    prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    for link in re.findall(r"\]\(([^)#\s]+)", prose):
        if "://" not in link:
            assert (page.parent / link).exists(), link


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", DOCS / "index.md", DOCS / "tour.md"]
)
def test_the_code_on_the_first_pages_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sample = nithresh.datasets.load_sample_motor_activation_image()
    nithresh.save(nithresh.load(sample), "a.nii.gz")
    Path("out").mkdir()
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.M | re.S)
    assert blocks
    threads = nithresh.get_num_threads()
    names = {}
    try:
        for block in blocks:
            exec(block, names)  # noqa: S102 - it is ours
    finally:
        nithresh.set_num_threads(threads)
        plt.close("all")
    assert len(names["clusters"]) == 4
