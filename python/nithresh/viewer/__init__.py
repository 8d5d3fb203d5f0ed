"""One HTML page of a map: slices, clusters and table at a threshold that can be moved.

A page holds the map's own values and its component tree, and looks its clusters up in
them (``clusters.js``).
"""

from nithresh.viewer.report import report
from nithresh.viewer.views import View, view

__all__ = ["View", "report", "view"]
