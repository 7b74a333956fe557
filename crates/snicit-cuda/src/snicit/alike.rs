//! Layers of one shape: `kernels/alike_layers.cuh`.

use snicit::Layer;

use crate::layout::{STRIP_OUTPUTS, Stored, UpdateForm};

/// Inputs that a warp takes at once, INPUTS_AT_ONCE of the kernel.
const INPUTS_AT_ONCE: usize = 32;

/// Whether all layers of a launch are of one shape, that of the Graph Challenge's: with mini-blocks of whole
/// strips and as many outputs as inputs. The numbers are those of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alike {
    No = 0,
    /// Weights differ.
    Shape = 1,
    /// Of each layer all weights are equal.
    EqualWeights = 2,
    /// And one block is faster than all.
    InBlock = 3,
}

impl Alike {
    pub(super) fn of(layers: &[&Layer], forms: &[UpdateForm]) -> Self {
        let first = &forms[0];
        let same_shape = layers.iter().zip(forms).all(|(layer, form)| {
            let square = (layer.inputs(), layer.outputs()) == (layers[0].inputs(), layers[0].inputs());
            let plain = form.strips.is_none() && form.narrow == (true, true);
            let shape = (form.strip_outputs, form.strip_inputs, form.strip_count);
            square && plain && shape == (STRIP_OUTPUTS, first.strip_inputs, first.strip_count)
        });
        if !same_shape || first.strip_inputs > INPUTS_AT_ONCE {
            return Alike::No;
        }
        match forms.iter().all(|form| matches!(form.weights, Stored::Uniform(_))) {
            true => Alike::EqualWeights,
            false => Alike::Shape,
        }
    }
}

/// Whether one block takes layers like this one, with equal weights, faster than all: the Graph Challenge's of few
/// neurons.
pub(super) fn fits_block(layer: &Layer, form: &UpdateForm) -> bool {
    /// MAX_BLOCK_STRIPS of the kernel.
    const STRIPS: usize = 128;
    form.strip_count <= STRIPS
        && form.strip_inputs == INPUTS_AT_ONCE
        && layer.outputs().is_multiple_of(STRIP_OUTPUTS)
}

#[cfg(test)]
mod tests {
    use snicit::network::MiniBlocks;
    use snicit::{Activation, Bias, Connection, SparseWeights};

    use super::*;
    use crate::layout::StripOrder;

    /// Sixteen outputs read the same `reads` inputs; the weights are equal if `equal`.
    fn layer(inputs: u32, outputs: u32, reads: u32, bias: Bias, equal: bool) -> Layer {
        let connections = (0..outputs).flat_map(|output| {
            (0..reads).map(move |read| Connection {
                input: (output / 16 * 3 + read) % inputs,
                output,
                weight: if equal { 0.5 } else { output as f32 },
            })
        });
        let connections = connections.collect();
        let weights = SparseWeights::from_connections(inputs as usize, outputs as usize, connections);
        Layer::new(weights.unwrap(), bias, Activation::SDGC).unwrap()
    }

    fn alike(layers: &[Layer]) -> Alike {
        let form = |layer: &Layer| {
            let order = StripOrder::new(layer, Some(&MiniBlocks::find(layer.weights())));
            UpdateForm::build(layer, &order, None, true).unwrap().0
        };
        let forms: Vec<UpdateForm> = layers.iter().map(form).collect();
        Alike::of(&layers.iter().collect::<Vec<_>>(), &forms)
    }

    #[test]
    fn layers_are_alike_only_if_all_have_one_shape() {
        let square = |equal| layer(40, 40, 5, Bias::Uniform(-0.1), equal);
        assert_eq!(alike(&[square(true), square(true)]), Alike::EqualWeights);
        assert_eq!(alike(&[square(false), square(false)]), Alike::Shape);
        assert_eq!(alike(&[square(false), square(true)]), Alike::Shape);
        let biases = Bias::PerNeuron((0..40).map(|o| o as f32).collect());
        assert_eq!(alike(&[square(true), layer(40, 40, 5, biases, true)]), Alike::EqualWeights);
        for other in [
            layer(40, 40, 6, Bias::Uniform(-0.1), true),
            layer(40, 50, 5, Bias::Uniform(-0.1), true),
            layer(50, 50, 5, Bias::Uniform(-0.1), true),
        ] {
            assert_eq!(alike(&[square(true), other]), Alike::No);
        }
        let many = layer(40, 40, 33, Bias::Uniform(-0.1), true);
        assert_eq!(alike(&[many]), Alike::No, "more than 32 inputs");
    }
}
