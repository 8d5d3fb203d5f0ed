//! Disjoint sets of runs.
//!
//! The root of a set is its smallest member, so a parent never has a larger
//! index than its child. Two things follow: the result does not depend on the
//! order of the unions, and one forward pass resolves every root.

/// A stretch `base..base + parent.len()` of the run indices of a volume, each
/// with its parent. All parents lie in the same stretch, so several stretches
/// can be linked at the same time.
pub(crate) struct Forest<'a> {
    parent: &'a mut [u32],
    base: u32,
}

impl<'a> Forest<'a> {
    /// Over parents that are already set, or that [`Forest::reset`] will set.
    pub(crate) fn new(parent: &'a mut [u32], base: u32) -> Self {
        Self { parent, base }
    }

    /// Makes every run a set of its own.
    pub(crate) fn reset(&mut self) {
        for (parent, run) in self.parent.iter_mut().zip(self.base..) {
            *parent = run;
        }
    }

    /// The root of `run`. Halves the path on its way.
    #[inline]
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
    #[inline]
    pub(crate) fn union(&mut self, a: u32, b: u32) {
        let (a, b) = (self.find(a), self.find(b));
        let (root, child) = if a < b { (a, b) } else { (b, a) };
        self.parent[(child - self.base) as usize] = root;
    }
}

/// Points every run straight at its root. Only for a whole volume (`base` 0).
///
/// A parent comes before its child, so its own root is already known when the
/// child is reached: one pass, no search.
pub(crate) fn flatten(parent: &mut [u32]) {
    for run in 0..parent.len() {
        parent[run] = parent[parent[run] as usize];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_the_smallest_member_whatever_the_order() {
        let links = [(5, 9), (3, 7), (9, 3), (0, 1), (7, 8)];
        for rotation in 0..links.len() {
            let mut parent = vec![0; 10];
            let mut forest = Forest::new(&mut parent, 0);
            forest.reset();
            for step in 0..links.len() {
                let (a, b) = links[(step + rotation) % links.len()];
                forest.union(b, a);
            }
            flatten(&mut parent);
            assert_eq!(parent, [0, 0, 2, 3, 4, 3, 6, 3, 3, 3]);
        }
    }

    #[test]
    fn a_stretch_keeps_to_itself() {
        let mut parent = vec![0; 3];
        let mut forest = Forest::new(&mut parent, 10);
        forest.reset();
        forest.union(12, 11);
        assert_eq!(parent, [10, 11, 11]);
    }
}
