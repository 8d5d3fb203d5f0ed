//! The neighbours of a node, as the component tree asks for them.

use crate::voxel::sort_key::SortKey;

/// The neighbours of nodes that each have a place: of the voxels of a volume, or of the
/// vertices of a surface.
///
/// A node *ranks before* another if its key is larger, or equal and its place comes first.
pub(crate) trait Neighbours {
    /// How far the walk from a node over its neighbours has come.
    type Walk: Copy + Default;

    /// Lists the nodes, with their keys, in the order of their places: those whose key is
    /// not 0. `keys` and `notes` have an entry for each place; at the place of each node
    /// this may note what [`Neighbours::walk`] wants to know.
    fn list<K: SortKey>(&self, keys: &[K], notes: &mut [u32]) -> Vec<(K, u32)>;

    /// Begins the walk over the neighbours that rank before a node.
    fn walk(&self, place: u32, rank: u32, note: u32) -> Self::Walk;

    /// Goes on to the next of these neighbours, and returns one more than its rank; 0 after
    /// the last.
    ///
    /// A neighbour that touches one already visited may be left out, because both are in
    /// one cluster. `ranks` holds one more than the rank of each node that ranks before the
    /// node or comes a little after it, at its place.
    fn next(&self, walk: &mut Self::Walk, ranks: &[u32]) -> u32;
}
