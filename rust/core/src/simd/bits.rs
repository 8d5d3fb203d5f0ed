//! Words of 64 bits that each stand for a voxel, the first in the lowest bit.

use wide::i8x16;

/// Voxels in a word.
pub(crate) const WORD_BITS: usize = 64;

/// The word that a position is in, and its bit there.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "less than 64")]
pub(crate) fn word_and_bit(position: usize) -> (usize, u32) {
    (position / WORD_BITS, (position % WORD_BITS) as u32)
}

/// The bits below `position`, which is less than 64.
#[inline(always)]
pub(crate) fn below(position: u32) -> u64 {
    (1 << position) - 1
}

/// The lowest `count` bits, all of them if there are no more.
#[inline(always)]
pub(crate) fn first(count: usize) -> u64 {
    if count < WORD_BITS { (1 << count) - 1 } else { u64::MAX }
}

/// Calls `visit` with the position of each set bit, from the lowest.
#[inline(always)]
pub(crate) fn for_each(mut word: u64, mut visit: impl FnMut(u32)) {
    while word != 0 {
        visit(word.trailing_zeros());
        word &= word - 1;
    }
}

/// Calls `visit` with each set bit and all below it, from the lowest.
#[inline(always)]
pub(crate) fn for_each_up_to(mut word: u64, mut visit: impl FnMut(u64)) {
    while word != 0 {
        visit(word ^ (word - 1));
        word &= word - 1;
    }
}

/// The word of the values for which `is` holds.
///
/// Each value becomes a byte, which the compiler does for every type with the widest
/// instructions; then the highest bits of 16 bytes at a time are gathered.
#[inline(always)]
pub(crate) fn of<T: Copy>(values: &[T; WORD_BITS], is: impl Fn(T) -> bool) -> u64 {
    let mut bytes = [0_i8; WORD_BITS];
    for (byte, &value) in bytes.iter_mut().zip(values) {
        *byte = -i8::from(is(value));
    }
    let mut word = 0;
    for (place, &bytes) in bytes.as_chunks::<16>().0.iter().enumerate() {
        word |= u64::from(i8x16::new(bytes).to_bitmask() & 0xffff) << (16 * place);
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks() {
        assert_eq!((below(0), below(3), below(63)), (0, 0b111, u64::MAX >> 1));
        assert_eq!((first(0), first(3), first(64)), (0, 0b111, u64::MAX));
    }

    #[test]
    fn each_flag_gets_its_own_bit() {
        for position in 0..WORD_BITS {
            let mut flags = [false; WORD_BITS];
            flags[position] = true;
            assert_eq!(of(&flags, |flag| flag), 1 << position);
            assert_eq!(of(&flags, |flag| !flag), !(1 << position));
            for_each_up_to(of(&flags, |flag| flag), |up_to| {
                assert_eq!(up_to, u64::MAX >> (63 - position));
            });
            let mut seen = Vec::new();
            for_each(of(&flags, |flag| flag), |bit| seen.push(bit as usize));
            assert_eq!(seen, [position]);
        }
        assert_eq!(of(&[true; WORD_BITS], |flag| flag), u64::MAX);
    }
}
