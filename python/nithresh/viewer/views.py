"""``view``: a map as one HTML page with a live threshold."""

from __future__ import annotations

import tempfile
import webbrowser
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nithresh import __version__
from nithresh._params import warn
from nithresh._paths import expanded
from nithresh._rules import CONNECTIVITY, TWO_SIDED
from nithresh._shared_docs import shared_docs
from nithresh.files.atomic import Transaction
from nithresh.plotting.maps import Template
from nithresh.viewer.page import escaped, filled, image_of, table_of
from nithresh.viewer.prepare import Prepared
from nithresh.viewer.settings import controls_of, settings_of, style_of

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from matplotlib.colors import Colormap

    from nithresh._open import ImageOrPath

__all__ = ["View", "page_of", "view"]

_LARGE = 10_000_000  # bytes of a page
_FRAME_HEIGHT = 960  # pixels of a page in a notebook
_DESCRIPTION = "Page of a statistical map with a live threshold"


@dataclass(frozen=True)
class View:
    """A page; what :func:`nithresh.view` gives.

    A notebook shows it where a cell ends with it.

    Attributes
    ----------
    html : str
        The page: all that it needs is in it.
    choices : dict
        What it was made of, by which rules and versions: that of a sidecar.
    """

    html: str = field(repr=False)
    choices: dict[str, Any] = field(repr=False)
    _static: str = field(repr=False)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page to a file.

        Parameters
        ----------
        path : str or os.PathLike
            Ends in ``.html``. An existing file is replaced only when the new one is
            complete.

        Raises
        ------
        ValueError
            Another extension.
        MissingFileError
            There is no such folder (a FileNotFoundError and a ValueError).
        """
        place = expanded(path)
        if place.suffix.lower() not in {".html", ".htm"}:
            msg = f"path is {str(path)!r}; it must end in .html"
            raise ValueError(msg)
        with Transaction() as files:
            with files.open(place) as stream:
                stream.write(self.html.encode())
            files.commit()

    def open(self) -> None:
        """Show the page in a browser, from a temporary file that stays."""
        with tempfile.NamedTemporaryFile(
            prefix="nithresh-", suffix=".html", delete=False
        ) as file:
            file.write(self.html.encode())
        webbrowser.open(Path(file.name).as_uri())

    def _repr_html_(self) -> str:
        """Show the page in a notebook; where frames or scripts are not let in, less.

        The picture and the table lie under the frame: what removes the frame from an
        untrusted notebook leaves them.
        """
        return (
            f'<div style="position:relative;height:{_FRAME_HEIGHT}px">'
            f'<div style="height:100%;overflow:auto">{self._static}</div>'
            f'<iframe srcdoc="{escaped(self.html)}" sandbox="allow-scripts" '
            'style="position:absolute;inset:0;width:100%;height:100%;border:0;'
            'background:Canvas"></iframe></div>'
        )


@shared_docs
def view(
    img: ImageOrPath,
    threshold: float | str | None = None,
    *,
    cluster_threshold: int = 0,
    two_sided: bool = TWO_SIDED,
    connectivity: int = CONNECTIVITY,
    comparison: str | None = None,
    rules: str | None = None,
    mask_img: ImageOrPath | None = None,
    bg_img: ImageOrPath | Template | Literal[False] | None = Template.MNI152,
    cut_coords: Sequence[float] | str | None = None,
    title: str | None = None,
    cmap: str | Colormap = "RdBu_r",
    lowest: float | None = None,
    volume: int | None = None,
) -> View:
    """Make one HTML page of a map, with a threshold that can be moved.

    The page shows three slices, the clusters at the threshold with their outlines and
    numbers, and their table. At every threshold the clusters are those of
    :func:`nithresh.find_clusters` by the same `rules`, numbers included, because the
    page holds the map as it is and its component tree. It needs no network and no other
    file.

    Parameters
    ----------
    img : str, pathlib.Path or nibabel image
        A map of shape (x, y, z), or (x, y, z, volumes) with `volume`.
    threshold : float or str, optional
        Where the threshold is when the page opens, in the units of the map, or a
        percentile such as ``"95%"``, which is the default.
    cluster_threshold : int, default=0
        Least extent of a cluster in voxels, when the page opens.
    two_sided : bool, default=True
        Whether the page opens with clusters of both signs. Otherwise it opens with
        positive ones, or with negative ones if the threshold is negative.
    {connectivity}
    {comparison}
    mask_img : str, pathlib.Path or nibabel image, optional
        0 outside and one other value inside; on another grid it is taken at the
        centres of the map's voxels. Voxels outside become 0.
    bg_img : str, pathlib.Path, nibabel image or None
        What the map lies on, in 255 greys. The brain of the MNI152 template if not
        given, nothing if None or False.
    cut_coords : sequence of 3 floats or str, optional
        Where the slices cut when the page opens: x, y and z in mm, ``"peak"``, or
        ``"cluster:3"``. If not given, as in :func:`nithresh.plotting.plot_stat_map`.
    title : str, optional
        The name of the file if not given.
    cmap : str or matplotlib colour map, default="RdBu_r"
        Names of nilearn's colour maps are known, too.
    lowest : float, optional
        Leave out voxels with ``abs(v) < lowest``: the slider ends there, and the page
        is smaller.
    volume : int, optional
        Which volume of a map that has several, counted from 0.

    Returns
    -------
    View
        To save, to open in a browser, or to show in a notebook.

    Raises
    ------
    TypeError
        An argument of the wrong type.
    ValueError
        An argument of the right type with a value that is not allowed; a map of 64-bit
        integers beyond 2**53, which a page cannot compare exactly.

    Warns
    -----
    UserWarning
        As :func:`nithresh.find_clusters` does; a page of more than 10 MB.

    Notes
    -----
    Whoever has the page has the values of the map.

    A threshold that is chosen by looking is not an inference.

    Examples
    --------
    >>> import nithresh
    >>> image = nithresh.datasets.load_sample_motor_activation_image()
    >>> page = nithresh.view(image, 3, cluster_threshold=50)
    >>> page.choices["threshold_resolved"]
    3.0
    >>> page.html[:15]
    '<!doctype html>'
    """
    check_title(title)
    prepared = Prepared.of(
        img,
        threshold,
        cluster_threshold=cluster_threshold,
        two_sided=two_sided,
        connectivity=connectivity,
        comparison=comparison,
        rules=rules,
        mask_img=mask_img,
        bg_img=bg_img,
        cut_coords=cut_coords,
        cmap=cmap,
        lowest=lowest,
        volume=volume,
        max_peaks=1,
    )
    return page_of(prepared, title)


def check_title(title: Any) -> None:
    """Check a title."""
    if title is not None and not isinstance(title, str):
        msg = f"title is {title!r}; it must be text or None"
        raise TypeError(msg)


def page_of(prepared: Prepared, title: str | None, **sections: str) -> View:
    """Make the page; `sections` are HTML by their places in the template."""
    settings, data = settings_of(prepared)
    table = table_of(prepared.clusters.table)
    heading = escaped(title if title is not None else prepared.name)
    picture = image_of(
        prepared.picture(), "Slices through the map, its clusters outlined"
    )
    rule = escaped(str(prepared.clusters).partition("\n")[0])
    words = {"title": heading, "version": __version__, "picture": picture}
    words |= {"rule": rule, **table, "report": "", "sidecar": ""}
    words["from"], words["to"] = (f"{limit:.3g}" for limit in settings["bar"])
    words |= controls_of(prepared)
    words["shell"] = "" if settings["texts"]["command"] else "hidden"
    style = style_of(settings, prepared.cmap)
    described = {"Description": _DESCRIPTION, "Choices": prepared.choices}
    blocks = {"choices": described, "settings": settings}
    html = filled(words | sections, blocks, data, style)
    if len(html) > _LARGE:
        warn(
            f"The page has {len(html) / 1e6:.0f} MB. lowest=, below which it holds "
            "nothing, makes it smaller, and so does a coarser bg_img, or None."
        )
    static = (
        f"<p><b>{heading}</b></p>{picture}<p>{rule}</p><table><thead><tr>"
        f"{table['head']}</tr></thead><tbody>{table['rows']}</tbody></table>"
    )
    return View(html, prepared.choices, static)
