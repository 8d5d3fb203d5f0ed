"""``nithresh threshold``."""

import argparse

from nithresh._choices import rules
from nithresh._params import check_request
from nithresh.command.each import Job, check_files, for_each, inputs_of, open_mask
from nithresh.command.errors import as_usage, naming
from nithresh.command.outputs import image_jobs, shown_names
from nithresh.command.sidecar import command_line, made_of, save_sidecar
from nithresh.files import load, save
from nithresh.thresholding import threshold_at


def run(words: argparse.Namespace) -> int:
    """Threshold each input."""
    with as_usage():
        request = check_request(
            words.threshold,
            two_sided=is_two_sided(words),
            cluster_threshold=words.cluster_threshold,
            connectivity=words.connectivity,
        )
    jobs = image_jobs(words, inputs_of(words), "thresholded")
    check_files(jobs, also_read=[] if words.mask is None else [words.mask])
    mask = open_mask(words)

    def work(job: Job) -> str:
        (output,) = job.outputs
        image = load(job.source)
        kept, level = threshold_at(
            request, image, mask_img=None if mask is None else mask.on_grid_of(image)
        )
        save_sidecar(
            job.sidecars[0],
            "Statistical map, zero where no voxel was kept",
            command_line(
                "threshold",
                job.source,
                {**threshold_options(words), "--mask": words.mask, "-o": output},
            ),
            {**rules(request, words.threshold, level), **made_of(job.source, mask)},
        )
        with naming(output):
            save(kept, output)
        return str(output)

    return for_each(words, jobs, work, show=shown_names(words, jobs))


def is_two_sided(words: argparse.Namespace) -> bool:
    """Whether both sides are meant: a negative threshold has one only."""
    is_negative = isinstance(words.threshold, float) and words.threshold < 0
    return not (words.one_sided or is_negative)


def threshold_options(words: argparse.Namespace) -> dict[str, object]:
    """Return the options about thresholds and clusters, as they are written."""
    return {
        "-t": words.threshold,
        "-k": words.cluster_threshold or None,
        "--one-sided": words.one_sided,
        "--connectivity": None if words.connectivity == 6 else words.connectivity,
    }
