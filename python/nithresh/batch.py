"""Many files at once: read, thresholded and written over threads.

Each file is one task of one thread, from its bytes to those of its result, and a
few tasks are waiting at any time. So no more images are in memory than there are
threads, however many files there are; and while one thread waits for a disk,
another decompresses, thresholds or compresses, none of which holds the interpreter
lock.
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from nithresh._numbers import counted
from nithresh._own_files import OwnFiles
from nithresh._params import check_count, check_request, warn
from nithresh._paths import FilePath
from nithresh._rules import CONNECTIVITY, TWO_SIDED
from nithresh._shared_docs import shared_docs
from nithresh._tasks import in_threads
from nithresh.files import save
from nithresh.images import load_map
from nithresh.masks import Mask
from nithresh.surfaces.words import SurfaceWords
from nithresh.threads import get_num_threads
from nithresh.thresholding import threshold_img

if TYPE_CHECKING:
    from nithresh._open import MapOrPath

Pair: TypeAlias = tuple[FilePath, FilePath]


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of one file of a batch.

    Attributes
    ----------
    input, output : str or os.PathLike
        The paths, as they were given.
    warnings : tuple of str
        What :func:`nithresh.threshold_img` warned about.
    error : Exception or None
        Why there is no output, or None.
    """

    input: FilePath
    output: FilePath
    warnings: tuple[str, ...]
    error: Exception | None


@shared_docs
def threshold_files(
    pairs: Iterable[Pair],
    threshold: float | str,
    *,
    cluster_threshold: int = 0,
    two_sided: bool = TWO_SIDED,
    mask_img: "MapOrPath | None" = None,
    connectivity: int = CONNECTIVITY,
    comparison: str | None = None,
    rules: str | None = None,
    surface: Any = None,
    areas: Any = None,
    min_area: float = 0.0,
    across_structures: bool = False,
    jobs: int | None = None,
    on_result: Callable[[FileResult], object] | None = None,
) -> None:
    """Threshold image files and save the results.

    Each result is what :func:`nithresh.save` writes of the result of
    :func:`nithresh.threshold_img` for that file. The other files are done even if one
    fails.

    Parameters
    ----------
    pairs : iterable of (input, output)
        Paths of what :func:`nithresh.load` reads and :func:`nithresh.save` writes.
        A generator is read as the work goes on. Each output must be named
        once, and none may be an input or the mask.
    threshold : float or str
        In the units of the maps, or a percentile such as ``"95%"``, of each file
        separately. A voxel whose value equals it is kept.
    {cluster_threshold}
    {two_sided}
    mask_img : str, pathlib.Path or nibabel image, optional
        0 outside and one other value inside, for all files; read once, and
        taken at the centres of the maps' voxels, once for each other grid.
    {connectivity}
    {comparison}
    {surface}
        Each is read once, for all files.
    {areas}
    {min_area}
    {across_structures}
    jobs : int, optional
        How many files are worked on at the same time, and so the most images in
        memory. By default as many as :func:`nithresh.get_num_threads`.
    on_result : callable, optional
        Called with a :class:`nithresh.batch.FileResult` for each file as soon as it
        and those before it are finished, in the order of `pairs`, in the calling
        thread. It then handles the warnings and errors of files.

    Raises
    ------
    ExceptionGroup
        Without `on_result`, after all files are finished: the errors of those that
        failed.
    TypeError
        An argument of the wrong type.
    ValueError
        An argument of the right type with a value that is not allowed; an invalid
        mask; an output that is named twice or is an input, before anything is done
        or, from a generator, as soon as it is seen.

    Warns
    -----
    UserWarning
        Without `on_result`: what :func:`nithresh.threshold_img` warns about, with
        the name of the file.

    Notes
    -----
    If something ends the call early (Ctrl-C, an error of `on_result` or of a
    generator), the files being worked on are finished first: no file is written in
    part, and no thread is left.

    Examples
    --------
    >>> import nithresh, tempfile
    >>> from pathlib import Path
    >>> motor = nithresh.datasets.load_sample_motor_activation_image()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pairs = [(motor, Path(folder, "motor.nii.gz"))]
    ...     nithresh.threshold_files(pairs, 3, cluster_threshold=50)
    ...     nithresh.load(pairs[0][1]).shape
    (53, 63, 46)
    """
    words: dict[str, Any] = {
        "threshold": threshold,
        "cluster_threshold": cluster_threshold,
        "two_sided": two_sided,
        "connectivity": connectivity,
        "comparison": comparison,
        "rules": rules,
    }
    check_request(**words)
    jobs = get_num_threads() if jobs is None else check_count(jobs, "jobs")
    if not isinstance(pairs, Iterable):
        msg = f"pairs is of type {type(pairs).__name__}; it must be pairs of paths"
        raise TypeError(msg)
    if on_result is not None and not callable(on_result):
        msg = f"on_result is {on_result!r}; it must be a function of one argument"
        raise TypeError(msg)
    on_surface = SurfaceWords.checked(
        surface, areas, min_area, across_structures=across_structures
    )
    if surface is not None:
        from nithresh.surfaces.mesh import open_meshes

        on_surface = on_surface._replace(surface=open_meshes(surface))
    files = OwnFiles()
    mask: Any = mask_img
    if mask_img is not None:
        if not on_surface.are_for(mask_img):
            mask = Mask(mask_img)
        if isinstance(mask_img, (str, os.PathLike)):
            files.add_input(mask_img)
    checked: Iterable[Pair] = _checked(pairs, files)
    if isinstance(pairs, Collection):
        checked = list(checked)  # before anything is done

    def work(pair: Pair) -> None:
        _threshold_file(*pair, mask, words, on_surface)

    errors: list[Exception] = []
    with closing(in_threads(work, checked, jobs)) as outcomes:
        for outcome in outcomes:
            result = FileResult(*outcome.task, outcome.warnings, outcome.error)
            if result.error is not None:
                source, target = map(str, outcome.task)
                result.error.add_note(f"input {source!r}, output {target!r}")
            if on_result is not None:
                on_result(result)
                continue
            for message in result.warnings:
                warn(f"{os.fspath(result.input)!r}: {message}")
            if result.error is not None:
                errors.append(result.error)
    if errors:
        msg = f"{counted(len(errors), 'file')} could not be thresholded"
        raise ExceptionGroup(msg, errors)


def _threshold_file(
    source: FilePath,
    target: FilePath,
    mask: Any,
    words: dict[str, Any],
    on_surface: SurfaceWords,
) -> None:
    if on_surface.are_for(source):
        from nithresh.surfaces.opened import OpenSurface
        from nithresh.surfaces.thresholding import threshold_surface

        # As the NIfTI-2 files that CIFTI files are, with their XML byte for byte.
        opened = OpenSurface(source, mask, on_surface, raw=True)
        request = check_request(**words)
        kept = threshold_surface(opened, request, opened.map.level(request))
        save(kept, target)
        return
    image = load_map(source)
    mask_img = mask.on_grid_of(image) if isinstance(mask, Mask) else mask
    save(threshold_img(image, mask_img=mask_img, **words), target)


def _checked(pairs: Iterable[Pair], files: OwnFiles) -> Iterator[Pair]:
    """Yield the pairs up to one that would write over a file of the batch."""
    for number, pair in enumerate(pairs):
        if (
            not isinstance(pair, (tuple, list))
            or len(pair) != 2
            or not all(isinstance(path, (str, os.PathLike)) for path in pair)
        ):
            msg = f"pairs[{number}] is {pair!r}; it must be two paths, (input, output)"
            raise TypeError(msg)
        files.add_input(pair[0])
        files.add_output(pair[1])
        yield pair[0], pair[1]
