"""The look-up of a page, in node, against Python: labels, ids, extents, means."""

import json
import math
import shutil
import subprocess
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import nithresh
from nithresh import testing
from nithresh._comparison import as_compared, next_beyond
from nithresh._numbers import short
from nithresh._open import OpenMap
from nithresh._params import check_request
from nithresh._rules import CONNECTIVITY, RULES, TWO_SIDED
from nithresh.viewer.data import lookup_of, packed, tree_of, values_of

NODE = shutil.which("node")
SCRIPT = Path(nithresh.__file__).parent / "viewer" / "clusters.js"
FLOATS = st.floats(allow_nan=False, allow_infinity=False)

pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed")


class Node:
    """A process that answers one line for each line."""

    def __init__(self):
        driver = Path(__file__).parent / "lookup.js"
        self.process = subprocess.Popen(
            [NODE, driver, SCRIPT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, name, question):
        self.process.stdin.write(json.dumps([name, question]) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@pytest.fixture(scope="module")
def node():
    node = Node()
    yield node
    node.process.communicate()
    assert node.process.returncode == 0


def thresholds_of(values):
    """Return all heights of a map, and thresholds around and between them."""
    heights = np.unique(abs(values.astype(np.float64)))
    middles = heights[1:] / 2 + heights[:-1] / 2
    beside = [np.nextafter(heights[-1:], 0), np.nextafter(heights[:1], np.inf)]
    found = np.concatenate([heights, middles, *beside, [0.1, 2.3]])
    return found[np.isfinite(found)].tolist()


def check(node, data, mask, extent, **words):
    """Ask for the clusters at all thresholds of each sign, and compare."""
    defaults = {"two_sided": TWO_SIDED, "connectivity": CONNECTIVITY}
    request = check_request(0, cluster_threshold=0, **defaults | words)
    values = values_of(OpenMap.of_array(data, mask, one_volume=True), 0.0)
    text, layout = packed({"values": values, **tree_of(values, request.connectivity)})
    questions = [
        (threshold, extent, sign)
        for threshold in thresholds_of(values)
        for sign in (0, 1, -1)
    ]
    heights = abs(values.astype(np.float64))
    answers = node.ask(
        "clusters",
        {
            "data": text,
            "layout": layout,
            "rules": lookup_of(request, data.dtype, data.shape),
            "questions": questions,
        },
    )
    assert len(answers) == len(questions)
    for (threshold, _, sign), answer in zip(questions, answers, strict=True):
        labels, count = nithresh.label(
            data,
            -(threshold or math.ulp(0.0)) if sign < 0 else threshold,
            cluster_threshold=extent,
            mask=mask,
            **words | {"two_sided": not sign},
        )
        assert answer["labels"] == labels.ravel().tolist()
        clusters = answer["clusters"]
        assert [cluster["id"] for cluster in clusters] == list(range(1, count + 1))
        for cluster in clusters:
            inside = values[labels == cluster["id"]].astype(np.float64)
            peak = abs(inside).max()
            assert cluster["extent"] == inside.size
            assert abs(cluster["peak"]) == peak
            first = np.flatnonzero((labels == cluster["id"]) & (heights == peak))[0]
            assert cluster["voxel"] == first
            if abs(inside).sum() < 1e300:
                assert cluster["mean"] == math.fsum(inside) / inside.size
    return len(questions)


@given(
    testing.maps(dimensions=[3], smallest_side=1, largest_side=5),
    st.sampled_from([6, 18, 26]),
    st.integers(0, 4),
    st.sampled_from([None, *RULES]),
    st.sampled_from([None, ">=", ">"]),
    st.data(),
)
def test_clusters_at_all_thresholds(
    node, data, connectivity, extent, rules, comparison, draw
):
    words = {"connectivity": connectivity, "rules": rules, "comparison": comparison}
    mask = draw.draw(testing.masks(data.shape)) if draw.draw(st.booleans()) else None
    kept = data if mask is None else np.where(mask, data, data.dtype.type(0))
    is_large = (
        data.dtype.kind in "iu" and max(int(kept.max()), -int(kept.min())) > 2**53
    )
    with pytest.raises(ValueError, match="img has the") if is_large else nullcontext():
        check(node, data, mask, extent, **words)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int16", "uint8"])
@pytest.mark.parametrize("rules", [None, *RULES])
def test_thousands_of_thresholds_of_maps_with_ties(node, dtype, rules):
    random = np.random.default_rng(1)
    asked = 0
    for _ in range(4):
        data = random.integers(-9, 10, (6, 5, 7)) / 3
        data = abs(data) if dtype == "uint8" else data
        asked += check(node, data.astype(dtype), None, 2, rules=rules)
    assert asked > 100


def test_more_branches_than_two_bytes_hold(node):
    data = np.zeros((134, 134, 4), np.float32)
    data[::2, ::2, ::2] = 1 + np.arange(67 * 67 * 2).reshape(67, 67, 2)
    data[1::2, 1::2, 1::2] = -1 - np.arange(67 * 67 * 2).reshape(67, 67, 2)
    tree = tree_of(np.concatenate([data] * 4, axis=2), 6)
    assert tree["branches"].dtype == np.uint32
    text, layout = packed({"values": np.concatenate([data] * 4, axis=2), **tree})
    rules = {"type": "float32", "isStrict": False, "order": "extent"}
    rules["shape"] = (134, 134, 16)
    question = {"data": text, "layout": layout, "rules": rules}
    (answer,) = node.ask("clusters", question | {"questions": [(8000, 0, 0)]})
    labels, _ = nithresh.label(np.concatenate([data] * 4, axis=2), 8000)
    assert answer["labels"] == labels.ravel().tolist()


@given(FLOATS | st.floats(9e3, 2e16), FLOATS)
@example(99999.5, 0.0)
@example(-999998.5, 999998.0)
@example(1e15, 0.0)
def test_numbers_are_written_as_in_the_printed_table(node, value, level):
    written = short(value, level, -level)
    assert node.ask("short", [value, level, -level]) == written
    assert "e" not in written or not 1 <= abs(value) < 1e15


@given(st.integers(-(2**40), 2**40), st.integers(0, 12), st.integers(2, 17))
def test_numbers_halfway_are_written_as_in_python(node, number, power, digits):
    value = number / 2**power
    written = node.ask("general", {"value": value, "digits": digits})
    assert written == f"{value:.{digits}g}"


def around_numbers_of(dtype):
    """Numbers of a type, what lies just between two, and what is next to that."""
    bits = {"float16": np.uint16, "float32": np.uint32, "float64": np.uint64}[dtype]
    infinity = int(np.array(np.inf, dtype).view(bits))
    if dtype == "float16":
        own = np.arange(infinity)
    else:
        own = np.random.default_rng(0).integers(0, infinity, 2000, dtype=np.uint64)
        power = np.finfo(dtype).nmant
        own = np.append(own, np.arange(infinity >> power, dtype=np.uint64) << power)
    own = np.unique(np.concatenate([own[own > 0] - 1, own])).astype(bits)
    numbers = own.view(dtype).astype(np.float64)
    gaps = np.diff(numbers, append=numbers[-1])
    between = numbers + gaps / 2
    beside = [np.nextafter(between, end) for end in (0, np.inf)]
    found = np.concatenate([numbers, between, *beside])
    return found[np.isfinite(found)].tolist()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("comparison", [">=", ">"])
def test_the_least_that_passes_is_that_of_python(node, dtype, comparison):
    thresholds = [*around_numbers_of(dtype), 65520.0, 7e4, 1e39, 1.7976931348623157e308]
    question = {"thresholds": thresholds, "type": dtype, "isStrict": comparison == ">"}
    found = node.ask("leasts", question)
    compared = next_beyond if comparison == ">" else as_compared
    for threshold, least in zip(thresholds, found, strict=True):
        expected = max(compared(threshold, np.dtype(dtype)), math.ulp(0.0))
        assert (math.inf if least is None else float(least)) == expected, threshold


@given(st.floats(0, 70000) | st.floats(0, 1e-4) | FLOATS.map(abs))
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("comparison", [">=", ">"])
def test_the_least_that_passes_of_any_number(node, dtype, comparison, threshold):
    question = {"thresholds": [threshold], "type": dtype}
    (found,) = node.ask("leasts", question | {"isStrict": comparison == ">"})
    compared = next_beyond if comparison == ">" else as_compared
    expected = max(compared(threshold, np.dtype(dtype)), math.ulp(0.0))
    assert (math.inf if found is None else float(found)) == expected
