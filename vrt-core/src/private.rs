//! What generated code names, so that a crate that declares operations and terms depends on this crate alone.

pub use crate::op::{Param, Reader, param, render_call};
pub use serde;
pub use serde_json;
