//! From heights to the component tree: one sort, one pass of union-find.
//!
//! ```text
//! sort the nodes, highest first
//! for each node in this order
//!     join the clusters of its higher neighbours; it is their parent in the tree
//!
//! heights        3 1 2       clusters at     3: {3}
//!                            each height     2: {3} {2}
//!                                            1: {3 1 2}
//!
//! tree           3   2       each node is the cluster as it is when the node
//!                 \ /        has joined it
//!                  1
//! ```
//!
//! When a threshold falls, nodes are kept one after the other, and each of them begins a
//! cluster, makes one grow or joins several. Every node is thus a node of a tree: the
//! cluster as it is when the node has joined it. Of nodes of the same height the one that
//! comes first counts as the higher, which leaves nodes of the tree that are no clusters at
//! any threshold: those whose parent has their own height. What is made of the tree must
//! leave them out, or give them no weight.
//!
//! Nothing here knows of volumes: what a neighbour is, [`Neighbours`] says.
//!
//! The component tree, or max-tree, is that of Salembier, Oliveras and Garrido (Antiextensive
//! connected operators for image and sequence processing, 1998). To build it by a sort and
//! union-find is the way of Najman and Couprie (Building the component tree in quasi-linear
//! time, 2006) and of Berger, Géraud and others (Effective component tree computation with
//! application to pattern recognition in astronomical imaging, 2007).

// Rejected, for scores: to keep an offset at the root of each set of union-find, which path
// halving breaks.

use std::ops::Range;

use crate::tree::neighbours::Neighbours;
use crate::voxel::sort_key::{DIGIT_BITS, SortKey};

/// The rank of the parent of a node that has none.
const NONE: u32 = u32::MAX;

/// The component tree of the nodes of one sign. Nodes are known by their rank: highest
/// first, of the same height in the order of their places.
pub(crate) struct ComponentTree<K> {
    /// One more than the rank of each node, at its place; 0 elsewhere.
    pub(crate) ranks: Vec<u32>,
    /// Key and place of each node, by rank.
    pub(crate) nodes: Vec<(K, u32)>,
    /// The node with which the cluster of a node goes on, by rank: always of a larger
    /// rank; [`NONE`] when the cluster stays as it is down to zero.
    parents: Vec<u32>,
    /// How many nodes the cluster of a node has when the node joins it, by rank.
    pub(crate) extents: Vec<u32>,
}

impl<K: SortKey> ComponentTree<K> {
    /// The tree of the nodes that have a key. There are fewer than 2³¹ places.
    pub(crate) fn of(keys: Vec<K>, neighbours: &impl Neighbours) -> Self {
        let mut ranks = vec![0; keys.len()];
        let mut nodes = neighbours.list(&keys, &mut ranks);
        drop(keys);
        sort(&mut nodes, &mut Vec::new());
        let (parents, extents) = join(&nodes, &mut ranks, neighbours);
        Self { ranks, nodes, parents, extents }
    }

    /// The ranks of all nodes, the highest first.
    #[expect(clippy::cast_possible_truncation, reason = "there are few enough nodes")]
    pub(crate) fn all(&self) -> Range<u32> {
        0..self.extents.len() as u32
    }

    pub(crate) fn key(&self, rank: u32) -> K {
        self.nodes[rank as usize].0
    }

    pub(crate) fn place(&self, rank: u32) -> u32 {
        self.nodes[rank as usize].1
    }

    pub(crate) fn parent(&self, rank: u32) -> Option<u32> {
        Some(self.parents[rank as usize]).filter(|&parent| parent != NONE)
    }

    /// The parent, if it has the same height: then the node is no cluster at any threshold.
    pub(crate) fn parent_of_same_height(&self, rank: u32) -> Option<u32> {
        self.parent(rank).filter(|&parent| self.key(parent) == self.key(rank))
    }
}

/// Sorts nodes by their keys, largest first, equal ones in the order they came in: a radix
/// sort, from the least significant digit to the most (Knuth, The Art of Computer Programming,
/// volume 3). `room` is to sort in; what it holds does not matter.
pub(crate) fn sort<K: SortKey>(nodes: &mut Vec<(K, u32)>, room: &mut Vec<(K, u32)>) {
    let mut counts = vec![[0_u32; 1 << DIGIT_BITS]; K::DIGITS];
    for (key, _) in nodes.iter() {
        for (number, counts) in counts.iter_mut().enumerate() {
            counts[key.digit(number)] += 1;
        }
    }
    room.resize(nodes.len(), (K::default(), 0));
    for (number, counts) in counts.iter_mut().enumerate() {
        let Some((first, _)) = nodes.first() else { break };
        if counts[first.digit(number)] as usize == nodes.len() {
            continue; // a digit that all have
        }
        let mut start = 0;
        for count in counts.iter_mut().rev() {
            (*count, start) = (start, start + *count);
        }
        for node in nodes.iter() {
            let next = &mut counts[node.0.digit(number)];
            room[*next as usize] = *node;
            *next += 1;
        }
        std::mem::swap(nodes, room);
    }
}

/// How many nodes are looked up at a time, so that the look-ups, which are all over
/// memory, need not wait for one another.
const AT_A_TIME: usize = 64;

/// A node that is to be joined with its higher neighbours.
#[derive(Clone, Copy, Default)]
struct Pending<Walk> {
    walk: Walk,
    /// One more than the rank of the next neighbour; 0 after the last.
    next: u32,
}

/// Keeps the nodes one after the other and joins their clusters. Turns the note at the
/// place of each node into one more than its rank. Returns the parents and the extents.
///
/// The root of a set is its first node: which of two becomes the other's root is known
/// without a look at the sets.
fn join<K: SortKey, N: Neighbours>(
    nodes: &[(K, u32)],
    ranks: &mut [u32],
    neighbours: &N,
) -> (Vec<u32>, Vec<u32>) {
    let mut parents = vec![NONE; nodes.len()];
    let mut extents = vec![0; nodes.len()];
    let mut roots = vec![0; nodes.len()];
    // The latest node of each set, by its root.
    let mut latest = vec![0; nodes.len()];
    for (some, first) in nodes.chunks(AT_A_TIME).zip((0_u32..).step_by(AT_A_TIME)) {
        let pending = &mut [Pending::<N::Walk>::default(); AT_A_TIME][..some.len()];
        for ((pending, &(_, place)), rank) in pending.iter_mut().zip(some).zip(first..) {
            let note = std::mem::replace(&mut ranks[place as usize], rank + 1);
            pending.walk = neighbours.walk(place, rank, note);
            roots[rank as usize] = rank;
        }
        for pending in pending.iter_mut() {
            pending.next = neighbours.next(&mut pending.walk, ranks);
        }
        for (pending, rank) in pending.iter_mut().zip(first..) {
            let (mut root, mut extent) = (rank, 1);
            while pending.next != 0 {
                let other = find(&mut roots, pending.next - 1);
                if other != root {
                    let child = latest[other as usize] as usize;
                    parents[child] = rank;
                    extent += extents[child];
                    let (first, second) = if other < root { (other, root) } else { (root, other) };
                    roots[second as usize] = first;
                    root = first;
                }
                pending.next = neighbours.next(&mut pending.walk, ranks);
            }
            latest[root as usize] = rank;
            extents[rank as usize] = extent;
        }
    }
    (parents, extents)
}

/// The root of a node. Halves the path on its way (van Leeuwen and van der Weide, 1977).
#[inline]
fn find(roots: &mut [u32], mut rank: u32) -> u32 {
    loop {
        let above = roots[rank as usize];
        if above == rank {
            return rank;
        }
        let next = roots[above as usize];
        roots[rank as usize] = next;
        rank = next;
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;
    use crate::connectivity::Connectivity;
    use crate::request::Sign;
    use crate::tree::padded_volume::PaddedVolume;
    use crate::voxel::Number;

    /// A graph: the neighbours of each node, as the triangles of a surface give them. It
    /// notes nothing, and asks for the ranks instead.
    struct Graph(Vec<Vec<u32>>);

    impl Neighbours for Graph {
        /// Node, its rank, and how many of its neighbours have been visited.
        type Walk = (u32, u32, usize);

        fn list<K: SortKey>(&self, keys: &[K], _notes: &mut [u32]) -> Vec<(K, u32)> {
            let all = keys.iter().copied().zip(0..);
            all.filter(|&(key, _)| key != K::default()).collect()
        }

        fn walk(&self, place: u32, rank: u32, _note: u32) -> Self::Walk {
            (place, rank, 0)
        }

        fn next(&self, (place, rank, visited): &mut Self::Walk, ranks: &[u32]) -> u32 {
            for &neighbour in &self.0[*place as usize][*visited..] {
                *visited += 1;
                let next = ranks[neighbour as usize];
                if (1..=*rank).contains(&next) {
                    return next;
                }
            }
            0
        }
    }

    /// A volume with few distinct values.
    fn volume(shape: (usize, usize, usize), seed: u64) -> Array3<u8> {
        let mut state = seed;
        Array3::from_shape_simple_fn(shape, || {
            // Knuth's generator; its upper bits are good ones.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            u8::try_from((state >> 33) % 6).unwrap()
        })
    }

    fn graph_of(shape: (usize, usize, usize), connectivity: Connectivity) -> Graph {
        let places =
            Array3::from_shape_vec(shape, (0_u32..).take(shape.0 * shape.1 * shape.2).collect())
                .unwrap();
        let neighbours = places.indexed_iter().map(|((i, j, k), _)| {
            let beside = connectivity.steps().into_iter().filter_map(|[di, dj, dk]| {
                let (i, j, k) = (
                    i.wrapping_add_signed(di),
                    j.wrapping_add_signed(dj),
                    k.wrapping_add_signed(dk),
                );
                places.get((i, j, k)).copied()
            });
            beside.collect()
        });
        Graph(neighbours.collect())
    }

    #[test]
    fn the_tree_of_a_graph_is_that_of_the_volume_it_was_made_of() {
        for (number, shape) in
            [(1, 1, 40), (3, 4, 5), (7, 1, 6), (2, 20, 9)].into_iter().enumerate()
        {
            for connectivity in [Connectivity::Faces, Connectivity::Edges, Connectivity::Corners] {
                let volume = volume(shape, number as u64);
                let keys = volume.iter().map(|value| value.sort_key()).collect();
                let tree = ComponentTree::of(keys, &graph_of(shape, connectivity));
                let (padded, expected) =
                    PaddedVolume::with_tree(volume.view(), None, Sign::Positive, connectivity)
                        .unwrap();
                assert_eq!(tree.parents, expected.parents);
                assert_eq!(tree.extents, expected.extents);
                for rank in tree.all() {
                    let [i, j, k] = padded.index(expected.place(rank));
                    assert_eq!(tree.place(rank) as usize, (i * shape.1 + j) * shape.2 + k);
                    assert_eq!(tree.key(rank), volume[[i, j, k]].sort_key());
                }
            }
        }
    }
}
