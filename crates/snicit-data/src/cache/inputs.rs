//! The sections of inputs, each of consecutive inputs: 64-bit words of bits, or f32.

use std::io::Write;
use std::path::Path;

use rayon::prelude::*;
use snicit::{Activations, BitActivations, Inputs};

use super::Unusable;
use super::container::{Kind, Origin, Reader, Section, Writer};
use super::identity::Identity;
use crate::{DataError, atomic_file};

const SECTION_BYTES: usize = 1 << 20;
const BITS: u64 = 0;
const VALUES: u64 = 1;

/// Writes a cache file of `inputs`, which were read from `identity`.
pub(super) fn store(
    file: &Path,
    origin: &Origin<'_>,
    Identity(identity): Identity,
    inputs: &Inputs,
) -> Result<(), DataError> {
    atomic_file::write_without_sync(file, |bytes: &mut dyn Write| {
        let mut writer = Writer::new(bytes, Kind::Inputs, origin)?;
        writer.number(identity as u64);
        writer.number((identity >> 64) as u64);
        writer.number(if matches!(inputs, Inputs::Bits(_)) { BITS } else { VALUES });
        writer.number(inputs.len() as u64);
        writer.number(inputs.features() as u64);
        let all: Vec<usize> = (0..inputs.len()).collect();
        let mut section = Vec::new();
        for piece in all.chunks(inputs_a_section(inputs_bytes(inputs))) {
            section.clear();
            for &input in piece {
                match inputs {
                    Inputs::Bits(bits) => {
                        let words = bits.words_of(input).iter();
                        section.extend(words.flat_map(|word| word.to_le_bytes()));
                    }
                    Inputs::Values(values) => {
                        let column = values.column(input).iter();
                        section.extend(column.flat_map(|value| value.to_le_bytes()));
                    }
                }
            }
            writer.section(&section)?;
        }
        writer.finish()
    })
}

/// Bytes of one input.
fn inputs_bytes(inputs: &Inputs) -> usize {
    match inputs {
        Inputs::Bits(bits) => bits.features().div_ceil(64) * 8,
        Inputs::Values(values) => values.features() * 4,
    }
}

fn inputs_a_section(input_bytes: usize) -> usize {
    (SECTION_BYTES / input_bytes.max(1)).max(1)
}

/// Reads the inputs if they were read from `identity`.
pub(super) fn load(file: &Path, identity: Identity) -> Result<Inputs, Unusable> {
    let mut reader = Reader::open(file)?;
    if reader.kind != Kind::Inputs {
        return Err(damaged("it holds no inputs"));
    }
    reader.source()?;
    reader.number()?;
    reader.number()?;
    if self::identity(&mut reader)? != identity {
        return Err(Unusable::Stale);
    }
    let kind = reader.number()?;
    let (inputs, features) = (reader.count()?, reader.count()?);
    match kind {
        BITS => {
            let words = read(&mut reader, inputs, features.div_ceil(64), u64::from_le_bytes)?;
            Ok(BitActivations::from_words(inputs, features, words).map_err(damaged)?.into())
        }
        VALUES => {
            let values = read(&mut reader, inputs, features, f32::from_le_bytes)?;
            Ok(Activations::new(inputs, features, values).map_err(damaged)?.into())
        }
        _ => Err(damaged("its inputs are of an unknown kind")),
    }
}

/// What the inputs were read from; the next of the table.
pub(super) fn identity(reader: &mut Reader) -> Result<Identity, Unusable> {
    Ok(Identity(u128::from(reader.number()?) | u128::from(reader.number()?) << 64))
}

/// The `words` words of each input. Nothing is reserved before the sections have proved to be as long.
fn read<T: Copy + Default + Send + Sync, const N: usize>(
    reader: &mut Reader,
    inputs: usize,
    words: usize,
    from_le_bytes: impl Fn([u8; N]) -> T + Sync,
) -> Result<Vec<T>, Unusable> {
    let too_large = || damaged("its inputs are too large");
    let input_bytes = words.checked_mul(N).ok_or_else(too_large)?;
    let total = inputs.checked_mul(words).ok_or_else(too_large)?;
    if total == 0 {
        return Ok(vec![]);
    }
    let each = inputs_a_section(input_bytes);
    let sections: Vec<Section> =
        (0..inputs.div_ceil(each)).map(|_| reader.section()).collect::<Result<_, _>>()?;
    let reader = &*reader;
    let lengths = |i: usize| (inputs - i * each).min(each) * input_bytes;
    let bytes: Vec<&[u8]> = sections
        .par_iter()
        .enumerate()
        .map(|(i, &section)| reader.bytes(section, lengths(i)))
        .collect::<Result<_, _>>()?;
    let mut values = vec![T::default(); total];
    values.par_chunks_mut(each * words).zip(bytes).for_each(|(values, bytes)| {
        let (words, _) = bytes.as_chunks::<N>();
        for (value, &word) in values.iter_mut().zip(words) {
            *value = from_le_bytes(word);
        }
    });
    Ok(values)
}

fn damaged(reason: impl ToString) -> Unusable {
    Unusable::Damaged(reason.to_string())
}
