"""What package indexes, conda-forge and lawyers read is so."""

import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import nithresh

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
FOR_DEVELOPERS = {"all", "bench", "dev", "docs", "test"}


def requirement(text):
    """Its name and its lower bound."""
    name, bound = re.match(r"([\w.-]+)(?:\[\w+\])?\s*>=([\w.]+)", text).groups()
    return {"python-isal": "isal", "matplotlib-base": "matplotlib"}.get(
        name, name
    ), bound


def test_all_is_all_extras():
    (every,) = EXTRAS["all"]
    names = re.fullmatch(r"nithresh\[(.*)\]", every)[1].split(",")
    assert set(names) == set(EXTRAS) - FOR_DEVELOPERS


def test_each_extra_is_on_the_page_of_the_installation():
    page = (ROOT / "docs" / "install.md").read_text()
    listed = set(re.findall(r"^\| `(\w+)` \|", page, re.M))
    assert listed == set(EXTRAS) - FOR_DEVELOPERS


def test_extras_that_messages_name_exist():
    told = set()
    for path in [*ROOT.glob("python/**/*.py"), *ROOT.glob("docs/**/*.md")]:
        told.update(re.findall(r"nithresh\[([\w,]+)\]", path.read_text()))
    assert {"stats", "completion"} < told
    assert set(",".join(told).split(",")) <= set(EXTRAS)


def test_the_recipe_for_conda_needs_what_the_package_needs():
    recipe = yaml.safe_load((ROOT / "tools" / "conda" / "recipe.yaml").read_text())
    assert recipe["context"]["version"] == nithresh.__version__
    least = PROJECT["requires-python"].removeprefix(">=")
    assert recipe["build"]["skip"] == f'match(python, "<{least}")'
    run = {requirement(each) for each in recipe["requirements"]["run"][1:]}
    assert run == {requirement(each) for each in PROJECT["dependencies"]}
    for path in recipe["about"]["license_file"]:
        assert (ROOT / path).exists()
    assert recipe["build"]["python"]["entry_points"] == [
        f"{name} = {place}" for name, place in PROJECT["scripts"].items()
    ]


def test_the_list_of_linked_crates_holds_each_licence_once():
    folder = ROOT / "rust" / "py" / "linked"
    bill = json.loads((folder / "nithresh.cdx.json").read_text())
    text = (folder / "LICENSES.txt").read_text()
    names = {each["name"] for each in bill["components"]} - {"nithresh-core"}
    assert {"ndarray", "numpy", "pyo3"} < names
    for name in names:
        assert len(re.findall(rf"^{re.escape(name)} \d", text, re.M)) == 1
    # No time and no path, so that wheels are the same byte for byte.
    assert not re.search(r"timestamp|serialNumber|file:|/home|/root", json.dumps(bill))
    refs = {each["bom-ref"] for each in bill["components"]}
    refs.add(bill["metadata"]["component"]["bom-ref"])
    for each in bill["dependencies"]:
        assert refs >= {each["ref"], *each["dependsOn"]}


@pytest.mark.skipif(shutil.which("cargo") is None, reason="Rust is not installed")
def test_the_list_of_linked_crates_is_that_of_the_lock():
    tool = ROOT / "tools" / "linked_crates.py"
    subprocess.run([sys.executable, tool, "--check"], check=True)


def test_workflows_pin_actions_by_commit():
    used = []
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        used += re.findall(r"^ *(?:- )?uses: (.*)$", path.read_text(), re.M)
    assert len(used) > 10
    for action in used:
        assert re.fullmatch(r"[\w/.-]+@[0-9a-f]{40} # v[\d.]+", action)


def test_templates_and_workflows_are_yaml():
    for path in (ROOT / ".github").rglob("*.yml"):
        assert yaml.safe_load(path.read_text())


def test_the_installed_metadata_says_who_and_where():
    told = importlib.metadata.metadata("nithresh")
    assert told["Author"] == "nithresh developers"
    assert told["License-Expression"] == "BSD-3-Clause"
    urls = dict(each.split(", ") for each in told.get_all("Project-URL"))
    assert set(urls) == {"Repository", "Documentation", "Changelog", "Issues"}
    assert "linked/LICENSES.txt" in " ".join(told.get_all("License-File"))


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_each_supported_python_is_tested_by_a_workflow(version):
    assert f"Programming Language :: Python :: {version}" in PROJECT["classifiers"]
    assert f'"{version}"' in (ROOT / ".github/workflows/checks.yml").read_text()
