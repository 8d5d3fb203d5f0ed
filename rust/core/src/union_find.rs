//! Disjoint sets of runs.
//!
//! The root of a set is its smallest member, so a parent never has a larger
//! index than its child. Two things follow: the result does not depend on the
//! order of the unions, and one forward pass over all members resolves every root.

/// A stretch `base..base + parent.len()` of the run indices of a volume, each
/// with its parent. All parents lie in the same stretch, so several stretches
/// can be linked at the same time.
pub(crate) struct Forest<'a> {
    parent: &'a mut [u32],
    base: u32,
}

impl<'a> Forest<'a> {
    /// Over parents that are set.
    pub(crate) fn new(parent: &'a mut [u32], base: u32) -> Self {
        Self { parent, base }
    }

    /// The root of `run`. Halves the path on its way.
    #[inline(always)]
    fn find(&mut self, mut run: u32) -> u32 {
        let base = self.base;
        loop {
            let parent = self.parent[(run - base) as usize];
            if parent == run {
                return run;
            }
            let grandparent = self.parent[(parent - base) as usize];
            self.parent[(run - base) as usize] = grandparent;
            run = grandparent;
        }
    }

    /// Joins the sets of two runs.
    #[inline(always)]
    pub(crate) fn union(&mut self, a: u32, b: u32) {
        let (a, b) = (self.find(a), self.find(b));
        let (root, child) = if a < b { (a, b) } else { (b, a) };
        self.parent[(child - self.base) as usize] = root;
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
            let mut forest = Forest::new(&mut parent, 0);
            for step in 0..links.len() {
                let (a, b) = links[(step + rotation) % links.len()];
                forest.union(b, a);
            }
            let roots: Vec<u32> = (0..10).map(|run| forest.find(run)).collect();
            assert_eq!(roots, [0, 0, 2, 3, 4, 3, 6, 3, 3, 3]);
        }
    }

    #[test]
    fn a_stretch_keeps_to_itself() {
        let mut parent = [10, 11, 12];
        let mut forest = Forest::new(&mut parent, 10);
        forest.union(12, 11);
        assert_eq!(parent, [10, 11, 11]);
    }
}
