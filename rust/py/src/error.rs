//! Errors of the core and of NumPy as Python exceptions.

use std::any::Any;

use numpy::BorrowError;
use pyo3::PyErr;
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};

/// Whatever can go wrong between Python and the core.
pub(crate) struct Error(PyErr);

pub(crate) type Result<T> = std::result::Result<T, Error>;

impl From<nithresh_core::Error> for Error {
    fn from(error: nithresh_core::Error) -> Self {
        let text = in_python(&error);
        Self(match error {
            // Nothing is wrong with the arguments.
            nithresh_core::Error::Changed => PyRuntimeError::new_err(text),
            _ => PyValueError::new_err(text),
        })
    }
}

/// What an error of the core is in the words of a Python user: the names of arguments and
/// their values.
fn in_python(error: &nithresh_core::Error) -> String {
    use nithresh_core::{Array, Error as Core, Powered};
    match error {
        Core::NanThreshold => "threshold is NaN; it must be a number".to_owned(),
        Core::NegativeThreshold(threshold) => {
            format!("threshold is {threshold}; with two_sided=True it must be 0 or more")
        }
        Core::Connectivity(neighbours) => format!(
            "connectivity is {neighbours}; it must be 6 (faces), 18 (and edges) or 26 (and corners)"
        ),
        Core::Percent(percent) => {
            format!("percentile is {percent}; it must be from 0 to 100")
        }
        Core::Axes(axes) => format!(
            "data has {axes} dimensions; it must have 3, or 4 with the volumes along the last"
        ),
        Core::Shape { array, found, expected } => {
            let argument = match array {
                Array::Mask => "mask",
                Array::Labels => "labels",
                Array::ExtraMap => "extra",
                Array::Maps => "maps",
                Array::Weights => "weights",
                Array::Map => "data",
                Array::Areas => "areas",
                Array::Coordinates => "coordinates",
                Array::Triangles => "triangles",
                Array::Pairs => "pairs",
                _ => "out",
            };
            format!("{argument} has shape {found:?}; it must have shape {expected:?}")
        }
        Core::Power { of, found } => {
            let argument = if *of == Powered::Extent { "E" } else { "H" };
            format!("{argument} is {found}; it must be a number of 0 or more")
        }
        Core::Scores(score) => {
            let dtype = score.replace('f', "float");
            format!("the scores of data are too large or too small for {dtype}; scale data")
        }
        Core::BlockCluster { found, count } => {
            format!("touching names cluster {found}; there are {count}, counted from 0")
        }
        Core::Node { array, row, found, nodes } => {
            format!("{array} has node {found} in row {row}; there are {nodes}, from 0 on")
        }
        Core::Surface { end, nodes } => {
            format!("surfaces has vertices up to node {end}; there are {nodes} nodes")
        }
        Core::Area { node, found, limit } => format!(
            "areas has {found} for node {node}; it must be from 0 to {limit:.0}, or NaN for none"
        ),
        Core::LeastArea(found) => {
            format!("min_area is {found}; it must be a number of 0 or more")
        }
        Core::Coordinates { node, found } => format!(
            "coordinates has {found:?} for node {node}; they must be finite and less than 1e100"
        ),
        Core::Changed => "data have changed while they were read; no other thread may write to \
                          them before the call returns"
            .to_owned(),
        Core::TooLarge => "data are too large for cluster labelling; split them".to_owned(),
        other => other.to_string(),
    }
}

impl From<BorrowError> for Error {
    fn from(error: BorrowError) -> Self {
        Self(match error {
            BorrowError::NotWriteable => {
                PyValueError::new_err("out is read-only; it must be a writable array")
            }
            _ => PyValueError::new_err(
                "an array of this call is being written by another call; \
                 wait for that one or pass a copy",
            ),
        })
    }
}

impl From<PyErr> for Error {
    fn from(error: PyErr) -> Self {
        Self(error)
    }
}

impl From<Error> for PyErr {
    fn from(error: Error) -> Self {
        error.0
    }
}

/// The core does not know the type of the array.
pub(crate) fn wrong_type(name: &str, found: &str) -> Error {
    Error(PyTypeError::new_err(format!(
        "{name} has dtype {found}; it must be float32, float64 or an integer type \
         of 8 to 64 bits, in native byte order"
    )))
}

/// The arrays do not go together.
pub(crate) fn mismatch(message: &str) -> Error {
    Error(PyTypeError::new_err(message.to_owned()))
}

/// The core has panicked: a fault of its own, or arrays that others wrote to meanwhile.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Error(PyRuntimeError::new_err(format!(
        "internal error ({}); if another thread wrote to the arrays of this call, keep it \
         from that until the call returns, else please report this",
        text.unwrap_or("no text")
    )))
}
