"""The example runs and writes its figures."""

import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[1] / "examples" / "plot_threshold_image.py"


def test_the_example_writes_its_figures(tmp_path):
    folder = tmp_path / "new" / "figures"
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLE, folder],
        check=True,
        capture_output=True,
        text=True,
        env={"MPLBACKEND": "Agg", "MPLCONFIGDIR": str(tmp_path)},
    )
    said = [line.split(": ", 1) for line in done.stdout.splitlines()]
    paths = [Path(path) for path, _ in said]
    assert len({shown for _, shown in said}) == 5
    assert sorted(folder.iterdir()) == paths
    for path in paths:
        assert path.read_bytes().startswith(b"\x89PNG")
