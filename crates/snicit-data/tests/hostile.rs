//! Readers hold against hostile files: good files, damaged at random places in random ways, are read or
//! refused, without a panic and without more memory than the file itself accounts for.
//!
//! The damage is the same in every run. `SNICIT_HOSTILE_FILES` sets how many files each reader gets;
//! recorded runs use 20,000.

#![allow(clippy::unwrap_used, reason = "also in the helpers of the tests")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{gzip, tar};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use snicit_data::cache::Cache;
use snicit_data::{mnist, model, radixnet, sdgc};

mod common;

/// What inputs may take whose number only the file tells; everything else takes far less.
const LARGEST: usize = 65 << 20;

/// The system's allocator, noting the largest piece that was asked for.
struct Noting;

static LARGEST_SEEN: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes on to the system's allocator with the same arguments.
unsafe impl GlobalAlloc for Noting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LARGEST_SEEN.fetch_max(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is the one that the system's allocator wants.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Noting = Noting;

fn files() -> usize {
    let files = std::env::var("SNICIT_HOSTILE_FILES").ok();
    files.and_then(|files| files.parse().ok()).unwrap_or(300)
}

/// One to four damages.
fn damage(good: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    const SPECIAL: &[&[u8]] = &[
        b"\n",
        b"\t",
        b"\r\n",
        b"0",
        b"-",
        b"4294967295",
        b"99999999999999999999",
        b"1e39",
        b"nan",
        b"\0",
    ];
    let mut bytes = good.to_vec();
    let mut below = |bound: usize| ((u64::from(random.next_u32()) * bound.max(1) as u64) >> 32) as usize;
    for _ in 0..=below(4) {
        let at = below(bytes.len());
        match below(8) {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => bytes[at] ^= 1 << below(8),
            2 if at < bytes.len() => bytes[at] = below(256) as u8,
            3 => {
                let special = SPECIAL[below(SPECIAL.len())];
                bytes.splice(at..at, special.iter().copied());
            }
            4 => {
                // A number of a header, made large or small.
                let value = [0, 1, 0x7f, 0x80, 0xff][below(5)];
                let end = bytes.len().min(at + 1 + below(8));
                bytes[at..end].fill(value);
            }
            5 => {
                let end = bytes.len().min(at + below(64));
                bytes.drain(at..end);
            }
            6 => {
                let piece = bytes[at..bytes.len().min(at + below(64))].to_vec();
                let to = below(bytes.len());
                bytes.splice(to..to, piece);
            }
            _ => bytes.extend_from_slice(b"\n1\t1\t1"),
        }
    }
    bytes
}

/// Gives `read` damaged versions of `good` in the file `name`.
fn attack(name: &str, good: &[u8], read: impl Fn(&Path) -> bool) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    fs::write(&file, good).unwrap();
    assert!(read(&file), "{name}: the good file is refused");
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut accepted = 0;
    for i in 0..files() {
        let bad = damage(good, &mut random);
        fs::write(&file, &bad).unwrap();
        LARGEST_SEEN.store(0, Ordering::Relaxed);
        accepted += usize::from(read(&file));
        let largest = LARGEST_SEEN.load(Ordering::Relaxed);
        assert!(largest < LARGEST, "{name}, file {i}: {largest} bytes for {}", bad.len());
    }
    let _ = writeln!(std::io::stderr(), "{name}: {} damaged files, {accepted} still readable", files());
}

/// One test after the other, because of the allocator.
#[test]
fn no_reader_panics_or_takes_much_memory() {
    let folder = tempfile::tempdir().unwrap();
    let network = radixnet::generate(32, 2, -0.3, 1, &|_| ()).unwrap();
    sdgc::write_network(folder.path(), &network, &|_| ()).unwrap();
    let layer = fs::read(folder.path().join("n32-l1.tsv")).unwrap();
    let layer = &layer[..layer.len() / 8];
    let second = b"1\t1\t0.5\n32\t32\t-1.25e-3\n5\t2\t7\n";
    let read_layer =
        |file: &Path| sdgc::read_network(file.parent().unwrap(), 32, 1, -0.3, &|_| ()).is_ok();
    attack("n32-l1.tsv", layer, read_layer);
    attack("n32-l1.tsv", second, read_layer);
    attack("n32-l1.tsv.gz", &gzip(layer), read_layer);

    let archive = tar(&[("neuron32/n32-l1.tsv", layer), ("neuron32/n32-l2.tsv", second)]);
    let read_archive = |file: &Path| {
        let _ = sdgc::count_layer_files(file, 32);
        sdgc::read_network(file, 32, 2, -0.3, &|_| ()).is_ok()
    };
    attack("net.tar", &archive, read_archive);
    attack("net.tar.gz", &gzip(&archive), read_archive);

    let images = b"1\t1\t1\n1\t30\t1\n2\t7\t1\n5\t9\t1\n7\t1\t0.5\n";
    let read_inputs = |file: &Path| {
        let _ = sdgc::read_inputs(file, 32, Some(7));
        sdgc::read_inputs(file, 32, None).is_ok()
    };
    attack("images.tsv", images, read_inputs);
    attack("images.tsv.gz", &gzip(images), read_inputs);
    attack("categories.tsv", b"1\n7\n30\n", |file| sdgc::read_categories(file).is_ok());

    let pixels = (0..60).map(|i| i as u8);
    let idx: Vec<u8> = [0x803_u32, 3, 4, 5].iter().flat_map(|n| n.to_be_bytes()).chain(pixels).collect();
    attack("images-idx3-ubyte", &idx, |file| mnist::read_images(file).is_ok());
    attack("images-idx3-ubyte.gz", &gzip(&idx), |file| mnist::read_images(file).is_ok());

    let labels = [0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1];
    attack("labels-idx1-ubyte", &labels, |file| mnist::read_labels(file).is_ok());

    let net = folder.path().join("net.safetensors");
    model::write_safetensors(&net, &network, Some("net")).unwrap();
    let net = fs::read(&net).unwrap();
    attack("net.safetensors", &net, |file| model::read_safetensors(file).is_ok());

    // Cache files: whatever is in them, what comes out is what the source holds.
    let cache = Cache::new(folder.path().join("cache"));
    let from_cache = || {
        let cached = cache.network(folder.path(), 32, 2, -0.3, &|_| ()).unwrap();
        assert!(
            cached.value.layers().iter().zip(network.layers()).all(|(a, b)| a.weights() == b.weights())
        );
        cached.from_cache
    };
    assert!(!from_cache() && from_cache());
    let file = cache.entries().unwrap()[0].file.clone();
    let good = fs::read(&file).unwrap();
    attack("cache", &good, |damaged| {
        fs::copy(damaged, &file).unwrap();
        cache.entries().unwrap();
        from_cache()
    });
    let source = folder.path().join("images.tsv");
    fs::write(&source, images).unwrap();
    let expected = sdgc::read_inputs(&source, 32, None).unwrap();
    let cache = Cache::new(folder.path().join("cache-of-inputs"));
    let from_cache = || {
        let cached = cache.inputs(&source, 32, None).unwrap();
        assert_eq!(cached.value, expected);
        cached.from_cache
    };
    assert!(!from_cache() && from_cache());
    let file = cache.entries().unwrap()[0].file.clone();
    let good = fs::read(&file).unwrap();
    attack("cache of inputs", &good, |damaged| {
        fs::copy(damaged, &file).unwrap();
        from_cache()
    });
}
