"""``nithresh tfce``."""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING

from nithresh.command.options import (
    ImageOutputOptions,
    InputOptions,
    MaskOption,
    SideOptions,
    SurfaceOptions,
    add_image_output,
    add_inputs,
    add_mask,
    add_run,
    add_sides,
    add_surfaces,
)
from nithresh.command.parser import Subcommand, example, names_of_outputs

if TYPE_CHECKING:
    from nithresh.command.jobs import Job, SharedMask
    from nithresh.command.surfaces import Surfaces


class Options(
    InputOptions, SideOptions, MaskOption, SurfaceOptions, ImageOutputOptions
):
    """What it takes."""

    E: float | None
    H: float


def add_words(to: argparse.ArgumentParser) -> None:
    """Add its words to its parser."""
    add_inputs(to)
    to.add_argument(
        "--E",
        type=float,
        help="power of the extent (default: 0.5; of surfaces 1, with areas in mm2)",
    )
    to.add_argument(
        "--H", type=float, default=2.0, help="power of the height (default: 2)"
    )
    add_sides(to, one_sided="look at positive voxels only")
    add_mask(to)
    add_surfaces(to, min_area=False)
    add_image_output(to)
    add_run(to)


def run(options: Options) -> int:
    """Enhance each input."""
    from nithresh._params import check_not_negative
    from nithresh.command import each, jobs
    from nithresh.command.errors import as_usage
    from nithresh.command.surfaces import Surfaces

    with as_usage():
        check_not_negative(0.0 if options.E is None else options.E, "--E")
        check_not_negative(options.H, "--H")
    todo = jobs.image_jobs(options, jobs.inputs_of(options), "tfce")
    jobs.check_files(todo, also_read=[*options.mask_files, *options.surface_files])
    work = partial(
        _work,
        options=options,
        mask=jobs.open_mask(options),
        surfaces=Surfaces.of(options, options.mask),
    )
    return each.for_each(options, todo, work, show=each.shown_names(options, todo))


def _work(
    job: Job, *, options: Options, mask: SharedMask | None, surfaces: Surfaces
) -> str:
    """Enhance one input."""
    from nithresh import tfce_img
    from nithresh._stated import stated
    from nithresh.command.errors import naming
    from nithresh.command.sidecar import command_line, made_of, saving
    from nithresh.enhancement import default_powers
    from nithresh.files import write_image
    from nithresh.images import load_map
    from nithresh.surfaces.enhancement import enhance_surface

    (output,) = job.outputs
    is_surface = surfaces.are_for(job.source)
    powers = default_powers(options.E, options.H, is_surface=is_surface)
    two_sided, connectivity = not options.one_sided, options.connectivity
    if is_surface:
        opened = surfaces.open(job.source)
        image, made = opened.map.image, surfaces.made_of(job.source)
        enhanced = enhance_surface(opened, powers, connectivity, two_sided=two_sided)
    else:
        image, made = load_map(job.source), made_of(job.source, mask)
        enhanced = tfce_img(
            image,
            E=powers[0],
            H=powers[1],
            connectivity=connectivity,
            two_sided=two_sided,
            mask_img=None if mask is None else mask.on_grid_of(image),
        )
    written = {
        "--E": powers[0],
        "--H": powers[1],
        "--one-sided": options.one_sided,
        "--connectivity": connectivity,
        "--mask": options.mask,
        **options.written_surfaces,
        "-o": output,
    }
    choices = {
        "E": powers[0],
        "H": powers[1],
        "connectivity": connectivity,
        "two_sided": two_sided,
        "statistic": stated(image).as_choice(),
        **made,
    }
    saved = saving(
        job,
        "Threshold-free cluster enhancement of a statistical map, exact",
        command_line("tfce", job.source, written),
        choices,
    )
    with saved as files, naming(output):
        write_image(enhanced, output, files)
    return str(output)


SUBCOMMAND = Subcommand(
    help="enhance clusters without a threshold (threshold-free cluster enhancement)",
    epilog=example("nithresh tfce nithresh-demo/motor.nii.gz --connectivity 26")
    + "\n"
    + names_of_outputs(
        bids="sub-01_stat-z_statmap.nii.gz -> sub-01_stat-z_desc-tfce_statmap.nii.gz",
        other="motor.nii.gz -> motor_tfce.nii.gz",
    ),
    add_words=add_words,
    options=Options,
    run=run,
)
