//! Arrays come back as they were written, and numpy's own files are read.

#![allow(clippy::unwrap_used, reason = "also in the helpers of the tests")]

use std::fs;
use std::io::Write;
use std::path::Path;

use common::gzip;
use half::f16;
use proptest::prelude::*;
use snicit::{Activations, BitActivations, Inputs};
use snicit_data::arrays::{Array, NpzReader, Packing, Values, read_npy, write_npy, write_npz};

mod common;

/// A `.npy` file of version `version` with this dictionary and these data.
fn npy(version: u8, dictionary: &str, data: &[u8]) -> Vec<u8> {
    let length = dictionary.len() as u32;
    let length = if version == 1 { &length.to_le_bytes()[..2] } else { &length.to_le_bytes()[..] };
    [b"\x93NUMPY", &[version, 0][..], length, dictionary.as_bytes(), data].concat()
}

fn dictionary(descr: &str, order: &str, shape: &str) -> String {
    format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n")
}

fn read(content: &[u8]) -> Result<Array, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.npy");
    fs::write(&file, content).unwrap();
    let folder = format!("{}/", folder.path().display());
    read_npy(&file).map_err(|error| error.to_string().replace(&folder, ""))
}

#[test]
fn every_type_in_both_byte_orders() {
    let check = |code: &str, little: &[u8], values: Values| {
        let bytes = little.len() / 2;
        let big: Vec<u8> = little.chunks(bytes).flat_map(|one| one.iter().rev().copied()).collect();
        for version in [1, 2, 3] {
            for (order, data) in [('<', little), ('>', &big)] {
                let header = dictionary(&format!("{order}{code}"), "False", "(2,)");
                let array = read(&npy(version, &header, data)).unwrap();
                assert_eq!((array.shape(), array.values()), (&[2][..], &values), "{order}{code}");
            }
        }
    };
    check("b1", &[1, 0], Values::Bool(vec![true, false]));
    check("i1", &[0xff, 5], Values::I8(vec![-1, 5]));
    check("i2", &[0xfe, 0xff, 5, 1], Values::I16(vec![-2, 261]));
    check("i4", &[1, 0, 0, 0x80, 2, 0, 0, 0], Values::I32(vec![i32::MIN + 1, 2]));
    check("i8", &[(-7_i64).to_le_bytes(), 9_i64.to_le_bytes()].concat(), Values::I64(vec![-7, 9]));
    check("u1", &[255, 5], Values::U8(vec![255, 5]));
    check("u2", &[0xfe, 0xff, 5, 1], Values::U16(vec![65_534, 261]));
    check("u4", &[1, 0, 0, 0x80, 2, 0, 0, 0], Values::U32(vec![0x8000_0001, 2]));
    check("u8", &[u64::MAX.to_le_bytes(), 9_u64.to_le_bytes()].concat(), Values::U64(vec![u64::MAX, 9]));
    let halves = vec![f16::from_f32(1.5), f16::from_f32(-0.25)];
    check("f2", &[0x00, 0x3e, 0x00, 0xb4], Values::F16(halves));
    check(
        "f4",
        &[1.5_f32.to_le_bytes(), (-1e30_f32).to_le_bytes()].concat(),
        Values::F32(vec![1.5, -1e30]),
    );
    check(
        "f8",
        &[0.1_f64.to_le_bytes(), 1e300_f64.to_le_bytes()].concat(),
        Values::F64(vec![0.1, 1e300]),
    );
}

#[test]
fn fortran_order_is_turned_and_gzip_unpacked() {
    let content = npy(1, &dictionary("|u1", "True", "(2, 3)"), &[1, 4, 2, 5, 3, 6]);
    for content in [content.clone(), gzip(&content)] {
        let array = read(&content).unwrap();
        assert_eq!((array.shape(), array.values()), (&[2, 3][..], &Values::U8(vec![1, 2, 3, 4, 5, 6])));
    }
}

#[test]
fn damaged_files_are_named() {
    let good = |descr: &str, shape: &str| dictionary(descr, "False", shape);
    let table: &[(Vec<u8>, &str)] = &[
        (vec![], "a.npy: the beginning is \"\", expected \"�NUMPY\" and more (a .npy file)"),
        (b"1\t1\t0.5\n1\t1\t1".to_vec(), "a.npy: the beginning is \"1\\t1\\t0.\", expected"),
        (npy(4, "{}", &[]), "a.npy: the version is 4.0, expected 1.0, 2.0 or 3.0"),
        (npy(1, "{}", &[])[..11].to_vec(), "a.npy: the header is 1 bytes, expected 2 bytes"),
        (
            b"\x93NUMPY\x02\0\xff\xff\xff\xff".to_vec(),
            "a.npy: the length of the header is 4294967295, expected at most 65536 bytes",
        ),
        (
            npy(1, "{'shape': (3,)}", &[]),
            "a.npy: the header is \"{'shape': (3,)}\", expected a dictionary of descr, fortran_order and shape",
        ),
        (
            npy(1, &good("<c8", "(3,)"), &[]),
            "a.npy: the type of the elements is \"<c8\", expected bool, int8 to int64, uint8 to uint64, or \
             float16 to float64",
        ),
        (npy(1, &good("|S3", "()"), b"csr"), "a.npy: the type of the elements is text, expected bool"),
        (
            npy(1, &good("<f4", "(3,)"), &[0; 11]),
            "a.npy: the data is 11 bytes, expected 12 bytes (shape (3,))",
        ),
        (
            npy(1, &good("<f4", "(3,)"), &[0; 13]),
            "a.npy: the data is 13 bytes, expected 12 bytes (shape (3,))",
        ),
        (
            gzip(&npy(1, &good("<f4", "(3,)"), &[0; 11])),
            "a.npy: the data is 11 bytes, expected 12 bytes",
        ),
        (
            gzip(&npy(1, &good("<f4", "(3,)"), &[0; 13])),
            "a.npy: the data is more than 12 bytes, expected 12 bytes",
        ),
        (
            gzip(&npy(1, &good("<f8", "(1000000, 100000)"), &[0; 13])),
            "a.npy: the data is 13 bytes, expected 800000000000 bytes",
        ),
        (
            npy(1, &good("<f8", "(4294967296, 4294967296)"), &[]),
            "a.npy: the shape is (4294967296, 4294967296), expected a shape that fits into memory",
        ),
        (
            npy(1, &good("|b1", "(2, 2)"), &[0, 1, 2, 1]),
            "a.npy: element 2 in the order of the file is 2, expected 0 or 1 (bool)",
        ),
    ];
    for (content, expected) in table {
        let message = read(content).unwrap_err();
        assert!(message.starts_with(expected), "{message}\nexpected: {expected}");
    }
}

#[test]
fn archives_hold_arrays_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.npz");
    let (weights, labels) = (Array::from(vec![0.5_f32; 1000]), Array::from(vec![3_u32, 1, 2]));
    for packing in [Packing::Stored, Packing::Deflated] {
        write_npz(&file, &[("weights", &weights), ("deep/labels", &labels)], packing).unwrap();
        let small = file.metadata().unwrap().len() < 4000;
        assert_eq!(small, packing == Packing::Deflated);
        let mut archive = NpzReader::open(&file).unwrap();
        assert_eq!(archive.names(), ["weights", "deep/labels"]);
        assert!(archive.contains("weights") && !archive.contains("weight"));
        assert_eq!(archive.read("deep/labels").unwrap(), labels);
        assert_eq!(archive.read("weights").unwrap(), weights);
        let message = archive.read("biases").unwrap_err().to_string();
        let expected = format!(
            "{}: the member biases.npy is missing, expected it beside weights, deep/labels",
            file.display()
        );
        assert_eq!(message, expected);
    }
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let message = NpzReader::open(&file).unwrap_err().to_string();
    assert!(message.contains("a.npz: the zip archive is damaged: "), "{message}");
}

#[test]
fn a_changed_byte_of_a_member_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.npz");
    write_npz(&file, &[("a", &Array::from(vec![0.5_f32; 100]))], Packing::Stored).unwrap();
    let mut bytes = fs::read(&file).unwrap();
    let last = bytes.windows(4).rposition(|four| four == 0.5_f32.to_le_bytes()).unwrap();
    bytes[last] ^= 1;
    fs::write(&file, bytes).unwrap();
    let message = NpzReader::open(&file).unwrap().read("a").unwrap_err().to_string();
    assert!(message.contains("a.npz: the zip archive is damaged: a.npy: "), "{message}");
}

#[test]
fn numbers_become_inputs_and_labels() {
    let array = |shape: &[usize], values| Array::new(shape.to_vec(), values).unwrap();
    let inputs = array(&[2, 2, 2], Values::U8(vec![0, 1, 2, 3, 4, 5, 6, 255])).to_inputs().unwrap();
    let expected = Activations::new(2, 4, vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 255.0]).unwrap();
    assert_eq!((inputs.value, inputs.rounded), (Inputs::Values(expected), 0));
    let rounded = array(&[3], Values::F64(vec![0.5, 0.1, 16_777_217.0])).to_f32().unwrap();
    assert_eq!((rounded.value, rounded.rounded), (vec![0.5, 0.1, 16_777_216.0], 2));
    let rounded = array(&[2], Values::I64(vec![i64::MAX, 1 << 40])).to_f32().unwrap();
    assert_eq!((rounded.value[1], rounded.rounded), ((1_u64 << 40) as f32, 1));

    let refuse = |array: Array| array.to_inputs().unwrap_err().to_string();
    assert_eq!(
        refuse(array(&[1, 2], Values::F64(vec![0.5, 1e39]))),
        "the array: element [0, 1] is 1000000000000000000000000000000000000000, expected a finite float32"
    );
    assert_eq!(
        refuse(array(&[2], Values::F32(vec![0.5, 1.0]))),
        "the array: the shape is (2,), expected inputs × features, two dimensions or more"
    );

    assert_eq!(array(&[3], Values::I64(vec![3, 0, 9])).to_labels().unwrap(), [3, 0, 9]);
    assert_eq!(array(&[3, 1], Values::U8(vec![3, 0, 9])).to_labels().unwrap(), [3, 0, 9]);
    let refuse = |array: Array| array.to_labels().unwrap_err().to_string();
    assert_eq!(
        refuse(array(&[3], Values::I8(vec![3, -1, 9]))),
        "the array: element [1] is -1, expected a label, 0 to 4294967295"
    );
    assert_eq!(
        refuse(array(&[1], Values::F32(vec![3.0]))),
        "the array: the type of the elements is float32, expected integers (labels)"
    );
    assert_eq!(
        Array::new(vec![2, 3], Values::U8(vec![1; 5])).unwrap_err().to_string(),
        "the array: the number of elements is 5, expected that of shape (2, 3)"
    );
}

#[test]
fn bits_are_booleans() {
    let mut bits = BitActivations::zeros(3, 70);
    for (input, feature) in [(0, 0), (0, 69), (2, 63), (2, 64)] {
        bits.set(input, feature);
    }
    let array = Array::from(&Inputs::from(bits.clone()));
    assert_eq!((array.shape(), array.values().type_name()), (&[3, 70][..], "bool"));
    assert_eq!(array.to_inputs().unwrap().value, Inputs::Bits(bits));
}

/// Files that numpy wrote, where there is a Python with numpy.
#[test]
fn files_of_numpy() {
    let folder = tempfile::tempdir().unwrap();
    let script = "import numpy as np, sys\n\
        a = np.arange(24).reshape(2, 3, 4)\n\
        for name in 'b1 i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 >i4 >f8 >f2'.split():\n\
        \x20   x = (a % 2 if name == 'b1' else a).astype(name)\n\
        \x20   np.save(f'{name}-c.npy', x)\n\
        \x20   np.save(f'{name}-f.npy', np.asfortranarray(x))\n\
        np.savez('stored.npz', a=a, b=np.float64(2.5))\n\
        np.savez_compressed('deflated.npz', a=a, b=np.float64(2.5))\n";
    let python = std::env::var("SNICIT_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let ran =
        std::process::Command::new(&python).args(["-c", script]).current_dir(folder.path()).output();
    if !ran.is_ok_and(|ran| ran.status.success()) {
        writeln!(std::io::stderr(), "skipped: files_of_numpy needs numpy in {python} ($SNICIT_PYTHON)")
            .ok();
        return;
    }
    let numbers: Vec<f32> = (0..24).map(|i| i as f32).collect();
    let bits: Vec<f32> = (0..24).map(|i| (i % 2) as f32).collect();
    let check = |array: &Array, expected: &[f32]| {
        assert_eq!(array.shape(), [2, 3, 4], "{}", array.place());
        assert_eq!(array.to_f32().unwrap().value, expected, "{}", array.place());
    };
    for name in "b1 i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 >i4 >f8 >f2".split(' ') {
        for order in ["c", "f"] {
            let array = read_npy(&folder.path().join(format!("{name}-{order}.npy"))).unwrap();
            check(&array, if name == "b1" { &bits } else { &numbers });
        }
    }
    for name in ["stored.npz", "deflated.npz"] {
        let mut archive = NpzReader::open(&folder.path().join(name)).unwrap();
        check(&archive.read("a").unwrap(), &numbers);
        assert_eq!(archive.read("b").unwrap(), Array::new(vec![], Values::F64(vec![2.5])).unwrap());
    }
    // And the other way.
    let array = read_npy(&folder.path().join("f2-f.npy")).unwrap();
    write_npy(&folder.path().join("ours.npy"), &array).unwrap();
    write_npz(&folder.path().join("ours.npz"), &[("x", &array)], Packing::Deflated).unwrap();
    let script = "import numpy as np\n\
        a = np.arange(24, dtype='f2').reshape(2, 3, 4)\n\
        for x in np.load('ours.npy'), np.load('ours.npz')['x']:\n\
        \x20   assert x.dtype == a.dtype and (x == a).all()\n";
    let read =
        std::process::Command::new(&python).args(["-c", script]).current_dir(folder.path()).status();
    assert!(read.unwrap().success());
}

fn values(kind: usize, bits: &[u64]) -> Values {
    let map = bits.iter();
    match kind {
        0 => Values::Bool(map.map(|bits| bits % 2 == 1).collect()),
        1 => Values::I8(map.map(|&bits| bits as i8).collect()),
        2 => Values::I16(map.map(|&bits| bits as i16).collect()),
        3 => Values::I32(map.map(|&bits| bits as i32).collect()),
        4 => Values::I64(map.map(|&bits| bits as i64).collect()),
        5 => Values::U8(map.map(|&bits| bits as u8).collect()),
        6 => Values::U16(map.map(|&bits| bits as u16).collect()),
        7 => Values::U32(map.map(|&bits| bits as u32).collect()),
        8 => Values::U64(map.copied().collect()),
        9 => Values::F16(map.map(|&bits| f16::from_bits(bits as u16)).collect()),
        10 => Values::F32(map.map(|&bits| f32::from_bits(bits as u32)).collect()),
        _ => Values::F64(map.map(|&bits| f64::from_bits(bits)).collect()),
    }
}

/// Their bytes; numbers that are not equal to themselves shall come back too.
fn bytes_of(file: &Path) -> Vec<u8> {
    fs::read(file).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn any_array_comes_back(
        kind in 0..12_usize,
        shape in prop::collection::vec(0..6_usize, 0..4),
        bits in prop::collection::vec(any::<u64>(), 216),
        deflated: bool,
    ) {
        let length = shape.iter().product();
        let array = Array::new(shape, values(kind, &bits[..length])).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let [first, second, archive] = ["a.npy", "b.npy", "c.npz"].map(|name| folder.path().join(name));
        write_npy(&first, &array).unwrap();
        let back = read_npy(&first).unwrap();
        prop_assert_eq!(back.shape(), array.shape());
        write_npy(&second, &back).unwrap();
        prop_assert_eq!(bytes_of(&first), bytes_of(&second));
        let packing = if deflated { Packing::Deflated } else { Packing::Stored };
        write_npz(&archive, &[("x", &array)], packing).unwrap();
        let back = NpzReader::open(&archive).unwrap().read("x").unwrap();
        write_npy(&second, &back).unwrap();
        prop_assert_eq!(bytes_of(&first), bytes_of(&second));
    }
}
