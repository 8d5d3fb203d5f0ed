//! Clusters that are too small leave the map.
//!
//! The scan has written every voxel that passes, while it was in the cache. On a smooth map,
//! little of that is erased.

use ndarray::{ArrayViewMut3, Axis};

use crate::map::summary::Summary;
use crate::parallel;
use crate::runs::clusters::Clusters;
use crate::runs::scan::Scanned;
use crate::simd::dispatch::{Loop, dispatch};
use crate::simd::extremes::Extremes;
use crate::voxel::Voxel;

/// Sets the voxels of the clusters of fewer than `min_extent` voxels to zero, and
/// returns the range of what is left.
///
/// `scanned` is what was found when `out` was written: exactly the voxels of `clusters` are
/// not zero in it. Linear in runs and in the voxels that go; the range is read from the map
/// once more only if the voxels that go reach it.
pub(crate) fn erase_small<T: Voxel>(
    mut out: ArrayViewMut3<'_, T>,
    clusters: &Clusters,
    min_extent: u64,
    scanned: Scanned<T>,
) -> Summary {
    let thickness = clusters.planes_per_slab();
    let slabs = out.axis_chunks_iter_mut(Axis(0), thickness).enumerate().collect();
    let erased = parallel::map(slabs, |(slab, out)| {
        let (first, mut erased) = (slab * thickness, Extremes::NONE);
        dispatch(EraseSlab { out, clusters, first, min_extent, erased: &mut erased });
        erased
    });
    if erased.into_iter().all(|erased| scanned.extremes.stays_without(erased)) {
        return scanned.summary();
    }
    Summary { has_non_finite: scanned.has_non_finite, ..Summary::of(out.view(), None) }
}

/// Erases in the planes from `first` on.
struct EraseSlab<'a, T: Voxel> {
    out: ArrayViewMut3<'a, T>,
    clusters: &'a Clusters,
    first: usize,
    min_extent: u64,
    erased: &'a mut Extremes<T>,
}

impl<T: Voxel> Loop for EraseSlab<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { mut out, clusters, first, min_extent, erased } = self;
        for (number, mut out) in out.outer_iter_mut().enumerate() {
            let members = clusters.of_plane(first + number);
            let small = members
                .filter(|member| clusters.extents()[member.cluster as usize] < min_extent)
                .map(|member| member.run);
            let row_length = out.len_of(Axis(1));
            if let Some(out) = out.as_slice_mut() {
                for run in small {
                    erase(&mut out[run.start..run.end], erased);
                }
                continue;
            }
            for run in small {
                let (mut row, start) =
                    (out.row_mut(run.start / row_length), run.start % row_length);
                let run = start..start + run.end - run.start;
                erase(row.slice_axis_mut(Axis(0), run.into()), erased);
            }
        }
    }
}

/// Sets voxels to zero, and remembers what they were. One by one, because most of
/// these runs are a few voxels.
#[inline(always)]
fn erase<'a, T: Voxel>(run: impl IntoIterator<Item = &'a mut T>, erased: &mut Extremes<T>) {
    for voxel in run {
        erased.add_one(std::mem::replace(voxel, T::ZERO));
    }
}
