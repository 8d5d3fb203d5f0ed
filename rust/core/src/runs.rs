//! The runs of a thresholded volume.
//!
//! One bit a voxel and sign says which voxels of a plane pass; a run is where such bits
//! begin and end. The runs are listed plane by plane, and of the bits no more is kept
//! than two planes, in which neighbours are looked for.

use crate::bits::{self, BITS};
use crate::error::{Error, Result};
use crate::instructions::Loop;

/// Which of 64 voxels pass: on the positive side, and on the negative.
pub(crate) type Word = [u64; 2];

/// How the voxels of a plane lie in its words.
#[derive(Debug, Clone)]
pub(crate) struct Grid {
    row_length: usize,
    voxels_per_plane: usize,
    /// Which voxels of a plane are the first of a row, or behind the last.
    row_starts: Vec<u64>,
}

impl Grid {
    /// Of planes of `rows` rows of `row_length` voxels.
    pub(crate) fn new(rows: usize, row_length: usize) -> Result<Self> {
        let voxels_per_plane = rows * row_length;
        u32::try_from(voxels_per_plane).map_err(|_| Error::TooLarge)?;
        let mut row_starts = vec![0; voxels_per_plane.div_ceil(BITS)];
        for start in (0..voxels_per_plane).step_by(row_length) {
            row_starts[start / BITS] |= 1 << (start % BITS);
        }
        // What lies behind the last row is in no row either.
        if let Some(last) = row_starts.last_mut() {
            *last |= !bits::first((voxels_per_plane - 1) % BITS + 1);
        }
        Ok(Self { row_length, voxels_per_plane, row_starts })
    }

    pub(crate) fn row_length(&self) -> usize {
        self.row_length
    }

    pub(crate) fn row_starts(&self) -> &[u64] {
        &self.row_starts
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
    /// The words that hold bits or follow a voxel that passes, by their numbers, and
    /// what room there is behind them.
    occupied: Vec<u32>,
    occupied_count: usize,
    /// Whether the last voxel of the last word passes.
    is_open: bool,
}

/// A word of a plane. Only of occupied ones the runs are up to date.
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
    pub(crate) fn new(grid: &Grid) -> Self {
        let words = grid.row_starts.len();
        let margin = grid.row_length.div_ceil(BITS) + 1;
        Self {
            cells: vec![Cell::default(); words + 2 * margin],
            margin,
            occupied: vec![0; words],
            occupied_count: 0,
            is_open: false,
        }
    }

    /// Makes ready for another plane; each of its words has to be set.
    pub(crate) fn clear(&mut self) {
        (self.occupied_count, self.is_open) = (0, false);
    }

    /// Sets a word, which comes after those that are set; bits behind the last voxel are
    /// not set.
    #[inline(always)]
    pub(crate) fn set(&mut self, number: usize, word: Word) {
        self.cells[self.margin + number].passing = word;
        let any = word[0] | word[1];
        self.occupied[self.occupied_count] = narrow(number);
        self.occupied_count += usize::from((any != 0) | self.is_open);
        self.is_open = any >> (BITS - 1) != 0;
    }

    /// Sets a word in which nothing passes.
    #[inline(always)]
    pub(crate) fn set_empty(&mut self, number: usize) {
        self.cells[self.margin + number].passing = [0; 2];
        if self.is_open {
            self.occupied[self.occupied_count] = narrow(number);
            self.occupied_count += 1;
            self.is_open = false;
        }
    }

    /// The words that hold bits or follow a voxel that passes, by their numbers.
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

    /// The word that begins so far from a word of the plane, with the starts of its runs.
    #[inline(always)]
    pub(crate) fn shifted(&self, number: usize, by: Shift) -> (Word, u64) {
        let first = (self.margin + number).wrapping_add_signed(by.words);
        if by.bits == 0 {
            // As it is in the rows of the plane before.
            let cell = self.cells[first];
            return (cell.passing, cell.starts);
        }
        let [low, high] = self.cells[first..first + 2] else { unreachable!("two cells") };
        // In two steps, because a word cannot be shifted by all of its bits.
        let joined = |low: u64, high: u64| low >> by.bits | high << 1 << (63 - by.bits);
        let passing = [0, 1].map(|sign| joined(low.passing[sign], high.passing[sign]));
        (passing, joined(low.starts, high.starts))
    }

    /// The run of the voxel at a position, counted in the slab.
    #[inline(always)]
    pub(crate) fn run_at(&self, position: usize) -> u32 {
        let (word, bit) = bits::split(position);
        self.cell(word).run_at(bit)
    }
}

impl Cell {
    /// The run of the voxel at a place of the word, counted in the slab.
    #[inline(always)]
    pub(crate) fn run_at(self, place: u32) -> u32 {
        (self.runs_before + (self.starts & bits::up_to(place)).count_ones()).wrapping_sub(1)
    }

    /// The run of the voxel before that place, in the same row.
    #[inline(always)]
    pub(crate) fn run_before(self, place: u32) -> u32 {
        (self.runs_before + (self.starts & bits::below(place)).count_ones()).wrapping_sub(1)
    }
}

/// A distance in voxels, as whole words and bits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shift {
    words: isize,
    bits: u32,
    pub(crate) voxels: isize,
}

impl Shift {
    pub(crate) fn new(voxels: isize) -> Self {
        let bits = BITS.cast_signed();
        let (_, rest) = bits::split(voxels.rem_euclid(bits).cast_unsigned());
        Self { words: voxels.div_euclid(bits), bits: rest, voxels }
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
    pub(crate) grid: &'a Grid,
}

impl Loop for ListRuns<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { runs, plane, grid } = self;
        for &number in &plane.occupied[..plane.occupied_count] {
            let number = number as usize;
            let cell = plane.margin + number;
            let (word, before) = (plane.cells[cell].passing, plane.cells[cell - 1].passing);
            let previous = moved_on(word, before);
            let row_starts = grid.row_starts[number];
            let starts = changes(word, previous, row_starts);
            let ends = changes(previous, word, row_starts);
            plane.cells[cell].starts = starts;
            plane.cells[cell].runs_before = narrow(runs.starts.len());
            push_bits(&mut runs.starts, starts, narrow(number * BITS));
            push_bits(&mut runs.ends, ends, narrow(number * BITS));
        }
        if plane.is_open {
            runs.ends.push(narrow(grid.voxels_per_plane));
        }
        runs.plane_ends.push(runs.starts.len());
    }
}

/// Each bit moved on by one voxel, that of the word before moved in.
#[inline(always)]
pub(crate) fn moved_on(word: Word, before: Word) -> Word {
    [0, 1].map(|sign| word[sign] << 1 | before[sign] >> (BITS - 1))
}

/// The voxels that are in one word and not, with the same sign and in the same row, in
/// the other.
#[inline(always)]
fn changes(word: Word, other: Word, row_starts: u64) -> u64 {
    let of_sign = |sign: usize| word[sign] & (!other[sign] | row_starts);
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
