//! The desktop program as a person meets it: its window, its tray, its notifications.
//!
//! The real program, on a display, a session bus and in a home of its own, driven by WebDriver,
//! D-Bus and X11. Pictures of the screen are kept in target/screens.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(missing_docs)]

mod bed;
mod chat;
mod devices;
mod driver;
mod life;
mod node;
mod screen;
mod session_bus;
