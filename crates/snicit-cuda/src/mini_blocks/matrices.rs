//! 16 × 16 matrices of weights as the matrix units take them: bf16, in the lanes of a warp.

use snicit::Layer;

/// bf16 numbers that a float32 is the exact sum of.
const PARTS: usize = 3;

const LANES: usize = 32;
/// Pairs of bf16 numbers that a lane holds.
const PAIRS: usize = 4;

/// Which weights (output, input; also of the next input) a lane's pair has.
pub(super) type Place = fn(lane: usize, pair: usize) -> (usize, usize);

/// The weights are the product's right factor; columns of the product are outputs, numbered so that a lane
/// gets sums of neighbouring outputs: `kernels/mini_blocks.cu`.
pub(super) fn as_right_factor(lane: usize, pair: usize) -> (usize, usize) {
    let (column, half) = (lane / 4, pair / 2);
    (column / 2 * 4 + half * 2 + column % 2, lane % 4 * 4 + pair % 2 * 2)
}

/// The weights are the product's left factor; rows of the product are outputs: `kernels/panel_blocks.cu`.
pub(super) fn as_left_factor(lane: usize, pair: usize) -> (usize, usize) {
    (lane / 4 + pair % 2 * 8, lane % 4 * 4 + pair / 2 * 2)
}

/// Matrices of a layer.
pub(super) struct Matrices {
    place: Place,
    parts: usize,
    /// Of each matrix and part: for each lane, its pairs.
    words: Vec<u32>,
}

impl Matrices {
    /// For weights of which all are bf16 numbers if `exact`; else each is stored as three.
    pub(super) fn new(place: Place, exact: bool) -> Self {
        Matrices { place, parts: if exact { 1 } else { PARTS }, words: Vec::new() }
    }

    /// Appends a matrix; `weight(o, k)` is that of output `o` and input `k`.
    pub(super) fn push(&mut self, weight: impl Fn(usize, usize) -> f32) {
        let first = self.words.len();
        self.words.resize(first + self.parts * LANES * PAIRS, 0);
        let matrix = &mut self.words[first..];
        for index in 0..LANES * PAIRS {
            let (o, k) = (self.place)(index / PAIRS, index % PAIRS);
            let mut rest = [weight(o, k), weight(o, k + 1)];
            for part in 0..self.parts {
                matrix[part * LANES * PAIRS + index] = upper_halves(rest);
                rest = rest.map(|x| x - upper_part(x));
            }
        }
    }

    pub(super) fn words(&self) -> &[u32] {
        &self.words
    }
}

/// The weight of a connection; 0 if there is none.
pub(super) fn weight(layer: &Layer, output: u32, input: u32) -> f32 {
    let (inputs, values) = layer.weights().row(output as usize);
    inputs.binary_search(&input).map_or(0.0, |at| values[at])
}

/// Whether all are bf16 numbers.
pub(super) fn are_bf16(weights: &[f32]) -> bool {
    weights.iter().all(|&weight| upper_part(weight) == weight)
}

fn upper_part(x: f32) -> f32 {
    f32::from_bits(x.to_bits() & 0xffff_0000)
}

/// Two bf16 numbers, the first in the lower half.
fn upper_halves([first, second]: [f32; 2]) -> u32 {
    first.to_bits() >> 16 | second.to_bits() & 0xffff_0000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bf16(pair: u32) -> [f32; 2] {
        [f32::from_bits(pair << 16), f32::from_bits(pair & 0xffff_0000)]
    }

    #[test]
    fn parts_add_up_to_the_weights() {
        let weight = |o: usize, k: usize| 1.0 / (3 + o * 16 + k) as f32;
        for place in [as_right_factor as Place, as_left_factor] {
            let mut matrices = Matrices::new(place, false);
            matrices.push(|_, _| 0.5);
            matrices.push(weight);
            for index in 0..LANES * PAIRS {
                let part =
                    |part: usize| bf16(matrices.words()[((PARTS + part) * LANES * PAIRS) + index]);
                let sum = [0, 1].map(|i| (0..PARTS).map(|p| part(p)[i]).sum::<f32>());
                let (o, k) = place(index / PAIRS, index % PAIRS);
                assert_eq!(sum, [weight(o, k), weight(o, k + 1)]);
            }
        }
    }

    #[test]
    fn every_weight_is_laid_out_once() {
        for place in [as_right_factor as Place, as_left_factor] {
            let mut matrices = Matrices::new(place, true);
            matrices.push(|o, k| (o * 16 + k) as f32);
            let mut values: Vec<f32> = matrices.words().iter().flat_map(|&pair| bf16(pair)).collect();
            values.sort_by(f32::total_cmp);
            assert_eq!(values, (0..256).map(|value| value as f32).collect::<Vec<f32>>());
        }
    }

    #[test]
    fn bf16_numbers_are_told_from_others() {
        assert!(are_bf16(&[0.0625, -1.0, 0.0, 255.0]));
        assert!(!are_bf16(&[0.1]));
    }
}
