//! Clusters of a volume that is looked at block by block.
//!
//! A volume that does not fit into memory is cut into blocks. Each is labelled by
//! itself, and a cluster of a block is a piece of one of the volume. Which pieces touch
//! across the borders is seen in the labels on both sides of them; [`join`] makes the
//! clusters of them, with the numbers and the table of the volume as a whole.

use std::cmp::Reverse;

use ndarray::{ArrayView3, Axis};

use crate::error::{Array, Error, Result};
use crate::map::Index;
use crate::map::output::Output;
use crate::map::series::{check_mask, check_shape};
use crate::map::volume::Frame;
use crate::measure::exact_sum::Sums;
use crate::measure::label::{Numbered, Peak};
use crate::measure::table::{Table, sums_of};
use crate::request::Request;
use crate::runs::clusters::Clusters;
use crate::runs::union_find::Forest;
use crate::voxel::Voxel;

/// Where a block lies in its volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The voxel of the volume that is the first of the block.
    pub start: Index,
    /// The shape of the volume.
    pub shape: [usize; 3],
}

impl Place {
    /// Which of so many labels of a block reach a border beyond which the volume goes on.
    fn crossing(&self, labels: ArrayView3<'_, i32>, count: usize) -> Vec<bool> {
        let mut crosses = vec![false; count];
        for axis in 0..3 {
            let length = labels.shape()[axis];
            let goes_on = [self.start[axis] > 0, self.start[axis] + length < self.shape[axis]];
            for (end, goes_on) in [0, length - 1].into_iter().zip(goes_on) {
                if goes_on {
                    for &label in labels.index_axis(Axis(axis), end) {
                        let place = usize::try_from(label).ok().and_then(|at| at.checked_sub(1));
                        if let Some(crosses) = place.and_then(|at| crosses.get_mut(at)) {
                            *crosses = true;
                        }
                    }
                }
            }
        }
        crosses
    }
}

/// A cluster of a block: what there is to say of it that can be added up.
#[derive(Debug, Clone, Copy)]
pub struct Piece {
    extent: u64,
    sign: i8,
    /// The magnitude of the peak, as an integer of the same order.
    height: u64,
    value: f64,
    /// In the volume.
    peak: Index,
    sums: Sums,
}

impl Piece {
    /// How many words of 64 bits a piece is.
    pub const WORDS: usize = 16;

    /// Labels a block, as [`label`](crate::measure::label::label) does with all its clusters, and
    /// returns with its label each that may be a piece of a cluster that `request` keeps:
    /// those that it keeps by themselves, and those that reach a border of the block that
    /// is none of the volume. In the order of their labels.
    ///
    /// # Errors
    ///
    /// As [`label`](crate::measure::label::label).
    pub fn label<T: Voxel>(
        block: ArrayView3<'_, T>,
        mut labels: Output<'_, i32>,
        mask: Option<ArrayView3<'_, bool>>,
        request: Request,
        place: Place,
    ) -> Result<Vec<(i32, Self)>> {
        check_shape(Array::Labels, labels.array.shape(), block.shape())?;
        check_mask(mask.as_ref(), block.shape())?;
        if block.is_empty() {
            return Ok(Vec::new());
        }
        let frame = Frame::of(&block);
        let turned = frame.order.apply(block);
        let mask = mask.map(|mask| frame.order.apply(mask));
        let (clusters, passing) = Clusters::find_with_values(turned, mask, request)?;
        let (numbered, peaks, values) = Numbered::of(clusters, passing, &frame, 0)?;
        numbered.write(labels.view_mut(), &frame);

        // The room for sums of the whole volume, so that those of pieces add up.
        let sums = sums_of(&numbered, &peaks, &values, &frame, place.shape);
        let moved = |index: Index| [0, 1, 2].map(|axis| index[axis] + place.start[axis]);
        let piece = |(peak, sums): (&Peak<T>, Sums)| Self {
            extent: peak.extent,
            sign: peak.sign(),
            height: peak.value.magnitude().into(),
            value: peak.value.to_f64(),
            peak: moved(peak.index),
            sums: sums.moved(place.start),
        };
        let crosses = place.crossing(labels.volume(), peaks.len());
        let pieces = (1..).zip(peaks.iter().zip(sums).map(piece)).zip(crosses);
        let listed = |((_, piece), crosses): &((i32, Self), bool)| {
            *crosses || piece.extent >= request.min_extent
        };
        Ok(pieces.filter(listed).map(|(labelled, _)| labelled).collect())
    }

    /// What the number of a cluster depends on, the first one the smallest.
    fn rank(&self) -> (Reverse<u64>, Reverse<u64>, Index) {
        (Reverse(self.extent), Reverse(self.height), self.peak)
    }

    /// Adds another piece of the same cluster.
    fn add(&mut self, other: &Self) {
        self.extent += other.extent;
        self.sums.add(&other.sums);
        if (Reverse(other.height), other.peak) < (Reverse(self.height), self.peak) {
            (self.height, self.value, self.peak) = (other.height, other.value, other.peak);
        }
    }

    /// The piece as words, the first of them its extent.
    #[must_use]
    pub fn to_words(&self) -> [u64; Self::WORDS] {
        let mut words = [0; Self::WORDS];
        let [i, j, k] = self.peak.map(|index| index as u64);
        let sign = i64::from(self.sign).cast_unsigned();
        words[..7].copy_from_slice(&[
            self.extent,
            sign,
            self.height,
            self.value.to_bits(),
            i,
            j,
            k,
        ]);
        words[7..].copy_from_slice(&self.sums.to_words());
        words
    }

    /// The piece of such words.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "these were indices before")]
    pub fn from_words(words: [u64; Self::WORDS]) -> Self {
        let [extent, sign, height, value, i, j, k, sums @ ..] = words;
        Self {
            extent,
            sign: if sign.cast_signed() > 0 { 1 } else { -1 },
            height,
            value: f64::from_bits(value),
            peak: [i, j, k].map(|index| index as usize),
            sums: Sums::from_words(sums),
        }
    }
}

/// Makes the clusters of a volume of the pieces of its blocks.
///
/// `touching` are pairs of places in `pieces`, of the same sign. Returns for each piece
/// the number of its cluster, 0 of one with fewer than `min_extent` voxels; and the table
/// of the others, without maxima. Numbers and table are those of the volume in one,
/// whatever its blocks. So are the sums, unless values of a cluster have binary digits so
/// far below those of the peak that they are cut off (of 64-bit floats in a volume of 2³³
/// voxels, 27 below the last one of the peak; integers have none): then these differ in
/// the last place.
///
/// # Errors
///
/// A pair that names no piece; 2³² pieces or 2³¹ clusters or more.
pub fn join(pieces: &[Piece], touching: &[[u32; 2]], min_extent: u64) -> Result<(Vec<i32>, Table)> {
    let count = u32::try_from(pieces.len()).map_err(|_| Error::TooLarge)?;
    let mut parent: Vec<u32> = (0..count).collect();
    let mut forest = Forest::new(&mut parent);
    for &[a, b] in touching {
        if a.max(b) >= count {
            return Err(Error::BlockCluster { found: a.max(b), count });
        }
        forest.union(a, b);
    }

    let mut wholes: Vec<Piece> = Vec::new();
    let mut places = vec![0; pieces.len()];
    for (number, piece) in pieces.iter().enumerate() {
        // A parent comes before its child, so that it points at its root by now.
        let root = parent[parent[number] as usize];
        parent[number] = root;
        if root as usize == number {
            places[number] = wholes.len();
            wholes.push(*piece);
        } else {
            places[number] = places[root as usize];
            wholes[places[number]].add(piece);
        }
    }

    let mut kept: Vec<_> =
        (0..wholes.len()).filter(|&whole| wholes[whole].extent >= min_extent).collect();
    kept.sort_unstable_by_key(|&whole| wholes[whole].rank());
    let mut numbers = vec![0; wholes.len()];
    for (&whole, number) in kept.iter().zip(1_usize..) {
        numbers[whole] = i32::try_from(number).map_err(|_| Error::TooLarge)?;
    }
    let of = || kept.iter().map(|&whole| &wholes[whole]);
    let table = Table {
        signs: of().map(|whole| whole.sign).collect(),
        extents: of().map(|whole| whole.extent).collect(),
        peaks: of().map(|whole| whole.peak).collect(),
        values: of().map(|whole| whole.value).collect(),
        means: of().map(|whole| whole.sums.mean(whole.extent)).collect(),
        masses: of().map(|whole| whole.sums.mass()).collect(),
        centres: of().map(|whole| whole.sums.centre()).collect(),
        ..Table::default()
    };
    Ok((places.into_iter().map(|whole| numbers[whole]).collect(), table))
}
