//! The tables and figures of the paper.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A table or figure of the paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the titles say what each is")]
pub enum ResultId {
    Table1,
    Table3,
    Fig1,
    Fig6,
    Fig7,
    Fig8,
    Fig9,
    Table4,
    Fig10,
    Fig11,
    Fig12,
}

impl ResultId {
    /// All of them, in the order in which they are run and shown.
    pub const ALL: [ResultId; 11] = [
        ResultId::Table1,
        ResultId::Fig1,
        ResultId::Table3,
        ResultId::Fig6,
        ResultId::Fig7,
        ResultId::Fig8,
        ResultId::Fig9,
        ResultId::Table4,
        ResultId::Fig10,
        ResultId::Fig11,
        ResultId::Fig12,
    ];

    /// The name on the command line and of files: `table3`, `fig6`.
    pub fn name(self) -> &'static str {
        match self {
            ResultId::Table1 => "table1",
            ResultId::Table3 => "table3",
            ResultId::Table4 => "table4",
            ResultId::Fig1 => "fig1",
            ResultId::Fig6 => "fig6",
            ResultId::Fig7 => "fig7",
            ResultId::Fig8 => "fig8",
            ResultId::Fig9 => "fig9",
            ResultId::Fig10 => "fig10",
            ResultId::Fig11 => "fig11",
            ResultId::Fig12 => "fig12",
        }
    }

    /// `Table 3`, `Figure 6`.
    pub fn label(self) -> String {
        let name = self.name();
        match name.strip_prefix("table") {
            Some(number) => format!("Table {number}"),
            None => format!("Figure {}", name.trim_start_matches("fig")),
        }
    }

    /// What it shows.
    pub fn title(self) -> &'static str {
        match self {
            ResultId::Table1 => "The networks of the Graph Challenge",
            ResultId::Table3 => "Run time on the Graph Challenge",
            ResultId::Table4 => "Accuracy and speed on trained networks",
            ResultId::Fig1 => "Activations converge, and the work that is left",
            ResultId::Fig6 => "Average latency of a post-convergence layer",
            ResultId::Fig7 => "Share of the four stages, 120 layers",
            ResultId::Fig8 => "Run time against the threshold layer",
            ResultId::Fig9 => "Run time against the batch size",
            ResultId::Fig10 => "Share of the four stages, networks A and D",
            ResultId::Fig11 => "Post-convergence latency on trained networks",
            ResultId::Fig12 => "Speed-up and accuracy loss over threshold layer and batch size",
        }
    }
}

impl FromStr for ResultId {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let is = |id: &ResultId| id.name().eq_ignore_ascii_case(name);
        ResultId::ALL.into_iter().find(is).ok_or_else(|| format!("there is no result {name}"))
    }
}

/// How much of a sweep is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grid {
    /// Fewer inputs and shallower networks: minutes on a laptop. Every figure keeps its shape.
    Quick,
    /// What the paper ran.
    Full,
}

impl Grid {
    /// What a reader of a plot must know.
    pub fn remark(self) -> Option<&'static str> {
        match self {
            Grid::Quick => Some("quick grid: fewer inputs and networks than in the paper"),
            Grid::Full => None,
        }
    }
}
