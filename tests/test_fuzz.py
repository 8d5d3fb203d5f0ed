"""Damaged files of every format, a few of those that ``make fuzz`` tries."""

import importlib.util
import random
from pathlib import Path

import pytest

SPEC = importlib.util.spec_from_file_location(
    "fuzz_files", Path(__file__).parents[1] / "fuzz" / "files.py"
)
fuzz = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(fuzz)

CORPUS = fuzz.read_corpus()


def test_the_corpus_has_files_of_all_formats():
    assert {case["file"] for case in CORPUS} == set(fuzz.LOADED)


@pytest.mark.parametrize("name", fuzz.LOADED)
def test_the_cases_of_the_corpus_load_or_are_named(name, tmp_path):
    for case in CORPUS:
        if case["file"] == name:
            fuzz.run(case, tmp_path)


def test_files_damaged_at_random_load_or_are_named(tmp_path):
    rng = random.Random(0)  # noqa: S311 - no secret
    for _ in range(200):
        fuzz.run(fuzz.random_case(rng), tmp_path)


def test_a_finding_is_seen(tmp_path, monkeypatch):
    case = {"file": "map.mgh", "damaged": "map.mgh", "inside": False, "steps": []}
    fuzz.run(case, tmp_path)
    monkeypatch.setattr(fuzz, "ALLOWED", ())
    with pytest.raises(fuzz.nithresh.ImageFileError):
        fuzz.run(case | {"steps": [["lose", 2, 13]]}, tmp_path)
