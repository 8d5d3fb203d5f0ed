//! From runs to clusters.
//!
//! Two runs touch where a voxel of one is a neighbour of a voxel of the other. In the bits of
//! two rows that is an AND of words, of those words that hold anything. A touch is kept where
//! an overlap of two runs begins, and there one of the two begins:
//!
//! ```text
//! row here         . 1 1 1 . . 1 1 1 1 . .
//! row before       1 1 . 1 . 1 1 1 . 1 1 .
//! both             . 1 . 1 . . 1 1 . 1 . .     overlaps
//! one begins       x x . x . x x . . x . .     starts of either
//! touches            ^   ^     ^     ^         one union each
//! ```
//!
//! With edges or corners, runs touch as well where one begins right behind the end of the
//! other. There the word before is moved by one voxel more:
//!
//! ```text
//! row here         . . . 1 1 .        passes here, and the voxel before does not
//! row before       . 1 1 . . .        the voxel before passes there, and this one does not
//! touches                ^
//! ```
//!
//! Only rows that came before are looked at, so each pair of runs is met once: the row before
//! in the same plane, and up to three rows of the plane before. A plane is one string of bits,
//! and its neighbouring row the same string moved by a row.

// The plane before is joined first: then two rows that touch in a plane mostly are one
// cluster already, which costs two loads, and the sample map takes a tenth less. Rejected: a
// walk along two lists of runs at a time, with a branch that nobody can predict for each run.

use crate::connectivity::Connectivity;
use crate::runs::list::{Cell, PlaneBits, PlaneLayout, Shift, Word, moved_back, moved_on};
use crate::runs::union_find::Forest;
use crate::simd::bits;
use crate::simd::dispatch::Loop;

/// Joins the runs of a plane with those of rows that came before.
pub(crate) struct Link<'a, const ROWS: usize, Node, NodeBefore> {
    pub(crate) plane: &'a PlaneBits,
    pub(crate) layout: &'a PlaneLayout,
    pub(crate) rows: [Option<RowsBefore<'a>>; ROWS],
    /// What stands for a run of the plane in the forest.
    pub(crate) node: Node,
    /// What stands there for a run of the rows before.
    pub(crate) node_before: NodeBefore,
    pub(crate) forest: Forest<'a>,
}

/// Rows that each lie beside one of a plane, all in the same direction.
#[derive(Clone, Copy)]
pub(crate) struct RowsBefore<'a> {
    plane: &'a PlaneBits,
    /// The way to the voxel beside.
    by: Shift,
    /// The ways to the voxels before and after that one, if runs touch where one begins right
    /// behind the end of the other.
    reach: Option<[Shift; 2]>,
}

impl<'a> RowsBefore<'a> {
    /// The rows before in the same plane.
    pub(crate) fn in_plane(
        plane: &'a PlaneBits,
        layout: &PlaneLayout,
        connectivity: Connectivity,
    ) -> Option<Self> {
        Self::new(plane, layout, connectivity, [0, -1])
    }

    /// The rows in the plane before, the one that shares faces first.
    pub(crate) fn in_plane_before(
        plane: &'a PlaneBits,
        layout: &PlaneLayout,
        connectivity: Connectivity,
    ) -> [Option<Self>; 3] {
        [0, -1, 1].map(|row| Self::new(plane, layout, connectivity, [-1, row]))
    }

    /// The rows that lie so many planes and rows away, if their voxels are neighbours.
    fn new(
        plane: &'a PlaneBits,
        layout: &PlaneLayout,
        connectivity: Connectivity,
        [planes, rows]: [isize; 2],
    ) -> Option<Self> {
        let distance = rows * layout.row_length().cast_signed();
        let reaches = connectivity.joins([planes, rows, 1]);
        let reach = reaches.then(|| [distance - 1, distance + 1].map(Shift::new));
        let found = Self { plane, by: Shift::new(distance), reach };
        connectivity.joins([planes, rows, 0]).then_some(found)
    }
}

impl<const ROWS: usize, Node, NodeBefore> Loop for Link<'_, ROWS, Node, NodeBefore>
where
    Node: Fn(u32) -> u32,
    NodeBefore: Fn(u32) -> u32,
{
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { plane, layout, rows, node, node_before, mut forest } = self;
        for RowsBefore { plane: before, by, reach } in rows.into_iter().flatten() {
            for &number in plane.occupied() {
                let number = number as usize;
                let here = plane.cell(number);
                let there = before.shifted(number, by);
                join(here, there, touching(here, there), &node, &node_before, &mut forest);
                let Some([by_less, by_more]) = reach else { continue };
                let here_before = moved_on(here.passing, plane.word_before(number));
                let there_before = before.shifted(number, by_less);
                let behind =
                    meets([here.passing, here_before], [there.passing, there_before.passing]);
                let behind = behind & !layout.first_in_row(number);
                join(here, there_before, behind, &node, &node_before, &mut forest);
                let here_after = moved_back(here.passing, plane.word_after(number));
                let there_after = before.shifted(number, by_more);
                let ahead = meets([here.passing, here_after], [there.passing, there_after.passing]);
                let ahead = ahead & !layout.last_in_row(number);
                join(here, there_after, ahead, &node, &node_before, &mut forest);
            }
        }
    }
}

/// Joins the runs of two words at each of the voxels where they touch.
#[inline(always)]
fn join(
    here: Cell,
    there: Cell,
    touching: u64,
    node: impl Fn(u32) -> u32,
    node_before: impl Fn(u32) -> u32,
    forest: &mut Forest<'_>,
) {
    bits::for_each_up_to(touching, |up_to| {
        forest.union(node(here.run_at(up_to)), node_before(there.run_at(up_to)));
    });
}

/// The first voxel of each overlap of two runs of the same sign: one of them begins
/// there.
#[inline(always)]
fn touching(here: Cell, there: Cell) -> u64 {
    let overlap = |sign: usize| here.passing[sign] & there.passing[sign];
    (overlap(0) | overlap(1)) & (here.starts | there.starts)
}

/// Where a run here meets one there only at an edge: the voxel next to it, of which both
/// words are the second of a pair, passes there and not here.
#[inline(always)]
fn meets(here: [Word; 2], there: [Word; 2]) -> u64 {
    let of_sign = |sign: usize| here[0][sign] & !here[1][sign] & there[1][sign] & !there[0][sign];
    of_sign(0) | of_sign(1)
}
