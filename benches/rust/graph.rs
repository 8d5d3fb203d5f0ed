//! Maps on a pair of surfaces of the size of fsaverage, on one thread: float32, 2 × 163 842
//! vertices in the order in which an icosahedron is subdivided.

use std::collections::HashMap;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ndarray::{Array1, Array2, Axis, s};
use nithresh_core::{
    Areas, Connectivity, Graph, Population, Request, Sides, Tfce, percentile, threshold,
    vertex_areas,
};

/// Two spheres, and a smooth map on them.
struct Pair {
    points: Array2<f64>,
    triangles: Vec<[i32; 3]>,
    map: Array1<f32>,
}

/// An icosahedron, each triangle of which is cut into four, so many times.
fn sphere(times: usize) -> (Vec<[f64; 3]>, Vec<[i32; 3]>) {
    let golden = f64::midpoint(1.0, 5_f64.sqrt());
    let corners =
        [(0.0, 1.0), (0.0, -1.0)].map(|(zero, one)| [[zero, one, golden], [zero, one, -golden]]);
    let mut points = Vec::new();
    for [x, y, z] in corners.into_iter().flatten() {
        points.extend([[x, y, z], [z, x, y], [y, z, x]]);
    }
    let near = |a: [f64; 3], b: [f64; 3]| {
        (0..3).map(|axis| (a[axis] - b[axis]).powi(2)).sum::<f64>() < 4.1
    };
    let mut triangles = Vec::new();
    for a in 0..12 {
        for b in a + 1..12 {
            for c in b + 1..12 {
                if [(a, b), (b, c), (c, a)].iter().all(|&(i, j)| near(points[i], points[j])) {
                    triangles.push([a, b, c].map(|corner| i32::try_from(corner).unwrap()));
                }
            }
        }
    }
    for _ in 0..times {
        let mut middles = HashMap::new();
        let mut middle = |a: i32, b: i32| {
            *middles.entry((a.min(b), a.max(b))).or_insert_with(|| {
                let [a, b] = [a, b].map(|node| points[usize::try_from(node).unwrap()]);
                points.push([0, 1, 2].map(|axis| f64::midpoint(a[axis], b[axis])));
                i32::try_from(points.len() - 1).unwrap()
            })
        };
        let cut = |[a, b, c]: [i32; 3]| {
            let (ab, bc, ca) = (middle(a, b), middle(b, c), middle(c, a));
            [[a, ab, ca], [ab, b, bc], [ca, bc, c], [ab, bc, ca]]
        };
        triangles = triangles.into_iter().flat_map(cut).collect();
    }
    (points, triangles)
}

fn pair(times: usize) -> Pair {
    let (points, one) = sphere(times);
    let nodes = i32::try_from(points.len()).unwrap();
    let other = one.iter().map(|corners| corners.map(|node| node + nodes));
    let triangles: Vec<_> = one.iter().copied().chain(other).collect();
    let points = Array2::from([&points[..], &points[..]].concat());
    // Noise, averaged over triangles many times. Uniform: a splitmix64 generator.
    let mut state = 0_u64;
    let mut map = Array1::from_shape_simple_fn(points.nrows(), || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits >> 40) as f32 / (1 << 24) as f32 - 0.5
    });
    for _ in 0..20 {
        let mut sums = Array1::<f32>::zeros(map.len());
        for corners in &triangles {
            let corners = corners.map(|node| usize::try_from(node).unwrap());
            let sum: f32 = corners.iter().map(|&node| map[node]).sum();
            for node in corners {
                sums[node] += sum / 18.0;
            }
        }
        map = sums;
    }
    Pair { points, triangles, map }
}

fn graph(bench: &mut Criterion) {
    let Pair { points, triangles, map } = pair(7);
    let nodes = map.len();
    let graph = Graph::new(nodes, &triangles, &[]).unwrap();
    let areas = vertex_areas(points.view(), &graph).unwrap();
    let areas = Array1::from(areas);
    let mut out = Array2::zeros((1, nodes));

    let mut group = bench.benchmark_group("graph");
    group.bench_function("vertex areas", |timer| {
        timer.iter(|| vertex_areas(points.view(), black_box(&graph)));
    });
    for percent in [70.0, 95.0, 99.7] {
        let volume = map.view().into_shape_with_order((1, 1, nodes)).unwrap();
        let level = percentile(volume.into_dyn(), None, Population::Magnitudes, percent);
        let request = Request::new(level.unwrap().unwrap(), Sides::Both).unwrap().min_extent(20);
        let passing = 100.0 - percent;
        let passing = format!("{passing:.1} % pass");
        let mut keep = |areas| {
            let written = out.view_mut().insert_axis(Axis(0)).into_dyn();
            threshold(volume.into_dyn(), written.into(), None, request.min_extent(0)).unwrap();
            graph.erase_small(out.slice_mut(s![0, ..]), 20, areas)
        };
        group.bench_function(BenchmarkId::new("threshold", &passing), |timer| {
            timer.iter(|| keep(None));
        });
        group.bench_function(BenchmarkId::new("threshold, least area", &passing), |timer| {
            timer.iter(|| {
                let areas = Areas::new(areas.view(), 0.01).unwrap();
                keep(Some(areas))
            });
        });
        group.bench_function(BenchmarkId::new("clusters", &passing), |timer| {
            timer.iter(|| {
                let areas = Areas::new(areas.view(), 0.0).unwrap();
                graph.find_clusters(map.view(), None, None, request, Some(areas))
            });
        });
    }
    let connectivity = Connectivity::Faces;
    let rules = Tfce { extent_power: 1.0, height_power: 2.0, sides: Sides::Both, connectivity };
    group.sample_size(20);
    group.bench_function("tfce", |timer| {
        timer.iter(|| {
            let areas = Areas::new(areas.view(), 0.0).unwrap();
            graph.tfce(map.view(), out.slice_mut(s![0, ..]), None, rules, Some(areas))
        });
    });
    let mut steps = Array1::zeros(nodes);
    group.bench_function("merge tree", |timer| {
        timer.iter(|| graph.merge_tree(map.view(), steps.view_mut(), None, Sides::Both));
    });
}

criterion_group!(benches, graph);
criterion_main!(benches);
