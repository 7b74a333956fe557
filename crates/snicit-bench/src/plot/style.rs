//! Colours, hatches, marks and dashes. Each series differs from the others in hue, lightness, hatch, mark and
//! dash, so that one of them is always left to tell them apart: in print, in grey, for the colour-blind.

use super::canvas::n;

pub(super) const INK: &str = "#1b1f24";
pub(super) const SOFT: &str = "#57606a";
pub(super) const AXIS: &str = "#6b7580";
pub(super) const GRID: &str = "#e2e6ea";

/// The colours of the ten classes of points; the mark of a class is its digit.
pub(super) const CLASS_COLOURS: [&str; 10] = [
    "#1b1f24", "#a0522d", "#9a6b00", "#2e7d32", "#00707c", "#1257a8", "#5e35b1", "#ad1457", "#5f6368",
    "#c23a0a",
];

/// A series of a plot: a method, or a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Series {
    /// BF-2019; pre-convergence. Light, dotted.
    First,
    /// SNIG-2020; conversion. Rising lines.
    Second,
    /// XY-2021; post-convergence. Falling lines.
    Third,
    /// SNICIT; recovery. Dark, solid.
    Fourth,
    /// Any other method. Grey, crossed lines.
    Other,
    /// cuSPARSE. Light green, upright lines.
    CuSparse,
    /// cuBLAS. Brown, level lines.
    CuBlas,
}

impl Series {
    /// All four, light to dark.
    pub const ALL: [Series; 4] = [Series::First, Series::Second, Series::Third, Series::Fourth];

    /// The series of a method.
    pub fn of_method(method: &str) -> Self {
        match method {
            "BF-2019" => Series::First,
            "SNIG-2020" => Series::Second,
            "XY-2021" => Series::Third,
            "SNICIT" => Series::Fourth,
            "cuSPARSE" => Series::CuSparse,
            "cuBLAS" => Series::CuBlas,
            _ => Series::Other,
        }
    }

    pub(super) fn number(self) -> usize {
        match self {
            Series::First => 0,
            Series::Second => 1,
            Series::Third => 2,
            Series::Fourth => 3,
            Series::Other => 4,
            Series::CuSparse => 5,
            Series::CuBlas => 6,
        }
    }

    pub(super) fn colour(self) -> &'static str {
        ["#f3d08b", "#63b3a0", "#3f74b8", "#7a1f4f", "#a9afb5", "#c9dc8a", "#b0713e"][self.number()]
    }

    /// The colour of lines and marks: thin things need more contrast with the paper than surfaces.
    pub(super) fn line_colour(self) -> &'static str {
        ["#9a6b00", "#2b8573", "#3f74b8", "#7a1f4f", "#6b7580", "#5d7414", "#8a4f1f"][self.number()]
    }

    pub(super) fn hatch(self) -> Option<Hatch> {
        let hatch = match self {
            Series::First => Hatch::Dots,
            Series::Second => Hatch::Rising,
            Series::Third => Hatch::Falling,
            Series::Fourth => return None,
            Series::Other => Hatch::Crossed,
            Series::CuSparse => Hatch::Upright,
            Series::CuBlas => Hatch::Level,
        };
        Some(hatch)
    }

    pub(super) fn dash(self) -> &'static str {
        ["2 3", "7 3", "8 3 2 3", "", "4 4", "1 4", "12 4"][self.number()]
    }

    /// The outline of the mark at a point.
    pub(super) fn marker(self, x: f64, y: f64) -> String {
        const R: f64 = 4.2;
        let point = |dx: f64, dy: f64| format!("{} {}", n(x + dx * R), n(y + dy * R));
        match self {
            Series::First => {
                let corners = [point(-0.9, -0.9), point(0.9, -0.9), point(0.9, 0.9), point(-0.9, 0.9)];
                format!("M{}Z", corners.join("L"))
            }
            Series::Second => {
                format!("M{}L{}L{}Z", point(0.0, -1.15), point(1.05, 0.8), point(-1.05, 0.8))
            }
            Series::Third => {
                let corners = [point(0.0, -1.25), point(1.25, 0.0), point(0.0, 1.25), point(-1.25, 0.0)];
                format!("M{}Z", corners.join("L"))
            }
            Series::Fourth => {
                let (left, right) = (point(-1.0, 0.0), point(1.0, 0.0));
                let r = n(R);
                format!("M{left}A{r} {r} 0 1 1 {right}A{r} {r} 0 1 1 {left}Z")
            }
            Series::Other => {
                format!("M{}L{}L{}Z", point(0.0, 1.15), point(1.05, -0.8), point(-1.05, -0.8))
            }
            Series::CuSparse => {
                format!("M{}L{}L{}Z", point(1.15, 0.0), point(-0.8, 1.05), point(-0.8, -1.05))
            }
            Series::CuBlas => {
                format!("M{}L{}L{}Z", point(-1.15, 0.0), point(0.8, 1.05), point(0.8, -1.05))
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hatch {
    Dots,
    Rising,
    Falling,
    Crossed,
    Upright,
    Level,
}

impl Hatch {
    pub(super) fn name(self) -> &'static str {
        match self {
            Hatch::Dots => "dots",
            Hatch::Rising => "rising",
            Hatch::Falling => "falling",
            Hatch::Crossed => "crossed",
            Hatch::Upright => "upright",
            Hatch::Level => "level",
        }
    }

    pub(super) fn pattern(self, id: &str) -> String {
        let line = |path: &str| {
            format!(
                "<path d=\"{path}\" class=\"hatch\" stroke=\"{INK}\" stroke-width=\"0.9\" fill=\"none\"/>"
            )
        };
        let drawing = match self {
            Hatch::Dots => {
                let dot = |x: f64| {
                    format!("<circle cx=\"{x}\" cy=\"{x}\" r=\"0.8\" class=\"dot\" fill=\"{INK}\"/>")
                };
                format!("{}{}", dot(1.5), dot(4.5))
            }
            // Two more pieces in the corners, so that tiles join without gaps.
            Hatch::Rising => line("M-1 1L1 -1M0 6L6 0M5 7L7 5"),
            Hatch::Falling => line("M-1 5L1 7M0 0L6 6M5 -1L7 1"),
            Hatch::Crossed => line("M0 6L6 0M0 0L6 6"),
            Hatch::Upright => line("M3 0L3 6"),
            Hatch::Level => line("M0 3L6 3"),
        };
        format!(
            "<pattern id=\"{id}\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\">{drawing}</pattern>\n"
        )
    }
}

/// The theme of plots on a page: variables of the page put over the colours of the SVG.
pub const THEME_CSS: &str = "\
.plot .bold.ink{stroke:var(--ink)}.plot .bold.soft{stroke:var(--soft)}\
.plot .ink{fill:var(--ink)}.plot .soft{fill:var(--soft)}.plot .axis{stroke:var(--axis)}\
.plot .grid{stroke:var(--grid)}.plot .inkline{stroke:var(--ink)}.plot .edge,.plot .halo{stroke:var(--paper)}\
.plot .hatch{stroke:var(--hatch)}.plot .dot{fill:var(--hatch)}\
.plot .f0{fill:var(--s0)}.plot .f1{fill:var(--s1)}.plot .f2{fill:var(--s2)}.plot .f3{fill:var(--s3)}\
.plot .f4{fill:var(--s4)}.plot .f5{fill:var(--s5)}.plot .f6{fill:var(--s6)}.plot .k0{stroke:var(--l0)}.plot .k1{stroke:var(--l1)}.plot .k2{stroke:var(--l2)}\
.plot .k3{stroke:var(--l3)}.plot .k4{stroke:var(--l4)}.plot .k5{stroke:var(--l5)}.plot .k6{stroke:var(--l6)}.plot .m0{fill:var(--l0)}.plot .m1{fill:var(--l1)}\
.plot .m2{fill:var(--l2)}.plot .m3{fill:var(--l3)}.plot .m4{fill:var(--l4)}.plot .m5{fill:var(--l5)}.plot .m6{fill:var(--l6)}\
.plot .d0{fill:var(--d0)}.plot .d1{fill:var(--d1)}.plot .d2{fill:var(--d2)}.plot .d3{fill:var(--d3)}\
.plot .d4{fill:var(--d4)}.plot .d5{fill:var(--d5)}.plot .d6{fill:var(--d6)}.plot .d7{fill:var(--d7)}\
.plot .d8{fill:var(--d8)}.plot .d9{fill:var(--d9)}\
.plot .bold.d0{stroke:var(--d0)}.plot .bold.d1{stroke:var(--d1)}.plot .bold.d2{stroke:var(--d2)}.plot .bold.d3{stroke:var(--d3)}\
.plot .bold.d4{stroke:var(--d4)}.plot .bold.d5{stroke:var(--d5)}.plot .bold.d6{stroke:var(--d6)}.plot .bold.d7{stroke:var(--d7)}\
.plot .bold.d8{stroke:var(--d8)}.plot .bold.d9{stroke:var(--d9)}";

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance (WCAG 2).
    fn luminance(colour: &str) -> f64 {
        let channel = |i: usize| {
            let value = f64::from(u8::from_str_radix(&colour[i..i + 2], 16).unwrap()) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    #[test]
    fn series_differ_in_grey_and_in_everything_else() {
        let all = Series::ALL;
        for pair in all.windows(2) {
            let (light, dark) = (luminance(pair[0].colour()), luminance(pair[1].colour()));
            assert!((light + 0.05) / (dark + 0.05) > 1.5, "{pair:?}: {light} {dark}");
        }
        let all = [&all[..], &[Series::Other, Series::CuSparse, Series::CuBlas]].concat();
        for (i, a) in all.iter().enumerate() {
            for b in &all[i + 1..] {
                assert!(a.hatch() != b.hatch() && a.dash() != b.dash());
                assert_ne!(a.marker(0.0, 0.0), b.marker(0.0, 0.0));
            }
        }
    }

    #[test]
    fn text_and_marks_of_classes_stand_out_from_paper() {
        for series in Series::ALL.into_iter().chain([Series::CuSparse, Series::CuBlas]) {
            assert!(1.05 / (luminance(series.line_colour()) + 0.05) > 3.0, "{series:?}");
        }
        for colour in [INK, SOFT].iter().chain(&CLASS_COLOURS) {
            assert!(1.05 / (luminance(colour) + 0.05) > 4.5, "{colour}");
        }
    }
}
