"""The calls as parts of pipelines of other packages."""
