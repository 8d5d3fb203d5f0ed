"""What the pages in docs/ say about the tests and the code is so."""

import ast
import re
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

import pytest

import nithresh
from nithresh.command import main

TESTS = Path(__file__).parent
DOCS = TESTS.parent / "docs"


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
    citation = (TESTS.parent / "CITATION.cff").read_text()
    assert re.search(r"^version: (.*)$", citation, re.M)[1] == nithresh.__version__
