"""``nithresh tfce``."""

import argparse
from typing import Any

from nithresh.command.options import (
    ImageOutputOptions,
    InputOptions,
    MaskOption,
    SideOptions,
    add_image_output,
    add_inputs,
    add_mask,
    add_run,
    add_sides,
)
from nithresh.command.parser import Subcommand, example, names_of_outputs


class Options(InputOptions, SideOptions, MaskOption, ImageOutputOptions):
    """What it takes."""

    E: float
    H: float


def add_words(to: argparse.ArgumentParser) -> None:
    """Add its words to its parser."""
    add_inputs(to)
    to.add_argument(
        "--E", type=float, default=0.5, help="power of the extent (default: 0.5)"
    )
    to.add_argument(
        "--H", type=float, default=2.0, help="power of the height (default: 2)"
    )
    add_sides(to)
    add_mask(to)
    add_image_output(to)
    add_run(to)


def run(options: Options) -> int:
    """Enhance each input."""
    from nithresh import tfce_img
    from nithresh._params import check_not_negative
    from nithresh._stated import stated
    from nithresh.command import each, jobs
    from nithresh.command.errors import as_usage, naming
    from nithresh.command.sidecar import command_line, made_of, saving
    from nithresh.files import write_image
    from nithresh.images import load_map

    request: dict[str, Any] = {
        "E": options.E,
        "H": options.H,
        "connectivity": options.connectivity,
        "two_sided": not options.one_sided,
    }
    with as_usage():
        check_not_negative(options.E, "--E")
        check_not_negative(options.H, "--H")
    todo = jobs.image_jobs(options, jobs.inputs_of(options), "tfce")
    jobs.check_files(todo, also_read=[] if options.mask is None else [options.mask])
    mask = jobs.open_mask(options)

    def work(job: jobs.Job) -> str:
        (output,) = job.outputs
        image = load_map(job.source)
        enhanced = tfce_img(
            image, **request, mask_img=None if mask is None else mask.on_grid_of(image)
        )
        written = {
            "--E": options.E,
            "--H": options.H,
            "--one-sided": options.one_sided,
            "--connectivity": options.connectivity,
            "--mask": options.mask,
            "-o": output,
        }
        saved = saving(
            job,
            "Threshold-free cluster enhancement of a statistical map, exact",
            command_line("tfce", job.source, written),
            {
                **request,
                "statistic": stated(image).as_choice(),
                **made_of(job.source, mask),
            },
        )
        with saved as files, naming(output):
            write_image(enhanced, output, files)
        return str(output)

    return each.for_each(options, todo, work, show=each.shown_names(options, todo))


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
