//! From runs to clusters.
//!
//! Two runs touch where a voxel of one is a neighbour of a voxel of the other. In
//! the bits of two planes, or of a plane and itself moved by a row, that is an AND of
//! words, of those words that hold anything; each touch then costs one union. Only
//! what came before is looked at, so each pair is met once.

use crate::bits::{self, BITS};
use crate::connectivity::Connectivity;
use crate::instructions::{Loop, widest};
use crate::parallel;
use crate::runs::{Pair, Plane, Runs, Window};
use crate::union_find::Forest;

/// For each run a run of its cluster that does not come after it, itself if it is
/// the first.
///
/// Linear in words of voxels and in touches (with the inverse Ackermann factor of
/// union-find); 4 bytes a run. Slabs are linked in parallel, then their seams.
#[must_use]
pub fn link(runs: &Runs, connectivity: Connectivity) -> Vec<u32> {
    let mut parent: Vec<u32> = (0..runs.count()).collect();
    if parent.is_empty() {
        return parent;
    }
    let (planes, thickness) = (runs.planes(), runs.planes_per_slab());
    let mut slabs = Vec::new();
    let mut rest = parent.as_mut_slice();
    for (number, bounds) in runs.first_runs().windows(2).enumerate() {
        let (slab, after) = rest.split_at_mut((bounds[1] - bounds[0]) as usize);
        let first = number * thickness;
        let last = (first + thickness).min(planes);
        slabs.push((first..last, Forest::new(slab, bounds[0])));
        rest = after;
    }
    parallel::map(slabs, |(planes, forest)| {
        widest(LinkSlab { runs, connectivity, planes, forest });
    });
    let forest = Forest::new(&mut parent, 0);
    widest(LinkSeams { runs, connectivity, forest });
    parent
}

/// Links the planes of a slab, each in itself and with the one before.
struct LinkSlab<'a> {
    runs: &'a Runs,
    connectivity: Connectivity,
    planes: std::ops::Range<usize>,
    forest: Forest<'a>,
}

impl Loop for LinkSlab<'_> {
    type Output = ();

    #[inline(always)]
    fn call(mut self) {
        let mut before = None;
        for plane in self.planes {
            let plane = self.runs.plane(plane);
            let reaches = self.connectivity.face_rows_reach();
            let row = plane.grid().row_length().cast_signed();
            for &number in plane.occupied() {
                let here = Here::new(plane, number as usize);
                link_word(&mut self.forest, here, plane, -row, reaches);
                if let Some(before) = before {
                    link_with_plane(&mut self.forest, here, before, self.connectivity);
                }
            }
            before = Some(plane);
        }
    }
}

/// Links the first plane of each slab with the last of the one before.
struct LinkSeams<'a> {
    runs: &'a Runs,
    connectivity: Connectivity,
    forest: Forest<'a>,
}

impl Loop for LinkSeams<'_> {
    type Output = ();

    #[inline(always)]
    fn call(mut self) {
        let thickness = self.runs.planes_per_slab();
        for first in (thickness..self.runs.planes()).step_by(thickness) {
            let (plane, before) = (self.runs.plane(first), self.runs.plane(first - 1));
            for &number in plane.occupied() {
                let here = Here::new(plane, number as usize);
                link_with_plane(&mut self.forest, here, before, self.connectivity);
            }
        }
    }
}

/// A word of a plane, from which neighbours are looked for.
#[derive(Clone, Copy)]
struct Here {
    /// The position of its first voxel.
    position: isize,
    voxels: Pair,
    /// Which voxels have the one before in their row.
    in_row: u64,
    window: Window,
}

impl Here {
    #[inline(always)]
    fn new(plane: Plane<'_>, number: usize) -> Self {
        let position = (number * BITS).cast_signed();
        Self {
            position,
            voxels: plane.pair(position),
            in_row: !plane.grid().row_starts()[number],
            window: plane.window(position),
        }
    }
}

/// Links a word with the plane before its own.
#[inline(always)]
fn link_with_plane(
    forest: &mut Forest<'_>,
    here: Here,
    before: Plane<'_>,
    connectivity: Connectivity,
) {
    let row = before.grid().row_length().cast_signed();
    link_word(forest, here, before, 0, connectivity.face_rows_reach());
    if let Some(reaches) = connectivity.edge_rows_reach() {
        link_word(forest, here, before, -row, reaches);
        link_word(forest, here, before, row, reaches);
    }
}

/// Joins the runs of a word with those `distance` voxels further in the same plane or
/// another: where they overlap along the row and, if it `reaches` so far, where one
/// begins right behind the end of the other.
#[inline(always)]
fn link_word(
    forest: &mut Forest<'_>,
    here: Here,
    other: Plane<'_>,
    distance: isize,
    reaches: bool,
) {
    let position = here.position + distance;
    let there = other.pair(position);
    let touches = touches(here.voxels, there, here.in_row);
    let (behind, ahead) = if reaches {
        (follows(here.voxels, there, here.in_row), follows(there, here.voxels, here.in_row))
    } else {
        (0, 0)
    };
    if touches | behind | ahead == 0 {
        return;
    }
    let (here, there) = (here.window, other.window(position));
    bits::for_each(touches, |bit| forest.union(here.run_at(bit), there.run_at(bit)));
    bits::for_each(behind, |bit| forest.union(here.run_at(bit), there.run_before(bit)));
    bits::for_each(ahead, |bit| forest.union(here.run_before(bit), there.run_at(bit)));
}

/// The first voxel of each overlap of two runs of the same sign.
#[inline(always)]
fn touches(a: Pair, b: Pair, in_row: u64) -> u64 {
    let of_sign = |sign: usize| {
        let (overlap, before) = (a.0[sign] & b.0[sign], a.1[sign] & b.1[sign]);
        overlap & !(before & in_row)
    };
    of_sign(0) | of_sign(1)
}

/// Where a run of `a` begins right behind the end of one of `b`.
#[inline(always)]
fn follows(a: Pair, b: Pair, in_row: u64) -> u64 {
    let of_sign = |sign: usize| a.0[sign] & !a.1[sign] & b.1[sign] & !b.0[sign];
    (of_sign(0) | of_sign(1)) & in_row
}
