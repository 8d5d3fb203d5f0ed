"""``nithresh plot``."""

import argparse
from pathlib import Path
from typing import Any

from matplotlib import __version__, rc_context

from nithresh import nifti
from nithresh._choices import versions
from nithresh._params import check_request
from nithresh.command.each import Job, check_files, for_each
from nithresh.command.errors import UsageError, as_usage, naming
from nithresh.command.sidecar import command_line, save_sidecar
from nithresh.command.threshold import is_two_sided, threshold_options
from nithresh.plotting import plot_stat_map
from nithresh.plotting.cuts import check_cuts


def run(words: argparse.Namespace) -> int:
    """Draw the input."""
    request: dict[str, Any] = {
        "two_sided": is_two_sided(words),
        "cluster_threshold": words.cluster_threshold,
        "connectivity": words.connectivity,
    }
    cut_coords = words.cut_coords
    if words.display_mode in ("x", "y", "z") and cut_coords and len(cut_coords) == 1:
        # One number is a number of cuts, as in the call.
        (number,) = cut_coords
        cut_coords = int(number) if number.is_integer() else number
    with as_usage():
        check_request(0.0 if words.threshold is None else words.threshold, **request)
        check_cuts(words.display_mode, cut_coords)
    if words.threshold is None and words.cluster_threshold > 0:
        msg = "-k needs a threshold: -t"
        raise UsageError(msg)
    if words.threshold is not None:
        request["threshold"] = words.threshold
    request["display_mode"] = words.display_mode
    request["cut_coords"] = cut_coords

    def work(job: Job) -> str:
        (output,) = job.outputs
        image = nifti.open_image(Path(job.source))
        save_sidecar(
            job.sidecars[0],
            "Figure of a statistical map",
            command_line(
                "plot",
                job.source,
                {
                    **threshold_options(words),
                    "--display-mode": words.display_mode,
                    "--cut-coords": words.cut_coords,
                    "-o": output,
                },
            ),
            {
                **request,
                "input": nifti.source(job.source),
                "versions": versions() | {"matplotlib": __version__},
            },
        )
        # Names in an SVG file are random otherwise.
        with naming(output), rc_context({"svg.hashsalt": "nithresh"}):
            plot_stat_map(image, output_file=output, **request)
        return str(output)

    output = Path(words.output).expanduser()
    jobs = [Job(words.inputs[0], (output,))]
    check_files(jobs)
    return for_each(words, jobs, work)
