//! `nithresh._core`: borrow the array, choose its type once, let go of the
//! interpreter, call `nithresh_core`.
//!
//! # Rationale
//!
//! Every function here is a few lines; arguments have been checked in Python,
//! where the words of the user are known, and are checked again in the core,
//! where it is cheap. One macro makes the typed variants, so no name on the
//! Python side carries a type.
//!
//! # Limitations
//!
//! Arrays must be aligned, in native byte order, and of one of the ten types
//! of `dispatch!`; the Python side sees to that.

mod array;
mod error;
mod pool;
mod threads;

use std::mem::take;

use ndarray::ArrayView1;
use nithresh_core::{
    Branches, Connectivity, Enhancement, Piece, Place, Plateaus, Population, Sides, Table, Voxel,
};
use numpy::{
    IntoPyArray, PyArray1, PyArray2, PyReadonlyArray2, PyReadonlyArray3, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::array::{dispatch, output, read, read_write};
use crate::error::{Result, mismatch};

/// Which voxels pass and which clusters stay, with a threshold that is known.
#[pyclass(frozen, module = "nithresh._core")]
struct Request(nithresh_core::Request);

#[pymethods]
impl Request {
    #[new]
    #[pyo3(signature = (threshold, *, two_sided, cluster_threshold, connectivity))]
    fn new(
        threshold: f64,
        two_sided: bool,
        cluster_threshold: u64,
        connectivity: u8,
    ) -> Result<Self> {
        let request = nithresh_core::Request::new(threshold, sides(two_sided))?;
        let connectivity = Connectivity::from_neighbours(connectivity)?;
        Ok(Self(request.min_extent(cluster_threshold).connectivity(connectivity)))
    }
}

fn sides(two_sided: bool) -> Sides {
    if two_sided { Sides::Both } else { Sides::One }
}

/// Writes the voxels of `data` that pass and whose cluster is large enough to
/// `out`, zero elsewhere. `out` may be `data` itself, or `out_is_zero`. Returns
/// `(min, max, has_non_finite)`: the range of `out`, and whether `data` had values
/// that are not finite.
#[pyfunction]
#[pyo3(signature = (data, out, request, *, mask, out_is_zero))]
#[expect(clippy::needless_pass_by_value, reason = "a Python signature")]
fn threshold(
    py: Python<'_>,
    data: &Bound<'_, PyUntypedArray>,
    out: &Bound<'_, PyUntypedArray>,
    request: &Request,
    mask: Option<PyReadonlyArray3<'_, bool>>,
    out_is_zero: bool,
) -> Result<(f64, f64, bool)> {
    let request = request.0;
    let mask = mask.as_ref().map(PyReadonlyArray3::as_array);
    let summary = dispatch!(data, T => {
        if data.is(out) {
            let mut data = read_write::<T>(data)?;
            let data = data.as_array_mut();
            threads::run(py, data.len(), || {
                nithresh_core::threshold_in_place(data, mask, request)
            })?
        } else {
            let (data, mut out) = (read::<T>(data)?, read_write::<T>(out)?);
            let (data, out) = (data.as_array(), output(&mut out, out_is_zero));
            threads::run(py, data.len(), || {
                nithresh_core::threshold(data, out, mask, request)
            })?
        }
    });
    Ok((summary.min, summary.max, summary.has_non_finite))
}

/// Writes the number of its cluster to each voxel of `labels`, 0 to those of none, and
/// returns how many clusters there are.
#[pyfunction]
#[pyo3(signature = (data, labels, request, *, mask, labels_is_zero))]
#[expect(clippy::needless_pass_by_value, reason = "a Python signature")]
fn label(
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
    Ok(dispatch!(data, T => {
        let data = read::<T>(data)?;
        let volume = array::volume(&data)?;
        threads::run(py, volume.len(), || {
            nithresh_core::label(volume, labels, mask, request)
        })?
    }))
}

/// Means, smallest and largest values, and how many values are not finite.
type Sample<'py> =
    (Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<f64>>, u64);

/// What there is to write to a volume of labels.
#[pyclass(frozen, module = "nithresh._core")]
struct Labels(nithresh_core::Labels);

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

    /// The mean, the smallest and the largest value of another map under each cluster, and
    /// how many values are not finite.
    fn sample<'py>(
        &self,
        py: Python<'py>,
        extra: &Bound<'py, PyUntypedArray>,
    ) -> Result<Sample<'py>> {
        let sampled = dispatch!(extra, "extra", T => {
            let extra = read::<T>(extra)?;
            let map = array::volume(&extra)?;
            threads::run(py, map.len(), || self.0.sample(map))?
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
fn find_clusters<'py>(
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
    let (mut table, labels, summary) = dispatch!(data, T => {
        let data = read::<T>(data)?;
        let volume = array::volume(&data)?;
        let mut out = out.map(read_write::<T>).transpose()?;
        let values = out.as_mut().map(|out| output(out, out_is_zero));
        threads::run(py, volume.len(), || {
            Table::of(volume, values, mask, request, plateaus)
        })?
    });
    let fields = PyDict::new(py);
    fields.set_item("labels", Py::new(py, Labels(labels))?)?;
    fields.set_item("range", (summary.min, summary.max))?;
    fields.set_item("has_non_finite", summary.has_non_finite)?;
    let maxima = take(&mut table.maxima);
    set_clusters(&fields, table)?;
    fields.set_item("maxima_clusters", maxima.clusters.into_pyarray(py))?;
    fields.set_item("maxima", ndarray::Array2::from(maxima.indices).into_pyarray(py))?;
    fields.set_item("maxima_values", maxima.values.into_pyarray(py))?;
    Ok(fields)
}

/// Labels, and a row of words for each.
type Labelled<'py> = (Bound<'py, PyArray1<i32>>, Bound<'py, PyArray2<u64>>);

/// Writes what `label` writes of a block with all its clusters, and returns those that may
/// be pieces of clusters that stay in a volume of `shape`, in which the block begins at
/// `start`: their labels, and a row of words for each, the second word its sign.
#[pyfunction]
#[pyo3(signature = (data, labels, request, *, mask, labels_is_zero, start, shape))]
#[expect(clippy::too_many_arguments, clippy::needless_pass_by_value, reason = "a Python signature")]
fn label_block<'py>(
    py: Python<'py>,
    data: &Bound<'py, PyUntypedArray>,
    labels: &Bound<'py, PyUntypedArray>,
    request: &Request,
    mask: Option<PyReadonlyArray3<'py, bool>>,
    labels_is_zero: bool,
    start: [usize; 3],
    shape: [usize; 3],
) -> Result<Labelled<'py>> {
    let request = request.0;
    let mask = mask.as_ref().map(PyReadonlyArray3::as_array);
    let mut labels = read_write::<i32>(labels)?;
    let labels = output(&mut labels, labels_is_zero);
    let pieces = dispatch!(data, T => {
        let data = read::<T>(data)?;
        let block = array::volume(&data)?;
        threads::run(py, block.len(), || {
            Piece::label(block, labels, mask, request, Place { start, shape })
        })?
    });
    let (labels, words): (Vec<_>, Vec<_>) =
        pieces.into_iter().map(|(label, piece)| (label, piece.to_words())).unzip();
    Ok((labels.into_pyarray(py), ndarray::Array2::from(words).into_pyarray(py)))
}

/// Joins pieces as `label_block` gives them, those of all blocks one after the other, by
/// pairs of their places. Returns the number of each one's cluster, and the clusters as
/// `find_clusters` does.
#[pyfunction]
#[pyo3(signature = (pieces, touching, *, cluster_threshold))]
#[expect(clippy::needless_pass_by_value, reason = "a Python signature")]
fn join<'py>(
    py: Python<'py>,
    pieces: PyReadonlyArray2<'py, u64>,
    touching: PyReadonlyArray2<'py, u32>,
    cluster_threshold: u64,
) -> Result<(Bound<'py, PyArray1<i32>>, Bound<'py, PyDict>)> {
    let (pieces, touching) = (pieces.as_array(), touching.as_array());
    if pieces.ncols() != Piece::WORDS || touching.ncols() != 2 {
        return Err(mismatch("pieces must have 16 columns and touching 2"));
    }
    let (numbers, table) = threads::run(py, 0, || {
        let rows = pieces.rows().into_iter();
        let words = |row: ArrayView1<'_, u64>| std::array::from_fn(|column| row[column]);
        let pieces: Vec<_> = rows.map(|row| Piece::from_words(words(row))).collect();
        let pairs = touching.rows().into_iter();
        let pairs: Vec<_> = pairs.map(|pair| [pair[0], pair[1]]).collect();
        nithresh_core::join(&pieces, &pairs, cluster_threshold)
    })?;
    let fields = PyDict::new(py);
    set_clusters(&fields, table)?;
    Ok((numbers.into_pyarray(py), fields))
}

/// Sets the fields of a table, but for its maxima.
fn set_clusters(fields: &Bound<'_, PyDict>, table: Table) -> Result<()> {
    let py = fields.py();
    fields.set_item("signs", table.signs.into_pyarray(py))?;
    fields.set_item("extents", table.extents.into_pyarray(py))?;
    fields.set_item("peaks", ndarray::Array2::from(table.peaks).into_pyarray(py))?;
    fields.set_item("values", table.values.into_pyarray(py))?;
    fields.set_item("means", table.means.into_pyarray(py))?;
    fields.set_item("masses", table.masses.into_pyarray(py))?;
    fields.set_item("centres", ndarray::Array2::from(table.centres).into_pyarray(py))?;
    Ok(())
}

/// How many times the work of thresholding it is to sort voxels and to join them.
const SWEEP: usize = 8;

/// Writes the threshold-free cluster enhancement of `data` to `out`: float32, or
/// float64 for types that float32 does not hold.
#[pyfunction]
#[pyo3(signature = (data, out, *, mask, extent_power, height_power, two_sided, connectivity))]
#[expect(clippy::too_many_arguments, clippy::needless_pass_by_value, reason = "a Python signature")]
fn tfce(
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
    let enhancement =
        Enhancement { extent_power, height_power, sides: sides(two_sided), connectivity };
    let mask = mask.as_ref().map(PyReadonlyArray3::as_array);
    dispatch!(data, T => {
        let (data, mut out) = (read::<T>(data)?, read_write::<<T as Voxel>::Score>(out)?);
        let (data, out) = (data.as_array(), out.as_array_mut());
        threads::run(py, SWEEP * data.len(), || {
            nithresh_core::tfce(data, out, mask, enhancement)
        })?;
    });
    Ok(())
}

/// The clusters of a volume at all thresholds: a dictionary of arrays, one for each
/// field of `nithresh_core::Branches`.
#[pyfunction]
#[pyo3(signature = (data, *, mask, two_sided, connectivity))]
#[expect(clippy::needless_pass_by_value, reason = "a Python signature")]
fn branches<'py>(
    py: Python<'py>,
    data: &Bound<'py, PyUntypedArray>,
    mask: Option<PyReadonlyArray3<'_, bool>>,
    two_sided: bool,
    connectivity: u8,
) -> Result<Bound<'py, PyDict>> {
    let connectivity = Connectivity::from_neighbours(connectivity)?;
    let mask = mask.as_ref().map(PyReadonlyArray3::as_array);
    let found = dispatch!(data, T => {
        let data = read::<T>(data)?;
        let volume = array::volume(&data)?;
        threads::run(py, SWEEP * volume.len(), || {
            Branches::of(volume, mask, sides(two_sided), connectivity)
        })?
    });
    let fields = PyDict::new(py);
    fields.set_item("signs", found.signs.into_pyarray(py))?;
    fields.set_item("peaks", ndarray::Array2::from(found.peaks).into_pyarray(py))?;
    fields.set_item("births", found.births.into_pyarray(py))?;
    fields.set_item("merges", found.merges.into_pyarray(py))?;
    fields.set_item("into", found.into.into_pyarray(py))?;
    fields.set_item("starts", found.starts.into_pyarray(py))?;
    fields.set_item("heights", found.heights.into_pyarray(py))?;
    fields.set_item("extents", found.extents.into_pyarray(py))?;
    Ok(fields)
}

/// The linearly interpolated percentile of abs(values), or of the values that
/// are not negative; None of no values.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "a Python signature")]
fn percentile(
    py: Python<'_>,
    data: &Bound<'_, PyUntypedArray>,
    mask: Option<PyReadonlyArray3<'_, bool>>,
    percent: f64,
    absolute: bool,
) -> Result<Option<f64>> {
    let population = if absolute { Population::Magnitudes } else { Population::NotNegative };
    let mask = mask.as_ref().map(PyReadonlyArray3::as_array);
    Ok(dispatch!(data, T => {
        let data = read::<T>(data)?;
        let data = data.as_array();
        threads::run(py, data.len(), || {
            nithresh_core::percentile(data, mask, population, percent)
        })?
    }))
}

/// `(min, max, has_non_finite)`: the range in the mask with non-finite values
/// as zero, and whether there are any in the whole map.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "a Python signature")]
fn summary(
    py: Python<'_>,
    data: &Bound<'_, PyUntypedArray>,
    mask: Option<PyReadonlyArray3<'_, bool>>,
) -> Result<(f64, f64, bool)> {
    let mask = mask.as_ref().map(PyReadonlyArray3::as_array);
    let summary = dispatch!(data, T => {
        let data = read::<T>(data)?;
        let data = data.as_array();
        threads::run(py, data.len(), || nithresh_core::summary(data, mask))?
    });
    Ok((summary.min, summary.max, summary.has_non_finite))
}

/// Limits the threads of this process; takes effect with the next call.
#[pyfunction]
fn set_num_threads(threads: usize) {
    threads::set_limit(threads);
}

/// How many threads the next call may use.
#[pyfunction]
fn get_num_threads() -> usize {
    threads::limit()
}

#[pymodule]
mod _core {
    use numpy::{PyArray1, PyArrayDescrMethods, PyArrayMethods, PyUntypedArrayMethods};
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::{
        Labels, Request, branches, find_clusters, get_num_threads, join, label, label_block,
        percentile, set_num_threads, summary, tfce, threshold,
    };

    /// Looks up NumPy's functions once, at import. The numpy crate does it at
    /// first use, behind locks that a `fork()` at that moment would leave held
    /// for ever in the child.
    #[pymodule_init]
    #[expect(clippy::unnecessary_wraps, reason = "an initialiser has this signature")]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let array = PyArray1::<f32>::zeros(module.py(), 1, false);
        let _ = (array.dtype().itemsize(), array.try_readonly(), array.try_readwrite());
        Ok(())
    }
}
