//! One HTML file with all tables and plots; needs nothing but itself.

mod facts;

use std::fmt::Write;

use snicit::Method;

use crate::figures;
use crate::markup::escape;
use crate::plot::{THEME_CSS, font_css};
use crate::record::ResultFile;
use crate::result_id::ResultId;
use crate::store::Results;
use crate::tables::{self, Table};

const CSS: &str = include_str!("page.css");

/// The page of a folder's results; `made` is the date.
pub fn page(results: &Results, made: &str) -> String {
    let mut html =
        String::from("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    html.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    // An icon of nothing: browsers ask the network for one otherwise.
    html.push_str("<link rel=\"icon\" href=\"data:,\">\n<title>snicit: tables and figures</title>\n");
    let _ = writeln!(html, "<style>\n{}\n{CSS}{THEME_CSS}\n</style>\n</head>\n<body>", font_css());
    header(&mut html, results);
    html.push_str("<main>\n");
    for result in &results.results {
        section(&mut html, result);
    }
    missing(&mut html, results);
    html.push_str("</main>\n");
    let _ = writeln!(
        html,
        "<footer>Made on {} by snicit {}. Plots are set in Ubuntu Light (Ubuntu Font Licence 1.0).</footer>\n</body>\n</html>",
        escape(made),
        env!("CARGO_PKG_VERSION")
    );
    html
}

fn header(html: &mut String, results: &Results) {
    html.push_str("<header>\n<h1>SNICIT’s tables and figures, measured again</h1>\n");
    html.push_str(
        "<p>Table 3 and Figures 6 and 7 stand beside what was published: the paper’s Table 3 (ICPP 2023, one RTX \
         A6000) and its artifact’s stages, run on one H100. Table 4 has the paper’s accuracies; for the others there \
         are no published figures to compare with. Times on other hardware or with fewer inputs are not the same \
         experiment; ratios between methods are what can be compared.</p>\n",
    );
    for problem in &results.skipped {
        let _ = writeln!(html, "<p class=\"skipped\">Skipped: {}</p>", escape(problem));
    }
    html.push_str("<nav aria-label=\"Results\"><ul>\n");
    for result in &results.results {
        let id = result.result;
        let _ = writeln!(html, "<li><a href=\"#{}\">{}</a></li>", id.name(), id.label());
    }
    html.push_str("<li><a href=\"#not-run\">What was not run</a></li>\n</ul></nav>\n</header>\n");
}

fn section(html: &mut String, result: &ResultFile) {
    let id = result.result;
    let table = tables::table(result);
    let (name, label, title) = (id.name(), id.label(), id.title());
    let _ = writeln!(html, "<section id=\"{name}\">\n<div class=\"whole\">\n<h2>{label}. {title}</h2>");
    facts::facts(html, result, &table);
    for record in result.wrong() {
        let _ =
            writeln!(html, "<p class=\"skipped\">Wrong answer: {}</p>", escape(&record.task.describe()));
    }
    if let Some(figure) = figures::figure(result) {
        let mut elements = figure.page_elements();
        html.push_str("<figure>\n");
        if !figure.legend.is_empty() {
            let _ = writeln!(html, "<div class=\"legend\">{}</div>", elements.remove(0));
        }
        let class = if figure.columns == 2 { "panels two" } else { "panels" };
        let _ = writeln!(html, "<div class=\"{class}\">\n{}</div>\n</figure>", elements.concat());
    }
    html.push_str("</div>\n");
    write_table(html, &table, &label);
    let _ = writeln!(html, "<p class=\"facts\">{}</p>", escape(&facts::published(id)));
    html.push_str("</section>\n");
}

fn write_table(html: &mut String, table: &Table, label: &str) {
    if table.rows.is_empty() {
        return;
    }
    // Words stand left, numbers right; a column of words has one in its first row.
    let word = |column: usize| {
        let field = &table.rows[0][column];
        column == 0 || field.chars().next().is_some_and(char::is_alphabetic)
    };
    let words: Vec<&str> = (0..table.header.len())
        .map(|column| if word(column) { " class=\"word\"" } else { "" })
        .collect();
    // A wide table scrolls by itself; the keyboard must reach it for that.
    let _ = writeln!(
        html,
        "<div class=\"table\" tabindex=\"0\" role=\"region\" aria-label=\"{label} as a table\"><table>\n<thead><tr>"
    );
    for (field, class) in table.header.iter().zip(&words) {
        let _ = write!(html, "<th scope=\"col\"{class}>{}</th>", escape(field));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for row in &table.rows {
        html.push_str("<tr>");
        for (field, class) in row.iter().zip(&words) {
            let _ = write!(html, "<td{class}>{}</td>", escape(field));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody></table></div>\n");
}

/// Results without a file, and points without a measurement.
fn missing(html: &mut String, results: &Results) {
    html.push_str("<section id=\"not-run\">\n<h2>What was not run</h2>\n<ul class=\"plain\">\n");
    let mut nothing = true;
    for id in ResultId::ALL {
        match results.results.iter().find(|result| result.result == id) {
            None => {
                let name = id.name();
                let _ = writeln!(
                    html,
                    "<li>{}: no intact result; <code>snicit bench {name}</code> makes it</li>",
                    id.label()
                );
                nothing = false;
            }
            Some(result) => {
                for not_run in &result.not_run {
                    let (what, why) = (not_run.task.describe(), &not_run.reason);
                    let _ =
                        writeln!(html, "<li>{}: {}: {}</li>", id.label(), escape(&what), escape(why));
                    nothing = false;
                }
                if let Some(remark) = result.grid.remark() {
                    let _ = writeln!(html, "<li>{}: {}</li>", id.label(), escape(remark));
                    nothing = false;
                }
            }
        }
    }
    let ours = |method: &str| Method::ALL.iter().any(|ours| ours.name() == method);
    let inferences = || results.results.iter().flat_map(ResultFile::inferences);
    if inferences().next().is_some() && inferences().all(|inference| ours(inference.method)) {
        html.push_str(
            "<li>cuSPARSE and cuBLAS: measured on a GPU only, where they are installed</li>\n",
        );
        nothing = false;
    }
    if nothing {
        html.push_str("<li>Everything was run.</li>\n");
    }
    html.push_str("</ul>\n</section>\n");
}
