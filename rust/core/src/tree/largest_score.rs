//! The largest score of a map by threshold-free cluster enhancement, without the others.
//!
//! ```text
//! for each voxel, highest first
//!     of the sets of its neighbours, for each
//!         best = its best + sqrt(its extent) * (its level - level of the voxel)
//!     the voxel and these sets become one: the sum of the extents, the largest best
//! the largest of best + sqrt(extent) * level: down to zero
//! ```
//!
//! The level of a height h is the integral of h², h³/3. The score of a voxel is a sum along its
//! way down the component tree (tfce.rs). The largest score in a cluster is the largest of the
//! clusters that it was made of, plus what the cluster adds to all of its voxels alike. So a
//! few numbers for each set are enough: no tree is kept, and no score is written.
//!
//! The powers are those of Smith and Nichols (2009), E = 1/2 and H = 2.

// What makes it fast (benches/rust/stages.rs, "permutation"):
//
// - Only a voxel without a higher neighbour begins a set, so there are as many sets as local
//   maxima, and all that is known of them fits into the first caches. A place holds the set
//   of its voxel, and not the voxel's rank.
// - Nearly all voxels join one set. Whether all neighbours have one is found without a branch:
//   the sets of absent neighbours are number 0, which the smallest and the largest pass over.
// - A place that has been visited is not 0, and those are the higher neighbours: nothing is
//   compared, and nothing is noted before.
//
// Rejected: the sweep of component_tree.rs with these numbers for each root (1.6 times the time).

use crate::connectivity::Connectivity;
use crate::error::Result;
use crate::request::Sides;
use crate::tree::component_tree::sort;
use crate::tree::padded_volume::PaddedVolume;

/// Finds the largest scores of maps on one grid, one after the other. What it needs of memory
/// is kept for the next.
pub(crate) struct LargestScore {
    steps: Vec<isize>,
    /// Where each run of voxels of the mask begins, and how many there are.
    runs: Vec<(usize, usize)>,
    /// The set of the voxel at each place; 0 where there is none as yet.
    places: Vec<u32>,
    /// For each sign, the absolute values of its voxels as bits, and their places.
    nodes: [Vec<(u32, u32)>; 2],
    room: Vec<(u32, u32)>,
    sets: Sets,
}

impl LargestScore {
    /// For volumes of a shape, and the voxels of a mask: runs of them in a row, given as
    /// plane, row and position in the row of the first, and length.
    ///
    /// # Errors
    ///
    /// A volume of 2³¹ voxels or more, with the zeros that are put between its rows.
    pub(crate) fn new(
        [planes, rows, row_length]: [usize; 3],
        runs: impl Iterator<Item = ([usize; 3], usize)>,
        connectivity: Connectivity,
    ) -> Result<Self> {
        let padded = PaddedVolume::new((planes, rows, row_length))?;
        let place = |[plane, row, start]: [usize; 3]| padded.row(plane, row).start + start;
        Ok(Self {
            steps: connectivity.steps().into_iter().map(|step| padded.distance(step)).collect(),
            runs: runs.map(|(index, length)| (place(index), length)).collect(),
            places: vec![0; padded.places()],
            nodes: [Vec::new(), Vec::new()],
            room: Vec::new(),
            sets: Sets::default(),
        })
    }

    /// The largest scores of the positive and of the negative voxels, without the sign; 0
    /// where there are none, and for the negative ones if they do not count. `map` holds the
    /// voxels of the mask.
    pub(crate) fn of(&mut self, map: &[f32], sides: Sides) -> [f64; 2] {
        self.list(map);
        self.places.fill(0);
        self.sets.clear();
        [0, 1].map(|sign| {
            if sign == 1 && sides == Sides::One {
                return 0.0;
            }
            sort(&mut self.nodes[sign], &mut self.room);
            let (nodes, places) = (&self.nodes[sign], &mut self.places);
            // Their number is known to the compiler in the usual case.
            match <&[isize; 6]>::try_from(self.steps.as_slice()) {
                Ok(steps) => self.sets.sweep(nodes, places, steps),
                Err(_) => self.sets.sweep(nodes, places, self.steps.as_slice()),
            }
            self.sets.end()
        })
    }

    /// Lists the voxels of each sign.
    #[expect(clippy::needless_bitwise_bool, reason = "without a branch it is faster")]
    fn list(&mut self, map: &[f32]) {
        let [positive, negative] = &mut self.nodes;
        for nodes in [&mut *positive, &mut *negative] {
            nodes.resize(map.len() + 1, (0, 0));
        }
        let (mut counts, mut rest) = ([0, 0], map);
        for &(start, length) in &self.runs {
            let (row, after) = rest.split_at(length);
            rest = after;
            for (&value, place) in row.iter().zip(start..) {
                #[expect(clippy::cast_possible_truncation, reason = "there are few enough places")]
                let node = (value.abs().to_bits(), place as u32);
                // Without a branch: each voxel is listed, and stays if it has the sign.
                let is_finite = value.is_finite();
                positive[counts[0]] = node;
                negative[counts[1]] = node;
                counts[0] += usize::from(is_finite & (value > 0.0));
                counts[1] += usize::from(is_finite & (value < 0.0));
            }
        }
        positive.truncate(counts[0]);
        negative.truncate(counts[1]);
    }
}

/// What is known of a set.
#[derive(Debug, Clone, Copy, Default)]
struct Set {
    extent: u32,
    /// The level down to which `best` goes.
    level: f64,
    /// The largest score of its voxels down to a level.
    best: f64,
}

impl Set {
    fn best_at(self, level: f64) -> f64 {
        self.best + f64::from(self.extent).sqrt() * (self.level - level)
    }
}

/// The sets of a sweep, by their numbers. Number 0 stands for none.
#[derive(Default)]
struct Sets {
    all: Vec<Set>,
    /// A set that the set is part of, itself if it is the whole.
    parents: Vec<u32>,
}

impl Sets {
    fn clear(&mut self) {
        self.all.clear();
        self.all.push(Set::default());
        self.parents.clear();
        self.parents.push(0);
    }

    /// Visits voxels, highest first, and joins the sets of neighbours. `steps` lead to them.
    #[inline(never)]
    fn sweep<S: AsRef<[isize]> + ?Sized>(
        &mut self,
        nodes: &[(u32, u32)],
        places: &mut [u32],
        steps: &S,
    ) {
        let steps = steps.as_ref();
        for &(key, place) in nodes {
            let (place, height) = (place as usize, f64::from(f32::from_bits(key)));
            let level = height * height * height;
            let (mut most, mut least) = (0, u32::MAX);
            let parents = self.parents.as_slice();
            for &step in steps {
                let set = parents[places[place.wrapping_add_signed(step)] as usize];
                most = most.max(set);
                least = least.min(set.wrapping_sub(1));
            }
            places[place] = if most == 0 {
                self.begin(level)
            } else if most == least.wrapping_add(1) && parents[most as usize] == most {
                let set = &mut self.all[most as usize];
                *set = Set { extent: set.extent + 1, level, best: set.best_at(level) };
                most
            } else {
                self.join(places, place, steps, level)
            };
        }
    }

    /// A set of one voxel.
    #[expect(clippy::cast_possible_truncation, reason = "there are fewer than places")]
    fn begin(&mut self, level: f64) -> u32 {
        let number = self.all.len() as u32;
        self.all.push(Set { extent: 1, level, best: 0.0 });
        self.parents.push(number);
        number
    }

    /// Joins the sets of all neighbours of a place, of which there is one at least.
    #[inline(never)]
    fn join(&mut self, places: &mut [u32], place: usize, steps: &[isize], level: f64) -> u32 {
        let (mut whole, mut root) = (Set { extent: 1, level, best: 0.0 }, u32::MAX);
        for &step in steps {
            let near = place.wrapping_add_signed(step);
            if self.parents[places[near] as usize] == 0 {
                continue;
            }
            let other = self.find(places[near]);
            // So that it is found in one step the next time.
            places[near] = other;
            if other == root {
                continue;
            }
            let set = self.all[other as usize];
            whole.extent += set.extent;
            whole.best = whole.best.max(set.best_at(level));
            if root != u32::MAX {
                // The set with the higher peak came first, and is likely to be found again.
                self.parents[root.max(other) as usize] = root.min(other);
            }
            root = root.min(other);
        }
        self.all[root as usize] = whole;
        root
    }

    /// The whole that a set is part of. Halves the path on its way.
    fn find(&mut self, mut set: u32) -> u32 {
        loop {
            let parent = self.parents[set as usize];
            if parent == set {
                return set;
            }
            let next = self.parents[parent as usize];
            self.parents[set as usize] = next;
            set = next;
        }
    }

    /// Returns the largest score, down to zero. After that all sets stand for none.
    fn end(&mut self) -> f64 {
        let wholes = self.parents.iter().zip(0_u32..).zip(&self.all).skip(1);
        let wholes = wholes.filter(|((parent, number), _)| **parent == *number);
        let largest = wholes.fold(0.0, |most: f64, (_, set)| most.max(set.best_at(0.0) / 3.0));
        self.parents.fill(0);
        largest
    }
}
