//! Clusters, and how large they are.

use ndarray::ArrayView3;

use crate::connectivity::Connectivity;
use crate::error::{Error, Result};
use crate::map::interleaved::{self, InterleavedVolumes};
use crate::map::memory_order::MemoryOrder;
use crate::map::series::check_mask;
use crate::map::volume::{Target, visit_planes};
use crate::parallel;
use crate::request::Request;
use crate::runs::link::{Link, RowsBefore};
use crate::runs::list::{PlaneLayout, Run, Runs, narrow};
use crate::runs::passing_values::{PassingValues, append};
use crate::runs::scan::Scanned;
use crate::runs::slab::{Rules, Slab};
use crate::runs::union_find::{self, Forest};
use crate::simd::dispatch::dispatch;
use crate::voxel::Voxel;

/// The clusters of a volume, of either sign, as the runs they are made of.
#[derive(Debug, Clone, Default)]
pub struct Clusters {
    slabs: Vec<Linked>,
    planes_per_slab: usize,
    row_length: usize,
    /// The cluster that each fragment belongs to. A fragment is what lies of a cluster in
    /// one slab.
    cluster_of: Vec<u32>,
    /// How many voxels each cluster has. Clusters come in the order of their first runs.
    extents: Vec<u64>,
}

/// The runs of some planes, with the fragment that each belongs to.
#[derive(Debug, Clone)]
struct Linked {
    runs: Runs,
    /// Counted in the slab.
    fragments: Vec<u32>,
    /// The number of the slab's first fragment among all.
    first_fragment: usize,
}

/// A run of a cluster.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClusterRun {
    pub(crate) cluster: u32,
    pub(crate) run: Run,
}

impl Clusters {
    /// Finds the clusters of a volume, in a mask if there is one, whatever their extents: for
    /// those who want to know how large they are, and nothing else.
    ///
    /// ```
    /// use ndarray::array;
    /// use nithresh_core::{Clusters, Request, Sides};
    ///
    /// let map = array![[[3.0_f32, -2.0, -4.0, 0.5, 2.0]]];
    /// let clusters = Clusters::find(map.view(), None, Request::new(2.0, Sides::Both)?)?;
    /// assert_eq!((clusters.extents().len(), clusters.largest_extent()), (3, 2));
    /// # Ok::<(), nithresh_core::Error>(())
    /// ```
    ///
    /// Reads each voxel once; 12 bytes for each run are needed, 12 for each cluster, and
    /// half a byte for each voxel of a plane.
    ///
    /// # Errors
    ///
    /// A mask of another shape; a plane of 2³² voxels or more, or 2³² runs or more.
    pub fn find<T: Voxel>(
        volume: ArrayView3<'_, T>,
        mask: Option<ArrayView3<'_, bool>>,
        request: Request,
    ) -> Result<Self> {
        check_mask(mask.as_ref(), volume.shape())?;
        if volume.is_empty() {
            return Ok(Self::default());
        }
        let order = MemoryOrder::of(&volume);
        let (target, mask) = (order.apply(volume), mask.map(|mask| order.apply(mask)));
        Ok(Self::find_and_write(Target::Read(target), mask, request, None)?.0)
    }

    /// The clusters of a volume in memory order, with the values of all voxels that pass.
    pub(crate) fn find_with_values<T: Voxel>(
        volume: ArrayView3<'_, T>,
        mask: Option<ArrayView3<'_, bool>>,
        request: Request,
    ) -> Result<(Self, PassingValues<T>)> {
        let (target, mut passing) = (Target::Read(volume), PassingValues::default());
        let into = Some(&mut passing);
        let (clusters, _) = Self::find_and_write(target, mask, request, into)?;
        Ok((clusters, passing))
    }

    /// Finds the clusters of a volume in memory order, and writes the voxels that pass; all
    /// others become zero. `passing`
    /// becomes their values, if it is there.
    pub(crate) fn find_and_write<T: Voxel>(
        target: Target<'_, T>,
        mask: Option<ArrayView3<'_, bool>>,
        request: Request,
        passing: Option<&mut PassingValues<T>>,
    ) -> Result<(Self, Scanned<T>)> {
        let (planes, rows, row_length) = target.source().dim();
        let rules = Rules::of(request, rows, row_length)?;
        let planes_per_slab = parallel::slab_thickness(planes);
        let slabs = visit_planes(
            target,
            mask,
            planes_per_slab,
            |planes| {
                let passing = passing.is_some().then(PassingValues::default);
                (Slab::new(&rules.layout, planes, rows), Scanned::NOTHING, passing)
            },
            |(slab, scanned, passing), plane| {
                let source = plane.source;
                slab.add(plane, &rules, scanned);
                if let Some(passing) = passing {
                    passing.add(source, slab.runs.of_last_plane());
                }
            },
        );
        let (mut visited, mut all) = (Vec::new(), PassingValues::default());
        for (slab, scanned, passing) in slabs {
            visited.push((slab, scanned));
            if let Some(passing) = passing {
                all.append(passing);
            }
        }
        if let Some(passing) = passing {
            *passing = all;
        }
        Self::complete(visited, planes_per_slab, &rules)
    }

    /// Does the same for each of some volumes that lie interleaved.
    pub(crate) fn find_and_write_each<T: Voxel>(
        volumes: InterleavedVolumes<'_, T>,
        mask: Option<ArrayView3<'_, bool>>,
        request: Request,
    ) -> Result<Vec<(Self, Scanned<T>)>> {
        let (planes, rows, row_length) = volumes.dim();
        let rules = Rules::of(request, rows, row_length)?;
        let planes_per_slab = parallel::slab_thickness(planes);
        let volumes = interleaved::visit_planes(
            volumes,
            mask,
            planes_per_slab,
            |planes| (Slab::new(&rules.layout, planes, rows), Scanned::NOTHING),
            |(slab, scanned), plane| slab.add(plane, &rules, scanned),
        );
        let complete = |slabs| Self::complete(slabs, planes_per_slab, &rules);
        parallel::map(volumes, complete).into_iter().collect()
    }

    /// The clusters of a volume whose slabs have been visited.
    fn complete<T: Voxel>(
        visited: Vec<(Slab, Scanned<T>)>,
        planes_per_slab: usize,
        rules: &Rules<T>,
    ) -> Result<(Self, Scanned<T>)> {
        let (slabs, scanned): (_, Vec<_>) = visited.into_iter().unzip();
        let clusters = Self::join(slabs, planes_per_slab, &rules.layout, rules.connectivity)?;
        Ok((clusters, Scanned::of_all(scanned, rules.threshold)))
    }

    /// Puts the slabs of a volume together.
    fn join(
        slabs: Vec<Slab>,
        planes_per_slab: usize,
        layout: &PlaneLayout,
        connectivity: Connectivity,
    ) -> Result<Self> {
        let runs = slabs.iter().map(|slab| slab.runs.count()).sum::<usize>();
        if slabs.iter().any(|slab| slab.is_too_large) || u32::try_from(runs).is_err() {
            return Err(Error::TooLarge);
        }
        let (mut linked, mut seams) = (Vec::new(), Vec::new());
        let mut extents = Vec::new();
        for Slab { runs, parent, extents: own_extents, ends, .. } in slabs {
            linked.push(Linked { runs, fragments: parent, first_fragment: extents.len() });
            seams.extend(ends);
            append(&mut extents, own_extents);
        }
        let (slabs, fragments) = (linked, extents.len());

        let mut cluster_of: Vec<_> = (0..narrow(fragments)).collect();
        for (pair, ends) in slabs.windows(2).zip(seams.windows(2)) {
            dispatch(Link {
                plane: &ends[1][0],
                layout,
                rows: RowsBefore::in_plane_before(&ends[0][1], layout, connectivity),
                node: |run: u32| pair[1].fragment(run),
                node_before: |run: u32| pair[0].fragment(run),
                forest: Forest::new(&mut cluster_of),
            });
        }
        if slabs.len() > 1 {
            let clusters = union_find::number(&mut cluster_of);
            // No cluster has a larger number than any of its fragments.
            for fragment in 0..fragments {
                let extent = std::mem::take(&mut extents[fragment]);
                extents[cluster_of[fragment] as usize] += extent;
            }
            extents.truncate(clusters);
        }
        Ok(Self { slabs, planes_per_slab, row_length: layout.row_length(), cluster_of, extents })
    }

    /// How many runs there are.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.slabs.iter().map(|slab| slab.runs.count()).sum()
    }

    /// The extent of the largest cluster; 0 if no voxel passes.
    #[must_use]
    pub fn largest_extent(&self) -> u64 {
        self.extents.iter().copied().max().unwrap_or(0)
    }

    /// How many planes each slab has, but for the last, which may have fewer.
    pub(crate) fn planes_per_slab(&self) -> usize {
        self.planes_per_slab
    }

    pub(crate) fn row_length(&self) -> usize {
        self.row_length
    }

    /// How many voxels each cluster has; in no particular order.
    #[must_use]
    pub fn extents(&self) -> &[u64] {
        &self.extents
    }

    /// The runs of a plane, in memory order.
    #[inline(always)]
    pub(crate) fn of_plane(&self, plane: usize) -> impl Iterator<Item = ClusterRun> {
        let slab = &self.slabs[plane / self.planes_per_slab];
        let numbers = slab.runs.of_plane(plane % self.planes_per_slab);
        let fragments = &slab.fragments[numbers.clone()];
        let cluster_of = &self.cluster_of[slab.first_fragment..];
        let members = slab.runs.get(numbers).zip(fragments);
        members.map(|(run, &fragment)| ClusterRun { cluster: cluster_of[fragment as usize], run })
    }
}

impl Linked {
    /// The fragment that a run of the slab belongs to, counted in the volume.
    #[inline(always)]
    fn fragment(&self, run: u32) -> u32 {
        narrow(self.first_fragment) + self.fragments[run as usize]
    }
}
