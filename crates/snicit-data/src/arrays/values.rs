use half::f16;

use super::element::Kind;

/// The elements of an array, of the type that the file has.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names are those of the types")]
pub enum Values {
    Bool(Vec<bool>),
    I8(Vec<i8>),
    I16(Vec<i16>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
    U64(Vec<u64>),
    F16(Vec<f16>),
    F32(Vec<f32>),
    F64(Vec<f64>),
}

/// Evaluates `$body` with the vector of whatever type as `$vector`.
macro_rules! with_vector {
    ($values:expr, $vector:ident => $body:expr) => {
        match $values {
            $crate::arrays::Values::Bool($vector) => $body,
            $crate::arrays::Values::I8($vector) => $body,
            $crate::arrays::Values::I16($vector) => $body,
            $crate::arrays::Values::I32($vector) => $body,
            $crate::arrays::Values::I64($vector) => $body,
            $crate::arrays::Values::U8($vector) => $body,
            $crate::arrays::Values::U16($vector) => $body,
            $crate::arrays::Values::U32($vector) => $body,
            $crate::arrays::Values::U64($vector) => $body,
            $crate::arrays::Values::F16($vector) => $body,
            $crate::arrays::Values::F32($vector) => $body,
            $crate::arrays::Values::F64($vector) => $body,
        }
    };
}
pub(crate) use with_vector;

impl Values {
    /// Number of elements.
    pub fn len(&self) -> usize {
        with_vector!(self, vector => vector.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// numpy's name of their type, `float32` say.
    pub fn type_name(&self) -> &'static str {
        self.kind().name()
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Values::Bool(_) => Kind::Bool,
            Values::I8(_) => Kind::I8,
            Values::I16(_) => Kind::I16,
            Values::I32(_) => Kind::I32,
            Values::I64(_) => Kind::I64,
            Values::U8(_) => Kind::U8,
            Values::U16(_) => Kind::U16,
            Values::U32(_) => Kind::U32,
            Values::U64(_) => Kind::U64,
            Values::F16(_) => Kind::F16,
            Values::F32(_) => Kind::F32,
            Values::F64(_) => Kind::F64,
        }
    }

    /// The integer at `index`; `None` if the type is no integer (or `bool`).
    pub(crate) fn integer(&self, index: usize) -> Option<i128> {
        Some(match self {
            Values::Bool(values) => i128::from(values[index]),
            Values::I8(values) => values[index].into(),
            Values::I16(values) => values[index].into(),
            Values::I32(values) => values[index].into(),
            Values::I64(values) => values[index].into(),
            Values::U8(values) => values[index].into(),
            Values::U16(values) => values[index].into(),
            Values::U32(values) => values[index].into(),
            Values::U64(values) => values[index].into(),
            Values::F16(_) | Values::F32(_) | Values::F64(_) => return None,
        })
    }
}
