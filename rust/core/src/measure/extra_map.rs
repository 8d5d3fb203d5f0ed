//! Other maps under the clusters of one.

use ndarray::ArrayView3;

use crate::error::Result;
use crate::map::series::check_shape;
use crate::map::volume::Frame;
use crate::measure::exact_sum::Unit;
use crate::measure::label::Numbered;
use crate::voxel::Voxel;

/// What a map is like under each cluster of another, each at the place of its number
/// less one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Under {
    /// The mean of the values that are finite; NaN where none is.
    pub means: Vec<f64>,
    /// The smallest of these.
    pub mins: Vec<f64>,
    /// The largest.
    pub maxs: Vec<f64>,
    /// How many values are not finite, under all clusters together.
    pub non_finite: u64,
}

/// A map of any type that is looked at under the clusters of another.
pub struct Further<'a> {
    shape: Vec<usize>,
    map: Box<dyn Look + Send + Sync + 'a>,
}

impl<'a> Further<'a> {
    /// Of a view of any strides.
    #[must_use]
    pub fn new<T: Voxel>(map: ArrayView3<'a, T>) -> Self {
        Self { shape: map.shape().to_vec(), map: Box::new(map) }
    }

    /// Checks that the map has the shape of a volume.
    pub(crate) fn check(&self, shape: &[usize]) -> Result<()> {
        check_shape("extra", &self.shape, shape)
    }

    /// Reads the map under the clusters, twice. Means are made as those of
    /// [`Table`](crate::Table).
    pub(crate) fn under(&self, numbered: &Numbered, frame: &Frame) -> Under {
        self.map.under(numbered, frame)
    }
}

/// What there is for every type of voxel.
trait Look {
    fn under(&self, numbered: &Numbered, frame: &Frame) -> Under;
}

impl<T: Voxel> Look for ArrayView3<'_, T> {
    fn under(&self, numbered: &Numbered, frame: &Frame) -> Under {
        let map = frame.order.apply(self.view());
        let (ranges, non_finite) = numbered.fold(
            || (vec![(f64::NAN, f64::NAN); numbered.count()], 0),
            |(ranges, non_finite), part| {
                let (min, max) = &mut ranges[part.cluster];
                part.read(map, |run| {
                    for value in run {
                        if value.is_finite() {
                            // Of NaN and a number, the number.
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
            |sums, part| {
                let (unit, (sum, count)) = (units[part.cluster], &mut sums[part.cluster]);
                part.read(map, |run| {
                    for value in run.iter().filter(|value| value.is_finite()) {
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
        Under {
            means: units.iter().zip(&sums).map(mean).collect(),
            mins: ranges.iter().map(|range| range.0 + 0.0).collect(),
            maxs: ranges.iter().map(|range| range.1 + 0.0).collect(),
            non_finite,
        }
    }
}
