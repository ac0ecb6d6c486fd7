//! The commands of `vrt`, one a file.
