//! In: a listener and routes. Out: connections within limits, until somebody says stop.

use std::io;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::Limits;

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
            Err(error) if passing(&error) => continue,
            Err(error) => return Err(error),
        };
        let service = TowerToHyperService::new(routes.clone());
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
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

/// Errors of one connection, or of a moment in which there are too many.
fn passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    // Linux: ENFILE, EMFILE. A client that goes away frees one.
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    ) || matches!(error.raw_os_error(), Some(23 | 24))
}
