"""Times `snicit infer` beside PyTorch, dense and CSR, on pruned MLPs; every answer is compared.

    cargo build --release
    python benchmarks/pruned_mlp/run.py --snicit target/release/snicit

Makes PyTorch MLPs 784 - N - N - N - N - 10 with ReLU and a bias a neuron, prunes all layers but the last,
and takes them the way a user would: state_dict, tools/convert_model.py, `snicit infer`. Clocks cover
inference only, all on the same number of threads: files are read and networks prepared before.
Prints a table in Markdown; exits with 1 if an answer differs. Needs torch, numpy and safetensors.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.utils import prune

CONVERTER = Path(__file__).resolve().parents[2] / "tools" / "convert_model.py"
INPUTS, CLASSES, HIDDEN_LAYERS = 784, 10, 4
# Of an output, relative to the largest one of the same input.
TOLERANCE = 1e-4


def pruned_mlp(width: int, sparsity: float, how: str) -> nn.Sequential:
    widths = [INPUTS] + [width] * HIDDEN_LAYERS
    layers: list[nn.Module] = []
    for inputs, outputs in zip(widths, widths[1:]):
        layer = nn.Linear(inputs, outputs)
        kind = {"magnitude": prune.l1_unstructured, "random": prune.random_unstructured}[how]
        kind(layer, "weight", amount=sparsity)
        prune.remove(layer, "weight")
        with torch.no_grad():
            # As trained networks do, keeps the size of activations from layer to layer.
            layer.weight *= (2 * outputs / layer.weight.square().sum()).sqrt()
            nn.init.normal_(layer.bias, std=0.1)
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, CLASSES))


def csr_forward(model: nn.Sequential):
    """CSR weights times neuron-major activations, the form PyTorch has a fast product for."""
    layers = [layer for layer in model if isinstance(layer, nn.Linear)]
    weights = [layer.weight.detach().to_sparse_csr() for layer in layers[:-1]]

    def forward(x: torch.Tensor) -> torch.Tensor:
        y = x.T.contiguous()
        for weight, layer in zip(weights, layers):
            y = (weight @ y).add_(layer.bias[:, None]).relu_()
        return layers[-1](y.T)

    return forward


def median_ms(run, repeats: int) -> float:
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def snicit_run(args, network: Path, inputs: Path, output: Path, batch: int, repeats: int) -> dict:
    command = [args.snicit, "infer", network, inputs, "-o", output, "--device", "cpu", "--json"]
    command += ["-b", str(batch), "--repeat", str(repeats)] + (["-m", args.method] if args.method else [])
    environment = os.environ | {"RAYON_NUM_THREADS": str(args.threads)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)


def main() -> int:
    args = parse_arguments()
    warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
    torch.set_num_threads(args.threads)
    args.work.mkdir(parents=True, exist_ok=True)
    print(f"PyTorch {torch.__version__}, {platform.processor() or platform.machine()}, "
          f"{args.threads} threads, {args.prune} pruning, medians in ms\n")
    print("| N | sparsity | batch | PyTorch dense | PyTorch CSR | snicit | dense / snicit | CSR / snicit | error |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    methods, runs, lost, wrong = set(), 0, 0, 0
    for width in args.widths:
        for sparsity in args.sparsities:
            torch.manual_seed(width)
            model = pruned_mlp(width, sparsity / 100, args.prune)
            state, network = args.work / "model.pt", args.work / "model.safetensors"
            torch.save(model.state_dict(), state)
            subprocess.run(
                [sys.executable, CONVERTER, state, "-o", network, "--activations", "relu"],
                check=True, stdout=subprocess.DEVNULL,
            )
            csr = csr_forward(model)
            for batch in args.batches:
                inputs, output = args.work / "inputs.npy", args.work / "output.npy"
                x = torch.rand(batch, INPUTS)
                np.save(inputs, x.numpy())
                repeats = max(args.repeat, min(1000, 2000 // batch))
                with torch.no_grad():
                    expected = model(x).numpy()
                    dense_ms = median_ms(lambda: model(x), repeats)
                    csr_ms = median_ms(lambda: csr(x), repeats)
                ours = snicit_run(args, network, inputs, output, batch, repeats)
                our_ms = ours["times_ms"]["total"]
                methods.add(ours["method"])
                difference = np.abs(np.load(output) - expected).max(1) / np.abs(expected).max(1)
                runs, lost = runs + 1, lost + (our_ms > min(dense_ms, csr_ms))
                wrong += difference.max() > TOLERANCE
                print(
                    f"| {width} | {sparsity:g} % | {batch} | {dense_ms:.3g} | {csr_ms:.3g} | {our_ms:.3g} "
                    f"| {dense_ms / our_ms:.2f} | {csr_ms / our_ms:.2f} | {difference.max():.0e} |",
                    flush=True,
                )
    print(f"\nsnicit ran {', '.join(methods)}. Slower than the faster of both in {lost} of {runs} cases; wrong in {wrong}.")
    return 1 if wrong else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--snicit", default="target/release/snicit", help="the command")
    parser.add_argument("--widths", type=int, nargs="+", default=[512, 1024, 2048, 4096])
    parser.add_argument("--sparsities", type=float, nargs="+", default=[70, 80, 90, 95], help="in percent")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 64, 10000])
    parser.add_argument("--prune", choices=["magnitude", "random"], default="magnitude")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeat", type=int, default=3, help="at least; more for small batches")
    parser.add_argument("-m", "--method", help="instead of the command's default")
    parser.add_argument("--work", type=Path, default=Path("target/pruned_mlp"), help="folder for the files")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
