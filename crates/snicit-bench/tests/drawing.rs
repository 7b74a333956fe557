//! Every table and figure of both grids, drawn.

mod common;

use snicit_bench::{Grid, Store, figures, output, plot, tables};

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
        let csv = std::fs::read_to_string(store.file(result.result, "csv")).unwrap();
        let repetitions: usize =
            result.inferences().map(|inference| inference.measurement.repetitions.len()).sum();
        assert!(csv.lines().count() > repetitions);
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
    // Namespaces are names; everything else that looks like an address would be fetched.
    let addresses = page.replace("http://www.w3.org/2000/svg", "");
    for fetched in ["http://", "https://", "<script", "@import", "src=\"", "url(/"] {
        assert!(!addresses.contains(fetched), "{fetched}");
    }
}
