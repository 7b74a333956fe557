//! Text is not held in memory: beside its result, a reader needs a few megabytes.

#![allow(clippy::unwrap_used, reason = "also in the helpers of the tests")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::{Compression, write::GzEncoder};
use snicit::Inputs;
use snicit_data::{radixnet, sdgc};

const NEURONS: usize = 4096;
const LAYERS: usize = 64;
const MEGABYTE: usize = 1_000_000;
/// Blocks of 256 KiB wait, are parsed, and are merged: eight of each where there are up to eight threads, with what
/// parsing made of them: less than 16 MB as a rule, 17 if threads are kept from running.
const MOST: usize = 24 * MEGABYTE;

/// The system's allocator, counting what is taken and not yet given back.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes on to the system's allocator with the same arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller's promise is the one that the system's allocator wants.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What `read` gives, and the most memory it took beside it.
fn beside<T>(read: impl FnOnce() -> T) -> (T, usize) {
    let before = NOW.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let result = read();
    let held = NOW.load(Ordering::Relaxed).max(before);
    (result, PEAK.load(Ordering::Relaxed) - held)
}

fn gzip(from: &Path, to: &Path) {
    let mut encoder = GzEncoder::new(fs::File::create(to).unwrap(), Compression::fast());
    std::io::copy(&mut fs::File::open(from).unwrap(), &mut encoder).unwrap();
    encoder.finish().unwrap();
}

/// One test, because two at a time would count each other's memory.
#[test]
fn readers_hold_no_text() {
    let folder = tempfile::tempdir().unwrap();
    let layers = folder.path().join("neuron4096");
    let network = radixnet::generate(NEURONS, LAYERS, -0.35, 1, &|_| ()).unwrap();
    sdgc::write_network(&layers, &network, &|_| ()).unwrap();
    let files = fs::read_dir(&layers).unwrap();
    let text: u64 = files.map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(text > 180 * MEGABYTE as u64, "{text}");
    drop(network);

    let archive = folder.path().join("neuron4096.tar");
    let mut builder = tar::Builder::new(BufWriter::new(fs::File::create(&archive).unwrap()));
    builder.append_dir_all("neuron4096", &layers).unwrap();
    builder.into_inner().unwrap().flush().unwrap();
    let zipped = folder.path().join("neuron4096.tar.gz");
    gzip(&archive, &zipped);
    for source in [&layers, &archive, &zipped] {
        let read = || sdgc::read_network(source, NEURONS, LAYERS, -0.35, &|_| ()).unwrap();
        let (network, extra) = beside(read);
        assert_eq!(network.connections(), (NEURONS * LAYERS * 32) as u64);
        assert!(extra < MOST, "{}: {extra} bytes", source.display());
    }

    // 60 MB of text become 100 KB of bits.
    let images = folder.path().join("images.tsv");
    let mut writer = BufWriter::new(fs::File::create(&images).unwrap());
    for image in 1..=200 {
        for feature in 1..=16_384 {
            writeln!(writer, "{image}\t{feature}\t{}", if feature % 2 == 0 { "1" } else { "1.000000" })
                .unwrap();
        }
    }
    writer.into_inner().unwrap();
    assert!(images.metadata().unwrap().len() > 45 * MEGABYTE as u64);
    let packed = folder.path().join("images.tsv.gz");
    gzip(&images, &packed);
    for file in [&images, &packed] {
        let (inputs, extra) = beside(|| sdgc::read_inputs(file, 16_384, None).unwrap());
        assert!(matches!(&inputs, Inputs::Bits(bits) if bits.count_ones() == 200 * 16_384));
        assert!(extra < MOST, "{}: {extra} bytes", file.display());
    }
}
