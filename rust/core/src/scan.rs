//! From voxels to runs.
//!
//! A run is a maximal stretch of a row whose voxels all pass the threshold on
//! the same side. A thresholded map is its runs; nothing after the scan knows
//! the type of a voxel until the result is written.

use ndarray::ArrayView3;

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

/// The runs of the voxels whose value lies in `interval` and, if there is a
/// mask, where the mask is true.
///
/// `volume` and `mask` are in memory order. Reads each voxel once; 8 bytes a
/// run and 4 bytes a row are kept.
///
/// # Errors
///
/// A row of 2³¹ voxels or more, or 2³² runs or more.
pub fn scan<T: Voxel>(
    volume: ArrayView3<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    interval: Interval<T>,
) -> Result<Runs> {
    let rows = volume.dim().0 * volume.dim().1;
    // One bit less than a run could hold, so that reach and blocks may count past
    // the end of a row.
    i32::try_from(volume.dim().2).map_err(|_| Error::TooLarge)?;
    if interval.is_empty() {
        return Ok(Runs { runs: Vec::new(), row_starts: vec![0; rows + 1] });
    }
    let slabs = fold_rows(
        volume,
        mask,
        || (Vec::new(), Vec::new()),
        |(runs, row_ends), row, mask| {
            scan_row(row, mask, interval, runs);
            row_ends.push(runs.len());
        },
    );
    let total = slabs.iter().map(|(runs, _)| runs.len()).sum::<usize>();
    u32::try_from(total).map_err(|_| Error::TooLarge)?;

    let mut joined =
        Runs { runs: Vec::with_capacity(total), row_starts: Vec::with_capacity(rows + 1) };
    joined.row_starts.push(0);
    for (runs, row_ends) in slabs {
        let before = joined.runs.len();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "no more than the total, just checked"
        )]
        joined.row_starts.extend(row_ends.iter().map(|end| (before + end) as u32));
        if before == 0 {
            joined.runs = runs;
        } else {
            joined.runs.extend(runs);
        }
    }
    Ok(joined)
}

const BLOCK: usize = u64::BITS as usize;

/// Appends the runs of one row.
///
/// ```text
/// for each block of 64 voxels:
///     bits    = which voxels pass, one bit each
///     changes = bits XOR (bits shifted by one voxel, the last block's end moved in)
///     for each set bit of changes: a run begins or ends there
/// ```
///
/// Nothing branches on a voxel, only on a change, so smooth maps cost one
/// compare a voxel.
fn scan_row<T: Voxel>(
    row: &[T],
    mask: Option<&[bool]>,
    interval: Interval<T>,
    runs: &mut Vec<Run>,
) {
    // Set while a run is open, so that the loop below carries one value.
    let mut open: Option<u32> = None;
    let mut block_start = 0_u32;
    let mut step = |bits: u64| {
        let mut changes = bits ^ ((bits << 1) | u64::from(open.is_some()));
        while changes != 0 {
            let position = block_start + changes.trailing_zeros();
            changes &= changes - 1;
            match open.take() {
                Some(start) => runs.push(Run { start, end: position }),
                None => open = Some(position),
            }
        }
        block_start += u64::BITS;
    };
    let mut blocks = row.chunks_exact(BLOCK);
    let mut mask_blocks = mask.map(|mask| mask.chunks_exact(BLOCK));
    for block in &mut blocks {
        let mut bits = block_bits(block, interval);
        if let Some(mask_block) = mask_blocks.as_mut().and_then(Iterator::next) {
            bits &= mask_bits(mask_block);
        }
        step(bits);
    }
    // The bits past the end of the row are zero, so that a run which reaches the
    // end is closed there.
    let mut bits = block_bits(blocks.remainder(), interval);
    if let Some(mask_blocks) = mask_blocks {
        bits &= mask_bits(mask_blocks.remainder());
    }
    step(bits);
}

/// One bit for each of at most 64 voxels, the first in the lowest bit.
#[inline(always)]
fn block_bits<T: Voxel>(block: &[T], interval: Interval<T>) -> u64 {
    let mut passes = [false; BLOCK];
    for (pass, &value) in passes.iter_mut().zip(block) {
        *pass = interval.contains(value);
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

    fn naive(row: &[i8]) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for (position, _) in (0_u32..).zip(row).filter(|(_, value)| **value > 0) {
            match runs.last_mut() {
                Some(run) if run.end == position => run.end += 1,
                _ => runs.push(Run { start: position, end: position + 1 }),
            }
        }
        runs
    }

    #[test]
    fn rows_of_every_length_around_the_block() {
        for length in 0..200_usize {
            for pattern in 0..6_usize {
                let row: Vec<i8> = (0..length)
                    .map(|i| match pattern {
                        0 => 0,
                        1 => 1,
                        2 => i8::from(i % 2 == 0),
                        3 => i8::from(i % 64 > 60),
                        4 => i8::from(i == length - 1),
                        _ => i8::from((i * i + 7 * i) % 11 < 5),
                    })
                    .collect();
                let mut runs = Vec::new();
                scan_row(&row, None, i8::at_least(1.0), &mut runs);
                assert_eq!(runs, naive(&row), "length {length}, pattern {pattern}");
                let mask: Vec<bool> = (0..length).map(|i| i % 5 != 0).collect();
                let masked: Vec<i8> =
                    row.iter().zip(&mask).map(|(v, inside)| v * i8::from(*inside)).collect();
                runs.clear();
                scan_row(&row, Some(&mask), i8::at_least(1.0), &mut runs);
                assert_eq!(runs, naive(&masked), "length {length}, pattern {pattern}, masked");
            }
        }
    }
}
