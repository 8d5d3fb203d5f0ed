//! What comes of the sorted heights of a map, scores and branches, against naive twins
//! that flood the clusters of every height.

#![expect(clippy::float_cmp, reason = "heights are exact, and so are the sums of a few of them")]

#[path = "cases.rs"]
mod cases;
#[path = "naive.rs"]
#[allow(dead_code, reason = "the other tests use the rest of it")]
mod naive;
#[path = "pools.rs"]
mod pools;

use std::collections::BTreeMap;
use std::fmt::Debug;

use ndarray::{Array3, ArrayD, ArrayView3, ArrayViewD, Axis, IxDyn, Slice};
use nithresh_core::{
    Array, Connectivity, Error, MergeTree, Powered, Score, Sides, Tfce, Voxel, tfce,
};
use proptest::collection::vec;
use proptest::prelude::*;

use cases::config;
use naive::Request;
use pools::in_each_pool;

type Index = [usize; 3];

/// Voxel types, each with a few values around zero, and some that are far away.
trait TestVoxel: Voxel + Debug {
    fn palette() -> [Self; 8];
    fn extremes() -> Vec<Self>;
}

macro_rules! float_test_voxel {
    ($($float:ident)*) => {$(
        impl TestVoxel for $float {
            fn palette() -> [Self; 8] {
                [1.0, 2.0, -2.0, -1.0, 0.5, 3.0, -0.0, $float::NAN]
            }

            fn extremes() -> Vec<Self> {
                let tiny = $float::from_bits(1);
                vec![$float::MAX, $float::MIN, tiny, -tiny, $float::INFINITY, 1e-3]
            }
        }
    )*};
}

macro_rules! integer_test_voxel {
    ($($integer:ident)*) => {$(
        impl TestVoxel for $integer {
            fn palette() -> [Self; 8] {
                let minus = |value: $integer| if $integer::MIN == 0 { value } else { 0 - value };
                [1, 2, minus(2), minus(1), 3, 4, 0, minus(3)]
            }

            fn extremes() -> Vec<Self> {
                vec![$integer::MAX, $integer::MIN, $integer::MIN + 1, $integer::MAX - 1]
            }
        }
    )*};
}

float_test_voxel!(f32 f64);
integer_test_voxel!(i8 i16 i32 i64 u8 u16 u32 u64);

/// One example. Voxels are bytes, so that all types share a strategy.
#[derive(Debug, Clone)]
struct Case {
    shape: Vec<usize>,
    voxels: Vec<u8>,
    extremes: bool,
    mask: Option<Vec<bool>>,
    neighbours: u8,
    two_sided: bool,
    powers: (f64, f64),
}

fn case(volumes: impl Strategy<Value = Option<usize>>) -> impl Strategy<Value = Case> {
    let shape = prop_oneof![
        6 => vec(1..6_usize, 3),
        1 => vec(0..3_usize, 3),
        // Rows of more than one chunk.
        2 => (1..3_usize, 1..4_usize, 14..40_usize)
            .prop_map(|(a, b, c)| vec![a, b, c]).prop_shuffle(),
    ];
    (shape, volumes).prop_flat_map(|(mut shape, volumes)| {
        let volume: usize = shape.iter().product();
        shape.extend(volumes);
        let length = shape.iter().product::<usize>();
        (
            Just(shape),
            vec(any::<u8>(), length),
            prop::bool::weighted(0.2),
            prop::option::weighted(0.3, vec(prop::bool::weighted(0.8), volume)),
            prop::sample::select(&[6, 18, 26]),
            any::<bool>(),
            prop::sample::select(&[(0.5, 2.0), (1.0, 2.0), (0.5, 0.0), (0.0, 1.5)]),
        )
            .prop_map(|(shape, voxels, extremes, mask, neighbours, two_sided, powers)| {
                Case { shape, voxels, extremes, mask, neighbours, two_sided, powers }
            })
    })
}

impl Case {
    fn values<T: TestVoxel>(&self) -> ArrayD<T> {
        let (palette, extremes) = (T::palette(), T::extremes());
        let value = |&byte: &u8| match usize::from(byte) {
            byte if byte < 120 => palette[byte % palette.len()],
            byte if byte < 130 && self.extremes => extremes[byte % extremes.len()],
            // Plateaus of one value, so that clusters are large.
            byte if byte < 180 => palette[0],
            _ => T::ZERO,
        };
        let values = self.voxels.iter().map(value).collect();
        ArrayD::from_shape_vec(IxDyn(&self.shape), values).unwrap()
    }

    fn mask(&self) -> Option<Array3<bool>> {
        let shape = (self.shape[0], self.shape[1], self.shape[2]);
        self.mask.as_ref().map(|mask| Array3::from_shape_vec(shape, mask.clone()).unwrap())
    }

    fn connectivity(&self) -> Connectivity {
        Connectivity::from_neighbours(self.neighbours).unwrap()
    }

    fn rules(&self) -> Tfce {
        Tfce {
            extent_power: self.powers.0,
            height_power: self.powers.1,
            sides: self.sides(),
            connectivity: self.connectivity(),
        }
    }

    fn sides(&self) -> Sides {
        if self.two_sided { Sides::Both } else { Sides::One }
    }

    fn signs(&self) -> &[i8] {
        if self.two_sided { &[1, -1] } else { &[1] }
    }
}

/// Does the same with the array in C and in Fortran order, with axes backwards, and
/// with other voxels in between.
fn in_each_layout<T: Copy>(values: &ArrayViewD<'_, T>, work: impl Fn(ArrayViewD<'_, T>)) {
    let mut orders: Vec<Vec<usize>> = vec![(0..values.ndim()).collect()];
    orders.push((0..values.ndim()).rev().collect());
    for order in orders {
        for (step, backwards) in [(1, false), (1, true), (2, false)] {
            let turned = values.view().permuted_axes(IxDyn(&order));
            let mut stored = ArrayD::from_elem(
                turned.shape().iter().map(|length| length * step).collect::<Vec<_>>(),
                values.iter().copied().next().unwrap_or_else(|| unreachable!("an empty map")),
            );
            let signed = if backwards { -1 } else { step.cast_signed() };
            let mut view = stored.view_mut();
            for axis in 0..view.ndim() {
                view.slice_axis_inplace(Axis(axis), Slice::new(0, None, signed));
            }
            view.assign(&turned);
            let mut back = vec![0; order.len()];
            order.iter().enumerate().for_each(|(place, &axis)| back[axis] = place);
            work(view.view().permuted_axes(IxDyn(&back)));
        }
    }
}

/// The clusters of one sign at each of its heights, lowest first.
fn at_all_heights<T: TestVoxel>(
    volume: &ArrayView3<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    sign: i8,
    neighbours: u8,
) -> Vec<(f64, Vec<Vec<Index>>)> {
    let sign = f64::from(sign);
    let heights = volume.iter().map(|value| sign * value.to_f64());
    let mut heights: Vec<_> = heights.filter(|&h| h > 0.0 && h.is_finite()).collect();
    heights.sort_by(f64::total_cmp);
    heights.dedup();
    let clusters = |height: f64| {
        let threshold = sign * height;
        let request = Request { threshold, two_sided: false, cluster_threshold: 0, neighbours };
        naive::clusters(volume, mask, request, threshold)
    };
    heights.into_iter().map(|height| (height, clusters(height))).collect()
}

/// The scores of a map, in full precision.
fn naive_tfce<T: TestVoxel>(
    data: &ArrayViewD<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    case: &Case,
) -> ArrayD<f64> {
    let (extent_power, height_power) = (case.powers.0, case.powers.1 + 1.0);
    let mut scores = ArrayD::zeros(data.raw_dim());
    for (number, volume) in naive::volumes(data).iter().enumerate() {
        for &sign in case.signs() {
            let mut below = 0.0_f64;
            for (height, clusters) in at_all_heights(volume, mask, sign, case.neighbours) {
                let slab = (height.powf(height_power) - below.powf(height_power)) / height_power;
                for cluster in clusters {
                    let score = (cluster.len() as f64).powf(extent_power) * slab;
                    for voxel in cluster {
                        let place = voxel.iter().copied().chain([number]);
                        let place: Vec<_> = place.take(data.ndim()).collect();
                        scores[IxDyn(&place)] += f64::from(sign) * score;
                    }
                }
                below = height;
            }
        }
    }
    scores
}

fn check_scores<T: TestVoxel>(case: &Case)
where
    T::Score: Into<f64> + Debug + PartialEq,
{
    let values = case.values::<T>();
    let mask = case.mask();
    let mask = mask.as_ref().map(|mask| mask.view());
    if values.is_empty() {
        return;
    }
    let expected = naive_tfce(&values.view(), mask, case);
    let largest = expected.iter().fold(0.0_f64, |largest, score| largest.max(score.abs()));
    let any = expected.iter().any(|&score| score != 0.0 || score.is_nan());
    let first: std::sync::Mutex<Option<ArrayD<T::Score>>> = std::sync::Mutex::default();
    in_each_layout(&values.view(), |data| {
        in_each_pool(|| {
            let mut out = ArrayD::from_elem(data.raw_dim(), T::Score::rounded(7.0));
            let found = tfce(data.view(), out.view_mut(), mask, case.rules());
            if any && !T::Score::fits(largest) {
                assert!(matches!(found, Err(Error::Scores(_))), "{found:?} of {largest}");
            }
            if found.is_err() {
                // Too large or too small, or of heights that are all too small.
                assert!(!any || !T::Score::fits(largest));
                let untouched = T::Score::rounded(7.0);
                assert!(out.iter().all(|&score| score == untouched), "an error writes nothing");
                return;
            }
            for (found, &expected) in out.iter().zip(&expected) {
                let found: f64 = (*found).into();
                let close = (found - expected).abs() <= 1e-6 * expected.abs() + 1e-37;
                assert!(close, "found {found}, expected {expected}");
            }
            let mut first = first.lock().unwrap();
            assert_eq!(&out, first.get_or_insert_with(|| out.clone()), "bits differ");
        });
    });
}

/// The branches by their definition: each peak of a cluster, at every height. Each
/// voxel has the step of the cluster that it belongs to at its own height.
fn naive_merge_tree<T: TestVoxel>(
    volume: &ArrayView3<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    case: &Case,
) -> (MergeTree, Array3<i32>) {
    let height = |voxel: Index| volume[voxel].to_f64().abs();
    let peak = |cluster: &[Index]| {
        // The first of the highest, since voxels of a cluster are sorted.
        let highest = cluster.iter().map(|&voxel| height(voxel)).fold(0.0, f64::max);
        *cluster.iter().find(|&&voxel| height(voxel) == highest).unwrap()
    };
    let mut all = MergeTree::default();
    all.starts = vec![0];
    let mut of_voxels = Array3::zeros(volume.dim());
    for &sign in case.signs() {
        let levels = at_all_heights(volume, mask, sign, case.neighbours);
        // For each peak the heights at which it leads a cluster, falling, and the
        // cluster's extent there.
        let mut led = BTreeMap::<Index, Vec<(f64, u32)>>::new();
        for (level, clusters) in levels.iter().rev() {
            for cluster in clusters {
                let extent = u32::try_from(cluster.len()).unwrap();
                led.entry(peak(cluster)).or_default().push((*level, extent));
            }
        }
        let mut peaks: Vec<_> = led.keys().copied().collect();
        peaks.sort_by(|&a, &b| height(b).total_cmp(&height(a)).then(a.cmp(&b)));
        let before = all.peaks.len();
        for &own in &peaks {
            let steps = &led[&own];
            let last = steps.last().unwrap().0;
            let end = levels.iter().rev().find(|(level, _)| *level < last);
            let leader = end.map(|(_, clusters)| {
                peak(clusters.iter().find(|cluster| cluster.contains(&own)).unwrap())
            });
            let leader = leader.unwrap_or(own);
            all.signs.push(sign);
            all.peaks.push(own);
            all.births.push(height(own));
            all.merges.push(end.map_or(0.0, |(level, _)| *level));
            all.into.push(before + peaks.iter().position(|&peak| peak == leader).unwrap());
            let mut extent_before = 0;
            for &(level, extent) in steps {
                if extent != extent_before {
                    all.heights.push(level);
                    all.extents.push(extent);
                    extent_before = extent;
                }
            }
            all.starts.push(all.heights.len());
        }
        for (level, clusters) in levels {
            for cluster in clusters {
                let branch = before + peaks.iter().position(|&own| own == peak(&cluster)).unwrap();
                let mut steps = all.starts[branch]..all.starts[branch + 1];
                let step = steps.find(|&step| all.heights[step] == level);
                for voxel in cluster.into_iter().filter(|&voxel| height(voxel) == level) {
                    of_voxels[voxel] = i32::try_from(step.unwrap() + 1).unwrap();
                }
            }
        }
    }
    (all, of_voxels)
}

fn check_merge_tree<T: TestVoxel>(case: &Case) {
    let values = case.values::<T>();
    let mask = case.mask();
    let mask = mask.as_ref().map(|mask| mask.view());
    if values.is_empty() {
        return;
    }
    let (expected, expected_steps) =
        naive_merge_tree(&values.view().into_dimensionality().unwrap(), mask, case);
    in_each_layout(&values.view(), |data| {
        let volume: ArrayView3<'_, T> = data.view().into_dimensionality().unwrap();
        in_each_pool(|| {
            let found = MergeTree::of(volume, mask, case.sides(), case.connectivity()).unwrap();
            assert_eq!(found, expected);
            let mut steps = Array3::from_elem(volume.dim(), -7);
            let found = MergeTree::with_steps(
                volume,
                mask,
                case.sides(),
                case.connectivity(),
                steps.view_mut(),
            );
            assert_eq!(found.unwrap(), expected);
            assert_eq!(steps, expected_steps);
        });
    });
}

macro_rules! against_the_naive_twins {
    ($($scores:ident, $merge_tree:ident: $voxel:ty);* $(;)?) => {
        proptest! {
            #![proptest_config(config(60))]
            $(
                #[test]
                fn $scores(case in case(prop_oneof![3 => Just(None), 1 => (0..4_usize).prop_map(Some)])) {
                    check_scores::<$voxel>(&case);
                }

                #[test]
                fn $merge_tree(case in case(Just(None))) {
                    check_merge_tree::<$voxel>(&case);
                }
            )*
        }
    };
}

against_the_naive_twins! {
    scores_of_float32, merge_tree_of_float32: f32;
    scores_of_float64, merge_tree_of_float64: f64;
    scores_of_int8, merge_tree_of_int8: i8;
    scores_of_int16, merge_tree_of_int16: i16;
    scores_of_int32, merge_tree_of_int32: i32;
    scores_of_int64, merge_tree_of_int64: i64;
    scores_of_uint8, merge_tree_of_uint8: u8;
    scores_of_uint16, merge_tree_of_uint16: u16;
    scores_of_uint32, merge_tree_of_uint32: u32;
    scores_of_uint64, merge_tree_of_uint64: u64;
}

fn rules() -> Tfce {
    let connectivity = Connectivity::Faces;
    Tfce { extent_power: 0.5, height_power: 2.0, sides: Sides::Both, connectivity }
}

#[test]
fn powers_that_are_none() {
    let data = ArrayD::<f32>::zeros(IxDyn(&[2, 2, 2]));
    for power in [-1.0, f64::INFINITY, f64::NEG_INFINITY] {
        let mut out = data.clone();
        let request = Tfce { extent_power: power, ..rules() };
        let found = tfce(data.view(), out.view_mut(), None, request);
        assert_eq!(found, Err(Error::Power { of: Powered::Extent, found: power }));
        let request = Tfce { height_power: power, ..rules() };
        let found = tfce(data.view(), out.view_mut(), None, request);
        assert_eq!(found, Err(Error::Power { of: Powered::Height, found: power }));
    }
}

#[test]
fn shapes_that_do_not_fit() {
    let data = ArrayD::<f32>::zeros(IxDyn(&[2, 3, 4]));
    let mut out = ArrayD::<f32>::zeros(IxDyn(&[4, 3, 2]));
    let error =
        Error::Shape { array: Array::Output, found: vec![4, 3, 2], expected: vec![2, 3, 4] };
    assert_eq!(tfce(data.view(), out.view_mut(), None, rules()), Err(error));
    let mask = Array3::from_elem((4, 3, 2), true);
    let error = Error::Shape { array: Array::Mask, found: vec![4, 3, 2], expected: vec![2, 3, 4] };
    let mut out = data.clone();
    let found = tfce(data.view(), out.view_mut(), Some(mask.view()), rules());
    assert_eq!(found, Err(error.clone()));
    let volume: ArrayView3<'_, f32> = data.view().into_dimensionality().unwrap();
    assert_eq!(
        MergeTree::of(volume, Some(mask.view()), Sides::Both, Connectivity::Faces),
        Err(error)
    );
    let error =
        Error::Shape { array: Array::Output, found: vec![4, 3, 2], expected: vec![2, 3, 4] };
    let mut steps = Array3::zeros((4, 3, 2));
    let (sides, connectivity) = (Sides::Both, Connectivity::Faces);
    let found = MergeTree::with_steps(volume, None, sides, connectivity, steps.view_mut());
    assert_eq!(found, Err(error));
    let plane = ArrayD::<f32>::zeros(IxDyn(&[2, 2]));
    let found = tfce(plane.view(), plane.clone().view_mut(), None, rules());
    assert_eq!(found, Err(Error::Axes(2)));
}

#[test]
fn scores_that_do_not_fit_leave_out_as_it_was() {
    // One volume of a series is enough, whichever it is; in the other, all scores fit.
    for (far, last, expected) in [
        (1e20_f32, 1, Err(Error::Scores("f32"))),
        (1e20, 0, Err(Error::Scores("f32"))),
        (1e12, 1, Ok(())),
        // Each voxel fits, and the cluster of all does not.
        (9e12, 1, Err(Error::Scores("f32"))),
        // The largest score of all has to be large enough, not that of each volume.
        (1e-20, 1, Ok(())),
    ] {
        let mut data = ArrayD::from_elem(IxDyn(&[10, 10, 10, 2]), 1.0_f32);
        data.index_axis_mut(Axis(3), last).fill(far);
        let mut out = ArrayD::from_elem(data.raw_dim(), 7.0_f32);
        let found = tfce(data.view(), out.view_mut(), None, rules());
        assert_eq!(found, expected, "{far}");
        assert_eq!(out.iter().all(|&score| score == 7.0), expected.is_err());
    }
}

#[test]
#[cfg(target_pointer_width = "64")]
fn volumes_that_are_too_large() {
    // One voxel, seen 2^31 times.
    let voxel = Array3::from_elem((1, 1, 1), 3_u8);
    let volume = voxel.broadcast((1, 1, 1 << 31)).unwrap();
    let found = MergeTree::of(volume, None, Sides::One, Connectivity::Faces);
    assert_eq!(found, Err(Error::TooLarge));
}
