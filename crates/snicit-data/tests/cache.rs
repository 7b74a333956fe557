//! What comes from the cache is what was read, whatever happens to its files.

#![allow(clippy::unwrap_used, reason = "also in the helpers of the tests")]

use std::fs;
use std::path::{Path, PathBuf};

use snicit::{Inputs, Network};
use snicit_data::cache::{Cache, Cached, State};
use snicit_data::{radixnet, sdgc};
use tempfile::TempDir;

mod common;

const NEURONS: usize = 64;
const LAYERS: usize = 5;

struct Place {
    folder: TempDir,
    cache: Cache,
    network: Network,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let network = radixnet::generate(NEURONS, LAYERS, -0.25, 1, &|_| ()).unwrap();
        sdgc::write_network(&folder.path().join("net"), &network, &|_| ()).unwrap();
        let cache = Cache::new(folder.path().join("cache"));
        Place { folder, cache, network }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn network(&self, layers: usize) -> Cached<Network> {
        self.cache.network(&self.path("net"), NEURONS, layers, -0.25, &|_| ()).unwrap()
    }

    /// Asserts that the first `layers` layers are right, and gives the notes if they were read anew.
    fn notes(&self, layers: usize) -> Option<Vec<String>> {
        let cached = self.network(layers);
        assert_same(&cached.value, &self.network.truncated(layers));
        assert!(!cached.from_cache || cached.notes.is_empty());
        (!cached.from_cache).then_some(cached.notes)
    }

    /// The one file of the cache.
    fn cache_file(&self) -> PathBuf {
        let entries = self.cache.entries().unwrap();
        assert_eq!(entries.len(), 1, "{entries:?}");
        entries[0].file.clone()
    }
}

fn assert_same(a: &Network, b: &Network) {
    assert_eq!(a.layers().len(), b.layers().len());
    for (a, b) in a.layers().iter().zip(b.layers()) {
        assert_eq!(a.weights(), b.weights());
        assert_eq!((a.bias(), a.activation()), (b.bias(), b.activation()));
    }
}

/// Changes a file and makes sure that this shows, also where times are coarse.
fn change(file: &Path, content: &[u8]) {
    let before = fs::metadata(file).map(|facts| facts.modified().unwrap());
    loop {
        fs::write(file, content).unwrap();
        if before.as_ref().ok() != Some(&fs::metadata(file).unwrap().modified().unwrap()) {
            return;
        }
    }
}

#[test]
fn the_second_time_it_comes_from_the_cache() {
    let place = Place::new();
    assert_eq!(place.notes(3), Some(vec![]));
    assert_eq!(place.notes(3), None);
    // More layers than there are: read, and then all of them are there.
    assert_eq!(place.notes(5), Some(vec![]));
    for layers in 1..=5 {
        assert_eq!(place.notes(layers), None);
    }
    // Another bias is another preparation.
    let other = place.cache.network(&place.path("net"), NEURONS, 5, -0.5, &|_| ()).unwrap();
    assert!(!other.from_cache);
    assert_eq!(place.cache.entries().unwrap().len(), 2);
    assert!(place.cache.network(&place.path("absent"), NEURONS, 5, -0.5, &|_| ()).is_err());
    assert!(place.cache.network(&place.path("net"), NEURONS, 6, -0.5, &|_| ()).is_err());
}

#[test]
fn changed_layers_are_noticed() {
    let mut place = Place::new();
    place.notes(5);
    let layer = place.path("net/n64-l4.tsv");
    let mut text = fs::read_to_string(&layer).unwrap();
    // Of the same length.
    text.replace_range(text.len() - 13.., "1.250000e-01\n");
    change(&layer, text.as_bytes());
    assert_eq!(place.notes(3), None, "the first three are as they were");
    let notes = {
        let cached = place.network(5);
        assert!(!cached.from_cache);
        assert_eq!(cached.value.layers()[3].weights().values().last(), Some(&0.125));
        place.network = cached.value;
        cached.notes
    };
    let expected =
        format!("the cache is out of date and was made anew: {}", place.cache_file().display());
    assert_eq!(notes, [expected]);
    assert_eq!(place.notes(5), None);
}

#[test]
fn archives_are_cached() {
    let place = Place::new();
    let files: Vec<(String, Vec<u8>)> = (1..=LAYERS)
        .map(|layer| {
            let name = format!("n64-l{layer}.tsv");
            let text = fs::read(place.path("net").join(&name)).unwrap();
            (name, text)
        })
        .collect();
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|(name, text)| (name.as_str(), text.as_slice())).collect();
    let archive = place.path("net.tar.gz");
    change(&archive, &common::gzip(&common::tar(&files)));
    let read = || place.cache.network(&archive, NEURONS, LAYERS, -0.25, &|_| ()).unwrap();
    assert!(!read().from_cache);
    let cached = read();
    assert!(cached.from_cache);
    assert_same(&cached.value, &place.network);
    change(&archive, &common::tar(&files));
    let cached = read();
    assert_eq!((cached.from_cache, cached.notes.len()), (false, 1));
}

#[test]
fn inputs_are_cached() {
    let place = Place::new();
    let file = place.path("images.tsv");
    let read = |count| place.cache.inputs(&file, 70, count).unwrap();
    let wide: String = (1..=30_000).map(|image| format!("{image}\t{}\t1\n", image % 70 + 1)).collect();
    for (text, bits) in [("1\t70\t1\n3\t2\t1\n", true), ("1\t70\t0.5\n3\t2\t1\n", false), (&wide, true)]
    {
        change(&file, text.as_bytes());
        let expected = sdgc::read_inputs(&file, 70, None).unwrap();
        let cached = read(None);
        assert_eq!((&cached.value, cached.from_cache), (&expected, false));
        let cached = read(None);
        assert_eq!((&cached.value, cached.from_cache), (&expected, true));
        assert_eq!(matches!(cached.value, Inputs::Bits(_)), bits);
    }
    // The number of inputs is another preparation.
    assert_eq!(read(Some(40_000)).value.len(), 40_000);
    assert!(read(Some(40_000)).from_cache);
    assert!(read(None).from_cache);
}

#[test]
fn damaged_files_are_made_anew() {
    let mut place = Place::new();
    // Small, so that every byte can be damaged.
    for layer in 1..=2 {
        change(&place.path(&format!("net/n64-l{layer}.tsv")), b"1\t2\t0.5\n64\t3\t0.25\n");
    }
    place.network = sdgc::read_network(&place.path("net"), NEURONS, 2, -0.25, &|_| ()).unwrap();
    place.notes(2);
    let file = place.cache_file();
    let good = fs::read(&file).unwrap();
    let mut damaged = 0;
    let mut check = |content: &[u8]| {
        fs::write(&file, content).unwrap();
        if let Some(notes) = place.notes(2) {
            assert!(notes.len() == 1 && notes[0].ends_with(&format!("made anew: {}", file.display())));
            damaged += 1;
            assert_eq!(fs::read(&file).unwrap(), good);
        }
    };
    // Odd steps, so that every byte of a number gets its turn.
    for length in (0..good.len()).step_by(5) {
        check(&good[..length]);
    }
    for at in (0..good.len()).step_by(3) {
        let mut flipped = good.clone();
        flipped[at] ^= 1 << (at % 8);
        check(&flipped);
    }
    check(&[good.as_slice(), b"x"].concat());
    // All but the bytes between the sections, which nobody reads.
    let tried = good.len().div_ceil(5) + good.len().div_ceil(3) + 1;
    assert!(damaged > tried - 3 * 64 / 3, "{damaged} of {tried}");
    let mut other = good.clone();
    other[8] = 99;
    fs::write(&file, other).unwrap();
    assert!(place.notes(2).unwrap()[0].starts_with("the cache is of version 99 and was made anew"));
}

#[test]
fn a_cache_that_cannot_be_written_is_noted() {
    let place = Place::new();
    fs::write(place.path("cache"), "in the way").unwrap();
    let notes = place.notes(5).unwrap();
    // One of looking there, one of writing there.
    assert!(notes.last().unwrap().starts_with("nothing was cached: "), "{notes:?}");
}

#[test]
fn entries_are_listed_and_removed() {
    let place = Place::new();
    assert_eq!(place.cache.entries().unwrap(), []);
    assert_eq!(place.cache.clear().unwrap(), []);
    place.notes(5);
    let images = place.path("images.tsv");
    change(&images, b"1\t1\t1\n2\t1\t1\n");
    place.cache.inputs(&images, 64, None).unwrap();
    fs::write(place.path("cache/.snicit-abc.part"), "half").unwrap();
    fs::write(place.path("cache/notes.txt"), "not ours").unwrap();
    fs::write(place.path("cache/x.snicit-cache"), "damaged").unwrap();
    let states = || -> Vec<(State, String)> {
        place.cache.entries().unwrap().into_iter().map(|entry| (entry.state, entry.what)).collect()
    };
    let damaged = "it does not begin like a cache file";
    assert_eq!(
        states(),
        [
            (State::Temporary, "temporary file".to_owned()),
            (State::Current, "2 inputs, 64 features".to_owned()),
            (State::Current, "network, 64 neurons, 5 layers, bias -0.25".to_owned()),
            (State::Unusable, damaged.to_owned()),
        ]
    );
    change(&images, b"1\t1\t1\n");
    let removed: Vec<State> = place.cache.prune().unwrap().iter().map(|entry| entry.state).collect();
    assert_eq!(removed, [State::Stale, State::Unusable], "the temporary file may be in use");
    assert_eq!(states().len(), 2);
    assert_eq!(place.cache.clear().unwrap().len(), 2);
    assert_eq!(fs::read_dir(place.path("cache")).unwrap().count(), 1, "what is not ours stays");
}
