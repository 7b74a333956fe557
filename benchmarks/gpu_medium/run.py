"""Times snicit's CUDA engine beside PyTorch on the same GPU: the hidden layers of networks A to D, and pruned MLPs.

    cargo build --release
    python benchmarks/gpu_medium/run.py --snicit target/release/snicit --mnist MNIST_FOLDER

Both sides take the same weights and inputs, which lie on the GPU, and are timed by events on it: PyTorch's layers in
one CUDA graph, ours as `snicit infer --json` reports them.
PyTorch computes in float32, in TF32 and in bf16; pruned layers also as CSR (cuSPARSE). Every answer is
compared with a float64 reference. Prints tables in Markdown; exits with 1 if one of our answers is off.
Needs numpy and torch; MNIST's test images (t10k-*-ubyte.gz) for A, B and C.
"""

import argparse
import gzip
import json
import statistics
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

NETWORKS = Path(__file__).resolve().parents[2] / "crates" / "snicit-data" / "networks"
DTYPES = {"F16": "<f2", "F32": "<f4", "U8": "u1", "U16": "<u2", "U32": "<u4", "U64": "<u8"}
# Of an output, relative to the largest of the same input, by our engine.
TOLERANCE = 1e-4


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


def in_batches(x: np.ndarray, apply) -> np.ndarray:
    return np.concatenate([apply(part) for part in np.array_split(x, max(1, len(x) // 1000))])


def graph_ms(step, repeats: int) -> float:
    """Median milliseconds of `step` replayed as a CUDA graph."""
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    times = []
    for repeat in range(repeats + 5):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        graph.replay()
        end.record()
        end.synchronize()
        if repeat >= 5:
            times.append(start.elapsed_time(end))
    return statistics.median(times)


def torch_dense(layers: list[Layer], x: np.ndarray, dtype, tf32: bool, repeats: int) -> tuple[float, np.ndarray]:
    torch.backends.cuda.matmul.allow_tf32 = tf32
    place = {"device": "cuda", "dtype": dtype}
    y0 = torch.tensor(x, **place)
    weights = [(torch.tensor(l.weight.T.copy(), **place), torch.tensor(l.bias, **place), l.bounds()) for l in layers]
    result = []

    def step():
        y = y0
        for weight, bias, (low, high) in weights:
            y = torch.addmm(bias, y, weight)
            if low is not None:
                y = y.clamp_(low, high)
        result[:] = [y]

    ms = graph_ms(step, repeats)
    return ms, result[0].double().cpu().numpy()


def torch_csr(layers: list[Layer], x: np.ndarray, repeats: int) -> float | None:
    """Neuron-major activations, the form cuSPARSE has a fast product for; None if it cannot be in a graph."""
    y0 = torch.tensor(x.T.copy(), device="cuda")
    weights = [
        (torch.tensor(l.weight, device="cuda").to_sparse_csr(), torch.tensor(l.bias[:, None], device="cuda"), l.bounds())
        for l in layers
    ]

    def step():
        y = y0
        for weight, bias, (low, high) in weights:
            y = (weight @ y).add_(bias)
            if low is not None:
                y = y.clamp_(low, high)

    try:
        return graph_ms(step, repeats)
    except RuntimeError as error:
        print(f"CSR: {error}", file=sys.stderr)
        return None


def ours(args, network: Path, layers: int, x: np.ndarray, work: Path) -> tuple[float, np.ndarray, dict]:
    inputs, output = work / "x.npy", work / "y.npy"
    np.save(inputs, x.astype(np.float32))
    command = [args.snicit, "infer", network, inputs, "-o", output, "--device", "cuda", "--json"]
    command += ["--repeat", str(args.repeat), "-t", str(layers), "-m", "XY"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stderr}")
    report = json.loads(done.stdout)
    # All layers lie before the threshold layer, so that they are timed as one.
    return report["times_ms"]["pre_convergence"], np.load(output), report


def error_of(y: np.ndarray, expected: np.ndarray) -> float:
    scale = np.abs(expected).max(1, keepdims=True)
    error = (np.abs(y - expected) / np.where(scale == 0, 1, scale)).max()
    return float("inf") if np.isnan(error) else float(error)


def medium_scale(args, work: Path) -> bool:
    print("\n| network | B | PyTorch fp32 | TF32 | bf16 | snicit | fp32 / snicit | accuracy fp32, TF32, bf16, snicit "
          "| error fp32, TF32, bf16, snicit |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | --- |")
    right = True
    for letter in args.networks:
        layers = read_network(NETWORKS / f"{letter}.safetensors")
        if letter == "D":
            tensors, _ = read_tensors(NETWORKS / "D-features.safetensors")
            x, labels, first = tensors["features"] / 255.0, tensors["labels"], 0
        else:
            x = idx(args.mnist / "t10k-images-idx3-ubyte.gz").reshape(-1, 784) / 255.0
            labels, first = idx(args.mnist / "t10k-labels-idx1-ubyte.gz"), 1
        for layer in layers[:first]:
            x = in_batches(x, layer.apply)
        x = x.astype(np.float32)
        hidden, last = layers[first:-1], layers[-1]
        network = work / f"{letter}.safetensors"
        write_network(network, hidden)
        for batch in args.batches:
            here, of = x[:batch], labels[:batch]
            expected = here.astype(np.float64)
            for layer in hidden:
                expected = in_batches(expected, layer.apply)
            runs = [
                torch_dense(hidden, here, torch.float32, False, args.repeat),
                torch_dense(hidden, here, torch.float32, True, args.repeat),
                torch_dense(hidden, here, torch.bfloat16, False, args.repeat),
                ours(args, network, len(hidden), here, work)[:2],
            ]
            accuracies = [f"{100 * (last.apply(y).argmax(1) == of).mean():.2f}" for _, y in runs]
            errors = [error_of(y, expected) for _, y in runs]
            right &= errors[3] <= TOLERANCE
            times = " | ".join(f"{ms:.4f}" for ms, _ in runs)
            print(f"| {letter} | {batch} | {times} | {runs[0][0] / runs[3][0]:.2f} | {', '.join(accuracies)} "
                  f"| {', '.join(f'{error:.0e}' for error in errors)} |", flush=True)
    return right


def pruned(args, work: Path) -> bool:
    print("\n| N | sparsity, % | B | PyTorch fp32 | TF32 | CSR | snicit | best of fp32 and CSR / snicit | error fp32, TF32, "
          "snicit | snicit's choice |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- | --- |")
    right = True
    random = np.random.default_rng(1)
    for width in args.widths:
        x = random.random((max(args.pruned_batches), width), np.float32)
        for sparsity in args.sparsities:
            layers = []
            for _ in range(4):
                weight = random.standard_normal((width, width), np.float32)
                weight[random.random(weight.shape) < sparsity / 100] = 0
                weight *= np.float32(np.sqrt(2 * width / np.square(weight).sum()))
                rows, columns = weight.nonzero()
                starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=width))])
                tensors = {
                    "layers.1.weight.values": weight[rows, columns], "layers.1.weight.columns": columns.astype("<u4"),
                    "layers.1.weight.row_starts": starts.astype("<u4"), "layers.1.weight.inputs": np.array([width], "<u4"),
                    "layers.1.bias": random.standard_normal(width, np.float32) * np.float32(0.1),
                }
                layers.append(Layer(tensors, 1, "relu"))
            network = work / "pruned.safetensors"
            write_network(network, layers)
            for batch in args.pruned_batches:
                here = x[:batch]
                checked = here[:64].astype(np.float64)
                for layer in layers:
                    checked = layer.apply(checked)
                fp32, y32 = torch_dense(layers, here, torch.float32, False, args.repeat)
                tf32, y_tf32 = torch_dense(layers, here, torch.float32, True, args.repeat)
                csr = torch_csr(layers, here, args.repeat)
                our_ms, y, report = ours(args, network, len(layers), here, work)
                errors = [error_of(y[:64], checked) for y in (y32, y_tf32, y)]
                right &= errors[2] <= TOLERANCE
                best = min(fp32, csr or fp32)
                print(f"| {width} | {sparsity:g} | {batch} | {fp32:.4f} | {tf32:.4f} | "
                      f"{'-' if csr is None else format(csr, '.4f')} | {our_ms:.4f} | {best / our_ms:.2f} | "
                      f"{', '.join(f'{e:.0e}' for e in errors)} | {report['notes'][0]} |", flush=True)
    return right


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--snicit", type=Path, default=Path("target/release/snicit"))
    parser.add_argument("--mnist", type=Path, help="folder of MNIST's test images, for A, B and C")
    parser.add_argument("--networks", nargs="*", default=["A", "B", "C", "D"])
    parser.add_argument("--batches", nargs="*", type=int, default=[10000, 1000, 64, 1])
    parser.add_argument("--widths", nargs="*", type=int, default=[512, 1024, 2048, 4096])
    parser.add_argument("--sparsities", nargs="*", type=float, default=[70, 90, 95])
    parser.add_argument("--pruned-batches", nargs="*", type=int, default=[10000, 64])
    parser.add_argument("--repeat", type=int, default=20)
    args = parser.parse_args()
    args.snicit = args.snicit.resolve()
    if args.mnist is None and set(args.networks) - {"D"}:
        parser.error("A, B and C need --mnist")
    print(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}, medians of {args.repeat}, ms")
    with tempfile.TemporaryDirectory() as work, torch.no_grad():
        right = medium_scale(args, Path(work))
        right &= not args.widths or pruned(args, Path(work))
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
