//! The sections of a network, one a layer:
//!
//! ```text
//! connections of each output   u32, left out if all have equally many
//! input indices                u16 if there are at most 65,536 inputs, else u32
//! weights                      f32, left out if all are the same bits
//! biases                       f32, left out if there is one for all
//! ```

use std::io;
use std::path::Path;

use rayon::prelude::*;
use snicit::{Activation, Bias, Layer, Network, SparseWeights};

use super::Unusable;
use super::container::{Kind, Origin, Reader, Section, Writer};
use super::identity::Identity;
use crate::{DataError, atomic_file};

/// Layers that are brought into form at a time, before they are written.
const LAYERS_AT_A_TIME: usize = 32;
const RELU: u64 = 0;
const CLIPPED_RELU: u64 = 1;
const IDENTITY: u64 = 2;
/// Stands where one value for all would stand.
const EACH: u64 = u64::MAX;

/// What the table says of a layer, beside its section and identity.
#[derive(Clone, Copy)]
struct Shape {
    inputs: usize,
    outputs: usize,
    connections: usize,
    /// Connections of every output, or [`EACH`].
    row_length: u64,
    /// The bits of every weight, or [`EACH`].
    weight: u64,
    /// The bits of every bias, or [`EACH`].
    bias: u64,
    activation: u64,
    /// The bits of the clipped ReLU's bound.
    bound: u64,
}

impl Shape {
    fn of(layer: &Layer) -> Option<Self> {
        let weights = layer.weights();
        let values = weights.values();
        // Bits, not values: 0 and −0 are equal.
        let first = values.first().map_or(0, |value| value.to_bits());
        let all_equal = values.iter().all(|value| value.to_bits() == first);
        let row_length = if weights.outputs() == 0 { 0 } else { weights.row(0).0.len() };
        let all_long = (0..weights.outputs()).all(|output| weights.row(output).0.len() == row_length);
        let (activation, bound) = match layer.activation() {
            Activation::Relu { max: None } => (RELU, 0.0),
            Activation::Relu { max: Some(bound) } => (CLIPPED_RELU, bound),
            Activation::Identity => (IDENTITY, 0.0),
            _ => return None,
        };
        Some(Shape {
            inputs: weights.inputs(),
            outputs: weights.outputs(),
            connections: weights.connections(),
            row_length: if all_long { row_length as u64 } else { EACH },
            weight: if all_equal { u64::from(first) } else { EACH },
            bias: match layer.bias() {
                Bias::Uniform(bias) => u64::from(bias.to_bits()),
                Bias::PerNeuron(_) => EACH,
            },
            activation,
            bound: u64::from(bound.to_bits()),
        })
    }

    fn write(&self, writer: &mut Writer<'_>) {
        for count in [self.inputs, self.outputs, self.connections] {
            writer.number(count as u64);
        }
        for number in [self.row_length, self.weight, self.bias, self.activation, self.bound] {
            writer.number(number);
        }
    }

    fn read(reader: &mut Reader) -> Result<Self, Unusable> {
        Ok(Shape {
            inputs: reader.count()?,
            outputs: reader.count()?,
            connections: reader.count()?,
            row_length: reader.number()?,
            weight: reader.number()?,
            bias: reader.number()?,
            activation: reader.number()?,
            bound: reader.number()?,
        })
    }

    fn index_bytes(&self) -> usize {
        if self.inputs <= 1 << 16 { 2 } else { 4 }
    }

    /// Bytes of the section, part by part; `None` if there cannot be so many.
    fn parts(&self) -> Option<[usize; 4]> {
        let words = |stored, count: usize| if stored { count.checked_mul(4) } else { Some(0) };
        Some([
            words(self.row_length == EACH, self.outputs)?,
            self.connections.checked_mul(self.index_bytes())?,
            words(self.weight == EACH, self.connections)?,
            words(self.bias == EACH, self.outputs)?,
        ])
    }
}

/// The section of a layer.
fn encode(layer: &Layer, shape: &Shape) -> Vec<u8> {
    let weights = layer.weights();
    let mut bytes = Vec::with_capacity(shape.parts().map_or(0, |parts| parts.iter().sum()));
    let rows = || (0..weights.outputs()).map(|output| weights.row(output).0);
    if shape.row_length == EACH {
        rows().for_each(|row| bytes.extend_from_slice(&(row.len() as u32).to_le_bytes()));
    }
    if shape.index_bytes() == 2 {
        rows().for_each(|row| bytes.extend(row.iter().flat_map(|&input| (input as u16).to_le_bytes())));
    } else {
        rows().for_each(|row| bytes.extend(row.iter().flat_map(|input| input.to_le_bytes())));
    }
    if shape.weight == EACH {
        bytes.extend(weights.values().iter().flat_map(|value| value.to_le_bytes()));
    }
    if let Bias::PerNeuron(biases) = layer.bias() {
        bytes.extend(biases.iter().flat_map(|bias| bias.to_le_bytes()));
    }
    bytes
}

/// Writes a cache file of `network`, whose layers were read from `identities`.
pub(super) fn store(
    file: &Path,
    origin: &Origin<'_>,
    identities: &[Identity],
    network: &Network,
) -> Result<(), DataError> {
    atomic_file::write_without_sync(file, |bytes| {
        let mut writer = Writer::new(bytes, Kind::Network, origin)?;
        writer.number(network.layers().len() as u64);
        let pieces = network.layers().chunks(LAYERS_AT_A_TIME);
        for (layers, identities) in pieces.zip(identities.chunks(LAYERS_AT_A_TIME)) {
            let encoded: Option<Vec<(Shape, Vec<u8>)>> = layers
                .par_iter()
                .map(|layer| Shape::of(layer).map(|shape| (shape, encode(layer, &shape))))
                .collect();
            let encoded = encoded.ok_or_else(|| io::Error::other("an activation is unknown"))?;
            for ((shape, section), Identity(identity)) in encoded.iter().zip(identities) {
                writer.number(*identity as u64);
                writer.number((identity >> 64) as u64);
                shape.write(&mut writer);
                writer.section(section)?;
            }
        }
        writer.finish()
    })
}

/// Reads the first layers, as many as there are `identities`.
pub(super) fn load(file: &Path, identities: &[Identity]) -> Result<Network, Unusable> {
    let mut reader = Reader::open(file)?;
    if reader.kind != Kind::Network {
        return Err(Unusable::Damaged("it holds no network".to_owned()));
    }
    skip_origin(&mut reader)?;
    let layers = reader.count()?;
    let mut records = Vec::new();
    for &identity in identities.iter().take(layers) {
        let found = Identity(u128::from(reader.number()?) | u128::from(reader.number()?) << 64);
        if found != identity {
            return Err(Unusable::Stale);
        }
        records.push((Shape::read(&mut reader)?, reader.section()?));
    }
    if layers < identities.len() {
        return Err(Unusable::TooShort);
    }
    let layers: Result<Vec<Layer>, Unusable> =
        records.par_iter().map(|(shape, section)| decode(&reader, shape, *section)).collect();
    Network::new(layers?).map_err(damaged)
}

fn skip_origin(reader: &mut Reader) -> Result<(), Unusable> {
    reader.source()?;
    reader.number()?;
    reader.number().map(drop)
}

/// How many layers the file at the beginning of whose table `reader` stands holds, and their identities.
pub(super) fn identities(reader: &mut Reader) -> Result<Vec<Identity>, Unusable> {
    let layers = reader.count()?;
    let mut identities = Vec::new();
    for _ in 0..layers {
        identities.push(Identity(u128::from(reader.number()?) | u128::from(reader.number()?) << 64));
        Shape::read(reader)?;
        reader.section()?;
    }
    Ok(identities)
}

/// Nothing is reserved before the section has proved to be as long as the shape says.
fn decode(reader: &Reader, shape: &Shape, section: Section) -> Result<Layer, Unusable> {
    let parts = shape.parts();
    let length = parts.and_then(|parts| parts.iter().try_fold(0_usize, |sum, &p| sum.checked_add(p)));
    let (Some(parts), Some(length)) = (parts, length) else {
        return Err(damaged("a layer is too large"));
    };
    let mut rest = reader.bytes(section, length)?;
    let [lengths, indices, weights, biases] = parts.map(|part| {
        let (bytes, behind) = rest.split_at(part);
        rest = behind;
        bytes
    });

    let row_offsets = row_offsets(shape, lengths).ok_or_else(|| damaged("a layer has other rows"))?;
    let input_indices = if shape.index_bytes() == 2 {
        words(indices).map(|bytes| u32::from(u16::from_le_bytes(bytes))).collect()
    } else {
        words(indices).map(u32::from_le_bytes).collect()
    };
    let values = match u32::try_from(shape.weight) {
        Ok(bits) => vec![f32::from_bits(bits); shape.connections],
        Err(_) => words(weights).map(f32::from_le_bytes).collect(),
    };
    let bias = match u32::try_from(shape.bias) {
        Ok(bits) => Bias::Uniform(f32::from_bits(bits)),
        Err(_) => Bias::PerNeuron(words(biases).map(f32::from_le_bytes).collect()),
    };
    let bound = f32::from_bits(shape.bound as u32);
    let activation = match shape.activation {
        RELU => Activation::Relu { max: None },
        CLIPPED_RELU => Activation::Relu { max: Some(bound) },
        IDENTITY => Activation::Identity,
        _ => return Err(damaged("an activation is unknown")),
    };
    let weights = SparseWeights::from_rows(shape.inputs, row_offsets, input_indices, values);
    Layer::new(weights.map_err(damaged)?, bias, activation).map_err(damaged)
}

/// `None` if the rows do not have as many connections as there are.
fn row_offsets(shape: &Shape, lengths: &[u8]) -> Option<Vec<usize>> {
    let end = if shape.row_length == EACH {
        words(lengths).try_fold(0_usize, |sum, n| sum.checked_add(u32::from_le_bytes(n) as usize))?
    } else {
        usize::try_from(shape.row_length).ok()?.checked_mul(shape.outputs)?
    };
    // With rows of length 0 nothing else bounds the number of outputs.
    let reservable = Vec::<usize>::new().try_reserve_exact(shape.outputs.checked_add(1)?).is_ok();
    if end != shape.connections || !reservable {
        return None;
    }
    if shape.row_length != EACH {
        let length = shape.row_length as usize;
        return Some((0..=shape.outputs).map(|output| output * length).collect());
    }
    let mut offsets = Vec::with_capacity(shape.outputs + 1);
    let mut sum = 0;
    offsets.push(0);
    offsets.extend(words(lengths).map(|n| {
        sum += u32::from_le_bytes(n) as usize;
        sum
    }));
    Some(offsets)
}

/// Pieces of `N` bytes; the length is a multiple of `N`.
fn words<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    bytes.as_chunks().0.iter().copied()
}

fn damaged(reason: impl ToString) -> Unusable {
    Unusable::Damaged(reason.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use snicit::Connection;

    use super::*;

    fn round_trip(layer: Layer) -> Layer {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cache");
        let origin = Origin { source: folder.path(), width: 1, preparation: 0 };
        let network = Network::new([layer]).unwrap();
        store(&file, &origin, &[Identity(7)], &network).unwrap();
        assert!(matches!(load(&file, &[Identity(8)]), Err(Unusable::Stale)));
        assert!(matches!(load(&file, &[Identity(7); 2]), Err(Unusable::TooShort)));
        Layer::clone(&load(&file, &[Identity(7)]).unwrap().layers()[0])
    }

    proptest! {
        #[test]
        fn any_layer_comes_back(
            inputs in prop_oneof![Just(1), Just(9), Just(65_536), Just(65_537), Just(3_000_000)],
            outputs in 0..9_usize,
            places in prop::collection::btree_map((0..9_u32, 0..u32::MAX), -1e30_f32..1e30, 0..40),
            (equal, per_neuron) in any::<(bool, bool)>(),
            activation in 0..3_usize,
        ) {
            let mut places: Vec<(u32, u32, f32)> = places
                .into_iter()
                .filter(|((output, _), _)| (*output as usize) < outputs)
                .map(|((output, input), weight)| (output, input % inputs, weight))
                .collect();
            places.sort_by_key(|&(output, input, _)| (output, input));
            places.dedup_by_key(|&mut (output, input, _)| (output, input));
            let connections = places.iter().map(|&(output, input, weight)| Connection {
                input, output, weight: if equal { -0.0 } else { weight },
            });
            let weights = SparseWeights::from_connections(inputs as usize, outputs, connections.collect());
            let bias = if per_neuron {
                Bias::PerNeuron((0..outputs).map(|j| j as f32 - 0.5).collect())
            } else {
                Bias::Uniform(-0.3)
            };
            let activation = [Activation::Relu { max: None }, Activation::SDGC, Activation::Identity][activation];
            let layer = Layer::new(weights.unwrap(), bias, activation).unwrap();
            let back = round_trip(layer.clone());
            prop_assert_eq!(back.weights(), layer.weights());
            prop_assert_eq!(back.bias(), layer.bias());
            prop_assert_eq!(back.activation(), layer.activation());
            let bits = |layer: &Layer| -> Vec<u32> {
                layer.weights().values().iter().map(|value| value.to_bits()).collect()
            };
            prop_assert_eq!(bits(&back), bits(&layer));
        }
    }
}
