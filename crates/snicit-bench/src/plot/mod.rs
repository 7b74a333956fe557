//! Drawing: figures of panels, as SVG and PNG.
//!
//! Own SVG, because it must carry hatches and classes for the page's themes, and labels must be measured in the
//! shipped font before they are placed; the page and the PNG have that font. Pixels come from resvg.
//!
//! A [`Figure`] is a legend and [`Panel`]s of one width. A file shows them in rows; the page flows them, so
//! that a narrow window shows one panel a row at its full size.

mod bars;
mod canvas;
mod font;
mod frame;
mod heat_map;
mod legend;
mod lines;
mod raster;
mod scale;
mod scatter;
mod shares;
mod style;

pub use bars::{Bar, BarAxis, BarAxisKind, BarGroup, Bars};
pub use font::css as font_css;
pub use heat_map::{Boundary, HeatMap, Shade};
pub use legend::LegendEntry;
pub use lines::{Line, Lines, Point};
pub use raster::png;
pub use scatter::Scatter;
pub use shares::{ShareRow, Shares};
pub use style::{Series, THEME_CSS};

use canvas::{Anchor, Area, Canvas, Text, Tone};

/// The width of every panel, in CSS pixels.
pub const PANEL_WIDTH: f64 = 372.0;
const GAP: f64 = 20.0;
const MARGIN: f64 = 20.0;
const TITLE_SIZE: f64 = 17.0;
const NOTE_SIZE: f64 = 11.0;
const NOTE_LEADING: f64 = 16.0;

/// A figure: what is drawn for one result.
#[derive(Debug, Clone)]
pub struct Figure {
    /// A name for files and for the ids inside the drawing.
    pub id: String,
    /// Above everything.
    pub title: String,
    /// What the marks mean.
    pub legend: Vec<LegendEntry>,
    /// The plots.
    pub panels: Vec<Panel>,
    /// Panels beside each other in a file.
    pub columns: usize,
    /// Below everything: what a reader must know.
    pub notes: Vec<String>,
}

/// One plot under its own title.
#[derive(Debug, Clone)]
pub struct Panel {
    /// Above the plot.
    pub title: String,
    /// The plot.
    pub plot: Plot,
}

/// The kinds of plots.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the types say what each is")]
pub enum Plot {
    Bars(Bars),
    Lines(Lines),
    Shares(Shares),
    HeatMap(HeatMap),
    Scatter(Scatter),
}

impl Plot {
    fn height(&self) -> f64 {
        match self {
            Plot::Bars(_) => 290.0,
            Plot::Lines(_) => 250.0,
            Plot::Shares(shares) => shares.height(),
            Plot::HeatMap(map) => map.height(),
            Plot::Scatter(_) => 330.0,
        }
    }
}

impl Panel {
    fn height(&self) -> f64 {
        self.plot.height() + 26.0
    }

    fn draw(&self, canvas: &mut Canvas, x: f64, y: f64) {
        let size = font::fitting_size(&self.title, 13.0, PANEL_WIDTH);
        canvas.text(x, y + 13.0, &self.title, Text { size, bold: true, ..Text::default() });
        let area = Area { x, y: y + 26.0, width: PANEL_WIDTH, height: self.plot.height() };
        match &self.plot {
            Plot::Bars(bars) => bars.draw(canvas, area),
            Plot::Lines(lines) => lines.draw(canvas, area),
            Plot::Shares(shares) => shares.draw(canvas, area),
            Plot::HeatMap(map) => map.draw(canvas, area),
            Plot::Scatter(scatter) => scatter.draw(canvas, area),
        }
    }
}

impl Figure {
    /// The whole figure as an SVG file; where its font is not installed, another one takes the same room.
    pub fn svg(&self) -> String {
        let columns = self.columns.clamp(1, self.panels.len().max(1));
        let width = 2.0 * MARGIN + columns as f64 * (PANEL_WIDTH + GAP) - GAP;
        let inner = width - 2.0 * MARGIN;
        let mut canvas = Canvas::new(&self.id);
        let mut y = MARGIN;
        for line in font::wrapped(&self.title, TITLE_SIZE, inner) {
            y += TITLE_SIZE;
            canvas.text(MARGIN, y, &line, Text { size: TITLE_SIZE, bold: true, ..Text::default() });
            y += 6.0;
        }
        y += 8.0;
        y += legend::draw(&self.legend, &mut canvas, MARGIN, y, inner);
        for row in self.panels.chunks(columns) {
            for (i, panel) in row.iter().enumerate() {
                panel.draw(&mut canvas, MARGIN + i as f64 * (PANEL_WIDTH + GAP), y);
            }
            y += row.iter().map(Panel::height).fold(0.0, f64::max) + GAP;
        }
        y -= GAP / 2.0;
        for note in &self.notes {
            for line in font::wrapped(note, NOTE_SIZE, inner) {
                y += NOTE_LEADING;
                let style = Text { size: NOTE_SIZE, tone: Tone::Soft, ..Text::default() };
                canvas.text(MARGIN, y, &line, style);
            }
        }
        canvas.finish(width, y + MARGIN, &self.title, canvas::Embed::File)
    }

    /// The legend and each panel as an SVG element of its own, for a page that has the font and the theme.
    pub fn page_elements(&self) -> Vec<String> {
        let mut elements = Vec::new();
        if !self.legend.is_empty() {
            let mut canvas = Canvas::new(&format!("{}-legend", self.id));
            let height = legend::draw(&self.legend, &mut canvas, 0.0, 0.0, PANEL_WIDTH);
            elements.push(canvas.finish(PANEL_WIDTH, height, "Legend", canvas::Embed::Page));
        }
        for (i, panel) in self.panels.iter().enumerate() {
            let mut canvas = Canvas::new(&format!("{}-{i}", self.id));
            panel.draw(&mut canvas, 0.0, 0.0);
            let title = format!("{}: {}", self.title, panel.title);
            elements.push(canvas.finish(PANEL_WIDTH, panel.height(), &title, canvas::Embed::Page));
        }
        elements
    }
}

/// A label on the left, turned upwards, centred on `y`.
fn turned_label(canvas: &mut Canvas, x: f64, y: f64, label: &str, room: f64) {
    let size = font::fitting_size(label, 11.0, room);
    let style = Text { size, anchor: Anchor::Middle, tone: Tone::Soft, turned: true, ..Text::default() };
    canvas.text(x, y, label, style);
}
