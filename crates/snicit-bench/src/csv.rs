//! A result as comma-separated values: a line a repetition, so that nothing is lost.

use crate::record::{Finding, Record, ResultFile};
use crate::task::Task;

const HEADER: &str = "workload,inputs,method,threshold_layer,batch,repetition,pre_convergence_ms,conversion_ms,\
post_convergence_ms,recovery_ms,total_ms,prepare_ms,centroids,categories,answer,accuracy,network_source,\
inputs_source,device,processor,version,date";

/// The inferences of a result; of statistics and embeddings, a line a network or a point.
pub fn write(result: &ResultFile) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut headers: Vec<&str> = Vec::new();
    for record in &result.records {
        let (header, of_record) = match &record.finding {
            Finding::Inference(_) => (HEADER, inference(record)),
            Finding::Statistics(s) => (
                "workload,neurons,layers,connections,largest_fan_in,bias,density,inputs,ones",
                vec![format!(
                    "{},{},{},{},{},{},{},{},{}",
                    field(&record.task.workload().name()),
                    s.neurons,
                    s.layers,
                    s.connections,
                    s.largest_fan_in,
                    s.bias.map_or_else(String::new, |bias| bias.to_string()),
                    s.density,
                    s.inputs,
                    s.ones
                )],
            ),
            Finding::Embedding(embedding) => {
                let layer = if let Task::Embedding { layer, .. } = record.task { layer } else { 0 };
                let name = field(&record.task.workload().name());
                let point = |(i, [x, y]): (usize, &[f32; 2])| {
                    let label = embedding.labels.get(i).map_or_else(String::new, u8::to_string);
                    format!("{name},{layer},{},{label},{x},{y}", i + 1)
                };
                let lines = embedding.points.iter().enumerate().map(point).collect();
                ("workload,layer,input,label,x,y", lines)
            }
        };
        // Kinds of lines follow each other as blocks, each under its own header.
        if headers.last() != Some(&header) {
            if !headers.is_empty() {
                lines.push(String::new());
            }
            headers.push(header);
            lines.push(header.to_owned());
        }
        lines.extend(of_record);
    }
    lines.push(String::new());
    lines.join("\n")
}

fn inference(record: &Record) -> Vec<String> {
    let (Task::Inference { workload, method, threshold_layer, batch }, Finding::Inference(measured)) =
        (&record.task, &record.finding)
    else {
        return Vec::new();
    };
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let answer = match &measured.answer {
        None => "not checked",
        Some(answer) if answer.difference.is_none() => "right",
        Some(_) => "wrong",
    };
    let line = |(i, repetition): (usize, &crate::record::Repetition)| {
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
            number(measured.centroids.map(|centroids| centroids as f64)),
            measured.categories.to_string(),
            answer.to_owned(),
            number(measured.accuracy),
            field(&record.sources.network),
            field(&record.sources.inputs),
            field(&record.environment.device),
            field(&record.environment.processor),
            field(&record.environment.version),
            record.date.clone(),
        ]
        .join(",")
    };
    measured.repetitions.iter().enumerate().map(line).collect()
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
        assert_eq!(HEADER.split(',').count(), 22);
    }
}
