//! Writes a few good files for each target into `corpus/`, for the fuzzer to begin with.

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::{Compression, write::GzEncoder};
use snicit::{Activation, Bias, Layer, Network};
use snicit_data::arrays::{self, Array, Packing, Values};
use snicit_data::cache::Cache;
use snicit_data::{matrices, model, radixnet, sdgc};
use snicit_fuzz::NEURONS;

fn main() -> Result<(), Box<dyn Error>> {
    let corpus = Path::new("corpus");
    let seed = |target: &str, name: &str, bytes: &[u8]| -> std::io::Result<()> {
        fs::create_dir_all(corpus.join(target))?;
        fs::write(corpus.join(target).join(format!("seed-{name}")), bytes)
    };
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);

    let network = radixnet::generate(NEURONS, 2, -0.3, 1, &|_| ())?;
    sdgc::write_network(&at("net"), &network, &|_| ())?;
    let text = fs::read(at("net/n32-l1.tsv"))?;
    let layer =
        &text[..text.iter().enumerate().filter(|(_, b)| **b == b'\n').nth(12).map_or(0, |(i, _)| i + 1)];
    let second = b"1\t1\t0.5\n32\t32\t-1.25e-3\n5\t2\t7\n";
    seed("layer", "official", layer)?;
    seed("layer", "mixed", second)?;
    seed("layer", "gzip", &gzip(layer)?)?;
    let archive = tar(&[("neuron32/n32-l1.tsv", layer), ("neuron32/n32-l2.tsv", second)])?;
    seed("archive", "plain", &archive)?;
    seed("archive", "gzip", &gzip(&archive)?)?;
    seed("inputs", "bits", b"1\t1\t1\n1\t30\t1\n2\t7\t1\n5\t9\t1\n")?;
    seed("inputs", "values", b"1\t1\t1\n7\t1\t0.5\r\n2\t3\t-1e-3\n")?;
    seed("categories", "good", b"1\n7\n30\n")?;
    seed("gzip", "text", &gzip(b"1\n7\n30\n")?[2..])?;

    let pixels: Vec<u8> = (0..60).collect();
    let idx: Vec<u8> = [0x803_u32, 3, 4, 5].iter().flat_map(|n| n.to_be_bytes()).chain(pixels).collect();
    seed("idx", "images", &idx)?;
    seed("idx", "labels", b"\0\0\x08\x01\0\0\0\x03\x07\x02\x01")?;
    seed("idx", "floats", b"\0\0\x0d\x01\0\0\0\x02\x3f\x80\0\0\x3f\0\0\0")?;

    const BANNER: &str = "%%MatrixMarket matrix coordinate";
    for (name, text) in [
        ("real", "real general\n% comment\n3 4 3\n1 2 0.5\n3 4 -1e-3\n2 1 7\n"),
        ("pattern", "pattern symmetric\n3 3 2\n2 1\n3 3\n"),
        ("skew", "integer skew-symmetric\n3 3 1\n2 1 5\n"),
    ] {
        seed("matrix_market", name, format!("{BANNER} {text}").as_bytes())?;
    }

    for values in [
        Values::F32(vec![0.5, -1.0, 2.0, 0.0, 1e-3, 7.0]),
        Values::F64(vec![0.1; 6]),
        Values::I64(vec![1, -2, 3, 4, 5, 6]),
        Values::Bool(vec![true, false, true, false, true, true]),
        Values::U8(vec![1, 2, 3, 4, 5, 6]),
    ] {
        let array = Array::new(vec![2, 3], values)?;
        let name = array.values().type_name();
        arrays::write_npy(&at("a.npy"), &array)?;
        seed("npy", name, &fs::read(at("a.npy"))?)?;
        for packing in [Packing::Stored, Packing::Deflated] {
            arrays::write_npz(&at("a.npz"), &[("a", &array), ("b", &array)], packing)?;
            seed("npz", &format!("{name}-{packing:?}"), &fs::read(at("a.npz"))?)?;
        }
    }
    let weights = network.layers()[0].weights();
    for packing in [Packing::Stored, Packing::Deflated] {
        matrices::write_scipy(&at("w.npz"), weights, packing)?;
        seed("scipy", &format!("{packing:?}"), &fs::read(at("w.npz"))?)?;
    }
    let bias = Bias::PerNeuron((0..NEURONS).map(|j| j as f32).collect());
    let layer = Layer::new(weights.clone(), bias, Activation::Identity)?;
    for (name, network) in [("generated", network.clone()), ("one", Network::new([layer])?)] {
        model::write_safetensors(&at("n.safetensors"), &network, Some(name))?;
        seed("safetensors", name, &fs::read(at("n.safetensors"))?)?;
    }
    let cache = Cache::new(at("cache"));
    cache.network(&at("net"), NEURONS, 2, -0.3, &|_| ())?;
    seed("cache", "network", &fs::read(&cache.entries()?[0].file)?)?;
    seed("csv", "values", b"0.5,1,-2e-3\n0,0,7\n")?;
    seed(
        "description",
        "one",
        b"format = \"snicit-network\"\nversion = 1\nname = \"n\"\n\n[[layers]]\nweights = \"layer-1.mtx\"\n\
          activation = \"relu:32\"\nbias = -0.3\n",
    )?;
    println!("seeds are in corpus/");
    Ok(())
}

fn gzip(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content)?;
    encoder.finish()
}

fn tar(files: &[(&str, &[u8])]) -> std::io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *content)?;
    }
    builder.into_inner()
}
