//! The trainer's log-probability of a token is the sampler's.

use std::sync::Arc;

use dfdx::prelude::*;
use vrt_core::model::decode::{Engine, Feed, NewRow};
use vrt_core::model::dims::Tiny;
use vrt_core::model::kernels::log_softmax;
use vrt_core::model::ops::Fused;

use crate::support::{FRAMES, batch, patches};

#[test]
fn decoding_row_by_row_scores_tokens_as_training_does() {
    const TEMPERATURE: f32 = 0.7;
    let dev = Cpu::default();
    let model = Tiny::new(&dev, 12);
    let rows = model
        .visual_rows::<Fused>(&dev, &patches(12, FRAMES))
        .unwrap();
    for width in [0, 1, 2] {
        let batch = batch(12, &[44, 17], width);
        let visual = model.given_rows(&dev, &rows, NoneTape).unwrap();
        let trained = model
            .token_logps::<Fused, _>(&batch, visual, TEMPERATURE)
            .unwrap()
            .logps
            .as_vec();
        let mut engine = Engine::new(Arc::new(model.decoder_weights().unwrap()));
        let mut logits = Vec::new();
        let mut scored = Vec::new();
        for bounds in batch.starts.windows(2) {
            let mut cache = engine.cache();
            for row in bounds[0]..bounds[1] {
                let at = row as usize;
                let feed = match batch.visual_rows.binary_search(&row) {
                    Ok(shown) => {
                        let index = batch.visual_index[shown] as usize;
                        Feed::Visual(&rows[index * 64..][..64])
                    }
                    Err(_) => Feed::Text(batch.tokens[at]),
                };
                let new = [NewRow {
                    feed,
                    position: batch.positions[at],
                    evidence: batch.evidence[at],
                    oldest: batch.oldest[at],
                }];
                engine
                    .forward(&mut [(&mut cache, &new)], &mut logits)
                    .unwrap();
                if let Ok(target) = batch.target_rows.binary_search(&row) {
                    for logit in &mut logits {
                        *logit /= TEMPERATURE;
                    }
                    log_softmax(&mut logits);
                    scored.push(logits[batch.target_tokens[target] as usize]);
                }
            }
        }
        assert_eq!(scored.len(), trained.len());
        for (sampled, trained) in scored.iter().zip(&trained) {
            assert!((sampled - trained).abs() < 1e-4, "{sampled} {trained}");
        }
    }
}
