//! The runs of a thresholded volume, as bits.
//!
//! One bit a voxel and sign says whether the voxel passes, plane after plane. A run
//! is where such bits begin and end; it has a number, counted in memory order, and no
//! other form. A voxel's run is found by counting the runs that begin up to it.

use crate::bits::{self, BITS};
use crate::error::{Error, Result};

/// Which of 64 voxels pass: on the positive side, and on the negative.
pub(crate) type Word = [u64; 2];

/// The runs of a volume, positive and negative ones together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runs {
    grid: Grid,
    /// In the order of their planes, each with the number of its first run.
    slabs: Vec<(u32, Slab)>,
    planes_per_slab: usize,
    count: u32,
}

/// How the voxels of a plane lie in its words.
#[derive(Debug, Clone, PartialEq, Eq)]
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

    fn words_per_plane(&self) -> usize {
        self.row_starts.len()
    }
}

/// The runs of some planes of a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slab {
    pub(crate) words: Vec<Word>,
    /// For each word how many runs of the slab begin before it.
    pub(crate) runs_before: Vec<u32>,
    /// The words of each plane that may have bits, and those right behind them, by
    /// their number in the plane: what follows the scan looks at no others.
    occupied: Vec<u32>,
    /// Where the occupied words of each plane end.
    occupied_ends: Vec<usize>,
    pub(crate) count: usize,
}

impl Slab {
    /// Of planes in which nothing passes as yet.
    pub(crate) fn new(grid: &Grid, planes: usize) -> Self {
        let words = planes * grid.words_per_plane();
        Self {
            words: vec![[0; 2]; words],
            runs_before: vec![0; words],
            occupied: Vec::with_capacity(words),
            occupied_ends: vec![0; planes],
            count: 0,
        }
    }

    /// The words of a plane and the runs before each, to fill; planes come in their
    /// order.
    pub(crate) fn plane_mut(&mut self, grid: &Grid, plane: usize) -> PlaneMut<'_> {
        let per_plane = grid.words_per_plane();
        let range = plane * per_plane..(plane + 1) * per_plane;
        PlaneMut {
            words: &mut self.words[range.clone()],
            runs_before: &mut self.runs_before[range],
            occupied: &mut self.occupied,
            count: &mut self.count,
        }
    }

    /// Closes a plane that has been filled.
    pub(crate) fn end_plane(&mut self, plane: usize) {
        self.occupied_ends[plane] = self.occupied.len();
    }

    fn occupied(&self, plane: usize) -> &[u32] {
        let start = if plane == 0 { 0 } else { self.occupied_ends[plane - 1] };
        &self.occupied[start..self.occupied_ends[plane]]
    }
}

/// A plane of a slab, to fill.
pub(crate) struct PlaneMut<'a> {
    pub(crate) words: &'a mut [Word],
    pub(crate) runs_before: &'a mut [u32],
    pub(crate) occupied: &'a mut Vec<u32>,
    /// The runs of the slab so far.
    pub(crate) count: &'a mut usize,
}

impl Runs {
    /// Puts the slabs of a volume together.
    pub(crate) fn new(grid: Grid, planes_per_slab: usize, slabs: Vec<Slab>) -> Result<Self> {
        let mut count = 0_u32;
        let mut numbered = Vec::with_capacity(slabs.len());
        for slab in slabs {
            let first = count;
            let runs = u32::try_from(slab.count).map_err(|_| Error::TooLarge)?;
            count = count.checked_add(runs).ok_or(Error::TooLarge)?;
            numbered.push((first, slab));
        }
        Ok(Self { grid, slabs: numbered, planes_per_slab, count })
    }

    /// How many runs there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// How many planes each slab has, but for the last, which may have fewer.
    pub(crate) fn planes_per_slab(&self) -> usize {
        self.planes_per_slab
    }

    /// The number of the first run of each slab, and last the number of runs.
    pub(crate) fn first_runs(&self) -> Vec<u32> {
        self.slabs.iter().map(|(first, _)| *first).chain([self.count]).collect()
    }

    pub(crate) fn planes(&self) -> usize {
        self.slabs.iter().map(|(_, slab)| slab.words.len()).sum::<usize>()
            / self.grid.words_per_plane()
    }

    /// A plane by its number in the volume.
    pub(crate) fn plane(&self, plane: usize) -> Plane<'_> {
        let (first_run, slab) = &self.slabs[plane / self.planes_per_slab];
        let per_plane = self.grid.words_per_plane();
        let in_slab = plane % self.planes_per_slab;
        let start = in_slab * per_plane;
        Plane {
            occupied: slab.occupied(in_slab),
            words: &slab.words[start..start + per_plane],
            runs_before: &slab.runs_before[start..start + per_plane],
            first_run: *first_run,
            grid: &self.grid,
        }
    }
}

/// A plane of runs.
#[derive(Clone, Copy)]
pub(crate) struct Plane<'a> {
    words: &'a [Word],
    runs_before: &'a [u32],
    occupied: &'a [u32],
    /// The number of the first run of the plane's slab.
    first_run: u32,
    grid: &'a Grid,
}

/// 64 voxels of a plane, from any position on.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    /// Which of them begin a run.
    starts: u64,
    /// The number of the first run that begins in them or after.
    next_run: u32,
}

impl Window {
    /// The run that the voxel at `position` is in.
    #[inline(always)]
    pub(crate) fn run_at(self, position: u32) -> u32 {
        self.run_after(self.starts & bits::up_to(position))
    }

    /// The run that the voxel before `position` is in, though that may lie before
    /// the window.
    #[inline(always)]
    pub(crate) fn run_before(self, position: u32) -> u32 {
        self.run_after(self.starts & bits::below(position))
    }

    /// The last run of those that begin before the window or at these positions.
    #[inline(always)]
    fn run_after(self, starts: u64) -> u32 {
        (self.next_run + starts.count_ones()).wrapping_sub(1)
    }
}

impl<'a> Plane<'a> {
    pub(crate) fn words(&self) -> &'a [Word] {
        self.words
    }

    /// The numbers of the words that may have bits, and of those right behind them.
    pub(crate) fn occupied(&self) -> &'a [u32] {
        self.occupied
    }

    pub(crate) fn grid(&self) -> &'a Grid {
        self.grid
    }

    /// Which voxels of 64 pass, from a position on that may lie anywhere; voxels
    /// outside the plane do not.
    #[inline(always)]
    pub(crate) fn passing(&self, position: isize) -> Word {
        let (word, shift) = split(position);
        let low = self.word(word);
        if shift == 0 {
            return low;
        }
        let high = self.word(word.wrapping_add(1));
        [0, 1].map(|sign| low[sign] >> shift | high[sign] << (u64::BITS - shift))
    }

    /// Whether one voxel passes, as the highest bit.
    #[inline(always)]
    pub(crate) fn passing_at(&self, position: isize) -> Word {
        let (word, bit) = split(position);
        self.word(word).map(|word| word << (u64::BITS - 1 - bit))
    }

    /// The runs of the same voxels.
    #[inline(always)]
    pub(crate) fn window(&self, position: isize) -> Window {
        let (word, shift) = split(position);
        let low = self.starts(word);
        // A window that begins before the plane has as many before it as the plane.
        let next = word.wrapping_add(1);
        let runs_before = self.runs_before.get(word).or_else(|| self.runs_before.get(next));
        let next_run = self.first_run + runs_before.copied().unwrap_or(0);
        if shift == 0 {
            return Window { starts: low, next_run };
        }
        let high = self.starts(next);
        let skipped = (low & bits::below(shift)).count_ones();
        Window { starts: low >> shift | high << (u64::BITS - shift), next_run: next_run + skipped }
    }

    #[inline(always)]
    fn word(&self, word: usize) -> Word {
        self.words.get(word).copied().unwrap_or([0; 2])
    }

    /// Where in a word runs begin.
    #[inline(always)]
    fn starts(&self, word: usize) -> u64 {
        let row_starts = self.grid.row_starts.get(word).copied().unwrap_or(0);
        starts(self.word(word), self.word(word.wrapping_sub(1)), row_starts)
    }

    /// The runs of the plane, in their order.
    #[inline(always)]
    pub(crate) fn runs(&self) -> RunsOfPlane<'a> {
        RunsOfPlane {
            plane: *self,
            occupied: self.occupied.iter(),
            first: 0,
            starts: 0,
            ends: 0,
            open: None,
            next: self.first_run + self.runs_before[0],
        }
    }
}

/// A run: its number, and its voxels counted in the plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) number: u32,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// The runs of a plane.
pub(crate) struct RunsOfPlane<'a> {
    plane: Plane<'a>,
    occupied: std::slice::Iter<'a, u32>,
    /// The first voxel of the present word.
    first: usize,
    /// Where in it runs begin and end that have not been told.
    starts: u64,
    ends: u64,
    /// Where the run began that has not ended.
    open: Option<usize>,
    next: u32,
}

impl RunsOfPlane<'_> {
    #[inline(always)]
    fn next_start(&mut self) -> usize {
        let position = self.first + self.starts.trailing_zeros() as usize;
        self.starts &= self.starts - 1;
        position
    }

    #[inline(always)]
    fn run(&mut self, start: usize, end: usize) -> Run {
        let number = self.next;
        self.next += 1;
        Run { number, start, end }
    }
}

impl Iterator for RunsOfPlane<'_> {
    type Item = Run;

    #[inline(always)]
    fn next(&mut self) -> Option<Run> {
        while self.ends == 0 {
            if self.starts != 0 {
                self.open = Some(self.next_start());
            }
            let Some(&number) = self.occupied.next() else {
                let start = self.open.take()?;
                return Some(self.run(start, self.plane.grid.voxels_per_plane));
            };
            let number = number as usize;
            self.first = number * BITS;
            let row_starts = self.plane.grid.row_starts[number];
            let word = self.plane.words[number];
            let before = self.plane.word(number.wrapping_sub(1));
            self.starts = starts(word, before, row_starts);
            self.ends = ends(word, before, row_starts);
        }
        let start = match self.open.take() {
            Some(start) => start,
            None => self.next_start(),
        };
        let end = self.first + self.ends.trailing_zeros() as usize;
        self.ends &= self.ends - 1;
        Some(self.run(start, end))
    }
}

/// The word that a position is in, and its bit. A position before the plane gives a
/// word that no plane has.
#[inline(always)]
fn split(position: isize) -> (usize, u32) {
    let bits = BITS.cast_signed();
    let (_, bit) = bits::split(position.rem_euclid(bits).cast_unsigned());
    (position.div_euclid(bits).cast_unsigned(), bit)
}

/// Each bit moved on by one voxel, that of the word before moved in.
#[inline(always)]
pub(crate) fn moved_on(word: Word, before: Word) -> Word {
    [0, 1].map(|sign| word[sign] << 1 | before[sign] >> (BITS - 1))
}

/// Where runs begin: at voxels that pass where the one before does not, or not with
/// the same sign, or belongs to another row.
#[inline(always)]
pub(crate) fn starts(word: Word, before: Word, row_starts: u64) -> u64 {
    let previous = moved_on(word, before);
    [0, 1].map(|sign| word[sign] & (!previous[sign] | row_starts)).into_iter().fold(0, |a, b| a | b)
}

/// Where runs have just ended, likewise.
#[inline(always)]
fn ends(word: Word, before: Word, row_starts: u64) -> u64 {
    let previous = moved_on(word, before);
    [0, 1].map(|sign| previous[sign] & (!word[sign] | row_starts)).into_iter().fold(0, |a, b| a | b)
}
