//! Planes as slices, whatever their strides.
//!
//! A plane whose voxels follow one another is a slice as it is. Another is copied, one at a
//! time.

use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis};

use crate::simd::chunk::CHUNK;
use crate::simd::dispatch::{Loop, dispatch};
use crate::voxel::Voxel;

/// Writes a plane whose voxels do not follow one another.
pub(crate) fn write_rows<T: Voxel>(mut plane: ArrayViewMut2<'_, T>, values: &[T]) {
    let row_length = plane.len_of(Axis(1));
    for (mut row, values) in plane.outer_iter_mut().zip(values.chunks_exact(row_length)) {
        match row.as_slice_mut() {
            Some(row) => row.copy_from_slice(values),
            None => row.iter_mut().zip(values).for_each(|(voxel, value)| *voxel = *value),
        }
    }
}

/// A plane as a slice: the plane itself where its voxels follow one another, else a copy.
pub(crate) fn as_slice<'a, T: Copy + Default>(
    plane: ArrayView2<'a, T>,
    copy: &'a mut Vec<T>,
) -> &'a [T] {
    match plane.to_slice() {
        Some(slice) => slice,
        None => copied(plane, copy),
    }
}

/// A copy of a plane.
pub(crate) fn copied<'a, T: Copy + Default>(
    plane: ArrayView2<'_, T>,
    copy: &'a mut Vec<T>,
) -> &'a mut [T] {
    copy.resize(plane.len(), T::default());
    dispatch(CopyPlane { plane, copy });
    copy
}

struct CopyPlane<'a, T> {
    plane: ArrayView2<'a, T>,
    copy: &'a mut [T],
}

impl<T: Copy> Loop for CopyPlane<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { mut plane, copy } = self;
        let mut reversed = plane;
        reversed.invert_axis(Axis(0));
        reversed.invert_axis(Axis(1));
        if let Some(reversed) = reversed.to_slice() {
            copy_reversed(copy, reversed);
            return;
        }
        // To begin a row takes as long as ninety voxels, so rows that follow one another in
        // equal steps are one.
        plane.merge_axes(Axis(0), Axis(1));
        let row_length = plane.len_of(Axis(1));
        for (copy, row) in copy.chunks_exact_mut(row_length).zip(plane.outer_iter()) {
            let mut reversed = row;
            reversed.invert_axis(Axis(0));
            match (row.to_slice(), reversed.to_slice()) {
                (Some(row), _) => copy.copy_from_slice(row),
                (None, Some(reversed)) => copy_reversed(copy, reversed),
                (None, None) => ArrayViewMut1::from(copy).assign(&row),
            }
        }
    }
}

/// Copies values, the last to the first place. They are read forwards, which memory is
/// made for.
#[inline(always)]
fn copy_reversed<T: Copy>(copy: &mut [T], reversed: &[T]) {
    let (first, copied) = copy.as_rchunks_mut::<CHUNK>();
    let (chunks, last) = reversed.as_chunks::<CHUNK>();
    for (copy, values) in copied.iter_mut().rev().zip(chunks) {
        let mut values = *values;
        values.reverse();
        *copy = values;
    }
    for (copy, value) in first.iter_mut().rev().zip(last) {
        *copy = *value;
    }
}
