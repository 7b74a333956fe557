//! One layer from its tensors.

use std::collections::BTreeMap;

use snicit::{Activation, Bias, Layer, SparseWeights};

use super::tensors::Tensors;
use super::{BIAS, COLUMNS, INPUTS, ROW_STARTS, VALUES, WEIGHT};
use crate::model::ModelProblem;

/// Which tensors there are of each layer, counted from 1.
pub(super) fn tensors_by_layer(
    tensors: &Tensors<'_>,
) -> Result<BTreeMap<usize, Vec<String>>, ModelProblem> {
    let mut layers: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    // Sorted, so that of several unknown tensors always the same one is named.
    let mut names: Vec<&str> = tensors.names().collect();
    names.sort_unstable();
    for name in names {
        let Some((layer, part)) = split_name(name) else {
            let what = format!("tensor {name:?}");
            let expected = "layers.K.weight, layers.K.weight.values, .columns, .row_starts, .inputs, or \
                            layers.K.bias";
            return Err(ModelProblem::Unknown { what, expected });
        };
        layers.entry(layer).or_default().push(part.to_owned());
    }
    let highest = layers.keys().next_back().copied().unwrap_or(0);
    match (1..=highest).find(|layer| !layers.contains_key(layer)) {
        Some(missing) => Err(ModelProblem::missing(format!("layer {missing} of {highest}"))),
        None => Ok(layers),
    }
}

/// The layer and the part of it in `layers.3.weight.values`.
fn split_name(name: &str) -> Option<(usize, &str)> {
    let (number, part) = name.strip_prefix("layers.")?.split_once('.')?;
    let layer: usize = number.parse().ok().filter(|&layer| layer >= 1)?;
    // Only one way to write a number, so that no layer has the same tensor twice.
    let known = [WEIGHT, VALUES, COLUMNS, ROW_STARTS, INPUTS, BIAS].contains(&part);
    (known && layer.to_string() == number).then_some((layer, part))
}

/// Builds layer `layer`, which has the tensors `parts`.
pub(super) fn read(
    tensors: &Tensors<'_>,
    layer: usize,
    parts: &[String],
    activation: Activation,
) -> Result<Layer, ModelProblem> {
    let dense = parts.iter().any(|part| part == WEIGHT);
    if parts.iter().all(|part| part == BIAS) {
        let names = format!("tensor layers.{layer}.{WEIGHT} or layers.{layer}.{VALUES},");
        return Err(ModelProblem::missing(format!("the weight of layer {layer}, {names}")));
    }
    if let Some(part) = parts.iter().find(|part| dense && part.starts_with("weight.")) {
        let what =
            format!("tensor layers.{layer}.{part} of a layer that also has layers.{layer}.{WEIGHT}");
        return Err(ModelProblem::Unknown { what, expected: "one of both" });
    }
    let weights = if dense { dense_weights(tensors, layer)? } else { sparse_weights(tensors, layer)? };
    let bias = bias(tensors, layer, weights.outputs())?;
    Layer::new(weights, bias, activation).map_err(|problem| ModelProblem::layer(layer, problem))
}

fn name(layer: usize, part: &str) -> String {
    format!("layers.{layer}.{part}")
}

fn dense_weights(tensors: &Tensors<'_>, layer: usize) -> Result<SparseWeights, ModelProblem> {
    let tensor = tensors.get(&name(layer, WEIGHT))?;
    let (_, inputs) = tensor.expect_matrix()?;
    if u32::try_from(inputs).is_err() {
        return Err(tensor.wrong_shape(format!("at most {} inputs", u32::MAX)));
    }
    from_dense_rows(inputs, &tensor.floats()?).map_err(|problem| ModelProblem::layer(layer, problem))
}

/// The non-zero weights of a dense matrix, given row by row, `inputs` (fewer than 2³²) to the row.
pub(crate) fn from_dense_rows(inputs: usize, rows: &[f32]) -> Result<SparseWeights, snicit::Error> {
    let (mut row_offsets, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in rows.chunks_exact(inputs) {
        for (input, &weight) in row.iter().enumerate() {
            if weight != 0.0 {
                indices.push(input as u32);
                values.push(weight);
            }
        }
        row_offsets.push(values.len());
    }
    Ok(SparseWeights::from_rows(inputs, row_offsets, indices, values)?)
}

fn sparse_weights(tensors: &Tensors<'_>, layer: usize) -> Result<SparseWeights, ModelProblem> {
    let get = |part| tensors.get(&name(layer, part));
    let (values, columns) = (get(VALUES)?, get(COLUMNS)?);
    let (row_starts, inputs) = (get(ROW_STARTS)?, get(INPUTS)?);
    let connections = values.expect_vector(None)?;
    columns.expect_vector(Some(connections))?;
    if row_starts.expect_vector(None)? < 2 {
        return Err(
            row_starts.wrong_shape("an entry more than there are outputs, of which there is one")
        );
    }
    inputs.expect_vector(Some(1))?;
    let inputs = match inputs.indices()?[0] {
        0 => return Err(inputs.wrong_value(0, "at least 1 input")),
        inputs => inputs as usize,
    };
    SparseWeights::from_rows(inputs, row_starts.offsets()?, columns.indices()?, values.floats()?)
        .map_err(|problem| ModelProblem::layer(layer, problem))
}

fn bias(tensors: &Tensors<'_>, layer: usize, outputs: usize) -> Result<Bias, ModelProblem> {
    let Some(tensor) = tensors.find(&name(layer, BIAS)) else {
        return Ok(Bias::Uniform(0.0));
    };
    let length = tensor.expect_vector(None)?;
    if length != outputs && length != 1 {
        let expected = format!("[{outputs}], one a neuron, or [1]");
        return Err(tensor.wrong_shape(expected));
    }
    let values = tensor.floats()?;
    Ok(if length == 1 { Bias::Uniform(values[0]) } else { Bias::PerNeuron(values) })
}
