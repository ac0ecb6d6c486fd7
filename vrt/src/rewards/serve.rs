//! In: a listener and routes. Out: connections within limits, until somebody says stop.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::Limits;
use super::linger::{Lingering, Rest, Unread};

/// Until it is tried again where the process or the machine has no file to spare for a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Every request in flight was answered.
    Whole,
    /// Some were cut off when the time for them was over.
    Cut,
}

/// Serves until `stop` is over; then no connection is accepted, and requests in flight have [`Limits::grace`] to end.
///
/// # Errors
/// If the listener is broken. A connection that could not be accepted is not an error: its client went away.
pub async fn serve(
    listener: TcpListener,
    routes: axum::Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
) -> io::Result<Stopped> {
    let room = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head);
    let rest = Rest {
        bytes: limits.body.saturating_mul(4),
        time: limits.timeout,
    };
    tokio::pin!(stop);
    loop {
        let accepted = async {
            let place = room.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = &mut stop => break,
            accepted = accepted => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) if of_one_connection(&error) => continue,
            Err(error) if no_file_is_left(&error) => {
                tokio::select! {
                    () = &mut stop => break,
                    () = sleep(PAUSE) => continue,
                }
            }
            Err(error) => return Err(error),
        };
        let unread = Unread::default();
        let stream = TokioIo::new(Lingering::new(stream, unread.clone(), rest));
        let service = telling(TowerToHyperService::new(routes.clone()), unread);
        let connection = graceful.watch(http.serve_connection(stream, service));
        tokio::spawn(async move {
            // A connection that breaks has nobody to be told.
            let _ = connection.await;
            drop(place);
        });
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => Ok(Stopped::Whole),
        () = sleep(limits.grace) => Ok(Stopped::Cut),
    }
}

/// An answer that closes the connection by itself did not wait for its request's end.
fn telling<S>(
    inner: S,
    unread: Unread,
) -> impl Service<Request<Incoming>, Response = Response<Body>, Error = Infallible, Future: Send>
where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible, Future: Send>,
{
    hyper::service::service_fn(move |request| {
        let (answer, unread) = (inner.call(request), unread.clone());
        async move {
            let response = answer.await?;
            if response.headers().contains_key(header::CONNECTION) {
                unread.say();
            }
            Ok(response)
        }
    })
}

/// Its client went away before it was accepted.
fn of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}

/// A connection that ends frees one. [`io::ErrorKind`] has no name for this.
fn no_file_is_left(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}
