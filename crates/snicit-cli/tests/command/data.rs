use std::fs;
use std::io::Read;

use crate::support::Folder;

#[test]
fn files_are_not_written_over_without_force() {
    let folder = Folder::new();
    for line in ["data generate -l 2", "data digits --inputs 20", "data truth -l 2"] {
        folder.done(line);
        let refused = folder.run(line);
        refused.expect(2);
        assert!(refused.stderr.contains("--force"), "{line}: {}", refused.stderr);
        folder.done(&format!("{line} --force"));
    }
}

/// A truth belongs to the network and the inputs that were there; whatever replaces either says so, for all depths.
#[test]
fn a_truth_that_may_be_old_is_named() {
    let folder = Folder::new();
    folder.done("data generate -l 3");
    folder.done("data digits --inputs 20");
    folder.done("data truth -l 2");
    folder.done("data truth -l 3");
    for line in ["data generate -l 4 --force", "data digits --inputs 20 --force"] {
        let ran = folder.run(line);
        ran.expect(0);
        for layers in [2, 3] {
            let named =
                format!("neuron1024-l{layers}-categories.tsv may be the truth of another network or");
            assert!(ran.stderr.contains(&named), "{line}: {}", ran.stderr);
        }
    }
    let elsewhere = folder.run("data digits --inputs 20 -o digits.tsv");
    assert!(!elsewhere.stderr.contains("truth"), "{}", elsewhere.stderr);
}

#[test]
fn a_seed_makes_the_same_network_and_inputs_again() {
    let folder = Folder::new();
    for (name, seed) in [("a", 5), ("b", 5), ("c", 6)] {
        folder.done(&format!("data generate -l 8 --seed {seed} -o {name}"));
        folder.done(&format!("data digits --inputs 20 --seed {seed} -o {name}.tsv"));
    }
    for name in ["/n1024-l8.tsv", ".tsv"] {
        let read = |folder_name: &str| folder.read(&format!("{folder_name}{name}"));
        assert!(read("a") == read("b"), "{name}: the same seed");
        assert!(read("a") != read("c"), "{name}: another seed");
    }
}

#[test]
fn a_replaced_network_leaves_no_old_layer() {
    let folder = Folder::new();
    folder.done("data generate -l 4 -o net");
    folder.done("data generate -l 2 -o net --force");
    let mut names: Vec<String> = fs::read_dir(folder.path("net"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["n1024-l1.tsv", "n1024-l2.tsv"]);
}

#[test]
fn gzip_holds_the_same_inputs() {
    let folder = Folder::new();
    folder.done("data digits --inputs 20");
    folder.done("data digits --inputs 20 --gzip");
    let file = fs::File::open(folder.path("data/sparse-images-1024.tsv.gz")).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    assert!(text == folder.read("data/sparse-images-1024.tsv"));
}

#[test]
fn images_come_from_an_idx_file() {
    let folder = Folder::new();
    // Two images of 28 × 28: one white from row 7 to 20, one black.
    let header = [0x803_u32, 2, 28, 28].map(u32::to_be_bytes).concat();
    let white = (0..28 * 28).map(|pixel| if (7..21).contains(&(pixel / 28)) { 255 } else { 0 });
    let idx = header.into_iter().chain(white).chain([0; 28 * 28]);
    fs::write(folder.path("images-idx3-ubyte"), idx.collect::<Vec<u8>>()).unwrap();
    let said = folder.done("data images -n 1024 --mnist images-idx3-ubyte -o images.tsv");
    assert!(said.contains("wrote 2 inputs of 1,024 features to images.tsv"), "{said}");
    let images = folder.read("images.tsv");
    let of_first = images.lines().filter(|line| line.starts_with("1\t")).count();
    assert!((400..600).contains(&of_first), "half of the first image is white: {of_first}");
}
