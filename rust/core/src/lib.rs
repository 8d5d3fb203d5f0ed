//! Thresholding of 3-D and 4-D maps and filtering of their clusters.
//!
//! ```text
//! view ──scan──▶ bits ──list──▶ runs ──link──▶ parents ──number──▶ clusters ──erase──▶ values
//!           └──────────────────── values of all that pass ─────────────────────────┘
//! ```
//!
//! A *run* is a maximal stretch of voxels along the memory-fastest axis that
//! pass the threshold with the same sign. Clusters are runs joined by
//! union-find, and a cluster's extent is the sum of its runs' lengths. The scan
//! writes every voxel that passes, and what belongs to a small cluster is erased
//! in the end: the values of a map are read once. No label volume is made, but where it
//! is asked for: [`label()`] numbers the clusters, and [`Table::of`] says what there is
//! to say of each.
//!
//! Views may have any strides (C or Fortran order, slices, negative steps);
//! they are read where they lie. The results depend on neither the strides nor
//! the number of threads. See [`threshold`] for the whole in one call, and
//! [`Clusters::find`] for the clusters alone.
//!
//! # Rationale
//!
//! Statistical maps are smooth: a thresholded row is a few runs and little is
//! erased, so everything after the scan is small. Of the plane at hand and the one
//! before, the voxels that pass are held as bits, one for each sign, so that
//! neighbouring rows are compared 64 voxels at a time; on noise, where there may be one
//! run for every two voxels, that is what counts.
//!
//! # Limitations
//!
//! A volume may have fewer than 2³² runs, in planes of fewer than 2³² voxels.

#![forbid(unsafe_code)]
#![expect(
    clippy::needless_pass_by_value,
    reason = "a view is passed by value as a slice would be, and most of them are cut or turned"
)]
#![expect(
    clippy::inline_always,
    reason = "the loops over voxels vectorise only when what they call is part of them"
)]

mod connectivity;
mod error;
mod map;
mod measure;
mod parallel;
mod request;
mod runs;
mod simd;
mod tree;
mod voxel;

use ndarray::{
    ArrayView3, ArrayView4, ArrayViewD, ArrayViewMut3, ArrayViewMut4, ArrayViewMutD, Axis,
};
use ndarray::{Ix3, Ix4};

pub use crate::connectivity::Connectivity;
pub use crate::error::{Error, Result};
pub use crate::map::summary::Summary;
pub use crate::measure::blocks::{Piece, Place, join};
pub use crate::measure::extra_map::{Further, Under};
pub use crate::measure::label::{Labels, label};
pub use crate::measure::maxima::{Maxima, Plateaus};
use crate::measure::percentile::Magnitudes;
pub use crate::measure::percentile::Population;
pub use crate::measure::table::Table;
pub use crate::parallel::{Help, Helpers, with_helpers};
pub use crate::request::Criterion;
pub use crate::runs::clusters::Clusters;
pub use crate::tree::merge_tree::Branches;
pub use crate::tree::tfce::{Enhancement, ScoreOf, tfce};
pub use crate::voxel::Voxel;
pub use crate::voxel::sort_key::{Height, Score};

use crate::map::interleaved;
use crate::map::interleaved::Volumes;
pub use crate::map::volume::MemoryOrder;
use crate::map::volume::{Frame, Target};
use crate::measure::label::{Numbered, Part};
use crate::runs::clusters::Passing;
use crate::runs::{erase, scan};

/// Which clusters stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClusterFilter {
    /// The least extent in voxels; a cluster of exactly this extent stays.
    pub min_extent: u64,
    /// What joins voxels into a cluster.
    pub connectivity: Connectivity,
}

/// An array that a result is written to.
pub struct Output<'a, T> {
    /// Of the shape of the data.
    pub array: ArrayViewMutD<'a, T>,
    /// Whether it holds zeros. Then only what passes is written, and memory that the
    /// system has promised but not yet given is not touched elsewhere.
    pub is_zero: bool,
}

impl<'a, T> Output<'a, T> {
    /// The same for a shorter time.
    pub(crate) fn view_mut(&mut self) -> Output<'_, T> {
        Output { array: self.array.view_mut(), is_zero: self.is_zero }
    }

    /// To read one that has the shape of a volume.
    pub(crate) fn volume(&self) -> ArrayView3<'_, T> {
        self.array.view().into_dimensionality().expect("three axes")
    }

    /// To write to one that has the shape of a volume.
    pub(crate) fn into_volume(self) -> (ArrayViewMut3<'a, T>, bool) {
        (self.array.into_dimensionality().expect("three axes"), self.is_zero)
    }
}

impl<'a, T> From<ArrayViewMutD<'a, T>> for Output<'a, T> {
    /// Of an array that may hold anything.
    fn from(array: ArrayViewMutD<'a, T>) -> Self {
        Self { array, is_zero: false }
    }
}

/// Writes to `out` the voxels of `data` that pass `criterion`, lie in `mask`
/// and belong to a cluster that `filter` keeps; all others become zero. Returns the
/// range of `out`, and whether `data` has values that are not finite.
///
/// `data` and `out` have three axes, or four with the volumes along the last,
/// each of which is filtered by itself. Positive and negative clusters never
/// merge. Reads `data` once; needs 12 bytes for each run and 12 for each cluster beside
/// them, if clusters are filtered, and on each thread two planes of up to 64 volumes, if
/// the volumes lie interleaved.
///
/// # Errors
///
/// Arrays that do not fit together, or too large for the run counters; in the
/// latter case something may have been written.
pub fn threshold<T: Voxel>(
    data: ArrayViewD<'_, T>,
    out: Output<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    criterion: Criterion<T>,
    filter: ClusterFilter,
) -> Result<Summary> {
    check_shape("out", out.array.shape(), data.shape())?;
    let sources = volumes(data.view())?;
    check_mask(mask.as_ref(), &sources)?;
    if let Some(series) = interleaved(data.view()) {
        let volumes = Volumes { source: Some(series), out: four_axes(out.array) };
        return threshold_interleaved(volumes, mask, criterion, filter);
    }
    let is_zero = out.is_zero;
    let targets = sources
        .into_iter()
        .zip(volumes_mut(out.array)?)
        .map(|(source, out)| Target::New { source, out, is_zero })
        .collect();
    threshold_targets(targets, mask, criterion, filter)
}

/// As [`threshold`], over the data itself.
///
/// # Errors
///
/// As [`threshold`].
pub fn threshold_in_place<T: Voxel>(
    data: ArrayViewMutD<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    criterion: Criterion<T>,
    filter: ClusterFilter,
) -> Result<Summary> {
    check_mask(mask.as_ref(), &volumes(data.view())?)?;
    if interleaved(data.view()).is_some() {
        let volumes = Volumes { source: None, out: four_axes(data) };
        return threshold_interleaved(volumes, mask, criterion, filter);
    }
    let targets = volumes_mut(data)?.into_iter().map(Target::InPlace).collect();
    threshold_targets(targets, mask, criterion, filter)
}

fn threshold_targets<T: Voxel>(
    targets: Vec<Target<'_, T>>,
    mask: Option<ArrayView3<'_, bool>>,
    criterion: Criterion<T>,
    filter: ClusterFilter,
) -> Result<Summary> {
    parallel::map_volumes(targets, |target| threshold_volume(target, mask, criterion, filter))
        .into_iter()
        .try_fold(Summary::EMPTY, |all, volume| Ok(all.merge(volume?)))
}

fn threshold_interleaved<T: Voxel>(
    volumes: Volumes<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    criterion: Criterion<T>,
    filter: ClusterFilter,
) -> Result<Summary> {
    if volumes.out.is_empty() {
        return Ok(Summary::EMPTY);
    }
    let order = volumes.order();
    let mask = mask.map(|mask| order.apply(mask));
    let (mut volumes, mut summary) = (volumes.in_order(order), Summary::EMPTY);
    for mut volumes in volumes.some_at_a_time() {
        if filter.min_extent <= 1 {
            let found = scan::write_passing_of_all(volumes, mask, criterion);
            summary = summary.merge(found.summary());
            continue;
        }
        let connectivity = filter.connectivity;
        let found =
            Clusters::find_and_write_each(volumes.reborrow(), mask, criterion, connectivity)?;
        let volumes = volumes.out.axis_iter_mut(Axis(3)).zip(found).collect();
        let summaries = parallel::map(volumes, |(out, (clusters, found))| {
            erase::erase_small(out, &clusters, filter.min_extent, found)
        });
        summary = summaries.into_iter().fold(summary, Summary::merge);
    }
    Ok(summary)
}

fn threshold_volume<T: Voxel>(
    target: Target<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    criterion: Criterion<T>,
    filter: ClusterFilter,
) -> Result<Summary> {
    if target.source().is_empty() {
        return Ok(Summary::EMPTY);
    }
    let order = target.order();
    let target = target.in_order(order);
    let mask = mask.map(|mask| order.apply(mask));
    if filter.min_extent <= 1 {
        return Ok(scan::write_passing(target, mask, criterion).summary());
    }
    Ok(filter_clusters(target, mask, criterion, filter, None)?.1)
}

/// Does the whole for a volume in memory order; returns its clusters of every extent.
/// `passing` becomes the values of their voxels, if it is there.
pub(crate) fn filter_clusters<T: Voxel>(
    mut target: Target<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    criterion: Criterion<T>,
    filter: ClusterFilter,
    passing: Option<&mut Passing<T>>,
) -> Result<(Clusters, Summary)> {
    let connectivity = filter.connectivity;
    let (clusters, found) =
        Clusters::find_and_write(target.reborrow(), mask, criterion, connectivity, passing)?;
    let summary = match target.out() {
        Some(out) => erase::erase_small(out, &clusters, filter.min_extent, found),
        None => found.summary(),
    };
    Ok((clusters, summary))
}

/// A voxel of a volume, by its place along each axis.
pub type Index = [usize; 3];

/// The voxels of the largest cluster of either sign, sorted by their indices;
/// empty when no voxel passes.
///
/// Of clusters of the same extent it is the one with the largest absolute
/// value, and of those the one whose peak has the smallest indices.
///
/// # Errors
///
/// As [`threshold`].
pub fn largest_cluster<T: Voxel>(
    volume: ArrayView3<'_, T>,
    criterion: Criterion<T>,
    connectivity: Connectivity,
) -> Result<Vec<Index>> {
    if volume.is_empty() {
        return Ok(Vec::new());
    }
    let frame = Frame::of(&volume);
    let turned = frame.order.apply(volume);
    let (clusters, passing) = Clusters::find_with_values(turned, None, criterion, connectivity)?;
    let extent = clusters.largest_extent();
    let (numbered, ..) = Numbered::of(clusters, passing, &frame, extent)?;
    let visit = |voxels: &mut Vec<Index>, Part { cluster, plane, row, start, end, .. }| {
        if cluster == 0 {
            voxels.extend((start..end).map(|position| frame.index([plane, row, position])));
        }
    };
    let mut voxels = numbered.fold(Vec::new, visit, Vec::extend);
    voxels.sort_unstable();
    Ok(voxels)
}

/// The percentile of a population of values, linearly interpolated, all
/// volumes of a 4-D map together; `None` when the population is empty.
///
/// `percent` is from 0 to 100. Non-finite values count as zero. Expected linear time;
/// copies an eighth of the values at most.
///
/// # Errors
///
/// Arrays that do not fit together; a percentage that is none; data that are seen to
/// change meanwhile.
pub fn percentile<T: Voxel>(
    data: ArrayViewD<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    population: Population,
    percent: f64,
) -> Result<Option<f64>> {
    if !(0.0..=100.0).contains(&percent) {
        return Err(Error::Percent(percent));
    }
    let volumes = pooled(data, mask)?;
    Magnitudes { volumes, mask, population }.percentile(percent)
}

/// The range of a map in a mask, and whether the map holds non-finite values.
///
/// Reads each voxel once.
///
/// # Errors
///
/// Arrays that do not fit together.
pub fn summary<T: Voxel>(
    data: ArrayViewD<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
) -> Result<Summary> {
    let volumes = pooled(data, mask)?;
    let summaries = parallel::map_volumes(volumes, |volume| {
        let order = MemoryOrder::of(&volume);
        Summary::of(order.apply(volume), mask.map(|mask| order.apply(mask)))
    });
    Ok(summaries.into_iter().fold(Summary::EMPTY, Summary::merge))
}

/// The map, if it is a series whose volumes lie interleaved.
fn interleaved<T>(data: ArrayViewD<'_, T>) -> Option<ArrayView4<'_, T>> {
    data.into_dimensionality().ok().filter(interleaved::is_interleaved)
}

/// The voxels of a map in volumes, to look at all of them together.
///
/// Where its volumes lie interleaved these are slices through all volumes instead, unless
/// there is a mask, which these would not share.
fn pooled<'a, T>(
    data: ArrayViewD<'a, T>,
    mask: Option<ArrayView3<'_, bool>>,
) -> Result<Vec<ArrayView3<'a, T>>> {
    if mask.is_none() && interleaved(data.view()).is_some() {
        return volumes(data.permuted_axes(vec![1, 2, 3, 0]));
    }
    let volumes = volumes(data)?;
    check_mask(mask.as_ref(), &volumes)?;
    Ok(volumes)
}

/// A map that is a series, to write to.
fn four_axes<T>(data: ArrayViewMutD<'_, T>) -> ArrayViewMut4<'_, T> {
    data.into_dimensionality().expect("four axes")
}

/// The volumes of a map of three or four axes.
fn volumes<T>(data: ArrayViewD<'_, T>) -> Result<Vec<ArrayView3<'_, T>>> {
    match data.ndim() {
        3 => Ok(vec![data.into_dimensionality::<Ix3>().expect("three axes")]),
        4 => {
            let mut rest: ArrayView4<'_, T> = data.into_dimensionality::<Ix4>().expect("four axes");
            let mut found = Vec::with_capacity(rest.len_of(Axis(3)));
            while rest.len_of(Axis(3)) > 0 {
                let (first, after) = rest.split_at(Axis(3), 1);
                found.push(first.index_axis_move(Axis(3), 0));
                rest = after;
            }
            Ok(found)
        }
        other => Err(Error::Dimensions(other)),
    }
}

/// The same, to write to.
fn volumes_mut<T>(data: ArrayViewMutD<'_, T>) -> Result<Vec<ArrayViewMut3<'_, T>>> {
    match data.ndim() {
        3 => Ok(vec![data.into_dimensionality::<Ix3>().expect("three axes")]),
        4 => {
            let mut rest: ArrayViewMut4<'_, T> =
                data.into_dimensionality::<Ix4>().expect("four axes");
            let mut found = Vec::with_capacity(rest.len_of(Axis(3)));
            while rest.len_of(Axis(3)) > 0 {
                let (first, after) = rest.split_at(Axis(3), 1);
                found.push(first.index_axis_move(Axis(3), 0));
                rest = after;
            }
            Ok(found)
        }
        other => Err(Error::Dimensions(other)),
    }
}

fn check_mask<T>(mask: Option<&ArrayView3<'_, bool>>, volumes: &[ArrayView3<'_, T>]) -> Result<()> {
    match (mask, volumes.first()) {
        (Some(mask), Some(volume)) => check_shape("mask", mask.shape(), volume.shape()),
        _ => Ok(()),
    }
}

fn check_shape(name: &'static str, found: &[usize], expected: &[usize]) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::Shape { name, found: found.to_vec(), expected: expected.to_vec() })
}
