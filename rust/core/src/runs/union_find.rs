//! Disjoint sets of numbered members: runs, fragments of clusters, clusters of blocks.
//!
//! The root of a set is its smallest member, so a parent never has a larger number than its
//! child. Two things follow. The result does not depend on the order of the unions, so slabs
//! can be linked at the same time. And one forward pass over all members numbers the sets.
//!
//! ```text
//! members    0 1 2 3 4 5
//! parents    0 1 0 1 2 5        sets {0 2 4} {1 3} {5}
//! numbers    0 1 0 1 0 2        in the order of their roots
//! ```
//!
//! Two sets are joined by Rem's algorithm (Dijkstra, A Discipline of Programming, 1976), which
//! was the fastest of many in the experiments of Patwary, Blair and Manne (Experiments on
//! union-find algorithms for the disjoint-set data structure, 2010).

// Runs of a slab are numbered first, and then, in the same way, the fragments of clusters
// that lie in different slabs: what has to be joined in the end are fragments, of which there
// are far fewer than runs. Rejected: union by rank, which saves a few steps and loses the
// order of parents and all that follows from it.

use std::hint::select_unpredictable;

/// Members, each with its parent.
pub(crate) struct Forest<'a> {
    parent: &'a mut [u32],
}

impl<'a> Forest<'a> {
    /// A forest of parents that are set: at first each member is its own.
    pub(crate) fn new(parent: &'a mut [u32]) -> Self {
        Self { parent }
    }

    /// Joins the sets of two members.
    ///
    /// Both ways up are walked at once, always on from the member whose parent is larger,
    /// which gets the other parent on the way. Most pairs are in one set already and have the
    /// same parent: they cost two loads.
    #[inline(always)]
    pub(crate) fn union(&mut self, a: u32, b: u32) {
        let (mut a, mut b) = (a as usize, b as usize);
        loop {
            let (parent_a, parent_b) = (self.parent[a], self.parent[b]);
            if parent_a == parent_b {
                return;
            }
            if parent_a < parent_b {
                std::mem::swap(&mut a, &mut b);
            }
            let (later, earlier) = (parent_a.max(parent_b), parent_a.min(parent_b));
            self.parent[a] = earlier;
            let up = later as usize;
            if up == a {
                return;
            }
            a = up;
        }
    }
}

/// Gives each member of a forest the number of its set in place of its parent, and returns
/// how many sets there are. Sets are numbered in the order of their roots. One pass.
pub(crate) fn number(parent: &mut [u32]) -> usize {
    let mut count = 0;
    for member in 0..parent.len() {
        // A parent comes before its child, so that it has its number by now.
        let up = parent[member] as usize;
        let is_root = up == member;
        parent[member] = select_unpredictable(is_root, count, parent[up]);
        count += u32::from(is_root);
    }
    count as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_the_smallest_member_whatever_the_order() {
        let links = [(5, 9), (3, 7), (9, 3), (0, 1), (7, 8)];
        for rotation in 0..links.len() {
            let mut parent: Vec<u32> = (0..10).collect();
            let mut forest = Forest::new(&mut parent);
            for step in 0..links.len() {
                let (a, b) = links[(step + rotation) % links.len()];
                forest.union(b, a);
            }
            assert_eq!(number(&mut parent), 5);
            // The roots are 0, 2, 3, 4 and 6.
            assert_eq!(parent, [0, 0, 1, 2, 3, 2, 4, 2, 2, 2]);
        }
    }
}
