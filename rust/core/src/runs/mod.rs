//! One threshold: the runs of a map, and the clusters that they form.

pub(crate) mod clusters;
pub(crate) mod erase;
pub(crate) mod link;
pub(crate) mod list;
pub(crate) mod scan;
pub(crate) mod threshold;
pub(crate) mod union_find;
