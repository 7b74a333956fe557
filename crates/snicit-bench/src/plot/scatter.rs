use super::canvas::{Anchor, Area, Canvas, Text, Tone};

/// Points without axes; each is drawn as the digit of its class.
#[derive(Debug, Clone)]
pub struct Scatter {
    /// Below the plot.
    pub x_label: String,
    /// Places and classes.
    pub points: Vec<([f32; 2], u8)>,
}

const SIZE: f64 = 9.0;

impl Scatter {
    pub(super) fn draw(&self, canvas: &mut Canvas, area: Area) {
        let inner = Area { height: area.height - 22.0, ..area };
        canvas.outline(Area { x: inner.x + 0.5, width: inner.width - 1.0, ..inner });
        let bounds = |axis: usize| {
            let values = self.points.iter().map(|(place, _)| f64::from(place[axis]));
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            })
        };
        let (x, y) = (bounds(0), bounds(1));
        // One scale for both directions: distances mean something, directions do not.
        let span = (x.1 - x.0).max((y.1 - y.0) * inner.width / inner.height).max(1e-9);
        let scale = (inner.width - 2.0 * SIZE) / span;
        let (middle_x, middle_y) = (f64::midpoint(x.0, x.1), f64::midpoint(y.0, y.1));
        for (place, class) in &self.points {
            let at = (
                inner.x + inner.width / 2.0 + (f64::from(place[0]) - middle_x) * scale,
                inner.y + inner.height / 2.0 + (f64::from(place[1]) - middle_y) * scale,
            );
            let tone = Tone::Class(usize::from(*class));
            let style = Text { size: SIZE, anchor: Anchor::Middle, tone, bold: true, ..Text::default() };
            canvas.text(at.0, at.1 + SIZE * 0.36, &class.to_string(), style);
        }
        let style = Text { size: 11.0, anchor: Anchor::Middle, tone: Tone::Soft, ..Text::default() };
        canvas.text(area.x + area.width / 2.0, area.bottom() - 4.0, &self.x_label, style);
    }
}
