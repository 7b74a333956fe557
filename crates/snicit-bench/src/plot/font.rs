//! The font of the plots: its bytes, and the width of text set in it.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};

/// Ubuntu Light, as a TrueType file: from a crate, so that plots need no font of the machine.
pub(super) static FONT: &[u8] = epaint_default_fonts::UBUNTU_LIGHT;
/// The family's names inside SVG: the embedded one, then what a reader may have.
pub(super) const FAMILY: &str = "snicit-plot, Ubuntu, Helvetica, Arial, sans-serif";

/// The advance of each character below `TABLE`, in units of the font size.
const TABLE: usize = 0x2800;

static ADVANCES: LazyLock<Vec<f32>> = LazyLock::new(|| advances(FONT));

fn advances(bytes: &[u8]) -> Vec<f32> {
    let Ok(font) = FontRef::new(bytes) else { return vec![0.6; TABLE] };
    let (characters, metrics) =
        (font.charmap(), font.glyph_metrics(Size::new(1.0), LocationRef::default()));
    let advance = |character| {
        let glyph = characters.map(character as u32)?;
        metrics.advance_width(glyph)
    };
    // A character that the font lacks comes from another one, and is rather wide.
    (0..TABLE).map(|character| advance(character).unwrap_or(0.7)).collect()
}

/// The width of `text` at `size`.
pub(super) fn width(text: &str, size: f64) -> f64 {
    let advances = &*ADVANCES;
    let units: f32 =
        text.chars().map(|character| advances.get(character as usize).copied().unwrap_or(0.7)).sum();
    f64::from(units) * size
}

/// `size`, or as much less as `text` needs to fit `room`.
pub(super) fn fitting_size(text: &str, size: f64, room: f64) -> f64 {
    (size * (room / width(text, size).max(1.0)).min(1.0)).max(6.0)
}

/// `text` in lines of at most `room`, broken at blanks.
pub(super) fn wrapped(text: &str, size: f64, room: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(&format!("{line} {word}"), size) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The font as CSS, for pages without a network.
pub fn css() -> String {
    let data = STANDARD.encode(FONT);
    format!(
        "@font-face{{font-family:snicit-plot;src:url(data:font/ttf;base64,{data}) format(\"truetype\")}}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_font_has_every_character_that_plots_use() {
        let used = "×–—·…≤≥ησε±²µ−√≈≠0123456789ABCXYZabcxyz%&<>\"'()/,.:;";
        let font = FontRef::new(FONT).unwrap();
        for character in used.chars() {
            assert!(font.charmap().map(character as u32).is_some(), "{character}");
        }
    }

    #[test]
    fn text_is_measured_and_broken() {
        assert!((width("i", 10.0)) < width("W", 10.0));
        assert!((width("00", 10.0) - 2.0 * width("0", 10.0)).abs() < 1e-6);
        let lines = wrapped("one two three four", 10.0, width("one two", 10.0) + 0.1);
        assert_eq!(lines[0], "one two");
        assert_eq!(lines.join(" "), "one two three four");
        let long = "a very long title";
        let size = fitting_size(long, 13.0, 50.0);
        assert!((width(long, size) - 50.0).abs() < 0.5);
    }
}
