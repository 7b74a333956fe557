"""Pruned MLPs 784 - N - N - N - N - 10, untrained, with ReLU and a bias a neuron: all layers but the last are pruned by
magnitude."""

import math
import warnings
from pathlib import Path

import numpy as np
import torch

import peers
from networks import write_tensors
from ours import ours

INPUTS, CLASSES, HIDDEN_LAYERS = 784, 10, 4


def pruned_mlp(width: int, sparsity: float) -> list[peers.Layer]:
    generator = torch.Generator("cuda").manual_seed(width)
    layers = []
    sizes = [INPUTS] + [width] * HIDDEN_LAYERS + [CLASSES]
    for k, (inputs, outputs) in enumerate(zip(sizes, sizes[1:])):
        weight = torch.randn(outputs, inputs, generator=generator, device="cuda")
        last = k == HIDDEN_LAYERS
        if not last:
            magnitudes = weight.abs().flatten()
            weight[weight.abs() <= magnitudes.kthvalue(int(sparsity * len(magnitudes))).values] = 0
        weight *= math.sqrt(2 * outputs / weight.square().sum())
        bias = 0.1 * torch.randn(outputs, generator=generator, device="cuda")
        layers.append((weight, bias, None if last else 0.0, None))
    return layers


def write_network(path: Path, layers: list[peers.Layer]) -> None:
    """As tools/convert_model.py does."""
    tensors = {}
    for k, (weight, bias, _, _) in enumerate(layers):
        prefix = f"layers.{k + 1}"
        tensors[f"{prefix}.bias"] = bias.cpu().numpy()
        if k == HIDDEN_LAYERS:
            tensors[f"{prefix}.weight"] = weight.cpu().numpy()
            continue
        csr = weight.to_sparse_csr()
        tensors[f"{prefix}.weight.values"] = csr.values().cpu().numpy()
        tensors[f"{prefix}.weight.columns"] = csr.col_indices().to(torch.int32).cpu().numpy().view("<u4")
        tensors[f"{prefix}.weight.row_starts"] = csr.crow_indices().to(torch.int32).cpu().numpy().view("<u4")
        tensors[f"{prefix}.weight.inputs"] = np.array([weight.shape[1]], "<u4")
    activations = str(["relu"] * HIDDEN_LAYERS + ["identity"]).replace("'", '"')
    write_tensors(path, tensors, {"format": "snicit-network", "version": "1", "activations": activations})


def compare(args, work: Path, tolerance: float) -> bool:
    """Prints a table; whether all answers are right."""
    warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
    print("\n| N | sparsity | batch | PyTorch fp32 | TF32 | CSR | snicit | fp32 / snicit | CSR / snicit | error of fp32, "
          "TF32, snicit | snicit's choice |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- | --- |")
    right, lost, runs = True, 0, 0
    x = torch.rand(max(args.pruned_batches), INPUTS, generator=torch.Generator().manual_seed(1))
    inputs = work / "x.npy"
    np.save(inputs, x.numpy())
    x = x.cuda()
    for width in args.widths:
        for sparsity in args.sparsities:
            layers = pruned_mlp(width, sparsity / 100)
            network = work / "pruned.safetensors"
            write_network(network, layers)
            of_ours = ours(args, network, inputs, args.pruned_batches, work)
            for batch in args.pruned_batches:
                here = x[:batch]
                expected = peers.reference(layers, here)
                fp32, y32 = peers.dense(layers, here, torch.float32, False, args.repeat)
                tf32, y_tf32 = peers.dense(layers, here, torch.float32, True, args.repeat)
                csr = peers.csr(layers, here, args.repeat)
                our_ms, y, note = of_ours[batch]
                errors = [peers.error_of(y, expected) for y in (y32, y_tf32, torch.tensor(y, device="cuda"))]
                right &= errors[2] <= tolerance
                runs, lost = runs + 1, lost + (our_ms > min(fp32, csr or fp32))
                of_csr = ("-", "-") if csr is None else (f"{csr:.4f}", f"{csr / our_ms:.2f}")
                print(f"| {width} | {sparsity:g} % | {batch} | {fp32:.4f} | {tf32:.4f} | {of_csr[0]} | {our_ms:.4f} "
                      f"| {fp32 / our_ms:.2f} | {of_csr[1]} | {', '.join(f'{e:.0e}' for e in errors)} | {note} |",
                      flush=True)
    print(f"\nsnicit is slower than the faster of fp32 and CSR in {lost} of {runs} cases.")
    return right
