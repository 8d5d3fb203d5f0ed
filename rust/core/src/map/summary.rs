//! The range of a map, and whether it holds values that are no numbers.

use std::array::from_fn;

use ndarray::{ArrayView3, ArrayViewD, Axis};

use crate::error::Result;
use crate::map::series::pooled;
use crate::map::volume::{MemoryOrder, Plane, Target, visit_stretches};
use crate::parallel;
use crate::simd::chunk::{CHUNK, any, chunk_at, padded_chunk};
use crate::simd::dispatch::{Loop, dispatch};
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

    /// Of a volume in memory order. Reads each voxel once, from the cache once more.
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

/// The range of a map in a mask, and whether the map holds non-finite values.
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

/// The smallest and the largest of some finite values, in lanes, so that values are
/// compared many at a time. Not every type uses all of them.
#[derive(Clone, Copy)]
pub(crate) struct Extremes<T> {
    smallest: [T; LANES],
    largest: [T; LANES],
}

const LANES: usize = 32;

impl<T: Voxel> Extremes<T> {
    /// Of no values.
    pub(crate) const NONE: Self =
        Self { smallest: [T::RANGE.1; LANES], largest: [T::RANGE.0; LANES] };

    /// Adds values that are finite.
    #[inline(always)]
    pub(crate) fn add(&mut self, values: &[T; CHUNK]) {
        let Self { mut smallest, mut largest } = *self;
        for values in values.chunks_exact(T::LANES) {
            for lane in 0..T::LANES {
                smallest[lane] = smaller(smallest[lane], values[lane]);
                largest[lane] = larger(largest[lane], values[lane]);
            }
        }
        *self = Self { smallest, largest };
    }

    /// Adds a value that is finite.
    #[inline(always)]
    pub(crate) fn add_one(&mut self, value: T) {
        self.smallest[0] = smaller(self.smallest[0], value);
        self.largest[0] = larger(self.largest[0], value);
    }

    /// The same with each bound replaced, by what does not change their order.
    pub(crate) fn map(self, with: impl Fn(T) -> T) -> Self {
        Self { smallest: self.smallest.map(&with), largest: self.largest.map(&with) }
    }

    pub(crate) fn merge(self, other: Self) -> Self {
        Self {
            smallest: from_fn(|lane| smaller(self.smallest[lane], other.smallest[lane])),
            largest: from_fn(|lane| larger(self.largest[lane], other.largest[lane])),
        }
    }

    /// Whether a range without some values, those of `other`, and with zeros instead
    /// is the same.
    pub(crate) fn stays_without(&self, other: Self) -> bool {
        let ((smallest, largest), others) = (self.range(), other.range());
        let smallest_stays = smallest == T::ZERO || smallest < others.0;
        let largest_stays = largest == T::ZERO || largest > others.1;
        smallest_stays && largest_stays
    }

    /// `(infinity, -infinity)` for no values.
    pub(crate) fn to_f64(self) -> (f64, f64) {
        let (smallest, largest) = self.range();
        if smallest > largest {
            return (f64::INFINITY, f64::NEG_INFINITY);
        }
        // Without the sign of a negative zero.
        (smallest.to_f64() + 0.0, largest.to_f64() + 0.0)
    }

    fn range(&self) -> (T, T) {
        let smallest = self.smallest.into_iter().fold(T::RANGE.1, smaller);
        (smallest, self.largest.into_iter().fold(T::RANGE.0, larger))
    }
}

#[inline(always)]
fn smaller<T: Voxel>(a: T, b: T) -> T {
    if b < a { b } else { a }
}

#[inline(always)]
fn larger<T: Voxel>(a: T, b: T) -> T {
    if b > a { b } else { a }
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
