//! `vrt serve-rewards`: traces in, rewards out, for another trainer.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use crate::cli::{Exit, Failure, say};
use crate::eval::table::printable;
use crate::rewards::objective::{Named, Scorer};
use crate::rewards::{Limits, Stopped, document, router, serve};

const AFTER: &str = "\
Examples:
  vrt serve-rewards
      the paper's objective at http://127.0.0.1:8400
  curl -s localhost:8400/v1/score -H 'content-type: application/json' -d @groups.json
      rewards and advantages of the groups in groups.json
  vrt serve-rewards --objective dapo --parameters dapo.toml --listen 0.0.0.0:8400
      another objective with its own numbers, for other machines: there is no password, keep it inside
  vrt serve-rewards --openapi > rewards.json
      what requests and answers look like, for a generator of clients

A request:
  {\"groups\": [{\"truth\": {\"TA\": 1, \"VQ\": 0, \"MQ\": 2, \"OA\": 1},
               \"samples\": [{\"units\": [\"<Snapshot>…\", \"<Snapshot>…\"]}, …]}]}

An interrupt (Ctrl-C) or SIGTERM stops it: requests in flight are answered first. A second one ends it at once.";

/// Scores traces posted as JSON, so that another trainer can use the rewards
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct ServeRewardsArgs {
    /// The objective whose rewards are given
    #[arg(long, value_enum, default_value = "vr-thinker")]
    objective: Named,
    /// A TOML file with numbers of the objective; what it does not state stays as declared
    #[arg(long, value_name = "FILE")]
    parameters: Option<PathBuf>,
    /// Where to listen; port 0 takes a free one and says which
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8400")]
    listen: SocketAddr,
    /// Print the OpenAPI document and end
    #[arg(long)]
    openapi: bool,
    #[command(flatten)]
    limits: LimitArgs,
}

/// What the server bears
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
struct LimitArgs {
    /// Bytes of a request's body
    #[arg(long, value_name = "BYTES", default_value_t = default().body)]
    max_body: usize,
    /// Samples of a request
    #[arg(long, value_name = "N", default_value_t = default().samples)]
    max_samples: usize,
    /// Requests that are scored at a time; more wait
    #[arg(long, value_name = "N", default_value_t = at_least_one(default().concurrency))]
    concurrency: NonZeroUsize,
    /// Connections that are open at a time; more wait
    #[arg(long, value_name = "N", default_value_t = at_least_one(default().connections))]
    connections: NonZeroUsize,
    /// Seconds for a body to arrive, and again to be scored
    #[arg(long, value_name = "S", default_value_t = seconds(default().timeout))]
    timeout: NonZeroU32,
    /// Seconds for requests in flight once it is told to stop
    #[arg(long, value_name = "S", default_value_t = seconds(default().grace))]
    grace: NonZeroU32,
}

fn default() -> Limits {
    Limits::default()
}

fn at_least_one(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).unwrap_or(NonZeroUsize::MIN)
}

fn seconds(duration: Duration) -> NonZeroU32 {
    let whole = u32::try_from(duration.as_secs()).unwrap_or(u32::MAX);
    NonZeroU32::new(whole).unwrap_or(NonZeroU32::MIN)
}

impl LimitArgs {
    fn limits(&self) -> Limits {
        let wait = |seconds: NonZeroU32| Duration::from_secs(seconds.get().into());
        Limits {
            body: self.max_body,
            samples: self.max_samples,
            concurrency: self.concurrency.get(),
            connections: self.connections.get(),
            timeout: wait(self.timeout),
            grace: wait(self.grace),
            ..default()
        }
    }
}

/// Runs the command until it is told to stop.
///
/// # Errors
/// [`Failure`] if the objective's numbers cannot be used, or the address cannot be listened on.
pub fn run(arguments: &ServeRewardsArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    if arguments.openapi {
        let text = document()
            .to_pretty_json()
            .map_err(|error| Failure::new(Exit::Storage, error))?;
        say(out, &(text + "\n"))?;
        return Ok(Exit::Done);
    }
    let scorer = scorer(arguments)?;
    let limits = arguments.limits.limits();
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(limits.concurrency)
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::new(Exit::Usage, format!("no thread could be started: {error}"))
        })?;
    runtime.block_on(listen(arguments.listen, scorer, limits, out))
}

fn scorer(arguments: &ServeRewardsArgs) -> Result<Box<dyn Scorer>, Failure> {
    let Some(path) = &arguments.parameters else {
        return arguments
            .objective
            .scorer("")
            .map_err(|error| Failure::new(Exit::Input, error));
    };
    let refuse = |why: &dyn std::fmt::Display| {
        Failure::new(Exit::Input, format!("{}: {why}", path.display()))
    };
    let text = fs::read_to_string(path).map_err(|error| refuse(&error))?;
    arguments
        .objective
        .scorer(&text)
        .map_err(|error| refuse(&error))
}

async fn listen(
    address: SocketAddr,
    scorer: Box<dyn Scorer>,
    limits: Limits,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let refuse = |error: std::io::Error| {
        let why =
            format!("cannot listen on {address}: {error}; name another address with --listen");
        Failure::new(Exit::Usage, why)
    };
    let listener = TcpListener::bind(address).await.map_err(refuse)?;
    let address = listener.local_addr().map_err(refuse)?;
    let name = scorer.describe().name;
    let mut told = signals()
        .map_err(|error| Failure::new(Exit::Usage, format!("signals cannot be heard: {error}")))?;
    say(
        out,
        &format!("{name} at http://{address}, described at http://{address}/openapi.json\n"),
    )?;
    // A request's path may hold anything.
    let routes = router(scorer, limits, |line| eprintln!("{}", printable(line)));
    let stop = async {
        told.recv().await;
    };
    let served = serve(listener, routes, limits, stop);
    match served.await.map_err(refuse)? {
        Stopped::Whole => say(out, "stopped; every request was answered\n")?,
        Stopped::Cut => {
            let grace = limits.grace.as_secs();
            say(
                out,
                &format!("stopped; requests that took more than {grace} s were cut off\n"),
            )?;
        }
    }
    Ok(Exit::Done)
}

/// Hears interrupt and SIGTERM. The second ends the process.
fn signals() -> std::io::Result<tokio::sync::mpsc::Receiver<()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    let (told, hears) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        for time in 0.. {
            tokio::select! {
                _ = interrupt.recv() => (),
                _ = terminate.recv() => (),
            }
            if time > 0 {
                std::process::exit(130);
            }
            // Nobody hears it any more once the server has ended.
            let _ = told.send(()).await;
        }
    });
    Ok(hears)
}
