"""The rooms of the Rust core import only what stands before them."""

import re
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[1] / "rust" / "core" / "src"
# In the order of DESIGN.md; rooms that stand together may import one another.
LAYERS = [
    {"error", "connectivity", "voxel", "request", "parallel"},
    {"simd"},
    {"map"},
    {"runs", "tree"},
    {"measure", "permutation"},
    {"graph"},
]
FILES = sorted(path.relative_to(SOURCES).as_posix() for path in SOURCES.rglob("*.rs"))


def imports(file):
    """The items that a file imports from the crate, without those of its tests."""
    text = (SOURCES / file).read_text(encoding="utf-8")
    return re.findall(
        r"^use crate::([\w:]+)", text.split("#[cfg(test)]\nmod tests")[0], re.M
    )


def test_each_room_has_a_place():
    rooms = {file.split("/")[0].removesuffix(".rs") for file in FILES}
    assert rooms == {"lib"}.union(*LAYERS)


@pytest.mark.parametrize("file", [file for file in FILES if file != "lib.rs"])
def test_a_file_imports_from_rooms_before_its_own(file):
    room = file.split("/")[0].removesuffix(".rs")
    place = next(place for place, rooms in enumerate(LAYERS) if room in rooms)
    allowed = set().union(*LAYERS[:place]) | (LAYERS[0] if place == 0 else {room})
    for item in imports(file):
        # A capital or a lone word would come from lib.rs, which imports all others.
        assert item.split("::")[0] in allowed, f"{file} imports {item}"


def test_the_face_has_no_functions():
    text = (SOURCES / "lib.rs").read_text(encoding="utf-8")
    assert not re.search(r"^\s*(pub )?(fn|struct|enum|impl|trait) ", text, re.M)
