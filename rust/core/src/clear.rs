//! Zeros where nothing is.

use ndarray::ArrayViewMut2;

use crate::instructions::Loop;
use crate::summary::{GROUP, any};
use crate::voxel::Voxel;

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
