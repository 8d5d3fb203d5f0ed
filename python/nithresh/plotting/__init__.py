"""Draw statistical maps.

matplotlib is imported with the first figure, and pyplot only for a figure that has
to show up in a notebook or a window.
"""

from nithresh.plotting.clusters import ClustersDisplay, plot_clusters
from nithresh.plotting.display import SliceDisplay
from nithresh.plotting.figures import show
from nithresh.plotting.panels import Panel
from nithresh.plotting.stat_map import plot_stat_map

__all__ = [
    "ClustersDisplay",
    "Panel",
    "SliceDisplay",
    "plot_clusters",
    "plot_stat_map",
    "show",
]
