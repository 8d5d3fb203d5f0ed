"""How sphinx builds the documentation site: ``make docs``."""

import logging
import sys
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

import nithresh

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

project = "nithresh"
author = "the nithresh developers"
copyright = f"2026, {author}"  # noqa: A001 - sphinx's name
version = release = nithresh.__version__

extensions = [
    "command_help",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.githubpages",  # so that folders such as _static are served
    "sphinx.ext.intersphinx",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["README.md", "_build"]  # the first is for a forge
templates_path = ["_templates"]

# Pages in Markdown link to one another's headings as they do on a forge.
myst_heading_anchors = 3

# Links to files outside this folder that have a page of the site.
_PAGES = {"../benches/record/0.1.0.md": "record.md"}


def _link_pages(app: Sphinx, page: str, source: list[str]) -> None:
    for path, name in _PAGES.items():
        source[0] = source[0].replace(f"({path})", f"({name})")


def _shorten(
    app: Sphinx,
    what: str,
    name: str,
    obj: Any,
    options: Any,
    signature: str,
    returns: str,
) -> tuple[str, str] | None:
    """Show no arguments of a class that is not made by hand."""
    by_hand = "Parameters\n" in (obj.__doc__ or "")
    return ("", "") if what == "class" and not by_hand else None


def setup(app: Sphinx) -> None:
    """Change sources and docstrings while they are read."""
    app.connect("source-read", _link_pages)
    app.connect("autodoc-process-signature", _shorten)


# API ----------------------------------------------------------------------------------

autodoc_typehints = "none"  # the docstrings say more
numpydoc_show_class_members = False  # the template of classes lists them

# References ---------------------------------------------------------------------------

nitpicky = True
nitpick_ignore_regex = [
    # Without a network nothing is known of other projects.
    ("py:.*", r"(dask|distributed|hypothesis|matplotlib|nibabel|numpy|pathlib)\..*"),
]
intersphinx_mapping = {
    "dask": ("https://docs.dask.org/en/stable", None),
    "distributed": ("https://distributed.dask.org/en/stable", None),
    "hypothesis": ("https://hypothesis.readthedocs.io/en/latest", None),
    "matplotlib": ("https://matplotlib.org/stable", None),
    "nibabel": ("https://nipy.org/nibabel", None),
    "numpy": ("https://numpy.org/doc/stable", None),
    "python": ("https://docs.python.org/3", None),
}
intersphinx_timeout = 5


def _without_network(record: logging.LogRecord) -> bool:
    """Turn the warning that an inventory was not reached into a note."""
    if "failed to reach" in str(record.msg):
        record.levelno, record.levelname = logging.INFO, "INFO"
    return True


logging.getLogger("sphinx.sphinx.ext.intersphinx").addFilter(_without_network)

# Gallery ------------------------------------------------------------------------------

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"\.py$",
    "within_subsection_order": "gallery_order.place",
    "abort_on_example_error": True,
    "capture_repr": ("_repr_html_",),
    "remove_config_comments": True,
    "backreferences_dir": "api/backreferences",
    "doc_module": ("nithresh",),
    "reference_url": {"nithresh": None},
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
}

# Pages --------------------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = "nithresh"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
# A page without others beside it has no list of them.
html_sidebars = {page.stem: [] for page in Path(__file__).parent.glob("*.md")}
html_theme_options = {
    "show_prev_next": False,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
