//! In: episodes. Out: trace records, one JSON line each, and one self-contained page to look through them.
