//! In: requests. Out: their replies, from whichever server has room.
//!
//! Each server takes a bounded number of requests at a time; a request goes to the least loaded one. What may succeed
//! later is sent again after a random, growing wait; a server that cannot be reached is left alone until a probe finds it
//! up again. A request has exactly one outcome.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rand::RngExt;
use vrt_core::pair::PairKey;
use vrt_core::rng::{self, Purpose};

use super::client::{Client, Health};
use super::error::{AskError, ServerError};
use super::messages::Completion;
use super::pictures::PictureError;
use super::queue::{Job, Queue, Verdict};

pub use super::queue::EndpointStats;

/// How a pool treats its servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolOptions {
    /// Tries of one request that a server may answer with a failure; waiting for a server is no try.
    pub tries: u32,
    /// How long no server may give a sign of life before requests fail.
    pub patience: Duration,
    /// The wait after a first failure; it doubles with each.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
    /// From one probe of a server that is down to the next.
    pub probe_every: Duration,
    /// Seed of the waits' jitter.
    pub seed: u64,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            tries: 8,
            patience: Duration::from_secs(120),
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(60),
            probe_every: Duration::from_secs(1),
            seed: 0,
        }
    }
}

/// A server of a pool.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// How it is spoken to.
    pub client: Client,
    /// Requests it is given at a time.
    pub concurrency: usize,
}

/// A pool cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// There is no server.
    #[error("no server is named; give one with --server URL")]
    Empty,
    /// A server would be given no request.
    #[error("a server takes at least one request at a time, not 0; raise --concurrency")]
    NoRoom,
    /// The system gives no thread.
    #[error("no thread could be started: {0}; fewer requests at a time (--concurrency) need fewer")]
    Thread(#[from] std::io::Error),
}

/// Which request it is: randomness is keyed by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestKey {
    pub pair: PairKey,
    pub sample: u32,
    pub unit: u32,
}

impl RequestKey {
    /// The stream of random numbers for one purpose of this request.
    pub(super) fn stream(self, seed: u64, purpose: Purpose, number: u64) -> impl rand::Rng {
        let within = (u64::from(self.sample) << 32) | u64::from(self.unit);
        rng::stream(seed, purpose, self.pair.0, within, number)
    }
}

/// Makes a request's body; asked again for every try.
pub(super) type MakeBody = dyn Fn() -> Result<Vec<u8>, PictureError> + Send + Sync;

/// A request that was handed in. Whoever drops it no longer wants the reply.
#[derive(Debug, Default)]
pub(super) struct Ticket(Arc<Slot>);

pub(super) type Slot = Mutex<Option<Result<Completion, AskError>>>;

impl Ticket {
    /// The outcome, once.
    pub(super) fn take(&self) -> Option<Result<Completion, AskError>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn is_done(&self) -> bool {
        let slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slot.is_some()
    }
}

/// Several servers as one.
#[derive(Debug)]
pub struct Pool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    clients: Vec<Client>,
    options: PoolOptions,
    queue: Mutex<Queue>,
    /// There may be work, or room for it.
    work: Condvar,
    /// A request has its outcome, or a server its standing.
    done: Condvar,
    /// A server may be down.
    probe: Condvar,
}

impl Pool {
    /// Starts the pool's threads: one for each request that may be under way, and one for each server's probes.
    ///
    /// # Errors
    /// [`PoolError`].
    pub fn new(endpoints: Vec<Endpoint>, options: PoolOptions) -> Result<Self, PoolError> {
        if endpoints.is_empty() {
            return Err(PoolError::Empty);
        }
        if endpoints.iter().any(|endpoint| endpoint.concurrency == 0) {
            return Err(PoolError::NoRoom);
        }
        let room: Vec<usize> = endpoints.iter().map(|one| one.concurrency).collect();
        let clients: Vec<Client> = endpoints.into_iter().map(|one| one.client).collect();
        let names = clients.iter().map(|client| client.address().to_string());
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue::new(names.zip(room.iter().copied()))),
            clients,
            options,
            work: Condvar::new(),
            done: Condvar::new(),
            probe: Condvar::new(),
        });
        let pool = Self(shared);
        for server in 0..room.len() {
            let shared = pool.0.clone();
            let name = format!("probe-{server}");
            thread::Builder::new()
                .name(name)
                .spawn(move || shared.watch(server))?;
        }
        for number in 0..room.iter().sum() {
            let shared = pool.0.clone();
            let name = format!("request-{number}");
            thread::Builder::new()
                .name(name)
                .spawn(move || shared.run())?;
        }
        Ok(pool)
    }

    /// Hands in a request.
    pub(super) fn submit(&self, key: RequestKey, body: Box<MakeBody>) -> Ticket {
        let ticket = Ticket::default();
        let job = Job::new(key, body, ticket.0.clone());
        let mut queue = self.0.lock();
        queue.push(job);
        drop(queue);
        self.0.work.notify_one();
        ticket
    }

    /// Waits until at least one of these requests has its outcome; returns at once if there is none to wait for.
    pub(super) fn wait(&self, tickets: &[&Ticket]) {
        let mut queue = self.0.lock();
        // Outcomes are delivered under this lock, so none can slip in between the look and the wait.
        while !tickets.is_empty() && !tickets.iter().any(|ticket| ticket.is_done()) {
            queue = self
                .0
                .done
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until a server is up.
    ///
    /// # Errors
    /// [`AskError`] if none is for as long as the pool's patience lasts, or none can be used at all.
    pub fn ready(&self) -> Result<(), AskError> {
        let mut queue = self.0.lock();
        loop {
            match queue.verdict(self.0.options.patience) {
                Verdict::Up => return Ok(()),
                Verdict::Hopeless(error) => return Err(error),
                Verdict::Waiting => {}
            }
            let tick = self.0.options.probe_every;
            let waited = self.0.done.wait_timeout(queue, tick);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What each server has done so far.
    pub fn stats(&self) -> Vec<EndpointStats> {
        self.0.lock().stats()
    }

    /// Stops: requests that wait come back as [`AskError::Closed`], those under way are finished and not sent again.
    pub fn close(&self) {
        self.0.lock().close();
        self.0.work.notify_all();
        self.0.probe.notify_all();
        self.0.done.notify_all();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One request after the other.
    fn run(&self) {
        while let Some((job, server)) = self.next() {
            // A decoder that panics on a hostile video must not keep its episode waiting for ever.
            let body = catch_unwind(AssertUnwindSafe(|| job.body())).unwrap_or_else(|_| {
                Err(PictureError {
                    view: "of a request".to_owned(),
                    reason: "the program broke while it was made; please report it".to_owned(),
                })
            });
            let mut queue = match body {
                Err(error) => {
                    let mut queue = self.lock();
                    queue.give_back(server);
                    queue.deliver(&job, Err(error.into()));
                    queue
                }
                Ok(body) => {
                    let result = self.clients[server].complete(&body);
                    let wait = self.wait_before(job.key, job.tries + 1);
                    let mut queue = self.lock();
                    queue.settle(job, server, result, wait, &self.options);
                    queue
                }
            };
            queue.sweep(self.options.patience);
            drop(queue);
            self.work.notify_all();
            self.done.notify_all();
            self.probe.notify_all();
        }
    }

    /// The next request and its server; `None` once the pool is closed.
    fn next(&self) -> Option<(Job, usize)> {
        let mut queue = self.lock();
        loop {
            if queue.is_closed() {
                return None;
            }
            if let Some(next) = queue.take() {
                return Some(next);
            }
            queue = match queue.next_event() {
                None => self
                    .work
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(wait) => {
                    let waited = self.work.wait_timeout(queue, wait);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Between half and all of a wait that doubles with each try.
    fn wait_before(&self, key: RequestKey, tries: u32) -> Duration {
        let doubled = 2u32.saturating_pow(tries.saturating_sub(1));
        let whole = self.options.first_wait.saturating_mul(doubled);
        let whole = whole.min(self.options.longest_wait);
        let mut rng = key.stream(self.options.seed, Purpose::Backoff, u64::from(tries));
        whole.mul_f64(rng.random_range(0.5..=1.0))
    }

    /// Probes one server whenever it is down.
    fn watch(&self, server: usize) {
        let mut queue = self.lock();
        loop {
            if queue.is_closed() {
                return;
            }
            if !queue.needs_probe(server) {
                queue = self
                    .probe
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            drop(queue);
            let health = self.clients[server].health();
            queue = self.lock();
            let up = health == Health::Up;
            queue.probed(server, health);
            queue.sweep(self.options.patience);
            self.done.notify_all();
            if up {
                self.work.notify_all();
            } else if !queue.is_closed() {
                // Woken early by a failure of another server: then this one is probed early.
                let waited = self.probe.wait_timeout(queue, self.options.probe_every);
                queue = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }
}

/// Whether a failure is the server's own, whatever is asked of it: it takes no further request.
pub(super) fn is_useless(error: &ServerError) -> bool {
    matches!(
        error,
        ServerError::Unauthorized { .. }
            | ServerError::NotFound(_)
            | ServerError::NotJson { .. }
            | ServerError::Tls(_)
            | ServerError::Refused {
                status: 300..400,
                ..
            }
    )
}
