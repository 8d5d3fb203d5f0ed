//! A volume that is read, and where its result goes, plane by plane.
//!
//! Volumes come here in memory order. A plane is handed on as a slice, whatever its strides
//! were; slabs of planes are visited in parallel.

use ndarray::{ArrayBase, ArrayView3, ArrayViewMut3, Axis, Ix3, RawData};

use crate::map::memory_order::MemoryOrder;
use crate::map::planes::{as_slice, copied, write_rows};
use crate::parallel;
use crate::voxel::Voxel;

/// What a pass over a volume reads, and where it writes.
pub(crate) enum Target<'a, T> {
    /// It writes nowhere.
    Read(ArrayView3<'a, T>),
    /// Into another volume of the same shape.
    New {
        /// What is read.
        source: ArrayView3<'a, T>,
        /// What is written, whole; its old content is never read.
        out: ArrayViewMut3<'a, T>,
        /// Whether the old content is zeros, so that zeros need not be written.
        is_zero: bool,
    },
    /// Over the volume itself.
    InPlace(ArrayViewMut3<'a, T>),
}

impl<'a, T> Target<'a, T> {
    /// The volume to read.
    pub(crate) fn source(&self) -> ArrayView3<'_, T> {
        match self {
            Self::Read(source) | Self::New { source, .. } => source.view(),
            Self::InPlace(volume) => volume.view(),
        }
    }

    /// The volume to write.
    pub(crate) fn out(self) -> Option<ArrayViewMut3<'a, T>> {
        match self {
            Self::Read(_) => None,
            Self::New { out, .. } | Self::InPlace(out) => Some(out),
        }
    }

    /// The target for a shorter time.
    pub(crate) fn reborrow(&mut self) -> Target<'_, T> {
        match self {
            Self::Read(source) => Target::Read(source.view()),
            Self::New { source, out, is_zero } => {
                Target::New { source: source.view(), out: out.view_mut(), is_zero: *is_zero }
            }
            Self::InPlace(volume) => Target::InPlace(volume.view_mut()),
        }
    }

    /// The order in which to visit it: of what is read, but in the direction of what is
    /// written, because it is faster to read backwards than to write so.
    pub(crate) fn order(&self) -> MemoryOrder {
        let order = MemoryOrder::of(&self.source());
        match self {
            Self::New { out, .. } => order.in_direction_of(&out.view()),
            Self::Read(_) | Self::InPlace(_) => order,
        }
    }

    /// The target, turned.
    pub(crate) fn in_order(self, order: MemoryOrder) -> Self {
        match self {
            Self::Read(source) => Self::Read(order.apply(source)),
            Self::New { source, out, is_zero } => {
                Self::New { source: order.apply(source), out: order.apply(out), is_zero }
            }
            Self::InPlace(volume) => Self::InPlace(order.apply(volume)),
        }
    }

    /// The target of each slab of `thickness` planes.
    fn slabs(&mut self, thickness: usize) -> Vec<Target<'_, T>> {
        let planes = Axis(0);
        match self {
            Self::Read(source) => {
                source.axis_chunks_iter(planes, thickness).map(Target::Read).collect()
            }
            Self::New { source, out, is_zero } => source
                .axis_chunks_iter(planes, thickness)
                .zip(out.axis_chunks_iter_mut(planes, thickness))
                .map(|(source, out)| Target::New { source, out, is_zero: *is_zero })
                .collect(),
            Self::InPlace(volume) => {
                volume.axis_chunks_iter_mut(planes, thickness).map(Target::InPlace).collect()
            }
        }
    }
}

/// One plane of a volume.
pub(crate) struct Plane<'a, T> {
    /// Its voxels.
    pub(crate) source: &'a [T],
    /// Its part of the mask.
    pub(crate) mask: Option<&'a [bool]>,
    /// Where its result goes.
    pub(crate) out: Out<'a, T>,
}

/// Where the result of a plane goes.
pub(crate) enum Out<'a, T> {
    /// Nowhere.
    None,
    /// To voxels that hold anything.
    Any(&'a mut [T]),
    /// To zeros.
    Zeros(&'a mut [T]),
}

/// Visits a volume plane by plane, in slabs of `thickness` planes that are visited
/// in parallel.
///
/// Each slab starts from its own `start(planes)`, with its number of planes; the
/// states come back in the order of the slabs, and the planes of a slab come in
/// theirs.
pub(crate) fn visit_planes<T: Voxel, State: Send>(
    target: Target<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    thickness: usize,
    start: impl Fn(usize) -> State + Sync,
    visit: impl Fn(&mut State, Plane<'_, T>) + Sync,
) -> Vec<State> {
    visit_slabs(target, mask, thickness, start, |state, target, mask| {
        visit_slab(target, mask, |plane| visit(state, plane));
    })
}

/// Visits a volume as [`visit_planes`] does, for those to whom a plane is no more than its
/// voxels: the planes of a slab come as one where they follow one another in memory.
pub(crate) fn visit_stretches<T: Voxel, State: Send>(
    target: Target<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    thickness: usize,
    start: impl Fn() -> State + Sync,
    visit: impl Fn(&mut State, Plane<'_, T>) + Sync,
) -> Vec<State> {
    visit_slabs(
        target,
        mask,
        thickness,
        |_| start(),
        |state, target, mask| {
            let (target, mask) = in_one_plane(target, mask);
            visit_slab(target, mask, |plane| visit(state, plane));
        },
    )
}

fn visit_slabs<T: Voxel, State: Send>(
    mut target: Target<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    thickness: usize,
    start: impl Fn(usize) -> State + Sync,
    visit: impl Fn(&mut State, Target<'_, T>, Option<ArrayView3<'_, bool>>) + Sync,
) -> Vec<State> {
    let targets = target.slabs(thickness);
    let masks = match &mask {
        None => vec![None; targets.len()],
        Some(mask) => mask.axis_chunks_iter(Axis(0), thickness).map(Some).collect(),
    };
    let slabs = targets.into_iter().zip(masks).collect();
    parallel::map(slabs, |(target, mask)| {
        let mut state = start(target.source().len_of(Axis(0)));
        visit(&mut state, target, mask);
        state
    })
}

/// A slab with its planes in one, if they follow one another in memory. One that is written
/// over itself stays as it is: its planes are copied.
fn in_one_plane<'a, 'b, T>(
    target: Target<'a, T>,
    mask: Option<ArrayView3<'b, bool>>,
) -> (Target<'a, T>, Option<ArrayView3<'b, bool>>) {
    let follow = match &target {
        Target::Read(source) => source.is_standard_layout(),
        Target::New { source, out, .. } => source.is_standard_layout() && out.is_standard_layout(),
        Target::InPlace(_) => false,
    };
    if !follow || mask.is_some_and(|mask| !mask.is_standard_layout()) {
        return (target, mask);
    }
    let target = match target {
        Target::Read(source) => Target::Read(joined(source)),
        Target::New { source, out, is_zero } => {
            Target::New { source: joined(source), out: joined(out), is_zero }
        }
        Target::InPlace(volume) => Target::InPlace(volume),
    };
    (target, mask.map(joined))
}

/// Planes that follow one another, as one.
fn joined<S: RawData>(mut planes: ArrayBase<S, Ix3>) -> ArrayBase<S, Ix3> {
    planes.merge_axes(Axis(0), Axis(1));
    planes
}

fn visit_slab<T: Voxel>(
    target: Target<'_, T>,
    mask: Option<ArrayView3<'_, bool>>,
    mut visit: impl FnMut(Plane<'_, T>),
) {
    let (source, mut out, is_zero) = match target {
        Target::Read(source) => (Some(source), None, false),
        Target::New { source, out, is_zero } => (Some(source), Some(out), is_zero),
        Target::InPlace(volume) => (None, Some(volume), false),
    };
    let planes = source.as_ref().map_or_else(
        || out.as_ref().map_or(0, |out| out.len_of(Axis(0))),
        |source| source.len_of(Axis(0)),
    );
    let (mut copy, mut mask_copy, mut out_copy) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..planes {
        let mut out = out.as_mut().map(|out| out.index_axis_mut(Axis(0), number));
        let source = match (&source, &out) {
            (Some(source), _) => as_slice(source.index_axis(Axis(0), number), &mut copy),
            (None, Some(out)) => copied(out.view(), &mut copy),
            (None, None) => return,
        };
        let mask = mask.as_ref().map(|mask| mask.index_axis(Axis(0), number));
        let mask = mask.map(|mask| as_slice(mask, &mut mask_copy));
        let Some(out) = &mut out else {
            visit(Plane { source, mask, out: Out::None });
            continue;
        };
        if let Some(out) = out.as_slice_mut() {
            let out = if is_zero { Out::Zeros(out) } else { Out::Any(out) };
            visit(Plane { source, mask, out });
        } else {
            out_copy.resize(out.len(), T::ZERO);
            visit(Plane { source, mask, out: Out::Any(&mut out_copy) });
            write_rows(out.view_mut(), &out_copy);
        }
    }
}
