//! The app's pages, carried inside the program.

use std::borrow::Cow;

use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../ui/dist"]
#[allow_missing = true]
struct Pages;

const INDEX: &str = "index.html";

/// A file and its media type.
pub(super) struct Page {
    pub(super) content: Cow<'static, [u8]>,
    pub(super) media_type: String,
}

/// Whether the pages existed when this program was built.
pub(super) fn are_built_in() -> bool {
    Pages::get(INDEX).is_some()
}

/// The file for a request's path.
pub(super) fn page(path: &str) -> Option<Page> {
    let name = match path.trim_start_matches('/') {
        "" => INDEX,
        name => name,
    };
    let file = Pages::get(name)?;
    let guessed = mime_guess::from_path(name).first_or_octet_stream();
    let media_type = match guessed.type_().as_str() {
        "text" => format!("{guessed}; charset=utf-8"),
        _ => guessed.to_string(),
    };
    Some(Page { content: file.data, media_type })
}
