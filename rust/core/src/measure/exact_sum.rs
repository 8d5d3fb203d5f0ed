//! Sums that do not depend on the order of what is summed.
//!
//! Values become integers of 128 bits, in units of a small power of two below the largest
//! of them, and integers add up to the same sum in any order: neither strides nor threads
//! matter, and the sums of the parts of a cluster add up to that of the whole. This is the
//! idea of long accumulators (Kulisch; Neal, Fast exact summation using small and large
//! superaccumulators, 2015), cut to the range that one cluster needs.
//!
//! A unit is so small that what is cut off below it never shows in the sum as a 64-bit
//! float, but where larger values of both signs cancel.

// Rejected: floats summed in the order of the indices, which reads a Fortran map against
// its grain.

/// How many bits of an integer are used: all but its sign and one to spare.
const SUM_BITS: u32 = 126;

/// A bit more than the digits of a float.
const DIGITS: i32 = 53;

/// A power of two to count values in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unit {
    exponent: i32,
}

impl Unit {
    /// The unit of a power of two.
    pub(crate) fn of_exponent(exponent: i32) -> Self {
        Self { exponent }
    }

    pub(crate) fn exponent(self) -> i32 {
        self.exponent
    }

    /// The smallest one in which no sum of `count` values, each of them times less than
    /// `factor`, overflows, if no value is larger than `largest` on either side.
    pub(crate) fn new(largest: f64, count: usize, factor: usize) -> Self {
        let room = SUM_BITS.saturating_sub(bit_length(count) + bit_length(factor)).cast_signed();
        Self { exponent: decompose(largest).1 + DIGITS - room }
    }

    /// A finite value in these units; what is left is cut off.
    #[inline(always)]
    pub(crate) fn of(self, value: f64) -> i128 {
        let (digits, exponent) = decompose(value);
        let up = exponent - self.exponent;
        let units = if up >= 0 {
            // Larger than the largest only if another thread has changed the map.
            i128::from(digits).wrapping_shl(up.unsigned_abs())
        } else {
            i128::from(digits.checked_shr(up.unsigned_abs()).unwrap_or(0))
        };
        if value < 0.0 { -units } else { units }
    }

    /// A sum in these units, divided by a number.
    pub(crate) fn to_f64(self, sum: i128, divisor: f64) -> f64 {
        // In two steps, because one power may be too small or too large for a float.
        let half = self.exponent / 2;
        sum as f64 / divisor * 2_f64.powi(half) * 2_f64.powi(self.exponent - half)
    }
}

/// How many bits a number has.
fn bit_length(number: usize) -> u32 {
    usize::BITS - number.leading_zeros()
}

/// The absolute value of a finite float as an integer times a power of two.
#[inline(always)]
fn decompose(value: f64) -> (u64, i32) {
    let bits = value.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    match (bits >> 52 & 0x7ff) as i32 {
        0 => (fraction, -1074),
        exponent => (fraction | 1 << 52, exponent - 1075),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(values: &[f64]) -> f64 {
        let largest = values.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
        let unit = Unit::new(largest, values.len(), 1);
        unit.to_f64(values.iter().map(|&value| unit.of(value)).sum(), 1.0)
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "these sums are exact")]
    fn sums_are_exact_at_any_scale() {
        for scale in [1.0, 2_f64.powi(1000), 2_f64.powi(-1000), f64::from_bits(1) * 8.0] {
            let values = [3.0, 1.0, -0.5, 1.0 / 1024.0, 0.0].map(|value| value * scale);
            assert_eq!(sum(&values), values.iter().sum::<f64>(), "{scale}");
        }
        assert_eq!(sum(&[f64::MAX, -f64::MAX]), 0.0);
        assert_eq!(sum(&[f64::MAX, f64::MAX]), f64::INFINITY);
        assert_eq!(sum(&[1.0, 1e30, -1e30]), 1.0);
        assert_eq!(sum(&[]), 0.0);
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "rounded in the end, and only there")]
    fn nothing_is_lost_on_the_way() {
        // Each of the small values alone would be rounded away.
        let mut values = vec![2_f64.powi(-53); 1 << 12];
        values.push(1.0);
        assert_eq!(sum(&values), 1.0 + 2_f64.powi(-41));
    }

    #[test]
    fn products_fit() {
        let (count, factor) = (1 << 33, 1 << 14);
        let unit = Unit::new(f64::MAX, count, factor);
        let product = unit.of(f64::MAX).checked_mul((count * factor) as i128);
        assert!(product.is_some_and(|product| product < 1 << SUM_BITS));
    }
}
