use super::canvas::{Anchor, Area, Canvas, Text, Tone};
use super::font;
use super::style::Series;
use crate::numbers::percent;

/// Shares of a whole: a bar of 100 % a row, and below it the shares that have no room inside.
#[derive(Debug, Clone)]
pub struct Shares {
    /// Names of the parts.
    pub parts: Vec<(Series, String)>,
    /// The rows, top to bottom.
    pub rows: Vec<ShareRow>,
}

/// A whole and its parts.
#[derive(Debug, Clone)]
pub struct ShareRow {
    /// Before the bar.
    pub name: String,
    /// Behind the bar.
    pub total: String,
    /// As many as there are names of parts.
    pub parts: Vec<f64>,
}

const ROW: f64 = 64.0;
const BAR: f64 = 26.0;
const SIZE: f64 = 10.5;

impl Shares {
    pub(super) fn height(&self) -> f64 {
        self.rows.len() as f64 * ROW + 34.0
    }

    pub(super) fn draw(&self, canvas: &mut Canvas, area: Area) {
        for (i, row) in self.rows.iter().enumerate() {
            self.draw_row(canvas, Area { y: area.y + i as f64 * ROW, height: ROW, ..area }, row);
        }
        let y = area.y + self.rows.len() as f64 * ROW - 4.0;
        canvas.rule((area.x, y), (area.right(), y), true);
        for quarter in 0..=4 {
            let x = area.x + area.width * f64::from(quarter) / 4.0;
            canvas.rule((x, y), (x, y + 3.0), true);
            let anchor = match quarter {
                0 => Anchor::Start,
                4 => Anchor::End,
                _ => Anchor::Middle,
            };
            let style = Text { size: SIZE, anchor, tone: Tone::Soft, ..Text::default() };
            canvas.text(x, y + 15.0, &format!("{}", quarter * 25), style);
        }
        let style = Text { size: 11.0, anchor: Anchor::Middle, tone: Tone::Soft, ..Text::default() };
        canvas.text(area.x + area.width / 2.0, y + 31.0, "share of the run time, %", style);
    }

    fn draw_row(&self, canvas: &mut Canvas, area: Area, row: &ShareRow) {
        let style = Text { size: 11.0, bold: true, ..Text::default() };
        canvas.text(area.x, area.y + 10.0, &row.name, style);
        let style = Text { size: SIZE, anchor: Anchor::End, tone: Tone::Soft, ..Text::default() };
        canvas.text(area.right(), area.y + 10.0, &row.total, style);
        let sum: f64 = row.parts.iter().sum();
        let mut x = area.x;
        let mut small = Vec::new();
        for (&part, (series, name)) in row.parts.iter().zip(&self.parts) {
            let share = part / sum;
            let width = share * area.width;
            let rect = Area { x, y: area.y + 16.0, width, height: BAR };
            canvas.series_rect(rect, *series);
            let text = percent(share);
            let text_width = font::width(&text, SIZE);
            if width > text_width + 14.0 {
                let middle = x + width / 2.0;
                // A quiet patch under the text, so that no hatch runs through it.
                let patch = Area {
                    x: middle - text_width / 2.0 - 4.0,
                    y: rect.y + BAR / 2.0 - 8.0,
                    width: text_width + 8.0,
                    height: 16.0,
                };
                canvas.rect(patch, "#ffffff");
                let style = Text {
                    size: SIZE,
                    anchor: Anchor::Middle,
                    bold: true,
                    tone: Tone::Black,
                    ..Text::default()
                };
                canvas.text(middle, rect.y + BAR / 2.0 + SIZE * 0.36, &text, style);
            } else {
                small.push(format!("{name} {text}"));
            }
            x += width;
        }
        let small = small.join(" · ");
        let size = font::fitting_size(&small, SIZE, area.width);
        let style = Text { size, anchor: Anchor::End, tone: Tone::Soft, ..Text::default() };
        canvas.text(area.right(), area.y + 16.0 + BAR + 12.0, &small, style);
    }
}
