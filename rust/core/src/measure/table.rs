//! What there is to say of each cluster.

use ndarray::ArrayView3;

use crate::error::{Array, Result};
use crate::map::Index;
use crate::map::output::Output;
use crate::map::series::{check_mask, check_shape};
use crate::map::summary::Summary;
use crate::map::volume::{Frame, Target};
use crate::measure::exact_sum::{Sums, Unit};
use crate::measure::label::{Labels, Numbered, Peak};
use crate::measure::maxima::{Maxima, Plateaus};
use crate::request::Request;
use crate::runs::clusters::Passing;
use crate::runs::threshold::filter_clusters;
use crate::voxel::Voxel;

/// The clusters of a volume, each at the place of its number less one.
///
/// Sums are exact but for what lies some 100 binary digits below the peak, and rounded
/// once: they depend on neither strides nor threads.
#[derive(Debug, Clone, PartialEq, Default)]
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

impl Table {
    /// Does what [`threshold`](crate::threshold) does for a volume, writing to `values`, if
    /// they are wanted, and returns the table, the labels, which are yet to be written, and
    /// what [`threshold`](crate::threshold) returns.
    ///
    /// Reads `volume` once and copies what passes.
    ///
    /// # Errors
    ///
    /// As [`label`](crate::measure::label::label); if there are too many clusters, something
    /// may have been written.
    pub fn of<T: Voxel>(
        volume: ArrayView3<'_, T>,
        values: Option<Output<'_, T>>,
        mask: Option<ArrayView3<'_, bool>>,
        request: Request,
        plateaus: Plateaus,
    ) -> Result<(Self, Labels, Summary)> {
        check_mask(mask.as_ref(), volume.shape())?;
        let target = match values {
            None => Target::Read(volume),
            Some(values) => {
                check_shape(Array::Output, values.array.shape(), volume.shape())?;
                let (out, is_zero) = values.into_volume();
                Target::New { source: volume, out, is_zero }
            }
        };
        let frame = Frame::new(target.order(), volume.dim());
        if volume.is_empty() {
            return Ok((Self::default(), Labels { numbered: None, frame }, Summary::EMPTY));
        }
        let mask = mask.map(|mask| frame.order.apply(mask));
        let target = target.in_order(frame.order);
        let mut passing = Passing::default();
        let (clusters, summary) = filter_clusters(target, mask, request, Some(&mut passing))?;
        let (numbered, peaks, values) =
            Numbered::of(clusters, passing, &frame, request.min_extent)?;
        let table = Self::of_numbered(&numbered, &peaks, &values, &frame);
        let maxima = Maxima::of(&numbered, &values, &frame, plateaus);
        Ok((Self { maxima, ..table }, Labels { numbered: Some(numbered), frame }, summary))
    }

    /// Without the maxima.
    fn of_numbered<T: Voxel>(
        numbered: &Numbered,
        peaks: &[Peak<T>],
        values: &[T],
        frame: &Frame,
    ) -> Self {
        let sums = sums_of(numbered, peaks, values, frame, frame.shape);
        let totals = || sums.iter().zip(peaks);
        Self {
            signs: peaks.iter().map(Peak::sign).collect(),
            extents: peaks.iter().map(|peak| peak.extent).collect(),
            peaks: peaks.iter().map(|peak| peak.index).collect(),
            values: peaks.iter().map(|peak| peak.value.to_f64()).collect(),
            means: totals().map(|(sums, peak)| sums.mean(peak.extent)).collect(),
            masses: sums.iter().map(Sums::mass).collect(),
            centres: sums.iter().map(Sums::centre).collect(),
            ..Self::default()
        }
    }
}

/// Sums up the values of each cluster, in a unit that leaves room for those of a volume of
/// some shape.
pub(crate) fn sums_of<T: Voxel>(
    numbered: &Numbered,
    peaks: &[Peak<T>],
    values: &[T],
    frame: &Frame,
    shape: [usize; 3],
) -> Vec<Sums> {
    let count = shape.iter().fold(1_usize, |all, &side| all.saturating_mul(side));
    let side = shape.iter().copied().max().unwrap_or(0);
    let unit = |value: f64| Unit::new(value, count, side);
    let units: Vec<_> = peaks.iter().map(|peak| unit(peak.value.to_f64())).collect();
    // Of the values, and of the values times the indices, in memory order.
    let sums = numbered.fold(
        || vec![(0_i128, [0_i128; 3]); peaks.len()],
        |sums, part| {
            let unit = units[part.cluster];
            // From the end, each value is in as many of the sums on the way as its place
            // says, counted from 1: no products.
            let run = part.of(values);
            let (sum, places) = run.iter().rev().fold((0, 0), |(sum, places), value| {
                let sum = sum + unit.of(value.to_f64());
                (sum, places + sum)
            });
            let along = places + sum * (part.start as i128 - 1);
            let (all, weighted) = &mut sums[part.cluster];
            *all += sum;
            weighted[0] += sum * part.plane as i128;
            weighted[1] += sum * part.row as i128;
            weighted[2] += along;
        },
        |sums, others| {
            for ((sum, weighted), (other, others)) in sums.iter_mut().zip(others) {
                *sum += other;
                for axis in 0..3 {
                    weighted[axis] += others[axis];
                }
            }
        },
    );
    let of_view = |((sum, weighted), unit)| {
        let moments = frame.moments(weighted, sum);
        Sums { unit, sum, moments }
    };
    sums.into_iter().zip(units).map(of_view).collect()
}
