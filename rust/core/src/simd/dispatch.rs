//! The widest instructions of the processor at hand.
//!
//! Wheels are built for the baseline of their platform. A [`Loop`] over voxels that is run
//! through [`dispatch`] is compiled once more for AVX2 and once for AVX-512, and which of them
//! runs is decided when it is called. The results are the same: these loops compare and copy,
//! and no rounding depends on the order of what they do.

// pulp is used because it is safe. A loop must be a struct: a closure is not compiled anew.
// With AVX-512 a compare gives bits, and a 2 mm map with clusters takes 7 to 10 % less than
// with AVX2 (benches/rust/stages.rs).
//
// Memory is asked for ahead, because the processor does so only within a page and begins anew
// after each plane that has been linked. On maps that are not in the cache this takes a quarter
// off, with clusters or without, and adds 2 % on one that is. Rejected: to ask for every second
// line or fourth, which is slower than not at all.

/// A loop over voxels with what it reads and writes.
///
/// `call` must be `#[inline(always)]`, and so must all that it calls: only what is
/// part of the loop is compiled anew.
pub(crate) use pulp::NullaryFnOnce as Loop;

/// Runs a loop with the widest instructions that this processor has.
#[inline]
pub(crate) fn dispatch<L: Loop>(work: L) -> L::Output {
    #[cfg(test)]
    if let Some(instructions) = tests::CHOSEN.get() {
        return instructions.dispatch(work);
    }
    pulp::Arch::new().dispatch(work)
}

/// How far ahead of what is at hand memory is asked for, in bytes: two pages.
#[cfg(target_arch = "x86_64")]
const AHEAD: usize = 8192;

/// Asks for memory that will be wanted soon: as much as some values take, two pages ahead of
/// them. What is there is not read, and there may be nothing.
#[inline(always)]
pub(crate) fn fetch_ahead<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    if let Some(sse) = pulp::core_arch::x86::Sse::try_new() {
        let first = values.as_ptr().cast::<i8>().wrapping_add(AHEAD);
        for line in (0..size_of_val(values)).step_by(64) {
            sse._mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(first.wrapping_add(line));
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use ndarray::{Array3, ArrayView3, Axis, ShapeBuilder};
    use pulp::Arch;

    use crate::connectivity::Connectivity;
    use crate::map::output::Output;
    use crate::map::summary::summary;
    use crate::measure::percentile::{Population, percentile};
    use crate::request::{Request, Sides};
    use crate::runs::clusters::Clusters;
    use crate::runs::threshold::threshold;
    use crate::voxel::Voxel;

    thread_local! {
        /// What this thread runs loops with instead of the widest instructions.
        pub(super) static CHOSEN: Cell<Option<Arch>> = const { Cell::new(None) };
    }

    /// All that this processor has, the plain ones of the platform first.
    fn all() -> Vec<Arch> {
        #[cfg(target_arch = "x86_64")]
        let between = pulp::x86::V3::try_new().map(Arch::V3);
        #[cfg(not(target_arch = "x86_64"))]
        let between = None;
        [Arch::Scalar].into_iter().chain(between).chain([Arch::new()]).collect()
    }

    /// A map with few distinct values, in stretches of all lengths, some of them empty.
    fn map<T: Voxel>(values: &[T]) -> Array3<T> {
        let mut state = 1_u64;
        let mut left = 0;
        let mut value = T::ZERO;
        Array3::from_shape_simple_fn((41, 37, 5).f(), || {
            if left == 0 {
                // Knuth's generator; its upper bits are good ones.
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let drawn = (state >> 33) as usize;
                left = 1 << (2 * (drawn % 5));
                value = values[drawn / 5 % values.len()];
            }
            left -= 1;
            value
        })
    }

    /// Everything that is found in a map, as bits.
    fn found<T: Voxel>(map: ArrayView3<'_, T>, mask: Option<ArrayView3<'_, bool>>) -> Vec<u64> {
        let mut found = Vec::new();
        let (both, one) = (Sides::Both, Sides::One);
        for (level, sides) in [(2.0, both), (2.0, one), (-2.0, one), (0.0, both)] {
            for (min_extent, connectivity) in
                [(0, Connectivity::Faces), (4, Connectivity::Faces), (4, Connectivity::Corners)]
            {
                let request = Request::new(level, sides).unwrap();
                let request = request.min_extent(min_extent).connectivity(connectivity);
                let mut out = map.mapv(|_| T::RANGE.1);
                let written = Output::from(out.view_mut().into_dyn());
                let range = threshold(map.into_dyn(), written, mask, request).unwrap();
                found.extend([range.min, range.max].map(f64::to_bits));
                found.push(range.has_non_finite.into());
                found.extend(out.iter().map(|value| value.to_f64().to_bits()));
                let clusters = Clusters::find(map.reversed_axes(), None, request);
                found.extend(clusters.unwrap().extents());
            }
        }
        let range = summary(map.into_dyn(), mask).unwrap();
        found.extend([range.min, range.max].map(f64::to_bits));
        for population in [Population::Magnitudes, Population::NotNegative] {
            let percentile = percentile(map.into_dyn(), mask, population, 70.0).unwrap();
            found.push(percentile.unwrap_or(-1.0).to_bits());
        }
        found
    }

    fn check<T: Voxel>(values: &[T]) {
        let map = map(values);
        let mask = map.mapv(|value| value > T::ZERO);
        for mask in [None, Some(mask.view())] {
            // Fortran order, and one that has to be copied.
            let mut reversed = map.view();
            reversed.invert_axis(Axis(1));
            for map in [map.view(), reversed] {
                let results = all().into_iter().map(|instructions| {
                    CHOSEN.set(Some(instructions));
                    let found = found(map, mask);
                    CHOSEN.set(None);
                    found
                });
                let results: Vec<_> = results.collect();
                assert!(results.iter().all(|result| *result == results[0]));
            }
        }
    }

    macro_rules! the_same_with_all {
        ($($voxel:ident: $values:expr),* $(,)?) => {$(
            #[test]
            fn $voxel() {
                check::<$voxel>(&$values);
            }
        )*};
    }

    the_same_with_all! {
        f32: [0.0, 0.0, 1.0, 2.0, -2.0, 3.5, -0.0, f32::NAN, f32::INFINITY],
        f64: [0.0, 0.0, 1.0, 2.0, -2.0, 3.5, -0.0, f64::NAN, f64::NEG_INFINITY],
        i8: [0, 0, 1, 2, -2, 3, i8::MIN, i8::MAX],
        i16: [0, 0, 1, 2, -2, 3, i16::MIN, i16::MAX],
        i32: [0, 0, 1, 2, -2, 3, i32::MIN, i32::MAX],
        i64: [0, 0, 1, 2, -2, 3, i64::MIN, i64::MAX],
        u8: [0, 0, 1, 2, 3, u8::MAX],
        u16: [0, 0, 1, 2, 3, u16::MAX],
        u32: [0, 0, 1, 2, 3, u32::MAX],
        u64: [0, 0, 1, 2, 3, u64::MAX],
    }
}
