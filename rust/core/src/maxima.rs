//! The local maxima of clusters.

use std::cmp::Reverse;

use ndarray::{ArrayView1, ArrayView3, Axis};

use crate::Index;
use crate::label::{Numbered, Part};
use crate::volume::Frame;
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
    /// All in memory order. `values` are those of all clusters, and `around` the volume
    /// and the labels. Looks at each voxel and the two beside it in its run; at its other
    /// neighbours only where none of these exceeds it.
    pub(crate) fn of<T: Voxel>(
        numbered: &Numbered,
        values: &[T],
        around: (ArrayView3<'_, T>, ArrayView3<'_, i32>),
        frame: &Frame,
        plateaus: Plateaus,
    ) -> Self {
        let rows = Rows::new(frame);
        let exceeds = |other: T, value: T, is_first: bool| {
            let (other, value) = (other.magnitude(), value.magnitude());
            other > value || (other == value && is_first && plateaus == Plateaus::First)
        };
        let visit = |found: &mut Vec<_>, part: Part| {
            let (run, [before, _, after]) = (part.of(values), rows.own);
            for (place, &value) in run.iter().enumerate() {
                if (place > 0 && exceeds(run[place - 1], value, before))
                    || (place + 1 < run.len() && exceeds(run[place + 1], value, after))
                {
                    continue;
                }
                let position = part.start + place;
                let is_exceeded = rows.others.iter().any(|other| {
                    other.of(part, around).is_some_and(|(values, labels)| {
                        (0..3).any(|along| {
                            // One before the first is a large number, which no row has.
                            let voxel = (position + along).wrapping_sub(1);
                            // The label last: it is seldom needed.
                            values
                                .get(voxel)
                                .is_some_and(|&found| exceeds(found, value, other.are_first[along]))
                                && usize::try_from(labels[voxel]) == Ok(part.cluster + 1)
                        })
                    })
                });
                if !is_exceeded {
                    let index = frame.index([part.plane, part.row, position]);
                    found.push((part.cluster, Reverse(value.magnitude()), index, value.to_f64()));
                }
            }
        };
        let mut found = numbered.fold(Vec::new, visit, Vec::extend);
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

/// The rows of three voxels around a voxel.
struct Rows {
    /// Of the voxel's own row, which have smaller indices than the voxel.
    own: [bool; 3],
    others: Vec<Row>,
}

/// A row of three voxels beside a voxel.
struct Row {
    /// The steps to it, by planes and rows.
    steps: [isize; 2],
    /// Which of its voxels have smaller indices than the voxel.
    are_first: [bool; 3],
}

impl Rows {
    fn new(frame: &Frame) -> Self {
        let middle = frame.index_in_cube([1, 1, 1]);
        let are_first = |steps: [isize; 2]| {
            let [plane, row] = steps.map(|step| 1_usize.wrapping_add_signed(step));
            [0, 1, 2].map(|at| frame.index_in_cube([plane, row, at]) < middle)
        };
        // Those that are nearest in memory first: most voxels are exceeded in these.
        let others = [[0, -1], [0, 1], [-1, 0], [1, 0], [-1, -1], [-1, 1], [1, -1], [1, 1]]
            .map(|steps| Row { steps, are_first: are_first(steps) });
        Self { own: are_first([0, 0]), others: others.into() }
    }
}

impl Row {
    /// The values and the labels of the row of the volume that this one is part of for the
    /// voxels of a run.
    #[inline(always)]
    fn of<'a, T>(
        &self,
        run: Part,
        (volume, labels): (ArrayView3<'a, T>, ArrayView3<'a, i32>),
    ) -> Option<(ArrayView1<'a, T>, ArrayView1<'a, i32>)> {
        let (planes, rows, _) = volume.dim();
        let plane = run.plane.checked_add_signed(self.steps[0]).filter(|&plane| plane < planes)?;
        let row = run.row.checked_add_signed(self.steps[1]).filter(|&row| row < rows)?;
        let values = volume.index_axis_move(Axis(0), plane).index_axis_move(Axis(0), row);
        let labels = labels.index_axis_move(Axis(0), plane).index_axis_move(Axis(0), row);
        Some((values, labels))
    }
}
