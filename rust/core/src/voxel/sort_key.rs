//! How far voxels lie from zero, as integers that are quick to compare and to sort.

/// The absolute value of a voxel, and what is made of it.
pub trait Height: Copy {
    /// What stands for a height: the larger the key, the larger the height, and 0
    /// for no height at all.
    type Key: Key;

    /// The type of a score: `f32` if that holds every height exactly, else `f64`, as
    /// NumPy promotes with `float32`.
    type Score: Score;

    /// The key of a finite height.
    fn key(self) -> Self::Key;

    /// The height that a key stands for.
    fn of_key(key: Self::Key) -> f64;
}

/// An unsigned integer to sort by.
pub trait Key: Copy + Ord + Default + Send + Sync {
    /// How many digits of 11 bits a key has.
    const DIGITS: usize;

    /// A digit, the least significant being number 0.
    fn digit(self, number: usize) -> usize;
}

/// The size of a digit: three of them cover 32 bits, and what a sort counts fits
/// into the first-level cache.
pub(crate) const DIGIT_BITS: usize = 11;

/// A floating-point type of scores.
pub trait Score: Copy + Send + Sync {
    /// Its name in Python.
    const NAME: &'static str;

    /// No score.
    const ZERO: Self;

    /// The score, rounded.
    fn rounded(score: f64) -> Self;

    /// Whether the score is neither too large nor too small for this type.
    fn fits(score: f64) -> bool;
}

macro_rules! float_height {
    ($($float:ident: $key:ty),*) => {$(
        impl Height for $float {
            type Key = $key;
            type Score = $float;

            // Positive floats are in the order of their bits.
            #[inline(always)]
            fn key(self) -> $key {
                self.to_bits()
            }

            #[inline(always)]
            fn of_key(key: $key) -> f64 {
                f64::from(Self::from_bits(key))
            }
        }
    )*};
}

macro_rules! integer_height {
    ($($integer:ty: $key:ty, $score:ty);* $(;)?) => {$(
        impl Height for $integer {
            type Key = $key;
            type Score = $score;

            #[inline(always)]
            fn key(self) -> $key {
                <$key>::from(self)
            }

            #[inline(always)]
            fn of_key(key: $key) -> f64 {
                f64::from(key)
            }
        }
    )*};
}

macro_rules! key {
    ($($key:ty),*) => {$(
        impl Key for $key {
            const DIGITS: usize = (Self::BITS as usize).div_ceil(DIGIT_BITS);

            #[inline(always)]
            fn digit(self, number: usize) -> usize {
                (self >> (number * DIGIT_BITS)) as usize & ((1 << DIGIT_BITS) - 1)
            }
        }
    )*};
}

macro_rules! score {
    ($($float:ident: $name:literal),*) => {$(
        impl Score for $float {
            const NAME: &'static str = $name;
            const ZERO: Self = 0.0;

            #[inline(always)]
            fn rounded(score: f64) -> Self {
                score as Self
            }

            fn fits(score: f64) -> bool {
                (score as Self).is_normal()
            }
        }
    )*};
}

float_height!(f32: u32, f64: u64);
mod integers {
    use super::Height;
    integer_height! {
        u8: u32, f32;
        u16: u32, f32;
        u32: u32, f64;
    }
}

// Compared as 64-bit floats, as in NumPy.
impl Height for u64 {
    type Key = u64;
    type Score = f64;

    #[inline(always)]
    fn key(self) -> u64 {
        (self as f64).to_bits()
    }

    #[inline(always)]
    fn of_key(key: u64) -> f64 {
        f64::from_bits(key)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a digit is small; scores are rounded")]
mod narrowing {
    use super::{DIGIT_BITS, Key, Score};
    key!(u32, u64);
    score!(f32: "float32", f64: "float64");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_the_order_of_heights() {
        let heights = [f32::from_bits(1), 1e-30, 0.5, 1.0, 1.5, 3e30, f32::MAX];
        assert!(heights.windows(2).all(|pair| pair[0].key() < pair[1].key()));
        let back = heights.map(|height| f32::of_key(height.key()));
        assert_eq!(back.map(f64::to_bits), heights.map(|height| f64::from(height).to_bits()));
        assert!(f64::MAX.key() > 1.0_f64.key() && 200_u8.key() > 199_u8.key());
    }

    #[test]
    fn digits_cover_a_key() {
        assert_eq!((u32::DIGITS, u64::DIGITS), (3, 6));
        let key = 0x1234_5678_9abc_def0_u64;
        let digits = (0..6).map(|number| (key.digit(number) as u64) << (number * DIGIT_BITS));
        assert_eq!(digits.sum::<u64>(), key);
    }

    #[test]
    fn scores_that_do_not_fit() {
        assert!(f32::fits(1e38) && !f32::fits(1e39) && !f32::fits(1e-39));
        assert!(f64::fits(1e39) && !f64::fits(f64::INFINITY) && !f64::fits(f64::NAN));
    }
}
