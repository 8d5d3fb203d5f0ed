//! What is asked for: which voxels pass a threshold, and which clusters stay.

use crate::connectivity::Connectivity;
use crate::error::{Error, Result};
use crate::voxel::Voxel;

/// Which sides of zero count. Positive and negative voxels never form one cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sides {
    /// Both: a voxel passes if its absolute value reaches the threshold.
    Both,
    /// One: the side of the threshold's sign, which is the positive one for 0 and where
    /// there is no threshold.
    One,
}

impl Sides {
    /// The signs that count where there is no threshold.
    pub(crate) fn signs(self) -> Vec<Sign> {
        match self {
            Self::Both => vec![Sign::Positive, Sign::Negative],
            Self::One => vec![Sign::Positive],
        }
    }
}

/// One side of zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    Positive,
    Negative,
}

impl Sign {
    /// 1 or -1.
    pub(crate) fn number(self) -> i8 {
        match self {
            Self::Positive => 1,
            Self::Negative => -1,
        }
    }
}

/// Which voxels pass, and which of their clusters stay.
///
/// A value **equal** to the threshold passes. Zeros, infinities and NaN never do: they
/// belong to no cluster. Values are compared as in NumPy 2: floats in their own type,
/// with the threshold rounded to it, and integers as 64-bit floats.
///
/// ```
/// use nithresh_core::{Connectivity, Request, Sides};
///
/// // abs(value) >= 3, in clusters of 50 voxels and more that share faces or edges.
/// let request = Request::new(3.0, Sides::Both)?
///     .min_extent(50)
///     .connectivity(Connectivity::Edges);
/// // value <= -3, in clusters of any size that share faces.
/// let negative = Request::new(-3.0, Sides::One)?;
/// assert!(Request::new(-3.0, Sides::Both).is_err());
/// # Ok::<(), nithresh_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Request {
    threshold: f64,
    sides: Sides,
    pub(crate) min_extent: u64,
    pub(crate) connectivity: Connectivity,
}

impl Request {
    /// Keeps `abs(value) >= threshold` on both sides; on one side `value >= threshold`,
    /// or `value <= threshold` for a negative threshold. Clusters of every extent stay, of
    /// voxels that share faces.
    ///
    /// # Errors
    ///
    /// A threshold that is NaN, or negative for both sides.
    pub fn new(threshold: f64, sides: Sides) -> Result<Self> {
        if threshold.is_nan() {
            return Err(Error::NanThreshold);
        }
        if sides == Sides::Both && threshold < 0.0 {
            return Err(Error::NegativeThreshold(threshold));
        }
        Ok(Self { threshold, sides, min_extent: 0, connectivity: Connectivity::Faces })
    }

    /// Keeps clusters of at least so many voxels.
    #[must_use]
    pub fn min_extent(self, voxels: u64) -> Self {
        Self { min_extent: voxels, ..self }
    }

    /// Joins voxels into clusters by this neighbourhood.
    #[must_use]
    pub fn connectivity(self, connectivity: Connectivity) -> Self {
        Self { connectivity, ..self }
    }
}

/// Which values of a type pass the threshold of a request.
///
/// The threshold becomes the last values, in the type of the map, that do not pass on
/// either side. From there on one side and two, floats and integers are the same two
/// compares.
// Integer limits are searched for and not computed (`Voxel::limit_above`), because 64-bit
// integers compare as floats. Values that are not finite are made zero in a copy of the
// few voxels around them, so that no compare has to think of them. Rejected: a comparison
// closure for each kind of request, which hides the signed minimum and the rounding of the
// threshold in every kernel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Threshold<T: Voxel> {
    /// Finite values above this one pass; it is 0 or more.
    above: T,
    /// Finite values below this one pass; it is 0 or less.
    below: T,
    /// No absolute value up to this one passes.
    limit: T::Absolute,
    /// Whether the threshold is zero, so that zeros keep their sign bit.
    keeps_zeros: bool,
}

impl<T: Voxel> Threshold<T> {
    pub(crate) fn of(request: &Request) -> Self {
        let Request { threshold, sides, .. } = *request;
        let magnitude = threshold.abs();
        let reached = |counts: bool| if counts { magnitude } else { f64::INFINITY };
        let (has_positive, has_negative) =
            (sides == Sides::Both || threshold >= 0.0, sides == Sides::Both || threshold < 0.0);
        let above = T::limit_above(reached(has_positive));
        let below = T::limit_below(-reached(has_negative));
        let limits = [(has_positive, above), (has_negative && T::IS_SIGNED, below)];
        let limits = limits.into_iter().filter(|(counts, _)| *counts);
        let limit = limits.map(|(_, limit)| limit).min_by_key(|limit| limit.magnitude());
        Self {
            above,
            below,
            limit: limit.unwrap_or(T::RANGE.1).absolute(),
            keeps_zeros: T::rounds_to_zero(threshold),
        }
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
        !(value.absolute() <= self.limit)
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

    fn threshold<T: Voxel>(threshold: f64, sides: Sides) -> Threshold<T> {
        Threshold::of(&Request::new(threshold, sides).unwrap())
    }

    #[test]
    fn sides() {
        let both = threshold::<f32>(2.0, Sides::Both);
        assert!(both.passes(2.0) && both.passes(-2.0) && !both.passes(1.9));
        let positive = threshold::<f32>(2.0, Sides::One);
        assert!(positive.passes(2.0) && !positive.passes(-2.0));
        let negative = threshold::<f32>(-2.0, Sides::One);
        assert!(negative.passes(-2.0) && !negative.passes(2.0) && !negative.passes(-1.9));
    }

    #[test]
    fn a_float32_map_compares_with_the_rounded_threshold() {
        assert!(threshold::<f32>(0.1, Sides::Both).passes(0.1_f32));
        assert!(f64::from(0.1_f32) > 0.1);
    }

    #[test]
    fn refusals() {
        assert_eq!(Request::new(f64::NAN, Sides::One), Err(Error::NanThreshold));
        let negative = Error::NegativeThreshold(-1.0);
        assert_eq!(Request::new(-1.0, Sides::Both), Err(negative));
    }
}
