//! Notifications of a Linux desktop: the Desktop Notifications Specification 1.2 over D-Bus.

use std::collections::{BTreeMap, HashMap};

use futures::StreamExt;
use tokio::sync::mpsc;
use zbus::zvariant::Value;

use crate::announce::{Change, Notice};

/// The action of a click on the notification itself.
const CLICK: &str = "default";

#[zbus::proxy(
    interface = "org.freedesktop.Notifications",
    default_service = "org.freedesktop.Notifications",
    default_path = "/org/freedesktop/Notifications",
    gen_blocking = false
)]
trait Notifications {
    fn get_capabilities(&self) -> zbus::Result<Vec<String>>;

    #[allow(clippy::too_many_arguments)]
    fn notify(
        &self,
        app_name: &str,
        replaces_id: u32,
        app_icon: &str,
        summary: &str,
        body: &str,
        actions: &[&str],
        hints: HashMap<&str, Value<'_>>,
        expire_timeout: i32,
    ) -> zbus::Result<u32>;

    fn close_notification(&self, id: u32) -> zbus::Result<()>;

    #[zbus(signal)]
    fn action_invoked(&self, id: u32, action_key: String) -> zbus::Result<()>;

    #[zbus(signal)]
    fn notification_closed(&self, id: u32, reason: u32) -> zbus::Result<()>;
}

pub(super) async fn run(
    _identifier: String,
    mut changes: mpsc::Receiver<Change>,
    clicks: mpsc::Sender<String>,
) {
    if let Err(error) = talk(&mut changes, &clicks).await {
        tracing::warn!("notifications cannot be shown: {error}");
        while changes.recv().await.is_some() {}
    }
}

async fn talk(
    changes: &mut mpsc::Receiver<Change>,
    clicks: &mpsc::Sender<String>,
) -> zbus::Result<()> {
    let connection = zbus::Connection::session().await?;
    let proxy = NotificationsProxy::new(&connection).await?;
    let mut invoked = proxy.receive_action_invoked().await?;
    let mut closed = proxy.receive_notification_closed().await?;
    let mut screen = Screen { proxy: proxy.clone(), shown: BTreeMap::new(), warned: false };
    loop {
        tokio::select! {
            change = changes.recv() => match change {
                Some(change) => screen.apply(change).await,
                None => return Ok(()),
            },
            Some(signal) = invoked.next() => {
                let arguments = signal.args()?;
                if let Some(key) = screen.key(arguments.id)
                    && arguments.action_key == CLICK
                {
                    // A click that finds nobody waiting is lost with the window it was for.
                    let _ = clicks.try_send(key);
                }
            }
            Some(signal) = closed.next() => {
                let id = signal.args()?.id;
                screen.shown.retain(|_, shown| *shown != id);
            }
        }
    }
}

/// What the notification server shows for this program: key → its number there.
struct Screen<'a> {
    proxy: NotificationsProxy<'a>,
    shown: BTreeMap<String, u32>,
    warned: bool,
}

impl Screen<'_> {
    async fn apply(&mut self, change: Change) {
        let result = match change {
            Change::Show(notice) => self.show(notice).await,
            Change::Withdraw(key) => match self.shown.remove(&key) {
                Some(id) => self.proxy.close_notification(id).await,
                None => Ok(()),
            },
        };
        if let Err(error) = result
            && !std::mem::replace(&mut self.warned, true)
        {
            tracing::warn!("notifications cannot be shown: {error}");
        }
    }

    async fn show(&mut self, notice: Notice) -> zbus::Result<()> {
        // Asked each time: another server may have taken over.
        let markup = self.proxy.get_capabilities().await?.iter().any(|name| name == "body-markup");
        let body = if markup { escape(&notice.body) } else { notice.body };
        let hints = HashMap::from([
            ("category", Value::from("im.received")),
            ("desktop-entry", Value::from("anser-desktop")),
        ]);
        let replaces = self.shown.get(&notice.key).copied().unwrap_or(0);
        let id = self
            .proxy
            .notify(
                "Anser",
                replaces,
                "anser-desktop",
                &notice.title,
                &body,
                &[CLICK, ""],
                hints,
                -1,
            )
            .await?;
        self.shown.insert(notice.key, id);
        Ok(())
    }

    fn key(&self, id: u32) -> Option<String> {
        self.shown.iter().find(|(_, shown)| **shown == id).map(|(key, _)| key.clone())
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn what_somebody_wrote_is_no_markup() {
        assert_eq!(escape("a < b && <b>c</b>"), "a &lt; b &amp;&amp; &lt;b&gt;c&lt;/b&gt;");
    }
}
