//! t and F of a linear model for many weightings of its observations at once.
//!
//! ```text
//! for a few thousand voxels at a time, so that products stay in the cache
//!     products = weights x residuals                (shuffles * rows, voxels)
//!     for each shuffle and voxel
//!         a = sum of squares of the rows of the effect
//!         b = sum of squares of the rows of the nuisance
//!         t = product * sqrt(df) / sqrt(1 - b - a)
//!         F = a / rows / ((1 - b - a) / df)
//!         and anew in double precision where little is left of 1
//! ```
//!
//! What is shuffled is a basis of the model, and not the observations: then one matrix
//! product gives all shuffles (Winkler et al. 2014 write the statistics in this way). Each
//! product is summed in the order of the observations, whatever shuffles and voxels are
//! beside it, so that the statistic of a shuffle depends on no block and no thread.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView1, ArrayView2, ArrayView3, ArrayViewMut2, Axis};

use crate::error::{Array, Error, Result};
use crate::simd::dispatch::{Loop, dispatch};

/// How many voxels are worked on at a time.
const VOXELS: usize = 4096;

/// What is tested of a model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// How many rows of the weights belong to the effect; the others are nuisance.
    pub rows: usize,
    /// Degrees of freedom of the residuals.
    pub degrees_of_freedom: f64,
    /// The statistic.
    pub statistic: Statistic,
}

/// A statistic of a linear model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    /// Of one row, with the sign of the effect.
    T,
    /// Of any number of rows.
    F,
}

/// Writes the statistic of each voxel (column) for each set of weights (row) to `maps`.
///
/// `residuals` (observations, voxels) have columns of length 1, which are orthogonal to the
/// nuisance before it is shuffled. `weights` (sets, rows, observations) are orthonormal rows,
/// first those of the effect and then those of the nuisance.
///
/// Each product is summed in the order of the observations. So the statistic of a voxel
/// depends on its residuals and on its own weights alone, to the last bit, on processors with
/// the same instructions. Takes `2 * sets * rows * observations` operations for each voxel,
/// and 16 KB for each row of weights.
///
/// ```
/// use ndarray::{Array2, array};
/// use nithresh_core::{Effect, Statistic, statistic_maps};
///
/// // Three observations of one voxel, 1, 2 and 3, scaled to length 1; the model is their mean.
/// let residuals = array![[1.0_f32], [2.0], [3.0]] / 14.0_f32.sqrt();
/// let weights = array![[[1.0_f32, 1.0, 1.0]], [[1.0, 1.0, -1.0]]] / 3.0_f32.sqrt();
/// let mut maps = Array2::zeros((2, 1));
/// let effect = Effect { rows: 1, degrees_of_freedom: 2.0, statistic: Statistic::T };
/// statistic_maps(residuals.view(), weights.view(), maps.view_mut(), effect)?;
/// assert!((maps[[0, 0]] - 12.0_f32.sqrt()).abs() < 1e-5);
/// assert!(maps[[1, 0]].abs() < 1e-5);
/// # Ok::<(), nithresh_core::Error>(())
/// ```
///
/// # Errors
///
/// Arrays that do not fit together.
///
/// # Panics
///
/// If the voxels of a row of `maps` do not follow one another in memory.
pub fn statistic_maps(
    residuals: ArrayView2<'_, f32>,
    weights: ArrayView3<'_, f32>,
    mut maps: ArrayViewMut2<'_, f32>,
    effect: Effect,
) -> Result<()> {
    let (sets, rows, observations) = weights.dim();
    check(Array::Weights, &[observations], &[residuals.nrows()])?;
    check(Array::Maps, maps.shape(), &[sets, residuals.ncols()])?;
    let allowed = if effect.statistic == Statistic::T { 1..=rows.min(1) } else { 1..=rows };
    if !allowed.contains(&effect.rows) {
        let (found, expected) = (vec![effect.rows], vec![*allowed.end()]);
        return Err(Error::Shape { array: Array::Weights, found, expected });
    }
    let weights = weights.as_standard_layout();
    let in_rows = weights.view().into_shape_with_order((sets * rows, observations));
    let in_rows = in_rows.expect("in standard layout");
    let mut products = Array2::zeros((sets * rows, VOXELS.min(residuals.ncols())));
    let mut left = vec![0.0; products.ncols()];
    let spans = residuals.axis_chunks_iter(Axis(1), VOXELS);
    for (residuals, mut maps) in spans.zip(maps.axis_chunks_iter_mut(Axis(1), VOXELS)) {
        let mut products = products.slice_axis_mut(Axis(1), (..residuals.ncols()).into());
        general_mat_mul(1.0, &in_rows, &residuals, 0.0, &mut products);
        for (set, mut map) in maps.outer_iter_mut().enumerate() {
            let own = products.slice_axis(Axis(0), (set * rows..(set + 1) * rows).into());
            let map = map.as_slice_mut().expect("a row");
            let left = &mut left[..map.len()];
            dispatch(OneMap { products: own, map, left, effect });
            let weights = weights.index_axis(Axis(0), set);
            for ((value, left), voxel) in map.iter_mut().zip(left).zip(residuals.columns()) {
                if *left < CLOSE {
                    *value = of_close_fit(voxel, weights, effect);
                }
            }
        }
    }
    Ok(())
}

fn check(array: Array, found: &[usize], expected: &[usize]) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::Shape { array, found: found.to_vec(), expected: expected.to_vec() })
}

/// Turns the products of one set of weights into its statistic.
struct OneMap<'a> {
    products: ArrayView2<'a, f32>,
    map: &'a mut [f32],
    /// Becomes the part of each voxel that is neither effect nor nuisance, of 1.
    left: &'a mut [f32],
    effect: Effect,
}

impl Loop for OneMap<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { products, map, left, effect } = self;
        left.fill(1.0);
        for row in products.outer_iter() {
            let row = row.to_slice().expect("a row");
            for (left, product) in left.iter_mut().zip(row) {
                *left -= product * product;
            }
        }
        // Rounding must not make a perfect fit less than that.
        for left in left.iter_mut() {
            *left = left.max(f32::EPSILON);
        }
        #[expect(clippy::cast_possible_truncation, reason = "a count of images")]
        let degrees_of_freedom = effect.degrees_of_freedom as f32;
        match effect.statistic {
            Statistic::T => {
                let scale = degrees_of_freedom.sqrt();
                let row = products.row(0).to_slice().expect("a row");
                for ((value, left), product) in map.iter_mut().zip(&*left).zip(row) {
                    *value = product * scale / left.sqrt();
                }
            }
            Statistic::F => {
                map.fill(0.0);
                for row in products.outer_iter().take(effect.rows) {
                    let row = row.to_slice().expect("a row");
                    for (value, product) in map.iter_mut().zip(row) {
                        *value += product * product;
                    }
                }
                let scale = degrees_of_freedom / effect.rows as f32;
                for (value, left) in map.iter_mut().zip(&*left) {
                    *value *= scale / left;
                }
            }
        }
    }
}

/// Where less than this share of a voxel is left, a difference of two numbers near 1 has lost
/// digits that matter.
const CLOSE: f32 = 1.0 / 64.0;

/// What is left of a perfect fit: the squared rounding of the residuals. The statistic stays
/// finite.
const LEAST_LEFT: f64 = 1e-15;

/// The statistic of a voxel from what is left of each observation, which loses no digits.
#[expect(clippy::cast_possible_truncation, reason = "maps are rounded")]
fn of_close_fit(voxel: ArrayView1<'_, f32>, weights: ArrayView2<'_, f32>, effect: Effect) -> f32 {
    let product = |row: ArrayView1<'_, f32>| {
        let terms = row.into_iter().zip(voxel).map(|(&w, &y)| f64::from(w) * f64::from(y));
        terms.sum::<f64>()
    };
    let products: Vec<f64> = weights.outer_iter().map(product).collect();
    let beside = |(number, &value): (usize, &f32)| {
        let terms = products.iter().zip(weights.column(number));
        let fit: f64 = terms.map(|(product, &w)| product * f64::from(w)).sum();
        (f64::from(value) - fit).powi(2)
    };
    let left: f64 = voxel.iter().enumerate().map(beside).sum();
    let mean_left = left.max(LEAST_LEFT) / effect.degrees_of_freedom;
    let statistic = match effect.statistic {
        Statistic::T => products[0] / mean_left.sqrt(),
        Statistic::F => {
            let explained: f64 =
                products.iter().take(effect.rows).map(|product| product * product).sum();
            explained / effect.rows as f64 / mean_left
        }
    };
    statistic as f32
}
