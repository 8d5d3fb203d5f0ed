//! From voxels to runs.
//!
//! A run is a maximal stretch of a row whose voxels all pass the threshold on
//! the same side. A thresholded map is its runs; nothing after the scan knows
//! the type of a voxel until the result is written.

use std::ops::Range;

use ndarray::ArrayView3;

use crate::criterion::Criterion;
use crate::error::{Error, Result};
use crate::instructions::{Loop, widest};
use crate::volume::fold_stretches;
use crate::voxel::{Interval, Voxel};

/// The voxels `start..end` of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The number of the row in the volume.
    pub row: u32,
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
    pub fn indices_in_row(&self, row: usize) -> Range<u32> {
        self.row_starts[row]..self.row_starts[row + 1]
    }

    /// The indices of the runs of a range of rows.
    #[must_use]
    pub fn indices_in_rows(&self, rows: Range<usize>) -> Range<usize> {
        self.row_starts[rows.start] as usize..self.row_starts[rows.end] as usize
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
/// `volume` and `mask` are in memory order. Reads each voxel once, and blocks in
/// which something may pass again from the cache; 12 bytes a run and 8 bytes a row
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
    u32::try_from(rows).map_err(|_| Error::TooLarge)?;
    let row_length = volume.dim().2;
    let slabs = fold_stretches(
        volume,
        mask,
        |rows| [SlabRuns::with_rows(rows), SlabRuns::with_rows(rows)],
        |signs, stretch, mask| scan_stretch(stretch, mask, row_length, criterion, signs),
    );
    let (positive, negative) =
        slabs.into_iter().map(|[positive, negative]| (positive, negative)).unzip();
    Ok([join(positive, rows)?, join(negative, rows)?])
}

/// The runs of one sign of a slab.
struct SlabRuns {
    runs: Vec<Run>,
    row_ends: Vec<usize>,
    /// Which voxels of the present stretch pass, the first in the lowest bit.
    bits: Vec<u64>,
}

impl SlabRuns {
    fn with_rows(rows: usize) -> Self {
        Self { runs: Vec::new(), row_ends: Vec::with_capacity(rows), bits: Vec::new() }
    }

    /// Appends the runs of the stretch whose bits these are.
    fn add_runs(&mut self, rows: usize, row_length: usize) {
        let Self { runs, row_ends, bits } = self;
        let rows_before = row_ends.len();
        // Where the run that is open at the end of the last word began; the last
        // word ends with zeros, so that none is open at the end.
        let mut open = None;
        for (&bits, first) in bits.iter().zip((0..).step_by(BLOCK)) {
            let mut changes = bits ^ ((bits << 1) | u64::from(open.is_some()));
            while changes != 0 {
                let position = first + changes.trailing_zeros() as usize;
                changes &= changes - 1;
                let Some(mut start) = open.take() else {
                    open = Some(position);
                    continue;
                };
                // Rows follow one another: what passes across their border is a run
                // in each.
                while start < position {
                    let row = start / row_length;
                    let row_start = row * row_length;
                    let end = position.min(row_start + row_length);
                    row_ends.resize(rows_before + row, runs.len());
                    #[expect(clippy::cast_possible_truncation, reason = "rows are short")]
                    runs.push(Run {
                        row: (rows_before + row) as u32,
                        start: (start - row_start) as u32,
                        end: (end - row_start) as u32,
                    });
                    start = end;
                }
            }
        }
        row_ends.resize(rows_before + rows, runs.len());
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
        #[expect(clippy::cast_possible_truncation, reason = "fewer than 2³² rows")]
        let rows_before = joined.row_starts.len() as u32 - 1;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "no more than the total, just checked"
        )]
        joined.row_starts.extend(slab.row_ends.iter().map(|end| (before + end) as u32));
        if rows_before == 0 {
            joined.runs = slab.runs;
        } else {
            joined
                .runs
                .extend(slab.runs.into_iter().map(|run| Run { row: run.row + rows_before, ..run }));
        }
    }
    Ok(joined)
}

/// Voxels that are looked at together: one bit each in a word.
const BLOCK: usize = u64::BITS as usize;

/// Blocks that are first looked at as one.
const GROUP: usize = 4;

/// Voxels that are compared side by side: as many bytes as a register holds.
const LANES: usize = 16;

/// Appends the runs of the rows of a stretch.
///
/// ```text
/// for each block of 64 voxels, whatever row they belong to, and each sign:
///     bits = which voxels pass, one bit each; 0 at once where none may, and
///            at once for several blocks where none of theirs may
/// for each sign and each block:
///     changes = bits XOR (bits shifted by one voxel, the last block's end moved in)
///     for each set bit of changes: a run begins or ends there
/// cut the runs where a row ends
/// ```
///
/// Nothing branches on a voxel, only on a block and on a change, so smooth maps
/// cost two compares a voxel, however short their rows are.
fn scan_stretch<T: Voxel>(
    stretch: &[T],
    mask: Option<&[bool]>,
    row_length: usize,
    criterion: Criterion<T>,
    signs: &mut [SlabRuns; 2],
) {
    let (blocks, rest) = stretch.as_chunks::<BLOCK>();
    for sign in &mut *signs {
        sign.bits.clear();
    }
    // Filled up with zeros, which never pass.
    let mut last = [T::ZERO; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    widest(AddBits { blocks, last: &last, mask, criterion, signs });
    for sign in signs {
        sign.add_runs(stretch.len() / row_length, row_length);
    }
}

/// Appends, for each sign, the bits of the blocks of a stretch.
struct AddBits<'a, T> {
    blocks: &'a [[T; BLOCK]],
    last: &'a [T; BLOCK],
    mask: Option<&'a [bool]>,
    criterion: Criterion<T>,
    signs: &'a mut [SlabRuns; 2],
}

impl<T: Voxel> Loop for AddBits<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(mut self) {
        let groups = self.blocks.chunks(GROUP).chain([std::slice::from_ref(self.last)]);
        let mut first = 0;
        for group in groups {
            if may_pass(group, self.criterion) == [false; 2] {
                for sign in &mut *self.signs {
                    sign.bits.resize(sign.bits.len() + group.len(), 0);
                }
                first += group.len() * BLOCK;
                continue;
            }
            for block in group {
                self.add_block(block, first);
                first += BLOCK;
            }
        }
    }
}

impl<T: Voxel> AddBits<'_, T> {
    #[inline(always)]
    fn add_block(&mut self, block: &[T; BLOCK], first: usize) {
        let intervals = [self.criterion.positive, self.criterion.negative];
        let may_pass = may_pass(std::slice::from_ref(block), self.criterion);
        for sign in 0..2 {
            let mut bits = if may_pass[sign] { block_bits(block, intervals[sign]) } else { 0 };
            if let Some(mask) = self.mask.filter(|_| bits != 0) {
                bits &= mask_bits(&mask[first..mask.len().min(first + BLOCK)]);
            }
            self.signs[sign].bits.push(bits);
        }
    }
}

/// Of each sign, whether any voxel may pass: only the limit next to zero is looked
/// at, so that an infinity may and then does not.
#[inline(always)]
fn may_pass<T: Voxel>(blocks: &[[T; BLOCK]], criterion: Criterion<T>) -> [bool; 2] {
    // From zero, which never passes; comparisons with NaN are false.
    let (mut largest, mut smallest) = ([T::ZERO; LANES], [T::ZERO; LANES]);
    for values in blocks.as_flattened().as_chunks::<LANES>().0 {
        for lane in 0..LANES {
            let value = values[lane];
            largest[lane] = if value > largest[lane] { value } else { largest[lane] };
            smallest[lane] = if value < smallest[lane] { value } else { smallest[lane] };
        }
    }
    let reaches = |passes: [bool; LANES]| u128::from_ne_bytes(passes.map(u8::from)) != 0;
    [
        reaches(largest.map(|value| value >= criterion.positive.low))
            & !criterion.positive.is_empty(),
        reaches(smallest.map(|value| value <= criterion.negative.high))
            & !criterion.negative.is_empty(),
    ]
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
                _ => runs.push(Run { row: 0, start: position, end: position + 1 }),
            }
        }
        runs
    }

    /// The row thrice, so that it begins at different bits of a word.
    fn scanned(row: &[i8], mask: Option<&[bool]>) -> [Vec<Run>; 2] {
        let mut signs = [SlabRuns::with_rows(3), SlabRuns::with_rows(3)];
        let criterion = Criterion::new(1.0, true).unwrap();
        let mask = mask.map(|mask| mask.repeat(3));
        scan_stretch(&row.repeat(3), mask.as_deref(), row.len(), criterion, &mut signs);
        signs.map(|SlabRuns { runs, row_ends, .. }| {
            let [first, second, third] = row_ends[..] else { panic!("three rows") };
            let in_row = |row, range: Range<usize>| -> Vec<Run> {
                assert!(runs[range.clone()].iter().all(|run| run.row == row));
                runs[range].iter().map(|run| Run { row: 0, ..*run }).collect()
            };
            let runs_of_first = in_row(0, 0..first);
            assert_eq!(runs_of_first, in_row(1, first..second));
            assert_eq!(runs_of_first, in_row(2, second..third));
            runs_of_first
        })
    }

    #[test]
    fn rows_of_every_length_around_the_block() {
        for length in 1..200_usize {
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
