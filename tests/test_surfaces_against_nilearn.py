"""SurfaceImages: equal to nilearn where that is right, and right where it is not."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nilearn.datasets import load_fsaverage_data
from nilearn.image import threshold_img as nilearn_threshold
from nilearn.reporting import get_clusters_table as nilearn_table
from nilearn.surface import InMemoryMesh, SurfaceImage

import nithresh
from nithresh import testing
from nithresh.testing import icosphere, strip


def surface_image(meshes, data):
    parts = {side: InMemoryMesh(*mesh) for side, mesh in meshes.items()}
    return SurfaceImage(parts, data)


def strips(*values):
    """An image of strips, left and right."""
    sides = dict(zip(("left", "right"), map(np.asarray, values), strict=False))
    return surface_image({side: strip(len(own)) for side, own in sides.items()}, sides)


@pytest.fixture(scope="module")
def fsaverage():
    return load_fsaverage_data(mesh_type="pial")


def same_parts(image, other):
    assert type(image) is type(other) is SurfaceImage
    for side, own in other.data.parts.items():
        assert image.data.parts[side].dtype == own.dtype
        np.testing.assert_array_equal(image.data.parts[side], own)


@pytest.mark.parametrize(
    "words",
    [
        {"threshold": 1.4, "cluster_threshold": 10},
        {"threshold": 0.5, "cluster_threshold": 50, "two_sided": False},
        {"threshold": -0.5, "cluster_threshold": 10, "two_sided": False},
        {"threshold": "90%", "cluster_threshold": 20},
        {"threshold": "95%", "two_sided": False},
        {"threshold": 0},
    ],
)
def test_the_map_of_nilearn(fsaverage, words):
    kept = nithresh.threshold_img(fsaverage, **words)
    same_parts(kept, nilearn_threshold(fsaverage, **words))
    assert kept.mesh is fsaverage.mesh


@pytest.mark.filterwarnings("ignore:A surface is the average")
def test_what_nilearn_saves_is_read_again_with_its_hemispheres(fsaverage, tmp_path):
    """By the names that it gives the files, because they say it nowhere else."""
    kept = nithresh.threshold_img(fsaverage, 1, cluster_threshold=20)
    with pytest.raises(TypeError, match=r"img\.data\.to_filename"):
        nithresh.save(kept, tmp_path / "kept.func.gii")
    kept.data.to_filename(tmp_path / "kept.gii")
    for side in ("left", "right"):
        path = tmp_path / f"kept_hemi-{side[0].upper()}.gii"
        found = nithresh.find_clusters(path, 1, surface=fsaverage.mesh)
        assert set(found.table["structure"]) == {side}
        assert "connectivity" not in str(found)
        values = nithresh.load(path).darrays[0].data
        np.testing.assert_array_equal(values, kept.data.parts[side])


@pytest.mark.parametrize("threshold", [0.7, 1.4])
@pytest.mark.parametrize("two_sided", [True, False])
@pytest.mark.filterwarnings("ignore")
def test_the_table_of_nilearn(fsaverage, threshold, two_sided):
    words = {"cluster_threshold": 5, "two_sided": two_sided}
    words["return_label_maps"] = True
    table, maps = nithresh.get_clusters_table(fsaverage, threshold, **words)
    expected, their_maps = nilearn_table(fsaverage, threshold, **words)
    positive = expected["Peak Stat"] > 0
    assert positive.sum() >= 4
    assert list(table) == list(expected)
    if threshold < 1:
        # At 1.4, one has no negative cluster on the right, and no types there.
        assert (table.dtypes == expected.dtypes).all()
    same = positive if two_sided else slice(None)
    # The peaks of negative clusters are its weakest vertices.
    pd.testing.assert_frame_equal(table[same], expected[same], check_dtype=False)
    without = ["Cluster ID", "Hemisphere", "Cluster Size (vertices)"]
    pd.testing.assert_frame_equal(table[without], expected[without], check_dtype=False)
    for image, other in zip(maps, their_maps, strict=True):
        same_parts(image, other)


@given(testing.surface_images(signs=1, non_finite=False), st.data())
@settings(max_examples=40, deadline=None)
@pytest.mark.filterwarnings("ignore")
def test_maps_of_one_sign_are_those_of_nilearn(image, data):
    words = {
        "threshold": data.draw(st.sampled_from([1, 2, "40%"])),
        "cluster_threshold": data.draw(st.integers(0, 4)),
        "two_sided": data.draw(st.booleans()),
    }
    same_parts(
        nithresh.threshold_img(image, **words), nilearn_threshold(image, **words)
    )


@given(testing.surface_images(maps=2), st.integers(0, 4))
@settings(max_examples=40, deadline=None)
@pytest.mark.filterwarnings("ignore")
def test_hemispheres_and_maps_are_each_by_themselves(image, extent):
    kept = nithresh.threshold_img(image, 1, extent)
    for side, mesh in image.mesh.parts.items():
        for number in range(2):
            values = image.data.parts[side][:, number]
            alone = surface_image(
                {"left": (mesh.coordinates, mesh.faces)}, {"left": values}
            )
            alone = nithresh.threshold_img(alone, 1, extent).data.parts["left"]
            np.testing.assert_array_equal(kept.data.parts[side][:, number], alone)


def test_masks_of_nilearn(fsaverage):
    inside = {
        side: (np.arange(len(values)) % 3 > 0).astype(np.uint8)
        for side, values in fsaverage.data.parts.items()
    }
    mask = SurfaceImage(fsaverage.mesh, inside)
    words = {"threshold": "80%", "cluster_threshold": 3, "mask_img": mask}
    same_parts(
        nithresh.threshold_img(fsaverage, **words),
        nilearn_threshold(fsaverage, **words),
    )


def test_positive_and_negative_vertices_are_apart():
    """nilearn joins them for its map, and not for its table."""
    image = strips([3.0, 3, -3, -3, 0, 0])
    assert nilearn_threshold(image, 2, 3).data.parts["left"].any()
    assert not nithresh.threshold_img(image, 2, 3).data.parts["left"].any()
    kept = nithresh.threshold_img(image, 2, 2).data.parts["left"]
    assert kept.tolist() == [3, 3, -3, -3, 0, 0]


def test_values_that_are_not_finite_are_zero():
    """nilearn warns that they are replaced, and keeps them."""
    image = strips([3.0, np.nan, np.inf, 3, 0, 3])
    with pytest.warns(UserWarning, match="Non-finite"):
        kept = nilearn_threshold(image, 2)
    assert not np.isfinite(kept.data.parts["left"]).all()
    with pytest.warns(UserWarning, match="Non-finite"):
        kept = nithresh.threshold_img(image, 2)
    assert kept.data.parts["left"].tolist() == [3, 0, 0, 3, 0, 3]
    with pytest.warns(UserWarning, match="Non-finite"):
        table = nithresh.get_clusters_table(image, 2)
    assert table["Peak Stat"].tolist() == [3, 3]


def test_series_have_clusters():
    """nilearn fails: a boolean index of the wrong shape."""
    image = strips(np.array([[3.0, 0], [3, 3], [0, 3], [0, 3], [3, 0], [0, 0]]))
    with pytest.raises(IndexError):
        nilearn_threshold(image, 2, 2)
    kept = nithresh.threshold_img(image, 2, 2).data.parts["left"]
    assert kept.T.tolist() == [[3, 3, 0, 0, 0, 0], [0, 3, 3, 3, 0, 0]]
    one = strips(np.array([[3.0], [3], [0], [0], [0], [3]]))
    assert nithresh.threshold_img(one, 2, 2).data.parts["left"].shape == (6, 1)
    assert nithresh.get_clusters_table(one, 2)["Cluster Size (vertices)"].tolist() == [
        2,
        1,
    ]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_peak_of_a_negative_cluster_is_its_strongest():
    image = strips([-3.0, -5, -9, 0, 0])
    assert nilearn_table(image, 2, two_sided=True)["Peak Stat"].tolist() == [-3]
    assert nithresh.get_clusters_table(image, 2, two_sided=True)[
        "Peak Stat"
    ].tolist() == [-9]
    assert nithresh.get_clusters_table(image, -2)["Peak Stat"].tolist() == [-9]


def test_a_percentile_of_no_values_keeps_nothing():
    """nilearn gives back the whole map."""
    image = strips([-3.0, -5, -9, -1, -2])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kept = nilearn_threshold(image, "50%", two_sided=False)
    assert kept.data.parts["left"].all()
    with pytest.warns(UserWarning, match="percentile of the values >= 0"):
        kept = nithresh.threshold_img(image, "50%", two_sided=False)
    assert not kept.data.parts["left"].any()


def test_the_signed_minimum_passes_without_a_warning(recwarn):
    image = strips(np.array([-128, 5, 30, 0, 0], np.int8))
    kept = nithresh.threshold_img(image, 20)
    assert kept.data.parts["left"].tolist() == [-128, 0, 30, 0, 0]
    assert kept.data.parts["left"].dtype == np.int8
    assert not recwarn.list


def test_a_threshold_that_is_nan_is_called_so():
    with pytest.raises(ValueError, match="threshold is NaN"):
        nithresh.threshold_img(strips([1.0, 2, 3]), np.nan)


def test_copy_false_writes_to_the_image_and_only_when_all_is_well():
    image = strips([3.0, 1, 1, 3, 3], [1.0, 3, 3, 0, 0])
    before = {side: own.copy() for side, own in image.data.parts.items()}
    with pytest.raises(ValueError, match="mask_img is 'abc'"):
        nithresh.threshold_img(image, 2, 2, mask_img="abc", copy=False)
    for side, own in before.items():
        np.testing.assert_array_equal(image.data.parts[side], own)
    expected = nithresh.threshold_img(image, 2, 2)
    for side, own in before.items():
        np.testing.assert_array_equal(image.data.parts[side], own)
    result = nithresh.threshold_img(image, 2, 2, copy=False)
    same_parts(result, expected)
    same_parts(image, expected)


def test_renumbered_vertices_have_the_same_clusters():
    """nilearn's cluster_level_inference takes numbers of vertices for neighbours."""
    coordinates, triangles = icosphere(2)
    rng = np.random.default_rng(2)
    values = np.where(coordinates[:, 0] > 0.4, 3, 0) + rng.normal(size=162)
    order = rng.permutation(len(values))
    place = np.argsort(order)
    image = surface_image({"left": (coordinates, triangles)}, {"left": values})
    other = surface_image(
        {"left": (coordinates[order], place[triangles])}, {"left": values[order]}
    )
    kept = nithresh.threshold_img(image, 2, 10).data.parts["left"]
    again = nithresh.threshold_img(other, 2, 10).data.parts["left"]
    assert kept.any()
    np.testing.assert_array_equal(again, kept[order])


def test_error_rates_of_a_surface_image(fsaverage):
    values = np.concatenate(list(fsaverage.data.parts.values())) * 3
    image = SurfaceImage(
        fsaverage.mesh,
        {side: 3 * own for side, own in fsaverage.data.parts.items()},
    )
    kept, level = nithresh.threshold_stats_img(
        image, alpha=0.05, height_control="bonferroni", cluster_threshold=3
    )
    from scipy.stats import norm

    # Zeros are the medial wall, and were not tested; nilearn counts them.
    assert level == pytest.approx(norm.isf(0.05 / 2 / np.count_nonzero(values)))
    same_parts(kept, nithresh.threshold_img(image, level, 3))


def test_a_surface_that_is_given_counts_before_the_image_s_own(fsaverage):
    from nilearn.datasets import load_fsaverage

    inflated = load_fsaverage()["inflated"]
    words = {"cluster_threshold": 10, "max_peaks": 1}
    with pytest.warns(UserWarning, match="average"):
        own = nithresh.find_clusters(fsaverage, 1.4, **words)
    with pytest.warns(UserWarning, match="inflated: its areas are not"):
        other = nithresh.find_clusters(fsaverage, 1.4, surface=inflated, **words)
    assert own.table["vertex"].tolist() == other.table["vertex"].tolist()
    assert own.table["x"].tolist() != other.table["x"].tolist()
    for part in ("labels_img", "thresholded_img", "positive_labels_img"):
        assert getattr(own, part).mesh is fsaverage.mesh
