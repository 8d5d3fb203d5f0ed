"""Sixteen threads at once, on the same arrays; the more so where Python has no lock.

It needs nothing but pytest, so that it runs on a free-threaded Python too.
"""

import subprocess
import sys
import sysconfig
import threading
from concurrent.futures import ThreadPoolExecutor

import nibabel
import numpy as np
import pytest

import nithresh
from nithresh import _core

THREADS = 16
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
RNG = np.random.default_rng(0)
# Few values, so that ties happen.
SMALL = RNG.integers(-4, 5, (20, 18, 16)).astype(np.float32)
MASK = RNG.random(SMALL.shape) < 0.8
# Enough voxels for helpers to be called.
LARGE = np.asfortranarray(RNG.standard_normal((96, 90, 64), dtype=np.float32))
IMAGE = nibabel.Nifti1Image(SMALL, np.diag([3.0, 3, 3, 1]))
CLUSTERS = nithresh.find_clusters(IMAGE, 2, cluster_threshold=3)


def table():
    found = nithresh.find_clusters(IMAGE, 3, extra={"same": IMAGE})
    return str(found) + str(np.asarray(found.labels_img.dataobj).sum())


CALLS = {
    "threshold": lambda: nithresh.threshold(SMALL, 2, cluster_threshold=4),
    "threshold in parallel": lambda: nithresh.threshold(
        LARGE, 1.2, cluster_threshold=5, connectivity=18
    ),
    "percentile": lambda: nithresh.threshold(SMALL, "80%", mask=MASK),
    "label": lambda: nithresh.label(SMALL, 3, connectivity=26)[0],
    "tfce": lambda: nithresh.tfce(SMALL, connectivity=6),
    "tree": lambda: nithresh.ClusterTree.from_array(SMALL).counts([1, 2, 3]),
    "table": table,
    "labels of one result": lambda: np.asarray(CLUSTERS.labels_img.dataobj),
    "summary": lambda: _core.summary(SMALL, MASK),
}


def as_bytes(result):
    if isinstance(result, np.ndarray):
        return result.tobytes("A")
    return repr(result).encode()


def at_once(work):
    """Run it in all threads, which begin together, and return their results."""
    start = threading.Barrier(THREADS)

    def run(number):
        start.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


@pytest.fixture(autouse=True)
def _default_threads():
    yield
    nithresh.set_num_threads(None)


def test_the_module_needs_no_lock():
    if not FREE_THREADED:
        pytest.skip("this Python has a global interpreter lock")
    # In a process of its own: other packages' modules may have asked for the lock here.
    program = "import sys, nithresh; print(sys._is_gil_enabled())"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_all_kernels_at_once_give_what_each_gives_alone():
    expected = {name: as_bytes(call()) for name, call in CALLS.items()}

    def work(number):
        names = np.random.default_rng(number).permutation(list(CALLS) * 3)
        for turn, name in enumerate(names):
            if turn % 5 == 0:
                nithresh.set_num_threads(1 + (number + turn) % 4)
            assert as_bytes(CALLS[name]()) == expected[name], name

    at_once(work)


def test_one_array_that_all_threads_write_is_whole_or_refused():
    out = np.zeros_like(LARGE)
    expected = nithresh.threshold(LARGE, 1.2, cluster_threshold=5)

    def work(_):
        refused = 0
        for _ in range(10):
            try:
                nithresh.threshold(LARGE, 1.2, cluster_threshold=5, out=out)
            except ValueError as error:
                assert "is being written by another call" in str(error)  # noqa: PT017
                refused += 1
        return refused

    assert sum(at_once(work)) < 10 * THREADS
    np.testing.assert_array_equal(out, expected)
    # The last of them has given it back.
    out.fill(0)
    nithresh.threshold(LARGE, 1.2, cluster_threshold=5, out=out)
    np.testing.assert_array_equal(out, expected)


def test_the_first_use_in_all_threads_at_once():
    code = f"""
        import threading
        from concurrent.futures import ThreadPoolExecutor
        import numpy as np
        start = threading.Barrier({THREADS})
        data = np.arange(-500, 500, dtype=np.float32).reshape(10, 10, 10)
        def work(_):
            start.wait()
            import nithresh
            return nithresh.label(nithresh.threshold(data, 400), 450)[0].tobytes()
        with ThreadPoolExecutor({THREADS}) as pool:
            print(len(set(pool.map(work, range({THREADS})))))
    """
    code = "\n".join(line[8:] for line in code.splitlines())
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout == "1\n"
