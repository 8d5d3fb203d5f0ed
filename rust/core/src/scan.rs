//! Which voxels pass.
//!
//! The one pass over the values of a map. It says which voxels pass, as bits,
//! writes those that do, finds their range, and sees values that are not finite.

use std::ops::Range;

use ndarray::{ArrayView3, Axis};

use crate::bits;
use crate::criterion::Criterion;
use crate::group::{GROUP, Groups, any, clear};
use crate::instructions::{Loop, widest};
use crate::interleaved::{self, Volumes};
use crate::parallel;
use crate::runs::{PlaneBits, Word};
use crate::summary::{Extremes, Summary};
use crate::volume::{Out, Plane, Target, visit_planes};
use crate::voxel::Voxel;

/// What a scan finds beside what passes.
#[derive(Clone, Copy)]
pub(crate) struct Found<T: Voxel> {
    /// Of the groups that have been looked at, and of zeros for the others.
    pub(crate) extremes: Extremes<T>,
    /// Whether anything that was read is not finite.
    pub(crate) has_non_finite: bool,
}

impl<T: Voxel> Found<T> {
    pub(crate) const NOTHING: Self = Self { extremes: Extremes::NONE, has_non_finite: false };

    /// What the scans of all parts of a volume found together, with the range of the voxels
    /// that pass, and of zeros for those that do not.
    pub(crate) fn of_all(parts: impl IntoIterator<Item = Self>, criterion: Criterion<T>) -> Self {
        let all = parts.into_iter().fold(Self::NOTHING, |all, part| Self {
            extremes: all.extremes.merge(part.extremes),
            has_non_finite: all.has_non_finite | part.has_non_finite,
        });
        Self { extremes: all.extremes.of_passing(criterion), ..all }
    }

    pub(crate) fn summary(self) -> Summary {
        Summary::new(self.extremes, self.has_non_finite)
    }
}

/// How many voxels are looked at to tell a smooth map from one that is not.
const SAMPLE: usize = 256;

/// About how many runs of a volume pass, from a sample of its voxels.
pub(crate) fn estimated_runs<T: Voxel>(
    volume: ArrayView3<'_, T>,
    criterion: Criterion<T>,
) -> usize {
    let (_, rows, row_length) = volume.dim();
    let begin_a_run = (0..SAMPLE).filter(|number| {
        // Anywhere, and the same each time: Knuth's multiplicative hash.
        let voxel = number * 2_654_435_761 % volume.len();
        let (row, position) = (voxel / row_length, voxel % row_length);
        let passes = |position: usize| {
            let value = volume[[row / rows, row % rows, position]];
            value.is_finite() && criterion.passes(value)
        };
        passes(position) && !(position > 0 && passes(position - 1))
    });
    begin_a_run.count() * volume.len() / SAMPLE
}

/// Writes the voxels that pass; all others become zero. Nothing else is found.
pub(crate) fn write_passing<T: Voxel>(
    target: Target<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    criterion: Criterion<T>,
) -> Found<T> {
    let thickness = parallel::slab_thickness(target.source().len_of(Axis(0)));
    let found = visit_planes(
        target,
        mask,
        thickness,
        |_| Found::NOTHING,
        |found, plane| widest(Scan { plane, criterion, bits: None, found }),
    );
    Found::of_all(found, criterion)
}

/// The same for some volumes of a series that lie interleaved, all together.
pub(crate) fn write_passing_of_all<T: Voxel>(
    volumes: Volumes<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    criterion: Criterion<T>,
) -> Found<T> {
    let thickness = parallel::slab_thickness(volumes.dim().0);
    let found = interleaved::visit_planes(
        volumes,
        mask,
        thickness,
        |_| Found::NOTHING,
        |found, plane| widest(Scan { plane, criterion, bits: None, found }),
    );
    Found::of_all(found.into_iter().flatten(), criterion)
}

/// The scan of a plane.
///
/// ```text
/// for each group of 64 voxels, whatever row they belong to:
///     where none is larger than the limit, all of them are zero
///     else write the voxels that pass,
///          bits = which voxels pass, one bit each for each sign
/// ```
///
/// Nothing branches on a voxel, only on a group, so smooth maps cost a few steps a
/// voxel that all vectorise, however short their rows are.
pub(crate) struct Scan<'a, T: Voxel> {
    pub(crate) plane: Plane<'a, T>,
    pub(crate) criterion: Criterion<T>,
    /// Which voxels pass, to fill.
    pub(crate) bits: Option<&'a mut PlaneBits>,
    pub(crate) found: &'a mut Found<T>,
}

impl<T: Voxel> Loop for Scan<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(mut self) {
        let (criterion, groups) = (self.criterion, Groups::of(self.plane.source, self.plane.mask));
        let mut clean = [T::ZERO; GROUP];
        let mut has_empty = false;
        let mut number = 0;
        for part in groups.parts() {
            for values in part {
                let group = number;
                number += 1;
                let is_suspect = any(values, |value| criterion.is_suspect(value));
                if !(is_suspect | criterion.keeps_zeros()) {
                    has_empty = true;
                    if let Some(bits) = &mut self.bits {
                        bits.set_empty(group);
                    }
                    if let Out::Any(out) = &mut self.plane.out {
                        clear(&mut out[groups.voxels(group)]);
                    }
                    continue;
                }
                let is_finite = !any(values, |value| !value.is_finite());
                self.found.has_non_finite |= !is_finite;
                let mask = groups.mask(group);
                if is_finite & mask.is_none() {
                    // A copy of its own, so that the values stay in registers: nothing
                    // that is written can change them.
                    self.look_at(&{ *values }, group, groups.voxels(group));
                } else {
                    // What must not pass is zero in a copy: values that are not finite,
                    // and those outside the mask.
                    clean_up(values, mask.as_ref(), &mut clean);
                    self.look_at(&clean, group, groups.voxels(group));
                }
            }
        }
        if has_empty {
            self.found.extremes.add_one(T::ZERO);
        }
    }
}

impl<T: Voxel> Scan<'_, T> {
    /// Looks at a group of which any may pass; all are finite.
    #[inline(always)]
    fn look_at(&mut self, values: &[T; GROUP], group: usize, voxels: Range<usize>) {
        self.found.extremes.add(values);
        if let Some(bits) = &mut self.bits {
            let counted = bits::first(voxels.len());
            bits.set(group, passing(values, self.criterion).map(|bits| bits & counted));
        }
        if let Out::Any(out) | Out::Zeros(out) = &mut self.plane.out {
            let out = &mut out[voxels];
            if let Some(out) = out.first_chunk_mut() {
                keep(values, self.criterion, out);
            } else {
                let mut kept = [T::ZERO; GROUP];
                keep(values, self.criterion, &mut kept);
                out.copy_from_slice(&kept[..out.len()]);
            }
        }
    }
}

/// Copies a group with zeros for what must not pass. Not part of the loop, which is
/// better off without it.
#[inline(never)]
fn clean_up<T: Voxel>(values: &[T; GROUP], mask: Option<&[bool; GROUP]>, clean: &mut [T; GROUP]) {
    *clean = values.map(T::finite_or_zero);
    if let Some(mask) = mask {
        for (value, inside) in clean.iter_mut().zip(mask) {
            *value = if *inside { *value } else { T::ZERO };
        }
    }
}

/// Which voxels of a group pass, on the positive side and on the negative; all are
/// finite.
#[inline(always)]
fn passing<T: Voxel>(values: &[T; GROUP], criterion: Criterion<T>) -> Word {
    let positive = bits::of(values, |value| criterion.passes_positive(value));
    let negative = bits::of(values, |value| criterion.passes_negative(value));
    [positive, negative]
}

/// Copies a group with zeros for what does not pass. Compared anew, which is faster
/// than to fetch what was found before.
#[inline(always)]
fn keep<T: Voxel>(values: &[T; GROUP], criterion: Criterion<T>, kept: &mut [T; GROUP]) {
    for (kept, &value) in kept.iter_mut().zip(values) {
        *kept = if criterion.passes(value) { value } else { T::ZERO };
    }
    if criterion.keeps_zeros() {
        for (kept, &value) in kept.iter_mut().zip(values) {
            *kept = if value == T::ZERO { value } else { *kept };
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;

    #[test]
    fn estimates_of_runs() {
        let criterion = Criterion::new(1.0, true).unwrap();
        let estimate = |passes: fn(usize) -> bool| {
            let map = Array3::from_shape_fn((20, 30, 40), |(.., x)| f32::from(u8::from(passes(x))));
            estimated_runs(map.view(), criterion)
        };
        assert_eq!(estimate(|_| false), 0);
        // One in each row, and twenty.
        assert!((300..1200).contains(&estimate(|_| true)), "{}", estimate(|_| true));
        assert!((10_000..14_000).contains(&estimate(|x| x % 2 == 0)));
    }
}
