//! What a desktop offers on its session bus: a notification daemon and a place for tray icons.
//!
//! Both are as small as the specifications allow, and tell the test what they were asked for.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};

use zbus::blocking::connection::Builder;
use zbus::blocking::{Connection, Proxy};
use zbus::message::Header;
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Structure, Value};

use crate::bed::{Bed, DEADLINE};

const NOTIFICATIONS: &str = "org.freedesktop.Notifications";
const NOTIFICATIONS_PATH: &str = "/org/freedesktop/Notifications";
const WATCHER: &str = "org.kde.StatusNotifierWatcher";
const ITEM: &str = "org.kde.StatusNotifierItem";
const MENU: &str = "com.canonical.dbusmenu";

/// What the daemon was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    Show { id: u32, replaces: u32, title: String, body: String },
    Close { id: u32 },
}

struct Daemon {
    asked: Sender<Asked>,
    last: u32,
}

#[zbus::interface(name = "org.freedesktop.Notifications")]
impl Daemon {
    fn get_capabilities(&self) -> Vec<String> {
        ["actions", "body", "body-markup"].map(String::from).into()
    }

    fn get_server_information(&self) -> (String, String, String, String) {
        ("stub".into(), "test".into(), "1".into(), "1.2".into())
    }

    #[allow(clippy::too_many_arguments)]
    fn notify(
        &mut self,
        _app_name: String,
        replaces: u32,
        _icon: String,
        title: String,
        body: String,
        _actions: Vec<String>,
        _hints: HashMap<String, OwnedValue>,
        _timeout: i32,
    ) -> u32 {
        self.last += 1;
        let id = if replaces == 0 { self.last } else { replaces };
        self.asked.send(Asked::Show { id, replaces, title, body }).unwrap();
        id
    }

    fn close_notification(&mut self, id: u32) {
        self.asked.send(Asked::Close { id }).unwrap();
    }
}

/// A notification daemon.
pub struct Notifications {
    connection: Connection,
    asked: Receiver<Asked>,
}

impl Notifications {
    pub fn start(bed: &Bed) -> Self {
        let (asked_in, asked) = channel();
        let daemon = Daemon { asked: asked_in, last: 0 };
        let connection = Builder::address(bed.bus.as_str())
            .and_then(|builder| builder.name(NOTIFICATIONS))
            .and_then(|builder| builder.serve_at(NOTIFICATIONS_PATH, daemon))
            .and_then(Builder::build)
            .unwrap();
        Self { connection, asked }
    }

    /// The next thing that it is asked.
    pub fn next(&self) -> Asked {
        self.asked.recv_timeout(DEADLINE).expect("something is asked of the notification daemon")
    }

    /// Whether nothing was asked so far.
    pub fn is_silent(&self) -> bool {
        self.asked.try_recv().is_err()
    }

    /// The person clicks the notification.
    pub fn click(&self, id: u32) {
        self.connection
            .emit_signal(
                None::<&str>,
                NOTIFICATIONS_PATH,
                NOTIFICATIONS,
                "ActionInvoked",
                &(id, "default"),
            )
            .unwrap();
    }
}

struct Watcher {
    items: Sender<(String, String)>,
}

#[zbus::interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    fn register_status_notifier_item(&self, item: String, #[zbus(header)] header: Header<'_>) {
        let sender = header.sender().unwrap().to_string();
        self.items.send((sender, item)).unwrap();
    }

    fn register_status_notifier_host(&self, _host: String) {}

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        true
    }

    #[zbus(property)]
    fn protocol_version(&self) -> i32 {
        0
    }

    #[zbus(property)]
    fn registered_status_notifier_items(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A panel that shows tray icons.
pub struct Panel {
    connection: Connection,
    items: Receiver<(String, String)>,
}

/// An icon in the panel.
pub struct Icon {
    connection: Connection,
    owner: String,
    path: String,
}

impl Panel {
    pub fn start(bed: &Bed) -> Self {
        let (items_in, items) = channel();
        let connection = Builder::address(bed.bus.as_str())
            .and_then(|builder| builder.name(WATCHER))
            .and_then(|builder| {
                builder.serve_at("/StatusNotifierWatcher", Watcher { items: items_in })
            })
            .and_then(Builder::build)
            .unwrap();
        Self { connection, items }
    }

    /// The next icon that a program puts here.
    pub fn icon(&self) -> Icon {
        let (owner, path) = self.items.recv_timeout(DEADLINE).expect("an icon comes to the tray");
        Icon { connection: self.connection.clone(), owner, path }
    }
}

impl Icon {
    fn item(&self) -> Proxy<'static> {
        self.proxy(self.path.as_str().try_into().unwrap(), ITEM)
    }

    fn menu(&self) -> Proxy<'static> {
        self.proxy(self.item().get_property("Menu").unwrap(), MENU)
    }

    fn proxy(&self, path: OwnedObjectPath, interface: &'static str) -> Proxy<'static> {
        Proxy::new_owned(self.connection.clone(), self.owner.clone(), path, interface).unwrap()
    }

    /// The bytes of the picture it shows just now.
    pub fn picture(&self) -> Vec<u8> {
        let name: String = self.item().get_property("IconName").unwrap();
        std::fs::read(name).unwrap()
    }

    /// Changes of the picture, from now on.
    pub fn new_pictures(&self) -> Receiver<()> {
        let item = self.item();
        let signals = item.receive_signal("NewIcon").unwrap();
        let (changes_in, changes) = channel();
        std::thread::spawn(move || {
            for _ in signals {
                if changes_in.send(()).is_err() {
                    return;
                }
            }
        });
        changes
    }

    /// The menu's entries: number, text, whether ticked; separators left out.
    pub fn entries(&self) -> Vec<(i32, String, bool)> {
        type Layout = (u32, (i32, HashMap<String, OwnedValue>, Vec<OwnedValue>));
        let (_, root): Layout =
            self.menu().call("GetLayout", &(0i32, -1i32, Vec::<String>::new())).unwrap();
        let entry = |child: &OwnedValue| -> Option<(i32, String, bool)> {
            let child: &Structure<'_> = child.downcast_ref().unwrap();
            let [Value::I32(id), Value::Dict(properties), _] = child.fields() else {
                panic!("a menu entry is a number, properties and children");
            };
            let label: String = properties.get(&"label").unwrap()?;
            let ticked: i32 = properties.get(&"toggle-state").unwrap().unwrap_or(0);
            Some((*id, label, ticked == 1))
        };
        root.2.iter().filter_map(entry).collect()
    }

    /// Chooses the entry with this text.
    pub fn choose(&self, text: &str) {
        let entries = self.entries();
        let found = entries.iter().find(|(_, label, _)| label == text);
        let (id, _, _) = found.unwrap_or_else(|| panic!("no {text} in {entries:?}"));
        let arguments = (*id, "clicked", Value::from(0i32), 0u32);
        self.menu().call_noreply("Event", &arguments).unwrap();
    }

    /// Waits until the menu's texts are these.
    pub fn until_texts(&self, wanted: &[&str]) {
        self.until(|entries| entries.iter().map(|(_, text, _)| text).eq(wanted));
    }

    /// Waits until the entry with this text is the only one that is ticked.
    pub fn until_ticked(&self, wanted: &str) {
        self.until(|entries| entries.iter().all(|(_, text, ticked)| (text == wanted) == *ticked));
    }

    fn until(&self, wanted: impl Fn(&[(i32, String, bool)]) -> bool) {
        let menu = self.menu();
        let changes = menu.receive_all_signals().unwrap();
        let (ticks_in, ticks) = channel();
        std::thread::spawn(move || {
            for _ in changes {
                if ticks_in.send(()).is_err() {
                    return;
                }
            }
        });
        loop {
            let entries = self.entries();
            if wanted(&entries) {
                return;
            }
            ticks.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("the menu says {entries:?}"));
        }
    }
}
