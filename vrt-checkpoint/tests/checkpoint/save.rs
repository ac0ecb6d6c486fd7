//! What is written is what is read, in the published layout.

use std::fs;

use dfdx::prelude::Cpu;
use safetensors::SafeTensors;
use vrt_checkpoint::save::Precision;
use vrt_checkpoint::{Checkpoint, CheckpointError, KeyLayout, Saving, save};
use vrt_core::model::dims::Golden;

use crate::golden;
use crate::load::tensors;

fn golden_model() -> (Checkpoint, Golden) {
    let checkpoint = Checkpoint::open(&golden::folder()).unwrap();
    let model = checkpoint.load(&Cpu::default()).unwrap();
    (checkpoint, model)
}

#[test]
fn a_saved_checkpoint_has_the_published_tensors_to_the_byte() {
    let (checkpoint, model) = golden_model();
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("saved");
    save(&folder, &model, checkpoint.config(), &Saving::default()).unwrap();
    let bytes = fs::read(folder.join("model.safetensors")).unwrap();
    let saved = SafeTensors::deserialize(&bytes).unwrap();
    let published = tensors();
    assert_eq!(saved.len(), published.len());
    for (name, tensor) in saved.iter() {
        let published = &published[name];
        assert_eq!(
            (tensor.dtype(), tensor.shape()),
            (published.dtype, published.shape.as_slice()),
            "{name}"
        );
        assert!(tensor.data() == published.bytes, "{name}");
    }
    let reread = Checkpoint::open(&folder).unwrap();
    assert_eq!(reread.config().decoder, checkpoint.config().decoder);
    assert_eq!(
        reread
            .load::<_, _>(&Cpu::default())
            .map(|again: Golden| again.to_flat())
            .unwrap(),
        model.to_flat()
    );
}

#[test]
fn shards_nested_names_and_32_bits_lose_nothing() {
    let (checkpoint, mut model) = golden_model();
    // Numbers that 16 bits cannot hold.
    let mut flat = model.to_flat();
    for (i, x) in flat.iter_mut().enumerate() {
        *x += 1e-5 * (i % 97) as f32;
    }
    model.load_flat(&flat).unwrap();
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("saved");
    let saving = Saving {
        precision: Precision::F32,
        layout: KeyLayout::Nested,
        shard_bytes: 300_000,
        companions: Some(golden::folder()),
    };
    save(&folder, &model, checkpoint.config(), &saving).unwrap();
    let shards = fs::read_dir(&folder).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().ends_with(".safetensors")
    });
    assert!(shards.count() > 3);
    assert!(folder.join("preprocessor_config.json").exists());
    let reread = Checkpoint::open(&folder).unwrap();
    assert_eq!(reread.layout(), KeyLayout::Nested);
    let again: Golden = reread.load(&Cpu::default()).unwrap();
    assert_eq!(again.to_flat(), flat);
}

#[test]
fn nothing_is_overwritten_and_nothing_half_written() {
    let (checkpoint, model) = golden_model();
    let place = tempfile::tempdir().unwrap();
    let saving = Saving {
        shard_bytes: 1000,
        ..Saving::default()
    };
    let folder = place.path().join("small");
    let error = save(&folder, &model, checkpoint.config(), &saving).unwrap_err();
    assert!(
        matches!(&error, CheckpointError::ShardLimit { limit: 1000, .. }),
        "{error}"
    );
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    let taken = save(
        place.path(),
        &model,
        checkpoint.config(),
        &Saving::default(),
    )
    .unwrap_err();
    assert!(
        taken
            .to_string()
            .ends_with("exists already; choose a folder that does not")
    );
}
