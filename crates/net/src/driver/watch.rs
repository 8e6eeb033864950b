//! The host's interfaces as they come and go.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use futures::StreamExt;
use if_watch::tokio::IfWatcher;
use if_watch::{IfEvent, IpNet};

/// After the system's watcher broke, a new one is asked for after this long.
const AGAIN: Duration = Duration::from_secs(5);

/// An address of ours that came or went.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    /// It can be used.
    Up(IpNet),
    /// It can be used no more.
    Down(IpNet),
}

/// The watcher and what it has said so far.
pub(crate) struct Watch {
    watcher: Option<IfWatcher>,
    nets: BTreeSet<(IpAddr, u8)>,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self { watcher: IfWatcher::new().ok(), nets: BTreeSet::new() }
    }

    /// The next change. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Change {
        loop {
            let Some(watcher) = &mut self.watcher else {
                tokio::time::sleep(AGAIN).await;
                self.watcher = IfWatcher::new().ok();
                continue;
            };
            match watcher.next().await {
                Some(Ok(IfEvent::Up(net))) => {
                    if self.nets.insert((net.addr(), net.prefix_len())) {
                        return Change::Up(net);
                    }
                }
                Some(Ok(IfEvent::Down(net))) => {
                    self.nets.remove(&(net.addr(), net.prefix_len()));
                    return Change::Down(net);
                }
                Some(Err(error)) => {
                    tracing::debug!(%error, "interface watcher");
                    self.watcher = None;
                }
                None => self.watcher = None,
            }
        }
    }

    /// Every network we are in, as `10.0.0.5/24`.
    pub(crate) fn interfaces(&self) -> Vec<String> {
        self.nets.iter().map(|(ip, prefix)| format!("{ip}/{prefix}")).collect()
    }
}
