//! From voxels to runs.
//!
//! A run is a maximal stretch of a row whose voxels all pass the threshold on
//! the same side. A thresholded map is its runs; nothing after the scan knows
//! the type of a voxel until the result is written.

use ndarray::ArrayView3;

use crate::criterion::Criterion;
use crate::error::{Error, Result};
use crate::volume::fold_rows;
use crate::voxel::{Interval, Voxel};

/// The voxels `start..end` of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// First voxel.
    pub start: u32,
    /// One past the last voxel.
    pub end: u32,
}

impl Run {
    /// Voxels in the run; never zero.
    #[must_use]
    pub fn length(self) -> u32 {
        self.end - self.start
    }
}

/// The runs of one sign of a volume, row after row in memory order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runs {
    runs: Vec<Run>,
    /// Where the runs of each row begin, and last the number of runs.
    row_starts: Vec<u32>,
}

impl Runs {
    /// All runs.
    #[must_use]
    pub fn all(&self) -> &[Run] {
        &self.runs
    }

    /// The indices of the runs of a row.
    #[must_use]
    pub fn indices_in_row(&self, row: usize) -> std::ops::Range<u32> {
        self.row_starts[row]..self.row_starts[row + 1]
    }

    /// The number of rows of the volume.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.row_starts.len() - 1
    }
}

/// The positive and the negative runs of the voxels that pass and, if there is a
/// mask, lie inside it.
///
/// `volume` and `mask` are in memory order. Reads each voxel once, and rows in
/// which something may pass again from the cache; 8 bytes a run and 8 bytes a row
/// are kept.
///
/// # Errors
///
/// A row of 2³¹ voxels or more, or 2³² runs or more.
pub fn scan<T: Voxel>(
    volume: ArrayView3<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    criterion: Criterion<T>,
) -> Result<[Runs; 2]> {
    let rows = volume.dim().0 * volume.dim().1;
    // One bit less than a run could hold, so that reach and blocks may count past
    // the end of a row.
    i32::try_from(volume.dim().2).map_err(|_| Error::TooLarge)?;
    let slabs = fold_rows(
        volume,
        mask,
        |rows| [SlabRuns::with_rows(rows), SlabRuns::with_rows(rows)],
        |signs, row, mask| {
            scan_row(row, mask, criterion, signs);
            for sign in signs {
                sign.row_ends.push(sign.runs.len());
            }
        },
    );
    let (positive, negative) =
        slabs.into_iter().map(|[positive, negative]| (positive, negative)).unzip();
    Ok([join(positive, rows)?, join(negative, rows)?])
}

/// The runs of one sign of a slab.
struct SlabRuns {
    runs: Vec<Run>,
    row_ends: Vec<usize>,
}

impl SlabRuns {
    fn with_rows(rows: usize) -> Self {
        Self { runs: Vec::new(), row_ends: Vec::with_capacity(rows) }
    }
}

/// Joins the slabs of a volume of so many rows.
fn join(slabs: Vec<SlabRuns>, rows: usize) -> Result<Runs> {
    let total = slabs.iter().map(|slab| slab.runs.len()).sum::<usize>();
    u32::try_from(total).map_err(|_| Error::TooLarge)?;
    let mut joined = Runs { runs: Vec::new(), row_starts: Vec::with_capacity(rows + 1) };
    joined.row_starts.push(0);
    for slab in slabs {
        let before = joined.runs.len();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "no more than the total, just checked"
        )]
        joined.row_starts.extend(slab.row_ends.iter().map(|end| (before + end) as u32));
        if before == 0 {
            joined.runs = slab.runs;
        } else {
            joined.runs.extend(slab.runs);
        }
    }
    Ok(joined)
}

/// Voxels that are looked at together: one bit each in a word.
const BLOCK: usize = u64::BITS as usize;

/// Voxels that are compared side by side: as many bytes as a register holds.
const LANES: usize = 16;

/// Appends the positive and the negative runs of one row.
///
/// ```text
/// for each block of 64 voxels:
///     for each sign of which some voxel may pass or a run is open:
///         bits    = which voxels pass, one bit each
///         changes = bits XOR (bits shifted by one voxel, the last block's end moved in)
///         for each set bit of changes: a run begins or ends there
/// ```
///
/// Nothing branches on a voxel, only on a block and on a change, so smooth maps
/// cost two compares a voxel. The last block is the last 64 voxels of the row,
/// those that were seen before shifted out; a shorter row is filled up with zeros,
/// which never pass.
fn scan_row<T: Voxel>(
    row: &[T],
    mask: Option<&[bool]>,
    criterion: Criterion<T>,
    signs: &mut [SlabRuns; 2],
) {
    // Where the run that is open at the end of the last block began.
    let mut open = [None; 2];
    let mut step = |start: usize, block: &[T; BLOCK], skip: usize| {
        let may_pass = may_pass(block, criterion);
        if may_pass == [false; 2] && open == [None; 2] {
            return;
        }
        let inside = mask.map_or(u64::MAX, |mask| {
            let first = start - skip;
            mask_bits(&mask[first..mask.len().min(first + BLOCK)])
        });
        let intervals = [criterion.positive, criterion.negative];
        for sign in 0..2 {
            let bits = if may_pass[sign] { block_bits(block, intervals[sign]) & inside } else { 0 };
            #[expect(clippy::cast_possible_truncation, reason = "rows are shorter than 2³¹")]
            add_changes(bits >> skip, start as u32, &mut open[sign], &mut signs[sign].runs);
        }
    };
    let (blocks, rest) = row.as_chunks::<BLOCK>();
    for (index, block) in blocks.iter().enumerate() {
        step(index * BLOCK, block, 0);
    }
    if let Some(block) = row.last_chunk::<BLOCK>() {
        if !rest.is_empty() {
            step(row.len() - rest.len(), block, BLOCK - rest.len());
        }
    } else {
        let mut block = [T::ZERO; BLOCK];
        block[..row.len()].copy_from_slice(row);
        step(0, &block, 0);
    }
    for (open, sign) in open.into_iter().zip(signs) {
        if let Some(start) = open {
            #[expect(clippy::cast_possible_truncation, reason = "rows are shorter than 2³¹")]
            sign.runs.push(Run { start, end: row.len() as u32 });
        }
    }
}

/// Of each sign, whether any voxel may pass: only the limit next to zero is looked
/// at, so that an infinity may and then does not.
#[inline(always)]
fn may_pass<T: Voxel>(block: &[T; BLOCK], criterion: Criterion<T>) -> [bool; 2] {
    // From zero, which never passes; comparisons with NaN are false.
    let (mut largest, mut smallest) = ([T::ZERO; LANES], [T::ZERO; LANES]);
    for values in block.as_chunks::<LANES>().0 {
        for lane in 0..LANES {
            let value = values[lane];
            largest[lane] = if value > largest[lane] { value } else { largest[lane] };
            smallest[lane] = if value < smallest[lane] { value } else { smallest[lane] };
        }
    }
    let mut may_pass = [false; 2];
    for lane in 0..LANES {
        may_pass[0] |= largest[lane] >= criterion.positive.low;
        may_pass[1] |= smallest[lane] <= criterion.negative.high;
    }
    [may_pass[0] & !criterion.positive.is_empty(), may_pass[1] & !criterion.negative.is_empty()]
}

/// Opens and closes runs where the bits of a block change.
#[inline(always)]
fn add_changes(bits: u64, start: u32, open: &mut Option<u32>, runs: &mut Vec<Run>) {
    let mut changes = bits ^ ((bits << 1) | u64::from(open.is_some()));
    while changes != 0 {
        let position = start + changes.trailing_zeros();
        changes &= changes - 1;
        match open.take() {
            Some(start) => runs.push(Run { start, end: position }),
            None => *open = Some(position),
        }
    }
}

/// Which voxels lie in an interval, the first in the lowest bit.
#[inline(always)]
fn block_bits<T: Voxel>(block: &[T; BLOCK], interval: Interval<T>) -> u64 {
    let mut passes = [false; BLOCK];
    for position in 0..BLOCK {
        passes[position] = interval.contains(block[position]);
    }
    pack(&passes)
}

fn mask_bits(block: &[bool]) -> u64 {
    let mut inside = [false; BLOCK];
    inside[..block.len()].copy_from_slice(block);
    pack(&inside)
}

/// Packs 64 booleans into 64 bits, eight at a time: the multiplication moves
/// the lowest bit of byte `i` to bit `56 + i`.
#[inline(always)]
fn pack(flags: &[bool; BLOCK]) -> u64 {
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let mut bits = 0;
    for (byte, flags) in flags.as_chunks::<8>().0.iter().enumerate() {
        let word = u64::from_le_bytes(flags.map(u8::from));
        bits |= (word.wrapping_mul(GATHER) >> 56) << (8 * byte);
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naive(row: &[i8], passes: impl Fn(i8) -> bool) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for (position, _) in (0_u32..).zip(row).filter(|(_, value)| passes(**value)) {
            match runs.last_mut() {
                Some(run) if run.end == position => run.end += 1,
                _ => runs.push(Run { start: position, end: position + 1 }),
            }
        }
        runs
    }

    fn scanned(row: &[i8], mask: Option<&[bool]>) -> [Vec<Run>; 2] {
        let mut signs = [SlabRuns::with_rows(1), SlabRuns::with_rows(1)];
        scan_row(row, mask, Criterion::new(1.0, true).unwrap(), &mut signs);
        signs.map(|sign| sign.runs)
    }

    #[test]
    fn rows_of_every_length_around_the_block() {
        for length in 0..200_usize {
            for pattern in 0..8_usize {
                let row: Vec<i8> = (0..length)
                    .map(|i| match pattern {
                        0 => 0,
                        1 => 1,
                        2 => i8::from(i % 2 == 0),
                        3 => i8::from(i % 64 > 60),
                        4 => i8::from(i == length - 1),
                        5 => i8::from((i * i + 7 * i) % 11 < 5),
                        6 => [1, -1][i % 2],
                        _ => [1, 0, -1, -1][(i * i / 5) % 4],
                    })
                    .collect();
                let mask: Vec<bool> = (0..length).map(|i| i % 5 != 0).collect();
                let masked: Vec<i8> =
                    row.iter().zip(&mask).map(|(v, inside)| v * i8::from(*inside)).collect();
                let context = format!("length {length}, pattern {pattern}");
                for (runs, row) in
                    [(scanned(&row, None), &row), (scanned(&row, Some(&mask)), &masked)]
                {
                    assert_eq!(runs[0], naive(row, |value| value > 0), "{context}");
                    assert_eq!(runs[1], naive(row, |value| value < 0), "{context}");
                }
            }
        }
    }
}
