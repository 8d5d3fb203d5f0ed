//! What a request must know of a map before it is thresholded.

use ndarray::ArrayView3;

use crate::instructions::{Loop, widest};
use crate::volume::fold_stretches;
use crate::voxel::Voxel;

/// The range of a map and whether it holds values that are no numbers.
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
    /// Of no voxels.
    pub(crate) const EMPTY: Self =
        Self { min: f64::INFINITY, max: f64::NEG_INFINITY, has_non_finite: false };

    pub(crate) fn merge(self, other: Self) -> Self {
        Self {
            min: self.min.min(other.min),
            max: self.max.max(other.max),
            has_non_finite: self.has_non_finite | other.has_non_finite,
        }
    }

    /// Of a volume in memory order. Reads each voxel once.
    pub(crate) fn of<T: Voxel>(
        volume: ArrayView3<'_, T>,
        mask: Option<ArrayView3<'_, bool>>,
    ) -> Self {
        fold_stretches(
            volume,
            mask,
            |_| Self::EMPTY,
            |summary, stretch, mask| {
                *summary = summary.merge(of_stretch(stretch, mask));
            },
        )
        .into_iter()
        .fold(Self::EMPTY, Self::merge)
    }
}

/// Values that are compared side by side: as many as the widest registers hold.
const LANES: usize = 16;

fn of_stretch<T: Voxel>(stretch: &[T], mask: Option<&[bool]>) -> Summary {
    let range = if mask.is_none() { widest(RangeOfFinite(stretch)) } else { None };
    match range {
        Some((min, max)) => Summary { min: min.to_f64(), max: max.to_f64(), has_non_finite: false },
        None => voxel_by_voxel(stretch, mask),
    }
}

/// The range of a stretch, if all of it is finite and it is not very short: four
/// steps a voxel that all vectorise.
struct RangeOfFinite<'a, T>(&'a [T]);

impl<T: Voxel> Loop for RangeOfFinite<'_, T> {
    type Output = Option<(T, T)>;

    #[inline(always)]
    fn call(self) -> Option<(T, T)> {
        let stretch = self.0;
        let blocks = stretch.as_chunks::<LANES>().0;
        // What does not fill the lanes is looked at with some of what came before.
        let last = stretch.last_chunk::<LANES>()?;
        let (mut min, mut max, mut defect) = (*last, *last, [T::ZERO; LANES]);
        for values in blocks.iter().chain([last]) {
            for lane in 0..LANES {
                let value = values[lane];
                defect[lane] = value.plus_defect(defect[lane]);
                min[lane] = if value < min[lane] { value } else { min[lane] };
                max[lane] = if value > max[lane] { value } else { max[lane] };
            }
        }
        if !defect.iter().all(|defect| defect.is_finite()) {
            return None;
        }
        let smallest = min.into_iter().reduce(|a, b| if b < a { b } else { a })?;
        let largest = max.into_iter().reduce(|a, b| if b > a { b } else { a })?;
        Some((smallest, largest))
    }
}

fn voxel_by_voxel<T: Voxel>(stretch: &[T], mask: Option<&[bool]>) -> Summary {
    let mut summary = Summary::EMPTY;
    for (position, value) in stretch.iter().enumerate() {
        summary.has_non_finite |= !value.is_finite();
        if mask.is_none_or(|mask| mask[position]) {
            let value = value.finite_or_zero().to_f64();
            summary.min = summary.min.min(value);
            summary.max = summary.max.max(value);
        }
    }
    summary
}
