"""``nithresh clusters``."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nithresh.command.errors import UsageError, as_usage, naming, needing
from nithresh.command.names import labels_beside, sidecar_of, table_beside
from nithresh.command.options import (
    ErrorRateOptions,
    InputOptions,
    MaskOption,
    RunOptions,
    SurfaceOptions,
    add_inputs,
    add_mask,
    add_rules,
    add_run,
    add_sides,
    add_surfaces,
    add_threshold_or_rate,
    add_volume,
)
from nithresh.command.parser import Subcommand, example, names_of_outputs

if TYPE_CHECKING:
    from nithresh.clusters import Clusters
    from nithresh.command.jobs import Job
    from nithresh.command.surfaces import Surfaces


class Options(InputOptions, ErrorRateOptions, MaskOption, SurfaceOptions, RunOptions):
    """What it takes."""

    table: str | None
    labels: str | None
    json: bool
    extra: list[tuple[str, str]]
    atlas: list[tuple[str, str]]
    atlas_names: list[tuple[str, str]]
    volume: int | None


def add_words(to: argparse.ArgumentParser) -> None:
    """Add its words to its parser."""
    add_inputs(to)
    add_threshold_or_rate(to)
    add_sides(to)
    add_rules(to)
    add_mask(to)
    add_volume(to)
    add_surfaces(to)
    to.add_argument("--table", metavar="OUT.tsv", help="save the table here")
    to.add_argument(
        "--labels",
        metavar="OUT.nii.gz",
        help="save an image of the clusters' numbers here: .nii.gz of a volume, "
        ".label.gii of a GIFTI map, .dlabel.nii of a CIFTI map",
    )
    to.add_argument(
        "--output-dir",
        metavar="DIR",
        help="save the table and the labels of each input in this folder; it is made "
        "if it is not there",
    )
    to.add_argument(
        "--json",
        action="store_true",
        help="print JSON instead, one object in a line for each input",
    )
    to.add_argument(
        "--extra",
        metavar="NAME=MAP",
        action="append",
        default=[],
        type=_extra,
        help="add the mean, the smallest and the largest value of another map on the "
        "same grid to the table; may be repeated",
    )
    to.add_argument(
        "--atlas",
        metavar="NAME=LABELS",
        action="append",
        default=[],
        type=_atlas,
        help="add the regions of an atlas to the table: that of each peak, or the "
        "nearest and its distance, and the shares of each cluster. LABELS is a label "
        "image or, for maps of surfaces, a .dlabel.nii, .label.gii or .annot; of two "
        "hemispheres give both files the same NAME. May be repeated",
    )
    to.add_argument(
        "--atlas-names",
        metavar="NAME=NAMES",
        action="append",
        default=[],
        type=_atlas,
        help="the names of these labels: a TSV table with the columns index and name, "
        "an atlas of FSL (.xml) or a FreeSurfer colour table (.txt); not needed if a "
        "TSV stands beside LABELS, as in TemplateFlow, or LABELS is an atlas of FSL or "
        "has the names itself",
    )
    add_run(to)


def run(options: Options) -> int:
    """Find the clusters of each input."""
    from nithresh import find_clusters
    from nithresh._open import OpenMap
    from nithresh._params import check_request
    from nithresh.command import each, jobs
    from nithresh.command.rates import rate_of, words_at_rate
    from nithresh.command.surfaces import Surfaces
    from nithresh.images import load_map, one_volume

    rate = rate_of(options)
    with as_usage():
        level = 0.0 if options.threshold is None else options.threshold
        check_request(level, **options.request)
    todo = _jobs(options)
    others = [path for _, path in options.extra + options.atlas + options.atlas_names]
    others += options.mask_files + options.surface_files
    jobs.check_files(todo, others)
    mask = jobs.open_mask(options)
    surfaces = Surfaces.of(options, options.mask)
    extra = _extra_maps(options, surfaces)
    find = _naming_extra(options)(find_clusters)
    atlas = _atlases(options)
    as_text = _format(options, several=len(todo) > 1)

    def work(job: Job) -> str:
        words: dict[str, Any] = {
            **options.request,
            "threshold": options.threshold,
            "extra": extra,
            "atlas": atlas,
            "volume": options.volume,
        }
        error_rate: dict[str, Any] = {}
        if surfaces.are_for(job.source):
            if rate is not None:
                opened = surfaces.open(job.source).map
                at, error_rate = words_at_rate(opened, options.request, rate)
                words |= at
            clusters = find(job.source, **words, **surfaces.arguments())
            choices = {**clusters.table.choices, **error_rate}
        else:
            image = load_map(job.source)
            mask_img = None if mask is None else mask.on_grid_of(image)
            if rate is not None:
                volume = one_volume(image, options.volume)
                opened = OpenMap.of_image(volume, mask_img, one_volume=True)
                at, error_rate = words_at_rate(opened, options.request, rate, image)
                words |= at
            clusters = find(image, **words, mask_img=mask_img)
            choices = {**clusters.table.choices, **error_rate}
            choices["mask"] = None if mask is None else mask.source
        _save(options, job, clusters, choices)
        return as_text(job.source, clusters, choices)

    show = None if options.quiet else _printer(options)
    return each.for_each(options, todo, work, show=show)


def _jobs(options: Options) -> list[Job]:
    from nithresh.command.jobs import Job, inputs_of, only_output_of
    from nithresh.files import check_extension

    inputs = inputs_of(options)
    if options.output_dir is None:
        outputs = []
        if options.labels is not None:
            with as_usage():
                check_extension(options.labels, "--labels")
            outputs.append(only_output_of(inputs, "--labels", options.labels))
        if options.table is not None:
            if not options.table.lower().endswith(".tsv"):
                msg = f"--table is {options.table!r}; it must end in .tsv"
                raise UsageError(msg)
            outputs.append(only_output_of(inputs, "--table", options.table))
        return [Job(source, tuple(outputs)) for source in inputs]
    if options.table is not None or options.labels is not None:
        msg = "--output-dir names the table and the labels; leave --table and --labels"
        raise UsageError(msg)
    folder = options.output_dir
    return [
        Job(source, (labels_beside(source, folder), table_beside(source, folder)))
        for source in inputs
    ]


def _save(
    options: Options, job: Job, clusters: Clusters, choices: dict[str, Any]
) -> None:
    from nithresh.command.sidecar import command_line, saving
    from nithresh.files import write_image

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
            **options.written,
            "--mask": options.mask,
            "--volume": options.volume,
            **options.written_surfaces,
            "--extra": tuple(f"{name}={path}" for name, path in options.extra),
            "--atlas": tuple(f"{name}={path}" for name, path in options.atlas),
            "--atlas-names": tuple(
                f"{name}={path}" for name, path in options.atlas_names
            ),
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
    options: Options, *, several: bool
) -> Callable[[str, Clusters, dict[str, Any]], str]:
    """Choose how clusters are printed."""
    import json

    def as_json(source: str, clusters: Clusters, choices: dict[str, Any]) -> str:
        rows = [
            dict(zip(clusters.table, map(_as_json, row), strict=True))
            for row in clusters.table.rows()
        ]
        content = {"input": source, "clusters": rows, "choices": _as_json(choices)}
        return json.dumps(content) + "\n"

    def to_read(source: str, clusters: Clusters, _: dict[str, Any]) -> str:
        return f"{source}\n{clusters}\n\n" if several else f"{clusters}\n"

    def as_tsv(source: str, clusters: Clusters, _: dict[str, Any]) -> str:
        return clusters.table.as_text(first={"input": source} if several else {})

    if options.json:
        return as_json
    return to_read if sys.stdout.isatty() else as_tsv


def _printer(options: Options) -> Callable[[str], None]:
    """Print texts; several tables in a row have one head."""
    is_table = not (options.json or sys.stdout.isatty())
    is_first = True

    def show(text: str) -> None:
        nonlocal is_first
        if is_table and not is_first:
            text = text.partition("\n")[2]
        is_first = False
        sys.stdout.write(text)

    return show


def _as_json(value: Any) -> Any:
    """Return a value as JSON can hold it; what is missing is null."""
    from nithresh._choices import finite

    is_missing = value == "" or (isinstance(value, float) and math.isnan(value))
    return None if is_missing else finite(value)


def _extra_maps(options: Options, surfaces: Surfaces) -> dict[str, Any]:
    """Open the extra maps once for all inputs; those of surfaces stay paths."""
    from nithresh.images import open_image

    if len(dict(options.extra)) < len(options.extra):
        msg = "--extra gives two maps the same name"
        raise UsageError(msg)
    extra = {}
    for name, path in options.extra:
        with needing(path):
            is_surface = surfaces.are_for(path)
            extra[name] = path if is_surface else open_image(Path(path))
    return extra


@contextmanager
def _naming_extra(options: Options) -> Iterator[None]:
    """Name the file of an extra map that does not fit, as the command line does."""
    try:
        yield
    except ValueError as error:
        for name, path in options.extra:
            begin = f"extra[{name!r}]"
            if str(error).startswith(begin):
                rest = (
                    str(error).removeprefix(begin).replace("than img:", "than the map:")
                )
                msg = f"--extra {name}={path}{rest}"
                raise ValueError(msg) from error
        raise


def _atlases(options: Options) -> list[Any] | None:
    """Read the atlases once for all inputs."""
    from nithresh.atlas import open_atlas

    labels: dict[str, list[str]] = {}
    for name, path in options.atlas:
        labels.setdefault(name, []).append(path)
    names = dict(options.atlas_names)
    if len(names) < len(options.atlas_names):
        msg = "--atlas-names gives the same name twice"
        raise UsageError(msg)
    for name in names:
        if name not in labels:
            msg = (
                f"--atlas-names gives names to the atlas {name!r}, which has no "
                f"labels; give them with --atlas {name}=LABELS"
            )
            raise UsageError(msg)
    if not labels:
        return None
    atlases = []
    for name, paths in labels.items():
        given: Any = paths[0] if len(paths) == 1 else _by_hemisphere(name, paths)
        with needing(paths[0]):
            if name in names:
                given = given, names[name]
            atlases.append(open_atlas(name, given))
    return atlases


def _by_hemisphere(name: str, paths: list[str]) -> dict[str, str]:
    """Tell which hemisphere each file of an atlas is of."""
    from nithresh.atlas.surface_forms import side_of

    sides: dict[str, str] = {}
    for path in paths:
        with needing(path):
            side = side_of(path)
        if side is None or side in sides:
            msg = (
                f"--atlas gives the same name twice, {name!r}: that is for a GIFTI or "
                f".annot file of each hemisphere, and {path!r} does not say of which "
                "it is, or of the same as another. It says so in "
                "AnatomicalStructurePrimary or in its name (hemi-L, .L. or lh.)"
            )
            raise UsageError(msg)
        sides[side] = path
    return sides


def _extra(text: str) -> tuple[str, str]:
    return _named(text, "NAME=MAP")


def _atlas(text: str) -> tuple[str, str]:
    return _named(text, "NAME=PATH")


def _named(text: str, form: str) -> tuple[str, str]:
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        msg = f"{text!r} is not {form}"
        raise argparse.ArgumentTypeError(msg)
    return name, path


SUBCOMMAND = Subcommand(
    help="print the table of clusters, and save it and their labels",
    epilog=example("nithresh clusters nithresh-demo/motor.nii.gz -t 3.1 -k 10")
    + "\nA terminal gets a table to read. A pipe or a file gets tab-separated values;\n"
    "for several inputs their first column names the input.\n\n"
    + names_of_outputs(
        bids="sub-01_stat-z_statmap.nii.gz -> sub-01_stat-z_clusters.tsv,\n"
        "    sub-01_stat-z_desc-clusters_dseg.nii.gz",
        other="motor.nii.gz -> motor_clusters.tsv, motor_labels.nii.gz",
    ),
    add_words=add_words,
    options=Options,
    run=run,
)
