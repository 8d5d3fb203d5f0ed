//! Which voxels pass.
//!
//! The one pass over the values of a map. It says which voxels pass, as bits, writes those
//! that do, finds their range, and sees values that are not finite.
//!
//! ```text
//! for each chunk of 64 voxels, whatever row they belong to:
//!     where no absolute value is above the limit, all of them become zero
//!     else write the voxels that pass,
//!          bits = which voxels pass, one bit each for each sign
//! ```
//!
//! Nothing branches on a voxel, only on a chunk, so smooth maps cost a few steps a voxel
//! that all vectorise, however short their rows are.

// How the loop became what it is (benches/rust/stages.rs, "threshold" and "find"):
//
// - Chunks, not rows. A plane is one straight line of chunks. Rejected: a look at each row,
//   where a short row costs as much as a long one; the largest magnitude of a chunk in place
//   of an OR of compares, with which float64 takes longer.
// - A chunk that is looked at more closely is copied first, so that it stays in registers.
//   So does the range of what has been looked at, which no step but one touches: to note a
//   zero in its first lane took it apart.
// - The loop has nothing in it that can be done elsewhere. What does not fill a chunk is
//   padded before; planes that follow one another come as one where no bits are wanted; and
//   at a value that is not finite the loop stops and a second instance of it, which cleans
//   each chunk, does the next 64. With a mask that one does them all. Rejected: one loop that
//   cleans (5 to 15 % longer on small maps and small types, benches/record/choices.md); a
//   call of what cleans within the loop, which takes the registers away (a fifth longer).
// - A chunk that is zero in the result already is not written, which spares memory a third
//   of its traffic.
// - Values are written at once and what is too small is erased in the end (erase.rs): on a
//   smooth map that is little. Rejected: to copy the runs that are kept in a second pass,
//   which reads the map twice.
// - Rejected: to link each word as soon as it is known, in this loop (6 to 9 % longer); to
//   find the chunks of a block that hold something before any is written (faster without
//   clusters, slower with them).

use ndarray::{ArrayView3, Axis};

use crate::map::interleaved::{self, InterleavedVolumes};
use crate::map::summary::Summary;
use crate::map::volume::{Out, Plane, Target, visit_stretches};
use crate::parallel;
use crate::request::Threshold;
use crate::runs::list::{PlaneBits, Word};
use crate::simd::bits;
use crate::simd::chunk::{CHUNK, any, clear, padded_chunk};
use crate::simd::dispatch::{Loop, dispatch, fetch_ahead};
use crate::simd::extremes::Extremes;
use crate::voxel::Voxel;

/// What a scan finds beside the voxels that pass.
#[derive(Clone, Copy)]
pub(crate) struct Scanned<T: Voxel> {
    /// The range of the chunks that were looked at; in the end, of what was written.
    pub(crate) extremes: Extremes<T>,
    /// Whether some chunks were skipped because no voxel in them passes.
    has_skipped: bool,
    /// Whether anything that was read is not finite.
    pub(crate) has_non_finite: bool,
}

impl<T: Voxel> Scanned<T> {
    pub(crate) const NOTHING: Self =
        Self { extremes: Extremes::NONE, has_skipped: false, has_non_finite: false };

    /// What all scans of a volume found together, with the range of the voxels
    /// that pass, and of zeros for those that do not.
    pub(crate) fn of_all(scans: impl IntoIterator<Item = Self>, threshold: Threshold<T>) -> Self {
        let all = scans.into_iter().fold(Self::NOTHING, |all, scan| Self {
            extremes: all.extremes.merge(scan.extremes),
            has_skipped: all.has_skipped | scan.has_skipped,
            has_non_finite: all.has_non_finite | scan.has_non_finite,
        });
        // If the largest value does not pass, no other passes above zero.
        let kept = |value| if threshold.passes(value) { value } else { T::ZERO };
        let mut extremes = all.extremes.map(kept);
        if all.has_skipped {
            extremes.add_one(T::ZERO);
        }
        Self { extremes, ..all }
    }

    pub(crate) fn summary(self) -> Summary {
        Summary::new(self.extremes, self.has_non_finite)
    }
}

/// Writes the voxels that pass; all others become zero. No bits are made.
pub(crate) fn write_passing<T: Voxel>(
    target: Target<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    threshold: Threshold<T>,
) -> Scanned<T> {
    let thickness = parallel::slab_thickness(target.source().len_of(Axis(0)));
    let scans = visit_stretches(
        target,
        mask,
        thickness,
        || Scanned::NOTHING,
        |scanned, plane| Scan { threshold, bits: None, scanned }.plane(plane),
    );
    Scanned::of_all(scans, threshold)
}

/// Does the same for some volumes that lie interleaved, all together.
pub(crate) fn write_passing_of_all<T: Voxel>(
    volumes: InterleavedVolumes<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    threshold: Threshold<T>,
) -> Scanned<T> {
    let thickness = parallel::slab_thickness(volumes.dim().0);
    let scans = interleaved::visit_planes(
        volumes,
        mask,
        thickness,
        |_| Scanned::NOTHING,
        |scanned, plane| Scan { threshold, bits: None, scanned }.plane(plane),
    );
    Scanned::of_all(scans.into_iter().flatten(), threshold)
}

/// The scan of a plane.
pub(crate) struct Scan<'a, T: Voxel> {
    pub(crate) threshold: Threshold<T>,
    /// To be filled with the bits of the voxels that pass; empty as yet.
    pub(crate) bits: Option<&'a mut PlaneBits>,
    pub(crate) scanned: &'a mut Scanned<T>,
}

/// Some chunks of a plane, one after the other.
struct ChunkSpan<'a, T> {
    /// The number of the first.
    first: usize,
    values: &'a [[T; CHUNK]],
    /// Where they are written to; empty where they are not.
    out: &'a mut [[T; CHUNK]],
    /// Whether that holds zeros, which need not be written.
    is_zero: bool,
}

impl<T> ChunkSpan<'_, T> {
    /// The chunks from one on, `count` of them at most.
    fn from(&mut self, start: usize, count: usize) -> ChunkSpan<'_, T> {
        let end = self.values.len().min(start.saturating_add(count));
        ChunkSpan {
            first: self.first + start,
            values: &self.values[start..end],
            out: self.out.get_mut(start..end).unwrap_or_default(),
            is_zero: self.is_zero,
        }
    }
}

/// In how many chunks, from one on that holds a value that is not finite, more of them
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
        self.span(ChunkSpan { first: 0, values, out, is_zero }, mask.map(|(mask, _)| mask));
        if rest.is_empty() {
            return;
        }
        // The last chunk, padded.
        let values = &[padded_chunk(rest, T::ZERO)];
        let mask = mask.map(|(_, rest)| [padded_chunk(rest, false)]);
        let mut out = [[T::ZERO; CHUNK]];
        let written = if rest_of_out.is_empty() { &mut [][..] } else { &mut out };
        let span = ChunkSpan { first, values, out: written, is_zero: true };
        self.span(span, mask.as_ref().map(|mask| &mask[..]));
        rest_of_out.copy_from_slice(&out[0][..rest_of_out.len()]);
        if let Some(bits) = self.bits {
            bits.keep_first(first, rest.len());
        }
    }

    fn span(&mut self, mut span: ChunkSpan<'_, T>, mask: Option<&[[bool; CHUNK]]>) {
        if mask.is_some() {
            dispatch(ScanChunks::<_, true> { scan: self, span, mask });
            return;
        }
        let (count, mut done) = (span.values.len(), 0);
        while done < count {
            let rest = span.from(done, count);
            done += dispatch(ScanChunks::<_, false> { scan: self, span: rest, mask });
            if done < count {
                let near = span.from(done, NEAR);
                done += dispatch(ScanChunks::<_, true> { scan: self, span: near, mask });
            }
        }
    }
}

/// The loop over chunks. It cleans them or stops at the first value that is not finite,
/// because it is slower with the steps that clean in it.
struct ScanChunks<'a, 'b, T: Voxel, const CLEANS: bool> {
    scan: &'a mut Scan<'b, T>,
    span: ChunkSpan<'a, T>,
    mask: Option<&'a [[bool; CHUNK]]>,
}

impl<T: Voxel, const CLEANS: bool> Loop for ScanChunks<'_, '_, T, CLEANS> {
    /// How many chunks have been scanned.
    type Output = usize;

    #[inline(always)]
    fn call(self) -> usize {
        let Self { scan, span, mask } = self;
        let (threshold, keeps_zeros) = (scan.threshold, scan.threshold.keeps_zeros());
        let (mut extremes, mut has_skipped) = (scan.scanned.extremes, false);
        let mut number = 0;
        while let Some(values) = span.values.get(number) {
            fetch_ahead(values);
            if !span.is_zero {
                fetch_ahead(&span.out[number]);
            }
            if !(any(values, |value| threshold.is_suspect(value)) | keeps_zeros) {
                has_skipped = true;
                if !span.is_zero {
                    clear(&mut span.out[number]);
                }
                number += 1;
                continue;
            }
            // A copy of its own, so that the values stay in registers: nothing that is
            // written can change them.
            let mut values = *values;
            let is_finite = !any(&values, |value| !value.is_finite());
            if CLEANS {
                scan.scanned.has_non_finite |= !is_finite;
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
                bits.set(span.first + number, passing(&values, threshold));
            }
            if let Some(out) = span.out.get_mut(number) {
                keep(&values, threshold, out);
            }
            number += 1;
        }
        scan.scanned.extremes = extremes;
        scan.scanned.has_skipped |= has_skipped;
        number
    }
}

/// Which voxels of a chunk pass, on the positive side and on the negative; all are
/// finite.
#[inline(always)]
fn passing<T: Voxel>(values: &[T; CHUNK], threshold: Threshold<T>) -> Word {
    let positive = bits::of(values, |value| threshold.passes_positive(value));
    let negative = bits::of(values, |value| threshold.passes_negative(value));
    // No voxel is both, also where another thread writes to the map: the runs rest on it.
    [positive, negative & !positive]
}

/// Copies a chunk with zeros for what does not pass. Compared anew, which is faster
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
