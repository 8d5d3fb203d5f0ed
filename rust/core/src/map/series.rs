//! The volumes of a map of three or four axes.

use ndarray::{ArrayBase, ArrayView3, ArrayView4, ArrayViewD, Axis, Ix4, IxDyn, RawData};

use crate::error::{Array, Error, Result};
use crate::map::interleaved::is_interleaved;

/// A map as a series of volumes along the last axis; a map of three axes is a series of
/// one.
pub(crate) fn series<S: RawData>(map: ArrayBase<S, IxDyn>) -> Result<ArrayBase<S, Ix4>> {
    let axes = map.ndim();
    let map = if axes == 3 { map.insert_axis(Axis(3)) } else { map };
    map.into_dimensionality().map_err(|_| Error::Axes(axes))
}

/// A map as a series of three-dimensional views that together hold all its voxels.
///
/// They are its volumes, or slices through all volumes where these lie interleaved and there
/// is no mask, which slices would not share.
pub(crate) fn pooled<'a, T>(
    map: ArrayViewD<'a, T>,
    mask: Option<ArrayView3<'_, bool>>,
) -> Result<ArrayView4<'a, T>> {
    let series = series(map)?;
    check_mask(mask.as_ref(), &series.shape()[..3])?;
    if mask.is_none() && is_interleaved(&series) {
        return Ok(series.permuted_axes([1, 2, 3, 0]));
    }
    Ok(series)
}

/// Checks that a mask has the shape of a volume.
pub(crate) fn check_mask(mask: Option<&ArrayView3<'_, bool>>, volume: &[usize]) -> Result<()> {
    mask.map_or(Ok(()), |mask| check_shape(Array::Mask, mask.shape(), volume))
}

/// Checks that an array has the shape that it should.
pub(crate) fn check_shape(array: Array, found: &[usize], expected: &[usize]) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::Shape { array, found: found.to_vec(), expected: expected.to_vec() })
}
