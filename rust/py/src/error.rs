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
        let text = error.to_string();
        Self(match error {
            // Nothing is wrong with the arguments.
            nithresh_core::Error::Changed => PyRuntimeError::new_err(text),
            _ => PyValueError::new_err(text),
        })
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

/// The array is none that the core knows.
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

/// What the core holds for impossible has happened: a fault of it, or arrays that others
/// write to meanwhile.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Error(PyRuntimeError::new_err(format!(
        "internal error ({}); if another thread wrote to the arrays of this call, keep it \
         from that until the call returns, else please report this",
        text.unwrap_or("no text")
    )))
}
