"""What all tests share."""

import os

import matplotlib as mpl
from hypothesis import HealthCheck, settings

mpl.use("Agg")

# For people: fast enough to run all the time, and other cases each time. What fails is
# kept in .hypothesis and tried first the next time.
settings.register_profile(
    "default",
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
# For CI: more cases, and the same each time, so that a change is not held up by what it
# did not touch. Nothing is kept between runs; a failure prints how to reproduce it.
settings.register_profile(
    "ci",
    settings.get_profile("default"),
    max_examples=250,
    derandomize=True,
    database=None,
    print_blob=True,
)
# For a long look, with --hypothesis-profile=thorough.
settings.register_profile(
    "thorough", settings.get_profile("default"), max_examples=2000, print_blob=True
)
settings.load_profile("ci" if os.environ.get("CI") else "default")
