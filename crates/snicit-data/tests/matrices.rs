//! Sparse matrices come back as they were written, and scipy's own files are read.

#![allow(clippy::unwrap_used, reason = "also in the helpers of the tests")]

use std::fs;
use std::io::Write;
use std::path::Path;

use common::gzip;
use proptest::prelude::*;
use snicit::{Connection, SparseWeights};
use snicit_data::Rounded;
use snicit_data::arrays::{Array, Packing, Values, write_npz};
use snicit_data::matrices::{read_matrix_market, read_scipy, write_matrix_market, write_scipy};

mod common;

/// From (output, input, weight), counted from 0.
fn weights(outputs: usize, inputs: usize, entries: &[(u32, u32, f32)]) -> SparseWeights {
    let connection = |&(output, input, weight)| Connection { input, output, weight };
    let connections = entries.iter().map(connection).collect();
    SparseWeights::from_connections(inputs, outputs, connections).unwrap()
}

fn read(content: &[u8]) -> Result<Rounded<SparseWeights>, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("w.mtx");
    fs::write(&file, content).unwrap();
    let folder = format!("{}/", folder.path().display());
    read_matrix_market(&file).map_err(|error| error.to_string().replace(&folder, ""))
}

fn read_text(text: &str) -> SparseWeights {
    let read = read(text.as_bytes()).unwrap();
    assert_eq!(read.rounded, 0);
    read.value
}

#[test]
fn rows_are_outputs_in_every_variant() {
    let general = "%%MatrixMarket matrix coordinate real general\n% by hand\n%\n\n2 3 3\n\
                   2 1 2.0\n1 3 -1e0\n  1\t2   0.5  \r\n\n";
    let expected = weights(2, 3, &[(0, 1, 0.5), (0, 2, -1.0), (1, 0, 2.0)]);
    assert_eq!(read_text(general), expected);
    assert_eq!(read(&gzip(general.as_bytes())).unwrap().value, expected);
    let integer = "%%matrixmarket MATRIX Coordinate Integer General\n2 3 1\n2 3 -7";
    assert_eq!(read_text(integer), weights(2, 3, &[(1, 2, -7.0)]));
    let pattern = "%%MatrixMarket matrix coordinate pattern general\n2 3 2\n2 3\n1 1\n";
    assert_eq!(read_text(pattern), weights(2, 3, &[(0, 0, 1.0), (1, 2, 1.0)]));
    let symmetric = "%%MatrixMarket matrix coordinate real symmetric\n3 3 2\n2 2 5\n3 1 4\n";
    assert_eq!(read_text(symmetric), weights(3, 3, &[(0, 2, 4.0), (1, 1, 5.0), (2, 0, 4.0)]));
    let skew = "%%MatrixMarket matrix coordinate real skew-symmetric\n3 3 1\n3 1 4\n";
    assert_eq!(read_text(skew), weights(3, 3, &[(0, 2, -4.0), (2, 0, 4.0)]));
    let empty = "%%MatrixMarket matrix coordinate real general\n2 3 0\n";
    assert_eq!(read_text(empty), weights(2, 3, &[]));
}

#[test]
fn rounding_is_counted() {
    let text = "%%MatrixMarket matrix coordinate real general\n1 5 5\n1 1 0.1\n1 2 0.1000000001\n\
                1 3 16777217\n1 4 0.10000000149011612\n1 5 0.1000000001\n";
    let read = read(text.as_bytes()).unwrap();
    assert_eq!(read.rounded, 3);
    assert_eq!(read.note().unwrap(), "3 numbers are no float32 and were rounded to the nearest");
    assert_eq!(read.value.values(), [0.1, 0.1, 16_777_216.0, 0.1, 0.1]);
}

#[test]
fn damaged_text_is_named() {
    const BANNER: &str = "%%MatrixMarket matrix coordinate real general\n";
    const EXPECTED: &str =
        "%%MatrixMarket matrix coordinate real|integer|pattern general|symmetric|skew-symmetric";
    let entries = |text: &str| format!("{BANNER}{text}");
    let table = [
        (String::new(), format!("w.mtx: line 1 is missing, expected {EXPECTED}")),
        ("1\t1\t0.5\n".to_owned(), format!("w.mtx: line 1: the first line is \"1\\t1\\t0.5\", expected {EXPECTED}")),
        (
            "%%MatrixMarket matrix array real general\n2 2\n".to_owned(),
            "w.mtx: line 1: the format is \"array\", expected coordinate (a sparse matrix)".to_owned(),
        ),
        (
            "%%MatrixMarket matrix coordinate complex general\n".to_owned(),
            "w.mtx: line 1: the field is \"complex\", expected real, integer or pattern".to_owned(),
        ),
        (
            "%%MatrixMarket matrix coordinate real hermitian\n".to_owned(),
            "w.mtx: line 1: the symmetry is \"hermitian\", expected general, symmetric or skew-symmetric".to_owned(),
        ),
        (entries(""), "w.mtx: line 2 is missing, expected a line of rows, columns and entries".to_owned()),
        (entries("2 3\n"), "w.mtx: line 2: the size line is \"2 3\", expected rows, columns and entries".to_owned()),
        (
            entries("2 4294967296 1\n"),
            "w.mtx: line 2: the number of columns is \"4294967296\", expected at most 4294967295".to_owned(),
        ),
        (
            entries("4294967295 3 1\n1 1 1\n"),
            "w.mtx: the number of rows is 4294967295, expected at most 8390656 with so few entries".to_owned(),
        ),
        (
            "%%MatrixMarket matrix coordinate real symmetric\n2 3 1\n1 1 1\n".to_owned(),
            "w.mtx: line 2: the size is \"2 × 3\", expected a square matrix, as it is symmetric".to_owned(),
        ),
        (
            "%%MatrixMarket matrix coordinate real skew-symmetric\n3 3 1\n2 2 1\n".to_owned(),
            "w.mtx: the value at row 2, column 2 is 1, expected 0, as the matrix is skew-symmetric".to_owned(),
        ),
        (entries("2 3 1\n3 1 1\n"), "w.mtx, line 3: row is 3, expected 1 to 2".to_owned()),
        (entries("2 3 1\n2 0 1\n"), "w.mtx, line 3: column is 0, expected 1 to 3".to_owned()),
        (entries("2 3 1\n2 1 x\n"), "w.mtx, line 3: value is \"x\", expected a finite number".to_owned()),
        (
            entries("2 3 1\n2 1\n"),
            "w.mtx, line 3: the line has 2 blank-separated fields, expected 3 fields (row, column, value)".to_owned(),
        ),
        (
            entries("2 3 2\n1 1 1\n\n2 1 1\n"),
            "w.mtx, line 4: the line is empty, expected 3 fields (row, column, value)".to_owned(),
        ),
        (
            entries("2 3 1\n1 1 1\n2 1 1\n"),
            "w.mtx, line 4: the line is one more entry, expected 1 entries, as the size line says".to_owned(),
        ),
        (
            entries("2 3 3\n1 1 1\n2 1 1\n"),
            "w.mtx: the number of entries is 2, expected 3, as the size line says".to_owned(),
        ),
        (
            entries("2 3 2\n1 1 1\n1 1 1\n"),
            "w.mtx: the connection from input neuron 1 to output neuron 1 is given twice".to_owned(),
        ),
    ];
    for (content, expected) in table {
        assert_eq!(read(content.as_bytes()).unwrap_err(), expected);
    }
}

/// The members of a scipy file, as text for `format`.
fn scipy(arrays: &[(&str, Array)], format: &str) -> Result<SparseWeights, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("w.npz");
    // The text goes in by hand: the public interface writes no texts.
    let arrays: Vec<(&str, &Array)> = arrays.iter().map(|(name, array)| (*name, array)).collect();
    write_npz(&file, &arrays, Packing::Stored).unwrap();
    let archive = fs::OpenOptions::new().read(true).write(true).open(&file).unwrap();
    let mut archive = zip::ZipWriter::new_append(archive).unwrap();
    archive.start_file("format.npy", zip::write::SimpleFileOptions::default()).unwrap();
    let dictionary = format!("{{'descr': '|S{}', 'fortran_order': False, 'shape': ()}}", format.len());
    let length = (dictionary.len() as u16).to_le_bytes();
    let text = [b"\x93NUMPY\x01\0", &length[..], dictionary.as_bytes(), format.as_bytes()].concat();
    archive.write_all(&text).unwrap();
    archive.finish().unwrap();
    let folder = format!("{}/", folder.path().display());
    read_scipy(&file).map(|read| read.value).map_err(|error| error.to_string().replace(&folder, ""))
}

fn integers(values: &[i64]) -> Array {
    Array::new(vec![values.len()], Values::I64(values.to_vec())).unwrap()
}

#[test]
fn damaged_archives_are_named() {
    let csr = |indptr: &[i64], indices: &[i64], data: &[f32], shape: &[i64]| {
        let arrays = [
            ("indptr", integers(indptr)),
            ("indices", integers(indices)),
            ("data", Array::from(data.to_vec())),
            ("shape", integers(shape)),
        ];
        scipy(&arrays, "csr")
    };
    let refuse = |indptr: &[i64], indices: &[i64], data: &[f32], shape: &[i64]| {
        csr(indptr, indices, data, shape).unwrap_err()
    };
    let good = csr(&[0, 2, 3], &[2, 1, 0], &[-1.0, 0.5, 2.0], &[2, 3]).unwrap();
    assert_eq!(good, weights(2, 3, &[(0, 1, 0.5), (0, 2, -1.0), (1, 0, 2.0)]));
    assert_eq!(
        refuse(&[0, 2], &[2, 1], &[1.0, 1.0], &[2, 3]),
        "w.npz, member indptr.npy: the length is 2, expected one more than 2, the rows (csr) or columns (csc)"
    );
    assert_eq!(
        refuse(&[0, 3, 2], &[2, 1], &[1.0, 1.0], &[2, 3]),
        "w.npz, member indptr.npy: the content is something else, expected numbers ascending from 0 to 2, \
         the number of values"
    );
    assert_eq!(
        refuse(&[0, 1, 2], &[2, 3], &[1.0, 1.0], &[2, 3]),
        "w.npz: output neuron 2 is connected to input neuron 4 of 3"
    );
    assert_eq!(
        refuse(&[0, 1, 2], &[2, -1], &[1.0, 1.0], &[2, 3]),
        "w.npz, member indices.npy: element [1] is -1, expected an index, at least 0"
    );
    assert_eq!(
        refuse(&[0, 1, 2], &[2], &[1.0, 1.0], &[2, 3]),
        "w.npz, member indices.npy: the length is 1, expected 2, the number of values"
    );
    assert_eq!(
        refuse(&[0, 2, 2], &[1, 1], &[1.0, 1.0], &[2, 3]),
        "w.npz: the connection from input neuron 2 to output neuron 1 is given twice"
    );
    assert_eq!(
        refuse(&[0, 1, 2], &[1, 1], &[1.0, f32::NAN], &[2, 3]),
        "w.npz, member data.npy: element [1] is NaN, expected a finite float32"
    );
    assert_eq!(
        refuse(&[0], &[], &[], &[2, 3, 4]),
        "w.npz, member shape.npy: the shape is 3 numbers, expected rows and columns"
    );
    let csc = [
        ("indptr", integers(&[0, 1])),
        ("indices", integers(&[7])),
        ("data", Array::from(vec![1.0_f32])),
        ("shape", integers(&[2, 1])),
    ];
    assert_eq!(
        scipy(&csc, "csc").unwrap_err(),
        "w.npz: input neuron 1 is connected to output neuron 8 of 2"
    );
    assert_eq!(
        scipy(&csc, "bsr").unwrap_err(),
        "w.npz, member format.npy: the format is \"bsr\", expected csr, csc or coo; scipy's tocsr() converts others"
    );
    let coo = [
        ("row", integers(&[1])),
        ("col", integers(&[0])),
        ("data", Array::from(vec![1.0_f32])),
        ("shape", integers(&[1 << 40, 1])),
    ];
    assert_eq!(
        scipy(&coo, "coo").unwrap_err(),
        "w.npz: the number of rows is 1099511627776, expected at most 8390656 with so few entries"
    );
    assert_eq!(
        scipy(&coo[..3], "coo").unwrap_err(),
        "w.npz: the member shape.npy is missing, expected it beside row, col, data, format"
    );
}

/// Files that scipy wrote, where there is a Python with scipy.
#[test]
fn files_of_scipy() {
    let folder = tempfile::tempdir().unwrap();
    let script = "import numpy as np, scipy.sparse as sp, scipy.io as io\n\
        a = sp.random_array((40, 30), density=0.2, random_state=3, dtype=np.float32, format='csr')\n\
        for format in ['csr', 'csc', 'coo']:\n\
        \x20   for kind in ['f4', 'f8']:\n\
        \x20       sp.save_npz(f'{format}-{kind}.npz', a.asformat(format).astype(kind), compressed=kind == 'f8')\n\
        sp.save_npz('matrix.npz', sp.coo_matrix(a))\n\
        sp.save_npz('bsr.npz', a.asformat('bsr'))\n\
        wide = sp.csr_array(a)\n\
        wide.indices, wide.indptr = wide.indices.astype('i8'), wide.indptr.astype('i8')\n\
        sp.save_npz('wide.npz', wide)\n\
        io.mmwrite('w.mtx', a)\n\
        io.mmwrite('array.mtx', a.toarray())\n\
        np.save('dense.npy', a.toarray())\n";
    let python = std::env::var("SNICIT_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let run = |script: &str| {
        std::process::Command::new(&python).args(["-c", script]).current_dir(folder.path()).output()
    };
    if !run(script).is_ok_and(|ran| ran.status.success()) {
        writeln!(std::io::stderr(), "skipped: files_of_scipy needs scipy in {python} ($SNICIT_PYTHON)")
            .ok();
        return;
    }
    let path = |name: &str| folder.path().join(name);
    let dense = snicit_data::arrays::read_npy(&path("dense.npy")).unwrap().to_f32().unwrap().value;
    let check = |read: Rounded<SparseWeights>, name: &str| {
        assert_eq!(read.rounded, 0, "{name}");
        assert_eq!((read.value.outputs(), read.value.inputs()), (40, 30), "{name}");
        let mut found = vec![0.0; 40 * 30];
        read.value.iter().for_each(|c| found[c.output as usize * 30 + c.input as usize] = c.weight);
        assert!(found == dense, "{name}");
    };
    for name in ["csr-f4", "csr-f8", "csc-f4", "csc-f8", "coo-f4", "coo-f8", "matrix", "wide"] {
        check(read_scipy(&path(&format!("{name}.npz"))).unwrap(), name);
    }
    check(read_matrix_market(&path("w.mtx")).unwrap(), "w.mtx");
    assert!(read_scipy(&path("bsr.npz")).unwrap_err().to_string().contains("the format is \"bsr\""));
    assert!(read_matrix_market(&path("array.mtx")).is_err());
    assert!(read_scipy(&path("nowhere.npz")).is_err());

    let ours = read_scipy(&path("coo-f4.npz")).unwrap().value;
    write_scipy(&path("ours.npz"), &ours, Packing::Deflated).unwrap();
    write_matrix_market(&path("ours.mtx"), &ours).unwrap();
    let script = "import numpy as np, scipy.sparse as sp, scipy.io as io\n\
        a = np.load('dense.npy')\n\
        b, c = sp.load_npz('ours.npz'), io.mmread('ours.mtx')\n\
        assert b.dtype == np.float32 and b.format == 'csr' and (b.toarray() == a).all()\n\
        assert (c.toarray().astype('f4') == a).all()\n";
    let ran = run(script).unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

fn bits(weights: &SparseWeights) -> Vec<u32> {
    weights.values().iter().map(|value| value.to_bits()).collect()
}

fn assert_same(a: &SparseWeights, b: &SparseWeights, file: &Path) {
    assert_eq!(a, b, "{}", file.display());
    assert_eq!(bits(a), bits(b), "{}", file.display());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn any_matrix_comes_back(
        (outputs, inputs) in (0..9_usize, 0..9_usize),
        entries in prop::collection::btree_map((0..9_u32, 0..9_u32), any::<u32>(), 0..40),
        deflated: bool,
    ) {
        let entries = entries.into_iter().map(|((output, input), bits)| (output, input, f32::from_bits(bits)));
        let inside = entries.filter(|&(output, input, weight)| {
            (output as usize) < outputs && (input as usize) < inputs && weight.is_finite()
        });
        let weights = weights(outputs, inputs, &inside.collect::<Vec<_>>());
        let folder = tempfile::tempdir().unwrap();
        for name in ["w.mtx", "w.mtx.gz"] {
            let file = folder.path().join(name);
            write_matrix_market(&file, &weights).unwrap();
            let read = read_matrix_market(&file).unwrap();
            prop_assert_eq!(read.rounded, 0);
            assert_same(&read.value, &weights, &file);
        }
        let file = folder.path().join("w.npz");
        write_scipy(&file, &weights, if deflated { Packing::Deflated } else { Packing::Stored }).unwrap();
        let read = read_scipy(&file).unwrap();
        prop_assert_eq!(read.rounded, 0);
        assert_same(&read.value, &weights, &file);
    }
}
