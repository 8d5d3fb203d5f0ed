//! The range of many values, some of them at a time.

use std::array::from_fn;

use crate::simd::chunk::CHUNK;
use crate::voxel::Voxel;

/// The smallest and the largest of some finite values, in lanes, so that values are compared
/// many at a time. Not every type uses all lanes.
#[derive(Clone, Copy)]
pub(crate) struct Extremes<T> {
    smallest: [T; MOST_LANES],
    largest: [T; MOST_LANES],
}

/// As many lanes as any type uses.
const MOST_LANES: usize = 32;

impl<T: Voxel> Extremes<T> {
    /// The extremes of no values.
    pub(crate) const NONE: Self =
        Self { smallest: [T::RANGE.1; MOST_LANES], largest: [T::RANGE.0; MOST_LANES] };

    /// Adds values that are finite.
    #[inline(always)]
    pub(crate) fn add(&mut self, values: &[T; CHUNK]) {
        let Self { mut smallest, mut largest } = *self;
        for values in values.chunks_exact(T::RANGE_LANES) {
            for lane in 0..T::RANGE_LANES {
                smallest[lane] = smaller(smallest[lane], values[lane]);
                largest[lane] = larger(largest[lane], values[lane]);
            }
        }
        *self = Self { smallest, largest };
    }

    /// Adds a value that is finite.
    #[inline(always)]
    pub(crate) fn add_one(&mut self, value: T) {
        self.smallest[0] = smaller(self.smallest[0], value);
        self.largest[0] = larger(self.largest[0], value);
    }

    /// Replaces each bound by a function that keeps their order.
    pub(crate) fn map(self, with: impl Fn(T) -> T) -> Self {
        Self { smallest: self.smallest.map(&with), largest: self.largest.map(&with) }
    }

    pub(crate) fn merge(self, other: Self) -> Self {
        Self {
            smallest: from_fn(|lane| smaller(self.smallest[lane], other.smallest[lane])),
            largest: from_fn(|lane| larger(self.largest[lane], other.largest[lane])),
        }
    }

    /// Whether a range without some values, those of `other`, and with zeros instead
    /// is the same.
    pub(crate) fn stays_without(&self, other: Self) -> bool {
        let ((smallest, largest), others) = (self.range(), other.range());
        let smallest_stays = smallest == T::ZERO || smallest < others.0;
        let largest_stays = largest == T::ZERO || largest > others.1;
        smallest_stays && largest_stays
    }

    /// `(infinity, -infinity)` for no values.
    pub(crate) fn to_f64(self) -> (f64, f64) {
        let (smallest, largest) = self.range();
        if smallest > largest {
            return (f64::INFINITY, f64::NEG_INFINITY);
        }
        // Without the sign of a negative zero.
        (smallest.to_f64() + 0.0, largest.to_f64() + 0.0)
    }

    fn range(&self) -> (T, T) {
        let smallest = self.smallest.into_iter().fold(T::RANGE.1, smaller);
        (smallest, self.largest.into_iter().fold(T::RANGE.0, larger))
    }
}

#[inline(always)]
fn smaller<T: Voxel>(a: T, b: T) -> T {
    if b < a { b } else { a }
}

#[inline(always)]
fn larger<T: Voxel>(a: T, b: T) -> T {
    if b > a { b } else { a }
}
