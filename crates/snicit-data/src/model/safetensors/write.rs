use std::io::{self, Write};
use std::path::Path;

use serde_json::{Map, Value, json};
use snicit::{Bias, Layer, Network};

use super::{BIAS, COLUMNS, FORMAT, INPUTS, ROW_STARTS, VALUES, VERSION, WEIGHT};
use crate::{DataError, atomic_file};

/// Writes `network` as a safetensors file; reading it gives the same network, bit by bit.
///
/// A layer is stored dense where that is smaller and loses nothing, else sparse. The same network gives the
/// same bytes. (The crate `safetensors` writes metadata in random order, and needs all in memory.)
///
/// # Errors
/// If a layer has no neurons, or the file cannot be written.
pub fn write_safetensors(file: &Path, network: &Network, name: Option<&str>) -> Result<(), DataError> {
    let mut tensors = Vec::new();
    for (i, layer) in network.layers().iter().enumerate() {
        if layer.inputs() == 0 || layer.outputs() == 0 {
            let found = format!("{} inputs and {} outputs", layer.inputs(), layer.outputs());
            let expected = "at least 1 of both".to_owned();
            return Err(DataError::LayerNotWritable { layer: i + 1, found, expected });
        }
        tensors.extend(layer_tensors(i + 1, layer));
    }
    // Every tensor is aligned to its elements if the larger elements come first.
    tensors.sort_by_key(|tensor| std::cmp::Reverse(tensor.content.element_bytes()));
    let header = header(network, name, &tensors);
    atomic_file::write(file, |writer| {
        writer.write_all(&(header.len() as u64).to_le_bytes())?;
        writer.write_all(&header)?;
        tensors.iter().try_for_each(|tensor| tensor.content.write(writer))
    })
}

struct Tensor<'a> {
    name: String,
    shape: Vec<usize>,
    content: Content<'a>,
}

/// What a tensor is written from.
enum Content<'a> {
    /// A dense layer, zeros between its connections.
    Dense(&'a Layer),
    Floats(&'a [f32]),
    Float(f32),
    /// The input neurons of all connections, in so many bytes each.
    Columns(&'a Layer, usize),
    /// Where the rows of a layer start, in so many bytes each.
    RowStarts(&'a Layer, usize),
    Number(u32),
}

fn layer_tensors(number: usize, layer: &Layer) -> Vec<Tensor<'_>> {
    let weights = layer.weights();
    let (inputs, outputs, connections) = (layer.inputs(), layer.outputs(), weights.connections());
    let tensor =
        |part: &str, shape, content| Tensor { name: format!("layers.{number}.{part}"), shape, content };
    let index_bytes = match inputs {
        ..=0x100 => 1,
        0x101..=0x1_0000 => 2,
        _ => 4,
    };
    let offset_bytes = if u32::try_from(connections).is_ok() { 4 } else { 8 };
    let sparse_bytes = connections * (4 + index_bytes) + (outputs + 1) * offset_bytes;
    // A connection of weight 0 would be none in a dense layer.
    let dense_is_smaller = inputs.checked_mul(outputs).is_some_and(|n| n <= sparse_bytes / 4);
    let mut tensors = if dense_is_smaller && weights.values().iter().all(|&weight| weight != 0.0) {
        vec![tensor(WEIGHT, vec![outputs, inputs], Content::Dense(layer))]
    } else {
        vec![
            tensor(VALUES, vec![connections], Content::Floats(weights.values())),
            tensor(COLUMNS, vec![connections], Content::Columns(layer, index_bytes)),
            tensor(ROW_STARTS, vec![outputs + 1], Content::RowStarts(layer, offset_bytes)),
            tensor(INPUTS, vec![1], Content::Number(inputs as u32)),
        ]
    };
    tensors.push(match layer.bias() {
        Bias::Uniform(bias) => tensor(BIAS, vec![1], Content::Float(*bias)),
        Bias::PerNeuron(biases) => tensor(BIAS, vec![outputs], Content::Floats(biases)),
    });
    tensors
}

fn header(network: &Network, name: Option<&str>, tensors: &[Tensor<'_>]) -> Vec<u8> {
    let activations: Vec<String> =
        network.layers().iter().map(|layer| layer.activation().to_string()).collect();
    let mut metadata = json!({
        "format": FORMAT,
        "version": VERSION,
        "activations": json!(activations).to_string(),
    });
    if let Some(name) = name {
        metadata["name"] = name.into();
    }
    let mut header = Map::new();
    header.insert("__metadata__".to_owned(), metadata);
    let mut start = 0;
    for Tensor { name, shape, content } in tensors {
        let end = start + shape.iter().product::<usize>() * content.element_bytes();
        let entry = json!({"dtype": content.dtype(), "shape": shape, "data_offsets": [start, end]});
        header.insert(name.clone(), entry);
        start = end;
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    header
}

impl Content<'_> {
    fn element_bytes(&self) -> usize {
        match self {
            Content::Dense(_) | Content::Floats(_) | Content::Float(_) | Content::Number(_) => 4,
            Content::Columns(_, bytes) | Content::RowStarts(_, bytes) => *bytes,
        }
    }

    fn dtype(&self) -> &'static str {
        match self {
            Content::Dense(_) | Content::Floats(_) | Content::Float(_) => "F32",
            Content::Columns(..) | Content::RowStarts(..) | Content::Number(_) => {
                match self.element_bytes() {
                    1 => "U8",
                    2 => "U16",
                    4 => "U32",
                    _ => "U64",
                }
            }
        }
    }

    fn write(&self, writer: &mut dyn Write) -> io::Result<()> {
        // The first bytes of a little-endian number are all of it, if it fits them.
        let number = |writer: &mut dyn Write, number: u64, bytes: usize| {
            writer.write_all(&number.to_le_bytes()[..bytes])
        };
        let rows = |layer: &'_ Layer| 0..layer.outputs();
        match *self {
            Content::Float(value) => writer.write_all(&value.to_le_bytes()),
            Content::Floats(values) => {
                values.iter().try_for_each(|value| writer.write_all(&value.to_le_bytes()))
            }
            Content::Number(value) => number(writer, value.into(), 4),
            Content::Dense(layer) => {
                let mut row = vec![0.0_f32; layer.inputs()];
                rows(layer).try_for_each(|output| {
                    row.fill(0.0);
                    let (inputs, weights) = layer.weights().row(output);
                    for (&input, &weight) in inputs.iter().zip(weights) {
                        row[input as usize] = weight;
                    }
                    row.iter().try_for_each(|value| writer.write_all(&value.to_le_bytes()))
                })
            }
            Content::Columns(layer, bytes) => rows(layer).try_for_each(|output| {
                let (inputs, _) = layer.weights().row(output);
                inputs.iter().try_for_each(|&input| number(writer, input.into(), bytes))
            }),
            Content::RowStarts(layer, bytes) => {
                let mut start = 0;
                number(writer, 0, bytes)?;
                rows(layer).try_for_each(|output| {
                    start += layer.weights().row(output).0.len() as u64;
                    number(writer, start, bytes)
                })
            }
        }
    }
}
