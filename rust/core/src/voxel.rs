//! The number types a map can hold, and how each compares with a threshold.

/// A closed interval of voxel values; empty when `low > high`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval<T> {
    /// Smallest value inside.
    pub low: T,
    /// Largest value inside.
    pub high: T,
}

impl<T: Voxel> Interval<T> {
    /// Whether `value` lies inside, ends included. NaN never does.
    #[inline(always)]
    #[expect(
        clippy::needless_bitwise_bool,
        reason = "two compares without a branch between them vectorise"
    )]
    pub fn contains(&self, value: T) -> bool {
        (self.low <= value) & (value <= self.high)
    }

    /// Whether no value lies inside.
    pub fn is_empty(&self) -> bool {
        self.low > self.high
    }
}

/// A type of voxel value.
///
/// Comparisons follow NumPy 2: a floating-point map is compared in its own
/// type, with the threshold rounded to it; an integer map is compared as
/// 64-bit floats.
pub trait Voxel: std::fmt::Debug + Copy + PartialOrd + Send + Sync + 'static {
    /// What [`Voxel::magnitude`] returns: wide enough for every absolute value.
    type Magnitude: std::fmt::Debug + Copy + PartialOrd + Send + Sync;

    /// Positive zero.
    const ZERO: Self;

    /// The positive finite values `v` with `v >= threshold`.
    fn at_least(threshold: f64) -> Interval<Self>;

    /// The negative finite values `v` with `v <= threshold`.
    fn at_most(threshold: f64) -> Interval<Self>;

    /// Whether `threshold` is zero once it is rounded to this type.
    fn rounds_to_zero(threshold: f64) -> bool;

    /// The absolute value, without overflow at the signed minimum.
    fn magnitude(self) -> Self::Magnitude;

    /// A magnitude as a 64-bit float.
    fn magnitude_to_f64(magnitude: Self::Magnitude) -> f64;

    /// The value itself when it is zero of either sign, else positive zero.
    #[must_use]
    fn or_zero(self) -> Self;

    /// The value itself when it is finite, else zero.
    #[must_use]
    fn finite_or_zero(self) -> Self;

    /// Whether the value is neither infinite nor NaN.
    fn is_finite(self) -> bool;

    /// NaN if the value or `defect` is not finite, else zero: whether any of
    /// many values is not finite, without a branch for each.
    #[must_use]
    fn plus_defect(self, defect: Self) -> Self;

    /// The value as a 64-bit float, rounded for large 64-bit integers.
    fn to_f64(self) -> f64;
}

macro_rules! float_voxel {
    ($($float:ty),*) => {$(
        impl Voxel for $float {
            type Magnitude = $float;

            const ZERO: Self = 0.0;

            fn at_least(threshold: f64) -> Interval<Self> {
                let smallest_positive = Self::from_bits(1);
                Interval { low: (threshold as Self).max(smallest_positive), high: Self::MAX }
            }

            fn at_most(threshold: f64) -> Interval<Self> {
                let smallest_negative = -Self::from_bits(1);
                Interval { low: Self::MIN, high: (threshold as Self).min(smallest_negative) }
            }

            fn rounds_to_zero(threshold: f64) -> bool {
                threshold as Self == 0.0
            }

            #[inline(always)]
            fn magnitude(self) -> Self {
                self.abs()
            }

            fn magnitude_to_f64(magnitude: Self) -> f64 {
                f64::from(magnitude)
            }

            #[inline(always)]
            fn or_zero(self) -> Self {
                if self == 0.0 { self } else { 0.0 }
            }

            #[inline(always)]
            fn finite_or_zero(self) -> Self {
                if self.abs() <= Self::MAX { self } else { 0.0 }
            }

            #[inline(always)]
            fn is_finite(self) -> bool {
                self.abs() <= Self::MAX
            }

            #[inline(always)]
            fn plus_defect(self, defect: Self) -> Self {
                defect + (self - self)
            }

            fn to_f64(self) -> f64 {
                f64::from(self)
            }
        }
    )*};
}

macro_rules! integer_voxel {
    ($($integer:ty: $magnitude:ty, $absolute:expr);* $(;)?) => {$(
        impl Voxel for $integer {
            type Magnitude = $magnitude;

            const ZERO: Self = 0;

            fn at_least(threshold: f64) -> Interval<Self> {
                // The conversion to f64 is monotone but not exact for 64-bit
                // types, so the first value that compares as large enough is
                // searched for, not computed.
                let (mut low, mut high) = (1, Self::MAX);
                if (high as f64) < threshold {
                    return Interval { low: 1, high: 0 };
                }
                while low < high {
                    let middle = low + (high - low) / 2;
                    if middle as f64 >= threshold { high = middle } else { low = middle + 1 }
                }
                Interval { low, high: Self::MAX }
            }

            fn at_most(threshold: f64) -> Interval<Self> {
                let (mut low, mut high) = (Self::MIN, Self::ZERO.wrapping_sub(1));
                if low == 0 || (low as f64) > threshold {
                    return Interval { low: 1, high: 0 };
                }
                while low < high {
                    // Rounded towards `high`, so that the interval shrinks.
                    let middle = high - (high - low) / 2;
                    if middle as f64 <= threshold { low = middle } else { high = middle - 1 }
                }
                Interval { low: Self::MIN, high: low }
            }

            fn rounds_to_zero(threshold: f64) -> bool {
                threshold == 0.0
            }

            #[inline(always)]
            fn magnitude(self) -> $magnitude {
                let absolute: fn(Self) -> $magnitude = $absolute;
                absolute(self)
            }

            fn magnitude_to_f64(magnitude: $magnitude) -> f64 {
                magnitude as f64
            }

            #[inline(always)]
            fn or_zero(self) -> Self {
                0
            }

            #[inline(always)]
            fn finite_or_zero(self) -> Self {
                self
            }

            #[inline(always)]
            fn is_finite(self) -> bool {
                true
            }

            #[inline(always)]
            fn plus_defect(self, _: Self) -> Self {
                0
            }

            fn to_f64(self) -> f64 {
                self as f64
            }
        }
    )*};
}

#[expect(clippy::cast_possible_truncation, reason = "rounding to the map's type is the rule")]
mod floats {
    use super::{Interval, Voxel};
    float_voxel!(f32, f64);
}
#[expect(clippy::cast_lossless, reason = "one macro for all widths; 64-bit integers have no From")]
mod integers {
    use super::{Interval, Voxel};
    integer_voxel! {
        i8: u8, i8::unsigned_abs;
        i16: u16, i16::unsigned_abs;
        i32: u32, i32::unsigned_abs;
        i64: u64, i64::unsigned_abs;
        u8: u8, |value| value;
        u16: u16, |value| value;
        u32: u32, |value| value;
        u64: u64, |value| value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_bound_is_the_first_value_that_compares() {
        assert_eq!(i8::at_least(2.5), Interval { low: 3, high: i8::MAX });
        assert_eq!(i8::at_most(-2.5), Interval { low: i8::MIN, high: -3 });
        assert_eq!(i8::at_most(-128.0), Interval { low: i8::MIN, high: i8::MIN });
        assert!(i8::at_least(127.5).is_empty());
        assert!(i8::at_most(-128.5).is_empty());
        assert!(u8::at_most(-1.0).is_empty());
        assert_eq!(u8::at_least(0.0), Interval { low: 1, high: u8::MAX });
    }

    #[test]
    fn large_integers_compare_as_floats() {
        // 2^53 + 1 rounds to 2^53 and 2^53 + 3 to 2^53 + 4.
        let edge = 1_i64 << 53;
        assert_eq!(i64::at_least((edge + 4) as f64).low, edge + 3);
        assert_eq!(i64::at_most(-((edge + 4) as f64)).high, -edge - 3);
        assert_eq!(u64::at_least(u64::MAX as f64).low, u64::MAX - 1023);
    }

    #[test]
    fn infinite_thresholds_let_nothing_pass() {
        assert!(f32::at_least(f64::INFINITY).is_empty());
        assert!(f32::at_least(1e39).is_empty());
        assert!(f64::at_most(f64::NEG_INFINITY).is_empty());
        assert!(i64::at_least(f64::INFINITY).is_empty());
    }

    #[test]
    fn zero_thresholds_leave_zeros_out() {
        assert!(!f32::at_least(0.0).contains(0.0));
        assert!(f32::at_least(0.0).contains(f32::from_bits(1)));
        assert!(!f32::at_most(-0.0).contains(-0.0));
        assert!(!f32::at_least(0.0).contains(f32::INFINITY));
        assert!(!f32::at_least(0.0).contains(f32::NAN));
    }

    #[test]
    fn the_signed_minimum_has_a_magnitude() {
        assert_eq!(i8::MIN.magnitude(), 128);
        assert_eq!(i64::MIN.magnitude(), 1 << 63);
    }
}
