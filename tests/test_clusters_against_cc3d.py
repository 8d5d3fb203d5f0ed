"""The clusters of the core are those of connected-components-3d."""

import cc3d
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import nithresh
from nithresh import label, testing
from oracles import signs

MAPS = testing.maps(dimensions=[3], smallest_side=1, largest_side=8)
LEVELS = st.sampled_from([0.5, 1.0, 2.0, 2.5])
CONNECTIVITIES = st.sampled_from([6, 18, 26])


def clusters(data, level, two_sided, connectivity):
    """The sets of voxels, as sorted index arrays, that cc3d labels on each side."""
    found = []
    for passing in signs(data, level, two_sided):
        # As integers, because cc3d 4.1.1 raises "maximum length exception" for some
        # boolean volumes with 26 neighbours, such as [[[True, False, True]]].
        labels = cc3d.connected_components(
            np.ascontiguousarray(passing, np.uint8), connectivity=connectivity
        )
        found += [np.argwhere(labels == label) for label in range(1, labels.max() + 1)]
    return found


@given(MAPS, LEVELS, st.booleans(), CONNECTIVITIES, st.integers(2, 8))
def test_the_clusters_kept(data, level, two_sided, connectivity, cluster_threshold):
    kept = nithresh.threshold(
        data,
        level,
        cluster_threshold=cluster_threshold,
        two_sided=two_sided,
        connectivity=connectivity,
    )
    expected = np.zeros(data.shape, bool)
    for voxels in clusters(data, level, two_sided, connectivity):
        if len(voxels) >= cluster_threshold:
            expected[tuple(voxels.T)] = True
    np.testing.assert_array_equal(kept != 0, expected)


@given(MAPS, LEVELS, st.booleans(), CONNECTIVITIES)
def test_the_largest_cluster(data, level, two_sided, connectivity):
    native = data.astype(data.dtype.newbyteorder("="))

    def rank(voxels):
        magnitudes = [abs(int(v) if v == int(v) else float(v)) for v in values(voxels)]
        peak = max(magnitudes)
        return -len(voxels), -peak, voxels[magnitudes.index(peak)].tolist()

    def values(voxels):
        return native[tuple(voxels.T)].tolist()

    found = clusters(data, level, two_sided, connectivity)
    labels, count = label(data, level, two_sided=two_sided, connectivity=connectivity)
    assert count == len(found)
    largest = np.argwhere(labels == 1)
    expected = min(found, key=rank) if found else np.empty((0, 3), int)
    np.testing.assert_array_equal(largest, expected)
