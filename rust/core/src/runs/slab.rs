//! Some planes of a volume: their runs, linked plane by plane.
//!
//! The slabs of a volume are visited in parallel. Each keeps the bits of its first plane and
//! its last, where it is joined with its neighbours in the end.

// Bits for two planes, a list for the rest: memory grows with runs and not with voxels.
// Rejected: bits of the whole volume, which go to memory and back.

use crate::connectivity::Connectivity;
use crate::error::Result;
use crate::map::volume::Plane;
use crate::request::{Request, Threshold};
use crate::runs::link::{Link, RowsBefore};
use crate::runs::list::{ListRuns, PlaneBits, PlaneLayout, Runs, narrow};
use crate::runs::scan::{Scan, Scanned};
use crate::runs::union_find::{self, Forest};
use crate::simd::dispatch::dispatch;
use crate::voxel::Voxel;

/// What is asked of a volume, and how its planes lie in words.
pub(crate) struct Rules<T: Voxel> {
    pub(crate) layout: PlaneLayout,
    pub(crate) threshold: Threshold<T>,
    pub(crate) connectivity: Connectivity,
}

impl<T: Voxel> Rules<T> {
    pub(crate) fn of(request: Request, rows: usize, row_length: usize) -> Result<Self> {
        let layout = PlaneLayout::new(rows, row_length)?;
        Ok(Self { layout, threshold: Threshold::of(&request), connectivity: request.connectivity })
    }
}

/// Some planes of a volume, one after the other.
pub(crate) struct Slab {
    pub(crate) runs: Runs,
    /// The union-find parent of each run, which is never a later run; in the end its
    /// fragment.
    pub(crate) parent: Vec<u32>,
    /// How many voxels each fragment has, when all planes have been added.
    pub(crate) extents: Vec<u64>,
    /// How many planes there will be.
    planes: usize,
    /// The bits of the first plane and the last, where other slabs follow.
    pub(crate) ends: Option<[PlaneBits; 2]>,
    /// The bits of the next plane.
    next: PlaneBits,
    pub(crate) is_too_large: bool,
}

impl Slab {
    /// A slab of so many planes of so many rows, with room for one run in each row.
    pub(crate) fn new(layout: &PlaneLayout, planes: usize, rows: usize) -> Self {
        Self {
            runs: Runs::with_capacity(planes * rows),
            parent: Vec::with_capacity(planes * rows),
            extents: Vec::new(),
            planes,
            ends: None,
            next: PlaneBits::new(layout),
            is_too_large: false,
        }
    }

    /// Finds the runs of the next plane, and links them with one another and with those
    /// of the plane before.
    pub(crate) fn add<T: Voxel>(
        &mut self,
        plane: Plane<'_, T>,
        rules: &Rules<T>,
        scanned: &mut Scanned<T>,
    ) {
        let Rules { layout, threshold, connectivity } = rules;
        let (threshold, connectivity) = (*threshold, *connectivity);
        let Self { runs, parent, ends, next, is_too_large, .. } = self;
        if *is_too_large {
            return;
        }
        next.clear();
        Scan { threshold, bits: Some(&mut *next), scanned }.plane(plane);
        dispatch(ListRuns { runs, plane: next, layout });
        *is_too_large = u32::try_from(runs.count()).is_err();
        if *is_too_large {
            return;
        }
        let known = parent.len()..runs.count();
        parent.extend(known.map(narrow));
        let beside = RowsBefore::in_plane(next, layout, connectivity);
        let [face, before, behind] = match ends {
            Some([_, last]) => RowsBefore::in_plane_before(last, layout, connectivity),
            None => [None; 3],
        };
        dispatch(Link {
            plane: next,
            layout,
            // The plane before comes first: then most runs that touch in a plane are one
            // cluster already.
            rows: [face, before, behind, beside],
            node: |run| run,
            node_before: |run| run,
            forest: Forest::new(parent),
        });
        match ends {
            None => *ends = Some([next.clone(), next.clone()]),
            Some([_, last]) => std::mem::swap(last, next),
        }
        if self.runs.planes() == self.planes {
            self.number();
        }
    }

    /// Gives each run the number of its fragment in place of its parent, and counts the
    /// voxels of each fragment.
    fn number(&mut self) {
        let fragments = union_find::number(&mut self.parent);
        self.extents = vec![0; fragments];
        for (run, &fragment) in self.runs.get(0..self.runs.count()).zip(&self.parent) {
            self.extents[fragment as usize] += run.length() as u64;
        }
    }
}
