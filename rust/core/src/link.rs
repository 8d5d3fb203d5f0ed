//! From runs to clusters.
//!
//! Two runs touch where a voxel of one is a neighbour of a voxel of the other. In
//! the bits of two planes, or of a plane and itself moved by a row, that is an AND of
//! words, of those words that hold anything; each touch then costs one union. Only
//! what came before is looked at, so each pair is met once.

use crate::bits::{self, BITS};
use crate::connectivity::Connectivity;
use crate::instructions::Loop;
use crate::runs::{Cell, Grid, PlaneBits, Shift, Word, moved_on};
use crate::union_find::Forest;

/// Joins the runs of a plane with those of rows that came before.
pub(crate) struct Link<'a> {
    pub(crate) plane: &'a PlaneBits,
    pub(crate) grid: &'a Grid,
    /// The number in the forest of the run that the plane counts as the first.
    pub(crate) first_run: u32,
    pub(crate) rows: &'a [RowsBefore<'a>],
    pub(crate) forest: Forest<'a>,
}

/// Rows that each lie beside one of a plane, all in the same direction.
pub(crate) struct RowsBefore<'a> {
    plane: &'a PlaneBits,
    first_run: u32,
    by: Shift,
    /// The way to the voxels before, if runs touch where one begins right behind the end
    /// of the other.
    reach: Option<Shift>,
}

impl<'a> RowsBefore<'a> {
    /// Those in the same plane.
    pub(crate) fn in_plane(plane: &'a PlaneBits, grid: &Grid, connectivity: Connectivity) -> Self {
        let distance = -grid.row_length().cast_signed();
        Self::new(plane, 0, distance, connectivity.face_rows_reach())
    }

    /// Those in the plane before, `first_run` being the number in the forest of the run
    /// that this plane counts as the first.
    pub(crate) fn in_plane_before(
        plane: &'a PlaneBits,
        first_run: u32,
        grid: &Grid,
        connectivity: Connectivity,
    ) -> impl Iterator<Item = Self> {
        let row = grid.row_length().cast_signed();
        let face = [Self::new(plane, first_run, 0, connectivity.face_rows_reach())];
        let edges = connectivity.edge_rows_reach().map(|reaches| {
            [-row, row].map(|distance| Self::new(plane, first_run, distance, reaches))
        });
        face.into_iter().chain(edges.into_iter().flatten())
    }

    fn new(plane: &'a PlaneBits, first_run: u32, distance: isize, reaches: bool) -> Self {
        let reach = reaches.then(|| Shift::new(distance - 1));
        Self { plane, first_run, by: Shift::new(distance), reach }
    }
}

impl Loop for Link<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { plane, grid, first_run, rows, mut forest } = self;
        for &number in plane.occupied() {
            let number = number as usize;
            let here = plane.cell(number);
            for rows in rows {
                let (there, starts) = rows.plane.shifted(number, rows.by);
                let touching = touching(here, there, starts);
                // A position before the plane is a large number, which meets nothing.
                let first = (number * BITS).wrapping_add_signed(rows.by.voxels);
                let run_here = |run: u32| first_run + run;
                let run_at = |position| rows.first_run + rows.plane.run_at(position);
                bits::for_each(touching, |place| {
                    let other = first.wrapping_add(place as usize);
                    forest.union(run_here(here.run_at(place)), run_at(other));
                });
                let Some(reach) = rows.reach else { continue };
                let in_row = !grid.row_starts()[number];
                let before = moved_on(here.passing, plane.word_before(number));
                let there_before = rows.plane.shifted(number, reach).0;
                let behind = follows([here.passing, before], [there, there_before], in_row);
                bits::for_each(behind, |place| {
                    let other = first.wrapping_add(place as usize).wrapping_sub(1);
                    forest.union(run_here(here.run_at(place)), run_at(other));
                });
                let ahead = follows([there, there_before], [here.passing, before], in_row);
                bits::for_each(ahead, |place| {
                    let other = first.wrapping_add(place as usize);
                    forest.union(run_here(here.run_before(place)), run_at(other));
                });
            }
        }
    }
}

/// The first voxel of each overlap of two runs of the same sign: one of them begins
/// there.
#[inline(always)]
fn touching(here: Cell, there: Word, starts: u64) -> u64 {
    let overlap = |sign: usize| here.passing[sign] & there[sign];
    (overlap(0) | overlap(1)) & (here.starts | starts)
}

/// Where a run of `a` begins right behind the end of one of `b`, each given with the
/// voxels before.
#[inline(always)]
fn follows(a: [Word; 2], b: [Word; 2], in_row: u64) -> u64 {
    let of_sign = |sign: usize| a[0][sign] & !a[1][sign] & b[1][sign] & !b[0][sign];
    (of_sign(0) | of_sign(1)) & in_row
}
