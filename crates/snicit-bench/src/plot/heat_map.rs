use super::canvas::{Anchor, Area, Canvas, Text, Tone, polyline};
use super::{font, turned_label};

/// A value for each pair of two variables, as shade and number.
#[derive(Debug, Clone)]
pub struct HeatMap {
    /// What the columns are.
    pub x_label: String,
    /// What the rows are.
    pub y_label: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Names of the rows, bottom to top.
    pub rows: Vec<String>,
    /// Values of each row, bottom to top; nothing where there is none.
    pub values: Vec<Vec<Option<f64>>>,
    /// The number in a cell.
    pub format: fn(f64) -> String,
    /// From light to dark.
    pub shade: Shade,
    /// The values of the lightest and darkest shade.
    pub range: (f64, f64),
    /// A thick line between cells on either side of a value.
    pub boundary: Option<Boundary>,
}

/// Colours of a map, light to dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shade {
    /// For what is good when large.
    Blue,
    /// For what is bad when large.
    Wine,
}

/// A line between cells below `at` and cells not below.
#[derive(Debug, Clone)]
pub struct Boundary {
    /// The value.
    pub at: f64,
    /// What the line says.
    pub label: String,
}

impl Shade {
    /// The colour at `place` from 0 to 1, as red, green, blue.
    fn colour(self, place: f64) -> [f64; 3] {
        let stops: [[f64; 3]; 3] = match self {
            Shade::Blue => [[247.0, 244.0, 232.0], [108.0, 173.0, 178.0], [16.0, 52.0, 84.0]],
            Shade::Wine => [[250.0, 245.0, 238.0], [217.0, 137.0, 134.0], [92.0, 16.0, 58.0]],
        };
        let place = place.clamp(0.0, 1.0) * 2.0;
        let (from, share) = if place < 1.0 { (0, place) } else { (1, place - 1.0) };
        [0, 1, 2].map(|c| stops[from][c] + (stops[from + 1][c] - stops[from][c]) * share)
    }
}

const ROW: f64 = 24.0;
const SIZE: f64 = 10.5;
const BOTTOM: f64 = 40.0;
const KEY: f64 = 36.0;

impl HeatMap {
    pub(super) fn height(&self) -> f64 {
        self.rows.len() as f64 * ROW + BOTTOM + KEY
    }

    pub(super) fn draw(&self, canvas: &mut Canvas, area: Area) {
        let widest = self.rows.iter().map(|name| font::width(name, SIZE)).fold(0.0, f64::max);
        let left = 11.0 + 8.0 + widest + 6.0;
        let inner = Area {
            x: area.x + left,
            y: area.y,
            width: area.width - left - 2.0,
            height: self.rows.len() as f64 * ROW,
        };
        let cell = |row: usize, column: usize| {
            let width = inner.width / self.columns.len().max(1) as f64;
            let x = inner.x + column as f64 * width;
            Area { x, y: inner.bottom() - (row + 1) as f64 * ROW, width, height: ROW }
        };
        for (row, values) in self.values.iter().enumerate() {
            for (column, value) in values.iter().enumerate() {
                self.draw_cell(canvas, cell(row, column), *value);
            }
            let style = Text { size: SIZE, anchor: Anchor::End, tone: Tone::Soft, ..Text::default() };
            let y = cell(row, 0).y + ROW / 2.0 + SIZE * 0.36;
            canvas.text(inner.x - 6.0, y, &self.rows[row], style);
        }
        canvas.outline(inner);
        self.draw_boundary(canvas, &cell);
        let style = Text { size: SIZE, anchor: Anchor::Middle, tone: Tone::Soft, ..Text::default() };
        for (column, name) in self.columns.iter().enumerate() {
            let at = cell(0, column);
            canvas.text(at.x + at.width / 2.0, inner.bottom() + 14.0, name, style);
        }
        let style = Text { size: 11.0, ..style };
        canvas.text(inner.x + inner.width / 2.0, inner.bottom() + 30.0, &self.x_label, style);
        turned_label(canvas, area.x + 11.0, inner.y + inner.height / 2.0, &self.y_label, inner.height);
        self.draw_key(canvas, Area { y: inner.bottom() + BOTTOM, height: KEY, ..inner });
    }

    fn place(&self, value: f64) -> f64 {
        let (low, high) = self.range;
        if high > low { (value - low) / (high - low) } else { 0.0 }
    }

    fn draw_cell(&self, canvas: &mut Canvas, cell: Area, value: Option<f64>) {
        let style = Text { size: SIZE, anchor: Anchor::Middle, ..Text::default() };
        let (x, y) = (cell.x + cell.width / 2.0, cell.y + ROW / 2.0 + SIZE * 0.36);
        let Some(value) = value else {
            canvas.text(x, y, "–", Text { tone: Tone::Soft, ..style });
            return;
        };
        let [r, g, b] = self.shade.colour(self.place(value));
        // A hair larger, so that no light shines through between cells.
        let grown = Area { width: cell.width + 0.3, height: cell.height + 0.3, ..cell };
        canvas.rect(grown, &format!("#{:02x}{:02x}{:02x}", r as u8, g as u8, b as u8));
        // Above this luminance black has more contrast than white (WCAG 2).
        let linear = |value: f64| ((value / 255.0 + 0.055) / 1.055).powf(2.4);
        let light = 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b) > 0.18;
        let tone = if light { Tone::Black } else { Tone::White };
        canvas.text(x, y, &(self.format)(value), Text { tone, ..style });
    }

    fn draw_boundary(&self, canvas: &mut Canvas, cell: &impl Fn(usize, usize) -> Area) {
        let Some(boundary) = &self.boundary else { return };
        let above = |row: usize, column: usize| -> Option<bool> {
            let value = self.values.get(row)?.get(column)?;
            value.map(|value| value >= boundary.at)
        };
        for row in 0..self.rows.len() {
            for column in 0..self.columns.len() {
                let Some(here) = above(row, column) else { continue };
                let at = cell(row, column);
                if above(row, column + 1).is_some_and(|right| right != here) {
                    let x = at.right();
                    canvas.stroke(&polyline(&[(x, at.y), (x, at.bottom())]), 3.0);
                }
                if above(row + 1, column).is_some_and(|over| over != here) {
                    canvas.stroke(&polyline(&[(at.x, at.y), (at.right(), at.y)]), 3.0);
                }
            }
        }
    }

    /// The scale of shades, its ends named, and the boundary explained.
    fn draw_key(&self, canvas: &mut Canvas, area: Area) {
        const STEPS: usize = 24;
        let (low, high) = self.range;
        let beyond = self.values.iter().flatten().flatten().any(|&value| value < low);
        let from = if beyond { format!("≤ {}", (self.format)(low)) } else { (self.format)(low) };
        let to = (self.format)(high);
        let style = Text { size: SIZE, tone: Tone::Soft, ..Text::default() };
        let baseline = area.y + 11.0;
        canvas.text(area.x, baseline, &from, style);
        let x = area.x + font::width(&from, SIZE) + 5.0;
        let width = 90.0;
        for step in 0..STEPS {
            let [r, g, b] = self.shade.colour(step as f64 / (STEPS - 1) as f64);
            let step_width = width / STEPS as f64;
            let rect = Area {
                x: x + step as f64 * step_width,
                y: area.y,
                width: step_width + 0.3,
                height: 13.0,
            };
            canvas.rect(rect, &format!("#{:02x}{:02x}{:02x}", r as u8, g as u8, b as u8));
        }
        canvas.outline(Area { x, y: area.y, width, height: 13.0 });
        canvas.text(x + width + 5.0, baseline, &to, style);
        let Some(boundary) = &self.boundary else { return };
        let known = || self.values.iter().flatten().flatten();
        let above = known().filter(|&&value| value >= boundary.at).count();
        if above == 0 || above == known().count() {
            let side = if above == 0 { "below" } else { "above" };
            let style = Text { anchor: Anchor::End, ..style };
            canvas.text(
                area.right(),
                baseline,
                &format!("all {side} {}", crate::numbers::tick(boundary.at)),
                style,
            );
        } else {
            let text_width = font::width(&boundary.label, SIZE);
            let text_x = area.right() - text_width;
            canvas.text(text_x, baseline, &boundary.label, style);
            canvas
                .stroke(&polyline(&[(text_x - 24.0, area.y + 7.0), (text_x - 6.0, area.y + 7.0)]), 3.0);
        }
    }
}
