//! In: a folder of images, or one image. Out: each image as a frame, in the order in which a person counts.

use std::cmp::Ordering;
use std::fs;
use std::io::Cursor as Bytes;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};

use super::animation::over_white;
use super::fault::Fault;
use super::guard::guarded;
use super::info::Info;
use super::limits::Limits;
use super::medium::{Cursor, Medium, Way};
use super::picture::Rgb8;
use super::store::Store;

const NAME: &str = "image";

/// Where the images lie.
enum Places {
    Files(Vec<PathBuf>),
    Memory(Store),
}

/// Images of one size.
pub(super) struct Stills {
    places: Places,
    info: Info,
    limits: Limits,
}

/// The images of a folder: PNG, JPEG and WebP by their contents. Other files are named in an error, hidden ones are not looked at.
pub(super) fn folder(path: &Path, limits: &Limits) -> Result<Stills, Fault> {
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if !hidden {
            files.push(entry.path());
            limits.check_frames(files.len() as u64)?;
        }
    }
    files.sort_by(|one, other| by_count(&one.to_string_lossy(), &other.to_string_lossy()));
    let mut first = None;
    for file in &files {
        let size = Store::open(file)
            .and_then(|store| size(&store, limits))
            .map_err(|fault| in_folder(file, &fault))?;
        let (width, height) = *first.get_or_insert(size);
        if size != (width, height) {
            let why = format!(
                "{} × {} pixels where the first image has {width} × {height}",
                size.0, size.1
            );
            return Err(Fault::malformed(file.display(), why));
        }
    }
    let Some((width, height)) = first else {
        return Err(Fault::Empty);
    };
    let info = Info {
        frames: files.len() as u32,
        width,
        height,
        seconds: None,
        container: "folder",
        codec: "images".to_owned(),
    };
    Ok(Stills {
        places: Places::Files(files),
        info,
        limits: *limits,
    })
}

/// One image: a video of one frame.
pub(super) fn single(store: Store, limits: &Limits) -> Result<Stills, Fault> {
    let (width, height) = size(&store, limits)?;
    let info = Info {
        frames: 1,
        width,
        height,
        seconds: None,
        container: "image",
        codec: "image".to_owned(),
    };
    Ok(Stills {
        places: Places::Memory(store),
        info,
        limits: *limits,
    })
}

fn in_folder(file: &Path, fault: &Fault) -> Fault {
    Fault::malformed(file.display(), format_args!("it {fault}"))
}

/// By name, where digits count as the number they write: `frame2` comes before `frame10`.
fn by_count(one: &str, other: &str) -> Ordering {
    let (mut a, mut b) = (one, other);
    loop {
        let digits = |text: &str| {
            text.find(|letter: char| !letter.is_ascii_digit())
                .unwrap_or(text.len())
        };
        match (digits(a), digits(b)) {
            (0, _) | (_, 0) => match (a.chars().next(), b.chars().next()) {
                (Some(x), Some(y)) if x == y => (a, b) = (&a[x.len_utf8()..], &b[y.len_utf8()..]),
                (x, y) => return x.cmp(&y).then_with(|| one.cmp(other)),
            },
            (m, n) => {
                let (x, y) = (
                    a[..m].trim_start_matches('0'),
                    b[..n].trim_start_matches('0'),
                );
                match x.len().cmp(&y.len()).then_with(|| x.cmp(y)) {
                    Ordering::Equal => (a, b) = (&a[m..], &b[n..]),
                    unequal => return unequal,
                }
            }
        }
    }
}

fn decoder(bytes: &[u8]) -> Result<impl ImageDecoder + '_, Fault> {
    let reader = ImageReader::new(Bytes::new(bytes)).with_guessed_format()?;
    match reader.format() {
        Some(ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP) => reader
            .into_decoder()
            .map_err(|why| Fault::decode(NAME, why)),
        _ => Err(Fault::Unknown {
            begins: super::kind::hex(bytes),
        }),
    }
}

/// The size, upright.
fn size(store: &Store, limits: &Limits) -> Result<(u32, u32), Fault> {
    if store.len() == 0 {
        return Err(Fault::Empty);
    }
    let bytes = store.all()?;
    guarded(NAME, || {
        let mut decoder = decoder(&bytes)?;
        let (width, height) = decoder.dimensions();
        limits.check_size(width, height)?;
        let orientation = decoder
            .orientation()
            .map_err(|why| Fault::decode(NAME, why))?;
        // Turning one pixel row tells whether the turn swaps the sides.
        let mut probe = DynamicImage::new_rgb8(2, 1);
        probe.apply_orientation(orientation);
        Ok(if probe.width() == 2 {
            (width, height)
        } else {
            (height, width)
        })
    })
}

impl Stills {
    fn decode(&self, frame: u32) -> Result<Rgb8, Fault> {
        let read = |store: &Store| {
            let bytes = store.all()?;
            guarded(NAME, || {
                let mut decoder = decoder(&bytes)?;
                let (width, height) = decoder.dimensions();
                self.limits.check_size(width, height)?;
                let orientation = decoder
                    .orientation()
                    .map_err(|why| Fault::decode(NAME, why))?;
                let mut image =
                    DynamicImage::from_decoder(decoder).map_err(|why| Fault::decode(NAME, why))?;
                image.apply_orientation(orientation);
                Ok(over_white(&image.to_rgba8()))
            })
        };
        match &self.places {
            Places::Memory(store) => read(store),
            Places::Files(files) => {
                let file = &files[frame as usize];
                Store::open(file)
                    .and_then(|store| read(&store))
                    .map_err(|fault| in_folder(file, &fault))
            }
        }
    }
}

impl Medium for Stills {
    fn info(&self) -> &Info {
        &self.info
    }

    fn run(&self, frame: u32) -> (u32, u32) {
        (frame, frame)
    }

    fn cursor(self: Arc<Self>) -> Box<dyn Cursor> {
        Box::new(Reader(self))
    }
}

struct Reader(Arc<Stills>);

impl Cursor for Reader {
    fn way(&self, _: u32) -> Way {
        Way::On(1)
    }

    fn frame(&mut self, frame: u32) -> Result<Rgb8, Fault> {
        self.0.decode(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ordered_as_a_person_counts() {
        let mut names = [
            "f10.png", "f2.png", "f02b.png", "f1.png", "e.png", "f002.png",
        ];
        names.sort_by(|one, other| by_count(one, other));
        assert_eq!(
            names,
            [
                "e.png", "f1.png", "f002.png", "f2.png", "f02b.png", "f10.png"
            ]
        );
    }
}
