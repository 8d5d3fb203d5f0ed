//! The kernels of permutation tests against naive twins: flooded clusters, scores that are
//! written voxel by voxel, and statistics from residuals in double precision.

#[path = "naive.rs"]
#[allow(dead_code, reason = "the other tests use the rest of it")]
mod naive;

use ndarray::{Array2, Array3, ArrayView2, Axis, ShapeBuilder, s};
use nithresh_core::{
    Array, Connectivity, Effect, Error, Sides, Statistic, Statistics, Tfce, cluster_maxima,
    statistic_maps, tfce,
};
use proptest::collection::vec;
use proptest::prelude::*;

use naive::Request;

/// Few values, so that heights tie, and some that are no numbers.
const PALETTE: [f32; 10] =
    [1.0, 2.0, -2.0, -1.0, 0.5, 3.0, -0.0, -3.5, f32::NAN, f32::NEG_INFINITY];

#[derive(Debug, Clone)]
struct Case {
    mask: Array3<bool>,
    maps: Array2<f32>,
    neighbours: u8,
    two_sided: bool,
    thresholds: Vec<f64>,
}

fn case() -> impl Strategy<Value = Case> {
    let shape = prop_oneof![
        4 => (1..6_usize, 1..6_usize, 1..6_usize),
        1 => (0..3_usize, 0..3_usize, 0..3_usize),
        1 => (1..3_usize, 1..4_usize, 60..70_usize),
    ];
    (shape, 0..4_usize).prop_flat_map(|(shape, maps)| {
        let voxels = shape.0 * shape.1 * shape.2;
        (
            vec(prop::bool::weighted(0.8), voxels),
            vec(prop::sample::select(&PALETTE), maps * voxels),
            prop::sample::select(&[6_u8, 18, 26]),
            any::<bool>(),
            vec(prop::sample::select(&[0.0, 0.5, 1.0, 1.5, 2.0, 4.0]), 0..3),
        )
            .prop_map(move |(inside, values, neighbours, two_sided, thresholds)| {
                let count = inside.iter().filter(|&&inside| inside).count();
                let mask = Array3::from_shape_vec(shape, inside).unwrap();
                let maps = Array2::from_shape_vec((maps, count), values[..maps * count].to_vec());
                Case { mask, maps: maps.unwrap(), neighbours, two_sided, thresholds }
            })
    })
}

impl Case {
    fn statistics(&self) -> Statistics {
        Statistics {
            thresholds: self.thresholds.clone(),
            connectivity: Connectivity::from_neighbours(self.neighbours).unwrap(),
            sides: if self.two_sided { Sides::Both } else { Sides::One },
            scores: true,
        }
    }

    /// The map of a number in its volume.
    fn volume(&self, number: usize) -> Array3<f32> {
        let mut values = self.maps.row(number).to_vec().into_iter();
        self.mask.map(|&inside| if inside { values.next().unwrap() } else { 0.0 })
    }

    /// The largest statistics of one sign of a map, one after the other.
    fn expected(&self, number: usize, sign: f32) -> Vec<f64> {
        let volume = self.volume(number).mapv(|value| value * sign);
        let finite = volume.iter().filter(|value| value.is_finite());
        let mut expected = vec![finite.fold(0.0, |most, &value| f64::from(value).max(most))];
        for &threshold in &self.thresholds {
            let request = Request {
                threshold,
                two_sided: false,
                cluster_threshold: 0,
                neighbours: self.neighbours,
            };
            let mut largest = [0.0_f64; 3];
            for cluster in naive::clusters(&volume.view(), None, request, threshold) {
                let extent = cluster.len() as f64;
                let mass: f64 = cluster.iter().map(|&voxel| f64::from(volume[voxel])).sum();
                for (largest, own) in
                    largest.iter_mut().zip([extent, mass, mass - threshold * extent])
                {
                    *largest = largest.max(own);
                }
            }
            expected.extend(largest);
        }
        let rules = Tfce {
            extent_power: 0.5,
            height_power: 2.0,
            sides: Sides::One,
            connectivity: Connectivity::from_neighbours(self.neighbours).unwrap(),
        };
        let volume = volume.mapv(f64::from);
        let mut scores = Array3::zeros(volume.dim());
        tfce(volume.view().into_dyn(), scores.view_mut().into_dyn(), None, rules).unwrap();
        expected.push(scores.iter().copied().fold(0.0, f64::max));
        expected
    }
}

proptest! {
    #[test]
    fn maxima(case in case()) {
        let found = cluster_maxima(case.maps.view(), case.mask.view(), &case.statistics()).unwrap();
        let signs = if case.two_sided { vec![1.0, -1.0] } else { vec![1.0] };
        prop_assert_eq!(
            found.dim(),
            (case.maps.nrows(), signs.len(), 2 + 3 * case.thresholds.len())
        );
        for (number, found) in found.outer_iter().enumerate() {
            for (found, &sign) in found.outer_iter().zip(&signs) {
                let expected = case.expected(number, sign);
                for (found, expected) in found.iter().zip(&expected) {
                    prop_assert!(
                        (found - expected).abs() <= 1e-12 * expected.abs(),
                        "{found} instead of {expected} among {expected:?}"
                    );
                }
            }
        }
        // Memory order changes nothing.
        let mut mask = Array3::from_elem(case.mask.dim().f(), false);
        mask.assign(&case.mask);
        let mut maps = Array2::zeros(case.maps.dim().f());
        maps.assign(&case.maps);
        let again = cluster_maxima(maps.view(), mask.view(), &case.statistics()).unwrap();
        prop_assert_eq!(&again, &found);
    }

    #[test]
    fn a_map_depends_on_no_other(case in case()) {
        let all = cluster_maxima(case.maps.view(), case.mask.view(), &case.statistics()).unwrap();
        for number in 0..case.maps.nrows() {
            let own = case.maps.slice(s![number..=number, ..]);
            let own = cluster_maxima(own, case.mask.view(), &case.statistics()).unwrap();
            prop_assert_eq!(own.index_axis(Axis(0), 0), all.index_axis(Axis(0), number));
        }
    }
}

#[test]
fn refusals_of_maxima() {
    let mask = Array3::from_elem((2, 2, 2), true);
    let statistics = |threshold| Statistics {
        thresholds: vec![threshold],
        connectivity: Connectivity::Faces,
        sides: Sides::One,
        scores: false,
    };
    let maps = Array2::zeros((3, 7));
    let wrong = Error::Shape { array: Array::Maps, found: vec![3, 7], expected: vec![3, 8] };
    assert_eq!(cluster_maxima(maps.view(), mask.view(), &statistics(1.0)), Err(wrong));
    let maps = Array2::zeros((3, 8));
    let negative = Err(Error::NegativeThreshold(-1.0));
    assert_eq!(cluster_maxima(maps.view(), mask.view(), &statistics(-1.0)), negative);
    let nan = Err(Error::NanThreshold);
    assert_eq!(cluster_maxima(maps.view(), mask.view(), &statistics(f64::NAN)), nan);
}

/// Numbers between -1 and 1: a splitmix64 generator.
fn noise(shape: (usize, usize), seed: u64) -> Array2<f64> {
    let mut state = seed;
    Array2::from_shape_simple_fn(shape, || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    })
}

/// Orthonormal rows, by Gram and Schmidt.
fn orthonormal(mut rows: Array2<f64>) -> Array2<f64> {
    for number in 0..rows.nrows() {
        for other in 0..number {
            let along = rows.row(number).dot(&rows.row(other));
            let other = rows.row(other).to_owned();
            rows.row_mut(number).scaled_add(-along, &other);
        }
        let length = rows.row(number).dot(&rows.row(number)).sqrt();
        rows.row_mut(number).mapv_inplace(|value| value / length);
    }
    rows
}

#[expect(clippy::cast_possible_truncation, reason = "what the kernel takes")]
fn single(values: &ArrayView2<'_, f64>) -> Array2<f32> {
    values.mapv(|value| value as f32)
}

#[test]
fn statistics_are_those_of_the_sums_of_squares() {
    for (effect_rows, nuisance, statistic) in
        [(1, 0, Statistic::T), (1, 2, Statistic::T), (2, 0, Statistic::F), (3, 2, Statistic::F)]
    {
        let (observations, voxels, sets) = (11, 5000, 3);
        let rows = effect_rows + nuisance;
        let mut residuals = noise((observations, voxels), 1);
        let bases = (0..sets).map(|set| orthonormal(noise((rows, observations), 7 + set)));
        let bases: Vec<_> = bases.collect();
        // Some voxels that the first set fits closely, among others.
        for voxel in (5..voxels).step_by(1000) {
            let fit = &bases[0].row(0) + &(&residuals.column(voxel) * 1e-3);
            residuals.column_mut(voxel).assign(&fit);
        }
        for mut column in residuals.columns_mut() {
            let length = column.dot(&column).sqrt();
            column.mapv_inplace(|value| value / length);
        }
        let degrees_of_freedom = (observations - rows) as f64;
        let mut weights = ndarray::Array3::zeros((bases.len(), rows, observations));
        for (mut weights, basis) in weights.outer_iter_mut().zip(&bases) {
            weights.assign(&single(&basis.view()));
        }
        let mut maps = Array2::zeros((bases.len(), voxels));
        let effect = Effect { rows: effect_rows, degrees_of_freedom, statistic };
        let given = single(&residuals.view());
        statistic_maps(given.view(), weights.view(), maps.view_mut(), effect).unwrap();

        for (basis, map) in bases.iter().zip(maps.outer_iter()) {
            let products = basis.dot(&residuals);
            for (products, &found) in products.columns().into_iter().zip(map) {
                let square = |row: usize| products[row] * products[row];
                let explained: f64 = (0..effect_rows).map(square).sum();
                let left = 1.0 - (0..rows).map(square).sum::<f64>();
                let expected = match statistic {
                    Statistic::T => products[0] / (left / degrees_of_freedom).sqrt(),
                    Statistic::F => explained / effect_rows as f64 / (left / degrees_of_freedom),
                };
                let error = (f64::from(found) - expected).abs();
                let most = (6e-7 / left).min(5e-4);
                assert!(error < most * (1.0 + expected.abs()), "{found} for {expected}");
            }
        }

        // No voxel and no set of weights depends on what is beside it.
        for (set, voxels) in
            [(0..1, 0..1), (0..1, 6..900), (0..2, 3000..4500), (1..3, 4090..4100), (2..3, 17..4999)]
        {
            let mut some = Array2::zeros((set.len(), voxels.len()));
            let (given, weights) =
                (given.slice(s![.., voxels.clone()]), weights.slice(s![set.clone(), .., ..]));
            statistic_maps(given, weights, some.view_mut(), effect).unwrap();
            assert_eq!(some, maps.slice(s![set, voxels]));
        }
    }
}

#[test]
fn refusals_of_statistics() {
    let effect = Effect { rows: 1, degrees_of_freedom: 3.0, statistic: Statistic::T };
    let (residuals, weights) = (Array2::zeros((4, 6)), Array3::zeros((2, 1, 5)));
    let mut maps = Array2::zeros((2, 6));
    let found = statistic_maps(residuals.view(), weights.view(), maps.view_mut(), effect);
    let wrong = Error::Shape { array: Array::Weights, found: vec![5], expected: vec![4] };
    assert_eq!(found, Err(wrong));
    let (weights, mut maps) = (Array3::zeros((2, 1, 4)), Array2::zeros((3, 6)));
    let found = statistic_maps(residuals.view(), weights.view(), maps.view_mut(), effect);
    let wrong = Error::Shape { array: Array::Maps, found: vec![3, 6], expected: vec![2, 6] };
    assert_eq!(found, Err(wrong));
    let effect = Effect { rows: 2, ..effect };
    let mut maps = Array2::zeros((2, 6));
    assert!(statistic_maps(residuals.view(), weights.view(), maps.view_mut(), effect).is_err());
}
