"""The connectivities that users may ask for, by their numbers of neighbours."""

# Along how many axes two neighbours may differ: 1 where they share a face, 2 where they
# share a face or an edge, 3 where they share a face, an edge or a corner.
REACH = {6: 1, 18: 2, 26: 3}
CONNECTIVITIES = tuple(REACH)
