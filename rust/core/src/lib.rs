//! Thresholding of 3-D and 4-D maps and filtering of their clusters.
//!
//! ```text
//! view ──scan──▶ runs ──link──▶ clusters ──measure──▶ keep / drop ──write──▶ values
//! ```
//!
//! A *run* is a maximal stretch of voxels along the memory-fastest axis that
//! pass the threshold with the same sign. Clusters are runs joined by
//! union-find, a cluster's extent is the sum of its runs' lengths, and the
//! result is the kept runs copied over zeros. No label volume is made.
//!
//! Views may have any strides (C or Fortran order, slices, negative steps);
//! they are read where they lie. The results depend on neither the strides nor
//! the number of threads. See [`threshold`] for the whole in one call, and the
//! modules [`scan`], [`link`] and [`cluster`] for its stages.
//!
//! # Rationale
//!
//! Statistical maps are smooth: a thresholded row is a few runs, so everything
//! after the scan is small. On noise there may be one run for every four
//! voxels, which is still fewer items than voxels.
//!
//! # Limitations
//!
//! A volume may have fewer than 2³² runs of each sign, in rows of fewer than 2³¹
//! voxels.

#![forbid(unsafe_code)]
#![expect(
    clippy::needless_pass_by_value,
    reason = "a view is passed by value as a slice would be, and most of them are cut or turned"
)]
#![expect(
    clippy::inline_always,
    reason = "the loops over voxels vectorise only when what they call is part of them"
)]

pub mod cluster;
pub mod connectivity;
pub mod criterion;
pub mod error;
mod instructions;
pub mod link;
mod parallel;
pub mod percentile;
pub mod scan;
pub mod summary;
mod union_find;
pub mod volume;
pub mod voxel;
mod write;

use ndarray::{
    ArrayView3, ArrayView4, ArrayViewD, ArrayViewMut3, ArrayViewMut4, ArrayViewMutD, Axis,
};
use ndarray::{Ix3, Ix4};

pub use crate::cluster::Clusters;
pub use crate::connectivity::Connectivity;
pub use crate::criterion::Criterion;
pub use crate::error::{Error, Result};
pub use crate::percentile::Population;
pub use crate::summary::Summary;
pub use crate::voxel::Voxel;

use crate::volume::{MemoryOrder, Target};

/// Which clusters stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClusterFilter {
    /// The least extent in voxels; a cluster of exactly this extent stays.
    pub min_extent: u64,
    /// What joins voxels into a cluster.
    pub connectivity: Connectivity,
}

/// Writes to `out` the voxels of `data` that pass `criterion`, lie in `mask`
/// and belong to a cluster that `filter` keeps; all others become zero.
///
/// `data` and `out` have three axes, or four with the volumes along the last,
/// each of which is filtered by itself. Positive and negative clusters never
/// merge. Reads `data` once to find the runs and the kept ones once more to write
/// `out`; needs 24 bytes for each run beside them.
///
/// # Errors
///
/// Arrays that do not fit together, or too large for the run counters.
pub fn threshold<T: Voxel>(
    data: ArrayViewD<'_, T>,
    out: ArrayViewMutD<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    criterion: Criterion<T>,
    filter: ClusterFilter,
) -> Result<()> {
    if out.shape() != data.shape() {
        return Err(Error::Shape {
            name: "out",
            found: out.shape().to_vec(),
            expected: data.shape().to_vec(),
        });
    }
    let sources = volumes(data)?;
    check_mask(mask.as_ref(), &sources)?;
    let targets = sources
        .into_iter()
        .zip(volumes_mut(out)?)
        .map(|(source, out)| Target::New { source, out })
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
) -> Result<()> {
    check_mask(mask.as_ref(), &volumes(data.view())?)?;
    let targets = volumes_mut(data)?.into_iter().map(Target::InPlace).collect();
    threshold_targets(targets, mask, criterion, filter)
}

fn threshold_targets<T: Voxel>(
    targets: Vec<Target<'_, T>>,
    mask: Option<ArrayView3<'_, bool>>,
    criterion: Criterion<T>,
    filter: ClusterFilter,
) -> Result<()> {
    parallel::map(targets, |target| threshold_volume(target, mask, criterion, filter))
        .into_iter()
        .collect()
}

fn threshold_volume<T: Voxel>(
    target: Target<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    criterion: Criterion<T>,
    filter: ClusterFilter,
) -> Result<()> {
    if target.source().is_empty() {
        return Ok(());
    }
    let order = MemoryOrder::of(&target.source());
    let target = target.in_order(order);
    let mask = mask.map(|mask| order.apply(mask));
    if filter.min_extent <= 1 {
        write::write_passing(target, mask, criterion);
        return Ok(());
    }
    let signs = Clusters::find(target.source(), mask, criterion, filter.connectivity)?;
    write::write_kept(target, mask, criterion, &signs, filter.min_extent);
    Ok(())
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
    let order = MemoryOrder::of(&volume);
    let signs = Clusters::find(order.apply(volume), None, criterion, connectivity)?;
    let extent = signs.iter().map(Clusters::largest_extent).max().unwrap_or(0);
    if extent == 0 {
        return Ok(Vec::new());
    }
    let shape = [volume.dim().0, volume.dim().1, volume.dim().2];
    let rows_per_plane = order.apply(volume).dim().1;
    let mut best: Option<(T::Magnitude, Index, Vec<Index>)> = None;
    for clusters in &signs {
        for (_, voxels) in candidates(clusters, extent, |row, position| {
            order.index_in_view(shape, [row / rows_per_plane, row % rows_per_plane, position])
        }) {
            let (magnitude, peak) = peak(volume, &voxels);
            let ranks_first = best.as_ref().is_none_or(|(best_magnitude, best_peak, _)| {
                magnitude > *best_magnitude || (magnitude == *best_magnitude && peak < *best_peak)
            });
            if ranks_first {
                best = Some((magnitude, peak, voxels));
            }
        }
    }
    Ok(best.map(|(_, _, voxels)| voxels).unwrap_or_default())
}

/// The clusters of one extent, each by its first run, with their sorted voxels.
fn candidates(
    clusters: &Clusters,
    extent: u64,
    index: impl Fn(usize, usize) -> Index,
) -> std::collections::BTreeMap<u32, Vec<Index>> {
    let mut found = std::collections::BTreeMap::<u32, Vec<Index>>::new();
    for (run, root) in clusters.runs_of_extent(extent) {
        let positions = run.start as usize..run.end as usize;
        let voxels = positions.map(|position| index(run.row as usize, position));
        found.entry(root).or_default().extend(voxels);
    }
    for voxels in found.values_mut() {
        voxels.sort_unstable();
    }
    found
}

/// The largest magnitude among sorted voxels and the first voxel that has it.
fn peak<T: Voxel>(volume: ArrayView3<'_, T>, voxels: &[Index]) -> (T::Magnitude, Index) {
    let magnitude = |voxel: &Index| volume[*voxel].magnitude();
    let first = (magnitude(&voxels[0]), voxels[0]);
    voxels.iter().fold(first, |best, voxel| {
        let candidate = magnitude(voxel);
        if candidate > best.0 { (candidate, *voxel) } else { best }
    })
}

/// The percentile of a population of values, linearly interpolated, all
/// volumes of a 4-D map together; `None` when the population is empty.
///
/// `percent` is from 0 to 100. Non-finite values count as zero. Needs a copy
/// of the values; expected linear time.
///
/// # Errors
///
/// Arrays that do not fit together; a percentage that is none.
pub fn percentile<T: Voxel>(
    data: ArrayViewD<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    population: Population,
    percent: f64,
) -> Result<Option<f64>> {
    if !(0.0..=100.0).contains(&percent) {
        return Err(Error::Percent(percent));
    }
    let volumes = volumes(data)?;
    check_mask(mask.as_ref(), &volumes)?;
    let mut values = Vec::new();
    for volume in volumes {
        let order = MemoryOrder::of(&volume);
        let mask = mask.map(|mask| order.apply(mask));
        values.append(&mut percentile::collect(order.apply(volume), mask, population));
    }
    Ok(percentile::select::<T>(&mut values, percent))
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
    let volumes = volumes(data)?;
    check_mask(mask.as_ref(), &volumes)?;
    let summaries = parallel::map(volumes, |volume| {
        let order = MemoryOrder::of(&volume);
        Summary::of(order.apply(volume), mask.map(|mask| order.apply(mask)))
    });
    Ok(summaries.into_iter().fold(Summary::EMPTY, Summary::merge))
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
        (Some(mask), Some(volume)) if mask.shape() != volume.shape() => Err(Error::Shape {
            name: "mask",
            found: mask.shape().to_vec(),
            expected: volume.shape().to_vec(),
        }),
        _ => Ok(()),
    }
}
