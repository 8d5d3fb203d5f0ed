"""How the Python side is built: short functions, and imports that lead one way."""

import ast
import inspect
import pydoc
import re
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import nithresh
from nithresh import _shared_docs, label

PACKAGE = Path(nithresh.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
# What fits on a screen.
MOST_LINES = 60
# A comment above a longer function begins so, and says why it is.
REASON = "# Long because "
# The demo runs the other sub-commands as the command does.
ON_PURPOSE = {("nithresh.command.demo", "nithresh.command")}


def module_of(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path) for path in SOURCES}


def too_long(path):
    """Yield the functions of a file whose bodies are long without a reason."""
    text = path.read_text()
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        body = node.body[1:] if ast.get_docstring(node) is not None else node.body
        if not body:
            continue
        length = node.end_lineno - body[0].lineno + 1
        first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
        if length > MOST_LINES and not lines[first - 2].strip().startswith(REASON):
            yield f"{module_of(path)}.{node.name}: {length} lines"


def test_functions_fit_on_a_screen():
    assert [found for path in SOURCES for found in too_long(path)] == []


def imports(path):
    """Yield the modules of the package that a file imports, inside of functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                # What the package gives lazily is of another module.
                lazy = nithresh._LAZY if node.module == "nithresh" else {}
                yield inner if inner in MODULES else lazy.get(alias.name, node.module)


def test_no_imports_lead_in_a_circle():
    graph = {
        module: {
            other
            for other in imports(path)
            # A package gives what is in it.
            if other != module and (module, other) not in ON_PURPOSE
        }
        for path in SOURCES
        if (module := module_of(path)) != "nithresh"
    }
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise AssertionError(" -> ".join(error.args[1])) from None


def test_shared_texts_are_written_out_and_shared():
    uses = Counter()
    for path in SOURCES:
        text = path.read_text()
        for line in text.splitlines() if "@shared_docs" in text else ():
            if (found := re.fullmatch(r" *\{(\w+)\}", line)) is not None:
                uses[found[1]] += 1
    assert set(uses) == set(_shared_docs._TEXTS)
    assert min(uses.values()) > 1
    for name in (*nithresh.__all__, "dask.threshold", "dask.label"):
        shown = pydoc.render_doc(f"nithresh.{name}", renderer=pydoc.plaintext)
        assert re.search(r"^[ |]*\{\w+\}$", shown, re.MULTILINE) is None, name
    assert "connectivity : {6, 18, 26}, default=6\n    Neigh" in inspect.getdoc(label)
