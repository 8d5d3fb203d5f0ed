"""``nithresh threshold``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from nithresh.command.options import (
    ErrorRateOptions,
    ImageOutputOptions,
    InputOptions,
    MaskOption,
    SurfaceOptions,
    add_image_output,
    add_inputs,
    add_mask,
    add_rules,
    add_run,
    add_sides,
    add_surfaces,
    add_threshold_or_rate,
)
from nithresh.command.parser import Subcommand, example, names_of_outputs

if TYPE_CHECKING:
    from nithresh._params import Request
    from nithresh.command.jobs import Job, SharedMask
    from nithresh.command.rates import Rate
    from nithresh.command.surfaces import Surfaces


class Options(
    InputOptions, ErrorRateOptions, MaskOption, SurfaceOptions, ImageOutputOptions
):
    """What it takes."""


def add_words(to: argparse.ArgumentParser) -> None:
    """Add its words to its parser."""
    add_inputs(to)
    add_threshold_or_rate(to)
    add_sides(to)
    add_rules(to)
    add_mask(to)
    add_surfaces(to)
    add_image_output(to)
    add_run(to)
    to.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="let the workers of a Dask cluster do it: the address of its scheduler, "
        "such as tcp://HOST:8786, or local for --jobs processes here; the workers must "
        "see the same files (needs nithresh[dask])",
    )


def run(options: Options) -> int:
    """Threshold each input."""
    from nithresh._params import check_request
    from nithresh.command import each, jobs
    from nithresh.command.errors import as_usage
    from nithresh.command.rates import rate_of
    from nithresh.command.surfaces import Surfaces

    rate = rate_of(options)
    with as_usage():
        level = 0.0 if options.threshold is None else options.threshold
        request = check_request(level, **options.request)
    todo = jobs.image_jobs(options, jobs.inputs_of(options), "thresholded")
    jobs.check_files(todo, also_read=[*options.mask_files, *options.surface_files])
    work = partial(
        _work,
        request=request,
        threshold=options.threshold,
        options={
            **options.written,
            "--mask": options.mask,
            **options.written_surfaces,
        },
        mask=jobs.open_mask(options),
        surfaces=Surfaces.of(options, options.mask),
        rate=rate,
    )
    return each.for_each(options, todo, work, show=each.shown_names(options, todo))


def _work(
    job: Job,
    *,
    request: Request,
    threshold: float | str | None,
    options: Mapping[str, object],
    mask: SharedMask | None,
    surfaces: Surfaces,
    rate: Rate | None,
) -> str:
    """Threshold one input, here or in another process.

    `threshold` and `options` are as they were given.
    """
    from nithresh._choices import rules_of
    from nithresh._open import OpenMap
    from nithresh._stated import stated
    from nithresh.command.errors import naming
    from nithresh.command.rates import at_rate
    from nithresh.command.sidecar import command_line, made_of, saving
    from nithresh.files import write_image
    from nithresh.images import load_map
    from nithresh.thresholding import threshold_open

    (output,) = job.outputs
    path = job.at(job.source)
    error_rate = {}
    if surfaces.are_for(path):
        from nithresh.surfaces.thresholding import threshold_surface

        on_surface = surfaces.open(path)
        opened, made = on_surface.map, surfaces.made_of(path)
        if rate is not None:
            request, error_rate["error_rate"] = at_rate(opened, request, rate)
        level = opened.level(request)
        kept = threshold_surface(on_surface, request, level)
    else:
        image = load_map(path)
        mask_img = None if mask is None else mask.on_grid_of(image)
        opened = OpenMap.of_image(
            image, mask_img, for_clusters=request.cluster_threshold > 0
        )
        if rate is not None:
            request, error_rate["error_rate"] = at_rate(opened, request, rate)
        level = opened.level(request)
        kept, made = threshold_open(opened, request, level), made_of(path, mask)
    saved = saving(
        job,
        "Statistical map, zero where no voxel was kept",
        command_line("threshold", job.source, {**options, "-o": output}),
        {
            **rules_of(request, threshold, level),
            **error_rate,
            "statistic": stated(opened.image).as_choice(),
            **made,
        },
    )
    with saved as files, naming(output):
        write_image(kept, Path(job.at(output)), files)
    return str(output)


SUBCOMMAND = Subcommand(
    help="keep the voxels that pass a threshold, in clusters that are large enough",
    epilog=example(
        "nithresh threshold nithresh-demo/motor.nii.gz -t 2.3 -k 10 -o kept10.nii.gz"
    )
    + "\n"
    + names_of_outputs(
        bids="sub-01_stat-z_statmap.nii.gz -> "
        "sub-01_stat-z_desc-thresholded_statmap.nii.gz",
        other="motor.nii.gz -> motor_thresholded.nii.gz",
    ),
    add_words=add_words,
    options=Options,
    run=run,
)
