//! The threshold of a request, as the values that pass it.

use crate::error::{Error, Result};
use crate::voxel::{Interval, Voxel};

/// Which voxel values pass a threshold, as one closed interval for each sign.
///
/// A value equal to the threshold passes. Zeros, infinities and NaN never do:
/// they belong to no cluster.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Criterion<T> {
    /// The positive values that pass; empty for a one-sided negative threshold.
    pub positive: Interval<T>,
    /// The negative values that pass; empty for a one-sided positive threshold.
    pub negative: Interval<T>,
    /// Whether the threshold is zero, so that zeros keep their sign bit.
    pub keeps_zeros: bool,
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
        let nothing = T::at_least(f64::INFINITY);
        Ok(Self {
            positive: if threshold >= 0.0 { T::at_least(threshold) } else { nothing },
            negative: if two_sided || threshold < 0.0 {
                T::at_most(-threshold.abs())
            } else {
                nothing
            },
            keeps_zeros: T::rounds_to_zero(threshold),
        })
    }

    /// Whether `value` passes on either side.
    #[inline(always)]
    pub fn passes(&self, value: T) -> bool {
        self.positive.contains(value) | self.negative.contains(value)
    }

    /// What stands in the result for a voxel that is not kept.
    #[inline(always)]
    pub fn dropped(&self, value: T) -> T {
        if self.keeps_zeros { value.or_zero() } else { T::ZERO }
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
