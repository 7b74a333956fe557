//! Tables and lists for people.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

/// A table whose first column is text and whose other columns are numbers.
pub(crate) struct NumberTable(Table);

impl NumberTable {
    pub(crate) fn new(header: Vec<String>) -> Self {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(header);
        NumberTable(table)
    }

    pub(crate) fn row(&mut self, name: &str, numbers: impl IntoIterator<Item = String>) {
        self.0.add_row(std::iter::once(name.to_owned()).chain(numbers).collect::<Vec<String>>());
    }
}

impl NumberTable {
    /// The lines of the table, each ended by a line break.
    pub(crate) fn render(mut self) -> String {
        for (i, column) in self.0.column_iter_mut().enumerate() {
            let (left, alignment) =
                if i == 0 { (0, CellAlignment::Left) } else { (2, CellAlignment::Right) };
            column.set_padding((left, 1));
            column.set_cell_alignment(alignment);
        }
        self.0.trim_fmt() + "\n"
    }
}

/// Lines of a name and what there is to say about it, the second part aligned.
#[derive(Default)]
pub(crate) struct Facts(Vec<(&'static str, String)>);

impl Facts {
    pub(crate) fn add(&mut self, name: &'static str, fact: impl Into<String>) {
        self.0.push((name, fact.into()));
    }

    /// Adds the fact if there is one.
    pub(crate) fn add_some(&mut self, name: &'static str, fact: Option<&str>) {
        if let Some(fact) = fact {
            self.add(name, fact);
        }
    }

    /// The lines, each ended by a line break.
    pub(crate) fn render(&self) -> String {
        let width = self.0.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        let line = |(name, fact): &(&str, String)| format!("{name:width$}  {fact}\n");
        self.0.iter().map(line).collect()
    }
}
