//! The local maxima of clusters.

use std::cmp::Reverse;

use crate::map::Index;
use crate::map::volume::Frame;
use crate::measure::label::{Numbered, Part};
use crate::voxel::Voxel;

/// Which of equal neighbours are local maxima, if no other neighbour exceeds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plateaus {
    /// The one of the smallest indices: of a plateau at least one voxel and, if it bends
    /// around others, more.
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
pub struct Maxima {
    /// The numbers of their clusters.
    pub clusters: Vec<u32>,
    /// The voxels.
    pub indices: Vec<Index>,
    /// Their values.
    pub values: Vec<f64>,
}

impl Maxima {
    /// All in memory order; `values` are those of all that passes. Looks at each voxel and
    /// the two beside it in its run, and at runs around it only where none of these exceeds it:
    /// neither the volume nor its labels are read.
    pub(crate) fn of<T: Voxel>(
        numbered: &Numbered,
        values: &[T],
        frame: &Frame,
        plateaus: Plateaus,
    ) -> Self {
        let (own, rows) = Row::around(frame);
        let exceeds = |other: T, value: T, is_first: bool| {
            let (other, value) = (other.magnitude(), value.magnitude());
            other > value || (other == value && is_first && plateaus == Plateaus::First)
        };
        let visit = |found: &mut Vec<_>, around: [&[Part]; 3]| {
            // With the first run there that may touch the run at hand, or one after it.
            let mut rows = rows.map(|row| (row, 0));
            for part in around[1] {
                let run = part.of(values);
                for (place, &value) in run.iter().enumerate() {
                    if (place > 0 && exceeds(run[place - 1], value, own[0]))
                        || (place + 1 < run.len() && exceeds(run[place + 1], value, own[2]))
                    {
                        continue;
                    }
                    let position = part.start + place;
                    let is_exceeded = rows.iter_mut().any(|(row, first)| {
                        let mut beside = row.runs(part, around[row.plane], first);
                        beside.any(|other| {
                            let (from, to) = (position.saturating_sub(1), position + 2);
                            (from.max(other.start)..to.min(other.end)).any(|at| {
                                let found = other.of(values)[at - other.start];
                                exceeds(found, value, row.are_first[at + 1 - position])
                            })
                        })
                    });
                    if !is_exceeded {
                        let index = frame.index([part.plane, part.row, position]);
                        let height = Reverse(value.magnitude());
                        found.push((part.cluster, height, index, value.to_f64()));
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
    /// Which voxels of the own row have smaller indices than the voxel, and the other rows.
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
        run: &Part,
        runs: &'a [Part],
        first: &mut usize,
    ) -> impl Iterator<Item = &'a Part> {
        // Before the first row there is none.
        let row = run.row.checked_add_signed(self.step);
        if let Some(row) = row {
            let is_before = |other: &Part| (other.row, other.end) < (row, run.start);
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
