//! The tensors of a safetensors file, by name, with their types checked.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;

use half::{bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use crate::model::ModelProblem;

/// A safetensors file whose header fits its bytes.
pub(crate) struct Tensors<'a> {
    tensors: HashMap<String, TensorView<'a>>,
    metadata: HashMap<String, String>,
}

impl<'a> Tensors<'a> {
    /// Reads the header; no tensor is copied.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, ModelProblem> {
        check_extent(bytes)?;
        let refuse = |error| not_safetensors(&error);
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(refuse)?;
        let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
        let tensors = SafeTensors::deserialize(bytes).map_err(refuse)?.tensors().into_iter().collect();
        Ok(Tensors { tensors, metadata })
    }

    pub(crate) fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The tensor `name`, if it is there.
    pub(crate) fn find(&self, name: &str) -> Option<Tensor<'_>> {
        let (name, view) = self.tensors.get_key_value(name)?;
        Some(Tensor { name, view })
    }

    /// The tensor `name`, which must be there.
    pub(crate) fn get(&self, name: &str) -> Result<Tensor<'_>, ModelProblem> {
        self.find(name).ok_or_else(|| ModelProblem::missing(format!("tensor {name}")))
    }
}

/// A tensor and its name.
pub(crate) struct Tensor<'a> {
    name: &'a str,
    view: &'a TensorView<'a>,
}

impl Tensor<'_> {
    pub(crate) fn shape(&self) -> &[usize] {
        self.view.shape()
    }

    pub(crate) fn is_u8(&self) -> bool {
        self.view.dtype() == Dtype::U8
    }

    /// Fails unless the shape has one dimension, and then of this length if one is given.
    pub(crate) fn expect_vector(&self, length: Option<usize>) -> Result<usize, ModelProblem> {
        match (self.shape(), length) {
            (&[found], None) => Ok(found),
            (&[found], Some(length)) if found == length => Ok(found),
            (_, None) => Err(self.wrong_shape("one dimension")),
            (_, Some(length)) => Err(self.wrong_shape(format!("[{length}]"))),
        }
    }

    /// The two dimensions of a matrix, each at least 1.
    pub(crate) fn expect_matrix(&self) -> Result<(usize, usize), ModelProblem> {
        match *self.shape() {
            [rows, columns] if rows > 0 && columns > 0 => Ok((rows, columns)),
            _ => Err(self.wrong_shape("two dimensions of at least 1")),
        }
    }

    pub(crate) fn wrong_shape(&self, expected: impl Into<String>) -> ModelProblem {
        let what = format!("the shape of tensor {}", self.name);
        ModelProblem::unexpected(what, format!("{:?}", self.shape()), expected)
    }

    pub(crate) fn wrong_value(&self, found: impl Display, expected: impl Into<String>) -> ModelProblem {
        ModelProblem::unexpected(format!("tensor {}", self.name), found.to_string(), expected)
    }

    /// All values, row by row, widened to f32.
    pub(crate) fn floats(&self) -> Result<Vec<f32>, ModelProblem> {
        let bytes = self.view.data();
        match self.view.dtype() {
            Dtype::F32 => Ok(decode(bytes, f32::from_le_bytes)),
            Dtype::F16 => Ok(decode(bytes, |bytes| f16::from_le_bytes(bytes).to_f32())),
            Dtype::BF16 => Ok(decode(bytes, |bytes| bf16::from_le_bytes(bytes).to_f32())),
            _ => Err(self.wrong_type("F32, F16 or BF16")),
        }
    }

    pub(crate) fn bytes(&self) -> Result<&[u8], ModelProblem> {
        if self.is_u8() { Ok(self.view.data()) } else { Err(self.wrong_type("U8")) }
    }

    /// Indices of neurons, widened to u32.
    pub(crate) fn indices(&self) -> Result<Vec<u32>, ModelProblem> {
        let bytes = self.view.data();
        match self.view.dtype() {
            Dtype::U8 => Ok(bytes.iter().map(|&byte| u32::from(byte)).collect()),
            Dtype::U16 => Ok(decode(bytes, |bytes| u16::from_le_bytes(bytes).into())),
            Dtype::U32 => Ok(decode(bytes, u32::from_le_bytes)),
            _ => Err(self.wrong_type("U8, U16 or U32")),
        }
    }

    /// Offsets into other tensors.
    pub(crate) fn offsets(&self) -> Result<Vec<usize>, ModelProblem> {
        let bytes = self.view.data();
        // What does not fit the address space lies beyond every tensor, as the largest offset does.
        let narrow = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
        match self.view.dtype() {
            Dtype::U32 => Ok(decode(bytes, |bytes| narrow(u32::from_le_bytes(bytes).into()))),
            Dtype::U64 => Ok(decode(bytes, |bytes| narrow(u64::from_le_bytes(bytes)))),
            _ => Err(self.wrong_type("U32 or U64")),
        }
    }

    fn wrong_type(&self, expected: &str) -> ModelProblem {
        let what = format!("the type of tensor {}", self.name);
        ModelProblem::unexpected(what, format!("{:?}", self.view.dtype()), expected)
    }
}

fn decode<const N: usize, T>(bytes: &[u8], value: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|&chunk| value(chunk)).collect()
}

fn not_safetensors(reason: &impl Display) -> ModelProblem {
    ModelProblem::Format { format: "safetensors file", reason: reason.to_string() }
}

/// Fails if the header or a tensor reaches beyond the file. The crate adds these numbers up unchecked.
fn check_extent(bytes: &[u8]) -> Result<(), ModelProblem> {
    #[derive(Deserialize)]
    struct Extent {
        data_offsets: Option<(u64, u64)>,
    }
    let Some((length, rest)) = bytes.split_first_chunk() else {
        return Err(not_safetensors(&"it is shorter than 8 bytes"));
    };
    let length = u64::from_le_bytes(*length);
    let header = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length));
    let Some((header, data)) = header else {
        return Err(not_safetensors(&format!("its header of {length} bytes ends behind the file")));
    };
    let tensors: BTreeMap<String, Extent> =
        serde_json::from_slice(header).map_err(|error| not_safetensors(&error))?;
    for (name, Extent { data_offsets }) in tensors {
        if let Some((_, end)) = data_offsets.filter(|&(_, end)| end > data.len() as u64) {
            let found = data.len();
            let reason = format!("tensor {name} ends at byte {end} of {found}");
            return Err(not_safetensors(&reason));
        }
    }
    Ok(())
}
