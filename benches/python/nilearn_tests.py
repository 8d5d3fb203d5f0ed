"""Run nilearn's own tests of what we replace on ours.

python benches/python/nilearn_tests.py [options of pytest]

The tests are those that come with nilearn. In their modules, and in nilearn itself,
threshold_img, get_clusters_table and plot_stat_map are replaced before they are
collected. docs/nilearn.md says why the ones fail that do.
"""

import importlib
import sys
from pathlib import Path

import matplotlib as mpl
import nilearn
import pytest

mpl.use("Agg")

from nithresh import get_clusters_table, threshold_img
from nithresh.plotting import plot_stat_map

# Each function, and the modules that nilearn's tests take it from.
REPLACED = {
    threshold_img: ["nilearn.image", "nilearn.image.image"],
    get_clusters_table: [
        "nilearn.reporting", "nilearn.reporting.get_clusters_table",
        "nilearn.reporting.glm_reporter",
    ],
    plot_stat_map: [
        "nilearn.plotting", "nilearn.plotting.image",
        "nilearn.plotting.image.img_plotting",
    ],
}  # fmt: skip
FILES = [
    "image/tests/test_image.py",
    "reporting/tests/test_get_clusters_table.py",
    "plotting/image/tests/test_plot_stat_map.py",
    "plotting/image/tests/test_img_plotting.py",
    "plotting/tests/test_baseline_comparisons.py",
]


class Ours:
    """Take the tests that call what is replaced."""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        names = [function.__name__ for function in REPLACED]

        def calls(item: pytest.Item) -> bool:
            words = getattr(item, "callspec", None)
            given = [] if words is None else list(words.params.values())
            used = getattr(item.function, "__code__", None)
            return (
                any(value is each for value in given for each in REPLACED)
                or any(name in item.nodeid for name in names)
                or (used is not None and bool(set(names) & set(used.co_names)))
            )

        items[:] = [item for item in items if calls(item)]


def replace() -> None:
    """Put ours in place of nilearn's, wherever its tests take it from."""
    for function, modules in REPLACED.items():
        for name in modules:
            # nilearn.reporting has a function of the name of its module.
            module = importlib.import_module(name)
            setattr(module, function.__name__, function)


def main() -> int:
    """Run them."""
    replace()
    folder = Path(nilearn.__file__).parent
    files = [str(folder / name) for name in FILES]
    options = ["-q", "-n", "0", "-p", "no:cacheprovider", "--rootdir", str(folder)]
    config = ["-c", "/dev/null", "-W", "ignore"]
    return int(pytest.main([*files, *options, *config, *sys.argv[1:]], [Ours()]))


if __name__ == "__main__":
    sys.exit(main())
