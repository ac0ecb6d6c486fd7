//! In: a path or bytes. Out: the format that their contents, not their name, say they are.

use std::path::Path;
use std::sync::Arc;

use super::fault::Fault;
use super::limits::Limits;
use super::medium::Medium;
use super::mp4::Mp4;
use super::store::Store;

pub(super) fn open(path: &Path, limits: &Limits) -> Result<Arc<dyn Medium>, Fault> {
    from_store(Store::open(path)?, limits)
}

pub(super) fn from_store(store: Store, limits: &Limits) -> Result<Arc<dyn Medium>, Fault> {
    let head = store.head(12)?;
    match &head[..] {
        [] => Err(Fault::Empty),
        [_, _, _, _, b'f', b't', b'y', b'p', ..]
        | [_, _, _, _, b'm', b'o', b'o', b'v', ..]
        | [_, _, _, _, b'm', b'd', b'a', b't', ..]
        | [_, _, _, _, b'w', b'i', b'd', b'e', ..]
        | [_, _, _, _, b's', b't', b'y', b'p', ..]
        | [_, _, _, _, b'f', b'r', b'e', b'e', ..] => Ok(Arc::new(Mp4::open(store, limits)?)),
        other => Err(unknown(other)),
    }
}

fn unknown(head: &[u8]) -> Fault {
    let hex: Vec<String> = head
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Fault::Unknown {
        begins: hex.join(" "),
    }
}
