"""Maps on graphs (`_core.Graph`) against SciPy's graph components and brute force."""

import itertools
import threading
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import sparse
from scipy.sparse import csgraph

from nithresh import _core, testing
from oracles import finite, signs

LEVELS = st.sampled_from([0.0, 1.0, 2.0, 2.5, 3.0])
MAPS = ("signs", "extents", "values", "means", "masses")


def graph_of(count, triangles, pairs):
    """Make a graph of triangles in two surfaces, of 32 bits and of 64."""
    half = len(triangles) // 2
    if triangles.dtype == np.int32 and triangles.ndim == 2:
        first = max(0, int(triangles[half:].min(initial=max(count - 1, 0))))
        moved = triangles[half:].astype(np.int64) - first
        surfaces = [(0, count, triangles[:half]), (first, count - first, moved)]
        return _core.Graph(count, surfaces, pairs)
    return _core.Graph(count, [(0, count, triangles)], pairs)


@dataclass
class Case:
    """A graph, a map on it, and what is asked of it."""

    triangles: np.ndarray
    pairs: np.ndarray
    data: np.ndarray
    mask: np.ndarray | None
    areas: np.ndarray | None
    level: float
    two_sided: bool
    cluster_threshold: int
    min_area: float

    @property
    def graph(self):
        return graph_of(len(self.data), self.triangles, self.pairs)

    @property
    def request(self):
        return _core.Request(
            self.level,
            two_sided=self.two_sided,
            cluster_threshold=self.cluster_threshold,
            connectivity=6,
        )

    @property
    def inside(self):
        """The map as it counts: finite, and zero outside of the mask."""
        values = finite(self.data).astype(np.float64)
        return values if self.mask is None else np.where(self.mask, values, 0)

    def keywords(self):
        return {"mask": self.mask, "areas": self.areas, "min_area": self.min_area}

    def found(self, out=None):
        return self.graph.find_clusters(self.data, out, self.request, **self.keywords())

    def components(self, passing):
        """The sets of nodes that pass and hang together."""
        edges = np.concatenate(
            [self.triangles[:, pair] for pair in ([0, 1], [1, 2], [2, 0])]
            + [self.pairs]
        )
        edges = edges[passing[edges].all(axis=1)]
        matrix = sparse.coo_matrix(
            (np.ones(len(edges)), edges.T), (len(passing), len(passing))
        )
        labels = csgraph.connected_components(matrix, directed=False)[1]
        groups = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        return [group for group in groups if passing[group[0]]]

    def clusters(self):
        """What stays, in the order of its numbers, and the areas."""
        sides = signs(self.inside, self.level, self.two_sided)
        found = list(itertools.chain(*(self.components(side) for side in sides)))
        extents = [len(nodes) for nodes in found]
        areas = [
            np.nan if self.areas is None else self.areas[nodes].sum() for nodes in found
        ]
        heights = abs(self.inside)
        ranked = []
        for nodes, extent, area in zip(found, extents, areas, strict=True):
            peak = nodes[np.argmax(heights[nodes])]
            is_large = not area < self.min_area - 1e-6
            if extent >= self.cluster_threshold and is_large:
                ranked.append((-extent, -heights[peak], peak, nodes, area))
        return sorted(ranked, key=lambda row: row[:3])


def few_values(dtype):
    """Values whose scores single precision can hold."""
    if np.dtype(dtype).kind != "f":
        return testing.values(dtype)
    kind = np.dtype(dtype)
    return testing.values(dtype).filter(lambda value: value != kind.type(1e30))


@st.composite
def cases(draw, dtypes=testing.DTYPES):
    count = draw(st.integers(0, 14))
    nodes = st.integers(0, max(count - 1, 0))
    rows = st.integers(0, 2 * count)

    def edges(length):
        return npst.arrays(np.int32, (draw(rows), length), elements=nodes)

    dtype = draw(st.sampled_from(dtypes))
    two_sided = draw(st.booleans())
    level = draw(LEVELS) * (1 if two_sided else draw(st.sampled_from([1, -1])))
    areas = npst.arrays(
        np.float64, count, elements=st.sampled_from([0.0, 0.1, 0.25, 1 / 3, 2, np.nan])
    )
    return Case(
        draw(edges(3)),
        draw(edges(2)),
        draw(npst.arrays(dtype, count, elements=few_values(dtype))),
        draw(st.none() | npst.arrays(bool, count)),
        draw(st.none() | areas),
        level,
        two_sided,
        draw(st.integers(0, 4)),
        draw(st.sampled_from([0.0, 0.3, 0.5, 1.0, 2.5, np.inf])),
    )


@given(cases())
def test_clusters_are_the_components_of_each_sign(case):
    expected = case.clusters()
    labels = np.zeros(len(case.data), np.int32)
    for number, (*_, nodes, _) in enumerate(expected, 1):
        labels[nodes] = number
    out = np.ones_like(case.data)
    found = case.found(out)
    np.testing.assert_array_equal(found["labels"], labels)
    kept = np.where(labels > 0, finite(case.data), 0)
    np.testing.assert_array_equal(out, kept.astype(case.data.dtype))
    assert found["peaks"].tolist() == [row[2] for row in expected]
    assert found["extents"].tolist() == [-row[0] for row in expected]
    areas = [row[4] for row in expected]
    np.testing.assert_allclose(found["areas"], areas, rtol=0, atol=2e-8)
    for name, reduce in (("means", np.mean), ("masses", np.sum)):
        values = [reduce(case.inside[row[3]]) for row in expected]
        np.testing.assert_allclose(found[name], values, rtol=1e-12)
    np.testing.assert_array_equal(found["values"], case.inside[found["peaks"]])
    np.testing.assert_array_equal(found["signs"], np.sign(found["values"]))


@given(cases())
def test_erasing_and_table_agree(case):
    kept = np.ones_like(case.data)
    found = case.found(kept)
    # With other values between, and backwards.
    wide = np.ones(2 * len(case.data), case.data.dtype)
    for out in (np.ones_like(case.data), wide[::2], wide[::-2]):
        passing = passing_of(case)
        np.copyto(out, passing)
        limits = case.graph.erase_small(
            out, case.cluster_threshold, areas=case.areas, min_area=case.min_area
        )
        assert limits == found["range"]
        np.testing.assert_array_equal(out, kept)
    alone = case.found()
    assert alone.keys() == found.keys()
    for name, value in found.items():
        np.testing.assert_array_equal(alone[name], value)


@given(cases())
def test_maxima_are_not_exceeded_by_neighbours(case):
    found = case.found()
    neighbours = [set() for _ in case.data]
    for edge in [*case.triangles.tolist(), *case.pairs.tolist()]:
        for a, b in itertools.permutations(edge, 2):
            neighbours[a].add(b)
    labels, height = found["labels"], abs(case.inside)
    expected = [
        (labels[node], -height[node], node)
        for node in np.flatnonzero(labels)
        if all(
            (-height[node], node) <= (-height[other], other)
            for other in neighbours[node]
            if labels[other] == labels[node]
        )
    ]
    expected.sort()
    assert found["maxima_clusters"].tolist() == [row[0] for row in expected]
    assert found["maxima"].tolist() == [row[2] for row in expected]
    np.testing.assert_array_equal(found["maxima_values"], case.inside[found["maxima"]])


@given(cases(), st.randoms(use_true_random=False))
def test_other_numbers_of_nodes_change_nothing_else(case, random):
    order = np.arange(len(case.data))
    random.shuffle(order)
    # Ties are broken by numbers, so that no two values are equal here.
    distinct = np.arange(1, len(order) + 1) / 1024 * np.sign(case.inside)
    case = replace(case, data=np.clip(case.inside, -9, 9) + distinct)
    to = np.argsort(order).astype(np.int32)

    def moved(array):
        return None if array is None else array[order]

    def renamed(edges):
        return np.roll(to[edges[::-1]], 1, axis=1).reshape(edges.shape)

    again = replace(
        case,
        triangles=renamed(case.triangles),
        pairs=renamed(case.pairs),
        data=moved(case.data),
        mask=moved(case.mask),
        areas=moved(case.areas),
    )
    found, expected = again.found(), case.found()
    for name in (*MAPS, "areas", "maxima_clusters", "maxima_values"):
        np.testing.assert_array_equal(found[name], expected[name])
    np.testing.assert_array_equal(found["labels"], expected["labels"][order])
    np.testing.assert_array_equal(found["peaks"], to[expected["peaks"]])
    np.testing.assert_array_equal(found["maxima"], to[expected["maxima"]])
    np.testing.assert_array_equal(scores_of(again), scores_of(case)[order])


def scores_of(case, powers=(0.5, 2.0)):
    dtype = np.result_type(case.data.dtype, np.float32)
    scores = np.ones(len(case.data), dtype)
    case.graph.tfce(
        case.data,
        scores,
        mask=case.mask,
        areas=case.areas,
        extent_power=powers[0],
        height_power=powers[1],
        two_sided=case.two_sided,
    )
    return scores


@given(cases(), st.sampled_from([(0.5, 2.0), (1.0, 2.0), (1.0, 1.0)]))
def test_scores_are_the_sums_over_all_levels(case, powers):
    weights = np.ones(len(case.data)) if case.areas is None else case.areas
    weights = np.nan_to_num(weights, nan=1.0)
    expected = np.zeros(len(case.data))
    for sign in (1, -1) if case.two_sided else (1,):
        heights, below, power = sign * case.inside, 0.0, powers[1] + 1
        for level in np.unique(heights[heights > 0]):
            slab = (level**power - below**power) / power
            for nodes in case.components(heights >= level):
                expected[nodes] += sign * weights[nodes].sum() ** powers[0] * slab
            below = level
    np.testing.assert_allclose(scores_of(case, powers), expected, rtol=1e-6)


@given(cases())
def test_the_merge_tree_has_the_clusters_of_each_level(case):
    steps = np.full(len(case.data), -7, np.int32)
    tree = case.graph.merge_tree(
        case.data, steps, mask=case.mask, two_sided=case.two_sided
    )
    for sign in (1, -1) if case.two_sided else (1,):
        heights = sign * case.inside
        for level in np.unique(heights[heights > 0]):
            expected = {
                (nodes[np.argmax(heights[nodes])], len(nodes))
                for nodes in case.components(heights >= level)
            }
            alive = (tree["merges"] < level) & (level <= tree["births"])
            found = set()
            for branch in np.flatnonzero(alive & (tree["signs"] == sign)):
                own = slice(*tree["starts"][branch : branch + 2])
                extents = tree["extents"][own][tree["heights"][own] >= level]
                found.add((tree["peaks"][branch], extents[-1]))
            assert found == expected
    counts = case.inside != 0 if case.two_sided else case.inside > 0
    np.testing.assert_array_equal(steps > 0, counts)
    np.testing.assert_array_equal(
        tree["heights"][steps[counts] - 1], abs(case.inside[counts])
    )


@st.composite
def volumes(draw):
    shape = draw(st.tuples(*[st.integers(1, 4)] * 3))
    dtype = draw(st.sampled_from(testing.DTYPES))
    data = draw(npst.arrays(dtype, shape, elements=few_values(dtype)))
    return data, draw(st.none() | npst.arrays(bool, shape))


@given(
    volumes(), LEVELS, st.integers(0, 4), st.booleans(), st.sampled_from([6, 18, 26])
)
def test_a_volume_as_pairs_has_the_clusters_of_the_volume(
    volume, level, cluster_threshold, two_sided, connectivity
):
    data, mask = volume
    graph = _core.Graph(data.size, [], voxel_pairs(data.shape, connectivity))
    request = _core.Request(
        level,
        two_sided=two_sided,
        cluster_threshold=cluster_threshold,
        connectivity=connectivity,
    )
    flat = None if mask is None else mask.ravel()
    kept, expected_kept = np.ones_like(data), np.ones_like(data)
    found = graph.find_clusters(
        data.ravel(), kept.reshape(-1), request, mask=flat, areas=None, min_area=0.0
    )
    expected = _core.find_clusters(
        data,
        expected_kept,
        request,
        mask=mask,
        out_is_zero=False,
        whole_plateaus=False,
    )
    labels = np.empty(data.shape, np.int32)
    expected["labels"].write(labels, False)
    np.testing.assert_array_equal(found["labels"], labels.ravel())
    np.testing.assert_array_equal(kept, expected_kept)
    for name in (*MAPS, "range", "has_non_finite"):
        np.testing.assert_array_equal(found[name], expected[name])
    peaks = np.ravel_multi_index(expected["peaks"].T, data.shape)
    np.testing.assert_array_equal(found["peaks"], peaks)
    if connectivity == 26:
        maxima = np.ravel_multi_index(expected["maxima"].T, data.shape)
        np.testing.assert_array_equal(found["maxima"], maxima)
    rules = {"two_sided": two_sided, "mask": flat}
    steps, expected_steps = np.empty(data.size, np.int32), np.empty_like(labels)
    tree = graph.merge_tree(data.ravel(), steps, **rules)
    rules |= {"mask": mask, "connectivity": connectivity}
    expected = _core.merge_tree(data, expected_steps, **rules)
    expected["peaks"] = np.ravel_multi_index(expected["peaks"].T, data.shape)
    for name, value in expected.items():
        np.testing.assert_array_equal(tree[name], value)
    np.testing.assert_array_equal(steps, expected_steps.ravel())
    dtype = np.result_type(data.dtype, np.float32)
    scores, expected_scores = np.empty(data.size, dtype), np.empty(data.shape, dtype)
    powers = {"extent_power": 0.5, "height_power": 2.0}
    _core.tfce(data, expected_scores, **rules, **powers)
    rules = {"two_sided": two_sided, "mask": flat, "areas": None}
    graph.tfce(data.ravel(), scores, **rules, **powers)
    np.testing.assert_array_equal(scores, expected_scores.ravel())


def voxel_pairs(shape, connectivity):
    apart = {6: 1, 18: 2, 26: 3}[connectivity]
    places = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    pairs = [np.zeros((0, 2), np.int32)]
    for step in itertools.product([-1, 0, 1], repeat=3):
        if step > (0, 0, 0) and np.abs(step).sum() <= apart:
            sides = list(zip(step, shape, strict=True))
            here = tuple(slice(max(0, -s), min(n, n - s)) for s, n in sides)
            there = tuple(slice(max(0, s), min(n, n + s)) for s, n in sides)
            pairs.append(np.stack([places[here].ravel(), places[there].ravel()], 1))
    return np.concatenate(pairs)


def test_areas_that_add_up_to_the_least_are_kept():
    graph = _core.Graph(10, [], chain(10))
    request = _core.Request(1.0, two_sided=True, cluster_threshold=0, connectivity=6)
    data = np.ones(10, np.float32)
    for areas, least in [
        (np.full(10, 0.1), 1.0),
        (np.full(10, 0.7, np.float32).astype(float), 7.0),
        (np.full(10, 1 / 3), 10 / 3),
        (np.linspace(0.1, 0.3, 10), np.linspace(0.1, 0.3, 10)[::-1].sum()),
    ]:
        for min_area, stays in [(least, True), (least * 1.0001, False)]:
            found = graph.find_clusters(
                data, None, request, mask=None, areas=areas, min_area=min_area
            )
            assert len(found["signs"]) == stays
    # Nodes without area form clusters that have none, and stay.
    found = graph.find_clusters(
        data, None, request, mask=None, areas=np.full(10, np.nan), min_area=1e9
    )
    assert np.isnan(found["areas"]).tolist() == [True]


def passing_of(case):
    """Make the map that the clusters to erase are in, as a volume of one row."""
    row = case.data.reshape(-1, 1, 1)
    passing = np.empty_like(row)
    mask = None if case.mask is None else case.mask.reshape(-1, 1, 1)
    request = _core.Request(
        case.level, two_sided=case.two_sided, cluster_threshold=0, connectivity=6
    )
    _core.threshold(row, passing, request, mask=mask, out_is_zero=False)
    return passing.ravel()


def chain(nodes):
    return np.stack([np.arange(nodes - 1), np.arange(1, nodes)], 1).astype(np.int32)


def test_degenerate_triangles_and_lone_nodes():
    triangles = np.array([[0, 0, 9], [5, 5, 5], [1, 2, 1], [1, 2, 1]], np.int32)
    graph = _core.Graph(10, [(0, 10, triangles)], np.array([[7, 7]], np.int32))
    request = _core.Request(1.0, two_sided=True, cluster_threshold=0, connectivity=6)
    found = graph.find_clusters(
        np.ones(10), None, request, mask=None, areas=None, min_area=0.0
    )
    assert found["labels"].tolist() == [1, 2, 2, 3, 4, 5, 6, 7, 8, 1]
    assert found["maxima"].tolist() == [0, 1, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"pairs": [[0, 1, 2]]}, ValueError, r"pairs has shape \[1, 3\]"),
        ({"triangles": [0, 1, 2]}, ValueError, r"shape \[3\]; .*\[3, 3\]"),
        ({"triangles": [[0.0, 1, 2]]}, TypeError, "triangles has dtype float64"),
        ({"data": [1.0, 2]}, ValueError, r"data has shape \[2\]; .*\[3\]"),
        ({"data": [[1.0, 2, 3]]}, ValueError, r"data has shape \[1, 3\]"),
        ({"data": [1j, 2, 3]}, TypeError, "data has dtype complex128"),
        ({"mask": [True]}, ValueError, r"mask has shape \[1\]"),
        ({"mask": [1, 1, 1]}, TypeError, "mask has dtype int64"),
        ({"areas": [1.0, 1]}, ValueError, r"areas has shape \[2\]"),
        ({"areas": [1.0, -2, 1]}, ValueError, "areas has -2 for node 1"),
        ({"areas": [1.0, 1, np.inf]}, ValueError, "areas has inf for node 2"),
        ({"areas": [1e12, 1, 1]}, ValueError, "for node 0; it must be from 0 to"),
        ({"min_area": np.nan, "areas": [1.0, 1, 1]}, ValueError, "min_area is NaN"),
        ({"min_area": -1.0, "areas": [1.0, 1, 1]}, ValueError, "min_area is -1"),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(change, error, text):
    given = {
        "triangles": [[0, 1, 2]],
        "pairs": np.zeros((0, 2), int),
        "data": [3.0, 3, 3],
        "mask": None,
        "areas": None,
        "min_area": 0.0,
    } | change
    edges = [np.asarray(given[name]) for name in ("triangles", "pairs")]
    edges = [
        edge.astype(np.int32) if edge.dtype.kind == "i" else edge for edge in edges
    ]
    data = np.asarray(given["data"])
    optional = {
        name: None if given[name] is None else np.asarray(given[name])
        for name in ("mask", "areas")
    }
    request = _core.Request(1.0, two_sided=True, cluster_threshold=2, connectivity=6)
    out = np.full_like(data, 7)

    graph_words = {**optional, "min_area": given["min_area"]}

    def call():
        graph = graph_of(3, *edges)
        graph.find_clusters(data, out, request, **graph_words)

    with pytest.raises(error, match=text):
        call()
    assert (out == 7).all()
    if "mask" in change:
        return

    def erase():
        graph = graph_of(3, *edges)
        graph.erase_small(data, 2, areas=optional["areas"], min_area=given["min_area"])

    before = data.copy()
    with pytest.raises(error, match=text):
        erase()
    np.testing.assert_array_equal(data, before)


@pytest.mark.parametrize("vertices", [3, 4])
@pytest.mark.parametrize(
    ("triangles", "pairs", "text"),
    [
        ([[0, 1, 2], [1, 2, 4]], [], "triangles has node 4 in row 1; there are {}"),
        ([[0, 1, 2], [1, 4, 2], [4, 5, 6]], [], "triangles has node 4 in row 1"),
        ([[0, -1, 2]] * 2, [], "triangles has node -1 in row 0; there are {}"),
        ([[0, 1, 2], [1, 2, 2**31 - 1]], [], "node 2147483647 in row 1"),
        ([], [[0, 1], [1, 2], [9, 1]], "pairs has node 9 in row 2; there are 5"),
        ([], [[0, 1], [-1, 2]], "pairs has node -1 in row 1; there are 5"),
    ],
)
def test_a_node_that_is_not_there_is_named_by_every_call(
    triangles, pairs, text, vertices
):
    # Node 4 is there, and is none of the surface's.
    triangles = np.array(triangles, np.int32).reshape(-1, 3)
    pairs = np.array(pairs, np.int32).reshape(-1, 2)
    data, out, steps = np.full(5, 3.0), np.full(5, 3.0), np.full(5, 3, np.int32)
    request = _core.Request(1.0, two_sided=True, cluster_threshold=2, connectivity=6)
    powers = {"extent_power": 0.5, "height_power": 2.0, "two_sided": True}
    words = {"mask": None, "areas": None}
    calls = (
        lambda graph: graph.erase_small(data, 2, areas=None, min_area=0.0),
        lambda graph: graph.find_clusters(data, out, request, **words, min_area=0.0),
        lambda graph: graph.tfce(data, out, **words, **powers),
        lambda graph: graph.merge_tree(data, steps, mask=None, two_sided=True),
    )
    for dtype, call in itertools.product((np.int32, np.int64), calls):
        graph = _core.Graph(5, [(0, vertices, triangles.astype(dtype))], pairs)
        with pytest.raises(ValueError, match=text.format(vertices)):
            call(graph)
    for array in (data, out, steps):
        assert (array == 3).all()
    points = np.zeros((vertices, 3))
    if len(triangles):
        with pytest.raises(ValueError, match=text.format(vertices)):
            _core.vertex_areas(points, triangles)


def test_a_surface_has_no_vertices_beyond_the_nodes():
    none = np.zeros((0, 3), np.int32), np.zeros((0, 2), np.int32)
    with pytest.raises(ValueError, match="vertices up to node 6; there are 5 nodes"):
        _core.Graph(5, [(3, 3, none[0])], none[1])


def test_edges_in_any_layout_make_the_same_graph():
    triangles = np.array([[0, 1, 2], [2, 1, 3], [3, 4, 5]], np.int32)
    packed = np.zeros(3, np.dtype([("a", "u1"), ("t", "i4", 3)]))
    packed["t"] = triangles
    request = _core.Request(1.0, two_sided=True, cluster_threshold=0, connectivity=6)
    for edges in (
        triangles,
        np.asfortranarray(triangles),
        np.repeat(triangles, 2, axis=0)[::2],
        triangles[::-1],
        packed["t"],
    ):
        graph = _core.Graph(6, [(0, 6, edges)], np.zeros((0, 2), np.int32))
        data = np.array([1, 1, 1, 0, 1, 1])
        found = graph.find_clusters(
            data, None, request, mask=None, areas=None, min_area=0.0
        )
        assert found["labels"].tolist() == [1, 1, 1, 0, 2, 2]


def test_one_graph_serves_several_threads():
    side = 300
    places = np.arange(side * side, dtype=np.int32).reshape(side, side)
    corners = [places[:-1, :-1], places[1:, :-1], places[:-1, 1:], places[1:, 1:]]
    a, b, c, d = (corner.ravel() for corner in corners)
    triangles = np.concatenate([np.stack(t, 1) for t in ([a, b, c], [c, b, d])])
    graph = _core.Graph(
        side * side, [(0, side * side, triangles)], np.zeros((0, 2), np.int32)
    )
    random = np.random.default_rng(1)
    data = random.normal(size=side * side).astype(np.float32)
    points = random.normal(size=(side * side, 3))
    request = _core.Request(0.5, two_sided=True, cluster_threshold=3, connectivity=6)

    def found():
        table = graph.find_clusters(
            data, None, request, mask=None, areas=None, min_area=0.0
        )
        scores = np.empty_like(data)
        graph.tfce(
            data,
            scores,
            mask=None,
            areas=None,
            extent_power=0.5,
            height_power=2.0,
            two_sided=True,
        )
        kept = np.empty_like(data)
        np.copyto(kept, data * (abs(data) >= 0.5))
        graph.erase_small(kept, 3, areas=None, min_area=0.0)
        areas = _core.vertex_areas(points, triangles)
        return table["labels"], table["maxima"], scores, kept, areas

    results = []
    before = _core.get_num_threads()
    try:
        for threads in (1, 4):
            _core.set_num_threads(threads)
            workers = [
                threading.Thread(target=lambda: results.append(found()))
                for _ in range(3)
            ]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
    finally:
        _core.set_num_threads(before)
    assert len(results) == 6
    for result in results[1:]:
        for array, expected in zip(result, results[0], strict=True):
            np.testing.assert_array_equal(array, expected)


def test_vertex_areas_of_a_square():
    points = np.array([[0, 0, 0], [3, 0, 0], [0, 2, 0], [3, 2, 0], [9, 9, 9]], float)
    triangles = np.array([[0, 1, 2], [2, 1, 3], [4, 4, 4]], np.int32)
    areas = _core.vertex_areas(points, triangles)
    np.testing.assert_array_equal(areas, [1, 2, 2, 1, 0])
    again = _core.vertex_areas(np.asfortranarray(points), triangles[::-1])
    np.testing.assert_array_equal(again, areas)
    with pytest.raises(ValueError, match="triangles has node 4 in row 2"):
        _core.vertex_areas(points[:4], triangles)
    with pytest.raises(ValueError, match="for node 1; they must be finite"):
        _core.vertex_areas(np.where(points == 3, np.nan, points), triangles)
    with pytest.raises(ValueError, match=r"coordinates has shape \[5, 2\]"):
        _core.vertex_areas(points[:, :2], triangles)
