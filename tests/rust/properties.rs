//! The core against its naive twin, over everything that must not matter:
//! voxel types, memory layouts and numbers of threads.

#![expect(clippy::float_cmp, reason = "results are exact, or the comparison is a shortcut")]

#[path = "cases.rs"]
mod cases;
#[path = "naive.rs"]
mod naive;
#[path = "pools.rs"]
mod pools;

use std::fmt::Debug;

use ndarray::{Array3, ArrayD, ArrayView3, ArrayViewD, ArrayViewMutD, Axis, IxDyn, ShapeBuilder};
use nithresh_core::{
    Array, Clusters, Connectivity, Error, Output, Population, Sides, Summary, Voxel, label,
    percentile, summary, threshold, threshold_in_place,
};
use proptest::collection::vec;
use proptest::prelude::*;

use cases::config;
use naive::Request;
use pools::in_each_pool;

/// Voxel types, with values where something could go wrong.
trait TestVoxel: Voxel + Debug {
    /// A handful, so that ties happen, from harmless to extreme.
    fn palette() -> Vec<Self>;

    /// A threshold as it compares with values of this type.
    fn rounded(threshold: f64) -> f64 {
        threshold
    }
}

macro_rules! float_palette {
    ($float:ident) => {
        fn palette() -> Vec<Self> {
            vec![
                1.0,
                2.0,
                -2.0,
                -1.0,
                2.5,
                0.1,
                -0.1,
                3.0,
                -3.0,
                0.0,
                -0.0,
                $float::NAN,
                $float::INFINITY,
                $float::NEG_INFINITY,
                $float::MAX,
                $float::MIN,
                $float::from_bits(1),
                -$float::from_bits(1),
            ]
        }
    };
}

impl TestVoxel for f32 {
    float_palette!(f32);

    #[expect(clippy::cast_possible_truncation, reason = "rounding is the rule")]
    fn rounded(threshold: f64) -> f64 {
        f64::from(threshold as f32)
    }
}

impl TestVoxel for f64 {
    float_palette!(f64);
}

macro_rules! integer_test_voxel {
    ($($integer:ident)*) => {$(
        impl TestVoxel for $integer {
            fn palette() -> Vec<Self> {
                let (one, two, three) = (1 as $integer, 2 as $integer, 3 as $integer);
                let minus = |value: $integer| if $integer::MIN == 0 { value } else { 0 - value };
                vec![
                    one, two, minus(two), minus(one), three, minus(three), 0,
                    $integer::MAX, $integer::MIN, $integer::MIN + 1, $integer::MAX - 1,
                ]
            }
        }
    )*};
}

integer_test_voxel!(i8 i16 i32 i64 u8 u16 u32 u64);

/// How an array lies in memory: as every `steps`-th voxel of a larger one with
/// its axes in another order, some of them backwards.
#[derive(Debug, Clone)]
struct Layout {
    /// The axes from the slowest to the fastest.
    axes: Vec<usize>,
    steps: Vec<usize>,
    backwards: Vec<bool>,
}

impl Layout {
    /// The array that has this one in it, filled with a value.
    fn storage<T: Clone>(&self, shape: &[usize], filling: T) -> ArrayD<T> {
        let stored: Vec<_> = self.axes.iter().map(|&a| shape[a] * self.steps[a]).collect();
        ArrayD::from_elem(IxDyn(&stored), filling)
    }

    /// The array in its storage.
    fn view<'a, T>(&self, storage: &'a mut ArrayD<T>) -> ArrayViewMutD<'a, T> {
        let mut places = vec![0; self.axes.len()];
        for (place, &axis) in self.axes.iter().enumerate() {
            places[axis] = place;
        }
        let mut view = storage.view_mut().permuted_axes(IxDyn(&places));
        for axis in 0..self.axes.len() {
            let step = if self.backwards[axis] { -1 } else { 1 } * self.steps[axis].cast_signed();
            view.slice_axis_inplace(Axis(axis), ndarray::Slice::new(0, None, step));
        }
        view
    }
}

fn layout(dimensions: usize) -> impl Strategy<Value = Layout> {
    let axes = Just((0..dimensions).collect::<Vec<_>>()).prop_shuffle();
    let steps = vec(prop_oneof![3 => Just(1_usize), 1 => Just(2), 1 => Just(3)], dimensions);
    let backwards = vec(prop::bool::weighted(0.2), dimensions);
    // C and Fortran order as they are, more often than chance would have them.
    let plain =
        |axes| Layout { axes, steps: vec![1; dimensions], backwards: vec![false; dimensions] };
    prop_oneof![
        Just(plain((0..dimensions).collect())),
        Just(plain((0..dimensions).rev().collect())),
        (axes, steps, backwards).prop_map(|(axes, steps, backwards)| Layout {
            axes,
            steps,
            backwards
        }),
    ]
}

fn shape() -> impl Strategy<Value = Vec<usize>> {
    let volume = prop_oneof![
        4 => vec(1..6_usize, 3),
        2 => vec(0..4_usize, 3),
        1 => Just(vec![1, 1, 1]),
        // Rows of more than one block of 64 voxels, and more planes than slabs.
        4 => (1..3_usize, 1..3_usize, prop_oneof![Just(64_usize), Just(150), 60..140_usize])
            .prop_map(|(a, b, c)| vec![a, b, c]).prop_shuffle(),
        2 => (29..50_usize, 1..3_usize, 1..4_usize)
            .prop_map(|(a, b, c)| vec![a, b, c]).prop_shuffle(),
    ];
    let volumes = prop_oneof![4 => Just(None), 2 => (0..4_usize).prop_map(Some)];
    (volume, volumes).prop_map(|(mut shape, volumes)| {
        shape.extend(volumes);
        shape
    })
}

fn request() -> impl Strategy<Value = Request> {
    let threshold = prop_oneof![
        6 => prop::sample::select(&[1.0, 1.5, 2.0, 2.5, 3.0]),
        3 => prop::sample::select(&[0.0, -0.0, 0.1, 1e-60, 127.0, 128.0, 1e39, f64::INFINITY]),
        1 => prop::sample::select(&[9_223_372_036_854_775_807.0, 18_446_744_073_709_551_615.0]),
    ];
    let side = prop::sample::select(&[(true, 1.0), (false, 1.0), (false, -1.0)]);
    let cluster_threshold = prop_oneof![1 => Just(0), 1 => Just(1), 6 => 2..8_u64, 1 => Just(40)];
    let neighbours = prop::sample::select(&[6, 18, 26]);
    (threshold, side, cluster_threshold, neighbours).prop_map(
        |(threshold, (two_sided, sign), cluster_threshold, neighbours)| Request {
            threshold: threshold * sign,
            two_sided,
            cluster_threshold,
            neighbours,
        },
    )
}

/// One example. Voxels and mask are bytes, so that all types share a strategy.
#[derive(Debug, Clone)]
struct Case {
    shape: Vec<usize>,
    voxels: Vec<u8>,
    /// How many voxels in a row are the same, so that runs begin and end where
    /// blocks of 64 do, and blocks between them are empty.
    stretch: usize,
    /// How many of 256 voxels are not zero.
    density: u8,
    mask: Option<Vec<bool>>,
    request: Request,
    percent: f64,
    source: Layout,
    target: Layout,
    mask_layout: Layout,
}

fn case() -> impl Strategy<Value = Case> {
    shape().prop_flat_map(|shape| {
        let length: usize = shape.iter().product();
        let volume: usize = shape[..3].iter().product();
        let mask = prop::option::weighted(0.4, vec(prop::bool::weighted(0.8), volume));
        let density = prop::sample::select(&[40_u8, 100, 160, 220]);
        let stretch = prop::sample::select(&[1_usize, 1, 32]);
        let percent = prop_oneof![0.0..=100.0, Just(0.0), Just(50.0), Just(100.0)];
        let dimensions = shape.len();
        (
            (Just(shape), vec(any::<u8>(), length), stretch, density, mask, request(), percent),
            (layout(dimensions), layout(dimensions), layout(3)),
        )
            .prop_map(
                |(
                    (shape, voxels, stretch, density, mask, request, percent),
                    (source, target, mask_layout),
                )| Case {
                    shape,
                    voxels,
                    stretch,
                    density,
                    mask,
                    request,
                    percent,
                    source,
                    target,
                    mask_layout,
                },
            )
    })
}

/// Equal, and zeros of the same sign.
#[track_caller]
fn assert_same<T: TestVoxel>(found: &ArrayViewD<'_, T>, expected: &ArrayViewD<'_, T>) {
    assert_eq!(found, expected);
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.to_f64().is_sign_negative(), expected.to_f64().is_sign_negative());
    }
}

#[track_caller]
fn assert_close(found: f64, expected: f64) {
    let close = (found - expected).abs() <= 1e-12 * expected.abs();
    assert!(close || found == expected, "found {found}, expected {expected}");
}

/// The voxels of the cluster that has number 1, of those of every extent.
fn largest_cluster<T: Voxel>(volume: &ArrayView3<'_, T>, request: Request) -> Vec<[usize; 3]> {
    let request = request.to_core().min_extent(0);
    let mut labels = Array3::from_elem(volume.dim(), -1);
    let out = labels.view_mut().into_dyn().into();
    let count = label(volume.view(), out, None, request).unwrap();
    let clusters = Clusters::find(volume.view(), None, request).unwrap();
    assert_eq!(clusters.extents().len(), count);
    let first = labels.indexed_iter().filter(|(_, label)| **label == 1);
    let voxels: Vec<_> = first.map(|((i, j, k), _)| [i, j, k]).collect();
    assert_eq!(clusters.largest_extent(), voxels.len() as u64);
    voxels
}

/// Everything the core says about one example is what the naive twin says.
fn check<T: TestVoxel>(case: &Case) {
    let palette = T::palette();
    let bytes = (0..case.voxels.len()).map(|index| case.voxels[index / case.stretch]);
    let voxels = bytes.map(|byte| {
        if byte < case.density { palette[usize::from(byte) % palette.len()] } else { T::ZERO }
    });
    let values = ArrayD::from_shape_vec(IxDyn(&case.shape), voxels.collect()).unwrap();
    // What lies between the voxels passes most thresholds, so that a step too
    // short or too long is seen.
    let filling = palette[1];
    let mut source_storage = case.source.storage(&case.shape, filling);
    case.source.view(&mut source_storage).assign(&values);
    let mut copy = source_storage.clone();
    let source = case.source.view(&mut copy);

    let mut mask_storage = case.mask_layout.storage(&case.shape[..3], true);
    let mask = case.mask.as_ref().map(|mask| {
        let mut view = case.mask_layout.view(&mut mask_storage);
        let values = ArrayD::from_shape_vec(view.raw_dim(), mask.clone()).unwrap();
        view.assign(&values);
        view
    });
    let mask: Option<ArrayView3<'_, bool>> =
        mask.as_ref().map(|mask| mask.view().into_dimensionality().unwrap());

    check_view(&source.view(), mask, case);

    let request = case.request;
    let expected = naive::threshold(&source.view(), mask, request, T::rounded(request.threshold));
    let (min, max, _) = naive::summary(&expected.view(), None);
    let (_, _, has_non_finite) = naive::summary(&source.view(), None);
    let assert_range = |found: Summary| assert_eq!(found, Summary { min, max, has_non_finite });
    in_each_pool(|| {
        let mut storage = case.target.storage(&case.shape, filling);
        let out = case.target.view(&mut storage);
        let found = threshold(source.view(), out.into(), mask, request.to_core()).unwrap();
        assert_range(found);
        assert_written(&case.target, storage, &expected.view(), filling);

        let mut storage = case.target.storage(&case.shape, filling);
        let mut array = case.target.view(&mut storage);
        array.fill(T::ZERO);
        let out = Output::of_zeros(array);
        let found = threshold(source.view(), out, mask, request.to_core());
        assert_range(found.unwrap());
        assert_written(&case.target, storage, &expected.view(), filling);

        let mut storage = source_storage.clone();
        let data = case.source.view(&mut storage);
        let found = threshold_in_place(data, mask, request.to_core()).unwrap();
        assert_range(found);
        assert_written(&case.source, storage, &expected.view(), filling);
    });
}

/// The output is as expected, and nothing beside it was touched.
fn assert_written<T: TestVoxel>(
    layout: &Layout,
    mut storage: ArrayD<T>,
    expected: &ArrayViewD<'_, T>,
    filling: T,
) {
    let mut out = layout.view(&mut storage);
    assert_same(&out.view(), expected);
    out.fill(filling);
    assert!(storage.iter().all(|&voxel| voxel == filling), "written outside the view");
}

/// What is read only: the largest cluster, the percentile, the summary.
fn check_view<T: TestVoxel>(
    source: &ArrayViewD<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    case: &Case,
) {
    let request = case.request;
    let level = T::rounded(request.threshold);
    let largest: Vec<_> = naive::volumes(source)
        .into_iter()
        .map(|volume| (volume, naive::largest_cluster(&volume, request, level)))
        .collect();
    let populations = [(Population::Magnitudes, true), (Population::NotNegative, false)].map(
        |(population, absolute)| {
            (population, naive::percentile(source, mask, absolute, case.percent))
        },
    );
    let (min, max, has_non_finite) = naive::summary(source, mask);
    in_each_pool(|| {
        for (volume, expected) in &largest {
            assert_eq!(&largest_cluster(volume, request), expected);
        }
        for (population, expected) in populations {
            let found = percentile(source.view(), mask, population, case.percent).unwrap();
            assert_eq!(found.is_some(), expected.is_some());
            found
                .iter()
                .zip(&expected)
                .for_each(|(found, expected)| assert_close(*found, *expected));
        }
        let found = summary(source.view(), mask).unwrap();
        assert_eq!((found.min, found.max, found.has_non_finite), (min, max, has_non_finite));
    });
}

macro_rules! against_the_naive_twin {
    ($($name:ident: $voxel:ty),* $(,)?) => {
        proptest! {
            #![proptest_config(config(100))]
            $(#[test]
            fn $name(case in case()) {
                check::<$voxel>(&case);
            })*
        }
    };
}

against_the_naive_twin! {
    float32: f32,
    float64: f64,
    int8: i8,
    int16: i16,
    int32: i32,
    int64: i64,
    uint8: u8,
    uint16: u16,
    uint32: u32,
    uint64: u64,
}

/// Voxels of a volume that is noise of the given density, in 256ths.
fn noise(shape: (usize, usize, usize), bytes: Vec<u8>, density: u8) -> Array3<i8> {
    let value = |byte: u8| match byte {
        byte if byte >= density => 0,
        byte if byte % 4 == 0 => -2,
        _ => 2,
    };
    Array3::from_shape_vec(shape, bytes.into_iter().map(value).collect()).unwrap()
}

proptest! {
    #![proptest_config(config(150))]

    /// More planes than the largest pool has slabs, so that there are seams of
    /// every kind, and enough voxels that clusters cross several of them.
    #[test]
    fn seams(
        (shape, bytes) in (29..64_usize, 1..6_usize, 1..6_usize)
            .prop_flat_map(|shape| (Just(shape), vec(any::<u8>(), shape.0 * shape.1 * shape.2))),
        density in prop::sample::select(&[50_u8, 90, 140]),
        request in request(),
    ) {
        let request = Request { threshold: 2.0, two_sided: true, ..request };
        let data = noise(shape, bytes, density).into_dyn();
        let expected = naive::threshold(&data.view(), None, request, 2.0);
        let volume = data.view().into_dimensionality().unwrap();
        let largest = naive::largest_cluster(&volume, request, 2.0);
        in_each_pool(|| {
            let mut out = ArrayD::zeros(data.raw_dim());
            threshold(data.view(), out.view_mut().into(), None, request.to_core()).unwrap();
            assert_eq!(out, expected);
            assert_eq!(largest_cluster(&volume, request), largest);
        });
    }

    /// Many groups of voxels, of which few have anything that passes or is not finite.
    #[test]
    fn few_and_far_apart(
        shape in (1..3_usize, 60..90_usize, 60..90_usize),
        others in vec((any::<prop::sample::Index>(), prop::sample::select(&[1.0_f32, 2.0, -2.0, f32::NAN, f32::INFINITY])), 1..40),
        mask in prop::option::of(any::<u64>()),
        request in request(),
    ) {
        let mut data = Array3::zeros(shape).into_dyn();
        let length = data.len();
        for (place, value) in &others {
            // Several in a row, so that there are clusters.
            let first = place.index(length);
            let voxels = data.as_slice_mut().unwrap();
            voxels[first..length.min(first + 6)].fill(*value);
        }
        let mask = mask.map(|odd| {
            let mut voxel = 0_u64;
            Array3::from_shape_simple_fn(shape, || {
                voxel += 1;
                voxel.wrapping_mul(odd | 1) >> 61 != 0
            })
        });
        let mask = mask.as_ref().map(|mask| mask.view());
        let expected = naive::threshold(&data.view(), mask, request, f32::rounded(request.threshold));
        let (min, max, _) = naive::summary(&expected.view(), None);
        let (_, _, has_non_finite) = naive::summary(&data.view(), None);
        in_each_pool(|| {
            let mut out = ArrayD::from_elem(data.raw_dim(), 7.0_f32);
            let found = threshold(data.view(), out.view_mut().into(), mask, request.to_core()).unwrap();
            assert_same(&out.view(), &expected.view());
            assert_eq!(found, Summary { min, max, has_non_finite });
        });
    }

    /// Enough volumes that they are shared out among threads, and too few for that; side by
    /// side or interleaved, more of them than are visited together, and reversed.
    #[test]
    fn series(
        (shape, bytes) in (1..4_usize, 1..4_usize, 1..5_usize, 1..150_usize).prop_flat_map(
            |shape| (Just(shape), vec(any::<u8>(), shape.0 * shape.1 * shape.2 * shape.3)),
        ),
        density in prop::sample::select(&[50_u8, 90, 140]),
        request in request(),
        axes in prop::sample::select(&[[0, 1, 2, 3], [2, 1, 0, 3], [3, 2, 1, 0], [1, 0, 3, 2]]),
        is_reversed in any::<[bool; 4]>(),
        is_masked in any::<bool>(),
    ) {
        let request = Request { threshold: 2.0, two_sided: true, ..request };
        // The axes lie in memory in this order, the last of them closest together.
        let (x, y, z, volumes) = shape;
        let sides = axes.map(|axis: usize| [x, y, z, volumes][axis]);
        let data = noise((x * y, z, volumes), bytes, density).mapv(f64::from);
        let data = data.into_shape_with_order(sides).unwrap();
        let place = |axis| axes.iter().position(|&other| other == axis).unwrap();
        let mut data = data.permuted_axes([0, 1, 2, 3].map(place)).into_dyn();
        let mut like_data = data.mapv(|_| 7.0);
        let elsewhere = ArrayD::from_elem(data.raw_dim(), 7.0);
        for (axis, is_reversed) in is_reversed.into_iter().enumerate() {
            if is_reversed {
                data.invert_axis(Axis(axis));
                like_data.invert_axis(Axis(axis));
            }
        }
        let mask = Array3::from_shape_fn((x, y, z), |(x, y, z)| (x + y + z) % 3 != 0);
        let mask = is_masked.then(|| mask.view());
        let expected = naive::threshold(&data.view(), mask, request, 2.0);
        let range = summary(data.view(), mask).unwrap();
        let request = request.to_core();
        in_each_pool(|| {
            for mut out in [like_data.clone(), elsewhere.clone()] {
                threshold(data.view(), out.view_mut().into(), mask, request).unwrap();
                assert_eq!(out, expected);
            }
            let mut in_place = data.clone();
            let found = threshold_in_place(in_place.view_mut(), mask, request).unwrap();
            assert_eq!(in_place, expected);
            let left = summary(expected.view(), None).unwrap();
            assert_eq!(found, Summary { has_non_finite: false, ..left });
            assert_eq!(summary(data.view(), mask).unwrap(), range);
        });
    }

    /// Inputs whose voxels share memory along some axes.
    #[test]
    fn broadcast(
        (small, bytes) in vec(1..5_usize, 3..=4)
            .prop_flat_map(|shape| (Just(shape.clone()), vec(any::<u8>(), shape.iter().product::<usize>()))),
        repeats in vec(2..70_usize, 2),
        axes in vec(0..3_usize, 2),
        request in request(),
    ) {
        let values: Vec<f32> = bytes.iter().map(|byte| f32::from(byte % 6) - 3.0).collect();
        let mut data = ArrayD::from_shape_vec(IxDyn(&small), values).unwrap();
        let mut shape = small;
        for (&axis, &repeat) in axes.iter().zip(&repeats) {
            data.collapse_axis(Axis(axis), 0);
            shape[axis] = repeat;
        }
        let view = data.broadcast(IxDyn(&shape)).unwrap();
        let expected = naive::threshold(&view, None, request, f32::rounded(request.threshold));
        in_each_pool(|| {
            let mut out = ArrayD::from_elem(view.raw_dim().f(), 7.0_f32);
            threshold(view.view(), out.view_mut().into(), None, request.to_core()).unwrap();
            assert_same(&out.view(), &expected.view());
        });
    }
}

/// A request that is in order.
fn any_request() -> nithresh_core::Request {
    nithresh_core::Request::new(1.0, Sides::Both).unwrap().min_extent(2)
}

#[test]
fn thresholds_that_are_none() {
    for sides in [Sides::Both, Sides::One] {
        assert_eq!(nithresh_core::Request::new(f64::NAN, sides), Err(Error::NanThreshold));
    }
    let negative = Error::NegativeThreshold(-2.0);
    assert_eq!(nithresh_core::Request::new(-2.0, Sides::Both), Err(negative));
}

#[test]
fn connectivities_that_are_none() {
    for neighbours in (0..=u8::MAX).filter(|neighbours| ![6, 18, 26].contains(neighbours)) {
        assert_eq!(Connectivity::from_neighbours(neighbours), Err(Error::Connectivity(neighbours)));
    }
}

#[test]
fn percentages_that_are_none() {
    let data = ArrayD::<f32>::zeros(IxDyn(&[2, 2, 2]));
    for percent in [-1.0, 100.1, f64::INFINITY] {
        let found = percentile(data.view(), None, Population::Magnitudes, percent);
        assert_eq!(found, Err(Error::Percent(percent)));
    }
    assert!(percentile(data.view(), None, Population::Magnitudes, f64::NAN).is_err());
}

#[test]
fn too_few_and_too_many_dimensions() {
    for dimensions in [0, 1, 2, 5] {
        let mut data = ArrayD::<i16>::zeros(IxDyn(&vec![2; dimensions]));
        let mut out = data.clone();
        let expected = Error::Axes(dimensions);
        let error = threshold(data.view(), out.view_mut().into(), None, any_request());
        assert_eq!(error, Err(expected.clone()));
        let error = threshold_in_place(data.view_mut(), None, any_request());
        assert_eq!(error, Err(expected.clone()));
        assert_eq!(summary(data.view(), None).unwrap_err(), expected);
        let error = percentile(data.view(), None, Population::Magnitudes, 50.0).unwrap_err();
        assert_eq!(error, expected);
    }
}

#[test]
fn shapes_that_do_not_fit() {
    for volumes in [None, Some(2)] {
        let shape: Vec<usize> = [3, 4, 5].into_iter().chain(volumes).collect();
        let mut data = ArrayD::from_elem(IxDyn(&shape), 3.0_f32);
        let mut transposed = ArrayD::from_elem(IxDyn(&[5, 4, 3]), 1.0_f32);
        let error =
            Error::Shape { array: Array::Output, found: vec![5, 4, 3], expected: shape.clone() };
        let found = threshold(data.view(), transposed.view_mut().into(), None, any_request());
        assert_eq!(found, Err(error));
        assert!(transposed.iter().all(|&voxel| voxel == 1.0), "an error leaves out as it was");

        let mask = Array3::from_elem((5, 4, 3), true);
        let mask = Some(mask.view());
        let error =
            Error::Shape { array: Array::Mask, found: vec![5, 4, 3], expected: vec![3, 4, 5] };
        let mut out = data.clone();
        let found = threshold(data.view(), out.view_mut().into(), mask, any_request());
        assert_eq!(found, Err(error.clone()));
        let found = threshold_in_place(data.view_mut(), mask, any_request());
        assert_eq!(found, Err(error.clone()));
        assert_eq!(out, data);
        assert!(data.iter().all(|&voxel| voxel == 3.0), "an error leaves data as they were");
        assert_eq!(summary(data.view(), mask).unwrap_err(), error.clone());
        let found = percentile(data.view(), mask, Population::NotNegative, 50.0);
        assert_eq!(found, Err(error));
    }
}

#[test]
#[cfg(target_pointer_width = "64")]
fn planes_that_are_too_large() {
    // One voxel, seen 2^32 times.
    let voxel = Array3::from_elem((1, 1, 1), 3_u8);
    for shape in [(1, 1, 1 << 32), (1 << 32, 1, 1)] {
        let volume = voxel.broadcast(shape).unwrap();
        let found = Clusters::find(volume, None, any_request());
        assert_eq!(found.unwrap_err(), Error::TooLarge);
    }
}
