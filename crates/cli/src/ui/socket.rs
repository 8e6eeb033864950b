//! JSON-RPC over a WebSocket: one text message each way for one JSON text.

use anser_api::rpc::REQUEST_BYTES;
use anser_engine::Profile;
use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::session::Session;

/// Serves a page until it goes away or breaks the rules.
pub(super) async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, profile: Profile) {
    let limits = WebSocketConfig::default()
        .max_message_size(Some(REQUEST_BYTES))
        .max_frame_size(Some(REQUEST_BYTES));
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(limits)).await;
    let mut session = Session::new(profile);
    loop {
        tokio::select! {
            text = session.next() => {
                if socket.send(Message::text(text)).await.is_err() {
                    return;
                }
            }
            message = socket.next(), if session.has_room() => match message {
                Some(Ok(Message::Text(text))) => session.take(&text).await,
                Some(Ok(Message::Binary(_))) => session.take("not text").await,
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
        }
    }
}
