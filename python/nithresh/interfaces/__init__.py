"""The same calls as parts of other people's pipelines."""
