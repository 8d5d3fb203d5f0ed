//! What there is to say of a map and its clusters.

pub(crate) mod blocks;
pub(crate) mod exact_sum;
pub(crate) mod extra_map;
pub(crate) mod label;
pub(crate) mod maxima;
pub(crate) mod percentile;
pub(crate) mod table;
