//! The tower without a tape sees what the tower on the tape sees, whoever is looked at beside a frame.

use dfdx::prelude::*;
use vrt_core::model::dims::{Golden, Tiny};
use vrt_core::model::ops::Fused;

use crate::support::{FRAMES, patches};

#[test]
fn frames_are_seen_as_in_training() {
    let dev = Cpu::default();
    let model = Tiny::new(&dev, 12);
    let patches = patches(12, FRAMES);
    let trained = model.visual_rows::<Fused>(&dev, &patches).unwrap();
    same(&model.encoder().unwrap().frames(&patches), &trained);
}

#[test]
fn a_frame_does_not_see_its_neighbours_in_a_call() {
    let model = Tiny::new(&Cpu::default(), 12);
    let patches = patches(12, FRAMES);
    let tower = model.encoder().unwrap();
    let together = tower.frames(&patches);
    for count in 1..FRAMES {
        let (frame, token) = (patches.len() / FRAMES, together.len() / FRAMES);
        assert_eq!(
            tower.frames(&patches[..count * frame]),
            together[..count * token]
        );
    }
}

#[test]
fn videos_of_odd_sizes_are_read_in_windows() {
    let dev = Cpu::default();
    let model = Golden::with_config(&dev, crate::golden::CONFIG, 3);
    let grids = [[2, 6, 10], [1, 4, 18]];
    let count: usize = grids
        .iter()
        .map(|grid| grid.iter().product::<usize>())
        .sum();
    let patches: Vec<f32> = (0..count * 1176)
        .map(|i| ((i * 7919) % 1009) as f32 / 500.0 - 1.0)
        .collect();
    let trained = model
        .visual_of::<Fused, _>(&dev, &grids, &patches, NoneTape)
        .unwrap()
        .as_vec();
    let found = model.encoder().unwrap().videos(&grids, &patches);
    same(&found, &trained);
}

/// Up to the rounding of a blocked product, which depends on its number of rows.
fn same(found: &[f32], trained: &[f32]) {
    assert_eq!(found.len(), trained.len());
    for (found, trained) in found.iter().zip(trained) {
        assert!((found - trained).abs() < 1e-5, "{found} is not {trained}");
    }
}
