"""Reads the challenge's TSV files with pandas and polars: what `read_speed` is compared with.

    python tsv_peers.py neuron1024/n1024-l*.tsv        (pip install pandas polars)

Prints the best of five readings of all files, one after the other, in MB/s of text. Both are told the
types of the columns; turning the three columns into a matrix is not part of it.
"""

import os
import sys
import time

import numpy as np
import pandas as pd
import polars as pl

NAMES = ["a", "b", "c"]


def with_pandas(file):
    types = {"a": np.int32, "b": np.int32, "c": np.float32}
    return pd.read_csv(file, sep="\t", header=None, names=NAMES, dtype=types)


def with_polars(file):
    types = {"a": pl.Int32, "b": pl.Int32, "c": pl.Float32}
    return pl.read_csv(file, separator="\t", has_header=False, schema=types)


files = sys.argv[1:]
size = sum(os.path.getsize(file) for file in files)
for name, read in ("pandas", with_pandas), ("polars", with_polars):
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        for file in files:
            read(file)
        best = min(best, time.perf_counter() - start)
    print(f"{name:7} {size / 1e6 / best:6.0f} MB/s")
