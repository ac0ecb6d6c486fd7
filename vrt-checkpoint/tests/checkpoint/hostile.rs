//! Files that lie about themselves: every one is refused with a typed error, none with a panic.

use std::fs;
use std::sync::LazyLock;

use dfdx::prelude::Cpu;
use proptest::prelude::*;
use vrt_checkpoint::{Checkpoint, CheckpointError, ModelConfig};
use vrt_core::model::dims::Golden;
use vrt_train::atomic;

use crate::golden;
use crate::load::folder;

static WEIGHTS: LazyLock<Vec<u8>> =
    LazyLock::new(|| fs::read(golden::folder().join("model.safetensors")).unwrap());

fn open(weights: &[u8]) -> Result<Golden, CheckpointError> {
    let folder = folder();
    atomic::write(&folder.path().join("model.safetensors"), weights).unwrap();
    Checkpoint::open(folder.path())?.load(&Cpu::default())
}

fn header() -> usize {
    u64::from_le_bytes(WEIGHTS[..8].try_into().unwrap()) as usize
}

#[test]
fn a_cut_file_is_damaged() {
    for length in [0, 7, 8, 100, WEIGHTS.len() / 2, WEIGHTS.len() - 1] {
        let error = open(&WEIGHTS[..length]).unwrap_err();
        assert!(
            matches!(
                error,
                CheckpointError::Damaged { .. } | CheckpointError::File(_)
            ),
            "{length}: {error}"
        );
    }
}

#[test]
fn a_header_of_any_length_is_no_reason_to_allocate_it() {
    for length in [0, 1, u64::from(u32::MAX), u64::MAX - 7, u64::MAX] {
        let mut bytes = WEIGHTS.clone();
        bytes[..8].copy_from_slice(&length.to_le_bytes());
        let error = open(&bytes).unwrap_err();
        assert!(
            matches!(error, CheckpointError::Damaged { .. }),
            "{length}: {error}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// A few bytes of the header differ: it is read, or refused by name.
    #[test]
    fn a_changed_header_is_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = WEIGHTS.clone();
        let end = 8 + header();
        for (at, byte) in changes {
            bytes[at.index(end)] = byte;
        }
        if let Err(error) = open(&bytes) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    /// The same of `config.json`.
    #[test]
    fn a_changed_configuration_is_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        keep in any::<prop::sample::Index>(),
        cut: bool,
    ) {
        let mut text = fs::read(golden::folder().join("config.json")).unwrap();
        for (at, byte) in changes {
            let at = at.index(text.len());
            text[at] = byte;
        }
        if cut {
            text.truncate(keep.index(text.len()));
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        atomic::write(&path, &text).unwrap();
        if let Err(error) = ModelConfig::read(&path) {
            prop_assert!(error.to_string().contains("config.json"), "{}", error);
        }
    }
}
