"""
Figures for print
=================

A figure of a page or of a column, in colours that everybody can tell apart, and in a
file that can be enlarged.
"""

# %%
# Colours
# -------
# The default colours, red and blue, can be told apart with every kind of colour
# blindness, but not on a grey printer: both signs become dark. Purple and orange
# (``"PuOr_r"``) can be told apart as well. For print in grey, draw one sign at a time
# in a map that only grows darker or lighter, such as ``"cividis"`` or ``"Greys"``.
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt

from nithresh import datasets
from nithresh.plotting import plot_stat_map

image = datasets.load_sample_motor_activation_image()
rows = plt.figure(figsize=(7.3, 10.5)).subfigures(3, 1)
words = {"cut_coords": (36, -25, 52), "cbar_label": "z", "threshold": 3}
plot_stat_map(image, title="RdBu_r", figure=rows[0], **words)
plot_stat_map(image, title="PuOr_r", cmap="PuOr_r", figure=rows[1], **words)
plot_stat_map(
    image,
    title="cividis, one sign",
    cmap="cividis",
    two_sided=False,
    figure=rows[2],
    **words,
)

# %%
# A column of a journal
# ---------------------
# Texts shrink less than the figure does, and not below 5 points. Texts in SVG and PDF
# files are texts, and pictures keep their voxels. ``dpi`` is for PNG files.
folder = Path(mkdtemp())
column = plt.figure(figsize=(85 / 25.4, 42 / 25.4))
display = plot_stat_map(image, title="left minus right", figure=column, **words)
for name in ("column.pdf", "column.svg"):
    display.savefig(folder / name, bbox_inches="tight")
display.savefig(folder / "column.png", dpi=300)
for path in sorted(folder.iterdir()):
    print(path.name)
