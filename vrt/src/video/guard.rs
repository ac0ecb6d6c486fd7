//! In: a call into a decoder of somebody else. Out: its value, or a typed error where it panicked.
//!
//! The one boundary at which a panic is caught. Whatever the call was working on is thrown away afterwards, so no broken
//! state survives it.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use super::fault::Fault;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
    static MESSAGE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs a call into a decoder.
///
/// # Errors
/// The call's own, or [`Fault::Panicked`].
pub(crate) fn guarded<T>(
    decoder: &'static str,
    call: impl FnOnce() -> Result<T, Fault>,
) -> Result<T, Fault> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        // A contained panic is told once, in the error, and not on the terminal as well.
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if GUARDED.get() {
                MESSAGE.set(info.to_string().replace('\n', " "));
            } else {
                print(info);
            }
        }));
    });
    let outer = GUARDED.replace(true);
    // The states a call could leave broken are owned by its caller, which drops them on any error.
    let outcome = panic::catch_unwind(AssertUnwindSafe(call));
    GUARDED.set(outer);
    outcome.unwrap_or_else(|_| {
        Err(Fault::Panicked {
            decoder,
            message: MESSAGE.take(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_its_message() {
        let fault = guarded::<()>("test", || panic!("index 7 of 3")).unwrap_err();
        let Fault::Panicked {
            decoder: "test",
            message,
        } = fault
        else {
            panic!("{fault:?}")
        };
        assert!(
            message.contains("index 7 of 3") && message.contains("guard.rs"),
            "{message}"
        );
        assert_eq!(guarded("test", || Ok(3)), Ok(3));
    }
}
