//! Records, files of them, and the page, over the public interface.

mod jsonl;
mod page;
mod record;
mod support;
