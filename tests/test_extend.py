"""The pages on how to extend nithresh, followed in a copy of the package."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import nithresh

PACKAGE = Path(nithresh.__file__).parent
PAGES = Path(__file__).parent.parent / "docs" / "extend"


def code_of(page):
    """The blocks of Python code of a page, without what they are indented by."""
    text = (PAGES / f"{page}.md").read_text()
    blocks = re.findall(r"^( *)```python\n(.*?)^ *```", text, re.M | re.S)
    return [re.sub(rf"^{indent}", "", block, flags=re.M) for indent, block in blocks]


class Copy:
    """A copy of the package that can be changed, and run in another process."""

    def __init__(self, folder):
        self.folder = folder
        skipped = shutil.ignore_patterns("__pycache__", "data", "_core*.so")
        shutil.copytree(PACKAGE, folder / "nithresh", ignore=skipped)
        for large in (*PACKAGE.glob("_core*.so"), PACKAGE / "data"):
            (folder / "nithresh" / large.name).symlink_to(large)

    def change(self, file, before, after):
        """Replace the only place of a text in a file."""
        path = self.folder / "nithresh" / file
        text = path.read_text()
        assert text.count(before) == 1
        path.write_text(text.replace(before, after))

    def run(self, *args, code=0):
        """Run a program that has the arguments."""
        done = subprocess.run(
            [sys.executable, "-c", *map(str, args)],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(self.folder)},
        )
        assert done.returncode == code, done.stderr
        return done.stdout


@pytest.fixture
def copy(tmp_path):
    return Copy(tmp_path)


def test_a_column(copy):
    (record,) = code_of("column")
    copy.change("_columns.py", "COLUMNS = (\n", f"COLUMNS = (\n    {record.strip()},\n")
    program = (
        "import json, sys, nithresh, numpy as np\n"
        "sample = nithresh.datasets.load_sample_motor_activation_image()\n"
        "found = nithresh.find_clusters(sample, 3, cluster_threshold=50)\n"
        "found.table.to_tsv('a.tsv')\n"
        "frame = found.table.to_pandas()\n"
        "assert frame.radius.isna().sum() == len(frame) - 4\n"
        "radius, volume = found.table['radius'], found.table['volume_mm3']\n"
        "ball = 4 / 3 * np.pi * radius**3\n"
        "np.testing.assert_allclose(ball, volume, rtol=1e-12)\n"
        "print(found)\n"
    )
    printed = copy.run(program).splitlines()
    assert printed[1].split()[0] == "radius"
    rows = (copy.folder / "a.tsv").read_text().splitlines()
    assert [row.split("\t")[0] == "n/a" for row in rows[1:3]] == [False, True]
    assert json.loads((copy.folder / "a.json").read_text())["radius"] == {
        "Description": "Radius of a ball with the volume of the cluster; "
        "n/a for a sub-peak",
        "Units": "mm",
    }


def test_a_sub_command(copy):
    file, entry = code_of("sub_command")
    (copy.folder / "nithresh" / "command" / "count.py").write_text(file)
    init = "command/__init__.py"
    table = "SUBCOMMANDS: dict"
    copy.change(init, table, f"from nithresh.command import count\n{table}")
    last = '    "demo": demo.SUBCOMMAND,\n'
    copy.change(init, last, f"{last}    {entry}")
    main = "import sys; from nithresh.command import main; sys.exit(main())"
    assert "count the clusters of maps" in copy.run(main, "--help")
    assert "nithresh count nithresh-demo/motor.nii.gz -t 3" in copy.run(
        main, "count", "--help"
    )
    light = "import sys, nithresh.command; sys.exit('numpy' in sys.modules)"
    copy.run(light)
    sample = nithresh.datasets.load_sample_motor_activation_image()
    words = ("count", sample, "-t", "3", "-k", "50")
    assert copy.run(main, *words) == f"{sample}\t4\n"
    copy.run(main, *words, "missing.nii", code=1)
    copy.run(main, "count", sample, "-t", "nan", code=2)


def test_a_display_mode(copy):
    (entry,) = code_of("display_mode")
    added = entry.replace('"tiled"', '"pair"').strip()
    copy.change(
        "plotting/modes.py", "    for mode in (\n", f"    for mode in (\n{added},\n"
    )
    copy.change("command/plot.py", '_MODES = ("ortho", ', '_MODES = ("pair", "ortho", ')
    main = "import sys; from nithresh.command import main; sys.exit(main())"
    sample = nithresh.datasets.load_sample_motor_activation_image()
    copy.run(main, "plot", sample, "-t", 3, "--display-mode", "pair", "-o", "a.png")
    copy.run(main, "plot", sample, "-t", 3, "--display-mode", "tiled", "-o", "b.png")
    pictures = [(copy.folder / name).read_bytes() for name in ("a.png", "b.png")]
    assert pictures[0] == pictures[1]


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.stem)
def test_the_pages_name_files_and_tests_that_exist(page):
    root = PAGES.parent.parent
    text = page.read_text()
    files = re.findall(r"`((?:python|rust|tests|docs)/[\w/.]+)`", text)
    for file in files:
        assert (root / file).exists() or file.endswith("/count.py"), file
    for file, name in re.findall(r"`(tests/\w+\.py)::(\w+)`", text):
        assert f"def {name}(" in (root / file).read_text(), name
