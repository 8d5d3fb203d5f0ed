"""The order of the examples in the gallery."""

_ORDER = [
    "plot_threshold_image.py",
    "plot_clusters.py",
    "plot_table_for_a_paper.py",
    "plot_percentile_and_mask.py",
    "plot_for_print.py",
    "plot_error_rates.py",
    "plot_tfce.py",
    "plot_cluster_tree.py",
    "view_a_map.py",
    "arrays_in_a_pipeline.py",
    "many_files.py",
    "property_based_test.py",
]


def place(file: str) -> int:
    """Return the place of an example; those that are not listed come last."""
    return _ORDER.index(file) if file in _ORDER else len(_ORDER)
