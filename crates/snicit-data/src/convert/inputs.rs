use std::path::Path;

use snicit::Inputs;

use super::{Content, Converted, Format, Options, rounding};
use crate::arrays::{self, Array, NpzReader, Packing, Values};
use crate::{DataError, Rounded, sdgc};

/// The name of the array in archives that are written.
const MEMBER: &str = "inputs";

pub(super) fn convert(
    (from, from_format): (&Path, Format),
    (to, to_format): (&Path, Format),
    options: &Options,
) -> Result<Converted, DataError> {
    let read = read(from, from_format, options)?;
    let mut notes: Vec<String> = rounding(from, read.rounded, options)?.into_iter().collect();
    let array = read.value;
    match to_format {
        Format::Tsv => write_tsv(to, from, &array, options, &mut notes)?,
        Format::Npy => arrays::write_npy(to, &array)?,
        Format::Npz => {
            let member = options.member.as_deref().unwrap_or(MEMBER);
            arrays::write_npz(to, &[(member, &array)], Packing::Deflated)?;
        }
        Format::Idx => {
            arrays::write_idx(to, &array)?;
            if matches!(array.values(), Values::Bool(_)) {
                notes.push(format!("{}: bool has become unsigned bytes", to.display()));
            }
        }
        Format::Csv => {
            arrays::write_csv(to, &array)?;
            if array.shape().len() != 2 {
                notes.push(flattened(to, &array));
            }
            if !matches!(array.values(), Values::F32(_)) {
                let type_name = array.values().type_name();
                notes.push(format!(
                    "{}: text does not say that the numbers were {type_name}",
                    to.display()
                ));
            }
        }
        other => return Err(no_inputs(to, other)),
    }
    let (shape, type_name) = (array.shape().to_vec(), array.values().type_name());
    Ok(Converted { content: Content::Inputs { shape, type_name }, notes })
}

fn read(from: &Path, format: Format, options: &Options) -> Result<Rounded<Array>, DataError> {
    match format {
        Format::Tsv => {
            let features = options.width.or_else(|| features_of(from)).ok_or_else(|| {
                let expected = "it in the name (sparse-images-1024.tsv), or given";
                DataError::unexpected(
                    from.display(),
                    "the number of features",
                    "not in the name",
                    expected,
                )
            })?;
            Ok(Rounded::exact(Array::from(&sdgc::read_inputs(from, features, options.inputs)?)))
        }
        Format::Npy => arrays::read_npy(from).map(Rounded::exact),
        Format::Npz => {
            let mut archive = NpzReader::open(from)?;
            let names = archive.names();
            let member = match (&options.member, &names[..]) {
                (Some(member), _) => member.clone(),
                (None, [only]) => only.clone(),
                (None, names) if names.iter().any(|name| name == MEMBER) => MEMBER.to_owned(),
                (None, names) => {
                    let found = names.len().to_string();
                    let expected = "1, or the name of one";
                    return Err(DataError::unexpected(
                        from.display(),
                        "the number of arrays",
                        found,
                        expected,
                    ));
                }
            };
            archive.read(&member).map(Rounded::exact)
        }
        Format::Idx => arrays::read_idx(from).map(Rounded::exact),
        Format::Csv => arrays::read_csv(from),
        other => Err(no_inputs(from, other)),
    }
}

/// The features in `sparse-images-1024.tsv`, whatever follows the number.
fn features_of(file: &Path) -> Option<usize> {
    let name = file.file_name()?.to_str()?.strip_prefix("sparse-images-")?;
    let end = name.find(|c: char| !c.is_ascii_digit()).unwrap_or(name.len());
    name[..end].parse().ok()
}

fn write_tsv(
    to: &Path,
    from: &Path,
    array: &Array,
    options: &Options,
    notes: &mut Vec<String>,
) -> Result<(), DataError> {
    let inputs = array.to_inputs()?;
    let negative_zeros = match &inputs.value {
        Inputs::Values(values) => {
            values.values().iter().filter(|value| value.to_bits() == (-0.0_f32).to_bits()).count() as u64
        }
        Inputs::Bits(_) => 0,
    };
    notes.extend(rounding(from, inputs.rounded, options)?);
    if negative_zeros > 0 {
        let what = format!("{negative_zeros} zeros with a sign");
        if !options.allow_rounding {
            let expected =
                "0, as files of features that are not 0 hold none, unless rounding is allowed";
            let what = "the number of zeros with a sign";
            return Err(DataError::unexpected(
                from.display(),
                what,
                negative_zeros.to_string(),
                expected,
            ));
        }
        notes.push(format!("{}: {what} have lost it", from.display()));
    }
    let inputs = inputs.value;
    let mut last = 0;
    for input in 0..inputs.len() {
        inputs.for_each_nonzero(input, |_, _| last = input + 1);
    }
    if last == 0 {
        let expected = "at least 1, as the file would be empty";
        let what = "the number of features that are not 0";
        return Err(DataError::unexpected(from.display(), what, "0", expected));
    }
    sdgc::write_inputs(to, &inputs)?;
    if array.shape().len() != 2 {
        notes.push(flattened(to, array));
    }
    if last < inputs.len() {
        let (all, missing) = (inputs.len(), inputs.len() - last);
        notes.push(format!(
            "{}: the last {missing} inputs have no features; who reads must be told that there are {all}",
            to.display()
        ));
    }
    Ok(())
}

fn flattened(to: &Path, array: &Array) -> String {
    format!("{}: the shape {:?} has become two dimensions", to.display(), array.shape())
}

fn no_inputs(file: &Path, format: Format) -> DataError {
    let expected = "tsv, npy, npz, idx or csv for inputs";
    DataError::unexpected(file.display(), "the format", format.to_string(), expected)
}
