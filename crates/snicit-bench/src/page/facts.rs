//! What a reader must know of a result, in small print.

use std::fmt::Write;

use crate::csv;
use crate::figures;
use crate::markup::escape;
use crate::numbers::{bytes, count, counted};
use crate::published;
use crate::record::ResultFile;
use crate::result_id::ResultId;
use crate::tables::{RANGE, Table};

/// Grid, data, machine and command.
pub(super) fn facts(html: &mut String, result: &ResultFile, table: &Table) {
    let mut lines: Vec<String> = Vec::new();
    if let Some(remark) = result.grid.remark() {
        lines.push(format!("Reduced: {remark}."));
    }
    lines.extend(repetitions(result, table));
    lines.extend(checked(result));
    lines.extend(figures::products(result.result).map(str::to_owned));
    if !result.not_run.is_empty() {
        let points = counted(result.not_run.len() as u64, "point");
        lines.push(format!("Not run: {points}; the end of the page says which and why."));
    }
    if result.busy() > 0 && result.inferences().next().is_some() {
        let (busy, all) = (result.busy(), result.records.len());
        lines.push(format!(
            "Other programs were running during {busy} of {all} points: times are noisy."
        ));
    }
    for sources in result.sources() {
        lines.push(format!("Network: {}. Inputs: {}.", sources.network, sources.inputs));
    }
    let environment = &result.environment;
    let memory =
        environment.memory_bytes.map_or_else(String::new, |memory| format!(", {}", bytes(memory)));
    let libraries: String = environment.libraries.iter().map(|library| format!(", {library}")).collect();
    lines.push(format!(
        "{}{libraries}; {}, {} threads{memory}; {}; snicit {} ({}, {}).",
        environment.device,
        environment.processor,
        environment.cores,
        environment.system,
        environment.version,
        environment.build,
        environment.compiler
    ));
    let _ = write!(html, "<div class=\"facts\">");
    for line in lines {
        let _ = writeln!(html, "<p>{}</p>", escape(&line));
    }
    let (command, date) = (escape(&result.command), escape(&result.date));
    let _ =
        writeln!(html, "<p><code>{command}</code>, {date}; {}.</p></div>", where_everything_is(result));
}

/// How often was measured, and what the numbers are.
fn repetitions(result: &ResultFile, table: &Table) -> Option<String> {
    let repetitions = || result.inferences().map(|inference| inference.measurement.repetitions.len());
    let (fewest, most) = (repetitions().min()?, repetitions().max()?);
    let repetitions = if fewest == most { most.to_string() } else { format!("{fewest} to {most}") };
    let range = if table.header.iter().any(|name| name == RANGE) {
        format!(" {RANGE} is their range.")
    } else {
        String::new()
    };
    Some(format!(
        "Medians of {repetitions} repetitions, after one to warm up where one takes less than a second.{range} \
         Loading and preparing are not counted."
    ))
}

/// The files that hold more than the page.
fn where_everything_is(result: &ResultFile) -> String {
    let what = match result.result {
        ResultId::Table1 => "the counts are",
        ResultId::Fig1 => "every repetition and every point of t-SNE is",
        _ => "every repetition is",
    };
    let mut files = vec![format!("<code>{}.json</code>", result.result.name())];
    files.extend(csv::names(result.result).iter().map(|name| format!("<code>{name}</code>")));
    let last = files.pop().unwrap_or_default();
    format!("{what} in {} and {last}", files.join(", "))
}

/// How many answers were compared with what.
fn checked(result: &ResultFile) -> Option<String> {
    let mut against: Vec<(&str, u64)> = Vec::new();
    let mut unchecked = 0_u64;
    for inference in result.inferences() {
        match &inference.measurement.answer {
            None => unchecked += 1,
            Some(answer) => match against.iter_mut().find(|(name, _)| *name == answer.against) {
                Some((_, answers)) => *answers += 1,
                None => against.push((&answer.against, 1)),
            },
        }
    }
    let mut parts: Vec<String> = against
        .iter()
        .map(|(truth, answers)| format!("{} compared with {truth}", count(*answers)))
        .collect();
    if against.is_empty() {
        let judged = unchecked > 0 && result.inferences().all(|i| i.measurement.accuracy.is_some());
        return judged.then(|| "Answers are judged by their accuracy, not one by one.".to_owned());
    }
    if unchecked > 0 {
        parts.push(format!("{} not compared", count(unchecked)));
    }
    let wrong = result.wrong().count();
    let verdict = if wrong == 0 { "none is wrong".to_owned() } else { format!("{wrong} WRONG") };
    Some(format!("Answers: {}; {verdict}.", parts.join(", ")))
}

/// What of a result was published, and by whom.
pub(super) fn published(id: ResultId) -> String {
    let source = match id {
        ResultId::Table3 => {
            "Table 3 of the paper, one NVIDIA RTX A6000, and the paper's artifact on one NVIDIA H100 80 GB, t = 30, \
             60,000 inputs each; the speed-up over them is given where as many inputs were used"
        }
        ResultId::Fig6 | ResultId::Fig7 => published::ARTIFACT,
        ResultId::Table4 => {
            "accuracy of the paper's networks, before SNICIT; there are no published times to compare with"
        }
        _ => return "There are no published figures to compare with.".to_owned(),
    };
    format!("Published: {source}.")
}
