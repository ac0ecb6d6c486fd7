//! An operation of a module that has none of that name.

use vrt_core::ops;

ops! {
    /// What the judge may do.
    pub Mine = [vrt_core::op::zoom_out];
}

fn main() {}
