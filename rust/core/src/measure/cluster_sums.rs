//! The sums that means, masses and centres of mass are made of.

use crate::map::memory_order::Frame;
use crate::measure::exact_sum::Unit;
use crate::measure::numbered::{Numbered, Peak};
use crate::voxel::Voxel;

/// The values of a cluster, added up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClusterSums {
    pub(crate) unit: Unit,
    pub(crate) sum: i128,
    /// The sums of the values times their indices along each axis.
    pub(crate) moments: [i128; 3],
}

impl ClusterSums {
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

    /// The sums with indices that begin elsewhere.
    pub(crate) fn moved(mut self, by: [usize; 3]) -> Self {
        for (moment, by) in self.moments.iter_mut().zip(by) {
            *moment += self.sum * by as i128;
        }
        self
    }

    /// Adds those of another part of the cluster, in the larger unit of the two: that is
    /// the one of the larger peak, and what no longer shows in it is cut off.
    pub(crate) fn add(&mut self, other: &Self) {
        let exponent = self.unit.exponent().max(other.unit.exponent());
        let scaled = |sums: &Self, sum: i128| {
            let down = (exponent - sums.unit.exponent()).unsigned_abs();
            let units = sum.unsigned_abs().checked_shr(down).unwrap_or(0).cast_signed();
            if sum < 0 { -units } else { units }
        };
        let sum = scaled(self, self.sum) + scaled(other, other.sum);
        let moment =
            |axis: usize| scaled(self, self.moments[axis]) + scaled(other, other.moments[axis]);
        *self = Self { unit: Unit::of_exponent(exponent), sum, moments: [0, 1, 2].map(moment) };
    }

    /// The sums as words of 64 bits.
    #[expect(clippy::cast_possible_truncation, reason = "halves of a number")]
    pub(crate) fn to_words(self) -> [u64; 9] {
        let mut words = [0; 9];
        words[0] = i64::from(self.unit.exponent()).cast_unsigned();
        for (pair, number) in
            words[1..].chunks_exact_mut(2).zip([self.sum].into_iter().chain(self.moments))
        {
            let number = number.cast_unsigned();
            (pair[0], pair[1]) = (number as u64, (number >> 64) as u64);
        }
        words
    }

    /// The sums of such words.
    #[expect(clippy::cast_possible_truncation, reason = "it was 32 bits before")]
    pub(crate) fn from_words(words: [u64; 9]) -> Self {
        let number = |place: usize| {
            let [low, high] = [words[2 * place + 1], words[2 * place + 2]].map(u128::from);
            (high << 64 | low).cast_signed()
        };
        let exponent = words[0].cast_signed() as i32;
        let moments = [1, 2, 3].map(number);
        Self { unit: Unit::of_exponent(exponent), sum: number(0), moments }
    }
}

/// Sums up the values of each cluster, in a unit that leaves room for those of a volume of
/// some shape.
pub(crate) fn sums_of<T: Voxel>(
    numbered: &Numbered,
    peaks: &[Peak<T>],
    values: &[T],
    frame: &Frame,
    shape: [usize; 3],
) -> Vec<ClusterSums> {
    let count = shape.iter().fold(1_usize, |all, &side| all.saturating_mul(side));
    let side = shape.iter().copied().max().unwrap_or(0);
    let unit = |value: f64| Unit::new(value, count, side);
    let units: Vec<_> = peaks.iter().map(|peak| unit(peak.value.to_f64())).collect();
    // Sums of the values, and of the values times the indices, in memory order.
    let sums = numbered.fold(
        || vec![(0_i128, [0_i128; 3]); peaks.len()],
        |sums, run| {
            let unit = units[run.cluster];
            // From the end, each value is in as many of the sums on the way as its place
            // says, counted from 1: no products.
            let values = run.of(values);
            let (sum, places) = values.iter().rev().fold((0, 0), |(sum, places), value| {
                let sum = sum + unit.of(value.to_f64());
                (sum, places + sum)
            });
            let along = places + sum * (run.start as i128 - 1);
            let (all, weighted) = &mut sums[run.cluster];
            *all += sum;
            weighted[0] += sum * run.plane as i128;
            weighted[1] += sum * run.row as i128;
            weighted[2] += along;
        },
        |sums, others| {
            for ((sum, weighted), (other, others)) in sums.iter_mut().zip(others) {
                *sum += other;
                for axis in 0..3 {
                    weighted[axis] += others[axis];
                }
            }
        },
    );
    let of_view = |((sum, weighted), unit)| {
        let moments = frame.moments(weighted, sum);
        ClusterSums { unit, sum, moments }
    };
    sums.into_iter().zip(units).map(of_view).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_in_the_larger_unit() {
        let of = |value: f64| {
            let unit = Unit::new(value, 10, 10);
            ClusterSums { unit, sum: unit.of(value), moments: [unit.of(value), 0, 0] }
        };
        let mut sums = of(-3.0).moved([1, 2, 3]);
        sums.add(&of(-2_f64.powi(70)));
        sums.add(&of(-(2_f64.powi(-200))));
        let expected = -3.0 - 2_f64.powi(70);
        assert_eq!(sums.mass().to_bits(), expected.to_bits());
        assert_eq!(sums.mean(2).to_bits(), (expected / 2.0).to_bits());
        let again = ClusterSums::from_words(sums.to_words());
        assert_eq!((again.sum, again.moments), (sums.sum, sums.moments));
        assert_eq!(again.unit.exponent(), sums.unit.exponent());
        assert_eq!(sums.centre().map(f64::to_bits), again.centre().map(f64::to_bits));
    }
}
