//! The runs of a thresholded volume.
//!
//! One bit for each voxel and sign says which voxels of a plane pass. A plane is one string
//! of such bits, row after row, cut into words of 64; the first voxel has the lowest bit.
//! Here are 16 of them, of a plane with rows of 6 voxels:
//!
//! ```text
//! voxel            0         5 6        11 12    15
//! positive         . 1 1 1 . 1 1 1 . . . . . 1 1 .
//! negative         . . . . 1 . . . . 1 1 . . . . .
//! first in row     1 . . . . . 1 . . . . . 1 . . .
//! starts           . 1 . . 1 1 1 . . 1 . . . 1 . .     6 runs: a row ends a run
//! ends             . . . 1 1 1 . 1 . . 1 . . . 1 .
//! ```
//!
//! A run starts where a bit is set and the one before, of the same sign and in the same row,
//! is not. A voxel has one sign, so the starts of both signs share a word, and the ends, too. Which run
//! a voxel belongs to is a count: of the runs that begin before its word, and of the starts up
//! to its bit.
//!
//! Runs are listed plane by plane. The bits of two planes are kept, in which neighbours are
//! looked for.

use std::hint::select_unpredictable;

use crate::error::{Error, Result};
use crate::simd::bits::{self, WORD_BITS};
use crate::simd::dispatch::Loop;

/// Which of 64 voxels pass: on the positive side, and on the negative.
pub(crate) type Word = [u64; 2];

/// How the voxels of a plane lie in its words.
#[derive(Debug, Clone)]
pub(crate) struct PlaneLayout {
    row_length: usize,
    /// The voxels that are the first of their row, or lie behind the last row.
    first_in_row: Vec<u64>,
    /// The voxels that are the last of their row, or lie behind the last row.
    last_in_row: Vec<u64>,
}

impl PlaneLayout {
    /// The layout of planes of `rows` rows of `row_length` voxels.
    pub(crate) fn new(rows: usize, row_length: usize) -> Result<Self> {
        let voxels_per_plane = rows * row_length;
        u32::try_from(voxels_per_plane).map_err(|_| Error::TooLarge)?;
        let mut first_in_row = vec![0; voxels_per_plane.div_ceil(WORD_BITS)];
        for start in (0..voxels_per_plane).step_by(row_length) {
            first_in_row[start / WORD_BITS] |= 1 << (start % WORD_BITS);
        }
        // Bits behind the last row belong to no row either.
        if let Some(last) = first_in_row.last_mut() {
            *last |= !bits::first((voxels_per_plane - 1) % WORD_BITS + 1);
        }
        let after = first_in_row.iter().skip(1).chain([&1]);
        let last_in_row = first_in_row.iter().zip(after);
        let last_in_row = last_in_row.map(|(word, after)| word >> 1 | after << (WORD_BITS - 1));
        Ok(Self { row_length, last_in_row: last_in_row.collect(), first_in_row })
    }

    pub(crate) fn row_length(&self) -> usize {
        self.row_length
    }

    /// The voxels of a word that are the first of their row, or lie behind the last row.
    #[inline(always)]
    pub(crate) fn first_in_row(&self, number: usize) -> u64 {
        self.first_in_row[number]
    }

    /// The voxels of a word that are the last of their row, or lie behind the last row.
    #[inline(always)]
    pub(crate) fn last_in_row(&self, number: usize) -> u64 {
        self.last_in_row[number]
    }
}

/// The bits of a plane.
#[derive(Debug, Clone)]
pub(crate) struct PlaneBits {
    /// The words of the plane, with empty ones before and behind them, where the
    /// neighbours of the first and last rows would be.
    cells: Vec<Cell>,
    /// How many empty words there are on either side.
    margin: usize,
    /// The words that hold bits, by their numbers, and what room there is behind them.
    occupied: Vec<u32>,
    occupied_count: usize,
}

/// A word of a plane. Its runs are up to date only if a bit is set in it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cell {
    /// Which voxels pass.
    pub(crate) passing: Word,
    /// Which begin a run.
    pub(crate) starts: u64,
    /// How many runs of the slab begin before.
    runs_before: u32,
}

impl PlaneBits {
    pub(crate) fn new(layout: &PlaneLayout) -> Self {
        let words = layout.first_in_row.len();
        let margin = layout.row_length.div_ceil(WORD_BITS) + 1;
        Self {
            cells: vec![Cell::default(); words + 2 * margin],
            margin,
            occupied: vec![0; words],
            occupied_count: 0,
        }
    }

    /// Makes ready for another plane, in which nothing passes as yet.
    pub(crate) fn clear(&mut self) {
        for &number in &self.occupied[..self.occupied_count] {
            self.cells[self.margin + number as usize] = Cell::default();
        }
        self.occupied_count = 0;
    }

    /// Sets a word, which comes after those that are set.
    #[inline(always)]
    pub(crate) fn set(&mut self, number: usize, word: Word) {
        self.cells[self.margin + number].passing = word;
        self.occupied[self.occupied_count] = narrow(number);
        self.occupied_count += usize::from((word[0] | word[1]) != 0);
    }

    /// Keeps only the first bits of a word. Those that go are equal to the last that stays.
    pub(crate) fn keep_first(&mut self, number: usize, count: usize) {
        let word = &mut self.cells[self.margin + number].passing;
        *word = word.map(|bits| bits & bits::first(count));
    }

    /// The words that hold bits, by their numbers.
    pub(crate) fn occupied(&self) -> &[u32] {
        &self.occupied[..self.occupied_count]
    }

    /// A word.
    #[inline(always)]
    pub(crate) fn cell(&self, number: usize) -> Cell {
        self.cells[self.margin + number]
    }

    /// Which voxels pass in the word before one.
    #[inline(always)]
    pub(crate) fn word_before(&self, number: usize) -> Word {
        self.cells[self.margin + number - 1].passing
    }

    /// Which voxels pass in the word after one.
    #[inline(always)]
    pub(crate) fn word_after(&self, number: usize) -> Word {
        self.cells[self.margin + number + 1].passing
    }

    /// What a word of the plane would be if the plane were moved: the 64 voxels that lie this
    /// far from those of the word.
    #[inline(always)]
    pub(crate) fn shifted(&self, number: usize, by: Shift) -> Cell {
        let first = (self.margin + number).wrapping_add_signed(by.words);
        if by.bits == 0 {
            // So it is for the row beside in the plane before.
            return self.cells[first];
        }
        let [low, high] = self.cells[first..first + 2] else { unreachable!("two cells") };
        // In two steps, because a word cannot be shifted by all of its bits.
        let joined = |low: u64, high: u64| low >> by.bits | high << 1 << (63 - by.bits);
        let passing = [0, 1].map(|sign| joined(low.passing[sign], high.passing[sign]));
        // Where nothing passes in the lower word, its count of runs is not up to date.
        let skipped = (low.starts & bits::below(by.bits)).count_ones();
        let is_empty = low.passing == [0; 2];
        let runs_before =
            select_unpredictable(is_empty, high.runs_before, low.runs_before + skipped);
        Cell { passing, starts: joined(low.starts, high.starts), runs_before }
    }
}

impl Cell {
    /// The run, counted in the slab, of a voxel that passes: `up_to` are the bits of the voxel
    /// and all before it.
    #[inline(always)]
    pub(crate) fn run_at(self, up_to: u64) -> u32 {
        (self.runs_before + (self.starts & up_to).count_ones()).wrapping_sub(1)
    }
}

/// A distance in voxels, as whole words and bits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shift {
    words: isize,
    bits: u32,
}

impl Shift {
    pub(crate) fn new(voxels: isize) -> Self {
        let bits = WORD_BITS.cast_signed();
        let (_, rest) = bits::word_and_bit(voxels.rem_euclid(bits).cast_unsigned());
        Self { words: voxels.div_euclid(bits), bits: rest }
    }
}

/// The runs of some planes of a volume, positive and negative ones together.
#[derive(Debug, Clone)]
pub(crate) struct Runs {
    /// Where each begins, as the number of a voxel in its plane.
    starts: Vec<u32>,
    /// One past where each ends.
    ends: Vec<u32>,
    /// How many runs there are up to the end of each plane.
    plane_ends: Vec<usize>,
}

/// A run: its voxels, by their numbers in the plane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Run {
    pub(crate) fn length(self) -> usize {
        self.end - self.start
    }
}

impl Runs {
    pub(crate) fn with_capacity(runs: usize) -> Self {
        let [starts, ends] = [0; 2].map(|_| Vec::with_capacity(runs));
        Self { starts, ends, plane_ends: Vec::new() }
    }

    pub(crate) fn count(&self) -> usize {
        self.starts.len()
    }

    pub(crate) fn planes(&self) -> usize {
        self.plane_ends.len()
    }

    /// The runs of a plane, by their numbers.
    pub(crate) fn of_plane(&self, plane: usize) -> std::ops::Range<usize> {
        let first = if plane == 0 { 0 } else { self.plane_ends[plane - 1] };
        first..self.plane_ends[plane]
    }

    /// The runs of the plane that came last.
    pub(crate) fn of_last_plane(&self) -> impl Iterator<Item = Run> {
        self.get(self.planes().checked_sub(1).map_or(0..0, |last| self.of_plane(last)))
    }

    /// Runs by their numbers.
    #[inline(always)]
    pub(crate) fn get(&self, numbers: std::ops::Range<usize>) -> impl Iterator<Item = Run> {
        let starts_and_ends = self.starts[numbers.clone()].iter().zip(&self.ends[numbers]);
        starts_and_ends.map(|(&start, &end)| Run { start: start as usize, end: end as usize })
    }
}

/// Lists the runs of the plane that comes next, and completes its bits.
pub(crate) struct ListRuns<'a> {
    pub(crate) runs: &'a mut Runs,
    pub(crate) plane: &'a mut PlaneBits,
    pub(crate) layout: &'a PlaneLayout,
}

impl Loop for ListRuns<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { runs, plane, layout } = self;
        for &number in &plane.occupied[..plane.occupied_count] {
            let number = number as usize;
            let word = plane.cell(number).passing;
            let previous = moved_on(word, plane.word_before(number));
            let next = moved_back(word, plane.word_after(number));
            let starts = changes(word, previous, layout.first_in_row(number));
            let ends = changes(word, next, layout.last_in_row(number));
            let cell = &mut plane.cells[plane.margin + number];
            cell.starts = starts;
            cell.runs_before = narrow(runs.starts.len());
            push_bits(&mut runs.starts, starts, narrow(number * WORD_BITS));
            push_bits(&mut runs.ends, ends, narrow(number * WORD_BITS + 1));
        }
        runs.plane_ends.push(runs.starts.len());
    }
}

/// Each bit moved on by one voxel; the last of the word before moves in.
#[inline(always)]
pub(crate) fn moved_on(word: Word, before: Word) -> Word {
    [0, 1].map(|sign| word[sign] << 1 | before[sign] >> (WORD_BITS - 1))
}

/// Each bit moved back by one voxel; the first of the word after moves in.
#[inline(always)]
pub(crate) fn moved_back(word: Word, after: Word) -> Word {
    [0, 1].map(|sign| word[sign] >> 1 | after[sign] << (WORD_BITS - 1))
}

/// The voxels that pass in one word and not, with the same sign and in the same row, in
/// the other.
#[inline(always)]
fn changes(word: Word, other: Word, row_edges: u64) -> u64 {
    let of_sign = |sign: usize| word[sign] & (!other[sign] | row_edges);
    of_sign(0) | of_sign(1)
}

/// Adds the position of each bit of a word, `first` for the lowest.
#[inline(always)]
fn push_bits(list: &mut Vec<u32>, mut word: u64, first: u32) {
    // A range says how much room is needed, so that there is one look for it.
    list.extend((0..word.count_ones()).map(|_| {
        let position = first + word.trailing_zeros();
        word &= word.wrapping_sub(1);
        position
    }));
}

/// A number that fits: a plane has fewer than 2³² voxels, and too many runs are refused
/// at the end of a plane.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "it fits")]
pub(crate) fn narrow(number: usize) -> u32 {
    number as u32
}
