//! Percentiles by selection.

use ndarray::{ArrayView3, Axis};

use crate::parallel;
use crate::volume::{Target, visit_planes};
use crate::voxel::Voxel;

/// Which values a percentile is taken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Population {
    /// The absolute values of all voxels.
    Magnitudes,
    /// The values of the voxels that are not negative.
    NotNegative,
}

/// The magnitudes of the population in a volume, non-finite values counted as
/// zero.
pub(crate) fn collect<T: Voxel>(
    volume: ArrayView3<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    population: Population,
) -> Vec<T::Magnitude> {
    let thickness = parallel::slab_thickness(volume.len_of(Axis(0)));
    let slabs = visit_planes(
        Target::Read(volume),
        mask,
        thickness,
        |_| Vec::new(),
        |values: &mut Vec<T::Magnitude>, plane| {
            let belongs = |value: T| population == Population::Magnitudes || value >= T::ZERO;
            let inside = |position: usize| plane.mask.is_none_or(|mask| mask[position]);
            values.extend(
                plane
                    .source
                    .iter()
                    .enumerate()
                    .map(|(position, value)| (position, value.finite_or_zero()))
                    .filter(|&(position, value)| inside(position) && belongs(value))
                    .map(|(_, value)| value.magnitude()),
            );
        },
    );
    slabs
        .into_iter()
        .reduce(|mut all, slab| {
            all.extend(slab);
            all
        })
        .unwrap_or_default()
}

/// The value below which `percent` of 100 of the values lie, interpolated
/// linearly between the two nearest; `None` of no values.
///
/// The arithmetic is that of SciPy's `scoreatpercentile`, in its order, so
/// that the results agree to the last bit. Expected linear time; `values` is
/// reordered.
pub(crate) fn select<T: Voxel>(values: &mut [T::Magnitude], percent: f64) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let position = percent / 100.0 * (values.len() - 1) as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the number of values, since percent is in 0..=100"
    )]
    let index = position as usize;
    let (_, &mut lower, above) = values.select_nth_unstable(index);
    let lower = T::magnitude_to_f64(lower);
    let fraction = position - index as f64;
    let upper = above.iter().copied().min().filter(|_| fraction > 0.0);
    let Some(upper) = upper else {
        return Some(lower);
    };
    let (lower_weight, upper_weight) = ((index + 1) as f64 - position, fraction);
    let sum = lower * lower_weight + T::magnitude_to_f64(upper) * upper_weight;
    Some(sum / (lower_weight + upper_weight))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_two_values() {
        let mut values = [100_u8, 1, 2];
        assert_eq!(select::<u8>(&mut values, 0.0), Some(1.0));
        assert_eq!(select::<u8>(&mut values, 25.0), Some(1.5));
        assert_eq!(select::<u8>(&mut values, 50.0), Some(2.0));
        assert_eq!(select::<u8>(&mut values, 100.0), Some(100.0));
        assert_eq!(select::<u8>(&mut [], 50.0), None);
    }
}
