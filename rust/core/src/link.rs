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
pub(crate) struct Link<'a, const ROWS: usize, Member, MemberBefore> {
    pub(crate) plane: &'a PlaneBits,
    pub(crate) grid: &'a Grid,
    pub(crate) rows: [Option<RowsBefore<'a>>; ROWS],
    /// What stands for a run of the plane in the forest.
    pub(crate) member: Member,
    /// What stands there for a run of the rows before.
    pub(crate) member_before: MemberBefore,
    pub(crate) forest: Forest<'a>,
}

/// Rows that each lie beside one of a plane, all in the same direction.
#[derive(Clone, Copy)]
pub(crate) struct RowsBefore<'a> {
    plane: &'a PlaneBits,
    by: Shift,
    /// The way to the voxels before, if runs touch where one begins right behind the end
    /// of the other.
    reach: Option<Shift>,
}

impl<'a> RowsBefore<'a> {
    /// Those in the same plane.
    pub(crate) fn in_plane(plane: &'a PlaneBits, grid: &Grid, connectivity: Connectivity) -> Self {
        let distance = -grid.row_length().cast_signed();
        Self::new(plane, distance, connectivity.face_rows_reach())
    }

    /// Those in the plane before.
    pub(crate) fn in_plane_before(
        plane: &'a PlaneBits,
        grid: &Grid,
        connectivity: Connectivity,
    ) -> [Option<Self>; 3] {
        let row = grid.row_length().cast_signed();
        let face = Self::new(plane, 0, connectivity.face_rows_reach());
        let edge = |distance| {
            let reaches = connectivity.edge_rows_reach()?;
            Some(Self::new(plane, distance, reaches))
        };
        [Some(face), edge(-row), edge(row)]
    }

    fn new(plane: &'a PlaneBits, distance: isize, reaches: bool) -> Self {
        let reach = reaches.then(|| Shift::new(distance - 1));
        Self { plane, by: Shift::new(distance), reach }
    }
}

impl<const ROWS: usize, Member, MemberBefore> Loop for Link<'_, ROWS, Member, MemberBefore>
where
    Member: Fn(u32) -> u32,
    MemberBefore: Fn(u32) -> u32,
{
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { plane, grid, rows, member, member_before, mut forest } = self;
        for &number in plane.occupied() {
            let number = number as usize;
            let here = plane.cell(number);
            for rows in rows.iter().flatten() {
                let (there, starts) = rows.plane.shifted(number, rows.by);
                let touching = touching(here, there, starts);
                // A position before the plane is a large number, which meets nothing.
                let first = (number * BITS).wrapping_add_signed(rows.by.voxels);
                let before = |position| member_before(rows.plane.run_at(position));
                bits::for_each(touching, |place| {
                    let other = first.wrapping_add(place as usize);
                    forest.union(member(here.run_at(place)), before(other));
                });
                let Some(reach) = rows.reach else { continue };
                let in_row = !grid.row_starts()[number];
                let here_before = moved_on(here.passing, plane.word_before(number));
                let there_before = rows.plane.shifted(number, reach).0;
                let behind = follows([here.passing, here_before], [there, there_before], in_row);
                bits::for_each(behind, |place| {
                    let other = first.wrapping_add(place as usize).wrapping_sub(1);
                    forest.union(member(here.run_at(place)), before(other));
                });
                let ahead = follows([there, there_before], [here.passing, here_before], in_row);
                bits::for_each(ahead, |place| {
                    let other = first.wrapping_add(place as usize);
                    forest.union(member(here.run_before(place)), before(other));
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
