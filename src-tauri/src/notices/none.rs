//! A system whose notifications the program does not know: nothing is shown.

use tokio::sync::mpsc;

use crate::announce::Change;

pub(super) async fn run(
    _identifier: String,
    mut changes: mpsc::Receiver<Change>,
    _clicks: mpsc::Sender<String>,
) {
    while changes.recv().await.is_some() {}
}
