//! A set is a list of names, and only a doc comment stands over it.

use vrt_core::op::select_frames;
use vrt_core::ops;

ops! {
    #[derive(Clone)]
    pub Mine = [select_frames];
}

fn main() {}
