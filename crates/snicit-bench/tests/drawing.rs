//! Every table and figure of both grids, drawn.

mod common;

use snicit_bench::plot::Plot;
use snicit_bench::record::{Finding, Record, ResultFile};
use snicit_bench::{Grid, ResultId, Store, csv, figures, output, plot, tables};

#[test]
fn every_result_has_a_table_and_a_figure() {
    for grid in [Grid::Quick, Grid::Full] {
        for result in common::all(grid) {
            let table = tables::table(&result);
            assert!(!table.rows.is_empty(), "{:?}", result.result);
            assert!(table.rows.iter().all(|row| row.len() == table.header.len()));
            let figure = figures::figure(&result).expect("a figure");
            let drawing = figure.page_elements().concat();
            assert!(!drawing.contains("NaN") && !drawing.contains("inf"), "{:?}", result.result);
            // Ids are unique also where all figures stand on one page.
            for element in figure.page_elements() {
                assert!(!element.contains("id=\"") || element.contains(&format!("id=\"{}-", figure.id)));
            }
            let says_so = figure.notes.iter().any(|note| note.starts_with("Reduced"));
            assert_eq!(says_so, grid == Grid::Quick);
            assert!(figure.notes.iter().any(|note| note.contains("MNIST")));
        }
    }
}

/// The embedded font is all there is for PNG: without it, text would leave no pixels.
#[test]
fn text_is_in_the_picture() {
    let dark = |svg: &str| {
        let png = plot::png("test", svg, 2.0).unwrap();
        assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
        let pixels = resvg::tiny_skia::Pixmap::decode_png(&png).unwrap();
        pixels.pixels().iter().filter(|pixel| pixel.red() < 128).count()
    };
    let svg = |text: &str, outline: f32| {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"200\" height=\"40\" font-family=\"sans-serif\">\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\
             <text x=\"5\" y=\"28\" font-size=\"24\" stroke=\"#000\" stroke-width=\"{outline}em\">{text}</text></svg>"
        )
    };
    assert_eq!(dark(&svg("", 0.0)), 0);
    let (regular, bold) = (dark(&svg("N × l = 120", 0.0)), dark(&svg("N × l = 120", 0.04)));
    assert!(regular > 300 && bold > regular, "{regular} {bold}");
}

#[test]
fn all_files_of_a_result_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    for result in common::all(Grid::Quick) {
        store.keep_result(&result).unwrap();
        for file in output::write(&store, &result).unwrap() {
            let length = std::fs::metadata(&file).unwrap().len();
            assert!(length > 100, "{}: {length} bytes", file.display());
        }
    }
}

const FORMAT: &str = include_str!("../../../docs/result-format.md");

/// What Python's csv and pandas ask for: one table a file.
#[test]
fn every_line_of_a_csv_has_the_columns_of_its_header_and_says_where_it_comes_from() {
    for result in common::all(Grid::Quick) {
        let files = csv::files(&result);
        let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, csv::names(result.result));
        let mut lines = 0;
        for file in &files {
            let header: Vec<&str> = file.text.lines().next().unwrap().split(',').collect();
            let undocumented = header.iter().find(|name| !FORMAT.contains(&format!("`{name}`")));
            assert_eq!(undocumented, None, "{}", file.name);
            for line in file.text.lines().skip(1) {
                let fields = fields(line);
                assert_eq!(fields.len(), header.len(), "{}: {line}", file.name);
                let at = |name| &fields[header.iter().position(|other| *other == name).unwrap()];
                assert_eq!(at("command"), &result.command);
                assert_eq!(at("date"), "2026-11-25T20:00:00Z");
                assert_eq!(at("device"), "CPU, 2 threads, AVX-512");
                for name in ["version", "compiler", "build", "system", "processor", "network_source"] {
                    assert!(!at(name).is_empty(), "{}: {name}", file.name);
                }
                lines += 1;
            }
        }
        let of = |record: &Record| match &record.finding {
            Finding::Inference(measurement) => measurement.repetitions.len(),
            Finding::Statistics(_) => 1,
            Finding::Embedding(embedding) => embedding.points.len(),
        };
        assert_eq!(lines, result.records.iter().map(of).sum::<usize>(), "{names:?}");
    }
}

/// The fields of a line without line breaks inside (RFC 4180).
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut quoted) = (vec![String::new()], false);
    for character in line.chars() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            _ => fields.last_mut().expect("there is always one").push(character),
        }
    }
    fields
}

#[test]
fn what_was_not_measured_is_named_and_has_a_dash() {
    let dashes = |result: &ResultFile| {
        let drawing = figures::figure(result).unwrap().page_elements().concat();
        drawing.matches(">–</text>").count()
    };
    for (whole, result) in common::all(Grid::Full).iter().zip(common::incomplete(Grid::Full)) {
        let notes = figures::figure(&result).unwrap().notes;
        let note = notes.iter().find(|note| note.starts_with("Not run: "));
        assert_eq!(note.is_some(), !result.not_run.is_empty(), "{notes:?}");
        assert_eq!(dashes(&result), result.not_run.len() + dashes(whole), "{:?}", result.result);
    }
    let table3 = common::incomplete(Grid::Full).into_iter().find(|r| r.result == ResultId::Table3);
    let notes = figures::figure(&table3.unwrap()).unwrap().notes;
    assert!(notes.iter().any(|note| note.contains("cuBLAS on 1024-480, ")), "{notes:?}");
}

/// Both methods scatter: a restless SNICIT makes speed-ups unsure, however quiet the others were.
#[test]
fn thin_lines_of_speed_ups_are_intervals_of_the_ratio() {
    let of = |mut results: Vec<ResultFile>| {
        results.remove(results.iter().position(|result| result.result == ResultId::Table4).unwrap())
    };
    let (quiet, noisy) = (of(common::all(Grid::Full)), of(common::noisy(Grid::Full)));
    let is_snicit = |record: &Record| record.task.describe().starts_with("SNICIT");
    let mixed = quiet.records.iter().zip(&noisy.records);
    let records = mixed.map(|(a, b)| if is_snicit(a) { b.clone() } else { a.clone() }).collect();
    for (result, unsure) in [(ResultFile { records, ..quiet.clone() }, true), (quiet, false)] {
        for panel in figures::figure(&result).unwrap().panels {
            let Plot::Bars(bars) = panel.plot else { panic!("no bars") };
            for bar in bars.groups.iter().flat_map(|group| &group.bars).flatten() {
                assert!(bar.low <= bar.value && bar.value <= bar.high, "{bar:?}");
                assert_eq!(bar.high > bar.value * 1.5, unsure, "{bar:?}");
            }
        }
    }
}

/// The paper's products make SNICIT slower than what else is printed of the same networks.
#[test]
fn results_on_trained_networks_say_which_products_are_timed() {
    for result in common::all(Grid::Quick) {
        let notes = figures::figure(&result).unwrap().notes;
        let says_so = notes.iter().any(|note| note.contains("multiplies as BF-2019 does"));
        let trained = [ResultId::Table4, ResultId::Fig10, ResultId::Fig11, ResultId::Fig12];
        assert_eq!(says_so, trained.contains(&result.result), "{:?}", result.result);
    }
}

#[test]
fn the_page_holds_everything_and_asks_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let mut all = common::all(Grid::Quick);
    let lost = all.pop().unwrap();
    let task = all[2].records.pop().unwrap().task;
    all[2].not_run.push(common::not_run(task));
    for result in &all {
        store.keep_result(result).unwrap();
    }
    std::fs::write(store.file(lost.result, "json"), "damaged").unwrap();
    let page = snicit_bench::page::page(&store.results().unwrap(), "2026-11-25T20:00:00Z");
    for result in &all {
        assert!(page.contains(&format!("<section id=\"{}\">", result.result.name())));
    }
    assert!(page.contains("fig12.json: this is no intact result file"));
    assert!(page.contains("Figure 12: no intact result"));
    assert!(page.contains("needs about 40.0 GiB of memory"));
    let section = |id: &str| {
        let from = page.find(&format!("<section id=\"{id}\">")).unwrap();
        &page[from..from + page[from..].find("</section>").unwrap()]
    };
    // What is said of a result is true of this one.
    assert!(section("table3").contains("compared with the float64 reference"));
    assert!(section("table3").contains("AVX-512, NVRTC 13.0; "));
    assert!(section(all[2].result.name()).contains("Not run: 1 point;"));
    let (table1, table3, fig6) = (section("table1"), section("table3"), section("fig6"));
    assert!(table1.contains("the counts are in <code>table1.json</code> and <code>table1.csv</code>"));
    assert!(section("fig1").contains("<code>fig1.csv</code> and <code>fig1-points.csv</code>"));
    assert!(table3.contains("min – max is their range") && !fig6.contains("min – max"));
    for (id, published) in [("fig6", true), ("table3", true), ("fig8", false), ("fig11", false)] {
        assert_eq!(section(id).contains("no published figures to compare with"), !published, "{id}");
    }
    assert!(section("table4").contains("multiplies as BF-2019 does"));
    // Namespaces are names; everything else that looks like an address would be fetched.
    let addresses = page.replace("http://www.w3.org/2000/svg", "");
    for fetched in ["http://", "https://", "<script", "@import", "src=\"", "url(/"] {
        assert!(!addresses.contains(fetched), "{fetched}");
    }
}
