//! What is done with all voxels of a map.

use nithresh_core::Population;
use numpy::{PyReadonlyArray3, PyUntypedArray};
use pyo3::prelude::*;

use crate::array::{output, read, read_write, with_dtype};
use crate::error::Result;
use crate::request::Request;
use crate::threads;

/// Writes the voxels of `data` that pass and whose cluster is large enough to
/// `out`, zero elsewhere. `out` may be `data` itself, or `out_is_zero`. Returns
/// `(min, max, has_non_finite)`: the range of `out`, and whether `data` had values
/// that are not finite.
#[pyfunction]
#[pyo3(signature = (data, out, request, *, mask, out_is_zero))]
#[expect(clippy::needless_pass_by_value, reason = "a Python signature")]
pub(crate) fn threshold(
    py: Python<'_>,
    data: &Bound<'_, PyUntypedArray>,
    out: &Bound<'_, PyUntypedArray>,
    request: &Request,
    mask: Option<PyReadonlyArray3<'_, bool>>,
    out_is_zero: bool,
) -> Result<(f64, f64, bool)> {
    let request = request.0;
    let mask = mask.as_ref().map(PyReadonlyArray3::as_array);
    let summary = with_dtype!(data, T => {
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

/// The linearly interpolated percentile of abs(values), or of the values that
/// are not negative; None of no values.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "a Python signature")]
pub(crate) fn percentile(
    py: Python<'_>,
    data: &Bound<'_, PyUntypedArray>,
    mask: Option<PyReadonlyArray3<'_, bool>>,
    percent: f64,
    absolute: bool,
) -> Result<Option<f64>> {
    let population = if absolute { Population::Magnitudes } else { Population::NotNegative };
    let mask = mask.as_ref().map(PyReadonlyArray3::as_array);
    Ok(with_dtype!(data, T => {
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
pub(crate) fn summary(
    py: Python<'_>,
    data: &Bound<'_, PyUntypedArray>,
    mask: Option<PyReadonlyArray3<'_, bool>>,
) -> Result<(f64, f64, bool)> {
    let mask = mask.as_ref().map(PyReadonlyArray3::as_array);
    let summary = with_dtype!(data, T => {
        let data = read::<T>(data)?;
        let data = data.as_array();
        threads::run(py, data.len(), || nithresh_core::summary(data, mask))?
    });
    Ok((summary.min, summary.max, summary.has_non_finite))
}
