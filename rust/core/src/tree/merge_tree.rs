//! The clusters of a volume at every threshold at once.
//!
//! When the threshold falls, a cluster is born at each local maximum, grows, and joins
//! others. Of the clusters that join, the one with the highest peak goes on and the
//! others end. What a peak leads from its birth to its end is a *branch*, and all
//! clusters at any threshold are the branches that are alive there: born at it or
//! above, and ended below. There are as many branches as local maxima, which in a
//! smooth map are few.
//!
//! ```text
//! height
//!   3        A                A, B, C  local maxima
//!   2        │   B            at 2 (or more) there are two clusters, those of A and B;
//!   1.5      │   │  C         B ends at 1, where it joins A;
//!   1        ├───┘  │         C ends at 0.5, where it joins A;
//!   0.5      ├──────┘         A goes on to zero.
//!   0        A
//! ```
//!
//! This is a merge tree, the join tree of Carr, Snoeyink and Axen (Computing contour trees in
//! all dimensions, 2003); that the cluster with the highest peak goes on is the elder rule of
//! persistence (Edelsbrunner, Letscher and Zomorodian, Topological persistence and
//! simplification, 2002).

// Rejected: a tree for each question that is asked of it. Questions are NumPy expressions
// over the branches.

use std::cmp::Reverse;

use ndarray::{ArrayView3, ArrayViewMut3};

use crate::connectivity::Connectivity;
use crate::error::{Array, Result};
use crate::map::Index;
use crate::map::bounding_box::BoundingBox;
use crate::map::memory_order::Frame;
use crate::map::series::{check_mask, check_shape};
use crate::parallel;
use crate::request::{Sides, Sign};
use crate::tree::component_tree::ComponentTree;
use crate::tree::padded_volume::PaddedVolume;
use crate::voxel::Voxel;
use crate::voxel::sort_key::SortKey;

/// The branches of both signs: positive ones first, then by the height of their peaks,
/// highest first, then by the indices of their peaks.
///
/// Heights are absolute values. A voxel as high as a threshold is kept, so a branch is
/// alive at `merge < threshold <= birth`.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
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
    /// The branch it joins; itself when it never joins one.
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
        let found = Self::of_signs(volume, mask, sides, connectivity, |tree, _| tree)?;
        Ok(Self::joined(found))
    }

    /// The same, and writes one more than its step to each voxel of `steps`: with that step
    /// the voxel joins a branch. 0 for voxels of no cluster.
    ///
    /// # Errors
    ///
    /// As of [`MergeTree::of`]; `steps` of another shape.
    pub fn with_steps<T: Voxel>(
        volume: ArrayView3<'_, T>,
        mask: Option<ArrayView3<'_, bool>>,
        sides: Sides,
        connectivity: Connectivity,
        mut steps: ArrayViewMut3<'_, i32>,
    ) -> Result<Self> {
        check_shape(Array::Output, steps.shape(), volume.shape())?;
        let found = Self::of_signs(volume, mask, sides, connectivity, |tree, own| (tree, own))?;
        steps.fill(0);
        let order = Frame::of(&volume).order;
        let mut first = 1;
        for (tree, own) in &found {
            own.write(order.apply(steps.view_mut()), first);
            first += tree.heights.len();
        }
        Ok(Self::joined(found.into_iter().map(|(tree, _)| tree).collect()))
    }

    /// Makes something of the branches of each sign, and of where their steps are.
    fn of_signs<T: Voxel, Made: Send>(
        volume: ArrayView3<'_, T>,
        mask: Option<ArrayView3<'_, bool>>,
        sides: Sides,
        connectivity: Connectivity,
        make: impl Fn(Self, StepsOfVoxels) -> Made + Sync,
    ) -> Result<Vec<Made>> {
        check_mask(mask.as_ref(), volume.shape())?;
        if volume.is_empty() {
            return Ok(Vec::new());
        }
        let found = parallel::map(sides.signs(), |sign| {
            let (tree, own) = Self::of_sign(volume, mask, sign, connectivity)?;
            Ok(make(tree, own))
        });
        found.into_iter().collect()
    }

    /// The branches of several signs, one sign after the other.
    pub(crate) fn joined(signs: Vec<Self>) -> Self {
        let mut all = Self { starts: vec![0], ..Self::default() };
        for tree in signs {
            all.append(tree);
        }
        all
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
    ) -> Result<(Self, StepsOfVoxels)> {
        let frame = Frame::of(&volume);
        let volume = frame.order.apply(volume);
        let bounds = BoundingBox::of(volume);
        let mask = mask.map(|mask| bounds.apply(frame.order.apply(mask)));
        let (padded, mut tree) =
            PaddedVolume::with_tree(bounds.apply(volume), mask, sign, connectivity)?;
        let ranks = std::mem::take(&mut tree.ranks);
        let index = |place: u32| frame.index(bounds.index_in_volume(padded.index(place)));
        let (found, steps) = Self::of_tree(&tree, sign, index, T::sort_key_to_f64);
        Ok((found, StepsOfVoxels { bounds, padded, ranks, steps }))
    }

    /// The branches of a component tree, and the step of each node, by rank; `index` is that
    /// of a place, and `height` the one that a key stands for.
    pub(crate) fn of_tree<K: SortKey>(
        tree: &ComponentTree<K>,
        sign: Sign,
        index: impl Fn(u32) -> Index,
        height: impl Fn(K) -> f64,
    ) -> (Self, Vec<u32>) {
        let index = |rank: u32| index(tree.place(rank));
        let height = |rank: u32| height(tree.key(rank));
        let peaks = peaks(tree, index);

        // A branch ends where the parent of its cluster has another peak.
        let peak_and_parent = |rank: u32| (peaks[rank as usize], tree.parent(rank));
        let is_end = |&(peak, parent): &(u32, Option<u32>)| {
            parent.is_none_or(|parent| peaks[parent as usize] != peak)
        };
        let mut ends: Vec<_> = tree.all().map(peak_and_parent).filter(is_end).collect();
        ends.sort_by_cached_key(|&(peak, _)| (Reverse(tree.key(peak)), index(peak)));
        let mut numbers = vec![0_u32; peaks.len()];
        for (&(peak, _), number) in ends.iter().zip(0..) {
            numbers[peak as usize] = number;
        }
        let number = |rank: u32| numbers[peaks[rank as usize] as usize];

        let Steps { starts, ranks, of_nodes } = Steps::of(tree, ends.len(), number);
        let into = ends.iter().zip(0..).map(|(&(_, parent), own)| parent.map_or(own, number));
        let found = Self {
            signs: vec![sign.number(); ends.len()],
            peaks: ends.iter().map(|&(peak, _)| index(peak)).collect(),
            births: ends.iter().map(|&(peak, _)| height(peak)).collect(),
            merges: ends.iter().map(|&(_, parent)| parent.map_or(0.0, height)).collect(),
            into: into.map(|branch: u32| branch as usize).collect(),
            starts,
            heights: ranks.iter().map(|&rank| height(rank)).collect(),
            extents: ranks.iter().map(|&rank| tree.extents[rank as usize]).collect(),
        };
        (found, of_nodes)
    }
}

/// The steps of the voxels of one sign.
struct StepsOfVoxels {
    bounds: BoundingBox,
    padded: PaddedVolume,
    /// One more than the rank of each voxel, at its place; 0 elsewhere.
    ranks: Vec<u32>,
    /// By rank.
    steps: Vec<u32>,
}

impl StepsOfVoxels {
    /// Writes the steps, counted from `first`.
    fn write(&self, out: ArrayViewMut3<'_, i32>, first: usize) {
        let step = |rank: usize| {
            let step = first + self.steps[rank] as usize;
            i32::try_from(step).expect("a step has a voxel, and there are fewer than 2^31")
        };
        self.padded.write(&self.ranks, self.bounds.apply(out), step);
    }
}

/// The peak of each node's cluster, by rank: the highest node, of equal ones the one of the
/// smallest index.
fn peaks<K: SortKey>(tree: &ComponentTree<K>, index: impl Fn(u32) -> Index) -> Vec<u32> {
    let mut peaks: Vec<u32> = tree.all().collect();
    for rank in tree.all() {
        let Some(parent) = tree.parent(rank) else { continue };
        let (a, b) = (peaks[rank as usize], peaks[parent as usize]);
        let (key_a, key_b) = (tree.key(a), tree.key(b));
        if key_a > key_b || (key_a == key_b && index(a) < index(b)) {
            peaks[parent as usize] = a;
        }
    }
    // Nodes of one height are a cluster only together, and have one peak.
    for rank in tree.all().rev() {
        if let Some(parent) = tree.parent_of_same_height(rank) {
            peaks[rank as usize] = peaks[parent as usize];
        }
    }
    peaks
}

/// The nodes that are the last of their height in their cluster: what a branch gains at a
/// height is known with them.
struct Steps {
    /// Where the steps of each branch start, and after the last where they end.
    starts: Vec<usize>,
    /// The nodes, by branch, falling.
    ranks: Vec<u32>,
    /// The step of each node, by rank: that of its cluster at its height.
    of_nodes: Vec<u32>,
}

impl Steps {
    /// Sorts the steps by branch: first how many steps each branch has, then each step to its
    /// place.
    fn of<K: SortKey>(
        tree: &ComponentTree<K>,
        branches: usize,
        branch_of: impl Fn(u32) -> u32,
    ) -> Self {
        let steps = || {
            let last = |&rank: &u32| tree.parent_of_same_height(rank).is_none();
            tree.all().filter(last).map(|rank| (rank, branch_of(rank) as usize))
        };
        let mut starts = vec![0; branches + 1];
        steps().for_each(|(_, branch)| starts[branch + 1] += 1);
        for branch in 0..branches {
            starts[branch + 1] += starts[branch];
        }
        let (mut next, mut ranks) = (starts.clone(), vec![0; starts[branches]]);
        for (rank, branch) in steps() {
            ranks[next[branch]] = rank;
            next[branch] += 1;
        }
        let mut of_nodes = vec![0; tree.extents.len()];
        for (&rank, step) in ranks.iter().zip(0..) {
            of_nodes[rank as usize] = step;
        }
        for rank in tree.all().rev() {
            if let Some(parent) = tree.parent_of_same_height(rank) {
                of_nodes[rank as usize] = of_nodes[parent as usize];
            }
        }
        Self { starts, ranks, of_nodes }
    }
}
