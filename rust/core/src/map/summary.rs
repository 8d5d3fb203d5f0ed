//! The range of a map, and whether it holds values that are not finite.

use ndarray::{ArrayView3, ArrayViewD, Axis};

use crate::error::Result;
use crate::map::memory_order::MemoryOrder;
use crate::map::series::pooled;
use crate::map::volume::{Plane, Target, visit_stretches};
use crate::parallel;
use crate::simd::chunk::{CHUNK, any, chunk_at, padded_chunk};
use crate::simd::dispatch::{Loop, dispatch};
use crate::simd::extremes::Extremes;
use crate::voxel::Voxel;

/// The range of a map, and whether it holds values that are not finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Smallest value in the mask, non-finite ones counted as zero; infinity
    /// when the mask holds no voxel.
    pub min: f64,
    /// Largest value in the mask, likewise; minus infinity for no voxel.
    pub max: f64,
    /// Whether any voxel, in the mask or not, is infinite or NaN.
    pub has_non_finite: bool,
}

impl Summary {
    /// The summary of no voxels.
    pub(crate) const EMPTY: Self =
        Self { min: f64::INFINITY, max: f64::NEG_INFINITY, has_non_finite: false };

    pub(crate) fn new<T: Voxel>(extremes: Extremes<T>, has_non_finite: bool) -> Self {
        let (min, max) = extremes.to_f64();
        Self { min, max, has_non_finite }
    }

    pub(crate) fn merge(self, other: Self) -> Self {
        Self {
            min: self.min.min(other.min),
            max: self.max.max(other.max),
            has_non_finite: self.has_non_finite | other.has_non_finite,
        }
    }

    /// The summary of a volume in memory order. Reads each voxel once, and some of them once
    /// more from the cache.
    pub(crate) fn of<T: Voxel>(
        volume: ArrayView3<'_, T>,
        mask: Option<ArrayView3<'_, bool>>,
    ) -> Self {
        let thickness = parallel::slab_thickness(volume.len_of(Axis(0)));
        visit_stretches(
            Target::Read(volume),
            mask,
            thickness,
            || (Extremes::NONE, false),
            |(extremes, has_non_finite), Plane { source, mask, .. }| {
                *has_non_finite |= dispatch(Summarise { source, mask, extremes });
            },
        )
        .into_iter()
        .map(|(extremes, has_non_finite)| Self::new(extremes, has_non_finite))
        .fold(Self::EMPTY, Self::merge)
    }
}

/// Finds the range of a map in a mask, and whether the map holds values that are not finite.
///
/// ```
/// use ndarray::array;
/// use nithresh_core::summary;
///
/// let found = summary(array![[[3.0_f32, -2.0, f32::NAN]]].view().into_dyn(), None)?;
/// assert_eq!((found.min, found.max, found.has_non_finite), (-2.0, 3.0, true));
/// # Ok::<(), nithresh_core::Error>(())
/// ```
///
/// Reads each voxel once.
///
/// # Errors
///
/// Arrays that do not fit together.
pub fn summary<T: Voxel>(
    data: ArrayViewD<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
) -> Result<Summary> {
    let series = pooled(data, mask)?;
    let summaries = parallel::map_volumes(series.axis_iter(Axis(3)).collect(), |volume| {
        let order = MemoryOrder::of(&volume);
        Summary::of(order.apply(volume), mask.map(|mask| order.apply(mask)))
    });
    Ok(summaries.into_iter().fold(Summary::EMPTY, Summary::merge))
}

/// Adds a plane to a range in its mask; returns whether any voxel is not finite.
struct Summarise<'a, T: Voxel> {
    source: &'a [T],
    mask: Option<&'a [bool]>,
    extremes: &'a mut Extremes<T>,
}

impl<T: Voxel> Loop for Summarise<'_, T> {
    type Output = bool;

    #[inline(always)]
    fn call(self) -> bool {
        let Self { source, mask, extremes } = self;
        // A copy of its own, so that it stays in registers.
        let mut range = *extremes;
        let mut has_non_finite = false;
        let (chunks, rest) = source.as_chunks();
        let last = [padded_chunk(rest, T::ZERO)];
        let last = if rest.is_empty() { &[][..] } else { &last };
        let mut number = 0;
        // One slice after the other, so that the loop over each is a plain one.
        for chunks in [chunks, last] {
            for values in chunks {
                let mask = mask.map(|mask| chunk_at(mask, number));
                number += 1;
                let is_finite = !any(values, |value| !value.is_finite());
                has_non_finite |= !is_finite;
                if is_finite & mask.is_none() {
                    range.add(values);
                    continue;
                }
                let mut finite = values.map(T::finite_or_zero);
                if let Some(mask) = mask {
                    // What is outside counts as what is inside.
                    let Some(first) = mask.iter().position(|inside| *inside) else { continue };
                    let inside = finite[first];
                    for position in 0..CHUNK {
                        finite[position] = if mask[position] { finite[position] } else { inside };
                    }
                }
                range.add(&finite);
            }
        }
        *extremes = range;
        has_non_finite
    }
}
