//! Links into the program (`anser:`) and out of it (to a browser or mail program).
//!
//! Both are allow-lists: a link comes from somebody else, and what it may start is named here.

use tauri::Url;

/// Longest link that is looked at, in bytes.
const LINK_BYTES: usize = 8 * 1024;

/// Schemes that the system's programs may be started for.
const OUTWARD: [&str; 3] = ["http", "https", "mailto"];

/// The first `anser:` link among a start's arguments.
pub(crate) fn inward<S: AsRef<str>>(arguments: &[S]) -> Option<String> {
    arguments
        .iter()
        .map(AsRef::as_ref)
        .find(|text| text.len() <= LINK_BYTES && scheme_is(text, "anser"))
        .map(str::to_owned)
}

/// The link as it may be handed to the system; `None` for every other scheme and for nonsense.
pub(crate) fn outward(text: &str) -> Option<String> {
    if text.len() > LINK_BYTES {
        return None;
    }
    let url = Url::parse(text).ok()?;
    let web = url.scheme() != "mailto";
    (OUTWARD.contains(&url.scheme()) && (!web || url.has_host())).then(|| url.into())
}

fn scheme_is(text: &str, scheme: &str) -> bool {
    text.split_once(':').is_some_and(|(before, _)| before.eq_ignore_ascii_case(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_for_a_browser_or_mail_program_leave() {
        for fine in ["https://example.org/a?b=c#d", "http://192.168.1.7:8080/", "mailto:a@b.org"] {
            assert_eq!(outward(fine).as_deref(), Some(fine));
        }
        let long = format!("https://example.org/{}", "a".repeat(LINK_BYTES));
        let refused = [
            "file:///etc/passwd",
            "javascript:alert(1)",
            "smb://host/share",
            "vbscript:x",
            "data:text/html,x",
            "ms-msdt:/id",
            "anser:card",
            "C:\\Windows\\System32\\calc.exe",
            "//example.org",
            "-version",
            "",
            "https:",
            long.as_str(),
        ];
        for text in refused {
            assert_eq!(outward(text), None, "{text}");
        }
    }

    #[test]
    fn a_link_cannot_smuggle_a_second_argument_or_a_quote() {
        assert_eq!(
            outward("https://example.org/ \"--new\"\n").as_deref(),
            Some("https://example.org/%20%22--new%22")
        );
    }

    #[test]
    fn the_link_is_found_among_the_arguments() {
        let arguments = ["anser-desktop", "--hidden", "ANSER:card/abc", "anser:second"];
        assert_eq!(inward(&arguments).as_deref(), Some("ANSER:card/abc"));
        assert_eq!(inward(&["anser-desktop", "answer:x", "anser"]), None);
    }
}
