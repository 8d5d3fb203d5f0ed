"""What the pages in docs/ say about the tests and the code is so."""

import ast
import re
from pathlib import Path

import pytest

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
