"""The connectivities that users may ask for, by their numbers of neighbours."""

import itertools

# Along how many axes two neighbours may differ: 1 where they share a face, 2 where they
# share a face or an edge, 3 where they share a face, an edge or a corner.
REACH = {6: 1, 18: 2, 26: 3}
CONNECTIVITIES = tuple(REACH)


def half_steps(connectivity: int) -> list[tuple[int, ...]]:
    """Return the steps to half of the neighbours: those that come later in C order.

    The other half are the same pairs the other way round.

    Examples
    --------
    >>> half_steps(6)
    [(0, 0, 1), (0, 1, 0), (1, 0, 0)]
    """
    reach = REACH[connectivity]
    steps = itertools.product((-1, 0, 1), repeat=3)
    return [step for step in steps if step > (0, 0, 0) and sum(map(abs, step)) <= reach]
