"""The command on Dask workers: real processes, and some of them killed."""

import json
import os
import pickle
import pty
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from functools import partial

import dask
import dask.array as da
import nibabel
import numpy as np
import pytest
from distributed import Client, LocalCluster

import nithresh
from nithresh import dask as chunked
from nithresh._params import check_request
from nithresh.command.jobs import Job
from nithresh.command.options import RunOptions
from nithresh.command.surfaces import Surfaces
from nithresh.command.threshold import _work
from nithresh.command.workers import _portable, in_worker, in_workers
from nithresh.files.atomic import IfExists
from test_command import COMMAND, contents, maps, random_map, run

REQUEST = ["-t", "2", "-k", "3"]


def two_workers():
    """Each is a process of its own with a nanny that starts it again."""
    return LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    )


@pytest.fixture(scope="module")
def cluster():
    """Two workers that no test kills."""
    with two_workers() as cluster:
        yield cluster


@pytest.fixture
def doomed():
    """Two workers to be killed, which come back late, or on a busy machine never."""
    with two_workers() as cluster:
        yield cluster


@pytest.fixture
def folder(tmp_path):
    for seed in range(5):
        nithresh.save(random_map(seed), tmp_path / f"map{seed}.nii.gz")
    return tmp_path


def processes(cluster):
    with Client(cluster.scheduler_address, set_as_default=False) as client:
        return list(client.run(os.getpid).values())


@pytest.mark.parametrize("address", ["a scheduler", "local"])
def test_results_and_errors_are_those_without(folder, cluster, address):
    address = cluster.scheduler_address if address != "local" else address
    image = random_map(8)
    data = np.array(image.dataobj)
    data[0, 0, 0] = np.nan
    nithresh.save(nibabel.Nifti1Image(data, image.affine), folder / "nan.nii")
    (folder / "damaged.nii.gz").write_bytes((folder / "map0.nii.gz").read_bytes()[:-20])
    mask = np.ones((9, 8, 7), np.uint8)
    affine = np.diag([-4, 4, 4, 1])
    nithresh.save(nibabel.Nifti1Image(mask, affine), folder / "mask.nii")
    inputs = [*maps(folder), "nan.nii", "damaged.nii.gz"]
    args = [*inputs, *REQUEST, "--mask", "mask.nii", "--output-dir", "out"]
    expected = run("threshold", *args, cwd=folder, code=1)
    files = contents(folder / "out")
    assert len(files) == 12
    for file in (folder / "out").iterdir():
        file.unlink()
    done = run("threshold", *args, "--dask", address, cwd=folder, code=1)
    assert contents(folder / "out") == files
    assert done.stdout == expected.stdout
    # A worker names a file by its whole path.
    assert done.stderr.replace(f"{folder}/", "") == expected.stderr

    # And once more, where all is there already.
    again = run("threshold", *args, "--dask", address, cwd=folder, code=1)
    assert again.stderr.count("exists; --overwrite replaces it") == 6
    resumed = [*args, "--skip-existing", "--dask", address]
    assert run("threshold", *resumed, cwd=folder, code=1).stdout == ""
    assert contents(folder / "out") == files


def test_debug_shows_where_in_the_worker_it_failed(folder, cluster):
    args = ["missing.nii", *REQUEST, "--dask", cluster.scheduler_address, "--debug"]
    done = run("threshold", *args, cwd=folder, code=1)
    assert "MissingFileError: no such file" in done.stderr
    assert ", in in_worker" not in done.stderr
    assert "nithresh/command/threshold.py" in done.stderr


def test_a_mask_that_changes_is_read_again(folder, cluster):
    for axis in (0, 1):
        mask = np.ones((24, 20, 16), np.uint8)
        mask[(slice(None),) * axis + (slice(0, 8),)] = 0
        affine = random_map().affine
        nithresh.save(nibabel.Nifti1Image(mask, affine), folder / "mask.nii")
        args = ["map0.nii.gz", "-t", "2", "--mask", "mask.nii", "--overwrite"]
        run(
            *["threshold", *args, "-o", "out.nii"],
            *["--dask", cluster.scheduler_address],
            cwd=folder,
        )
        kept = np.asarray(nithresh.load(folder / "out.nii").dataobj)
        assert kept.any()
        assert not kept[mask == 0].any()


def big_map(folder):
    """Save a map that takes a while to write."""
    rng = np.random.default_rng(0)
    data = np.asfortranarray(rng.normal(size=(96, 96, 96)), np.float32)
    nithresh.save(nibabel.Nifti1Image(data, np.eye(4)), folder / "big.nii.gz")
    (folder / "in").mkdir()
    inputs = [f"in/{number:02}.nii.gz" for number in range(40)]
    for name in inputs:
        (folder / name).symlink_to("../big.nii.gz")
    return inputs


def test_workers_that_are_killed(tmp_path, doomed):
    """Both workers are killed while they write, the second one later."""
    inputs = big_map(tmp_path)
    out = tmp_path / "out"
    args = ["threshold", *inputs, "-t", "0.5", "--output-dir", "out"]
    process = subprocess.Popen(
        [COMMAND, *args, "--dask", doomed.scheduler_address],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    seen = {}
    killed = 0
    for worker, outputs in zip(processes(doomed), (4, 12), strict=True):
        deadline = time.monotonic() + 60
        while len(list(out.glob("[0-9]*.gz"))) < outputs or not list(
            out.glob(".nith*")
        ):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.001)
        os.kill(worker, signal.SIGKILL)
        killed += 1
        seen |= {path: path.stat() for path in out.glob("[0-9]*.gz")}
    text, errors = process.communicate(timeout=120)
    assert (process.returncode, errors, killed) == (0, "", 2)
    # Nothing lost, nothing half, nothing twice.
    names = [f"out/{number:02}_thresholded.nii.gz" for number in range(40)]
    assert text.splitlines() == names
    assert len(list(out.iterdir())) == 80
    run("threshold", "big.nii.gz", "-t", "0.5", "-o", "one.nii.gz", cwd=tmp_path)
    expected = (tmp_path / "one.nii.gz").read_bytes()
    for name in names:
        assert (tmp_path / name).read_bytes() == expected
        sidecar = (tmp_path / name.replace(".nii.gz", ".json")).read_text()
        assert json.loads(sidecar)["CommandLine"].endswith(f"-o {name}")
    assert len(seen) >= 12
    for path, before in seen.items():
        after = path.stat()
        assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def request(mask=None):
    checked = check_request(2, two_sided=True, cluster_threshold=0, connectivity=6)
    surfaces = Surfaces({}, 0.0, across_structures=False, mask=None)
    words = {"threshold": 2.0, "options": {}, "surfaces": surfaces, "rate": None}
    return partial(_work, request=checked, mask=mask, **words)


def in_one_worker(job):
    sent = pickle.dumps((request(), job, "mark-", False))
    return in_worker(nithresh.__version__, sent)


def test_what_was_done_before_its_worker_died_is_not_done_again(folder):
    output = folder / "out.nii.gz"
    job = Job("map0.nii.gz", (output,), folder=folder)
    first = in_one_worker(job)
    assert (first.value, first.error) == (str(output), None)
    before = [path.stat() for path in (output, folder / "out.json")]
    again = in_one_worker(job)
    assert again == first
    after = [path.stat() for path in (output, folder / "out.json")]
    assert [stat.st_mtime_ns for stat in after] == [stat.st_mtime_ns for stat in before]
    # To replace what was there before the run is another thing.
    replaced = Job("map1.nii.gz", (output,), folder, IfExists.REPLACE)
    assert in_one_worker(replaced).error is None
    assert output.stat().st_ino != before[0].st_ino


def die(job):
    """Work, or take the worker along."""
    if job.source == "deadly":
        os.kill(os.getpid(), signal.SIGKILL)
    return job.source


def test_a_file_that_kills_its_workers_is_given_up(tmp_path, doomed):
    jobs = [Job(name, (tmp_path / name,)) for name in ("first", "deadly", "last")]
    words = RunOptions(dask=doomed.scheduler_address, jobs=1)
    outcomes = list(in_workers(die, jobs, words))
    assert [outcome.value for outcome in outcomes] == ["first", None, "last"]
    assert "4 workers died while they had it" in str(outcomes[1].error)


class Awkward(Exception):  # noqa: N818
    """An error that cannot be made again from its arguments."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


def test_errors_that_cannot_travel_keep_their_words():
    known = OSError(28, "No space left on device", "file")
    assert _portable(known, debug=False) is known
    error = _portable(Awkward("bread", "butter"), debug=False)
    assert (type(error), str(error)) == (RuntimeError, "bread and butter")


@contextmanager
def listener(answer):
    """Listen on a port, as something that is no scheduler."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connections = []

        def serve():
            try:
                while True:
                    connection, _ = server.accept()
                    connections.append(connection)
                    connection.sendall(answer)
            except OSError:
                return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in connections:
            connection.close()


def test_an_unreachable_scheduler(folder):
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    http = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"
    with listener(b"") as silent, listener(http) as other:
        start = time.monotonic()
        running = {
            port: subprocess.Popen(
                [
                    *[COMMAND, "threshold", *maps(folder), "-t", "2"],
                    *["--dask", f"tcp://127.0.0.1:{port}"],
                ],
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for port in (closed, silent, other)
        }
        before = contents(folder)
        for port, process in running.items():
            text, errors = process.communicate(timeout=30)
            # Three at a time on a machine that may be busy; alone it takes six.
            assert time.monotonic() - start < 20
            assert (process.returncode, text) == (1, "")
            assert errors == (
                f"nithresh: --dask tcp://127.0.0.1:{port}: no Dask scheduler answers "
                "there within 5 s\n"
            )
        assert contents(folder) == before


def test_a_scheduler_that_goes_away(folder):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", port]
    scheduler = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--dashboard-address", ":0"],
        stderr=subprocess.DEVNULL,
    )
    address = f"tcp://127.0.0.1:{port}"
    try:
        with Client(address, timeout=60, set_as_default=False):
            pass
        process = subprocess.Popen(
            [COMMAND, "threshold", *maps(folder), "-t", "2", "--dask", address],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr.readline() == (
            f"nithresh: waiting for the first worker of {address}\n"
        )
    finally:
        scheduler.kill()
        scheduler.wait()
    text, errors = process.communicate(timeout=60)
    assert (process.returncode, text) == (1, "")
    assert errors == (
        f"nithresh: --dask {address}: the connection to the scheduler was lost\n"
    )
    assert len(contents(folder)) == 5


STRANGERS = {
    "none (not here)": "raise ImportError('not here')",
    "0.0.9": "__version__ = '0.0.9'",
}


@contextmanager
def stranger(address, has, folder):
    """Add a worker that has another nithresh, or none; it must not die of it."""
    package = folder / "strange" / "nithresh"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(STRANGERS[has])
    command = [sys.executable, "-m", "distributed.cli.dask_worker", address]
    worker = subprocess.Popen(
        [*command, "--no-nanny", "--no-dashboard", "--nthreads", "1"],
        env=os.environ | {"PYTHONPATH": str(package.parent)},
        stderr=subprocess.DEVNULL,
    )
    with Client(address, set_as_default=False) as client:
        known = set(client.nthreads())
        deadline = time.monotonic() + 60
        while not (new := set(client.nthreads()) - known):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        try:
            yield f"{new.pop()} has {has}"
            assert worker.poll() is None
        finally:
            worker.terminate()
            worker.wait()
            while set(client.nthreads()) != known:
                assert time.monotonic() < deadline + 60
                time.sleep(0.01)


@contextmanager
def halted(workers):
    """Let processes do nothing for a while."""
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    try:
        yield
    finally:
        for worker in workers:
            os.kill(worker, signal.SIGCONT)


def must_have(address):
    version = nithresh.__version__
    return f"--dask {address}: all workers must have nithresh {version}, but "


@pytest.mark.filterwarnings("ignore:Running on a single-machine scheduler:UserWarning")
@pytest.mark.parametrize("has", STRANGERS)
def test_workers_that_have_another_nithresh_or_none(folder, cluster, has):
    address = cluster.scheduler_address
    with stranger(address, has, folder) as worker:
        args = ["threshold", *maps(folder), "-t", "2", "--dask", address]
        done = run(*args, code=1, cwd=folder)
        assert done.stderr == f"nithresh: {must_have(address)}{worker}\n"
        assert not list(folder.glob("*_thresholded*"))
        # The workers themselves are as they were.
        with Client(address, set_as_default=False) as client:
            assert len(client.nthreads()) == 3
            volume = da.ones((4, 4, 4), chunks=2)
            for call in (chunked.threshold, chunked.label, chunked.find_clusters):
                with client.as_current(), pytest.raises(RuntimeError) as caught:
                    call(volume, 0.5)
                assert must_have(address).removeprefix("--dask ") in str(caught.value)
                assert str(caught.value).endswith(f", but {worker}")
            with client.as_current(), dask.config.set(scheduler="threads"):
                assert chunked.label(volume, 0.5)[1] == 1


@pytest.mark.parametrize("has", STRANGERS)
@pytest.mark.parametrize("beside", ["others", "nobody"])
def test_workers_that_come_later_with_another_nithresh(tmp_path, cluster, has, beside):
    inputs = big_map(tmp_path)
    out = tmp_path / "out"
    workers = processes(cluster)
    with LocalCluster(n_workers=0, dashboard_address=":0") as empty:
        address = (cluster if beside == "others" else empty).scheduler_address
        process = subprocess.Popen(
            [
                *[COMMAND, "threshold", *inputs, "-t", "0.5"],
                *["--output-dir", "out", "--dask", address],
            ],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if beside == "nobody":
            assert "waiting for the first worker" in process.stderr.readline()
        else:
            deadline = time.monotonic() + 60
            while not list(out.glob("[0-9]*.gz")):
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.001)
        with ExitStack() as late:
            # However fast the others are, there is work left for the one that comes.
            with halted(workers):
                worker = late.enter_context(stranger(address, has, tmp_path))
            _, errors = process.communicate(timeout=60)
            assert process.returncode == 1
            assert errors == f"nithresh: {must_have(address)}{worker}\n"
    # What others have finished stays, and is whole.
    done = list(out.iterdir()) if out.exists() else []
    assert bool(done) == (beside == "others")
    for path in done:
        if path.suffix == ".gz":
            nithresh.load(path)
        else:
            assert path.suffix == ".json"


@pytest.mark.parametrize(
    ("address", "match"),
    [
        ("nowhere", "--dask is 'nowhere'; it must be local or such as tcp://HOST:8786"),
        ("carrier-pigeon://x", "--dask is 'carrier-pigeon://x'"),
        ("foo://x:1", "unknown address scheme 'foo'"),
    ],
)
def test_addresses_that_are_none(folder, address, match):
    done = run("threshold", *maps(folder), "-t", "2", "--dask", address, code=2,
               cwd=folder)  # fmt: skip
    assert match in done.stderr
    assert len(contents(folder)) == 5


def test_without_dask_the_error_names_the_extra(folder):
    (folder / "lib").mkdir()
    (folder / "lib" / "distributed.py").write_text("raise ImportError('none')\n")
    done = run(
        *["threshold", "map0.nii.gz", "-t", "2", "--dask", "local"],
        code=1,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder / "lib")},
    )
    assert "nithresh: --dask needs Dask; install it with: pip install" in done.stderr
    assert done.stderr.count("\n") == 1


def test_dask_is_imported_only_when_asked_for(folder):
    code = (
        "import sys; from nithresh.command import main\n"
        "main(['threshold', 'map0.nii.gz', '-t', '2'])\n"
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=True, cwd=folder,
    )  # fmt: skip
    modules = set(done.stdout.split())
    assert not modules & {"dask", "distributed", "asyncio"}


def test_a_terminal_shows_a_bar(folder, cluster):
    terminal, side = pty.openpty()
    process = subprocess.Popen(
        [
            *[COMMAND, "threshold", *maps(folder), "-t", "2"],
            *["--dask", cluster.scheduler_address],
        ],
        cwd=folder, stdin=side, stdout=side, stderr=side,
    )  # fmt: skip
    os.close(side)
    shown = b""
    while select.select([terminal], [], [], 60)[0]:
        try:
            shown += os.read(terminal, 4096)
        except OSError:  # how Linux says that the other end is closed
            break
    os.close(terminal)
    assert process.wait(timeout=60) == 0
    assert b"5/5" in shown
    assert b"file" in shown


def test_ctrl_c_leaves_nothing_half(tmp_path):
    inputs = big_map(tmp_path)
    out = tmp_path / "out"
    process = subprocess.Popen(
        [
            # A job in the background of a shell is born with this signal ignored. Not
            # by a function in the child, which would inherit the locks of threads.
            *["env", "--default-signal=INT", COMMAND, "threshold", *inputs],
            *["-t", "0.5", "--output-dir", "out", "--dask", "local", "--jobs", "2"],
        ],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while len(list(out.glob("[0-9]*.gz"))) < 4:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    # To the workers too, as a terminal sends it.
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert errors == "nithresh: interrupted\n"
    names = {path.name for path in out.iterdir()}
    assert not [name for name in names if name.startswith(".")]
    for name in (name for name in names if name.endswith(".gz")):
        nithresh.load(out / name)
        assert name.replace(".nii.gz", ".json") in names
