//! What the fuzz targets do with bytes: give them to a reader as a file.
//!
//! A reader must read or refuse, without a panic and without an allocation that the file does not account for
//! (libFuzzer's `-malloc_limit_mb`). What was read is written and read again, where that must give the same.

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};

use snicit_data::arrays::{self, NpzReader};
use snicit_data::cache::Cache;
use snicit_data::{matrices, mnist, model, radixnet, sdgc};
use tempfile::TempDir;

/// Neurons of the layers that are read.
pub const NEURONS: usize = 32;

thread_local! {
    static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
}

/// A folder that lives as long as the process, in memory where there is such a place.
fn folder() -> PathBuf {
    FOLDER.with(|folder| {
        let make = || {
            let memory = Path::new("/dev/shm");
            let made = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
            made.expect("a temporary folder")
        };
        folder.get_or_init(make).path().to_owned()
    })
}

/// `bytes` as the file `name`.
fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let file = folder().join(name);
    fs::write(&file, bytes).expect("a temporary file");
    file
}

/// A layer of the challenge, plain or gzip.
pub fn layer(bytes: &[u8]) {
    file("n32-l1.tsv", bytes);
    let _ = sdgc::read_network(&folder(), NEURONS, 1, -0.3, &|_| ());
}

/// A tar archive of layers, plain or gzip.
pub fn archive(bytes: &[u8]) {
    let archive = file("neuron32.tar", bytes);
    let _ = sdgc::count_layer_files(&archive, NEURONS);
    let _ = sdgc::read_network(&archive, NEURONS, 2, -0.3, &|_| ());
}

/// The challenge's inputs.
pub fn inputs(bytes: &[u8]) {
    let images = file("images.tsv", bytes);
    let _ = sdgc::read_inputs(&images, NEURONS, Some(7));
    if let Ok(inputs) = sdgc::read_inputs(&images, NEURONS, None) {
        let again = folder().join("again.tsv");
        sdgc::write_inputs(&again, &inputs).expect("can be written");
        // Zeros that were written out are gone; a file without lines is refused.
        if let Ok(read) = sdgc::read_inputs(&again, NEURONS, Some(inputs.len())) {
            for input in 0..inputs.len() {
                let mut values = [vec![], vec![]];
                inputs.for_each_nonzero(input, |feature, value| values[0].push((feature, value)));
                read.for_each_nonzero(input, |feature, value| values[1].push((feature, value)));
                assert_eq!(values[0], values[1], "input {input}");
            }
        }
    }
}

/// Categories.
pub fn categories(bytes: &[u8]) {
    let _ = sdgc::read_categories(&file("categories.tsv", bytes));
}

/// IDX images, labels and arrays.
pub fn idx(bytes: &[u8]) {
    let idx = file("images-idx3-ubyte", bytes);
    let _ = mnist::read_images(&idx);
    let _ = mnist::read_labels(&idx);
    if let Ok(array) = arrays::read_idx(&idx) {
        same_array(&array, "again.idx", arrays::write_idx, arrays::read_idx);
    }
}

/// Text that was packed, whatever becomes of it: the bytes are what gzip unpacks to.
pub fn gzip(bytes: &[u8]) {
    let packed = [b"\x1f\x8b", bytes].concat();
    let _ = sdgc::read_categories(&file("categories.tsv", &packed));
    let _ = arrays::read_npy(&file("a.npy", &packed));
}

/// Matrix Market.
pub fn matrix_market(bytes: &[u8]) {
    if let Ok(read) = matrices::read_matrix_market(&file("w.mtx", bytes)) {
        let again = folder().join("again.mtx");
        matrices::write_matrix_market(&again, &read.value).expect("can be written");
        let read_again = matrices::read_matrix_market(&again).expect("can be read again");
        assert_eq!((read_again.value, read_again.rounded), (read.value, 0));
    }
}

/// A single array, and what it can become.
pub fn npy(bytes: &[u8]) {
    if let Ok(array) = arrays::read_npy(&file("a.npy", bytes)) {
        convert(&array);
        same_array(&array, "again.npy", arrays::write_npy, arrays::read_npy);
    }
}

/// An archive of arrays.
pub fn npz(bytes: &[u8]) {
    let Ok(mut archive) = NpzReader::open(&file("a.npz", bytes)) else { return };
    for name in archive.names() {
        if let Ok(array) = archive.read(&name) {
            convert(&array);
        }
    }
}

/// A sparse matrix of scipy.
pub fn scipy(bytes: &[u8]) {
    if let Ok(read) = matrices::read_scipy(&file("w.npz", bytes)) {
        let again = folder().join("again.npz");
        matrices::write_scipy(&again, &read.value, arrays::Packing::Stored).expect("can be written");
        assert_eq!(matrices::read_scipy(&again).expect("can be read again").value, read.value);
    }
}

/// A network.
pub fn safetensors(bytes: &[u8]) {
    if let Ok(read) = model::from_safetensors(Path::new("fuzzed"), bytes) {
        let again = folder().join("again.safetensors");
        let name = read.name.as_deref();
        model::write_safetensors(&again, &read.network, name).expect("can be written");
        let back = model::read_safetensors(&again).expect("can be read again");
        for (a, b) in read.network.layers().iter().zip(back.network.layers()) {
            assert_eq!((a.weights(), a.activation()), (b.weights(), b.activation()));
        }
    }
}

/// A cache file: whatever is in it, what comes out is what the source holds.
pub fn cache(bytes: &[u8]) {
    thread_local! {
        static SOURCE: OnceCell<(Cache, PathBuf, snicit::Network)> = const { OnceCell::new() };
    }
    SOURCE.with(|source| {
        let (cache, entry, network) = source.get_or_init(|| {
            let network = radixnet::generate(NEURONS, 2, -0.3, 1, &|_| ()).expect("a network");
            let source = folder().join("source");
            sdgc::write_network(&source, &network, &|_| ()).expect("can be written");
            let cache = Cache::new(folder().join("cache"));
            cache.network(&source, NEURONS, 2, -0.3, &|_| ()).expect("can be read");
            let entry = cache.entries().expect("a cache")[0].file.clone();
            (cache, entry, network)
        });
        // A good file has the identities of the source's files, which every process makes anew.
        let bytes = if bytes.is_empty() { fs::read(entry).expect("the entry") } else { bytes.to_vec() };
        fs::write(entry, bytes).expect("a cache file");
        let _ = cache.entries();
        let source = folder().join("source");
        let cached = cache.network(&source, NEURONS, 2, -0.3, &|_| ()).expect("the source is good");
        for (a, b) in cached.value.layers().iter().zip(network.layers()) {
            assert_eq!(a.weights(), b.weights());
        }
    });
}

/// Values, separated by commas.
pub fn csv(bytes: &[u8]) {
    if let Ok(read) = arrays::read_csv(&file("a.csv", bytes)) {
        convert(&read.value);
        let again = folder().join("again.csv");
        arrays::write_csv(&again, &read.value).expect("can be written");
        assert_eq!(arrays::read_csv(&again).expect("can be read again").value, read.value);
    }
}

/// The description of a network in a folder of matrices.
pub fn description(bytes: &[u8]) {
    file("network.toml", bytes);
    file("layer-1.mtx", b"%%MatrixMarket matrix coordinate real general\n2 2 1\n1 2 0.5\n");
    let _ = matrices::read_network(&folder(), &|_| ());
}

fn convert(array: &arrays::Array) {
    let _ = array.to_f32();
    let _ = array.to_inputs();
    let _ = array.to_labels();
}

/// What was read, written and read again must be the same bytes: numbers need not equal themselves.
fn same_array(
    array: &arrays::Array,
    name: &str,
    write: impl Fn(&Path, &arrays::Array) -> Result<(), snicit_data::DataError>,
    read: impl Fn(&Path) -> Result<arrays::Array, snicit_data::DataError>,
) {
    let again = folder().join(name);
    write(&again, array).expect("can be written");
    let first = fs::read(&again).expect("was written");
    write(&again, &read(&again).expect("can be read again")).expect("can be written");
    assert_eq!(fs::read(&again).expect("was written"), first);
}
