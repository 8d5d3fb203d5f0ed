//! The clusters that stay, with their numbers, and how to visit their runs.
//!
//! What there is to say of clusters is found in their runs and in the values that pass, one
//! after the other in memory: neither the map nor labels are read again.

// The values that pass are gathered plane by plane, right after each is scanned and while it
// is in the cache. Rejected: neighbours looked up in the map and its labels, which took
// twice as long for the local maxima.

use std::cmp::Reverse;
use std::ops::Range;

use ndarray::{ArrayView3, Axis, Slice};

use crate::error::{Error, Result};
use crate::map::Index;
use crate::map::memory_order::Frame;
use crate::parallel;
use crate::runs::clusters::{ClusterRun, Clusters};
use crate::runs::passing_values::PassingValues;
use crate::voxel::Voxel;

/// The clusters that stay, numbered.
pub(crate) struct Numbered {
    clusters: Clusters,
    /// The number of each cluster; 0 for those that go.
    numbers: Vec<u32>,
    count: usize,
    /// The place of the first voxel of each plane among all that pass.
    firsts: Vec<usize>,
    /// The planes that a thread visits.
    spans: Vec<Range<usize>>,
}

/// What the number of a cluster depends on.
#[derive(Clone, Copy)]
pub(crate) struct Peak<T: Voxel> {
    pub(crate) extent: u64,
    /// The value of the largest magnitude.
    pub(crate) value: T,
    /// Its voxel; of equal ones, that of the smallest indices.
    pub(crate) index: Index,
}

/// A run of a cluster that stays.
#[derive(Clone, Copy)]
pub(crate) struct KeptRun {
    /// The number of the cluster, less one.
    pub(crate) cluster: usize,
    pub(crate) plane: usize,
    pub(crate) row: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// The place of its first voxel among all that pass.
    pub(crate) first: usize,
}

impl KeptRun {
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
        passing: PassingValues<T>,
        frame: &Frame,
        min_extent: u64,
    ) -> Result<(Self, Vec<Peak<T>>, Vec<T>)> {
        // At first in the order of their first runs.
        let mut extents = Vec::new();
        let mut numbers = vec![0; clusters.extents().len()];
        for (number, &extent) in numbers.iter_mut().zip(clusters.extents()) {
            if extent >= min_extent {
                extents.push(extent);
                *number =
                    i32::try_from(extents.len()).map_err(|_| Error::TooLarge)?.cast_unsigned();
            }
        }
        let PassingValues { values, firsts } = passing;
        let mut numbered = Self::in_spans(clusters, numbers, firsts, extents.len());
        let peaks = numbered.peaks(&extents, &values, frame);
        let peaks = numbered.rank(peaks);
        Ok((numbered, peaks, values))
    }

    /// The peak of each cluster.
    fn peaks<T: Voxel>(&self, extents: &[u64], values: &[T], frame: &Frame) -> Vec<Peak<T>> {
        // Behind the last index, so that any voxel comes before it.
        let none = |&extent: &u64| Peak { extent, value: T::ZERO, index: frame.shape };
        let exceeds = |peak: &Peak<T>, value: T, index: &dyn Fn() -> Index| {
            let (height, highest) = (value.magnitude(), peak.value.magnitude());
            height > highest || (height == highest && index() < peak.index)
        };
        self.fold(
            || extents.iter().map(none).collect::<Vec<_>>(),
            |peaks, run| {
                let (peak, values) = (&mut peaks[run.cluster], run.of(values));
                let highest = values.iter().map(|value| value.magnitude()).max();
                if highest < Some(peak.value.magnitude()) {
                    return;
                }
                for (position, &value) in (run.start..run.end).zip(values) {
                    let index = || frame.index([run.plane, run.row, position]);
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
        )
    }

    /// Numbers the clusters anew, by extent, then by the magnitude of the peak, then by its
    /// index; returns the peaks in this order.
    fn rank<T: Voxel>(&mut self, peaks: Vec<Peak<T>>) -> Vec<Peak<T>> {
        let mut ranked: Vec<_> = peaks.into_iter().zip(1_usize..).collect();
        ranked.sort_unstable_by_key(|(peak, _)| {
            (Reverse(peak.extent), Reverse(peak.value.magnitude()), peak.index)
        });
        let mut ranks = vec![0; ranked.len() + 1];
        for (&(_, number), rank) in ranked.iter().zip(1..) {
            ranks[number] = rank;
        }
        for number in &mut self.numbers {
            *number = ranks[*number as usize];
        }
        ranked.into_iter().map(|(peak, _)| peak).collect()
    }

    /// Cuts the planes into one span for each thread, as long as no more has to be joined
    /// in the end than there is to visit.
    fn in_spans(clusters: Clusters, numbers: Vec<u32>, firsts: Vec<usize>, count: usize) -> Self {
        let planes = firsts.len();
        let spans = parallel::threads().min(clusters.runs() / count.max(1)).clamp(1, planes);
        let thickness = planes.div_ceil(spans);
        let spans = (0..planes).step_by(thickness);
        let spans = spans.map(|start| start..planes.min(start + thickness)).collect();
        Self { clusters, numbers, count, firsts, spans }
    }

    /// How many planes a slab of the scan had, for those who visit planes in parallel.
    pub(crate) fn planes_per_slab(&self) -> usize {
        self.clusters.planes_per_slab()
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
        visit: impl Fn(&mut State, KeptRun) + Sync,
        join: impl Fn(&mut State, State),
    ) -> State {
        let states = parallel::map(self.spans.clone(), |planes| {
            let mut state = start();
            self.for_each_run(planes, |run| visit(&mut state, run));
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
        visit: impl Fn(&mut Vec<Found>, [&[KeptRun]; 3]) + Sync,
    ) -> Vec<Found> {
        let planes = self.firsts.len();
        let list = |runs: &mut Vec<KeptRun>, plane: usize| {
            runs.clear();
            if plane < planes {
                self.for_each_run(plane..plane + 1, |run| runs.push(run));
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
    pub(crate) fn for_each_run(&self, planes: Range<usize>, mut visit: impl FnMut(KeptRun)) {
        let row_length = self.clusters.row_length();
        let mut first = self.firsts[planes.start];
        for plane in planes {
            // Steps from row to row are cheaper than a division for each run.
            let (mut row, mut row_start) = (0, 0);
            for ClusterRun { cluster, run } in self.clusters.of_plane(plane) {
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
                visit(KeptRun {
                    cluster: number as usize - 1,
                    plane,
                    row,
                    start,
                    end,
                    first: place,
                });
            }
        }
    }
}
