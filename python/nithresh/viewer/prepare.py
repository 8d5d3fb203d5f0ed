"""A map made ready for a page: opened, its clusters found, its cuts chosen."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nithresh._choices import rules_of, source
from nithresh._numbers import in_full
from nithresh._open import OpenMap
from nithresh._params import Request, check_not_negative, check_request
from nithresh.clusters import Clusters, find_clusters
from nithresh.images import one_volume
from nithresh.plotting.cuts import check_cuts, choose_cuts
from nithresh.plotting.geometry import Volume
from nithresh.plotting.maps import HIDE_ZEROS, StatMap
from nithresh.plotting.modes import MODES
from nithresh.plotting.stat_map import plot_stat_map
from nithresh.viewer.data import check_cmap, values_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DOTS_PER_INCH", "Prepared"]

_AUTO = "95%"
#: Of pictures.
DOTS_PER_INCH = 80


@dataclass(frozen=True)
class Prepared:
    """What a page is made of."""

    opened: OpenMap
    values: NDArray[Any]
    request: Request
    level: float
    lowest: float
    clusters: Clusters
    stat_map: StatMap
    bg_img: Any
    cuts: list[float]
    cmap: Any
    choices: dict[str, Any]

    @classmethod
    def of(
        cls,
        img: Any,
        threshold: Any,
        *,
        mask_img: Any,
        bg_img: Any,
        cut_coords: Any,
        cmap: Any,
        lowest: Any,
        volume: Any,
        max_peaks: int,
        **words: Any,
    ) -> Prepared:
        """Check what was asked for, open it and find the clusters."""
        asked = _AUTO if threshold is None else threshold
        request = check_request(asked, **words)
        lowest = 0.0 if lowest is None else check_not_negative(lowest, "lowest")
        cmap = check_cmap(cmap)
        image = one_volume(img, volume)
        opened = OpenMap.of_image(image, mask_img, one_volume=True)
        if 0 in opened.data.shape:
            msg = f"img has no voxels (shape {opened.data.shape})"
            raise ValueError(msg)
        values = values_of(opened, lowest)
        level = opened.level(request)
        if threshold is None and level < lowest:
            asked = level = lowest
        if abs(level) < lowest:
            msg = (
                f"threshold is {in_full(level)} and lowest {in_full(lowest)}; the "
                "threshold must be as far from zero, or further"
            )
            raise ValueError(msg)
        clusters = find_clusters(
            image, level, **words, mask_img=mask_img, max_peaks=max_peaks
        )
        low, high, _ = opened.summary()
        kept = np.asanyarray(clusters.thresholded_img.dataobj).reshape(values.shape)
        stat_map = StatMap(
            Volume(values, opened.affine),
            Volume(kept, opened.affine),
            level,
            request.two_sided,
            request.connectivity,
            *((low, high) if low <= high else (0.0, 0.0)),
        )
        asked_cuts = check_cuts("ortho", cut_coords, clusters)
        cuts = choose_cuts(stat_map, MODES["ortho"], asked_cuts)
        choices = {
            **clusters.table.choices,
            **rules_of(request, asked, level),
            "lowest": lowest,
            "volume": volume,
            "input": source(img),
            "mask": None if mask_img is None else source(mask_img),
        }
        return cls(
            opened,
            values,
            request,
            level,
            lowest,
            clusters,
            stat_map,
            bg_img,
            [*cuts["x"], *cuts["y"], *cuts["z"]],
            cmap,
            choices,
        )

    @property
    def name(self) -> str:
        """What the page is called if nobody names it."""
        source = self.choices["input"]
        return "Statistical map" if source is None else str(source["name"])

    def picture(self) -> bytes:
        """Draw what a page shows where scripts do not run: a PNG file."""
        from matplotlib import rc_context

        figure = io.BytesIO()
        settings: Any = {"savefig.format": "png", "savefig.dpi": DOTS_PER_INCH}
        with rc_context(settings):
            plot_stat_map(
                self.clusters.thresholded_img,
                bg_img=self.bg_img,
                cut_coords=self.cuts,
                cmap=self.cmap,
                threshold=HIDE_ZEROS,
                clusters=self.clusters,
                output_file=figure,
            )
        return figure.getvalue()
