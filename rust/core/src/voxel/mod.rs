//! The types of voxel values, and how each compares with a threshold.

pub(crate) mod score;
pub(crate) mod sort_key;

use std::fmt::Debug;
use std::ops::BitOrAssign;

use self::score::Score;
use self::sort_key::SortKey;

/// A type of voxel values: `f32`, `f64`, and the integers of 8 to 64 bits.
///
/// The trait is sealed: these ten types are all that have it.
pub trait Voxel: Number {
    /// Positive zero.
    const ZERO: Self;

    /// The type of scores ([`tfce`](crate::tfce)) of a map of this type: `f32` if that
    /// holds every value exactly, else `f64`, as NumPy promotes with `float32`.
    type Score: Score;

    /// The value as a 64-bit float, rounded for large 64-bit integers.
    fn to_f64(self) -> f64;

    /// Whether the value is neither infinite nor NaN.
    fn is_finite(self) -> bool;
}

/// What the loops over voxels ask of a type of values.
///
/// Comparisons follow NumPy 2: a floating-point map is compared in its own type, with the
/// threshold rounded to it; an integer map is compared as 64-bit floats.
pub trait Number: Debug + Copy + Default + PartialOrd + Send + Sync + 'static {
    /// What [`Number::magnitude`] returns.
    type Magnitude: Debug
        + Ord
        + Copy
        + Into<u64>
        + TryFrom<u64>
        + From<bool>
        + BitOrAssign
        + Send
        + Sync;

    /// What [`Number::absolute`] returns.
    type Absolute: Debug + PartialOrd + Copy + Send + Sync;

    /// What [`Number::sort_key`] returns.
    type SortKey: SortKey;

    /// The smallest finite value and the largest.
    const RANGE: (Self, Self);

    /// Whether values can be negative.
    const IS_SIGNED: bool;

    /// In how many lanes the range of values is found fastest, 32 at most: as many as
    /// registers hold, but for small integers enough that the compiler sees two rounds of
    /// them and not four, of which it makes something slow.
    const RANGE_LANES: usize;

    /// No finite value has a larger magnitude.
    const LARGEST_MAGNITUDE: Self::Magnitude;

    /// The largest value that is not negative and does not reach a threshold of 0 or
    /// more: what is larger, and finite, passes. No value is larger than this where
    /// none passes.
    fn limit_above(threshold: f64) -> Self;

    /// The smallest value that is not positive and does not reach a threshold of 0 or
    /// less: what is smaller, and finite, passes.
    fn limit_below(threshold: f64) -> Self;

    /// Whether `threshold` is zero once it is rounded to this type.
    fn rounds_to_zero(threshold: f64) -> bool;

    /// The absolute value as a number, without overflow at the signed minimum.
    fn absolute(self) -> Self::Absolute;

    /// The absolute value as an unsigned integer of the same order: of a float its bits,
    /// with NaN above infinity. The largest of many integers is found without regard to
    /// their sequence.
    fn magnitude(self) -> Self::Magnitude;

    /// A magnitude as a 64-bit float.
    fn magnitude_to_f64(magnitude: Self::Magnitude) -> f64;

    /// What a finite absolute value is sorted by: the larger the one, the larger the
    /// other, and 0 for zero.
    fn sort_key(self) -> Self::SortKey;

    /// The absolute value that a sort key stands for.
    fn sort_key_to_f64(key: Self::SortKey) -> f64;

    /// Whether the value is zero, and not -0.
    fn is_plain_zero(self) -> bool;

    /// The value itself when it is finite, else zero.
    #[must_use]
    fn finite_or_zero(self) -> Self;
}

macro_rules! float_voxel {
    ($($float:ty: $bits:ty);* $(;)?) => {$(
        impl Voxel for $float {
            type Score = Self;

            const ZERO: Self = 0.0;

            fn to_f64(self) -> f64 {
                f64::from(self)
            }

            #[inline(always)]
            fn is_finite(self) -> bool {
                self.abs() <= Self::MAX
            }
        }

        impl Number for $float {
            type Magnitude = $bits;
            type Absolute = Self;
            type SortKey = $bits;

            const RANGE: (Self, Self) = (Self::MIN, Self::MAX);
            const IS_SIGNED: bool = true;
            const RANGE_LANES: usize = 16;
            const LARGEST_MAGNITUDE: $bits = Self::MAX.to_bits();

            fn limit_above(threshold: f64) -> Self {
                // The next smaller value; of infinity, the largest finite one.
                let least = (threshold as Self).max(Self::from_bits(1));
                Self::from_bits(least.to_bits() - 1)
            }

            fn limit_below(threshold: f64) -> Self {
                -Self::limit_above(-threshold)
            }

            fn rounds_to_zero(threshold: f64) -> bool {
                threshold as Self == 0.0
            }

            #[inline(always)]
            fn magnitude(self) -> $bits {
                self.to_bits() & (<$bits>::MAX >> 1)
            }

            #[inline(always)]
            fn absolute(self) -> Self {
                self.abs()
            }

            // Positive floats are in the order of their bits.
            #[inline(always)]
            fn sort_key(self) -> $bits {
                self.abs().to_bits()
            }

            #[inline(always)]
            fn sort_key_to_f64(key: $bits) -> f64 {
                f64::from(Self::from_bits(key))
            }

            fn magnitude_to_f64(magnitude: $bits) -> f64 {
                f64::from(Self::from_bits(magnitude))
            }

            #[inline(always)]
            fn is_plain_zero(self) -> bool {
                self.to_bits() == 0
            }

            #[inline(always)]
            fn finite_or_zero(self) -> Self {
                if self.abs() <= Self::MAX { self } else { 0.0 }
            }
        }
    )*};
}

macro_rules! integer_voxel {
    ($($integer:ty: $magnitude:ty, $absolute:expr, $keys:ident, $score:ty);* $(;)?) => {$(
        impl Voxel for $integer {
            type Score = $score;

            const ZERO: Self = 0;

            fn to_f64(self) -> f64 {
                self as f64
            }

            #[inline(always)]
            fn is_finite(self) -> bool {
                true
            }
        }

        impl Number for $integer {
            type Magnitude = $magnitude;
            type Absolute = $magnitude;
            type SortKey = $keys::Key;

            const RANGE: (Self, Self) = (Self::MIN, Self::MAX);
            const IS_SIGNED: bool = Self::MIN != 0;
            const RANGE_LANES: usize = if Self::BITS > 32 { 16 } else { 32 };
            const LARGEST_MAGNITUDE: $magnitude = <$magnitude>::MAX;

            fn limit_above(threshold: f64) -> Self {
                // The conversion to f64 is monotone but not exact for 64-bit
                // types, so the last value that compares as too small is
                // searched for, not computed.
                let (mut low, mut high) = (0, Self::MAX);
                while low < high {
                    // Rounded towards `high`, so that the interval shrinks.
                    let middle = high - (high - low) / 2;
                    if (middle as f64) < threshold { low = middle } else { high = middle - 1 }
                }
                low
            }

            fn limit_below(threshold: f64) -> Self {
                let (mut low, mut high) = (Self::MIN, 0);
                while low < high {
                    // Rounded down, without overflow.
                    let middle = (low >> 1) + (high >> 1) + (low & high & 1);
                    if middle as f64 > threshold { high = middle } else { low = middle + 1 }
                }
                low
            }

            fn rounds_to_zero(threshold: f64) -> bool {
                threshold == 0.0
            }

            #[inline(always)]
            fn magnitude(self) -> $magnitude {
                let absolute: fn(Self) -> $magnitude = $absolute;
                absolute(self)
            }

            #[inline(always)]
            fn absolute(self) -> $magnitude {
                self.magnitude()
            }

            #[inline(always)]
            fn sort_key(self) -> $keys::Key {
                $keys::of(self.magnitude())
            }

            #[inline(always)]
            fn sort_key_to_f64(key: $keys::Key) -> f64 {
                $keys::to_f64(key)
            }

            fn magnitude_to_f64(magnitude: $magnitude) -> f64 {
                magnitude as f64
            }

            #[inline(always)]
            fn is_plain_zero(self) -> bool {
                self == 0
            }

            #[inline(always)]
            fn finite_or_zero(self) -> Self {
                self
            }
        }
    )*};
}

#[expect(clippy::cast_possible_truncation, reason = "rounding to the map's type is the rule")]
mod floats {
    use super::{Number, Voxel};
    float_voxel! {
        f32: u32;
        f64: u64;
    }
}
#[expect(clippy::cast_lossless, reason = "one macro for all widths; 64-bit integers have no From")]
mod integers {
    use super::sort_key::{exact, rounded};
    use super::{Number, Voxel};
    integer_voxel! {
        i8: u8, i8::unsigned_abs, exact, f32;
        i16: u16, i16::unsigned_abs, exact, f32;
        i32: u32, i32::unsigned_abs, exact, f64;
        i64: u64, i64::unsigned_abs, rounded, f64;
        u8: u8, |value| value, exact, f32;
        u16: u16, |value| value, exact, f32;
        u32: u32, |value| value, exact, f64;
        u64: u64, |value| value, rounded, f64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_limit_is_the_last_value_that_does_not_compare() {
        assert_eq!((i8::limit_above(2.5), i8::limit_below(-2.5)), (2, -2));
        assert_eq!((i8::limit_above(2.0), i8::limit_below(-2.0)), (1, -1));
        assert_eq!((i8::limit_above(127.0), i8::limit_below(-128.0)), (126, -127));
        assert_eq!((i8::limit_above(127.5), i8::limit_below(-128.5)), (i8::MAX, i8::MIN));
        assert_eq!((u8::limit_above(0.0), u8::limit_below(-1.0)), (0, 0));
    }

    #[test]
    fn large_integers_compare_as_floats() {
        // 2^53 + 1 rounds to 2^53 and 2^53 + 3 to 2^53 + 4.
        let edge = 1_i64 << 53;
        assert_eq!(i64::limit_above((edge + 4) as f64), edge + 2);
        assert_eq!(i64::limit_below(-((edge + 4) as f64)), -edge - 2);
        assert_eq!(u64::limit_above(u64::MAX as f64), u64::MAX - 1024);
    }

    #[test]
    fn infinite_thresholds_let_nothing_pass() {
        assert_eq!(f32::limit_above(f64::INFINITY).to_bits(), f32::MAX.to_bits());
        assert_eq!(f32::limit_above(1e39).to_bits(), f32::MAX.to_bits());
        assert_eq!(f64::limit_below(f64::NEG_INFINITY).to_bits(), f64::MIN.to_bits());
        assert_eq!(i64::limit_above(f64::INFINITY), i64::MAX);
        assert_eq!(u64::limit_above(f64::INFINITY), u64::MAX);
    }

    #[test]
    fn zero_thresholds_leave_zeros_out() {
        assert_eq!(f32::limit_above(0.0).to_bits(), 0.0_f32.to_bits());
        assert_eq!(f32::limit_below(-0.0).to_bits(), (-0.0_f32).to_bits());
        assert_eq!((i16::limit_above(0.0), i16::limit_below(-0.0)), (0, 0));
    }

    #[test]
    fn magnitudes_have_the_order_of_absolute_values() {
        for value in [f32::NEG_INFINITY, f32::MIN, -2.5, -f32::from_bits(1), -0.0, 0.0, 1.0, 2.0] {
            let magnitude = f32::magnitude_to_f64(value.magnitude());
            assert_eq!(magnitude.to_bits(), f64::from(value.abs()).to_bits());
        }
        assert!((-3.0_f64).magnitude() > 2.5_f64.magnitude());
        assert!(f32::NAN.magnitude() > f32::LARGEST_MAGNITUDE);
        assert!(f32::INFINITY.magnitude() > f32::LARGEST_MAGNITUDE);
        assert!(0.0_f32.is_plain_zero() && !(-0.0_f32).is_plain_zero());
    }

    #[test]
    fn sort_keys_are_in_the_order_of_absolute_values() {
        let heights = [f32::from_bits(1), 1e-30, 0.5, 1.0, 1.5, 3e30, f32::MAX];
        assert!(heights.windows(2).all(|pair| pair[0].sort_key() < pair[1].sort_key()));
        let back = heights.map(|height| f32::sort_key_to_f64((-height).sort_key()));
        assert_eq!(back.map(f64::to_bits), heights.map(|height| f64::from(height).to_bits()));
        assert!(f64::MAX.sort_key() > 1.0_f64.sort_key() && 200_u8.sort_key() > 199_u8.sort_key());
        assert_eq!(i8::sort_key_to_f64(i8::MIN.sort_key()).to_bits(), 128.0_f64.to_bits());
    }

    #[test]
    fn the_signed_minimum_has_a_magnitude() {
        assert_eq!(i8::MIN.magnitude(), 128);
        assert_eq!(i64::MIN.magnitude(), 1 << 63);
    }
}
