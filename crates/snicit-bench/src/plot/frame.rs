//! The axes that bars and lines share.

use super::canvas::{Anchor, Area, Canvas, Text, Tone};
use super::scale::Scale;
use super::{font, turned_label};
use crate::numbers::tick;

const TICK_SIZE: f64 = 10.5;
const LABEL_SIZE: f64 = 11.0;
/// Between the area and the plot itself: half a mark, which may lie on the last tick.
const TOP: f64 = 4.0;
/// Names of the categories and what they are.
const BOTTOM: f64 = TICK_SIZE + 8.0 + LABEL_SIZE + 8.0;

/// Categories along the bottom, numbers along the left.
pub(super) struct Frame {
    /// The plot itself.
    pub(super) inner: Area,
    scale: Scale,
    categories: usize,
}

impl Frame {
    /// How high the plot itself is in an area.
    pub(super) fn plot_height(area: Area) -> f64 {
        area.height - TOP - BOTTOM
    }

    pub(super) fn draw(
        canvas: &mut Canvas,
        area: Area,
        scale: Scale,
        categories: &[String],
        x_label: &str,
        y_label: &str,
    ) -> Self {
        let ticks = scale.ticks();
        let widest = ticks.iter().map(|&value| font::width(&tick(value), TICK_SIZE)).fold(0.0, f64::max);
        let left = LABEL_SIZE + 8.0 + widest + 6.0;
        let inner = Area {
            x: area.x + left,
            y: area.y + TOP,
            width: area.width - left - 4.0,
            height: Frame::plot_height(area),
        };
        let frame = Frame { inner, scale, categories: categories.len() };
        for value in ticks {
            let y = frame.y(value);
            canvas.rule((inner.x, y), (inner.right(), y), false);
            let style =
                Text { size: TICK_SIZE, anchor: Anchor::End, tone: Tone::Soft, ..Text::default() };
            canvas.text(inner.x - 6.0, y + TICK_SIZE * 0.36, &tick(value), style);
        }
        canvas.rule((inner.x, inner.bottom()), (inner.right(), inner.bottom()), true);
        canvas.rule((inner.x, inner.y), (inner.x, inner.bottom()), true);
        frame.label_categories(canvas, categories);
        let style =
            Text { size: LABEL_SIZE, anchor: Anchor::Middle, tone: Tone::Soft, ..Text::default() };
        canvas.text(inner.x + inner.width / 2.0, area.bottom() - 3.0, x_label, style);
        turned_label(canvas, area.x + LABEL_SIZE, inner.y + inner.height / 2.0, y_label, area.height);
        frame
    }

    /// Every label, or every second, third, … where they would touch; ticks all.
    fn label_categories(&self, canvas: &mut Canvas, categories: &[String]) {
        const SPACE: f64 = 5.0;
        let widest = categories.iter().map(|label| font::width(label, TICK_SIZE)).fold(0.0, f64::max);
        let every = ((widest + SPACE) / self.step()).ceil().max(1.0) as usize;
        let (y, baseline) = (self.inner.bottom(), self.inner.bottom() + TICK_SIZE + 5.0);
        for (i, label) in categories.iter().enumerate() {
            let x = self.x(i);
            canvas.rule((x, y), (x, y + 3.0), true);
            if i.is_multiple_of(every) {
                let style = Text {
                    size: TICK_SIZE,
                    anchor: Anchor::Middle,
                    tone: Tone::Soft,
                    ..Text::default()
                };
                canvas.text(x, baseline, label, style);
            }
        }
    }

    /// The middle of a category.
    pub(super) fn x(&self, category: usize) -> f64 {
        self.inner.x + self.step() * (category as f64 + 0.5)
    }

    /// The width of a category.
    pub(super) fn step(&self) -> f64 {
        self.inner.width / self.categories.max(1) as f64
    }

    pub(super) fn y(&self, value: f64) -> f64 {
        self.inner.bottom() - self.scale.place(value) * self.inner.height
    }
}
