//! Series in C order, whose volumes lie interleaved.
//!
//! The values of a voxel in all volumes lie side by side there. A pass over one volume
//! would fetch all of them from memory to use one, and so would the next pass. So as many
//! volumes as share a line of the cache are brought apart first, filtered, and put back.

use ndarray::{Array4, ArrayView4, ArrayViewMut4, Axis, Slice};

use crate::error::Result;
use crate::parallel;
use crate::summary::Summary;
use crate::volume::Target;
use crate::voxel::Voxel;

/// The bytes that memory gives at once.
const LINE: usize = 64;

/// Whether the volumes of a series lie interleaved: no step is smaller than the one from
/// volume to volume.
pub(crate) fn is_interleaved<T>(series: &ArrayView4<'_, T>) -> bool {
    let step = |axis: usize| series.strides()[axis].unsigned_abs();
    let is_larger = |axis: usize| series.shape()[axis] == 1 || step(axis) > step(3);
    series.shape()[3] > 1 && (0..3).all(is_larger)
}

/// Filters the volumes of `source`, or of `out` itself, into `out`: `filter` is given some
/// of them at a time, to be filtered in place.
///
/// Copies each value twice; needs 64 bytes for each voxel of a volume, unless there are
/// fewer volumes than that are values.
pub(crate) fn filter<T: Voxel>(
    source: Option<ArrayView4<'_, T>>,
    mut out: ArrayViewMut4<'_, T>,
    filter: impl Fn(Vec<Target<'_, T>>) -> Result<Summary>,
) -> Result<Summary> {
    let (x, y, z, volumes) = out.dim();
    let at_once = (LINE / size_of::<T>()).min(volumes);
    let mut apart = Array4::from_elem((at_once, x, y, z), T::ZERO);
    let mut summary = Summary::EMPTY;
    for first in (0..volumes).step_by(at_once) {
        let part = first..volumes.min(first + at_once);
        let mut apart = apart.slice_axis_mut(Axis(0), Slice::from(..part.len()));
        let mut out = out.slice_axis_mut(Axis(3), Slice::from(part.clone()));
        let source = match &source {
            Some(source) => source.slice_axis(Axis(3), Slice::from(part)),
            None => out.view(),
        };
        copy(source, apart.view_mut().permuted_axes([1, 2, 3, 0]));
        let targets = apart.outer_iter_mut().map(Target::InPlace).collect();
        summary = summary.merge(filter(targets)?);
        copy(apart.view().permuted_axes([1, 2, 3, 0]), out.view_mut());
    }
    Ok(summary)
}

/// Copies a series, a row of all volumes at a time: what is fetched with the first of them
/// is still in the cache when the last is copied.
fn copy<T: Voxel>(source: ArrayView4<'_, T>, mut out: ArrayViewMut4<'_, T>) {
    let thickness = parallel::slab_thickness(source.len_of(Axis(0)));
    let sources = source.axis_chunks_iter(Axis(0), thickness);
    let slabs = sources.zip(out.axis_chunks_iter_mut(Axis(0), thickness)).collect();
    parallel::map(slabs, |(source, mut out)| {
        for (source, mut out) in source.outer_iter().zip(out.outer_iter_mut()) {
            for (source, mut out) in source.outer_iter().zip(out.outer_iter_mut()) {
                let rows = source.axis_iter(Axis(1)).zip(out.axis_iter_mut(Axis(1)));
                rows.for_each(|(source, mut out)| out.assign(&source));
            }
        }
    });
}
