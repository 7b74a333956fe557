use super::canvas::{Area, Canvas, Text, polyline};
use super::font;
use super::frame::Frame;
use super::scale::Scale;
use super::style::Series;
use crate::numbers::significant;

/// Groups of bars; each bar carries its value.
#[derive(Debug, Clone)]
pub struct Bars {
    /// What the groups are.
    pub x_label: String,
    /// What the bars say, with its unit.
    pub y_label: String,
    /// The groups, left to right.
    pub groups: Vec<BarGroup>,
    /// The smallest and largest value of all panels that share an axis.
    pub range: (f64, f64),
    /// The axis of values.
    pub axis: BarAxis,
}

/// The axis of bars.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BarAxis {
    /// From a decade below the smallest value.
    Logarithmic,
    /// From zero, with a line across all bars at this value.
    Linear(f64),
}

/// Bars side by side.
#[derive(Debug, Clone)]
pub struct BarGroup {
    /// Below the group.
    pub name: String,
    /// Left to right.
    pub bars: Vec<Bar>,
}

/// A bar and how far its repetitions scatter.
#[derive(Debug, Clone, Copy)]
pub struct Bar {
    /// Whose it is.
    pub series: Series,
    /// The median; positive.
    pub value: f64,
    /// The smallest repetition.
    pub low: f64,
    /// The largest repetition.
    pub high: f64,
}

const VALUE_SIZE: f64 = 10.0;

impl Bars {
    pub(super) fn draw(&self, canvas: &mut Canvas, area: Area) {
        let names: Vec<String> = self.groups.iter().map(|group| group.name.clone()).collect();
        // The value stands upright above its bar; the same room in all panels keeps their axes the same.
        let longest = font::width(&significant(self.range.1), VALUE_SIZE);
        let headroom = (longest + 14.0) / (area.height - 50.0);
        let scale = match self.axis {
            BarAxis::Logarithmic => Scale::log(self.range.0, self.range.1, headroom),
            BarAxis::Linear(line) => Scale::linear(self.range.1.max(line) / (1.0 - headroom)),
        };
        let frame = Frame::draw(canvas, area, scale, &names, &self.x_label, &self.y_label);
        let most = self.groups.iter().map(|group| group.bars.len()).max().unwrap_or(1) as f64;
        let width = (frame.step() * 0.84 / most).min(34.0);
        for (i, group) in self.groups.iter().enumerate() {
            let left = frame.x(i) - width * group.bars.len() as f64 / 2.0;
            for (j, bar) in group.bars.iter().enumerate() {
                let x = left + j as f64 * width;
                let (top, bottom) = (frame.y(bar.value), frame.inner.bottom());
                let rect = Area { x: x + 1.0, y: top, width: width - 2.0, height: bottom - top };
                canvas.series_rect(rect, bar.series);
                let (middle, high, low) = (x + width / 2.0, frame.y(bar.high), frame.y(bar.low));
                // Scatter that could not be seen is not drawn.
                if low - high > 2.0 {
                    canvas.stroke(&polyline(&[(middle, low), (middle, high)]), 1.2);
                }
                let style = Text { size: VALUE_SIZE, turned: true, ..Text::default() };
                let text = significant(bar.value);
                let mut above = top.min(high) - 4.0;
                if let BarAxis::Linear(line) = self.axis {
                    // The line across would strike it through.
                    let line = frame.y(line);
                    let end = above - font::width(&text, VALUE_SIZE);
                    if end - 2.0 < line && line < above + 3.0 {
                        above = line - 4.0;
                    }
                }
                canvas.text(middle + VALUE_SIZE * 0.36, above, &text, style);
            }
        }
        if let BarAxis::Linear(line) = self.axis {
            let y = frame.y(line);
            canvas.stroke(&polyline(&[(frame.inner.x, y), (frame.inner.right(), y)]), 1.6);
        }
    }
}
