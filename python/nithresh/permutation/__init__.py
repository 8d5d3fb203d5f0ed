"""Which clusters are real: permutation tests with corrected p-values.

```text
images ──images──▶ values in the mask ──observations──▶ those that can be tested
design ──design──▶ effect and nuisance ──shuffles──▶ the shuffle of each number
  all of these ──loop──▶ maxima of each shuffle (run: threads, Dask, checkpoint)
               ──null──▶ corrected p ──result──▶ table and maps
```
"""

from nithresh.permutation.group import permutation_test
from nithresh.permutation.images import stack
from nithresh.permutation.maxima import Maxima, cluster_maxima
from nithresh.permutation.null import Null
from nithresh.permutation.result import PermutationResult

__all__ = [
    "Maxima",
    "Null",
    "PermutationResult",
    "cluster_maxima",
    "permutation_test",
    "stack",
]
