//! The display as a window manager sees it: is the program's window shown, and please close.

use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    AtomEnum, ChangeWindowAttributesAux, ClientMessageEvent, ConnectionExt, EventMask, InputFocus,
    MapState, Window,
};
use x11rb::rust_connection::RustConnection;

use crate::bed::{Bed, DEADLINE};

/// The display.
pub struct Screen {
    connection: std::sync::Arc<RustConnection>,
    root: Window,
    changes: Receiver<()>,
}

impl Screen {
    pub fn open(bed: &Bed) -> Self {
        let (connection, number) = x11rb::connect(Some(&bed.display)).unwrap();
        let connection = std::sync::Arc::new(connection);
        let root = connection.setup().roots[number].root;
        let wanted = ChangeWindowAttributesAux::new().event_mask(EventMask::SUBSTRUCTURE_NOTIFY);
        connection.change_window_attributes(root, &wanted).unwrap().check().unwrap();
        let (changes_in, changes) = channel();
        let reader = connection.clone();
        std::thread::spawn(move || {
            while let Ok(event) = reader.wait_for_event() {
                let told = matches!(
                    event,
                    Event::MapNotify(_)
                        | Event::UnmapNotify(_)
                        | Event::DestroyNotify(_)
                        | Event::PropertyNotify(_)
                );
                if told && changes_in.send(()).is_err() {
                    return;
                }
            }
        });
        Self { connection, root, changes }
    }

    /// Waits until the program's window is shown, or is not.
    pub fn until_shown(&self, wanted: bool) {
        let what = if wanted { "the window is not shown" } else { "the window is still shown" };
        self.until(what, || self.is_shown() == wanted);
    }

    /// Waits until the window's title is this.
    pub fn until_title(&self, wanted: &str) {
        let window = self.shown().expect("the window is shown");
        let told = ChangeWindowAttributesAux::new().event_mask(EventMask::PROPERTY_CHANGE);
        self.connection.change_window_attributes(window, &told).unwrap().check().unwrap();
        self.until(wanted, || self.name(window).as_deref() == Some(wanted));
    }

    /// Whether the window is shown just now.
    pub fn is_shown(&self) -> bool {
        self.shown().is_some()
    }

    fn until(&self, what: &str, reached: impl Fn() -> bool) {
        let begun = Instant::now();
        while !reached() {
            let left = DEADLINE.saturating_sub(begun.elapsed());
            assert!(self.changes.recv_timeout(left).is_ok(), "{what}");
        }
    }

    /// The person closes the window by its frame.
    pub fn close(&self) {
        let window = self.shown().expect("the window is shown");
        let data = [self.atom("WM_DELETE_WINDOW"), x11rb::CURRENT_TIME, 0, 0, 0];
        let message = ClientMessageEvent::new(32, window, self.atom("WM_PROTOCOLS"), data);
        self.connection
            .send_event(false, window, EventMask::NO_EVENT, message)
            .unwrap()
            .check()
            .unwrap();
    }

    /// Gives the window the keyboard, as there is no window manager to do it.
    pub fn focus(&self) {
        let window = self.shown().expect("the window is shown");
        self.connection
            .set_input_focus(InputFocus::PARENT, window, x11rb::CURRENT_TIME)
            .unwrap()
            .check()
            .unwrap();
    }

    fn shown(&self) -> Option<Window> {
        let tree = self.connection.query_tree(self.root).unwrap().reply().unwrap();
        tree.children.into_iter().find(|window| {
            let attributes = self.connection.get_window_attributes(*window).unwrap().reply();
            attributes.is_ok_and(|known| known.map_state == MapState::VIEWABLE)
                && self.name(*window).is_some_and(|name| name.ends_with("Anser"))
        })
    }

    fn name(&self, window: Window) -> Option<String> {
        let (name, kind) = (self.atom("_NET_WM_NAME"), AtomEnum::ANY);
        let property = self.connection.get_property(false, window, name, kind, 0, 256);
        let value = property.unwrap().reply().ok()?.value;
        String::from_utf8(value).ok().filter(|text| !text.is_empty())
    }

    fn atom(&self, name: &str) -> u32 {
        self.connection.intern_atom(false, name.as_bytes()).unwrap().reply().unwrap().atom
    }
}
