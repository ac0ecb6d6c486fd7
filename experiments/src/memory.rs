//! In: a program that allocates with mimalloc. Out: the same, but freed pages stay for the next step.

use std::ffi::c_int;

use libmimalloc_sys::mi_option_set;

/// `mi_option_purge_delay`; its crate names only some of mimalloc's options.
const PURGE_DELAY: c_int = 15;

/// Keeps freed pages as long as the process lives: it stays as large as it ever was, which is what a step needs again.
///
/// A training step frees the buffers that the next one asks for; after a second mimalloc gives such pages back, and the
/// system must clear them anew while other threads wait for it.
pub fn keep_pages() {
    // SAFETY: an atomic store of a number, valid at any time.
    unsafe { mi_option_set(PURGE_DELAY, -1) };
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_option_is_the_delay_that_mimalloc_documents() {
        // SAFETY: an atomic load of a number.
        let delay = || unsafe { libmimalloc_sys::mi_option_get(super::PURGE_DELAY) };
        assert_eq!(delay(), 1000, "milliseconds");
        super::keep_pages();
        assert_eq!(delay(), -1);
    }
}
