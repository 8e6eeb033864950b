//! Frames on a byte stream: a big-endian u32 length, then that many bytes; never zero, never more
//! than the limit.
//!
//! The reading half holds at most one frame and a chunk more, and grows only as bytes really
//! arrive: a length that was merely claimed costs nothing. The writing half drains every waiting
//! frame into one write.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::{AsyncRead, AsyncWrite};

use crate::outbox::{Outbox, PREFIX_BYTES};

/// A read takes at most this much at once, and an idle stream holds no more.
const CHUNK_BYTES: usize = 8 << 10;
/// Under load a stream reads, and a write gathers, this much at once.
const BURST_BYTES: usize = 64 << 10;

/// What the reading half found.
#[derive(Debug)]
pub(crate) enum Read {
    /// A whole frame.
    Frame(Vec<u8>),
    /// The peer is done writing, between two frames.
    End,
    /// The stream broke, or ended inside a frame.
    Broken(io::Error),
    /// A length of zero or over the limit.
    Bad,
}

/// The reading half.
pub(crate) struct FrameReader<S> {
    stream: S,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    max_bytes: usize,
}

impl<S: AsyncRead + Unpin> FrameReader<S> {
    pub(crate) fn new(stream: S, max_bytes: u32) -> Self {
        let max_bytes = usize::try_from(max_bytes).unwrap_or(usize::MAX);
        Self { stream, buffer: Vec::new(), start: 0, end: 0, max_bytes }
    }

    /// Whether part of a frame has been read.
    pub(crate) fn inside_frame(&self) -> bool {
        self.end > self.start
    }

    /// Length of the frame at the front, once its prefix is here.
    fn next_length(&self) -> Option<usize> {
        let held = self.buffer.get(self.start..self.end)?;
        let prefix: [u8; PREFIX_BYTES] = held.first_chunk().copied()?;
        usize::try_from(u32::from_be_bytes(prefix)).ok()
    }

    fn take(&mut self, length: usize) -> Option<Vec<u8>> {
        let from = self.start.checked_add(PREFIX_BYTES)?;
        let to = from.checked_add(length)?;
        if to > self.end {
            return None;
        }
        let frame = self.buffer.get(from..to)?.to_vec();
        self.start = to;
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
            if self.buffer.len() > BURST_BYTES {
                self.buffer = Vec::new();
            }
        }
        Some(frame)
    }

    /// Makes room behind `end`: first by moving what is held to the front, then by doubling.
    fn make_room(&mut self) {
        if self.start > 0 && self.buffer.len().saturating_sub(self.end) < CHUNK_BYTES {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.buffer.len() == self.end {
            let bound = self.max_bytes.saturating_add(PREFIX_BYTES).max(BURST_BYTES);
            let grown = self.buffer.len().saturating_mul(2).clamp(CHUNK_BYTES, bound);
            self.buffer.resize(grown, 0);
        }
    }

    /// The next frame. `Pending` has arranged a wake-up.
    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Read> {
        loop {
            if let Some(length) = self.next_length() {
                if length == 0 || length > self.max_bytes {
                    return Poll::Ready(Read::Bad);
                }
                if let Some(frame) = self.take(length) {
                    return Poll::Ready(Read::Frame(frame));
                }
            }
            self.make_room();
            let Some(room) = self.buffer.get_mut(self.end..) else {
                return Poll::Ready(Read::Bad);
            };
            match Pin::new(&mut self.stream).poll_read(cx, room) {
                Poll::Pending => {
                    if self.end == 0 && self.buffer.len() > CHUNK_BYTES {
                        self.buffer = Vec::new();
                    }
                    return Poll::Pending;
                }
                Poll::Ready(Ok(0)) if self.inside_frame() => {
                    return Poll::Ready(Read::Broken(io::ErrorKind::UnexpectedEof.into()));
                }
                Poll::Ready(Ok(0)) => return Poll::Ready(Read::End),
                Poll::Ready(Ok(count)) => self.end = self.end.saturating_add(count),
                Poll::Ready(Err(error)) => return Poll::Ready(Read::Broken(error)),
            }
        }
    }
}

/// What a round of writing moved.
#[derive(Default)]
pub(crate) struct Written {
    pub(crate) frames: usize,
    pub(crate) bytes: usize,
}

/// The writing half.
pub(crate) struct FrameWriter<S> {
    stream: S,
    buffer: Vec<u8>,
    position: usize,
    unflushed: bool,
}

impl<S: AsyncWrite + Unpin> FrameWriter<S> {
    pub(crate) fn new(stream: S) -> Self {
        // The first flush sends the protocol's name, by which the peer learns of the stream.
        Self { stream, buffer: Vec::new(), position: 0, unflushed: true }
    }

    /// Writes what waits in `outbox` (nothing new when `None`) and flushes when all is written.
    /// Ready when nothing is left to do; the outbox must have been registered for wake-ups before.
    ///
    /// # Errors
    /// Of the stream; frames already pulled are lost then.
    pub(crate) fn poll_write(
        &mut self,
        outbox: Option<&Outbox>,
        written: &mut Written,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.position == self.buffer.len() {
                self.buffer.clear();
                self.position = 0;
                let pulled = outbox.map_or(0, |o| o.pull(&mut self.buffer, BURST_BYTES));
                written.frames = written.frames.saturating_add(pulled);
                written.bytes = written.bytes.saturating_add(self.buffer.len());
                if pulled == 0 {
                    if self.buffer.capacity() > BURST_BYTES {
                        self.buffer = Vec::new();
                    }
                    if self.unflushed {
                        futures::ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
                        self.unflushed = false;
                    }
                    return Poll::Ready(Ok(()));
                }
            }
            let rest = self.buffer.get(self.position..).unwrap_or_default();
            let count = futures::ready!(Pin::new(&mut self.stream).poll_write(cx, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unflushed = true;
            self.position = self.position.saturating_add(count);
        }
    }

    /// Says that no frame will follow.
    ///
    /// # Errors
    /// Of the stream.
    pub(crate) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}
