//! Which voxels pass.
//!
//! The one pass over the values of a map. It says which voxels pass, as bits,
//! writes those that do, finds their range, and sees values that are not finite.

use ndarray::{ArrayView3, Axis};

use crate::map::interleaved::{self, Volumes};
use crate::map::summary::{Extremes, Summary};
use crate::map::volume::{Out, Plane, Target, visit_stretches};
use crate::parallel;
use crate::request::Threshold;
use crate::runs::list::{PlaneBits, Word};
use crate::simd::bits;
use crate::simd::chunk::{CHUNK, any, clear, padded_chunk};
use crate::simd::dispatch::{Loop, dispatch, fetch_ahead};
use crate::voxel::Voxel;

/// What a scan finds beside what passes.
#[derive(Clone, Copy)]
pub(crate) struct Found<T: Voxel> {
    /// Of the groups that have been looked at; in the end, of what has been written.
    pub(crate) extremes: Extremes<T>,
    /// Whether there are others, of which no voxel passes.
    has_empty: bool,
    /// Whether anything that was read is not finite.
    pub(crate) has_non_finite: bool,
}

impl<T: Voxel> Found<T> {
    pub(crate) const NOTHING: Self =
        Self { extremes: Extremes::NONE, has_empty: false, has_non_finite: false };

    /// What the scans of all parts of a volume found together, with the range of the voxels
    /// that pass, and of zeros for those that do not.
    pub(crate) fn of_all(parts: impl IntoIterator<Item = Self>, threshold: Threshold<T>) -> Self {
        let all = parts.into_iter().fold(Self::NOTHING, |all, part| Self {
            extremes: all.extremes.merge(part.extremes),
            has_empty: all.has_empty | part.has_empty,
            has_non_finite: all.has_non_finite | part.has_non_finite,
        });
        let mut extremes = all.extremes.of_passing(threshold);
        if all.has_empty {
            extremes.add_one(T::ZERO);
        }
        Self { extremes, ..all }
    }

    pub(crate) fn summary(self) -> Summary {
        Summary::new(self.extremes, self.has_non_finite)
    }
}

/// Writes the voxels that pass; all others become zero. Nothing else is found.
pub(crate) fn write_passing<T: Voxel>(
    target: Target<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    threshold: Threshold<T>,
) -> Found<T> {
    let thickness = parallel::slab_thickness(target.source().len_of(Axis(0)));
    let found = visit_stretches(
        target,
        mask,
        thickness,
        || Found::NOTHING,
        |found, plane| Scan { threshold, bits: None, found }.plane(plane),
    );
    Found::of_all(found, threshold)
}

/// The same for some volumes of a series that lie interleaved, all together.
pub(crate) fn write_passing_of_all<T: Voxel>(
    volumes: Volumes<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    threshold: Threshold<T>,
) -> Found<T> {
    let thickness = parallel::slab_thickness(volumes.dim().0);
    let found = interleaved::visit_planes(
        volumes,
        mask,
        thickness,
        |_| Found::NOTHING,
        |found, plane| Scan { threshold, bits: None, found }.plane(plane),
    );
    Found::of_all(found.into_iter().flatten(), threshold)
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
    pub(crate) threshold: Threshold<T>,
    /// Which voxels pass, to fill; nothing passes in it as yet.
    pub(crate) bits: Option<&'a mut PlaneBits>,
    pub(crate) found: &'a mut Found<T>,
}

/// Some groups of a plane.
struct Part<'a, T> {
    /// The number of the first.
    first: usize,
    values: &'a [[T; CHUNK]],
    /// Where they are written to; empty where they are not.
    out: &'a mut [[T; CHUNK]],
    /// Whether that holds zeros, which need not be written.
    is_zero: bool,
}

impl<T> Part<'_, T> {
    /// The groups from one on, `count` of them at most.
    fn from(&mut self, start: usize, count: usize) -> Part<'_, T> {
        let end = self.values.len().min(start.saturating_add(count));
        Part {
            first: self.first + start,
            values: &self.values[start..end],
            out: self.out.get_mut(start..end).unwrap_or_default(),
            is_zero: self.is_zero,
        }
    }
}

/// In how many groups, from one on that holds a value that is not finite, more of them
/// are looked for.
const NEAR: usize = 64;

impl<T: Voxel> Scan<'_, T> {
    pub(crate) fn plane(mut self, plane: Plane<'_, T>) {
        let Plane { source, mask, out } = plane;
        let (out, is_zero) = match out {
            Out::None => (&mut [][..], true),
            Out::Any(out) => (out, false),
            Out::Zeros(out) => (out, true),
        };
        let ((values, rest), (out, rest_of_out)) = (source.as_chunks(), out.as_chunks_mut());
        let first = values.len();
        let mask = mask.map(<[bool]>::as_chunks);
        self.part(Part { first: 0, values, out, is_zero }, mask.map(|(mask, _)| mask));
        if rest.is_empty() {
            return;
        }
        // Filled up with the last voxel, which changes no range.
        let values = &[padded_chunk(rest, T::ZERO)];
        let mask = mask.map(|(_, rest)| [padded_chunk(rest, false)]);
        let mut out = [[T::ZERO; CHUNK]];
        let written = if rest_of_out.is_empty() { &mut [][..] } else { &mut out };
        let part = Part { first, values, out: written, is_zero: true };
        self.part(part, mask.as_ref().map(|mask| &mask[..]));
        rest_of_out.copy_from_slice(&out[0][..rest_of_out.len()]);
        if let Some(bits) = self.bits {
            bits.keep_first(first, rest.len());
        }
    }

    fn part(&mut self, mut part: Part<'_, T>, mask: Option<&[[bool; CHUNK]]>) {
        if mask.is_some() {
            dispatch(ScanPart::<_, true> { scan: self, part, mask });
            return;
        }
        let (count, mut done) = (part.values.len(), 0);
        while done < count {
            let rest = part.from(done, count);
            done += dispatch(ScanPart::<_, false> { scan: self, part: rest, mask });
            if done < count {
                let near = part.from(done, NEAR);
                done += dispatch(ScanPart::<_, true> { scan: self, part: near, mask });
            }
        }
    }
}

/// The loop over groups. It cleans them or stops at the first value that is not finite,
/// because it is slower with the steps that clean in it.
struct ScanPart<'a, 'b, T: Voxel, const CLEANS: bool> {
    scan: &'a mut Scan<'b, T>,
    part: Part<'a, T>,
    mask: Option<&'a [[bool; CHUNK]]>,
}

impl<T: Voxel, const CLEANS: bool> Loop for ScanPart<'_, '_, T, CLEANS> {
    /// How many groups have been scanned.
    type Output = usize;

    #[inline(always)]
    fn call(self) -> usize {
        let Self { scan, part, mask } = self;
        let (threshold, keeps_zeros) = (scan.threshold, scan.threshold.keeps_zeros());
        let (mut extremes, mut has_empty) = (scan.found.extremes, false);
        let mut number = 0;
        while let Some(values) = part.values.get(number) {
            fetch_ahead(values);
            if !part.is_zero {
                fetch_ahead(&part.out[number]);
            }
            if !(any(values, |value| threshold.is_suspect(value)) | keeps_zeros) {
                has_empty = true;
                if !part.is_zero {
                    clear(&mut part.out[number]);
                }
                number += 1;
                continue;
            }
            // A copy of its own, so that the values stay in registers: nothing that is
            // written can change them.
            let mut values = *values;
            let is_finite = !any(&values, |value| !value.is_finite());
            if CLEANS {
                scan.found.has_non_finite |= !is_finite;
                values = values.map(T::finite_or_zero);
                if let Some(mask) = mask {
                    for (value, inside) in values.iter_mut().zip(&mask[number]) {
                        *value = if *inside { *value } else { T::ZERO };
                    }
                }
            } else if !is_finite {
                break;
            }
            extremes.add(&values);
            if let Some(bits) = &mut scan.bits {
                bits.set(part.first + number, passing(&values, threshold));
            }
            if let Some(out) = part.out.get_mut(number) {
                keep(&values, threshold, out);
            }
            number += 1;
        }
        scan.found.extremes = extremes;
        scan.found.has_empty |= has_empty;
        number
    }
}

/// Which voxels of a group pass, on the positive side and on the negative; all are
/// finite.
#[inline(always)]
fn passing<T: Voxel>(values: &[T; CHUNK], threshold: Threshold<T>) -> Word {
    let positive = bits::of(values, |value| threshold.passes_positive(value));
    let negative = bits::of(values, |value| threshold.passes_negative(value));
    // No voxel is both, also where another thread writes to the map: the runs rest on it.
    [positive, negative & !positive]
}

/// Copies a group with zeros for what does not pass. Compared anew, which is faster
/// than to fetch what was found before.
#[inline(always)]
fn keep<T: Voxel>(values: &[T; CHUNK], threshold: Threshold<T>, kept: &mut [T; CHUNK]) {
    for (kept, &value) in kept.iter_mut().zip(values) {
        *kept = if threshold.passes(value) { value } else { T::ZERO };
    }
    if threshold.keeps_zeros() {
        for (kept, &value) in kept.iter_mut().zip(values) {
            *kept = if value == T::ZERO { value } else { *kept };
        }
    }
}
