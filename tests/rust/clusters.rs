//! Labels, tables and local maxima against naive twins that flood each cluster.

#[path = "naive.rs"]
#[allow(dead_code, reason = "the other tests use the rest of it")]
mod naive;
#[path = "../../rust/py/src/pool.rs"]
mod pool;

use std::cmp::Reverse;
use std::fmt::Debug;
use std::sync::{Arc, LazyLock};

use ndarray::{Array3, ArrayD, ArrayView3, Axis, IxDyn, s};
use nithresh_core::{
    Array, BlockCluster, BlockPosition, Error, Executor, Labels, Output, Plateaus, Sides, Table,
    Voxel, find_clusters, join_blocks, label, label_block, threshold, with_executor,
};
use proptest::collection::vec;
use proptest::prelude::*;

use naive::Request;
use pool::Pool;

type Index = [usize; 3];

static EXECUTOR: LazyLock<Arc<dyn Executor>> = LazyLock::new(|| Arc::new(Pool::new(2).unwrap()));

/// One example: few values, so that ties happen, in any order of the axes.
#[derive(Debug, Clone)]
struct Case {
    shape: Vec<usize>,
    axes: [usize; 3],
    reversed: [bool; 3],
    voxels: Vec<i8>,
    mask: Option<Vec<bool>>,
    request: Request,
}

fn case() -> impl Strategy<Value = Case> {
    let shape = prop_oneof![
        6 => vec(1..6_usize, 3),
        1 => vec(0..3_usize, 3),
        // Rows of more than a word.
        2 => (1..3_usize, 1..4_usize, 60..80_usize)
            .prop_map(|(a, b, c)| vec![a, b, c]).prop_shuffle(),
    ];
    let request = (0..4_u8, any::<bool>(), 0..4_u64, prop::sample::select(&[6, 18, 26]));
    (shape, request).prop_flat_map(|(shape, (level, two_sided, cluster_threshold, neighbours))| {
        let count = shape.iter().product::<usize>();
        let request =
            Request { threshold: f64::from(level), two_sided, cluster_threshold, neighbours };
        (
            Just(shape),
            Just([0, 1, 2]).prop_shuffle(),
            any::<[bool; 3]>(),
            vec(prop::sample::select(&[0_i8, 1, 2, 2, 3, -1, -2, -3]), count),
            prop::option::weighted(0.3, vec(prop::bool::weighted(0.8), count)),
        )
            .prop_map(move |(shape, axes, reversed, voxels, mask)| Case {
                shape,
                axes,
                reversed,
                voxels,
                mask,
                request,
            })
    })
}

impl Case {
    /// The same values by index, whatever the order of the axes in memory.
    fn laid_out<T: Copy>(&self, values: &[T], fill: T) -> Array3<T> {
        let [x, y, z] = [self.shape[0], self.shape[1], self.shape[2]];
        let plain = Array3::from_shape_vec((x, y, z), values.to_vec()).unwrap();
        let mut back = [0; 3];
        for (position, &axis) in self.axes.iter().enumerate() {
            back[axis] = position;
        }
        let in_memory = plain.view().permuted_axes(self.axes);
        let mut array = Array3::from_elem(in_memory.dim(), fill).permuted_axes(back);
        for axis in 0..3 {
            if self.reversed[axis] {
                array.invert_axis(Axis(axis));
            }
        }
        array.assign(&plain);
        array
    }

    fn mask(&self) -> Option<Array3<bool>> {
        self.mask.as_ref().map(|mask| self.laid_out(mask, false))
    }

    /// The clusters in their order, each as its sorted voxels.
    fn flooded<T: Voxel>(&self, volume: &ArrayView3<'_, T>) -> Vec<Vec<Index>> {
        let mask = self.mask();
        let mask = mask.as_ref().map(|mask| mask.view());
        let mut found = naive::clusters(volume, mask, self.request, self.request.threshold);
        found.retain(|voxels| voxels.len() as u64 >= self.request.cluster_threshold);
        found.sort_by_key(|voxels| (Reverse(voxels.len()), strongest(volume, voxels)[0]));
        found
    }
}

/// The voxels of a cluster, the strongest first.
fn strongest<T: Voxel>(
    volume: &ArrayView3<'_, T>,
    voxels: &[Index],
) -> Vec<(Reverse<T::Magnitude>, Index)> {
    let mut ranked: Vec<_> =
        voxels.iter().map(|&voxel| (Reverse(volume[voxel].magnitude()), voxel)).collect();
    ranked.sort_unstable();
    ranked
}

fn are_neighbours(a: Index, b: Index) -> bool {
    a != b && (0..3).all(|axis| a[axis].abs_diff(b[axis]) <= 1)
}

/// The local maxima of all clusters, with their clusters' numbers.
fn maxima<T: Voxel>(
    volume: &ArrayView3<'_, T>,
    found: &[Vec<Index>],
    plateaus: Plateaus,
) -> Vec<(u32, Index)> {
    let mut all = Vec::new();
    for (voxels, number) in found.iter().zip(1..) {
        let ranked = strongest(volume, voxels);
        for &(height, voxel) in &ranked {
            let exceeds = |&(other_height, other): &(Reverse<T::Magnitude>, Index)| {
                let is_first = plateaus == Plateaus::First && other < voxel;
                are_neighbours(voxel, other)
                    && (other_height < height || (other_height == height && is_first))
            };
            if !ranked.iter().any(exceeds) {
                all.push((number, voxel));
            }
        }
    }
    all
}

/// Everything in one call, with the volume of labels and the map.
fn tabulated<T: Voxel>(
    case: &Case,
    volume: &ArrayView3<'_, T>,
    plateaus: Plateaus,
) -> (Table, Array3<i32>, ArrayD<T>, Labels) {
    let mask = case.mask();
    let mut labels = case.laid_out(&vec![7; volume.len()], 7);
    let mut out = ArrayD::from_elem(IxDyn(volume.shape()), T::ZERO);
    let values = Some(Output::from(out.view_mut()));
    let mask = mask.as_ref().map(|mask| mask.view());
    let found =
        find_clusters(volume.view(), values, mask, case.request.to_core(), plateaus).unwrap();
    found.labels.write(labels.view_mut().into_dyn().into()).unwrap();
    (found.table, labels, out, found.labels)
}

#[expect(clippy::float_cmp, reason = "sums of small integers are exact")]
fn check<T: Voxel>(case: &Case, volume: &ArrayView3<'_, T>) {
    let found = case.flooded(volume);
    for plateaus in [Plateaus::First, Plateaus::Whole] {
        let (table, labels, out, unwritten) = tabulated(case, volume, plateaus);
        let in_pool = with_executor(Some(EXECUTOR.clone()), || tabulated(case, volume, plateaus));
        assert_eq!((&table, &labels, &out), (&in_pool.0, &in_pool.1, &in_pool.2));

        let mut expected = Array3::<i32>::zeros(volume.dim());
        for (voxels, number) in found.iter().zip(1..) {
            for &voxel in voxels {
                expected[voxel] = number;
            }
        }
        assert_eq!(labels, expected);
        let mask = case.mask();
        let mask = mask.as_ref().map(|mask| mask.view());
        let level = case.request.threshold;
        assert_eq!(out, naive::threshold(&volume.view().into_dyn(), mask, case.request, level));

        assert_eq!(table.extents, found.iter().map(|c| c.len() as u64).collect::<Vec<_>>());
        let peaks: Vec<_> = found.iter().map(|voxels| strongest(volume, voxels)[0].1).collect();
        assert_eq!(table.peaks, peaks);
        let sampled = unwritten.sample(volume.view()).unwrap();
        for (place, voxels) in found.iter().enumerate() {
            let value = |voxel: &Index| volume[*voxel].to_f64();
            let sum: f64 = voxels.iter().map(value).sum();
            assert_eq!(table.values[place], value(&peaks[place]));
            assert_eq!(f64::from(table.signs[place]), sum.signum());
            assert_eq!(table.masses[place], sum);
            assert_eq!(table.means[place], sum / voxels.len() as f64);
            for axis in 0..3 {
                let moment: f64 =
                    voxels.iter().map(|voxel| value(voxel) * voxel[axis] as f64).sum();
                assert_eq!(table.centres[place][axis], moment / sum);
            }
            let under = &sampled;
            let smallest = voxels.iter().map(value).fold(f64::INFINITY, f64::min);
            let largest = voxels.iter().map(value).fold(f64::NEG_INFINITY, f64::max);
            assert_eq!(
                (under.means[place], under.mins[place], under.maxs[place], under.non_finite),
                (table.means[place], smallest, largest, 0)
            );
        }
        let expected = maxima(volume, &found, plateaus);
        let ours = &table.maxima;
        let pairs: Vec<_> =
            ours.clusters.iter().copied().zip(ours.indices.iter().copied()).collect();
        assert_eq!(pairs, expected);
        let values: Vec<_> = pairs.iter().map(|(_, voxel)| volume[*voxel].to_f64()).collect();
        assert_eq!(ours.values, values);
    }
}

proptest! {
    #[test]
    fn tables_are_those_of_flooded_clusters(case in case()) {
        let integers = case.laid_out(&case.voxels, 0);
        check(&case, &integers.view());
        let floats: Vec<_> = case.voxels.iter().map(|&value| f32::from(value)).collect();
        check(&case, &case.laid_out(&floats, 0.0).view());
    }

    #[test]
    fn labels_are_those_of_the_table(case in case()) {
        let volume = case.laid_out(&case.voxels, 0);
        let (table, expected, ..) = tabulated(&case, &volume.view(), Plateaus::First);
        let mut labels = Array3::from_elem(volume.dim(), -1);
        let mask = case.mask();
            let mask = mask.as_ref().map(|mask| mask.view());
        let out = Output::from(labels.view_mut().into_dyn());
        let count = label(volume.view(), out, mask, case.request.to_core()).unwrap();
        prop_assert_eq!(labels, expected);
        prop_assert_eq!(count, table.extents.len());
    }
}

/// The clusters of all blocks of a volume that is cut once along each axis, which pairs of
/// them touch, and the place in that list of the cluster at each voxel.
fn in_blocks<T: Voxel>(
    case: &Case,
    volume: &ArrayView3<'_, T>,
    cuts: [usize; 3],
) -> (Vec<BlockCluster>, Vec<[u32; 2]>, Array3<Option<u32>>) {
    let shape = [0, 1, 2].map(|axis| volume.shape()[axis]);
    let mask = case.mask();
    let (mut clusters, mut places) = (Vec::new(), Array3::from_elem(volume.dim(), None));
    for block in 0..8_usize {
        let range = |axis: usize| {
            let cut = cuts[axis].min(shape[axis]);
            if block >> axis & 1 == 0 { 0..cut } else { cut..shape[axis] }
        };
        let [i, j, k] = [range(0), range(1), range(2)];
        let part = volume.slice(s![i.clone(), j.clone(), k.clone()]);
        let mask = mask.as_ref().map(|mask| mask.slice(s![i.clone(), j.clone(), k.clone()]));
        let position = BlockPosition { start: [i.start, j.start, k.start], volume: shape };
        let mut labels = Array3::from_elem(part.dim(), 1);
        let found = label_block(
            part,
            labels.view_mut().into_dyn().into(),
            mask,
            case.request.to_core(),
            position,
        )
        .unwrap();
        for (label, cluster) in found {
            let number = u32::try_from(clusters.len()).unwrap();
            for (voxel, _) in labels.indexed_iter().filter(|(_, found)| **found == label) {
                places[[i.start + voxel.0, j.start + voxel.1, k.start + voxel.2]] = Some(number);
            }
            clusters.push(BlockCluster::from_words(cluster.to_words()));
        }
    }
    let reach = match case.request.neighbours {
        6 => 1,
        18 => 2,
        26 => 3,
        other => unreachable!("{other} neighbours"),
    };
    let listed: Vec<_> =
        places.indexed_iter().filter_map(|(at, cluster)| Some((at, (*cluster)?))).collect();
    let mut touching = Vec::new();
    for &((ai, aj, ak), a) in &listed {
        for &((bi, bj, bk), b) in &listed {
            let (first, second) = ([ai, aj, ak], [bi, bj, bk]);
            let apart = (0..3).filter(|&axis| first[axis] != second[axis]).count();
            let same_sign = (volume[first] > T::ZERO) == (volume[second] > T::ZERO);
            if are_neighbours(first, second) && apart <= reach && same_sign {
                touching.push([a, b]);
            }
        }
    }
    (clusters, touching, places)
}

proptest! {
    #[test]
    fn joined_clusters_of_blocks_are_the_clusters_of_the_whole(
        case in case(), cuts in any::<[u8; 3]>(),
    ) {
        let cuts = [0, 1, 2].map(|axis| usize::from(cuts[axis]) % (case.shape[axis] + 1));
        let volume = case.laid_out(&case.voxels, 0);
        let (expected, labels, ..) = tabulated(&case, &volume.view(), Plateaus::First);
        let (clusters, touching, places) = in_blocks(&case, &volume.view(), cuts);
        let (numbers, table) = join_blocks(&clusters, &touching, case.request.cluster_threshold).unwrap();
        let number = |place: &Option<u32>| place.map_or(0, |place| numbers[place as usize]);
        prop_assert_eq!(places.map(number), labels);
        let mut bare = expected;
    bare.maxima = table.maxima.clone();
        prop_assert_eq!(table, bare);
    }
}

#[test]
fn a_pair_that_names_no_cluster_is_refused() {
    let (numbers, table) = join_blocks(&[], &[], 0).unwrap();
    assert!(numbers.is_empty() && table == Table::default());
    assert_eq!(join_blocks(&[], &[[0, 0]], 0), Err(Error::BlockCluster { found: 0, count: 0 }));
}

#[test]
fn what_is_not_finite_is_left_out_of_extra_maps() {
    let volume = Array3::from_shape_vec((1, 1, 5), vec![2.0_f32, 3.0, 0.0, f32::NAN, 2.0]).unwrap();
    let values = vec![f64::NAN, 4.0, 9.0, 9.0, f64::INFINITY];
    let extra = Array3::from_shape_vec((1, 1, 5), values).unwrap();
    let request = nithresh_core::Request::new(1.0, Sides::Both).unwrap();
    let found = find_clusters(volume.view(), None, None, request, Plateaus::First).unwrap();
    let sampled = found.labels.sample(extra.view()).unwrap();
    assert!(found.summary.has_non_finite);
    assert_eq!(sampled.non_finite, 2);
    assert_eq!(sampled.means[..1], [4.0]);
    assert!(sampled.means[1].is_nan() && sampled.mins[1].is_nan() && sampled.maxs[1].is_nan());
}

#[test]
fn arrays_that_do_not_fit_are_refused() {
    let volume = Array3::<f32>::zeros((2, 3, 4));
    let other = Array3::<f64>::zeros((2, 3, 5));
    let request = nithresh_core::Request::new(1.0, Sides::Both).unwrap();
    let array_of = |result: Result<(), Error>| match result {
        Err(Error::Shape { array, .. }) => Some(array),
        _ => None,
    };
    let mut wrong = Array3::from_elem((2, 3, 5), 7);
    let labelled =
        label(volume.view(), wrong.view_mut().into_dyn().into(), None, request).map(|_| ());
    assert_eq!(array_of(labelled), Some(Array::Labels));
    let found = find_clusters(volume.view(), None, None, request, Plateaus::First);
    let unwritten = found.unwrap().labels;
    assert_eq!(array_of(unwritten.write(wrong.view_mut().into_dyn().into())), Some(Array::Labels));
    let position = BlockPosition { start: [0; 3], volume: [2, 3, 4] };
    let into = wrong.view_mut().into_dyn().into();
    let found = label_block(volume.view(), into, None, request, position);
    assert_eq!(array_of(found.map(|_| ())), Some(Array::Labels));
    assert!(wrong.iter().all(|&label| label == 7), "an error writes nothing");
    assert_eq!(array_of(unwritten.sample(other.view()).map(|_| ())), Some(Array::ExtraMap));
    let mut out = ArrayD::<f32>::zeros(IxDyn(&[2, 3, 4, 1]));
    let values = Some(Output::from(out.view_mut()));
    let found = find_clusters(volume.view(), values, None, request, Plateaus::First);
    assert_eq!(array_of(found.map(|_| ())), Some(Array::Output));
    let mut out = ArrayD::<f32>::zeros(IxDyn(&[2, 3, 4]));
    let found = threshold(volume.view().into_dyn(), out.view_mut().into(), None, request);
    assert!(found.is_ok());
}
