//! Rules about one file: its length, its opening, its words, and that it is text at all.
//!
//! Looks only at the path and the content it is handed.

/// Longest source file, in lines.
const SOURCE_LINES: usize = 600;
/// Longest file of tests, in lines.
const TEST_LINES: usize = 800;
/// Largest picture or other binary file, in bytes.
const BINARY_BYTES: usize = 512 * 1024;

/// Where binary files may be: made from source in this repository, or needed by a test.
const BINARY_PLACES: [&str; 4] = ["icons/", "docs/images/", "/testdata/", "fuzz/corpus/"];

/// Written by a program, for a program.
const GENERATED: [&str; 5] =
    ["Cargo.lock", "package-lock.json", "/generated/", "/snapshots/", "docs/api/openrpc.json"];

/// What must not be committed, and what to do instead. Split so that this file may hold them.
const WORDS: [(&str, &str); 6] = [
    (concat!("TO", "DO"), "do it, or file an issue"),
    (concat!("FIX", "ME"), "mend it, or file an issue"),
    (concat!("XX", "X"), "say what is meant"),
    (concat!("/wo", "rk/"), "a path of one machine means nothing elsewhere"),
    (concat!("/ro", "ot/"), "a path of one machine means nothing elsewhere"),
    (concat!("arti", "factory"), "name no package mirror"),
];

/// Every violation in one file.
pub fn check(path: &str, content: &[u8]) -> Vec<String> {
    let Some(text) = text(content) else {
        return binary(path, content.len()).into_iter().collect();
    };
    let mut violations = words(path, text);
    if !is_generated(path) {
        violations.extend(length(path, text));
        violations.extend(opening(path, text));
    }
    violations
}

fn text(content: &[u8]) -> Option<&str> {
    std::str::from_utf8(content).ok().filter(|text| !text.contains('\0'))
}

fn binary(path: &str, size_bytes: usize) -> Option<String> {
    if !BINARY_PLACES.iter().any(|place| path.starts_with(place) || path.contains(place)) {
        return Some(format!(
            "{path}: is binary; binary files may only be in {}.",
            BINARY_PLACES.join(", ")
        ));
    }
    (size_bytes > BINARY_BYTES).then(|| {
        format!("{path}: has {size_bytes} bytes, {BINARY_BYTES} are allowed; make it smaller.")
    })
}

fn is_generated(path: &str) -> bool {
    GENERATED.iter().any(|part| path.ends_with(part) || path.contains(part))
}

fn is_test(path: &str) -> bool {
    path.starts_with("tests/")
        || path.contains("/tests/")
        || path.contains("/e2e/")
        || path.ends_with("/tests.rs")
        || path.ends_with(".test.ts")
        || path.ends_with(".spec.ts")
}

fn length(path: &str, text: &str) -> Option<String> {
    let counted = [".rs", ".ts", ".svelte", ".css", ".js", ".sh"];
    if !counted.iter().any(|ending| path.ends_with(ending)) {
        return None;
    }
    let limit = if is_test(path) { TEST_LINES } else { SOURCE_LINES };
    let lines = text.lines().count();
    (lines > limit)
        .then(|| format!("{path}: has {lines} lines, {limit} are allowed; look for the seam."))
}

fn opening(path: &str, text: &str) -> Option<String> {
    (path.ends_with(".rs") && !text.starts_with("//!"))
        .then(|| format!("{path}: does not open with `//!` that says what the file is for."))
}

fn words(path: &str, text: &str) -> Vec<String> {
    // Hashes in a lock file are random letters.
    if path.ends_with("Cargo.lock") {
        return Vec::new();
    }
    let mut violations = Vec::new();
    for (number, line) in text.lines().enumerate() {
        // The hash of a package may hold any letters.
        if line.contains("\"integrity\":") {
            continue;
        }
        for (word, instead) in WORDS {
            if line.contains(word) {
                violations.push(format!("{path}:{}: holds `{word}`: {instead}.", number + 1));
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: usize) -> String {
        format!("//! Numbers.\n{}", "let a = 1;\n".repeat(count - 1))
    }

    #[test]
    fn a_source_file_may_have_600_lines_and_no_more() {
        assert_eq!(check("crates/chat/src/log.rs", lines(600).as_bytes()), Vec::<String>::new());
        let violations = check("crates/chat/src/log.rs", lines(601).as_bytes());
        assert_eq!(
            violations,
            ["crates/chat/src/log.rs: has 601 lines, 600 are allowed; look for the seam."]
        );
    }

    #[test]
    fn tests_may_have_800_lines_and_generated_files_any() {
        for path in ["crates/chat/tests/it/log.rs", "ui/src/lib/state/people.test.ts"] {
            assert!(check(path, lines(800).as_bytes()).is_empty());
            assert_eq!(check(path, lines(801).as_bytes()).len(), 1, "{path}");
        }
        assert!(check("ui/src/lib/api/generated/types.ts", lines(2_000).as_bytes()).is_empty());
    }

    #[test]
    fn a_rust_file_opens_with_what_it_is_for() {
        assert!(check("src/a.rs", b"//! Letters.\nfn a() {}\n").is_empty());
        for content in ["", "fn a() {}\n", "// Letters.\n", "#![no_main]\n//! Letters.\n"] {
            assert_eq!(check("src/a.rs", content.as_bytes()).len(), 1, "{content:?}");
        }
    }

    #[test]
    fn forbidden_words_are_found_where_they_stand() {
        for (word, _) in WORDS {
            let content = format!("A line.\nAnother with {word} in it.\n");
            let violations = check("docs/guide.md", content.as_bytes());
            assert_eq!(violations.len(), 1, "{word}");
            assert!(violations.concat().starts_with("docs/guide.md:2: holds"), "{violations:?}");
        }
    }

    #[test]
    fn a_package_hash_is_no_word() {
        let word = WORDS.map(|(word, _)| word)[0];
        let line = format!("      \"integrity\": \"sha512-{word}\",\n");
        assert!(check("ui/package-lock.json", line.as_bytes()).is_empty());
        let line = format!("      \"resolved\": \"{word}\",\n");
        assert_eq!(check("ui/package-lock.json", line.as_bytes()).len(), 1);
    }

    #[test]
    fn binary_files_have_their_places_and_their_size() {
        assert!(check("icons/32x32.png", b"\x89PNG\0\0").is_empty());
        assert_eq!(check("crates/net/src/blob.bin", b"\x89PNG\0\0").len(), 1);
        assert_eq!(check("icons/icon.png", &vec![0; BINARY_BYTES + 1]).len(), 1);
    }
}
