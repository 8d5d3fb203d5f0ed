//! From runs to clusters.
//!
//! Two runs touch when their rows are neighbours and they overlap along the
//! row, or come within the reach that the connectivity allows. Only rows that
//! came before are looked at, so each pair of rows is visited once.

use crate::connectivity::Connectivity;
use crate::parallel;
use crate::scan::Runs;
use crate::union_find::{Forest, flatten};

/// For each run the index of the first run of its cluster.
///
/// `rows_per_plane` is the number of rows in a plane of the volume that was
/// scanned. Linear in rows and runs (with the inverse Ackermann factor of
/// union-find); 4 bytes a run. Slabs are linked in parallel, then their seams.
#[must_use]
pub fn link(runs: &Runs, rows_per_plane: usize, connectivity: Connectivity) -> Vec<u32> {
    let mut parent = vec![0; runs.all().len()];
    if parent.is_empty() {
        return parent;
    }
    let planes = runs.rows() / rows_per_plane;
    let thickness = parallel::slab_thickness(planes);
    let linker = Linker { runs, rows_per_plane, connectivity };

    let mut slabs = Vec::new();
    let mut rest = parent.as_mut_slice();
    for first in (0..planes).step_by(thickness) {
        let end = (first + thickness).min(planes);
        let base = runs.indices_in_row(first * rows_per_plane).start;
        let stop = runs.indices_in_row(end * rows_per_plane - 1).end;
        let (slab, after) = rest.split_at_mut((stop - base) as usize);
        slabs.push((first..end, Forest::new(slab, base)));
        rest = after;
    }
    parallel::map(slabs, |(planes, mut forest)| {
        forest.reset();
        let first = planes.start;
        for plane in planes {
            linker.link_plane(&mut forest, plane, plane > first);
        }
    });
    let mut forest = Forest::new(&mut parent, 0);
    for seam in (thickness..planes).step_by(thickness) {
        for row_in_plane in 0..rows_per_plane {
            let row = seam * rows_per_plane + row_in_plane;
            linker.link_to_previous(&mut forest, row, row_in_plane);
        }
    }
    flatten(&mut parent);
    parent
}

struct Linker<'a> {
    runs: &'a Runs,
    rows_per_plane: usize,
    connectivity: Connectivity,
}

impl Linker<'_> {
    /// Links each row of a plane with the row before it and, if asked to, with its
    /// neighbours in the plane before.
    fn link_plane(&self, forest: &mut Forest<'_>, plane: usize, to_previous: bool) {
        let first = plane * self.rows_per_plane;
        let face_reach = self.connectivity.face_row_reach();
        let mut indices = self.runs.indices_in_rows(first..first + self.rows_per_plane);
        // From one row that has runs to the next.
        while let Some(run) = self.runs.all()[indices.clone()].first() {
            let row = run.row as usize;
            if row > first {
                self.link_rows(forest, row - 1, row, face_reach);
            }
            if to_previous {
                self.link_to_previous(forest, row, row - first);
            }
            indices.start = self.runs.indices_in_row(row).end as usize;
        }
    }

    /// Links a row with its neighbours in the plane before.
    fn link_to_previous(&self, forest: &mut Forest<'_>, row: usize, row_in_plane: usize) {
        let below = row - self.rows_per_plane;
        self.link_rows(forest, below, row, self.connectivity.face_row_reach());
        if let Some(reach) = self.connectivity.edge_row_reach() {
            if row_in_plane > 0 {
                self.link_rows(forest, below - 1, row, reach);
            }
            if row_in_plane + 1 < self.rows_per_plane {
                self.link_rows(forest, below + 1, row, reach);
            }
        }
    }

    /// Joins the runs of two rows that come within `reach` of each other:
    /// one walk over both, always on in the row whose run ends first.
    #[inline]
    fn link_rows(&self, forest: &mut Forest<'_>, row: usize, other_row: usize, reach: u32) {
        let mut indices = self.runs.indices_in_row(row);
        let mut other_indices = self.runs.indices_in_row(other_row);
        let all = self.runs.all();
        while !indices.is_empty() && !other_indices.is_empty() {
            let run = all[indices.start as usize];
            let other = all[other_indices.start as usize];
            if run.start < other.end + reach && other.start < run.end + reach {
                forest.union(indices.start, other_indices.start);
            }
            if run.end < other.end {
                indices.start += 1;
            } else {
                other_indices.start += 1;
            }
        }
    }
}
