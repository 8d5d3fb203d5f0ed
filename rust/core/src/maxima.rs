//! The local maxima of clusters.

use std::cmp::Reverse;

use ndarray::ArrayView3;

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
        let mut found = Vec::new();
        let rows = rows_around(frame);
        let exceeds = |other: T, value: T, is_first: bool| {
            let (other, value) = (other.magnitude(), value.magnitude());
            other > value || (other == value && is_first && plateaus == Plateaus::First)
        };
        numbered.for_each_part(|part| {
            let Part { cluster, plane, row, start, .. } = part;
            let (run, [before, _, after]) = (part.of(volume), rows.own);
            for place in 0..run.len() {
                let value = run[place];
                if (place > 0 && exceeds(run[place - 1], value, before))
                    || (place + 1 < run.len() && exceeds(run[place + 1], value, after))
                {
                    continue;
                }
                let position = start + place;
                let label = labels[[plane, row, position]];
                let is_exceeded = rows.others.iter().any(|&(steps, are_first)| {
                    // One before the first is a large number, which no volume has.
                    let plane = plane.wrapping_add_signed(steps[0]);
                    let row = row.wrapping_add_signed(steps[1]);
                    (0..3).any(|along| {
                        let voxel = [plane, row, (position + along).wrapping_sub(1)];
                        // The label last: it is seldom needed.
                        let other = volume.get(voxel);
                        other.is_some_and(|&other| exceeds(other, value, are_first[along]))
                            && labels[voxel] == label
                    })
                });
                if !is_exceeded {
                    let index = frame.index([plane, row, position]);
                    found.push((cluster, Reverse(value.magnitude()), index, value.to_f64()));
                }
            }
        });
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

fn rows_around(frame: &Frame) -> Rows {
    let middle = frame.index_in_cube([1, 1, 1]);
    let are_first = |plane, row| [0, 1, 2].map(|at| frame.index_in_cube([plane, row, at]) < middle);
    let steps = [(0, -1), (1, 0), (2, 1)];
    let mut others = Vec::new();
    for (plane, planes) in steps {
        for (row, rows) in steps {
            if (planes, rows) != (0, 0) {
                others.push(([planes, rows], are_first(plane, row)));
            }
        }
    }
    Rows { own: are_first(1, 1), others }
}
