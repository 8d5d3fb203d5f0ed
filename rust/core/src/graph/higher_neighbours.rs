//! The neighbours of each node that rank before it, side by side, for the component tree.
//!
//! ```text
//! triangle of heights   3 ── 2      2 gets 3, and 1 gets 2: 3 and 2 are in one cluster
//!                        \  /       by then, so that 1 need not know of 3
//!                         1
//! ```
//!
//! Each triangle gives two entries at most, and each pair one. Entries are counted first,
//! and then put in their places: compressed sparse rows.

use crate::graph::triangles::Graph;
use crate::tree::neighbours::Neighbours;
use crate::voxel::sort_key::SortKey;

/// For each node, some of its neighbours that rank before it: enough to join all that touch.
pub(crate) struct HigherNeighbours {
    /// Where the neighbours of each node begin, and after the last where they end.
    starts: Vec<u32>,
    neighbours: Vec<u32>,
}

impl HigherNeighbours {
    /// Of the nodes whose key is not 0.
    pub(crate) fn of<K: SortKey>(graph: &Graph<'_>, keys: &[K]) -> Self {
        // One place on, so that the starts are the ends of the rows when these are filled.
        let mut starts = vec![0_u32; keys.len() + 2];
        for_each_entry(graph, keys, |node, _| starts[node as usize + 2] += 1);
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut neighbours = vec![0; sum as usize];
        for_each_entry(graph, keys, |node, neighbour| {
            let next = &mut starts[node as usize + 1];
            neighbours[*next as usize] = neighbour;
            *next += 1;
        });
        Self { starts, neighbours }
    }
}

/// Calls `visit` with a node and a neighbour that ranks before it, or the node itself.
#[inline(always)]
fn for_each_entry<K: SortKey>(graph: &Graph<'_>, keys: &[K], mut visit: impl FnMut(u32, u32)) {
    let key = |node: u32| keys[node as usize];
    let in_order = |a: u32, b: u32| {
        let swaps = key(b) > key(a) || (key(b) == key(a) && b < a);
        if swaps { (b, a) } else { (a, b) }
    };
    let mut entry = |(first, second): (u32, u32)| {
        if key(second) != K::default() {
            visit(second, first);
        }
    };
    graph.for_each_triangle(|[a, b, c]| {
        let (a, b) = in_order(a, b);
        let (b, c) = in_order(b, c);
        let (a, b) = in_order(a, b);
        entry((a, b));
        entry((b, c));
    });
    graph.pairs().for_each(|[a, b]| entry(in_order(a, b)));
}

impl Neighbours for HigherNeighbours {
    /// Where the next neighbour is, and where they end.
    type Walk = (u32, u32);

    fn list<K: SortKey>(&self, keys: &[K], _notes: &mut [u32]) -> Vec<(K, u32)> {
        let all = keys.iter().copied().zip(0..);
        all.filter(|&(key, _)| key != K::default()).collect()
    }

    #[inline]
    fn walk(&self, place: u32, _rank: u32, _note: u32) -> Self::Walk {
        (self.starts[place as usize], self.starts[place as usize + 1])
    }

    #[inline]
    fn next(&self, (next, end): &mut Self::Walk, ranks: &[u32]) -> u32 {
        if next == end {
            return 0;
        }
        let neighbour = self.neighbours[*next as usize];
        *next += 1;
        ranks[neighbour as usize]
    }
}
