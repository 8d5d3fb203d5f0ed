"""``nithresh threshold``."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from nithresh import nifti
from nithresh._choices import rules
from nithresh._open import OpenMap
from nithresh._params import Request, check_request
from nithresh._stated import stated
from nithresh.command.each import (
    Job,
    SharedMask,
    check_files,
    for_each,
    inputs_of,
    open_mask,
)
from nithresh.command.errors import as_usage, naming
from nithresh.command.outputs import image_jobs, shown_names
from nithresh.command.sidecar import command_line, made_of, saving
from nithresh.files import write_image
from nithresh.thresholding import threshold_open


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
    work = _Work(
        request,
        threshold=words.threshold,
        options={**threshold_options(words), "--mask": words.mask},
        mask=open_mask(words),
    )
    return for_each(words, jobs, work, show=shown_names(words, jobs))


@dataclass(frozen=True)
class _Work:
    """What is done to each input, here or in another process."""

    request: Request
    # As they were given.
    threshold: float | str
    options: dict[str, object]
    mask: SharedMask | None

    def __call__(self, job: Job) -> str:
        (output,) = job.outputs
        image = nifti.load_map(job.at(job.source))
        mask_img = None if self.mask is None else self.mask.on_grid_of(image)
        opened = OpenMap.of_image(
            image, mask_img, for_clusters=self.request.cluster_threshold > 0
        )
        level = opened.level(self.request)
        kept = threshold_open(opened, self.request, level)
        saved = saving(
            job,
            "Statistical map, zero where no voxel was kept",
            command_line("threshold", job.source, {**self.options, "-o": output}),
            {
                **rules(self.request, self.threshold, level),
                "statistic": stated(image).as_choice(),
                **made_of(job.at(job.source), self.mask),
            },
        )
        with saved as files, naming(output):
            write_image(kept, Path(job.at(output)), files)
        return str(output)


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
