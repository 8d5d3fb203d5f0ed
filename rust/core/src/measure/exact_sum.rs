//! Sums that do not depend on the order of what is summed.
//!
//! Values become integers, in units of a small power of two below the largest of
//! them, and integers add up to the same sum in any order. A unit is so small that
//! what is cut off below it never shows in the sum as a 64-bit float, but where larger
//! values of both signs cancel.

/// Bits of an integer, but for its sign and one to spare.
const BITS: u32 = 126;

/// A bit more than the digits of a float.
const DIGITS: i32 = 53;

/// A power of two to count values in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unit {
    exponent: i32,
}

impl Unit {
    /// The smallest one in which no sum of `count` values, each of them times less than
    /// `factor`, overflows, if no value is larger than `largest` on either side.
    pub(crate) fn new(largest: f64, count: usize, factor: usize) -> Self {
        let room = BITS.saturating_sub(bits(count) + bits(factor)).cast_signed();
        Self { exponent: split(largest).1 + DIGITS - room }
    }

    /// A finite value in these units; what is left is cut off.
    #[inline(always)]
    pub(crate) fn of(self, value: f64) -> i128 {
        let (digits, exponent) = split(value);
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

/// The values of a cluster, added up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sums {
    pub(crate) unit: Unit,
    pub(crate) sum: i128,
    /// Of the values times their indices along each axis.
    pub(crate) moments: [i128; 3],
}

impl Sums {
    /// The mean of so many values.
    pub(crate) fn mean(&self, count: u64) -> f64 {
        self.unit.to_f64(self.sum, count as f64)
    }

    pub(crate) fn mass(&self) -> f64 {
        self.unit.to_f64(self.sum, 1.0)
    }

    /// The mean of the indices, weighted by the values.
    pub(crate) fn centre(&self) -> [f64; 3] {
        self.moments.map(|moment| moment as f64 / self.sum as f64)
    }

    /// The same with indices that begin elsewhere.
    pub(crate) fn moved(mut self, by: [usize; 3]) -> Self {
        for (moment, by) in self.moments.iter_mut().zip(by) {
            *moment += self.sum * by as i128;
        }
        self
    }

    /// Adds those of another part of the cluster, in the larger unit of the two: that is
    /// the one of the larger peak, and what no longer shows in it is cut off.
    pub(crate) fn add(&mut self, other: &Self) {
        let exponent = self.unit.exponent.max(other.unit.exponent);
        let scaled = |sums: &Self, sum: i128| {
            let down = (exponent - sums.unit.exponent).unsigned_abs();
            let units = sum.unsigned_abs().checked_shr(down).unwrap_or(0).cast_signed();
            if sum < 0 { -units } else { units }
        };
        let sum = scaled(self, self.sum) + scaled(other, other.sum);
        let moment =
            |axis: usize| scaled(self, self.moments[axis]) + scaled(other, other.moments[axis]);
        *self = Self { unit: Unit { exponent }, sum, moments: [0, 1, 2].map(moment) };
    }

    /// As words of 64 bits.
    #[expect(clippy::cast_possible_truncation, reason = "halves of a number")]
    pub(crate) fn to_words(self) -> [u64; 9] {
        let mut words = [0; 9];
        words[0] = i64::from(self.unit.exponent).cast_unsigned();
        for (pair, number) in
            words[1..].chunks_exact_mut(2).zip([self.sum].into_iter().chain(self.moments))
        {
            let number = number.cast_unsigned();
            (pair[0], pair[1]) = (number as u64, (number >> 64) as u64);
        }
        words
    }

    /// Of such words.
    #[expect(clippy::cast_possible_truncation, reason = "it was 32 bits before")]
    pub(crate) fn from_words(words: [u64; 9]) -> Self {
        let number = |place: usize| {
            let [low, high] = [words[2 * place + 1], words[2 * place + 2]].map(u128::from);
            (high << 64 | low).cast_signed()
        };
        let exponent = words[0].cast_signed() as i32;
        let moments = [1, 2, 3].map(number);
        Self { unit: Unit { exponent }, sum: number(0), moments }
    }
}

/// How many bits a number has.
fn bits(number: usize) -> u32 {
    usize::BITS - number.leading_zeros()
}

/// The absolute value of a finite float as an integer times a power of two.
#[inline(always)]
fn split(value: f64) -> (u64, i32) {
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
    fn parts_add_up_in_the_larger_unit() {
        let of = |value: f64| {
            let unit = Unit::new(value, 10, 10);
            Sums { unit, sum: unit.of(value), moments: [unit.of(value), 0, 0] }
        };
        let mut sums = of(-3.0).moved([1, 2, 3]);
        sums.add(&of(-2_f64.powi(70)));
        sums.add(&of(-(2_f64.powi(-200))));
        let expected = -3.0 - 2_f64.powi(70);
        assert_eq!(sums.mass().to_bits(), expected.to_bits());
        assert_eq!(sums.mean(2).to_bits(), (expected / 2.0).to_bits());
        let again = Sums::from_words(sums.to_words());
        assert_eq!((again.sum, again.moments), (sums.sum, sums.moments));
        assert_eq!(again.unit.exponent, sums.unit.exponent);
        assert_eq!(sums.centre().map(f64::to_bits), again.centre().map(f64::to_bits));
    }

    #[test]
    fn products_fit() {
        let (count, factor) = (1 << 33, 1 << 14);
        let unit = Unit::new(f64::MAX, count, factor);
        let product = unit.of(f64::MAX).checked_mul((count * factor) as i128);
        assert!(product.is_some_and(|product| product < 1 << BITS));
    }
}
