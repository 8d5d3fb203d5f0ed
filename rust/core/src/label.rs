//! The clusters that stay, in their order, and the volume of their numbers.

use std::cmp::Reverse;

use ndarray::{ArrayView1, ArrayView3, ArrayViewMut3, Axis, Slice};

use crate::cluster::Clusters;
use crate::criterion::Criterion;
use crate::error::{Error, Result};
use crate::runs::RunList;
use crate::volume::Frame;
use crate::voxel::Voxel;
use crate::{ClusterFilter, Index};

/// Writes the number of its cluster to each voxel of a cluster that `filter` keeps, and
/// returns how many there are.
///
/// Number 1 is the largest cluster; of the same extent, the one with the larger absolute
/// value, and of those the one whose peak has the smaller indices. The voxels are those
/// that [`threshold`](crate::threshold) keeps. `labels` has the shape of `volume` and
/// holds zeros. Reads `volume` once, and what passes twice.
///
/// # Errors
///
/// Arrays that do not fit together, or too large for the run counters; 2³¹ clusters
/// or more.
pub fn label<T: Voxel>(
    volume: ArrayView3<'_, T>,
    labels: ArrayViewMut3<'_, i32>,
    mask: Option<ArrayView3<'_, bool>>,
    criterion: Criterion<T>,
    filter: ClusterFilter,
) -> Result<usize> {
    crate::check_shape("labels", labels.shape(), volume.shape())?;
    crate::check_mask(mask.as_ref(), &[volume])?;
    if volume.is_empty() {
        return Ok(0);
    }
    let frame = Frame::of(&volume);
    let turned = frame.order.apply(volume);
    let mask = mask.map(|mask| frame.order.apply(mask));
    let clusters = Clusters::find(turned, mask, criterion, filter.connectivity)?;
    let (numbered, _) = Numbered::of(clusters, turned, &frame, filter.min_extent)?;
    numbered.write(frame.order.apply(labels));
    Ok(numbered.count())
}

/// The clusters that stay, numbered.
pub(crate) struct Numbered {
    clusters: Clusters,
    /// The number of each cluster at that of its first run; 0 for those that go.
    numbers: Vec<u32>,
    count: usize,
}

/// What the number of a cluster depends on.
#[derive(Clone, Copy)]
pub(crate) struct Peak<T: Voxel> {
    pub(crate) extent: u64,
    /// Of the largest magnitude.
    pub(crate) value: T,
    /// Of equal voxels the one of the smallest indices.
    pub(crate) index: Index,
}

/// A run of a cluster that stays.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    /// The number of the cluster, less one.
    pub(crate) cluster: usize,
    pub(crate) plane: usize,
    pub(crate) row: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Part {
    /// The voxels of this run in a volume in memory order.
    #[inline(always)]
    pub(crate) fn of<'a, T>(&self, volume: ArrayView3<'a, T>) -> ArrayView1<'a, T> {
        let row = volume.index_axis_move(Axis(0), self.plane).index_axis_move(Axis(0), self.row);
        row.split_at(Axis(0), self.end).0.split_at(Axis(0), self.start).1
    }
}

impl Numbered {
    /// Numbers the clusters of at least so many voxels, and returns their peaks in the
    /// order of their numbers. Reads the voxels of these
    /// clusters; linear in them, but for the sort of the clusters.
    pub(crate) fn of<T: Voxel>(
        clusters: Clusters,
        volume: ArrayView3<'_, T>,
        frame: &Frame,
        min_extent: u64,
    ) -> Result<(Self, Vec<Peak<T>>)> {
        let mut peaks = Vec::new();
        let mut numbers = vec![0; clusters.runs().count() as usize];
        for (number, &extent) in numbers.iter_mut().zip(clusters.extents()) {
            if extent >= min_extent.max(1) {
                peaks.push(Peak { extent, value: T::ZERO, index: frame.shape });
                *number = i32::try_from(peaks.len()).map_err(|_| Error::TooLarge)?.cast_unsigned();
            }
        }
        let mut numbered = Self { clusters, numbers, count: peaks.len() };
        numbered.for_each_part(|part| {
            let peak = &mut peaks[part.cluster];
            for (position, &value) in (part.start..part.end).zip(part.of(volume)) {
                let (height, highest) = (value.magnitude(), peak.value.magnitude());
                if height < highest {
                    continue;
                }
                let index = frame.index([part.plane, part.row, position]);
                if height > highest || index < peak.index {
                    (peak.value, peak.index) = (value, index);
                }
            }
        });

        let mut ranked: Vec<_> = peaks.into_iter().zip(0_usize..).collect();
        ranked.sort_unstable_by_key(|(peak, _)| {
            (Reverse(peak.extent), Reverse(peak.value.magnitude()), peak.index)
        });
        let mut ranks = vec![0; ranked.len() + 1];
        for (&(_, before), rank) in ranked.iter().zip(1..) {
            ranks[before + 1] = rank;
        }
        for number in &mut numbered.numbers {
            *number = ranks[*number as usize];
        }
        Ok((numbered, ranked.into_iter().map(|(peak, _)| peak).collect()))
    }

    /// How many clusters there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Visits the runs of all clusters, in memory order.
    #[inline(always)]
    pub(crate) fn for_each_part(&self, mut visit: impl FnMut(Part)) {
        let runs = self.clusters.runs();
        let mut list = RunList::default();
        for number in 0..runs.planes() {
            let plane = runs.plane(number);
            let row_length = plane.grid().row_length();
            for run in plane.runs(&mut list) {
                let cluster = self.numbers[self.clusters.root(run.number) as usize];
                if cluster > 0 {
                    let row = run.start / row_length;
                    let (start, end) = (run.start - row * row_length, run.end - row * row_length);
                    visit(Part { cluster: cluster as usize - 1, plane: number, row, start, end });
                }
            }
        }
    }

    /// Writes the number of its cluster to each voxel, in memory order.
    pub(crate) fn write(&self, mut labels: ArrayViewMut3<'_, i32>) {
        self.for_each_part(|Part { cluster, plane, row, start, end }| {
            let label = i32::try_from(cluster + 1).expect("as many were refused");
            let mut row = labels.index_axis_mut(Axis(0), plane).index_axis_move(Axis(0), row);
            row.slice_axis_mut(Axis(0), Slice::from(start..end)).fill(label);
        });
    }
}
