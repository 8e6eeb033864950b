//! What the program itself says outside its window: tray, notifications, window title.
//!
//! The pages have their own words; these are the few that no page shows. Every sentence is whole
//! in each language, none is glued from parts.

/// A language the program speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Language {
    /// English.
    #[default]
    English,
    /// Simplified Chinese.
    Chinese,
}

impl Language {
    /// The language for a setting (`system`, `en`, `zh-CN`) on a system that speaks `system`.
    fn choose(setting: &str, system: Option<&str>) -> Self {
        let tag = if setting == "system" { system.unwrap_or_default() } else { setting };
        let primary = tag.split(['-', '_', '.']).next().unwrap_or_default();
        if primary.eq_ignore_ascii_case("zh") { Self::Chinese } else { Self::English }
    }

    /// The system's language.
    pub(crate) fn of_system() -> Self {
        Self::of_setting("system")
    }

    /// The language for a setting on this system.
    pub(crate) fn of_setting(setting: &str) -> Self {
        Self::choose(setting, sys_locale::get_locale().as_deref())
    }

    /// Tray: show the window.
    pub(crate) fn show(self) -> &'static str {
        self.pick("Open Anser", "打开 Anser")
    }

    /// Tray: available.
    pub(crate) fn available(self) -> &'static str {
        self.pick("Available", "空闲")
    }

    /// Tray: away.
    pub(crate) fn away(self) -> &'static str {
        self.pick("Away", "离开")
    }

    /// Tray: busy.
    pub(crate) fn busy(self) -> &'static str {
        self.pick("Busy", "忙碌")
    }

    /// Tray: end the program.
    pub(crate) fn quit(self) -> &'static str {
        self.pick("Quit", "退出")
    }

    /// Tray, when pointed at.
    pub(crate) fn tooltip(self, unread: u64) -> String {
        match (self, unread) {
            (_, 0) => "Anser".into(),
            (Self::English, 1) => "Anser: 1 unread message".into(),
            (Self::English, n) => format!("Anser: {n} unread messages"),
            (Self::Chinese, n) => format!("Anser：{n} 条未读消息"),
        }
    }

    /// Notification: new messages without their text.
    pub(crate) fn new_messages(self, count: u64) -> String {
        match (self, count) {
            (Self::English, 1) => "New message".into(),
            (Self::English, n) => format!("{n} new messages"),
            (Self::Chinese, n) => format!("{n} 条新消息"),
        }
    }

    /// Notification title: several messages in one conversation.
    pub(crate) fn several(self, title: &str, count: u64) -> String {
        match self {
            Self::English => format!("{title} ({count} new)"),
            Self::Chinese => format!("{title}（{count} 条新消息）"),
        }
    }

    /// Notification: what somebody wrote in a group.
    pub(crate) fn said(self, name: &str, text: &str) -> String {
        match self {
            Self::English => format!("{name}: {text}"),
            Self::Chinese => format!("{name}：{text}"),
        }
    }

    /// Notification: somebody sent files and wrote nothing with them.
    pub(crate) fn sent_files(self, first: &str, count: usize) -> String {
        match (self, count) {
            (Self::English, 0 | 1) => format!("Sent a file: {first}"),
            (Self::English, n) => format!("Sent {n} files: {first}, …"),
            (Self::Chinese, 0 | 1) => format!("发送了文件：{first}"),
            (Self::Chinese, n) => format!("发送了 {n} 个文件：{first} 等"),
        }
    }

    /// Notification: many conversations at once.
    pub(crate) fn many(self, messages: u64, conversations: usize) -> String {
        match self {
            Self::English => format!("{messages} new messages in {conversations} conversations"),
            Self::Chinese => format!("{conversations} 个会话中有 {messages} 条新消息"),
        }
    }

    /// Notification: a stranger wrote.
    pub(crate) fn request(self) -> &'static str {
        self.pick("Would like to chat with you", "想和你聊天")
    }

    fn pick(self, english: &'static str, chinese: &'static str) -> &'static str {
        match self {
            Self::English => english,
            Self::Chinese => chinese,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_wins_over_the_system() {
        assert_eq!(Language::choose("system", Some("zh-Hans-CN")), Language::Chinese);
        assert_eq!(Language::choose("system", Some("zh_CN.UTF-8")), Language::Chinese);
        assert_eq!(Language::choose("system", Some("de-AT")), Language::English);
        assert_eq!(Language::choose("system", None), Language::English);
        assert_eq!(Language::choose("en", Some("zh-CN")), Language::English);
        assert_eq!(Language::choose("zh-CN", Some("en-GB")), Language::Chinese);
    }
}
