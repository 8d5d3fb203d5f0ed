"""The loop: shuffles in, the largest statistics of each out.

```text
for each block of shuffles                     (over threads, or workers of Dask)
    weights   the bases of the design, shuffled
    maps      _core.statistic_maps: weights times residuals, and the statistic of these
    maxima    _core.cluster_maxima: for each map and sign the largest of each statistic
```

The observations are never shuffled: the bases are, which have as many numbers as there
are images.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nithresh import _core
from nithresh.permutation.maxima import Statistics
from nithresh.permutation.observations import Observations
from nithresh.permutation.shuffles import Shuffle, Shuffles

if TYPE_CHECKING:
    from nithresh.permutation.design import Design

# Maps of one block take about this many bytes: enough that reading the observations
# costs little beside the product, few enough that each thread can have its own.
_BLOCK_BYTES = 1 << 24
# The same for all threads together where the observations stay in a file, which is read
# once for each block.
_MAPPED_BYTES = 3 << 26
# What this version computes; another number where the maxima would be others.
_VERSION = 1


@dataclass(frozen=True, eq=False)
class Loop:
    """All that the maxima of a shuffle depend on.

    Attributes
    ----------
    observations : Observations
    mask : numpy.ndarray of bool, shape (x, y, z)
        The tested voxels.
    shuffles : Shuffles
    statistics : Statistics
    """

    observations: Observations
    mask: NDArray[np.bool_]
    shuffles: Shuffles
    statistics: Statistics

    @property
    def design(self) -> Design:
        """The design of the observations."""
        return self.observations.design

    @cached_property
    def _bases(self) -> NDArray[np.float64]:
        """The effect, and the part of the nuisance that shuffles change."""
        nuisance = self.design.nuisance
        if self.shuffles.kind == "labels":
            # A constant stays what it is, and the residuals are orthogonal to it.
            nuisance = nuisance[np.ptp(nuisance, axis=1) > 1e-9]
        return np.concatenate([self.design.effect, nuisance])

    def _weights(self, shuffles: list[Shuffle]) -> NDArray[np.float32]:
        """Return the shuffled bases, of shape (shuffles, rows, observations)."""
        weights = np.empty((len(shuffles), *self._bases.shape), np.float32)
        for own, (order, signs) in zip(weights, shuffles, strict=True):
            own[:, order] = self._bases * signs
        return weights

    def maps(self, shuffles: list[Shuffle]) -> NDArray[np.float32]:
        """Return the statistic at each tested voxel, of shape (shuffles, voxels)."""
        weights = self._weights(shuffles)
        maps = np.empty((len(shuffles), self.observations.voxels), np.float32)
        for number, part in enumerate(self.observations.parts()):
            _core.statistic_maps(
                self.observations.residuals(number),
                weights,
                maps[:, part],
                effect_rows=len(self.design.effect),
                degrees_of_freedom=self.design.degrees_of_freedom,
                is_f=self.design.is_f,
            )
        return maps

    def maxima(self, start: int, stop: int) -> NDArray[np.float64]:
        """Return the maxima of some shuffles: (shuffles, signs, statistics)."""
        maps = self.maps(list(map(self.shuffles.shuffle, range(start, stop))))
        return self.statistics.of(maps, self.mask)

    def blocks(self, passes: int, jobs: int) -> list[tuple[int, int]]:
        """Cut the numbers of shuffles into blocks."""
        room = _BLOCK_BYTES
        if self.observations.is_mapped:
            room = _MAPPED_BYTES // jobs
        size = max(1, room // (4 * self.observations.voxels))
        # As even as they can be, and some for each thread.
        count = min(passes, max(-(-passes // size), jobs))
        edges = [passes * number // count for number in range(count + 1)]
        return list(pairwise(edges))

    @cached_property
    def checksum(self) -> str:
        """The SHA-256 of all that the maxima depend on."""
        shuffles, statistics = self.shuffles, self.statistics
        words: dict[str, Any] = {
            "version": _VERSION,
            "observations": self.observations.checksum,
            "mask": hashlib.sha256(np.packbits(self.mask).data).hexdigest(),
            "shape": self.mask.shape,
            "kind": shuffles.kind,
            "seed": shuffles.seed,
            "blocks": [
                None if blocks is None else blocks.tolist()
                for blocks in (shuffles.within, shuffles.whole)
            ],
            "design": self.design.columns.tolist(),
            "effect": self.design.effect.tolist(),
            "statistics": [
                statistics.thresholds,
                statistics.connectivity,
                statistics.two_sided,
                statistics.tfce,
            ],
        }
        return hashlib.sha256(json.dumps(words).encode()).hexdigest()

    def __getstate__(self) -> dict[str, Any]:
        """Say what to pickle: nothing that is made of the rest."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}
