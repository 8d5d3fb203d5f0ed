//! All thresholds at once: the component tree of a map, and what is made of it.

pub(crate) mod component_tree;
pub(crate) mod merge_tree;
pub(crate) mod tfce;
