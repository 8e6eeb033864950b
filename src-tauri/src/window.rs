//! The one window: made, shown, closed, and what its frame says.
//!
//! Must always hold: a hidden window can be brought back. Closing hides it only where the tray is
//! really shown by somebody; elsewhere closing ends the program.

use anser_api::model::Settings;
use tauri::webview::NewWindowResponse;
use tauri::{
    AppHandle, CloseRequestApi, Manager, Theme, Url, WebviewUrl, WebviewWindow,
    WebviewWindowBuilder,
};

use crate::shell::{Shell, Signal};
use crate::tray_host;

/// The window's label.
pub(crate) const LABEL: &str = "main";
/// Its title while nothing is unread.
const TITLE: &str = "Anser";
/// Its size at the first start, and the least one, in logical pixels.
const SIZE: (f64, f64) = (1_120.0, 740.0);
const LEAST: (f64, f64) = (420.0, 480.0);

/// Makes the window; it is not shown yet.
///
/// # Errors
/// When the system gives no window or no web view.
pub(crate) fn make(app: &AppHandle) -> tauri::Result<WebviewWindow> {
    WebviewWindowBuilder::new(app, LABEL, WebviewUrl::default())
        .title(TITLE)
        .inner_size(SIZE.0, SIZE.1)
        .min_inner_size(LEAST.0, LEAST.1)
        .visible(false)
        // A page that somebody's message links to never takes this window's place.
        .on_navigation(is_own_page)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .build()
}

/// Brings the window to the front, wherever it is.
pub(crate) fn show(app: &AppHandle) {
    let Some(window) = app.get_webview_window(LABEL) else { return };
    for result in [window.show(), window.unminimize(), window.set_focus()] {
        if let Err(error) = result {
            tracing::warn!("the window could not be brought to the front: {error}");
        }
    }
}

/// The person closes the window: hide it if it can be brought back, else end.
pub(crate) fn close(app: &AppHandle, api: &CloseRequestApi) {
    // Whether somebody shows the tray is asked over D-Bus, which must not hold up the window.
    api.prevent_close();
    let to_tray = app.state::<Shell>().settings.borrow().close_to_tray;
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        let window = app.get_webview_window(LABEL);
        match window {
            Some(window) if to_tray && tray_host::is_there(&app).await => {
                // The page learns of it a little later; what comes meanwhile is not seen.
                let _ = app.state::<Shell>().signals.send(Signal::LookingAt(None)).await;
                if let Err(error) = window.hide() {
                    tracing::warn!("the window could not be hidden: {error}");
                }
            }
            _ => app.exit(0),
        }
    });
}

/// The unread count in the title and, where the system has one, on the program's badge.
pub(crate) fn set_unread(app: &AppHandle, unread: u64) {
    let Some(window) = app.get_webview_window(LABEL) else { return };
    let title = if unread == 0 { TITLE.into() } else { format!("({unread}) {TITLE}") };
    let badge = i64::try_from(unread).ok().filter(|count| *count > 0);
    for result in
        [window.set_title(&title), window.set_badge_count(badge), overlay(&window, unread)]
    {
        if let Err(error) = result {
            tracing::debug!("the unread count could not be shown: {error}");
        }
    }
}

/// The frame follows the theme of the settings.
pub(crate) fn set_theme(app: &AppHandle, settings: &Settings) {
    app.set_theme(match settings.theme.as_str() {
        "light" => Some(Theme::Light),
        "dark" => Some(Theme::Dark),
        _ => None,
    });
}

#[cfg(windows)]
fn overlay(window: &WebviewWindow, unread: u64) -> tauri::Result<()> {
    window.set_overlay_icon((unread > 0).then(|| crate::tray::UNREAD_MARK.clone()))
}

#[cfg(not(windows))]
fn overlay(_window: &WebviewWindow, _unread: u64) -> tauri::Result<()> {
    Ok(())
}

/// The embedded pages: `tauri://localhost`, on Windows `http://tauri.localhost`.
fn is_own_page(url: &Url) -> bool {
    match url.scheme() {
        "tauri" => true,
        "http" | "https" => cfg!(windows) && url.host_str() == Some("tauri.localhost"),
        scheme => scheme == "about",
    }
}
