"""Many files at once: read, thresholded and written over threads.

Each file is one task of one thread, from its bytes to those of its result, and a
few tasks are waiting at any time. So no more images are in memory than there are
threads, however many files there are; and while one thread waits for a disk,
another decompresses, thresholds or compresses, none of which holds the interpreter
lock.
"""

import os
import re
import threading
import traceback
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

import numpy as np

from nithresh import nifti
from nithresh._params import check_count, check_request, collected_warnings, warn
from nithresh._paths import FilePath, real_path
from nithresh.files import save
from nithresh.grids import same_grid
from nithresh.threads import get_num_threads
from nithresh.thresholding import threshold_img

if TYPE_CHECKING:
    from nibabel.spatialimages import SpatialImage

    from nithresh._open import ImageOrPath

Pair: TypeAlias = tuple[FilePath, FilePath]
Task = TypeVar("Task")
Value = TypeVar("Value")

# Tasks per thread, running or waiting: enough that no thread waits for the next.
_TASKS_PER_JOB = 2


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
        Why there is no output, if there is none.
    """

    input: FilePath
    output: FilePath
    warnings: tuple[str, ...]
    error: Exception | None


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Task, Value]):
    """What became of one task: its value, or the error in its place."""

    task: Task
    value: Value | None
    warnings: tuple[str, ...]
    error: Exception | None


def threshold_files(
    pairs: Iterable[Pair],
    threshold: float | str,
    *,
    cluster_threshold: int = 0,
    two_sided: bool = True,
    mask_img: "ImageOrPath | None" = None,
    connectivity: int = 6,
    jobs: int | None = None,
    on_result: Callable[[FileResult], object] | None = None,
) -> None:
    """Threshold image files and save the results.

    Each result is what :func:`nithresh.save` writes of what
    :func:`nithresh.threshold_img` gives for the file by itself. A file that fails
    does not keep the others from being done.

    Parameters
    ----------
    pairs : iterable of (input, output)
        Paths of what :func:`nithresh.load` reads and :func:`nithresh.save` writes.
        A generator is read as the work goes on. Each output must have a file of
        its own, and none may be an input or the mask.
    threshold : float or str
        In the units of the maps, or a percentile such as ``"95%"``, of each file by
        itself. A voxel whose value equals it is kept.
    cluster_threshold : int, default=0
        Least extent of a cluster in voxels; a cluster of exactly that extent is
        kept.
    two_sided : bool, default=True
        Keep ``abs(v) >= threshold``. Otherwise keep ``v >= threshold``, or
        ``v <= threshold`` if the threshold is negative.
    mask_img : str, pathlib.Path or nibabel image, optional
        0 outside and one other value inside, for all files; read once, and
        taken at the centres of the maps' voxels, once for each other grid.
    connectivity : {6, 18, 26}, default=6
        Voxels belong together that share a face; a face or an edge; a face, an
        edge or a corner.
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
        An argument of the right type with a value that is not allowed; a mask that
        is none; an output that is no file of its own, before anything is done or,
        from a generator, as soon as it is seen.

    Warns
    -----
    UserWarning
        Without `on_result`: what :func:`nithresh.threshold_img` warns about, with
        the name of the file.

    Notes
    -----
    Whatever ends the call early (Ctrl-C, an error of `on_result` or of a
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
    }
    check_request(**words)
    jobs = get_num_threads() if jobs is None else check_count(jobs, "jobs")
    if not isinstance(pairs, Iterable):
        msg = f"pairs is of type {type(pairs).__name__}; it must be pairs of paths"
        raise TypeError(msg)
    if on_result is not None and not callable(on_result):
        msg = f"on_result is {on_result!r}; it must be a function of one argument"
        raise TypeError(msg)
    files = OwnFiles()
    mask = None
    if mask_img is not None:
        mask = Mask(mask_img)
        if isinstance(mask_img, (str, os.PathLike)):
            files.add_input(mask_img)
    checked: Iterable[Pair] = _checked(pairs, files)
    if isinstance(pairs, Collection):
        checked = list(checked)  # before anything is done

    def work(pair: Pair) -> None:
        _threshold_file(*pair, mask, words)

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
        msg = f"{len(errors)} files could not be thresholded"
        raise ExceptionGroup(msg, errors)


def in_threads(
    work: Callable[[Task], Value], tasks: Iterable[Task], jobs: int
) -> Generator[Outcome[Task, Value]]:
    """Work on tasks, a few ahead of the outcomes; yield these in order.

    A machine that gives fewer threads than `jobs` has fewer; where it gives none, the
    caller's thread does the work. (An executor of Python would have taken a task for
    which there is no thread, and might do it or not.)
    """
    todo: SimpleQueue[tuple[Task, Future[Outcome[Task, Value]]] | None] = SimpleQueue()

    def help_out() -> None:
        while (taken := todo.get()) is not None:
            task, future = taken
            if future.set_running_or_notify_cancel():
                future.set_result(attempt(work, task))

    threads: list[threading.Thread] = []
    waiting: deque[Future[Outcome[Task, Value]]] = deque()
    try:
        for task in tasks:
            if len(threads) < jobs:
                thread = threading.Thread(target=help_out, name="nithresh-file")
                try:
                    thread.start()
                except RuntimeError:
                    jobs = len(threads)
                else:
                    threads.append(thread)
            if not threads:
                yield attempt(work, task)
                continue
            waiting.append(Future())
            todo.put((task, waiting[-1]))
            if len(waiting) >= _TASKS_PER_JOB * jobs:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
        # One more: an interrupt may come when a thread has started and is not listed.
        for _ in range(len(threads) + 1):
            todo.put(None)
        for thread in threads:
            thread.join()


def attempt(work: Callable[[Task], Value], task: Task) -> Outcome[Task, Value]:
    """Work on one task; an error becomes part of the outcome."""
    value, error = None, None
    with collected_warnings() as messages:
        try:
            value = work(task)
        except Exception as caught:
            error = caught
            _let_go_of_images(error)
    return Outcome(task, value, tuple(messages), error)


def _threshold_file(
    source: FilePath, target: FilePath, mask: "Mask | None", words: dict[str, Any]
) -> None:
    image = nifti.load_map(source)
    mask_img = None if mask is None else mask.on_grid_of(image)
    save(threshold_img(image, mask_img=mask_img, **words), target)


def _let_go_of_images(error: BaseException | None) -> None:
    """Forget the variables of the calls that an error went through.

    Those of files that failed would stay in memory for as long as their errors.
    """
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


class Mask:
    """A mask that is read once, and resampled once for each new grid."""

    def __init__(self, mask_img: "ImageOrPath") -> None:
        image = nifti.open_image(mask_img, name="mask_img")
        # A mask that is none is refused here, and not once for each file.
        inside = nifti.read_mask(image, image)
        self._image = nifti.image_like(image, inside, (0, 1), copy_header=True)
        self._image.file_map = image.file_map  # for errors, which name the file
        self._resampled: Any = None
        self.source = nifti.source(mask_img)
        self._lock = threading.Lock()

    def on_grid_of(self, image: "SpatialImage") -> Any:
        """Return the mask as an image on the grid of another."""
        # threshold_img says what is wrong with a map of fewer axes.
        if len(image.shape) < 3 or same_grid(self._image, image):
            return self._image
        with self._lock:
            last = self._resampled
            # The very same grid: each result is what it would be without the others.
            if (
                last is None
                or last.shape != image.shape[:3]
                or not np.array_equal(last.affine, image.affine)
            ):
                inside = nifti.read_mask(self._image, image)
                last = self._resampled = nifti.mask_image_like(image, inside)
            return last


class OwnFiles:
    """The files of a batch: each output is one of its own, and no input."""

    def __init__(self) -> None:
        self._inputs: set[Path] = set()
        self._outputs: set[Path] = set()

    def add_input(self, path: FilePath) -> None:
        """Take in a file that is read.

        Raises
        ------
        ValueError
            It is an output.
        """
        source = _file(path)
        self._inputs.add(source)
        self._check(source)

    def add_output(self, path: FilePath) -> None:
        """Take in a file that is written.

        Raises
        ------
        ValueError
            It is an input, or an output already.
        """
        target = _file(path)
        if target in self._outputs:
            msg = f"two inputs have the output {str(target)!r}; each must have its own"
            raise ValueError(msg)
        self._outputs.add(target)
        self._check(target)

    def _check(self, path: Path) -> None:
        if path in self._inputs and path in self._outputs:
            msg = f"{str(path)!r} is an output and an input; it must be one of these"
            raise ValueError(msg)


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


def _file(path: FilePath) -> Path:
    """Return the one name that a file has; the header's of a pair of files."""
    place = real_path(path)
    return place.parent / re.sub(r"\.img(\.gz)?$", r".hdr\1", place.name)
