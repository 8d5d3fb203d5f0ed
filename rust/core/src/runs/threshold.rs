//! A map at a threshold, without the clusters that are too small.

use ndarray::{ArrayView3, ArrayViewD, ArrayViewMutD, Axis};

use crate::error::{Array, Result};
use crate::map::interleaved::{InterleavedVolumes, is_interleaved};
use crate::map::output::Output;
use crate::map::series::{check_mask, check_shape, series};
use crate::map::summary::Summary;
use crate::map::volume::Target;
use crate::parallel;
use crate::request::{Request, Threshold};
use crate::runs::clusters::Clusters;
use crate::runs::passing_values::PassingValues;
use crate::runs::{erase, scan};
use crate::voxel::Voxel;

/// Writes to `out` the voxels of `data` that lie in `mask`, pass the threshold of
/// `request` and belong to a cluster that it keeps; all others become zero. Returns the
/// range of `out`, and whether `data` has values that are not finite.
///
/// `data` and `out` have three axes, or four with the volumes along the last; clusters are
/// those of each volume. Positive and negative clusters never merge. Values that are not
/// finite become zero. Reads `data` once. If clusters are filtered, this needs 12 bytes for
/// each run and 12 for each cluster; if the volumes lie interleaved, two planes of up to 64
/// volumes on each thread.
///
/// # Errors
///
/// Arrays that do not fit together, or are too large for the run counters; in the latter
/// case something may have been written.
pub fn threshold<T: Voxel>(
    data: ArrayViewD<'_, T>,
    out: Output<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    request: Request,
) -> Result<Summary> {
    check_shape(Array::Output, out.array.shape(), data.shape())?;
    let source = series(data)?;
    check_mask(mask.as_ref(), &source.shape()[..3])?;
    let Output { array, is_zero } = out;
    let mut out = series(array)?;
    if is_interleaved(&source) {
        let volumes = InterleavedVolumes { source: Some(source), out };
        return threshold_interleaved(volumes, mask, request);
    }
    let volumes = source.axis_iter(Axis(3)).zip(out.axis_iter_mut(Axis(3)));
    let targets = volumes.map(|(source, out)| Target::New { source, out, is_zero }).collect();
    threshold_targets(targets, mask, request)
}

/// Does what [`threshold`] does, over the data itself.
///
/// # Errors
///
/// Those of [`threshold`].
pub fn threshold_in_place<T: Voxel>(
    data: ArrayViewMutD<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    request: Request,
) -> Result<Summary> {
    let mut data = series(data)?;
    check_mask(mask.as_ref(), &data.shape()[..3])?;
    if is_interleaved(&data.view()) {
        let volumes = InterleavedVolumes { source: None, out: data };
        return threshold_interleaved(volumes, mask, request);
    }
    let targets = data.axis_iter_mut(Axis(3)).map(Target::InPlace).collect();
    threshold_targets(targets, mask, request)
}

fn threshold_targets<T: Voxel>(
    targets: Vec<Target<'_, T>>,
    mask: Option<ArrayView3<'_, bool>>,
    request: Request,
) -> Result<Summary> {
    parallel::map_volumes(targets, |target| threshold_volume(target, mask, request))
        .into_iter()
        .try_fold(Summary::EMPTY, |all, volume| Ok(all.merge(volume?)))
}

fn threshold_interleaved<T: Voxel>(
    volumes: InterleavedVolumes<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    request: Request,
) -> Result<Summary> {
    if volumes.out.is_empty() {
        return Ok(Summary::EMPTY);
    }
    let order = volumes.order();
    let mask = mask.map(|mask| order.apply(mask));
    let (mut volumes, mut summary) = (volumes.in_order(order), Summary::EMPTY);
    for mut volumes in volumes.some_at_a_time() {
        if request.min_extent <= 1 {
            let scanned = scan::write_passing_of_all(volumes, mask, Threshold::of(&request));
            summary = summary.merge(scanned.summary());
            continue;
        }
        let found = Clusters::find_and_write_each(volumes.reborrow(), mask, request)?;
        let volumes = volumes.out.axis_iter_mut(Axis(3)).zip(found).collect();
        let summaries = parallel::map(volumes, |(out, (clusters, scanned))| {
            erase::erase_small(out, &clusters, request.min_extent, scanned)
        });
        summary = summaries.into_iter().fold(summary, Summary::merge);
    }
    Ok(summary)
}

fn threshold_volume<T: Voxel>(
    target: Target<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    request: Request,
) -> Result<Summary> {
    if target.source().is_empty() {
        return Ok(Summary::EMPTY);
    }
    let order = target.order();
    let target = target.in_order(order);
    let mask = mask.map(|mask| order.apply(mask));
    if request.min_extent <= 1 {
        return Ok(scan::write_passing(target, mask, Threshold::of(&request)).summary());
    }
    Ok(filter_clusters(target, mask, request, None)?.1)
}

/// Thresholds a volume in memory order and filters its clusters; returns the clusters of
/// every extent. `passing` becomes the values of their voxels, if it is there.
pub(crate) fn filter_clusters<T: Voxel>(
    mut target: Target<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    request: Request,
    passing: Option<&mut PassingValues<T>>,
) -> Result<(Clusters, Summary)> {
    let (clusters, scanned) = Clusters::find_and_write(target.reborrow(), mask, request, passing)?;
    let summary = match target.out() {
        Some(out) => erase::erase_small(out, &clusters, request.min_extent, scanned),
        None => scanned.summary(),
    };
    Ok((clusters, summary))
}
