//! The bounding box of the voxels of a volume that are not zero.

use std::ops::Range;

use ndarray::{ArrayBase, ArrayView3, Axis, Ix3, RawData, Slice};

use crate::simd::dispatch::{Loop, dispatch};
use crate::voxel::Voxel;

/// A box of voxels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BoundingBox([Range<usize>; 3]);

impl BoundingBox {
    /// The smallest box that has all voxels other than zero in it; empty if all are zero.
    /// Reads each voxel once.
    ///
    /// In a map of a brain it is half of the volume, and what is outside need not be laid
    /// out.
    pub(crate) fn of<T: Voxel>(volume: ArrayView3<'_, T>) -> Self {
        let mut found = [None, None, None];
        for (plane_index, plane) in volume.outer_iter().enumerate() {
            for (row_index, row) in plane.outer_iter().enumerate() {
                let differs = |value: &T| *value != T::ZERO;
                let holds_any = match row.to_slice() {
                    Some(row) => dispatch(HoldsAny(row)),
                    None => row.iter().any(differs),
                };
                if holds_any {
                    let first = row.iter().position(differs).unwrap_or(0);
                    let last = row.iter().rev().position(differs).unwrap_or(0);
                    widen(&mut found[0], plane_index..plane_index + 1);
                    widen(&mut found[1], row_index..row_index + 1);
                    // Not backwards, should the row have changed between the looks.
                    widen(&mut found[2], first..(row.len() - last).max(first));
                }
            }
        }
        Self(found.map(Option::unwrap_or_default))
    }

    /// The part of a volume of the same shape.
    pub(crate) fn apply<S: RawData>(&self, mut volume: ArrayBase<S, Ix3>) -> ArrayBase<S, Ix3> {
        for (axis, range) in self.0.iter().enumerate() {
            volume.slice_axis_inplace(Axis(axis), Slice::from(range.clone()));
        }
        volume
    }

    /// The index in the volume of a voxel of the part.
    pub(crate) fn index_in_volume(&self, index: [usize; 3]) -> [usize; 3] {
        [0, 1, 2].map(|axis| self.0[axis].start + index[axis])
    }
}

fn widen(range: &mut Option<Range<usize>>, other: Range<usize>) {
    *range = Some(match range {
        Some(range) => range.start.min(other.start)..range.end.max(other.end),
        None => other,
    });
}

/// Whether a row holds a value other than zero.
struct HoldsAny<'a, T>(&'a [T]);

impl<T: Voxel> Loop for HoldsAny<'_, T> {
    type Output = bool;

    #[inline(always)]
    #[expect(clippy::needless_bitwise_bool, reason = "without a branch the loop vectorises")]
    fn call(self) -> bool {
        self.0.iter().fold(false, |any, value| any | (*value != T::ZERO))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;

    #[test]
    fn the_box_ends_at_the_outermost_voxels() {
        let mut volume = Array3::<i16>::zeros((4, 5, 6));
        assert!(BoundingBox::of(volume.view()).apply(volume.view()).is_empty());
        volume[[1, 4, 2]] = 1;
        volume[[3, 2, 0]] = -1;
        let bounds = BoundingBox::of(volume.view());
        assert_eq!(bounds, BoundingBox([1..4, 2..5, 0..3]));
        assert_eq!(bounds.apply(volume.view())[[0, 2, 2]], 1);
        assert_eq!(bounds.index_in_volume([0, 2, 2]), [1, 4, 2]);
        assert_eq!(BoundingBox::of(volume.view().reversed_axes()), BoundingBox([0..3, 2..5, 1..4]));
    }
}
