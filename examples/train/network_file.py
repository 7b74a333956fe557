"""Writes networks in the layout of docs/model-format.md."""

import json
import os
from pathlib import Path

import numpy as np
from safetensors.numpy import save


def sparse_layer(weights: np.ndarray, connected: np.ndarray, values: type) -> dict[str, np.ndarray]:
    """The tensors of a sparse layer: `weights` (outputs x inputs) where `connected` says so."""
    outputs, inputs = weights.shape
    rows, columns = np.nonzero(connected)  # ascending by output, then by input
    row_starts = np.zeros(outputs + 1, np.uint32)
    row_starts[1:] = np.cumsum(np.bincount(rows, minlength=outputs))
    index = np.uint8 if inputs <= 1 << 8 else np.uint16 if inputs <= 1 << 16 else np.uint32
    return {
        "weight.values": weights[rows, columns].astype(values),
        "weight.columns": columns.astype(index),
        "weight.row_starts": row_starts,
        "weight.inputs": np.array([inputs], np.uint32),
    }


def save_network(path: Path, name: str, layers: list[dict[str, np.ndarray]], activations: list[str]) -> None:
    """`layers`: the tensors of each, from layer 1 on, named without `layers.k.`."""
    tensors = {
        f"layers.{k}.{tensor}": np.ascontiguousarray(value)
        for k, layer in enumerate(layers, 1)
        for tensor, value in layer.items()
    }
    metadata = {
        "format": "snicit-network",
        "version": "1",
        "activations": json.dumps(activations),
        "name": name,
    }
    save_whole(path, tensors, metadata)


def save_whole(path: Path, tensors: dict[str, np.ndarray], metadata: dict[str, str] | None = None) -> None:
    """Writes beside `path`, then renames: there is a whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(with_sorted_metadata(save(tensors, metadata)))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def with_sorted_metadata(file: bytes) -> bytes:
    """The safetensors library puts the metadata in any order; a seed is to give the same bytes."""
    length = int.from_bytes(file[:8], "little")
    header = json.loads(file[8 : 8 + length])
    if "__metadata__" in header:
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + file[8 + length :]
