use super::canvas::{Anchor, Area, Canvas, Text, Tone, polyline};
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
    /// The axis of values, which panels side by side share.
    pub axis: BarAxis,
}

/// The axis of bars.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BarAxis {
    /// How values are laid out.
    pub kind: BarAxisKind,
    lowest: f64,
    highest: f64,
    /// The width of the longest label above a bar.
    longest_label: f64,
}

/// How an axis of bars lays out values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BarAxisKind {
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
    /// Left to right; nothing where there is no measurement, which a dash says.
    pub bars: Vec<Option<Bar>>,
}

/// A bar and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// Whose it is.
    pub series: Series,
    /// The median; positive.
    pub value: f64,
    /// The lower end of the thin line.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

const VALUE_SIZE: f64 = 10.0;
/// Between a bar, or its thin line, and its label.
const LABEL_GAP: f64 = 4.0;

impl BarAxis {
    /// An axis that holds all `bars`, their thin lines and their labels.
    pub fn of<'a>(kind: BarAxisKind, bars: impl IntoIterator<Item = &'a Bar>) -> Self {
        let mut axis =
            BarAxis { kind, lowest: f64::INFINITY, highest: f64::NEG_INFINITY, longest_label: 0.0 };
        for bar in bars {
            // A logarithm has no place for a repetition of less than the clock's resolution.
            let low = if bar.low > 0.0 { bar.low } else { bar.value };
            axis.lowest = axis.lowest.min(low);
            axis.highest = axis.highest.max(bar.high);
            let label = font::width(&significant(bar.value), VALUE_SIZE);
            axis.longest_label = axis.longest_label.max(label);
        }
        if let BarAxisKind::Linear(line) = kind {
            axis.highest = axis.highest.max(line);
        }
        axis
    }

    fn scale(&self) -> Scale {
        match self.kind {
            BarAxisKind::Logarithmic => Scale::log(self.lowest, self.highest),
            BarAxisKind::Linear(_) => Scale::linear(self.highest),
        }
    }

    /// The room that has to stay free above the axis, so that the label of the highest bar stands below the title. It
    /// is the same in all panels, which keeps their axes the same.
    fn room_above(&self, scale: Scale, height: f64) -> f64 {
        let plot = (height - LABEL_GAP - self.longest_label) / scale.place(self.highest);
        (height - plot).max(0.0)
    }
}

impl Bars {
    pub(super) fn draw(&self, canvas: &mut Canvas, area: Area) {
        let names: Vec<String> = self.groups.iter().map(|group| group.name.clone()).collect();
        let scale = self.axis.scale();
        let above = self.axis.room_above(scale, Frame::plot_height(area));
        let area = Area { y: area.y + above, height: area.height - above, ..area };
        let frame = Frame::draw(canvas, area, scale, &names, &self.x_label, &self.y_label);
        let most = self.groups.iter().map(|group| group.bars.len()).max().unwrap_or(1) as f64;
        let width = (frame.step() * 0.84 / most).min(34.0);
        for (i, group) in self.groups.iter().enumerate() {
            let left = frame.x(i) - width * group.bars.len() as f64 / 2.0;
            for (j, bar) in group.bars.iter().enumerate() {
                let x = left + j as f64 * width;
                match bar {
                    Some(bar) => self.draw_bar(canvas, &frame, x, width, bar),
                    None => {
                        let style = Text {
                            anchor: Anchor::Middle,
                            tone: Tone::Soft,
                            halo: true,
                            ..Text::default()
                        };
                        canvas.text(x + width / 2.0, frame.inner.bottom() - LABEL_GAP, "–", style);
                    }
                }
            }
        }
        if let BarAxisKind::Linear(line) = self.axis.kind {
            let y = frame.y(line);
            canvas.stroke(&polyline(&[(frame.inner.x, y), (frame.inner.right(), y)]), 1.6);
        }
    }

    /// A bar from `x` on, with its thin line, and its value upright above it.
    fn draw_bar(&self, canvas: &mut Canvas, frame: &Frame, x: f64, width: f64, bar: &Bar) {
        let (top, bottom) = (frame.y(bar.value), frame.inner.bottom());
        let rect = Area { x: x + 1.0, y: top, width: width - 2.0, height: bottom - top };
        canvas.series_rect(rect, bar.series);
        let (middle, high, low) = (x + width / 2.0, frame.y(bar.high), frame.y(bar.low));
        // Scatter that could not be seen is not drawn.
        if low - high > 2.0 {
            canvas.stroke(&polyline(&[(middle, low), (middle, high)]), 1.2);
        }
        let style = Text { size: VALUE_SIZE, turned: true, halo: true, ..Text::default() };
        let text = significant(bar.value);
        let mut above = top.min(high) - LABEL_GAP;
        if let BarAxisKind::Linear(line) = self.axis.kind {
            // The line across would strike it through.
            let line = frame.y(line);
            let end = above - font::width(&text, VALUE_SIZE);
            if end - 2.0 < line && line < above + 3.0 {
                above = line - LABEL_GAP;
            }
        }
        canvas.text(middle + VALUE_SIZE * 0.36, above, &text, style);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_label_of_the_highest_bar_fits_below_the_title() {
        for (kind, value, high) in [
            (BarAxisKind::Logarithmic, 990.0, 990.0),
            (BarAxisKind::Logarithmic, 40.0, 99_000.0),
            (BarAxisKind::Linear(1.0), 1.9, 1.99),
            (BarAxisKind::Linear(1.0), 0.5, 9.9),
            (BarAxisKind::Linear(1.0), 0.01, 0.02),
        ] {
            let bar = Bar { series: Series::First, value, low: value / 2.0, high };
            let axis = BarAxis::of(kind, [&bar]);
            let height = 250.0;
            let scale = axis.scale();
            let plot = height - axis.room_above(scale, height);
            let end =
                scale.place(high) * plot + LABEL_GAP + font::width(&significant(value), VALUE_SIZE);
            assert!(end <= height + 1e-6 && plot > 150.0, "{kind:?} {value}: {end} of {height}");
        }
    }

    #[test]
    fn thin_lines_lie_within_a_logarithmic_axis() {
        let bar = |value, low, high| Bar { series: Series::First, value, low, high };
        let axis =
            BarAxis::of(BarAxisKind::Logarithmic, [&bar(30.0, 0.2, 40.0), &bar(50.0, 0.0, 700.0)]);
        let scale = axis.scale();
        assert!(scale.place(0.2) > 0.0 && scale.place(700.0) < 1.0, "{scale:?}");
    }
}
