//! All thresholds of a map on a graph: scores without a threshold, and the merge tree.
//!
//! The component tree and what is made of it are those of volumes; only the neighbours are
//! others.

use std::mem::take;

use ndarray::{ArrayView1, ArrayViewMut1};

use crate::error::{Array, Error, Result};
use crate::graph::areas::{Area, Areas};
use crate::graph::higher_neighbours::HigherNeighbours;
use crate::graph::sets::check_areas;
use crate::graph::triangles::Graph;
use crate::parallel;
use crate::request::{Sides, Sign};
use crate::tree::component_tree::ComponentTree;
use crate::tree::merge_tree::MergeTree;
use crate::tree::padded_volume::key_of;
use crate::tree::tfce::{Tfce, check_powers, integrals, scores};
use crate::voxel::Voxel;
use crate::voxel::score::Score;
use crate::voxel::sort_key::SortKey;

impl Graph<'_> {
    /// Writes the score of each node of `data` that lies in `mask` to `out`, and zero
    /// elsewhere.
    ///
    /// The extent of a cluster is the sum of the areas of its nodes, if they are given, where a
    /// node without area counts as 1; else the number of its nodes. The connectivity of the
    /// rules does not matter. Otherwise as [`tfce`](crate::tfce).
    ///
    /// # Errors
    ///
    /// Arrays that do not fit the graph; a triangle or a pair of a node that is not there; powers
    /// that are negative or not finite; a largest score that is too large or too small for its
    /// type.
    pub fn tfce<T: Voxel>(
        &self,
        data: ArrayView1<'_, T>,
        mut out: ArrayViewMut1<'_, T::Score>,
        mask: Option<ArrayView1<'_, bool>>,
        rules: Tfce,
        areas: Option<Areas<'_>>,
    ) -> Result<()> {
        check_powers(rules)?;
        self.check_map(&data, mask.as_ref())?;
        self.check(Array::Output, out.shape())?;
        check_areas(self, areas.as_ref())?;
        self.check_nodes()?;
        let signs = parallel::map(rules.sides.signs(), |sign| {
            let mut tree = self.tree(data, mask, sign);
            let areas = areas.as_ref().map(|areas| areas_of(&tree, areas));
            let (ranks, nodes) = (take(&mut tree.ranks), take(&mut tree.nodes));
            let extent = |rank: usize| match &areas {
                None => f64::from(tree.extents[rank]),
                Some(areas) => areas[rank].to_f64(),
            };
            let integrals = integrals::<T>(nodes, rules.height_power);
            let scores = scores(&integrals, &tree, rules.extent_power, extent);
            (f64::from(sign.number()), ranks, scores)
        });
        let largest = signs.iter().flat_map(|(.., scores)| scores).copied().max_by(f64::total_cmp);
        // Clusters without extent have no scores.
        let largest = largest.filter(|&largest| areas.is_none() || largest != 0.0);
        if largest.is_some_and(|largest| !T::Score::fits(largest)) {
            return Err(Error::Scores(std::any::type_name::<T::Score>()));
        }
        out.fill(T::Score::ZERO);
        for (sign, ranks, scores) in signs {
            for (out, rank) in out.iter_mut().zip(ranks) {
                if let Some(rank) = rank.checked_sub(1) {
                    *out = T::Score::rounded(sign * scores[rank as usize]);
                }
            }
        }
        Ok(())
    }

    /// The branches of a map, in a mask. Writes one more than its step to each node of
    /// `steps`, 0 to nodes of no cluster. Of the index of a peak, the first number is the
    /// node, and the others are 0. Otherwise as [`MergeTree::with_steps`].
    ///
    /// # Errors
    ///
    /// Arrays that do not fit the graph; a triangle or a pair of a node that is not there.
    pub fn merge_tree<T: Voxel>(
        &self,
        data: ArrayView1<'_, T>,
        mut steps: ArrayViewMut1<'_, i32>,
        mask: Option<ArrayView1<'_, bool>>,
        sides: Sides,
    ) -> Result<MergeTree> {
        self.check_map(&data, mask.as_ref())?;
        self.check(Array::Output, steps.shape())?;
        self.check_nodes()?;
        let found = parallel::map(sides.signs(), |sign| {
            let tree = self.tree(data, mask, sign);
            let index = |node: u32| [node as usize, 0, 0];
            let (found, own) = MergeTree::of_tree(&tree, sign, index, T::sort_key_to_f64);
            (found, tree.ranks, own)
        });
        steps.fill(0);
        let mut first = 1;
        for (found, ranks, own) in &found {
            write_steps(steps.view_mut(), ranks, own, first);
            first += found.heights.len();
        }
        Ok(MergeTree::joined(found.into_iter().map(|(found, ..)| found).collect()))
    }

    /// The component tree of the nodes of one sign.
    fn tree<T: Voxel>(
        &self,
        data: ArrayView1<'_, T>,
        mask: Option<ArrayView1<'_, bool>>,
        sign: Sign,
    ) -> ComponentTree<T::SortKey> {
        let mut keys: Vec<_> = data.iter().map(|&value| key_of(value, sign)).collect();
        if let Some(mask) = mask {
            for (key, &inside) in keys.iter_mut().zip(mask) {
                *key = if inside { *key } else { T::SortKey::default() };
            }
        }
        let neighbours = HigherNeighbours::of(self, &keys);
        ComponentTree::of(keys, &neighbours)
    }
}

/// Writes the steps of the nodes of one sign, counted from `first`.
fn write_steps(steps: ArrayViewMut1<'_, i32>, ranks: &[u32], own: &[u32], first: usize) {
    for (step, rank) in steps.into_iter().zip(ranks) {
        if let Some(rank) = rank.checked_sub(1) {
            let of_node = i32::try_from(first + own[rank as usize] as usize);
            *step = of_node.expect("a step has a node, and there are fewer than 2^31");
        }
    }
}

/// The area of the cluster of each node when the node has joined it, by rank.
fn areas_of<K: SortKey>(tree: &ComponentTree<K>, areas: &Areas<'_>) -> Vec<Area> {
    let own = |rank: u32| areas.of(tree.place(rank)).unwrap_or_else(|| Area::new(1.0));
    let mut sums: Vec<_> = tree.all().map(own).collect();
    for rank in tree.all() {
        if let Some(parent) = tree.parent(rank) {
            sums[parent as usize] = sums[parent as usize].plus(sums[rank as usize]);
        }
    }
    sums
}
