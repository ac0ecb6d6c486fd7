//! In: requests and what came of them. Out: which request goes to which server next. The pool's state, without its threads.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::client::Health;
use super::error::{AskError, ServerError};
use super::messages::{Completion, Usage};
use super::pictures::PictureError;
use super::pool::{MakeBody, PoolOptions, RequestKey, Slot, is_useless};
use crate::clock::Moment;

/// Failures in a row after which a server is probed before it is used again.
const FAILURES: u32 = 3;

/// A request on its way.
pub(super) struct Job {
    pub key: RequestKey,
    /// Tries that a server answered with a failure.
    pub tries: u32,
    body: Box<MakeBody>,
    slot: Arc<Slot>,
}

impl Job {
    pub(super) fn new(key: RequestKey, body: Box<MakeBody>, slot: Arc<Slot>) -> Self {
        Self {
            key,
            tries: 0,
            body,
            slot,
        }
    }

    pub(super) fn body(&self) -> Result<Vec<u8>, PictureError> {
        (self.body)()
    }

    /// Whether somebody waits for the reply.
    fn is_wanted(&self) -> bool {
        Arc::strong_count(&self.slot) > 1
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} after {} tries", self.key, self.tries)
    }
}

#[derive(Clone, Debug)]
enum Standing {
    Up,
    /// Not reached: what was heard last.
    Down(Option<ServerError>),
    /// It refuses whatever is asked of it.
    Useless(ServerError),
}

#[derive(Debug)]
struct Server {
    standing: Standing,
    room: usize,
    /// It asked not to be sent anything before.
    rests_until: Option<Moment>,
    /// Failures in a row.
    failures: u32,
    stats: EndpointStats,
}

/// What one server has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointStats {
    /// Its address.
    pub address: String,
    /// Whether it takes requests.
    pub up: bool,
    /// Requests under way.
    pub under_way: usize,
    /// Requests answered.
    pub answered: u64,
    /// Requests that failed, most of which were sent again.
    pub failed: u64,
    /// Tokens of the answered requests and their replies.
    pub usage: Usage,
}

/// How the servers stand together.
pub(super) enum Verdict {
    Up,
    Waiting,
    Hopeless(AskError),
}

#[derive(Debug)]
pub(super) struct Queue {
    ready: VecDeque<Job>,
    later: Vec<(Moment, Job)>,
    servers: Vec<Server>,
    /// When a server last gave a sign of life.
    heard: Moment,
    closed: bool,
}

impl Queue {
    /// No server is known to be up before its first probe.
    pub(super) fn new(servers: impl Iterator<Item = (String, usize)>) -> Self {
        let servers = servers.map(|(address, room)| Server {
            standing: Standing::Down(None),
            room,
            rests_until: None,
            failures: 0,
            stats: EndpointStats {
                address,
                ..EndpointStats::default()
            },
        });
        Self {
            ready: VecDeque::new(),
            later: Vec::new(),
            servers: servers.collect(),
            heard: Moment::now(),
            closed: false,
        }
    }

    pub(super) fn push(&mut self, job: Job) {
        match self.closed {
            true => self.deliver(&job, Err(AskError::Closed)),
            false => self.ready.push_back(job),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn close(&mut self) {
        self.closed = true;
        self.fail_all(&AskError::Closed);
    }

    /// The next request and the least loaded server that has room for it.
    pub(super) fn take(&mut self) -> Option<(Job, usize)> {
        let now = Moment::now();
        let due = self.later.extract_if(.., |(at, _)| *at <= now);
        // Before those that were never sent: their episodes have waited longest.
        for (_, job) in due {
            self.ready.push_front(job);
        }
        self.ready.retain(Job::is_wanted);
        self.later.retain(|(_, job)| job.is_wanted());
        let server = (0..self.servers.len())
            .filter(|&one| self.servers[one].has_room(now))
            .min_by_key(|&one| self.servers[one].stats.under_way)?;
        let job = self.ready.pop_front()?;
        self.servers[server].stats.under_way += 1;
        Some((job, server))
    }

    /// How long until something may change by itself.
    pub(super) fn next_event(&self) -> Option<Duration> {
        let due = self.later.iter().map(|(at, _)| *at);
        let rested = self.servers.iter().filter_map(|server| server.rests_until);
        let rested = rested.filter(|at| *at > Moment::now());
        due.chain(rested).min().map(Moment::until)
    }

    pub(super) fn give_back(&mut self, server: usize) {
        self.servers[server].stats.under_way -= 1;
    }

    pub(super) fn deliver(&mut self, job: &Job, outcome: Result<Completion, AskError>) {
        *job.slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
    }

    /// Notes what came of a request; one that may succeed later is sent again after `wait`.
    pub(super) fn settle(
        &mut self,
        mut job: Job,
        number: usize,
        result: Result<Completion, ServerError>,
        wait: Duration,
        options: &PoolOptions,
    ) {
        self.give_back(number);
        let server = &mut self.servers[number];
        let name = server.stats.address.clone();
        let error = match result {
            Ok(completion) => {
                server.answered(&completion.usage);
                self.heard = Moment::now();
                return self.deliver(&job, Ok(completion));
            }
            Err(error) => error,
        };
        let was_up = matches!(server.standing, Standing::Up);
        server.failed(&error, wait);
        if was_up || !matches!(error, ServerError::Connect(_)) {
            self.heard = Moment::now();
        }
        if is_useless(&error) {
            let others = self.servers.iter().any(|server| !server.is_useless());
            return match others && !self.closed {
                true => self.ready.push_front(job),
                false => self.deliver(
                    &job,
                    Err(AskError::Server {
                        server: name,
                        error,
                    }),
                ),
            };
        }
        if !error.is_transient() {
            return self.deliver(
                &job,
                Err(AskError::Server {
                    server: name,
                    error,
                }),
            );
        }
        // What never began is no try: the pool's patience bounds it.
        job.tries += u32::from(!matches!(
            error,
            ServerError::Connect(_) | ServerError::Loading
        ));
        if self.closed {
            self.deliver(&job, Err(AskError::Closed));
        } else if job.tries >= options.tries {
            let tries = job.tries;
            self.deliver(
                &job,
                Err(AskError::GaveUp {
                    server: name,
                    tries,
                    error,
                }),
            );
        } else {
            self.later.push((Moment::now().after(wait), job));
        }
    }

    pub(super) fn needs_probe(&self, server: usize) -> bool {
        matches!(self.servers[server].standing, Standing::Down(_))
    }

    pub(super) fn probed(&mut self, server: usize, health: Health) {
        let server = &mut self.servers[server];
        match health {
            Health::Up => {
                self.heard = Moment::now();
                server.failures = 0;
                server.standing = Standing::Up;
            }
            Health::Down(error) => {
                // A server that loads its model is alive, however long it takes.
                if error == ServerError::Loading {
                    self.heard = Moment::now();
                }
                server.standing = Standing::Down(Some(error));
            }
        }
    }

    /// Whether a server is up, and if none is, whether there is hope.
    pub(super) fn verdict(&self, patience: Duration) -> Verdict {
        let mut last = None;
        let mut hope = false;
        for server in &self.servers {
            match &server.standing {
                Standing::Up => return Verdict::Up,
                Standing::Down(error) => {
                    hope = true;
                    last = error.as_ref().map(|error| (server, error)).or(last);
                }
                Standing::Useless(error) => last = Some((server, error)),
            }
        }
        if self.closed {
            return Verdict::Hopeless(AskError::Closed);
        }
        match last {
            Some((server, error)) if !hope => Verdict::Hopeless(AskError::Server {
                server: server.stats.address.clone(),
                error: error.clone(),
            }),
            Some((server, error)) if self.heard.elapsed() >= patience => {
                Verdict::Hopeless(AskError::NoServer {
                    patience,
                    last: format!("{}: {error}", server.stats.address),
                })
            }
            _ => Verdict::Waiting,
        }
    }

    /// Fails whatever waits if there is no hope.
    pub(super) fn sweep(&mut self, patience: Duration) {
        if let Verdict::Hopeless(error) = self.verdict(patience) {
            self.fail_all(&error);
        }
    }

    fn fail_all(&mut self, error: &AskError) {
        let jobs: Vec<Job> = self
            .ready
            .drain(..)
            .chain(self.later.drain(..).map(|(_, job)| job))
            .collect();
        for job in jobs {
            self.deliver(&job, Err(error.clone()));
        }
    }

    pub(super) fn stats(&self) -> Vec<EndpointStats> {
        self.servers
            .iter()
            .map(|server| EndpointStats {
                up: matches!(server.standing, Standing::Up),
                ..server.stats.clone()
            })
            .collect()
    }
}

impl Server {
    fn has_room(&self, now: Moment) -> bool {
        matches!(self.standing, Standing::Up)
            && self.stats.under_way < self.room
            && self.rests_until.is_none_or(|until| until <= now)
    }

    fn is_useless(&self) -> bool {
        matches!(self.standing, Standing::Useless(_))
    }

    fn answered(&mut self, usage: &Usage) {
        self.failures = 0;
        self.stats.answered += 1;
        self.stats.usage.prompt_tokens += usage.prompt_tokens;
        self.stats.usage.completion_tokens += usage.completion_tokens;
    }

    fn failed(&mut self, error: &ServerError, wait: Duration) {
        self.stats.failed += 1;
        if is_useless(error) {
            self.standing = Standing::Useless(error.clone());
            return;
        }
        if !error.is_transient() {
            return;
        }
        self.failures += 1;
        let limited = matches!(error, ServerError::RateLimited { .. });
        if let Some(rest) = error.after().or(limited.then_some(wait)) {
            self.rests_until = Some(Moment::now().after(rest));
        }
        if error.is_down() || (self.failures >= FAILURES && !limited) {
            self.standing = Standing::Down(Some(error.clone()));
        }
    }
}
