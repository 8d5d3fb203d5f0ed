//! Each stage of a call by itself, the whole call, and a plain copy of the map
//! to compare with: one thread, float32, 91×109×91, Fortran order.
//!
//! Smooth maps are what the core is for; white noise and the checkerboard are
//! the worst that can happen to runs.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ndarray::{Array2, Array3, Axis, ShapeBuilder};
use nithresh_core::{
    Clusters, Connectivity, Population, Request, Sides, Statistics, cluster_maxima, percentile,
    threshold,
};

const SHAPE: [usize; 3] = [91, 109, 91];
const CONNECTIVITIES: [(&str, Connectivity); 2] =
    [("6", Connectivity::Faces), ("26", Connectivity::Corners)];

/// A map and the threshold that it is made for.
struct Map {
    name: &'static str,
    data: Array3<f32>,
    threshold: f64,
}

fn maps() -> Vec<Map> {
    let smooth = smooth(3, 3);
    let magnitudes = Population::Magnitudes;
    let high = percentile(smooth.view().into_dyn(), None, magnitudes, 97.0).unwrap().unwrap();
    vec![
        Map { name: "smooth", data: smooth, threshold: high },
        Map { name: "noise-16", data: noise(), threshold: 0.84 },
        Map { name: "noise-40", data: noise(), threshold: 0.60 },
        Map { name: "checkerboard", data: checkerboard(), threshold: 0.5 },
    ]
}

/// Uniform between 0 and 1, the same in every run: a splitmix64 generator.
fn noise() -> Array3<f32> {
    let mut state = 0_u64;
    Array3::from_shape_simple_fn(SHAPE.f(), || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits >> 40) as f32 / (1 << 24) as f32
    })
}

/// Noise blurred several times along each axis by boxes of so many voxels to each side, zero
/// outside an ellipsoid the size of a brain. Three boxes of seven voxels are nearly a
/// Gaussian of sigma 3.5.
fn smooth(reach: usize, times: usize) -> Array3<f32> {
    let mut data = noise() - 0.5;
    for axis in (0..3 * times).map(|number| Axis(number % 3)) {
        for mut lane in data.lanes_mut(axis) {
            let values = lane.to_vec();
            for (position, voxel) in lane.iter_mut().enumerate() {
                let near = position.saturating_sub(reach)..(position + reach + 1).min(values.len());
                *voxel = values[near].iter().sum();
            }
        }
    }
    for ((i, j, k), voxel) in data.indexed_iter_mut() {
        let from_centre = |axis: usize, position: usize| {
            let radius = SHAPE[axis] as f32 / 2.0;
            ((position as f32 + 0.5 - radius) / (0.8 * radius)).powi(2)
        };
        if from_centre(0, i) + from_centre(1, j) + from_centre(2, k) > 1.0 {
            *voxel = 0.0;
        }
    }
    data
}

/// Runs of one voxel everywhere, and no two that share a face.
fn checkerboard() -> Array3<f32> {
    Array3::from_shape_fn(SHAPE.f(), |(i, j, k)| ((i + j + k) % 2) as f32)
}

fn request(map: &Map, sides: Sides, min_extent: u64, connectivity: Connectivity) -> Request {
    let request = Request::new(map.threshold, sides).unwrap();
    request.min_extent(min_extent).connectivity(connectivity)
}

fn copy(bench: &mut Criterion) {
    let map = smooth(3, 3);
    let mut out = map.clone();
    let mut group = bench.benchmark_group("copy");
    group.throughput(Throughput::Elements(map.len() as u64));
    group.bench_function("map", |timer| {
        timer.iter(|| black_box(&mut out).assign(black_box(&map)));
    });
}

fn stages(bench: &mut Criterion) {
    for map in &maps() {
        let volume = map.data.view();
        let found = request(map, Sides::One, 0, Connectivity::Faces);
        let found = Clusters::find(volume, None, found).unwrap();
        eprintln!("{}: {} runs in {} voxels", map.name, found.runs(), volume.len());

        let mut group = bench.benchmark_group(map.name);
        group.throughput(Throughput::Elements(volume.len() as u64));
        for (name, connectivity) in CONNECTIVITIES {
            let request = request(map, Sides::One, 0, connectivity);
            group.bench_function(BenchmarkId::new("find", name), |timer| {
                timer.iter(|| Clusters::find(black_box(volume), None, request));
            });
        }
    }
}

fn whole(bench: &mut Criterion) {
    for map in &maps() {
        let mut out = Array3::zeros(SHAPE.f());
        let mut group = bench.benchmark_group(map.name);
        group.throughput(Throughput::Elements(map.data.len() as u64));
        let mut call = |name: &str, sides: Sides, min_extent: u64, connectivity| {
            let request = request(map, sides, min_extent, connectivity);
            group.bench_function(name, |timer| {
                timer.iter(|| {
                    let (data, out) = (black_box(&map.data).view(), out.view_mut());
                    threshold(data.into_dyn(), out.into_dyn().into(), None, request)
                });
            });
        };
        call("threshold", Sides::One, 0, Connectivity::Faces);
        for (name, connectivity) in CONNECTIVITIES {
            call(&format!("threshold + clusters/{name}"), Sides::One, 10, connectivity);
        }
        call("threshold + clusters/6, two-sided", Sides::Both, 10, Connectivity::Faces);
    }
}

/// The largest statistics of a map of 2 mm with the smoothness of a t map, both signs.
fn permutation(bench: &mut Criterion) {
    // A Gaussian of 6 mm has a sigma of 1.3 voxels; two boxes of three have 1.2.
    let volume = smooth(1, 2);
    let mask = volume.mapv(|value| value != 0.0);
    let values: Vec<_> = volume.t().iter().copied().filter(|&value| value != 0.0).collect();
    let deviation =
        (values.iter().map(|value| value * value).sum::<f32>() / values.len() as f32).sqrt();
    let maps = Array2::from_shape_fn((4, values.len()), |(_, voxel)| values[voxel] / deviation);
    let mut group = bench.benchmark_group("permutation");
    group.throughput(Throughput::Elements(maps.nrows() as u64));
    for (name, thresholds, scores) in
        [("peak", vec![], false), ("extent and mass", vec![3.1], false), ("score", vec![], true)]
    {
        let (connectivity, sides) = (Connectivity::Faces, Sides::Both);
        let statistics = Statistics { thresholds, connectivity, sides, scores };
        group.bench_function(name, |timer| {
            timer.iter(|| cluster_maxima(black_box(maps.view()), mask.t(), &statistics));
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(15)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(500))
        .nresamples(2_000);
    targets = copy, stages, whole, permutation
}
criterion_main!(benches);
