"""Names of regions of maps of surfaces: against slow twins, from every form."""

import contextlib
import itertools
import math
import struct
from collections import Counter

import nibabel
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nilearn.surface import PolyMesh, SurfaceImage

import nithresh
from nithresh import find_clusters, testing
from nithresh.command import main
from nithresh.files.surface_files import read_freesurfer_annotation
from nithresh.testing import icosphere, strip
from running import run_here
from test_surfaces import gifti, surface_file

SIDES = {"left": "CortexLeft", "right": "CortexRight"}
SPHERE = icosphere(1)
COUNT = len(SPHERE[0])
SURFACES = {"left": SPHERE, "right": (SPHERE[0] + [5, 0, 0], SPHERE[1])}
# Label 0 is no region, and neither is the region that FreeSurfer calls unknown.
NAMES = {0: "???", 1: "front", 2: "back", 3: "unknown"}


def labels_of(side):
    height = SPHERE[0][:, 2]
    parts = [height > 0.7, height > 0.1, (height < -0.6) & (SPHERE[0][:, 0] > 0)]
    own = np.select([*parts, height < -0.9], [1, 2, 1, 2], 0)
    return own.astype(np.int32) if side == "left" else own[::-1].astype(np.int32)


LABELS = {side: labels_of(side) for side in SIDES}


def values_of(side):
    x, y, z = SPHERE[0].T
    waves = 3 * np.sin(3 * x) + 2 * np.cos(4 * z + y)
    return (waves + y * (side == "left")).astype(np.float32)


def label_gifti(labels, names=NAMES, **meta):
    image = gifti(labels.astype(np.int32), **meta)
    image.darrays[0].intent = nibabel.nifti1.intent_codes["NIFTI_INTENT_LABEL"]
    for key, name in names.items():
        label = nibabel.gifti.GiftiLabel(key, 1, 0, 0, 1)
        label.label = name
        image.labeltable.labels.append(label)
    return image


def write_annot(path, labels, names=NAMES):
    colours = np.array([[10 * key, 20, key, 0, 0] for key in names], np.int32)
    places = np.searchsorted(list(names), labels)
    texts = [name.encode() for name in names.values()]
    nibabel.freesurfer.write_annot(path, places, colours, texts)
    return path


def axis_of(parts):
    """Brain models of vertices of the sphere, by side."""
    of_surface = nibabel.cifti2.BrainModelAxis.from_surface
    axes = [of_surface(own, COUNT, SIDES[side]) for side, own in parts.items()]
    return sum(axes[1:], start=axes[0])


EVERY = {side: np.arange(COUNT) for side in SIDES}


def dlabel(parts=EVERY, labels=LABELS, names=NAMES):
    table = {key: (name, (1, 0, 0, 1)) for key, name in names.items()}
    data = np.concatenate([labels[side][own] for side, own in parts.items()])
    axis = nibabel.cifti2.LabelAxis(["parcels"], [table])
    image = nibabel.Cifti2Image(
        data[np.newaxis].astype(np.float32), (axis, axis_of(parts))
    )
    image.nifti_header.set_intent("ConnDenseLabel")
    return image


def dscalar(parts=EVERY):
    data = np.concatenate([values_of(side)[own] for side, own in parts.items()])
    axis = nibabel.cifti2.ScalarAxis(["z"])
    return nibabel.Cifti2Image(data[np.newaxis], (axis, axis_of(parts)))


def surface_image(data):
    from nilearn.surface import InMemoryMesh

    meshes = {side: InMemoryMesh(*surface) for side, surface in SURFACES.items()}
    return SurfaceImage(PolyMesh(**meshes), data)


MAP = surface_image({side: values_of(side) for side in SIDES})


def table_of(atlas, img=None, **words):
    if img is None:
        img = MAP
    elif not isinstance(img, SurfaceImage):
        words.setdefault("surface", SURFACES)
    return find_clusters(img, 2, cluster_threshold=2, atlas=atlas, **words).table


def columns(table, name="atlas"):
    return [
        table[f"{name}_{what}"].tolist() for what in ("region", "distance", "regions")
    ]


EXPECTED = columns(table_of(dlabel()))


def test_the_sample_has_all_cases():
    regions, distances, shares = EXPECTED
    assert {"front", "back"} == set(regions)
    assert {True, False} == {distance > 0 for distance in distances}
    assert any("no region" in text and "front" in text for text in shares)
    assert any("; " in text for text in shares)


# The twin goes through all nodes for each row.


def node_lists(axis):
    """Structure, and vertex or voxel, of each node."""
    nodes = []
    for name, _, model in axis.iter_structures():
        short = name.removeprefix("CIFTI_STRUCTURE_").removeprefix("CORTEX_").lower()
        if name.startswith("CIFTI_STRUCTURE_CORTEX"):
            nodes += [(short, int(vertex)) for vertex in model.vertex]
        else:
            nodes += [(short, tuple(voxel)) for voxel in model.voxel.tolist()]
    return nodes


def place_of(node, surfaces):
    structure, own = node
    if isinstance(own, tuple):
        return [2.0 * one for one in own]
    return surfaces[structure][0][own].tolist()


def expected_nearest(node, labels, surfaces):
    """The least distance to a node of a region in the same structure; which regions."""
    distances = {}
    for other, label in labels.items():
        if other[0] == node[0] and label:
            apart = math.dist(place_of(node, surfaces), place_of(other, surfaces))
            distances[label] = min(distances.get(label, math.inf), apart)
    if not distances:
        return math.nan, {""}
    least = min(distances.values())
    near = {label for label, one in distances.items() if one <= least + 2e-6}
    return least, {f"region {label}" for label in near}


def expected_shares(nodes, labels):
    known = {structure for structure, _ in labels}
    if not any(structure in known for structure, _ in nodes):
        return ""
    counts = Counter(labels.get(node, 0) for node in nodes)
    texts = []
    for label, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        percent = 100 * count / len(nodes)
        text = "<1" if percent < 1 else f"{percent:.0f}"
        texts.append(f"{f'region {label}' if label else 'no region'} {text}%")
    return "; ".join(texts)


@settings(max_examples=60, deadline=None)
@given(st.data())
@pytest.mark.filterwarnings("ignore:The threshold:UserWarning")
@pytest.mark.filterwarnings("ignore:Non-finite:UserWarning")
@pytest.mark.filterwarnings("ignore:.*are in no triangle:UserWarning")
@pytest.mark.filterwarnings("ignore:.*has no labels of:UserWarning")
@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
def test_regions_are_those_of_the_twin(data):
    surfaces = {side: data.draw(testing.surfaces()) for side in SIDES}
    image = data.draw(testing.cifti_images(surfaces))
    other = data.draw(testing.cifti_images(surfaces)).header.get_axis(1)
    some = st.lists(
        st.sampled_from([0, 0, 1, 2, 7]), min_size=len(other), max_size=len(other)
    )
    own = np.array([data.draw(some)], np.float32)
    own[0, 0] = 7
    words = {"max_peaks": 3, "min_distance": 0, "surface": surfaces}
    across = data.draw(st.booleans())
    clusters = find_clusters(image, 1, across_structures=across, **words)
    table = {key: (f"region {key}", (0, 0, 0, 1)) for key in (1, 2, 7)}
    axis = nibabel.cifti2.LabelAxis(["x"], [{0: ("???", (0, 0, 0, 0))} | table])
    atlas = nibabel.Cifti2Image(own, (axis, other))

    nodes = node_lists(image.header.get_axis(1))
    labels = dict(zip(node_lists(other), own[0].astype(int).tolist(), strict=True))
    known = {structure for structure, _ in labels}
    if not known & {structure for structure, _ in nodes}:
        with pytest.raises(ValueError, match="the atlas 'atlas' is of"):
            clusters.with_atlas(atlas)
        return
    found = clusters.with_atlas(atlas).table
    numbers = np.asarray(clusters.labels_img.dataobj).ravel()
    for row, name in enumerate(found["id"]):
        structure = str(found["structure"][row])
        vertex = int(found["vertex"][row]) if "vertex" in found else -1
        ijk = () if vertex >= 0 else tuple(int(found[axis][row]) for axis in "ijk")
        node = structure, vertex if vertex >= 0 else ijk
        region = labels.get(node, 0)
        if region:
            distance, regions = 0, {f"region {region}"}
        else:
            distance, regions = expected_nearest(node, labels, surfaces)
        assert found["atlas_region"][row] in regions
        assert found["atlas_distance"][row] == pytest.approx(
            distance, abs=2e-6, nan_ok=True
        )
        if name.isdigit():
            of_cluster = [nodes[one] for one in np.flatnonzero(numbers == int(name))]
            expected = expected_shares(of_cluster, labels)
            assert found["atlas_regions"][row] == expected
        else:
            assert not found["atlas_regions"][row]


@settings(max_examples=30, deadline=None)
@given(st.data())
@pytest.mark.filterwarnings("ignore:.*are in no triangle:UserWarning")
@pytest.mark.filterwarnings("ignore:The threshold:UserWarning")
@pytest.mark.filterwarnings("ignore:atlas has names without labels:UserWarning")
def test_numbers_of_vertices_do_not_matter(data):
    coordinates, triangles = data.draw(testing.surfaces())
    count = len(coordinates)
    # No equal values, of which the first vertex would count.
    values = np.array(data.draw(st.permutations(range(count))), np.float32)
    values -= np.float32(count / 3 + 0.3)
    labels = np.array(
        data.draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))
    )
    labels[0] = 2
    order = np.array(data.draw(st.permutations(range(count))))
    turned = coordinates[order], np.argsort(order).astype(np.int32)[triangles]
    one = find_clusters(
        gifti(values), 1.1, surface=(coordinates, triangles), atlas=(labels, ["a", "b"])
    )
    other = find_clusters(
        gifti(values[order]), 1.1, surface=turned, atlas=(labels[order], ["a", "b"])
    )
    assert columns(one.table) == columns(other.table)


def hemispheres(folder, extension, write):
    return {
        side: write(folder / f"{name}.{extension}", side)
        for side, name in (("left", "lh.x"), ("right", "rh.x"))
    }


def save(image, path):
    nibabel.save(image, path)
    return path


FORMS = {
    "dlabel in memory": lambda _: dlabel(),
    "dlabel": lambda folder: save(dlabel(), folder / "x.dlabel.nii"),
    "dlabel and names": lambda _: (dlabel(names={0: "???"}), ["front", "back"]),
    "GIFTI": lambda folder: hemispheres(
        folder, "label.gii", lambda path, side: save(label_gifti(LABELS[side]), path)
    ),
    "GIFTI in memory": lambda _: {
        side: label_gifti(LABELS[side], AnatomicalStructurePrimary=name)
        for side, name in SIDES.items()
    },
    "GIFTI and names": lambda folder: (
        hemispheres(
            folder, "shape.gii", lambda path, side: save(gifti(LABELS[side]), path)
        ),
        {1: "front", 2: "back"},
    ),
    "GIFTI and names of each": lambda _: {
        side: (gifti(LABELS[side]), ["front", "back"]) for side in SIDES
    },
    "annotations": lambda folder: hemispheres(
        folder, "annot", lambda path, side: write_annot(path, LABELS[side])
    ),
    "SurfaceImage": lambda _: (surface_image(dict(LABELS)), ["front", "back"]),
    "arrays": lambda _: (dict(LABELS), ["Background", "front", "back"]),
    "an array": lambda _: (np.concatenate(list(LABELS.values())), ["front", "back"]),
    "other numbers": lambda _: {
        "left": label_gifti(LABELS["left"]),
        "right": label_gifti(
            LABELS["right"] + 40, {40: "???", 41: "front", 42: "back"}
        ),
    },
    "a region 0": lambda _: {
        side: label_gifti(
            np.array([9, 0, 5])[LABELS[side]], {0: "front", 5: "back", 9: "unknown"}
        )
        for side in SIDES
    },
    "a region 0 and none at -1": lambda _: {
        side: label_gifti(LABELS[side] - 1, {0: "front", 1: "back"}) for side in SIDES
    },
    "as nilearn fetches it": lambda _: {
        "labels": ["Unknown", "front", "back"],
        "map_left": LABELS["left"], "map_right": LABELS["right"],
        "lut": pd.DataFrame({"index": [0, 1, 2], "name": ["Unknown", "front", "back"]}),
        "template": "fsaverage", "description": "",
    },
    "as nilearn fetched it": lambda _: {
        "labels": ["Unknown", "front", "back"],
        # As nibabel reads annotations.
        "map_left": np.where(LABELS["left"] == 0, -1, LABELS["left"]),
        "map_right": LABELS["right"],
    },
    "an image that nilearn fetches": lambda _: {
        "maps": surface_image(dict(LABELS)), "labels": ["Background", "front", "back"],
    },
    "named": lambda _: {
        "atlas": {side: (LABELS[side], ["front", "back"]) for side in SIDES}
    },
}  # fmt: skip


@pytest.mark.parametrize("form", list(FORMS))
def test_forms(form, tmp_path):
    atlas = FORMS[form](tmp_path)
    assert columns(table_of(atlas)) == EXPECTED
    assert columns(table_of(atlas, dscalar())) == EXPECTED


def test_files_are_named_in_choices(tmp_path):
    path = save(dlabel(), tmp_path / "x.dlabel.nii")
    choices = table_of({"P": path}).choices["atlas"]["P"]
    assert choices["labels"]["name"] == "x.dlabel.nii"
    assert len(choices["labels"]["sha256"]) == 64
    assert choices["space"] is None
    both = FORMS["annotations"](tmp_path)
    labels = table_of(both).choices["atlas"]["atlas"]["labels"]
    assert [labels[side]["name"] for side in SIDES] == ["lh.x.annot", "rh.x.annot"]
    names = tmp_path / "names.tsv"
    names.write_text("index\tname\n1\tfront\n2\tback\n")
    files = FORMS["GIFTI"](tmp_path)
    pairs = {side: (path, names) for side, path in files.items()}
    source = table_of(pairs).choices["atlas"]["atlas"]
    assert source["labels"] == table_of(files).choices["atlas"]["atlas"]["labels"]
    assert source["labels"]["left"]["name"] == "lh.x.label.gii"
    assert [source["names"][side]["name"] for side in SIDES] == 2 * ["names.tsv"]


@pytest.mark.parametrize("side", list(SIDES))
def test_one_hemisphere(side, tmp_path):
    words = {"surface": SURFACES[side]}
    expected = table_of(dlabel(), surface_image({s: values_of(s) for s in SIDES}))
    is_side = expected["structure"] == side
    own = gifti(values_of(side), AnatomicalStructurePrimary=SIDES[side])
    unnamed = gifti(values_of(side))
    annot = write_annot(tmp_path / f"{'lr'[side == 'right']}h.x.annot", LABELS[side])
    for img, atlas in (
        (own, dlabel()),
        (own, label_gifti(LABELS[side])),
        (own, {s: label_gifti(LABELS[s]) for s in SIDES}),
        (own, annot),
        (unnamed, annot),
        (unnamed, {side: (LABELS[side], ["front", "back"])}),
        (unnamed, (LABELS[side], ["front", "back"])),
    ):
        found = table_of(atlas, img, **words)
        for what in ("region", "distance", "regions"):
            # Regions and their distances are the same; ids are not.
            assert sorted(found[f"atlas_{what}"].tolist()) == sorted(
                expected[f"atlas_{what}"][is_side].tolist()
            )
    with pytest.raises(ValueError, match="the map does not say which hemisphere"):
        table_of(dlabel(), unnamed, **words)


@pytest.mark.parametrize("fewer", [True, False])
def test_the_vertices_of_an_atlas_may_be_fewer_or_more(fewer):
    some = {"left": np.arange(0, COUNT, 2), "right": np.arange(COUNT)[5:]}
    img, atlas = (EVERY, some) if fewer else (some, EVERY)
    found = table_of(dlabel(atlas), dscalar(img))
    labels = {
        side: np.where(np.isin(np.arange(COUNT), atlas[side]), LABELS[side], 0)
        for side in SIDES
    }
    assert columns(found) == columns(
        table_of((labels, ["front", "back"]), dscalar(img))
    )


def test_voxels_of_another_grid_are_taken_at_their_places():
    fine, coarse = np.diag([1.0, 1, 1, 1]), np.diag([2.0, 2, 2, 1])
    coarse[:3, 3] = -1.5, 0.5, -3.5
    of_mask = nibabel.cifti2.BrainModelAxis.from_mask
    scalars = nibabel.cifti2.ScalarAxis(["z"])
    is_left = np.indices((4, 4, 2))[1] < 2
    axis = of_mask(is_left, "ThalamusLeft", fine)
    axis += of_mask(~is_left, "ThalamusRight", fine)
    values = np.full((1, 32), 3, np.float32)
    img = nibabel.Cifti2Image(values, (scalars, axis))
    table = {1: ("a", (0, 0, 0, 1)), 2: ("b", (0, 0, 0, 1))}
    mask = np.zeros((3, 1, 3), bool)
    mask[1:, :, 2] = True
    own = of_mask(mask, "ThalamusLeft", coarse)
    labels = nibabel.cifti2.LabelAxis(["x"], [table])
    atlas = nibabel.Cifti2Image(np.array([[1, 2]], np.float32), (labels, own))
    with pytest.warns(UserWarning, match="no labels of thalamus_right: the regions"):
        found = find_clusters(img, 2, max_peaks=1, atlas=atlas).table
    assert columns(found)[0] == ["a", ""]
    np.testing.assert_array_equal(found["atlas_distance"], [0, np.nan])
    assert columns(found)[2] == ["a 50%; b 50%", ""]


def voxels_of(voxels, values, table, affine):
    """A map or, with a table, an atlas of voxels of one structure."""
    words = {"affine": affine, "volume_shape": 3 * (1 << 20,)}
    axis = nibabel.cifti2.BrainModelAxis("ThalamusLeft", np.array(voxels), **words)
    maps = nibabel.cifti2.ScalarAxis(["z"])
    if table:
        rows = {key: (name, (0, 0, 0, 1)) for key, name in table.items()}
        maps = nibabel.cifti2.LabelAxis(["x"], [rows])
    return nibabel.Cifti2Image(np.array([values], np.float32), (maps, axis))


@pytest.mark.parametrize("turned", [1, -1])
def test_a_place_between_voxels_is_in_one_of_them_wherever_the_structure_ends(turned):
    # The first voxel of the map is on the border of those of the atlas at 0 and 1.
    img = voxels_of([[1, 0, 0], [5, 0, 0]], [4, 3], None, np.diag([turned, 1, 1, 1]))
    affine = np.diag([2.0 * turned, 2, 2, 1])
    found = [
        find_clusters(img, 2, atlas=voxels_of(voxels, labels, {1: "a"}, affine)).table
        for voxels, labels in [
            ([[0, 0, 0]], [1]),
            ([[0, 0, 0], [1, 0, 0]], [1, 0]),
            ([[9, 0, 0], [0, 0, 0]], [0, 1]),
        ]
    ]
    expected = [["a", "a"], [1, 5], ["no region 100%", "no region 100%"]]
    assert [columns(table) for table in found] == 3 * [expected]


def test_voxels_of_an_atlas_may_be_far_apart():
    far = 3 * [(1 << 20) - 1]
    image = voxels_of([far, [0, 0, 0]], [3, 4], None, np.eye(4))
    atlas = voxels_of([far, [0, 0, 0]], [1, 2], {1: "far", 2: "near"}, np.eye(4))
    table = find_clusters(image, 2, atlas=atlas).table
    assert columns(table)[0] == ["near", "far"]


@pytest.mark.parametrize("labels", [[2, 0, 0, 0, 1], [1, 0, 0, 0, 2]])
def test_of_regions_that_are_as_near_the_first_label_counts(labels):
    atlas = np.array(labels), ["first", "second"]
    values = gifti(np.array([0, 0, 3, 0, 0]))
    table = find_clusters(values, 2, surface=strip(5), atlas=atlas).table
    assert columns(table) == [["first"], [1.0], ["no region 100%"]]


def test_a_cluster_of_known_and_unknown_structures():
    left, right = np.zeros((4, 1, 1), bool), np.zeros((4, 1, 1), bool)
    left[:2], right[2:] = True, True
    of_mask = nibabel.cifti2.BrainModelAxis.from_mask
    own = of_mask(left, "ThalamusLeft", np.eye(4))
    axis = own + of_mask(right, "ThalamusRight", np.eye(4))
    scalars = nibabel.cifti2.ScalarAxis(["z"])
    values = np.array([[3, 3, 3, 4]], np.float32)
    img = nibabel.Cifti2Image(values, (scalars, axis))
    atlas = nibabel.Cifti2Image(np.ones((1, 2), np.float32), (scalars, own)), ["a"]
    words = {"across_structures": True, "max_peaks": 1, "atlas": atlas}
    with pytest.warns(UserWarning, match="no labels of thalamus_right"):
        table = find_clusters(img, 2, **words).table
    # The peak is where the atlas says nothing, and half of the cluster is not.
    assert columns(table)[0] == [""]
    assert columns(table)[2] == ["no region 50%; a 50%"]


def test_the_nearest_region_is_one_of_the_same_hemisphere():
    labels = {"left": np.zeros(COUNT, np.int32), "right": LABELS["right"]}
    found = table_of((labels, ["front", "back"]))
    is_left = found["structure"] == "left"
    assert set(found["atlas_region"][is_left]) == {""}
    assert np.isnan(found["atlas_distance"][is_left]).all()
    assert set(found["atlas_regions"][is_left]) <= {"", "no region 100%"}
    assert "" not in set(found["atlas_region"][~is_left])
    text = found.as_text()
    assert "nan" not in text.lower()
    assert "nan" not in str(found).lower()


def test_an_atlas_of_one_hemisphere_is_warned_of_once(recwarn):
    found = table_of({"left": label_gifti(LABELS["left"])})
    said = [str(one.message) for one in recwarn.list]
    assert said == [
        "The atlas 'atlas' has no labels of right: the regions of clusters there are "
        "missing."
    ]
    is_left = found["structure"] == "left"
    np.testing.assert_array_equal(
        found["atlas_region"], np.where(is_left, EXPECTED[0], "")
    )
    np.testing.assert_array_equal(
        found["atlas_regions"], np.where(is_left, EXPECTED[2], "")
    )
    assert np.isnan(found["atlas_distance"][~is_left]).all()
    # Nothing is missing where there is no cluster.
    recwarn.clear()
    table_of({"left": label_gifti(LABELS["left"])}, gifti(
        values_of("left"), AnatomicalStructurePrimary="CortexLeft"))  # fmt: skip
    assert not recwarn.list


def test_several_atlases_and_no_cluster():
    other = {side: (LABELS[side] % 2, ["odd"]) for side in SIDES}
    found = table_of({"A": dlabel(), "B": other})
    assert columns(found, "A") == EXPECTED
    assert set(found["B_region"]) == {"odd"}
    again = find_clusters(MAP, 2, cluster_threshold=2).with_atlas({"A": dlabel()})
    assert columns(again.table, "A") == EXPECTED
    with pytest.warns(UserWarning, match="no voxel"):
        assert columns(find_clusters(MAP, 100, atlas=dlabel()).table) == [[], [], []]


def test_spaces_that_do_not_match_are_warned_of(tmp_path):
    name = "sub-1_space-fsLR_den-164k_stat-z_statmap.dscalar.nii"
    img = save(dscalar(), tmp_path / name)
    path = save(dlabel(), tmp_path / "tpl-fsaverage_den-164k_dseg.dlabel.nii")
    with pytest.warns(UserWarning, match="space fsLR and the atlas 'atlas' in fsave"):
        table_of(path, img)
    table_of(save(dlabel(), tmp_path / "tpl-fsLR_den-164k_dseg.dlabel.nii"), img)
    # One template has several names.
    other = tmp_path / "sub-1_space-fsaverage5_stat-z_statmap.dscalar.nii"
    table_of(FORMS["as nilearn fetches it"](None), save(dscalar(), other))


def volume(labels=1):
    return nibabel.Nifti1Image(np.full((4, 4, 4), labels, np.int16), np.eye(4)), ["a"]


SHORT = LABELS["left"][:-2]
FAULTS = {
    "vertices": (
        {"left": label_gifti(SHORT), "right": label_gifti(LABELS["right"])},
        "'atlas' has 40 vertices for left; the map has 42",
    ),
    "swapped": (
        {
            "left": label_gifti(
                LABELS["left"], AnatomicalStructurePrimary="CortexRight"
            ),
            "right": label_gifti(LABELS["right"]),
        },
        r"atlas\['left'\] is of the right hemisphere by its own words",
    ),
    "no side": (
        label_gifti(LABELS["left"]),
        "'atlas' has 42 labels and does not say which hemisphere they are of, and the "
        "map has 'left' and 'right'; give {'left': ..., 'right': ...}",
    ),
    "volume": (volume(), "is a volume, and the map is one of surfaces; give GIFTI"),
    "no names": (
        {side: gifti(LABELS[side]) for side in SIDES},
        r"atlas\['left'\] has labels without names; give both as \(labels, names\)",
    ),
    "no names of arrays": (dict(LABELS), r"atlas\['left'\] has labels without names"),
    "some names": (
        label_gifti(LABELS["left"], {1: "front"}),
        "atlas has labels without names: 2; 1 names were given for 2 labels",
    ),
    "names twice": (
        ({"left": (LABELS["left"], ["front", "back"])}, ["front", "back"]),
        r"atlas\['left'\] has names, and so has atlas; give one of them",
    ),
    "names without labels": (
        (dict(LABELS), ["front", "back", "side"]),
        "atlas has names without labels: 3 names, but labels end at 2",
    ),
    "fractions": (
        ({side: LABELS[side] * 0.5 for side in SIDES}, ["front"]),
        "labels of atlas.* have the value 0.5; labels must be integers",
    ),
    "probabilities": (
        (surface_image({side: np.ones((COUNT, 3)) for side in SIDES}), list("abc")),
        r"labels of shape \(84, 3\).*An atlas of probabilities must be a volume",
    ),
    "a mapping of something else": (
        ({"left": None, "right": LABELS["right"]}, ["front", "back"]),
        "the labels of atlas is a mapping of 'left', 'right'; one atlas as a mapping",
    ),
    "a number": (
        ({side: np.array(3) for side in SIDES}, ["front"]),
        r"atlas\['left'\] has labels of shape \(\); it must have one label for each",
    ),
    "texts": (
        ({side: LABELS[side].astype(str) for side in SIDES}, ["front", "back"]),
        r"atlas\['left'\] has labels of type <U11; they must be integers",
    ),
    "several maps": (
        {"left": gifti(LABELS["left"], LABELS["left"])},
        r"labels of shape \(42, 2\).*wb_command takes out one",
    ),
    "no region": (
        {side: label_gifti(0 * LABELS[side]) for side in SIDES},
        "atlas has no region",
    ),
    "a pair": (("lh.x.annot", "rh.x.annot"), "as {'left': ..., 'right': ...}"),
    "no atlas": (
        {"A": {"left": SHORT, "right": "x.nii.gz"}},
        r"atlas\['A'\] is a mapping of 'left', 'right'; one atlas as a mapping has",
    ),
    "a name twice": (
        (dict(LABELS), pd.DataFrame({"index": [1, 1], "name": ["a", "b"]})),
        "the names of atlas has label 1 twice",
    ),
    "no file": ("x.dlabel.nii", "x.dlabel.nii"),
    "no annotation": ({"left": "lh.x.annot"}, "no such file: 'lh.x.annot'"),
}  # fmt: skip


@pytest.mark.parametrize("fault", list(FAULTS))
def test_faults(fault):
    atlas, match = FAULTS[fault]
    with pytest.raises((ValueError, TypeError), match=match):
        table_of(atlas)


def test_an_atlas_of_other_structures():
    left = gifti(values_of("left"), AnatomicalStructurePrimary="CortexLeft")
    right = dlabel({"right": EVERY["right"]})
    with pytest.raises(ValueError, match="is of 'right', and the map of 'left'"):
        table_of(right, left)


@pytest.mark.parametrize("form", ["dlabel", "GIFTI", "annotations"])
def test_an_atlas_of_surfaces_is_for_no_volume(form, tmp_path):
    img = nibabel.Nifti1Image(np.full((4, 4, 4), 3, np.float32), np.eye(4))
    with pytest.raises(ValueError, match="is one of surfaces, and the map is a volume"):
        find_clusters(img, 2, atlas=FORMS[form](tmp_path))


def test_atlases_of_volumes_may_be_called_left_and_right():
    img = nibabel.Nifti1Image(np.full((4, 4, 4), 3, np.float32), np.eye(4))
    table = find_clusters(img, 2, atlas={"left": volume(), "right": volume()}).table
    assert table["left_region"].tolist() == table["right_region"].tolist() == ["a"]


def test_sides_are_known_by_the_names_of_files(tmp_path):
    left = gifti(values_of("left"), AnatomicalStructurePrimary="CortexLeft")
    path = save(label_gifti(LABELS["right"]), tmp_path / "rh.x.label.gii")
    with pytest.raises(ValueError, match="is of 'right', and the map of 'left'"):
        table_of(path, left)
    with pytest.raises(ValueError, match="is of the right hemisphere"):
        table_of({"left": path})


def test_names_in_files_are_one_line_without_commands():
    names = {1: "front\n\x1b[31m", 2: " back "}
    assert set(table_of(dlabel(names=names))["atlas_region"]) == {"front [31m", "back"}


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'Key="1"', b'Key="a"'), (b"<LabelTable>", b"<LabelTabel>")],
    ids=["a key", "a tag"],
)
def test_damaged_tables_of_cifti_are_refused(tmp_path, old, new):
    path = save(dlabel(), tmp_path / "x.dlabel.nii")
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))
    with pytest.raises(ValueError, match="x.dlabel.nii"):
        table_of(path)


# Annotations


def annotation(labels, table, *, old=False, places=None, order=slice(None)):
    """The bytes of an annotation; the table is of names and colours."""
    pairs = list(itertools.chain.from_iterable(list(enumerate(labels))[order]))
    content = struct.pack(f">{1 + len(pairs)}i", len(labels), *pairs)

    def text(name):
        return struct.pack(">i", len(name) + 1) + name.encode() + b"\0"

    places = range(len(table)) if places is None else places
    if old:
        content += struct.pack(">2i", 1, len(table)) + text("orig")
    else:
        content += struct.pack(">3i", 1, -2, max(places) + 1) + text("orig")
        content += struct.pack(">i", len(table))
    for place, (name, (red, green, blue)) in zip(places, table, strict=True):
        content += b"" if old else struct.pack(">i", place)
        content += text(name) + struct.pack(">4i", red, green, blue, 0)
    return content


TABLE = [("unknown", (1, 0, 0)), ("front", (0, 1, 0)), ("back", (0, 0, 1))]
VALUES = [1, 256, 65536, 0, 256]


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("places", [None, [1, 2, 3], [0, 5, 9]])
def test_annotations_with_gaps_have_their_own_names(tmp_path, old, places):
    path = tmp_path / "lh.x.annot"
    path.write_bytes(annotation(VALUES, TABLE, old=old, places=places))
    labels, names = read_freesurfer_annotation(path)
    assert labels.tolist() == VALUES
    assert names == {1: "unknown", 256: "front", 65536: "back"}


def test_annotations_may_be_in_any_order_and_the_first_of_a_colour_counts(tmp_path):
    path = tmp_path / "lh.x.annot"
    table = [*TABLE, ("other", (0, 1, 0))]
    path.write_bytes(annotation(VALUES, table, order=slice(None, None, -1)))
    labels, names = read_freesurfer_annotation(path)
    assert labels.tolist() == VALUES
    assert names[256] == "front"


def test_annotations_are_read_as_by_nibabel(tmp_path):
    path = write_annot(tmp_path / "lh.x.annot", LABELS["left"])
    labels, names = read_freesurfer_annotation(path)
    places, _, texts = nibabel.freesurfer.read_annot(path)
    assert [names[label] for label in labels.tolist()] == [
        texts[place].decode() for place in places.tolist()
    ]


def test_damaged_annotations_are_refused(tmp_path):
    path = tmp_path / "lh.x.annot"
    content = annotation(VALUES, TABLE)
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(nithresh.ImageFileError, match="lh.x.annot"):
            read_freesurfer_annotation(path)
    path.write_bytes(annotation(VALUES, TABLE)[:44])
    with pytest.raises(nithresh.ImageFileError, match="no table of colours"):
        read_freesurfer_annotation(path)
    path.write_bytes(struct.pack(">i", -5) + content[4:])
    with pytest.raises(nithresh.ImageFileError, match="cut short"):
        read_freesurfer_annotation(path)


# The command


@pytest.fixture
def folder(tmp_path):
    for side, short in (("left", "L"), ("right", "R")):
        surface_file(tmp_path / f"{short}.surf.gii", SURFACES[side])
    save(dscalar(), tmp_path / "z.dscalar.nii")
    save(dlabel(), tmp_path / "p.dlabel.nii")
    FORMS["annotations"](tmp_path)
    return tmp_path


BOTH = ["--left-surface", "L.surf.gii", "--right-surface", "R.surf.gii"]
WORDS = ["clusters", "z.dscalar.nii", "-t", "2", "-k", "2", *BOTH]


def test_the_command(folder):
    done = run_here(
        *WORDS, "--atlas", "P=p.dlabel.nii", "--atlas", "A=lh.x.annot",
        "--atlas", "A=rh.x.annot", "--table", "out.tsv", folder=folder,
    )  # fmt: skip
    assert done.code == 0, done.err
    table = pd.read_csv(folder / "out.tsv", sep="\t", keep_default_na=False)
    for name in "PA":
        assert table[f"{name}_region"].tolist() == EXPECTED[0]
        shares = [text.replace("n/a", "") for text in table[f"{name}_regions"]]
        assert shares == EXPECTED[2]
    assert (
        "--atlas A=lh.x.annot --atlas A=rh.x.annot" in (folder / "out.json").read_text()
    )


@pytest.mark.parametrize("name", ["left", "maps", "map_left"])
def test_the_command_takes_any_name(folder, name):
    path = "lh.x.annot" if name == "left" else "p.dlabel.nii"
    done = run_here(*WORDS, "--atlas", f"{name}={path}", folder=folder)
    assert done.code == 0, done.err
    head = done.out.splitlines()[0].split("\t")
    assert head[-3:] == [f"{name}_{what}" for what in ("region", "distance", "regions")]


def test_the_command_for_files_of_each_hemisphere(folder):
    for side, name in (("left", "lh"), ("right", "rh")):
        mgh = nibabel.MGHImage(values_of(side).reshape(-1, 1, 1), np.eye(4))
        save(mgh, folder / f"{name}.z.mgh")
    words = ["clusters", "lh.z.mgh", "rh.z.mgh", "-t", "2", *BOTH]
    both = ["--atlas", "A=lh.x.annot", "--atlas", "A=rh.x.annot"]
    done = run_here(*words, *both, folder=folder)
    assert done.code == 0, done.err
    assert done.out.splitlines()[0].endswith("A_region\tA_distance\tA_regions")
    # One file is enough for one of them, and does not fit the other.
    done = run_here(*words, *both[:2], folder=folder)
    assert done.code == 1
    assert "is of 'left', and the map of 'right'" in done.err


@pytest.mark.parametrize(
    ("atlas", "code", "match"),
    [
        (["A=p.dlabel.nii", "A=lh.x.annot"], 2, "gives the same name twice, 'A'"),
        (["A=lh.x.annot", "A=lh.x.annot"], 2, "gives the same name twice, 'A'"),
        (["A=lh.x.annot", "A=rh.none.annot"], 1, "rh.none.annot"),
        (["A=z.dscalar.nii"], 1, "z.dscalar.nii: the labels of atlas['A'] have the"),
    ],
    ids=itertools.count(),
)
def test_faults_of_the_command(folder, atlas, code, match, capsys):
    words = itertools.chain.from_iterable(("--atlas", one) for one in atlas)
    if code == 2:
        with contextlib.chdir(folder), pytest.raises(SystemExit, match="2"):
            main([*WORDS, *words])
        assert match in capsys.readouterr().err
        return
    done = run_here(*WORDS, *words, folder=folder)
    assert done.code == code
    assert match in done.err
