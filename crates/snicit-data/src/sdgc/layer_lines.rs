use std::path::Path;

use snicit::{Activation, Bias, Connection, Layer, SparseWeights};

use super::CONNECTIONS_PER_NEURON;
use crate::DataError;
use crate::error::LineProblem;
use crate::text::{LineCount, Located, Source, Stop, Triple, TripleReader, for_each_block, pipeline};

pub(super) const FIELDS: &str = "3 fields (input neuron, output neuron, weight)";

/// Up to this width memory is reserved for as many connections as official layers have.
const WIDEST: usize = 65536;

/// The connections of a layer in the order of its lines.
///
/// In the official order this takes hardly more memory than the matrix that becomes of it, and no
/// sorting; any other order is put right at the end.
#[derive(Default)]
pub(super) struct LayerLines {
    pub(super) count: LineCount,
    /// The input neuron of each line, 0-based.
    inputs: Vec<u32>,
    weights: Weights,
    /// Successive lines with the same output neuron.
    runs: Vec<Run>,
    /// Whether every line comes behind the one before it, by output, then input neuron.
    ascending: bool,
}

struct Run {
    /// 0-based.
    output: u32,
    /// The number of lines up to the end of this run.
    end: usize,
}

enum Weights {
    /// All are the same bits, so far.
    Equal(f32),
    /// The weight of each line.
    Each(Vec<f32>),
}

impl Default for Weights {
    fn default() -> Self {
        Weights::Equal(0.0)
    }
}

impl LayerLines {
    pub(super) fn new() -> Self {
        LayerLines { ascending: true, ..Default::default() }
    }

    /// With room for an official layer of this width.
    fn with_room(neurons: u32) -> Self {
        let connections = (neurons as usize).min(WIDEST) * CONNECTIONS_PER_NEURON;
        LayerLines { inputs: Vec::with_capacity(connections), ..Self::new() }
    }

    /// The lines of `text`, a block of a layer of `neurons` neurons.
    pub(super) fn parse(neurons: u32, text: &[u8]) -> Result<Self, Located> {
        let mut lines = Self::new();
        // No line is shorter than `1<tab>1<tab>1` and its end.
        lines.inputs.reserve(text.len() / 6 + 1);
        let mut count = LineCount::default();
        reader(neurons).read(text, &mut count, |input, output, weight| {
            lines.push(input - 1, output - 1, weight);
            Ok(())
        })?;
        Ok(LayerLines { count, ..lines })
    }

    #[inline]
    fn push(&mut self, input: u32, output: u32, weight: f32) {
        match self.runs.last_mut() {
            Some(run) if run.output == output => {
                run.end += 1;
                self.ascending &= self.inputs.last() < Some(&input);
            }
            last => {
                self.ascending &= last.is_none_or(|last| last.output < output);
                self.runs.push(Run { output, end: self.inputs.len() + 1 });
            }
        }
        match &mut self.weights {
            Weights::Equal(value) if value.to_bits() == weight.to_bits() => {}
            weights => weights.push(self.inputs.len(), weight),
        }
        self.inputs.push(input);
    }

    /// Appends the lines that follow; fails if empty lines lie between.
    pub(super) fn append(&mut self, next: LayerLines) -> Result<(), Located> {
        if next.count.lines > 0 {
            self.count.next(FIELDS)?;
            self.count.lines += next.count.lines - 1;
        }
        self.count.empty += next.count.empty;
        let (Some(last), Some(first)) = (self.runs.last_mut(), next.runs.first()) else {
            if self.inputs.is_empty() {
                *self = LayerLines { count: self.count, ..next };
            }
            return Ok(());
        };
        let before = self.inputs.len();
        let place = |run: &Run, input: Option<&u32>| (run.output, input.copied());
        self.ascending &=
            next.ascending && place(last, self.inputs.last()) < place(first, next.inputs.first());
        let mut runs = next.runs.into_iter().map(|run| Run { end: before + run.end, ..run }).peekable();
        if let Some(first) = runs.next_if(|run| run.output == last.output) {
            last.end = first.end;
        }
        self.runs.extend(runs);
        self.weights.append(before, &next.weights, next.inputs.len());
        self.inputs.extend_from_slice(&next.inputs);
        Ok(())
    }

    /// The layer of `neurons` neurons, uniform bias and the challenge's activation.
    pub(super) fn into_layer(self, file: &Path, neurons: u32, bias: f32) -> Result<Layer, DataError> {
        if self.inputs.is_empty() {
            return Err(DataError::Empty { file: file.to_owned(), expected: FIELDS });
        }
        let width = neurons as usize;
        let weights = if self.ascending {
            self.into_rows(width)
        } else {
            let connections = self.connections();
            if let Some(second) = first_repetition(&connections) {
                let Connection { input, output, .. } = connections[second];
                let problem = LineProblem::DuplicateConnection { input: input + 1, output: output + 1 };
                return Err(DataError::line(file, second as u64 + 1, problem));
            }
            drop(self);
            SparseWeights::from_connections(width, width, connections)
        };
        let weights = weights.map_err(snicit::Error::from)?;
        Ok(Layer::new(weights, Bias::Uniform(bias), Activation::SDGC)?)
    }

    fn into_rows(mut self, width: usize) -> Result<SparseWeights, snicit::network::InvalidWeights> {
        let connections = self.inputs.len();
        let mut row_offsets = Vec::with_capacity(width + 1);
        for run in &self.runs {
            // Also for the neurons without connections between the last run and this one.
            let start = row_offsets.len();
            let begin = row_offsets.last().copied().unwrap_or(0);
            debug_assert!(start <= run.output as usize + 1);
            row_offsets.resize((run.output as usize + 1).max(start), begin);
            row_offsets.push(run.end);
        }
        row_offsets.resize(width + 1, connections);
        self.inputs.shrink_to_fit();
        let values = self.weights.into_values(connections);
        SparseWeights::from_rows(width, row_offsets, self.inputs, values)
    }

    fn connections(&self) -> Vec<Connection> {
        let mut start = 0;
        let mut connections = Vec::with_capacity(self.inputs.len());
        for &Run { output, end } in &self.runs {
            connections.extend((start..end).map(|i| Connection {
                input: self.inputs[i],
                output,
                weight: self.weights.of(i),
            }));
            start = end;
        }
        connections
    }
}

impl Weights {
    /// Appends a weight to the first `before` ones.
    fn push(&mut self, before: usize, weight: f32) {
        match self {
            Weights::Equal(_) if before == 0 => *self = Weights::Equal(weight),
            Weights::Equal(value) if value.to_bits() == weight.to_bits() => {}
            Weights::Equal(value) => {
                let mut values = vec![*value; before];
                values.push(weight);
                *self = Weights::Each(values);
            }
            Weights::Each(values) => values.push(weight),
        }
    }

    /// Appends the `count` (at least 1) weights `next` to the first `before` ones.
    fn append(&mut self, before: usize, next: &Weights, count: usize) {
        match next {
            Weights::Equal(value) => {
                self.push(before, *value);
                if let Weights::Each(values) = self {
                    values.resize(before + count, *value);
                }
            }
            Weights::Each(next) => {
                if let Weights::Equal(value) = self {
                    *self = Weights::Each(vec![*value; before]);
                }
                if let Weights::Each(values) = self {
                    values.extend_from_slice(next);
                }
            }
        }
    }

    fn of(&self, line: usize) -> f32 {
        match self {
            Weights::Equal(value) => *value,
            Weights::Each(values) => values[line],
        }
    }

    fn into_values(self, count: usize) -> Vec<f32> {
        match self {
            Weights::Equal(value) => vec![value; count],
            Weights::Each(mut values) => {
                values.shrink_to_fit();
                values
            }
        }
    }
}

fn reader(neurons: u32) -> TripleReader {
    let names = ["input neuron", "output neuron", "weight"];
    TripleReader::new(Triple { fields: FIELDS, names, max: [neurons; 2], separator: b'\t' })
}

/// Reads a layer on this thread alone.
pub(super) fn read_layer(file: &Path, neurons: u32, bias: f32) -> Result<Layer, DataError> {
    let mut source = Source::open(file)?;
    let mut lines = LayerLines::with_room(neurons);
    let mut reader = reader(neurons);
    let mut count = LineCount::default();
    let read = for_each_block(&mut source, |block| {
        reader.read(block, &mut count, |input, output, weight| {
            lines.push(input - 1, output - 1, weight);
            Ok(())
        })
    });
    read.map_err(|error| source.locate(error, count, FIELDS))?;
    lines.into_layer(file, neurons, bias)
}

/// Reads a layer with all threads.
pub(super) fn read_layer_in_parallel(file: &Path, neurons: u32, bias: f32) -> Result<Layer, DataError> {
    let mut lines = LayerLines::with_room(neurons);
    let end = pipeline(
        |outlet| outlet.send(0, &mut Source::open(file)?),
        |_, block| LayerLines::parse(neurons, block),
        |_, parsed| lines.merge(file, parsed),
    )?;
    match end {
        Ok(()) => lines.into_layer(file, neurons, bias),
        Err(Stop::Failed(error)) => Err(error),
        Err(_) => Err(lines.too_long(file)),
    }
}

impl LayerLines {
    /// Appends what a block held, or says where in `file` it is wrong.
    pub(super) fn merge(
        &mut self,
        file: &Path,
        parsed: Result<LayerLines, Located>,
    ) -> Result<(), DataError> {
        let merged = match parsed {
            Ok(next) => self.append(next),
            // Lines behind empty ones: those are the first fault.
            Err(_) if self.count.empty > 0 => self.count.next(FIELDS).map(drop),
            Err(Located { line, problem }) => Err(Located { line: self.count.lines + line, problem }),
        };
        merged.map_err(|Located { line, problem }| DataError::line(file, line, problem))
    }

    /// The line behind these in `file` does not end.
    pub(super) fn too_long(&self, file: &Path) -> DataError {
        let Located { line, problem } = self.count.too_long(FIELDS);
        DataError::line(file, line, problem)
    }
}

/// The lowest index of a connection between two neurons that an earlier one connects already.
fn first_repetition(connections: &[Connection]) -> Option<usize> {
    let mut places: Vec<(u32, u32, usize)> =
        connections.iter().enumerate().map(|(i, c)| (c.output, c.input, i)).collect();
    places.sort_unstable();
    let same = |pair: &&[(u32, u32, usize)]| (pair[0].0, pair[0].1) == (pair[1].0, pair[1].1);
    places.windows(2).filter(same).map(|pair| pair[1].2).min()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILE: &str = "layer.tsv";

    fn in_blocks(blocks: &[&str]) -> Result<SparseWeights, String> {
        let mut lines = LayerLines::new();
        let file = Path::new(FILE);
        for block in blocks {
            lines.merge(file, LayerLines::parse(9, block.as_bytes())).map_err(|e| e.to_string())?;
        }
        let layer = lines.into_layer(file, 9, -0.3).map_err(|error| error.to_string())?;
        Ok(layer.weights().clone())
    }

    #[test]
    fn lines_are_numbered_through_all_blocks() {
        let good = "1\t1\t0.5\n2\t1\t0.5\n";
        for (blocks, expected) in [
            (&[good, "3\t1\tx\n"][..], "3: weight is \"x\", expected a finite number"),
            (
                &[good, "2\t1\t1\n"],
                "3: the connection from input neuron 2 to output neuron 1 is given twice",
            ),
            (&[good, "\n", "1\t2\t1\n"], &format!("3: the line is empty, expected {FIELDS}")),
            (&[good, "\n", "1\tx\t1\n"], &format!("3: the line is empty, expected {FIELDS}")),
            (&["\n", good, good], &format!("1: the line is empty, expected {FIELDS}")),
        ] {
            let expected = format!("{FILE}, line {expected}");
            assert_eq!(in_blocks(blocks), Err(expected), "{blocks:?}");
        }
        assert!(in_blocks(&[good, "\n", "\n\n"]).is_ok());
    }

    proptest! {
        #[test]
        fn blocks_give_what_the_whole_gives(
            triples in prop::collection::vec((1..10_u32, 1..10_u32, 1..3_u32), 1..30),
            sorted: bool,
            cuts in prop::collection::vec(0..30_usize, 0..4),
        ) {
            let mut triples = triples;
            if sorted {
                triples.sort_by_key(|&(input, output, _)| (output, input));
                triples.dedup_by_key(|&mut (input, output, _)| (output, input));
            }
            let line = |(i, o, w): &(u32, u32, u32)| format!("{i}\t{o}\t{w}\n");
            let whole: String = triples.iter().map(line).collect();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % triples.len()).collect();
            cuts.sort_unstable();
            cuts.push(triples.len());
            let mut start = 0;
            let blocks: Vec<String> = cuts.iter().map(|&cut| {
                let block = triples[start..cut].iter().map(line).collect();
                start = cut;
                block
            }).collect();
            let blocks: Vec<&str> = blocks.iter().map(String::as_str).collect();
            let expected = in_blocks(&[&whole]);
            prop_assert_eq!(&in_blocks(&blocks), &expected);
            if sorted {
                let connections = triples.iter().map(|&(input, output, weight)| Connection {
                    input: input - 1, output: output - 1, weight: weight as f32,
                });
                let weights = SparseWeights::from_connections(9, 9, connections.collect());
                prop_assert_eq!(expected, Ok(weights.unwrap()));
            }
        }
    }
}
