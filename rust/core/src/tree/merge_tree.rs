//! The clusters of a volume at every threshold at once.
//!
//! When the threshold falls, a cluster is born at each local maximum, grows, and joins
//! others. Of the clusters that join, the one with the highest peak goes on and the
//! others end. What a peak leads from its birth to its end is a *branch*, and all
//! clusters at any threshold are the branches that are alive there: born at it or
//! above, and ended below. There are as many branches as local maxima, which in a
//! smooth map are few.

use ndarray::ArrayView3;

use crate::connectivity::Connectivity;
use crate::error::{Error, Result};
use crate::map::Index;
use crate::map::bounding_box::BoundingBox;
use crate::map::series::check_mask;
use crate::map::volume::MemoryOrder;
use crate::parallel;
use crate::request::{Sides, Sign};
use crate::tree::component_tree::{NONE, Tree};
use crate::voxel::Voxel;

/// The branches of both signs: positive ones first, then by the height of their peaks,
/// highest first, then by the indices of their peaks.
///
/// Heights are absolute values. A voxel as high as a threshold is kept, so a branch is
/// alive at `merge < threshold <= birth`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MergeTree {
    /// 1 or -1.
    pub signs: Vec<i8>,
    /// The highest voxel of each branch; of equal ones the one of the smallest indices.
    pub peaks: Vec<Index>,
    /// The height of the peak.
    pub births: Vec<f64>,
    /// The height at which the branch joins another with a higher peak, or an equal
    /// one of smaller indices; 0 when it never does.
    pub merges: Vec<f64>,
    /// The branch it joins; itself when there is none.
    pub into: Vec<usize>,
    /// Where the steps of each branch start, and after the last where they end.
    pub starts: Vec<usize>,
    /// Steps: the heights at which the clusters grow, for each branch falling.
    pub heights: Vec<f64>,
    /// Steps: the extent in voxels that the cluster has from this height on.
    pub extents: Vec<u32>,
}

impl MergeTree {
    /// The branches of a volume, in a mask. NaN and infinities count as zero. Signs
    /// are done in parallel; the result depends on neither that nor the strides.
    ///
    /// # Errors
    ///
    /// A mask of another shape; a volume too large for 32-bit counts.
    pub fn of<T: Voxel>(
        volume: ArrayView3<'_, T>,
        mask: Option<ArrayView3<'_, bool>>,
        sides: Sides,
        connectivity: Connectivity,
    ) -> Result<Self> {
        check_mask(mask.as_ref(), volume.shape())?;
        let mut all = Self { starts: vec![0], ..Self::default() };
        if volume.is_empty() {
            return Ok(all);
        }
        let found =
            parallel::map(sides.signs(), |sign| Self::of_sign(volume, mask, sign, connectivity));
        for found in found {
            all.append(found?);
        }
        Ok(all)
    }

    fn append(&mut self, other: Self) {
        let (branches, steps) = (self.births.len(), self.heights.len());
        self.signs.extend(other.signs);
        self.peaks.extend(other.peaks);
        self.births.extend(other.births);
        self.merges.extend(other.merges);
        self.into.extend(other.into.into_iter().map(|branch| branch + branches));
        self.starts.extend(other.starts.into_iter().skip(1).map(|start| start + steps));
        self.heights.extend(other.heights);
        self.extents.extend(other.extents);
    }

    fn of_sign<T: Voxel>(
        volume: ArrayView3<'_, T>,
        mask: Option<ArrayView3<'_, bool>>,
        sign: Sign,
        connectivity: Connectivity,
    ) -> Result<Self> {
        let shape = [volume.dim().0, volume.dim().1, volume.dim().2];
        let order = MemoryOrder::of(&volume);
        let volume = order.apply(volume);
        let bounds = BoundingBox::of(volume);
        let mask = mask.map(|mask| bounds.apply(order.apply(mask)));
        let Tree { grid, voxels, parents, extents, ranks } =
            Tree::of(bounds.apply(volume), mask, sign, connectivity)?;
        drop(ranks);
        let key = |rank: u32| voxels[rank as usize].0;
        let height = |rank: u32| T::sort_key_to_f64(key(rank));
        let index = |rank: u32| {
            let place = grid.index(voxels[rank as usize].1);
            order.index_in_view(shape, bounds.index_in_volume(place))
        };
        let parent = |rank: u32| Some(parents[rank as usize]).filter(|&parent| parent != NONE);
        let same_height = |rank: u32| parent(rank).filter(|&parent| key(parent) == key(rank));
        let all = 0..u32::try_from(voxels.len()).map_err(|_| Error::TooLarge)?;

        // The peak of each voxel's cluster.
        let mut peaks: Vec<u32> = all.clone().collect();
        for rank in all.clone() {
            let Some(parent) = parent(rank) else { continue };
            let (a, b) = (peaks[rank as usize], peaks[parent as usize]);
            if key(a) > key(b) || (key(a) == key(b) && index(a) < index(b)) {
                peaks[parent as usize] = a;
            }
        }
        // Voxels of one height are a cluster only together, and have one peak.
        for rank in all.clone().rev() {
            if let Some(parent) = same_height(rank) {
                peaks[rank as usize] = peaks[parent as usize];
            }
        }

        // A branch ends where the parent of its cluster has another peak.
        let peak_and_parent = |rank: u32| (peaks[rank as usize], parent(rank));
        let is_end = |&(peak, parent): &(u32, Option<u32>)| {
            parent.is_none_or(|parent| peaks[parent as usize] != peak)
        };
        let mut ends: Vec<_> = all.clone().map(peak_and_parent).filter(is_end).collect();
        ends.sort_by_cached_key(|&(peak, _)| (std::cmp::Reverse(key(peak)), index(peak)));
        let mut numbers = vec![NONE; voxels.len()];
        for (&(peak, _), number) in ends.iter().zip(0..) {
            numbers[peak as usize] = number;
        }
        let number = |rank: u32| numbers[peaks[rank as usize] as usize];

        // The steps are the voxels that are the last of their height in their cluster:
        // first how many each branch has, then each to its place.
        let steps = || {
            let last = |&rank: &u32| same_height(rank).is_none();
            all.clone().filter(last).map(|rank| (rank, number(rank) as usize))
        };
        let mut starts = vec![0; ends.len() + 1];
        steps().for_each(|(_, branch)| starts[branch + 1] += 1);
        for branch in 0..ends.len() {
            starts[branch + 1] += starts[branch];
        }
        let mut next = starts.clone();
        let (mut step_heights, mut step_extents) =
            (vec![0.0; starts[ends.len()]], vec![0; starts[ends.len()]]);
        for (rank, branch) in steps() {
            step_heights[next[branch]] = height(rank);
            step_extents[next[branch]] = extents[rank as usize];
            next[branch] += 1;
        }

        let into = ends.iter().zip(0..).map(|(&(_, parent), own)| parent.map_or(own, number));
        Ok(Self {
            signs: vec![sign.number(); ends.len()],
            peaks: ends.iter().map(|&(peak, _)| index(peak)).collect(),
            births: ends.iter().map(|&(peak, _)| height(peak)).collect(),
            merges: ends.iter().map(|&(_, parent)| parent.map_or(0.0, height)).collect(),
            into: into.map(|branch: u32| branch as usize).collect(),
            starts,
            heights: step_heights,
            extents: step_extents,
        })
    }
}
