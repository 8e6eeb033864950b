//! The media type of a file by its name, as a hint for those who get it.
//!
//! Only what people send each other often; everything else is bytes. It never looks into a file.

use crate::name;

/// The media type of what is not known better.
pub const UNKNOWN: &str = "application/octet-stream";

/// The media type that goes with the ending of `name`.
#[must_use]
pub fn of(name: &str) -> &'static str {
    match name::ending(name).to_ascii_lowercase().trim_start_matches('.') {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "svg" => "image/svg+xml",
        "bmp" => "image/bmp",
        "heic" => "image/heic",
        "mp4" | "m4v" => "video/mp4",
        "webm" => "video/webm",
        "mov" => "video/quicktime",
        "mkv" => "video/x-matroska",
        "mp3" => "audio/mpeg",
        "m4a" => "audio/mp4",
        "ogg" | "opus" => "audio/ogg",
        "wav" => "audio/wav",
        "flac" => "audio/flac",
        "txt" | "log" => "text/plain",
        "md" => "text/markdown",
        "csv" => "text/csv",
        "html" | "htm" => "text/html",
        "json" => "application/json",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "gz" | "tgz" => "application/gzip",
        "7z" => "application/x-7z-compressed",
        "doc" => "application/msword",
        "xls" => "application/vnd.ms-excel",
        "ppt" => "application/vnd.ms-powerpoint",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "pptx" => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "odt" => "application/vnd.oasis.opendocument.text",
        "ods" => "application/vnd.oasis.opendocument.spreadsheet",
        "odp" => "application/vnd.oasis.opendocument.presentation",
        _ => UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_decides_in_either_case() {
        assert_eq!(of("a.PNG"), "image/png");
        assert_eq!(of("archive.tar.gz"), "application/gzip");
        for name in ["", "png", ".png", "a.", "a.unheardof"] {
            assert_eq!(of(name), UNKNOWN, "{name}");
        }
        assert!(of("a.pptx").len() <= anser_proto::limits::MEDIA_TYPE_BYTES);
    }
}
