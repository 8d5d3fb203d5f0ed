"""Names of regions in the table, against slow twins, from every form of an atlas."""

import itertools
import json
import math
import re

import nibabel
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from nilearn.datasets.atlas import Atlas as FetchedAtlas

import nithresh
from nithresh import datasets, find_clusters, testing
from nithresh.atlas.regions import Atlas
from nithresh.command import main
from running import run_here

SAMPLE = nithresh.load(datasets.load_sample_motor_activation_image())
NAMES = ["Precentral gyrus", "Postcentral gyrus", "Insula"]


def image_of(data, affine=None):
    affine = np.eye(4) if affine is None else affine
    return nibabel.Nifti1Image(data, affine)


def blocks(shape=SAMPLE.shape, values=(1, 2, 3)):
    """Labels in three slabs along the first axis, with a gap of none between."""
    labels = np.zeros(shape, np.int16)
    for number, value in enumerate(values):
        third = shape[0] // 3
        labels[number * third : (number + 1) * third - 2] = value
    return labels


def atlas_image(values=(1, 2, 3)):
    return image_of(blocks(values=values), SAMPLE.affine)


def found(atlas, **words):
    return find_clusters(SAMPLE, 4.5, cluster_threshold=20, atlas=atlas, **words).table


def same_columns(table, other):
    for name in ("region", "distance", "regions"):
        np.testing.assert_array_equal(table[f"atlas_{name}"], other[f"atlas_{name}"])


EXPECTED = found((atlas_image(), NAMES))


# The twin goes through all voxels of the atlas for each place.


def box_of(affine, xyz):
    """The voxel whose box holds a place: borders belong to the larger index."""
    position = np.linalg.solve(affine[:3, :3], np.array(xyz) - affine[:3, 3])
    return [round(float(one), 6) for one in position]


def region_at(labels, affine, xyz):
    voxel = []
    for one, length in zip(box_of(affine, xyz), labels.shape, strict=True):
        if not -0.5 <= one <= length - 0.5:
            return 0
        voxel.append(min(math.floor(one + 0.5), length - 1))
    return int(labels[tuple(voxel)])


def nearest(labels, affine, xyz):
    """The smallest distance to a voxel centre of a region, and its regions."""
    distances = {}
    for voxel in itertools.product(*map(range, labels.shape)):
        if labels[voxel]:
            centre = affine[:3, :3] @ voxel + affine[:3, 3]
            apart = round(math.dist(centre, xyz), 6)
            label = int(labels[voxel])
            distances[label] = min(distances.get(label, math.inf), apart)
    least = min(distances.values())
    return least, {label for label, one in distances.items() if one <= least + 2e-6}


def shares(labels, affine, map_affine, voxels):
    counts = {}
    for voxel in voxels:
        label = region_at(
            labels, affine, map_affine[:3, :3] @ voxel + map_affine[:3, 3]
        )
        counts[label] = counts.get(label, 0) + 1
    texts = []
    for label, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        percent = 100 * count / len(voxels)
        text = "<1" if percent < 1 else f"{percent:.0f}"
        texts.append(f"{f'region {label}' if label else 'no region'} {text}%")
    return "; ".join(texts)


@settings(max_examples=60)
@given(
    npst.arrays(np.float32, (4, 4, 3), elements=st.sampled_from([0, 0, 1, -1, 2])),
    npst.arrays(np.int16, (3, 4, 3), elements=st.sampled_from([0, 0, 1, 2, 7])),
    testing.affines(),
    st.sampled_from([np.eye(4), np.diag([2.0, 1.5, 1, 1])]),
    st.integers(1, 3),
)
@pytest.mark.filterwarnings("ignore:.*may be in other spaces:UserWarning")
@pytest.mark.filterwarnings("ignore:The threshold:UserWarning")
def test_regions_are_those_of_the_twin(data, labels, affine, change, max_peaks):
    labels[0, 0, 0] = 7
    names = {number: f"region {number}" for number in np.unique(labels) if number}
    of_atlas = affine @ change
    of_atlas[:3, 3] += 0.25
    clusters = find_clusters(
        image_of(data, affine), 1, max_peaks=max_peaks, min_distance=0
    )
    if not region_overlaps(labels, of_atlas, affine, data.shape):
        with pytest.raises(ValueError, match="does not overlap"):
            clusters.with_atlas((image_of(labels, of_atlas), names))
        return
    table = clusters.with_atlas((image_of(labels, of_atlas), names)).table
    numbers = clusters.labels_img.get_fdata()
    for row, name in enumerate(table["id"]):
        xyz = [table[axis][row] for axis in "xyz"]
        region = region_at(labels, of_atlas, xyz)
        if region:
            assert table["atlas_region"][row] == f"region {region}"
            assert table["atlas_distance"][row] == 0
        else:
            distance, regions = nearest(labels, of_atlas, xyz)
            assert table["atlas_distance"][row] == pytest.approx(distance, abs=2e-6)
            assert table["atlas_region"][row] in {f"region {one}" for one in regions}
        if name.isdigit():
            voxels = np.argwhere(numbers == int(name))
            expected = shares(labels, of_atlas, affine, voxels)
            assert table["atlas_regions"][row] == expected
        else:
            assert not table["atlas_regions"][row]


def region_overlaps(labels, of_atlas, affine, shape):
    """Whether a voxel of a region lies in the box of the map."""
    for voxel in np.argwhere(labels):
        position = box_of(affine, of_atlas[:3, :3] @ voxel + of_atlas[:3, 3])
        if all(
            -0.5 <= one <= length - 0.5
            for one, length in zip(position, shape, strict=True)
        ):
            return True
    return False


SKEWED = np.array([[2, 1, 0, 3], [0, 2.5, -1, 1], [0.5, 0, 2, -7], [0, 0, 0, 1]])


@given(
    npst.array_shapes(min_dims=3, max_dims=3, max_side=14),
    st.sampled_from([np.eye(4), np.diag([2.0, -1.5, 3, 1]), SKEWED]),
    st.sampled_from([0.002, 0.05, 1]),
    st.integers(0, 2**32),
)
def test_the_nearest_region_of_many_blocks_with_ties(shape, affine, share, seed):
    random = np.random.default_rng(seed)
    numbers = random.integers(1, 4, shape) * (random.random(shape) < share)
    numbers[tuple(random.integers(0, shape))] = 3
    # Halves of voxels, so that several voxels are as far; some far outside.
    places = random.integers(-40, 60, (20, 3)) / 2
    xyz = places @ affine[:3, :3].T + affine[:3, 3]
    names = ["", "a", "b", "c"]
    atlas = Atlas("atlas", numbers.astype(np.int32), names, None, affine, None, {})
    regions, distances = atlas.nearest(xyz)
    ijk = np.argwhere(numbers)
    centres = ijk @ affine[:3, :3].T + affine[:3, 3]
    apart = np.linalg.norm(xyz[:, None] - centres, axis=2).round(6)
    assert np.array_equal(distances, apart.min(axis=1))
    for row, own in enumerate(apart):
        least = numbers[tuple(ijk[own == own.min()].T)].min()
        assert regions[row] == least


def test_a_peak_in_no_region_gets_the_nearest_and_its_distance():
    data = np.zeros((10, 3, 3), np.float32)
    data[5, 1, 1] = 4
    labels = np.zeros((10, 3, 3), np.uint8)
    labels[:2], labels[8:] = 1, 2
    affine = np.diag([2.0, 2, 2, 1])
    atlas = image_of(labels, affine), ["here", "there"]
    table = find_clusters(image_of(data, affine), 3, atlas=atlas).table
    assert table["atlas_region"].tolist() == ["there"]
    assert table["atlas_distance"].tolist() == [6.0]
    assert table["atlas_regions"].tolist() == ["no region 100%"]


def test_the_sample_map():
    table = EXPECTED
    assert set(table["atlas_region"]) <= set(NAMES)
    is_first = np.array([name.isdigit() for name in table["id"]])
    assert (table["atlas_regions"][~is_first] == "").all()
    text = table.as_text().splitlines()
    assert text[0].endswith("atlas_region\tatlas_distance\tatlas_regions")
    assert [line.endswith("\tn/a") for line in text[1:]] == (~is_first).tolist()
    assert "atlas_region" in str(table)
    assert "atlas_regions" not in str(table)
    about = table.sidecar
    assert about["atlas_distance"]["Units"] == "mm"
    assert "n/a for a sub-peak" in about["atlas_regions"]["Description"]
    assert about["Choices"]["atlas"] == {
        "atlas": {"labels": None, "names": None, "space": None}
    }


def test_labels_of_one_name_are_one_region():
    table = found((atlas_image(), ["left", "left", "right"]))
    assert set(table["atlas_region"]) == {"left", "right"}
    for text in table["atlas_regions"]:
        regions = re.findall(r"(\w+(?: \w+)?) <?\d+%", text)
        assert len(regions) == len(set(regions))


def write(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


FSL = """<?xml version="1.0" encoding="ISO-8859-1"?>
<atlas version="1.0">
  <header>
    <name>Three slabs</name><type>{type}</type>
    <images>
      <imagefile>/Slabs/slabs-9mm</imagefile>
      <summaryimagefile>/Slabs/missing</summaryimagefile>
    </images>
    <images><imagefile>/Slabs/slabs-3mm</imagefile></images>
  </header>
  <data>
    <label index="{0}" x="1" y="2" z="3">Precentral gyrus</label>
    <label index="{1}" x="1" y="2" z="3">Postcentral gyrus</label>
    <label index="{2}" x="1" y="2" z="3">Insula</label>
  </data>
</atlas>
"""
COLOURS = """# No. Label Name:      R   G   B   A

0   Unknown                0   0   0   0
1   Precentral gyrus      70 130 180   0
2   Postcentral gyrus    245 245 245   0
3   Insula               205  62  78   0
4   Left-Cerebellum      120  18 134   0
"""
TABLE = (
    "index\tname\tcolor\n1\tPrecentral gyrus\t#fff\n2\tPostcentral gyrus\t#ffe\n"
    "3\tInsula\t#eee\n"
)


@pytest.mark.parametrize(
    "names",
    [
        ["Background", *NAMES],
        [name.encode() for name in NAMES],
        np.array(NAMES),
        dict(enumerate(NAMES, start=1)),
        {np.int16(0): "Background"} | dict(enumerate(NAMES, start=1)),
        {str(label): name for label, name in enumerate(NAMES, start=1)},
        pd.DataFrame({"index": [3, 1, 2], "name": ["Insula", *NAMES[:2]]}),
    ],
    ids=["background", "bytes", "array", "dict", "dict0", "json", "frame"],
)
def test_names_in_memory(names):
    same_columns(found((atlas_image(), names)), EXPECTED)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("names.tsv", TABLE),
        ("names.TSV", "\ufeff" + TABLE.replace("\n", "\r\n")),
        ("names.csv", TABLE.replace("\t", ",")),
        ("names.txt", COLOURS),
        ("names.ctab", "1 Precentral gyrus\n2 Postcentral gyrus\n3 Insula\n"),
        ("names.xml", FSL.format(1, 2, 3, type="Label")),
    ],
)
def test_names_in_files(tmp_path, name, text):
    atlas = atlas_image(), write(tmp_path, name, text)
    table = found(atlas)
    same_columns(table, EXPECTED)
    assert table.choices["atlas"]["atlas"]["names"]["name"] == name


@pytest.mark.parametrize("name", ["n.csv", "n.tsv", "n.txt"])
def test_names_in_files_that_hold_odd_breaks(tmp_path, name):
    odd = ["Pre\x85central", "Post\u2028central", "In\x0bsula"]
    between = {"n.csv": ",", "n.tsv": "\t", "n.txt": " "}[name]
    lines = [f"{number}{between}{text}" for number, text in enumerate(odd, 1)]
    if name != "n.txt":
        lines.insert(0, f"index{between}name")
        lines[-1] = f'3{between}"In\r\nsula"'
    path = tmp_path / name
    path.write_bytes("\r\n".join([*lines, ""]).encode())
    table = found((atlas_image(), path))
    expected = found((atlas_image(), ["Pre central", "Post central", "In sula"]))
    same_columns(table, expected)


def test_an_atlas_of_fsl_leads_to_its_image(tmp_path):
    path = write(tmp_path, "Slabs.xml", FSL.format(1, 2, 3, type="Label"))
    (tmp_path / "Slabs").mkdir()
    nithresh.save(atlas_image(), tmp_path / "Slabs" / "slabs-3mm.nii.gz")
    same_columns(found(path), EXPECTED)
    # A list names its labels in order, the file by 0-based volumes.
    summary = write(tmp_path, "prob.xml", FSL.format(0, 1, 2, type="Probabilistic"))
    same_columns(found((atlas_image(), summary)), EXPECTED)
    (tmp_path / "Slabs" / "slabs-3mm.nii.gz").unlink()
    with pytest.raises(FileNotFoundError, match="'slabs-9mm', 'slabs-3mm'; none is"):
        found(path)


@pytest.mark.parametrize(
    ("image", "table"),
    [
        ("labels.nii.gz", "labels.tsv"),
        (
            "tpl-MNI152NLin6Asym_res-02_atlas-Slabs_desc-3_dseg.nii.gz",
            "tpl-MNI152NLin6Asym_atlas-Slabs_desc-3_dseg.tsv",
        ),
        (
            "tpl-MNI152NLin6Asym_res-02_atlas-Slabs_dseg.nii.gz",
            "atlas-Slabs_dseg.tsv",
        ),
        ("tpl-MNI152NLin6Asym_atlas-Slabs_dseg.nii.gz", "atlas-Slabs_dseg.tsv"),
    ],
)
def test_a_table_beside_the_labels(tmp_path, image, table):
    nithresh.save(atlas_image(), tmp_path / image)
    write(tmp_path, table, TABLE)
    same_columns(found(tmp_path / image), EXPECTED)
    same_columns(found(nibabel.load(tmp_path / image)), EXPECTED)
    space = "MNI152NLin6Asym" if image.startswith("tpl") else None
    choices = found(str(tmp_path / image)).choices["atlas"]["atlas"]
    assert choices["space"] == space
    assert choices["labels"]["name"] == image


def test_what_nilearn_fetches():
    lut = pd.DataFrame({"index": [0, 1, 2, 3], "name": ["Background", *NAMES]})
    fetched = FetchedAtlas(atlas_image(), "", "deterministic", lut=lut, template="X")
    same_columns(found(fetched), EXPECTED)
    assert found(fetched).choices["atlas"]["atlas"]["space"] == "X"
    values = 11, 2001, 7
    older = {
        "maps": atlas_image(values),
        "labels": NAMES,
        "indices": [str(value) for value in values],
    }
    same_columns(found(older), EXPECTED)


def probabilities(scale):
    weights = np.zeros((*SAMPLE.shape, 3), np.float32)
    for number in range(3):
        weights[..., number][blocks() == number + 1] = 0.75
    # Less likely, and as likely: the first counts.
    weights[..., 2] += np.float32(0.5) * (weights[..., 1] > 0)
    weights[..., 2] += np.float32(0.75) * (weights[..., 0] > 0)
    return image_of(weights * np.float32(scale), SAMPLE.affine)


@pytest.mark.parametrize("scale", [1, 100])
@pytest.mark.parametrize("names", [NAMES, ["Background", *NAMES]], ids=["3", "4"])
def test_a_probabilistic_atlas(scale, names):
    table = found((probabilities(scale), names))
    same_columns(table, EXPECTED)
    inside = table["atlas_distance"] == 0
    np.testing.assert_array_equal(table["atlas_probability"], 0.75 * inside)
    assert "atlas_probability" in str(table)


def test_several_atlases(tmp_path):
    sides = np.ones(SAMPLE.shape, np.uint8)
    sides[27:] = 2
    pair = image_of(sides, SAMPLE.affine), ["right", "left"]
    table = found({"slabs": (atlas_image(), NAMES), "side": pair})
    np.testing.assert_array_equal(table["slabs_region"], EXPECTED["atlas_region"])
    assert set(table["side_region"]) == {"right", "left"}
    clusters = find_clusters(SAMPLE, 4.5, cluster_threshold=20)
    one_by_one = clusters.with_atlas((atlas_image(), NAMES)).with_atlas({"side": pair})
    assert list(one_by_one.table)[-6:-3] == [
        "atlas_region",
        "atlas_distance",
        "atlas_regions",
    ]
    np.testing.assert_array_equal(one_by_one.table["side_region"], table["side_region"])
    assert "atlas_region" not in clusters.table
    with pytest.raises(ValueError, match="has an atlas 'side'"):
        one_by_one.with_atlas({"side": pair})


def test_no_cluster_and_no_region():
    with pytest.warns(UserWarning, match="no voxel"):
        table = find_clusters(SAMPLE, 100, atlas=(atlas_image(), NAMES)).table
    assert table["atlas_region"].size == table["atlas_regions"].size == 0
    assert str(table).startswith("No clusters")


def test_other_grids_are_sampled_at_voxel_centres():
    coarse = np.repeat(np.repeat(np.repeat(blocks(), 2, 0), 2, 1), 2, 2)
    affine = SAMPLE.affine @ np.diag([0.5, 0.5, 0.5, 1])
    affine[:3, 3] -= SAMPLE.affine[:3, :3] @ [0.25, 0.25, 0.25]
    table = found((image_of(coarse, affine), NAMES))
    for name in ("region", "regions"):
        np.testing.assert_array_equal(table[f"atlas_{name}"], EXPECTED[f"atlas_{name}"])


def test_spaces_that_do_not_match_are_warned_of(tmp_path):
    name = "sub-1_space-MNI152NLin6Asym_stat-z_statmap.nii.gz"
    nithresh.save(SAMPLE, tmp_path / name)
    lut = pd.DataFrame({"index": [0, 1, 2, 3], "name": ["Background", *NAMES]})
    other = FetchedAtlas(
        atlas_image(), "", "deterministic", lut=lut, template="MNI152NLin2009cAsym"
    )
    with pytest.warns(UserWarning, match="space MNI152NLin6Asym and the atlas 'atlas'"):
        find_clusters(tmp_path / name, 5, atlas=other)
    same = other | {"template": "mni152nlin6asym"}
    find_clusters(tmp_path / name, 5, atlas=same)


def test_little_overlap_is_warned_of_and_none_is_an_error():
    moved = SAMPLE.affine.copy()
    moved[:3, 3] += 110
    with pytest.warns(UserWarning, match=r"Only \d+% of the map lies in the atlas"):
        found((image_of(blocks(), moved), NAMES))
    moved[:3, 3] += 1000
    with pytest.raises(ValueError, match="'atlas' does not overlap with the map"):
        found((image_of(blocks(), moved), NAMES))
    # A small part of the brain is no fault.
    corner = image_of(blocks()[:20, :20, :20], SAMPLE.affine)
    found((corner, [*NAMES[:1], "b"]))


def fault(labels=None, names=NAMES):
    labels = blocks() if labels is None else labels
    return image_of(labels, SAMPLE.affine), names


def fetched(indices):
    return {"maps": atlas_image(), "labels": NAMES, "indices": indices}


FRACTIONS = np.where(blocks() == 2, np.float32(1.5), np.float32(0))


@pytest.mark.parametrize(
    ("atlas", "error", "match"),
    [
        (fault()[0], ValueError, "atlas has labels without names; give both"),
        (fault(names=None), ValueError, "has labels without names; give both"),
        (fault(names=["a", "b"]), ValueError, "has labels without names: 3; 2 names"),
        (fault(names={1: "a"}), ValueError, "has labels without names: 2, 3; 1 names"),
        (fault(names=[*NAMES, "d"]), ValueError, "names without labels: 4 names, but"),
        (fault(FRACTIONS), ValueError, "have the value 1.5; labels must be integers"),
        (
            (
                nibabel.Nifti1Image(
                    blocks().astype(np.uint64) << np.uint64(62),
                    SAMPLE.affine,
                    dtype=np.uint64,
                ),
                NAMES,
            ),
            ValueError,
            "beyond 64 bits with a sign",
        ),
        (fault(blocks() * 0), ValueError, "has no region: all its labels are 0"),
        (fault(names=[1, 2, 3]), TypeError, "has the name 1; names must be text"),
        (fault(names={"a": "x"}), ValueError, "the label 'a'; labels must be integers"),
        (fault(names=4), TypeError, "names of atlas is of type int; it must be a list"),
        ((1, 2, 3), ValueError, "is a tuple of 3; it must have two parts"),
        ("none.nii.gz", FileNotFoundError, "none.nii.gz"),
        (("none.nii.gz", NAMES), FileNotFoundError, "none.nii.gz"),
        (fault(names="none.tsv"), FileNotFoundError, "none.tsv'; there is no such"),
        ("none.xml", FileNotFoundError, "none.xml'; there is no such file"),
        (4, TypeError, "the image of atlas is of type int"),
        ({"": fault()}, ValueError, "atlas has the name ''"),
        ({3: fault()}, TypeError, "atlas has the name 3"),
        (
            fault(np.full((*SAMPLE.shape, 2), 101.0), ["a", "b"]),
            ValueError,
            "values up to 101; they must be probabilities",
        ),
        (
            fault(np.full((*SAMPLE.shape, 2), np.inf), ["a", "b"]),
            ValueError,
            "values up to inf; they must be probabilities",
        ),
        (
            fault(np.full((*SAMPLE.shape, 2), -0.5), ["a", "b"]),
            ValueError,
            "atlas has no region: no voxel has a label or a probability above 0",
        ),
        (fault(names=dict.fromkeys((1, 2, 3), "")), ValueError, "atlas has no region"),
        ({"a": {"b": fault()}}, ValueError, r"atlas\['a'\] is a mapping of 'b'; one"),
        ({"map_left": fault()}, ValueError, "atlas is a mapping of 'map_left'; one"),
        (fetched([1, 2]), ValueError, "names of atlas has 2 labels and 3 names"),
        (fetched([1, 2, 2]), ValueError, "has label 2 twice"),
        (fetched([1, 2, "x"]), ValueError, "the label 'x'; labels must be integers"),
        (fetched([1, 2, 2.5]), ValueError, "the label 2.5; labels must be integers"),
        (fault(names={10**400: "a"}), ValueError, "labels without names: 1, 2, 3"),
        (
            fault(np.ones((*SAMPLE.shape, 4), np.float32)),
            ValueError,
            "has labels without names: 4",
        ),
    ],
    ids=itertools.count(),
)
def test_faults(atlas, error, match):
    with pytest.raises(error, match=match):
        found(atlas)


@pytest.mark.parametrize(
    ("name", "text", "match"),
    [
        (
            "n.tsv",
            TABLE + "2\tAgain\t#f\n",
            "label 2 twice, as 'Postcentral",
        ),
        ("n.tsv", TABLE.replace("index", "id"), "columns 'id', 'name', 'color'; it"),
        ("n.tsv", "", "has the columns none"),
        ("n.tsv", TABLE + "4\n", "rows of more or fewer columns"),
        ("n.tsv", TABLE.replace("\n2", "\n2.5"), "the label '2.5'"),
        (
            "n.csv",
            f'index,name\n1,"{"a" * 200_000}"\n',
            "names of atlas, 'n.csv', cannot be read as a table: field larger",
        ),
        ("n.txt", "1 a\nb\n", "has 'b' in line 2"),
        ("n.txt", "1 a\n1 b\n", "label 1 twice"),
        ("n.xml", "<atlas>", "is not XML"),
        ("n.xml", "<atlas/>", "has no labels"),
        ("n.xml", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "declares entities"),
        ("n.xml", FSL.format(1, 1, 3, type="Label"), "label 1 twice"),
    ],
    ids=itertools.count(),
)
def test_faults_of_files(tmp_path, name, text, match):
    with pytest.raises(ValueError, match=match):
        found((atlas_image(), write(tmp_path, name, text)))


def test_names_without_labels_are_warned_of(tmp_path):
    names = dict(enumerate([*NAMES, "Amygdala"], start=1))
    with pytest.warns(UserWarning, match="atlas has names without labels: 'Amygdala'"):
        same_columns(found((atlas_image(), names)), EXPECTED)


def test_the_command(tmp_path):
    nithresh.save(SAMPLE, tmp_path / "map.nii.gz")
    nithresh.save(atlas_image(), tmp_path / "slabs.nii.gz")
    write(tmp_path, "slabs.tsv", TABLE)
    write(tmp_path, "other.tsv", TABLE.replace("Insula", "Island"))
    words = ["clusters", "map.nii.gz", "-t", "4.5", "-k", "20"]
    done = run_here(
        *words,
        *("--atlas", "a=slabs.nii.gz", "--atlas", "b=slabs.nii.gz"),
        *("--atlas-names", "b=other.tsv", "--table", "out.tsv"),
        folder=tmp_path,
    )
    assert done.code == 0, done.err
    atlas = {
        "a": tmp_path / "slabs.nii.gz",
        "b": (tmp_path / "slabs.nii.gz", tmp_path / "other.tsv"),
    }
    expected = found(atlas)
    assert done.out == expected.as_text() == (tmp_path / "out.tsv").read_text()
    assert "Island" in done.out
    sidecar = json.loads((tmp_path / "out.json").read_text())
    assert sidecar["Choices"]["atlas"] == expected.choices["atlas"]
    assert sidecar["a_region"] == expected.sidecar["a_region"]
    line = sidecar["CommandLine"]
    assert "--atlas a=slabs.nii.gz --atlas b=slabs.nii.gz" in line
    assert "--atlas-names b=other.tsv" in line
    done = run_here(*words, "--atlas", "a=slabs.nii.gz", "--json", folder=tmp_path)
    rows = json.loads(done.out)["clusters"]
    assert {row["a_regions"] is None for row in rows} == {True, False}
    assert all((row["a_regions"] is None) == (row["mass"] is None) for row in rows)


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (["--atlas-names", "a=n.tsv"], "to the atlas 'a', which has no labels"),
        (["--atlas", "a"], "'a' is not NAME=PATH"),
        (["--atlas", "a=x.nii", "--atlas", "a=y.nii"], "the same name twice"),
    ],
    ids=["no labels", "no path", "twice"],
)
def test_faults_of_a_command_line(tmp_path, capsys, words, match):
    nithresh.save(SAMPLE, tmp_path / "map.nii.gz")
    with pytest.raises(SystemExit, match="2"):
        main(["clusters", str(tmp_path / "map.nii.gz"), "-t", "5", *words])
    assert match in capsys.readouterr().err


def test_an_atlas_that_is_missing(tmp_path):
    nithresh.save(SAMPLE, tmp_path / "map.nii.gz")
    words = "clusters", "map.nii.gz", "-t", "5", "--atlas", "a=none.nii.gz"
    done = run_here(*words, folder=tmp_path)
    assert done.code == 1
    assert "none.nii.gz" in done.err
