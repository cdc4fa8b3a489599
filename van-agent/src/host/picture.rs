//! Finds the QR of a seal or a slip in a photo or a scan.

use std::{io::Cursor, io::Read as _, path::Path};

use image::{DynamicImage, GrayImage, ImageReader, Limits, imageops::FilterType};
use shared::{seal::Seal, stamp::Stamp};

use crate::host::output::Failure;

/// Bytes of a picture's file, at most.
pub const FILE_BYTES_MAX: u64 = 32 << 20;
/// Pixels a side, at most.
const SIDE_MAX: u32 = 12_000;
/// Bytes that decoding a picture may take.
const DECODING_BYTES_MAX: u64 = 512 << 20;
/// Sides in pixels to which a larger picture is brought, one after the other: a finder of codes sees a blurred or a
/// noisy one better when it is small.
const SIDES: [u32; 3] = [2_400, 1_200, 600];

/// What a QR is looked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sought {
    /// The seal of a day.
    Seal,
    /// The stamp of a slip.
    Slip,
}

impl Sought {
    fn is(self, text: &str) -> bool {
        match self {
            Self::Seal => text.parse::<Seal>().is_ok(),
            Self::Slip => text.parse::<Stamp>().is_ok(),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Seal => "seal",
            Self::Slip => "slip",
        }
    }
}

/// The text of the QR that is looked for, in the picture of `file`.
///
/// # Errors
/// The file cannot be read, is too large or no picture, or no such QR is found in it.
pub fn text_in_file(file: &Path, sought: Sought) -> Result<String, Failure> {
    let failed = |why: String| Failure::new(format!("{}: {why}", file.display()));
    let mut bytes = Vec::new();
    let opened =
        std::fs::File::open(file).and_then(|opened| opened.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
    opened.map_err(|error| failed(error.to_string()).next("see whether the file is there and readable"))?;
    text_in(&bytes, sought)
        .map_err(|failure| Failure { message: format!("{}: {}", file.display(), failure.message), ..failure })
}

/// The text of the QR that is looked for, in a picture.
///
/// # Errors
/// It is too large or no picture, or no such QR is found in it.
pub fn text_in(bytes: &[u8], sought: Sought) -> Result<String, Failure> {
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Failure::new("the file is too large")
            .why("file-large")
            .next("cut the picture to its QR"));
    }
    let picture = decode(bytes).map_err(|error| {
        Failure::new(format!("it is no picture that can be read: {error}"))
            .why("no-picture")
            .next("give a JPEG or a PNG")
    })?;
    find(&picture, sought).ok_or_else(|| {
        let word = sought.word();
        Failure::new(format!("no QR of a {word} is found in it")).why("no-qr").next(format!(
            "take the photo straight from above, near and in good light, or type the {word}'s characters"
        ))
    })
}

fn decode(bytes: &[u8]) -> image::ImageResult<GrayImage> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_MAX);
    limits.max_image_height = Some(SIDE_MAX);
    limits.max_alloc = Some(DECODING_BYTES_MAX);
    reader.limits(limits);
    Ok(reader.decode()?.into_luma8())
}

fn find(picture: &GrayImage, sought: Sought) -> Option<String> {
    let side = picture.width().max(picture.height());
    let smaller = SIDES.into_iter().filter(|wanted| *wanted < side).map(|wanted| {
        DynamicImage::ImageLuma8(picture.clone()).resize(wanted, wanted, FilterType::Triangle).into_luma8()
    });
    // At its own size only where that is small: a large one costs much and shows no more.
    let own = (side <= SIDES[0]).then(|| picture.clone());
    own.into_iter().chain(smaller).find_map(|picture| find_at_size(&picture, sought))
}

fn find_at_size(picture: &GrayImage, sought: Sought) -> Option<String> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let luma = |x: usize, y: usize| picture.get_pixel(x as u32, y as u32).0[0];
    let mut prepared = rqrr::PreparedImage::prepare_from_greyscale(width, height, luma);
    let texts = prepared.detect_grids().into_iter().filter_map(|grid| grid.decode().ok());
    texts.map(|(_, text)| text).find(|text| sought.is(text))
}

#[cfg(test)]
mod tests {
    use image::{ImageFormat, Luma};
    use qrcode::{Color, QrCode};

    use super::*;

    /// A released seal, as `shared::seal` has it.
    const SEAL: &str = "04000003A4N000000400005G60RK4CSM6MV3EE1SC5H66S35CSJ8MMBR1FVAR6539WRB76J7VEQTHCGW49H2YGPCQQVCQVWECD3K8QAHKQZXSP645B4WHSHJN2GD4VS8G3CKNNN5WNHPNS1JKXK7D5R9C2";

    /// A code of `text` with `scale` pixels a module, grey on grey as on paper.
    fn code(text: &str, scale: u32) -> GrayImage {
        let code = QrCode::new(text).expect("it fits");
        let (width, colors) = (code.width() as u32, code.to_colors());
        let side = (width + 8) * scale;
        GrayImage::from_fn(side, side, |x, y| {
            let module = (x / scale).checked_sub(4).zip((y / scale).checked_sub(4));
            let inside = module.filter(|(column, row)| *column < width && *row < width);
            let dark =
                inside.is_some_and(|(column, row)| colors[(row * width + column) as usize] == Color::Dark);
            Luma([if dark { 40 } else { 200 }])
        })
    }

    #[test]
    fn a_seal_is_found_in_small_and_large_pictures() {
        for scale in [3, 9, 60] {
            assert_eq!(
                find(&code(SEAL, scale), Sought::Seal).as_deref(),
                Some(SEAL),
                "{scale} pixels a module"
            );
        }
    }

    #[test]
    fn what_is_no_seal_is_not_found() {
        let none = |picture: &GrayImage| {
            find(picture, Sought::Seal).is_none() && find(picture, Sought::Slip).is_none()
        };
        assert!(none(&code("KLG1-04000003A4N0000", 6)));
        assert!(none(&GrayImage::from_pixel(300, 200, Luma([128]))));
        assert!(none(&GrayImage::new(0, 0)));
        assert_eq!(find(&code(SEAL, 4), Sought::Slip), None, "a seal is no slip");
        assert!(decode(b"\x89PNG\r\n\x1a\nno picture").is_err());
    }

    #[test]
    fn a_file_is_read_and_what_is_wrong_with_it_is_told() {
        let folder = tempfile::tempdir().expect("there is room");
        let file = folder.path().join("seal.png");
        code(SEAL, 5).save_with_format(&file, ImageFormat::Png).expect("it is written");
        assert_eq!(text_in_file(&file, Sought::Seal).expect("it is found"), SEAL);
        std::fs::write(&file, b"no picture").expect("it is written");
        assert!(
            text_in_file(&file, Sought::Seal)
                .expect_err("it is none")
                .to_string()
                .contains("no picture that can be read")
        );
        assert!(text_in_file(&folder.path().join("none"), Sought::Seal).is_err());
    }
}
