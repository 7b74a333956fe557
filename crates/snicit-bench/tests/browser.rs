//! The page in a real browser: it loads without errors, every plot is visible, nothing overflows, no labels
//! overlap; wide and narrow.
//!
//! The browser is `$SNICIT_BROWSER`, else Chromium or Chrome from the path. Without one the test is skipped,
//! with a line that says so, unless `SNICIT_REQUIRE_BROWSER` is set. `SNICIT_KEEP_PAGES` names a folder where the pages
//! are kept, to be looked at.

mod common;

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use snicit_bench::{Grid, Store, page};

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const WIDTHS: [u32; 2] = [1280, 400];

fn browser() -> Option<PathBuf> {
    if let Some(given) = std::env::var_os("SNICIT_BROWSER").filter(|given| !given.is_empty()) {
        return Some(given.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let candidates = std::env::split_paths(&path).flat_map(|folder| NAMES.map(|name| folder.join(name)));
    let found = candidates.into_iter().find(|file| file.is_file());
    if found.is_none() {
        assert!(std::env::var_os("SNICIT_REQUIRE_BROWSER").is_none(), "there is no browser");
        // Not `eprintln`, which a passing test swallows.
        let _ =
            writeln!(std::io::stderr(), "skipped: the page's test needs Chromium or $SNICIT_BROWSER");
    }
    found
}

#[test]
fn the_page_works_in_a_browser() {
    let Some(browser) = browser() else { return };
    let pages = [
        ("quick", common::all(Grid::Quick)),
        ("full", common::all(Grid::Full)),
        ("noisy", common::noisy(Grid::Full)),
        ("incomplete", common::incomplete(Grid::Full)),
    ];
    for (name, results) in pages {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        for result in &results {
            store.keep_result(result).unwrap();
        }
        let page = page::page(&store.results().unwrap(), "2026-11-25T20:00:00Z");
        if let Some(kept) = std::env::var_os("SNICIT_KEEP_PAGES") {
            std::fs::write(PathBuf::from(kept).join(format!("{name}.html")), &page).unwrap();
        }
        let plots = page.matches("<svg ").count();
        let harness = folder.path().join("harness.html");
        std::fs::write(&harness, harness_of(&page)).unwrap();
        let output = Command::new(&browser)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--window-size=1400,1000", "--virtual-time-budget=20000", "--dump-dom"])
            .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
            .arg(format!("file://{}", harness.display()))
            .output()
            .unwrap();
        let dom = String::from_utf8_lossy(&output.stdout);
        let report = dom.split("<pre id=\"found\">").nth(1).and_then(|rest| rest.split("</pre>").next());
        let expected: String = WIDTHS
            .iter()
            .map(|width| format!("{width}: {plots} plots, {} sections, font true\n", results.len() + 1))
            .collect();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(report, Some(expected.as_str()), "{name}: {stderr}");
    }
}

/// A page that shows `page` in frames of each width and writes down what is wrong with it.
fn harness_of(page: &str) -> String {
    let attribute = page.replace('&', "&amp;").replace('"', "&quot;");
    let frame = |width: &u32| {
        format!(
            "<iframe width=\"{width}\" height=\"900\" data-width=\"{width}\" srcdoc=\"{attribute}\"></iframe>"
        )
    };
    let frames: String = WIDTHS.iter().map(frame).collect();
    format!(
        "<!DOCTYPE html><meta charset=utf-8><pre id=\"found\"></pre>{frames}<script>{SCRIPT}</script>"
    )
}

const SCRIPT: &str = r"
const say = line => document.getElementById('found').textContent += line + '\n';
window.addEventListener('error', event => say('error: ' + event.message));
window.addEventListener('load', async () => {
  for (const frame of document.querySelectorAll('iframe')) {
    const width = Number(frame.dataset.width), page = frame.contentDocument;
    await page.fonts.ready;
    const root = page.documentElement;
    if (root.scrollWidth > root.clientWidth) say(width + ': overflow ' + root.scrollWidth);
    const plots = [...page.querySelectorAll('svg.plot')];
    for (const plot of plots) {
      const box = plot.getBoundingClientRect(), name = plot.querySelector('title').textContent;
      if (box.width < 300 || box.height < 20) say(width + ': too small: ' + name);
      if (box.left < -0.5 || box.right > root.clientWidth + 0.5) say(width + ': outside: ' + name);
      if (getComputedStyle(plot).visibility != 'visible') say(width + ': hidden: ' + name);
      const labels = [...plot.querySelectorAll('text')].filter(text => !/^d\d/.test(text.getAttribute('class')));
      const boxes = labels.map(text => text.getBoundingClientRect());
      boxes.forEach((a, i) => {
        if (a.left < box.left - 1 || a.right > box.right + 1 || a.top < box.top - 2 || a.bottom > box.bottom + 4)
          say(width + ': label outside: ' + name + ': ' + labels[i].textContent);
        boxes.slice(i + 1).forEach((b, j) => {
          const x = Math.min(a.right, b.right) - Math.max(a.left, b.left);
          // Boxes of text hold the room above and below the letters, a third of their height.
          const turned = labels[i].hasAttribute('transform') && labels[i + 1 + j].hasAttribute('transform');
          const slack_x = turned ? 0.34 * Math.min(a.width, b.width) : 0;
          const slack_y = turned ? 0 : 0.34 * Math.min(a.height, b.height);
          const y = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
          if (x > slack_x && y > slack_y)
            say(width + ': overlap: ' + name + ': ' + labels[i].textContent + ' | ' + labels[i + 1 + j].textContent);
        });
      });
    }
    const sections = page.querySelectorAll('section').length;
    const font = page.fonts.check('12px snicit-plot');
    say(width + ': ' + plots.length + ' plots, ' + sections + ' sections, font ' + font);
  }
});
";
