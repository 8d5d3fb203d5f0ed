//! The border of permutation tests. Each call works on its own thread alone: who calls has
//! a thread for each block of maps.

use nithresh_core::{Connectivity, Effect, Statistic, Statistics};
use numpy::{IntoPyArray, PyArray3, PyReadonlyArray2, PyReadonlyArray3, PyReadwriteArray2};
use pyo3::prelude::*;

use crate::error::Result;
use crate::request::sides;
use crate::threads;

/// Writes the statistic of each voxel for each set of weights to `maps`.
#[pyfunction]
#[pyo3(signature = (residuals, weights, maps, *, effect_rows, degrees_of_freedom, is_f))]
#[expect(clippy::needless_pass_by_value, reason = "a Python signature")]
pub(crate) fn statistic_maps(
    py: Python<'_>,
    residuals: PyReadonlyArray2<'_, f32>,
    weights: PyReadonlyArray3<'_, f32>,
    mut maps: PyReadwriteArray2<'_, f32>,
    effect_rows: usize,
    degrees_of_freedom: f64,
    is_f: bool,
) -> Result<()> {
    let statistic = if is_f { Statistic::F } else { Statistic::T };
    let effect = Effect { rows: effect_rows, degrees_of_freedom, statistic };
    let (residuals, weights) = (residuals.as_array(), weights.as_array());
    let maps = maps.as_array_mut();
    threads::run_alone(py, || nithresh_core::statistic_maps(residuals, weights, maps, effect))
}

/// Returns the largest statistics of each map for each sign, shape `(maps, signs, statistics)`.
#[pyfunction]
#[pyo3(signature = (maps, mask, *, thresholds, connectivity, two_sided, tfce))]
#[expect(clippy::needless_pass_by_value, reason = "a Python signature")]
pub(crate) fn cluster_maxima<'py>(
    py: Python<'py>,
    maps: PyReadonlyArray2<'py, f32>,
    mask: PyReadonlyArray3<'py, bool>,
    thresholds: Vec<f64>,
    connectivity: u8,
    two_sided: bool,
    tfce: bool,
) -> Result<Bound<'py, PyArray3<f64>>> {
    let connectivity = Connectivity::from_neighbours(connectivity)?;
    let sides = sides(two_sided);
    let statistics = Statistics { thresholds, connectivity, sides, scores: tfce };
    let (maps, mask) = (maps.as_array(), mask.as_array());
    let work = || nithresh_core::cluster_maxima(maps, mask, &statistics);
    Ok(threads::run_alone(py, work)?.into_pyarray(py))
}
