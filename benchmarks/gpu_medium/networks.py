"""Networks in safetensors files, and MNIST's files."""

import gzip
import json
import struct
from pathlib import Path

import numpy as np

DTYPES = {"F16": "<f2", "F32": "<f4", "U8": "u1", "U16": "<u2", "U32": "<u4", "U64": "<u8"}


def read_tensors(path: Path) -> tuple[dict, dict]:
    """The tensors of a safetensors file, and its metadata."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = np.frombuffer(data[begin:end], DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors, metadata


def write_tensors(path: Path, tensors: dict, metadata: dict) -> None:
    names = {np.dtype(dtype): name for name, dtype in DTYPES.items()}
    header, data = {"__metadata__": metadata}, b""
    for name, tensor in tensors.items():
        content = np.ascontiguousarray(tensor).tobytes()
        offsets = [len(data), len(data) + len(content)]
        header[name] = {"dtype": names[tensor.dtype], "shape": list(tensor.shape), "data_offsets": offsets}
        data += content
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


class Layer:
    """Dense weights (outputs x inputs, float32), bias, upper bound of the ReLU; the tensors as they were read."""

    def __init__(self, tensors: dict, number: int, activation: str):
        prefix = f"layers.{number}."
        self.tensors = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
        self.activation = activation
        if "weight" in self.tensors:
            self.weight = self.tensors["weight"].astype(np.float32)
        else:
            starts = self.tensors["weight.row_starts"].astype(np.int64)
            shape = len(starts) - 1, int(self.tensors["weight.inputs"][0])
            self.weight = np.zeros(shape, np.float32)
            rows = np.repeat(np.arange(shape[0]), np.diff(starts))
            self.weight[rows, self.tensors["weight.columns"]] = self.tensors["weight.values"]
        bias = self.tensors.get("bias", np.zeros(1, np.float32)).astype(np.float32)
        self.bias = np.broadcast_to(bias, self.weight.shape[0]).copy()

    def bounds(self) -> tuple[float | None, float | None]:
        if self.activation == "identity":
            return None, None
        kind, _, most = self.activation.partition(":")
        assert kind == "relu", self.activation
        return 0.0, float(most) if most else None

    def apply(self, y: np.ndarray) -> np.ndarray:
        """In float64."""
        z = y @ self.weight.T.astype(np.float64) + self.bias
        low, high = self.bounds()
        return z if low is None else np.clip(z, low, high)


def read_network(path: Path) -> list[Layer]:
    tensors, metadata = read_tensors(path)
    activations = json.loads(metadata["activations"])
    return [Layer(tensors, k + 1, activation) for k, activation in enumerate(activations)]


def write_network(path: Path, layers: list[Layer]) -> None:
    tensors = {f"layers.{k + 1}.{n}": t for k, layer in enumerate(layers) for n, t in layer.tensors.items()}
    activations = json.dumps([layer.activation for layer in layers])
    write_tensors(path, tensors, {"format": "snicit-network", "version": "1", "activations": activations})


def idx(path: Path) -> np.ndarray:
    content = gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()
    dimensions = content[3]
    shape = struct.unpack(f">{dimensions}I", content[4 : 4 + 4 * dimensions])
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
