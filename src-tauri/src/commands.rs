//! What the page may ask of the program. Each command passes on; none decides.

use anser_api::{ApiError, Command, ErrorCode, Reply};
use serde_json::Value;
use tauri::{AppHandle, State};

use crate::link;
use crate::paint::FirstPaint;
use crate::shell::{Opening, Shell, Signal};

/// Does a command of the API.
#[tauri::command]
pub(crate) async fn rpc(
    shell: State<'_, Shell>,
    method: String,
    params: Option<Value>,
) -> Result<Reply, ApiError> {
    let command = Command::parse(&method, params.unwrap_or(Value::Null))?;
    let opens = matches!(command, Command::AppUnlock(_) | Command::AppRetry(_));
    let reply = shell.profile().await?.call(command).await?;
    if opens {
        tell(&shell, Signal::Refresh).await;
    }
    Ok(reply)
}

/// How many messages are unread.
#[tauri::command]
pub(crate) async fn set_unread(shell: State<'_, Shell>, count: u64) -> Result<(), ApiError> {
    tell(&shell, Signal::Unread(count)).await;
    Ok(())
}

/// Which conversation is open, and whether the window has the focus.
#[tauri::command]
pub(crate) async fn set_active(
    shell: State<'_, Shell>,
    conversation: Option<String>,
    focused: bool,
) -> Result<(), ApiError> {
    tell(&shell, Signal::LookingAt(conversation.filter(|_| focused))).await;
    Ok(())
}

/// Opens a link in the person's browser or mail program.
#[tauri::command]
pub(crate) async fn open_external(url: String) -> Result<(), ApiError> {
    let link = link::outward(&url).ok_or_else(|| {
        ApiError::invalid("Only links to web pages and mail addresses can be opened.")
    })?;
    let opened = tauri::async_runtime::spawn_blocking(move || opener::open(link)).await;
    match opened {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            tracing::warn!("a link could not be opened: {error}");
            Err(ApiError::new(
                ErrorCode::Unsupported,
                "No program was found that opens this link. Copy it and open it by hand.",
            ))
        }
        Err(_) => Err(ApiError::new(ErrorCode::Internal, "Opening the link was interrupted.")),
    }
}

/// What the program was asked to show; told once.
#[tauri::command]
pub(crate) fn opening(shell: State<'_, Shell>) -> Option<Opening> {
    shell.opening.send_replace(None)
}

/// Ends the program.
#[tauri::command]
pub(crate) fn app_quit(app: AppHandle) {
    app.exit(0);
}

/// The page has painted for the first time.
#[tauri::command]
pub(crate) fn painted(paint: State<'_, FirstPaint>) {
    paint.painted();
}

async fn tell(shell: &Shell, signal: Signal) {
    // Nobody listens any more when the program ends.
    let _ = shell.signals.send(signal).await;
}
