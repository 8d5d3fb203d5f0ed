//! The threshold of a request, as the values that pass it.

use crate::connectivity::Connectivity;
use crate::error::{Error, Result};
use crate::voxel::Voxel;

/// Which clusters stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClusterFilter {
    /// The least extent in voxels; a cluster of exactly this extent stays.
    pub min_extent: u64,
    /// What joins voxels into a cluster.
    pub connectivity: Connectivity,
}

/// Which voxel values pass a threshold.
///
/// A value equal to the threshold passes. Zeros, infinities and NaN never do:
/// they belong to no cluster.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Criterion<T: Voxel> {
    /// Finite values above this one pass; it is 0 or more.
    above: T,
    /// Finite values below this one pass; it is 0 or less.
    below: T,
    /// No height passes up to this one.
    limit: T::Height,
    /// Whether the threshold is zero, so that zeros keep their sign bit.
    keeps_zeros: bool,
}

impl<T: Voxel> Criterion<T> {
    /// The criterion of a threshold: `|v| >= threshold` when `two_sided`;
    /// otherwise `v >= threshold` for a threshold of 0 or more and
    /// `v <= threshold` for a negative one.
    ///
    /// # Errors
    ///
    /// A threshold that is NaN, or negative when `two_sided`.
    pub fn new(threshold: f64, two_sided: bool) -> Result<Self> {
        if threshold.is_nan() {
            return Err(Error::NanThreshold);
        }
        if two_sided && threshold < 0.0 {
            return Err(Error::NegativeTwoSidedThreshold(threshold));
        }
        let magnitude = threshold.abs();
        let reached = |counts: bool| if counts { magnitude } else { f64::INFINITY };
        let (has_positive, has_negative) =
            (two_sided || threshold >= 0.0, two_sided || threshold < 0.0);
        let above = T::limit_above(reached(has_positive));
        let below = T::limit_below(-reached(has_negative));
        let limits = [(has_positive, above), (has_negative && T::IS_SIGNED, below)];
        let limits = limits.into_iter().filter(|(counts, _)| *counts);
        let limit = limits.map(|(_, limit)| limit).min_by_key(|limit| limit.magnitude());
        Ok(Self {
            above,
            below,
            limit: limit.unwrap_or(T::RANGE.1).height(),
            keeps_zeros: T::rounds_to_zero(threshold),
        })
    }

    /// Whether zeros are written as they are, with their sign bit.
    #[inline(always)]
    pub(crate) fn keeps_zeros(&self) -> bool {
        self.keeps_zeros
    }

    /// Whether a voxel has to be looked at more closely: it may pass, or is no number.
    #[inline(always)]
    #[expect(clippy::neg_cmp_op_on_partial_ord, reason = "NaN is not up to the limit")]
    pub(crate) fn is_suspect(&self, value: T) -> bool {
        !(value.height() <= self.limit)
    }

    /// Whether a finite value passes.
    #[inline(always)]
    pub(crate) fn passes(&self, value: T) -> bool {
        self.passes_positive(value) | self.passes_negative(value)
    }

    /// Whether a finite value passes on the positive side.
    #[inline(always)]
    pub(crate) fn passes_positive(&self, value: T) -> bool {
        value > self.above
    }

    /// Whether a finite value passes on the negative side.
    #[inline(always)]
    pub(crate) fn passes_negative(&self, value: T) -> bool {
        value < self.below
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides() {
        let both = Criterion::<f32>::new(2.0, true).unwrap();
        assert!(both.passes(2.0) && both.passes(-2.0) && !both.passes(1.9));
        let positive = Criterion::<f32>::new(2.0, false).unwrap();
        assert!(positive.passes(2.0) && !positive.passes(-2.0));
        let negative = Criterion::<f32>::new(-2.0, false).unwrap();
        assert!(negative.passes(-2.0) && !negative.passes(2.0) && !negative.passes(-1.9));
    }

    #[test]
    fn a_float32_map_compares_with_the_rounded_threshold() {
        assert!(Criterion::<f32>::new(0.1, true).unwrap().passes(0.1_f32));
        assert!(f64::from(0.1_f32) > 0.1);
    }

    #[test]
    fn refusals() {
        assert_eq!(Criterion::<f32>::new(f64::NAN, false), Err(Error::NanThreshold));
        assert_eq!(Criterion::<i16>::new(-1.0, true), Err(Error::NegativeTwoSidedThreshold(-1.0)));
    }
}
