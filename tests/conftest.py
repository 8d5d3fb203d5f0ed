"""What all tests share."""

import os

import matplotlib as mpl
from hypothesis import HealthCheck, settings

mpl.use("Agg")

# One profile for people (fast enough to run all the time, other cases each time)
# and one for CI (more cases, the same each time, so that a change is not held up
# by what it did not touch).
settings.register_profile(
    "default",
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile(
    "ci", settings.get_profile("default"), max_examples=250, derandomize=True
)
settings.load_profile("ci" if os.environ.get("CI") else "default")
