//! `cargo run -p paper`: results in, `paper/vrt.pdf` out.

fn main() {}
