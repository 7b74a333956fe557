//! How far two columns are apart.

/// The L0 distance, the number of entries that differ; may stop counting at `enough`.
///
/// Plain Rust: the compiler vectorises it with the instruction set for which it is compiled.
#[inline(always)]
pub(super) fn l0(a: &[f32], b: &[f32], enough: usize) -> usize {
    /// Long enough to vectorise, short enough to stop early.
    const BLOCK: usize = 256;
    let mut distance = 0;
    for (a, b) in a.chunks(BLOCK).zip(b.chunks(BLOCK)) {
        distance += a.iter().zip(b).map(|(a, b)| u32::from(a != b)).sum::<u32>() as usize;
        if distance >= enough {
            break;
        }
    }
    distance
}

#[cfg(test)]
mod tests {
    use crate::cpu::InstructionSet;
    use crate::cpu::kernels::Kernels;

    #[test]
    fn counts_differing_entries() {
        for kernels in InstructionSet::ALL.into_iter().filter_map(Kernels::new) {
            for length in [0, 1, 15, 16, 17, 256, 257, 1000] {
                let a: Vec<f32> = (0..length).map(|i| i as f32).collect();
                let differs = |i: usize| i % 7 == 3 || i + 1 == length;
                let b: Vec<f32> = (0..length).map(|i| if differs(i) { -1.0 } else { a[i] }).collect();
                let expected = (0..length).filter(|&i| differs(i)).count();
                assert_eq!(kernels.l0_distance(&a, &b, usize::MAX), expected, "{length} entries");
                assert!(kernels.l0_distance(&a, &b, 1) >= expected.min(1));
            }
            let special = [0.0, f32::INFINITY, f32::NAN];
            assert_eq!(kernels.l0_distance(&special, &[-0.0, f32::INFINITY, f32::NAN], 9), 1);
        }
    }
}
