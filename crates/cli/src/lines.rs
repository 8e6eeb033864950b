//! Lines from a stream, each of bounded length.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// A line, or the news that one was too long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Without its end; bytes that are no UTF-8 became U+FFFD.
    Text(String),
    /// Over the bound; it was skipped to its end.
    TooLong,
}

/// Reads lines; memory stays within the bound whatever comes.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    from: R,
    most: usize,
    bytes: Vec<u8>,
    skipping: bool,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    /// Lines of at most `most` bytes.
    pub(crate) fn new(from: R, most: usize) -> Self {
        Self { from, most, bytes: Vec::new(), skipping: false }
    }

    /// The next line that is not empty; `None` at the end. Cancel-safe.
    ///
    /// # Errors
    /// When the stream fails.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Line>> {
        loop {
            let chunk = self.from.fill_buf().await?;
            if chunk.is_empty() {
                // A last line without an end counts: `printf '{…}' | anser rpc`.
                return Ok(self.take());
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let (part, used) = match end {
                Some(at) => (chunk.get(..at).unwrap_or_default(), at.saturating_add(1)),
                None => (chunk, chunk.len()),
            };
            if self.bytes.len().saturating_add(part.len()) > self.most {
                self.skipping = true;
                self.bytes = Vec::new();
            }
            if !self.skipping {
                self.bytes.extend_from_slice(part);
            }
            self.from.consume(used);
            if end.is_some()
                && let Some(line) = self.take()
            {
                return Ok(Some(line));
            }
        }
    }

    fn take(&mut self) -> Option<Line> {
        if std::mem::take(&mut self.skipping) {
            return Some(Line::TooLong);
        }
        let bytes = std::mem::take(&mut self.bytes);
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim();
        (!text.is_empty()).then(|| Line::Text(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anser_api::rpc::REQUEST_BYTES;
    use tokio::io::BufReader;

    async fn all(input: &[u8]) -> Vec<Line> {
        let mut lines = Lines::new(BufReader::with_capacity(1_000, input), REQUEST_BYTES);
        let mut all = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            all.push(line);
        }
        all
    }

    #[tokio::test]
    async fn a_line_at_the_limit_passes_and_one_over_it_is_skipped() {
        let mut input = vec![b'a'; REQUEST_BYTES];
        input.push(b'\n');
        input.extend(vec![b'b'; 3 * REQUEST_BYTES]);
        input.extend(b"\nafter\r\n\n  \nlast");
        let found = all(&input).await;
        assert_eq!(found[0], Line::Text("a".repeat(REQUEST_BYTES)));
        assert_eq!(
            found[1..],
            [Line::TooLong, Line::Text("after".into()), Line::Text("last".into())]
        );
    }

    #[tokio::test]
    async fn bytes_that_are_no_text_do_no_harm() {
        assert_eq!(
            all(b"\xff\xfe\n{}").await,
            [Line::Text("\u{fffd}\u{fffd}".into()), Line::Text("{}".into())]
        );
    }
}
