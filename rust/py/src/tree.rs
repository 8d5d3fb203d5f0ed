//! All thresholds at once.

use ndarray::Array2;
use nithresh_core::{Connectivity, MergeTree, Tfce, Voxel};
use numpy::{IntoPyArray, PyReadonlyArray3, PyReadwriteArray3, PyUntypedArray};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::array::{read, read_write, volume, with_dtype};
use crate::error::Result;
use crate::request::sides;
use crate::threads;

/// How many times the work of thresholding it is to sort voxels and to join them.
pub(crate) const SORT_AND_JOIN: usize = 8;

/// Writes the threshold-free cluster enhancement of `data` to `out`: float32, or
/// float64 for types that float32 does not hold.
#[pyfunction]
#[pyo3(signature = (data, out, *, mask, extent_power, height_power, two_sided, connectivity))]
#[expect(clippy::too_many_arguments, clippy::needless_pass_by_value, reason = "a Python signature")]
pub(crate) fn tfce(
    py: Python<'_>,
    data: &Bound<'_, PyUntypedArray>,
    out: &Bound<'_, PyUntypedArray>,
    mask: Option<PyReadonlyArray3<'_, bool>>,
    extent_power: f64,
    height_power: f64,
    two_sided: bool,
    connectivity: u8,
) -> Result<()> {
    let connectivity = Connectivity::from_neighbours(connectivity)?;
    let rules = Tfce { extent_power, height_power, sides: sides(two_sided), connectivity };
    let mask = mask.as_ref().map(PyReadonlyArray3::as_array);
    with_dtype!(data, T => {
        let (data, mut out) = (read::<T>(data)?, read_write::<<T as Voxel>::Score>(out)?);
        let (data, out) = (data.as_array(), out.as_array_mut());
        threads::run(py, SORT_AND_JOIN * data.len(), || {
            nithresh_core::tfce(data, out, mask, rules)
        })?;
    });
    Ok(())
}

/// The clusters of a volume at all thresholds: a dictionary of arrays, one for each
/// field of `nithresh_core::MergeTree`. Writes one more than its step to each voxel of
/// `steps`.
#[pyfunction]
#[pyo3(signature = (data, steps, *, mask, two_sided, connectivity))]
#[expect(clippy::needless_pass_by_value, reason = "a Python signature")]
pub(crate) fn merge_tree<'py>(
    py: Python<'py>,
    data: &Bound<'py, PyUntypedArray>,
    mut steps: PyReadwriteArray3<'_, i32>,
    mask: Option<PyReadonlyArray3<'_, bool>>,
    two_sided: bool,
    connectivity: u8,
) -> Result<Bound<'py, PyDict>> {
    let connectivity = Connectivity::from_neighbours(connectivity)?;
    let mask = mask.as_ref().map(PyReadonlyArray3::as_array);
    let steps = steps.as_array_mut();
    let mut tree = with_dtype!(data, T => {
        let data = read::<T>(data)?;
        let data = volume(&data)?;
        threads::run(py, SORT_AND_JOIN * data.len(), || {
            MergeTree::with_steps(data, mask, sides(two_sided), connectivity, steps)
        })?
    });
    let peaks = Array2::from(std::mem::take(&mut tree.peaks));
    let fields = fields_of(py, tree)?;
    fields.set_item("peaks", peaks.into_pyarray(py))?;
    Ok(fields)
}

/// What there is to say of a tree, but for the places of the peaks.
pub(crate) fn fields_of(py: Python<'_>, tree: MergeTree) -> Result<Bound<'_, PyDict>> {
    let fields = PyDict::new(py);
    fields.set_item("signs", tree.signs.into_pyarray(py))?;
    fields.set_item("births", tree.births.into_pyarray(py))?;
    fields.set_item("merges", tree.merges.into_pyarray(py))?;
    fields.set_item("into", tree.into.into_pyarray(py))?;
    fields.set_item("starts", tree.starts.into_pyarray(py))?;
    fields.set_item("heights", tree.heights.into_pyarray(py))?;
    fields.set_item("extents", tree.extents.into_pyarray(py))?;
    Ok(fields)
}
