"""Times snicit's CUDA engine beside PyTorch on the same GPU: the hidden layers of networks A to D, and pruned MLPs.

    cargo build --release -p snicit-cuda --example batches
    python benchmarks/gpu_medium/run.py --mnist MNIST_FOLDER

Both sides take the same weights and inputs, which lie on the GPU, and are timed by events on it: PyTorch's layers in
one CUDA graph, ours as examples/batches.rs reports them.
PyTorch computes in float32, in TF32 and in bf16; pruned layers also as CSR (cuSPARSE). Answers are
compared with a float64 reference. Prints tables in Markdown; exits with 1 if one of our answers is off.
Needs numpy and torch; MNIST's test images (t10k-*-ubyte.gz) for A, B and C.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

import peers
import pruned
from networks import Layer, idx, read_network, read_tensors, write_network
from ours import ours

NETWORKS = Path(__file__).resolve().parents[2] / "crates" / "snicit-data" / "networks"
# Of an output, relative to the largest of the same input, by our engine.
TOLERANCE = 1e-4


def in_batches(x: np.ndarray, apply) -> np.ndarray:
    return np.concatenate([apply(part) for part in np.array_split(x, max(1, len(x) // 1000))])


def on_the_gpu(layer: Layer) -> peers.Layer:
    return torch.tensor(layer.weight, device="cuda"), torch.tensor(layer.bias, device="cuda"), *layer.bounds()


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
        inputs = work / "x.npy"
        np.save(inputs, x)
        of_ours = ours(args, network, inputs, args.batches, work)
        peer_layers = [on_the_gpu(layer) for layer in hidden]
        for batch in args.batches:
            here, of = x[:batch], labels[:batch]
            expected = here.astype(np.float64)
            for layer in hidden:
                expected = in_batches(expected, layer.apply)
            on_gpu = torch.tensor(here, device="cuda")
            kinds = [(torch.float32, False), (torch.float32, True), (torch.bfloat16, False)]
            runs = [peers.dense(peer_layers, on_gpu, dtype, tf32, args.repeat) for dtype, tf32 in kinds]
            runs = [(ms, y.cpu().numpy()) for ms, y in runs]
            runs.append(of_ours[batch][:2])
            accuracies = [f"{100 * (last.apply(y).argmax(1) == of).mean():.2f}" for _, y in runs]
            errors = [peers.error_of(torch.tensor(y), torch.tensor(expected)) for _, y in runs]
            right &= errors[3] <= TOLERANCE
            times = " | ".join(f"{ms:.4f}" for ms, _ in runs)
            print(f"| {letter} | {batch} | {times} | {runs[0][0] / runs[3][0]:.2f} | {', '.join(accuracies)} "
                  f"| {', '.join(f'{error:.0e}' for error in errors)} |", flush=True)
    return right


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--timer", type=Path, default=Path("target/release/examples/batches"), help="examples/batches.rs")
    parser.add_argument("--mnist", type=Path, help="folder of MNIST's test images, for A, B and C")
    parser.add_argument("--networks", nargs="*", default=["A", "B", "C", "D"])
    parser.add_argument("--batches", nargs="*", type=int, default=[10000, 1000, 64, 1])
    parser.add_argument("--widths", nargs="*", type=int, default=[512, 1024, 2048, 4096])
    parser.add_argument("--sparsities", nargs="*", type=float, default=[70, 80, 90, 95])
    parser.add_argument("--pruned-batches", nargs="*", type=int, default=[1, 64, 1000, 10000])
    parser.add_argument("--repeat", type=int, default=20)
    args = parser.parse_args()
    args.timer = args.timer.resolve()
    if args.mnist is None and set(args.networks) - {"D"}:
        parser.error("A, B and C need --mnist")
    print(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}, medians of {args.repeat}, ms")
    with tempfile.TemporaryDirectory() as work, torch.no_grad():
        right = medium_scale(args, Path(work))
        right &= not args.widths or pruned.compare(args, Path(work), TOLERANCE)
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
