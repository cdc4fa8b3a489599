//! QR codes of short texts, for a terminal and for a page.

use std::fmt::Write as _;

use qrcode::{Color, QrCode, render::unicode};

/// Modules of quiet around a code, each side.
const QUIET: usize = 4;

/// The code as a picture of characters; `None` where the text is too long for one.
pub fn terminal(text: &str) -> Option<String> {
    let code = QrCode::new(text).ok()?;
    Some(
        code.render::<unicode::Dense1x2>()
            .dark_color(unicode::Dense1x2::Light)
            .light_color(unicode::Dense1x2::Dark)
            .build(),
    )
}

/// The code as an outline for SVG: modules a side, the quiet around it included, and the path of the dark ones.
pub fn outline(text: &str) -> Option<(usize, String)> {
    let code = QrCode::new(text).ok()?;
    let width = code.width();
    let mut path = String::new();
    for (row, line) in code.to_colors().chunks(width).enumerate() {
        let mut column = 0;
        while column < width {
            let run = line[column..].iter().take_while(|module| **module == Color::Dark).count();
            if run > 0 {
                write!(path, "M{} {}h{run}v1h-{run}z", column + QUIET, row + QUIET)
                    .expect("a text takes what is written to it");
            }
            column += run.max(1);
        }
    }
    Some((width + 2 * QUIET, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_has_a_picture() {
        let picture =
            terminal(&format!("KLG1-{}", "0123456789ABCDEFGHJKMNPQRSTVWXYZ".repeat(8))).expect("it fits");
        assert!(picture.lines().count() > 20);
    }

    #[test]
    fn an_outline_has_every_dark_module_once() {
        let text = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let (side, path) = outline(text).expect("it fits");
        let code = QrCode::new(text).expect("it fits");
        assert_eq!(side, code.width() + 8);
        let runs = path.split('h').filter_map(|part| part.split_once('v')).map(|(run, _)| run);
        let dark: usize = runs.map(|run| run.parse::<usize>().expect("a length")).sum();
        assert_eq!(dark, code.to_colors().iter().filter(|module| **module == Color::Dark).count());
        // The corner's finder begins behind the quiet, seven modules wide.
        assert!(path.starts_with("M4 4h7v1h-7z"), "{path}");
    }
}
