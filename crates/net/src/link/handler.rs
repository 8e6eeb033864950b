//! One connection's frames: a substream of ours that only writes, one of the peer's that we only
//! read.
//!
//! Everything happens in the connection's own task: the writer pulls straight from the device's
//! outbox, the reader gives straight to the event channel; the swarm's loop sees only changes of
//! state. What must hold: nothing is read before [`ToHandler::Read`] (so that `Connected` comes
//! before the first frame) and a retired connection writes what it has pulled, says so by closing
//! its substream, and keeps reading until the peer has done the same. Only then is it
//! [`FromHandler::Drained`], and closing it loses nothing.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use anser_proto::DeviceId;
use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::swarm::handler::{
    ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound,
};
use libp2p::swarm::{
    ConnectionHandler, ConnectionHandlerEvent, ConnectionId, Stream, StreamProtocol,
    StreamUpgradeError, SubstreamProtocol,
};
use tokio::time::Sleep;

use super::frame_stream::{FrameReader, FrameWriter, Read, Written};
use super::inlet::Inlet;
use super::permit::Permit;
use crate::event::NetEvent;
use crate::outbox::Outbox;
use crate::status::{Counters, count, count_by};

/// The protocol of the frame substreams.
pub(crate) const PROTOCOL: StreamProtocol = StreamProtocol::new("/anser/1");
/// A frame that has begun must be whole after this long.
const FRAME_PATIENCE: Duration = Duration::from_secs(30);
/// After so many frames in one go the connection's other work gets its turn.
const FRAMES_PER_TURN: usize = 128;

/// Orders to a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ToHandler {
    /// `Connected` has been told: reading may begin.
    Read,
    /// Reading may begin in a moment: an older connection may still bring frames.
    ReadSoon,
    /// This connection is the one that sends for its device.
    Send,
    /// As `Send`, in a moment: another connection is still writing.
    SendSoon,
    /// Another connection sends now.
    Rest,
    /// Write what was pulled, close our substream, read on until the peer closes its own.
    Retire,
    /// The same, but write all that waits: no other connection will.
    Finish,
}

/// News of a connection.
#[derive(Debug)]
pub(crate) enum FromHandler {
    /// The peer speaks our protocol.
    Ready,
    /// What was pulled is written; nothing more will be.
    Rested,
    /// The peer will send no more frames here.
    PeerDone,
    /// Both substreams are closed in good order.
    Drained,
    /// The outbox is over its bound.
    Overflow,
    /// The peer broke the frame rules; its substream was dropped.
    BadStream,
    /// The connection is of no use any more.
    Failed(&'static str),
}

enum Outbound {
    Wanted,
    Requested,
    Open(FrameWriter<Stream>),
    Closing(FrameWriter<Stream>),
    Closed,
}

enum Inbound {
    None,
    Open(FrameReader<Stream>),
    Ended,
}

/// What a connection shares with the rest of its device.
pub(crate) struct Parts {
    pub(crate) device: DeviceId,
    pub(crate) connection: ConnectionId,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) inlet: Inlet,
    pub(crate) counters: Arc<Counters>,
    /// Milliseconds after `started` at which a frame last passed.
    pub(crate) last_frame_ms: Arc<AtomicU64>,
    /// The same for inbound frames alone.
    pub(crate) last_inbound_ms: Arc<AtomicU64>,
    pub(crate) started: Instant,
    pub(crate) frame_max_bytes: u32,
}

/// The state of one connection.
pub(crate) struct Handler {
    parts: Parts,
    outbound: Outbound,
    inbound: Inbound,
    entering: Option<NetEvent>,
    entering_bytes: usize,
    may_read: Permit,
    sends: Permit,
    resting: bool,
    retired: bool,
    drained: bool,
    overflow_told: bool,
    patience: Option<Pin<Box<Sleep>>>,
    news: VecDeque<FromHandler>,
}

impl Drop for Handler {
    fn drop(&mut self) {
        self.parts.outbox.deregister(self.parts.connection);
    }
}

type Poked = ConnectionHandlerEvent<ReadyUpgrade<StreamProtocol>, (), FromHandler>;

impl Handler {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            parts,
            outbound: Outbound::Wanted,
            inbound: Inbound::None,
            entering: None,
            entering_bytes: 0,
            may_read: Permit::No,
            sends: Permit::No,
            resting: false,
            retired: false,
            drained: false,
            overflow_told: false,
            patience: None,
            news: VecDeque::new(),
        }
    }

    fn touch(&self, inbound: bool) {
        let elapsed = self.parts.started.elapsed().as_millis();
        let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX);
        self.parts.last_frame_ms.store(elapsed, Relaxed);
        if inbound {
            self.parts.last_inbound_ms.store(elapsed, Relaxed);
        }
    }

    fn stop_sending(&mut self) {
        self.sends = Permit::No;
        self.resting = true;
        self.parts.outbox.deregister(self.parts.connection);
    }

    fn tell_rested(&mut self) {
        if std::mem::take(&mut self.resting) {
            self.news.push_back(FromHandler::Rested);
        }
    }

    fn fail(&mut self, why: &'static str) {
        self.outbound = Outbound::Closed;
        self.stop_sending();
        self.news.push_back(FromHandler::Failed(why));
    }

    fn report_bad_stream(&mut self) {
        count(&self.parts.counters.bad_streams);
        // A flood is worth no more news than what bans the peer.
        if self.news.len() < 8 {
            self.news.push_back(FromHandler::BadStream);
        }
    }

    fn drop_bad_stream(&mut self) {
        self.inbound = Inbound::None;
        self.patience = None;
        self.report_bad_stream();
    }

    fn poll_out(&mut self, cx: &mut Context<'_>) {
        // Registered before looking, so that a frame pushed in between still wakes us.
        let sends = self.sends.poll(cx);
        if sends {
            self.parts.outbox.register(self.parts.connection, cx.waker());
            if !self.overflow_told && self.parts.outbox.overflowed() {
                self.overflow_told = true;
                self.news.push_back(FromHandler::Overflow);
            }
        }
        if let Outbound::Open(writer) = &mut self.outbound {
            let mut written = Written::default();
            let outbox = sends.then_some(&*self.parts.outbox);
            let polled = writer.poll_write(outbox, &mut written, cx);
            if written.frames > 0 {
                count_by(&self.parts.counters.frames_out, written.frames);
                count_by(&self.parts.counters.bytes_out, written.bytes);
                self.touch(false);
            }
            match polled {
                Poll::Pending => return,
                Poll::Ready(Err(_)) => return self.fail("the peer stopped reading"),
                Poll::Ready(Ok(())) => self.tell_rested(),
            }
            if !self.retired {
                return;
            }
            if let Outbound::Open(writer) = std::mem::replace(&mut self.outbound, Outbound::Closed)
            {
                self.outbound = Outbound::Closing(writer);
            }
        }
        if let Outbound::Closing(writer) = &mut self.outbound {
            match writer.poll_close(cx) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => self.outbound = Outbound::Closed,
                Poll::Ready(Err(_)) => self.fail("the peer vanished while we finished"),
            }
        }
    }

    fn poll_in(&mut self, cx: &mut Context<'_>) {
        if !self.may_read.poll(cx) {
            return;
        }
        for _ in 0..FRAMES_PER_TURN {
            if self.entering.is_some() {
                let (slot, bytes) = (&mut self.entering, self.entering_bytes);
                if self.parts.inlet.poll_enter(slot, bytes, cx).is_pending() {
                    // It is us who wait now; the peer's clock stands still.
                    self.patience = None;
                    return;
                }
            }
            let Inbound::Open(reader) = &mut self.inbound else { return };
            match reader.poll_frame(cx) {
                Poll::Pending => return self.poll_patience(cx),
                Poll::Ready(Read::Frame(bytes)) => {
                    self.patience = None;
                    count(&self.parts.counters.frames_in);
                    count_by(&self.parts.counters.bytes_in, bytes.len());
                    self.entering_bytes = bytes.len();
                    self.entering = Some(NetEvent::Frame { device: self.parts.device, bytes });
                    self.touch(true);
                }
                Poll::Ready(Read::End) => {
                    self.inbound = Inbound::Ended;
                    self.news.push_back(FromHandler::PeerDone);
                    return;
                }
                Poll::Ready(Read::Broken(error)) => {
                    tracing::debug!(device = %self.parts.device, %error, "inbound stream broke");
                    self.inbound = Inbound::None;
                    return self.fail("the peer broke off");
                }
                Poll::Ready(Read::Bad) => return self.drop_bad_stream(),
            }
        }
        cx.waker().wake_by_ref();
    }

    /// Drops a stream whose frame has been unfinished for too long.
    fn poll_patience(&mut self, cx: &mut Context<'_>) {
        let Inbound::Open(reader) = &self.inbound else { return };
        if !reader.inside_frame() {
            self.patience = None;
            return;
        }
        let patience =
            self.patience.get_or_insert_with(|| Box::pin(tokio::time::sleep(FRAME_PATIENCE)));
        if patience.as_mut().poll(cx).is_ready() {
            self.drop_bad_stream();
        }
    }

    fn check_drained(&mut self) {
        let done = matches!(self.outbound, Outbound::Closed)
            && matches!(self.inbound, Inbound::Ended)
            && self.entering.is_none();
        if self.retired && done && !self.drained {
            self.drained = true;
            self.news.push_back(FromHandler::Drained);
        }
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = ToHandler;
    type ToBehaviour = FromHandler;
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ())
    }

    /// Idle connections are retired in good order by the links, never cut by the swarm.
    fn connection_keep_alive(&self) -> bool {
        true
    }

    fn on_behaviour_event(&mut self, order: ToHandler) {
        match order {
            ToHandler::Read => self.may_read = Permit::Yes,
            ToHandler::ReadSoon => {
                if matches!(self.may_read, Permit::No) {
                    self.may_read = Permit::soon();
                }
            }
            ToHandler::Send | ToHandler::SendSoon if self.retired => {}
            ToHandler::Send => {
                self.resting = false;
                self.sends = Permit::Yes;
            }
            ToHandler::SendSoon => {
                self.resting = false;
                if matches!(self.sends, Permit::No) {
                    self.sends = Permit::soon();
                }
            }
            ToHandler::Rest => self.stop_sending(),
            ToHandler::Retire => {
                self.stop_sending();
                self.retired = true;
            }
            ToHandler::Finish => self.retired = true,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Poked> {
        if matches!(self.outbound, Outbound::Wanted) {
            self.outbound = Outbound::Requested;
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest {
                protocol: SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ()),
            });
        }
        self.poll_out(cx);
        self.poll_in(cx);
        self.check_drained();
        match self.news.pop_front() {
            Some(news) => Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(news)),
            None => Poll::Pending,
        }
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol, ..
            }) => {
                let frame_max_bytes = self.parts.frame_max_bytes;
                match self.inbound {
                    Inbound::None => {
                        self.inbound = Inbound::Open(FrameReader::new(protocol, frame_max_bytes));
                    }
                    // One is enough; a second one is not even read.
                    Inbound::Open(_) | Inbound::Ended => self.report_bad_stream(),
                }
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol, ..
            }) => {
                self.outbound = Outbound::Open(FrameWriter::new(protocol));
                self.news.push_back(FromHandler::Ready);
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { error, .. }) => {
                if matches!(error, StreamUpgradeError::NegotiationFailed) {
                    count(&self.parts.counters.foreign_peers);
                    self.fail("the peer speaks no Anser");
                } else {
                    self.fail("the peer did not take the frame stream");
                }
            }
            _ => {}
        }
    }
}
