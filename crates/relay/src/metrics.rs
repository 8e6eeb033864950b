//! What is counted, and its text for Prometheus.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Goes up and down.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicI64);

impl Gauge {
    pub(crate) fn add(&self, more: i64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The four transports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Poll,
    LongPoll,
    Sse,
    WebSocket,
}

impl Transport {
    pub(crate) const ALL: [Self; 4] = [Self::Poll, Self::LongPoll, Self::Sse, Self::WebSocket];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::LongPoll => "longpoll",
            Self::Sse => "sse",
            Self::WebSocket => "ws",
        }
    }
}

/// Everything that is counted.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    poll: Gauge,
    longpoll: Gauge,
    sse: Gauge,
    ws: Gauge,
    pub(crate) connections: Gauge,
    pub(crate) topics: Gauge,
    pub(crate) watching: Gauge,
    pub(crate) published: Counter,
    pub(crate) delivered: Counter,
    pub(crate) deposits: Counter,
    pub(crate) flushes: Counter,
    pub(crate) slow: Counter,
    pub(crate) fenced: Counter,
    pub(crate) gaps: Counter,
    pub(crate) sessions: Counter,
    pub(crate) refused: Counter,
    pub(crate) overload: Counter,
    pub(crate) bad_requests: Counter,
}

impl Metrics {
    /// Open streams of one transport.
    pub(crate) fn streams(&self, transport: Transport) -> &Gauge {
        match transport {
            Transport::Poll => &self.poll,
            Transport::LongPoll => &self.longpoll,
            Transport::Sse => &self.sse,
            Transport::WebSocket => &self.ws,
        }
    }

    /// In Prometheus' text format.
    pub(crate) fn text(&self) -> String {
        let mut text = String::with_capacity(4_096);
        text.push_str(
            "# HELP anser_relay_sessions Open streams by transport.\n\
             # TYPE anser_relay_sessions gauge\n",
        );
        for transport in Transport::ALL {
            let (word, count) = (transport.word(), self.streams(transport).read());
            let _ = writeln!(text, "anser_relay_sessions{{transport=\"{word}\"}} {count}");
        }
        for (name, what, gauge) in [
            ("connections", "Open connections of clients.", &self.connections),
            ("topics", "Topics that are held or watched.", &self.topics),
            ("watching_sessions", "Sessions that watch something.", &self.watching),
        ] {
            let value = gauge.read();
            let _ = writeln!(
                text,
                "# HELP anser_relay_{name} {what}\n# TYPE anser_relay_{name} gauge\n\
                 anser_relay_{name} {value}"
            );
        }
        for (name, what, counter) in [
            ("published", "Events taken into topics.", &self.published),
            ("delivered", "Events given to connections.", &self.delivered),
            ("deposits", "Letters put into mailboxes.", &self.deposits),
            ("flushes", "Groups of orders written.", &self.flushes),
            ("slow", "Connections cut because they read too slowly.", &self.slow),
            ("fenced", "Connections that a newer one took over.", &self.fenced),
            ("gaps", "Streams whose hello told of a hole.", &self.gaps),
            ("sessions_opened", "Sessions opened.", &self.sessions),
            ("refused", "Requests without the right to what they asked.", &self.refused),
            ("overload", "Requests turned away by a limit.", &self.overload),
            ("bad_requests", "Requests that could not be understood.", &self.bad_requests),
        ] {
            let value = counter.read();
            let _ = writeln!(
                text,
                "# HELP anser_relay_{name}_total {what}\n# TYPE anser_relay_{name}_total counter\n\
                 anser_relay_{name}_total {value}"
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_the_usual_form() {
        let metrics = Metrics::default();
        metrics.streams(Transport::Sse).add(3);
        metrics.slow.add(2);
        let text = metrics.text();
        assert!(text.contains("\nanser_relay_sessions{transport=\"sse\"} 3\n"), "{text}");
        assert!(text.contains("# TYPE anser_relay_slow_total counter\nanser_relay_slow_total 2\n"));
    }
}
