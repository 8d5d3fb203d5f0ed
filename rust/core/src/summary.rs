//! What a request must know of a map before it is thresholded.

use ndarray::ArrayView3;

use crate::volume::fold_rows;
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
        fold_rows(
            volume,
            mask,
            || Self::EMPTY,
            |summary, row, mask| {
                *summary = summary.merge(of_row(row, mask));
            },
        )
        .into_iter()
        .fold(Self::EMPTY, Self::merge)
    }
}

fn of_row<T: Voxel>(row: &[T], mask: Option<&[bool]>) -> Summary {
    let mut has_non_finite = false;
    for &value in row {
        has_non_finite |= !value.is_finite();
    }
    let first = match mask {
        None => row.first(),
        Some(mask) => mask.iter().position(|&inside| inside).map(|position| &row[position]),
    };
    let Some(first) = first.map(|value| value.finite_or_zero()) else {
        return Summary { has_non_finite, ..Summary::EMPTY };
    };
    let (mut min, mut max) = (first, first);
    let mut extend = |value: T| {
        let value = value.finite_or_zero();
        min = if value < min { value } else { min };
        max = if value > max { value } else { max };
    };
    match mask {
        None => row.iter().for_each(|&value| extend(value)),
        Some(mask) => {
            for (&value, &inside) in row.iter().zip(mask) {
                extend(if inside { value } else { first });
            }
        }
    }
    Summary { min: min.to_f64(), max: max.to_f64(), has_non_finite }
}
