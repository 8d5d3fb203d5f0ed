"""Where voxels lie: one grid or two, masks on other grids, affines without places."""

import re
import warnings
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt

import nithresh
from nithresh import grids, testing
from nithresh.command import main
from nithresh.masks import Mask
from nithresh.plotting import plot_clusters, plot_stat_map
from oracles import sampled
from running import run_here

SHAPE = (5, 6, 4)
SOME = settings(max_examples=settings().max_examples // 3)


def array(image):
    return np.asanyarray(image.dataobj)


def image_of(data, affine=None):
    affine = np.diag([2.0, 2, 2, 1]) if affine is None else affine
    data = np.asarray(data)
    image = nibabel.Nifti1Image(data, None, dtype=data.dtype)
    # Not by the constructor, which asks for a qform.
    image.header.set_sform(affine, 2)
    image._affine = np.array(affine, np.float64)
    return image


def mask_of(affine=None, shape=SHAPE):
    return image_of(np.ones(shape, np.uint8), affine)


def blob():
    """A map whose strongest voxels lie in its faces."""
    data = np.zeros(SHAPE, np.float32)
    data[0], data[:, -1], data[..., 0] = 3, 4, -5
    data[2, 2, 2] = 6
    return data


# Grids.


@given(st.data(), testing.affines(), st.tuples(*[st.integers(0, 60)] * 3))
def test_grids_with_rounding_noise_are_one(draw, affine, shape):
    noisy = draw.draw(testing.noisy_affines(affine, shape))
    data = np.broadcast_to(np.uint8(1), shape)
    one, other = image_of(data, affine), image_of(data, noisy)
    assert grids.same_grid(one, other)
    assert grids.same_grid(other, one)


@given(
    testing.affines(),
    st.integers(0, 2),
    st.sampled_from([0.9e-3, 1e-3, 1.1e-3, 0.01, 1]),
    st.sampled_from([1, -1]),
    st.booleans(),
)
def test_grids_differ_from_a_thousandth_of_a_voxel_on(affine, axis, part, sign, grows):
    moved = affine.copy()
    if grows:
        moved[:3, axis] *= 1 + sign * part / (SHAPE[axis] - 1)
    else:
        moved[:3, 3] += sign * part * affine[:3, axis]
    differs = grids.difference(mask_of(moved), mask_of(affine))
    assert (differs is None) == (part <= 1e-3)
    if differs is not None:
        mm = part * np.linalg.norm(affine[:3, axis])
        assert differs == f"its affine puts voxels up to {mm:.4g} mm away"


def test_what_differs_is_said():
    with pytest.raises(
        ValueError,
        match=r"extra\['e'\] is on another grid than img: its affine puts voxels up to "
        r"0\.5 mm away; both must agree in shape and affine",
    ):
        nithresh.find_clusters(
            image_of(blob()), 2, extra={"e": mask_of(moved_by(0.5, 0, 0))}
        )
    with pytest.raises(
        ValueError,
        match=r"its shape is \(1, 2, 3\), not \(5, 6, 4\) and its affine puts voxels "
        r"up to 5 mm away",
    ):
        nithresh.find_clusters(
            image_of(blob()), 2, extra={"e": mask_of(moved_by(0, 3, 4), (1, 2, 3))}
        )
    bad = np.diag([2.0, 2, 0, 1])
    with pytest.raises(ValueError, match="than img: its affine is singular"):
        nithresh.find_clusters(image_of(blob()), 2, extra={"e": mask_of(bad)})


def moved_by(*mm):
    affine = np.diag([2.0, 2, 2, 1])
    affine[:3, 3] = mm
    return affine


# Masks and further maps on the map's own grid.

CALLS = {
    "threshold_img": lambda map_, mask: array(
        nithresh.threshold_img(map_, 2, 3, mask_img=mask)
    ),
    "threshold_img %": lambda map_, mask: array(
        nithresh.threshold_img(map_, "30%", mask_img=mask)
    ),
    "find_clusters": lambda map_, mask: array(
        nithresh.find_clusters(map_, 2, mask_img=mask).labels_img
    ),
    "tfce_img": lambda map_, mask: array(nithresh.tfce_img(map_, mask_img=mask)),
    "ClusterTree": lambda map_, mask: nithresh.ClusterTree(map_, mask_img=mask).voxels(
        [0, 3, 4, 5]
    ),
    "threshold_stats_img": lambda map_, mask: nithresh.threshold_stats_img(
        map_, mask, alpha=0.05, height_control="bonferroni"
    )[1],
    "Mask": lambda map_, mask: array(Mask(mask).on_grid_of(map_)),
}


@SOME
@given(st.data(), testing.affines(), st.sampled_from(list(CALLS)))
def test_a_mask_with_rounding_noise_loses_nothing(draw, affine, name):
    mask = draw.draw(testing.masks(SHAPE)).astype(np.uint8)
    noisy = draw.draw(testing.noisy_affines(affine, SHAPE))
    map_ = image_of(blob(), affine)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The threshold .* is beyond the range")
        results = [
            CALLS[name](map_, image_of(mask, place)) for place in (affine, noisy)
        ]
    np.testing.assert_array_equal(*results)


@SOME
@given(st.data(), testing.affines())
def test_a_further_map_with_rounding_noise_is_taken(draw, affine):
    noisy = draw.draw(testing.noisy_affines(affine, SHAPE))
    further = image_of(np.arange(120, dtype=np.float32).reshape(SHAPE), noisy)
    found = nithresh.find_clusters(image_of(blob(), affine), 2, extra={"e": further})
    assert np.nanmax(found.table["e_max"]) == 119


@SOME
@given(testing.affines(), st.lists(st.integers(-1, 1), min_size=12, max_size=12))
def test_rounding_noise_does_not_decide_about_a_distance(affine, noise):
    # Two peaks of a cluster, four voxels apart along each axis.
    zooms = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    noisy = affine.copy()
    noisy[:3] += 1e-8 * np.reshape(noise, (3, 4))
    for axis, zoom in enumerate(zooms):
        data = np.moveaxis(np.float32([9, 2, 2, 2, 8]).reshape(5, 1, 1), 0, axis)
        for place in (affine, noisy):
            found = nithresh.find_clusters(
                image_of(data, place), 1, min_distance=4 * zoom
            )
            assert found.table["id"].tolist() == ["1", "1a"]
            table = nithresh.get_clusters_table(
                image_of(data, place), 1, min_distance=4 * zoom
            )
            assert table["Cluster ID"].tolist() == [1]


def test_a_marker_at_the_largest_distance_from_a_cut():
    display = plot_stat_map(image_of(blob()), display_mode="z", cut_coords=[2])
    display.add_markers([[0, 0, 4.0000004], [2, 2, 4.01]])
    (panel,) = display.axes.values()
    assert len(panel.ax.collections[-1].get_offsets()) == 1
    display.close()


def test_files_with_rounding_noise(tmp_path):
    rng = np.random.default_rng(0)
    noisy = np.diag([3.0, 3, 3, 1])
    noisy[2, 0] = 2e-8
    data = rng.standard_normal((40, 48, 20)).astype(np.float32)
    data[:7, :7, 0] = 9
    map_ = image_of(data, np.diag([3.0, 3, 3, 1]))
    nithresh.save(map_, tmp_path / "map.nii")
    nithresh.save(mask_of(noisy, data.shape), tmp_path / "mask.nii")
    loaded = nithresh.load(tmp_path / "mask.nii")
    assert loaded.affine[2, 0] != 0
    nithresh.threshold_files(
        [(tmp_path / "map.nii", tmp_path / "kept.nii")],
        8,
        cluster_threshold=49,
        mask_img=tmp_path / "mask.nii",
    )
    words = ["-t", "8", "-k", "49", "--mask", str(tmp_path / "mask.nii")]
    source, target = str(tmp_path / "map.nii"), str(tmp_path / "by_command.nii")
    assert main(["threshold", source, *words, "-o", target]) == 0
    for name in ("kept.nii", "by_command.nii"):
        assert np.count_nonzero(array(nithresh.load(tmp_path / name))) == 49
    found = nithresh.find_clusters(map_, 8, cluster_threshold=49, mask_img=loaded)
    assert found.table.choices["mask_voxels"] == 38_400
    # What a pattern stands for, too.
    nithresh.save(image_of(data, noisy), tmp_path / "map2.nii")
    joined = nithresh.threshold_img(str(tmp_path / "map*.nii"), 8)
    assert joined.shape == (40, 48, 20, 2)
    nithresh.save(image_of(data, noisy + 0.1), tmp_path / "map3.nii")
    with pytest.raises(
        ValueError,
        match=r"map3.nii' is on another grid than '.*map.nii': its affine puts voxels ",
    ):
        nithresh.threshold_img(str(tmp_path / "map*.nii"), 8)


def test_a_batch_gives_each_file_what_it_would_be_by_itself():
    # The centres of the first map lie on borders of the mask's voxels and round up,
    # those of the second, on what is the same grid as the first, lie below.
    mask = image_of(np.arange(8).reshape(2, 2, 2) % 2, np.diag([4.0, 4, 4, 1]))
    maps = [image_of(blob(), moved_by(0, 0, shift)) for shift in (0, -1e-3)]
    assert grids.same_grid(*maps)
    batch = Mask(mask)
    for map_ in maps:
        alone = nithresh.threshold_img(map_, 2, mask_img=mask)
        ours = nithresh.threshold_img(map_, 2, mask_img=batch.on_grid_of(map_))
        np.testing.assert_array_equal(array(ours), array(alone))
    assert batch.on_grid_of(maps[1]) is batch.on_grid_of(maps[1])


# Masks on other grids.


@given(
    st.data(),
    testing.affines(),
    testing.affines(),
    st.tuples(*[st.integers(1, 4)] * 3),
    st.tuples(*[st.integers(0, 4)] * 3),
)
def test_a_mask_on_another_grid_is_that_of_its_boxes(
    draw, affine, target, shape, target_shape
):
    mask = draw.draw(testing.masks(shape)) != 0
    # Close to each other, with many centres on borders.
    target[:3, 3] = affine[:3, 3] + draw.draw(
        st.sampled_from([[0, 0, 0], [0.5, 0, -0.5], [0.25, 1, 0], [1e-9, 3, -1e-9]])
    )
    ours = grids.sampled(mask, affine, target, target_shape)
    np.testing.assert_array_equal(ours, sampled(mask, affine, target, target_shape))


@SOME
@given(st.data(), testing.affines(), testing.affines())
def test_rounding_noise_does_not_decide_about_a_border(draw, affine, target):
    mask = draw.draw(testing.masks(SHAPE)) != 0
    target[:3, 3] = affine[:3, 3]
    noisy = target.copy()
    noise = draw.draw(st.lists(st.integers(-1, 1), min_size=12, max_size=12))
    noisy[:3] += 1e-8 * np.reshape(noise, (3, 4))
    ours = [grids.sampled(mask, affine, place, SHAPE) for place in (target, noisy)]
    np.testing.assert_array_equal(*ours)


def test_the_borders_of_a_mask_on_another_grid():
    # Voxels of 1 mm on one mask of two voxels of 4 mm: -2 to 2 and 2 to 6 mm.
    mask = image_of(np.reshape([1, 0], (2, 1, 1)), np.diag([4.0, 4, 4, 1]))
    other = image_of(np.reshape([0, 1], (2, 1, 1)), np.diag([4.0, 4, 4, 1]))
    map_ = image_of(
        np.ones((11, 1, 1)),
        nibabel.affines.from_matvec(np.eye(3), [-3, 0, 0]),
    )
    kept = [array(nithresh.threshold_img(map_, 1, mask_img=m)) for m in (mask, other)]
    # From -3 to 7 mm. The border at 2 mm belongs to the second, those outside to each.
    assert kept[0].ravel().tolist() == [0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
    assert kept[1].ravel().tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0]


def test_a_mask_of_another_number_of_dimensions_is_of_the_wrong_type():
    for shape in [(120,), (5, 6), (5, 6, 4, 2), (5, 6, 4, 1, 2), (5, 6, 4, 0)]:
        mask = nibabel.Nifti1Image(np.ones(shape, np.uint8), np.eye(4))
        match = rf"mask_img has shape \({', '.join(map(str, shape))},?\); it must"
        for name in CALLS:
            with pytest.raises(TypeError, match=match):
                CALLS[name](image_of(blob()), mask)
    for shape in [(5, 6, 4, 1), (5, 6, 4, 1, 1)]:
        mask = mask_of(shape=shape)
        kept = nithresh.threshold_img(image_of(blob()), 2, mask_img=mask)
        np.testing.assert_array_equal(array(kept), blob())


# Affines without places.


def with_forms(path, sform, qform, codes=(2, 1)):
    """Write a map with these forms in its header, and load it."""
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.float32)
    if qform is not None:
        header.set_qform(qform, codes[1])
    header.set_sform(sform, codes[0])
    nibabel.save(nibabel.Nifti1Image(blob(), None, header), path)
    return path


GOOD = np.diag([2.0, 2, 2, 1])
NEED_MM = {
    "find_clusters": lambda img: nithresh.find_clusters(img, 2),
    "get_clusters_table": lambda img: nithresh.get_clusters_table(img, 2),
    "plot_stat_map": lambda img: plot_stat_map(img, bg_img=None),
    "plot_stat_map bg_img": lambda img: plot_stat_map(image_of(blob()), bg_img=img),
    "plot_stat_map transparency": lambda img: plot_stat_map(
        image_of(blob()), bg_img=None, transparency=img
    ),
    "plot_clusters bg_img": lambda img: plot_clusters(
        nithresh.find_clusters(image_of(blob()), 2), bg_img=img
    ),
    "add_overlay": lambda img: plot_stat_map(image_of(blob())).add_overlay(img),
    "add_contours": lambda img: plot_stat_map(image_of(blob())).add_contours(img),
    "threshold_img": lambda img: nithresh.threshold_img(img, 2, mask_img=mask_of()),
    "threshold_img mask_img": lambda img: nithresh.threshold_img(
        image_of(blob()), 2, mask_img=img
    ),
    "tfce_img": lambda img: nithresh.tfce_img(img, mask_img=mask_of()),
    "ClusterTree": lambda img: nithresh.ClusterTree(img, mask_img=mask_of()),
    "threshold_stats_img": lambda img: nithresh.threshold_stats_img(img, mask_of()),
    "Mask": lambda img: Mask(mask_of()).on_grid_of(opened(img)),
    "Mask mask_img": lambda img: Mask(img).on_grid_of(image_of(blob())),
}


def opened(img):
    return nithresh.load(img) if isinstance(img, Path) else img


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", NEED_MM)
def test_what_needs_millimetres_names_the_file_and_the_form(tmp_path, name):
    path = with_forms(tmp_path / "zero.nii", np.diag([0.0, 0, 0, 1]), GOOD)
    if "mask" in name:
        # One value inside.
        nibabel.save(
            nibabel.Nifti1Image(
                (blob() != 0).astype(np.uint8), None, nibabel.load(path).header
            ),
            path,
        )
    match = (
        r"zero\.nii' has no place in mm: the sform of its header \(code 2\) is zero; "
        r"the qform \(code 1\) can be used: choose it with img.set_sform\(None\)"
    )
    for img in (path, nibabel.load(path)):
        with pytest.raises(ValueError, match=match):
            NEED_MM[name](img)
    # What the message says helps.
    image = nibabel.load(path)
    image.set_sform(None)
    NEED_MM[name](image)
    plt.close("all")


@pytest.mark.parametrize(
    ("sform", "qform", "codes", "match"),
    [
        ("nan", "good", (2, 1), r"sform .* \(code 2\) has numbers .* not finite; the "),
        (
            "flat",
            "none",
            (4, 0),
            r"sform .* \(code 4\) is singular.*, and the qform is",
        ),
        (
            "good",
            "nan",
            (0, 1),
            r"qform .* \(code 1\) has numbers.*, and the sform is n",
        ),
        (
            "zero",
            "nan",
            (2, 3),
            r"sform .* is zero, and the qform has numbers that are",
        ),
    ],
)
def test_which_form_is_at_fault(tmp_path, sform, qform, codes, match):
    forms = {
        "good": GOOD,
        "zero": np.diag([0.0, 0, 0, 1]),
        "nan": np.full((4, 4), np.nan),
        "flat": np.diag([2.0, 2, 0, 1]),
        "none": None,
    }
    path = with_forms(
        tmp_path / "a.nii",
        forms[sform],
        None if qform == "nan" else forms[qform],
        codes,
    )
    if qform == "nan":
        content = bytearray(path.read_bytes())
        header = nibabel.Nifti1Header(bytes(content[:348]))
        header["qform_code"], header["qoffset_x"] = codes[1], np.nan
        content[:348] = header.binaryblock
        path.write_bytes(content)
    with pytest.raises(ValueError, match=match):
        nithresh.find_clusters(path, 2)


@pytest.mark.filterwarnings("error")
@SOME
@given(testing.degenerate_affines(), st.booleans())
def test_what_needs_no_millimetres_works_without(tmp_path_factory, affine, copy_header):
    map_, fit = image_of(blob(), affine), image_of(blob())
    words = {"copy_header": copy_header}
    for mask in (False, True):
        masks = (mask_of(affine), mask_of()) if mask else (None, None)
        ours, expected = (
            nithresh.threshold_img(one, 2, 3, mask_img=own, **words)
            for one, own in zip((map_, fit), masks, strict=True)
        )
        np.testing.assert_array_equal(array(ours), array(expected))
        np.testing.assert_array_equal(ours.affine, affine)
        np.testing.assert_array_equal(
            array(nithresh.tfce_img(map_, mask_img=masks[0])),
            array(nithresh.tfce_img(fit, mask_img=masks[1])),
        )
        _, level = nithresh.threshold_stats_img(map_, masks[0], height_control="fdr")
        assert (
            level
            == nithresh.threshold_stats_img(fit, masks[1], height_control="fdr")[1]
        )
        tree = nithresh.ClusterTree(map_, mask_img=masks[0])
        assert tree.counts(2) == 3
    nithresh.save(ours, tmp_path_factory.mktemp("degenerate") / "a.mgz")
    # From file to file, where the sform keeps what it was.
    folder = tmp_path_factory.mktemp("degenerate")
    for name in ("a.nii", "a.nii.gz", "a.hdr"):
        nithresh.save(ours, folder / name)
        saved = nithresh.load(folder / name)
        np.testing.assert_array_equal(array(saved), array(ours))
        np.testing.assert_array_equal(saved.affine, affine.astype(np.float32))


@SOME
@given(testing.degenerate_affines())
def test_the_command_on_degenerate_affines(tmp_path_factory, affine):
    folder = tmp_path_factory.mktemp("degenerate")
    nithresh.save(image_of(blob(), affine), folder / "map.nii")
    for words in (
        ["threshold", "map.nii", "-t", "2", "-o", "a.nii"],
        ["tfce", "map.nii", "-o", "b.nii.gz"],
        ["info", "map.nii"],
    ):
        done = run_here(*words, folder=folder)
        assert (done.code, done.err) == (0, "")
    assert re.search(r"orientation +unknown: the sform of its header \(c", done.out)
    kept = array(nithresh.load(folder / "a.nii"))
    np.testing.assert_array_equal(kept, nithresh.threshold(blob(), 2))
    for words in (
        ["clusters", "map.nii", "-t", "2"],
        ["plot", "map.nii", "-t", "2", "-o", "c.png"],
    ):
        done = run_here(*words, folder=folder)
        assert done.code == 1
        assert done.err.count("\n") == 1
        assert "has no place in mm: the sform of its header (code 2) " in done.err
    assert not (folder / "c.png").exists()


@given(testing.affines(), testing.degenerate_affines())
def test_a_fault_is_found_in_degenerate_affines_alone(fit, degenerate):
    assert grids.fault(fit) is None
    assert grids.fault(degenerate) is not None
    for scale in (1e-20, 1e20):
        fit[:3] *= scale
        assert grids.fault(fit) is None
    fit[3, 0] = 1
    assert "last row" in grids.fault(fit)


# Volumes.


@given(
    st.permutations(range(3)),
    st.lists(st.sampled_from([1, 2, 3, 0.5, -1.25, -2]), min_size=3, max_size=3),
)
def test_volumes_of_voxels_along_the_axes_are_exact(order, zooms):
    affine = np.eye(4)
    affine[:3, :3] = np.diag(zooms)[list(order)]
    found = nithresh.find_clusters(image_of(np.full((3, 3, 3), 4.0), affine), 3)
    assert found.table["volume_mm3"].tolist() == [27 * abs(np.prod(zooms))]
    table = nithresh.get_clusters_table(image_of(np.full((3, 3, 3), 4.0), affine), 3)
    assert table["Cluster Size (mm3)"].tolist() == [int(27 * abs(np.prod(zooms)))]


@given(testing.affines(), testing.affines())
def test_a_determinant_is_numpy_s(one, other):
    assume(np.isfinite(one).all())
    product = one @ other
    expected = np.linalg.det(product[:3, :3])
    assert grids.determinant(product) == pytest.approx(expected, rel=1e-12)
