//! `vrt`: see `vrt --help`.

fn main() {}
