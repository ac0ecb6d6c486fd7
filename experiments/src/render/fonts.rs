//! The embedded typeface: a figure's bytes may not depend on the fonts of a machine.
//!
//! Inter (SIL Open Font License, `assets/inter/OFL.txt`), cut down to Latin, Greek and some signs.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plotters::style::{FontStyle, register_font};
use resvg::usvg::fontdb::Database;

/// The family's name.
pub(super) const FAMILY: &str = "Inter";

const REGULAR: &[u8] = include_bytes!("../../assets/inter/Inter-Regular-subset.ttf");
const BOLD: &[u8] = include_bytes!("../../assets/inter/Inter-SemiBold-subset.ttf");

/// Makes the typeface known to the drawing library, which measures text with it.
pub(super) fn register() {
    for (style, bytes) in [(FontStyle::Normal, REGULAR), (FontStyle::Bold, BOLD)] {
        // The bytes are compiled in; a font that cannot be read would fail every figure test.
        let _ = register_font(FAMILY, style, bytes);
    }
}

/// The typeface for the rasteriser.
pub(super) fn database() -> Arc<Database> {
    let mut database = Database::new();
    database.load_font_data(REGULAR.to_vec());
    database.load_font_data(BOLD.to_vec());
    Arc::new(database)
}

/// A style sheet that carries the typeface inside the SVG, so that it looks the same everywhere.
pub(super) fn style_sheet() -> String {
    let face = |weight: &str, bytes: &[u8]| {
        format!(
            "@font-face{{font-family:\"{FAMILY}\";font-weight:{weight};\
             src:url(data:font/ttf;base64,{}) format(\"truetype\")}}",
            STANDARD.encode(bytes)
        )
    };
    format!(
        "<style>{}{}</style>",
        face("normal", REGULAR),
        face("bold", BOLD)
    )
}
