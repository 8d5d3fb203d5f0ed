//! Maps on a graph: surfaces, and grayordinates of surfaces and voxels.

use ndarray::{ArrayBase, ArrayView1, Dimension, Ix1, RawData};
use nithresh_core::{Areas, Array, Connectivity, Tfce, Voxel};
use numpy::{
    Element, IntoPyArray, PyArray1, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::array::{read, read_as, read_write, with_dtype};
use crate::error::{Result, mismatch};
use crate::request::{Request, sides};
use crate::threads;
use crate::tree::{SORT_AND_JOIN, fields_of};

/// How many nodes a triangle counts as, where it is decided whether threads help.
const TRIANGLES_PER_NODE: usize = 2;

/// Nodes that triangles and pairs join. It keeps the two arrays, and copies them only if they
/// are not in C order: whoever writes to them later changes the graph.
#[pyclass(frozen, module = "nithresh._core")]
pub(crate) struct Graph {
    nodes: usize,
    triangles: Py<PyArrayDyn<i32>>,
    pairs: Py<PyArrayDyn<i32>>,
}

/// The arrays of a graph, borrowed for a call.
struct Borrowed<'py> {
    nodes: usize,
    triangles: PyReadonlyArrayDyn<'py, i32>,
    pairs: PyReadonlyArrayDyn<'py, i32>,
}

impl Borrowed<'_> {
    fn triangles(&self) -> Result<&[[i32; 3]]> {
        rows(&self.triangles)
    }

    fn pairs(&self) -> Result<&[[i32; 2]]> {
        rows(&self.pairs)
    }

    fn graph(&self) -> Result<nithresh_core::Graph<'_>> {
        Ok(nithresh_core::Graph::of_checked(self.nodes, self.triangles()?, self.pairs()?))
    }
}

/// The rows of an array in C order.
fn rows<'a, const LENGTH: usize>(
    array: &'a PyReadonlyArrayDyn<'_, i32>,
) -> Result<&'a [[i32; LENGTH]]> {
    let numbers = array.as_slice().map_err(|_| mismatch("a graph needs arrays in C order"))?;
    Ok(numbers.as_chunks().0)
}

/// An array of rows of some length, in C order and aligned: itself or a copy.
fn in_c_order<'py>(
    array: &Bound<'py, PyUntypedArray>,
    name: Array,
    length: usize,
) -> Result<Bound<'py, PyArrayDyn<i32>>> {
    if array.ndim() != 2 || array.shape()[1] != length {
        let found = array.shape().to_vec();
        let rows = found.first().copied().unwrap_or(0);
        let expected = vec![rows, length];
        return Err(nithresh_core::Error::Shape { array: name, found, expected }.into());
    }
    let name = name.to_string();
    match read_as::<i32>(array, &name) {
        Ok(typed) if typed.is_c_contiguous() => Ok((*typed).clone()),
        _ => {
            let copy = array.call_method1("copy", ("C",))?;
            Ok((*read_as::<i32>(copy.cast::<PyUntypedArray>().map_err(PyErr::from)?, &name)?)
                .clone())
        }
    }
}

impl Graph {
    fn borrow<'py>(&self, py: Python<'py>) -> Result<Borrowed<'py>> {
        Ok(Borrowed {
            nodes: self.nodes,
            triangles: self.triangles.bind(py).try_readonly()?,
            pairs: self.pairs.bind(py).try_readonly()?,
        })
    }

    /// An array with an entry for each node, of which there must be one axis.
    fn along<S: RawData, D: Dimension>(
        &self,
        array: ArrayBase<S, D>,
        name: Array,
    ) -> Result<ArrayBase<S, Ix1>> {
        let (found, expected) = (array.shape().to_vec(), vec![self.nodes]);
        let error = |_| nithresh_core::Error::Shape { array: name, found, expected };
        Ok(array.into_dimensionality().map_err(error)?)
    }

    /// How much work a call is.
    fn work(&self, py: Python<'_>) -> usize {
        self.nodes + TRIANGLES_PER_NODE * self.triangles.bind(py).len() / 3
    }
}

/// An array that may not be there, borrowed for a call.
struct Optional<'py, T: Element>(Option<PyReadonlyArrayDyn<'py, T>>, Array);

impl<'py, T: Element> Optional<'py, T> {
    fn read(array: Option<&Bound<'py, PyUntypedArray>>, name: Array) -> Result<Self> {
        let text = if name == Array::Mask { "mask" } else { "areas" };
        Ok(Self(array.map(|array| read_as::<T>(array, text)).transpose()?, name))
    }

    /// With an entry for each node.
    fn along(&self, graph: &Graph) -> Result<Option<ArrayView1<'_, T>>> {
        self.0.as_ref().map(|array| graph.along(array.as_array(), self.1)).transpose()
    }
}

#[pymethods]
impl Graph {
    #[new]
    fn new(
        py: Python<'_>,
        nodes: usize,
        triangles: &Bound<'_, PyUntypedArray>,
        pairs: &Bound<'_, PyUntypedArray>,
    ) -> Result<Self> {
        let triangles = in_c_order(triangles, Array::Triangles, 3)?;
        let pairs = in_c_order(pairs, Array::Pairs, 2)?;
        let graph = Self { nodes, triangles: triangles.unbind(), pairs: pairs.unbind() };
        let borrowed = graph.borrow(py)?;
        let (triangles, pairs) = (borrowed.triangles()?, borrowed.pairs()?);
        threads::run_alone(py, || nithresh_core::Graph::new(nodes, triangles, pairs).map(|_| ()))?;
        drop(borrowed);
        Ok(graph)
    }

    /// Writes the nodes of `data` that pass and whose cluster is large enough to `out`, zero
    /// elsewhere. `out` may be `data` itself. Returns what `threshold` returns.
    #[pyo3(signature = (data, out, request, *, mask, areas, min_area))]
    #[expect(clippy::too_many_arguments, reason = "a Python signature")]
    fn threshold(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyUntypedArray>,
        out: &Bound<'_, PyUntypedArray>,
        request: &Request,
        mask: Option<&Bound<'_, PyUntypedArray>>,
        areas: Option<&Bound<'_, PyUntypedArray>>,
        min_area: f64,
    ) -> Result<(f64, f64, bool)> {
        let (request, borrowed) = (request.0, self.borrow(py)?);
        let graph = borrowed.graph()?;
        let mask = Optional::<bool>::read(mask, Array::Mask)?;
        let areas = Optional::<f64>::read(areas, Array::Areas)?;
        let (mask, areas) = (mask.along(self)?, areas.along(self)?);
        let areas = || areas.map(|areas| Areas::new(areas, min_area)).transpose();
        let summary = with_dtype!(data, T => {
            if data.is(out) {
                let mut data = read_write::<T>(data)?;
                let data = self.along(data.as_array_mut(), Array::Map)?;
                threads::run(py, self.work(py), || {
                    graph.threshold_in_place(data, mask, request, areas()?)
                })?
            } else {
                let (data, mut out) = (read::<T>(data)?, read_write::<T>(out)?);
                let data = self.along(data.as_array(), Array::Map)?;
                let out = self.along(out.as_array_mut(), Array::Output)?;
                threads::run(py, self.work(py), || {
                    graph.threshold(data, out, mask, request, areas()?)
                })?
            }
        });
        Ok((summary.min, summary.max, summary.has_non_finite))
    }

    /// Writes what `threshold` writes to `out`, if there is one, and returns what there is to
    /// say of each cluster: a dictionary of arrays, one for each field of
    /// `nithresh_core::NodeClusters`.
    #[pyo3(signature = (data, out, request, *, mask, areas, min_area))]
    #[expect(clippy::too_many_arguments, reason = "a Python signature")]
    fn find_clusters<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyUntypedArray>,
        out: Option<&Bound<'py, PyUntypedArray>>,
        request: &Request,
        mask: Option<&Bound<'py, PyUntypedArray>>,
        areas: Option<&Bound<'py, PyUntypedArray>>,
        min_area: f64,
    ) -> Result<Bound<'py, PyDict>> {
        let (request, borrowed) = (request.0, self.borrow(py)?);
        let graph = borrowed.graph()?;
        let mask = Optional::<bool>::read(mask, Array::Mask)?;
        let areas = Optional::<f64>::read(areas, Array::Areas)?;
        let (mask, areas) = (mask.along(self)?, areas.along(self)?);
        let found = with_dtype!(data, T => {
            let data = read::<T>(data)?;
            let data = self.along(data.as_array(), Array::Map)?;
            let mut out = out.map(read_write::<T>).transpose()?;
            let out = out.as_mut().map(|out| self.along(out.as_array_mut(), Array::Output));
            let out = out.transpose()?;
            threads::run(py, self.work(py), || {
                let areas = areas.map(|areas| Areas::new(areas, min_area)).transpose()?;
                graph.find_clusters(data, out, mask, request, areas)
            })?
        });
        let fields = PyDict::new(py);
        fields.set_item("signs", found.signs.into_pyarray(py))?;
        fields.set_item("extents", found.extents.into_pyarray(py))?;
        fields.set_item("areas", found.areas.into_pyarray(py))?;
        fields.set_item("peaks", found.peaks.into_pyarray(py))?;
        fields.set_item("values", found.values.into_pyarray(py))?;
        fields.set_item("means", found.means.into_pyarray(py))?;
        fields.set_item("masses", found.masses.into_pyarray(py))?;
        fields.set_item("labels", found.labels.into_pyarray(py))?;
        fields.set_item("range", (found.summary.min, found.summary.max))?;
        fields.set_item("has_non_finite", found.summary.has_non_finite)?;
        fields.set_item("maxima_clusters", found.maxima.clusters.into_pyarray(py))?;
        fields.set_item("maxima", found.maxima.nodes.into_pyarray(py))?;
        fields.set_item("maxima_values", found.maxima.values.into_pyarray(py))?;
        Ok(fields)
    }

    /// Writes the threshold-free cluster enhancement of `data` to `out`: float32, or
    /// float64 for types that float32 does not hold. The extent of a cluster is the sum of
    /// `areas`, if they are given.
    #[pyo3(signature = (data, out, *, mask, areas, extent_power, height_power, two_sided))]
    #[expect(clippy::too_many_arguments, reason = "a Python signature")]
    fn tfce(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyUntypedArray>,
        out: &Bound<'_, PyUntypedArray>,
        mask: Option<&Bound<'_, PyUntypedArray>>,
        areas: Option<&Bound<'_, PyUntypedArray>>,
        extent_power: f64,
        height_power: f64,
        two_sided: bool,
    ) -> Result<()> {
        let borrowed = self.borrow(py)?;
        let graph = borrowed.graph()?;
        let connectivity = Connectivity::Faces; // does not matter
        let rules = Tfce { extent_power, height_power, sides: sides(two_sided), connectivity };
        let mask = Optional::<bool>::read(mask, Array::Mask)?;
        let areas = Optional::<f64>::read(areas, Array::Areas)?;
        let (mask, areas) = (mask.along(self)?, areas.along(self)?);
        with_dtype!(data, T => {
            let (data, mut out) = (read::<T>(data)?, read_write::<<T as Voxel>::Score>(out)?);
            let data = self.along(data.as_array(), Array::Map)?;
            let out = self.along(out.as_array_mut(), Array::Output)?;
            threads::run(py, SORT_AND_JOIN * self.work(py), || {
                let areas = areas.map(|areas| Areas::new(areas, 0.0)).transpose()?;
                graph.tfce(data, out, mask, rules, areas)
            })?;
        });
        Ok(())
    }

    /// The clusters of a map at all thresholds: what `merge_tree` returns, with nodes for
    /// peaks. Writes one more than its step to each node of `steps`.
    #[pyo3(signature = (data, steps, *, mask, two_sided))]
    fn merge_tree<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyUntypedArray>,
        steps: &Bound<'py, PyUntypedArray>,
        mask: Option<&Bound<'py, PyUntypedArray>>,
        two_sided: bool,
    ) -> Result<Bound<'py, PyDict>> {
        let borrowed = self.borrow(py)?;
        let graph = borrowed.graph()?;
        let mask = Optional::<bool>::read(mask, Array::Mask)?;
        let mask = mask.along(self)?;
        let mut steps = read_write::<i32>(steps)?;
        let steps = self.along(steps.as_array_mut(), Array::Output)?;
        let tree = with_dtype!(data, T => {
            let data = read::<T>(data)?;
            let data = self.along(data.as_array(), Array::Map)?;
            threads::run(py, SORT_AND_JOIN * self.work(py), || {
                graph.merge_tree(data, steps, mask, sides(two_sided))
            })?
        });
        let peaks = tree.peaks.iter().map(|peak| u32::try_from(peak[0]).expect("a node"));
        let peaks: Vec<_> = peaks.collect();
        let fields = fields_of(py, tree)?;
        fields.set_item("peaks", peaks.into_pyarray(py))?;
        Ok(fields)
    }
}

/// The area of each vertex of a surface, a third of that of each of its triangles.
#[pyfunction]
pub(crate) fn vertex_areas<'py>(
    py: Python<'py>,
    coordinates: &Bound<'py, PyUntypedArray>,
    triangles: &Bound<'py, PyUntypedArray>,
) -> Result<Bound<'py, PyArray1<f64>>> {
    let coordinates = read_as::<f64>(coordinates, "coordinates")?;
    let nodes = coordinates.shape().first().copied().unwrap_or(0);
    let (found, expected) = (coordinates.shape().to_vec(), vec![nodes, 3]);
    let error = |_| nithresh_core::Error::Shape { array: Array::Coordinates, found, expected };
    let coordinates = coordinates.as_array().into_dimensionality().map_err(error)?;
    let triangles = in_c_order(triangles, Array::Triangles, 3)?;
    let triangles = triangles.try_readonly()?;
    let triangles = rows(&triangles)?;
    let areas = threads::run_alone(py, || {
        let graph = nithresh_core::Graph::new(nodes, triangles, &[])?;
        nithresh_core::vertex_areas(coordinates, &graph)
    })?;
    Ok(areas.into_pyarray(py))
}
