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
    /// All in memory order. Looks at each voxel and the two beside it in its run; at its
    /// other neighbours only where none of these exceeds it.
    pub(crate) fn of<T: Voxel>(
        numbered: &Numbered,
        volume: ArrayView3<'_, T>,
        labels: ArrayView3<'_, i32>,
        frame: &Frame,
        plateaus: Plateaus,
    ) -> Self {
        let rows = Rows::new(frame);
        let exceeds = |other: T, value: T, is_first: bool| {
            let (other, value) = (other.magnitude(), value.magnitude());
            other > value || (other == value && is_first && plateaus == Plateaus::First)
        };
        let visit = |found: &mut Vec<_>, part: Part| {
            part.read(volume, |run| {
                let around = rows.around(part, volume, labels);
                let Part { cluster, plane, row, start, .. } = part;
                let [before, _, after] = rows.own;
                for (place, &value) in run.iter().enumerate() {
                    let beside = [place.wrapping_sub(1), place + 1].map(|place| run.get(place));
                    let is_exceeded =
                        beside.into_iter().zip([before, after]).any(|(other, is_first)| {
                            other.is_some_and(|&other| exceeds(other, value, is_first))
                        }) || around.iter().flatten().any(|(values, labels, are_first)| {
                            (0..3).any(|along| {
                                // One before the first is a large number, which no row has.
                                let voxel = (start + place + along).wrapping_sub(1);
                                // The label last: it is seldom needed.
                                let other = values.get(voxel);
                                other.is_some_and(|&other| exceeds(other, value, are_first[along]))
                                    && usize::try_from(labels[voxel]) == Ok(cluster + 1)
                            })
                        });
                    if !is_exceeded {
                        let index = frame.index([plane, row, start + place]);
                        found.push((cluster, Reverse(value.magnitude()), index, value.to_f64()));
                    }
                }
            });
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

/// The rows of three voxels around a voxel, and which of these have smaller indices.
struct Rows {
    /// Of the voxel's own row.
    own: [bool; 3],
    /// The steps to the eight others, by planes and rows.
    others: Vec<([isize; 2], [bool; 3])>,
}

impl Rows {
    fn new(frame: &Frame) -> Self {
        let middle = frame.index_in_cube([1, 1, 1]);
        let are_first =
            |plane, row| [0, 1, 2].map(|at| frame.index_in_cube([plane, row, at]) < middle);
        let steps = [(0, -1), (1, 0), (2, 1)];
        let mut others = Vec::new();
        for (plane, planes) in steps {
            for (row, rows) in steps {
                if (planes, rows) != (0, 0) {
                    others.push(([planes, rows], are_first(plane, row)));
                }
            }
        }
        Self { own: are_first(1, 1), others }
    }

    /// The values and the labels of the rows around that of a run.
    #[inline(always)]
    fn around<'a, T>(
        &self,
        run: Part,
        volume: ArrayView3<'a, T>,
        labels: ArrayView3<'a, i32>,
    ) -> [Option<Around<'a, T>>; 8] {
        let (planes, rows, _) = volume.dim();
        std::array::from_fn(|other| {
            let (steps, are_first) = self.others[other];
            let plane = run.plane.checked_add_signed(steps[0]).filter(|&plane| plane < planes)?;
            let row = run.row.checked_add_signed(steps[1]).filter(|&row| row < rows)?;
            let values = volume.index_axis_move(Axis(0), plane).index_axis_move(Axis(0), row);
            let labels = labels.index_axis_move(Axis(0), plane).index_axis_move(Axis(0), row);
            Some((values, labels, are_first))
        })
    }
}

/// A row, and which of the three voxels beside a voxel have smaller indices.
type Around<'a, T> = (ArrayView1<'a, T>, ArrayView1<'a, i32>, [bool; 3]);
