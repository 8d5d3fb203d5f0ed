"""What is drawn is what threshold_img keeps: one rule, one percentile."""

import warnings

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from nithresh import threshold_img
from nithresh.plotting import plot_stat_map

DTYPES = [
    "f2",
    ">f2",
    "f4",
    ">f4",
    "f8",
    ">f8",
    "i1",
    "u1",
    "i2",
    ">i2",
    "u2",
    "i4",
    "u4",
    "i8",
    "u8",
]


class Anything(nib.spatialimages.SpatialImage):
    """An image in memory that holds voxels of any type."""


def drawn(display, shape):
    """The voxels of all panels of cuts along z, and where they are shown."""
    planes = [panel.ax.images[-1].get_array() for panel in display.axes.values()]
    assert len(planes) == shape[2]
    values = np.stack([plane.filled(0).T for plane in planes], axis=2)
    shown = np.stack([~np.ma.getmaskarray(plane).T for plane in planes], axis=2)
    return values, shown


@settings(max_examples=100)
@given(
    dtype=st.sampled_from(DTYPES),
    seed=st.integers(0, 10**6),
    scale=st.sampled_from([1.0, 0.1, 1 / 3]),
    threshold=st.sampled_from([0.1, 0.3, 1, 2, "0%", "50%", "80%", "97.5%", "100%"]),
    two_sided=st.booleans(),
    cluster_threshold=st.sampled_from([0, 0, 2, 4]),
    connectivity=st.sampled_from([6, 18, 26]),
    has_nan=st.booleans(),
)
def test_every_voxel_that_threshold_img_keeps_and_no_other(
    dtype, seed, scale, threshold, two_sided, cluster_threshold, connectivity, has_nan
):
    shape = (4, 3, 3)
    data = np.random.default_rng(seed).integers(-4, 5, shape)
    if np.dtype(dtype).kind == "u":
        data = np.abs(data)
    if np.dtype(dtype).kind == "f":
        data = data * scale
        if has_nan:
            data[1, 1, 1] = np.nan
    img = Anything(data.astype(dtype), np.eye(4))
    words = {
        "threshold": threshold,
        "two_sided": two_sided,
        "cluster_threshold": cluster_threshold,
        "connectivity": connectivity,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kept = np.asarray(threshold_img(img, **words).dataobj)
        display = plot_stat_map(
            img,
            bg_img=None,
            display_mode="z",
            cut_coords=[0, 1, 2],
            colorbar=False,
            figure=Figure(),
            **words,
        )
    values, shown = drawn(display, shape)
    np.testing.assert_array_equal(values, kept)
    np.testing.assert_array_equal(shown, kept != 0)


@pytest.mark.filterwarnings("ignore:The result would hold 64-bit integers")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("threshold", ["40%", "75%", "90%", 0.1])
def test_an_overlay_too(dtype, threshold):
    data = np.abs(np.random.default_rng(3).integers(-9, 9, (4, 3, 3)))
    if np.dtype(dtype).kind == "f":
        data = data / 10
    img = Anything(data.astype(dtype), np.eye(4))
    kept = np.asarray(threshold_img(img, threshold).dataobj)
    display = plot_stat_map(
        img, bg_img=None, display_mode="z", cut_coords=[0, 1, 2], figure=Figure()
    )
    display.add_overlay(img, threshold=threshold)
    values, shown = drawn(display, kept.shape)
    np.testing.assert_array_equal(values, kept)
    np.testing.assert_array_equal(shown, kept != 0)
