"""Draw the figure of the README: clusters beside the table with the same numbers.

python docs/draw_clusters.py docs/clusters.png
"""

import sys

import matplotlib.pyplot as plt

from nithresh import datasets, find_clusters
from nithresh.plotting import plot_clusters

COLUMNS = {
    "id": "{}",
    "x": "{:.0f}",
    "y": "{:.0f}",
    "z": "{:.0f}",
    "peak": "{:.2f}",
    "extent": "{:.0f}",
    "mean": "{:.2f}",
}
EDGES = [0.06, 0.19, 0.32, 0.45, 0.64, 0.82, 1.0]  # the right edge of each column

clusters = find_clusters(
    datasets.load_sample_motor_activation_image(), 3, cluster_threshold=50
)
table = clusters.table

figure = plt.figure(figsize=(11, 5.8), facecolor="white")
left, right = figure.subfigures(1, 2, width_ratios=(6.6, 4.4))
plot_clusters(clusters, n=3, figure=left, draw_cross=False, cbar_label="z")

axes = right.add_axes((0.02, 0, 0.92, 1))
axes.set(xlim=(0, 1), ylim=(0, 1))
axes.set_axis_off()
top, step = 0.86, 0.068
for (name, form), edge in zip(COLUMNS.items(), EDGES, strict=True):
    words = {"ha": "right", "va": "center"}
    axes.text(edge, top, name, weight="bold", size=10, **words)
    for row, value in enumerate(table[name]):
        is_cluster = table["id"][row].isdigit()
        if not is_cluster and name in {"extent", "mean"}:
            continue
        axes.text(
            edge,
            top - (row + 1) * step,
            form.format(value).replace("-", "−"),
            size=10,
            color="firebrick" if table["sign"][row] > 0 else "steelblue",
            weight="bold" if is_cluster else "normal",
            **words,
        )
axes.axhline(top - step / 2, color="black", linewidth=0.8)
axes.text(
    0,
    0.97,
    "find_clusters(image, 3, cluster_threshold=50)",
    family="monospace",
    size=9.5,
    va="center",
)
figure.savefig(sys.argv[1], dpi=100)
