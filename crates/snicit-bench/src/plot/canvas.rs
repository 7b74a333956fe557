//! SVG, element by element.
//!
//! Colours stand in presentation attributes, for files; classes stand beside them, so that a page's style sheet
//! can put its theme over them.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::font;
use super::style::{self, Hatch};
use crate::markup::escape;

/// A rectangle to draw in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Area {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Area {
    pub(super) fn right(&self) -> f64 {
        self.x + self.width
    }

    pub(super) fn bottom(&self) -> f64 {
        self.y + self.height
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How strong text stands out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Tone {
    Ink,
    Soft,
    /// On a dark surface, whatever the theme.
    White,
    /// On a light surface, whatever the theme.
    Black,
    /// The colour of a class of points.
    Class(usize),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Text {
    pub(super) size: f64,
    pub(super) anchor: Anchor,
    pub(super) tone: Tone,
    pub(super) bold: bool,
    /// Read upwards, around its own place.
    pub(super) turned: bool,
    /// Set off from lines that run behind it.
    pub(super) halo: bool,
}

impl Default for Text {
    fn default() -> Self {
        Text {
            size: 11.0,
            anchor: Anchor::Start,
            tone: Tone::Ink,
            bold: false,
            turned: false,
            halo: false,
        }
    }
}

/// Where the SVG will stand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Embed {
    /// In a file of its own: with a background; in the reader's font where it has not ours, which the length of
    /// each text keeps in its place.
    File,
    /// Within a page that has both.
    Page,
}

const HALO: &str =
    " paint-order=\"stroke\" stroke=\"#ffffff\" stroke-width=\"3\" stroke-linejoin=\"round\"";

pub(super) struct Canvas {
    id: String,
    body: String,
    hatches: BTreeSet<Hatch>,
}

impl Canvas {
    pub(super) fn new(id: &str) -> Self {
        Canvas { id: id.to_owned(), body: String::new(), hatches: BTreeSet::new() }
    }

    pub(super) fn text(&mut self, x: f64, y: f64, text: &str, style: Text) {
        let Text { size, anchor, tone, bold, turned, halo } = style;
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let (class, fill) = match tone {
            Tone::Ink => ("ink".to_owned(), style::INK),
            Tone::Soft => ("soft".to_owned(), style::SOFT),
            Tone::White => ("white".to_owned(), "#ffffff"),
            Tone::Black => ("black".to_owned(), "#000000"),
            Tone::Class(class) => (format!("d{}", class % 10), style::CLASS_COLOURS[class % 10]),
        };
        // The font has one weight; an outline makes it bold, alike in every renderer.
        let (class, outline) = match (bold, halo) {
            (true, _) => (format!("{class} bold"), format!(" stroke=\"{fill}\" stroke-width=\".04em\"")),
            // Painted before the letters, in the colour of the paper.
            (false, true) => (format!("{class} halo"), HALO.to_owned()),
            (false, false) => (class, String::new()),
        };
        let turn =
            if turned { format!(" transform=\"rotate(-90 {} {})\"", n(x), n(y)) } else { String::new() };
        let _ = writeln!(
            self.body,
            "<text x=\"{}\" y=\"{}\" font-size=\"{}\" textLength=\"{}\" class=\"{class}\" \
             fill=\"{fill}\"{anchor}{outline}{turn}>{}</text>",
            n(x),
            n(y),
            n(size),
            n(font::width(text, size)),
            escape(text)
        );
    }

    /// A straight line of the frame: `axis` or `grid`.
    pub(super) fn rule(&mut self, from: (f64, f64), to: (f64, f64), axis: bool) {
        let (class, stroke) = if axis { ("axis", style::AXIS) } else { ("grid", style::GRID) };
        let _ = writeln!(
            self.body,
            "<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" class=\"{class}\" stroke=\"{stroke}\"/>",
            n(from.0),
            n(from.1),
            n(to.0),
            n(to.1)
        );
    }

    /// A line in ink, `width` thick.
    pub(super) fn stroke(&mut self, path: &str, width: f64) {
        let _ = writeln!(
            self.body,
            "<path d=\"{path}\" class=\"inkline\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" stroke-linecap=\"round\"/>",
            style::INK,
            n(width)
        );
    }

    /// A path in the colour and dashes of a series.
    pub(super) fn series_path(&mut self, path: &str, series: style::Series) {
        let dash = series.dash();
        let dash = if dash.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{dash}\"") };
        let _ = writeln!(
            self.body,
            "<path d=\"{path}\" class=\"k{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\" stroke-linejoin=\"round\"{dash}/>",
            series.number(),
            series.line_colour()
        );
    }

    /// The mark of a series.
    pub(super) fn marker(&mut self, x: f64, y: f64, series: style::Series) {
        let path = series.marker(x, y);
        let _ = writeln!(
            self.body,
            "<path d=\"{path}\" class=\"m{} edge\" fill=\"{}\" stroke=\"#ffffff\" stroke-width=\"1\"/>",
            series.number(),
            series.line_colour()
        );
    }

    /// A surface in the colour and hatch of a series.
    pub(super) fn series_rect(&mut self, area: Area, series: style::Series) {
        let corners = corners(area);
        let _ = writeln!(
            self.body,
            "<rect {corners} class=\"f{}\" fill=\"{}\"/>",
            series.number(),
            series.colour()
        );
        if let Some(hatch) = series.hatch() {
            self.hatches.insert(hatch);
            let _ = writeln!(self.body, "<rect {corners} fill=\"url(#{})\"/>", self.hatch_id(hatch));
        }
        let _ = writeln!(
            self.body,
            "<rect {corners} class=\"inkline\" fill=\"none\" stroke=\"{}\" stroke-width=\"0.8\"/>",
            style::INK
        );
    }

    /// A surface in a colour of its own, the same in every theme.
    pub(super) fn rect(&mut self, area: Area, fill: &str) {
        let _ = writeln!(self.body, "<rect {} fill=\"{fill}\"/>", corners(area));
    }

    /// The outline of an area, as the axes have it.
    pub(super) fn outline(&mut self, area: Area) {
        let _ = writeln!(
            self.body,
            "<rect {} class=\"axis\" fill=\"none\" stroke=\"{}\"/>",
            corners(area),
            style::AXIS
        );
    }

    fn hatch_id(&self, hatch: Hatch) -> String {
        format!("{}-{}", self.id, hatch.name())
    }

    /// The SVG element.
    pub(super) fn finish(self, width: f64, height: f64, title: &str, embed: Embed) -> String {
        let (width, height) = (n(width.ceil()), n(height.ceil()));
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"plot\" role=\"img\" width=\"{width}\" \
             height=\"{height}\" viewBox=\"0 0 {width} {height}\" font-family=\"{}\">\n<title>{}</title>\n",
            font::FAMILY,
            escape(title)
        );
        if !self.hatches.is_empty() {
            svg.push_str("<defs>\n");
            for &hatch in &self.hatches {
                svg.push_str(&hatch.pattern(&self.hatch_id(hatch)));
            }
            svg.push_str("</defs>\n");
        }
        if embed == Embed::File {
            svg.push_str("<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n");
        }
        svg.push_str(&self.body);
        svg.push_str("</svg>\n");
        svg
    }
}

fn corners(area: Area) -> String {
    let Area { x, y, width, height } = area;
    let (width, height) = (n(width.max(0.0)), n(height.max(0.0)));
    format!("x=\"{}\" y=\"{}\" width=\"{width}\" height=\"{height}\"", n(x), n(y))
}

/// A coordinate: a hundredth of a pixel is enough.
pub(super) fn n(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// `M x y L …` through points.
pub(super) fn polyline(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (i, (x, y)) in points.iter().enumerate() {
        let _ = write!(path, "{}{} {} ", if i == 0 { "M" } else { "L" }, n(*x), n(*y));
    }
    path.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_paths_are_short() {
        assert_eq!(n(1.0), "1");
        assert_eq!(n(-0.001), "0");
        assert_eq!(n(2.345), "2.35");
        assert_eq!(polyline(&[(0.0, 1.0), (2.5, 3.0)]), "M0 1 L2.5 3");
    }
}
