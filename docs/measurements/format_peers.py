"""Reads the files that `format_speed` reads, with what Python users take.

    python format_peers.py FILE …        (pip install numpy scipy pandas polars safetensors)

Prints the best of five readings in MB/s of the file as it lies on the disk.
"""

import gzip
import os
import sys
import time

import numpy as np
import pandas as pd
import polars as pl
import scipy.io
import scipy.sparse
from safetensors.numpy import load_file


def idx(file):
    with (gzip.open if file.endswith(".gz") else open)(file, "rb") as f:
        return np.frombuffer(f.read(), np.uint8, offset=16)


def npz(file):
    with np.load(file) as archive:
        return [archive[name] for name in archive.files]


def readers(file):
    if file.endswith("categories.tsv"):
        yield "pandas", lambda: pd.read_csv(file, header=None, dtype=np.uint32)
        yield "polars", lambda: pl.read_csv(file, has_header=False, schema={"a": pl.UInt32})
    elif ".mtx" in file:
        yield "scipy.io.mmread, tocsr", lambda: scipy.io.mmread(file).tocsr()
    elif file.endswith(".npy"):
        yield "numpy.load", lambda: np.load(file)
    elif file.endswith(".npz") and "sparse" in file:
        yield "scipy.sparse.load_npz", lambda: scipy.sparse.load_npz(file)
    elif file.endswith(".npz"):
        yield "numpy.load", lambda: npz(file)
    elif file.endswith(".safetensors"):
        yield "safetensors.numpy", lambda: load_file(file)
    elif ".csv" in file:
        columns = len(open(file).readline().split(","))
        yield "pandas", lambda: pd.read_csv(file, header=None, dtype=np.float32)
        schema = {str(i): pl.Float32 for i in range(columns)}
        yield "polars", lambda: pl.read_csv(file, has_header=False, schema=schema)
    else:
        yield "numpy.frombuffer", lambda: idx(file)


for file in sys.argv[1:]:
    for name, read in readers(file):
        best = float("inf")
        for _ in range(5):
            start = time.perf_counter()
            read()
            best = min(best, time.perf_counter() - start)
        print(f"{file}: {name}, {best:.4f} s, {os.path.getsize(file) / 1e6 / best:.0f} MB/s")
