//! In: a stream whose client may still be sending. Out: the same, which reads and forgets the rest before it closes.
//!
//! A socket that is closed with bytes unread is reset, and the client may lose the answer that was on its way (RFC 9112, 9.6).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How much is read and forgotten, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rest {
    /// Bytes.
    pub bytes: usize,
    /// From the end of the answer.
    pub time: Duration,
}

/// Says that a connection's request was answered before it was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Unread(Arc<AtomicBool>);

impl Unread {
    /// Says so.
    pub fn say(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn said(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A stream that lingers when it is shut down, if its request is [`Unread`].
pub(super) struct Lingering<S> {
    stream: S,
    unread: Unread,
    rest: Rest,
    /// Ours is shut; the client hears the end of the answer.
    half: bool,
    over: Option<Pin<Box<Sleep>>>,
}

impl<S> Lingering<S> {
    /// Lingers for `rest`.
    pub fn new(stream: S, unread: Unread, rest: Rest) -> Self {
        Self {
            stream,
            unread,
            rest,
            half: false,
            over: None,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lingering<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, into)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.half {
            ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
            this.half = true;
        }
        if !this.unread.said() {
            return Poll::Ready(Ok(()));
        }
        let time = this.rest.time;
        let over = this.over.get_or_insert_with(|| Box::pin(sleep(time)));
        let mut waste = [0; 8192];
        loop {
            if over.as_mut().poll(context).is_ready() {
                return Poll::Ready(Ok(()));
            }
            let mut into = ReadBuf::new(&mut waste);
            ready!(Pin::new(&mut this.stream).poll_read(context, &mut into))?;
            let read = into.filled().len();
            if read == 0 || read >= this.rest.bytes {
                return Poll::Ready(Ok(()));
            }
            this.rest.bytes -= read;
        }
    }
}
