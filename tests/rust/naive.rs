//! What the core computes, a few obvious lines each: one voxel at a time, with
//! no runs, no union-find and no memory order.

use ndarray::{Array3, ArrayD, ArrayView3, ArrayViewD, Axis, Ix3, indices_of};
use nithresh_core::{Connectivity, Sides, Voxel};

/// A request, in the words of a user.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    pub threshold: f64,
    pub two_sided: bool,
    pub cluster_threshold: u64,
    pub neighbours: u8,
}

impl Request {
    /// The same as the core takes it.
    pub fn to_core(self) -> nithresh_core::Request {
        let sides = if self.two_sided { Sides::Both } else { Sides::One };
        let connectivity = Connectivity::from_neighbours(self.neighbours).unwrap();
        let request = nithresh_core::Request::new(self.threshold, sides).unwrap();
        request.min_extent(self.cluster_threshold).connectivity(connectivity)
    }

    /// 1 or -1 for a value that passes on that side, else 0. `threshold` is the
    /// request's, rounded as the values are.
    fn sign<T: Voxel>(&self, value: T, threshold: f64) -> i8 {
        let value = value.to_f64();
        let passes = match (self.two_sided, self.threshold >= 0.0) {
            (true, _) => value.abs() >= threshold,
            (false, true) => value > 0.0 && value >= threshold,
            (false, false) => value < 0.0 && value <= threshold,
        };
        if !passes || !value.is_finite() || value == 0.0 {
            return 0;
        }
        if value > 0.0 { 1 } else { -1 }
    }
}

type Index = [usize; 3];

/// A mask that may not be there.
pub type Mask<'a> = Option<ArrayView3<'a, bool>>;

fn inside(mask: Mask<'_>, voxel: Index) -> bool {
    mask.is_none_or(|mask| mask[voxel])
}

fn voxels<T>(volume: &ArrayView3<'_, T>) -> impl Iterator<Item = Index> + use<T> {
    indices_of(volume).into_iter().map(|(i, j, k)| [i, j, k])
}

/// The voxels at most one step away along at most 1, 2 or 3 axes.
fn neighbours(voxel: Index, shape: &[usize], neighbours: u8) -> Vec<Index> {
    let axes_apart = match neighbours {
        6 => 1,
        18 => 2,
        26 => 3,
        other => unreachable!("{other} neighbours"),
    };
    let along = |axis: usize| voxel[axis].saturating_sub(1)..(voxel[axis] + 2).min(shape[axis]);
    let all = along(0).flat_map(|i| along(1).flat_map(move |j| along(2).map(move |k| [i, j, k])));
    all.filter(|other| (0..3).filter(|&axis| voxel[axis] != other[axis]).count() <= axes_apart)
        .collect()
}

/// Every cluster as its sorted voxels, found by flooding.
pub fn clusters<T: Voxel>(
    volume: &ArrayView3<'_, T>,
    mask: Mask<'_>,
    request: Request,
    threshold: f64,
) -> Vec<Vec<Index>> {
    let sign = |voxel| i8::from(inside(mask, voxel)) * request.sign(volume[voxel], threshold);
    let mut seen = Array3::from_elem(volume.dim(), false);
    let mut found = Vec::new();
    for first in voxels(volume).filter(|&voxel| sign(voxel) != 0) {
        let (mut cluster, mut flooded) = (Vec::new(), vec![first]);
        while let Some(voxel) = flooded.pop() {
            if !std::mem::replace(&mut seen[voxel], true) {
                cluster.push(voxel);
                let around = neighbours(voxel, volume.shape(), request.neighbours);
                flooded.extend(around.into_iter().filter(|&other| sign(other) == sign(first)));
            }
        }
        cluster.sort_unstable();
        found.push(cluster);
    }
    found.retain(|cluster| !cluster.is_empty());
    found
}

/// The thresholded map.
pub fn threshold<T: Voxel>(
    data: &ArrayViewD<'_, T>,
    mask: Mask<'_>,
    request: Request,
    threshold: f64,
) -> ArrayD<T> {
    let mut out = ArrayD::from_elem(data.raw_dim(), T::ZERO);
    for (volume, mut out) in volumes(data).into_iter().zip(volumes_mut(&mut out)) {
        for voxel in voxels(&volume).filter(|&voxel| threshold == 0.0 && inside(mask, voxel)) {
            // Every zero "reaches" a threshold of zero, so it keeps its sign bit.
            out[voxel] = if volume[voxel] == T::ZERO { volume[voxel] } else { T::ZERO };
        }
        for cluster in clusters(&volume, mask, request, threshold) {
            if cluster.len() as u64 >= request.cluster_threshold {
                for voxel in cluster {
                    out[voxel] = volume[voxel];
                }
            }
        }
    }
    out
}

/// The largest cluster: by extent, then peak, then the place of the peak.
pub fn largest_cluster<T: Voxel>(
    volume: &ArrayView3<'_, T>,
    request: Request,
    threshold: f64,
) -> Vec<Index> {
    let mut best = Vec::new();
    let mut best_peak = None;
    for cluster in clusters(volume, None, request, threshold) {
        let magnitude = |voxel: Index| volume[voxel].magnitude();
        let mut peak = cluster[0];
        for &voxel in &cluster {
            peak = if magnitude(voxel) > magnitude(peak) { voxel } else { peak };
        }
        let ranks_first = best_peak.is_none_or(|other: Index| {
            (cluster.len() > best.len())
                || (cluster.len() == best.len() && magnitude(peak) > magnitude(other))
                || (cluster.len() == best.len()
                    && magnitude(peak) == magnitude(other)
                    && peak < other)
        });
        if ranks_first {
            (best, best_peak) = (cluster, Some(peak));
        }
    }
    best
}

/// The values in the mask, non-finite ones as zero.
fn values<T: Voxel>(data: &ArrayViewD<'_, T>, mask: Mask<'_>) -> Vec<f64> {
    let all = volumes(data).into_iter().flat_map(|volume| {
        let inside = voxels(&volume).filter(move |&voxel| inside(mask, voxel));
        inside.map(|voxel| volume[voxel].to_f64()).collect::<Vec<_>>()
    });
    all.map(|value| if value.is_finite() { value } else { 0.0 }).collect()
}

/// The percentile of sorted values, linearly interpolated.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a position among the values"
)]
pub fn percentile<T: Voxel>(
    data: &ArrayViewD<'_, T>,
    mask: Mask<'_>,
    absolute: bool,
    percent: f64,
) -> Option<f64> {
    let mut values = values(data, mask);
    if absolute {
        for value in &mut values {
            *value = value.abs();
        }
    } else {
        values.retain(|&value| value >= 0.0);
    }
    values.sort_by(f64::total_cmp);
    let position = percent / 100.0 * (values.len().checked_sub(1)? as f64);
    let (below, above) = (values[position.floor() as usize], values[position.ceil() as usize]);
    let fraction = position.fract();
    Some(below * (1.0 - fraction) + above * fraction)
}

/// Smallest and largest value in the mask, and whether any voxel is non-finite.
pub fn summary<T: Voxel>(data: &ArrayViewD<'_, T>, mask: Mask<'_>) -> (f64, f64, bool) {
    let values = values(data, mask);
    (
        values.iter().copied().fold(f64::INFINITY, f64::min),
        values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        data.iter().any(|value| !value.to_f64().is_finite()),
    )
}

/// The volumes of a map of three or four axes.
pub fn volumes<'a, T>(data: &'a ArrayViewD<'_, T>) -> Vec<ArrayView3<'a, T>> {
    if data.ndim() == 3 {
        return vec![data.view().into_dimensionality().unwrap()];
    }
    data.axis_iter(Axis(3)).map(|volume| volume.into_dimensionality::<Ix3>().unwrap()).collect()
}

fn volumes_mut<T>(data: &mut ArrayD<T>) -> Vec<ndarray::ArrayViewMut3<'_, T>> {
    if data.ndim() == 3 {
        return vec![data.view_mut().into_dimensionality().unwrap()];
    }
    data.axis_iter_mut(Axis(3)).map(|volume| volume.into_dimensionality::<Ix3>().unwrap()).collect()
}
