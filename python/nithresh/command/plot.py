"""``nithresh plot``."""

import argparse
import io
from pathlib import Path
from typing import Any

import nibabel
from matplotlib import __version__, rc_context

from nithresh import nifti
from nithresh._choices import versions
from nithresh._params import check_request
from nithresh._paths import expanded
from nithresh._stated import stated
from nithresh.clusters import Clusters, find_clusters
from nithresh.command.each import Job, check_files, for_each
from nithresh.command.errors import UsageError, as_usage, naming
from nithresh.command.sidecar import command_line, saving
from nithresh.command.threshold import is_two_sided, threshold_options
from nithresh.plotting import plot_stat_map
from nithresh.plotting.cuts import check_cuts
from nithresh.plotting.maps import open_volume


def run(words: argparse.Namespace) -> int:
    """Draw the input."""
    request: dict[str, Any] = {
        "two_sided": is_two_sided(words),
        "cluster_threshold": words.cluster_threshold,
        "connectivity": words.connectivity,
    }
    cuts = {
        "display_mode": words.display_mode,
        "cut_coords": _cut_coords(words.display_mode, words.cut_coords),
    }
    # What names a cluster needs a search for clusters, and they are shown as well.
    shows_clusters = str(cuts["cut_coords"]).startswith("cluster:")
    with as_usage():
        check_request(0.0 if words.threshold is None else words.threshold, **request)
        check_cuts(words.display_mode, "peak" if shows_clusters else cuts["cut_coords"])
    if words.threshold is None and (words.cluster_threshold > 0 or shows_clusters):
        msg = f"{cuts['cut_coords'] if shows_clusters else '-k'} needs a threshold: -t"
        raise UsageError(msg)
    if words.threshold is not None:
        request["threshold"] = words.threshold

    def clusters_of(image: Any) -> Clusters | None:
        if not shows_clusters:
            return None
        data, affine = open_volume(image, "stat_map_img", words.volume)
        one = nibabel.Nifti1Image(data, affine, dtype=data.dtype)
        return find_clusters(one, **request)

    def work(job: Job) -> str:
        (output,) = job.outputs
        image = nifti.open_image(Path(job.source))
        clusters = clusters_of(image)
        saved = saving(
            job,
            "Figure of a statistical map",
            command_line(
                "plot",
                job.source,
                {
                    **threshold_options(words),
                    "--display-mode": words.display_mode,
                    "--cut-coords": words.cut_coords,
                    "--volume": words.volume,
                    "-o": output,
                },
            ),
            {
                **request,
                **cuts,
                "volume": words.volume,
                "statistic": stated(image).as_choice(),
                "input": nifti.source(job.source),
                "versions": versions() | {"matplotlib": __version__},
            },
        )
        figure = io.BytesIO()
        settings: Any = {
            "savefig.format": output.suffix[1:].lower(),
            "svg.hashsalt": "nithresh",  # names in an SVG file are random otherwise
        }
        with rc_context(settings):
            plot_stat_map(
                image,
                output_file=figure,
                clusters=clusters,
                volume=words.volume,
                **request,
                **cuts,
            )
        with saved as files, naming(output), files.open(output) as stream:
            stream.write(figure.getvalue())
        return str(output)

    output = expanded(words.output)
    jobs = [Job(words.inputs[0], (output,))]
    check_files(jobs)
    return for_each(words, jobs, work)


def _cut_coords(display_mode: str, asked: list[float | str] | None) -> Any:
    """Return the cuts as the call takes them."""
    if asked is None or len(asked) > 1:
        return asked
    (only,) = asked
    if isinstance(only, str):
        return only
    if display_mode in ("x", "y", "z"):
        # One number is a number of cuts.
        return int(only) if only.is_integer() else only
    return asked
