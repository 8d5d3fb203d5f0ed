//! The volume of the numbers of clusters.

use ndarray::{ArrayView3, Axis, Slice};

use crate::error::{Array, Result};
use crate::map::memory_order::Frame;
use crate::map::output::Output;
use crate::map::series::{check_mask, check_shape};
use crate::measure::numbered::{KeptRun, Numbered};
use crate::parallel;
use crate::request::Request;
use crate::runs::clusters::Clusters;
use crate::simd::chunk::ClearPlane;
use crate::simd::dispatch::dispatch;
use crate::voxel::Voxel;

/// Writes the number of its cluster to each voxel of the clusters that stay, and 0 to all
/// others; returns how many clusters stay.
///
/// Cluster 1 is the largest. Of clusters of the same extent, the one with the larger
/// absolute value comes first, and of those the one whose peak has the smaller indices. The
/// voxels are those that [`threshold`](crate::threshold) keeps. `labels` has the shape of
/// `volume`. Reads `volume` once, and copies what passes.
///
/// ```
/// use ndarray::{Array3, array};
/// use nithresh_core::{Request, Sides, label};
///
/// let map = array![[[3.0_f32, -2.0, -4.0, 0.5, 5.0, 0.0]]];
/// let mut labels = Array3::zeros(map.dim());
/// let request = Request::new(2.0, Sides::Both)?;
/// let count = label(map.view(), labels.view_mut().into_dyn().into(), None, request)?;
/// assert_eq!(count, 3);
/// assert_eq!(labels, array![[[3, 1, 1, 0, 2, 0]]]);
/// # Ok::<(), nithresh_core::Error>(())
/// ```
///
/// # Errors
///
/// Arrays that do not fit together, or too large for the run counters; 2³¹ clusters
/// or more.
pub fn label<T: Voxel>(
    volume: ArrayView3<'_, T>,
    labels: Output<'_, i32>,
    mask: Option<ArrayView3<'_, bool>>,
    request: Request,
) -> Result<usize> {
    check_shape(Array::Labels, labels.array.shape(), volume.shape())?;
    check_mask(mask.as_ref(), volume.shape())?;
    if volume.is_empty() {
        return Ok(0);
    }
    let frame = Frame::of(&volume);
    let turned = frame.order.apply(volume);
    let mask = mask.map(|mask| frame.order.apply(mask));
    let (clusters, passing) = Clusters::find_with_values(turned, mask, request)?;
    let (numbered, ..) = Numbered::of(clusters, passing, &frame, request.min_extent)?;
    write(&numbered, labels, &frame);
    Ok(numbered.count())
}

/// The numbers of the clusters of a volume, before they are written to one: who wants a
/// table alone does not wait for four bytes a voxel of fresh memory.
pub struct Labels {
    /// None of an empty volume.
    pub(crate) numbered: Option<Numbered>,
    pub(crate) frame: Frame,
}

impl Labels {
    /// Writes what [`label`] writes, to an array that has the shape of the volume. Fastest
    /// if the array has the volume's memory order, too.
    ///
    /// # Errors
    ///
    /// An array of another shape.
    pub fn write(&self, labels: Output<'_, i32>) -> Result<()> {
        check_shape(Array::Labels, labels.array.shape(), &self.frame.shape)?;
        if let Some(numbered) = &self.numbered {
            write(numbered, labels, &self.frame);
        }
        Ok(())
    }
}

/// Writes the number of its cluster to each voxel, and 0 to voxels that belong to none.
pub(crate) fn write(numbered: &Numbered, labels: Output<'_, i32>, frame: &Frame) {
    let (labels, is_zero) = labels.into_volume();
    let thickness = numbered.planes_per_slab();
    let mut labels = frame.order.apply(labels);
    let slabs = labels.axis_chunks_iter_mut(Axis(0), thickness);
    let slabs = (0..).step_by(thickness).zip(slabs).collect();
    parallel::map(slabs, |(first, mut slab)| {
        for (plane, mut labels) in (first..).zip(slab.outer_iter_mut()) {
            if !is_zero {
                dispatch(ClearPlane(labels.view_mut()));
            }
            numbered.for_each_run(
                plane..plane + 1,
                |KeptRun { cluster, row, start, end, .. }| {
                    let label = i32::try_from(cluster + 1).expect("as many were refused");
                    let mut row = labels.index_axis_mut(Axis(0), row);
                    row.slice_axis_mut(Axis(0), Slice::from(start..end)).fill(label);
                },
            );
        }
    });
}
