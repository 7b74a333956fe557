//! A result as comma-separated values: a line a repetition, so that nothing is lost.
//!
//! Every file is one table: a header, then lines with as many fields. The last columns are the same everywhere and
//! say where a line comes from.

use crate::environment::Library;
use crate::record::{Embedding, Finding, Measurement, Record, Repetition, ResultFile, Statistics};
use crate::result_id::ResultId;
use crate::task::Task;

const INFERENCE: &str = "workload,inputs,method,threshold_layer,batch,repetition,pre_convergence_ms,conversion_ms,\
post_convergence_ms,recovery_ms,total_ms,prepare_ms,inference_ms,centroids,categories,answer,accuracy";
const STATISTICS: &str = "workload,neurons,layers,connections,largest_fan_in,bias,density,inputs,ones";
const POINTS: &str = "workload,layer,input,label,x,y,perplexity";
const PROVENANCE: &str = "network_source,inputs_source,device,libraries,processor,cores,memory_bytes,load_average,system,\
version,program,compiler,build,date,command";

/// One table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvFile {
    /// Its name, `fig1.csv` or `fig1-points.csv`.
    pub name: String,
    /// What is in it.
    pub text: String,
}

type Lines = fn(&Record) -> Vec<String>;

/// The tables of a result, whatever was measured: what their names end in, their columns, and the lines of a record.
fn tables(id: ResultId) -> Vec<(&'static str, &'static str, Lines)> {
    match id {
        ResultId::Table1 => vec![("", STATISTICS, statistics)],
        ResultId::Fig1 => vec![("", INFERENCE, inferences), ("-points", POINTS, points)],
        _ => vec![("", INFERENCE, inferences)],
    }
}

/// The names of a result's tables.
pub fn names(id: ResultId) -> Vec<String> {
    tables(id).into_iter().map(|(suffix, ..)| format!("{}{suffix}.csv", id.name())).collect()
}

/// The tables of a result.
pub fn files(result: &ResultFile) -> Vec<CsvFile> {
    let texts = tables(result.result).into_iter().map(|(_, header, lines)| table(result, header, lines));
    names(result.result).into_iter().zip(texts).map(|(name, text)| CsvFile { name, text }).collect()
}

/// The lines of all records under a header, each followed by where it comes from.
fn table(result: &ResultFile, header: &str, lines: Lines) -> String {
    let mut text = format!("{header},{PROVENANCE}\n");
    for record in &result.records {
        let provenance = provenance(record, &result.command);
        for line in lines(record) {
            text.push_str(&format!("{line},{provenance}\n"));
        }
    }
    text
}

fn provenance(record: &Record, command: &str) -> String {
    let environment = &record.environment;
    let libraries: Vec<String> = environment.libraries.iter().map(Library::to_string).collect();
    [
        field(&record.sources.network),
        field(&record.sources.inputs),
        field(&environment.device),
        field(&libraries.join("; ")),
        field(&environment.processor),
        environment.cores.to_string(),
        known(environment.memory_bytes),
        known(environment.load_average),
        field(&environment.system),
        field(&environment.version),
        field(&environment.program),
        field(&environment.compiler),
        field(&environment.build),
        field(&record.date),
        field(command),
    ]
    .join(",")
}

fn inferences(record: &Record) -> Vec<String> {
    let (Task::Inference { workload, method, threshold_layer, batch }, Finding::Inference(measured)) =
        (&record.task, &record.finding)
    else {
        return Vec::new();
    };
    let line = |(i, repetition): (usize, &Repetition)| {
        let [pre, conversion, post, recovery] = repetition.stages();
        [
            field(&workload.name()),
            workload.inputs().to_string(),
            field(method),
            threshold_layer.to_string(),
            batch.to_string(),
            (i + 1).to_string(),
            pre.to_string(),
            conversion.to_string(),
            post.to_string(),
            recovery.to_string(),
            repetition.total_ms().to_string(),
            measured.prepare_ms.to_string(),
            measured.inference_ms.to_string(),
            known(measured.centroids),
            measured.categories.to_string(),
            judgement(measured).to_owned(),
            known(measured.accuracy),
        ]
        .join(",")
    };
    measured.repetitions.iter().enumerate().map(line).collect()
}

fn judgement(measured: &Measurement) -> &'static str {
    match &measured.answer {
        None => "not checked",
        Some(answer) if answer.difference.is_none() => "right",
        Some(_) => "wrong",
    }
}

fn statistics(record: &Record) -> Vec<String> {
    let Finding::Statistics(found) = &record.finding else { return Vec::new() };
    let Statistics { neurons, layers, connections, largest_fan_in, bias, density, inputs, ones } = found;
    let (name, bias) = (field(&record.task.workload().name()), known(*bias));
    vec![format!(
        "{name},{neurons},{layers},{connections},{largest_fan_in},{bias},{density},{inputs},{ones}"
    )]
}

fn points(record: &Record) -> Vec<String> {
    let (Task::Embedding { layer, .. }, Finding::Embedding(embedding)) = (&record.task, &record.finding)
    else {
        return Vec::new();
    };
    let Embedding { points, labels, perplexity } = embedding;
    let name = field(&record.task.workload().name());
    let line = |(i, [x, y]): (usize, &[f32; 2])| {
        let label = known(labels.get(i).copied());
        format!("{name},{layer},{},{label},{x},{y},{perplexity}", i + 1)
    };
    points.iter().enumerate().map(line).collect()
}

/// A value, or an empty field.
fn known<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// A field, quoted where it must be (RFC 4180).
fn field(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        assert_eq!(field("plain"), "plain");
        assert_eq!(field("a, \"b\""), "\"a, \"\"b\"\"\"");
    }
}
