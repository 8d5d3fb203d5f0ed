//! Percentiles by selection.
//!
//! A sample of a few thousand values says between which two the value of a rank should lie.
//! One look at all values gathers those between and counts the larger ones: the selection of
//! Floyd and Rivest (Expected time bounds for selection, 1975).
//!
//! ```text
//! sample, sorted      . . . . . . [ . x . ] . . . . .     around the place of the rank
//! all values               smaller │ gathered │ larger     does the rank fall in here?
//! ```
//!
//! Where too much lies between, many values are equal, and the rank is looked for in one
//! value of the sample and then in the next: equal values are counted and not gathered. If
//! all of that fails, what is left is gathered.

// How it became what it is (benches/record/choices.md):
//
// - Rejected: selection over a copy of the map without a guess, which takes twice as long
//   and more.
// - Rejected: to count the magnitudes in 4096 bins of their range, and to go on in the bin of
//   the rank, where the sample does not decide. That copies an eighth of the values at most,
//   but takes longer than one value of the sample after the other, in a hundred lines more.

use std::hint::black_box;
use std::ops::RangeInclusive;

use ndarray::{ArrayView3, ArrayView4, ArrayViewD, Axis};

use crate::error::{Error, Result};
use crate::map::memory_order::MemoryOrder;
use crate::map::series::pooled;
use crate::map::volume::{Plane, Target, visit_stretches};
use crate::parallel;
use crate::simd::bits::{self, WORD_BITS};
use crate::simd::dispatch::{Loop, dispatch};
use crate::voxel::Voxel;

/// Which values a percentile is taken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Population {
    /// The absolute values of all voxels.
    Magnitudes,
    /// The values of the voxels that are not negative.
    NotNegative,
}

impl Population {
    /// Whether a finite value belongs to it.
    #[inline(always)]
    fn has<T: Voxel>(self, value: T) -> bool {
        self == Self::Magnitudes || value >= T::ZERO
    }
}

/// Finds a percentile of a population of values, linearly interpolated, all volumes of a map
/// of four axes together; `None` when the population is empty.
///
/// `percent` is from 0 to 100. Values that are not finite count as zero. The arithmetic is
/// that of SciPy's `scoreatpercentile`. Expected linear time; copies few values where a
/// sample can tell which, and all of them at worst.
///
/// # Errors
///
/// Arrays that do not fit together; a percentage that is not from 0 to 100; a map that is
/// seen to change meanwhile.
pub fn percentile<T: Voxel>(
    data: ArrayViewD<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    population: Population,
    percent: f64,
) -> Result<Option<f64>> {
    if !(0.0..=100.0).contains(&percent) {
        return Err(Error::Percent(percent));
    }
    let series = pooled(data, mask)?;
    Magnitudes { series, mask, population }.percentile(percent)
}

/// Of a sample no more than this share may lie in the range that is gathered.
const FEW: usize = 8;

/// How many values a sample has, but no more than one of so many.
const SAMPLES: u64 = 1 << 12;
const FOR_EACH_SAMPLE: u64 = 16;

/// The magnitudes of a population in a map; non-finite values count as zero.
struct Magnitudes<'a, T> {
    series: ArrayView4<'a, T>,
    mask: Option<ArrayView3<'a, bool>>,
    population: Population,
}

/// How many ranges are tried before all that is left is gathered.
const GUESSES: usize = 3;

/// The values in a range.
struct Near<T: Voxel> {
    /// How many values are smaller.
    smaller: u64,
    count: u64,
    /// Whether the range is one value.
    are_equal: bool,
    /// At least one of them, if they are equal; else all.
    values: Vec<T::Magnitude>,
    /// The smallest of those above.
    larger: Option<T::Magnitude>,
}

impl<T: Voxel> Near<T> {
    /// Whether the value of a rank is among them.
    fn has(&self, rank: u64) -> bool {
        (self.smaller..self.smaller + self.count).contains(&rank)
    }
}

impl<T: Voxel> Magnitudes<'_, T> {
    /// The magnitude below which `percent` of 100 of them lie, interpolated linearly
    /// between the two nearest; `None` of no values.
    ///
    /// The arithmetic is that of SciPy's `scoreatpercentile`, in its order, so that
    /// the results agree to the last bit. Reads the map once if the guess is right, and up to
    /// three times if it is not; once more to leave out negative values.
    ///
    /// # Errors
    ///
    /// Values that change between two looks, if that can be seen.
    fn percentile(&self, percent: f64) -> Result<Option<f64>> {
        let all = self.size();
        if all == 0 {
            return Ok(None);
        }
        let position = percent / 100.0 * (all - 1) as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and the number of values, since percent is in 0..=100"
        )]
        let rank = position as u64;
        let mut near = self.near(all, rank);
        let place = if near.are_equal { 0 } else { index(rank.saturating_sub(near.smaller)) };
        if place >= near.values.len() {
            return Err(Error::Changed);
        }
        let (_, &mut lower, above) = near.values.select_nth_unstable(place);
        let lower_value = T::magnitude_to_f64(lower);
        let fraction = position - rank as f64;
        if fraction <= 0.0 {
            return Ok(Some(lower_value));
        }
        let upper = if rank + 1 == near.smaller + near.count {
            near.larger
        } else if near.are_equal {
            Some(lower)
        } else {
            above.iter().copied().min()
        };
        let Some(upper) = upper else {
            return Ok(Some(lower_value));
        };
        let (lower_weight, upper_weight) = ((rank + 1) as f64 - position, fraction);
        let sum = lower_value * lower_weight + T::magnitude_to_f64(upper) * upper_weight;
        Ok(Some(sum / (lower_weight + upper_weight)))
    }

    /// How many values there are.
    fn size(&self) -> u64 {
        if self.population == Population::Magnitudes {
            let Some(mask) = self.mask else {
                return self.series.len() as u64;
            };
            let mask = MemoryOrder::of(&mask).apply(mask);
            let in_each = mask.iter().filter(|inside| **inside).count();
            return self.series.len_of(Axis(3)) as u64 * in_each as u64;
        }
        self.visit(|| 0, |size, values| dispatch(Size { values, size })).into_iter().sum()
    }

    /// The values around a rank.
    fn near(&self, all: u64, rank: u64) -> Near<T> {
        let mut sample = self.sample();
        sample.sort_unstable();
        let mut rest = 0..=T::LARGEST_MAGNITUDE.into();
        let mut guess = guess::<T>(&sample, rank as f64 / all as f64);
        for _ in 0..GUESSES {
            let Some(range) = guess else { break };
            let near = self.collect(all, range.clone());
            if near.has(rank) {
                return near;
            }
            // The next value on the side of the rank.
            let next = if rank < near.smaller {
                rest = *rest.start()..=range.start().saturating_sub(1);
                let below = sample.partition_point(|&value| value.into() < *range.start());
                below.checked_sub(1).map(|place| sample[place])
            } else {
                rest = range.end().saturating_add(1)..=*rest.end();
                near.larger
            };
            guess = next.map(|value| value.into()..=value.into());
        }
        self.collect(all, rest)
    }

    /// Some values, from all over the map.
    fn sample(&self) -> Vec<T::Magnitude> {
        // Multiples of the golden ratio, without their whole part, lie evenly.
        const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
        let (_, rows, row_length, volumes) = self.series.dim();
        let (in_each, voxels) = (self.series.len() / volumes, self.series.len() as u64);
        let places = (0..(voxels / FOR_EACH_SAMPLE).clamp(1, SAMPLES)).map(|number| {
            let share = u128::from(number.wrapping_mul(GOLDEN));
            (share * u128::from(voxels)) >> u64::BITS
        });
        let values = places.filter_map(|place| {
            let place = usize::try_from(place).ok()?;
            let (volume, place) = (place / in_each, place % in_each);
            let (row, position) = (place / row_length, place % row_length);
            let [i, j, k] = [row / rows, row % rows, position];
            let value = self.series[[i, j, k, volume]].finite_or_zero();
            let is_inside = self.mask.is_none_or(|mask| mask[[i, j, k]]);
            (is_inside & self.population.has(value)).then(|| value.magnitude())
        });
        values.collect()
    }

    /// The values in a range.
    fn collect(&self, all: u64, range: RangeInclusive<u64>) -> Near<T> {
        let (low, high) = (limit::<T>(*range.start()), limit::<T>(*range.end()));
        let found = self.visit(
            || Collected { values: Vec::new(), larger: None, reach: 0, above: 0 },
            |found, values| dispatch(Collect { values, low, high, found }),
        );
        let mut near = Near {
            smaller: all,
            count: 0,
            are_equal: low == high,
            values: Vec::new(),
            larger: None,
        };
        for Collected { values, larger, reach, above } in found {
            // Values that change meanwhile may be more than there were.
            near.smaller = near.smaller.saturating_sub(reach);
            near.count += reach.saturating_sub(above);
            near.values.extend(values);
            near.larger = near.larger.into_iter().chain(larger).min();
        }
        near
    }

    /// Visits the voxels plane by plane, in parallel slabs that each have a state.
    fn visit<State: Send>(
        &self,
        start: impl Fn() -> State + Sync,
        visit: impl Fn(&mut State, Voxels<'_, T>) + Sync,
    ) -> Vec<State> {
        let (mask, population) = (self.mask, self.population);
        let volumes = self.series.axis_iter(Axis(3)).map(|volume| {
            let order = MemoryOrder::of(&volume);
            let (volume, mask) = (order.apply(volume), mask.map(|mask| order.apply(mask)));
            let thickness = parallel::slab_thickness(volume.len_of(Axis(0)));
            visit_stretches(
                Target::Read(volume),
                mask,
                thickness,
                &start,
                |state, Plane { source, mask, .. }| {
                    visit(state, Voxels { source, mask, population });
                },
            )
        });
        volumes.flatten().collect()
    }
}

/// Where the value of a rank should lie, whose share of all values lies below it: between two
/// values of a sorted sample, or at one where too many lie between those.
fn guess<T: Voxel>(sample: &[T::Magnitude], share: f64) -> Option<RangeInclusive<u64>> {
    let last = sample.len().checked_sub(1)?;
    let size = sample.len() as f64;
    // The place in a sample is binomial; three of its standard deviations.
    let margin = 3.0 * (size * share * (1.0 - share)).sqrt() + 1.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rounded towards the sample's ends, and kept in it"
    )]
    let at = |place: f64| sample[(place.max(0.0) as usize).min(last)];
    let (low, high) = (at(size * share - margin), at(size * share + margin));
    let between = sample.iter().filter(|value| (low..=high).contains(value)).count();
    if low == high || between <= sample.len() / FEW {
        return Some(low.into()..=high.into());
    }
    let middle = at(size * share).into();
    Some(middle..=middle)
}

/// A number of values, as an index.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "an index into what is in memory")]
fn index(number: u64) -> usize {
    number as usize
}

/// How many values are looked at as one: two chunks.
const BATCH: usize = 128;

/// The voxels of a plane, of which some count.
#[derive(Clone, Copy)]
struct Voxels<'a, T> {
    source: &'a [T],
    mask: Option<&'a [bool]>,
    population: Population,
}

impl<T: Voxel> Voxels<'_, T> {
    /// The magnitudes of `BATCH` voxels, each with whether it counts; those behind the
    /// last do not.
    #[inline(always)]
    fn batch(self, number: usize) -> ([T::Magnitude; BATCH], [bool; BATCH]) {
        let first = number * BATCH;
        let batch = &self.source[first..self.source.len().min(first + BATCH)];
        let (mut magnitudes, mut counted) = ([T::ZERO.magnitude(); BATCH], [false; BATCH]);
        let found = magnitudes.iter_mut().zip(&mut counted);
        for ((magnitude, counted), value) in found.zip(batch) {
            let value = value.finite_or_zero();
            *magnitude = value.magnitude();
            *counted = self.population.has(value);
        }
        if let Some(mask) = self.mask {
            for (counted, inside) in counted.iter_mut().zip(&mask[first..]) {
                *counted &= inside;
            }
        }
        (magnitudes, counted)
    }

    /// Whether all values of a batch are smaller than `limit`, as far as can be seen
    /// at one look.
    #[inline(always)]
    fn are_below(self, number: usize, limit: T::Magnitude) -> bool {
        let batch = self.source[number * BATCH..].first_chunk();
        batch.is_some_and(|batch| largest_magnitude(batch) < limit)
    }

    fn batches(self) -> std::ops::Range<usize> {
        0..self.source.len().div_ceil(BATCH)
    }
}

/// The largest magnitude of values: one look at a batch, two steps a voxel.
#[inline(always)]
fn largest_magnitude<T: Voxel>(values: &[T; BATCH]) -> T::Magnitude {
    let mut largest = T::ZERO.magnitude();
    // A length that the compiler does not know: it would unroll all steps, and run
    // out of registers.
    for value in &values[..black_box(BATCH)] {
        largest = largest.max(value.magnitude());
    }
    largest
}

struct Size<'a, T> {
    values: Voxels<'a, T>,
    size: &'a mut u64,
}

impl<T: Voxel> Loop for Size<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { values, size } = self;
        for number in values.batches() {
            let (_, counted) = values.batch(number);
            *size += counted.iter().map(|counted| u64::from(*counted)).sum::<u64>();
        }
    }
}

struct Collect<'a, T: Voxel> {
    values: Voxels<'a, T>,
    low: T::Magnitude,
    high: T::Magnitude,
    found: &'a mut Collected<T>,
}

/// What is found in a slab of the map.
struct Collected<T: Voxel> {
    /// The values in the range; one of them, if the range is a single value.
    values: Vec<T::Magnitude>,
    /// The smallest of those above.
    larger: Option<T::Magnitude>,
    /// How many are in the range or above.
    reach: u64,
    above: u64,
}

impl<T: Voxel> Loop for Collect<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { values, low, high, found } = self;
        for number in values.batches() {
            if values.are_below(number, low) {
                continue;
            }
            let (magnitudes, counted) = values.batch(number);
            let blocks = magnitudes.as_chunks::<WORD_BITS>().0.iter().zip(counted.as_chunks().0);
            for (magnitudes, counted) in blocks {
                let counted = bits::of(counted, |counted| counted);
                let reach = bits::of(magnitudes, |magnitude| magnitude >= low) & counted;
                let above = bits::of(magnitudes, |magnitude| magnitude > high) & counted;
                found.reach += u64::from(reach.count_ones());
                found.above += u64::from(above.count_ones());
                bits::for_each(above, |position| {
                    let value = magnitudes[position as usize];
                    found.larger = Some(found.larger.map_or(value, |larger| larger.min(value)));
                });
                if low < high || found.values.is_empty() {
                    bits::for_each(reach & !above, |position| {
                        found.values.push(magnitudes[position as usize]);
                    });
                }
            }
        }
    }
}

/// A bound of a range of magnitudes of this type.
fn limit<T: Voxel>(bound: u64) -> T::Magnitude {
    T::Magnitude::try_from(bound).unwrap_or(T::LARGEST_MAGNITUDE)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use ndarray::Array3;

    use super::*;

    fn percentile<T: Voxel>(values: &[T], percent: f64) -> Option<f64> {
        let map = Array3::from_shape_vec((values.len(), 1, 1), values.to_vec()).unwrap();
        let population = Population::Magnitudes;
        Magnitudes { series: map.view().insert_axis(Axis(3)), mask: None, population }
            .percentile(percent)
            .unwrap()
    }

    #[test]
    fn between_two_values() {
        let values = [100_u8, 1, 2];
        assert_eq!(percentile(&values, 0.0), Some(1.0));
        assert_eq!(percentile(&values, 25.0), Some(1.5));
        assert_eq!(percentile(&values, 50.0), Some(2.0));
        assert_eq!(percentile(&values, 100.0), Some(100.0));
        assert_eq!(percentile::<u8>(&[], 50.0), None);
    }

    /// By sorting, with the same arithmetic.
    fn by_sorting(values: &[f32], percent: f64) -> f64 {
        let mut sorted: Vec<_> = values.iter().map(|value| f64::from(value.abs())).collect();
        sorted.sort_by(f64::total_cmp);
        let position = percent / 100.0 * (sorted.len() - 1) as f64;
        let rank = (0..sorted.len()).rfind(|&rank| rank as f64 <= position).unwrap();
        let (lower_weight, upper_weight) = ((rank + 1) as f64 - position, position - rank as f64);
        let upper = sorted[(rank + 1).min(sorted.len() - 1)];
        let sum = sorted[rank] * lower_weight + upper * upper_weight;
        sum / (lower_weight + upper_weight)
    }

    #[test]
    fn a_guess_is_right_or_not_used() {
        fn magnitudes(map: &Array3<f32>) -> Magnitudes<'_, f32> {
            let population = Population::Magnitudes;
            Magnitudes { series: map.view().insert_axis(Axis(3)), mask: None, population }
        }
        let gathered = |map: &Magnitudes<'_, f32>, rank| map.near(map.size(), rank).values.len();
        let map = |values: &[f32]| Array3::from_shape_vec((40, 40, 40), values.to_vec()).unwrap();

        let mixed: Vec<_> =
            (0..64_000_u32).map(|place| (place * 7919 % 64_000) as f32 - 20_000.0).collect();
        // All different, so that a sample says which places it was taken from.
        let places: Vec<_> = (0..64_000_u16).map(f32::from).collect();
        let sampled: HashSet<_> = magnitudes(&map(&places)).sample().into_iter().collect();
        let mislead = |(&place, &value): (&f32, &f32)| {
            if sampled.contains(&place.to_bits()) { 1e6 + place } else { value }
        };
        let misleading: Vec<_> = places.iter().zip(&mixed).map(mislead).collect();
        for percent in [0.0, 0.01, 5.0, 33.3, 50.0, 90.0, 95.0, 99.99, 100.0] {
            assert_eq!(percentile(&mixed, percent), Some(by_sorting(&mixed, percent)));
            assert_eq!(percentile(&misleading, percent), Some(by_sorting(&misleading, percent)));
        }
        let (whole, mask) = (map(&mixed), Array3::from_shape_fn((40, 40, 40), |(x, ..)| x % 3 > 0));
        let masked = mixed.iter().zip(&mask).filter(|(_, inside)| **inside);
        let masked: Vec<_> = masked.map(|(value, _)| *value).collect();
        let not_negative = |values: &[f32]| -> Vec<_> {
            values.iter().copied().filter(|value| *value >= 0.0).collect()
        };
        for (mask, values) in [(None, &mixed), (Some(mask.view()), &masked)] {
            for (population, values) in [
                (Population::Magnitudes, values.clone()),
                (Population::NotNegative, not_negative(values)),
            ] {
                let some =
                    Magnitudes { series: whole.view().insert_axis(Axis(3)), mask, population };
                assert_eq!(some.size(), values.len() as u64);
                assert_eq!(some.percentile(95.0), Ok(Some(by_sorting(&values, 95.0))));
                assert!(gathered(&some, some.size() * 95 / 100) < values.len() / FEW);
            }
        }
        assert!(gathered(&magnitudes(&map(&mixed)), 60_000) < 64_000 / FEW);
        assert!(gathered(&magnitudes(&map(&misleading)), 30_000) > 64_000 / FEW);
    }

    #[test]
    fn equal_values_are_not_gathered() {
        for distinct in 1..=9_u8 {
            let values: Vec<_> = (0..distinct).cycle().take(30_000).collect();
            let map = Array3::from_shape_vec((30, 10, 100), values.clone()).unwrap();
            let population = Population::Magnitudes;
            let map =
                Magnitudes { series: map.view().insert_axis(Axis(3)), mask: None, population };
            let mut sorted = values;
            sorted.sort_unstable();
            for rank in (0..30_000).step_by(999).chain([29_999]) {
                let near = map.near(30_000, rank as u64);
                assert!(near.has(rank as u64) && near.are_equal);
                assert_eq!(near.values[0], sorted[rank]);
            }
        }
    }

    #[test]
    fn close_values_among_many_are_told_apart() {
        let close: Vec<f64> = (0..1000).map(|step| 1.0 + f64::from(step) * f64::EPSILON).collect();
        assert_eq!(percentile(&close, 50.0), Some(f64::midpoint(close[499], close[500])));
        let mut integers: Vec<i64> = (0..999).map(|value| value - 500).collect();
        integers.push(i64::MIN);
        assert_eq!(percentile(&integers, 100.0), Some(2.0_f64.powi(63)));
        assert_eq!(percentile(&integers, 0.0), Some(0.0));
    }
}
