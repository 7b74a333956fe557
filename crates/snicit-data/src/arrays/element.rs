use std::fmt::Display;

use half::f16;

/// The type of an array's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F16,
    F32,
    F64,
}

impl Kind {
    pub(super) const ALL: [Kind; 12] = [
        Kind::Bool,
        Kind::I8,
        Kind::I16,
        Kind::I32,
        Kind::I64,
        Kind::U8,
        Kind::U16,
        Kind::U32,
        Kind::U64,
        Kind::F16,
        Kind::F32,
        Kind::F64,
    ];

    /// The letter and bytes an element of numpy's `descr`, without byte order.
    pub(super) fn code(self) -> &'static str {
        match self {
            Kind::Bool => "b1",
            Kind::I8 => "i1",
            Kind::I16 => "i2",
            Kind::I32 => "i4",
            Kind::I64 => "i8",
            Kind::U8 => "u1",
            Kind::U16 => "u2",
            Kind::U32 => "u4",
            Kind::U64 => "u8",
            Kind::F16 => "f2",
            Kind::F32 => "f4",
            Kind::F64 => "f8",
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Bool => "bool",
            Kind::I8 => "int8",
            Kind::I16 => "int16",
            Kind::I32 => "int32",
            Kind::I64 => "int64",
            Kind::U8 => "uint8",
            Kind::U16 => "uint16",
            Kind::U32 => "uint32",
            Kind::U64 => "uint64",
            Kind::F16 => "float16",
            Kind::F32 => "float32",
            Kind::F64 => "float64",
        }
    }

    /// Bytes of an element.
    pub(super) fn bytes(self) -> usize {
        match self {
            Kind::Bool | Kind::I8 | Kind::U8 => 1,
            Kind::I16 | Kind::U16 | Kind::F16 => 2,
            Kind::I32 | Kind::U32 | Kind::F32 => 4,
            Kind::I64 | Kind::U64 | Kind::F64 => 8,
        }
    }
}

/// What the elements of all types can do.
pub(super) trait Element: Copy + Display {
    /// Appends the elements in `bytes`, whose length is a multiple of an element's.
    fn append(bytes: &[u8], big_endian: bool, to: &mut Vec<Self>);

    /// Appends the little-endian bytes.
    fn put(self, bytes: &mut Vec<u8>);

    /// The nearest float32, and whether it is the same number; infinite if there is none near.
    fn nearest_f32(self) -> (f32, bool);
}

macro_rules! element {
    ($type:ty, $value:ident => $to_f32:expr) => {
        impl Element for $type {
            fn append(bytes: &[u8], big_endian: bool, to: &mut Vec<Self>) {
                let (elements, _) = bytes.as_chunks::<{ size_of::<$type>() }>();
                if big_endian {
                    to.extend(elements.iter().map(|&bytes| <$type>::from_be_bytes(bytes)));
                } else {
                    to.extend(elements.iter().map(|&bytes| <$type>::from_le_bytes(bytes)));
                }
            }

            fn put(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }

            fn nearest_f32(self) -> (f32, bool) {
                let $value = self;
                $to_f32
            }
        }
    };
}

// i128 holds every float32 that a 64-bit integer can become.
element!(i8, value => (f32::from(value), true));
element!(i16, value => (f32::from(value), true));
element!(i32, value => (value as f32, value as f32 as i128 == i128::from(value)));
element!(i64, value => (value as f32, value as f32 as i128 == i128::from(value)));
element!(u8, value => (f32::from(value), true));
element!(u16, value => (f32::from(value), true));
element!(u32, value => (value as f32, value as f32 as i128 == i128::from(value)));
element!(u64, value => (value as f32, value as f32 as i128 == i128::from(value)));
element!(f16, value => (value.to_f32(), true));
element!(f32, value => (value, true));
element!(f64, value => (value as f32, f64::from(value as f32) == value));

/// Bytes other than 0 and 1 count as 1 here; who reads a file refuses them before.
impl Element for bool {
    fn append(bytes: &[u8], _: bool, to: &mut Vec<Self>) {
        to.extend(bytes.iter().map(|&byte| byte != 0));
    }

    fn put(self, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(self));
    }

    fn nearest_f32(self) -> (f32, bool) {
        (f32::from(u8::from(self)), true)
    }
}
