//! Fetching from servers that behave and from servers that do not.

#![allow(clippy::unwrap_used, reason = "also in the helpers of the tests")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use common::server::{Answer, Server};
use common::{gzip, tar};
use snicit_data::fetch::{Fetched, Fetcher, MNIST_FILES};
use snicit_data::{DataError, radixnet, sdgc};

mod common;

const NEURONS: usize = 32;
const LAYERS: usize = 120;

/// The official archive's like: 120 layers of 32 neurons.
fn layers() -> Vec<(String, Vec<u8>)> {
    let folder = tempfile::tempdir().unwrap();
    let network = radixnet::generate(NEURONS, LAYERS, -0.3, 1, &|_| ()).unwrap();
    sdgc::write_network(folder.path(), &network, &|_| ()).unwrap();
    let layer = |layer| {
        let name = format!("n32-l{layer}.tsv");
        let text = fs::read(folder.path().join(&name)).unwrap();
        (format!("neuron32/{name}"), text)
    };
    (1..=LAYERS).map(layer).collect()
}

fn archive(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|(name, text)| (name.as_str(), text.as_slice())).collect();
    gzip(&tar(&files))
}

fn fetcher(folder: &Path, address: &str) -> Fetcher {
    Fetcher::new(folder, address).with_pause(Duration::from_millis(1))
}

fn network(folder: &Path, address: &str) -> Result<Fetched, String> {
    let fetched = fetcher(folder, address).sdgc_network(NEURONS, &|_, _| ());
    fetched.map_err(|error: DataError| error.to_string().replace(address, "http://server"))
}

/// What is in the folder, apart from good files.
fn left_over(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name != "neuron32").collect();
    names.sort();
    names
}

fn assert_complete(folder: &Path) {
    let read = sdgc::read_network(&folder.join("neuron32"), NEURONS, LAYERS, -0.3, &|_| ()).unwrap();
    let made = radixnet::generate(NEURONS, LAYERS, -0.3, 1, &|_| ()).unwrap();
    assert!(read.layers().iter().zip(made.layers()).all(|(a, b)| a.weights() == b.weights()));
    assert_eq!(left_over(folder), [""; 0]);
}

#[test]
fn a_network_comes_unpacked() {
    let content = archive(&layers());
    let length = content.len() as u64;
    let server = Server::new(move |request| Answer::to(request, &content));
    let folder = tempfile::tempdir().unwrap();
    let progress = std::cell::Cell::new((0, None));
    let fetch = |force: bool| {
        let fetcher = fetcher(folder.path(), &server.address).replacing(force);
        fetcher.sdgc_network(NEURONS, &|bytes, total| progress.set((bytes, total))).unwrap()
    };
    assert_eq!(fetch(false), Fetched::New);
    assert_eq!(progress.get(), (length, Some(length)));
    assert_eq!(server.requests()[0].path, "/dnn/neuron32.tar.gz");
    assert_complete(folder.path());
    assert_eq!(fetch(false), Fetched::AlreadyThere);
    fs::remove_file(folder.path().join("neuron32/n32-l7.tsv")).unwrap();
    assert_eq!(fetch(true), Fetched::New);
    assert_complete(folder.path());
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn connections_that_are_cut_are_taken_up_again() {
    let content = archive(&layers());
    let piece = content.len() / 10;
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(move |request| Answer::to(request, &content).cut_after(piece));
    assert_eq!(network(folder.path(), &server.address), Ok(Fetched::New));
    assert_complete(folder.path());
    let requests = server.requests();
    assert!(requests.len() >= 10);
    assert!(requests[1..].iter().all(|request| request.from.unwrap() <= piece * request.number));
}

#[test]
fn a_server_without_ranges_sends_all_again() {
    let content = archive(&layers());
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(move |request| {
        let cut = [content.len() / 3, content.len() / 2, content.len() / 4, content.len()];
        Answer::whole(&content).cut_after(cut[request.number.min(3)])
    });
    assert_eq!(network(folder.path(), &server.address), Ok(Fetched::New));
    assert_complete(folder.path());
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn the_next_run_goes_on() {
    let content = archive(&layers());
    let (half, all) = (content.len() / 2, content.clone());
    let folder = tempfile::tempdir().unwrap();
    let dying = Server::new(move |request| match request.number {
        0 => Answer::to(request, &all).cut_after(half),
        _ => Answer::status("503 Service Unavailable"),
    });
    let error = network(folder.path(), &dying.address).unwrap_err();
    let expected = "http://server/dnn/neuron32.tar.gz: could not be fetched: the server answers 503 \
                    Service Unavailable (6 tries); the same command resumes it";
    assert_eq!(error, expected);
    assert_eq!(left_over(folder.path()), ["neuron32.tar.gz.part", "neuron32.tar.gz.part-note"]);

    // Another address is another file; the same address in the note would be resumed.
    let note = folder.path().join("neuron32.tar.gz.part-note");
    let text = fs::read_to_string(&note).unwrap();
    let server = Server::new(move |request| Answer::to(request, &content));
    fs::write(&note, text.replace(&dying.address, &server.address)).unwrap();
    assert_eq!(network(folder.path(), &server.address), Ok(Fetched::New));
    assert_eq!(server.requests()[0].from, Some(half));
    assert_complete(folder.path());
}

#[test]
fn a_file_that_changes_is_not_mixed() {
    let old = archive(&layers()[..1]);
    let content = archive(&layers());
    let folder = tempfile::tempdir().unwrap();
    let half = old.len() / 2;
    let server = Server::new(move |request| match request.number {
        0 => Answer::whole(&old).cut_after(half),
        // The range is of a version that is no longer there.
        _ => {
            let mut answer = Answer::whole(&content);
            answer.headers[1] = "ETag: \"two\"".to_owned();
            answer
        }
    });
    let error = network(folder.path(), &server.address).unwrap_err();
    assert!(error.ends_with("the file on the server changed meanwhile; the same command starts over"));
    assert_eq!(left_over(folder.path()), [""; 0]);
    assert_eq!(network(folder.path(), &server.address), Ok(Fetched::New));
    assert_complete(folder.path());
}

#[test]
fn what_is_wrong_is_said_in_one_sentence() {
    let good = layers();
    let content = archive(&good);
    let flip = |at: usize| {
        let mut flipped = content.clone();
        flipped[at] ^= 0x10;
        flipped
    };
    let mut short_layer = good.clone();
    let cut = short_layer[4].1.len() - "32\t32\t6.250000e-02\n".len();
    short_layer[4].1.truncate(cut);
    let mut bad_line = good.clone();
    bad_line[4].1[0] = b'x';
    let cut_archive = content[..content.len() - 20].to_vec();
    let unwanted = "http://server/dnn/neuron32.tar.gz: what was fetched is wrong and was removed: ";
    let table: Vec<(Vec<u8>, String)> = vec![
        // In the checksum, and where it makes other text.
        (flip(content.len() - 6), "the packed data are corrupt: ".to_owned()),
        (flip(content.len() / 2), String::new()),
        (cut_archive, "the packed data end too early".to_owned()),
        (b"<html>no such file</html>".to_vec(), "the packed data ".to_owned()),
        (gzip(b"no archive"), "the packed data ".to_owned()),
        (archive(&good[..119]), "layer 120 is missing; there are 119 layers".to_owned()),
        (archive(&short_layer), "n32-l5.tsv has 1023 connections, expected 1024".to_owned()),
        (archive(&bad_line), "n32-l5.tsv, line 1: input neuron is \"x\", expected 1 to 32".to_owned()),
        (vec![], "the packed data ".to_owned()),
    ];
    for (bad, expected) in table {
        let folder = tempfile::tempdir().unwrap();
        let good = content.clone();
        let server = Server::new(move |request| {
            Answer::to(request, if request.number == 0 { &bad } else { &good })
        });
        let error = network(folder.path(), &server.address).unwrap_err();
        // An empty archive lacks all layers.
        let missing = error.contains("layer 1 is missing");
        assert!(error.starts_with(&format!("{unwanted}{expected}")) || missing, "{error}");
        assert_eq!(left_over(folder.path()), [""; 0], "{error}");
        assert!(!folder.path().join("neuron32").exists());
        assert_eq!(network(folder.path(), &server.address), Ok(Fetched::New), "{error}");
        assert_complete(folder.path());
    }
}

#[test]
fn servers_that_refuse_or_lie() {
    let content = archive(&layers());
    let folder = tempfile::tempdir().unwrap();
    let refused = |answer: fn(&[u8]) -> Answer| {
        let content = content.clone();
        let server = Server::new(move |_| answer(&content));
        let error = network(folder.path(), &server.address).unwrap_err();
        error
            .strip_prefix("http://server/dnn/neuron32.tar.gz: could not be fetched: ")
            .unwrap()
            .to_owned()
    };
    assert_eq!(refused(|_| Answer::status("404 Not Found")), "the server answers 404 Not Found");
    assert_eq!(refused(|_| Answer::status("403 Forbidden")), "the server answers 403 Forbidden");
    assert_eq!(left_over(folder.path()), [""; 0]);
    // It names more bytes than it has.
    let error = refused(|content| {
        let mut answer = Answer::whole(content);
        answer.headers[0] = format!("Content-Length: {}", content.len() + 1);
        answer
    });
    assert!(error.ends_with("(6 tries); the same command resumes it"), "{error}");
    assert!(!folder.path().join("neuron32").exists());

    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = network(folder.path(), &format!("http://{closed}")).unwrap_err();
    assert!(error.contains("could not be fetched: ") && error.contains("resumes it"), "{error}");
    let error = network(folder.path(), "http://nowhere.invalid").unwrap_err();
    assert!(error.contains("is this machine offline?"), "{error}");
}

#[test]
fn inputs_and_truth_come_checked() {
    let folder = tempfile::tempdir().unwrap();
    let images: String = (1..=sdgc::INPUTS).map(|image| format!("{image}\t1\t1\n")).collect();
    let server = Server::new(move |request| {
        Answer::to(
            request,
            &match request.path.as_str() {
                "/mnist/sparse-images-32.tsv.gz" => gzip(images.as_bytes()),
                "/mnist/sparse-images-1024.tsv.gz" => gzip(images.as_bytes()),
                "/mnist/sparse-images-64.tsv.gz" => gzip(b"60001\t1\t1\n"),
                "/dnn/neuron32-l120-categories.tsv" => b"3\n5\n".to_vec(),
                "/dnn/neuron1024-l120-categories.tsv" => b"3\n5\n".to_vec(),
                _ => b"5\n3\n".to_vec(),
            },
        )
    });
    let fetcher = fetcher(folder.path(), &server.address);
    let shown = |result: Result<Fetched, DataError>| {
        let error = result.unwrap_err().to_string();
        error.rsplit_once("removed: ").unwrap().1.to_owned()
    };
    assert_eq!(fetcher.sdgc_images(32, &|_, _| ()).unwrap(), Fetched::New);
    let read = sdgc::read_inputs(&folder.path().join("sparse-images-32.tsv"), 32, None).unwrap();
    assert_eq!(read.len(), sdgc::INPUTS);
    assert_eq!(
        shown(fetcher.sdgc_images(1024, &|_, _| ())),
        "60000 features are 1, expected about 6373995"
    );
    assert_eq!(
        shown(fetcher.sdgc_images(64, &|_, _| ())),
        "line 1: image is 60001, expected 1 to 60000"
    );
    assert_eq!(fetcher.sdgc_truth(32, 120, &|_, _| ()).unwrap(), Fetched::New);
    assert_eq!(
        shown(fetcher.sdgc_truth(1024, 120, &|_, _| ())),
        "there are 2 categories, expected 1812"
    );
    assert_eq!(
        shown(fetcher.sdgc_truth(64, 120, &|_, _| ())),
        "line 2: category is 3, expected more than 5, the category before it"
    );
}

#[test]
fn mnist_comes_checked() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(|request| Answer::to(request, &gzip(&[0; 10_008])));
    let error = fetcher(folder.path(), &server.address).mnist(&MNIST_FILES[3], &|_, _| ()).unwrap_err();
    assert!(error.to_string().contains("removed: its SHA-256 is "), "{error}");
    let error = fetcher(folder.path(), &server.address).mnist(&MNIST_FILES[1], &|_, _| ()).unwrap_err();
    assert!(error.to_string().ends_with("it has 10008 bytes, expected 60008"), "{error}");
    assert_eq!(left_over(folder.path()), [""; 0]);

    let Some(mnist) = common::shared("mnist_comes_checked", "mnist") else { return };
    let server = Server::new(move |request| {
        Answer::to(request, &fs::read(mnist.join(request.path.trim_start_matches('/'))).unwrap())
    });
    for file in &MNIST_FILES {
        let fetched = fetcher(folder.path(), &server.address).mnist(file, &|_, _| ());
        assert_eq!(fetched.unwrap(), Fetched::New);
        assert_eq!(folder.path().join(file.name).metadata().unwrap().len(), file.bytes);
    }
}

#[test]
fn cifar10_comes_checked() {
    let batch = vec![0; 30_730_000];
    let mut names: Vec<String> = (1..=5).map(|i| format!("data_batch_{i}.bin")).collect();
    names.push("test_batch.bin".to_owned());
    let pack = |names: &[String], batch: &[u8]| {
        let paths: Vec<String> = names.iter().map(|n| format!("cifar-10-batches-bin/{n}")).collect();
        let files: Vec<(&str, &[u8])> = paths.iter().map(|path| (path.as_str(), batch)).collect();
        gzip(&tar(&files))
    };
    let fetch = |content: Vec<u8>| {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::new(move |request| Answer::to(request, &content));
        let fetched = fetcher(folder.path(), &server.address).cifar10(&|_, _| ());
        fetched.map(|_| folder.path().join("cifar-10-batches-bin/test_batch.bin").exists())
    };
    assert!(fetch(pack(&names, &batch)).unwrap());
    let error = fetch(pack(&names[..5], &batch)).unwrap_err().to_string();
    assert!(error.ends_with("removed: test_batch.bin is missing"), "{error}");
    let error = fetch(pack(&names[..1], &batch[1..])).unwrap_err().to_string();
    assert!(error.ends_with("data_batch_1.bin has 30729999 bytes, expected 30730000"), "{error}");
    let mut bad = batch;
    bad[3073] = 10;
    let error = fetch(pack(&names[..1], &bad)).unwrap_err().to_string();
    assert!(error.ends_with("data_batch_1.bin, image 2: label is 10, expected 0 to 9"), "{error}");
}
