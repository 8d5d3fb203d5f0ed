//! Voxels that are looked at as one: 64 of them, whatever row they belong to.

use ndarray::ArrayViewMut2;

use crate::simd::bits::BITS;
use crate::simd::dispatch::Loop;
use crate::voxel::Voxel;

/// Values that are looked at as one.
pub(crate) const GROUP: usize = BITS;

/// A plane in groups. What does not fill a group is filled up with the last voxel,
/// which changes no range.
pub(crate) struct Groups<'a, T> {
    values: &'a [[T; GROUP]],
    mask: Option<&'a [bool]>,
    length: usize,
    /// The last group, if it had to be filled up.
    last: [T; GROUP],
}

impl<'a, T: Voxel> Groups<'a, T> {
    #[inline(always)]
    pub(crate) fn of(source: &'a [T], mask: Option<&'a [bool]>) -> Self {
        let (values, rest) = source.as_chunks();
        Self { values, mask, length: source.len(), last: filled_up(rest, T::ZERO) }
    }

    /// The full groups, and the last if there is one that is not. Two slices to go
    /// through one after the other, so that the loop over each is a plain one.
    #[inline(always)]
    pub(crate) fn parts(&self) -> [&[[T; GROUP]]; 2] {
        let is_full = self.length.is_multiple_of(GROUP);
        [self.values, if is_full { &[] } else { std::slice::from_ref(&self.last) }]
    }

    /// Which voxels of a group are in the mask.
    #[inline(always)]
    pub(crate) fn mask(&self, number: usize) -> Option<[bool; GROUP]> {
        self.mask.map(|mask| {
            let mask = &mask[number * GROUP..];
            mask.first_chunk().copied().unwrap_or_else(|| filled_up(mask, false))
        })
    }
}

/// Values, filled up with the last of them, or with another if there are none.
#[inline(always)]
pub(crate) fn filled_up<T: Copy>(values: &[T], other: T) -> [T; GROUP] {
    let mut filled = [values.last().copied().unwrap_or(other); GROUP];
    filled[..values.len()].copy_from_slice(values);
    filled
}

/// Whether any of some values is as asked. All are looked at, a few at a time.
#[inline(always)]
pub(crate) fn any<T: Voxel>(values: &[T; GROUP], is: impl Fn(T) -> bool) -> bool {
    // As a number as wide as the values, because the compiler makes the best of that.
    let mut any = T::Magnitude::from(false);
    for &value in values {
        any |= T::Magnitude::from(is(value));
    }
    any != T::Magnitude::from(false)
}

/// Whether all of some values are zero, and none is -0.
#[inline(always)]
pub(crate) fn is_zero<T: Voxel>(values: &[T]) -> bool {
    let (groups, rest) = values.as_chunks::<GROUP>();
    let is_not = |value: T| !value.is_plain_zero();
    !groups.iter().any(|values| any(values, is_not)) && !any(&filled_up(rest, T::ZERO), is_not)
}

/// Sets voxels to zero. Where they are zero already they are not written: most are,
/// where a result has been, and memory that is only read need not be written back.
#[inline(always)]
pub(crate) fn clear<T: Voxel>(out: &mut [T]) {
    // A length that is known costs no call.
    match out.first_chunk_mut::<GROUP>() {
        Some(out) => {
            if any(out, |value| !value.is_plain_zero()) {
                *out = [T::ZERO; GROUP];
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
            Some(plane) => plane.chunks_mut(GROUP).for_each(clear),
            None => plane.fill(T::ZERO),
        }
    }
}
