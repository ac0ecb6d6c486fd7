//! In: a path or bytes. Out: the format that their contents, not their name, say they are.

use std::path::Path;
use std::sync::Arc;

use super::fault::Fault;
use super::limits::Limits;
use super::medium::Medium;
use super::mp4::Mp4;
use super::store::Store;
use super::{animation, stills};

pub(super) fn open(path: &Path, limits: &Limits) -> Result<Arc<dyn Medium>, Fault> {
    if path.is_dir() {
        return Ok(Arc::new(stills::folder(path, limits)?));
    }
    let native = Store::open(path).and_then(|store| from_store(store, limits));
    #[cfg(feature = "ffmpeg")]
    if matches!(native, Err(Fault::Unknown { .. } | Fault::Unsupported(_))) {
        return Ok(Arc::new(super::ffmpeg::open(path, limits)?));
    }
    native
}

/// Boxes with which an MP4 or MOV file begins.
const MP4: [&[u8]; 9] = [
    b"ftyp", b"moov", b"mdat", b"wide", b"styp", b"free", b"skip", b"moof", b"sidx",
];

pub(super) fn from_store(store: Store, limits: &Limits) -> Result<Arc<dyn Medium>, Fault> {
    let head = store.head(12)?;
    if head.is_empty() {
        return Err(Fault::Empty);
    }
    let animation = |kind| -> Result<Arc<dyn Medium>, Fault> {
        Ok(Arc::new(animation::open(
            store.all()?.into(),
            kind,
            limits,
        )?))
    };
    if head.starts_with(b"GIF8") {
        animation(animation::Kind::Gif)
    } else if head.starts_with(b"RIFF") && head.ends_with(b"WEBP") {
        animation(animation::Kind::WebP)
    } else if head.starts_with(b"\x89PNG") || head.starts_with(b"\xff\xd8\xff") {
        Ok(Arc::new(stills::single(store, limits)?))
    } else if head.get(4..8).is_some_and(|kind| MP4.contains(&kind)) {
        Ok(Arc::new(Mp4::open(store, limits)?))
    } else {
        Err(Fault::Unknown { begins: hex(&head) })
    }
}

/// The first bytes, for a person.
pub(super) fn hex(head: &[u8]) -> String {
    let bytes: Vec<String> = head
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    bytes.join(" ")
}
