use crate::runtime::DeviceValue;

/// Arrays one behind the other, each at a multiple of 16 bytes.
#[derive(Debug, Default)]
pub(crate) struct Blob {
    bytes: Vec<u8>,
}

impl Blob {
    const ALIGNMENT: usize = 16;

    /// Appends an array and gives the byte at which it begins.
    pub(crate) fn push<T: DeviceValue>(&mut self, values: &[T]) -> u64 {
        let offset = self.bytes.len();
        // SAFETY: T has no padding, by the contract of DeviceValue; the slice is that many bytes long.
        let bytes =
            unsafe { std::slice::from_raw_parts(values.as_ptr().cast::<u8>(), size_of_val(values)) };
        self.bytes.extend_from_slice(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(Self::ALIGNMENT), 0);
        offset as u64
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_begin_at_multiples_of_16() {
        let mut blob = Blob::default();
        assert_eq!(blob.push(&[1_u16, 2, 3]), 0);
        assert_eq!(blob.push::<u32>(&[]), 16);
        assert_eq!(blob.push(&[0.5_f32; 5]), 16);
        let bytes = blob.into_bytes();
        assert_eq!(bytes.len(), 48);
        assert_eq!(&bytes[..8], &[1, 0, 2, 0, 3, 0, 0, 0]);
        assert_eq!(&bytes[16..20], &0.5_f32.to_le_bytes());
    }
}
