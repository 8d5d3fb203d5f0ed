//! The range of a map, and whether it holds values that are no numbers.

use std::hint::black_box;
use std::ops::Range;

use ndarray::{ArrayView3, Axis};

use crate::instructions::{Loop, widest};
use crate::parallel;
use crate::volume::{Plane, Target, visit_planes};
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
        visit_planes(
            Target::Read(volume),
            mask,
            thickness,
            |_| (Extremes::NONE, false),
            |(extremes, has_non_finite), Plane { source, mask, .. }| {
                *has_non_finite |= widest(Summarise { source, mask, extremes });
            },
        )
        .into_iter()
        .map(|(extremes, has_non_finite)| Self::new(extremes, has_non_finite))
        .fold(Self::EMPTY, Self::merge)
    }
}

/// Values that are looked at as one.
pub(crate) const GROUP: usize = 128;

/// The smallest and the largest of some values, by their order.
#[derive(Clone, Copy)]
pub(crate) struct Extremes<T: Voxel> {
    smallest: T::Ordered,
    largest: T::Ordered,
}

impl<T: Voxel> Extremes<T> {
    /// Of no values.
    pub(crate) const NONE: Self = Self { smallest: T::ORDERED.1, largest: T::ORDERED.0 };

    /// Adds values that are finite.
    #[inline(always)]
    pub(crate) fn add(&mut self, values: &[T]) {
        let Self { mut smallest, mut largest } = *self;
        for value in &values[..black_box(values.len())] {
            smallest = smallest.min(value.ordered());
            largest = largest.max(value.ordered());
        }
        *self = Self { smallest, largest };
    }

    /// Adds a value that is finite.
    #[inline(always)]
    pub(crate) fn add_one(&mut self, value: T) {
        self.smallest = self.smallest.min(value.ordered());
        self.largest = self.largest.max(value.ordered());
    }

    /// Whether zero and all values up to a magnitude, whatever their sign, lie within.
    #[inline(always)]
    pub(crate) fn covers(self, magnitude: T::Magnitude) -> bool {
        let zero = T::ZERO.ordered();
        (self.smallest <= zero && zero <= self.largest)
            && magnitude <= T::from_ordered(self.smallest).magnitude()
            && magnitude <= T::from_ordered(self.largest).magnitude()
    }

    pub(crate) fn merge(self, other: Self) -> Self {
        Self {
            smallest: self.smallest.min(other.smallest),
            largest: self.largest.max(other.largest),
        }
    }

    /// Whether a range without some values, those of `other`, and with zeros instead
    /// is the same.
    pub(crate) fn stays_without(&self, other: Self) -> bool {
        let zero = T::ZERO.ordered();
        let smallest_stays = self.smallest == zero || self.smallest < other.smallest;
        let largest_stays = self.largest == zero || self.largest > other.largest;
        smallest_stays && largest_stays
    }

    /// `(infinity, -infinity)` for no values.
    pub(crate) fn to_f64(self) -> (f64, f64) {
        if self.smallest > self.largest {
            return (f64::INFINITY, f64::NEG_INFINITY);
        }
        // Without the sign of a negative zero.
        (
            T::from_ordered(self.smallest).to_f64() + 0.0,
            T::from_ordered(self.largest).to_f64() + 0.0,
        )
    }
}

/// The largest magnitude of values: one look at a group, two steps a voxel.
#[inline(always)]
pub(crate) fn largest_magnitude<T: Voxel>(values: &[T; GROUP]) -> T::Magnitude {
    let mut largest = T::ZERO.magnitude();
    // A length that the compiler does not know: it would unroll all steps, and run
    // out of registers.
    for value in &values[..black_box(GROUP)] {
        largest = largest.max(value.magnitude());
    }
    largest
}

/// A plane in groups. What does not fill a group is filled up with the last voxel,
/// which changes no range.
pub(crate) struct Groups<'a, T> {
    source: &'a [T],
    mask: Option<&'a [bool]>,
    /// The last group, if it had to be filled up.
    last: ([T; GROUP], [bool; GROUP]),
}

/// Some voxels of a plane.
pub(crate) struct Group<'a, T> {
    pub(crate) values: &'a [T; GROUP],
    pub(crate) mask: Option<&'a [bool; GROUP]>,
    /// The number of the first voxel, and one past that of the last that counts.
    pub(crate) voxels: Range<usize>,
}

impl<'a, T: Voxel> Groups<'a, T> {
    #[inline(always)]
    pub(crate) fn of(source: &'a [T], mask: Option<&'a [bool]>) -> Self {
        let rest = source.len() - source.len() % GROUP;
        let last = (
            filled_up(&source[rest..], T::ZERO),
            match mask {
                Some(mask) => filled_up(&mask[rest..], false),
                None => [false; GROUP],
            },
        );
        Self { source, mask, last }
    }

    pub(crate) fn count(&self) -> usize {
        self.source.len().div_ceil(GROUP)
    }

    // Not a closure that is called with each group: it would be called twice, for
    // the full ones and for the last, and then it would not become part of the loop.
    #[inline(always)]
    pub(crate) fn group(&self, number: usize) -> Group<'_, T> {
        let first = number * GROUP;
        let voxels = first..self.source.len().min(first + GROUP);
        let values = self.source[first..].first_chunk().unwrap_or(&self.last.0);
        let mask = self.mask.map(|mask| mask[first..].first_chunk().unwrap_or(&self.last.1));
        Group { values, mask, voxels }
    }
}

/// Values, filled up with the last of them, or with another if there are none.
#[inline(always)]
fn filled_up<T: Copy>(values: &[T], other: T) -> [T; GROUP] {
    let mut filled = [values.last().copied().unwrap_or(other); GROUP];
    filled[..values.len()].copy_from_slice(values);
    filled
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
        let mut has_non_finite = false;
        let groups = Groups::of(source, mask);
        for number in 0..groups.count() {
            let Group { values, mask, .. } = groups.group(number);
            let is_finite = largest_magnitude(values) <= T::LARGEST_MAGNITUDE;
            has_non_finite |= !is_finite;
            if is_finite && mask.is_none() {
                extremes.add(values);
                continue;
            }
            let mut finite = values.map(T::finite_or_zero);
            if let Some(mask) = mask {
                // What is outside counts as what is inside.
                let Some(first) = mask.iter().position(|inside| *inside) else { continue };
                let inside = finite[first];
                for position in 0..GROUP {
                    finite[position] = if mask[position] { finite[position] } else { inside };
                }
            }
            extremes.add(&finite);
        }
        has_non_finite
    }
}
