//! A small picture of a photo or scan: what travels before the file itself.
//!
//! A picture that cannot be decoded, or only with more memory than a laptop should give, has none, and that is
//! no error; a file that is small itself needs none.

use std::{
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
};

use image::{
    DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, Limits, codecs::jpeg::JpegEncoder,
    metadata::Orientation,
};
use shared::document::attachment::THUMBNAIL_BYTES_MAX;

/// Pixels of the longer side.
const SIDE: u32 = 200;
/// Bytes that are aimed at.
const BYTES_WANTED: usize = 5_000;
/// Qualities of JPEG that are tried, best first.
const QUALITIES: [u8; 4] = [60, 40, 25, 12];
/// Pixels of a side of a picture that is decoded.
const SIDE_MAX: u32 = 16_000;
/// Bytes that decoding may take: a picture of 48 million pixels.
const DECODING_BYTES_MAX: u64 = 160 << 20;

/// A small picture of the picture in `bytes`, a JPEG of at most [`THUMBNAIL_BYTES_MAX`] bytes.
pub fn of(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.len() as u64 <= THUMBNAIL_BYTES_MAX {
        return None;
    }
    let format = match super::media::of(bytes).name {
        "image/jpeg" => ImageFormat::Jpeg,
        "image/png" => ImageFormat::Png,
        _ => return None,
    };
    // A decoder that breaks down breaks down alone.
    catch_unwind(AssertUnwindSafe(|| small(bytes, format))).ok().flatten()
}

fn small(bytes: &[u8], format: ImageFormat) -> Option<Vec<u8>> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_MAX);
    limits.max_image_height = Some(SIDE_MAX);
    limits.max_alloc = Some(DECODING_BYTES_MAX);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().ok()?;
    if decoder.total_bytes() > DECODING_BYTES_MAX {
        return None;
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let whole = DynamicImage::from_decoder(decoder).ok()?;
    let (width, height) = (whole.width(), whole.height());
    let mut picture = if width.max(height) > SIDE { whole.thumbnail(SIDE, SIDE) } else { whole };
    picture.apply_orientation(orientation);
    let picture = picture.to_rgb8();
    let mut made = Vec::new();
    for quality in QUALITIES {
        made.clear();
        JpegEncoder::new_with_quality(&mut made, quality).encode_image(&picture).ok()?;
        if made.len() <= BYTES_WANTED {
            break;
        }
    }
    (made.len() as u64 <= THUMBNAIL_BYTES_MAX).then_some(made)
}

#[cfg(test)]
mod tests {
    use image::{ImageBuffer, Rgb};

    use super::*;

    fn photo(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
        let picture = ImageBuffer::from_fn(width, height, |x, y| {
            let noise = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)) >> 24;
            Rgb([(x * 255 / width) as u8, (y * 255 / height) as u8, noise as u8])
        });
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::ImageRgb8(picture).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn a_photo_has_a_small_picture_of_a_few_kilobytes() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png] {
            let made = of(&photo(1_200, 900, format)).unwrap();
            assert!((500..9_000).contains(&made.len()), "{}", made.len());
            let shown = image::load_from_memory_with_format(&made, ImageFormat::Jpeg).unwrap();
            assert_eq!((shown.width(), shown.height()), (200, 150));
        }
    }

    #[test]
    fn what_cannot_be_decoded_has_none() {
        let whole = photo(300, 300, ImageFormat::Png);
        assert_eq!(of(&whole[..whole.len() / 2]), None);
        assert_eq!(of(b"%PDF-1.7"), None);
        assert_eq!(of(&[]), None);
        assert_eq!(of(&photo(20, 20, ImageFormat::Jpeg)), None, "it is small itself");
        // A header that claims 60,000 by 60,000 pixels.
        let mut bomb = whole;
        bomb[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
        assert_eq!(of(&bomb), None);
    }
}
