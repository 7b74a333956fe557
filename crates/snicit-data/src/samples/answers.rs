use std::io::{self, Write};
use std::path::Path;

use snicit::Activations;

use crate::arrays::write_npy;
use crate::{DataError, atomic_file};

/// What a network said of its inputs.
#[derive(Debug, Clone, PartialEq)]
pub enum Answers {
    /// Scores or probabilities, inputs × classes.
    Scores(Activations),
    /// A class an input.
    Classes(Vec<u32>),
}

/// The form of a file of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerForm {
    /// numpy's array: float32 inputs × classes, or uint32.
    Npy,
    /// An input a line, without a header.
    Csv,
    /// A list with a list or a class an input.
    Json,
}

impl AnswerForm {
    /// The form that a file's name ends in.
    pub fn of(file: &Path) -> Option<Self> {
        match file.extension()?.to_str()? {
            "npy" => Some(AnswerForm::Npy),
            "csv" => Some(AnswerForm::Csv),
            "json" => Some(AnswerForm::Json),
            _ => None,
        }
    }
}

/// Writes answers. Numbers in text have as many digits as give the same float32 again.
///
/// # Errors
/// If the file cannot be written, or a score is not finite, which JSON cannot express.
pub fn write_answers(file: &Path, answers: &Answers, form: AnswerForm) -> Result<(), DataError> {
    match (form, answers) {
        (AnswerForm::Npy, Answers::Scores(scores)) => write_npy(file, &scores.into()),
        (AnswerForm::Npy, Answers::Classes(classes)) => write_npy(file, &classes.clone().into()),
        (AnswerForm::Csv, answers) => atomic_file::write(file, |writer| csv(writer, answers)),
        (AnswerForm::Json, answers) => atomic_file::write(file, |writer| json(writer, answers)),
    }
}

fn csv(writer: &mut dyn Write, answers: &Answers) -> io::Result<()> {
    match answers {
        Answers::Scores(scores) => (0..scores.inputs()).try_for_each(|input| {
            for (i, score) in scores.column(input).iter().enumerate() {
                write!(writer, "{}{score}", if i > 0 { "," } else { "" })?;
            }
            writeln!(writer)
        }),
        Answers::Classes(classes) => classes.iter().try_for_each(|class| writeln!(writer, "{class}")),
    }
}

/// A line an input.
fn json(writer: &mut dyn Write, answers: &Answers) -> io::Result<()> {
    let count = match answers {
        Answers::Scores(scores) => scores.inputs(),
        Answers::Classes(classes) => classes.len(),
    };
    writeln!(writer, "[")?;
    for input in 0..count {
        match answers {
            Answers::Classes(classes) => write!(writer, "{}", classes[input])?,
            Answers::Scores(scores) => {
                let scores = scores.column(input);
                if let Some(score) = scores.iter().find(|score| !score.is_finite()) {
                    let message = format!("a score of input {} is {score}, which JSON lacks", input + 1);
                    return Err(io::Error::other(message));
                }
                serde_json::to_writer(&mut *writer, scores)?;
            }
        }
        writeln!(writer, "{}", if input + 1 < count { "," } else { "" })?;
    }
    writeln!(writer, "]")
}
