//! The kernels: what is done with the tiles of one layer.
//!
//! Each file is one kernel, generic over [`Lanes`](super::simd::Lanes). [`Kernels`] holds one compiled
//! copy of each for an instruction set; having a `Kernels` proves that the processor can run it.

mod active_rows;
mod column;
mod columns;
mod compact;
mod dense;
mod distance;
mod residues;
mod scatter;
mod side_by_side;
mod strips;

use std::ops::Range;

use super::InstructionSet;
use super::layout::{DenseWeights, Epilogue, Slabs, Strips, panels_for, sections_for};
#[cfg(target_arch = "x86_64")]
use super::simd::{Avx2Lanes, Avx512Lanes};
use super::simd::{Lanes, PortableLanes};
use super::tile::{LANES, LaneMask, LaneRow};
pub(super) use compact::LaneMoves;
pub(super) use dense::DensePart;
pub(super) use residues::ResidueUpdate;

/// The kernels for one instruction set that this processor has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kernels {
    instruction_set: InstructionSet,
    max_strip_width: usize,
    strip_tiles: usize,
    dense_tiles: usize,
    strips: StripsKernel,
    side_by_side: SideBySideKernel,
    dense: DenseKernel,
    scatter: ScatterKernel,
    dense_column: DenseColumnKernel,
    gather_column: GatherColumnKernel,
    scatter_column: ScatterColumnKernel,
    active_rows: unsafe fn(&[LaneRow], usize, u32, &mut Vec<u32>),
    l0_distance: unsafe fn(&[f32], &[f32], usize) -> usize,
    store_columns: unsafe fn(&mut [LaneRow], &[&[f32]]),
    load_columns: LoadColumnsKernel,
    update_residues: unsafe fn(&ResidueUpdate<'_>, &mut [LaneRow]) -> LaneMask,
    compact: unsafe fn(&[LaneMoves], &mut [LaneRow], usize, usize, LaneMask),
}

type StripsKernel = unsafe fn(&Strips, Range<usize>, &Epilogue, &[LaneRow], &mut [LaneRow]) -> LaneMask;
type SideBySideKernel = unsafe fn(&Strips, &Epilogue, &[LaneRow], &mut [LaneRow], &mut [LaneMask]);
type DenseKernel = unsafe fn(&DensePart<'_>, &[LaneRow], &mut [LaneRow], &mut [LaneMask]);
type DenseColumnKernel =
    unsafe fn(&DenseWeights, Range<usize>, &Epilogue, &[u32], &[f32], &mut [f32]) -> bool;
type GatherColumnKernel = unsafe fn(&Strips, Range<usize>, &Epilogue, &[f32], &mut [f32]) -> bool;
type ScatterColumnKernel = unsafe fn(&Slabs, Range<usize>, &Epilogue, &[f32], &mut [f32]) -> bool;
type LoadColumnsKernel = unsafe fn(&[LaneRow], LaneMask) -> Vec<Box<[f32]>>;
type ScatterKernel =
    unsafe fn(&Slabs, Range<usize>, &Epilogue, &[u32], &[LaneRow], &mut [LaneRow], &mut [LaneMask]);

/// Compiles every kernel for one instruction set, whose registers hold `$sums` accumulators for
/// each of `$tiles` tiles, beside the operands.
macro_rules! kernels {
    ($constructor:ident, $set:expr, $lanes:ty, [$sums:literal, $tiles:literal, $strip_tiles:literal], $(#[$features:meta])?) => {
        fn $constructor() -> Kernels {
            $(#[$features])?
            fn strips(
                weights: &Strips,
                outputs: Range<usize>,
                epilogue: &Epilogue,
                input: &[LaneRow],
                output: &mut [LaneRow],
            ) -> LaneMask {
                // SAFETY: this function is compiled with the features that the lanes need.
                unsafe { strips::multiply::<$lanes>(weights, outputs, epilogue, input, output) }
            }
            $(#[$features])?
            fn side_by_side(
                weights: &Strips,
                epilogue: &Epilogue,
                input: &[LaneRow],
                output: &mut [LaneRow],
                live: &mut [LaneMask],
            ) {
                let multiply = side_by_side::multiply::<$lanes, $strip_tiles>;
                // SAFETY: this function is compiled with the features that the lanes need.
                unsafe { multiply(weights, epilogue, input, output, live) }
            }
            $(#[$features])?
            fn dense(
                part: &DensePart<'_>,
                input: &[LaneRow],
                output: &mut [LaneRow],
                live: &mut [LaneMask],
            ) {
                let multiply = dense::multiply::<$lanes, $sums, $tiles>;
                // SAFETY: this function is compiled with the features that the lanes need.
                unsafe { multiply(part, input, output, live) }
            }
            $(#[$features])?
            fn dense_column(
                weights: &DenseWeights,
                outputs: Range<usize>,
                epilogue: &Epilogue,
                active: &[u32],
                input: &[f32],
                output: &mut [f32],
            ) -> bool {
                let multiply = dense::multiply_column::<$lanes, $sums>;
                // SAFETY: this function is compiled with the features that the lanes need.
                unsafe { multiply(weights, outputs, epilogue, active, input, output) }
            }
            $(#[$features])?
            fn scatter(
                weights: &Slabs,
                outputs: Range<usize>,
                epilogue: &Epilogue,
                active: &[u32],
                input: &[LaneRow],
                output: &mut [LaneRow],
                live: &mut [LaneMask],
            ) {
                // SAFETY: this function is compiled with the features that the lanes need.
                unsafe {
                    scatter::multiply::<$lanes>(weights, outputs, epilogue, active, input, output, live);
                }
            }
            $(#[$features])?
            fn gather_column(
                weights: &Strips,
                outputs: Range<usize>,
                epilogue: &Epilogue,
                input: &[f32],
                output: &mut [f32],
            ) -> bool {
                // SAFETY: this function is compiled with the features that the lanes need.
                unsafe { column::gather::<$lanes>(weights, outputs, epilogue, input, output) }
            }
            $(#[$features])?
            fn scatter_column(
                weights: &Slabs,
                outputs: Range<usize>,
                epilogue: &Epilogue,
                input: &[f32],
                output: &mut [f32],
            ) -> bool {
                // SAFETY: this function is compiled with the features that the lanes need.
                unsafe { column::scatter::<$lanes>(weights, outputs, epilogue, input, output) }
            }
            $(#[$features])?
            fn active_rows(rows: &[LaneRow], tiles: usize, first: u32, active: &mut Vec<u32>) {
                // SAFETY: this function is compiled with the features that the lanes need.
                unsafe {
                    if tiles == $tiles {
                        active_rows::find::<$lanes, $tiles>(rows, first, active);
                    } else {
                        active_rows::find::<$lanes, 1>(rows, first, active);
                    }
                }
            }
            $(#[$features])?
            fn l0_distance(a: &[f32], b: &[f32], enough: usize) -> usize {
                distance::l0(a, b, enough)
            }
            $(#[$features])?
            fn store_columns(tile: &mut [LaneRow], columns: &[&[f32]]) {
                // SAFETY: this function is compiled with the features that the lanes need.
                unsafe { columns::store::<$lanes>(tile, columns) }
            }
            $(#[$features])?
            fn load_columns(tile: &[LaneRow], lanes: LaneMask) -> Vec<Box<[f32]>> {
                // SAFETY: this function is compiled with the features that the lanes need.
                unsafe { columns::load::<$lanes>(tile, lanes) }
            }
            $(#[$features])?
            fn update_residues(update: &ResidueUpdate<'_>, tile: &mut [LaneRow]) -> LaneMask {
                // SAFETY: this function is compiled with the features that the lanes need.
                unsafe { residues::update::<$lanes>(update, tile) }
            }
            $(#[$features])?
            fn compact(
                moves: &[LaneMoves],
                rows: &mut [LaneRow],
                neurons: usize,
                tiles: usize,
                last_lanes: LaneMask,
            ) {
                // SAFETY: this function is compiled with the features that the lanes need.
                unsafe { compact::compact::<$lanes>(moves, rows, neurons, tiles, last_lanes) }
            }
            Kernels {
                instruction_set: $set,
                max_strip_width: <$lanes as Lanes>::ACCUMULATORS,
                strip_tiles: $strip_tiles,
                dense_tiles: $tiles,
                strips,
                side_by_side,
                dense,
                dense_column,
                scatter,
                gather_column,
                scatter_column,
                active_rows,
                l0_distance,
                store_columns,
                load_columns,
                update_residues,
                compact,
            }
        }
    };
}

kernels!(portable, InstructionSet::Portable, PortableLanes, [4, 1, 1],);
#[cfg(target_arch = "x86_64")]
kernels!(avx2, InstructionSet::Avx2, Avx2Lanes, [4, 1, 2], #[target_feature(enable = "avx2,fma")]);
#[cfg(target_arch = "x86_64")]
kernels!(avx512, InstructionSet::Avx512, Avx512Lanes, [8, 2, 4], #[target_feature(enable = "avx512f,fma")]);

impl Kernels {
    /// The kernels for `set`, if this processor can run them.
    pub(super) fn new(set: InstructionSet) -> Option<Self> {
        if !set.is_available() {
            return None;
        }
        match set {
            InstructionSet::Portable => Some(portable()),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => Some(avx2()),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => Some(avx512()),
            #[cfg(not(target_arch = "x86_64"))]
            InstructionSet::Avx2 | InstructionSet::Avx512 => None,
        }
    }

    pub(super) fn instruction_set(&self) -> InstructionSet {
        self.instruction_set
    }

    /// The widest strip whose outputs fit the registers.
    pub(super) fn max_strip_width(&self) -> usize {
        self.max_strip_width
    }

    /// `outputs` of one layer on one tile, gathering: every output reads its inputs. Gives the lanes in which any of
    /// them is not zero. `output` has rows for `outputs` only.
    ///
    /// # Panics
    /// If the lengths do not belong together, or `weights` cannot be cut so.
    pub(super) fn strips(
        &self,
        weights: &Strips,
        outputs: Range<usize>,
        epilogue: &Epilogue,
        input: &[LaneRow],
        output: &mut [LaneRow],
    ) -> LaneMask {
        assert_eq!(input.len(), weights.inputs());
        assert_eq!(output.len(), outputs.len());
        assert_eq!(epilogue.bias.len(), weights.outputs());
        // SAFETY: a `Kernels` exists only where the processor has its instruction set; the lengths were
        // just checked, the indices in `weights` are below its inputs and outputs, and those of the strips of
        // `outputs` lie in this range.
        unsafe { (self.strips)(weights, outputs, epilogue, input, output) }
    }

    /// Tiles that [`Kernels::side_by_side`] computes best together.
    pub(super) fn strip_tiles(&self) -> usize {
        self.strip_tiles
    }

    /// The same on as many tiles as `live` has masks, for strips of one or two outputs. `live` receives the
    /// lanes with a non-zero output.
    ///
    /// # Panics
    /// If the lengths do not belong together or strips are wider.
    pub(super) fn side_by_side(
        &self,
        weights: &Strips,
        epilogue: &Epilogue,
        input: &[LaneRow],
        output: &mut [LaneRow],
        live: &mut [LaneMask],
    ) {
        assert_eq!(input.len(), live.len() * weights.inputs());
        assert_eq!(output.len(), live.len() * weights.outputs());
        assert_eq!(epilogue.bias.len(), weights.outputs());
        assert!(weights.widest() <= 2);
        // SAFETY: as in `strips`.
        unsafe { (self.side_by_side)(weights, epilogue, input, output, live) }
    }

    /// Tiles that [`Kernels::dense`] computes best side by side.
    pub(super) fn dense_tiles(&self) -> usize {
        self.dense_tiles
    }

    /// A part of the product of a dense layer on one tile, or on [`Kernels::dense_tiles`] side by side.
    ///
    /// `live` has one mask a tile; the lanes with a non-zero output are added to it with the last inputs.
    ///
    /// # Panics
    /// If the lengths do not belong together or an active neuron or a panel does not exist.
    pub(super) fn dense(
        &self,
        part: &DensePart<'_>,
        input: &[LaneRow],
        output: &mut [LaneRow],
        live: &mut [LaneMask],
    ) {
        let (tiles, weights) = (live.len(), part.weights);
        assert!(tiles == 1 || tiles == self.dense_tiles);
        assert_eq!(input.len(), tiles * weights.inputs());
        assert_eq!(output.len(), tiles * part.outputs.len());
        assert!(part.epilogue.is_none_or(|epilogue| epilogue.bias.len() == weights.outputs()));
        assert!(part.outputs.end <= weights.outputs());
        assert!(part.outputs.start <= part.panels.start * LANES);
        assert!(panels_for(part.outputs.end) >= part.panels.end);
        assert!(part.outputs.end == weights.outputs() || part.outputs.end.is_multiple_of(LANES));
        assert!(part.active.iter().all(|&row| (row as usize) < weights.inputs()));
        // SAFETY: as in `strips`; panels and active rows were checked.
        unsafe { (self.dense)(part, input, output, live) }
    }

    /// `outputs` of one dense layer, whole panels, on one column; gives whether any of them is not zero. `active`
    /// holds at least every non-zero input.
    ///
    /// # Panics
    /// If the lengths do not belong together or an active neuron does not exist.
    pub(super) fn dense_column(
        &self,
        weights: &DenseWeights,
        outputs: Range<usize>,
        epilogue: &Epilogue,
        active: &[u32],
        input: &[f32],
        output: &mut [f32],
    ) -> bool {
        assert_eq!((input.len(), output.len()), (weights.inputs(), outputs.len()));
        assert_eq!(epilogue.bias.len(), weights.outputs());
        assert!(outputs.start.is_multiple_of(LANES) && outputs.end <= weights.outputs());
        assert!(outputs.end == weights.outputs() || outputs.end.is_multiple_of(LANES));
        assert!(active.iter().all(|&row| (row as usize) < weights.inputs()));
        // SAFETY: as in `strips`; active rows were checked.
        unsafe { (self.dense_column)(weights, outputs, epilogue, active, input, output) }
    }

    /// `outputs` of one layer, whole slabs, on one tile, scattering: the `active` input neurons add to them.
    ///
    /// `active` is ascending and holds at least every input neuron with a non-zero lane. `live` has one
    /// mask a section of outputs; it receives the lanes that have a non-zero output in it.
    ///
    /// # Panics
    /// If the lengths do not belong together or an active neuron does not exist.
    #[allow(clippy::too_many_arguments, reason = "what the kernels of all instruction sets take")]
    pub(super) fn scatter(
        &self,
        weights: &Slabs,
        outputs: Range<usize>,
        epilogue: &Epilogue,
        active: &[u32],
        input: &[LaneRow],
        output: &mut [LaneRow],
        live: &mut [LaneMask],
    ) {
        assert_eq!(input.len(), weights.inputs());
        assert_eq!(output.len(), outputs.len());
        assert_eq!(epilogue.bias.len(), weights.outputs());
        assert_eq!(live.len(), sections_for(outputs.len()));
        assert!(active.last().is_none_or(|&last| (last as usize) < weights.inputs()));
        debug_assert!(active.is_sorted());
        // SAFETY: as in `strips`; `active` is ascending and its last entry was checked.
        unsafe { (self.scatter)(weights, outputs, epilogue, active, input, output, live) }
    }

    /// `outputs` of one layer on one column, gathering; gives whether any of them is not zero.
    ///
    /// # Panics
    /// If the lengths do not belong together, or `weights` cannot be cut so.
    pub(super) fn gather_column(
        &self,
        weights: &Strips,
        outputs: Range<usize>,
        epilogue: &Epilogue,
        input: &[f32],
        output: &mut [f32],
    ) -> bool {
        assert_eq!((input.len(), output.len()), (weights.inputs(), outputs.len()));
        assert_eq!(epilogue.bias.len(), weights.outputs());
        // SAFETY: as in `strips`.
        unsafe { (self.gather_column)(weights, outputs, epilogue, input, output) }
    }

    /// `outputs` of one layer, whole slabs, on one column, scattering; gives whether any of them is not zero.
    ///
    /// # Panics
    /// If the lengths do not belong together, or `weights` cannot be cut so.
    pub(super) fn scatter_column(
        &self,
        weights: &Slabs,
        outputs: Range<usize>,
        epilogue: &Epilogue,
        input: &[f32],
        output: &mut [f32],
    ) -> bool {
        assert_eq!((input.len(), output.len()), (weights.inputs(), outputs.len()));
        assert_eq!(epilogue.bias.len(), weights.outputs());
        // SAFETY: as in `strips`.
        unsafe { (self.scatter_column)(weights, outputs, epilogue, input, output) }
    }

    /// Appends the rows of `tile` that have a non-zero lane to `active`; they are counted from `first`.
    pub(super) fn active_rows(&self, tile: &[LaneRow], first: u32, active: &mut Vec<u32>) {
        // SAFETY: a `Kernels` exists only where the processor has its instruction set.
        unsafe { (self.active_rows)(tile, 1, first, active) }
    }

    /// Appends the neurons that have a non-zero lane in any of `tiles` tiles, one or
    /// [`Kernels::dense_tiles`], to `active`.
    pub(super) fn active_neurons(&self, rows: &[LaneRow], tiles: usize, active: &mut Vec<u32>) {
        assert!(tiles == 1 || tiles == self.dense_tiles);
        // SAFETY: a `Kernels` exists only where the processor has its instruction set.
        unsafe { (self.active_rows)(rows, tiles, 0, active) }
    }

    /// The number of entries that differ; may stop counting at `enough`.
    ///
    /// # Panics
    /// If the lengths differ.
    pub(super) fn l0_distance(&self, a: &[f32], b: &[f32], enough: usize) -> usize {
        assert_eq!(a.len(), b.len());
        // SAFETY: a `Kernels` exists only where the processor has its instruction set.
        unsafe { (self.l0_distance)(a, b, enough) }
    }

    /// Writes `columns`, up to sixteen, into the first lanes of a tile, and zeros into the others.
    ///
    /// # Panics
    /// If there are too many columns or one has another length than the tile has rows.
    pub(super) fn store_columns(&self, tile: &mut [LaneRow], columns: &[&[f32]]) {
        assert!(columns.len() <= LANES);
        assert!(columns.iter().all(|column| column.len() == tile.len()));
        // SAFETY: a `Kernels` exists only where the processor has its instruction set.
        unsafe { (self.store_columns)(tile, columns) }
    }

    /// Reads the given lanes of a tile, ascending.
    pub(super) fn load_columns(&self, tile: &[LaneRow], lanes: LaneMask) -> Vec<Box<[f32]>> {
        // SAFETY: a `Kernels` exists only where the processor has its instruction set.
        unsafe { (self.load_columns)(tile, lanes) }
    }

    /// SNICIT's update of a tile of residue columns; see [`ResidueUpdate`]. Gives the lanes with a
    /// non-zero residue.
    ///
    /// # Panics
    /// If the tile and its centroid do not have the same number of neurons.
    pub(super) fn update_residues(&self, update: &ResidueUpdate<'_>, tile: &mut [LaneRow]) -> LaneMask {
        assert_eq!(update.centroid.len(), tile.len());
        // SAFETY: a `Kernels` exists only where the processor has its instruction set.
        unsafe { (self.update_residues)(update, tile) }
    }

    /// Moves columns between tiles of `neurons` rows, of which the first `tiles` will be kept; zeroes the
    /// lanes of the last kept tile that are not in `last_lanes`. `moves` ascend by `to_tile`; what is
    /// moved away from a tile must not be needed by later moves.
    pub(super) fn compact(
        &self,
        moves: &[LaneMoves],
        rows: &mut [LaneRow],
        neurons: usize,
        tiles: usize,
        last_lanes: LaneMask,
    ) {
        // SAFETY: a `Kernels` exists only where the processor has its instruction set.
        unsafe { (self.compact)(moves, rows, neurons, tiles, last_lanes) }
    }
}
