"""Damage small files of every format at random, and read what comes of it.

    python fuzz/files.py [--seconds N] [--seed N] [--record]

Each case is one line of JSON: a small file that the tests make, and what is done to
its bytes. A file loads, and then it can be thresholded, or one error names it. Anything
else is a finding: another error, a crash, a hang, much memory. Its line is printed, and
belongs into ``fuzz/corpus/findings.jsonl`` together with the mending. ``--record``
writes ``parsers.jsonl`` anew: one case for each way in which nibabel's parsers fail.
"""

import argparse
import contextlib
import gzip
import json
import logging
import math
import multiprocessing
import random
import resource
import struct
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

ROOT = Path(__file__).parents[1]
CORPUS = ROOT / "fuzz" / "corpus"
sys.path.insert(0, str(ROOT / "tests"))

import nithresh  # noqa: E402
from nithresh.files import read_voxels  # noqa: E402
from test_reading import ALLOWED, BESIDE, FILES, LOADED  # noqa: E402

# What most often breaks a reader.
NUMBERS = [
    *(
        number.to_bytes(size, order)
        for size in (1, 2, 4, 8)
        for order in ("little", "big")
        for number in (
            0,
            1,
            2 ** (8 * size - 1) - 1,
            2 ** (8 * size - 1),
            2 ** (8 * size) - 1,
        )
    ),
    *(
        struct.pack(form, number)
        for form in ("<f", ">f", "<d", ">d")
        for number in (math.nan, math.inf, -math.inf, 1e30, -1.0)
    ),
    b"0",
    b"-1",
    b"1e999",
    b"nan",
    b" ",
    b"\n",
]
# It says of each broken header what it makes of it.
logging.getLogger("nibabel.global").setLevel(logging.CRITICAL)
LONGEST_WAIT = 30
MOST_MEMORY = 4 << 30


def damaged(content, steps):
    """Do to a file's bytes what a case says."""
    content = bytearray(content)
    for kind, place, value in steps:
        if kind == "bit":
            content[place : place + 1] = bytes(
                byte ^ 1 << value for byte in content[place : place + 1]
            )
        elif kind == "put":
            piece = bytes.fromhex(value)
            content[place : place + len(piece)] = piece
        elif kind == "lose":
            del content[place : place + value]
        elif kind == "twice":
            content[place:place] = content[place : place + value]
    return bytes(content)


def random_case(rng):
    """Draw a case."""
    name = rng.choice(LOADED)
    victim = rng.choice([name, *BESIDE.get(name, [])])
    inside = victim.endswith(".gz") and rng.random() < 0.7
    size = len(gzip.decompress(FILES[victim]) if inside else FILES[victim])
    steps = []
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        # Headers are in front.
        place = rng.randrange(rng.choice((64, 400, size)))
        kind = rng.choice(("bit", "put", "put", "put", "lose", "twice", "cut"))
        if kind == "bit":
            steps.append([kind, place, rng.randrange(8)])
        elif kind == "put":
            number = rng.choice(NUMBERS)
            place -= place % len(number) if rng.random() < 0.8 else 0
            steps.append([kind, place, number.hex()])
        elif kind == "cut":
            steps.append(["lose", place, size])
        else:
            steps.append([kind, place, rng.randrange(1, 64)])
    return {"file": name, "damaged": victim, "inside": inside, "steps": steps}


def write(case, folder):
    """Write the files of a case, and return the one to load."""
    for name in [case["file"], *BESIDE.get(case["file"], [])]:
        content = FILES[name]
        if name == case["damaged"]:
            if case["inside"]:
                whole = damaged(gzip.decompress(content), case["steps"])
                content = gzip.compress(whole, 1, mtime=0)
            else:
                content = damaged(content, case["steps"])
        (folder / name).write_bytes(content)
    return folder / case["file"]


def check(path):
    """Load and threshold; whatever is not promised is raised."""
    try:
        image = nithresh.load(path)
        voxels = read_voxels(image)
    except ALLOWED as error:
        said = str(error)
    else:
        said = None
    if said is not None:
        assert path.name in said, "the error does not name the file"
        assert "\n" not in said, "the error is more than one line"
        return
    assert voxels.shape == tuple(image.shape)
    if 0 < voxels.size < 1e6:
        with contextlib.suppress(*ALLOWED, ValueError, TypeError):
            nithresh.threshold_img(image, 2, cluster_threshold=2)


def run(case, folder):
    """Check a case; nibabel's warnings of what it reads are left alone."""
    path = write(case, folder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check(path)
    finally:
        for file in folder.iterdir():
            file.unlink()


def read_corpus():
    """Read the cases of the repository."""
    files = sorted(CORPUS.glob("*.jsonl"))
    return [
        json.loads(line) for file in files for line in file.read_text().splitlines()
    ]


def _work(cases, seconds, told):
    """Run cases in a process of its own, and tell of each before it is run."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:
            told.send(case)
            try:
                run(case, Path(folder))
            except BaseException:
                told.send(traceback.format_exc())
            if time.monotonic() > end:
                break
    told.send(None)


def look(seed, seconds):
    """Run cases until the time is over, and print findings; how many there were."""
    rng, found, done = random.Random(seed), 0, 0  # noqa: S311 - no secret
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        cases = [random_case(rng) for _ in range(2000)]
        ours, theirs = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.Process(target=_work, args=(cases, left, theirs))
        process.start()
        theirs.close()
        case = what = None
        try:
            while ours.poll(LONGEST_WAIT):
                if (told := ours.recv()) is None:
                    break
                if isinstance(told, str):
                    found += 1
                    print(f"{told}{json.dumps(case)}\n", flush=True)
                else:
                    case, done = told, done + 1
            else:
                what = f"hangs for {LONGEST_WAIT} seconds"
        except EOFError:
            process.join()
            what = f"ends the process with {process.exitcode}"
        process.kill()
        process.join()
        if what is not None:
            found += 1
            print(f"{what}\n{json.dumps(case)}\n", flush=True)
    print(f"{done} cases, {found} findings, seed {seed}")
    return found


def record(seed, seconds):
    """Write the shortest case for each way in which nibabel's parsers fail."""
    import nibabel

    rng, ways = random.Random(seed), {}  # noqa: S311 - no secret
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = Path(name)
        while time.monotonic() < end:
            case = random_case(rng)
            path = write(case, folder)
            try:
                load = nibabel.ecat.load if path.suffix == ".v" else nibabel.load
                way = None
                load(path).get_fdata()
            except Exception as error:
                places = traceback.extract_tb(error.__traceback__)
                ours = [place for place in places if "nibabel" in place.filename]
                way = case["file"], type(error).__name__, ours[-1].name
            line = json.dumps(case)
            if way and len(line) < len(ways.get(way, line + " ")):
                ways[way] = line
            for file in folder.iterdir():
                file.unlink()
    (CORPUS / "parsers.jsonl").write_text(
        "".join(f"{ways[way]}\n" for way in sorted(ways))
    )
    return 0


def main():
    """Look for findings."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    parser.add_argument("--record", action="store_true")
    words = parser.parse_args()
    work = record if words.record else look
    return work(words.seed, words.seconds) > 0


if __name__ == "__main__":
    sys.exit(main())
