use super::glyphs::Stroke;
use crate::random::Random;

type Point = (f32, f32);

/// Straight pieces that each piece of a curve is drawn as.
const PIECES: usize = 4;

/// How one image is written. Lengths are shares of the image's side.
///
/// Only operations that IEEE 754 rounds exactly are used (so no sine), to be the same on all machines.
pub(super) struct Pen {
    /// Half the width of a stroke.
    radius: f32,
    width: f32,
    height: f32,
    /// Shift to the right for each step upwards.
    slant: f32,
    cosine: f32,
    sine: f32,
    centre: Point,
    /// How far a point of a stroke may be from its place, each way.
    wobble: f32,
}

impl Pen {
    pub(super) fn random(random: &mut Random) -> Self {
        let height = random.around(0.52, 0.1);
        // The tangent of half the angle gives sine and cosine without a sine.
        let half = random.around(0.0, 0.08);
        let square = half * half;
        Pen {
            radius: stroke_radius(random),
            width: height * random.around(0.82, 0.2),
            height,
            slant: random.around(0.12, 0.25),
            cosine: (1.0 - square) / (1.0 + square),
            sine: 2.0 * half / (1.0 + square),
            centre: (random.around(0.5, 0.05), random.around(0.5, 0.05)),
            wobble: 0.02,
        }
    }

    /// Draws `stroke` and appends the features it covers.
    pub(super) fn stroke(
        &self,
        stroke: &Stroke,
        random: &mut Random,
        side: usize,
        ones: &mut Vec<usize>,
    ) {
        let mut place = |&point: &Point| {
            let (x, y) = self.place(point);
            (x + random.around(0.0, self.wobble), y + random.around(0.0, self.wobble))
        };
        let line: Vec<Point> = match stroke {
            Stroke::Line(points) => points.iter().map(&mut place).collect(),
            Stroke::Curve(points) => flatten(&points.iter().map(&mut place).collect::<Vec<_>>()),
        };
        for pair in line.windows(2) {
            self.segment(pair[0], pair[1], side, ones);
        }
    }

    /// From the glyph's box into the image.
    fn place(&self, (x, y): Point) -> Point {
        let y = (y - 0.5) * self.height;
        let x = (x - 0.5) * self.width - self.slant * y;
        let (cosine, sine) = (self.cosine, self.sine);
        (self.centre.0 + cosine * x - sine * y, self.centre.1 + sine * x + cosine * y)
    }

    /// All pixels whose centre is within the pen's radius of the segment from `a` to `b`.
    fn segment(&self, a: Point, b: Point, side: usize, ones: &mut Vec<usize>) {
        let pixel = 1.0 / side as f32;
        let pixels = |low: f32, high: f32| {
            // Casts saturate: what lies left of the image becomes 0.
            let first = ((low - self.radius) / pixel) as usize;
            let last = ((high + self.radius) / pixel + 1.0) as usize;
            first..last.min(side)
        };
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let length_squared = dx * dx + dy * dy;
        for column in pixels(a.0.min(b.0), a.0.max(b.0)) {
            for row in pixels(a.1.min(b.1), a.1.max(b.1)) {
                let x = (column as f32 + 0.5) * pixel - a.0;
                let y = (row as f32 + 0.5) * pixel - a.1;
                let along = if length_squared > 0.0 {
                    ((x * dx + y * dy) / length_squared).clamp(0.0, 1.0)
                } else {
                    0.0
                };
                let (x, y) = (x - along * dx, y - along * dy);
                if x * x + y * y <= self.radius * self.radius {
                    ones.push(column * side + row);
                }
            }
        }
    }
}

/// Mostly a pencil, sometimes a broad brush.
///
/// Whether an image survives a network depends above all on how much of it is black. These numbers, and
/// glyphs broader than those of MNIST, make a few per cent survive where about as many official inputs do.
fn stroke_radius(random: &mut Random) -> f32 {
    let pressure = random.around(0.0, 1.0);
    let square = pressure * pressure;
    random.around(0.027, 0.01) + 0.18 * square * square
}

/// A quadratic B-spline as straight pieces.
fn flatten(points: &[Point]) -> Vec<Point> {
    let between = |a: Point, b: Point, t: f32| (a.0 + t * (b.0 - a.0), a.1 + t * (b.1 - a.1));
    let last = points.len() - 1;
    let mut line = vec![points[0]];
    for i in 1..last {
        // Inner pieces meet halfway between the points that attract them.
        let start = if i == 1 { points[0] } else { between(points[i - 1], points[i], 0.5) };
        let end = if i + 1 == last { points[last] } else { between(points[i], points[i + 1], 0.5) };
        for piece in 1..=PIECES {
            let t = piece as f32 / PIECES as f32;
            line.push(between(between(start, points[i], t), between(points[i], end, t), t));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_covers_the_pixels_around_it() {
        let mut pen = Pen::random(&mut Random::new(1, 0));
        pen.radius = 0.11;
        let covered = |a, b| {
            let mut ones = Vec::new();
            pen.segment(a, b, 10, &mut ones);
            ones
        };
        // Pixel centres at 0.05, 0.15, …; feature = column · 10 + row.
        assert_eq!(covered((0.15, 0.15), (0.15, 0.15)), [1, 10, 11, 12, 21]);
        assert_eq!(covered((0.45, -0.5), (0.45, 0.02)), [30, 40, 50]);
        assert_eq!(covered((-2.0, -2.0), (-1.0, -1.0)), [0; 0]);
        assert_eq!(covered((2.0, 2.0), (3.0, 1.5)), [0; 0]);
    }

    #[test]
    fn curves_begin_and_end_at_their_ends() {
        let line = flatten(&[(0.0, 0.0), (1.0, 0.0), (1.0, 2.0), (3.0, 3.0)]);
        assert_eq!(line.len(), 1 + 2 * PIECES);
        assert_eq!((line[0], line[PIECES], line[2 * PIECES]), ((0.0, 0.0), (1.0, 1.0), (3.0, 3.0)));
    }
}
