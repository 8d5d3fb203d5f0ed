"""``nithresh clusters``."""

import argparse
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nithresh import nifti
from nithresh._choices import finite
from nithresh._params import check_request
from nithresh.clusters import Clusters, find_clusters
from nithresh.command.each import (
    Job,
    check_files,
    for_each,
    inputs_of,
    only_output_of,
    open_mask,
)
from nithresh.command.errors import UsageError, as_usage, naming, needing
from nithresh.command.names import labels_beside, sidecar_of, table_beside
from nithresh.command.sidecar import command_line, saving
from nithresh.command.threshold import is_two_sided, threshold_options
from nithresh.files import check_extension, write_image


def run(words: argparse.Namespace) -> int:
    """Find the clusters of each input."""
    request: dict[str, Any] = {
        "threshold": words.threshold,
        "two_sided": is_two_sided(words),
        "cluster_threshold": words.cluster_threshold,
        "connectivity": words.connectivity,
    }
    with as_usage():
        check_request(**request)
    jobs = _jobs(words)
    others = [path for _, path in words.extra]
    check_files(jobs, others if words.mask is None else [*others, words.mask])
    mask = open_mask(words)
    if len(dict(words.extra)) < len(words.extra):
        msg = "--extra gives two maps the same name"
        raise UsageError(msg)
    extra = {}
    for name, path in words.extra:
        with needing(path):
            extra[name] = nifti.open_image(Path(path))
    as_text = _format(words, several=len(jobs) > 1)

    def work(job: Job) -> str:
        image = nifti.load_map(job.source)
        clusters = find_clusters(
            image,
            **request,
            mask_img=None if mask is None else mask.on_grid_of(image),
            extra=extra,
        )
        choices = clusters.table.choices
        choices["mask"] = None if mask is None else mask.source
        _save(words, job, clusters, choices)
        return as_text(job.source, clusters, choices)

    return for_each(words, jobs, work, show=None if words.quiet else _printer(words))


def _jobs(words: argparse.Namespace) -> list[Job]:
    inputs = inputs_of(words)
    if words.output_dir is None:
        outputs = []
        if words.labels is not None:
            with as_usage():
                check_extension(words.labels)
            outputs.append(only_output_of(inputs, "--labels", words.labels))
        if words.table is not None:
            if not words.table.lower().endswith(".tsv"):
                msg = f"--table is {words.table!r}; it must end in .tsv"
                raise UsageError(msg)
            outputs.append(only_output_of(inputs, "--table", words.table))
        return [Job(source, tuple(outputs)) for source in inputs]
    if words.table is not None or words.labels is not None:
        msg = "--output-dir names the table and the labels; leave --table and --labels"
        raise UsageError(msg)
    folder = words.output_dir
    return [
        Job(source, (labels_beside(source, folder), table_beside(source, folder)))
        for source in inputs
    ]


def _save(
    words: argparse.Namespace, job: Job, clusters: Clusters, choices: dict[str, Any]
) -> None:
    tables = [path for path in job.outputs if path.suffix.lower() == ".tsv"]
    labels = [path for path in job.outputs if path not in tables]
    columns = {
        name: about
        for name, about in clusters.table.sidecar.items()
        if name != "Choices"
    }
    command = command_line(
        "clusters",
        job.source,
        {
            **threshold_options(words),
            "--mask": words.mask,
            "--extra": [f"{name}={path}" for name, path in words.extra],
            "--labels": labels[0] if labels else None,
            "--table": tables[0] if tables else None,
        },
    )
    saved = saving(
        job,
        "Clusters of a statistical map",
        command,
        choices,
        {sidecar_of(path): columns for path in tables},
    )
    with saved as files:
        for path in labels:
            with naming(path):
                write_image(clusters.labels_img, path, files)
        for path in tables:
            with naming(path), files.open(path) as stream:
                stream.write(clusters.table.as_text().encode())


def _format(
    words: argparse.Namespace, *, several: bool
) -> Callable[[str, Clusters, dict[str, Any]], str]:
    """Choose how clusters are printed."""

    def as_json(source: str, clusters: Clusters, choices: dict[str, Any]) -> str:
        rows = [
            dict(zip(clusters.table, map(_as_json, row), strict=True))
            for row in clusters.table.rows()
        ]
        content = {"input": source, "clusters": rows, "choices": finite(choices)}
        return json.dumps(content) + "\n"

    def to_read(source: str, clusters: Clusters, _: dict[str, Any]) -> str:
        return f"{source}\n{clusters}\n\n" if several else f"{clusters}\n"

    def as_tsv(source: str, clusters: Clusters, _: dict[str, Any]) -> str:
        return clusters.table.as_text(first={"input": source} if several else {})

    if words.json:
        return as_json
    return to_read if sys.stdout.isatty() else as_tsv


def _printer(words: argparse.Namespace) -> Callable[[str], None]:
    """Print texts; of tables that follow one another, the head once."""
    is_table = not (words.json or sys.stdout.isatty())
    is_first = True

    def show(text: str) -> None:
        nonlocal is_first
        if is_table and not is_first:
            text = text.partition("\n")[2]
        is_first = False
        sys.stdout.write(text)

    return show


def _as_json(value: Any) -> Any:
    """Return a value as JSON can hold it; NaN is null."""
    return None if isinstance(value, float) and math.isnan(value) else finite(value)
