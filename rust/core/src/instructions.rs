//! The widest instructions of the processor at hand.
//!
//! Wheels are built for the baseline of their platform. A [`Loop`] over voxels that
//! is run through [`widest`] is compiled once more for AVX2, and which of them runs
//! is decided when it is called. The results are the same: these loops compare and
//! copy, and no rounding depends on the order of what they do.

/// A loop over voxels with what it reads and writes.
///
/// `call` must be `#[inline(always)]`, and so must all that it calls: only what is
/// part of the loop is compiled anew.
pub(crate) use pulp::NullaryFnOnce as Loop;

/// Runs a loop with the widest instructions that this processor has.
#[inline]
pub(crate) fn widest<L: Loop>(work: L) -> L::Output {
    pulp::Arch::new().dispatch(work)
}
