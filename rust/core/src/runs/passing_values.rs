//! The values of the voxels that pass, side by side.

use crate::runs::list::Run;

/// The values of the voxels that pass, run by run: they lie far apart in a map, and
/// whoever needs them again has them side by side.
pub(crate) struct PassingValues<T> {
    pub(crate) values: Vec<T>,
    /// The place among them of the first of each plane.
    pub(crate) firsts: Vec<usize>,
}

impl<T: Copy> PassingValues<T> {
    /// Adds those of the next plane.
    pub(crate) fn add(&mut self, plane: &[T], runs: impl Iterator<Item = Run>) {
        self.firsts.push(self.values.len());
        for run in runs {
            self.values.extend_from_slice(&plane[run.start..run.end]);
        }
    }

    /// Adds those of the next planes.
    pub(crate) fn append(&mut self, next: Self) {
        let before = self.values.len();
        self.firsts.extend(next.firsts.iter().map(|first| before + first));
        append(&mut self.values, next.values);
    }
}

/// Adds values to others. The first are moved and not copied: mostly they are all.
pub(crate) fn append<T>(values: &mut Vec<T>, mut next: Vec<T>) {
    if values.is_empty() {
        *values = next;
    } else {
        values.append(&mut next);
    }
}

impl<T> Default for PassingValues<T> {
    fn default() -> Self {
        Self { values: Vec::new(), firsts: Vec::new() }
    }
}
