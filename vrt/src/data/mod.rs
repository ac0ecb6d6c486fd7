//! In: the files of published benchmarks. Out: preference pairs, and a reason for every row that gave none.
