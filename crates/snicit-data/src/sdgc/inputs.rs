use std::io::{self, Write};
use std::path::Path;

use snicit::{Activations, BitActivations, Inputs};

use super::network::index_limit;
use crate::DataError;
use crate::error::LineProblem;
use crate::text::{
    LineCount, Located, Source, Stop, Triple, TripleReader, pipeline, push_decimal, write_file,
};

const FIELDS: &str = "3 fields (image, feature, value)";
/// What values may take without a given number of inputs, whatever the file's length, and for each line:
/// an index in a few bytes of text must not take all memory.
const FREE_BYTES: u64 = 64 << 20;
const BYTES_A_LINE: u64 = 16 << 10;
const FITS: &str = "a number of images that fits into memory";

/// Reads inputs of `features` features each; features that no line names are 0.
///
/// The number of inputs is `inputs`, or else the largest image index in the file: images without any
/// feature at its end are then unknown, and an index out of all proportion to the file is refused. The result is [`Inputs::Bits`] if every value is 1.
///
/// # Errors
/// The first line that is not a valid image, feature and finite value, or that repeats a feature; an
/// empty file; a number of images that does not fit into memory.
pub fn read_inputs(file: &Path, features: usize, inputs: Option<usize>) -> Result<Inputs, DataError> {
    let max_feature = index_limit("the number of features", features)?;
    let max_image = inputs.map_or(Ok(u32::MAX), |inputs| index_limit("the number of inputs", inputs))?;
    let mut collected = Collected::new(features, inputs.is_none());
    if let Some(inputs) = inputs {
        collected.grow(inputs).ok_or_else(|| DataError::InvalidRequest {
            what: "the number of inputs",
            found: inputs.to_string(),
            expected: FITS.to_owned(),
        })?;
    }
    let names = ["image", "feature", "value"];
    let format = Triple { fields: FIELDS, names, max: [max_image, max_feature], separator: b'\t' };
    let mut count = LineCount::default();
    let at = |Located { line, problem }| DataError::line(file, line, problem);
    let end = pipeline(
        |outlet| outlet.send(0, &mut Source::open(file)?),
        |_, block| ImageLines::parse(format, block),
        |_, parsed| collected.append(&mut count, &parsed).map_err(at),
    )?;
    match end {
        Ok(()) if count.lines == 0 => Err(DataError::Empty { file: file.to_owned(), expected: FIELDS }),
        Ok(()) => collected.finish(),
        Err(Stop::Failed(error)) => Err(error),
        Err(_) => Err(at(count.too_long(FIELDS))),
    }
}

/// Writes the non-zero features of `inputs`, ordered by image, then feature; gzip if the name ends in
/// `.gz`.
///
/// Images without any feature at the end leave no trace: [`read_inputs`] must be told the number.
///
/// # Errors
/// If the file cannot be written.
pub fn write_inputs(file: &Path, inputs: &Inputs) -> Result<(), DataError> {
    write_file(file, |writer| write_lines(writer, inputs))
}

fn write_lines(writer: &mut dyn Write, inputs: &Inputs) -> io::Result<()> {
    let mut lines = Vec::new();
    for input in 0..inputs.len() {
        lines.clear();
        inputs.for_each_nonzero(input, |feature, value| {
            push_decimal(&mut lines, input as u64 + 1);
            lines.push(b'\t');
            push_decimal(&mut lines, feature as u64 + 1);
            lines.push(b'\t');
            // The shortest text that gives the same f32 again.
            lines
                .extend_from_slice(if value == 1.0 { "1".into() } else { value.to_string() }.as_bytes());
            lines.push(b'\n');
        });
        writer.write_all(&lines)?;
    }
    Ok(())
}

/// The lines of a block.
struct ImageLines {
    /// Image and feature, 1-based.
    places: Vec<(u32, u32)>,
    /// The value of each line; none if all are 1.
    values: Option<Vec<f32>>,
    /// Empty lines behind them.
    empty: u64,
    /// What ended the reading, and its line in the block.
    problem: Option<Located>,
}

impl ImageLines {
    fn parse(format: Triple, text: &[u8]) -> Self {
        // No line is shorter than `1<tab>1<tab>1` and its end.
        let mut places = Vec::with_capacity(text.len() / 6 + 1);
        let mut values: Option<Vec<f32>> = None;
        let mut count = LineCount::default();
        let read = TripleReader::new(format).read(text, &mut count, |image, feature, value| {
            if value != 1.0 && values.is_none() {
                values = Some(vec![1.0; places.len()]);
            }
            if let Some(values) = &mut values {
                values.push(value);
            }
            places.push((image, feature));
            Ok(())
        });
        ImageLines { places, values, empty: count.empty, problem: read.err() }
    }
}

/// Bits as long as every value is 1, from then on also values.
struct Collected {
    /// Which features were given, whatever their value.
    bits: BitActivations,
    values: Option<Vec<f32>>,
    /// Whether the number of inputs is told by the lines alone.
    unknown_count: bool,
}

impl Collected {
    fn new(features: usize, unknown_count: bool) -> Self {
        Collected { bits: BitActivations::zeros(0, features), values: None, unknown_count }
    }

    /// Sets what the lines of the next block say; `count` is where they begin and then where they end.
    fn append(&mut self, count: &mut LineCount, lines: &ImageLines) -> Result<(), Located> {
        let before = count.lines;
        if !lines.places.is_empty() {
            // Fails if empty lines came before.
            count.next(FIELDS)?;
            count.lines = before + lines.places.len() as u64;
        }
        for (i, &(image, feature)) in lines.places.iter().enumerate() {
            let line = before + i as u64 + 1;
            let value = lines.values.as_ref().map_or(1.0, |values| values[i]);
            let too_many = || LineProblem::Field {
                field: "image",
                found: image.to_string(),
                expected: FITS.to_owned(),
            };
            if image as usize > self.bits.inputs() && self.unknown_count {
                let most = self.most_inputs(line);
                if u64::from(image) > most {
                    let expected = format!(
                        "at most {most} in a file of so few lines, unless the number of inputs is given"
                    );
                    let problem =
                        LineProblem::Field { field: "image", found: image.to_string(), expected };
                    return Err(Located { line, problem });
                }
            }
            let set = self
                .grow(image as usize)
                .and_then(|()| self.set(image as usize - 1, feature as usize - 1, value));
            let problem = match set {
                Some(true) => continue,
                Some(false) => LineProblem::DuplicateFeature { image, feature },
                None => too_many(),
            };
            return Err(Located { line, problem });
        }
        if let Some(Located { line, problem }) = &lines.problem {
            // Empty lines before this block come first.
            if count.empty > 0 && lines.places.is_empty() {
                count.next(FIELDS)?;
            }
            return Err(Located { line: before + line, problem: problem.clone() });
        }
        count.empty += lines.empty;
        Ok(())
    }

    /// Inputs that a file may have in its first `lines` lines.
    fn most_inputs(&self, lines: u64) -> u64 {
        let input_bytes = self.bits.features() as u64 * size_of::<f32>() as u64;
        (FREE_BYTES.saturating_add(lines.saturating_mul(BYTES_A_LINE)) / input_bytes).max(1)
    }

    /// Makes room for at least `inputs` inputs; `None` if there is no memory for so many.
    #[inline]
    fn grow(&mut self, inputs: usize) -> Option<()> {
        if inputs <= self.bits.inputs() {
            return Some(());
        }
        self.grow_to(inputs)
    }

    fn grow_to(&mut self, inputs: usize) -> Option<()> {
        // A hostile index must end in a message and not in an abort, so ask before the bits grow.
        let words = inputs.checked_mul(self.bits.features().div_ceil(64))?;
        Vec::<u64>::new().try_reserve_exact(words).ok()?;
        if let Some(values) = &mut self.values {
            let length = inputs.checked_mul(self.bits.features())?;
            values.try_reserve(length - values.len()).ok()?;
            values.resize(length, 0.0);
        }
        self.bits.grow(inputs);
        Some(())
    }

    /// Whether the feature was not given before; `None` if there is no memory for values.
    fn set(&mut self, input: usize, feature: usize, value: f32) -> Option<bool> {
        if value != 1.0 && self.values.is_none() {
            self.values = Some(self.to_values()?);
        }
        if let Some(values) = &mut self.values {
            values[input * self.bits.features() + feature] = value;
        }
        Some(self.bits.set(input, feature))
    }

    fn to_values(&self) -> Option<Vec<f32>> {
        let features = self.bits.features();
        let length = self.bits.inputs().checked_mul(features)?;
        let mut values = Vec::new();
        values.try_reserve_exact(length).ok()?;
        values.resize(length, 0.0);
        for input in 0..self.bits.inputs() {
            for feature in self.bits.ones_of(input) {
                values[input * features + feature] = 1.0;
            }
        }
        Some(values)
    }

    fn finish(self) -> Result<Inputs, DataError> {
        let (inputs, features) = (self.bits.inputs(), self.bits.features());
        match self.values {
            Some(values) => Ok(Inputs::Values(Activations::new(inputs, features, values)?)),
            None => Ok(Inputs::Bits(self.bits)),
        }
    }
}
