//! Clusters, and how large they are.

use ndarray::ArrayView3;

use crate::connectivity::Connectivity;
use crate::criterion::Criterion;
use crate::error::{Error, Result};
use crate::instructions::{Loop, widest};
use crate::link::{Link, RowsBefore};
use crate::parallel;
use crate::runs::{Grid, ListRuns, PlaneBits, Run, Runs, narrow};
use crate::scan::{Found, Scan};
use crate::union_find::Forest;
use crate::volume::{Plane, Target, visit_planes};
use crate::voxel::Voxel;

/// The clusters of a volume, of either sign, as the runs they are made of.
#[derive(Debug, Clone)]
pub struct Clusters {
    /// The runs of some planes each, with the number of the first.
    slabs: Vec<(u32, Runs)>,
    planes_per_slab: usize,
    row_length: usize,
    /// For each run the first run of its cluster in its slab, and for such a run the
    /// first of its cluster.
    roots: Vec<u32>,
    /// Voxels of a cluster, at the number of its first run; 0 elsewhere.
    extents: Vec<u64>,
}

/// A run of a cluster.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member {
    /// The number of the first run of its cluster.
    pub(crate) root: u32,
    pub(crate) run: Run,
}

impl Clusters {
    /// The clusters of a volume in memory order, in a mask if there is one.
    ///
    /// Reads each voxel once; 24 bytes for each run are needed, and half a byte for
    /// each voxel of a plane.
    ///
    /// # Errors
    ///
    /// A plane of 2³² voxels or more, or 2³² runs or more.
    pub fn find<T: Voxel>(
        volume: ArrayView3<'_, T>,
        mask: Option<ArrayView3<'_, bool>>,
        criterion: Criterion<T>,
        connectivity: Connectivity,
    ) -> Result<Self> {
        Ok(Self::find_and_write(Target::Read(volume), mask, criterion, connectivity, None)?.0)
    }

    /// The same with the values of all voxels that pass.
    pub(crate) fn find_with_values<T: Voxel>(
        volume: ArrayView3<'_, T>,
        mask: Option<ArrayView3<'_, bool>>,
        criterion: Criterion<T>,
        connectivity: Connectivity,
    ) -> Result<(Self, Passing<T>)> {
        let (target, mut passing) = (Target::Read(volume), Passing::default());
        let into = Some(&mut passing);
        let (clusters, _) = Self::find_and_write(target, mask, criterion, connectivity, into)?;
        Ok((clusters, passing))
    }

    /// The same, and writes the voxels that pass; all others become zero. `passing`
    /// becomes their values, if it is there.
    pub(crate) fn find_and_write<T: Voxel>(
        target: Target<'_, T>,
        mask: Option<ArrayView3<'_, bool>>,
        criterion: Criterion<T>,
        connectivity: Connectivity,
        passing: Option<&mut Passing<T>>,
    ) -> Result<(Self, Found<T>)> {
        let (planes, rows, row_length) = target.source().dim();
        let grid = Grid::new(rows, row_length)?;
        let planes_per_slab = parallel::slab_thickness(planes);
        let slabs = visit_planes(
            target,
            mask,
            planes_per_slab,
            |_| (Slab::new(&grid), Found::NOTHING, passing.is_some().then(Passing::default)),
            |(slab, found, passing), plane| {
                let source = plane.source;
                slab.add(plane, &grid, criterion, connectivity, found);
                if let Some(passing) = passing {
                    passing.add(source, slab.runs.of_last_plane());
                }
            },
        );
        let (mut linked, mut found, mut all) = (Vec::new(), Found::NOTHING, Passing::default());
        for (slab, of_slab, passing) in slabs {
            linked.push(slab);
            found = found.merge(of_slab);
            if let Some(passing) = passing {
                all.append(passing);
            }
        }
        if let Some(passing) = passing {
            *passing = all;
        }
        Ok((Self::join(linked, planes_per_slab, &grid, connectivity)?, found))
    }

    /// Puts the slabs of a volume together.
    fn join(
        slabs: Vec<Slab>,
        planes_per_slab: usize,
        grid: &Grid,
        connectivity: Connectivity,
    ) -> Result<Self> {
        let (mut count, mut first_runs) = (0_u32, Vec::with_capacity(slabs.len()));
        for slab in &slabs {
            first_runs.push(count);
            let runs = u32::try_from(slab.runs.count()).map_err(|_| Error::TooLarge)?;
            if slab.is_too_large {
                return Err(Error::TooLarge);
            }
            count = count.checked_add(runs).ok_or(Error::TooLarge)?;
        }
        let mut joined = Self {
            slabs: Vec::with_capacity(slabs.len()),
            planes_per_slab,
            row_length: grid.row_length(),
            roots: vec![0; count as usize],
            extents: vec![0; count as usize],
        };
        let (mut roots, mut extents) = (joined.roots.as_mut_slice(), joined.extents.as_mut_slice());
        let mut parts = Vec::with_capacity(slabs.len());
        let mut seams = Vec::with_capacity(slabs.len());
        for (slab, &first_run) in slabs.into_iter().zip(&first_runs) {
            let Slab { runs, parent, ends, .. } = slab;
            let (own_roots, other_roots) = roots.split_at_mut(runs.count());
            let (own_extents, other_extents) = extents.split_at_mut(runs.count());
            (roots, extents) = (other_roots, other_extents);
            parts.push(Measure { runs, parent, first_run, roots: own_roots, extents: own_extents });
            seams.extend(ends);
        }
        let measured = parallel::map(parts, widest);
        joined.slabs = first_runs.iter().copied().zip(measured).collect();

        for (slab, pair) in seams.windows(2).enumerate() {
            let rows: Vec<_> =
                RowsBefore::in_plane_before(&pair[0][1], first_runs[slab], grid, connectivity)
                    .collect();
            let (plane, first_run) = (&pair[1][0], first_runs[slab + 1]);
            let forest = Forest::new(&mut joined.roots);
            widest(Link { plane, grid, first_run, rows: &rows, forest });
        }
        if seams.len() > 1 {
            joined.gather();
        }
        Ok(joined)
    }

    /// Gives the extents of the clusters of each slab to those that they are part of.
    fn gather(&mut self) {
        for run in 0..self.roots.len() {
            if self.extents[run] > 0 {
                // Roots come before what they are roots of, and have theirs by now.
                let root = self.roots[self.roots[run] as usize];
                self.roots[run] = root;
                if root as usize != run {
                    self.extents[root as usize] += std::mem::take(&mut self.extents[run]);
                }
            }
        }
    }

    /// How many runs there are.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.roots.len()
    }

    /// The extent of the largest cluster; 0 when there is none.
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

    /// The extent of each cluster, at the number of its first run; 0 elsewhere.
    pub(crate) fn extents(&self) -> &[u64] {
        &self.extents
    }

    /// The runs of a plane, in memory order.
    #[inline(always)]
    pub(crate) fn of_plane(&self, plane: usize) -> impl Iterator<Item = Member> {
        let (first_run, runs) = &self.slabs[plane / self.planes_per_slab];
        let numbers = runs.of_plane(plane % self.planes_per_slab);
        let first = *first_run as usize;
        let roots = &self.roots[first + numbers.start..first + numbers.end];
        let members = runs.get(numbers).zip(roots);
        members.map(|(run, &root)| Member { root: self.roots[root as usize], run })
    }
}

/// The values of the voxels that pass, run by run: they lie far apart in a map, and
/// whoever needs them again has them side by side.
pub(crate) struct Passing<T> {
    pub(crate) values: Vec<T>,
    /// The place among them of the first of each plane.
    pub(crate) firsts: Vec<usize>,
}

impl<T: Copy> Passing<T> {
    /// Adds those of the next plane.
    fn add(&mut self, plane: &[T], runs: impl Iterator<Item = Run>) {
        self.firsts.push(self.values.len());
        for run in runs {
            self.values.extend_from_slice(&plane[run.start..run.end]);
        }
    }

    /// Adds those of the next planes.
    fn append(&mut self, mut next: Self) {
        let before = self.values.len();
        self.firsts.extend(next.firsts.iter().map(|first| before + first));
        if before == 0 {
            self.values = next.values;
        } else {
            self.values.append(&mut next.values);
        }
    }
}

impl<T> Default for Passing<T> {
    fn default() -> Self {
        Self { values: Vec::new(), firsts: Vec::new() }
    }
}

/// Some planes of a volume, one after the other.
struct Slab {
    runs: Runs,
    /// For each run one of its cluster that does not come after it, itself if it is the
    /// first.
    parent: Vec<u32>,
    /// The first plane and the last, where other slabs follow.
    ends: Option<[PlaneBits; 2]>,
    /// For the next plane.
    next: PlaneBits,
    is_too_large: bool,
}

impl Slab {
    fn new(grid: &Grid) -> Self {
        Self {
            runs: Runs::default(),
            parent: Vec::new(),
            ends: None,
            next: PlaneBits::new(grid),
            is_too_large: false,
        }
    }

    /// Finds the runs of the next plane, and links them with one another and with those
    /// of the plane before.
    fn add<T: Voxel>(
        &mut self,
        plane: Plane<'_, T>,
        grid: &Grid,
        criterion: Criterion<T>,
        connectivity: Connectivity,
        found: &mut Found<T>,
    ) {
        let Self { runs, parent, ends, next, is_too_large } = self;
        if *is_too_large {
            return;
        }
        next.clear();
        widest(Scan { plane, criterion, bits: Some(&mut *next), found });
        widest(ListRuns { runs, plane: next, grid });
        *is_too_large = u32::try_from(runs.count()).is_err();
        if *is_too_large {
            return;
        }
        let known = parent.len()..runs.count();
        parent.extend(known.map(narrow));
        let mut rows = vec![RowsBefore::in_plane(next, grid, connectivity)];
        if let Some([_, last]) = ends {
            rows.extend(RowsBefore::in_plane_before(last, 0, grid, connectivity));
        }
        let forest = Forest::new(parent);
        widest(Link { plane: next, grid, first_run: 0, rows: &rows, forest });
        match ends {
            None => *ends = Some([next.clone(), next.clone()]),
            Some([_, last]) => std::mem::swap(last, next),
        }
    }
}

/// Points each run of a slab at the first of its cluster there, and sums the lengths of
/// the runs of each cluster.
struct Measure<'a> {
    runs: Runs,
    parent: Vec<u32>,
    /// The number of the slab's first run.
    first_run: u32,
    /// Of the runs of the slab.
    roots: &'a mut [u32],
    extents: &'a mut [u64],
}

impl Loop for Measure<'_> {
    type Output = Runs;

    #[inline(always)]
    fn call(self) -> Runs {
        let Self { runs, mut parent, first_run, roots, extents } = self;
        for (number, run) in runs.get(0..runs.count()).enumerate() {
            // A parent comes before its child, so that it points at its root by now: no
            // search.
            let root = parent[parent[number] as usize];
            parent[number] = root;
            roots[number] = first_run + root;
            extents[root as usize] += run.length();
        }
        runs
    }
}
