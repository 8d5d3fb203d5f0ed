"""``nithresh tfce``."""

import argparse

from nithresh import nifti
from nithresh._params import check_not_negative
from nithresh._stated import stated
from nithresh.command.each import Job, check_files, for_each, inputs_of, open_mask
from nithresh.command.errors import as_usage, naming
from nithresh.command.outputs import image_jobs, shown_names
from nithresh.command.sidecar import command_line, made_of, saving
from nithresh.enhancement import tfce_img
from nithresh.files import write_image


def run(words: argparse.Namespace) -> int:
    """Enhance each input."""
    request = {
        "E": words.E,
        "H": words.H,
        "connectivity": words.connectivity,
        "two_sided": not words.one_sided,
    }
    with as_usage():
        check_not_negative(words.E, "--E")
        check_not_negative(words.H, "--H")
    jobs = image_jobs(words, inputs_of(words), "tfce")
    check_files(jobs, also_read=[] if words.mask is None else [words.mask])
    mask = open_mask(words)

    def work(job: Job) -> str:
        (output,) = job.outputs
        image = nifti.load_map(job.source)
        enhanced = tfce_img(
            image, **request, mask_img=None if mask is None else mask.on_grid_of(image)
        )
        saved = saving(
            job,
            "Threshold-free cluster enhancement of a statistical map, exact",
            command_line(
                "tfce",
                job.source,
                {
                    "--E": words.E,
                    "--H": words.H,
                    "--one-sided": words.one_sided,
                    "--connectivity": words.connectivity,
                    "--mask": words.mask,
                    "-o": output,
                },
            ),
            {
                **request,
                "statistic": stated(image).as_choice(),
                **made_of(job.source, mask),
            },
        )
        with saved as files, naming(output):
            write_image(enhanced, output, files)
        return str(output)

    return for_each(words, jobs, work, show=shown_names(words, jobs))
