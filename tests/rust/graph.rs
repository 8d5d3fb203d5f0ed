//! Maps on graphs against naive twins that flood the clusters of sets of neighbours.

#![expect(clippy::float_cmp, reason = "sums of small whole numbers are exact")]

#[path = "cases.rs"]
mod cases;
#[path = "pools.rs"]
mod pools;

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt::Debug;

use ndarray::{Array1, Array2, Array3, ArrayView1, Axis, s};
use nithresh_core::{
    Areas, Connectivity, Error, Graph, MergeTree, NodeClusters, Plateaus, Request, Sides, Summary,
    Tfce, Voxel, find_clusters, tfce, threshold_in_place, vertex_areas,
};
use proptest::collection::vec;
use proptest::prelude::*;

use cases::config;
use pools::in_each_pool;

/// A type of values, each with those that stand for small numbers.
trait TestVoxel: Voxel + Debug {
    fn of(small: i8) -> Self;
}

macro_rules! test_voxel {
    ($($float:ident)*; $($signed:ident)*; $($unsigned:ident)*) => {
        $(impl TestVoxel for $float {
            fn of(small: i8) -> Self {
                match small {
                    5 => $float::NAN,
                    -5 => $float::NEG_INFINITY,
                    small => $float::from(small),
                }
            }
        })*
        $(impl TestVoxel for $signed {
            fn of(small: i8) -> Self {
                if small == -5 { $signed::MIN } else { $signed::from(small) }
            }
        })*
        $(impl TestVoxel for $unsigned {
            fn of(small: i8) -> Self {
                $unsigned::from(small.unsigned_abs())
            }
        })*
    };
}

test_voxel!(f32 f64; i8 i16 i32 i64; u8 u16 u32 u64);

/// One example: few values and few nodes, so that ties and triangles of one node happen.
#[derive(Debug, Clone)]
struct Case {
    nodes: usize,
    triangles: Vec<[i32; 3]>,
    pairs: Vec<[i32; 2]>,
    values: Vec<i8>,
    mask: Option<Vec<bool>>,
    /// In tenths; -1 for none.
    areas: Option<Vec<i8>>,
    least_area: i8,
    threshold: i8,
    two_sided: bool,
    min_extent: u64,
    /// How far nodes are apart in memory, and whether the first comes last.
    step: isize,
}

fn case() -> impl Strategy<Value = Case> {
    (0..24_i32).prop_flat_map(|nodes| {
        let count = usize::try_from(nodes).unwrap();
        let edges = if nodes == 0 { 0 } else { count };
        let node = 0..nodes.max(1);
        let graph = (
            vec([node.clone(), node.clone(), node.clone()], 0..=edges),
            vec([node.clone(), node], 0..=edges / 2),
        );
        let map = (
            vec(prop::sample::select(&[0_i8, 1, 2, 2, 3, 4, 5, -1, -2, -2, -3, -5]), count),
            prop::option::weighted(0.3, vec(prop::bool::weighted(0.8), count)),
            prop::option::weighted(0.7, vec(-1..8_i8, count)),
        );
        let request = (0..12_i8, -3..4_i8, any::<bool>(), 0..4_u64);
        (graph, map, request, prop::sample::select(&[1_isize, 2, -1])).prop_map(
            move |(graph, map, (least_area, threshold, two_sided, min_extent), step)| Case {
                nodes: count,
                triangles: graph.0,
                pairs: graph.1,
                values: map.0,
                mask: map.1,
                areas: map.2,
                least_area,
                threshold: if two_sided { threshold.abs() } else { threshold },
                two_sided,
                min_extent,
                step,
            },
        )
    })
}

/// A cluster of the naive twin.
#[derive(Debug, Clone)]
struct Cluster {
    nodes: Vec<usize>,
    peak: usize,
    /// In tenths; `None` if a node has none.
    area: Option<i64>,
}

impl Case {
    fn graph(&self) -> Graph<'_> {
        Graph::new(self.nodes, &self.triangles, &self.pairs).unwrap()
    }

    fn sides(&self) -> Sides {
        if self.two_sided { Sides::Both } else { Sides::One }
    }

    fn request(&self) -> Request {
        let request = Request::new(f64::from(self.threshold), self.sides()).unwrap();
        request.min_extent(self.min_extent)
    }

    /// The values with others between them, or backwards in memory.
    fn values<T: TestVoxel>(&self) -> Array1<T> {
        let values = Array1::from_iter(self.values.iter().map(|&small| T::of(small)));
        let mut stored = Array1::from_elem(values.len() * self.step.unsigned_abs(), T::of(3));
        stored.slice_mut(s![..;self.step]).assign(&values);
        stored.slice_move(s![..;self.step])
    }

    fn areas(&self) -> Option<Array1<f64>> {
        let area = |&tenths: &i8| {
            if tenths < 0 { f64::NAN } else { f64::from(tenths) / 10.0 }
        };
        Some(self.areas.as_ref()?.iter().map(area).collect())
    }

    fn area_of(&self, nodes: &[usize]) -> Option<i64> {
        let areas = self.areas.as_ref()?;
        let area = |&node: &usize| (areas[node] >= 0).then(|| i64::from(areas[node]));
        nodes.iter().map(area).sum()
    }

    fn neighbours(&self) -> Vec<BTreeSet<usize>> {
        let mut neighbours = vec![BTreeSet::new(); self.nodes];
        let triangles = self.triangles.iter().map(|nodes| &nodes[..]);
        for nodes in triangles.chain(self.pairs.iter().map(|nodes| &nodes[..])) {
            for (a, b) in nodes.iter().flat_map(|a| nodes.iter().map(move |b| (a, b))) {
                neighbours[usize::try_from(*a).unwrap()].insert(usize::try_from(*b).unwrap());
            }
        }
        neighbours
    }

    /// The value of a node; 0 outside of the mask, and if it is not finite.
    fn value<T: TestVoxel>(&self, node: usize) -> f64 {
        let inside = self.mask.as_ref().is_none_or(|mask| mask[node]);
        let value = T::of(self.values[node]).to_f64();
        if inside && value.is_finite() { value } else { 0.0 }
    }

    /// The clusters of nodes that have a sign, which is not 0.
    fn flood<T: TestVoxel>(&self, sign: impl Fn(usize) -> i8) -> Vec<Cluster> {
        let (neighbours, mut seen) = (self.neighbours(), vec![false; self.nodes]);
        let mut found = Vec::new();
        for first in (0..self.nodes).filter(|&node| sign(node) != 0) {
            let (mut nodes, mut flooded) = (Vec::new(), vec![first]);
            while let Some(node) = flooded.pop() {
                if !std::mem::replace(&mut seen[node], true) {
                    nodes.push(node);
                    let around = neighbours[node].iter().copied();
                    flooded.extend(around.filter(|&other| sign(other) == sign(first)));
                }
            }
            nodes.sort_unstable();
            let height = |node: usize| self.value::<T>(node).abs();
            if let Some(&first) = nodes.first() {
                let higher = |best: usize, node: usize| {
                    if height(node) > height(best) { node } else { best }
                };
                let peak = nodes.iter().copied().fold(first, higher);
                found.push(Cluster { peak, area: self.area_of(&nodes), nodes });
            }
        }
        found.sort_by(|a, b| {
            let height = |cluster: &Cluster| self.value::<T>(cluster.peak).abs();
            (b.nodes.len().cmp(&a.nodes.len()))
                .then(height(b).total_cmp(&height(a)))
                .then(a.peak.cmp(&b.peak))
        });
        found
    }

    /// The clusters at the threshold that stay, in the order of their numbers.
    fn clusters<T: TestVoxel>(&self) -> Vec<Cluster> {
        let threshold = f64::from(self.threshold);
        let sign = |node: usize| {
            let value = self.value::<T>(node);
            let positive =
                value > 0.0 && value >= threshold && (self.two_sided || threshold >= 0.0);
            let negative =
                value < 0.0 && value <= -threshold.abs() && (self.two_sided || threshold < 0.0);
            i8::from(positive) - i8::from(negative)
        };
        let mut clusters = self.flood::<T>(sign);
        clusters.retain(|cluster| {
            let large = cluster.area.is_none_or(|area| area >= i64::from(self.least_area));
            cluster.nodes.len() as u64 >= self.min_extent && large
        });
        clusters
    }
}

fn check_clusters<T: TestVoxel>(case: &Case) {
    let clusters = case.clusters::<T>();
    let mut labels = vec![0; case.nodes];
    for (cluster, label) in clusters.iter().zip(1..) {
        cluster.nodes.iter().for_each(|&node| labels[node] = label);
    }
    let (values, areas) = (case.values::<T>(), case.areas());
    let least = f64::from(case.least_area) / 10.0;
    let areas = areas.as_ref().map(|areas| Areas::new(areas.view(), least).unwrap());
    let mask = case.mask.as_ref().map(ArrayView1::from);
    let (graph, request) = (case.graph(), case.request());

    in_each_pool(|| {
        let mut out = case.values::<T>();
        out.fill(T::of(4));
        let found = graph.find_clusters(values.view(), Some(out.view_mut()), mask, request, areas);
        let found = found.unwrap();
        let kept = |node: usize| if labels[node] > 0 { case.value::<T>(node) } else { 0.0 };
        let expected: Vec<_> = (0..case.nodes).map(kept).collect();
        assert_eq!(out.iter().map(|value| value.to_f64()).collect::<Vec<_>>(), expected);
        assert_eq!(found.labels, labels);
        check_table::<T>(case, &clusters, &found);

        let mut left = values.clone();
        let row = left.view_mut().insert_axis(Axis(0)).insert_axis(Axis(0)).into_dyn();
        let inside = mask.map(|mask| mask.insert_axis(Axis(0)).insert_axis(Axis(0)));
        threshold_in_place(row, inside, request.min_extent(0)).unwrap();
        let summary = graph.erase_small(left.view_mut(), case.min_extent, areas).unwrap();
        assert_eq!(summary, Summary { has_non_finite: false, ..found.summary });
        assert_eq!(left, out);
        let min = expected.iter().copied().fold(f64::INFINITY, f64::min);
        let max = expected.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        assert_eq!((found.summary.min, found.summary.max), (min, max));
        let is_odd = |value: &T| !value.to_f64().is_finite();
        assert_eq!(found.summary.has_non_finite, values.iter().any(is_odd));
    });
}

fn check_table<T: TestVoxel>(case: &Case, clusters: &[Cluster], found: &NodeClusters) {
    let neighbours = case.neighbours();
    let (mut maxima, mut of_clusters) = (Vec::new(), Vec::new());
    assert_eq!(found.extents.len(), clusters.len());
    for (number, cluster) in clusters.iter().enumerate() {
        let value = |node: usize| case.value::<T>(node);
        let mass: f64 = cluster.nodes.iter().map(|&node| value(node)).sum();
        assert_eq!(found.extents[number], cluster.nodes.len() as u64);
        assert_eq!(found.peaks[number] as usize, cluster.peak);
        assert_eq!(found.values[number], value(cluster.peak));
        assert_eq!(f64::from(found.signs[number]), value(cluster.peak).signum());
        assert_eq!(found.masses[number], mass);
        assert_eq!(found.means[number], mass / cluster.nodes.len() as f64);
        match cluster.area {
            Some(area) => assert_eq!(found.areas[number], area as f64 / 10.0),
            None => assert!(found.areas[number].is_nan()),
        }
        let height = |node: usize| (value(node).abs(), Reverse(node));
        let is_maximum = |&node: &usize| {
            let mut around = neighbours[node].iter().filter(|other| cluster.nodes.contains(other));
            around.all(|&other| height(other) <= height(node))
        };
        let mut own: Vec<_> = cluster.nodes.iter().copied().filter(is_maximum).collect();
        own.sort_by(|&a, &b| height(b).partial_cmp(&height(a)).unwrap());
        assert_eq!(own.first(), Some(&cluster.peak));
        of_clusters.extend(own.iter().map(|_| u32::try_from(number + 1).unwrap()));
        maxima.extend(own);
    }
    let nodes: Vec<_> = found.maxima.nodes.iter().map(|&node| node as usize).collect();
    assert_eq!((&nodes, &found.maxima.clusters), (&maxima, &of_clusters));
    let values: Vec<_> = maxima.iter().map(|&node| case.value::<T>(node)).collect();
    assert_eq!(found.maxima.values, values);
}

/// The clusters of one sign at each of its heights, lowest first.
fn at_all_heights<T: TestVoxel>(case: &Case, sign: f64) -> Vec<(f64, Vec<Cluster>)> {
    let height = |node: usize| sign * case.value::<T>(node);
    let mut heights: Vec<_> = (0..case.nodes).map(height).filter(|&h| h > 0.0).collect();
    heights.sort_by(f64::total_cmp);
    heights.dedup();
    let at = |level: f64| case.flood::<T>(|node| i8::from(height(node) >= level));
    heights.into_iter().map(|level| (level, at(level))).collect()
}

fn signs(case: &Case) -> &[f64] {
    if case.two_sided { &[1.0, -1.0] } else { &[1.0] }
}

fn check_scores<T: TestVoxel>(case: &Case, extent_power: f64, height_power: f64)
where
    T::Score: Into<f64> + Debug + PartialEq + Default,
{
    let mut expected = vec![0.0; case.nodes];
    for &sign in signs(case) {
        let mut below = 0.0_f64;
        for (height, clusters) in at_all_heights::<T>(case, sign) {
            let power = height_power + 1.0;
            let slab = (height.powf(power) - below.powf(power)) / power;
            for cluster in clusters {
                let area = |node: usize| match case.areas.as_ref() {
                    Some(areas) if areas[node] >= 0 => f64::from(areas[node]) / 10.0,
                    _ => 1.0,
                };
                let extent: f64 = cluster.nodes.iter().map(|&node| area(node)).sum();
                for &node in &cluster.nodes {
                    expected[node] += sign * extent.powf(extent_power) * slab;
                }
            }
            below = height;
        }
    }
    let (values, areas) = (case.values::<T>(), case.areas());
    let areas = areas.as_ref().map(|areas| Areas::new(areas.view(), 0.0).unwrap());
    let mask = case.mask.as_ref().map(ArrayView1::from);
    let connectivity = Connectivity::Faces;
    let rules = Tfce { extent_power, height_power, sides: case.sides(), connectivity };
    let first: std::sync::Mutex<Option<Array1<T::Score>>> = std::sync::Mutex::default();
    in_each_pool(|| {
        let mut out = Array1::from_elem(case.nodes, T::Score::default());
        case.graph().tfce(values.view(), out.view_mut(), mask, rules, areas).unwrap();
        for (&found, &expected) in out.iter().zip(&expected) {
            let found: f64 = found.into();
            assert!((found - expected).abs() <= 1e-6 * expected.abs(), "{found}, not {expected}");
        }
        let mut first = first.lock().unwrap();
        assert_eq!(&out, first.get_or_insert_with(|| out.clone()), "bits differ");
    });
}

/// The peaks and the extents of the clusters at a level, as a merge tree has them.
fn alive(tree: &MergeTree, sign: i8, level: f64) -> BTreeSet<(usize, u32)> {
    let branches = (0..tree.births.len()).filter(|&branch| {
        let is_born = tree.merges[branch] < level && level <= tree.births[branch];
        tree.signs[branch] == sign && is_born
    });
    let cluster = |branch: usize| {
        let steps = tree.starts[branch]..tree.starts[branch + 1];
        let step = steps.rev().find(|&step| tree.heights[step] >= level).unwrap();
        (tree.peaks[branch][0], tree.extents[step])
    };
    branches.map(cluster).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "1 or -1")]
fn check_merge_tree<T: TestVoxel>(case: &Case) {
    let values = case.values::<T>();
    let mask = case.mask.as_ref().map(ArrayView1::from);
    in_each_pool(|| {
        let mut steps = Array1::from_elem(case.nodes, -7);
        let sides = case.sides();
        let tree = case.graph().merge_tree(values.view(), steps.view_mut(), mask, sides).unwrap();
        for &sign in signs(case) {
            for (level, clusters) in at_all_heights::<T>(case, sign) {
                let extent = |cluster: &Cluster| u32::try_from(cluster.nodes.len()).unwrap();
                let expected: BTreeSet<_> =
                    clusters.iter().map(|cluster| (cluster.peak, extent(cluster))).collect();
                assert_eq!(alive(&tree, sign as i8, level), expected);
                for cluster in &clusters {
                    let at_level = |node: &&usize| sign * case.value::<T>(**node) == level;
                    for &node in cluster.nodes.iter().filter(at_level) {
                        let step = usize::try_from(steps[node] - 1).unwrap();
                        assert_eq!(
                            (tree.heights[step], tree.extents[step]),
                            (level, extent(cluster))
                        );
                        let branch = tree.starts.partition_point(|&start| start <= step) - 1;
                        assert_eq!(tree.peaks[branch], [cluster.peak, 0, 0]);
                    }
                }
            }
        }
        let has_sign = |node: usize| signs(case).iter().any(|s| s * case.value::<T>(node) > 0.0);
        assert!((0..case.nodes).all(|node| (steps[node] != 0) == has_sign(node)));
    });
}

macro_rules! against_the_naive_twins {
    ($($clusters:ident, $sweep:ident: $voxel:ty);* $(;)?) => {
        proptest! {
            #![proptest_config(config(100))]
            $(
                #[test]
                fn $clusters(case in case()) {
                    check_clusters::<$voxel>(&case);
                }

                #[test]
                fn $sweep(case in case()) {
                    check_scores::<$voxel>(&case, 0.5, 2.0);
                    check_scores::<$voxel>(&case, 1.0, 1.5);
                    check_merge_tree::<$voxel>(&case);
                }
            )*
        }
    };
}

against_the_naive_twins! {
    clusters_of_float32, sweep_of_float32: f32;
    clusters_of_float64, sweep_of_float64: f64;
    clusters_of_int8, sweep_of_int8: i8;
    clusters_of_int16, sweep_of_int16: i16;
    clusters_of_int32, sweep_of_int32: i32;
    clusters_of_int64, sweep_of_int64: i64;
    clusters_of_uint8, sweep_of_uint8: u8;
    clusters_of_uint16, sweep_of_uint16: u16;
    clusters_of_uint32, sweep_of_uint32: u32;
    clusters_of_uint64, sweep_of_uint64: u64;
}

/// A volume and its voxels as pairs, by their place in C order.
fn volume_and_pairs(
    shape: [usize; 3],
    seed: u64,
    steps: &[[usize; 3]],
) -> (Array3<f32>, Vec<[i32; 2]>) {
    let mut state = seed;
    let volume = Array3::from_shape_simple_fn(shape, || {
        // Knuth's generator; its upper bits are good ones.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        [0.0, 1.0, 2.0, 2.5, -1.0, -2.0, f32::NAN, 3.0][usize::try_from(state >> 61).unwrap()]
    });
    let place = |[i, j, k]: [usize; 3]| i32::try_from((i * shape[1] + j) * shape[2] + k).unwrap();
    let mut pairs = Vec::new();
    for ((i, j, k), _) in volume.indexed_iter() {
        for step in steps {
            let other = [i + step[0], j + step[1], k + step[2]];
            if (0..3).all(|axis| other[axis] < shape[axis]) {
                pairs.push([place(other), place([i, j, k])]);
            }
        }
    }
    (volume, pairs)
}

#[test]
fn voxels_in_pairs_are_a_volume() {
    let steps = [[0, 0, 1], [0, 1, 0], [1, 0, 0]];
    let connectivity = Connectivity::Faces;
    for (seed, shape) in [[3, 4, 5], [1, 7, 1], [6, 2, 9], [8, 8, 8]].into_iter().enumerate() {
        let (volume, pairs) = volume_and_pairs(shape, seed as u64, &steps);
        let graph = Graph::new(volume.len(), &[], &pairs).unwrap();
        let map = volume.flatten();
        let number = |index: &[usize; 3]| (index[0] * shape[1] + index[1]) * shape[2] + index[2];
        for threshold in [0.0, 1.0, 2.0] {
            let request = Request::new(threshold, Sides::Both).unwrap().min_extent(2);
            let found = graph.find_clusters(map.view(), None, None, request, None).unwrap();
            let plateaus = Plateaus::First;
            let expected = find_clusters(volume.view(), None, None, request, plateaus).unwrap();
            let (table, mut labels) = (expected.table, Array3::zeros(volume.dim()));
            expected.labels.write(labels.view_mut().into_dyn().into()).unwrap();
            assert_eq!(Array1::from(found.labels), labels.flatten());
            assert_eq!((found.signs, found.extents), (table.signs, table.extents));
            let peaks: Vec<_> = found.peaks.iter().map(|&peak| peak as usize).collect();
            assert_eq!(peaks, table.peaks.iter().map(number).collect::<Vec<_>>());
            assert_eq!((found.means, found.masses), (table.means, table.masses));
            assert_eq!(found.summary.has_non_finite, expected.summary.has_non_finite);
        }
        let rules = Tfce { extent_power: 0.5, height_power: 2.0, sides: Sides::Both, connectivity };
        let (mut scores, mut expected) = (Array1::zeros(map.len()), Array3::zeros(shape));
        graph.tfce(map.view(), scores.view_mut(), None, rules, None).unwrap();
        tfce(volume.view().into_dyn(), expected.view_mut().into_dyn(), None, rules).unwrap();
        assert_eq!(scores, expected.flatten());
        let (mut steps, mut expected_steps) = (Array1::zeros(map.len()), Array3::zeros(shape));
        let mut tree = graph.merge_tree(map.view(), steps.view_mut(), None, Sides::Both).unwrap();
        let expected = MergeTree::with_steps(
            volume.view(),
            None,
            Sides::Both,
            connectivity,
            expected_steps.view_mut(),
        );
        let mut expected = expected.unwrap();
        tree.peaks.iter_mut().for_each(|peak| *peak = [peak[0], 0, 0]);
        expected.peaks.iter_mut().for_each(|peak| *peak = [number(peak), 0, 0]);
        assert_eq!(tree, expected);
        assert_eq!(steps, expected_steps.flatten());
    }
}

#[test]
fn arrays_that_do_not_fit() {
    let graph = Graph::new(3, &[[0, 1, 2]], &[]).unwrap();
    let request = Request::new(1.0, Sides::Both).unwrap().min_extent(2);
    let (map, short) = (Array1::from(vec![1_i16, 2, 3]), Array1::from(vec![7_i16, 7]));
    let areas = Array1::from(vec![1.0, 1.0]);
    let areas = Some(Areas::new(areas.view(), 0.0).unwrap());
    let mask = Array1::from(vec![true]);
    let mut out = map.clone();
    let mut call = |data: &Array1<i16>, mask, areas| {
        let found = graph.find_clusters(data.view(), Some(out.view_mut()), mask, request, areas);
        assert!(matches!(found, Err(Error::Shape { .. })));
        assert!(graph.find_clusters(data.view(), None, mask, request, areas).is_err());
    };
    call(&short, None, None);
    call(&map, Some(mask.view()), None);
    call(&map, None, areas);
    assert_eq!(out, map, "an error writes nothing");
    let mut small = short.clone();
    let found = graph.find_clusters(map.view(), Some(small.view_mut()), None, request, None);
    assert!(found.is_err());
    assert!(graph.erase_small(small.view_mut(), 2, None).is_err());
    assert!(graph.erase_small(map.clone().view_mut(), 2, areas).is_err());
    assert_eq!(small, short, "an error writes nothing");
    let mut steps = Array1::zeros(2);
    assert!(graph.merge_tree(map.view(), steps.view_mut(), None, Sides::One).is_err());
}

#[test]
fn each_call_refuses_a_node_that_is_not_there() {
    let triangles = [[0, 1, 2], [2, 1, 4]];
    let graph = Graph::new(4, &triangles, &[]).unwrap();
    let map = Array1::from(vec![1_i16, 2, 3, 4]);
    let (mut out, mut steps) = (map.clone(), Array1::from(vec![7, 7, 7, 7]));
    let mut scores = Array1::from(vec![7_f32; 4]);
    let request = Request::new(1.0, Sides::Both).unwrap().min_extent(2);
    let connectivity = Connectivity::Faces;
    let rules = Tfce { extent_power: 0.5, height_power: 2.0, sides: Sides::Both, connectivity };
    let points = Array2::zeros((4, 3));
    let refused = [
        graph.erase_small(out.view_mut(), 2, None).err(),
        graph.find_clusters(map.view(), Some(out.view_mut()), None, request, None).err(),
        graph.tfce(map.view(), scores.view_mut(), None, rules, None).err(),
        graph.merge_tree(map.view(), steps.view_mut(), None, Sides::Both).err(),
        vertex_areas(points.view(), &graph).err(),
    ];
    let error = Error::Node { array: nithresh_core::Array::Triangles, row: 1, found: 4, nodes: 4 };
    assert_eq!(refused, [(); 5].map(|()| Some(error.clone())));
    assert_eq!((out, steps.sum(), scores.sum()), (map, 28, 28.0), "an error writes nothing");
}

#[test]
fn scores_of_clusters_without_extent_are_zero() {
    let graph = Graph::new(2, &[], &[[0, 1]]).unwrap();
    let (map, areas) = (Array1::from(vec![1.0_f32, 2.0]), Array1::zeros(2));
    let connectivity = Connectivity::Faces;
    let rules = Tfce { extent_power: 1.0, height_power: 2.0, sides: Sides::One, connectivity };
    let mut out = Array1::from_elem(2, 7.0);
    let areas = Some(Areas::new(areas.view(), 0.0).unwrap());
    graph.tfce(map.view(), out.view_mut(), None, rules, areas).unwrap();
    assert_eq!(out, Array1::zeros(2));
    let huge = Array1::from(vec![1e30_f32, 1.0]);
    let found = graph.tfce(huge.view(), out.view_mut(), None, rules, None);
    assert_eq!(found, Err(Error::Scores("f32")));
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn vertex_areas_do_not_depend_on_order(
        (points, triangles, order) in (1..12_i32).prop_flat_map(|nodes| {
            let count = usize::try_from(nodes).unwrap();
            (
                vec([-3.0..3.0_f64, -3.0..3.0_f64, -3.0..3.0_f64], count),
                vec([0..nodes, 0..nodes, 0..nodes], 0..20),
                Just((0..nodes).collect::<Vec<_>>()).prop_shuffle(),
            )
        })
    ) {
        let array = |points: &[[f64; 3]]| ndarray::Array2::from(points.to_vec());
        let areas = |points: &[[f64; 3]], triangles: &[[i32; 3]]| {
            let graph = Graph::new(points.len(), triangles, &[]).unwrap();
            vertex_areas(array(points).view(), &graph).unwrap()
        };
        let found = areas(&points, &triangles);
        in_each_pool(|| assert_eq!(areas(&points, &triangles), found));
        let mut expected = vec![0.0; points.len()];
        for corners in &triangles {
            let at = corners.map(|node| points[usize::try_from(node).unwrap()]);
            let side = |a: usize, b: usize| {
                (0..3).map(|axis| (at[a][axis] - at[b][axis]).powi(2)).sum::<f64>().sqrt()
            };
            // Heron's formula.
            let (a, b, c) = (side(0, 1), side(1, 2), side(2, 0));
            let half = (a + b + c) / 2.0;
            let area = (half * (half - a) * (half - b) * (half - c)).max(0.0).sqrt();
            for node in corners {
                expected[usize::try_from(*node).unwrap()] += area / 3.0;
            }
        }
        for (found, expected) in found.iter().zip(&expected) {
            prop_assert!((found - expected).abs() < 1e-5, "{found}, not {expected}");
        }
        // Nodes, triangles and corners in another order.
        let mut moved = points.clone();
        for (&to, point) in order.iter().zip(&points) {
            moved[usize::try_from(to).unwrap()] = *point;
        }
        let renamed = triangles.iter().rev().map(|&[a, b, c]| {
            [b, c, a].map(|node| order[usize::try_from(node).unwrap()])
        });
        let again = areas(&moved, &renamed.collect::<Vec<_>>());
        for (&to, area) in order.iter().zip(&found) {
            prop_assert_eq!(again[usize::try_from(to).unwrap()].to_bits(), area.to_bits());
        }
    }
}
