"""Run nilearn's own tests of plot_stat_map on ours.

python benches/python/nilearn_tests.py [options of pytest]

The tests are those that come with nilearn. In their modules, and in nilearn itself,
plot_stat_map is replaced before they are collected. docs/nilearn.md says why the ones
fail that do.
"""

import sys
from pathlib import Path

import matplotlib as mpl
import nilearn
import nilearn.plotting
import pytest

mpl.use("Agg")

from nithresh.plotting import plot_stat_map

FILES = [
    "image/tests/test_plot_stat_map.py",
    "image/tests/test_img_plotting.py",
    "tests/test_baseline_comparisons.py",
]


class Replaced:
    """Put ours in place, and take the tests that call it."""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        def calls(item: pytest.Item) -> bool:
            words = getattr(item, "callspec", None)
            given = [] if words is None else list(words.params.values())
            return (
                any(value is plot_stat_map for value in given)
                or "plot_stat_map" in item.nodeid
            )

        items[:] = [item for item in items if calls(item)]


def replace() -> None:
    """Put ours in place of nilearn's, wherever its tests take it from."""
    import nilearn.plotting.image
    import nilearn.plotting.image.img_plotting

    for module in (
        nilearn.plotting,
        nilearn.plotting.image,
        nilearn.plotting.image.img_plotting,
    ):
        module.plot_stat_map = plot_stat_map


def main() -> int:
    """Run them."""
    replace()
    folder = Path(nilearn.__file__).parent / "plotting"
    files = [str(folder / name) for name in FILES]
    options = ["-q", "-n", "0", "-p", "no:cacheprovider", "--rootdir", str(folder)]
    config = ["-c", "/dev/null", "-W", "ignore"]
    return int(pytest.main([*files, *options, *config, *sys.argv[1:]], [Replaced()]))


if __name__ == "__main__":
    sys.exit(main())
