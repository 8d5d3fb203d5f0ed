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
//! of `with_dtype!`; the Python side sees to that.

mod array;
mod clusters;
mod error;
mod graph;
mod maps;
mod permutation;
mod pool;
mod request;
mod threads;
mod tree;

use pyo3::prelude::*;

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

/// Says that it needs no global interpreter lock: arrays are borrowed through the numpy
/// crate, which refuses to write what somebody else borrows, and all other state has locks.
#[pymodule(gil_used = false)]
mod _core {
    use numpy::{PyArray1, PyArrayDescrMethods, PyArrayMethods, PyUntypedArrayMethods};
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::clusters::{Labels, find_clusters, join_blocks, label, label_block};
    #[pymodule_export]
    use crate::graph::{Graph, vertex_areas};
    #[pymodule_export]
    use crate::maps::{percentile, summary, threshold};
    #[pymodule_export]
    use crate::permutation::{cluster_maxima, statistic_maps};
    #[pymodule_export]
    use crate::request::Request;
    #[pymodule_export]
    use crate::tree::{merge_tree, tfce};

    #[pymodule_export]
    use super::{get_num_threads, set_num_threads};

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
