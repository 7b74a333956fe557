//! From Fortran order, in which the first index runs fastest, to C order.

use super::{Array, Values};

/// `array`, whose elements are in Fortran order.
pub(super) fn from_fortran(array: Array) -> Array {
    let Array { shape, values, place } = array;
    let values = in_c_order(&shape, values);
    Array { shape, values, place }
}

fn in_c_order(shape: &[usize], values: Values) -> Values {
    // The same order, as long as at most one dimension is longer than 1.
    if shape.iter().filter(|&&length| length != 1).count() <= 1 || values.is_empty() {
        return values;
    }
    macro_rules! each {
        ($($variant:ident),*) => {
            match &values {
                $(Values::$variant(vector) => Values::$variant(transposed(shape, vector)),)*
            }
        };
    }
    each!(Bool, I8, I16, I32, I64, U8, U16, U32, U64, F16, F32, F64)
}

/// `elements` is not empty, and as long as `shape` says.
fn transposed<T: Copy>(shape: &[usize], elements: &[T]) -> Vec<T> {
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = 1;
    for &length in shape {
        strides.push(stride);
        stride *= length;
    }
    let (last, before) = (shape.len() - 1, &shape[..shape.len() - 1]);
    let mut in_order = Vec::with_capacity(elements.len());
    // The indices of all dimensions but the last, counted up like an odometer.
    let mut indices = vec![0; last];
    loop {
        let first: usize = indices.iter().zip(&strides).map(|(index, stride)| index * stride).sum();
        in_order.extend(elements[first..].iter().step_by(strides[last]).take(shape[last]));
        let mut dimension = last;
        loop {
            if dimension == 0 {
                return in_order;
            }
            dimension -= 1;
            indices[dimension] += 1;
            if indices[dimension] < before[dimension] {
                break;
            }
            indices[dimension] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_index_runs_fastest_afterwards() {
        // In Fortran order, element [i, j, k] of 2 × 3 × 4 is at i + 2·j + 6·k.
        let shape = [2, 3, 4];
        let expected: Vec<i32> = (0..2)
            .flat_map(|i| (0..3).flat_map(move |j| (0..4).map(move |k| i + 2 * j + 6 * k)))
            .collect();
        let values = in_c_order(&shape, Values::I32((0..24).collect()));
        assert_eq!(values, Values::I32(expected));
        let vector = Values::U8(vec![3, 1, 2]);
        assert_eq!(in_c_order(&[3], vector.clone()), vector);
        assert_eq!(in_c_order(&[1, 3], vector.clone()), vector);
        assert_eq!(in_c_order(&[], Values::U8(vec![7])), Values::U8(vec![7]));
        assert_eq!(in_c_order(&[0, 3], Values::U8(vec![])), Values::U8(vec![]));
    }
}
