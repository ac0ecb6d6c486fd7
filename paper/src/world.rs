//! In: a file or a font that the text asks for. Out: its bytes, from the workspace or from the binary.

use std::fs;
use std::path::Path;

use typst::diag::{FileError, FileResult};
use typst::foundations::{Bytes, Datetime, Duration};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt, World};
use typst_kit::fonts::{FontStore, embedded};

/// The figures' typeface; they name it, they cannot bring it.
const INTER: [&[u8]; 2] = [
    include_bytes!("../../experiments/assets/inter/Inter-Regular-subset.ttf"),
    include_bytes!("../../experiments/assets/inter/Inter-SemiBold-subset.ttf"),
];

/// What the text reads its numbers from.
const DATA: &str = "data.json";

/// A workspace as the compiler sees it: files below its root, the numbers, the embedded fonts; no clock, no packages.
pub(crate) struct Workspace<'a> {
    root: &'a Path,
    data: Bytes,
    library: LazyHash<Library>,
    fonts: FontStore,
    main: FileId,
}

impl<'a> Workspace<'a> {
    /// The workspace at `root`, set from `main`.
    ///
    /// # Errors
    /// [`FileError`] when `main` is no path inside it.
    pub(crate) fn new(root: &'a Path, main: &str, data: Vec<u8>) -> FileResult<Self> {
        let mut fonts = FontStore::new();
        fonts.extend(embedded());
        for bytes in INTER {
            let faces = Font::iter(Bytes::new(bytes)).map(|font| {
                let info = font.info().clone();
                (font, info)
            });
            fonts.extend(faces);
        }
        let main = VirtualPath::new(main).map_err(|_| FileError::NotFound(main.into()))?;
        Ok(Self {
            root,
            data: Bytes::new(data),
            library: LazyHash::new(Library::default()),
            fonts,
            main: RootedPath::new(VirtualRoot::Project, main).intern(),
        })
    }

    fn bytes(&self, id: FileId) -> FileResult<Bytes> {
        let path = id.get();
        let VirtualRoot::Project = path.root() else {
            return Err(FileError::Other(Some(
                "the paper uses no packages: it is built without a network".into(),
            )));
        };
        if path.vpath().get_without_slash() == DATA {
            return Ok(self.data.clone());
        }
        let file = path.vpath().realize(self.root)?;
        match fs::read(&file) {
            Ok(bytes) => Ok(Bytes::new(bytes)),
            Err(error) => Err(FileError::from_io(error, &file)),
        }
    }
}

impl World for Workspace<'_> {
    fn library(&self) -> &LazyHash<Library> {
        &self.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        self.fonts.book()
    }

    fn main(&self) -> FileId {
        self.main
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        let bytes = self.bytes(id)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| FileError::InvalidUtf8)?;
        Ok(Source::new(id, text.to_owned()))
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        self.bytes(id)
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.fonts.font(index)
    }

    /// None: a date would make the same results give other bytes tomorrow.
    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None
    }
}
