"""Damage small files of every format at random, and read what comes of it.

    python fuzz/files.py [--seconds N] [--seed N] [--files TEXT] [--record]

Each case is one line of JSON: a small file that the tests make, and what is done to
its bytes, or to what it holds compressed or as XML. A file loads, and then it can be
thresholded, or one error names it. A map of a surface goes through all calls for it,
and it or its surface is damaged. Anything else is a finding: another error, a crash, a
hang, much memory, values that are not those of the file. Its line is printed, and
belongs into ``fuzz/corpus/findings.jsonl`` together with the mending. ``--record``
writes ``parsers.jsonl`` anew: one case for each way in which nibabel's parsers fail.
"""

import argparse
import base64
import contextlib
import functools
import gzip
import io
import json
import logging
import math
import multiprocessing
import random
import re
import resource
import signal
import struct
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from pathlib import Path

ROOT = Path(__file__).parents[1]
CORPUS = ROOT / "fuzz" / "corpus"
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "fuzz")]

import nibabel  # noqa: E402
import numpy as np  # noqa: E402
from damaged_xml import random_step  # noqa: E402
from nibabel.nifti1 import Nifti1Extension  # noqa: E402
from surface_samples import ATLASES, SURFACE_FILES, SURFACES, SURFACES_BESIDE  # noqa: E402

import nithresh  # noqa: E402
from nithresh.command import main as run_command  # noqa: E402
from nithresh.files import read_voxels  # noqa: E402
from nithresh.files.surface_files import CIFTI_CODE, xml_of  # noqa: E402
from running import stream_text  # noqa: E402
from test_reading import ALLOWED, BESIDE, FILES, LOADED  # noqa: E402

FILES = FILES | SURFACE_FILES
BESIDE = BESIDE | SURFACES_BESIDE
LOADED = [*LOADED, *SURFACES]

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
_ARGUMENT = (
    r"((the (map|scores|labels|names of atlas|atlas))|img|mask_img|surface|atlas)\b"
)
LONGEST_WAIT = 30
LONGEST_PARSE = 3
# Beyond what a process has when it begins: small files need little.
MORE_MEMORY = 512 << 20


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
        elif kind == "splice":
            length, text = value
            content[place : place + length] = text.encode("utf-8", "surrogateescape")
        elif kind == "bomb":
            length, megabytes = value
            content[place : place + length] = bomb(megabytes)
        elif kind == "recode":
            content = bytearray(content.decode("utf-8", "replace").encode(value))
    return bytes(content)


def bomb(megabytes):
    """Compress very many zeros to little, as GIFTI has it."""
    packer = zlib.compressobj(wbits=-15)
    piece = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    # The checksum of zeros is their number.
    checksum = ((megabytes << 20) % 65521 << 16 | 1).to_bytes(4, "big")
    packed = b"\x78\x9c" + piece * megabytes + b"\x03\0" + checksum
    return base64.b64encode(packed)


@functools.cache
def inside_of(name):
    """Return what a file holds, if it is compressed or has XML inside; else None."""
    if name.endswith(".gz"):
        return gzip.decompress(FILES[name])
    if name.startswith("map.d"):
        return xml_of(nibabel.Nifti2Image.from_bytes(FILES[name]).header)
    return None


def with_inside(name, inside):
    """Return a file that holds something else inside."""
    if name.endswith(".gz"):
        return gzip.compress(inside, 1, mtime=0)
    image = nibabel.Nifti2Image.from_bytes(FILES[name])
    image.header.extensions[:] = [Nifti1Extension(CIFTI_CODE, inside)]
    return image.to_bytes()


def random_case(rng):
    """Draw a case."""
    name = rng.choice(LOADED)
    victim = rng.choice([name, *BESIDE.get(name, [])])
    content, inside = FILES[victim], None
    if rng.random() < 0.7:
        inside = inside_of(victim)
        content = content if inside is None else inside
    is_xml = b"<" in content[:4]
    steps, damage = [], content
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        if is_xml and rng.random() < 0.8:
            steps.append(random_step(rng, damage))
        else:
            steps.append(random_bytes(rng, len(content)))
        damage = damaged(damage, steps[-1:])
    return {
        "file": name,
        "damaged": victim,
        "inside": inside is not None,
        "steps": steps,
    }


def random_bytes(rng, size):
    """Draw one step of damage to bytes."""
    # Headers are in front.
    place = rng.randrange(rng.choice((64, 400, size)))
    kind = rng.choice(("bit", "put", "put", "put", "lose", "twice", "cut"))
    if kind == "bit":
        return [kind, place, rng.randrange(8)]
    if kind == "put":
        number = rng.choice(NUMBERS)
        place -= place % len(number) if rng.random() < 0.8 else 0
        return [kind, place, number.hex()]
    if kind == "cut":
        return ["lose", place, size]
    return [kind, place, rng.randrange(1, 64)]


def write(case, folder):
    """Write the files of a case, and return the one to load."""
    for name in [case["file"], *BESIDE.get(case["file"], [])]:
        content = FILES[name]
        if name == case["damaged"]:
            if case["inside"]:
                content = with_inside(name, damaged(inside_of(name), case["steps"]))
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
        names = [path.name, *BESIDE.get(path.name, [])]
        assert any(name in said for name in names), "the error does not name the file"
        assert "\n" not in said, "the error is more than one line"
        assert "not enough memory" not in said, "the header is believed"
        return
    assert voxels.shape == tuple(image.shape)
    if 0 < voxels.size < 1e6:
        with contextlib.suppress(*ALLOWED, ValueError, TypeError):
            nithresh.threshold_img(image, 2, cluster_threshold=2)


def check_surface(path, surfaces):
    """Send a map through all calls for surfaces; what is not promised is raised."""
    names = [path.name, *(file.name for file in surfaces.values())]
    words = {"surface": surfaces}
    atlas = ATLASES.get(path.name)
    if atlas is not None:
        names.append(atlas)
        atlas = path.with_name(atlas)
    results = [
        _tried(call, names)
        for call in (
            lambda: nithresh.load(path),
            lambda: _row(nithresh.threshold_img(path, 2)),
            lambda: _row(nithresh.threshold_img(path, 2, 3, min_area=0.1, **words)),
            lambda: str(nithresh.find_clusters(path, 2, **words, atlas=atlas)),
            lambda: nithresh.tfce_img(path, **words),
            lambda: nithresh.threshold_img(path, 2, mask_img=path),
        )
    ]
    _check_values(path, *results[1:3])
    options = [str(path)]
    for side, file in surfaces.items():
        options += [f"--{side}-surface", str(file)]
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run_command(["info", *options])
    assert code in (0, 1, 2), code
    assert bool(code) != bool(stream_text(out)), code
    for line in stream_text(err).splitlines():
        assert line.startswith("nithresh: "), line
        assert any(name in line for name in names), line


def _tried(call, names):
    """Return a result; None if there is an error, which is one that is promised."""
    try:
        return call()
    except (*ALLOWED, TypeError, ValueError) as error:
        said = str(error)
        assert "\n" not in said, "the error is more than one line"
        assert "not enough memory" not in said, "the header is believed"
        if type(error) in (TypeError, ValueError):
            # What is wrong may be that two files do not fit each other.
            assert re.match(_ARGUMENT, said), said
        else:
            assert any(name in said for name in names), said
        return None


def _row(image):
    """Return the values of a map in one row."""
    if isinstance(image, nibabel.GiftiImage):
        return np.concatenate([array.data.ravel() for array in image.darrays])
    return np.asanyarray(image.dataobj).ravel()


def _check_values(path, kept, with_clusters):
    """Compare with what nibabel reads, if it does."""
    if kept is None:
        return
    try:
        if path.suffix == ".thickness":
            values = nibabel.freesurfer.read_morph_data(path)
        else:
            values = _row(nibabel.load(path))
    except Exception:
        return
    for result in (kept, with_clusters):
        if result is None:
            continue
        assert result.size == values.size, "values are missing"
        assert np.isin(result, [0, *values]).all(), "values are not those of the file"
    finite = np.where(np.isfinite(values), values, 0)
    np.testing.assert_array_equal(kept, np.where(abs(finite) < 2, 0, finite))


def run(case, folder):
    """Check a case; nibabel's warnings of what it reads are left alone."""
    path = write(case, folder)
    surfaces = SURFACES.get(case["file"])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if surfaces is None:
                check(path)
            else:
                check_surface(path, {s: folder / n for s, n in surfaces.items()})
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
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MORE_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
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


def parse(path):
    """Read a file as nibabel alone does."""
    if path.suffix in (".white", ".thickness"):
        kind = "geometry" if path.suffix == ".white" else "morph_data"
        getattr(nibabel.freesurfer, f"read_{kind}")(path)
        return
    load = nibabel.ecat.load if path.suffix == ".v" else nibabel.load
    image = load(path)
    if not isinstance(image, nibabel.GiftiImage):
        image.get_fdata()


def _stop(*_):
    raise TimeoutError


def record(seed, seconds):
    """Write the shortest case for each way in which nibabel's parsers fail."""
    rng, ways = random.Random(seed), {}  # noqa: S311 - no secret
    end = time.monotonic() + seconds
    signal.signal(signal.SIGALRM, _stop)
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = Path(name)
        while time.monotonic() < end:
            case = random_case(rng)
            path = write(case, folder)
            try:
                way = None
                signal.alarm(LONGEST_PARSE)
                for victim in {path, folder / case["damaged"]}:
                    parse(victim)
            except Exception as error:
                places = traceback.extract_tb(error.__traceback__)
                ours = [place for place in places if "nibabel" in place.filename]
                if ours:
                    way = case["file"], type(error).__name__, ours[-1].name
            finally:
                signal.alarm(0)
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
    parser.add_argument("--files", default="", help="those whose names hold this text")
    words = parser.parse_args()
    LOADED[:] = [name for name in LOADED if words.files in name]
    work = record if words.record else look
    return work(words.seed, words.seconds) > 0


if __name__ == "__main__":
    sys.exit(main())
