//! The clusters of one sign, and how large they are.

use std::ops::Range;

use ndarray::ArrayView3;

use crate::connectivity::Connectivity;
use crate::criterion::Criterion;
use crate::error::Result;
use crate::link::link;
use crate::scan::{Run, Runs, scan};
use crate::voxel::Voxel;

/// The clusters of one sign of a volume, as runs with their roots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clusters {
    runs: Runs,
    /// For each run the first run of its cluster.
    roots: Vec<u32>,
    /// Voxels of a cluster, at the index of its first run; 0 elsewhere.
    extents: Vec<u64>,
}

impl Clusters {
    /// Scans, links and measures a volume in memory order: its positive and its
    /// negative clusters.
    ///
    /// # Errors
    ///
    /// As [`scan`].
    pub fn find<T: Voxel>(
        volume: ArrayView3<'_, T>,
        mask: Option<ArrayView3<'_, bool>>,
        criterion: Criterion<T>,
        connectivity: Connectivity,
    ) -> Result<[Self; 2]> {
        let rows_per_plane = volume.dim().1;
        Ok(scan(volume, mask, criterion)?.map(|runs| {
            let roots = link(&runs, rows_per_plane, connectivity);
            Self::measure(runs, roots)
        }))
    }

    /// Sums the lengths of the runs of each cluster. Linear in runs; 8 bytes
    /// a run.
    #[must_use]
    pub fn measure(runs: Runs, roots: Vec<u32>) -> Self {
        let mut extents = vec![0; roots.len()];
        for (run, &root) in runs.all().iter().zip(&roots) {
            extents[root as usize] += u64::from(run.length());
        }
        Self { runs, roots, extents }
    }

    /// The extent of the largest cluster; 0 when there is none.
    #[must_use]
    pub fn largest_extent(&self) -> u64 {
        self.extents.iter().copied().max().unwrap_or(0)
    }

    /// The runs of a range of rows that belong to clusters of at least `min_extent`
    /// voxels.
    pub fn kept_in_rows(&self, rows: Range<usize>, min_extent: u64) -> impl Iterator<Item = Run> {
        let indices = self.runs.indices_in_rows(rows);
        self.runs.all()[indices.clone()]
            .iter()
            .zip(&self.roots[indices])
            .filter(move |(_, root)| self.extents[**root as usize] >= min_extent)
            .map(|(run, _)| *run)
    }

    /// The runs of the clusters of exactly `extent` voxels, each with its cluster's
    /// first run.
    pub(crate) fn runs_of_extent(&self, extent: u64) -> impl Iterator<Item = (Run, u32)> {
        let runs = self.runs.all().iter().copied().zip(self.roots.iter().copied());
        runs.filter(move |(_, root)| self.extents[*root as usize] == extent)
    }
}
