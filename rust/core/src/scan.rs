//! From voxels to runs, and on the way to the voxels that pass.
//!
//! The one pass over the values of a map. It says which voxels pass, as bits,
//! writes those that do, finds their range, and sees values that are not finite.

use std::hint::black_box;

use ndarray::{ArrayView3, Axis};

use crate::bits::{self, BITS};
use crate::criterion::Criterion;
use crate::error::Result;
use crate::instructions::{Loop, widest};
use crate::parallel;
use crate::runs::{Grid, PlaneMut, Runs, Slab, Word};
use crate::summary::{Extremes, GROUP, Groups, largest_magnitude};
use crate::volume::{Out, Plane, Target, visit_planes};
use crate::voxel::Voxel;

/// The runs of the voxels that pass and, if there is a mask, lie inside it.
///
/// `volume` and `mask` are in memory order. Reads each voxel once, and blocks in
/// which something may pass again from the cache; 3/8 of a byte a voxel are kept.
///
/// # Errors
///
/// A plane of 2³² voxels or more, or 2³² runs or more.
pub fn scan<T: Voxel>(
    volume: ArrayView3<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    criterion: Criterion<T>,
) -> Result<Runs> {
    Ok(scan_and_write(Target::Read(volume), mask, criterion)?.0)
}

/// What a scan finds beside the runs.
#[derive(Clone, Copy)]
pub(crate) struct Found<T: Voxel> {
    /// Of what was written.
    pub(crate) extremes: Extremes<T>,
    /// Whether anything that was read is not finite.
    pub(crate) has_non_finite: bool,
}

impl<T: Voxel> Found<T> {
    const NOTHING: Self = Self { extremes: Extremes::NONE, has_non_finite: false };

    fn merge(self, other: Self) -> Self {
        Self {
            extremes: self.extremes.merge(other.extremes),
            has_non_finite: self.has_non_finite | other.has_non_finite,
        }
    }
}

/// The same, and writes the voxels that pass; all others become zero.
pub(crate) fn scan_and_write<T: Voxel>(
    target: Target<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    criterion: Criterion<T>,
) -> Result<(Runs, Found<T>)> {
    let (planes, rows, row_length) = target.source().dim();
    let grid = Grid::new(rows, row_length)?;
    let planes_per_slab = parallel::slab_thickness(planes);
    let slabs = visit_planes(
        target,
        mask,
        planes_per_slab,
        |planes| (Slab::new(&grid, planes), Found::NOTHING),
        |(slab, found), plane| {
            let runs = Some(slab.next_plane(&grid));
            widest(Scan { plane, criterion, runs, found });
            slab.close_plane();
        },
    );
    let (slabs, found): (Vec<_>, Vec<_>) = slabs.into_iter().unzip();
    let found = found.into_iter().fold(Found::NOTHING, Found::merge);
    Ok((Runs::new(grid, planes_per_slab, slabs)?, found))
}

/// Writes the voxels that pass; all others become zero. No runs are found.
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
        |found, plane| widest(Scan { plane, criterion, runs: None, found }),
    );
    found.into_iter().fold(Found::NOTHING, Found::merge)
}

/// The scan of a plane.
///
/// ```text
/// for each group of 128 voxels, whatever row they belong to:
///     find the largest magnitude; where it does not pass, all of them are zero
///     else for each block of 64 voxels:
///         bits = which voxels pass, one bit each for each sign
///         write the voxels whose bit is set
///         count the runs that begin
/// ```
///
/// Nothing branches on a voxel, only on a group, so smooth maps cost a few steps a
/// voxel that all vectorise, however short their rows are.
struct Scan<'a, T: Voxel> {
    plane: Plane<'a, T>,
    criterion: Criterion<T>,
    /// The runs of the plane, to fill.
    runs: Option<PlaneMut<'a>>,
    found: &'a mut Found<T>,
}

impl<T: Voxel> Loop for Scan<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { plane: Plane { source, mask, mut out, .. }, criterion, mut runs, found } = self;
        let mut clean = [T::ZERO; GROUP];
        let groups = Groups::of(source, mask);
        for number in 0..groups.count() {
            let group = groups.group(number);
            let words = group.voxels.start / BITS..group.voxels.end.div_ceil(BITS);
            let largest = largest_magnitude(group.values);
            found.has_non_finite |= largest > T::LARGEST_MAGNITUDE;
            if !(criterion.may_pass(largest) | criterion.keeps_zeros()) {
                found.extremes.add(&[T::ZERO]);
                if let Some(runs) = &mut runs {
                    runs.add_empty(words);
                }
                if let Out::Any(out) = &mut out {
                    // A length that is known costs no call.
                    match out[group.voxels.start..].first_chunk_mut::<GROUP>() {
                        Some(out) => *out = [T::ZERO; GROUP],
                        None => out[group.voxels].fill(T::ZERO),
                    }
                }
                continue;
            }
            // What must not pass is zero in a copy: values that are not finite, and
            // those outside the mask.
            let mut values = group.values;
            if (largest > T::LARGEST_MAGNITUDE) | group.mask.is_some() {
                clean_up(values, group.mask, &mut clean);
                values = &clean;
            }
            if let Some(runs) = &mut runs {
                for (block, word) in values.as_chunks::<BITS>().0.iter().zip(words) {
                    let counted = bits::first(group.voxels.end - word * BITS);
                    runs.add(word, passing(block, criterion).map(|bits| bits & counted));
                }
            }
            if let Out::Any(out) | Out::Zeros(out) = &mut out {
                let length = group.voxels.len();
                let out = &mut out[group.voxels];
                let mut kept = [T::ZERO; GROUP];
                let kept = if let Some(out) = out.first_chunk_mut() {
                    keep(values, criterion, out);
                    out
                } else {
                    keep(values, criterion, &mut kept);
                    out.copy_from_slice(&kept[..length]);
                    &kept
                };
                // Most groups hold nothing that has not been exceeded on both sides.
                if !found.extremes.covers(largest) {
                    found.extremes.add(kept);
                }
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

/// Which voxels of a block pass, on the positive side and on the negative; all are
/// finite.
#[inline(always)]
fn passing<T: Voxel>(block: &[T; BITS], criterion: Criterion<T>) -> Word {
    let positive = bits::of(block, |value| criterion.passes_positive(value));
    let negative = bits::of(block, |value| criterion.passes_negative(value));
    [positive, negative]
}

/// Copies a group with zeros for what does not pass. Compared anew, which is faster
/// than to fetch what was found before.
#[inline(always)]
fn keep<T: Voxel>(values: &[T; GROUP], criterion: Criterion<T>, kept: &mut [T; GROUP]) {
    for (kept, &value) in kept.iter_mut().zip(&values[..black_box(GROUP)]) {
        let passes = criterion.passes_positive(value) | criterion.passes_negative(value);
        *kept = if passes { value } else { T::ZERO };
    }
    if criterion.keeps_zeros() {
        for (kept, &value) in kept.iter_mut().zip(values) {
            *kept = if value == T::ZERO { value } else { *kept };
        }
    }
}
