"""
A property-based test of your own pipeline
==========================================

``nithresh.testing`` has `hypothesis`_ strategies for maps, masks, affines and images
with awkward content: ties, values at the threshold, NaN, empty volumes, oblique
affines, every type and memory layout. Needs ``pip install 'nithresh[testing]'``.

.. _hypothesis: https://hypothesis.readthedocs.io
"""

# %%
# What is drawn
# -------------
# Small maps with few distinct values, so that ties happen often. Here is a plane of one
# map of each type; NaN and infinities are grey.
import matplotlib.pyplot as plt
import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import nithresh
from nithresh import testing

planes = {}


@settings(max_examples=300, derandomize=True, database=None)
@given(testing.maps(dimensions=[3], smallest_side=3))
def collect(data):
    """Keep the plane of each type that has the most distinct values."""
    name, plane = data.dtype.name, data[:, :, 1]
    if len(np.unique(plane)) > len(np.unique(planes.get(name, []))):
        planes[name] = plane


collect()
colours = plt.get_cmap("RdBu_r").with_extremes(bad="grey")
figure, panels = plt.subplots(2, 5, figsize=(7, 3.2), layout="constrained")
for panel, name in zip(panels.flat, testing.DTYPES, strict=True):
    values = np.where(np.isfinite(planes[name]), planes[name], np.nan)
    panel.imshow(values, cmap=colours, vmin=-3, vmax=3)
    panel.set_title(name, fontsize=9)
    panel.set_axis_off()

# %%
# A step of a pipeline
# --------------------
# It masks a map by the largest cluster, and looks right.


def largest_cluster(data, level):
    """Keep the largest cluster of a map."""
    labels, _ = nithresh.label(data, level)
    with np.errstate(invalid="ignore"):
        return data * (labels == 1)


# %%
# A property
# ----------
# Whatever the map, the result has the values of the map in the cluster and zeros
# elsewhere.


def check(step):
    """Look for a map for which the property does not hold."""

    @settings(derandomize=True, database=None, phases=[Phase.generate, Phase.shrink])
    @given(testing.maps(dimensions=[3]), st.sampled_from([1, 2, 2.5]))
    def property_holds(data, level):
        labels, _ = nithresh.label(data, level)
        result = step(data, level)
        np.testing.assert_array_equal(result[labels == 1], data[labels == 1])
        np.testing.assert_array_equal(result[labels != 1], 0)

    try:
        property_holds()
    except AssertionError as error:
        print(error, *error.__notes__, sep="\n")
    else:
        print("holds")


check(largest_cluster)

# %%
# NaN times 0 is NaN. A map with NaN outside the brain, which is common, breaks this
# step. Hypothesis found the smallest such map. This is the step put right:


def largest_cluster_mended(data, level):
    """Keep the largest cluster of a map."""
    labels, _ = nithresh.label(data, level)
    return np.where(labels == 1, data, 0)


check(largest_cluster_mended)

# %%
# In a test suite
# ---------------
# There the property is a test that pytest finds::
#
#     from hypothesis import given
#     from nithresh import testing
#
#     @given(testing.images(), testing.thresholds())
#     def test_my_step(image, level):
#         ...
