//! In: a checkpoint's folder, and servers of the same checkpoint. Out: what each says of one prompt, beside the model in this
//! process.
//!
//! `cargo run -p vrt --example same_logprobs -- FOLDER llama.cpp=URL vLLM=URL`; the servers call the model `tiny-vl`.
//! `docs/servers/compare` makes the checkpoint, starts both, and asks.

#[path = "../tests/llamacpp/slopes.rs"]
mod slopes;

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use vrt::checkpoint::{CheckpointOptions, CheckpointPolicy, Reader};
use vrt::prompt::{Prompt, VIDEO_GEN_REWARD};
use vrt::server::{
    Address, Client, Endpoint, Pool, PoolOptions, ServerOptions, ServerPolicy, Timeouts,
};
use vrt_core::episode::Rules;
use vrt_core::op::PaperOps;
use vrt_core::policy::{Policy, SampledToken};
use vrt_core::rollout::rollout;

const TOKENS: u32 = 16;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments
        .next()
        .ok_or("the checkpoint's folder is missing")?;
    let rules = Rules::default();
    let prompt = Prompt::of::<PaperOps>(&rules, &VIDEO_GEN_REWARD);
    let reader = Reader::open(Path::new(&folder))?;
    let weights = reader.checkpoint().decoder_weights()?;
    let mut options = CheckpointOptions {
        logprobs: true,
        ..CheckpointOptions::default()
    };
    options.sampling.max_tokens = TOKENS;
    let ours = CheckpointPolicy::new(reader, weights, prompt.clone(), options);
    let mut said = vec![("in process".to_owned(), sampled(&ours, &rules)?)];
    for argument in arguments {
        let (name, url) = argument
            .split_once('=')
            .ok_or("name a server as NAME=URL")?;
        let endpoint = Endpoint {
            client: Client::new(Address::new(url)?, None, &Timeouts::default()),
            concurrency: 1,
        };
        let pool = Arc::new(Pool::new(vec![endpoint], PoolOptions::default())?);
        pool.ready()?;
        let options = ServerOptions {
            max_tokens: TOKENS,
            logprobs: true,
            ..ServerOptions::new("tiny-vl")
        };
        let theirs = ServerPolicy::new(pool, prompt.clone(), options);
        said.push((name.to_owned(), sampled(&theirs, &rules)?));
    }
    print(&said);
    Ok(())
}

/// The greedy tokens of the first unit.
fn sampled<P: Policy>(policy: &P, rules: &Rules) -> Result<Vec<SampledToken>, Box<dyn Error>> {
    let (rollouts, _) = rollout::<PaperOps, _>(policy, &[slopes::pair(3)], 1, rules, 1)?;
    let episode = &rollouts[0].samples[0].episode;
    let round = episode.rounds.first();
    let round = round.ok_or_else(|| format!("no unit: {:?}", episode.stop))?;
    Ok(round.reply.sampled.clone())
}

fn print(said: &[(String, Vec<SampledToken>)]) {
    let (_, ours) = &said[0];
    let names = said.iter().map(|(name, _)| format!("{name:>12}"));
    println!("token {}", names.collect::<String>());
    for at in 0..ours.len() {
        let logps = said.iter().map(|(_, tokens)| {
            let logp = tokens.get(at).and_then(|token| token.logp);
            logp.map_or(format!("{:>12}", "none"), |logp| format!("{logp:>12.6}"))
        });
        println!("{at:>5} {}", logps.collect::<String>());
    }
    for (first, (name, tokens)) in said.iter().enumerate() {
        for (other, others) in &said[first + 1..] {
            let both = || tokens.iter().zip(others);
            // Some servers give no ids; texts of half a character are not told apart.
            let ids = || both().filter_map(|(a, b)| Some((a.token?, b.token?)));
            let alike = match ids().count() {
                0 => "without ids".to_owned(),
                known => format!(
                    "{} of {known} ids alike",
                    ids().filter(|(a, b)| a == b).count()
                ),
            };
            let apart = both().filter_map(|(a, b)| Some((a.logp? - b.logp?).abs()));
            let most = apart.fold(0.0, f32::max);
            let tokens = both().count();
            println!(
                "{name} and {other}: {tokens} tokens, {alike}, log-probabilities at most {most:.1e} apart"
            );
        }
    }
}
