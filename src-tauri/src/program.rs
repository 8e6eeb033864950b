//! The program as a whole: what is started, in which order, and how it ends.
//!
//! The window comes first and the profile is opened beside it, so that the first paint waits for
//! no disk. A second start of the same profile shows this one's window and ends.

use std::path::Path;
use std::time::Duration;

use anser_api::model::Settings;
use anser_engine::{Config, Profile};
use anyhow::Context as _;
use tauri::{AppHandle, Manager, RunEvent, WindowEvent};
use tauri_plugin_window_state::StateFlags;
use tokio::sync::{mpsc, watch};

use crate::follow::Follower;
use crate::notices::Notices;
use crate::options::Options;
use crate::paint::FirstPaint;
use crate::shell::{Opening, Shell};
use crate::tray::{self, Face};
use crate::words::Language;
use crate::{commands, link, shell, tray_host, window};

/// Signals of window and tray that may wait.
const SIGNALS: usize = 64;
/// A start in the tray shows its window when nobody has shown the tray by then.
const TRAY_APPEARS: Duration = Duration::from_secs(20);
/// Longest wait for the profile to be shut.
const SHUTTING: Duration = Duration::from_secs(5);

/// Runs the program until it is ended.
///
/// # Errors
/// When there is no display, or the window cannot be made.
pub(crate) fn run(options: Options, standard: &Path, paint: FirstPaint) -> anyhow::Result<()> {
    let mut context = tauri::generate_context!();
    let identifier = options.identifier(standard);
    let standard_profile = identifier == context.config().identifier;
    context.config_mut().identifier.clone_from(&identifier);
    let config = options.config(standard);
    let remembered = StateFlags::SIZE | StateFlags::POSITION | StateFlags::MAXIMIZED;

    let app = tauri::Builder::default()
        .plugin(tauri_plugin_single_instance::init(|app, arguments, _| {
            shell::open(app, link::inward(&arguments).map(Opening::Link));
        }))
        // Where files come from and go to is asked by the system's own dialogs; the page gets the
        // path that was chosen and nothing of the file system.
        .plugin(tauri_plugin_dialog::init())
        .plugin(tauri_plugin_window_state::Builder::new().with_state_flags(remembered).build())
        .manage(paint)
        .invoke_handler(tauri::generate_handler![
            commands::rpc,
            commands::set_unread,
            commands::set_active,
            commands::open_external,
            commands::opening,
            commands::app_quit,
            commands::painted,
        ])
        .on_window_event(|window, event| {
            if let WindowEvent::CloseRequested { api, .. } = event {
                window::close(window.app_handle(), api);
            }
        })
        .setup(move |app| {
            start(app.handle(), &options, config, identifier, standard_profile)?;
            Ok(())
        })
        .build(context)
        .context("The window could not be opened. Is there a display?")?;
    app.run(|app, event| {
        if let RunEvent::Exit = event {
            shut(app);
        }
    });
    Ok(())
}

/// Everything that needs the running program.
fn start(
    app: &AppHandle,
    options: &Options,
    config: Config,
    identifier: String,
    standard: bool,
) -> tauri::Result<()> {
    let (profile_in, profile) = watch::channel(None);
    let (settings_in, settings) = watch::channel(Settings::default());
    let (signals, signals_out) = mpsc::channel(SIGNALS);
    let opening = watch::Sender::new(link::inward(&options.links).map(Opening::Link));
    app.manage(Shell { profile, signals, settings, opening });

    let face = Face { language: Language::of_system(), unread: 0, presence: None };
    let mut follower = Follower::new(app.clone(), standard, face.clone(), settings_in);
    let notices = Notices::start(identifier.clone());
    tauri::async_runtime::spawn(async move {
        let profile = Profile::open(config).await;
        // Before the page can ask for its first snapshot, so that no event falls between the two.
        let events = profile.subscribe();
        profile_in.send_replace(Some(profile.clone()));
        follower.run(profile, events, signals_out, notices).await;
    });
    end_on_signal(app.clone());

    let made = window::make(app)?;
    if !options.hidden {
        made.show()?;
    }
    tray::make(app, &identifier, &face);
    if options.hidden {
        show_without_tray(app.clone());
    }
    Ok(())
}

/// A hidden window that nobody can bring back must not stay hidden.
fn show_without_tray(app: AppHandle) {
    tauri::async_runtime::spawn(async move {
        if !tray_host::appears(&app, TRAY_APPEARS).await {
            window::show(&app);
        }
    });
}

/// The end of the session, or `kill`, ends the program as its menu does.
#[cfg(unix)]
fn end_on_signal(app: AppHandle) {
    use tokio::signal::unix::{SignalKind, signal};

    tauri::async_runtime::spawn(async move {
        let (Ok(mut terminate), Ok(mut interrupt)) =
            (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        else {
            return;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        app.exit(0);
    });
}

#[cfg(not(unix))]
fn end_on_signal(_app: AppHandle) {}

/// What is on its way to the disk gets there.
fn shut(app: &AppHandle) {
    let profile = app.state::<Shell>().profile.borrow().clone();
    if let Some(profile) = profile {
        let shutting = async { tokio::time::timeout(SHUTTING, profile.shutdown()).await };
        if tauri::async_runtime::block_on(shutting).is_err() {
            tracing::warn!("the profile took too long to shut");
        }
    }
}
