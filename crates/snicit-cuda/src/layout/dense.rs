//! Weights for tensor cores: all of a layer's, zeros too, in half precision, one or two parts each.

use snicit::{Activation, Layer};

use super::Blob;
use super::half::round_to_half;

/// Inputs whose weights lie together; CHUNK of the kernel.
const CHUNK: usize = 32;
/// Outputs of a pair of tiles.
const PAIR: usize = 32;
/// Outputs that a block of the kernel takes at once.
pub(crate) const BLOCK_OUTPUTS: usize = 256;
/// Layers that a block of the kernel takes its columns through at most; MAX_LAYERS of the kernel.
pub(crate) const MAX_FUSED_LAYERS: usize = 32;
/// With all outputs of a layer below, the kernel has a form of its own.
const NARROW: usize = 128;
/// Scaled numbers have this exponent at most; TOP of the kernel.
const TOP: i32 = 14;
/// Weights that are smaller than the largest of their output by more than this exponent do not go in two
/// halves of it.
const DEEPEST: i32 = 28;

/// How the weights of a block of outputs lie within a chunk and a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrangement {
    /// Sixteen outputs after sixteen, as lanes take them, 16 bytes each: for `kernels/dense.cuh`.
    Lanes,
    /// Eight outputs after eight, in matrices of 8 by 8: for `kernels/wide_columns.cuh`.
    Matrices,
}

/// One layer or several that are computed together. Positions are in bytes from the beginning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DenseForm {
    /// Where the kernel's descriptions of the layers are.
    pub(crate) layers: u64,
    pub(crate) layer_count: u32,
    /// Biases of the last layer, in order.
    pub(crate) bias: u64,
    /// Whether no layer has more than 128 outputs.
    pub(crate) narrow: bool,
}

impl DenseForm {
    /// Whether the layer's weights can be taken as two halves each without losing more than float32 does.
    pub(crate) fn can_hold(layer: &Layer) -> bool {
        let weights = layer.weights();
        if weights.inputs() == 0 || weights.outputs() == 0 {
            return false;
        }
        (0..weights.outputs()).all(|output| {
            let (_, weights) = weights.row(output);
            let Some((_, inverse)) = row_scale(weights) else { return false };
            let smallest = inverse * 2.0_f32.powi(TOP - DEEPEST);
            weights.iter().all(|w| *w == 0.0 || w.abs() >= smallest)
        })
    }

    /// Appends layers that [`DenseForm::can_hold`] in this form to `blob`. Only a layer by itself may have more than
    /// [`BLOCK_OUTPUTS`] outputs.
    ///
    /// # Panics
    /// If there are too many layers or outputs.
    pub(crate) fn build(layers: &[&Layer], arrangement: Arrangement, blob: &mut Blob) -> Self {
        assert!((1..=MAX_FUSED_LAYERS).contains(&layers.len()), "too many layers");
        let widest = layers.iter().map(|layer| layer.outputs()).max().unwrap_or(0);
        assert!(layers.len() == 1 || widest <= BLOCK_OUTPUTS, "too many outputs");
        // The kernel goes through the weights of all layers without a gap.
        let mut weights = Vec::new();
        let (mut begins, mut parts, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        for layer in layers {
            let scales: Vec<(f32, f32)> = (0..layer.outputs())
                .map(|output| row_scale(layer.weights().row(output).1).unwrap_or((1.0, 1.0)))
                .collect();
            begins.push(weights.len() * size_of::<u16>());
            let parts_of_layer = if is_exact(layer, &scales) { 1 } else { 2 };
            push_weights(&mut weights, layer, &scales, parts_of_layer, arrangement);
            parts.push(parts_of_layer);
            let mut of_rows = vec![0.0_f32; layer.outputs().next_multiple_of(PAIR) * 2];
            for (output, row) in of_rows.chunks_exact_mut(2).take(layer.outputs()).enumerate() {
                row.copy_from_slice(&[layer.bias().of(output), scales[output].1]);
            }
            rows.push(of_rows);
        }
        let weights = blob.push(&weights);
        let mut descriptions: Vec<u32> = Vec::new();
        for (index, layer) in layers.iter().enumerate() {
            let (low, high) = layer.activation().bounds();
            let begin = weights + begins[index] as u64;
            let rows = blob.push(&rows[index]);
            descriptions.extend([begin as u32, (begin >> 32) as u32, rows as u32, (rows >> 32) as u32]);
            descriptions.extend([layer.inputs() as u32, layer.outputs() as u32, parts[index] as u32]);
            let scale = scale_behind(layer.activation());
            descriptions.extend([low, high, scale].map(f32::to_bits));
        }
        let last = layers[layers.len() - 1];
        DenseForm {
            layers: blob.push(&descriptions),
            layer_count: layers.len() as u32,
            bias: blob.push(&last.bias().to_vec(last.outputs())),
            narrow: widest <= NARROW,
        }
    }

    /// Products of halves for one column, those by zero too; each weight takes two or three.
    pub(crate) fn multiply_adds(layer: &Layer) -> usize {
        let cells = layer.inputs().next_multiple_of(CHUNK) * layer.outputs().next_multiple_of(PAIR);
        let scales: Vec<(f32, f32)> = (0..layer.outputs())
            .map(|output| row_scale(layer.weights().row(output).1).unwrap_or((1.0, 1.0)))
            .collect();
        cells * if is_exact(layer, &scales) { 2 } else { 3 }
    }
}

/// Inputs of a layer, with those that fill up the last chunk.
pub(crate) fn split_inputs(layer: &Layer) -> usize {
    layer.inputs().next_multiple_of(CHUNK)
}

/// By which the kernel multiplies activations behind `activation`; 0 if they have no bound, so that each
/// column needs a scale of its own.
pub(crate) fn scale_behind(activation: Activation) -> f32 {
    let (low, high) = activation.bounds();
    let largest = low.abs().max(high.abs());
    if largest.is_finite() { scale_for(largest).map_or(0.0, |(scale, _)| scale) } else { 0.0 }
}

/// By which the kernel multiplies bits.
pub(crate) const BIT_SCALE: f32 = (1 << TOP) as f32;

/// The power of two that brings a row's largest weight between 2¹⁴ and 2¹⁵, and its inverse. `None` for
/// weights beyond all measure.
fn row_scale(weights: &[f32]) -> Option<(f32, f32)> {
    scale_for(weights.iter().fold(0.0, |largest, w| w.abs().max(largest)))
}

fn scale_for(largest: f32) -> Option<(f32, f32)> {
    if largest == 0.0 {
        return Some((1.0, 1.0));
    }
    let exponent = (largest.to_bits() >> 23 & 0xff) as i32 - 127;
    let by = TOP - exponent;
    // Beyond, the scale or its inverse would not be a normal number.
    (-100..=100).contains(&by).then(|| (2.0_f32.powi(by), 2.0_f32.powi(-by)))
}

/// Whether one half is enough for each weight.
fn is_exact(layer: &Layer, scales: &[(f32, f32)]) -> bool {
    scales.iter().enumerate().all(|(output, &(scale, _))| {
        let (_, weights) = layer.weights().row(output);
        weights.iter().all(|w| round_to_half(w * scale).1 == w * scale)
    })
}

/// Appends the weights of a layer: block of outputs by block, chunk of inputs by chunk, part by part, and
/// there as `arrangement` says.
fn push_weights(
    to: &mut Vec<u16>,
    layer: &Layer,
    scales: &[(f32, f32)],
    parts: usize,
    arrangement: Arrangement,
) {
    let weights = layer.weights();
    let chunks = weights.inputs().div_ceil(CHUNK);
    for first in (0..weights.outputs()).step_by(BLOCK_OUTPUTS) {
        let outputs = BLOCK_OUTPUTS.min(weights.outputs() - first);
        let part_size = outputs.next_multiple_of(PAIR) * CHUNK;
        let begin = to.len();
        to.resize(begin + chunks * parts * part_size, 0);
        let block = &mut to[begin..];
        for (output, &(scale, _)) in scales[first..first + outputs].iter().enumerate() {
            let (inputs, weights) = weights.row(first + output);
            for (&input, &weight) in inputs.iter().zip(weights) {
                let (chunk, input) = (input as usize / CHUNK, input as usize % CHUNK);
                let at = chunk * parts * part_size + place(arrangement, output, input);
                let scaled = weight * scale;
                let (bits, high) = round_to_half(scaled);
                block[at] = bits;
                if parts == 2 {
                    block[at + part_size] = round_to_half(scaled - high).0;
                }
            }
        }
    }
}

/// Where the weight from input `input` of a chunk to output `output` of a block lies in the chunk's part.
fn place(arrangement: Arrangement, output: usize, input: usize) -> usize {
    // The instruction's operand A is 16 by 16. Lane 4g + t has its rows g and g + 8 and its columns 2t,
    // 2t + 1, 2t + 8 and 2t + 9. `neuron_of` of the kernel says which input is which column: input
    // s / 2 * 16 + s % 2 * 8 + step * 4 + t.
    let (step, t) = (input / 4 % 2, input % 4);
    let s = input / 16 * 2 + input / 8 % 2;
    match arrangement {
        Arrangement::Lanes => {
            let (tile, row) = (output / 16, output % 16);
            let lane = row % 8 * 4 + t;
            let slot = s / 2 * 4 + row / 8 * 2 + s % 2;
            ((tile * 2 + step) * 32 + lane) * 8 + slot
        }
        Arrangement::Matrices => {
            let matrix = (output / 8 * 2 + step) * 2 + s / 2;
            (matrix * 8 + output % 8) * 8 + t * 2 + s % 2
        }
    }
}

#[cfg(test)]
mod tests {
    use snicit::{Bias, Connection, SparseWeights};

    use super::*;

    #[test]
    fn every_place_is_taken_once() {
        for arrangement in [Arrangement::Lanes, Arrangement::Matrices] {
            let mut taken = vec![false; 64 * CHUNK];
            for output in 0..64 {
                for input in 0..CHUNK {
                    assert!(!std::mem::replace(&mut taken[place(arrangement, output, input)], true));
                }
            }
            assert!(taken.iter().all(|&taken| taken));
        }
    }

    fn layer(weights: &[f32]) -> Layer {
        let connections = weights.iter().enumerate().map(|(input, &weight)| Connection {
            input: input as u32,
            output: 0,
            weight,
        });
        let weights = SparseWeights::from_connections(weights.len(), 1, connections.collect()).unwrap();
        Layer::new(weights, Bias::Uniform(0.5), Activation::Relu { max: Some(1.0) }).unwrap()
    }

    #[test]
    fn weights_in_half_precision_have_one_part() {
        // 1/16384 times 1 + 1/1024: all bits of a half, and far from the largest.
        assert_eq!(DenseForm::multiply_adds(&layer(&[1.5, -0.333_251_95, 6.109_476e-5])), 2 * 32 * 32);
        assert_eq!(DenseForm::multiply_adds(&layer(&[1.5, 1.0 / 3.0])), 3 * 32 * 32);
    }

    #[test]
    fn two_parts_hold_22_bits() {
        let mut state = 1_u32;
        for _ in 0..10_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let x = f32::from_bits(0x3f80_0000 | state >> 9) * 16384.0;
            let (_, high) = round_to_half(x);
            let (_, rest) = round_to_half(x - high);
            assert!((x - high - rest).abs() <= x * 2.0_f32.powi(-23), "{x}");
        }
    }

    #[test]
    fn extremes_are_refused() {
        assert!(DenseForm::can_hold(&layer(&[1.0, 1e-8])));
        assert!(!DenseForm::can_hold(&layer(&[1.0, 1e-10])), "too small beside the largest");
        assert!(!DenseForm::can_hold(&layer(&[1e-38])), "too small to scale");
        assert!(!DenseForm::can_hold(&layer(&[3e38])), "too large to scale");
        assert!(!DenseForm::can_hold(&layer(&[])), "no inputs");
    }

    #[test]
    fn bounds_give_scales() {
        assert_eq!(scale_behind(Activation::Relu { max: Some(1.0) }), 16384.0);
        assert_eq!(scale_behind(Activation::Relu { max: Some(32.0) }), 512.0);
        assert_eq!(scale_behind(Activation::Relu { max: None }), 0.0);
        assert_eq!(scale_behind(Activation::Identity), 0.0);
    }
}
