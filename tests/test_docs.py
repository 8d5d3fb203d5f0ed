"""What the pages in docs/ say about the tests and the code is so."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
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
REPOSITORY = "https://github.com/nithresh/nithresh"
FILES = "https://raw.githubusercontent.com/nithresh/nithresh/main/"
PAGES = [
    *ROOT.glob("*.md"),
    *ROOT.glob(".github/**/*.md"),
    *DOCS.rglob("*.md"),
    ROOT / "benches" / "README.md",
]


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
    offered = re.search(r"choose from (.*?)\)", said.getvalue())[1]
    assert shown == re.findall(r"\w+", offered)


def api():
    """The names on the page of the API, by the module that has them."""
    listed = {}
    for line in (DOCS / "api.rst").read_text().splitlines():
        if (module := re.fullmatch(r"\.\. currentmodule:: (\S+)", line)) is not None:
            names = listed.setdefault(module[1], [])
        elif (name := re.fullmatch(r"   ([\w.]+)", line)) is not None:
            names.append(name[1])
    return listed


def public(module):
    """The names of a module that are for everybody, without its modules."""
    names = getattr(module, "__all__", None) or [
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__
    ]
    return {
        name
        for name in names
        if not name.startswith("_") and not inspect.ismodule(getattr(module, name))
    }


@pytest.mark.parametrize("module", api())
def test_the_page_of_the_api_has_every_public_name(module):
    listed = api()[module]
    assert len(listed) == len(set(listed))
    assert {name for name in listed if "." not in name} == public(
        importlib.import_module(module)
    )


def test_what_the_page_of_the_api_names_is_there_after_one_import():
    names = [
        f"{module}.{name}"
        for module, listed in api().items()
        for name in listed
        if not module.startswith("nithresh.interfaces.")  # these are imported by name
    ]
    assert {"nithresh.viewer.report", "nithresh.testing.damaged"} < set(names)
    for module in {name.rpartition(".")[0] for name in names}:
        those = [name for name in names if name.rpartition(".")[0] == module]
        code = "\n".join(["import nithresh", *those])
        subprocess.run([sys.executable, "-c", code], check=True)


def test_the_citation_is_of_this_version():
    citation = (ROOT / "CITATION.cff").read_text()
    assert re.search(r"^version: (.*)$", citation, re.M)[1] == nithresh.__version__


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_that_exist(page):
    prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    for link in re.findall(r"(?:\]\(|^\[.*\]: )([^)#\s]+)", prose, re.M):
        if (
            ours := re.match(f"{REPOSITORY}/(?:blob|tree)/main/|{FILES}", link)
        ) is not None:
            assert (ROOT / link[ours.end() :]).exists(), link
        elif "://" not in link:
            assert (page.parent / link).exists(), link


def test_the_readme_shows_on_a_package_index():
    text = (ROOT / "README.md").read_text()
    assert re.findall(r"\]\(", text) == []
    targets = dict(re.findall(r"^\[(.*)\]: (.*)$", text, re.M))
    used = re.findall(r"\]\[(.*?)\]", text)
    assert set(used) == set(targets)
    assert all(target.startswith("https://") for target in targets.values())
    for name in re.findall(r"^!\[.*\]\[(.*)\]$", text, re.M):
        assert targets[name].startswith(FILES)


@pytest.mark.parametrize(
    "file", ["Cargo.toml", "CITATION.cff", "SECURITY.md", "pyproject.toml"]
)
def test_the_address_of_the_project_is_one(file):
    text = (ROOT / file).read_text()
    assert REPOSITORY in text
    assert set(re.findall(r"https://github\.com/\w+/nithresh", text)) == {REPOSITORY}


def test_the_badge_of_the_checks_is_of_a_workflow():
    (name,) = re.findall(r"workflows/([\w.]+)/badge", (ROOT / "README.md").read_text())
    assert (ROOT / ".github" / "workflows" / name).exists()


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", DOCS / "index.md", DOCS / "tour.md"]
)
def test_the_code_on_the_first_pages_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sample = nithresh.datasets.load_sample_motor_activation_image()
    nithresh.save(nithresh.load(sample), "a.nii.gz")
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
    for name in re.findall(r'"(\w+\.(?:html|nii\.gz|png|tsv))"', "".join(blocks)):
        assert Path(name).stat().st_size > 0


def test_messages_that_troubleshooting_quotes_are_ours():
    page = (DOCS / "troubleshooting.md").read_text()
    files = page.partition("## Files")[2].partition("## Results")[0]
    seen = "\n".join(re.findall(r"^\| (.*?) \|", files, re.M))
    quoted = re.findall(r"`([^`]+)`", seen)
    quoted += re.findall(r'"(an array [^"]+)"', page)
    sources = [*ROOT.glob("python/**/*.py"), *ROOT.glob("rust/py/src/*.rs")]
    code = " ".join(re.sub(r'"\s+f?"', "", path.read_text()) for path in sources)
    assert len(quoted) > 5
    for words in quoted:
        assert words.split("\n")[0] in code, words
