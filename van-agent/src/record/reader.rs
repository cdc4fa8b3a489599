//! Cuts input into lines of bounded length, without ever holding a longer one in memory.

use std::io::{self, BufRead};

use super::line::LINE_BYTES_MAX;
use crate::request::RawLine;

/// A line of the input.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Piece {
    /// Text to be read.
    Line(RawLine),
    /// No text that could be read, and why.
    Bad {
        /// Its number.
        line: u64,
        /// Why.
        error: String,
    },
}

impl Piece {
    /// Its bytes, roughly.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Line(line) => line.text.len(),
            Self::Bad { .. } => 0,
        }
    }
}

/// Reads lines; blank ones are counted and left out.
#[derive(Debug)]
pub struct Lines<R> {
    reader: R,
    line: u64,
}

impl<R: BufRead> Lines<R> {
    /// Reads lines of `reader`.
    pub fn new(reader: R) -> Self {
        Self { reader, line: 0 }
    }

    /// The next line that is not blank, or `None` at the end.
    ///
    /// # Errors
    /// The input cannot be read.
    pub fn next_piece(&mut self) -> io::Result<Option<Piece>> {
        loop {
            let Some((bytes, length)) = self.read_line()? else { return Ok(None) };
            self.line += 1;
            let line = self.line;
            if length > LINE_BYTES_MAX {
                let error = format!("the line has {length} bytes where {LINE_BYTES_MAX} are allowed");
                return Ok(Some(Piece::Bad { line, error }));
            }
            let bytes =
                if line == 1 { bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes) } else { &bytes };
            match std::str::from_utf8(bytes) {
                Ok(text) if text.trim().is_empty() => {}
                Ok(text) => return Ok(Some(Piece::Line(RawLine { line, text: text.to_owned() }))),
                Err(_) => {
                    return Ok(Some(Piece::Bad { line, error: "the line is not text in UTF-8".to_owned() }));
                }
            }
        }
    }

    /// One line without its end, cut at the limit, with its whole length.
    fn read_line(&mut self) -> io::Result<Option<(Vec<u8>, usize)>> {
        let (mut kept, mut length, mut any) = (Vec::new(), 0, false);
        loop {
            let buffer = match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                buffer => buffer?,
            };
            if buffer.is_empty() {
                return Ok(any.then_some((kept, length)));
            }
            any = true;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let part = &buffer[..end.unwrap_or(buffer.len())];
            length += part.len();
            let room = (LINE_BYTES_MAX + 1).saturating_sub(kept.len());
            kept.extend_from_slice(&part[..part.len().min(room)]);
            let used = part.len() + usize::from(end.is_some());
            self.reader.consume(used);
            if end.is_some() {
                return Ok(Some((kept, length)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(bytes: &[u8]) -> Vec<Piece> {
        let mut lines = Lines::new(io::BufReader::with_capacity(7, bytes));
        std::iter::from_fn(|| lines.next_piece().expect("memory reads")).collect()
    }

    #[test]
    fn lines_are_numbered_and_blank_ones_left_out() {
        let line = |line, text: &str| Piece::Line(RawLine { line, text: text.to_owned() });
        assert_eq!(
            pieces(b"\xef\xbb\xbfone\n\n  \r\nfour\nlast"),
            [line(1, "one"), line(4, "four"), line(5, "last")]
        );
        assert_eq!(pieces(b""), []);
    }

    #[test]
    fn a_long_or_broken_line_does_not_stop_the_next() {
        let mut bytes = vec![b'x'; 10_000_000];
        bytes.extend(b"\n\xff\xfe\x00\nlast\n");
        let found = pieces(&bytes);
        assert!(matches!(&found[0], Piece::Bad { line: 1, error } if error.contains("10000000 bytes")));
        assert!(matches!(&found[1], Piece::Bad { line: 2, error } if error.contains("UTF-8")));
        assert_eq!(found[2], Piece::Line(RawLine { line: 3, text: "last".to_owned() }));
    }
}
