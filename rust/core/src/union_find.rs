//! Disjoint sets of runs.
//!
//! The root of a set is its smallest member, so a parent never has a larger
//! index than its child. Two things follow: the result does not depend on the
//! order of the unions, and one forward pass over all members resolves every root.

/// Runs, each with its parent.
pub(crate) struct Forest<'a> {
    parent: &'a mut [u32],
}

impl<'a> Forest<'a> {
    /// Over parents that are set.
    pub(crate) fn new(parent: &'a mut [u32]) -> Self {
        Self { parent }
    }

    /// Joins the sets of two runs.
    ///
    /// Both ways up are walked at once, always on from the parent that comes later,
    /// which is pointed at the other on the way (Rem's algorithm, in Dijkstra, A
    /// Discipline of Programming, 1976). Most pairs are in one set already and have
    /// the same parent: they cost two loads.
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
            // A parent comes before its child.
            for run in 0..10 {
                parent[run] = parent[parent[run] as usize];
            }
            assert_eq!(parent, [0, 0, 2, 3, 4, 3, 6, 3, 3, 3]);
        }
    }
}
