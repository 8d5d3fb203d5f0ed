//! Clusters of a volume that is looked at block by block.
//!
//! A volume that does not fit into memory is cut into blocks. Each is labelled alone
//! ([`label_block`]). Which clusters of blocks touch across a border is seen in the labels on
//! both sides of it; [`join_blocks`] makes the clusters of the volume of them, with the
//! numbers and the table of the volume as a whole.
//!
//! ```text
//!   block 0  │  block 1         labels at the border, from below
//!            │
//!    . 1 1 1 │ 2 2 . .          1 │ 2    touch
//!    . . . . │ . . 1 .          . │ .
//!    . 2 2 2 │ . . 1 1          2 │ .
//! ```
//!
//! This is the two-scan scheme of [`runs`](crate::runs) once more, with clusters of blocks
//! in place of runs.

use std::cmp::Reverse;

use ndarray::{ArrayView3, Axis};

use crate::error::{Array, Error, Result};
use crate::map::Index;
use crate::map::memory_order::Frame;
use crate::map::output::Output;
use crate::map::series::{check_mask, check_shape};
use crate::measure::cluster_sums::{ClusterSums, sums_of};
use crate::measure::label;
use crate::measure::numbered::{Numbered, Peak};
use crate::measure::table::{Row, Table};
use crate::request::Request;
use crate::runs::clusters::Clusters;
use crate::runs::union_find::{self, Forest};
use crate::voxel::Voxel;

/// Where a block lies in its volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockPosition {
    /// The voxel of the volume that is the first of the block.
    pub start: Index,
    /// The shape of the volume.
    pub volume: [usize; 3],
}

impl BlockPosition {
    /// For each label of a block, whether it reaches a border beyond which the volume goes on.
    fn crossing(&self, labels: ArrayView3<'_, i32>, count: usize) -> Vec<bool> {
        let mut crosses = vec![false; count];
        for axis in 0..3 {
            let length = labels.shape()[axis];
            let goes_on = [self.start[axis] > 0, self.start[axis] + length < self.volume[axis]];
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
pub struct BlockCluster {
    /// In the volume.
    row: Row,
    /// The magnitude of the peak, as an integer of the same order.
    magnitude: u64,
}

/// Labels a block, as [`label`](crate::label) does with clusters of every extent, and
/// returns each that may belong to a cluster of the volume that stays, with its label:
/// those that are large enough, and those that reach a border of the block beyond which the
/// volume goes on. In the order of their labels.
///
/// # Errors
///
/// Those of [`label`](crate::label).
pub fn label_block<T: Voxel>(
    block: ArrayView3<'_, T>,
    mut labels: Output<'_, i32>,
    mask: Option<ArrayView3<'_, bool>>,
    request: Request,
    position: BlockPosition,
) -> Result<Vec<(i32, BlockCluster)>> {
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
    label::write(&numbered, labels.view_mut(), &frame);

    // With room for the sums of the whole volume, so that those of blocks add up.
    let sums = sums_of(&numbered, &peaks, &values, &frame, position.volume);
    let of_block = |(peak, sums): (&Peak<T>, ClusterSums)| {
        let mut row = Row::of(peak, sums.moved(position.start));
        for (index, start) in row.peak.iter_mut().zip(position.start) {
            *index += start;
        }
        BlockCluster { row, magnitude: peak.value.magnitude().into() }
    };
    let crosses = position.crossing(labels.volume(), peaks.len());
    let labelled = (1..).zip(peaks.iter().zip(sums).map(of_block)).zip(crosses);
    let listed = |((_, cluster), crosses): &((i32, BlockCluster), bool)| {
        *crosses || cluster.row.extent >= request.min_extent
    };
    Ok(labelled.filter(listed).map(|(labelled, _)| labelled).collect())
}

impl BlockCluster {
    /// How many words of 64 bits a cluster of a block is.
    pub const WORDS: usize = 16;

    /// What the number of a cluster depends on, the first one the smallest.
    fn rank(&self) -> (Reverse<u64>, Reverse<u64>, Index) {
        (Reverse(self.row.extent), Reverse(self.magnitude), self.row.peak)
    }

    /// Adds a cluster of another block that is part of the same cluster of the volume.
    fn add(&mut self, other: &Self) {
        self.row.extent += other.row.extent;
        self.row.sums.add(&other.row.sums);
        let height = |cluster: &Self| (Reverse(cluster.magnitude), cluster.row.peak);
        if height(other) < height(self) {
            self.magnitude = other.magnitude;
            (self.row.value, self.row.peak) = (other.row.value, other.row.peak);
        }
    }

    /// The cluster as words, to hand it to another process: its extent, its sign (a signed
    /// number), and what only [`BlockCluster::from_words`] needs to know.
    #[must_use]
    pub fn to_words(&self) -> [u64; Self::WORDS] {
        let Row { sign, extent, peak, value, sums } = self.row;
        let mut words = [0; Self::WORDS];
        let [i, j, k] = peak.map(|index| index as u64);
        let sign = i64::from(sign).cast_unsigned();
        words[..7].copy_from_slice(&[extent, sign, self.magnitude, value.to_bits(), i, j, k]);
        words[7..].copy_from_slice(&sums.to_words());
        words
    }

    /// The cluster of such words.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "these were indices before")]
    pub fn from_words(words: [u64; Self::WORDS]) -> Self {
        let [extent, sign, magnitude, value, i, j, k, sums @ ..] = words;
        let row = Row {
            sign: if sign.cast_signed() > 0 { 1 } else { -1 },
            extent,
            peak: [i, j, k].map(|index| index as usize),
            value: f64::from_bits(value),
            sums: ClusterSums::from_words(sums),
        };
        Self { row, magnitude }
    }
}

/// Makes the clusters of a volume of those of its blocks.
///
/// `touching` are pairs of places in `clusters`, of the same sign. Returns for each cluster
/// of a block the number of its cluster of the volume, 0 for one of fewer than `min_extent`
/// voxels; and the table of the others, without maxima. Numbers and table are those of the
/// volume in one, whatever its blocks. So are the sums, unless values of a cluster have
/// binary digits so far below those of the peak that they are cut off (of 64-bit floats in a
/// volume of 2³³ voxels, 27 below the last one of the peak; integers have none): then these
/// differ in the last place.
///
/// # Errors
///
/// A pair that names no cluster; 2³² clusters of blocks or 2³¹ of the volume, or more.
pub fn join_blocks(
    clusters: &[BlockCluster],
    touching: &[[u32; 2]],
    min_extent: u64,
) -> Result<(Vec<i32>, Table)> {
    let count = u32::try_from(clusters.len()).map_err(|_| Error::TooLarge)?;
    let mut parent: Vec<u32> = (0..count).collect();
    let mut forest = Forest::new(&mut parent);
    for &[a, b] in touching {
        if a.max(b) >= count {
            return Err(Error::BlockCluster { found: a.max(b), count });
        }
        forest.union(a, b);
    }
    union_find::number(&mut parent);
    // Sets are numbered in the order of their first members.
    let mut wholes: Vec<BlockCluster> = Vec::new();
    for (cluster, &set) in clusters.iter().zip(&parent) {
        match wholes.get_mut(set as usize) {
            Some(whole) => whole.add(cluster),
            None => wholes.push(*cluster),
        }
    }

    let mut kept: Vec<_> =
        (0..wholes.len()).filter(|&whole| wholes[whole].row.extent >= min_extent).collect();
    kept.sort_unstable_by_key(|&whole| wholes[whole].rank());
    let mut numbers = vec![0; wholes.len()];
    for (&whole, number) in kept.iter().zip(1_usize..) {
        numbers[whole] = i32::try_from(number).map_err(|_| Error::TooLarge)?;
    }
    let table = Table::of_rows(kept.iter().map(|&whole| &wholes[whole].row));
    Ok((parent.into_iter().map(|whole| numbers[whole as usize]).collect(), table))
}
