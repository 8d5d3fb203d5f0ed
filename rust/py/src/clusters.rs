//! Clusters at one threshold: of a volume, and of one that is looked at block by block.

use std::mem::take;

use ndarray::{Array2, ArrayView1};
use nithresh_core::{BlockCluster, BlockPosition, Plateaus, Table};
use numpy::{
    IntoPyArray, PyArray1, PyArray2, PyReadonlyArray2, PyReadonlyArray3, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::array::{output, read, read_write, volume, with_dtype};
use crate::error::{Result, mismatch};
use crate::request::Request;
use crate::threads;

/// Writes the number of its cluster to each voxel of `labels`, 0 to those of none, and
/// returns how many clusters there are.
#[pyfunction]
#[pyo3(signature = (data, labels, request, *, mask, labels_is_zero))]
#[expect(clippy::needless_pass_by_value, reason = "a Python signature")]
pub(crate) fn label(
    py: Python<'_>,
    data: &Bound<'_, PyUntypedArray>,
    labels: &Bound<'_, PyUntypedArray>,
    request: &Request,
    mask: Option<PyReadonlyArray3<'_, bool>>,
    labels_is_zero: bool,
) -> Result<usize> {
    let request = request.0;
    let mask = mask.as_ref().map(PyReadonlyArray3::as_array);
    let mut labels = read_write::<i32>(labels)?;
    let labels = output(&mut labels, labels_is_zero);
    Ok(with_dtype!(data, T => {
        let data = read::<T>(data)?;
        let data = volume(&data)?;
        threads::run(py, data.len(), || nithresh_core::label(data, labels, mask, request))?
    }))
}

/// Means, smallest and largest values, and how many values are not finite.
type Sampled<'py> =
    (Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<f64>>, u64);

/// The numbers of the clusters of a volume, before they are written to one.
#[pyclass(frozen, module = "nithresh._core")]
pub(crate) struct Labels(nithresh_core::Labels);

#[pymethods]
impl Labels {
    /// Writes what `label` writes, to an array of the shape of the map.
    fn write(
        &self,
        py: Python<'_>,
        labels: &Bound<'_, PyUntypedArray>,
        is_zero: bool,
    ) -> Result<()> {
        let mut labels = read_write::<i32>(labels)?;
        let voxels = labels.len();
        let labels = output(&mut labels, is_zero);
        threads::run(py, voxels, || self.0.write(labels))
    }

    /// The mean, the smallest and the largest value of an extra map under each cluster, and
    /// how many values are not finite.
    fn sample<'py>(
        &self,
        py: Python<'py>,
        extra: &Bound<'py, PyUntypedArray>,
    ) -> Result<Sampled<'py>> {
        let sampled = with_dtype!(extra, "extra", T => {
            let extra = read::<T>(extra)?;
            let extra = volume(&extra)?;
            threads::run(py, extra.len(), || self.0.sample(extra))?
        });
        let [means, mins, maxs] =
            [sampled.means, sampled.mins, sampled.maxs].map(|values| values.into_pyarray(py));
        Ok((means, mins, maxs, sampled.non_finite))
    }
}

/// Writes what `threshold` writes to `out`, if there is one, and returns what there is to
/// say of each cluster: a dictionary of arrays, one for each field of
/// `nithresh_core::Table`, and the `Labels`. Of plateaus, every voxel is a local maximum
/// if they are `whole`.
#[pyfunction]
#[pyo3(signature = (data, out, request, *, mask, out_is_zero, whole_plateaus))]
#[expect(clippy::needless_pass_by_value, reason = "a Python signature")]
pub(crate) fn find_clusters<'py>(
    py: Python<'py>,
    data: &Bound<'py, PyUntypedArray>,
    out: Option<&Bound<'py, PyUntypedArray>>,
    request: &Request,
    mask: Option<PyReadonlyArray3<'py, bool>>,
    out_is_zero: bool,
    whole_plateaus: bool,
) -> Result<Bound<'py, PyDict>> {
    let request = request.0;
    let plateaus = if whole_plateaus { Plateaus::Whole } else { Plateaus::First };
    let mask = mask.as_ref().map(PyReadonlyArray3::as_array);
    let found = with_dtype!(data, T => {
        let data = read::<T>(data)?;
        let data = volume(&data)?;
        let mut out = out.map(read_write::<T>).transpose()?;
        let out = out.as_mut().map(|out| output(out, out_is_zero));
        threads::run(py, data.len(), || {
            nithresh_core::find_clusters(data, out, mask, request, plateaus)
        })?
    });
    let (mut table, summary) = (found.table, found.summary);
    let maxima = take(&mut table.maxima);
    let fields = table_fields(py, table)?;
    fields.set_item("labels", Py::new(py, Labels(found.labels))?)?;
    fields.set_item("range", (summary.min, summary.max))?;
    fields.set_item("has_non_finite", summary.has_non_finite)?;
    fields.set_item("maxima_clusters", maxima.clusters.into_pyarray(py))?;
    fields.set_item("maxima", Array2::from(maxima.indices).into_pyarray(py))?;
    fields.set_item("maxima_values", maxima.values.into_pyarray(py))?;
    Ok(fields)
}

/// Labels, and a row of words for each.
type Labelled<'py> = (Bound<'py, PyArray1<i32>>, Bound<'py, PyArray2<u64>>);

/// Writes what `label` writes of a block with all its clusters, and returns those that may
/// belong to clusters that stay in a volume of `shape`, in which the block begins at
/// `start`: their labels, and a row of words for each, the second word its sign.
#[pyfunction]
#[pyo3(signature = (data, labels, request, *, mask, labels_is_zero, start, shape))]
#[expect(clippy::too_many_arguments, clippy::needless_pass_by_value, reason = "a Python signature")]
pub(crate) fn label_block<'py>(
    py: Python<'py>,
    data: &Bound<'py, PyUntypedArray>,
    labels: &Bound<'py, PyUntypedArray>,
    request: &Request,
    mask: Option<PyReadonlyArray3<'py, bool>>,
    labels_is_zero: bool,
    start: [usize; 3],
    shape: [usize; 3],
) -> Result<Labelled<'py>> {
    let (request, position) = (request.0, BlockPosition { start, volume: shape });
    let mask = mask.as_ref().map(PyReadonlyArray3::as_array);
    let mut labels = read_write::<i32>(labels)?;
    let labels = output(&mut labels, labels_is_zero);
    let clusters = with_dtype!(data, T => {
        let data = read::<T>(data)?;
        let block = volume(&data)?;
        threads::run(py, block.len(), || {
            nithresh_core::label_block(block, labels, mask, request, position)
        })?
    });
    let (labels, words): (Vec<_>, Vec<_>) =
        clusters.into_iter().map(|(label, cluster)| (label, cluster.to_words())).unzip();
    Ok((labels.into_pyarray(py), Array2::from(words).into_pyarray(py)))
}

/// Joins clusters of blocks as `label_block` gives them, those of all blocks one after the
/// other, by pairs of their places. Returns the number of each one's cluster of the volume,
/// and these clusters as `find_clusters` does.
#[pyfunction]
#[pyo3(signature = (clusters, touching, *, cluster_threshold))]
#[expect(clippy::needless_pass_by_value, reason = "a Python signature")]
pub(crate) fn join_blocks<'py>(
    py: Python<'py>,
    clusters: PyReadonlyArray2<'py, u64>,
    touching: PyReadonlyArray2<'py, u32>,
    cluster_threshold: u64,
) -> Result<(Bound<'py, PyArray1<i32>>, Bound<'py, PyDict>)> {
    let (clusters, touching) = (clusters.as_array(), touching.as_array());
    if clusters.ncols() != BlockCluster::WORDS || touching.ncols() != 2 {
        return Err(mismatch("clusters must have 16 columns and touching 2"));
    }
    let (numbers, table) = threads::run(py, 0, || {
        let rows = clusters.rows().into_iter();
        let words = |row: ArrayView1<'_, u64>| std::array::from_fn(|column| row[column]);
        let clusters: Vec<_> = rows.map(|row| BlockCluster::from_words(words(row))).collect();
        let pairs = touching.rows().into_iter();
        let pairs: Vec<_> = pairs.map(|pair| [pair[0], pair[1]]).collect();
        nithresh_core::join_blocks(&clusters, &pairs, cluster_threshold)
    })?;
    Ok((numbers.into_pyarray(py), table_fields(py, table)?))
}

/// The fields of a table, but for its maxima.
fn table_fields(py: Python<'_>, table: Table) -> Result<Bound<'_, PyDict>> {
    let fields = PyDict::new(py);
    fields.set_item("signs", table.signs.into_pyarray(py))?;
    fields.set_item("extents", table.extents.into_pyarray(py))?;
    fields.set_item("peaks", Array2::from(table.peaks).into_pyarray(py))?;
    fields.set_item("values", table.values.into_pyarray(py))?;
    fields.set_item("means", table.means.into_pyarray(py))?;
    fields.set_item("masses", table.masses.into_pyarray(py))?;
    fields.set_item("centres", Array2::from(table.centres).into_pyarray(py))?;
    Ok(fields)
}
