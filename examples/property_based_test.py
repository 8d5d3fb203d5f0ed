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
from hypothesis import HealthCheck, Phase, given, settings

import nithresh
from nithresh import testing

# The same maps each time, however slow the machine is.
steady = settings(
    max_examples=300,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow],
)
planes = {}


@steady
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


def largest_cluster(data):
    """Keep the largest cluster of a map at a threshold of 2."""
    labels, _ = nithresh.label(data, 2)
    with np.errstate(invalid="ignore"):
        return data * (labels == 1)


# %%
# A property
# ----------
# Whatever the map, the result has the values of the map in the cluster and zeros
# elsewhere.


def check(step):
    """Look for a map for which the property does not hold; say whether it holds."""

    @steady
    @given(testing.maps(dtypes=["float32"], dimensions=[3]))
    def property_holds(data):
        labels, _ = nithresh.label(data, 2)
        result = step(data)
        np.testing.assert_array_equal(result[labels == 1], data[labels == 1])
        np.testing.assert_array_equal(result[labels != 1], 0)

    try:
        property_holds()
    except AssertionError as error:
        print(error, *error.__notes__, sep="\n")
        return False
    print("holds")
    return True


assert not check(largest_cluster)

# %%
# NaN times 0 is NaN. A map with NaN outside the brain, which is common, breaks this
# step. Hypothesis found the smallest such map. This is the step put right:


def largest_cluster_mended(data):
    """Keep the largest cluster of a map at a threshold of 2."""
    labels, _ = nithresh.label(data, 2)
    return np.where(labels == 1, data, 0)


assert check(largest_cluster_mended)

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
