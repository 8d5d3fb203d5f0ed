//! From what is kept back to voxels.

use ndarray::ArrayView3;

use crate::cluster::Clusters;
use crate::criterion::Criterion;
use crate::instructions::{Loop, widest};
use crate::volume::{Target, write_stretches};
use crate::voxel::Voxel;

/// Writes the voxels that pass the criterion; all others become zero.
pub(crate) fn write_passing<T: Voxel>(
    target: Target<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    criterion: Criterion<T>,
) {
    write_stretches(target, mask, |_, source, mask, out| match mask {
        None if !criterion.keeps_zeros => widest(CopyPassing { criterion, source, out }),
        _ => {
            drop_all(criterion, source, mask, out);
            for (position, (voxel, &value)) in out.iter_mut().zip(source).enumerate() {
                if criterion.passes(value) && mask.is_none_or(|mask| mask[position]) {
                    *voxel = value;
                }
            }
        }
    });
}

/// Copies what passes, and writes zero for the rest.
struct CopyPassing<'a, T> {
    criterion: Criterion<T>,
    source: &'a [T],
    out: &'a mut [T],
}

impl<T: Voxel> Loop for CopyPassing<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (voxel, &value) in self.out.iter_mut().zip(self.source) {
            *voxel = if self.criterion.passes(value) { value } else { T::ZERO };
        }
    }
}

/// Writes the runs of the clusters of at least `min_extent` voxels; all other
/// voxels become zero.
pub(crate) fn write_kept<T: Voxel>(
    target: Target<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    criterion: Criterion<T>,
    signs: &[Clusters],
    min_extent: u64,
) {
    let row_length = target.source().dim().2;
    write_stretches(target, mask, |first_row, source, mask, out| {
        drop_all(criterion, source, mask, out);
        let rows = first_row..first_row + source.len() / row_length;
        for clusters in signs {
            for run in clusters.kept_in_rows(rows.clone(), min_extent) {
                let start = (run.row as usize - first_row) * row_length;
                let voxels = start + run.start as usize..start + run.end as usize;
                out[voxels.clone()].copy_from_slice(&source[voxels]);
            }
        }
    });
}

/// Fills a stretch with what stands for a dropped voxel: zero, or for a threshold
/// of zero inside the mask the voxel's own zero, whose sign bit is kept.
#[inline(always)]
fn drop_all<T: Voxel>(criterion: Criterion<T>, source: &[T], mask: Option<&[bool]>, out: &mut [T]) {
    if !criterion.keeps_zeros {
        out.fill(T::ZERO);
        return;
    }
    for (position, (voxel, &value)) in out.iter_mut().zip(source).enumerate() {
        let inside = mask.is_none_or(|mask| mask[position]);
        *voxel = if inside { value.or_zero() } else { T::ZERO };
    }
}
