//! Maps on a graph: surfaces, and grayordinates of surfaces and voxels.

use ndarray::{ArrayBase, ArrayView1, Dimension, Ix1, RawData};
use nithresh_core::{Areas, Array, Connectivity, Tfce, Voxel};
use numpy::{
    Element, IntoPyArray, PyArray1, PyArrayDescrMethods, PyArrayDyn, PyArrayMethods,
    PyReadonlyArrayDyn, PyUntypedArray, PyUntypedArrayMethods,
};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::array::{read, read_as, read_write, with_dtype};
use crate::error::{Result, mismatch};
use crate::request::{Request, sides};
use crate::threads;
use crate::tree::{SORT_AND_JOIN, fields_of};

/// Where it is decided whether threads help: a node and its two triangles take as long as
/// so many voxels, and so does the area of a vertex.
const VOXELS_PER_NODE: usize = 20;
const VOXELS_PER_AREA: usize = 100;

/// Nodes that triangles and pairs join. It keeps the arrays, and copies them only if they
/// are not in C order: whoever writes to them later changes the graph.
#[pyclass(frozen, module = "nithresh._core")]
pub(crate) struct Graph {
    nodes: usize,
    surfaces: Vec<Surface>,
    pairs: Py<PyArrayDyn<i32>>,
}

/// The node that vertex 0 of a surface is, how many vertices it has, and its triangles.
struct Surface {
    first: u32,
    vertices: u32,
    triangles: Triangles,
}

/// Triangles in 32 bits or in 64.
enum Triangles {
    Narrow(Py<PyArrayDyn<i32>>),
    Wide(Py<PyArrayDyn<i64>>),
}

impl Triangles {
    fn new(array: &Bound<'_, PyUntypedArray>) -> Result<Self> {
        let name = Array::Triangles;
        if array.dtype().kind() == b'i' && array.dtype().itemsize() == 8 {
            return Ok(Self::Wide(in_c_order(array, name, 3)?.unbind()));
        }
        Ok(Self::Narrow(in_c_order(array, name, 3)?.unbind()))
    }

    fn borrow<'py>(&self, py: Python<'py>) -> Result<BorrowedTriangles<'py>> {
        Ok(match self {
            Self::Narrow(array) => BorrowedTriangles::Narrow(array.bind(py).try_readonly()?),
            Self::Wide(array) => BorrowedTriangles::Wide(array.bind(py).try_readonly()?),
        })
    }
}

/// Triangles, borrowed for a call.
enum BorrowedTriangles<'py> {
    Narrow(PyReadonlyArrayDyn<'py, i32>),
    Wide(PyReadonlyArrayDyn<'py, i64>),
}

impl BorrowedTriangles<'_> {
    fn of_surface(&self, first: u32, vertices: u32) -> Result<nithresh_core::Surface<'_>> {
        let triangles = match self {
            Self::Narrow(array) => nithresh_core::Triangles::Narrow(rows(array)?),
            Self::Wide(array) => nithresh_core::Triangles::Wide(rows(array)?),
        };
        Ok(nithresh_core::Surface { first, vertices, triangles })
    }
}

/// The arrays of a graph, borrowed for a call.
struct Borrowed<'py> {
    nodes: usize,
    surfaces: Vec<(u32, u32, BorrowedTriangles<'py>)>,
    pairs: PyReadonlyArrayDyn<'py, i32>,
}

impl Borrowed<'_> {
    fn graph(&self) -> Result<nithresh_core::Graph<'_>> {
        let surfaces = self.surfaces.iter();
        let surfaces = surfaces
            .map(|(first, vertices, triangles)| triangles.of_surface(*first, *vertices))
            .collect::<Result<_>>()?;
        Ok(nithresh_core::Graph::of_surfaces(self.nodes, surfaces, rows(&self.pairs)?)?)
    }
}

/// The rows of an array in C order.
fn rows<'a, I: Element, const LENGTH: usize>(
    array: &'a PyReadonlyArrayDyn<'_, I>,
) -> Result<&'a [[I; LENGTH]]> {
    let numbers = array.as_slice().map_err(|_| mismatch("a graph needs arrays in C order"))?;
    Ok(numbers.as_chunks().0)
}

/// An array of rows of some length, in C order and aligned: itself or a copy.
fn in_c_order<'py, I: Element>(
    array: &Bound<'py, PyUntypedArray>,
    name: Array,
    length: usize,
) -> Result<Bound<'py, PyArrayDyn<I>>> {
    if array.ndim() != 2 || array.shape()[1] != length {
        let found = array.shape().to_vec();
        let rows = found.first().copied().unwrap_or(0);
        let expected = vec![rows, length];
        return Err(nithresh_core::Error::Shape { array: name, found, expected }.into());
    }
    let name = name.to_string();
    match read_as::<I>(array, &name) {
        Ok(typed) if typed.is_c_contiguous() => Ok((*typed).clone()),
        _ => {
            let copy = array.call_method1("copy", ("C",))?;
            let copy = copy.cast::<PyUntypedArray>().map_err(PyErr::from)?;
            Ok((*read_as::<I>(copy, &name)?).clone())
        }
    }
}

impl Graph {
    fn borrow<'py>(&self, py: Python<'py>) -> Result<Borrowed<'py>> {
        let surfaces = self
            .surfaces
            .iter()
            .map(|surface| Ok((surface.first, surface.vertices, surface.triangles.borrow(py)?)));
        Ok(Borrowed {
            nodes: self.nodes,
            surfaces: surfaces.collect::<Result<_>>()?,
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
    fn work(&self) -> usize {
        VOXELS_PER_NODE * self.nodes
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
        surfaces: Vec<(u32, u32, Bound<'_, PyUntypedArray>)>,
        pairs: &Bound<'_, PyUntypedArray>,
    ) -> Result<Self> {
        let surfaces = surfaces.into_iter().map(|(first, vertices, triangles)| {
            Ok(Surface { first, vertices, triangles: Triangles::new(&triangles)? })
        });
        let surfaces = surfaces.collect::<Result<_>>()?;
        let pairs = in_c_order(pairs, Array::Pairs, 2)?.unbind();
        let graph = Self { nodes, surfaces, pairs };
        graph.borrow(py)?.graph()?;
        Ok(graph)
    }

    /// Erases small clusters from `data`, in which all nodes above zero and all below pass.
    /// Returns the smallest and the largest value that is left.
    #[pyo3(signature = (data, cluster_threshold, *, areas, min_area))]
    fn erase_small(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyUntypedArray>,
        cluster_threshold: u64,
        areas: Option<&Bound<'_, PyUntypedArray>>,
        min_area: f64,
    ) -> Result<(f64, f64)> {
        let borrowed = self.borrow(py)?;
        let graph = borrowed.graph()?;
        let areas = Optional::<f64>::read(areas, Array::Areas)?;
        let areas = areas.along(self)?;
        let summary = with_dtype!(data, T => {
            let mut data = read_write::<T>(data)?;
            let data = self.along(data.as_array_mut(), Array::Map)?;
            threads::run(py, self.work(), || {
                let areas = areas.map(|areas| Areas::new(areas, min_area)).transpose()?;
                graph.erase_small(data, cluster_threshold, areas)
            })?
        });
        Ok((summary.min, summary.max))
    }

    /// Writes the nodes of `data` that pass and whose cluster is large enough to `out`, if there
    /// is one, zero elsewhere. Returns what there is to say of each cluster: a dictionary of
    /// arrays, one for each field of `nithresh_core::NodeClusters`.
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
            threads::run(py, self.work(), || {
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
            threads::run(py, SORT_AND_JOIN * self.work(), || {
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
            threads::run(py, SORT_AND_JOIN * self.work(), || {
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
    let triangles = Triangles::new(triangles)?;
    let triangles = triangles.borrow(py)?;
    let vertices = u32::try_from(nodes).map_err(|_| nithresh_core::Error::TooLarge)?;
    let surface = triangles.of_surface(0, vertices)?;
    let areas = threads::run(py, VOXELS_PER_AREA * nodes, || {
        let graph = nithresh_core::Graph::of_surfaces(nodes, vec![surface], &[])?;
        nithresh_core::vertex_areas(coordinates, &graph)
    })?;
    Ok(areas.into_pyarray(py))
}
