//! Networks in a tar archive, plain or gzip, read without unpacking it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::Path;

use snicit::{Layer, Network};
use tar::Archive;

use super::layer_lines::{FIELDS, LayerLines};
use super::layer_number;
use crate::text::{Outlet, Source, Stop, pipeline};
use crate::{DataError, Progress};

/// Reads layers 1 to `layers` out of the archive `file`, in whatever order they are there.
///
/// The archive is read up to the last of these layers: the official ones hold 1920.
pub(super) fn read(
    file: &Path,
    neurons: u32,
    layers: usize,
    bias: f32,
    layer_done: Progress<'_>,
) -> Result<Network, DataError> {
    let path_of = |layer: usize| file.join(format!("n{neurons}-l{layer}.tsv"));
    let mut contents = Contents { file, neurons, layers, seen: BTreeSet::new(), highest: 0 };
    // The layer whose lines are coming, and those that are complete.
    let mut current: Option<(usize, LayerLines)> = None;
    let mut complete: BTreeMap<usize, Layer> = BTreeMap::new();
    let mut finish = |(layer, lines): (usize, LayerLines)| -> Result<(), DataError> {
        complete.insert(layer, lines.into_layer(&path_of(layer), neurons, bias)?);
        layer_done(1);
        Ok(())
    };
    let end = pipeline(
        |outlet| contents.send(outlet),
        |_, block| LayerLines::parse(neurons, block),
        |layer, parsed| {
            let (of_before, mut lines) = current.take().unwrap_or((layer, LayerLines::new()));
            if of_before != layer {
                finish((of_before, std::mem::replace(&mut lines, LayerLines::new())))?;
            }
            lines.merge(&path_of(layer), parsed)?;
            current = Some((layer, lines));
            Ok(())
        },
    )?;
    match end {
        Ok(()) => {}
        Err(Stop::Failed(error)) => return Err(error),
        Err(Stop::LineTooLong(layer)) => {
            // The first block of a layer has no lines before it.
            let lines = current.filter(|(of, _)| *of == layer).map_or_else(LayerLines::new, |(_, l)| l);
            return Err(lines.too_long(&path_of(layer)));
        }
        Err(Stop::NotWanted) => {}
    }
    current.map(finish).transpose()?;
    if let Some(&empty) = contents.seen.iter().find(|layer| !complete.contains_key(layer)) {
        return Err(DataError::Empty { file: path_of(empty), expected: FIELDS });
    }
    if let Some(layer) = (1..=layers).find(|layer| !complete.contains_key(layer)) {
        let (present, highest) = (complete.len(), contents.highest);
        return Err(DataError::LayerMissing { file: path_of(layer), layer, layers, present, highest });
    }
    Ok(Network::new(complete.into_values())?)
}

/// The highest layer in the archive `file`, 0 if there is none.
pub(super) fn highest_layer(file: &Path, neurons: usize) -> Result<usize, DataError> {
    let mut highest = 0;
    for_each_layer(file, neurons, |layer, _| {
        highest = highest.max(layer);
        Ok(ControlFlow::Continue(()))
    })
    .map(|()| highest)
}

/// What an archive turns out to hold, while it is read.
struct Contents<'a> {
    file: &'a Path,
    neurons: u32,
    layers: usize,
    /// The layers among those wanted that were sent.
    seen: BTreeSet<usize>,
    /// The highest layer there is.
    highest: usize,
}

impl Contents<'_> {
    /// Sends the text of each layer that is wanted, as the stream of its number.
    fn send(&mut self, outlet: &Outlet) -> Result<(), Stop> {
        for_each_layer(self.file, self.neurons as usize, |layer, source| {
            self.highest = self.highest.max(layer);
            if layer <= self.layers {
                if !self.seen.insert(layer) {
                    let reason = format!("layer {layer} is in it twice");
                    return Err(DataError::Archive { file: self.file.to_owned(), reason }.into());
                }
                outlet.send(layer, source)?;
            }
            let all = self.seen.len() == self.layers;
            Ok(if all { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })
    }
}

/// Calls `visit(layer, text)` for each layer in the archive `file`, until it breaks or fails.
///
/// A text may be left unread; one that is read to its end is known to be complete.
fn for_each_layer<E: From<DataError>>(
    file: &Path,
    neurons: usize,
    mut visit: impl FnMut(usize, &mut Source<'_>) -> Result<ControlFlow<()>, E>,
) -> Result<(), E> {
    let failure = RefCell::new(None);
    let reader = Reader { source: Source::open(file)?, failure: &failure };
    let damaged = |reason: String| DataError::Archive { file: file.to_owned(), reason };
    let explain = |error: io::Error| failure.take().unwrap_or_else(|| damaged(error.to_string()));
    let mut archive = Archive::new(reader);
    for entry in archive.entries().map_err(explain)? {
        let mut entry = entry.map_err(explain)?;
        let path = entry.path().map_err(explain)?.into_owned();
        let layer = layer_number(&path, neurons).filter(|_| entry.header().entry_type().is_file());
        let Some(layer) = layer else { continue };
        let size = entry.size();
        let mut text = Counted { bytes: &mut entry, read: 0, ended: false };
        let visited = visit(layer, &mut Source::of(file.join(&path), &mut text));
        if let Some(error) = failure.take() {
            return Err(error.into());
        }
        let flow = visited?;
        if text.ended && text.read != size {
            let read = text.read;
            let reason =
                format!("layer {layer} ends after {read} of {size} bytes, the archive is truncated");
            return Err(damaged(reason).into());
        }
        if flow.is_break() {
            break;
        }
    }
    Ok(())
}

/// Hands a source to the tar crate, and keeps what went wrong, which would come back as mere text.
struct Reader<'a> {
    source: Source<'static>,
    failure: &'a RefCell<Option<DataError>>,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.source.read(buffer).map_err(|error| {
            let text = error.to_string();
            *self.failure.borrow_mut() = Some(error);
            io::Error::other(text)
        })
    }
}

/// Counts bytes: the tar crate takes the end of the archive for the end of a file in it.
struct Counted<R> {
    bytes: R,
    read: u64,
    ended: bool,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        self.read += read as u64;
        self.ended |= read == 0 && !buffer.is_empty();
        Ok(read)
    }
}
