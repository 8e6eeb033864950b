//! The icon in the tray, with its menu and its mark for what is unread.
//!
//! Owns the icon; what it shows is told by the task that follows the node. A system without the
//! library for tray icons has none, and the program works without.

use std::panic::{AssertUnwindSafe, catch_unwind};

use anser_api::model::PresenceState;
use tauri::image::Image;
use tauri::menu::{CheckMenuItem, Menu, MenuItem, PredefinedMenuItem};
use tauri::tray::{MouseButton, MouseButtonState, TrayIcon, TrayIconBuilder, TrayIconEvent};
use tauri::{AppHandle, Manager, Wry};

use crate::shell::{self, Shell, Signal};
use crate::words::Language;

const PLAIN: Image<'_> = tauri::include_image!("../icons/tray.png");
const UNREAD: Image<'_> = tauri::include_image!("../icons/tray-unread.png");
/// What Windows lays over the program's button in the task bar.
#[cfg(windows)]
pub(crate) const UNREAD_MARK: Image<'_> = UNREAD;

const SHOW: &str = "show";
const QUIT: &str = "quit";

/// The icon and the parts of its menu that change.
struct Tray {
    icon: TrayIcon<Wry>,
    show: MenuItem<Wry>,
    presence: [(PresenceState, CheckMenuItem<Wry>); 3],
    quit: MenuItem<Wry>,
}

/// What the tray shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Face {
    /// The language of the menu.
    pub(crate) language: Language,
    /// Unread messages.
    pub(crate) unread: u64,
    /// Missing while there is no account.
    pub(crate) presence: Option<PresenceState>,
}

/// Makes the icon, if this system can show one. Must be called on the main thread.
pub(crate) fn make(app: &AppHandle, identifier: &str, face: &Face) {
    // Where the library for tray icons is missing, the binding to it panics.
    match catch_unwind(AssertUnwindSafe(|| build(app, identifier, face))) {
        Ok(Ok(tray)) => {
            app.manage(tray);
            set(app, None, face);
        }
        Ok(Err(error)) => tracing::warn!("there is no tray icon: {error}"),
        Err(_) => tracing::warn!("there is no tray icon: its library is not installed"),
    }
}

/// Whether there is an icon.
pub(crate) fn exists(app: &AppHandle) -> bool {
    app.try_state::<Tray>().is_some()
}

/// Shows `new`, having shown `old`.
pub(crate) fn set(app: &AppHandle, old: Option<&Face>, new: &Face) {
    let Some(tray) = app.try_state::<Tray>() else { return };
    if let Err(error) = tray.set(old, new) {
        tracing::warn!("the tray could not be changed: {error}");
    }
}

impl Tray {
    fn set(&self, old: Option<&Face>, new: &Face) -> tauri::Result<()> {
        let marked = |face: &Face| face.unread > 0;
        // A new icon is written to a file on Linux: only when it differs.
        if old.is_none_or(|old| marked(old) != marked(new)) {
            self.icon.set_icon(Some(if marked(new) { UNREAD } else { PLAIN }))?;
        }
        if old.is_none_or(|old| old.language != new.language) {
            self.show.set_text(new.language.show())?;
            self.quit.set_text(new.language.quit())?;
            for (state, item) in &self.presence {
                item.set_text(word(new.language, *state))?;
            }
        }
        for (state, item) in &self.presence {
            item.set_checked(new.presence == Some(*state))?;
            item.set_enabled(new.presence.is_some())?;
        }
        self.icon.set_tooltip(Some(new.language.tooltip(new.unread)))
    }
}

fn build(app: &AppHandle, identifier: &str, face: &Face) -> tauri::Result<Tray> {
    let language = face.language;
    let show = MenuItem::with_id(app, SHOW, language.show(), true, None::<&str>)?;
    let quit = MenuItem::with_id(app, QUIT, language.quit(), true, None::<&str>)?;
    let state = |state: PresenceState| -> tauri::Result<(PresenceState, CheckMenuItem<Wry>)> {
        let (id, text) = (id(state), word(language, state));
        Ok((state, CheckMenuItem::with_id(app, id, text, false, false, None::<&str>)?))
    };
    let presence = [
        state(PresenceState::Available)?,
        state(PresenceState::Away)?,
        state(PresenceState::Busy)?,
    ];
    let [(_, available), (_, away), (_, busy)] = &presence;
    let lines = [PredefinedMenuItem::separator(app)?, PredefinedMenuItem::separator(app)?];
    let [first, second] = &lines;
    let menu = Menu::with_items(app, &[&show, first, available, away, busy, second, &quit])?;
    // The icon's file is named after it: two programs of two profiles must not share one.
    let icon = TrayIconBuilder::with_id(identifier)
        .icon(PLAIN)
        .menu(&menu)
        .show_menu_on_left_click(false)
        .on_menu_event(|app, event| chosen(app, event.id().as_ref()))
        .on_tray_icon_event(|icon, event| {
            if let TrayIconEvent::Click {
                button: MouseButton::Left,
                button_state: MouseButtonState::Up,
                ..
            } = event
            {
                shell::open(icon.app_handle(), None);
            }
        })
        .build(app)?;
    Ok(Tray { icon, show, presence, quit })
}

fn chosen(app: &AppHandle, item: &str) {
    match item {
        SHOW => shell::open(app, None),
        QUIT => app.exit(0),
        item => {
            let states = [PresenceState::Available, PresenceState::Away, PresenceState::Busy];
            if let Some(state) = states.into_iter().find(|state| id(*state) == item) {
                // A menu that is clicked faster than the node answers loses clicks, not state.
                let _ = app.state::<Shell>().signals.try_send(Signal::Presence(state));
            }
        }
    }
}

fn id(state: PresenceState) -> &'static str {
    match state {
        PresenceState::Available => "available",
        PresenceState::Away => "away",
        PresenceState::Busy => "busy",
        PresenceState::Offline => "offline",
    }
}

fn word(language: Language, state: PresenceState) -> &'static str {
    match state {
        PresenceState::Away => language.away(),
        PresenceState::Busy => language.busy(),
        PresenceState::Available | PresenceState::Offline => language.available(),
    }
}
