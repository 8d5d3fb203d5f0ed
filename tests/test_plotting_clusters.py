"""Clusters that are shown: outlines, numbers, cuts at peaks, a row for each."""

import io
import itertools

import matplotlib.pyplot as plt
import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.textpath import TextPath

from nithresh import datasets, find_clusters
from nithresh.plotting import plot_clusters, plot_stat_map
from nithresh.plotting.geometry import PlaneGrid
from nithresh.plotting.layout import BarRoom, arrange
from nithresh.plotting.outlines import outlines

SAMPLE = datasets.load_sample_motor_activation_image()
AXES = {"x": (1, 2), "y": (0, 2), "z": (0, 1)}


@pytest.fixture(autouse=True)
def _no_figures_left():
    yield
    plt.close("all")


def rotated(zooms):
    from scipy.spatial.transform import Rotation

    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", (10, 15, 20), degrees=True).as_matrix()
    affine[:3, :3] *= zooms
    return affine


ALIGNED = {
    "isotropic": np.diag([3.0, 3, 3, 1]),
    "anisotropic": np.diag([2.0, 3, 5, 1]),
    "left-handed": np.array(
        [[-2.0, 0, 0, 9], [0, 3, 0, 0], [0, 0, 4, 0], [0, 0, 0, 1]]
    ),
    "swapped": np.array([[0.0, 0, -3, 9], [2, 0, 0, 0], [0, -4, 0, 0], [0, 0, 0, 1]]),
}
AFFINES = ALIGNED | {
    "oblique": rotated((3, 3, 3)),
    "oblique, left-handed, anisotropic": rotated((-2, 3, 5)),
}


def image(data, affine):
    return nib.Nifti1Image(data, affine)


def blobs(shape=(9, 10, 11), seed=0):
    """A map of few values: clusters of all sizes, at the edges too."""
    random = np.random.default_rng(seed)
    values = np.array([-4, -2, 0, 0, 0, 0, 2, 4], np.float32)
    return values[random.integers(0, len(values), shape)]


def draw(img, clusters, size=(7.3, 3.5), **kwargs):
    return plot_stat_map(img, figure=Figure(size), clusters=clusters, **kwargs)


def peak_of(clusters, number):
    row = clusters.lookup[number]
    return tuple(clusters.table[axis][row] for axis in "xyz")


def drawn_lines(panel):
    """The dark lines that are drawn in a panel, shape (n, 2, 2)."""
    found = [
        collection
        for collection in panel.ax.collections
        if isinstance(collection, LineCollection)
        and tuple(collection.get_color()[0]) == to_rgba("k")
    ]
    return np.concatenate([np.array(c.get_segments()) for c in found] or [[]])


def numbers(panel):
    return {int(t.get_text()): t for t in panel.ax.texts if t.get_text().isdigit()}


def label_at(clusters, point):
    """The label of the voxel that holds a point in mm; 0 outside."""
    labels = np.asarray(clusters.labels_img.dataobj)
    ijk = np.linalg.inv(clusters.labels_img.affine) @ [*point, 1]
    # As the planes do: an edge belongs to the voxel above it.
    voxel = np.floor(ijk[:3] + 0.5 + 1e-6).astype(int)
    if (voxel < 0).any() or (voxel >= labels.shape).any():
        return 0
    return int(labels[tuple(voxel)])


def point_in(panel, across, up):
    point = np.empty(3)
    point[list(AXES[panel.direction])] = across, up
    point["xyz".index(panel.direction)] = panel.coord
    return point


def plane_of(clusters, panel):
    """Labels at the pixels of the map's picture, and the pixels' edges."""
    picture = panel.ax.images[-1]
    left, right, bottom, top = picture.get_extent()
    rows, columns = picture.get_array().shape
    across, up = (
        np.linspace(left, right, columns + 1),
        np.linspace(bottom, top, rows + 1),
    )
    plane = [
        [
            label_at(clusters, point_in(panel, a, u))
            for a in (across[:-1] + across[1:]) / 2
        ]
        for u in (up[:-1] + up[1:]) / 2
    ]
    return np.array(plane), across, up


def edges_between(plane, across, up):
    """All edges of pixels with other labels on their sides, one by one."""
    rows, columns = plane.shape

    def at(row, column):
        inside = 0 <= row < rows and 0 <= column < columns
        return plane[row, column] if inside else 0

    found = set()
    for row, column in itertools.product(range(rows + 1), range(columns + 1)):
        if row < rows and at(row, column) != at(row, column - 1):
            found.add((column, row, "up"))
        if column < columns and at(row, column) != at(row - 1, column):
            found.add((column, row, "across"))
    return found


def edges_of_lines(lines, across, up):
    """The same from lines in mm: every line goes along the edges of pixels."""
    found = []
    for (a0, u0), (a1, u1) in lines:
        place = [
            int(np.abs(edges - value).argmin())
            for edges, value in ((across, a0), (up, u0), (across, a1), (up, u1))
        ]
        for edges, value, index in zip(
            (across, up, across, up), (a0, u0, a1, u1), place, strict=True
        ):
            assert edges[index] == pytest.approx(value, abs=1e-9)
        column, row, last_column, last_row = place
        if column == last_column:
            found += [(column, r, "up") for r in range(row, last_row)]
        else:
            assert row == last_row
            found += [(c, row, "across") for c in range(column, last_column)]
    assert len(found) == len(set(found))
    return set(found)


# Outlines


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 10**6))
def test_outlines_are_the_edges_between_labels(rows, columns, seed):
    plane = np.random.default_rng(seed).integers(0, 3, (rows, columns))
    grid = PlaneGrid(
        "z", 0.0, 5 + 2.0 * np.arange(columns), -3 + 0.5 * np.arange(rows), (2.0, 0.5)
    )
    across, up = 4 + 2.0 * np.arange(columns + 1), -3.25 + 0.5 * np.arange(rows + 1)
    lines = outlines(plane, grid)
    assert edges_of_lines(lines, across, up) == edges_between(plane, across, up)
    # As few as there can be: none begins where another of its direction ends.
    ends = {(tuple(stop), start[0] == stop[0]) for start, stop in lines.tolist()}
    starts = {(tuple(start), start[0] == stop[0]) for start, stop in lines.tolist()}
    assert not ends & starts


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
@pytest.mark.parametrize("radiological", [False, True])
def test_outlines_follow_the_voxels_that_are_drawn(affine, radiological):
    img = image(blobs(), affine)
    clusters = find_clusters(img, 2, cluster_threshold=2)
    display = draw(
        img,
        clusters,
        bg_img=None,
        threshold=2,
        cluster_threshold=2,
        cut_coords="cluster:2",
        radiological=radiological,
    )
    for panel in display.axes.values():
        plane, across, up = plane_of(clusters, panel)
        assert plane.any()
        lines = drawn_lines(panel)
        assert edges_of_lines(lines, across, up) == edges_between(plane, across, up)
        # The map is drawn where the labels are.
        picture = panel.ax.images[-1].get_array()
        np.testing.assert_array_equal(np.ma.filled(picture, 0) != 0, plane != 0)


# Numbers


def ink(text):
    """Lower left and upper right of a number as drawn, in pixels."""
    ax = text.axes
    size = text.get_fontsize() * ax.figure.dpi / 72
    box = TextPath((0, 0), text.get_text(), size=size).get_extents()
    middle = ax.transData.transform(text.get_position())
    half = np.array([box.width, box.height]) / 2
    return middle - half, middle + half


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
@pytest.mark.parametrize("size", [(7.3, 3.5), (3.5, 1.7), (12, 12)])
def test_numbers_lie_in_their_clusters_and_in_the_panel(affine, size):
    img = image(blobs(seed=1), affine)
    clusters = find_clusters(img, 2)
    assert len(clusters) > 30
    display = draw(img, clusters, size, bg_img=None, cut_coords="peak", title="A title")
    display.savefig(io.BytesIO())
    for panel in display.axes.values():
        plane, across, up = plane_of(clusters, panel)
        shown = numbers(panel)
        assert set(shown) == set(np.unique(plane[plane != 0]).tolist())
        corners = panel.ax.transAxes.transform([(0, 0), (1, 1)])
        centres = (across[:-1] + across[1:]) / 2, (up[:-1] + up[1:]) / 2
        for number, text in shown.items():
            low, high = ink(text)
            assert (low >= corners[0] - 0.5).all()
            assert (high <= corners[1] + 0.5).all()
            rows, columns = np.nonzero(plane == number)
            points = panel.ax.transData.transform(
                np.stack([centres[0][columns], centres[1][rows]], axis=1)
            )
            # On a voxel of the cluster, or right beside one.
            away = np.maximum(np.maximum(low - points, points - high), 0)
            voxel = np.abs(
                panel.ax.transData.transform((across[1], up[1]))
                - panel.ax.transData.transform((across[0], up[0]))
            )
            assert (away <= voxel / 2 + text.get_fontsize() + 3).all(axis=1).any()


def test_the_number_of_a_small_cluster_stands_beside_it():
    data = np.zeros((40, 40, 40), np.float32)
    data[10, 10, 20] = data[30, 30, 20] = 5
    data[20:34, 5:20, 20] = 4
    img = image(data, np.diag([3.0, 3, 3, 1]))
    clusters = find_clusters(img, 3)
    display = draw(img, clusters, bg_img=None, display_mode="z", cut_coords=[60])
    (panel,) = display.axes.values()
    display.frame_axes.figure.draw_without_rendering()
    plane, across, up = plane_of(clusters, panel)
    for number, text in numbers(panel).items():
        low, high = ink(text)
        hidden = []
        for row, column in np.argwhere(plane):
            corners = panel.ax.transData.transform(
                [(across[column], up[row]), (across[column + 1], up[row + 1])]
            )
            if (corners[0] < high).all() and (corners[1] > low).all():
                hidden.append(plane[row, column])
        assert set(hidden) == ({1} if number == 1 else set())


def test_outlines_are_thin_in_small_panels():
    clusters = find_clusters(SAMPLE, 3, cluster_threshold=20)

    def widths(size):
        display = draw(SAMPLE, clusters, size, cut_coords="peak")
        return {
            float(width)
            for panel in display.axes.values()
            for collection in panel.ax.collections
            for width in collection.get_linewidths()
        }

    assert widths((7.3, 3.5)) == {1.8, 0.8}
    small = widths((3.3, 1.8))
    assert len(small) == 2
    assert max(small) < 1.2
    assert min(small) >= 0.3


def test_six_clusters_and_more_stand_two_in_a_row():
    clusters = find_clusters(SAMPLE, 3, cluster_threshold=5)
    display = plot_clusters(clusters, 8)
    assert len(display.cut_coords) == 8
    assert list(display.axes) == list(itertools.product(range(1, 9), "xyz"))
    width, height = display.frame_axes.figure.get_size_inches()
    assert width < 11
    assert height < 9
    display.frame_axes.figure.draw_without_rendering()
    where = {k: p.ax.get_window_extent() for k, p in display.axes.items()}
    for number in (1, 3, 5, 7):
        assert where[number, "z"].x1 < where[number + 1, "x"].x0
        assert where[number, "x"].y0 == pytest.approx(where[number + 1, "x"].y0)
    assert where[1, "z"].y0 > where[3, "z"].y1
    every = list(where.values())
    assert not any(a.overlaps(b) for a, b in itertools.combinations(every, 2))
    # Headings cover no panel.
    headings = [
        text.get_window_extent().padded(-1)
        for panel in display.axes.values()
        for text in panel.ax.texts
        if text.get_text().startswith("cluster")
    ]
    assert len(headings) == 8
    assert not any(a.overlaps(b) for a, b in itertools.product(headings, every))


def test_numbers_are_in_the_middle_of_clusters_with_room():
    data = np.zeros((40, 40, 40), np.float32)
    data[5:15, 5:15, 5:35] = 4
    data[25:36, 20:35, 5:35] = -4
    img = image(data, np.diag([3.0, 3, 3, 1]))
    clusters = find_clusters(img, 3)
    display = draw(img, clusters, bg_img=None, display_mode="z", cut_coords=[60])
    shown = numbers(display.axes[60.0])
    assert set(shown) == {1, 2}
    for number, text in shown.items():
        point = point_in(display.axes[60.0], *text.get_position())
        assert label_at(clusters, point) == number
    assert shown[1].get_position() == pytest.approx((90, 81), abs=3)


def test_numbers_keep_off_each_other_and_off_the_letters():
    clusters = find_clusters(SAMPLE, 3, cluster_threshold=20)
    display = draw(SAMPLE, clusters, cut_coords="peak")
    for panel in display.axes.values():
        display.frame_axes.figure.draw_without_rendering()
        boxes = [ink(text) for text in numbers(panel).values()]
        for text in panel.ax.texts:
            if not text.get_text().isdigit():
                box = text.get_window_extent()
                boxes.append((np.array(box.p0), np.array(box.p1)))
        for (low, high), (other_low, other_high) in itertools.combinations(boxes, 2):
            assert (high <= other_low).any() or (other_high <= low).any()


def test_numbers_are_dark_in_a_light_halo_above_everything():
    clusters = find_clusters(SAMPLE, 3, cluster_threshold=20)
    for black in (True, False):
        display = draw(SAMPLE, clusters, cut_coords="peak", black_bg=black)
        for panel in display.axes.values():
            above = max(
                artist.get_zorder()
                for artist in [*panel.ax.lines, *panel.ax.images, *panel.ax.collections]
            )
            for text in numbers(panel).values():
                assert to_rgba(text.get_color()) == to_rgba("k")
                assert text.get_path_effects()
                assert text.get_zorder() > above


def test_a_cluster_of_one_voxel_at_each_corner():
    for corner in itertools.product((0, -1), repeat=3):
        data = np.zeros((5, 6, 7), np.float32)
        data[corner] = 3
        img = image(data, ALIGNED["left-handed"])
        clusters = find_clusters(img, 2)
        display = draw(img, clusters, bg_img=None, cut_coords="peak")
        assert display.cut_coords == pytest.approx(peak_of(clusters, 1))
        for panel in display.axes.values():
            assert set(numbers(panel)) == {1}
            lines = drawn_lines(panel)
            zooms = np.array([2, 3, 4])[list(AXES[panel.direction])]
            np.testing.assert_allclose(np.ptp(lines.reshape(-1, 2), axis=0), zooms)
            middle = lines.reshape(-1, 2).mean(axis=0)
            expected = np.array(peak_of(clusters, 1))[list(AXES[panel.direction])]
            np.testing.assert_allclose(middle, expected)


def test_without_clusters_nothing_is_outlined():
    for clusters in (None, find_clusters(SAMPLE, 3, cluster_threshold=10**6)):
        display = draw(SAMPLE, clusters, cut_coords=(36, -25, 52))
        for panel in display.axes.values():
            assert not panel.ax.collections
            assert not numbers(panel)


# Cuts


@settings(max_examples=20)
@given(st.integers(0, 1000), st.sampled_from(list(AFFINES)))
def test_cuts_go_through_the_peak_of_each_cluster(seed, name):
    img = image(blobs((4, 5, 6), seed), AFFINES[name])
    clusters = find_clusters(img, 2)
    for number in (1, len(clusters)):
        display = draw(img, clusters, bg_img=None, cut_coords=f"cluster:{number}")
        assert display.cut_coords == pytest.approx(peak_of(clusters, number))
        for panel in display.axes.values():
            assert number in numbers(panel)
    assert draw(img, clusters, bg_img=None, cut_coords="peak").cut_coords == (
        pytest.approx(peak_of(clusters, 1))
    )


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.uint8, np.float64])
def test_the_peak_of_a_map_is_its_largest_abs_value(dtype):
    data = np.zeros((4, 5, 6), dtype)
    data[2, 3, 4] = 7
    data[3, 0, 0] = 7
    img = image(data, ALIGNED["anisotropic"])
    assert draw(img, None, bg_img=None, cut_coords="peak").cut_coords == (4, 9, 20)
    if dtype != np.uint8:
        data[1, 1, 1] = -128
        img = image(data, ALIGNED["anisotropic"])
        words = {"bg_img": None, "cut_coords": "peak"}
        assert draw(img, None, **words).cut_coords == (2, 3, 5)
        assert draw(img, None, threshold=1, two_sided=False, **words).cut_coords == (
            (4, 9, 20)
        )
        assert draw(img, None, display_mode="yx", **words).cut_coords == (2, 3)
        assert draw(img, None, display_mode="z", **words).cut_coords == [5]


def test_an_empty_map_has_no_peak():
    img = image(np.zeros((4, 5, 6), np.float32), np.eye(4))
    with pytest.warns(UserWarning, match="no voxel is left to show"):
        display = draw(img, None, bg_img=None, cut_coords="peak")
    assert display.cut_coords == (1.5, 2, 2.5)


def test_cuts_and_clusters_that_are_not_there():
    clusters = find_clusters(SAMPLE, 3, cluster_threshold=20)
    for name in ("cluster:7", "cluster:0"):
        with pytest.raises(ValueError, match="6 clusters, so it must be 1 to 6"):
            draw(SAMPLE, clusters, cut_coords=name)
    empty = find_clusters(SAMPLE, 3, cluster_threshold=10**6)
    with pytest.raises(ValueError, match="clusters has 0 clusters"):
        draw(SAMPLE, empty, cut_coords="cluster:1")
    with pytest.raises(ValueError, match="it needs clusters"):
        draw(SAMPLE, None, cut_coords="cluster:1")
    for name in ("peaks", "cluster:", "cluster:-1", "cluster:3a"):
        with pytest.raises(ValueError, match="as text it must be"):
            draw(SAMPLE, clusters, cut_coords=name)
    for wrong in (3, clusters.table, clusters.labels_img):
        with pytest.raises(TypeError, match="clusters is of type"):
            draw(SAMPLE, wrong)
        with pytest.raises(TypeError, match="clusters is of type"):
            plot_clusters(wrong)
    # Without a largest cluster it is the peak of the map.
    assert draw(SAMPLE, empty, cut_coords="peak").cut_coords == (
        draw(SAMPLE, None, cut_coords="peak").cut_coords
    )


# plot_clusters


def test_a_row_for_each_cluster():
    clusters = find_clusters(SAMPLE, 3, cluster_threshold=20)
    display = plot_clusters(clusters, 3, figure=Figure((7.3, 7.8)), title="A title")
    display.frame_axes.figure.draw_without_rendering()
    assert list(display.axes) == list(itertools.product((1, 2, 3), "xyz"))
    assert display.cut_coords == [
        pytest.approx(peak_of(clusters, number)) for number in (1, 2, 3)
    ]
    rows = []
    for (number, direction), panel in display.axes.items():
        assert panel.direction == direction
        assert panel.coord == peak_of(clusters, number)["xyz".index(direction)]
        assert number in numbers(panel)
        plane, across, up = plane_of(clusters, panel)
        edges = edges_of_lines(drawn_lines(panel), across, up)
        assert edges == edges_between(plane, across, up)
        assert set(numbers(panel)) == set(np.unique(plane[plane != 0]).tolist())
        texts = [text.get_text() for text in panel.ax.texts]
        assert (f"cluster {number}" in texts) == (direction == "x")
        crossed = {
            value
            for line in panel.ax.lines
            for value in np.unique([line.get_xdata(), line.get_ydata()])
        }
        at = peak_of(clusters, number)
        assert crossed >= {at[axis] for axis in AXES[direction]}
        rows.append(panel.ax.get_position())
    for above, below in itertools.pairwise([rows[0:3], rows[3:6], rows[6:9]]):
        assert min(box.y0 for box in above) > max(box.y1 for box in below)
    scales = {
        round(box.width / np.ptp(panel.ax.get_xlim()), 9)
        for box, panel in zip(rows, display.axes.values(), strict=True)
    }
    assert len(scales) == 1
    bar = display.colorbar_ax
    assert len(display.frame_axes.figure.axes) == 1 + 9 + 1
    assert bar.get_position().x0 > max(box.x1 for box in rows)
    assert bar.patches[0].get_height() == pytest.approx(6)  # hidden: -3 to 3


def test_no_more_rows_than_clusters_and_no_fewer_than_one():
    clusters = find_clusters(SAMPLE, 5, cluster_threshold=400)
    assert len(plot_clusters(clusters, figure=Figure((7.3, 5))).cut_coords) == 2
    with pytest.raises(ValueError, match="n is 0"):
        plot_clusters(clusters, 0)
    with pytest.raises(TypeError, match="n is 2.5"):
        plot_clusters(clusters, 2.5)


def test_more_is_drawn_on_all_rows():
    clusters = find_clusters(SAMPLE, 5, cluster_threshold=400)
    display = plot_clusters(clusters, 2, colorbar=False, draw_cross=False)
    assert not any(panel.ax.lines for panel in display.axes.values())
    display.draw_cross([(1, 2, 3), (4, 5, 6)])
    assert {line.get_xdata()[0] for line in display.axes[2, "z"].ax.lines} >= {4}
    display.add_overlay(SAMPLE, threshold=6, colorbar=True)
    assert display.colorbar_ax is not None
    assert all(len(panel.ax.images) == 3 for panel in display.axes.values())
    display.close()


def test_no_clusters_say_so(tmp_path):
    empty = find_clusters(SAMPLE, 3, cluster_threshold=10**6)
    for words in ({}, {"title": "A title", "black_bg": True, "bg_img": None}):
        display = plot_clusters(empty, figure=Figure((4, 1.5)), **words)
        assert display.axes == {}
        assert display.cut_coords == []
        assert display.colorbar_ax is None
        (message,) = (
            text
            for text in display.frame_axes.texts
            if text.get_text().startswith("No clusters")
        )
        assert " ".join(message.get_text().split()) == str(empty)
        display.savefig(io.BytesIO())
        box, figure = message.get_window_extent(), display.frame_axes.figure.bbox
        assert figure.x0 <= box.x0 <= box.x1 <= figure.x1
        display.add_overlay(SAMPLE, colorbar=True)
        display.draw_cross()
        display.annotate()
    path = tmp_path / "empty.png"
    assert plot_clusters(empty, output_file=path).axes == {}
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_rows_are_at_one_scale_and_do_not_overlap(rows):
    sizes = [(180.0, 150.0), (140.0, 150.0), (140.0, 180.0)]
    for bar in (None, BarRoom(20, 10, 5, 4, 60, 200)):
        layout = arrange(
            (500.0, 180.0 * rows), [sizes] * rows, title=10, labels=12, bar=bar
        )
        panels = layout.panels
        assert len(panels) == 3 * rows
        boxes = [*panels, *([] if bar is None else [layout.bar])]
        scales = [
            (box[2] * 500 / across, box[3] * 180 * rows / up)
            for box, (across, up) in zip(panels, sizes * rows, strict=True)
        ]
        np.testing.assert_allclose(scales, scales[0][0])
        for left, bottom, width, height in boxes:
            assert 0 <= left <= left + width <= 1
            assert 0 <= bottom <= bottom + height <= 1
        for above, below in itertools.pairwise(range(rows)):
            lowest = min(box[1] for box in panels[3 * above : 3 * above + 3])
            highest = max(box[1] + box[3] for box in panels[3 * below : 3 * below + 3])
            assert (lowest - highest) * 180 * rows >= 12 - 1e-9
