"""Many files at once: the same results as one by one, whatever happens to some."""

import gc
import itertools
import multiprocessing
import signal
import subprocess
import sys
import textwrap
import threading
import time
import tracemalloc
import warnings

import nibabel
import numpy as np
import pytest

import nithresh

AFFINE = np.diag([-2, 2, 2, 1.0])


def random_map(seed, shape=(24, 20, 16), dtype=np.float32):
    rng = np.random.default_rng(seed)
    data = rng.integers(-3, 4, shape) * rng.integers(0, 2, shape)
    affine = AFFINE.copy()
    affine[0, 3] = 2 * (seed % 3)
    return nibabel.Nifti1Image(np.asfortranarray(data, dtype), affine)


@pytest.fixture
def folder(tmp_path):
    """A folder with eight maps, of several kinds, and one for the results."""
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    for seed in range(8):
        shape = (24, 20, 16) if seed % 4 else (9, 8, 7, 3)
        extension = (".nii.gz", ".nii", ".hdr", ".nii.gz")[seed % 4]
        dtype = (np.float32, np.int16)[seed % 2]
        image = random_map(seed, shape, dtype)
        if extension == ".hdr":
            image = nibabel.Nifti1Pair(image.dataobj, image.affine)
        nibabel.save(image, tmp_path / "in" / f"map{seed}{extension}")
    return tmp_path


def pairs_in(folder, extension=".nii.gz"):
    maps = sorted(path for path in (folder / "in").iterdir() if path.suffix != ".img")
    names = [path.name.partition(".")[0] for path in maps]
    return [
        (path, folder / "out" / f"{name}{extension}")
        for path, name in zip(maps, names, strict=True)
    ]


def one_by_one(pairs, folder, *args, **words):
    """What the files have to be, as name and bytes."""
    folder.mkdir()
    for source, target in pairs:
        kept = nithresh.threshold_img(source, *args, **words)
        nithresh.save(kept, folder / target.name)
    return contents(folder)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("jobs", [None, 1, 3, 20])
@pytest.mark.parametrize(
    ("threshold", "words"),
    [
        (2, {}),
        (2.0, {"cluster_threshold": 3, "connectivity": 26}),
        (-2, {"cluster_threshold": 2, "two_sided": False}),
        ("80%", {"cluster_threshold": 2, "connectivity": 18}),
        ("80%", {"two_sided": False}),
    ],
)
def test_the_files_are_those_of_one_by_one(folder, threshold, words, jobs):
    pairs = pairs_in(folder)
    nithresh.threshold_files(pairs, threshold, jobs=jobs, **words)
    expected = one_by_one(pairs, folder / "expected", threshold, **words)
    assert contents(folder / "out") == expected
    assert len(expected) == 8


@pytest.mark.parametrize("extension", [".nii", ".img", ".hdr.gz", ".mgz"])
def test_every_format_that_can_be_saved(folder, extension):
    pairs = [pair for pair in pairs_in(folder, extension) if "map4" not in pair[0].name]
    nithresh.threshold_files(pairs, 2)
    assert contents(folder / "out") == one_by_one(pairs, folder / "expected", 2)


def test_a_mask_on_one_grid_after_the_other(folder):
    pairs = pairs_in(folder)
    mask = np.zeros((24, 20, 16), np.uint8, order="F")
    mask[3:, 2:9, 4:] = 1
    nibabel.save(nibabel.Nifti1Image(mask[..., None], AFFINE), folder / "mask.nii.gz")
    words = {"mask_img": folder / "mask.nii.gz", "cluster_threshold": 2}
    expected = one_by_one(pairs, folder / "expected", "60%", **words)
    nithresh.threshold_files(pairs, "60%", **words)
    assert contents(folder / "out") == expected
    words["mask_img"] = nithresh.load(folder / "mask.nii.gz")
    nithresh.threshold_files(iter(pairs), "60%", **words)
    assert contents(folder / "out") == expected


def test_maps_that_no_mask_fits(folder):
    mask = nibabel.Nifti1Image(np.ones((24, 20, 16), np.uint8), AFFINE)
    flat = nibabel.Nifti1Image(np.ones((24, 20), np.float32), AFFINE)
    far = random_map(0)
    far.set_sform(AFFINE + np.eye(4, k=3) * 500)
    results = []
    for image in (flat, far):
        nibabel.save(image, folder / "map.nii")
        pair = folder / "map.nii", folder / "out" / "map.nii"
        nithresh.threshold_files([pair], 2, mask_img=mask, on_result=results.append)
    assert "img has 2 dimensions" in str(results[0].error)
    assert "mask_img is empty on the grid of img" in str(results[1].error)


def test_a_mask_that_is_none_is_refused_once_and_first(folder):
    empty = nibabel.Nifti1Image(np.zeros((24, 20, 16), np.uint8), AFFINE)
    with pytest.raises(ValueError, match="mask_img is empty"):
        nithresh.threshold_files(pairs_in(folder), 2, mask_img=empty)
    with pytest.raises(FileNotFoundError, match="mask_img is 'no/such.nii'"):
        nithresh.threshold_files(pairs_in(folder), 2, mask_img="no/such.nii")
    assert not contents(folder / "out")


def damage(path):
    """Change one bit of the voxels, which only the checksum shows."""
    whole = bytearray(path.read_bytes())
    whole[-5] ^= 1
    path.write_bytes(whole)


def test_files_that_fail_leave_the_others_alone(folder):
    pairs = pairs_in(folder)
    expected = one_by_one(pairs, folder / "expected", 2)
    damage(folder / "in" / "map3.nii.gz")
    pairs.insert(5, (folder / "in" / "missing.nii", folder / "out" / "missing.nii"))
    pairs.append((folder / "in" / "map1.nii", folder / "out" / "map.txt"))
    with pytest.raises(ExceptionGroup, match="3 files could not") as caught:
        nithresh.threshold_files(pairs, 2, jobs=2)
    damaged, missing, unknown = caught.value.exceptions
    assert isinstance(damaged, nithresh.ImageFileError)
    assert isinstance(missing, nithresh.MissingFileError)
    assert "must end in one of" in str(unknown)
    for error, name in [(damaged, "map3.nii"), (missing, "missing"), (unknown, "map1")]:
        assert name in error.__notes__[0]
    del expected["map3.nii.gz"]
    assert contents(folder / "out") == expected


def test_results_come_in_the_order_of_the_pairs(folder):
    pairs = pairs_in(folder)
    damage(folder / "in" / "map3.nii.gz")
    results = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nithresh.threshold_files(iter(pairs), 3.5, jobs=3, on_result=results.append)
    assert [(result.input, result.output) for result in results] == pairs
    for result in results:
        assert result.output.exists() == (result.error is None)
    failed = results.pop(3)
    assert isinstance(failed.error, nithresh.ImageFileError)
    assert not failed.warnings
    for result in results:
        assert result.error is None
        assert len(result.warnings) == 1
        assert "beyond the range of the map" in result.warnings[0]


def test_warnings_name_their_file_and_point_at_the_caller(folder):
    pairs = pairs_in(folder)
    with pytest.warns(UserWarning, match="beyond the range") as caught:
        nithresh.threshold_files(pairs, 3.5, jobs=3)
    for (source, _), warning in zip(pairs, caught, strict=True):
        assert str(warning.message).startswith(f"{str(source)!r}: The threshold")
        assert warning.filename == __file__
    # And whoever warns next is heard.
    with pytest.warns(UserWarning, match="beyond the range"):
        nithresh.threshold_img(pairs[0][0], 3.5)


def colliding(folder):
    """Pairs that would write over a file of the batch, each with what is said."""
    first, second = pairs_in(folder)[:2]
    link = folder / "link.nii.gz"
    link.symlink_to(first[0])
    out = folder / "out"
    return [
        ([first, (second[0], first[1])], "two inputs have the output"),
        ([first, (second[0], str(first[1]))], "two inputs have the output"),
        (
            [(first[0], out / "a.img"), (second[0], out / "a.hdr")],
            "two inputs have the output",
        ),
        ([(first[0], first[0])], "is an output and an input"),
        ([first, (second[0], first[0])], "is an output and an input"),
        ([first, (second[0], link)], "is an output and an input"),
        ([first, (first[1], out / "c.nii")], "is an output and an input"),
        ([first, (second[0], folder / "mask.nii")], "is an output and an input"),
    ]


@pytest.mark.parametrize("number", range(8))
def test_an_output_is_a_file_of_its_own(folder, number):
    mask = nibabel.Nifti1Image(np.ones((24, 20, 16), np.uint8), AFFINE)
    nibabel.save(mask, folder / "mask.nii")
    pairs, message = colliding(folder)[number]
    before = contents(folder / "in")
    words = {"mask_img": folder / "mask.nii"}
    with pytest.raises(ValueError, match=message):
        nithresh.threshold_files(pairs, 2, **words)
    assert not contents(folder / "out")
    with pytest.raises(ValueError, match=message):
        nithresh.threshold_files(iter(pairs), 2, **words)
    # What came before it was finished.
    assert len(contents(folder / "out")) in (0, 1, 2)
    assert contents(folder / "in") == before
    assert (folder / "mask.nii").stat().st_size > 352


def test_bad_arguments(folder):
    pairs = pairs_in(folder)
    path = str(pairs[0][0])
    for bad, words, message in [
        (3, {}, "pairs is of type int"),
        ([path], {}, "pairs[0] is '/"),
        ("ab", {}, "pairs[0] is 'a'"),
        ([pairs[0], (path, path, path)], {}, "pairs[1] is ('/"),
        ([(path, 3)], {}, "pairs[0] is ('/"),
        (pairs, {"jobs": 1.0}, "jobs is 1.0"),
        (pairs, {"jobs": 0}, "jobs is 0"),
        (pairs, {"jobs": True}, "jobs is True"),
        (pairs, {"two_sided": None}, "two_sided is None"),
        (pairs, {"connectivity": 7}, "connectivity is 7"),
        (pairs, {"cluster_threshold": 2.0}, "cluster_threshold is 2.0"),
        (pairs, {"mask_img": 3}, "mask_img is of type int"),
        (pairs, {"on_result": "print"}, "on_result is 'print'"),
    ]:
        with pytest.raises((TypeError, ValueError)) as caught:
            nithresh.threshold_files(bad, 2, **words)
        assert message in str(caught.value)
    with pytest.raises(ValueError, match="threshold is NaN"):
        nithresh.threshold_files(pairs, float("nan"))
    assert not contents(folder / "out")
    nithresh.threshold_files([], 2)


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_a_generator_is_read_as_the_work_goes_on(folder, jobs):
    source = folder / "in" / "map0.nii.gz"
    read, done, most = 0, 0, 0

    def pairs():
        nonlocal read, most
        for number in range(40):
            read += 1
            most = max(most, read - done)
            yield source, folder / "out" / f"{number}.nii.gz"

    def count(_result):
        nonlocal done
        done += 1

    nithresh.threshold_files(pairs(), 2, jobs=jobs, on_result=count)
    assert (read, done) == (40, 40)
    assert most <= 2 * jobs


def test_an_error_of_the_generator_is_its_own(folder):
    def pairs():
        yield from pairs_in(folder)[:3]
        msg = "no more names"
        raise KeyError(msg)

    with pytest.raises(KeyError, match="no more names"):
        nithresh.threshold_files(pairs(), 2, jobs=1)
    assert set(contents(folder / "out")) >= {"map0.nii.gz"}


def peak_memory(call):
    """How much memory is left taken after a call, and was taken at most."""
    tracemalloc.start()
    try:
        call()
        gc.collect()
        return tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_number_of_files(tmp_path):
    image = random_map(0, (64, 64, 64))
    size = np.asarray(image.dataobj).nbytes
    source = tmp_path / "map.nii.gz"
    nithresh.save(image, source)

    def thresholded(count):
        pairs = ((source, tmp_path / f"{n}.nii.gz") for n in range(count))
        nithresh.threshold_files(pairs, 2, jobs=2)

    thresholded(1)  # imports
    left, most = peak_memory(lambda: thresholded(40))
    # Two files at a time: bytes, voxels and result of each, and a few buffers.
    assert most < 2 * 8 * size
    assert left < size


def test_errors_hold_no_images(tmp_path):
    data = np.zeros((64, 64, 64), np.complex64)
    nibabel.save(nibabel.Nifti1Image(data, AFFINE), tmp_path / "map.nii.gz")
    pairs = [(tmp_path / "map.nii.gz", tmp_path / f"{n}.nii") for n in range(20)]
    groups = []

    def thresholded():
        with pytest.raises(ExceptionGroup) as caught:
            nithresh.threshold_files(pairs, 2, jobs=2)
        groups.append(caught.value)

    thresholded()
    left, _ = peak_memory(thresholded)
    assert len(groups[-1].exceptions) == 20
    assert isinstance(groups[-1].exceptions[0], TypeError)
    assert left < data.nbytes


def test_whoever_ends_it_early_finds_whole_files_and_no_threads(folder):
    source = folder / "in" / "map1.nii"
    expected = nithresh.threshold_img(source, 2)
    before = threading.active_count()

    def stop(result):
        if result.output.name == "20.nii.gz":
            raise KeyboardInterrupt

    pairs = ((source, folder / "out" / f"{n}.nii.gz") for n in itertools.count())
    with pytest.raises(KeyboardInterrupt):
        nithresh.threshold_files(pairs, 2, jobs=3, on_result=stop)
    assert threading.active_count() == before
    written = list((folder / "out").iterdir())
    assert 21 <= len(written) <= 21 + 6
    for path in written:
        np.testing.assert_array_equal(nithresh.load(path).dataobj, expected.dataobj)


def test_an_interrupt_leaves_whole_files_only(tmp_path):
    nithresh.save(random_map(0, (64, 64, 64)), tmp_path / "map.nii.gz")
    (tmp_path / "out").mkdir()
    code = """
        import itertools, signal, sys
        from pathlib import Path
        import nithresh
        # A job in the background of a shell is born with this signal ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        folder = Path(sys.argv[1])
        pairs = (
            (folder / "map.nii.gz", folder / "out" / f"{n}{('.nii.gz', '.img')[n % 2]}")
            for n in itertools.count()
        )
        nithresh.threshold_files(pairs, 2, jobs=3)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), tmp_path],
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while len(list((tmp_path / "out").iterdir())) < 20:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert errors.rstrip().endswith("KeyboardInterrupt")
    expected = nithresh.threshold_img(tmp_path / "map.nii.gz", 2)
    for path in (tmp_path / "out").iterdir():
        assert not path.name.startswith(".")
        np.testing.assert_array_equal(nithresh.load(path).dataobj, expected.dataobj)


@pytest.mark.parametrize("given", [0, 1, 2])
def test_a_machine_that_gives_fewer_threads(folder, given):
    pairs = pairs_in(folder)
    expected = one_by_one(pairs, folder / "expected", 2)

    def stingy():
        for number, pair in enumerate(pairs):
            if number == given:
                threading.stack_size(1 << 46)  # more than there is
            yield pair

    before = threading.active_count()
    seen = []
    try:
        nithresh.threshold_files(stingy(), 2, jobs=4, on_result=seen.append)
    finally:
        threading.stack_size(0)
    assert [(result.input, result.error) for result in seen] == [
        (source, None) for source, _ in pairs
    ]
    assert contents(folder / "out") == expected
    assert threading.active_count() == before


def in_child(queue, pairs, folder):
    nithresh.threshold_files(pairs, 2, jobs=2)
    queue.put(contents(folder))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_of_a_process_that_has_used_it(folder):
    pairs = pairs_in(folder)
    nithresh.threshold_files(pairs, 2, jobs=2)
    expected = contents(folder / "out")
    for _, target in pairs:
        target.unlink()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=in_child, args=(queue, pairs, folder / "out"))
    child.start()
    assert queue.get(timeout=60) == expected
    child.join(60)
    assert child.exitcode == 0


def test_several_batches_at_once(folder):
    pairs = pairs_in(folder)
    expected = one_by_one(pairs, folder / "expected", 2)
    results = {}

    def run(number):
        out = folder / f"out{number}"
        out.mkdir()
        mine = [(source, out / target.name) for source, target in pairs]
        nithresh.threshold_files(mine, 2, jobs=2)
        results[number] = contents(out)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == dict.fromkeys(range(4), expected)
