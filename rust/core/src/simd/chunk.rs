//! Voxels that are looked at as one: 64 of them, whatever row they belong to.
//!
//! Most chunks of a statistical map hold nothing that passes. They cost one compare a voxel
//! and an OR of the results.

use ndarray::ArrayViewMut2;

use crate::simd::bits::WORD_BITS;
use crate::simd::dispatch::Loop;
use crate::voxel::Voxel;

/// How many voxels a chunk has: one for each bit of a word.
pub(crate) const CHUNK: usize = WORD_BITS;

/// Fewer values than a chunk has, with the last of them repeated up to the end: that
/// changes no range. `other` is repeated if there
/// are no values.
#[inline(always)]
pub(crate) fn padded_chunk<T: Copy>(values: &[T], other: T) -> [T; CHUNK] {
    let mut filled = [values.last().copied().unwrap_or(other); CHUNK];
    filled[..values.len()].copy_from_slice(values);
    filled
}

/// A chunk by its number, padded if it is the last and not full.
#[inline(always)]
pub(crate) fn chunk_at(flags: &[bool], number: usize) -> [bool; CHUNK] {
    let flags = &flags[number * CHUNK..];
    flags.first_chunk().copied().unwrap_or_else(|| padded_chunk(flags, false))
}

/// Whether `is` holds for any value. All are looked at, a few at a time.
#[inline(always)]
pub(crate) fn any<T: Voxel>(values: &[T; CHUNK], is: impl Fn(T) -> bool) -> bool {
    // A number as wide as the values: the compiler makes the best of that.
    let mut any = T::Magnitude::from(false);
    for &value in values {
        any |= T::Magnitude::from(is(value));
    }
    any != T::Magnitude::from(false)
}

/// Whether all of some values are zero, and none is -0.
#[inline(always)]
pub(crate) fn are_zero<T: Voxel>(values: &[T]) -> bool {
    let (chunks, rest) = values.as_chunks::<CHUNK>();
    let is_not = |value: T| !value.is_plain_zero();
    !chunks.iter().any(|values| any(values, is_not)) && !any(&padded_chunk(rest, T::ZERO), is_not)
}

/// Sets voxels to zero. Where they are zero already they are not written: most are,
/// where a result has been, and memory that is only read need not be written back.
#[inline(always)]
pub(crate) fn clear<T: Voxel>(out: &mut [T]) {
    // A length that is known costs no call.
    match out.first_chunk_mut::<CHUNK>() {
        Some(out) => {
            if any(out, |value| !value.is_plain_zero()) {
                *out = [T::ZERO; CHUNK];
            }
        }
        None => out.fill(T::ZERO),
    }
}

/// Clears a plane.
pub(crate) struct ClearPlane<'a, T>(pub(crate) ArrayViewMut2<'a, T>);

impl<T: Voxel> Loop for ClearPlane<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self(mut plane) = self;
        match plane.as_slice_mut() {
            Some(plane) => plane.chunks_mut(CHUNK).for_each(clear),
            None => plane.fill(T::ZERO),
        }
    }
}
