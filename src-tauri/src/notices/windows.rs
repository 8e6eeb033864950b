//! Toasts of Windows.
//!
//! A toast that was shown cannot be taken back by this interface; Windows files it away itself.

use tauri_winrt_notification::Toast;
use tokio::sync::mpsc;

use crate::announce::Change;

pub(super) async fn run(
    identifier: String,
    mut changes: mpsc::Receiver<Change>,
    clicks: mpsc::Sender<String>,
) {
    while let Some(change) = changes.recv().await {
        let Change::Show(notice) = change else { continue };
        let (key, clicks) = (notice.key, clicks.clone());
        let shown = Toast::new(&identifier)
            .title(&notice.title)
            .text1(&notice.body)
            .on_activated(move |_| {
                // Nobody waits for a click that comes when the program ends.
                let _ = clicks.try_send(key.clone());
                Ok(())
            })
            .show();
        if let Err(error) = shown {
            tracing::warn!("notifications cannot be shown: {error}");
        }
    }
}
