use super::canvas::{Area, Canvas, Text, polyline};
use super::font;
use super::style::Series;

/// What a mark means.
#[derive(Debug, Clone)]
pub struct LegendEntry {
    /// The series whose mark it is.
    pub series: Series,
    /// Its name.
    pub name: String,
    /// Whether it is a line; else a surface.
    pub line: bool,
}

const SIZE: f64 = 12.0;
const ROW: f64 = 22.0;
const SWATCH: f64 = 26.0;

/// Draws entries in as many rows as they need; gives the height.
pub(super) fn draw(entries: &[LegendEntry], canvas: &mut Canvas, x: f64, y: f64, width: f64) -> f64 {
    if entries.is_empty() {
        return 0.0;
    }
    let (mut left, mut top) = (x, y);
    for entry in entries {
        let needed = SWATCH + 6.0 + font::width(&entry.name, SIZE);
        if left > x && left + needed > x + width {
            left = x;
            top += ROW;
        }
        if entry.line {
            let middle = top + 8.0;
            canvas.series_path(&polyline(&[(left, middle), (left + SWATCH, middle)]), entry.series);
            canvas.marker(left + SWATCH / 2.0, middle, entry.series);
        } else {
            let swatch = Area { x: left + 0.5, y: top + 1.5, width: SWATCH - 1.0, height: 13.0 };
            canvas.series_rect(swatch, entry.series);
        }
        let style = Text { size: SIZE, ..Text::default() };
        canvas.text(left + SWATCH + 6.0, top + 12.5, &entry.name, style);
        left += needed + 20.0;
    }
    top + ROW - y + 6.0
}
