//! What a file is, by its first bytes: names lie, and paths of phones have none.

use shared::document::attachment::Kind;

/// A form of file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Media {
    /// The media type, as `image/jpeg`.
    pub name: &'static str,
    /// What such a file shows where nobody says.
    pub kind: Kind,
}

const fn media(name: &'static str, kind: Kind) -> Media {
    Media { name, kind }
}

/// What the bytes of a file are; `application/octet-stream` where that is not known.
pub fn of(bytes: &[u8]) -> Media {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => media("image/jpeg", Kind::Photo),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => media("image/png", Kind::Scan),
        [b'%', b'P', b'D', b'F', b'-', ..] => media("application/pdf", Kind::Scan),
        [b'G', b'I', b'F', b'8', ..] => media("image/gif", Kind::Photo),
        [b'I', b'I', b'*', 0, ..] | [b'M', b'M', 0, b'*', ..] => media("image/tiff", Kind::Scan),
        [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => media("image/bmp", Kind::Scan),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => media("image/webp", Kind::Photo),
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => match brand.first_chunk::<4>() {
            Some(b"heic" | b"heix" | b"mif1" | b"msf1") => media("image/heic", Kind::Photo),
            Some(b"avif" | b"avis") => media("image/avif", Kind::Photo),
            _ => media("video/mp4", Kind::Other),
        },
        [b'P', b'K', 3, 4, ..] => media("application/zip", Kind::Other),
        _ if is_text(bytes) => media("text/plain", Kind::Other),
        _ => media("application/octet-stream", Kind::Other),
    }
}

fn is_text(bytes: &[u8]) -> bool {
    let plain = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    std::str::from_utf8(bytes).is_ok_and(|text| !text.is_empty() && text.chars().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_their_bytes() {
        for (bytes, name) in [
            (&b"\xff\xd8\xff\xe0 rest"[..], "image/jpeg"),
            (b"\x89PNG\r\n\x1a\nrest", "image/png"),
            (b"%PDF-1.7", "application/pdf"),
            (b"RIFF1234WEBPVP8 ", "image/webp"),
            (b"\0\0\0\x18ftypheic", "image/heic"),
            (b"\0\0\0\x18ftyp", "video/mp4"),
            (b"Surat keterangan\n", "text/plain"),
            (b"\0\x01\x02", "application/octet-stream"),
            (b"", "application/octet-stream"),
            (b"\xff\xd8", "application/octet-stream"),
        ] {
            assert_eq!(of(bytes).name, name);
        }
    }
}
