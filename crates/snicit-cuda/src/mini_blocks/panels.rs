//! How the columns of a batch are cut up, and the memory that takes.

use super::grouping::GROUP;

/// How the columns of a batch are cut into panels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Panels {
    /// Columns of a panel.
    pub(crate) width: usize,
    pub(crate) count: usize,
}

impl Panels {
    /// MAX_PANEL of the kernels.
    const MAX_WIDTH: usize = 1024;
    const MIN_WIDTH: usize = 32;

    pub(crate) fn of(batch: usize) -> Self {
        let width = batch.next_power_of_two().clamp(Self::MIN_WIDTH, Self::MAX_WIDTH);
        Panels { width, count: batch.div_ceil(width) }
    }

    pub(super) fn columns(self) -> usize {
        self.width * self.count
    }

    /// Words with a bit a column.
    pub(super) fn words(self) -> usize {
        self.columns() / 32
    }
}

/// What this method needs of a workspace.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChunkNeeds {
    /// Groups that binary inputs are brought into.
    pub(super) input_groups: usize,
    /// The most groups before or after any layer.
    pub(super) groups: usize,
    pub(super) layers: usize,
}

impl ChunkNeeds {
    /// Values of a buffer of activations.
    pub(crate) fn values(&self, batch: usize) -> usize {
        self.groups * GROUP * Panels::of(batch).columns()
    }

    /// Bytes of the inputs in chunks of bits.
    pub(crate) fn input_bytes(&self, batch: usize) -> usize {
        self.input_groups * Panels::of(batch).columns() * size_of::<u16>()
    }

    /// Bytes of the masks of one buffer of activations.
    pub(crate) fn mask_bytes(&self, batch: usize) -> usize {
        self.groups * Panels::of(batch).words() * size_of::<u32>()
    }

    /// Bytes of the words that say which columns enter each layer, and which come out of the last.
    pub(crate) fn live_bytes(&self, batch: usize) -> usize {
        (self.layers + 1) * Panels::of(batch).words() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_are_powers_of_two_and_hold_the_batch() {
        assert_eq!(Panels::of(1), Panels { width: 32, count: 1 });
        assert_eq!(Panels::of(33), Panels { width: 64, count: 1 });
        assert_eq!(Panels::of(1024), Panels { width: 1024, count: 1 });
        assert_eq!(Panels::of(60_000), Panels { width: 1024, count: 59 });
        // A workspace made for a larger batch serves a smaller one.
        let sizes: Vec<usize> = (0..3000).map(|batch| Panels::of(batch).columns()).collect();
        assert!(sizes.is_sorted());
    }
}
