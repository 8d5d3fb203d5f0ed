//! What voxels are sorted by: how far they lie from zero, as unsigned integers.

/// An unsigned integer to sort by.
pub trait SortKey: Copy + Ord + Default + Send + Sync {
    /// How many digits of 11 bits a key has.
    const DIGITS: usize;

    /// A digit, the least significant being number 0.
    fn digit(self, number: usize) -> usize;
}

/// The size of a digit: three of them cover 32 bits, and what a sort counts fits
/// into the first-level cache.
pub(crate) const DIGIT_BITS: usize = 11;

macro_rules! sort_key {
    ($($key:ty),*) => {$(
        impl SortKey for $key {
            const DIGITS: usize = (Self::BITS as usize).div_ceil(DIGIT_BITS);

            #[inline(always)]
            fn digit(self, number: usize) -> usize {
                (self >> (number * DIGIT_BITS)) as usize & ((1 << DIGIT_BITS) - 1)
            }
        }
    )*};
}

#[expect(clippy::cast_possible_truncation, reason = "a digit is small")]
mod keys {
    use super::{DIGIT_BITS, SortKey};
    sort_key!(u32, u64);
}

/// Integers of up to 32 bits are their own keys.
pub(crate) mod exact {
    pub(crate) type Key = u32;

    #[inline(always)]
    pub(crate) fn of(magnitude: impl Into<u32>) -> Key {
        magnitude.into()
    }

    #[inline(always)]
    pub(crate) fn to_f64(key: Key) -> f64 {
        f64::from(key)
    }
}

/// Integers of 64 bits are compared as 64-bit floats, as in NumPy.
pub(crate) mod rounded {
    pub(crate) type Key = u64;

    #[inline(always)]
    pub(crate) fn of(magnitude: u64) -> Key {
        (magnitude as f64).to_bits()
    }

    #[inline(always)]
    pub(crate) fn to_f64(key: Key) -> f64 {
        f64::from_bits(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_cover_a_key() {
        assert_eq!((u32::DIGITS, u64::DIGITS), (3, 6));
        let key = 0x1234_5678_9abc_def0_u64;
        let digits = (0..6).map(|number| (key.digit(number) as u64) << (number * DIGIT_BITS));
        assert_eq!(digits.sum::<u64>(), key);
    }
}
