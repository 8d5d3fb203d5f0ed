//! Extra maps: what another map is like under the clusters of one.

use ndarray::ArrayView3;

use crate::error::{Array, Result};
use crate::map::series::check_shape;
use crate::measure::exact_sum::Unit;
use crate::measure::label::Labels;
use crate::voxel::Voxel;

/// What a map is like under each cluster of another, each at the place of its number
/// less one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sampled {
    /// The mean of the values that are finite; NaN where none is.
    pub means: Vec<f64>,
    /// The smallest of these.
    pub mins: Vec<f64>,
    /// The largest.
    pub maxs: Vec<f64>,
    /// How many values are not finite, under all clusters together.
    pub non_finite: u64,
}

impl Labels {
    /// Says what another map, an extra map, is like under each cluster.
    ///
    /// It has the shape of the volume, any type and any strides. It is read twice, and only
    /// under the clusters. Means are exact sums, rounded once, as those of
    /// [`Table`](crate::Table).
    ///
    /// # Errors
    ///
    /// A map of another shape.
    pub fn sample<T: Voxel>(&self, map: ArrayView3<'_, T>) -> Result<Sampled> {
        check_shape(Array::ExtraMap, map.shape(), &self.frame.shape)?;
        let Some(numbered) = &self.numbered else {
            return Ok(Sampled::default());
        };
        let map = self.frame.order.apply(map);
        let (ranges, non_finite) = numbered.fold(
            || (vec![(f64::NAN, f64::NAN); numbered.count()], 0),
            |(ranges, non_finite), run| {
                let (min, max) = &mut ranges[run.cluster];
                run.read(map, |values| {
                    for value in values {
                        if value.is_finite() {
                            // The smaller of NaN and a number is the number.
                            *min = min.min(value.to_f64());
                            *max = max.max(value.to_f64());
                        } else {
                            *non_finite += 1;
                        }
                    }
                });
            },
            |(ranges, non_finite), others| {
                for ((min, max), other) in ranges.iter_mut().zip(others.0) {
                    (*min, *max) = (min.min(other.0), max.max(other.1));
                }
                *non_finite += others.1;
            },
        );
        let unit = |&(min, max): &(f64, f64)| Unit::new(max.max(-min), map.len(), 1);
        let units: Vec<_> = ranges.iter().map(unit).collect();
        let sums = numbered.fold(
            || vec![(0_i128, 0_u64); numbered.count()],
            |sums, run| {
                let (unit, (sum, count)) = (units[run.cluster], &mut sums[run.cluster]);
                run.read(map, |values| {
                    for value in values.iter().filter(|value| value.is_finite()) {
                        // No overflow, but where the map has changed since the first look.
                        *sum = sum.wrapping_add(unit.of(value.to_f64()));
                        *count += 1;
                    }
                });
            },
            |sums, others| {
                for ((sum, count), other) in sums.iter_mut().zip(others) {
                    *sum = sum.wrapping_add(other.0);
                    *count += other.1;
                }
            },
        );
        let mean = |(unit, &(sum, count)): (&Unit, &(i128, u64))| unit.to_f64(sum, count as f64);
        Ok(Sampled {
            means: units.iter().zip(&sums).map(mean).collect(),
            mins: ranges.iter().map(|range| range.0 + 0.0).collect(),
            maxs: ranges.iter().map(|range| range.1 + 0.0).collect(),
            non_finite,
        })
    }
}
