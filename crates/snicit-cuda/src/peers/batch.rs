//! A batch on its way through a library's products.

use std::ops::Range;
use std::time::Instant;

use snicit::{Column, Error, Inputs, Observer, Outcome, Output, Report};

use super::prepared::PreparedPeer;
use super::product::{Order, Planned, Variant};
use crate::CudaError;
use crate::arguments::arguments;
use crate::clock::{Clock, Stage};
use crate::columns;
use crate::error::DriverContext;
use crate::run::{BitInputs, ExpandBitsArguments, GatherColumnsArguments, upload_bits};
use crate::runtime::{DeviceBuffer, Kernel, KernelArguments, Launch, PinnedBuffer, Pointer};

/// Timed products of a variant, after one that is not.
const TRIALS: usize = 3;
/// A variant is timed no further if its first product takes so many times as long as the fastest.
const HOPELESS: f32 = 3.0;

arguments! {
    PeerEpilogueArguments for PeerEpilogue {
        values: Pointer,
        bias: Pointer,
        lines: u32,
        length: u32,
        by_rows: u32,
        low: f32,
        high: f32,
        live: Pointer,
    }
    PeerTurnArguments for PeerTurn { from: Pointer, lines: u32, length: u32, to: Pointer }
}

/// Memory and plans for batches of one size.
pub(super) struct BatchMemory {
    columns: usize,
    order: Order,
    /// A layer each. Before the buffers that they use.
    plans: Vec<Box<dyn Planned>>,
    bits: Option<DeviceBuffer>,
    activations: [DeviceBuffer; 2],
    /// A number a column: whether it is live, then which ones are.
    live: DeviceBuffer,
    live_count: DeviceBuffer,
    live_on_host: PinnedBuffer,
}

impl BatchMemory {
    /// Allocates for `columns` inputs and plans every layer in the fastest way. What was chosen comes with it.
    pub(super) fn new(
        peer: &PreparedPeer,
        columns: usize,
        binary: bool,
    ) -> Result<(Self, String), CudaError> {
        let device = &peer.gpu.device;
        let bytes = peer.network.max_width().saturating_mul(columns).saturating_mul(size_of::<f32>());
        let activations = || DeviceBuffer::new(device, bytes, "activations");
        let numbers =
            |count: usize| DeviceBuffer::new(device, count * size_of::<u32>(), "lists of columns");
        let bit_words = peer.network.inputs().div_ceil(64) * 2 * columns;
        let mut memory = BatchMemory {
            columns,
            order: Order::ByColumns,
            plans: Vec::new(),
            bits: if binary { Some(numbers(bit_words)?) } else { None },
            activations: [activations()?, activations()?],
            live: numbers(columns)?,
            live_count: numbers(1)?,
            live_on_host: PinnedBuffer::zeroed(device, columns * size_of::<u32>())?,
        };
        let (variant, note) = memory.fastest(peer)?;
        memory.order = variant.order;
        for layer in 0..peer.network.layers().len() {
            memory.plans.push(memory.plan(peer, variant, layer)?);
        }
        peer.gpu.stream.synchronize().to("prepare products")?;
        Ok((memory, note))
    }

    pub(super) fn serves(&self, columns: usize, binary: bool) -> bool {
        columns == self.columns && binary == self.bits.is_some()
    }

    fn plan(
        &self,
        peer: &PreparedPeer,
        variant: Variant,
        layer: usize,
    ) -> Result<Box<dyn Planned>, CudaError> {
        let (from, to) = (self.at(layer), self.at(layer + 1));
        peer.product.plan(variant, layer, self.columns, from, to)
    }

    /// The activations that enter `layer`.
    fn at(&self, layer: usize) -> Pointer {
        self.activations[layer % 2].pointer()
    }

    /// Times the largest layer's product in every way that the library offers.
    fn fastest(&self, peer: &PreparedPeer) -> Result<(Variant, String), CudaError> {
        let stream = &*peer.gpu.stream;
        let layers = peer.network.layers();
        let size = |&layer: &usize| layers[layer].weights().connections();
        let largest = (0..layers.len()).max_by_key(size).unwrap_or(0);
        for buffer in &self.activations {
            // Some number that is not 0.
            buffer.fill(stream, 0x3f, buffer.bytes())?;
        }
        let mut best: Option<(Variant, f32)> = None;
        let mut tried = Vec::new();
        let mut refused = None;
        for variant in peer.product.variants() {
            match self.time(peer, variant, largest, best.map(|(_, fastest)| fastest)) {
                Ok(ms) => {
                    tried.push(format!("{} {ms:.3} ms", variant.name));
                    if best.is_none_or(|(_, fastest)| ms < fastest) {
                        best = Some((variant, ms));
                    }
                }
                // Versions differ in what they can.
                Err(error @ CudaError::Library { .. }) => refused = Some(error),
                Err(error) => return Err(error),
            }
        }
        match (best, refused) {
            (Some((variant, _)), _) => {
                let tried = tried.join(", ");
                Ok((variant, format!("{}; {} inputs: {tried}", variant.name, self.columns)))
            }
            (None, Some(error)) => Err(error),
            (None, None) => Err(CudaError::Driver { action: "compare products", reason: String::new() }),
        }
    }

    /// One product of `layer`, ms.
    fn time(
        &self,
        peer: &PreparedPeer,
        variant: Variant,
        layer: usize,
        fastest: Option<f32>,
    ) -> Result<f32, CudaError> {
        let stream = &*peer.gpu.stream;
        let planned = self.plan(peer, variant, layer)?;
        let (start, stop) = (peer.gpu.device.timed_event()?, peer.gpu.device.timed_event()?);
        let time = |products: usize| -> Result<f32, CudaError> {
            start.record(stream).to("record an event")?;
            for _ in 0..products {
                planned.enqueue()?;
            }
            stop.record(stream).to("record an event")?;
            stream.synchronize().to("compute")?;
            Ok(start.elapsed_ms(&stop).to("read the clock")? / products as f32)
        };
        let first = time(1)?;
        // Some take twenty times as long as others: seconds on large networks.
        let hopeless = fastest.is_some_and(|fastest| first > HOPELESS * fastest);
        if hopeless { Ok(first) } else { time(TRIALS) }
    }

    /// Sends a batch through all layers and brings the columns that are not zero to the host.
    pub(super) fn infer(
        &mut self,
        peer: &PreparedPeer,
        inputs: &Inputs,
        range: Range<usize>,
        observer: &dyn Observer,
    ) -> Result<Outcome, Error> {
        let stream = &*peer.gpu.stream;
        let start = Instant::now();
        self.upload(peer, inputs, range.clone())?;
        let upload = start.elapsed();
        let clock = Clock::new(&peer.gpu.device)?;
        clock.start(stream)?;
        let layers = peer.network.layers();
        let divide = |layer: usize| -> Result<(), CudaError> {
            if layer == peer.threshold_layer {
                clock.stage_done(stream, Stage::PreConvergence)?;
                clock.stage_done(stream, Stage::Conversion)?;
            }
            Ok(())
        };
        self.live.fill(stream, 0, self.live.bytes())?;
        for (index, planned) in self.plans.iter().enumerate() {
            if observer.cancelled() {
                return Err(Error::Cancelled);
            }
            divide(index)?;
            planned.enqueue()?;
            self.epilogue(peer, index)?;
        }
        divide(layers.len())?;
        clock.stage_done(stream, Stage::PostConvergence)?;
        let bytes = self.live.bytes();
        self.live_on_host.download_later(stream, 0, self.live.pointer(), bytes)?;
        clock.stop(stream)?;
        stream.synchronize().to("compute")?;
        observer.advanced((layers.len() * range.len()) as u64);

        let flags = self.live_on_host.numbers().iter().take(range.len());
        let live: Vec<u32> = flags.zip(0..).filter(|(flag, _)| **flag != 0).map(|(_, j)| j).collect();
        let mut live_columns = vec![range.len() as u64; layers.len()];
        live_columns.push(live.len() as u64);
        let report = Report {
            threshold_layer: peer.threshold_layer,
            times: clock.times()?,
            upload,
            live_columns,
            ..Report::default()
        };
        let columns = self.download(peer, &live)?;
        Ok(Outcome::new(Output::new(range.len(), peer.network.outputs(), columns), report))
    }

    /// Brings the inputs to the GPU as float32 in the library's order.
    fn upload(
        &mut self,
        peer: &PreparedPeer,
        inputs: &Inputs,
        range: Range<usize>,
    ) -> Result<(), CudaError> {
        let (features, columns) = (inputs.features(), range.len());
        let by_rows = self.order == Order::ByRows;
        // Where they lie by columns first; turning them needs another place.
        let first = usize::from(by_rows);
        match (inputs, &mut self.bits) {
            (Inputs::Bits(bits), Some(buffer)) => {
                upload_bits(buffer, bits, range)?;
                let words_per_input = (features.div_ceil(64) * 2) as u64;
                let arguments = ExpandBitsArguments {
                    bits: BitInputs { words: buffer.pointer(), words_per_input },
                    inputs: columns as u32,
                    features: features as u32,
                    values: self.activations[first].pointer(),
                };
                launch(peer, Kernel::ExpandBits, (256, 1), arguments)?;
            }
            (Inputs::Values(values), _) => {
                let values = &values.values()[range.start * features..range.end * features];
                self.activations[first].upload(0, values)?;
            }
            (Inputs::Bits(_), None) => {}
        }
        if by_rows {
            self.turn(peer, columns, features, self.at(1), self.at(0))?;
        }
        peer.gpu.stream.synchronize().to("bring inputs into order")
    }

    /// `lines` lines of `length` values, from one order to the other.
    fn turn(
        &self,
        peer: &PreparedPeer,
        lines: usize,
        length: usize,
        from: Pointer,
        to: Pointer,
    ) -> Result<(), CudaError> {
        let (lines, length) = (lines as u32, length as u32);
        launch(peer, Kernel::PeerTurn, (32, 8), PeerTurnArguments { from, lines, length, to })
    }

    /// Bias and bounds of `layer`; behind the last, which columns are live.
    fn epilogue(&self, peer: &PreparedPeer, layer: usize) -> Result<(), CudaError> {
        let layers = peer.network.layers();
        let (low, high) = layers[layer].activation().bounds();
        let outputs = layers[layer].outputs();
        let by_rows = self.order == Order::ByRows;
        let (lines, length) = if by_rows { (outputs, self.columns) } else { (self.columns, outputs) };
        let is_last = layer + 1 == layers.len();
        let arguments = PeerEpilogueArguments {
            values: self.at(layer + 1),
            bias: peer.product.biases(layer),
            lines: lines as u32,
            length: length as u32,
            by_rows: u32::from(by_rows),
            low,
            high,
            live: if is_last { self.live.pointer() } else { 0 },
        };
        launch(peer, Kernel::PeerEpilogue, (256, 1), arguments)
    }

    /// The columns `live` of the answer.
    fn download(&mut self, peer: &PreparedPeer, live: &[u32]) -> Result<Vec<Column>, CudaError> {
        let stream = &*peer.gpu.stream;
        let layers = peer.network.layers().len();
        let neurons = peer.network.outputs();
        let mut at = layers % 2;
        if self.order == Order::ByRows {
            let (from, to) = (self.activations[at].pointer(), self.activations[1 - at].pointer());
            self.turn(peer, neurons, self.columns, from, to)?;
            at = 1 - at;
        }
        stream.synchronize().to("compute")?;
        self.live.upload(0, live)?;
        self.live_count.upload(0, &[live.len() as u32])?;
        let gathered = 1 - at;
        let arguments = GatherColumnsArguments {
            from: self.activations[at].pointer(),
            slots: self.live.pointer(),
            count: self.live_count.pointer(),
            neurons: neurons as u32,
            to: self.activations[gathered].pointer(),
        };
        launch(peer, Kernel::GatherColumns, (256, 1), arguments)?;
        stream.synchronize().to("compute")?;
        columns::download(&self.activations[gathered], neurons, live)
    }
}

fn launch<A: KernelArguments>(
    peer: &PreparedPeer,
    kernel: Kernel,
    threads: (u32, u32),
    arguments: A,
) -> Result<(), CudaError> {
    let blocks = peer.gpu.blocks_of(threads.0 * threads.1);
    Launch { kernel, blocks, threads, shared_memory: 0 }.enqueue(
        &peer.gpu.kernels,
        &peer.gpu.stream,
        arguments,
    )
}
