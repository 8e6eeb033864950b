//! What becomes of a file name that somebody else chose.
//!
//! Must always hold: the result is one name, not a path; it names a new file on Linux, macOS and
//! Windows alike; it reads the way it is stored (nothing turns letters round); at most 255 bytes;
//! never empty; and making it safe again changes nothing. Whether a name is taken is not known here.

use anser_proto::limits::FILE_NAME_BYTES;

/// The name of a file whose own name had nothing to show.
const NAMELESS: &str = "file";
/// Longest ending that is kept when a name is shortened, in bytes, with its dot.
const ENDING_BYTES: usize = 24;
/// What Windows takes for a device, whatever ending follows.
const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];

/// A name for a file that somebody else calls `name`.
#[must_use]
pub fn safe(name: &str) -> String {
    let replaced: String = name
        .chars()
        .filter(|letter| !is_hidden(*letter))
        .map(|letter| if is_separator(letter) { '_' } else { letter })
        .collect();
    let trimmed = trim(&replaced);
    let named = match is_device(trimmed) {
        _ if trimmed.is_empty() => NAMELESS.to_owned(),
        true => format!("_{trimmed}"),
        false => trimmed.to_owned(),
    };
    shortened(&named, "")
}

/// `name`, which is safe, as its `number`th: "name (2).ext".
#[must_use]
pub fn numbered(name: &str, number: u32) -> String {
    if number < 2 { name.to_owned() } else { shortened(name, &format!(" ({number})")) }
}

/// The ending with its dot; empty when there is none or it is too long to be one.
#[must_use]
pub fn ending(name: &str) -> &str {
    match name.rfind('.') {
        Some(at) if at > 0 && name.len().saturating_sub(at) <= ENDING_BYTES => {
            name.get(at..).unwrap_or_default()
        }
        _ => "",
    }
}

/// `name` with `addition` before its ending, the part before shortened so that all of it fits.
fn shortened(name: &str, addition: &str) -> String {
    let ending = ending(name);
    let stem = name.strip_suffix(ending).unwrap_or(name);
    let room = FILE_NAME_BYTES.saturating_sub(ending.len()).saturating_sub(addition.len());
    let mut end = room.min(stem.len());
    while !stem.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    let stem = stem.get(..end).unwrap_or_default();
    // A cut may lay bare a dot or a space, which would end the whole name where no ending follows.
    let stem = if ending.is_empty() && addition.is_empty() { trim(stem) } else { stem };
    format!("{stem}{addition}{ending}")
}

/// Windows drops dots and spaces at the end of a name, and a space in front is invisible.
fn trim(name: &str) -> &str {
    name.trim_start_matches(char::is_whitespace)
        .trim_end_matches(|letter: char| letter == '.' || letter.is_whitespace())
}

fn is_separator(letter: char) -> bool {
    matches!(letter, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|')
}

/// Letters that nobody sees: controls, line and paragraph ends, marks that turn the direction of
/// writing (which make "exe.txt" of "txt.exe"), and a byte order mark.
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_uppercase();
    if DEVICES.contains(&stem.as_str()) {
        return true;
    }
    let port = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
    let mut letters = port.unwrap_or_default().chars();
    let number = letters.next().is_some_and(|l| l.is_ascii_digit() || matches!(l, '¹' | '²' | '³'));
    number && letters.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_mean_harm_become_plain_ones() {
        for (given, expected) in [
            ("report.pdf", "report.pdf"),
            ("写真 1.jpeg", "写真 1.jpeg"),
            ("../../etc/passwd", ".._.._etc_passwd"),
            ("..\\..\\a.exe", ".._.._a.exe"),
            ("C:evil", "C_evil"),
            ("a\0b\n.txt", "ab.txt"),
            ("gpj.\u{202e}exe", "gpj.exe"),
            ("nul", "_nul"),
            ("Con.txt", "_Con.txt"),
            ("COM1.tar.gz", "_COM1.tar.gz"),
            ("LPT¹", "_LPT¹"),
            ("COMMA.txt", "COMMA.txt"),
            ("name. . .", "name"),
            ("  x", "x"),
            ("..", "file"),
            (".", "file"),
            ("", "file"),
            ("\u{202e}", "file"),
            (".bashrc", ".bashrc"),
        ] {
            assert_eq!(safe(given), expected, "{given:?}");
        }
    }

    #[test]
    fn long_names_keep_their_ending_and_whole_letters() {
        let long = format!("{}.jpeg", "鸿".repeat(200));
        let safe = safe(&long);
        assert!(safe.len() <= FILE_NAME_BYTES && safe.ends_with("鸿.jpeg"), "{safe}");
        let second = numbered(&safe, 2);
        assert!(second.len() <= FILE_NAME_BYTES && second.ends_with(" (2).jpeg"), "{second}");
        assert_eq!(numbered("a.txt", 2), "a (2).txt");
        assert_eq!(numbered("a.txt", 1), "a.txt");
        assert_eq!(numbered("LICENSE", 3), "LICENSE (3)");
        assert_eq!(numbered(".bashrc", 3), ".bashrc (3)");
    }

    proptest! {
        #[test]
        fn whatever_is_given_is_one_name(name in "\\PC{0,40}|.{0,300}|[./\\\\: ]{0,12}|(con|nul|com1)[. ]{0,3}") {
            let once = safe(&name);
            prop_assert!(!once.is_empty() && once.len() <= FILE_NAME_BYTES);
            prop_assert!(!once.contains(['/', '\\', ':', '\0']) && once != "." && once != "..");
            prop_assert!(!once.ends_with(['.', ' ']) && !once.chars().any(is_hidden));
            prop_assert!(!is_device(&once));
            prop_assert_eq!(safe(&once), once.clone());
            let second = numbered(&once, 4_000_000_000);
            prop_assert!(second.len() <= FILE_NAME_BYTES && second != once);
            prop_assert_eq!(safe(&second), second.clone());
        }
    }
}
