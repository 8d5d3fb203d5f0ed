"""Threads, forks and the interpreter lock, each with the real thing."""

import multiprocessing
import os
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import nibabel
import numpy as np
import pytest

import nithresh
from nithresh import _core

# Enough voxels for the pool to be used.
SHAPE = (104, 104, 104)


def large_map(seed=0):
    rng = np.random.default_rng(seed)
    return np.asfortranarray(rng.standard_normal(SHAPE, dtype=np.float32))


def filtered(data):
    return nithresh.threshold(data, 1.2, cluster_threshold=5, connectivity=18)


@pytest.fixture(autouse=True)
def _default_threads():
    yield
    nithresh.set_num_threads(None)


def run_python(code, **environment):
    """Run code in a fresh interpreter and return what it prints."""
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | environment,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def test_the_number_of_threads_changes_nothing():
    # With the smaller map, others help because many runs pass.
    for data in (large_map(), large_map()[:70]):
        results = []
        for threads in (1, 2, 3, 8):
            nithresh.set_num_threads(threads)
            assert nithresh.get_num_threads() == threads
            results.append(filtered(data).tobytes("A"))
        assert len(set(results)) == 1
    # The volumes of a short series come one after the other, those of a long one are
    # shared out.
    for volumes, planes in [(4, 60), (40, 6)]:
        series = np.stack(
            [large_map(seed)[:planes] for seed in range(volumes)], axis=-1
        )
        nithresh.set_num_threads(8)
        many = filtered(series).tobytes()
        nithresh.set_num_threads(1)
        assert filtered(series).tobytes() == many


def test_the_default_is_the_cores_this_process_may_use():
    cores = len(os.sched_getaffinity(0))
    environment = {"RAYON_NUM_THREADS": ""}
    code = "import nithresh; print(nithresh.get_num_threads())"
    assert 1 <= int(run_python(code, **environment)) <= cores
    pinned = f"import os; os.sched_setaffinity(0, {{0}}); {code}"
    assert run_python(pinned, **environment) == "1"
    assert run_python(code, RAYON_NUM_THREADS="3") == "3"
    assert int(run_python(code, RAYON_NUM_THREADS="many")) <= cores


def test_one_thread_is_one_thread():
    code = """
        import numpy as np, os, nithresh
        nithresh.threshold(np.ones((104, 104, 104), "f4"), 0.5, cluster_threshold=2)
        print(len(os.listdir("/proc/self/task")))
    """
    alone = {"OPENBLAS_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}
    assert run_python(code, **alone) == "1"
    # The calling thread is one of them.
    assert run_python(code, **alone | {"RAYON_NUM_THREADS": "2"}) == "2"


@pytest.mark.parametrize("threads", [0, -1, 2.0, "2", True])
def test_bad_numbers_of_threads(threads):
    with pytest.raises((TypeError, ValueError), match="threads is"):
        nithresh.set_num_threads(threads)


def in_child(queue, data):
    queue.put(filtered(data).tobytes("A"))


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_of_a_process_that_has_used_the_pool(method):
    nithresh.set_num_threads(2)
    data = large_map()
    expected = filtered(data).tobytes("A")
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    child = context.Process(target=in_child, args=(queue, data))
    child.start()
    assert queue.get(timeout=60) == expected
    child.join(60)
    assert child.exitcode == 0
    assert filtered(data).tobytes("A") == expected


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forks_of_forks_while_other_threads_compute():
    # Forking at any moment, also while the pool is being built or borrowed.
    code = """
        import os, threading
        import numpy as np
        import nithresh
        data = np.ones((104, 104, 104), np.float32)
        stop = threading.Event()
        def work():
            threads = 2
            while not stop.is_set():
                threads = 5 - threads
                nithresh.set_num_threads(threads)
                nithresh.threshold(data, 0.5, cluster_threshold=2)
        workers = [threading.Thread(target=work) for _ in range(2)]
        [worker.start() for worker in workers]
        children = []
        for _ in range(40):
            child = os.fork()
            if child == 0:
                ok = (nithresh.threshold(data, 0.5, cluster_threshold=2) == 1).all()
                grandchild = os.fork()
                if grandchild == 0:
                    nithresh.threshold(data, 0.5, cluster_threshold=2)
                    os._exit(0)
                _, status = os.waitpid(grandchild, 0)
                os._exit(0 if ok and status == 0 else 1)
            children.append(child)
        statuses = [os.waitpid(child, 0)[1] for child in children]
        stop.set()
        [worker.join() for worker in workers]
        print(set(statuses))
    """
    assert (
        run_python(
            "import warnings; warnings.simplefilter('ignore')\n" + textwrap.dedent(code)
        )
        == "{0}"
    )


def test_many_python_threads_at_once():
    maps = [large_map(seed) for seed in range(4)]
    expected = [filtered(data).tobytes("A") for data in maps]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(filtered, maps * 6))
        shared = list(pool.map(filtered, [maps[0]] * 12))
    assert [result.tobytes("A") for result in results] == expected * 6
    assert {result.tobytes("A") for result in shared} == {expected[0]}


def test_an_array_that_another_thread_writes_gives_a_number_or_an_error():
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((24, 24, 24), dtype=np.float32)
    contents = [
        noise,
        np.zeros_like(noise),
        np.where(noise > 0, np.float32(np.nan), -1e6 * noise),
        np.where(noise > 0, np.float32(3), np.float32(-3)),
    ]
    data, stop = np.asfortranarray(noise), threading.Event()
    mask = noise > -1

    def write():
        while not stop.is_set():
            for content in contents:
                np.copyto(data, content)
            np.logical_not(mask, out=mask)

    image = nibabel.Nifti1Image(data, np.eye(4))
    calls = [
        (1500, lambda: nithresh.threshold(data, "95%")),
        (1500, lambda: nithresh.threshold(data, "50%", two_sided=False)),
        (1500, lambda: _core.percentile(data, mask, 70.0, True)),
        (300, lambda: nithresh.threshold(data, 1, cluster_threshold=5)),
        (300, lambda: nithresh.threshold(data, 1, cluster_threshold=5, out=data)),
        (300, lambda: nithresh.label(data, 1, connectivity=26)),
        (100, lambda: nithresh.find_clusters(image, 1, extra={"same": image})),
        (100, lambda: nithresh.find_clusters(image, 1, robust=True)),
        (100, lambda: nithresh.ClusterTree.from_array(data).clusters(1)),
        (100, lambda: nithresh.tfce(data)),
    ]
    writer = threading.Thread(target=write)
    writer.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for times, call in calls:
                for _ in range(times):
                    try:
                        call()
                    except RuntimeError as error:  # not a panic
                        assert "have changed" in str(error)  # noqa: PT017
    finally:
        stop.set()
        writer.join()


def test_the_interpreter_goes_on_while_the_core_computes():
    rng = np.random.default_rng(0)
    data = rng.standard_normal((256, 256, 256), dtype=np.float32)
    ticks, done = [], threading.Event()

    def tick():
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0)

    def longest_silence():
        start = time.perf_counter()
        filtered(data)
        end = time.perf_counter()
        during = [moment for moment in ticks if start < moment < end]
        return np.diff([start, *during, end]).max() / (end - start)

    nithresh.set_num_threads(1)
    ticker = threading.Thread(target=tick)
    ticker.start()
    try:
        # Were the lock held, the other thread would be silent for the whole call, each
        # time. Now and then it has no processor.
        assert any(longest_silence() < 0.5 for _ in range(50))
    finally:
        done.set()
        ticker.join()


FORKS_DURING_IMPORT = """
import os, sys, threading, time, traceback
if {logging_first}:
    import logging
import nithresh
if not {logging_first}:
    import logging

if {numpy_first}:
    import numpy
started = threading.Event()

def use():
    started.set()
    nithresh.plotting.plot_stat_map  # everything: NumPy, nibabel, matplotlib

def work():
    import numpy as np
    data = np.full((3, 3, 3), 4, np.float32)
    assert nithresh.threshold(data, 3).all()
    motor = nithresh.datasets.load_sample_motor_activation_image()
    image = nithresh.threshold_img(motor, 99)
    assert not image.get_fdata().any()

thread = threading.Thread(target=use)
thread.start()
started.wait()
children = []
while thread.is_alive() and len(children) < 8:
    time.sleep({pause})
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except (ImportError, RuntimeError) as error:
            # What can be initialised only once was in the middle of it, in the words of
            # nithresh, of NumPy, and of NumPy up to 2.2.
            said = str(error)
            known = ["process was forked", "once per process", "already initlized"]
            code = 2 if any(words in said for words in known) else 1
            traceback.print_exc()
        finally:
            os._exit(code)
    children.append(pid)
thread.join()
codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
assert set(codes) <= {{0, 2}}, codes
work()
sys.exit(0 if codes else {too_late})
"""


@pytest.mark.parametrize("logging_first", [False, True])
@pytest.mark.parametrize("numpy_first", [False, True])
@pytest.mark.parametrize("pause", [0.002, 0.03])
def test_forks_while_another_thread_imports(logging_first, numpy_first, pause):
    """Neither the parent nor a child waits for an import that nobody finishes."""
    too_late = 3  # the import was over before the first fork
    script = FORKS_DURING_IMPORT.format(
        logging_first=logging_first,
        numpy_first=numpy_first,
        pause=pause,
        too_late=too_late,
    )
    for _ in range(20):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", script],
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        if done.returncode != too_late:
            break
    assert done.returncode == 0, done.stderr
