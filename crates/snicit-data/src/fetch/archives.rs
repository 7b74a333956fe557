//! Archives: unpacked file by file, each checked as soon as it is there.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use tar::Archive;

use super::files::{refuse, unpacked, write, wrong};
use super::{Problem, layer_connections};
use crate::DataError;
use crate::sdgc;

/// Layers of the smallest official benchmark; an archive has at least these.
const FEWEST_LAYERS: usize = sdgc::DEPTHS[0];
/// Layers that are checked at a time, on all threads.
const LAYERS_AT_A_TIME: usize = 16;

/// Unpacks the layers of a network into the folder `staging`.
pub(super) fn unpack_layers(bytes: impl Read, staging: &Path, neurons: usize) -> Result<(), Problem> {
    let mut unchecked = Vec::new();
    let mut layers = 0_usize;
    for_each_file(bytes, staging, |name, text| {
        let Some(layer) = sdgc::layer_number(name, neurons) else { return Ok(()) };
        let file = staging.join(format!("n{neurons}-l{layer}.tsv"));
        if file.exists() {
            return Err(Problem::Wrong(format!("layer {layer} is in the archive twice")));
        }
        write(text, &file)?;
        layers += 1;
        unchecked.push(file);
        if unchecked.len() == LAYERS_AT_A_TIME {
            check_layers(&std::mem::take(&mut unchecked), neurons)?;
        }
        Ok(())
    })?;
    check_layers(&unchecked, neurons)?;
    let missing = (1..=layers.max(FEWEST_LAYERS))
        .find(|layer| !staging.join(format!("n{neurons}-l{layer}.tsv")).exists());
    match missing {
        Some(layer) => Err(Problem::Wrong(format!(
            "layer {layer} is missing; there are {layers} layers, expected 1 to {FEWEST_LAYERS} at least"
        ))),
        None => Ok(()),
    }
}

fn check_layers(files: &[PathBuf], neurons: usize) -> Result<(), Problem> {
    files.par_iter().try_for_each(|file| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let layer = sdgc::read_layer(file, neurons).map_err(|error| match refuse(file, error) {
            Problem::Wrong(reason) => Problem::Wrong(format!("{name}, {reason}")),
            failed => failed,
        })?;
        let (found, expected) = (layer.weights().connections(), layer_connections(neurons));
        if found == expected {
            return Ok(());
        }
        Err(Problem::Wrong(format!("{name} has {found} connections, expected {expected}")))
    })
}

const BATCHES: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];
const IMAGES_A_BATCH: usize = 10_000;
/// A label and 32 × 32 pixels in three colours.
const IMAGE_BYTES: usize = 1 + 3 * 32 * 32;

/// Unpacks CIFAR-10's batches into the folder `staging`.
pub(super) fn unpack_cifar10(bytes: &mut super::Download<'_>, staging: &Path) -> Result<(), Problem> {
    for_each_file(bytes, staging, |name, bytes| {
        let name = name.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name == "batches.meta.txt" {
            return write(bytes, &staging.join(name)).map(drop);
        }
        if !BATCHES.contains(&name) {
            return Ok(());
        }
        let file = staging.join(name);
        write(bytes, &file)?;
        let batch = fs::read(&file).map_err(|error| DataError::read(&file, error))?;
        let expected = IMAGES_A_BATCH * IMAGE_BYTES;
        if batch.len() != expected {
            let found = batch.len();
            return Err(Problem::Wrong(format!("{name} has {found} bytes, expected {expected}")));
        }
        match batch.chunks(IMAGE_BYTES).position(|image| image[0] > 9) {
            Some(i) => {
                let label = batch[i * IMAGE_BYTES];
                Err(Problem::Wrong(format!(
                    "{name}, image {}: label is {label}, expected 0 to 9",
                    i + 1
                )))
            }
            None => Ok(()),
        }
    })?;
    match BATCHES.iter().find(|name| !staging.join(name).exists()) {
        Some(name) => Err(Problem::Wrong(format!("{name} is missing"))),
        None => Ok(()),
    }
}

/// Makes the folder `staging` and calls `visit(path, contents)` for each file of the archive.
fn for_each_file(
    bytes: impl Read,
    staging: &Path,
    mut visit: impl FnMut(&Path, &mut dyn Read) -> Result<(), Problem>,
) -> Result<(), Problem> {
    fs::create_dir_all(staging).map_err(|error| DataError::write(staging, error))?;
    let damaged = |error: io::Error| wrong(&error);
    let mut archive = Archive::new(unpacked(bytes).map_err(damaged)?);
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        // Only the last part of the path is used, so that no archive writes elsewhere.
        let path = entry.path().map_err(damaged)?.into_owned();
        let size = entry.size();
        let mut counted = Counted { bytes: &mut entry, read: 0 };
        visit(&path, &mut counted)?;
        if counted.read != 0 && counted.read != size {
            return Err(Problem::Wrong(format!("the archive ends within {}", path.display())));
        }
    }
    // The checksum of gzip comes behind the end of the archive.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(damaged)?;
    Ok(())
}

/// Counts bytes: the tar crate takes the end of the archive for the end of a file in it.
struct Counted<R> {
    bytes: R,
    read: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        self.read += read as u64;
        Ok(read)
    }
}
