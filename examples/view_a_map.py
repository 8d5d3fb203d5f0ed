"""
One page with a live threshold
==============================

:func:`nithresh.view` makes one HTML page of a map. Move the slider below: the clusters
are those of :func:`nithresh.find_clusters` at every threshold.
"""

# %%
# In a notebook the page shows where a cell ends with it
# ------------------------------------------------------
# sphinx_gallery_thumbnail_path = "pages.png"
import tempfile
from pathlib import Path

import nithresh
from nithresh import datasets

image = datasets.load_sample_motor_activation_image()
page = nithresh.view(image, 3, cluster_threshold=50, lowest=1.5)
page

# %%
# A file to send
# --------------
# Whoever has the file has the values of the map. ``lowest=1.5`` has left out those that
# are nearer to zero, which makes it smaller.
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "motor.html")
    page.save(path)
    print(f"{path.stat().st_size / 1000:.0f} KB")

# %%
# The page is for looking. A threshold that is chosen by looking is not an inference. To
# say which clusters are real, choose it before, or use an error rate.
