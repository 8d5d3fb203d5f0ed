//! What there is to say of each cluster.

use ndarray::ArrayView3;

use crate::error::{Array, Result};
use crate::map::Index;
use crate::map::memory_order::Frame;
use crate::map::output::Output;
use crate::map::series::{check_mask, check_shape};
use crate::map::summary::Summary;
use crate::map::volume::Target;
use crate::measure::cluster_sums::{ClusterSums, sums_of};
use crate::measure::label::Labels;
use crate::measure::maxima::{Maxima, Plateaus};
use crate::measure::numbered::{Numbered, Peak};
use crate::request::Request;
use crate::runs::passing_values::PassingValues;
use crate::runs::threshold::filter_clusters;
use crate::voxel::Voxel;

/// The clusters of a volume, each at the place of its number less one.
///
/// Sums are exact but for what lies some 100 binary digits below the peak, and rounded
/// once: they depend on neither strides nor threads.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Table {
    /// 1 or -1.
    pub signs: Vec<i8>,
    /// In voxels.
    pub extents: Vec<u64>,
    /// The voxel of the largest magnitude; of equal ones the one of the smallest indices.
    pub peaks: Vec<Index>,
    /// The value of the peak.
    pub values: Vec<f64>,
    /// The mean value.
    pub means: Vec<f64>,
    /// The sum of all values.
    pub masses: Vec<f64>,
    /// The centre of mass, in voxel indices: their mean, weighted by the values.
    pub centres: Vec<[f64; 3]>,
    /// Where the cluster has its sub-peaks.
    pub maxima: Maxima,
}

/// One cluster of a table, without its local maxima.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) sign: i8,
    pub(crate) extent: u64,
    pub(crate) peak: Index,
    pub(crate) value: f64,
    pub(crate) sums: ClusterSums,
}

impl Row {
    pub(crate) fn of<T: Voxel>(peak: &Peak<T>, sums: ClusterSums) -> Self {
        let Peak { extent, value, index } = *peak;
        let sign = if value > T::ZERO { 1 } else { -1 };
        Self { sign, extent, peak: index, value: value.to_f64(), sums }
    }
}

impl Table {
    /// Without local maxima.
    pub(crate) fn of_rows<'a>(rows: impl Iterator<Item = &'a Row> + Clone) -> Self {
        Self {
            signs: rows.clone().map(|row| row.sign).collect(),
            extents: rows.clone().map(|row| row.extent).collect(),
            peaks: rows.clone().map(|row| row.peak).collect(),
            values: rows.clone().map(|row| row.value).collect(),
            means: rows.clone().map(|row| row.sums.mean(row.extent)).collect(),
            masses: rows.clone().map(|row| row.sums.mass()).collect(),
            centres: rows.map(|row| row.sums.centre()).collect(),
            maxima: Maxima::default(),
        }
    }
}

/// The clusters of a volume, and what was found with them.
#[non_exhaustive]
pub struct FoundClusters {
    /// What there is to say of each.
    pub table: Table,
    /// Their numbers, to be written where they are wanted; other maps can be looked at under
    /// them ([`Labels::sample`]).
    pub labels: Labels,
    /// What [`threshold`](crate::threshold) returns.
    pub summary: Summary,
}

/// Finds the clusters of a volume with their table. Writes to `out`, if it is there, what
/// [`threshold`](crate::threshold) writes.
///
/// Clusters have the order of [`label`](crate::label). Reads `volume` once and copies what
/// passes.
///
/// ```
/// use ndarray::array;
/// use nithresh_core::{Plateaus, Request, Sides, find_clusters};
///
/// let map = array![[[3.0_f32, -2.0, -4.0, 0.5, 5.0, 0.0]]];
/// let request = Request::new(2.0, Sides::Both)?;
/// let found = find_clusters(map.view(), None, None, request, Plateaus::First)?;
/// assert_eq!(found.table.extents, [2, 1, 1]);
/// assert_eq!(found.table.peaks, [[0, 0, 2], [0, 0, 4], [0, 0, 0]]);
/// assert_eq!(found.table.means, [-3.0, 5.0, 3.0]);
///
/// // Another map under the same clusters.
/// let extra = array![[[1_u8, 2, 4, 8, 16, 32]]];
/// assert_eq!(found.labels.sample(extra.view())?.means, [3.0, 16.0, 1.0]);
/// # Ok::<(), nithresh_core::Error>(())
/// ```
///
/// # Errors
///
/// Those of [`label`](crate::label); if there are too many clusters, something may have been
/// written.
pub fn find_clusters<T: Voxel>(
    volume: ArrayView3<'_, T>,
    out: Option<Output<'_, T>>,
    mask: Option<ArrayView3<'_, bool>>,
    request: Request,
    plateaus: Plateaus,
) -> Result<FoundClusters> {
    check_mask(mask.as_ref(), volume.shape())?;
    let target = match out {
        None => Target::Read(volume),
        Some(out) => {
            check_shape(Array::Output, out.array.shape(), volume.shape())?;
            let (out, is_zero) = out.into_volume();
            Target::New { source: volume, out, is_zero }
        }
    };
    let frame = Frame::new(target.order(), volume.dim());
    if volume.is_empty() {
        return Ok(FoundClusters {
            table: Table::default(),
            labels: Labels { numbered: None, frame },
            summary: Summary::EMPTY,
        });
    }
    let mask = mask.map(|mask| frame.order.apply(mask));
    let target = target.in_order(frame.order);
    let mut passing = PassingValues::default();
    let (clusters, summary) = filter_clusters(target, mask, request, Some(&mut passing))?;
    let (numbered, peaks, values) = Numbered::of(clusters, passing, &frame, request.min_extent)?;
    let sums = sums_of(&numbered, &peaks, &values, &frame, frame.shape);
    let rows: Vec<_> = peaks.iter().zip(sums).map(|(peak, sums)| Row::of(peak, sums)).collect();
    let maxima = Maxima::of(&numbered, &values, &frame, plateaus);
    let table = Table { maxima, ..Table::of_rows(rows.iter()) };
    Ok(FoundClusters { table, labels: Labels { numbered: Some(numbered), frame }, summary })
}
