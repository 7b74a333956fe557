//! The weights of a network's layers: on the device, or streamed to it while it computes.

use std::ops::Range;
use std::sync::Arc;

use cudarc::driver::{CudaEvent, CudaStream};
use rayon::prelude::*;

use crate::error::DriverContext;
use crate::runtime::{Device, DeviceBuffer, PinnedBuffer, Pointer};
use crate::{CudaError, WeightPlacement};

/// Layers that are built at the same time; the host holds this many in their form at once.
const LAYERS_AT_ONCE: usize = 32;

/// Of the free memory, the weights may take this share; the rest is for activations.
const RESIDENT_SHARE: f64 = 0.6;

/// The weights of consecutive layers, a run of bytes each.
pub(crate) enum WeightStore {
    /// All on the device.
    Resident(Vec<DeviceBuffer>),
    /// In page-locked memory of the host; two buffers on the device take turns.
    Streamed(Box<StreamedWeights>),
}

pub(crate) struct StreamedWeights {
    layers: Vec<PinnedBuffer>,
    buffers: [DeviceBuffer; 2],
    stream: Arc<CudaStream>,
    /// Where the computing stream was when a pass began.
    begun: CudaEvent,
    /// A buffer has its layer.
    copied: [CudaEvent; 2],
    /// The kernels that read a buffer are done.
    used: [CudaEvent; 2],
}

impl WeightStore {
    /// Brings `layers` layers into their form with `build` and puts them where `placement` says.
    ///
    /// # Errors
    /// Those of `build`; or if memory runs out.
    pub(crate) fn new<F: Send>(
        device: &Device,
        placement: WeightPlacement,
        layers: usize,
        build: impl Fn(usize) -> Result<(F, Vec<u8>), CudaError> + Sync,
    ) -> Result<(Vec<F>, Self), CudaError> {
        if placement != WeightPlacement::Streamed {
            let (free, _) = device.memory()?;
            let budget = match placement {
                WeightPlacement::Resident => usize::MAX,
                _ => (free as f64 * RESIDENT_SHARE) as usize,
            };
            if let Some((forms, resident)) = Self::resident(device, budget, layers, &build)? {
                return Ok((forms, WeightStore::Resident(resident)));
            }
        }
        let (mut forms, mut host) = (Vec::new(), Vec::new());
        for_each_built(layers, &build, |form, bytes| {
            forms.push(form);
            host.push((PinnedBuffer::holding(device, &bytes)?, bytes.len()));
            Ok(true)
        })?;
        let largest = host.iter().map(|(_, bytes)| *bytes).max().unwrap_or(0);
        let buffer = || DeviceBuffer::new(device, largest, "the weights of two layers");
        let streamed = StreamedWeights {
            layers: host.into_iter().map(|(buffer, _)| buffer).collect(),
            buffers: [buffer()?, buffer()?],
            stream: device.new_stream()?,
            begun: device.event()?,
            copied: [device.event()?, device.event()?],
            used: [device.event()?, device.event()?],
        };
        Ok((forms, WeightStore::Streamed(Box::new(streamed))))
    }

    /// `None` if the layers take more than `budget` bytes.
    #[allow(clippy::type_complexity, reason = "a pair that is taken apart at once")]
    fn resident<F: Send>(
        device: &Device,
        budget: usize,
        layers: usize,
        build: &(impl Fn(usize) -> Result<(F, Vec<u8>), CudaError> + Sync),
    ) -> Result<Option<(Vec<F>, Vec<DeviceBuffer>)>, CudaError> {
        let (mut forms, mut buffers, mut total) = (Vec::new(), Vec::new(), 0);
        let complete = for_each_built(layers, build, |form, bytes| {
            total += bytes.len();
            if total > budget {
                return Ok(false);
            }
            let mut buffer = DeviceBuffer::new(device, bytes.len(), "the weights")?;
            buffer.upload(0, &bytes)?;
            forms.push(form);
            buffers.push(buffer);
            Ok(true)
        })?;
        Ok(complete.then_some((forms, buffers)))
    }

    /// Whether the weights are streamed.
    pub(crate) fn is_streamed(&self) -> bool {
        matches!(self, WeightStore::Streamed(_))
    }

    /// Bytes of all layers together.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            WeightStore::Resident(layers) => layers.iter().map(|layer| layer.bytes() as u64).sum(),
            WeightStore::Streamed(streamed) => {
                streamed.layers.iter().map(|layer| layer.bytes() as u64).sum()
            }
        }
    }

    /// Where the weights of `layer` are and their size, if they are on the device; else nothing.
    pub(crate) fn resident_layer(&self, layer: usize) -> (Pointer, u64) {
        match self {
            WeightStore::Resident(layers) => {
                layers.get(layer).map_or((0, 0), |layer| (layer.pointer(), layer.bytes() as u64))
            }
            WeightStore::Streamed(_) => (0, 0),
        }
    }

    /// Begins a pass of `compute` through the layers `layers`, in order.
    pub(crate) fn pass<'a>(&'a self, compute: &'a CudaStream, layers: Range<usize>) -> WeightPass<'a> {
        WeightPass { store: self, compute, layers, copies_begun: 0 }
    }
}

/// Gives each result of `build` to `take`, in order, until that says no. Whether all were taken.
fn for_each_built<F: Send>(
    layers: usize,
    build: &(impl Fn(usize) -> Result<(F, Vec<u8>), CudaError> + Sync),
    mut take: impl FnMut(F, Vec<u8>) -> Result<bool, CudaError>,
) -> Result<bool, CudaError> {
    for start in (0..layers).step_by(LAYERS_AT_ONCE) {
        let end = layers.min(start + LAYERS_AT_ONCE);
        let built: Vec<_> = (start..end).into_par_iter().map(build).collect();
        for built in built {
            let (form, bytes) = built?;
            if !take(form, bytes)? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Layers on their way to the kernels. While the kernels of one layer run, the next is copied.
pub(crate) struct WeightPass<'a> {
    store: &'a WeightStore,
    compute: &'a CudaStream,
    layers: Range<usize>,
    /// Copies begun in this pass.
    copies_begun: usize,
}

impl WeightPass<'_> {
    /// Where the weights of `layer` are for kernels sent to the computing stream from now on. Layers must
    /// be asked for in order, each followed by [`WeightPass::used`].
    pub(crate) fn fetch(&mut self, layer: usize) -> Result<Pointer, CudaError> {
        let streamed = match self.store {
            WeightStore::Resident(layers) => return Ok(layers[layer].pointer()),
            WeightStore::Streamed(streamed) => streamed,
        };
        if self.copies_begun == 0 {
            streamed.begun.record(self.compute).to("order streams")?;
            streamed.stream.wait(&streamed.begun).to("order streams")?;
            self.begin_copy(streamed, layer)?;
        }
        if layer + 1 < self.layers.end {
            self.begin_copy(streamed, layer + 1)?;
        }
        self.compute.wait(&streamed.copied[layer % 2]).to("order streams")?;
        Ok(streamed.buffers[layer % 2].pointer())
    }

    /// Says that all kernels that read the weights of `layer` have been sent.
    pub(crate) fn used(&mut self, layer: usize) -> Result<(), CudaError> {
        match self.store {
            WeightStore::Resident(_) => Ok(()),
            WeightStore::Streamed(streamed) => {
                streamed.used[layer % 2].record(self.compute).to("order streams")
            }
        }
    }

    fn begin_copy(&mut self, streamed: &StreamedWeights, layer: usize) -> Result<(), CudaError> {
        let buffer = layer % 2;
        if self.copies_begun >= 2 {
            streamed.stream.wait(&streamed.used[buffer]).to("order streams")?;
        }
        streamed.buffers[buffer].upload_later(&streamed.stream, &streamed.layers[layer])?;
        streamed.copied[buffer].record(&streamed.stream).to("order streams")?;
        self.copies_begun += 1;
        Ok(())
    }
}
