//! NumPy arrays as views.

use ndarray::ArrayView3;
use nithresh_core::Output;
use numpy::{
    Element, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyReadwriteArrayDyn, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pyo3::prelude::*;

use crate::error::{Error, Result, mismatch};

/// Runs a block with `T` standing for the type of an array's voxels. The one
/// place where a dtype is looked at.
macro_rules! with_dtype {
    ($array:expr, $T:ident => $body:block) => {
        with_dtype!($array, "data", $T => $body)
    };
    ($array:expr, $name:literal, $T:ident => $body:block) => {{
        use numpy::{PyArrayDescrMethods as _, PyUntypedArrayMethods as _};
        let dtype = $array.dtype();
        match (dtype.kind(), dtype.itemsize()) {
            (b'f', 4) => {
                type $T = f32;
                $body
            }
            (b'f', 8) => {
                type $T = f64;
                $body
            }
            (b'i', 1) => {
                type $T = i8;
                $body
            }
            (b'i', 2) => {
                type $T = i16;
                $body
            }
            (b'i', 4) => {
                type $T = i32;
                $body
            }
            (b'i', 8) => {
                type $T = i64;
                $body
            }
            (b'u', 1) => {
                type $T = u8;
                $body
            }
            (b'u', 2) => {
                type $T = u16;
                $body
            }
            (b'u', 4) => {
                type $T = u32;
                $body
            }
            (b'u', 8) => {
                type $T = u64;
                $body
            }
            _ => return Err(crate::error::wrong_type($name, &dtype.to_string())),
        }
    }};
}
pub(crate) use with_dtype;

/// Borrows an array to read it.
pub(crate) fn read<'py, T: Element>(
    array: &Bound<'py, PyUntypedArray>,
) -> Result<PyReadonlyArrayDyn<'py, T>> {
    Ok(typed::<T>(array)?.try_readonly()?)
}

/// Borrows an array of one type to read it; `name` is that of the argument.
pub(crate) fn read_as<'py, T: Element>(
    array: &Bound<'py, PyUntypedArray>,
    name: &str,
) -> Result<PyReadonlyArrayDyn<'py, T>> {
    let typed = array.cast::<PyArrayDyn<T>>().map_err(|_| {
        let (found, expected) = (array.dtype(), T::get_dtype(array.py()));
        let message =
            format!("{name} has dtype {found}; it must be {expected}, in native byte order");
        mismatch(&message)
    })?;
    check_steps(typed, name)?;
    Ok(typed.try_readonly()?)
}

/// Borrows an array to write it.
pub(crate) fn read_write<'py, T: Element>(
    array: &Bound<'py, PyUntypedArray>,
) -> Result<PyReadwriteArrayDyn<'py, T>> {
    let typed = typed::<T>(array)?;
    // Slabs are written by several threads at the same time.
    let shares = |(&length, &step): (&usize, &isize)| length > 1 && step == 0;
    if !typed.is_empty() && typed.shape().iter().zip(typed.strides()).any(shares) {
        return Err(mismatch("out must not be a broadcast array, in which voxels share memory"));
    }
    Ok(typed.try_readwrite()?)
}

/// An array to write to, which holds zeros or anything.
pub(crate) fn output<'a, T: Element>(
    array: &'a mut PyReadwriteArrayDyn<'_, T>,
    is_zero: bool,
) -> Output<'a, T> {
    let array = array.as_array_mut();
    if is_zero { Output::of_zeros(array) } else { array.into() }
}

fn typed<'a, 'py, T: Element>(
    array: &'a Bound<'py, PyUntypedArray>,
) -> Result<&'a Bound<'py, PyArrayDyn<T>>> {
    let typed = array
        .cast::<PyArrayDyn<T>>()
        .map_err(|_| mismatch("data and out must have the same dtype, in native byte order"))?;
    check_steps(typed, "data and out")?;
    Ok(typed)
}

/// Refuses an array that cannot be seen as a view.
fn check_steps<T: Element>(typed: &Bound<'_, PyArrayDyn<T>>, name: &str) -> Result<()> {
    // A view counts its steps in voxels, so one that is a field of packed
    // records would be read and written at the wrong places.
    let voxel = size_of::<T>().cast_signed();
    // The step of an axis of length 1 means nothing.
    let is_whole = |(&length, &step): (&usize, &isize)| length < 2 || step % voxel == 0;
    let mut axes = typed.shape().iter().zip(typed.strides());
    let fits = typed.data().is_aligned() && axes.all(is_whole);
    if !fits && !typed.is_empty() {
        return Err(mismatch(&format!("{name} must be aligned, with steps of whole voxels")));
    }
    Ok(())
}

/// A view of three axes.
pub(crate) fn volume<'a, T: Element>(
    array: &'a PyReadonlyArrayDyn<'_, T>,
) -> Result<ArrayView3<'a, T>> {
    let axes = array.ndim();
    array
        .as_array()
        .into_dimensionality()
        .map_err(|_| Error::from(nithresh_core::Error::Axes(axes)))
}
