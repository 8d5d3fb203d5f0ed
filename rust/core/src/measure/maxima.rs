//! The local maxima of clusters.
//!
//! A voxel is compared with the two beside it in its run first, and with the eight rows of
//! three around it only where neither of these exceeds it:
//!
//! ```text
//!  plane before    same plane    plane after
//!     r r r           r r r         r r r        v  the voxel
//!     r r r           o v o         r r r        o  beside it in its own row
//!     r r r           r r r         r r r        r  a row of three around it
//! ```
//!
//! The runs of a plane come in the order of rows, so each of the eight rows keeps the first
//! run that may touch the run at hand, and never goes back.

use std::cmp::Reverse;

use crate::map::Index;
use crate::map::memory_order::Frame;
use crate::measure::numbered::{KeptRun, Numbered};
use crate::voxel::Voxel;

/// Which voxels of a plateau are local maxima. A plateau is equal voxels that touch, none
/// of which another neighbour exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plateaus {
    /// A voxel all of whose equal neighbours have larger indices: at least one voxel of a
    /// plateau, and more if it bends around others.
    First,
    /// All of them.
    Whole,
}

/// The local maxima of each cluster: voxels that none of the 26 around them exceeds in
/// magnitude, as far as these are of the same cluster.
///
/// By cluster, then by magnitude, the largest first, then by indices, so that the first
/// of a cluster is its peak.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Maxima {
    /// The numbers of their clusters.
    pub clusters: Vec<u32>,
    /// The voxels.
    pub indices: Vec<Index>,
    /// Their values.
    pub values: Vec<f64>,
}

impl Maxima {
    /// The local maxima of clusters in memory order; `values` are those of all that passes.
    /// Reads neither the volume nor its labels.
    pub(crate) fn of<T: Voxel>(
        numbered: &Numbered,
        values: &[T],
        frame: &Frame,
        plateaus: Plateaus,
    ) -> Self {
        let (own_row, rows) = Row::around(frame);
        let exceeds = |other: T, value: T, is_first: bool| {
            let (other, value) = (other.magnitude(), value.magnitude());
            other > value || (other == value && is_first && plateaus == Plateaus::First)
        };
        let visit = |found: &mut Vec<_>, around: [&[KeptRun]; 3]| {
            // With the first run there that may touch the run at hand, or one after it.
            let mut rows = rows.map(|row| (row, 0));
            for run in around[1] {
                let own = run.of(values);
                for (place, &value) in own.iter().enumerate() {
                    if (place > 0 && exceeds(own[place - 1], value, own_row[0]))
                        || (place + 1 < own.len() && exceeds(own[place + 1], value, own_row[2]))
                    {
                        continue;
                    }
                    let position = run.start + place;
                    let is_exceeded = rows.iter_mut().any(|(row, first)| {
                        let mut beside = row.runs(run, around[row.plane], first);
                        beside.any(|other| {
                            let (from, to) = (position.saturating_sub(1), position + 2);
                            (from.max(other.start)..to.min(other.end)).any(|at| {
                                let found = other.of(values)[at - other.start];
                                exceeds(found, value, row.are_first[at + 1 - position])
                            })
                        })
                    });
                    if !is_exceeded {
                        let index = frame.index([run.plane, run.row, position]);
                        let height = Reverse(value.magnitude());
                        found.push((run.cluster, height, index, value.to_f64()));
                    }
                }
            }
        };
        let mut found = numbered.collect(visit);
        found.sort_unstable_by_key(|&(cluster, height, index, _)| (cluster, height, index));
        let mut maxima = Self::default();
        for (cluster, _, index, value) in found {
            maxima.clusters.push(u32::try_from(cluster + 1).expect("fewer than runs"));
            maxima.indices.push(index);
            maxima.values.push(value);
        }
        maxima
    }
}

/// A row of three voxels beside a voxel.
#[derive(Clone, Copy)]
struct Row {
    /// 0 in the plane before that of the voxel, 1 in the same, 2 in the one after.
    plane: usize,
    /// The step to it, in rows.
    step: isize,
    /// Which of its voxels have smaller indices than the voxel.
    are_first: [bool; 3],
}

impl Row {
    /// Says which voxels of the own row have smaller indices than the voxel, and lists the
    /// other rows.
    fn around(frame: &Frame) -> ([bool; 3], [Self; 8]) {
        let middle = frame.index_in_cube([1, 1, 1]);
        let are_first = |plane: usize, step: isize| {
            let row = 1_usize.wrapping_add_signed(step);
            [0, 1, 2].map(|at| frame.index_in_cube([plane, row, at]) < middle)
        };
        // Those that share a face first: most voxels are exceeded in these.
        let others = [(1, -1), (1, 1), (0, 0), (2, 0), (0, -1), (0, 1), (2, -1), (2, 1)];
        let row = |(plane, step)| Self { plane, step, are_first: are_first(plane, step) };
        (are_first(1, 0), others.map(row))
    }

    /// The runs of the same cluster in this row that may touch a run; `first` is moved on
    /// to the first of them among all `runs` of their plane.
    #[inline(always)]
    fn runs<'a>(
        &self,
        run: &KeptRun,
        runs: &'a [KeptRun],
        first: &mut usize,
    ) -> impl Iterator<Item = &'a KeptRun> {
        // No row comes before the first.
        let row = run.row.checked_add_signed(self.step);
        if let Some(row) = row {
            let is_before = |other: &KeptRun| (other.row, other.end) < (row, run.start);
            while runs.get(*first).is_some_and(is_before) {
                *first += 1;
            }
        }
        let (cluster, end) = (run.cluster, run.end);
        runs[*first..]
            .iter()
            .take_while(move |other| Some(other.row) == row && other.start <= end)
            .filter(move |other| other.cluster == cluster)
    }
}
