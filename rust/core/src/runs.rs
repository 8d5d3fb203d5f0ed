//! The runs of a thresholded volume, as bits.
//!
//! One bit a voxel and sign says whether the voxel passes, plane after plane. A run
//! is where such bits begin and end; it has a number, counted in memory order, and is
//! listed for one plane at a time. A voxel's run is found by counting the runs that
//! begin up to it.

use std::ops::Range;

use crate::bits::{self, BITS};
use crate::error::{Error, Result};

/// Which of 64 voxels pass: on the positive side, and on the negative.
pub(crate) type Word = [u64; 2];

/// Voxels, and for each the one before it.
pub(crate) type Pair = (Word, Word);

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
    words: Vec<Word>,
    /// For each word how many runs of the slab begin before it.
    runs_before: Vec<u32>,
    /// The words of each plane that hold bits or follow a voxel that passes, by their
    /// number in the plane: linking looks at no others.
    occupied: List,
    /// Where the occupied words of each plane end.
    plane_ends: Vec<usize>,
    count: usize,
}

impl Slab {
    /// Of planes that are still to come.
    pub(crate) fn new(grid: &Grid, planes: usize) -> Self {
        let words = planes * grid.words_per_plane();
        Self {
            words: vec![[0; 2]; words],
            runs_before: vec![0; words],
            occupied: List::of_room(words + 1),
            plane_ends: Vec::with_capacity(planes),
            count: 0,
        }
    }

    /// The plane that follows those that are closed, to fill.
    pub(crate) fn next_plane<'a>(&'a mut self, grid: &'a Grid) -> PlaneMut<'a> {
        let per_plane = grid.words_per_plane();
        let start = self.plane_ends.len() * per_plane;
        let range = start..start + per_plane;
        PlaneMut {
            words: &mut self.words[range.clone()],
            runs_before: &mut self.runs_before[range],
            row_starts: &grid.row_starts,
            occupied: &mut self.occupied,
            count: &mut self.count,
        }
    }

    /// Closes a plane that has been filled.
    pub(crate) fn close_plane(&mut self) {
        self.plane_ends.push(self.occupied.length);
    }

    /// The occupied words of a plane.
    fn occupied(&self, plane: usize) -> &[u32] {
        let start = if plane == 0 { 0 } else { self.plane_ends[plane - 1] };
        &self.occupied.room[start..self.plane_ends[plane]]
    }
}

/// Numbers that are added where there is room already, without a look at how much.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct List {
    /// The list and what room there is behind it.
    room: Vec<u32>,
    length: usize,
}

impl List {
    fn of_room(room: usize) -> Self {
        Self { room: vec![0; room], length: 0 }
    }

    fn values(&self) -> &[u32] {
        &self.room[..self.length]
    }

    #[inline(always)]
    fn make_room(&mut self, more: usize) {
        if self.room.len() < self.length + more {
            self.room.resize(2 * self.length + more, 0);
        }
    }

    /// Adds a number or does not, without a branch.
    #[inline(always)]
    fn add(&mut self, number: u32, is_added: bool) {
        self.room[self.length] = number;
        self.length += usize::from(is_added);
    }

    /// Adds the position of each bit of a word, `first` for the lowest.
    #[inline(always)]
    fn add_bits(&mut self, mut word: u64, first: u32) {
        self.make_room(BITS);
        let count = word.count_ones() as usize;
        for number in &mut self.room[self.length..][..count] {
            *number = first.wrapping_add(word.trailing_zeros());
            word &= word.wrapping_sub(1);
        }
        self.length += count;
    }
}

/// A plane of a slab, to fill from its first voxel to its last.
pub(crate) struct PlaneMut<'a> {
    words: &'a mut [Word],
    runs_before: &'a mut [u32],
    row_starts: &'a [u64],
    occupied: &'a mut List,
    /// The runs of the slab so far.
    count: &'a mut usize,
}

impl PlaneMut<'_> {
    /// Adds words in which nothing passes.
    #[inline(always)]
    pub(crate) fn add_empty(&mut self, words: Range<usize>) {
        let before = self.before(words.start);
        self.occupied.add(narrow(words.start), (before[0] | before[1]) >> (BITS - 1) != 0);
        let count = self.count();
        self.runs_before[words].fill(count);
    }

    /// Adds a word; bits behind the last voxel are not set.
    #[inline(always)]
    pub(crate) fn add(&mut self, number: usize, word: Word) {
        let before = self.before(number);
        let any = word[0] | word[1] | (before[0] | before[1]) >> (BITS - 1);
        self.occupied.add(narrow(number), any != 0);
        self.runs_before[number] = self.count();
        self.words[number] = word;
        let starts = starts(word, moved_on(word, before), self.row_starts[number]);
        *self.count += starts.count_ones() as usize;
    }

    #[inline(always)]
    fn before(&self, word: usize) -> Word {
        if word == 0 { [0; 2] } else { self.words[word - 1] }
    }

    #[inline(always)]
    fn count(&self) -> u32 {
        // Too many are refused in the end.
        narrow(*self.count)
    }
}

/// A number that fits: a plane has fewer than 2³² voxels.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "it fits")]
fn narrow(number: usize) -> u32 {
    number as u32
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
        self.slabs.iter().map(|(_, slab)| slab.plane_ends.len()).sum()
    }

    /// A plane by its number in the volume.
    pub(crate) fn plane(&self, plane: usize) -> Plane<'_> {
        let (first_run, slab) = &self.slabs[plane / self.planes_per_slab];
        let per_plane = self.grid.words_per_plane();
        let in_slab = plane % self.planes_per_slab;
        let words = in_slab * per_plane..(in_slab + 1) * per_plane;
        Plane {
            occupied: slab.occupied(in_slab),
            words: &slab.words[words.clone()],
            runs_before: &slab.runs_before[words],
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
    /// The words that hold bits or follow a voxel that passes, by their numbers.
    pub(crate) fn occupied(&self) -> &'a [u32] {
        self.occupied
    }

    pub(crate) fn grid(&self) -> &'a Grid {
        self.grid
    }

    /// Which voxels of 64 pass, from a position on that may lie anywhere; voxels
    /// outside the plane do not.
    #[inline(always)]
    fn passing(&self, position: isize) -> Word {
        let (word, shift) = split(position);
        let low = self.word(word);
        if shift == 0 {
            return low;
        }
        let high = self.word(word.wrapping_add(1));
        [0, 1].map(|sign| low[sign] >> shift | high[sign] << (u64::BITS - shift))
    }

    /// The same, and for each voxel the one before it.
    #[inline(always)]
    pub(crate) fn pair(&self, position: isize) -> Pair {
        let voxels = self.passing(position);
        let (word, bit) = split(position - 1);
        let before = self.word(word).map(|word| word << (u64::BITS - 1 - bit));
        (voxels, moved_on(voxels, before))
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
        let passing = self.word(word);
        starts(passing, moved_on(passing, self.word(word.wrapping_sub(1))), row_starts)
    }

    /// The runs of the plane, in their order, listed where `list` has been before.
    #[inline(always)]
    pub(crate) fn runs<'b>(&self, list: &'b mut RunList) -> impl Iterator<Item = Run> + use<'b> {
        list.starts.length = 0;
        list.ends.length = 0;
        for &number in self.occupied {
            let number = number as usize;
            let (word, row_starts) = (self.words[number], self.grid.row_starts[number]);
            let previous = moved_on(word, self.word(number.wrapping_sub(1)));
            let first = narrow(number * BITS);
            list.starts.add_bits(starts(word, previous, row_starts), first);
            list.ends.add_bits(ends(word, previous, row_starts), first);
        }
        list.ends.make_room(1);
        let is_open = list.ends.length < list.starts.length;
        list.ends.add(narrow(self.grid.voxels_per_plane), is_open);
        let first = self.first_run + self.runs_before[0];
        list.starts.values().iter().zip(list.ends.values()).zip(first..).map(
            |((&start, &end), number)| Run { number, start: start as usize, end: end as usize },
        )
    }
}

/// Where each run of a plane begins, and one past where it ends.
#[derive(Default)]
pub(crate) struct RunList {
    starts: List,
    ends: List,
}

/// A run: its number, and its voxels counted in the plane.
pub(crate) struct Run {
    pub(crate) number: u32,
    pub(crate) start: usize,
    pub(crate) end: usize,
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
fn moved_on(word: Word, before: Word) -> Word {
    [0, 1].map(|sign| word[sign] << 1 | before[sign] >> (BITS - 1))
}

/// Where runs begin: at voxels that pass where the one before does not, or not with
/// the same sign, or belongs to another row.
#[inline(always)]
fn starts(word: Word, previous: Word, row_starts: u64) -> u64 {
    let of_sign = |sign: usize| word[sign] & (!previous[sign] | row_starts);
    of_sign(0) | of_sign(1)
}

/// Where runs have just ended, likewise.
#[inline(always)]
fn ends(word: Word, previous: Word, row_starts: u64) -> u64 {
    let of_sign = |sign: usize| previous[sign] & (!word[sign] | row_starts);
    of_sign(0) | of_sign(1)
}
