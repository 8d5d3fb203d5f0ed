"""Maps of surfaces: the rules, against SciPy's components and against plain loops."""

import itertools
import pickle
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

import nithresh
from nithresh import testing
from nithresh.surfaces.mesh import side_by_name
from nithresh.testing import icosphere, strip

WORKBENCH = shutil.which("wb_command")
SIDES = {"left": "CortexLeft", "right": "CortexRight"}


def gifti(*maps, **meta):
    image = nibabel.GiftiImage()
    image.meta.update(meta)
    for data in maps:
        data = np.asarray(data)
        if data.dtype not in (np.uint8, np.int32):
            data = data.astype(np.float32)
        image.add_gifti_data_array(nibabel.gifti.gifti.GiftiDataArray(data))
    return image


def surface_file(path, surface, **meta):
    """Write a surface as GIFTI has it."""
    coordinates, triangles = surface
    image = nibabel.GiftiImage()
    for data, intent in (
        (coordinates.astype(np.float32), "NIFTI_INTENT_POINTSET"),
        (triangles, "NIFTI_INTENT_TRIANGLE"),
    ):
        array = nibabel.gifti.gifti.GiftiDataArray(data, intent=intent)
        image.add_gifti_data_array(array)
    image.darrays[0].meta.update(meta)
    nibabel.save(image, path)
    return path


def values_of(image):
    if isinstance(image, nibabel.GiftiImage):
        return np.squeeze(np.column_stack([array.data for array in image.darrays]))
    return np.squeeze(np.asanyarray(image.dataobj))


def row(image):
    return values_of(image).reshape(-1)


def edges(surface):
    triangles = surface[1]
    return [
        pair
        for triangle in triangles.tolist()
        for pair in itertools.combinations(triangle, 2)
    ]


def partition(values, pairs, level, *, two_sided=True):
    """The clusters by SciPy, each as the set of its nodes."""
    values = np.where(np.isfinite(values), values, 0)
    found = []
    for sign in (1, -1) if two_sided else (1,):
        passing = (sign * values >= level) & (values != 0)
        kept = [(a, b) for a, b in pairs if passing[a] and passing[b]]
        rows, columns = np.array(kept, int).reshape(-1, 2).T
        matrix = coo_array(
            (np.ones(len(kept)), (rows, columns)), shape=(len(values),) * 2
        )
        labels = connected_components(matrix, directed=False)[1]
        found += [
            frozenset(np.flatnonzero((labels == label) & passing).tolist())
            for label in np.unique(labels[passing])
        ]
    return set(found)


def sets_of(labels):
    numbers = np.unique(labels[labels > 0])
    return {frozenset(np.flatnonzero(labels == one).tolist()) for one in numbers}


@given(st.data())
@settings(max_examples=60, deadline=None)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_clusters_are_the_components_of_each_sign(data):
    surface = data.draw(testing.surfaces())
    values = data.draw(testing.surface_values(len(surface[0])))
    level, least = (
        data.draw(st.sampled_from([0, 1, 2, 3])),
        data.draw(st.integers(0, 4)),
    )
    two_sided = data.draw(st.booleans())
    expected = {
        cluster
        for cluster in partition(values, edges(surface), level, two_sided=two_sided)
        if len(cluster) >= least
    }
    words = {"cluster_threshold": least, "two_sided": two_sided, "surface": surface}
    clusters = nithresh.find_clusters(gifti(values), level, **words)
    assert sets_of(values_of(clusters.labels_img)) == expected
    kept = np.zeros(len(values), bool)
    kept[[node for cluster in expected for node in cluster]] = True
    thresholded = np.where(kept, values, 0)
    # One vertex is a cluster of one even at a threshold of 0, where zeros stay zeros.
    for image in (
        clusters.thresholded_img,
        nithresh.threshold_img(gifti(values), level, **words),
    ):
        np.testing.assert_array_equal(row(image), thresholded)
    # The table says the same, from the largest cluster on.
    table = clusters.table
    first = table["extent"][~np.isnan(table["extent"])]
    assert sorted(map(len, expected), reverse=True) == first.tolist()


@given(st.data())
@settings(max_examples=30, deadline=None)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_numbers_of_vertices_do_not_matter(data):
    surface = coordinates, triangles = data.draw(testing.surfaces())
    values = data.draw(testing.surface_values(len(coordinates)))
    order = np.array(data.draw(st.permutations(range(len(coordinates)))))
    place = np.argsort(order).astype(np.int32)
    other = coordinates[order], place[triangles][::-1, ::-1]
    words = {"cluster_threshold": 2, "min_area": 0.3}
    kept = nithresh.threshold_img(gifti(values), 1, surface=surface, **words)
    turned = nithresh.threshold_img(gifti(values[order]), 1, surface=other, **words)
    np.testing.assert_array_equal(row(kept)[order], row(turned))
    bounded = np.clip(np.nan_to_num(values, posinf=0, neginf=0), -9, 9)
    scores = nithresh.tfce_img(gifti(bounded), surface=surface)
    turned = nithresh.tfce_img(gifti(bounded[order]), surface=other)
    np.testing.assert_allclose(row(scores)[order], row(turned), rtol=1e-6)


@given(st.data())
@settings(max_examples=40, deadline=None)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_cifti_map_is_each_of_its_parts_alone(data):
    surfaces = {side: data.draw(testing.surfaces()) for side in SIDES}
    image = data.draw(testing.cifti_images(surfaces, maps=data.draw(st.integers(1, 2))))
    connectivity = data.draw(st.sampled_from([6, 18, 26]))
    level, least = data.draw(st.sampled_from([1, 2])), data.draw(st.integers(0, 3))
    words = {"cluster_threshold": least, "connectivity": connectivity}
    kept = nithresh.threshold_img(image, level, surface=surfaces, **words)
    assert type(kept) is nibabel.Cifti2Image
    assert kept.header == image.header
    assert kept.shape == image.shape
    data_in, data_out = np.asarray(image.dataobj), np.asarray(kept.dataobj)
    for name, nodes, model in image.header.get_axis(1).iter_structures():
        for number in range(len(data_in)):
            own = data_in[number, nodes]
            if name.startswith("CIFTI_STRUCTURE_CORTEX"):
                side = name.rpartition("_")[2].lower()
                on_all = np.zeros(len(surfaces[side][0]), np.float32)
                on_all[model.vertex] = own
                pairs = [
                    pair
                    for pair in edges(surfaces[side])
                    if set(pair) <= set(model.vertex.tolist())
                ]
                clusters = partition(on_all, pairs, level)
                kept_here = np.zeros(len(on_all), bool)
                kept_here[[n for c in clusters if len(c) >= least for n in c]] = True
                expected = np.where(kept_here, on_all, 0)[model.vertex]
            else:
                volume = np.zeros((3, 3, 2), np.float32)
                volume[tuple(model.voxel.T)] = own
                thresholded = nithresh.threshold(volume, level, **words)
                expected = thresholded[tuple(model.voxel.T)]
            np.testing.assert_array_equal(data_out[number, nodes], expected)


def test_structures_are_apart_unless_asked_for():
    left, right = np.zeros((4, 1, 1), bool), np.zeros((4, 1, 1), bool)
    left[:2], right[2:] = True, True
    axis = nibabel.cifti2.BrainModelAxis.from_mask(
        left, "ThalamusLeft", np.eye(4)
    ) + nibabel.cifti2.BrainModelAxis.from_mask(right, "ThalamusRight", np.eye(4))
    scalars = nibabel.cifti2.ScalarAxis(["z"])
    image = nibabel.Cifti2Image(np.full((1, 4), 3, np.float32), (scalars, axis))
    apart = nithresh.find_clusters(image, 2)
    assert apart.table["structure"].tolist() == ["thalamus_left", "thalamus_right"]
    assert apart.table["extent"].tolist() == [2, 2]
    assert apart.table["volume_mm3"].tolist() == [2, 2]
    assert apart.table["i"].tolist() == [0, 2]
    together = nithresh.find_clusters(image, 2, across_structures=True)
    assert together.table["extent"].tolist() == [4]
    with pytest.warns(UserWarning, match="beyond the range"):
        nithresh.threshold_img(image, 4, cluster_threshold=3)
    kept = nithresh.threshold_img(image, 2, 3, across_structures=True)
    assert np.asarray(kept.dataobj).all()
    assert not np.asarray(nithresh.threshold_img(image, 2, 3).dataobj).any()


def test_vertices_outside_of_a_model_are_no_bridge():
    """0 - 2 - 4 along a strip, with and without the vertices between them."""
    surface = strip(5)
    values = np.full((1, 3), 3, np.float32)
    scalars = nibabel.cifti2.ScalarAxis(["z"])
    for vertices, count in (([0, 2, 4], 1), ([0, 3, 4], 2), ([0, 1, 4], 2)):
        axis = nibabel.cifti2.BrainModelAxis.from_surface(vertices, 5, "CortexLeft")
        image = nibabel.Cifti2Image(values, (scalars, axis))
        clusters = nithresh.find_clusters(image, 2, surface={"left": surface})
        assert len(clusters) == count
        assert set(clusters.table["vertex"]) <= set(vertices)


def test_models_of_a_cifti_image_may_be_in_any_order():
    names = nibabel.cifti2.ScalarAxis(["map"])
    axis = nibabel.cifti2.BrainModelAxis.from_surface(range(6), 6, "CortexLeft")
    axis += nibabel.cifti2.BrainModelAxis.from_surface(range(6), 6, "CortexRight")
    values = np.array([[3, 3, 0, 0, 0, 0, 0, 0, 0, 3, 3, 3]], np.float32)
    image = nibabel.Cifti2Image(values, (names, axis))
    models = image.header.get_index_map(1)
    left, right = models.brain_models
    models.remove(left)
    models.append(left)
    assert [model.index_offset for model in models.brain_models] == [6, 0]
    surfaces = {"left": strip(6), "right": strip(6)}
    table = nithresh.find_clusters(image, 2, surface=surfaces).table
    assert table["structure"].tolist() == ["right", "left"]
    assert table["vertex"].tolist() == [3, 0]
    models.remove(right)
    with pytest.raises(ValueError, match="it has 12 values a map for 6 places"):
        nithresh.threshold_img(image, 2)


@pytest.mark.parametrize(
    "vertices", [[0, 2, 6], [0, 2, -1], [0, 2, 2], [0, 2]], ids=str
)
def test_vertices_of_an_image_in_memory_are_checked(vertices):
    axis = nibabel.cifti2.BrainModelAxis.from_surface([0, 2, 4], 6, "CortexLeft")
    scalars = nibabel.cifti2.ScalarAxis(["map"])
    image = nibabel.Cifti2Image(np.full((1, 3), 3, np.float32), (scalars, axis))
    (model,) = image.header.get_index_map(1).brain_models
    model.vertex_indices = nibabel.cifti2.Cifti2VertexIndices(vertices)
    with pytest.raises(ValueError, match="img': the vertices of left are not 3 of 6"):
        nithresh.threshold_img(image, 2)


@pytest.mark.parametrize(
    ("voxel", "match"),
    [
        ([1, 0, 0], "img': it has a voxel twice"),
        ([0, -1, 0], "indices from -1 to 1; they must be from 0 to"),
        ([0, 0, 1 << 40], "indices from 0 to 1099511627776; they must be from 0"),
    ],
    ids=str,
)
def test_voxels_of_an_image_in_memory_are_checked(voxel, match):
    mask = np.ones((2, 1, 1), bool)
    axis = nibabel.cifti2.BrainModelAxis.from_mask(mask, "ThalamusLeft", np.eye(4))
    scalars = nibabel.cifti2.ScalarAxis(["map"])
    image = nibabel.Cifti2Image(np.full((1, 2), 3, np.float32), (scalars, axis))
    (model,) = image.header.get_index_map(1).brain_models
    model.voxel_indices_ijk = nibabel.cifti2.Cifti2VoxelIndicesIJK([voxel, [1, 0, 0]])
    with pytest.raises(ValueError, match=match):
        nithresh.threshold_img(image, 2)


def of_structures(path, *, old=b"", new=b"", shift=0):
    """A file of two structures of voxels, in which other words may stand."""
    inside = np.zeros((4, 3, 3), np.bool_)
    inside[:2] = True
    of_mask = nibabel.cifti2.BrainModelAxis.from_mask
    axis = nibabel.cifti2.BrainModelAxis.from_surface(range(6), 6, "CortexLeft")
    axis += of_mask(inside, "caudate_left", np.eye(4))
    axis += of_mask(np.roll(inside, shift, axis=0), "putamen_left", np.eye(4))
    names = nibabel.cifti2.ScalarAxis(["map"])
    values = np.full((1, len(axis)), 3, np.float32)
    nibabel.save(nibabel.Cifti2Image(values, (names, axis)), path)
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new.ljust(len(old))))
    return path


def test_two_models_of_the_same_places_are_refused(tmp_path):
    """As Workbench does."""
    path = tmp_path / "z.dscalar.nii"
    words = {"threshold": 2, "surface": {"left": strip(6)}}
    assert len(nithresh.find_clusters(of_structures(path, shift=2), **words)) == 3
    changes = {
        "it has a voxel twice": {"shift": 1},
        "it has 2 brain models of the voxels of caudate_left": {
            "old": b'PUTAMEN_LEFT"', "new": b'CAUDATE_LEFT"', "shift": 2,
        },
    }  # fmt: skip
    for match, change in changes.items():
        with pytest.raises(nithresh.ImageFileError, match=match):
            nithresh.find_clusters(of_structures(path, **change), **words)
    in_hand = nibabel.load(of_structures(path, shift=1))
    with pytest.raises(ValueError, match="img'?: it has a voxel twice"):
        nithresh.threshold_img(in_hand, 2)
    in_hand = nibabel.load(of_structures(path, shift=2))
    of_cortex = next(in_hand.header.get_index_map(1).brain_models)
    of_cortex.vertex_indices[-1] = 6
    with pytest.raises(ValueError, match="vertices of left are not 6 of 6, each once"):
        nithresh.threshold_img(in_hand, 2)


def test_a_structure_may_have_vertices_and_voxels(tmp_path):
    """Workbench reads such files, and nibabel does not."""
    path = of_structures(
        tmp_path / "z.dscalar.nii", old=b'CAUDATE_LEFT"', new=b'CORTEX_LEFT"', shift=2
    )
    labels = np.repeat([1, 2], [6, 36])
    for atlas in (labels, path):
        given = (atlas, ["front", "back"]) if atlas is labels else (path, {3: "all"})
        table = nithresh.find_clusters(
            path, 2, surface={"left": strip(6)}, atlas=given
        ).table
        assert table["structure"].tolist() == ["left", "putamen_left", "left"]
        assert table["vertex"].tolist() == [-1, -1, 0]
        own = ["back", "back", "front"] if atlas is labels else ["all"] * 3
        assert table["atlas_region"].tolist() == own


def test_an_empty_table_says_which_clusters_there_are_not(tmp_path):
    words = {"threshold": 2, "surface": strip(6)}

    def said(img, **more):
        return str(nithresh.find_clusters(img, **words | more))

    values = gifti([1, 1, 1, 1, 1, 3])
    with pytest.warns(UserWarning, match="beyond the range"):
        text = said(values, threshold=4)
    assert text == "No clusters: no vertex with abs(value) >= 4."
    text = said(values, cluster_threshold=5)
    assert text == "No clusters: no 5 connected vertices with abs(value) >= 2."
    text = said(values, min_area=20)
    assert text == "No clusters: no connected vertices of 20 mm2 with abs(value) >= 2."
    path = of_structures(tmp_path / "z.dscalar.nii", shift=2)
    text = said(path, surface={"left": strip(6)}, cluster_threshold=50, min_area=20)
    assert "no 50 connected vertices of 20 mm2 or 50 connected voxels with" in text


def test_areas_are_thirds_of_triangles():
    coordinates, triangles = icosphere(2)
    sides = coordinates[triangles]
    own = np.linalg.norm(
        np.cross(sides[:, 1] - sides[:, 0], sides[:, 2] - sides[:, 0]), axis=1
    )
    expected = np.zeros(len(coordinates))
    for triangle, area in zip(triangles, own / 2, strict=True):
        expected[triangle] += area / 3
    height = coordinates[:, 2]
    values = np.select([height > 0.5, height < -0.5], [3, -4], 0)
    words = {"surface": (coordinates, triangles)}
    table = nithresh.find_clusters(gifti(values), 2, max_peaks=1, **words).table
    for peak, area in zip(table["peak"], table["area_mm2"], strict=True):
        assert area == pytest.approx(expected[values == peak].sum(), rel=1e-6)
    # Given areas count instead, and a cluster of just the least area stays.
    areas = np.full(len(values), 0.5)
    count = int((values == 3).sum())
    for least, kept in ((0.5 * count, True), (0.5 * count + 1e-3, False)):
        image = nithresh.threshold_img(
            gifti(values),
            2,
            surface=(coordinates, triangles),
            areas=areas,
            min_area=least,
        )
        assert (values_of(image)[values == 3] == 3).all() == kept


def test_tfce_is_the_integral_of_area_and_height():
    surface = strip(7)
    values = np.array([3, 2, 0, -1, -2, 1, 4], np.float32)
    areas = np.arange(1.0, 8)
    heights = np.sort(np.unique(np.abs(values)))
    expected = np.zeros(len(values))
    for low, high in itertools.pairwise(heights):
        for cluster in partition(values, edges(surface), high):
            nodes = sorted(cluster)
            slab = areas[nodes].sum() * (high**3 - low**3) / 3
            expected[nodes] += slab * np.sign(values[nodes])
    scores = nithresh.tfce_img(gifti(values), surface=surface, areas=areas)
    np.testing.assert_allclose(values_of(scores), expected, rtol=1e-6)
    counted = nithresh.tfce_img(gifti(values), surface=surface, areas=np.ones(7), E=0)
    np.testing.assert_allclose(
        values_of(counted), np.sign(values) * np.abs(values) ** 3 / 3, rtol=1e-6
    )


@pytest.mark.skipif(not WORKBENCH, reason="needs wb_command")
def test_tfce_is_that_of_workbench(tmp_path):
    surface = icosphere(2)
    words = {"AnatomicalStructurePrimary": "CortexLeft"}
    path = surface_file(tmp_path / "s.surf.gii", surface, **words)
    values = np.random.default_rng(0).normal(size=len(surface[0]))
    nibabel.save(gifti(values, **words), tmp_path / "z.func.gii")
    files = [path, tmp_path / "z.func.gii", tmp_path / "out.func.gii"]
    subprocess.run([WORKBENCH, "-metric-tfce", *files], check=True)
    ours = row(nithresh.tfce_img(tmp_path / "z.func.gii", surface=path))
    theirs = row(nibabel.load(tmp_path / "out.func.gii"))
    assert (ours < 0).any()
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6 * abs(theirs).max())


def test_the_tree_of_a_surface_has_the_clusters_of_each_threshold():
    rng = np.random.default_rng(0)
    surface = icosphere(2)
    values = rng.integers(-3, 4, len(surface[0])).astype(np.float32)
    tree = nithresh.ClusterTree(gifti(values), surface=surface)
    for level in (1, 2, 3):
        clusters = nithresh.find_clusters(gifti(values), level, surface=surface)
        at = tree.clusters(level)
        extents = clusters.table["extent"]
        assert at.extent.tolist() == extents[~np.isnan(extents)].tolist()
        np.testing.assert_array_equal(
            tree.labels(level).reshape(-1), values_of(clusters.labels_img)
        )
    robust = nithresh.find_clusters(gifti(values), 2, surface=surface, robust=True)
    first = robust.table["id"].astype(str)
    first = [name.isdigit() for name in first]
    assert (
        robust.table["robust_to"][first].tolist() == tree.clusters(2).robust_to.tolist()
    )


def test_peaks_have_places_on_the_surface():
    coordinates, triangles = icosphere(1)
    values = np.zeros(len(coordinates), np.float32)
    values[[3, 7]] = 5, -6
    table = nithresh.find_clusters(
        gifti(values, AnatomicalStructurePrimary="CortexRight"),
        2,
        surface=(coordinates, triangles),
        extra={"more": gifti(np.arange(len(values)))},
    ).table
    assert table["vertex"].tolist() == [7, 3]
    assert table["structure"].tolist() == ["right", "right"]
    assert table["peak"].tolist() == [-6, 5]
    xyz = np.column_stack([table[name] for name in "xyz"])
    np.testing.assert_allclose(xyz, coordinates[[7, 3]])
    assert table["more_mean"].tolist() == [7, 3]
    assert "i" not in table
    assert "com_x" not in table
    assert "volume_mm3" not in table


def test_percentiles_pool_all_maps_and_structures():
    left, right = np.arange(10.0), np.arange(10.0, 20)
    surfaces = {side: strip(10) for side in SIDES}
    of_surface = nibabel.cifti2.BrainModelAxis.from_surface
    axis = of_surface(range(10), 10, "CortexLeft")
    axis = axis + of_surface(range(10), 10, "CortexRight")
    data = np.array([np.concatenate([left, right]), np.full(20, 30)], np.float32)
    scalars = nibabel.cifti2.ScalarAxis(["a", "b"])
    kept = nithresh.threshold_img(
        nibabel.Cifti2Image(data, (scalars, axis)), "45%", surface=surfaces
    )
    level = np.percentile(data, 45) + 1e-5
    expected = np.where(data >= level, data, 0)
    np.testing.assert_array_equal(np.asarray(kept.dataobj), expected)


def test_a_mask_of_vertices():
    values = np.full(10, 3, np.float32)
    mask = np.ones(10)
    mask[[3, 4]] = 0
    words = {"cluster_threshold": 4, "surface": strip(10)}
    kept = nithresh.threshold_img(gifti(values), 2, mask_img=gifti(mask), **words)
    assert values_of(kept).tolist() == [0] * 5 + [3] * 5
    for wrong, match in (
        (gifti(np.ones(9)), "one for each of the 10"),
        (gifti(np.zeros(10)), "mask_img is empty"),
        (gifti(np.arange(10)), "more than one value other than 0"),
    ):
        with pytest.raises(ValueError, match=match):
            nithresh.threshold_img(gifti(values), 2, mask_img=wrong, **words)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float32"])
def test_giftis_keep_their_types_words_and_maps(dtype):
    first, second = np.arange(6).astype(dtype), np.arange(6)[::-1].astype(dtype)
    image = gifti(first, second, Name="z", UserText="kept")
    image.darrays[1].meta["Name"] = "second"
    kept = nithresh.threshold_img(image, 2, cluster_threshold=4, surface=strip(6))
    assert dict(kept.meta) == dict(image.meta)
    assert [dict(array.meta) for array in kept.darrays] == [{}, {"Name": "second"}]
    assert [array.data.dtype for array in kept.darrays] == [np.dtype(dtype)] * 2
    assert values_of(kept).T.tolist() == [[0, 0, 2, 3, 4, 5], [5, 4, 3, 2, 0, 0]]
    again = nibabel.GiftiImage.from_bytes(kept.to_bytes())
    np.testing.assert_array_equal(values_of(again), values_of(kept))
    # Other packages put all maps into one array.
    both = nibabel.GiftiImage()
    both.add_gifti_data_array(
        nibabel.gifti.gifti.GiftiDataArray(np.column_stack([first, second]))
    )
    together = nithresh.threshold_img(both, 2, cluster_threshold=4, surface=strip(6))
    assert together.darrays[0].data.shape == (6, 2)
    np.testing.assert_array_equal(together.darrays[0].data, values_of(kept))


def test_values_that_are_not_finite_are_zero():
    values = np.array([3, np.nan, 3, np.inf, 3, 3], np.float32)
    with pytest.warns(UserWarning, match="Non-finite values"):
        kept = nithresh.threshold_img(gifti(values), 2, 2, surface=strip(6))
    assert values_of(kept).tolist() == [3, 0, 3, 0, 3, 3]
    with pytest.warns(UserWarning, match="Non-finite values"):
        table = nithresh.find_clusters(gifti(values), 2, surface=strip(6)).table
    assert table["peak"].tolist()[0] == 3
    assert table.choices["non_finite_values"] == 2


def test_what_a_surface_may_be(tmp_path):
    surface = coordinates, triangles = icosphere(1)
    values = np.where(coordinates[:, 0] > 0, 3, 0).astype(np.float32)
    values[np.argmin(coordinates[:, 0])] = 3
    expected = values_of(nithresh.threshold_img(gifti(values), 2, 3, surface=surface))
    path = surface_file(tmp_path / "a.surf.gii", surface)
    freesurfer = tmp_path / "lh.white"
    nibabel.freesurfer.write_geometry(freesurfer, coordinates, triangles)
    from nilearn.surface import InMemoryMesh

    kinds = [path, str(path), nibabel.load(path), freesurfer, list(surface)]
    kinds += [{"left": path}, InMemoryMesh(*surface)]
    kinds.append((coordinates.astype(np.float32), triangles.astype(np.int64)))
    kinds.append((coordinates, triangles.astype(">i4")))
    for kind in kinds:
        kept = nithresh.threshold_img(gifti(values), 2, 3, surface=kind)
        np.testing.assert_array_equal(values_of(kept), expected)
    assert expected.sum() < values.sum()


def test_places_on_a_surface_of_freesurfer_are_in_scanner_mm(tmp_path):
    coordinates, triangles = icosphere(0)
    volume = {
        "head": np.array([2, 0, 20], np.int32), "valid": "1  # volume info valid",
        "filename": "x.mgz", "volume": [256] * 3, "voxelsize": [1.0] * 3,
        "xras": [-1.0, 0, 0], "yras": [0, 0, -1.0], "zras": [0, 1.0, 0],
        "cras": [5.0, -7.0, 11.0],
    }  # fmt: skip
    path = tmp_path / "rh.pial"
    nibabel.freesurfer.write_geometry(path, coordinates, triangles, volume_info=volume)
    values = np.zeros(12, np.float32)
    values[4] = 3
    table = nithresh.find_clusters(gifti(values), 2, surface=path).table
    place = [table[name][0] for name in "xyz"]
    np.testing.assert_allclose(place, coordinates[4] + [5, -7, 11], atol=1e-6)


POINTS, TRIANGLES = strip(6)
WRONG_SURFACES = {
    "another size": (strip(5), ValueError, "has 5 vertices for surface; the map has 6"),
    "a vertex too far": ((POINTS, [[0, 1, 6]]), ValueError, "vertices 0 to 6"),
    "counted from 1": ((POINTS, TRIANGLES + 1), ValueError, "vertices 1 to 6"),
    "a negative vertex": ((POINTS, [[0, 1, -1]]), ValueError, "vertices -1 to 1"),
    "floats": ((POINTS, [[0.0, 1, 2]]), ValueError, "must be integers"),
    "a plane": ((POINTS[:, :2], TRIANGLES), ValueError, "shape .vertices, 3."),
    "a number": (3, TypeError, "surface is of type int"),
    "two paths": (("L.gii", "R.gii"), TypeError, "surface is of type tuple; .*'left'"),
    "no file": ("nowhere.surf.gii", nithresh.MissingFileError, "no such file"),
    "no side": ({"top": strip(6)}, ValueError, "keys must be 'left' and 'right'"),
}  # fmt: skip


@pytest.mark.parametrize("what", list(WRONG_SURFACES))
def test_surfaces_that_do_not_fit(what):
    surface, error, match = WRONG_SURFACES[what]
    values = gifti(np.full(6, 3))
    for call in (nithresh.threshold_img, nithresh.find_clusters):
        with pytest.raises(error, match=match):
            call(values, 2, cluster_threshold=2, surface=surface)


@pytest.mark.parametrize(
    ("factor", "match"),
    [
        (np.nan, "^surface has coordinates that are not finite"),
        (1e200, r"^surface has coordinates up to [1-9.]*e\+200; they must be mm"),
        (1e6, r"^surface has a vertex with an area of .* mm²; its coordinates must be"),
    ],
)
def test_places_that_are_not_in_mm(factor, match):
    surface = (POINTS * factor, TRIANGLES)
    with pytest.raises(ValueError, match=match):
        nithresh.find_clusters(gifti(np.full(6, 3)), 2, surface=surface)


@pytest.mark.parametrize("least", [0, 2])
@pytest.mark.parametrize(
    ("words", "name"),
    [
        ({"surface": "no.surf.gii"}, "surface"),
        ({"surface": {"left": "no.surf.gii"}}, r"surface\['left'\]"),
        ({"surface": strip(6), "areas": Path("no.surf.gii")}, "areas"),
        ({"surface": strip(6), "areas": {"left": "no.surf.gii"}}, r"areas\['left'\]"),
    ],
)
def test_a_file_that_is_not_there_is_named_whether_it_is_needed(words, name, least):
    with pytest.raises(FileNotFoundError, match=rf"^{name} is 'no.surf.gii'; there is"):
        nithresh.threshold_img(gifti(np.ones(6)), 1, least, **words)


def test_a_missing_surface_is_named():
    values = gifti(np.full(6, 3), AnatomicalStructurePrimary="CortexLeft")
    match = r"surface=\{'left': ...\} .* of 6 vertices such as hemi-L_midthickness"
    for call in (
        lambda: nithresh.threshold_img(values, 2, 2),
        lambda: nithresh.threshold_img(values, 2, min_area=1),
        lambda: nithresh.find_clusters(values, 2),
        lambda: nithresh.tfce_img(values),
        lambda: nithresh.ClusterTree(values),
        lambda: nithresh.threshold_stats_img(
            values, threshold=2, height_control=None, cluster_threshold=2
        ),
    ):
        with pytest.raises(ValueError, match=match):
            call()
    # Without clusters, nobody needs to know a neighbour.
    assert values_of(nithresh.threshold_img(values, 2)).tolist() == [3] * 6


@pytest.mark.parametrize("count", [5, 6], ids=["with a medial wall", "whole"])
@pytest.mark.parametrize("vertex", [6, 7, -1, 2**31 - 1, 2**40])
def test_the_surface_whose_vertex_is_not_there_is_named_by_each_call(vertex, count):
    coordinates, triangles = strip(6)
    bad = coordinates, np.append(triangles, [[0, 1, vertex]], axis=0)
    scalars = nibabel.cifti2.ScalarAxis(["z"])
    for side, other in (("left", "right"), ("right", "left")):
        # What the wrong vertex would be is on the other side, if nobody looks.
        axis = nibabel.cifti2.BrainModelAxis.from_surface(range(count), 6, SIDES[side])
        axis += nibabel.cifti2.BrainModelAxis.from_surface(range(6), 6, SIDES[other])
        values = np.full((1, count + 6), 3, np.float32)
        image = nibabel.Cifti2Image(values, (scalars, axis))
        words = {"surface": {other: strip(6), side: bad}}
        for call in (
            partial(nithresh.threshold_img, threshold=2, cluster_threshold=2),
            partial(nithresh.threshold_img, threshold=2, min_area=1),
            partial(nithresh.find_clusters, threshold=2),
            nithresh.tfce_img,
            nithresh.ClusterTree,
        ):
            with pytest.raises(ValueError, match=rf"surface\['{side}'\] has tri.* to "):
                call(image, **words)
            with pytest.raises(ValueError, match="surface has triangles of vertices "):
                call(gifti(np.full(6, 3)), surface=bad)


def _scored(image):
    areas = {side: np.ones(len(data)) for side, data in image.data.parts.items()}
    return nithresh.tfce_img(image, areas=areas)


@pytest.mark.parametrize("vertex", [12, 20, -1, 2**31 - 1, 2**40])
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(
    "call",
    [
        partial(nithresh.threshold_img, threshold=2, cluster_threshold=2),
        partial(nithresh.threshold_img, threshold=2, cluster_threshold=2, copy=False),
        partial(nithresh.threshold_img, threshold=2, min_area=1),
        partial(nithresh.find_clusters, threshold=2),
        partial(nithresh.get_clusters_table, stat_threshold=2),
        nithresh.tfce_img,
        _scored,
        nithresh.ClusterTree,
    ],
)
def test_triangles_that_changed_after_nilearn_checked_them_are_named(
    call, side, vertex
):
    """The core alone reads the triangles of closed surfaces of a SurfaceImage."""
    from nilearn.surface import InMemoryMesh, PolyMesh, SurfaceImage

    # The left has more vertices, which those of the right must not reach.
    data = {"left": np.full(42, 3.0), "right": np.full(12, 3.0)}
    faces = {"left": np.int64(icosphere(1)[1]), "right": np.int64(icosphere(0)[1])}
    points = {"left": icosphere(1)[0], "right": icosphere(0)[0]}
    meshes = {name: InMemoryMesh(points[name], faces[name]) for name in data}
    image = SurfaceImage(PolyMesh(**meshes), data)
    call(image)
    faces[side][7, 1] = vertex + (30 if side == "left" and vertex > 0 else 0)
    with pytest.raises(ValueError, match=rf"img.mesh\['{side}'\] has tri") as caught:
        call(image)
    error = caught.value
    assert error.__context__ is None or error.__suppress_context__
    for name, values in data.items():
        assert (image.data.parts[name] == values).all()


@pytest.mark.parametrize("given", [{"cluster_threshold": 3}, {"min_area": 1}])
@pytest.mark.parametrize(
    "dtype", ["?", "i1", ">i2", "i4", "i8", "u8", "f2", ">f4", "f8"]
)
def test_values_of_each_type_lose_small_clusters(dtype, given):
    from nilearn.surface import InMemoryMesh, PolyMesh, SurfaceImage

    values = np.array([3, 3, 3, 0, 0, 3, 3]).astype(dtype)
    coordinates, triangles = strip(7)
    meshes = {
        "left": InMemoryMesh(coordinates, triangles),
        "right": InMemoryMesh(coordinates, triangles),
    }
    data = {"left": values, "right": values[::-1].copy()}
    image = SurfaceImage(PolyMesh(**meshes), data)
    kept = nithresh.threshold_img(image, 1, **given).data.parts
    again = nithresh.find_clusters(image, 1, **given).thresholded_img.data.parts
    passing = nithresh.threshold_img(image, 1).data.parts
    large = {"left": [1, 1, 1, 0, 0, 0, 0], "right": [0, 0, 0, 0, 1, 1, 1]}
    for side, expected in large.items():
        np.testing.assert_array_equal(kept[side], data[side] * np.array(expected))
        np.testing.assert_array_equal(again[side], kept[side])
        assert kept[side].dtype == again[side].dtype == passing[side].dtype


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8"])
def test_triangles_of_each_type(dtype, order):
    from nilearn.surface import InMemoryMesh, PolyMesh, SurfaceImage

    coordinates, triangles = icosphere(0)
    values = np.array([3, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 3])
    expected = nithresh.find_clusters(gifti(values), 2, surface=icosphere(0))
    faces = triangles.astype(order + dtype)
    again = nithresh.find_clusters(gifti(values), 2, surface=(coordinates, faces))
    np.testing.assert_array_equal(row(again.labels_img), row(expected.labels_img))
    assert again.table["area_mm2"].tolist() == expected.table["area_mm2"].tolist()
    image = SurfaceImage(
        PolyMesh(left=InMemoryMesh(coordinates, faces)), {"left": values}
    )
    labels = nithresh.find_clusters(image, 2).labels_img.data.parts["left"]
    np.testing.assert_array_equal(labels, row(expected.labels_img))
    largest = np.iinfo(dtype).max
    faces[7, 1] = largest
    shown = min(int(largest), 2**63 - 1)
    with pytest.raises(ValueError, match=rf"vertices 0 to {shown}; they are counted"):
        nithresh.find_clusters(gifti(values), 2, surface=(coordinates, faces))


def test_rows_of_different_lengths_are_refused():
    surface = icosphere(0)[0], [[0, 1], [1, 2, 3]]
    with pytest.raises(ValueError, match="surface has rows of different lengths; co"):
        nithresh.find_clusters(gifti(np.ones(12)), 1, surface=surface)


RACE = """
import threading, numpy as np, nibabel, nithresh
from nithresh.testing import icosphere
points, faces = icosphere(5)
good = faces[:-1].astype(np.int64)
changing = good.copy()
image = nibabel.GiftiImage()
values = np.ones(len(points), np.float32)
image.add_gifti_data_array(nibabel.gifti.GiftiDataArray(values))
running = True
def change():
    while running:
        changing[9000] = 1 << 40
        changing[9000] = good[9000]
thread = threading.Thread(target=change, daemon=True)
thread.start()
for _ in range(600):
    try:
        nithresh.threshold_img(image, 1, 5, surface=(points, changing))
    except (ValueError, RuntimeError):
        pass
running = False
thread.join()
print("survived")
"""


def test_triangles_that_another_thread_changes_crash_nothing():
    done = subprocess.run(
        [sys.executable, "-c", RACE],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.stdout == "survived\n", done.returncode


def test_a_bad_surface_is_refused_before_the_first_file(tmp_path):
    coordinates, triangles = icosphere(0)
    wrong = triangles.copy()
    wrong[7, 1] = 99
    values = tmp_path / "z.func.gii"
    nibabel.save(gifti(np.full(12, 3)), values)
    path = surface_file(tmp_path / "bad.surf.gii", (coordinates, wrong))
    target = tmp_path / "out.func.gii"
    for surface in (path, (coordinates, wrong), {"left": path}):
        with pytest.raises(ValueError, match="has triangles of vertices 0 to 99; they"):
            nithresh.threshold_files([(values, target)], 2, surface=surface)
    words = ["threshold", str(values), "-t", "2", "--surface", str(path)]
    done = subprocess.run(
        [sys.executable, "-m", "nithresh", *words, "-o", str(target)],
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "bad.surf.gii') has triangles of vertices 0 to 99; they" in done.stderr
    assert not target.exists()


def test_hemispheres_that_are_swapped(tmp_path):
    path = surface_file(
        tmp_path / "R.surf.gii", strip(6), AnatomicalStructurePrimary="CortexRight"
    )
    left = gifti(np.full(6, 3), AnatomicalStructurePrimary="CortexLeft")
    for surface in (path, {"left": path}):
        with pytest.raises(ValueError, match="of the right hemisphere by its own"):
            nithresh.threshold_img(left, 2, 2, surface=surface)


@pytest.mark.parametrize(
    ("meta", "match"),
    [
        ({"GeometricType": "Inflated"}, "A surface is inflated"),
        ({"GeometricType": "Spherical"}, "A surface is spherical"),
        ({"Provenance": "wb_command -surface-average x.surf.gii"}, "is the average of"),
        ({"GeometricType": "Anatomical"}, None),
    ],
)
def test_areas_that_are_not_those_of_the_cortex(tmp_path, meta, match, recwarn):
    surface = icosphere(1)
    path = surface_file(tmp_path / "s.surf.gii", surface, **meta)
    values = gifti(np.full(len(surface[0]), 3))
    areas = np.ones(len(surface[0]))
    nithresh.find_clusters(values, 2, surface=path)
    said = [str(own.message) for own in recwarn.list]
    assert [match in text for text in said] == ([] if match is None else [True])
    recwarn.clear()
    nithresh.find_clusters(values, 2, surface=path, areas=areas)
    assert not recwarn.list
    # Who does not ask for areas is not told.
    nithresh.threshold_img(values, 2, 2, surface=path)
    assert not recwarn.list


@pytest.mark.parametrize(
    ("folder", "is_average"),
    [("fsaverage/surf", True), ("fsaverage5", True), ("average_study/s/surf", False)],
)
@pytest.mark.parametrize("name", ["lh.white", "pial_left.surf.gii"])
def test_averages_are_known_by_their_folder(
    folder, is_average, name, tmp_path, recwarn
):
    path = tmp_path / folder / name
    path.parent.mkdir(parents=True)
    if name == "lh.white":
        nibabel.freesurfer.write_geometry(path, *strip(6))
    else:
        surface_file(path, strip(6))
    nithresh.find_clusters(gifti(np.full(6, 3)), 2, surface=path)
    said = [str(own.message) for own in recwarn.list]
    assert ["is the average of many" in text for text in said] == [True] * is_average


def test_cuts_of_a_flat_surface_are_told():
    coordinates, triangles = icosphere(1)
    without = triangles[~(triangles == 5).any(axis=1)]
    values = np.zeros(len(coordinates), np.float32)
    values[5] = 3
    with pytest.warns(UserWarning, match="1 vertices of surface that have values"):
        nithresh.threshold_img(gifti(values), 2, 2, surface=(coordinates, without))


@pytest.mark.parametrize(
    ("areas", "match"),
    [
        (np.ones(5), "a number for each of its 6 vertices"),
        (np.full(6, -1.0), "negative or not finite"),
        (np.full(6, np.nan), "negative or not finite"),
        (np.full(6, 1e300), r"^areas has a vertex with an area of 1e\+300 mm²; they"),
        ("nowhere.shape.gii", "no such file"),
    ],
)
def test_areas_that_do_not_fit(areas, match):
    values = gifti(np.full(6, 3))
    with pytest.raises(ValueError, match=match):
        nithresh.threshold_img(values, 2, surface=strip(6), areas=areas, min_area=1)


def test_overlays_of_freesurfer(tmp_path):
    surface = icosphere(3)
    count = len(surface[0])
    values = np.random.default_rng(1).normal(size=count).astype(np.float32)
    expected = values_of(nithresh.threshold_img(gifti(values), 1, 5, surface=surface))
    assert 0 < np.count_nonzero(expected) < np.count_nonzero(np.abs(values) >= 1)
    mgh = nibabel.MGHImage(values.reshape(count, 1, 1), np.eye(4))
    nibabel.save(mgh, tmp_path / "lh.z.mgz")
    nibabel.freesurfer.write_morph_data(tmp_path / "lh.thickness", values)
    nifti = nibabel.Nifti1Image(values.reshape(count, 1, 1), np.eye(4))
    for image, kind in (
        (mgh, nibabel.MGHImage),
        (tmp_path / "lh.z.mgz", nibabel.MGHImage),
        (tmp_path / "lh.thickness", nibabel.MGHImage),
        (nifti, nibabel.Nifti1Image),
    ):
        kept = nithresh.threshold_img(image, 1, 5, surface=surface)
        assert (type(kept), kept.shape) == (kind, (count, 1, 1))
        np.testing.assert_array_equal(values_of(kept), expected)
        words = {"cluster_threshold": 5, "surface": surface}
        clusters = nithresh.find_clusters(image, 1, **words)
        np.testing.assert_array_equal(values_of(clusters.thresholded_img), expected)
        assert clusters.labels_img.shape == (count, 1, 1)
    # Without clusters none of them needs a surface.
    for image in (mgh, tmp_path / "lh.thickness", str(tmp_path / "lh.thickness")):
        alone = values_of(nithresh.threshold_img(image, 1))
        np.testing.assert_array_equal(alone, np.where(np.abs(values) >= 1, values, 0))
    with pytest.raises(ValueError, match="'left' and no surface for them"):
        nithresh.threshold_img(tmp_path / "lh.thickness", 1, 5)
    side = nithresh.find_clusters(tmp_path / "lh.z.mgz", 2, surface=surface).table
    assert set(side["structure"]) == {"left"}
    # A volume is no overlay.
    volume = nibabel.Nifti1Image(np.ones((3, 3, 3), np.float32), np.eye(4))
    with pytest.raises(ValueError, match=r"has shape \(3, 3, 3\), which is a volume"):
        nithresh.threshold_img(volume, 1, 2, surface=surface)


def test_surfaces_and_maps_that_are_mistaken_for_each_other(tmp_path):
    path = surface_file(tmp_path / "L.surf.gii", strip(6))
    with pytest.raises(ValueError, match="img is a GIFTI surface, and not a map"):
        nithresh.threshold_img(path, 2)
    nibabel.save(gifti(np.ones(6)), tmp_path / "z.func.gii")
    metric = tmp_path / "z.func.gii"
    with pytest.raises(ValueError, match="0 sets of points and 0 of triangles"):
        nithresh.threshold_img(metric, 2, 2, surface=metric)
    with pytest.raises(ValueError, match="without arrays"):
        nithresh.threshold_img(nibabel.GiftiImage(), 2)
    with pytest.raises(ValueError, match="it must have one"):
        nithresh.find_clusters(gifti(np.ones(6), np.ones(6)), 1, surface=strip(6))


@pytest.mark.parametrize("name", ["z.denoised.nii.gz", "z.preproc.nii", "z.p.nii"])
def test_volumes_of_any_name_are_volumes(name, tmp_path):
    volume = nibabel.Nifti1Image(np.full((3, 3, 3), 3, np.float32), np.eye(4))
    nibabel.save(volume, tmp_path / name)
    assert nithresh.threshold_img(tmp_path / name, 2, 2).shape == (3, 3, 3)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_of_xml_are_refused(tmp_path, encoding):
    path = tmp_path / "z.func.gii"
    nibabel.save(gifti(np.ones(6)), path)
    text = path.read_text().partition("<GIFTI")[2]
    bomb = '<?xml version="1.0"?><!DOCTYPE GIFTI [<!ENTITY a "aaaa">]><GIFTI'
    path.write_text(bomb + text, encoding=encoding)
    with pytest.raises(nithresh.ImageFileError, match="it defines entities of XML"):
        nithresh.threshold_img(path, 2)


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        (' Dimensionality="1"', ' Dimensionality="99999999999"', "99999999999 axes"),
        (' Dim0="6"', "", "does not say the lengths of its 1 axes"),
        (' Dim0="6"', ' Dim0="-1"', "does not say the lengths"),
        (' Dim0="6"', ' Dim0="5"', "claims 20 bytes, which its values do not have"),
        (' Dim0="6"', ' Dim0="2147483647"', "claims 8589934588 bytes"),
        ("</Data>", "</Data><Data>AAAA</Data>", "not have its values once"),
        ("Data>", "Other>", "one of its arrays has no values"),
        ("GIFTI", "Other", "Error"),
    ],
)
def test_giftis_whose_xml_lies(tmp_path, old, new, match):
    path = tmp_path / "z.func.gii"
    nibabel.save(gifti(np.ones(6)), path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(nithresh.ImageFileError, match=match) as caught:
        nithresh.threshold_img(path, 2)
    assert "z.func.gii'" in str(caught.value)


def test_files_of_freesurfer_that_are_cut_short(tmp_path):
    freesurfer = nibabel.freesurfer
    freesurfer.write_morph_data(tmp_path / "lh.thickness", np.ones(6))
    freesurfer.write_geometry(tmp_path / "lh.white", *strip(6))
    words = {"cluster_threshold": 2, "surface": tmp_path / "lh.white"}
    assert nithresh.threshold_img(tmp_path / "lh.thickness", 1, **words)
    for name in ("lh.white", "lh.thickness"):
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[:-1])
        match = rf"{name}': the header claims \d+ bytes, the file holds"
        with pytest.raises(nithresh.ImageFileError, match=match):
            nithresh.threshold_img(tmp_path / "lh.thickness", 1, **words)


@pytest.mark.parametrize("where", ["values.bin", "../values.bin", "{}/values.bin"])
def test_gifti_values_in_another_file_are_read_from_its_own_folder_alone(
    where, tmp_path
):
    folder = tmp_path / "own"
    folder.mkdir()
    name = where.format(tmp_path)
    for place in (folder, tmp_path):
        (place / "values.bin").write_bytes(np.arange(6, dtype="<f4").tobytes())
    (folder / "z.func.gii").write_text(
        '<?xml version="1.0"?><GIFTI Version="1.0" NumberOfDataArrays="1">'
        '<DataArray Intent="NIFTI_INTENT_NONE" DataType="NIFTI_TYPE_FLOAT32" '
        'ArrayIndexingOrder="RowMajorOrder" Dimensionality="1" Dim0="6" '
        'Encoding="ExternalFileBinary" Endian="LittleEndian" '
        f'ExternalFileName="{name}" ExternalFileOffset="0"><Data/></DataArray></GIFTI>'
    )
    if name == "values.bin":
        kept = nithresh.threshold_img(folder / "z.func.gii", 4)
        assert row(kept).tolist() == [0, 0, 0, 0, 4, 5]
        (folder / "values.bin").write_bytes(bytes(23))
        with pytest.raises(nithresh.ImageFileError, match="24 bytes .* holds 23"):
            nithresh.threshold_img(folder / "z.func.gii", 4)
        return
    with pytest.raises(nithresh.ImageFileError, match="must be in a file beside it"):
        nithresh.threshold_img(folder / "z.func.gii", 4)


def test_clusters_of_surfaces_can_be_pickled():
    clusters = nithresh.find_clusters(gifti(np.full(6, 3)), 2, surface=strip(6))
    again = pickle.loads(pickle.dumps(clusters))  # noqa: S301 - our own
    np.testing.assert_array_equal(row(again.labels_img), row(clusters.labels_img))
    assert str(again) == str(clusters)
    atlas = np.array([1, 1, 2, 2, 2, 2]), ["a", "b"]
    assert str(again.with_atlas(atlas)) == str(clusters.with_atlas(atlas))


def test_the_caller_s_values_stay():
    values = np.array([1, -3, 3, np.nan, 2, 2], np.float32)
    image = gifti(values)
    before = values.copy()
    for call in (nithresh.threshold_img, nithresh.find_clusters):
        with pytest.warns(UserWarning, match="Non-finite"):
            call(image, 2, cluster_threshold=2, surface=strip(6))
    with pytest.warns(UserWarning, match="Non-finite"):
        nithresh.tfce_img(image, surface=strip(6))
    np.testing.assert_array_equal(image.darrays[0].data, before)


@pytest.mark.parametrize(
    ("words", "match"),
    [
        ({"surface": {"right": strip(6)}}, "'left' and no surface for them, but for"),
        ({"surface": strip(6), "areas": {"right": np.ones(6)}}, "none for 'left'"),
        ({"surface": strip(6), "areas": {"lh": np.ones(6)}}, "has the key 'lh'"),
        (
            {
                "surface": strip(6),
                "areas": gifti(np.ones(6), AnatomicalStructurePrimary="CortexRight"),
            },
            "areas is of the right hemisphere",
        ),
        (
            {
                "surface": strip(6),
                "mask_img": gifti(np.ones(6), AnatomicalStructurePrimary="CortexRight"),
            },
            r"mask_img has its values at other .*'right'\) than img \(of 'left'\)",
        ),
        (
            {"surface": strip(6), "mask_img": gifti(np.ones((6, 2)))},
            "one for each of the 6 vertices",
        ),
        ({"surface": strip(6), "mask_img": gifti(np.ones(5))}, "one for each of the 6"),
    ],
    ids=["surface", "areas", "key", "areas-file", "mask", "maps-of-mask", "mask-size"],
)
def test_what_is_of_the_other_hemisphere_is_refused(words, match):
    left = gifti(np.full(6, 3), AnatomicalStructurePrimary="CortexLeft")
    with pytest.raises(ValueError, match=match):
        nithresh.threshold_img(left, 2, 2, min_area=0.1, **words)


def test_masks_of_other_vertices_and_voxels_are_refused():
    """Even if there are as many: those of a CIFTI file say which they are."""
    axes = nibabel.cifti2.BrainModelAxis

    def image(*vertices):
        axis = axes.from_surface(np.array(vertices), 6, "CortexLeft")
        axis += axes.from_mask(np.ones((2, 1, 1)), "ThalamusLeft", np.eye(4))
        names = nibabel.cifti2.ScalarAxis(["map"])
        return nibabel.Cifti2Image(np.full((1, len(axis)), 3.0), (names, axis))

    values = image(0, 1, 2)
    words = {"surface": {"left": strip(6)}}
    kept = nithresh.threshold_img(values, 2, 2, mask_img=image(0, 1, 2), **words)
    assert (row(kept) == 3).all()
    for call in (
        lambda: nithresh.threshold_img(values, 2, mask_img=image(0, 1, 3)),
        lambda: nithresh.find_clusters(values, 2, extra={"a": image(0, 1, 3)}, **words),
    ):
        with pytest.raises(ValueError, match="has its values at other vertices"):
            call()


def test_a_map_that_does_not_say_its_hemisphere_takes_one_surface():
    values = gifti(np.full(6, 3))
    for words in (
        {"surface": {"left": strip(6), "right": strip(6)}},
        {"surface": strip(6), "areas": {"left": np.ones(6), "right": np.ones(6)}},
    ):
        with pytest.raises(ValueError, match="does not say which hemisphere it is of"):
            nithresh.threshold_img(values, 2, 2, min_area=0.1, **words)
    kept = nithresh.threshold_img(values, 2, 2, surface={"left": strip(6)})
    assert (row(kept) == 3).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float32])
def test_scores_of_integers_are_not_rounded(dtype, tmp_path):
    values = np.array([3, 2, 0, 1, 2, 1, 9], dtype)
    exact = gifti(values.astype(np.float32))
    expected = row(nithresh.tfce_img(exact, surface=strip(7)))
    assert (expected != np.round(expected)).any()
    image = gifti(values)
    assert image.darrays[0].data.dtype == dtype
    scores = nithresh.tfce_img(image, surface=strip(7))
    assert scores.darrays[0].data.dtype == np.float32
    np.testing.assert_array_equal(row(scores), expected)
    nibabel.save(scores, tmp_path / "scores.func.gii")
    again = nibabel.load(tmp_path / "scores.func.gii")
    np.testing.assert_array_equal(row(again), expected)


def test_a_map_without_values_is_refused(tmp_path):
    surface = np.zeros((0, 3)), np.zeros((0, 3), int)
    with pytest.raises(ValueError, match="img has no values"):
        nithresh.find_clusters(gifti(np.zeros(0)), 2, surface=surface)
    nibabel.freesurfer.write_morph_data(tmp_path / "lh.z", np.zeros(0))
    with pytest.raises(ValueError, match=r"lh\.z'\) has no values"):
        nithresh.find_clusters(tmp_path / "lh.z", 2, surface=surface)


def test_nilearn_s_table_takes_no_map_without_surfaces():
    with pytest.raises(TypeError, match="stat_img is a map without surfaces"):
        nithresh.get_clusters_table(gifti(np.full(6, 3)), 2)


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("lh.white", "left"),
        ("rh.thickness.gii", "right"),
        ("sub-01_hemi-L_hemi-R_statmap.func.gii", None),
        ("sub-01_hemi-R_statmap.func.gii", "right"),
        ("sub-01_space-fsaverage_hemi-L.func.gii", "left"),
        ("hemi-L_midthickness.surf.gii", "left"),
        ("kept_hemi-R.gii", "right"),
        ("100307.R.midthickness.32k_fs_LR.surf.gii", "right"),
        ("L.surf.gii", "left"),
        ("S1200.L.R.surf.gii", None),
        ("tap_L.func.gii", None),
        ("tap_lh.func.gii", None),
        ("L", None),
        ("sub-lh.gii", None),
        ("map.func.gii", None),
    ],
)
def test_which_hemisphere_a_name_says(name, side, tmp_path):
    """A file without words is of the hemisphere that its name says."""
    path = tmp_path / name
    assert side_by_name(path) == side_by_name(name) == side
    if path.suffix != ".gii":
        return
    nibabel.save(gifti([3, 3, 0, 0, 3, 3]), path)
    both = {"left": strip(6), "right": strip(6)}
    if side is None:
        with pytest.raises(ValueError, match="nor does the name of its file"):
            nithresh.find_clusters(path, 2, surface=both)
        return
    found = nithresh.find_clusters(path, 2, surface=both).table
    assert set(found["structure"]) == {side}
    # What the file says of itself counts, and not its name.
    other = {"left": "CortexRight", "right": "CortexLeft"}[side]
    nibabel.save(gifti([3] * 6, AnatomicalStructurePrimary=other), path)
    found = nithresh.find_clusters(path, 2, surface=strip(6)).table
    assert set(found["structure"]) == {"left", "right"} - {side}


@pytest.mark.parametrize("name", ["R.surf.gii", "sub-1_hemi-R_white.surf.gii"])
def test_a_surface_of_the_other_hemisphere_by_its_name_is_refused(name, tmp_path):
    surface_file(tmp_path / name, strip(6))
    nibabel.save(gifti([3, 3, 0, 0, 3, 3]), tmp_path / "z_hemi-L.func.gii")
    for surface in (tmp_path / name, {"left": tmp_path / name}):
        with pytest.raises(ValueError, match="right hemisphere by its own words or"):
            nithresh.find_clusters(tmp_path / "z_hemi-L.func.gii", 2, surface=surface)
