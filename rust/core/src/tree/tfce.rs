//! Threshold-free cluster enhancement (TFCE), exactly.
//!
//! The score of a voxel is the integral of `extent(h)^E h^H` over the thresholds `h` from zero
//! to the voxel's height, where `extent(h)` is that of the cluster that has the voxel in it at
//! `h` (Smith and Nichols, Threshold-free cluster enhancement: addressing problems of
//! smoothing, threshold dependence and localisation in cluster inference, 2009). Between two
//! heights of a cluster's voxels its extent does not change. So the integral is a sum along the
//! way from the voxel to the root of the component tree, and all scores together are one pass
//! over the tree from its roots:
//!
//! ```text
//! heights 3 1 2, E = 1, H = 0
//!
//!   3   2        score of 1: extent 3, from 0 to 1     3
//!    \ /         score of 3: 3, + 1 from 1 to 3        5
//!     1          score of 2: 3, + 1 from 1 to 2        4
//! ```

use std::mem::take;

use ndarray::{ArrayView3, ArrayView4, ArrayViewD, ArrayViewMut3, ArrayViewMutD, Axis};

use crate::connectivity::Connectivity;
use crate::error::{Array, Error, Powered, Result};
use crate::map::bounding_box::BoundingBox;
use crate::map::memory_order::MemoryOrder;
use crate::map::series::{check_mask, check_shape, series};
use crate::map::summary::{Summary, summary};
use crate::parallel;
use crate::request::{Sides, Sign};
use crate::tree::component_tree::ComponentTree;
use crate::tree::padded_volume::PaddedVolume;
use crate::voxel::Voxel;
use crate::voxel::score::Score;
use crate::voxel::sort_key::SortKey;

/// The rules of TFCE: how extent and height count, and what a cluster is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tfce {
    /// E, the power of the extent; 0 or more.
    pub extent_power: f64,
    /// H, the power of the height; 0 or more.
    pub height_power: f64,
    /// Whether negative voxels have (negative) scores, too.
    pub sides: Sides,
    /// What joins voxels into a cluster.
    pub connectivity: Connectivity,
}

/// Writes the score of each voxel of `data` that lies in `mask` to `out`, and zero
/// elsewhere.
///
/// `data` and `out` have three axes, or four with the volumes along the last. NaN and
/// infinities count as zero. The scores depend on neither the strides nor the number
/// of threads; signs and volumes are done in parallel. Linear time but for the nearly
/// constant factor of union-find. For each sign of a volume that is being done: up to
/// 24 bytes for each voxel of the sign (32 for types of 64 bits), and 8 for each voxel
/// of the box around all that are not zero (12).
///
/// # Errors
///
/// Arrays that do not fit together, or are too large for 32-bit counts; powers that are
/// negative or not finite; a largest score that is too large or too small for its type.
pub fn tfce<T: Voxel>(
    data: ArrayViewD<'_, T>,
    out: ArrayViewMutD<'_, T::Score>,
    mask: Option<ArrayView3<'_, bool>>,
    rules: Tfce,
) -> Result<()> {
    check_powers(rules)?;
    check_shape(Array::Output, out.shape(), data.shape())?;
    let (source, mut out) = (series(data.view())?, series(out)?);
    check_mask(mask.as_ref(), &source.shape()[..3])?;
    if !are_sure_to_fit(data.view(), &source, mask, rules)? {
        let volumes = source.axis_iter(Axis(3)).collect();
        let largest =
            parallel::map_volumes(volumes, |source| Ok(Scored::of(source, mask, rules)?.largest()));
        let largest = largest.into_iter().collect::<Result<Vec<_>>>()?;
        let largest = largest.into_iter().flatten().max_by(f64::total_cmp);
        if largest.is_some_and(|largest| !T::Score::fits(largest)) {
            return Err(Error::Scores(std::any::type_name::<T::Score>()));
        }
    }
    let pairs = source.axis_iter(Axis(3)).zip(out.axis_iter_mut(Axis(3))).collect();
    let written = parallel::map_volumes(pairs, |(source, out)| {
        Scored::of(source, mask, rules)?.write(out);
        Ok(())
    });
    written.into_iter().collect()
}

/// Checks the powers of extent and height.
pub(crate) fn check_powers(rules: Tfce) -> Result<()> {
    let powers = [(Powered::Extent, rules.extent_power), (Powered::Height, rules.height_power)];
    let is_refused = |found: f64| !(found >= 0.0 && found.is_finite());
    let refused = powers.into_iter().find(|(_, found)| is_refused(*found));
    refused.map_or(Ok(()), |(of, found)| Err(Error::Power { of, found }))
}

/// Whether shape and highest voxel alone say that all volumes can be scored. Scores are
/// written as they are made, and nothing may be written where some do not fit.
fn are_sure_to_fit<T: Voxel>(
    data: ArrayViewD<'_, T>,
    series: &ArrayView4<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    rules: Tfce,
) -> Result<bool> {
    let Some(volume) = series.axis_iter(Axis(3)).next() else { return Ok(true) };
    let is_small = PaddedVolume::new(MemoryOrder::of(&volume).apply(volume).dim()).is_ok();
    let Summary { min, max, .. } = summary(data, mask)?;
    let highest = if rules.sides == Sides::Both { max.max(-min) } else { max };
    let least = integral(highest, rules.height_power);
    let most = least * weight(volume.len() as f64, rules.extent_power);
    // Twice as far from the limits as need be: the scores are rounded.
    let fit = T::Score::fits(least / 2.0) && T::Score::fits(most * 2.0);
    Ok(is_small && (fit || highest <= 0.0))
}

/// The scores of a volume.
struct Scored {
    order: MemoryOrder,
    bounds: BoundingBox,
    /// For each sign where its voxels are, one more than their ranks, and their absolute
    /// scores by rank.
    signs: Vec<(Sign, PaddedVolume, Vec<u32>, Vec<f64>)>,
}

impl Scored {
    fn of<T: Voxel>(
        source: ArrayView3<'_, T>,
        mask: Option<ArrayView3<'_, bool>>,
        rules: Tfce,
    ) -> Result<Self> {
        let order = MemoryOrder::of(&source);
        let source = order.apply(source);
        let bounds = BoundingBox::of(source);
        let mask = mask.map(|mask| bounds.apply(order.apply(mask)));
        let source = bounds.apply(source);
        let signs = parallel::map(rules.sides.signs(), |sign| {
            let (padded, mut tree) =
                PaddedVolume::with_tree(source, mask, sign, rules.connectivity)?;
            let integrals = integrals::<T>(take(&mut tree.nodes), rules.height_power);
            let extent = |rank: usize| f64::from(tree.extents[rank]);
            let scores = scores(&integrals, &tree, rules.extent_power, extent);
            Ok((sign, padded, tree.ranks, scores))
        });
        Ok(Self { order, bounds, signs: signs.into_iter().collect::<Result<_>>()? })
    }

    /// The largest absolute one.
    fn largest(&self) -> Option<f64> {
        let scores = self.signs.iter().flat_map(|(.., scores)| scores);
        scores.copied().max_by(f64::total_cmp)
    }

    /// Writes them, and zero elsewhere.
    fn write<S: Score>(&self, mut out: ArrayViewMut3<'_, S>) {
        out.fill(S::ZERO);
        let mut out = self.bounds.apply(self.order.apply(out));
        for (sign, padded, ranks, scores) in &self.signs {
            let sign = f64::from(sign.number());
            padded.write(ranks, out.view_mut(), |rank| S::rounded(sign * scores[rank]));
        }
    }
}

/// The integral of `h^H` from zero to a height.
fn integral(height: f64, height_power: f64) -> f64 {
    match height_power + 1.0 {
        3.0 => height * height * height / 3.0,
        power => height.powf(power) / power,
    }
}

/// How much an extent counts.
fn weight(extent: f64, extent_power: f64) -> f64 {
    match extent_power {
        0.5 => extent.sqrt(),
        1.0 => extent,
        power => extent.powf(power),
    }
}

/// For each node, by rank, the integral up to its height.
pub(crate) fn integrals<T: Voxel>(nodes: Vec<(T::SortKey, u32)>, height_power: f64) -> Vec<f64> {
    let mut latest = (T::SortKey::default(), 0.0);
    let integrals = nodes.into_iter().map(|(key, _)| {
        if key != latest.0 {
            latest = (key, integral(T::sort_key_to_f64(key), height_power));
        }
        latest.1
    });
    integrals.collect()
}

/// The absolute scores of the nodes of a tree, by rank; `extent` is that of the cluster of a
/// node when the node has joined it.
///
/// From the roots on: a node has the score of its parent, and over the heights between the
/// two the extent of its own cluster counts. Nodes of the same height are a cluster only
/// together; all but the lowest of them add zero, so that the sums are the same whatever
/// their order.
pub(crate) fn scores<K: SortKey>(
    integrals: &[f64],
    tree: &ComponentTree<K>,
    extent_power: f64,
    extent: impl Fn(usize) -> f64,
) -> Vec<f64> {
    let mut scores = vec![0.0; integrals.len()];
    for rank in tree.all().rev() {
        let (score, below) = tree
            .parent(rank)
            .map_or((0.0, 0.0), |parent| (scores[parent as usize], integrals[parent as usize]));
        let rank = rank as usize;
        let weight = weight(extent(rank), extent_power);
        scores[rank] = score + weight * (integrals[rank] - below);
    }
    scores
}
