use super::canvas::{Area, Canvas, polyline};
use super::frame::Frame;
use super::scale::Scale;
use super::style::Series;

/// Lines over categories, on an axis from zero.
#[derive(Debug, Clone)]
pub struct Lines {
    /// What the categories are.
    pub x_label: String,
    /// What the lines say, with its unit.
    pub y_label: String,
    /// The categories, left to right, the same distance apart.
    pub categories: Vec<String>,
    /// The lines.
    pub lines: Vec<Line>,
}

/// A line through its points.
#[derive(Debug, Clone)]
pub struct Line {
    /// Whose it is.
    pub series: Series,
    /// Left to right.
    pub points: Vec<Point>,
}

/// A point and how far its repetitions scatter.
#[derive(Debug, Clone, Copy)]
pub struct Point {
    /// The category, from 0.
    pub category: usize,
    /// The median.
    pub value: f64,
    /// The smallest repetition.
    pub low: f64,
    /// The largest repetition.
    pub high: f64,
}

impl Lines {
    pub(super) fn draw(&self, canvas: &mut Canvas, area: Area) {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let scale = Scale::linear(points().map(|point| point.high).fold(0.0, f64::max));
        let frame = Frame::draw(canvas, area, scale, &self.categories, &self.x_label, &self.y_label);
        for line in &self.lines {
            for point in &line.points {
                let (x, high, low) = (frame.x(point.category), frame.y(point.high), frame.y(point.low));
                if low - high > 2.0 {
                    let whisker = [(x - 3.0, high), (x + 3.0, high), (x, high), (x, low)];
                    let foot = [(x - 3.0, low), (x + 3.0, low)];
                    canvas.stroke(&format!("{} {}", polyline(&whisker), polyline(&foot)), 1.0);
                }
            }
            let place = |point: &Point| (frame.x(point.category), frame.y(point.value));
            let places: Vec<(f64, f64)> = line.points.iter().map(place).collect();
            canvas.series_path(&polyline(&places), line.series);
            for (x, y) in places {
                canvas.marker(x, y, line.series);
            }
        }
    }
}
