//! The decoding engine against a plain forward pass in `f64` that knows neither caches nor batches.
#![allow(missing_docs)]

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::RngExt;
use vrt_core::model::decode::{Cache, DecodeError, Engine, Feed, NewRow};
use vrt_core::model::sampling::{SampleError, sample};
use vrt_core::model::weights::{DecoderConfig, DecoderWeights, ParameterError, WeightsError};
use vrt_core::rng::{Purpose, stream};
use vrt_core::window::{MemoryWindow, visible};

type Parameters = BTreeMap<String, Vec<f32>>;

fn config() -> DecoderConfig {
    DecoderConfig {
        vocab: 53,
        dim: 24,
        layers: 3,
        heads: 4,
        kv_heads: 2,
        head_dim: 16,
        mlp: 40,
        rope_theta: 10_000.0,
        mrope_section: [2, 3, 3],
        eps: 1e-6,
    }
}

fn parameters(c: &DecoderConfig) -> Parameters {
    let mut shapes = vec![
        ("model.embed_tokens.weight".to_owned(), c.vocab * c.dim),
        ("model.norm.weight".to_owned(), c.dim),
    ];
    for l in 0..c.layers {
        for (name, n) in [
            ("input_layernorm.weight", c.dim),
            ("self_attn.q_proj.weight", c.q_dim() * c.dim),
            ("self_attn.k_proj.weight", c.kv_dim() * c.dim),
            ("self_attn.v_proj.weight", c.kv_dim() * c.dim),
            ("self_attn.q_proj.bias", c.q_dim()),
            ("self_attn.k_proj.bias", c.kv_dim()),
            ("self_attn.v_proj.bias", c.kv_dim()),
            ("self_attn.o_proj.weight", c.dim * c.q_dim()),
            ("post_attention_layernorm.weight", c.dim),
            ("mlp.gate_proj.weight", c.mlp * c.dim),
            ("mlp.up_proj.weight", c.mlp * c.dim),
            ("mlp.down_proj.weight", c.dim * c.mlp),
        ] {
            shapes.push((format!("model.layers.{l}.{name}"), n));
        }
    }
    let mut rng = stream(7, Purpose::Init, 0, 0, 0);
    shapes
        .into_iter()
        .map(|(name, n)| {
            let values = (0..n).map(|_| rng.random::<f32>() - 0.5).collect();
            (name, values)
        })
        .collect()
}

fn engine() -> Engine {
    let p = parameters(&config());
    Engine::new(Arc::new(
        DecoderWeights::new(config(), |name| p.get(name).cloned()).unwrap(),
    ))
}

fn linear(x: &[f64], w: &[f32], b: Option<&Vec<f32>>) -> Vec<f64> {
    w.chunks(x.len())
        .enumerate()
        .map(|(o, row)| {
            let products = row.iter().zip(x).map(|(w, x)| f64::from(*w) * x);
            products.sum::<f64>() + b.map_or(0.0, |b| f64::from(b[o]))
        })
        .collect()
}

fn norm(x: &[f64], w: &[f32]) -> Vec<f64> {
    let mean = x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64;
    let scaled = x.iter().map(|x| x / (mean + 1e-6).sqrt());
    scaled.zip(w).map(|(x, w)| x * f64::from(*w)).collect()
}

fn turn(x: &[f64], c: &DecoderConfig, position: [u32; 3]) -> Vec<f64> {
    let half = c.head_dim / 2;
    let mut y = x.to_vec();
    for head in 0..x.len() / c.head_dim {
        for i in 0..half {
            let axis = match i {
                0..2 => 0,
                2..5 => 1,
                _ => 2,
            };
            let frequency = 10_000f64.powf(-(2.0 * i as f64) / c.head_dim as f64);
            let (s, k) = (f64::from(position[axis]) * frequency).sin_cos();
            let (a, b) = (head * c.head_dim + i, head * c.head_dim + i + half);
            y[a] = x[a] * k - x[b] * s;
            y[b] = x[b] * k + x[a] * s;
        }
    }
    y
}

/// Logits after every row.
fn reference(p: &Parameters, rows: &[NewRow<'_>]) -> Vec<Vec<f64>> {
    let c = config();
    let embed = &p["model.embed_tokens.weight"];
    let mut x: Vec<Vec<f64>> = rows
        .iter()
        .map(|row| {
            let piece = |id: u32| &embed[id as usize * c.dim..][..c.dim];
            let wide = |x: &[f32]| -> Vec<f64> { x.iter().map(|x| f64::from(*x)).collect() };
            match row.feed {
                Feed::Text(id) => wide(piece(id)),
                Feed::Visual(v) => wide(v),
                Feed::Named(id, v) => wide(piece(id))
                    .iter()
                    .zip(wide(v))
                    .map(|(a, b)| a + b)
                    .collect(),
            }
        })
        .collect();
    for l in 0..c.layers {
        let get = |name: &str| &p[&format!("model.layers.{l}.{name}")];
        let project = |x: &[f64], which: &str| {
            let normed = norm(x, get("input_layernorm.weight"));
            let bias = get(&format!("self_attn.{which}_proj.bias"));
            let weight = get(&format!("self_attn.{which}_proj.weight"));
            linear(&normed, weight, Some(bias))
        };
        let turned = |which: &str| -> Vec<Vec<f64>> {
            let pairs = x.iter().zip(rows);
            pairs
                .map(|(x, row)| turn(&project(x, which), &c, row.position))
                .collect()
        };
        let (q, k) = (turned("q"), turned("k"));
        let v: Vec<_> = x.iter().map(|x| project(x, "v")).collect();
        for i in 0..rows.len() {
            let seen: Vec<usize> = (0..=i)
                .filter(|j| visible(rows[*j].evidence, rows[i].oldest))
                .collect();
            let mut attended = vec![0.0; c.q_dim()];
            for head in 0..c.heads {
                let (from, kv) = (head * c.head_dim, head / 2 * c.head_dim);
                let scores: Vec<f64> = seen
                    .iter()
                    .map(|j| {
                        let products = (0..c.head_dim).map(|d| q[i][from + d] * k[*j][kv + d]);
                        (products.sum::<f64>() / (c.head_dim as f64).sqrt()).exp()
                    })
                    .collect();
                let total: f64 = scores.iter().sum();
                for (j, score) in seen.iter().zip(&scores) {
                    for d in 0..c.head_dim {
                        attended[from + d] += score / total * v[*j][kv + d];
                    }
                }
            }
            let add = |x: &mut Vec<f64>, y: Vec<f64>| {
                for (x, y) in x.iter_mut().zip(y) {
                    *x += y;
                }
            };
            let o = linear(&attended, get("self_attn.o_proj.weight"), None);
            add(&mut x[i], o);
            let normed = norm(&x[i], get("post_attention_layernorm.weight"));
            let gate = linear(&normed, get("mlp.gate_proj.weight"), None);
            let up = linear(&normed, get("mlp.up_proj.weight"), None);
            let pairs = gate.iter().zip(&up);
            let inner: Vec<f64> = pairs.map(|(g, u)| g / (1.0 + (-g).exp()) * u).collect();
            add(&mut x[i], linear(&inner, get("mlp.down_proj.weight"), None));
        }
    }
    x.iter()
        .map(|x| linear(&norm(x, &p["model.norm.weight"]), embed, None))
        .collect()
}

fn frames() -> Vec<f32> {
    let mut rng = stream(8, Purpose::Pixels, 0, 0, 0);
    (0..config().dim * 64)
        .map(|_| rng.random::<f32>() - 0.5)
        .collect()
}

/// A prompt of text and frames, then `rounds` rounds, of which the newest `width` are visible: three outcome frames,
/// then four text rows. Each inner list is what one call appends.
fn episode(visual: &[f32], rounds: u8, width: u8, salt: u32) -> Vec<Vec<NewRow<'_>>> {
    let dim = config().dim;
    let mut position = 0;
    let mut next = |shown: bool, evidence: u8, round: u8| {
        let at = position;
        position += 1;
        NewRow {
            feed: {
                let text = (at * 11 + salt) % 53;
                let frame = &visual[(at + salt) as usize % 64 * dim..][..dim];
                match (shown, at % 3) {
                    (false, _) => Feed::Text(text),
                    (true, 0) => Feed::Visual(frame),
                    (true, _) => Feed::Named(text, frame),
                }
            },
            position: if shown { [at, at + 1, at + 2] } else { [at; 3] },
            evidence,
            oldest: MemoryWindow::new(width).oldest(&vec![3; usize::from(round)]),
        }
    };
    let prompt: Vec<_> = (0..7 + salt % 4).map(|i| next(i % 2 == 1, 0, 0)).collect();
    let mut calls = vec![prompt];
    for round in 1..=rounds {
        calls.push((0..3).map(|_| next(true, round, round)).collect());
        calls.extend((0..4).map(|_| vec![next(false, 0, round)]));
    }
    calls
}

fn run(engine: &mut Engine, cache: &mut Cache, rows: &[NewRow<'_>]) -> Vec<f32> {
    let mut out = Vec::new();
    engine.forward(&mut [(cache, rows)], &mut out).unwrap();
    out
}

#[track_caller]
fn assert_near(found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        let room = 1e-4 * (1.0 + expected.abs());
        assert!(
            (f64::from(*found) - expected).abs() < room,
            "{found} is not {expected}"
        );
    }
}

#[test]
fn the_engine_computes_the_plain_forward_pass() {
    let (p, visual, mut engine) = (parameters(&config()), frames(), engine());
    for width in 0..3 {
        let calls = episode(&visual, 4, width, 3);
        let expected = reference(&p, &calls.concat());
        let mut cache = engine.cache();
        for call in &calls {
            let found = run(&mut engine, &mut cache, call);
            assert_near(&found, &expected[cache.len() - 1]);
        }
    }
}

#[test]
fn one_call_or_many_give_the_same_bits() {
    let (visual, mut engine) = (frames(), engine());
    let calls = episode(&visual, 3, 1, 1);
    let (mut one, mut many) = (engine.cache(), engine.cache());
    let whole = run(&mut engine, &mut one, &calls.concat());
    let mut last = Vec::new();
    for call in &calls {
        last = run(&mut engine, &mut many, call);
    }
    assert_eq!(whole, last);
}

#[test]
fn a_cloned_prefix_goes_on_by_itself() {
    let (visual, mut engine) = (frames(), engine());
    let (a, b) = (episode(&visual, 1, 1, 0), episode(&visual, 1, 1, 4));
    let mut prompt = engine.cache();
    run(&mut engine, &mut prompt, &a[0]);
    let mut copy = prompt.clone();
    run(&mut engine, &mut copy, &b[1]);
    let after = run(&mut engine, &mut prompt, &a[1]);
    let mut fresh = engine.cache();
    assert_eq!(after, run(&mut engine, &mut fresh, &a[..2].concat()));
}

#[test]
fn eviction_changes_nothing_and_keeps_the_evidence_flat() {
    let (visual, mut engine) = (frames(), engine());
    let (mut kept, mut evicting) = (engine.cache(), engine.cache());
    let (mut text, mut evidence) = (0, Vec::new());
    for call in &episode(&visual, 5, 1, 2) {
        let fetched = call[0].evidence > 0;
        if fetched {
            let dropped = evicting.evict(call[0].oldest);
            assert_eq!(dropped, if call[0].evidence == 1 { 0 } else { 3 });
        } else {
            text += call.len();
        }
        let expected = run(&mut engine, &mut kept, call);
        let found = run(&mut engine, &mut evicting, call);
        let expected: Vec<f64> = expected.into_iter().map(f64::from).collect();
        assert_near(&found, &expected);
        if fetched {
            evidence.push(evicting.len() - text);
        }
    }
    // Text stays by definition; of the evidence there is never more than one outcome.
    assert_eq!(evidence, [3; 5]);
    assert_eq!(kept.len() - evicting.len(), 12);
    assert!(evicting.bytes() < kept.bytes());
}

#[test]
fn a_result_does_not_depend_on_the_batch() {
    let (visual, mut engine) = (frames(), engine());
    let episodes: Vec<_> = (0..17)
        .map(|salt| episode(&visual, 1, 2, salt).concat())
        .collect();
    let alone: Vec<Vec<f32>> = episodes
        .iter()
        .map(|rows| {
            let mut cache = engine.cache();
            run(&mut engine, &mut cache, rows)
        })
        .collect();
    for size in 1..=17 {
        let mut caches = vec![engine.cache(); size];
        // Reversed, so that hardly a row stands where it stood before.
        let mut items: Vec<_> = caches
            .iter_mut()
            .zip(episodes[..size].iter().rev())
            .map(|(cache, rows)| (cache, &rows[..]))
            .collect();
        let mut out = Vec::new();
        engine.forward(&mut items, &mut out).unwrap();
        for (found, expected) in out.chunks(config().vocab).zip(alone[..size].iter().rev()) {
            assert_eq!(found, expected, "in a batch of {size}");
        }
    }
}

#[test]
fn bad_rows_are_named_and_change_no_cache() {
    let mut engine = engine();
    let good = NewRow {
        feed: Feed::Text(1),
        position: [0; 3],
        evidence: 0,
        oldest: 1,
    };
    let short = [0.0; 3];
    let (mut a, mut b) = (engine.cache(), engine.cache());
    let mut fails = |rows: &[NewRow<'_>]| {
        let mut items = [(&mut a, &[good][..]), (&mut b, rows)];
        let error = engine.forward(&mut items, &mut Vec::new()).unwrap_err();
        assert!(a.is_empty() && b.is_empty());
        error
    };
    assert_eq!(fails(&[]), DecodeError::NoRows { item: 1 });
    let token = NewRow {
        feed: Feed::Text(53),
        ..good
    };
    assert_eq!(
        fails(&[good, token]).to_string(),
        "sequence 1, new row 1: token 53 is beyond the vocabulary of 53"
    );
    let visual = NewRow {
        feed: Feed::Visual(&short),
        ..good
    };
    let error = fails(&[visual]);
    assert!(
        matches!(error, DecodeError::Visual { found: 3, .. }),
        "{error}"
    );
    let far = NewRow {
        position: [0, u32::MAX, 0],
        ..good
    };
    let error = fails(&[far]);
    assert!(
        matches!(error, DecodeError::Position { row: 0, .. }),
        "{error}"
    );
    let mut foreign = Cache::new(&DecoderConfig {
        layers: 2,
        ..config()
    });
    let mut items = [(&mut foreign, &[good][..])];
    assert_eq!(
        engine.forward(&mut items, &mut Vec::new()),
        Err(DecodeError::ForeignCache { item: 0 })
    );
}

#[test]
fn weights_list_all_that_is_wrong() {
    let mut p = parameters(&config());
    p.remove("model.norm.weight");
    p.insert("model.layers.1.mlp.up_proj.weight".to_owned(), vec![0.0; 5]);
    let error = DecoderWeights::new(config(), |name| p.get(name).cloned()).unwrap_err();
    assert_eq!(
        error,
        WeightsError::Parameters(vec![
            ParameterError::Misshaped {
                name: "model.layers.1.mlp.up_proj.weight".to_owned(),
                shape: vec![40, 24],
                found: 5,
            },
            ParameterError::Missing {
                name: "model.norm.weight".to_owned(),
                shape: vec![24],
            },
        ])
    );
    let odd = DecoderConfig {
        mrope_section: [2, 2, 2],
        ..config()
    };
    let error = DecoderWeights::new(odd, |_| None).unwrap_err();
    assert!(matches!(error, WeightsError::Config(_)), "{error}");
}

#[test]
fn an_untied_head_is_used() {
    let p = parameters(&config());
    let weights = DecoderWeights::new(config(), |name| match name {
        "lm_head.weight" => Some(vec![0.0; 53 * 24]),
        _ => p.get(name).cloned(),
    });
    let mut engine = Engine::new(Arc::new(weights.unwrap()));
    let mut cache = engine.cache();
    let row = NewRow {
        feed: Feed::Text(1),
        position: [0; 3],
        evidence: 0,
        oldest: 1,
    };
    let logits = run(&mut engine, &mut cache, &[row]);
    assert_eq!(logits, [0.0; 53]);
}

#[test]
fn sampling_follows_the_distribution() {
    const DRAWS: u32 = 10_000;
    let logits = [1.0f32, 3.0, -2.0, 3.0, 0.5];
    let weight = |(i, x): (usize, &f32)| {
        if i == 3 {
            0.0
        } else {
            (f64::from(*x) / 0.7).exp()
        }
    };
    let weights: Vec<f64> = logits.iter().enumerate().map(weight).collect();
    let total: f64 = weights.iter().sum();
    let p: Vec<f64> = weights.iter().map(|p| p / total).collect();
    let mut counts = [0u32; 5];
    for i in 0..DRAWS {
        let uniform = (i as f32 + 0.5) / DRAWS as f32;
        let drawn = sample(&mut logits.clone(), 0.7, &[3], uniform).unwrap();
        let token = drawn.token as usize;
        counts[token] += 1;
        assert!((f64::from(drawn.logp) - p[token].ln()).abs() < 1e-5);
    }
    for (count, p) in counts.iter().zip(&p) {
        let off = f64::from(*count) - p * f64::from(DRAWS);
        assert!(off.abs() <= 2.0, "{counts:?} for {p}");
    }
}

#[test]
fn greedy_takes_the_lowest_of_equals_and_reports_temperature_one() {
    let logits = [1.0f32, 3.0, -2.0, 3.0, 0.5];
    let drawn = sample(&mut logits.clone(), 0.0, &[], 0.99).unwrap();
    let total: f64 = logits.iter().map(|x| f64::from(*x).exp()).sum();
    assert_eq!(drawn.token, 1);
    assert!((f64::from(drawn.logp) - (3.0 - total.ln())).abs() < 1e-6);
    let token = |t, banned: &[u32], u| sample(&mut logits.clone(), t, banned, u).unwrap().token;
    assert_eq!(token(0.0, &[1], 0.0), 3);
    // Nearly greedy: the two largest share the draw.
    assert_eq!([token(1e-30, &[], 0.4), token(1e-30, &[], 0.6)], [1, 3]);
}

#[test]
fn what_cannot_be_sampled_is_an_error() {
    let draw = |logits: &[f32], t, banned: &[u32], u| sample(&mut logits.to_vec(), t, banned, u);
    let error = draw(&[0.0, f32::NAN], 1.0, &[], 0.5).unwrap_err();
    assert!(
        matches!(error, SampleError::NotFinite { token: 1, .. }),
        "{error}"
    );
    assert_eq!(
        draw(&[0.0, 1.0], 1.0, &[0, 1], 0.5),
        Err(SampleError::NothingLeft { vocab: 2 })
    );
    assert_eq!(
        draw(&[0.0], 1.0, &[4], 0.5),
        Err(SampleError::Banned { token: 4, vocab: 1 })
    );
    assert_eq!(
        draw(&[0.0], -1.0, &[], 0.5),
        Err(SampleError::Temperature(-1.0))
    );
    assert_eq!(draw(&[0.0], 1.0, &[], 1.0), Err(SampleError::Uniform(1.0)));
}
