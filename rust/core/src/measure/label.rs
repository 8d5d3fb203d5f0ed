//! The clusters that stay, in their order, and the volume of their numbers.

use std::cmp::Reverse;
use std::ops::Range;

use ndarray::{ArrayView3, Axis, Slice};

use crate::error::{Array, Error, Result};
use crate::map::Index;
use crate::map::output::Output;
use crate::map::series::{check_mask, check_shape};
use crate::map::volume::Frame;
use crate::parallel;
use crate::request::Request;
use crate::runs::clusters::{Clusters, Member, Passing};
use crate::simd::chunk::ClearPlane;
use crate::simd::dispatch::dispatch;
use crate::voxel::Voxel;

/// Writes the number of its cluster to each voxel of a cluster that `request` keeps, and
/// returns how many there are.
///
/// Number 1 is the largest cluster; of the same extent, the one with the larger absolute
/// value, and of those the one whose peak has the smaller indices. The voxels are those
/// that [`threshold`](crate::threshold) keeps; all others become 0. `labels` has the
/// shape of `volume`. Reads `volume` once, and copies what passes.
///
/// # Errors
///
/// Arrays that do not fit together, or too large for the run counters; 2³¹ clusters
/// or more.
pub fn label<T: Voxel>(
    volume: ArrayView3<'_, T>,
    labels: Output<'_, i32>,
    mask: Option<ArrayView3<'_, bool>>,
    request: Request,
) -> Result<usize> {
    check_shape(Array::Labels, labels.array.shape(), volume.shape())?;
    check_mask(mask.as_ref(), volume.shape())?;
    if volume.is_empty() {
        return Ok(0);
    }
    let frame = Frame::of(&volume);
    let turned = frame.order.apply(volume);
    let mask = mask.map(|mask| frame.order.apply(mask));
    let (clusters, passing) = Clusters::find_with_values(turned, mask, request)?;
    let (numbered, ..) = Numbered::of(clusters, passing, &frame, request.min_extent)?;
    numbered.write(labels, &frame);
    Ok(numbered.count())
}

/// What there is to write to a volume of labels.
pub struct Labels {
    /// None of an empty volume.
    pub(crate) numbered: Option<Numbered>,
    pub(crate) frame: Frame,
}

impl Labels {
    /// Writes what [`label`] writes, to an array that has the shape of the volume. Fastest
    /// if it has the volume's memory order, too.
    ///
    /// # Errors
    ///
    /// An array of another shape.
    pub fn write(&self, labels: Output<'_, i32>) -> Result<()> {
        check_shape(Array::Labels, labels.array.shape(), &self.frame.shape)?;
        if let Some(numbered) = &self.numbered {
            numbered.write(labels, &self.frame);
        }
        Ok(())
    }
}

/// The clusters that stay, numbered.
pub(crate) struct Numbered {
    clusters: Clusters,
    /// The number of each cluster; 0 for those that go.
    numbers: Vec<u32>,
    count: usize,
    /// The place of the first voxel of each plane among all that pass.
    firsts: Vec<usize>,
    /// The planes that a thread visits.
    pieces: Vec<Range<usize>>,
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

impl<T: Voxel> Peak<T> {
    /// 1 or -1.
    pub(crate) fn sign(&self) -> i8 {
        if self.value > T::ZERO { 1 } else { -1 }
    }
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
    /// The place of its first voxel among all that pass.
    pub(crate) first: usize,
}

impl Part {
    /// The values of this run among those of all that passes.
    #[inline(always)]
    pub(crate) fn of<'a, T>(&self, values: &'a [T]) -> &'a [T] {
        &values[self.first..self.first + self.end - self.start]
    }

    /// Reads the voxels of this run in a volume in memory order.
    #[inline(always)]
    pub(crate) fn read<T: Copy, R>(
        &self,
        volume: ArrayView3<'_, T>,
        read: impl FnOnce(&[T]) -> R,
    ) -> R {
        let row = volume.index_axis_move(Axis(0), self.plane).index_axis_move(Axis(0), self.row);
        let run = row.slice_axis_move(Axis(0), Slice::from(self.start..self.end));
        match run.to_slice() {
            Some(run) => read(run),
            None => read(&run.to_vec()),
        }
    }
}

impl Numbered {
    /// Numbers the clusters of at least so many voxels; returns their peaks in the order
    /// of their numbers, and the values of all that passes. Linear in these, but for
    /// the sort of the clusters.
    pub(crate) fn of<T: Voxel>(
        clusters: Clusters,
        passing: Passing<T>,
        frame: &Frame,
        min_extent: u64,
    ) -> Result<(Self, Vec<Peak<T>>, Vec<T>)> {
        let mut peaks = Vec::new();
        let mut numbers = vec![0; clusters.extents().len()];
        for (number, &extent) in numbers.iter_mut().zip(clusters.extents()) {
            if extent >= min_extent {
                peaks.push(Peak { extent, value: T::ZERO, index: frame.shape });
                *number = i32::try_from(peaks.len()).map_err(|_| Error::TooLarge)?.cast_unsigned();
            }
        }
        let Passing { values, firsts } = passing;
        let mut numbered = Self::in_pieces(clusters, numbers, firsts, peaks.len());
        let exceeds = |peak: &Peak<T>, value: T, index: &dyn Fn() -> Index| {
            let (height, highest) = (value.magnitude(), peak.value.magnitude());
            height > highest || (height == highest && index() < peak.index)
        };
        let peaks = numbered.fold(
            || peaks.clone(),
            |peaks, part| {
                let (peak, run) = (&mut peaks[part.cluster], part.of(&values));
                let highest = run.iter().map(|value| value.magnitude()).max();
                if highest < Some(peak.value.magnitude()) {
                    return;
                }
                for (position, &value) in (part.start..part.end).zip(run) {
                    let index = || frame.index([part.plane, part.row, position]);
                    if exceeds(peak, value, &index) {
                        (peak.value, peak.index) = (value, index());
                    }
                }
            },
            |peaks, others| {
                for (peak, other) in peaks.iter_mut().zip(others) {
                    if exceeds(peak, other.value, &|| other.index) {
                        *peak = other;
                    }
                }
            },
        );

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
        Ok((numbered, ranked.into_iter().map(|(peak, _)| peak).collect(), values))
    }

    /// Cuts the planes into one piece for each thread, as long as no more has to be joined
    /// in the end than there is to visit.
    fn in_pieces(clusters: Clusters, numbers: Vec<u32>, firsts: Vec<usize>, count: usize) -> Self {
        let planes = firsts.len();
        let pieces = parallel::threads().min(clusters.runs() / count.max(1)).clamp(1, planes);
        let thickness = planes.div_ceil(pieces);
        let pieces = (0..planes).step_by(thickness);
        let pieces = pieces.map(|start| start..planes.min(start + thickness)).collect();
        Self { clusters, numbers, count, firsts, pieces }
    }

    /// How many clusters there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Visits the runs of all clusters in parallel: each thread those of some planes, in
    /// memory order, starting from a state of its own; the states are then joined.
    pub(crate) fn fold<State: Send>(
        &self,
        start: impl Fn() -> State + Sync,
        visit: impl Fn(&mut State, Part) + Sync,
        join: impl Fn(&mut State, State),
    ) -> State {
        let states = parallel::map(self.pieces.clone(), |planes| {
            let mut state = start();
            self.for_each_part(planes, |part| visit(&mut state, part));
            state
        });
        let mut states = states.into_iter();
        let mut all = states.next().unwrap_or_else(start);
        states.for_each(|state| join(&mut all, state));
        all
    }

    /// Visits the planes in parallel, the runs of each with those of the plane before and
    /// of the one after; returns what is found in all of them, in their order.
    pub(crate) fn collect<Found: Send>(
        &self,
        visit: impl Fn(&mut Vec<Found>, [&[Part]; 3]) + Sync,
    ) -> Vec<Found> {
        let planes = self.firsts.len();
        let list = |parts: &mut Vec<Part>, plane: usize| {
            parts.clear();
            if plane < planes {
                self.for_each_part(plane..plane + 1, |part| parts.push(part));
            }
        };
        let thickness = parallel::slab_thickness(planes);
        let slabs = (0..planes).step_by(thickness).collect();
        let found = parallel::map(slabs, |first| {
            let (mut found, mut around) = (Vec::new(), [const { Vec::new() }; 3]);
            // Before the first plane is a large number, which no plane has.
            list(&mut around[1], first.wrapping_sub(1));
            list(&mut around[2], first);
            for plane in first..planes.min(first + thickness) {
                around.rotate_left(1);
                list(&mut around[2], plane + 1);
                visit(&mut found, [&around[0], &around[1], &around[2]]);
            }
            found
        });
        found.into_iter().flatten().collect()
    }

    /// Visits the runs of all clusters in some planes, in memory order.
    #[inline(always)]
    fn for_each_part(&self, planes: Range<usize>, mut visit: impl FnMut(Part)) {
        let row_length = self.clusters.row_length();
        let mut first = self.firsts[planes.start];
        for plane in planes {
            // Steps from row to row are cheaper than a division for each run.
            let (mut row, mut row_start) = (0, 0);
            for Member { cluster, run } in self.clusters.of_plane(plane) {
                let (number, place) = (self.numbers[cluster as usize], first);
                first += run.end - run.start;
                if number == 0 {
                    continue;
                }
                while run.start >= row_start + row_length {
                    row += 1;
                    row_start += row_length;
                }
                let (start, end) = (run.start - row_start, run.end - row_start);
                visit(Part { cluster: number as usize - 1, plane, row, start, end, first: place });
            }
        }
    }

    /// Writes the number of its cluster to each voxel, and 0 to those of none.
    pub(crate) fn write(&self, labels: Output<'_, i32>, frame: &Frame) {
        let (labels, is_zero) = labels.into_volume();
        let thickness = self.clusters.planes_per_slab();
        let mut labels = frame.order.apply(labels);
        let slabs = labels.axis_chunks_iter_mut(Axis(0), thickness);
        let slabs = (0..).step_by(thickness).zip(slabs).collect();
        parallel::map(slabs, |(first, mut slab)| {
            for (plane, mut labels) in (first..).zip(slab.outer_iter_mut()) {
                if !is_zero {
                    dispatch(ClearPlane(labels.view_mut()));
                }
                self.for_each_part(
                    plane..plane + 1,
                    |Part { cluster, row, start, end, .. }| {
                        let label = i32::try_from(cluster + 1).expect("as many were refused");
                        let mut row = labels.index_axis_mut(Axis(0), row);
                        row.slice_axis_mut(Axis(0), Slice::from(start..end)).fill(label);
                    },
                );
            }
        });
    }
}
