//! The channels of a link in one stream of bytes, where there is no QUIC to keep them apart.
//!
//! A piece is a byte for what it is, two for its length (the higher first), and so many bytes. Bytes of a channel
//! keep their order; pieces of other channels come between them. A close carries its code in four bytes and its
//! reason in words. A stream of anything else is of no further use.

use shared::sync::Channel;

/// Bytes that one piece carries at most.
pub(crate) const PIECE_BYTES_MAX: usize = 16 << 10;
/// Bytes of a close's reason.
const REASON_BYTES_MAX: usize = 256;
const CODE_BYTES: usize = 4;

const CONTROL: u8 = 0;
const BATCH: u8 = 1;
const PING: u8 = 2;
const PONG: u8 = 3;
const CLOSE: u8 = 4;
const ATTACHMENT: u8 = 5;

/// What comes out of the stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Piece {
    /// The next bytes of a channel; a long piece comes in parts.
    Bytes(Channel, Vec<u8>),
    /// Asks for a sign of life.
    Ping,
    /// The answer.
    Pong,
    /// The link is over.
    Close {
        /// Why.
        code: u32,
        /// Why, in words.
        reason: String,
    },
}

/// Why a stream is not one of pieces.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MuxError {
    /// A kind that there is not.
    #[error("a piece of kind {kind} is unknown")]
    Unknown {
        /// The kind.
        kind: u8,
    },
    /// A length that its kind does not have.
    #[error("a piece of kind {kind} has {found} bytes")]
    Length {
        /// The kind.
        kind: u8,
        /// How many.
        found: usize,
    },
}

/// Appends `bytes` of `channel`.
pub(crate) fn put(stream: &mut Vec<u8>, channel: Channel, bytes: &[u8]) {
    let kind = match channel {
        Channel::Control => CONTROL,
        Channel::Batch => BATCH,
        Channel::Attachment => ATTACHMENT,
    };
    for piece in bytes.chunks(PIECE_BYTES_MAX) {
        put_piece(stream, kind, piece);
    }
}

/// Appends a question for a sign of life.
pub(crate) fn put_ping(stream: &mut Vec<u8>) {
    put_piece(stream, PING, &[]);
}

/// Appends the answer to one.
pub(crate) fn put_pong(stream: &mut Vec<u8>) {
    put_piece(stream, PONG, &[]);
}

/// Appends the close, its reason cut to what is allowed.
pub(crate) fn put_close(stream: &mut Vec<u8>, code: u32, reason: &str) {
    let end = reason.floor_char_boundary(REASON_BYTES_MAX);
    put_piece(stream, CLOSE, &[&code.to_be_bytes()[..], &reason.as_bytes()[..end]].concat());
}

fn put_piece(stream: &mut Vec<u8>, kind: u8, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).expect("a piece is no longer than PIECE_BYTES_MAX");
    stream.push(kind);
    stream.extend(length.to_be_bytes());
    stream.extend(bytes);
}

/// Cuts a stream into pieces, however it comes.
#[derive(Default, Debug)]
pub(crate) struct Demux {
    head: Vec<u8>,
    /// Bytes left of the piece whose head is known.
    left: usize,
    close: Vec<u8>,
}

impl Demux {
    /// Takes bytes from the front of `stream`; call until it is empty and gives nothing.
    ///
    /// # Errors
    /// The stream is not one of pieces, and of no further use.
    pub(crate) fn take(&mut self, stream: &mut &[u8]) -> Result<Option<Piece>, MuxError> {
        while self.head.len() < 3 {
            let Some((byte, rest)) = stream.split_first() else { return Ok(None) };
            self.head.push(*byte);
            *stream = rest;
            if self.head.len() == 3 {
                let (kind, length) = (self.head[0], u16::from_be_bytes([self.head[1], self.head[2]]));
                self.left = checked(kind, usize::from(length))?;
                if self.left == 0 {
                    self.head.clear();
                    match kind {
                        PING => return Ok(Some(Piece::Ping)),
                        PONG => return Ok(Some(Piece::Pong)),
                        // Bytes of a channel, but none.
                        _ => {}
                    }
                }
            }
        }
        let (bytes, rest) = stream.split_at(self.left.min(stream.len()));
        (*stream, self.left) = (rest, self.left - bytes.len());
        let (kind, whole) = (self.head[0], self.left == 0);
        if whole {
            self.head.clear();
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        Ok(match kind {
            CONTROL => Some(Piece::Bytes(Channel::Control, bytes.to_vec())),
            BATCH => Some(Piece::Bytes(Channel::Batch, bytes.to_vec())),
            ATTACHMENT => Some(Piece::Bytes(Channel::Attachment, bytes.to_vec())),
            _ => {
                self.close.extend(bytes);
                whole.then(|| close_of(&std::mem::take(&mut self.close)))
            }
        })
    }
}

fn checked(kind: u8, length: usize) -> Result<usize, MuxError> {
    let allowed = match kind {
        CONTROL | BATCH | ATTACHMENT => 0..=PIECE_BYTES_MAX,
        PING | PONG => 0..=0,
        CLOSE => CODE_BYTES..=CODE_BYTES + REASON_BYTES_MAX,
        _ => return Err(MuxError::Unknown { kind }),
    };
    if allowed.contains(&length) { Ok(length) } else { Err(MuxError::Length { kind, found: length }) }
}

fn close_of(bytes: &[u8]) -> Piece {
    let (code, reason) = bytes.split_first_chunk::<CODE_BYTES>().expect("its length was checked");
    Piece::Close { code: u32::from_be_bytes(*code), reason: String::from_utf8_lossy(reason).into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(demux: &mut Demux, mut stream: &[u8]) -> Result<Vec<Piece>, MuxError> {
        let mut pieces = Vec::new();
        loop {
            match demux.take(&mut stream)? {
                Some(piece) => pieces.push(piece),
                None if stream.is_empty() => return Ok(pieces),
                None => {}
            }
        }
    }

    fn stream() -> Vec<u8> {
        let mut stream = Vec::new();
        put(&mut stream, Channel::Batch, &[7; PIECE_BYTES_MAX + 5]);
        put_ping(&mut stream);
        put(&mut stream, Channel::Control, b"hello");
        put(&mut stream, Channel::Attachment, b"picture");
        put(&mut stream, Channel::Control, b"");
        put_pong(&mut stream);
        put_close(&mut stream, 4, "revoked \u{2013} laptop");
        stream
    }

    #[test]
    fn pieces_read_back_however_the_stream_is_cut() {
        for size in [1, 2, 3, 7, 1_000, usize::MAX] {
            let (mut demux, mut control, mut batch) = (Demux::default(), vec![], vec![]);
            let (mut file, mut rest) = (vec![], vec![]);
            for part in stream().chunks(size.min(stream().len())) {
                for piece in read(&mut demux, part).unwrap() {
                    match piece {
                        Piece::Bytes(Channel::Control, bytes) => control.extend(bytes),
                        Piece::Bytes(Channel::Batch, bytes) => batch.extend(bytes),
                        Piece::Bytes(Channel::Attachment, bytes) => file.extend(bytes),
                        Piece::Ping | Piece::Pong | Piece::Close { .. } => rest.push(piece),
                    }
                }
            }
            assert_eq!((control.as_slice(), batch), (&b"hello"[..], vec![7; PIECE_BYTES_MAX + 5]));
            assert_eq!(file, b"picture");
            let close = Piece::Close { code: 4, reason: "revoked \u{2013} laptop".to_owned() };
            assert_eq!(rest, [Piece::Ping, Piece::Pong, close]);
        }
    }

    #[test]
    fn what_is_no_piece_is_refused_before_its_bytes_come() {
        let refused = |head: &[u8]| read(&mut Demux::default(), head).unwrap_err();
        assert_eq!(refused(&[9, 0, 0]), MuxError::Unknown { kind: 9 });
        assert_eq!(refused(&[BATCH, 0x40, 1]), MuxError::Length { kind: BATCH, found: 0x4001 });
        assert_eq!(refused(&[PING, 0, 1]), MuxError::Length { kind: PING, found: 1 });
        assert_eq!(refused(&[CLOSE, 0, 3]), MuxError::Length { kind: CLOSE, found: 3 });
        assert_eq!(refused(b"GET / HTTP/1.1\r\n"), MuxError::Unknown { kind: b'G' });
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let mut stream = Vec::new();
        put_close(&mut stream, 1, &"\u{2013}".repeat(200));
        let pieces = read(&mut Demux::default(), &stream).unwrap();
        assert_eq!(pieces, [Piece::Close { code: 1, reason: "\u{2013}".repeat(85) }]);
    }

    #[test]
    fn no_flipped_bit_panics() {
        let stream = stream();
        for at in (0..stream.len() * 8).step_by(3) {
            let mut mutant = stream.clone();
            mutant[at / 8] ^= 1 << (at % 8);
            drop(read(&mut Demux::default(), &mutant));
        }
    }
}
