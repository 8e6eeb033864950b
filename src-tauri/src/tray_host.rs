//! Whether somebody shows tray icons.
//!
//! On Linux a tray icon can be made without anybody showing it; then a hidden window could never
//! be brought back. The answer is asked anew each time: panels come and go.

use tauri::AppHandle;

use crate::tray;

/// Whether this program's tray icon is to be seen.
pub(crate) async fn is_there(app: &AppHandle) -> bool {
    tray::exists(app) && platform::is_there().await
}

/// Waits for somebody to show tray icons; false when nobody did in time.
pub(crate) async fn appears(app: &AppHandle, within: std::time::Duration) -> bool {
    tray::exists(app)
        && tokio::time::timeout(within, platform::appears()).await.is_ok_and(|there| there)
}

#[cfg(target_os = "linux")]
mod platform {
    use std::time::Duration;

    use futures::StreamExt;
    use zbus::fdo::DBusProxy;
    use zbus::proxy::CacheProperties;

    /// Longest wait for an answer about the tray.
    const ANSWER: Duration = Duration::from_millis(500);
    /// Who keeps the list of tray icons and knows whether somebody shows them.
    const WATCHER: &str = "org.kde.StatusNotifierWatcher";

    #[zbus::proxy(
        interface = "org.kde.StatusNotifierWatcher",
        default_service = "org.kde.StatusNotifierWatcher",
        default_path = "/StatusNotifierWatcher",
        gen_blocking = false
    )]
    trait Watcher {
        #[zbus(property(emits_changed_signal = "false"))]
        fn is_status_notifier_host_registered(&self) -> zbus::Result<bool>;

        #[zbus(signal)]
        fn status_notifier_host_registered(&self) -> zbus::Result<()>;
    }

    /// Asks each time: what was cached says nothing of a panel that went.
    async fn watcher(connection: &zbus::Connection) -> zbus::Result<WatcherProxy<'_>> {
        WatcherProxy::builder(connection).cache_properties(CacheProperties::No).build().await
    }

    pub(super) async fn is_there() -> bool {
        let asked = async {
            let connection = zbus::Connection::session().await?;
            watcher(&connection).await?.is_status_notifier_host_registered().await
        };
        matches!(tokio::time::timeout(ANSWER, asked).await, Ok(Ok(true)))
    }

    pub(super) async fn appears() -> bool {
        wait().await.unwrap_or(false)
    }

    /// The watcher may come first and its host later, or both at once.
    async fn wait() -> zbus::Result<bool> {
        let connection = zbus::Connection::session().await?;
        let bus = DBusProxy::new(&connection).await?;
        let mut owners = bus.receive_name_owner_changed_with_args(&[(0, WATCHER)]).await?;
        let watcher = watcher(&connection).await?;
        let mut hosts = watcher.receive_status_notifier_host_registered().await?;
        loop {
            if watcher.is_status_notifier_host_registered().await.unwrap_or(false) {
                return Ok(true);
            }
            let more = tokio::select! {
                change = owners.next() => change.is_some(),
                host = hosts.next() => host.is_some(),
            };
            if !more {
                return Ok(false);
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    pub(super) async fn is_there() -> bool {
        true
    }

    pub(super) async fn appears() -> bool {
        true
    }
}
