//! In: a sequence. Out: what the decoding engine says of its targets.

use vrt_core::model::Tiny;
use vrt_core::model::decode::{Engine, Feed, NewRow};
use vrt_core::policy::FrameBank;
use vrt_core::sequence::{Input, Sequence};

/// `ln p` of each target at a temperature, as the engine gives it: fed row by row, forgotten rows dropped.
pub fn decoded(model: &Tiny, bank: &FrameBank, sequence: &Sequence, temperature: f32) -> Vec<f32> {
    let mut engine = Engine::new(model.decoder_weights().unwrap().into());
    let mut cache = engine.cache();
    let mut logits = Vec::new();
    let mut logps = Vec::new();
    let mut targets = sequence.targets.iter().peekable();
    let mut oldest = 1;
    for (position, row) in sequence.rows.iter().enumerate() {
        if row.oldest != oldest {
            oldest = row.oldest;
            cache.evict(oldest);
        }
        let token;
        let feed = match row.input {
            Input::Text(id) => Feed::Text(id),
            Input::View(view, name) => {
                token = bank.get(sequence.pair, view).unwrap();
                Feed::Named(name, &token)
            }
        };
        let rows = [NewRow {
            feed,
            position: [position as u32; 3],
            evidence: row.evidence,
            oldest: row.oldest,
        }];
        engine
            .forward(&mut [(&mut cache, &rows)], &mut logits)
            .unwrap();
        if let Some(target) = targets.next_if(|target| target.row as usize == position) {
            let scaled: Vec<f64> = logits.iter().map(|&x| f64::from(x / temperature)).collect();
            let largest = scaled.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = scaled.iter().map(|x| (x - largest).exp()).sum();
            logps.push((scaled[target.token as usize] - largest - total.ln()) as f32);
        }
    }
    assert!(targets.next().is_none());
    logps
}
