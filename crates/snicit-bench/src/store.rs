//! Results on disk: sealed JSON files, written under another name and renamed.
//!
//! ```text
//! DIR/points/sdgc-n1024-….json      a finished point of a sweep: a Record
//! DIR/table3.json                   a table or figure: a ResultFile
//! ```
//!
//! A file is `{"snicit_bench": 2, "xxh3": "…", "content": …}`; the checksum covers the text of the content, so
//! that what was edited or damaged is not taken for what was measured.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use snicit_data::atomic_file;
use twox_hash::XxHash3_64;

use crate::BenchError;
use crate::record::{Record, ResultFile};
use crate::result_id::ResultId;
use crate::task::Task;

/// The version of the files.
const VERSION: u32 = 2;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed<'a> {
    snicit_bench: u32,
    xxh3: String,
    #[serde(borrow)]
    content: &'a RawValue,
}

/// Writes `content` sealed.
fn seal(file: &Path, content: &impl Serialize) -> Result<(), BenchError> {
    let damaged = |error: serde_json::Error| BenchError::Damaged {
        file: file.to_owned(),
        problem: error.to_string(),
    };
    let content = serde_json::to_string(content).map_err(damaged)?;
    let xxh3 = checksum(&content);
    let text =
        format!("{{\n\"snicit_bench\": {VERSION},\n\"xxh3\": \"{xxh3}\",\n\"content\": {content}\n}}\n");
    Ok(atomic_file::write(file, |writer| writer.write_all(text.as_bytes()))?)
}

/// Reads what [`seal`] wrote.
fn unseal<T: DeserializeOwned>(file: &Path) -> Result<T, BenchError> {
    let read = |reason| BenchError::Read { file: file.to_owned(), reason };
    let damaged = |problem: String| BenchError::Damaged { file: file.to_owned(), problem };
    if file.is_dir() {
        let example = file.join("fig8.json");
        let example = example.display();
        return Err(no_result(file, format!("this is a folder, expected a file such as {example}")));
    }
    let text = fs::read(file).map_err(read)?;
    let text = String::from_utf8(text).map_err(|_| damaged("it is not UTF-8 text".to_owned()))?;
    let sealed: Sealed<'_> =
        serde_json::from_str(&text).map_err(|error| damaged(unreadable(&text, &error)))?;
    if sealed.snicit_bench != VERSION {
        let found = sealed.snicit_bench;
        let age = if found < VERSION { "an earlier" } else { "a later" };
        return Err(damaged(format!(
            "it is of {age} version of the format: {found}, expected {VERSION}"
        )));
    }
    let found = checksum(sealed.content.get());
    if found != sealed.xxh3 {
        return Err(damaged(format!(
            "the checksum of its content is {found}, expected {}; it was changed after it was written",
            sealed.xxh3
        )));
    }
    serde_json::from_str(sealed.content.get()).map_err(|error| damaged(error.to_string()))
}

/// What is wrong with a text that is no sealed file, in words that are not the parser's.
fn unreadable(text: &str, error: &serde_json::Error) -> String {
    if text.trim().is_empty() {
        "it is empty".to_owned()
    } else if !text.contains("\"snicit_bench\"") {
        "it is no result of `snicit bench`".to_owned()
    } else if error.is_eof() {
        "it ends too early".to_owned()
    } else {
        error.to_string()
    }
}

fn checksum(content: &str) -> String {
    format!("{:016x}", XxHash3_64::oneshot(content.as_bytes()))
}

/// Reads one table or figure.
///
/// # Errors
/// If the file cannot be read or is not what was written.
pub fn read_result(file: &Path) -> Result<ResultFile, BenchError> {
    let result = unseal(file);
    match result {
        Err(BenchError::Damaged { .. }) if unseal::<Record>(file).is_ok() => {
            Err(no_result(file, "this is a single point of a sweep, expected a table or figure"))
        }
        other => other,
    }
}

/// As [`read_result`], in a folder of results: there each has its own name.
fn read_named_result(file: &Path) -> Result<ResultFile, BenchError> {
    let result = read_result(file)?;
    let name = result.result.name();
    if file.file_stem().is_some_and(|stem| stem == name) {
        return Ok(result);
    }
    Err(no_result(file, format!("this is {}, which belongs in {name}.json", result.result.label())))
}

/// Something intact, but not what was looked for.
fn no_result(file: &Path, what: impl Display) -> BenchError {
    BenchError::Nothing(format!("{}: {what}", file.display()))
}

/// A folder of results.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

/// The results of a folder, and the files that were skipped.
#[derive(Debug, Default)]
pub struct Results {
    /// The intact results, in the order of [`ResultId::ALL`].
    pub results: Vec<ResultFile>,
    /// Why a file was not taken, a sentence each.
    pub skipped: Vec<String>,
}

impl Store {
    /// The results in `folder`, which need not exist.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Store { folder: folder.into() }
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// `DIR/table3.ENDING`.
    pub fn file(&self, result: ResultId, ending: &str) -> PathBuf {
        self.folder.join(format!("{}.{ending}", result.name()))
    }

    fn point_file(&self, task: &Task) -> PathBuf {
        self.folder.join("points").join(format!("{}.json", task.key()))
    }

    /// The finished point, if there is one.
    ///
    /// # Errors
    /// If its file is damaged, or holds another point.
    pub fn point(&self, task: &Task) -> Result<Option<Record>, BenchError> {
        let file = self.point_file(task);
        if !file.exists() {
            return Ok(None);
        }
        let record: Record = unseal(&file)?;
        if record.task != *task {
            let problem = format!("it holds {}", record.task.describe());
            return Err(BenchError::Damaged { file, problem });
        }
        Ok(Some(record))
    }

    /// Keeps a finished point.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn keep_point(&self, record: &Record) -> Result<(), BenchError> {
        seal(&self.point_file(&record.task), record)
    }

    /// Keeps a table or figure.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn keep_result(&self, result: &ResultFile) -> Result<(), BenchError> {
        seal(&self.file(result.result, "json"), result)
    }

    /// How many finished points of sweeps are kept.
    pub fn kept_points(&self) -> usize {
        let entries = fs::read_dir(self.folder.join("points"));
        let is_point = |path: PathBuf| path.extension().is_some_and(|ending| ending == "json");
        entries.map_or(0, |entries| entries.flatten().filter(|entry| is_point(entry.path())).count())
    }

    /// All tables and figures of the folder. A file that is damaged, or has another one's name, is named and left out.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn results(&self) -> Result<Results, BenchError> {
        let unreadable = |reason| BenchError::Read { file: self.folder.clone(), reason };
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.is_file() && path.extension().is_some_and(|ending| ending == "json") {
                files.push(path);
            }
        }
        files.sort_unstable();
        let mut found = Results::default();
        for file in files {
            match read_named_result(&file) {
                Ok(result) => found.results.push(result),
                Err(error) => found.skipped.push(error.to_string()),
            }
        }
        let order = |id| ResultId::ALL.iter().position(|&other| other == id);
        found.results.sort_by_key(|result| order(result.result));
        Ok(found)
    }
}
