//! Clusters, and how large they are.

use ndarray::ArrayView3;

use crate::connectivity::Connectivity;
use crate::criterion::Criterion;
use crate::error::Result;
use crate::instructions::{Loop, widest};
use crate::link::link;
use crate::runs::{RunList, Runs};
use crate::scan::scan;
use crate::voxel::Voxel;

/// The clusters of a volume, of either sign, as the runs they are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clusters {
    runs: Runs,
    /// For each run the first run of its cluster.
    roots: Vec<u32>,
    /// Voxels of a cluster, at the number of its first run; 0 elsewhere.
    extents: Vec<u64>,
}

impl Clusters {
    /// Scans, links and measures a volume in memory order.
    ///
    /// # Errors
    ///
    /// As [`scan`].
    pub fn find<T: Voxel>(
        volume: ArrayView3<'_, T>,
        mask: Option<ArrayView3<'_, bool>>,
        criterion: Criterion<T>,
        connectivity: Connectivity,
    ) -> Result<Self> {
        let runs = scan(volume, mask, criterion)?;
        let parent = link(&runs, connectivity);
        Ok(Self::measure(runs, parent))
    }

    /// Points each run at the first of its cluster, and sums the lengths of the
    /// runs of each cluster. Linear in words and runs; 8 bytes a run.
    #[must_use]
    pub fn measure(runs: Runs, parent: Vec<u32>) -> Self {
        let mut clusters = Self { runs, extents: vec![0; parent.len()], roots: parent };
        widest(Measure(&mut clusters));
        clusters
    }

    /// The extent of the largest cluster; 0 when there is none.
    #[must_use]
    pub fn largest_extent(&self) -> u64 {
        self.extents.iter().copied().max().unwrap_or(0)
    }

    pub(crate) fn runs(&self) -> &Runs {
        &self.runs
    }

    /// The extent of each cluster, at the number of its first run; 0 elsewhere.
    pub(crate) fn extents(&self) -> &[u64] {
        &self.extents
    }

    /// The extent of the cluster that a run belongs to.
    #[inline(always)]
    pub(crate) fn extent(&self, run: u32) -> u64 {
        self.extents[self.root(run) as usize]
    }

    /// The first run of the cluster that a run belongs to.
    #[inline(always)]
    pub(crate) fn root(&self, run: u32) -> u32 {
        self.roots[run as usize]
    }
}

struct Measure<'a>(&'a mut Clusters);

impl Loop for Measure<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Clusters { runs, roots, extents } = self.0;
        let mut list = RunList::default();
        for plane in 0..runs.planes() {
            for run in runs.plane(plane).runs(&mut list) {
                // A parent comes before its child, so that it points at its root by
                // now: no search.
                let number = run.number as usize;
                let root = roots[roots[number] as usize];
                roots[number] = root;
                extents[root as usize] += (run.end - run.start) as u64;
            }
        }
    }
}
