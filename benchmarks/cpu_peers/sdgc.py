"""Times peers and snicit on one Graph Challenge network; every answer is compared with the truth.

Called by run.sh: sdgc.py SNICIT DATA LAYERS REPEATS. The clock of every peer covers inference only: the
network and the inputs are in memory, in the form that the peer likes best.
"""

import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np

NEURONS, INPUTS, BIAS, CAP = 1024, 60_000, -0.3, 32.0
# Behind this layer only converged columns are left: the steady state.
STEADY_FROM = 30


def read(folder, layers):
    """Layers as (input, output) index pairs, the inputs as a boolean matrix, the truth as indices."""
    network = []
    for layer in range(1, layers + 1):
        path = f"{folder}/neuron{NEURONS}/n{NEURONS}-l{layer}.tsv"
        rows = np.loadtxt(path, dtype=np.float64)
        network.append((rows[:, 0].astype(np.int64) - 1, rows[:, 1].astype(np.int64) - 1, rows[:, 2]))
    images = np.fromfile(f"{folder}/sparse-images-{NEURONS}.tsv", sep=" ", dtype=np.int64).reshape(-1, 3)
    inputs = np.zeros((INPUTS, NEURONS), dtype=bool)
    inputs[images[:, 0] - 1, images[:, 1] - 1] = True
    truth = np.loadtxt(f"{folder}/neuron{NEURONS}-l{layers}-categories.tsv", dtype=np.int64) - 1
    return network, inputs, truth


class Clock:
    """Seconds from the start, and from layer STEADY_FROM on."""

    def __init__(self):
        self.start = time.perf_counter()
        self.steady = self.start

    def layer_done(self, layer):
        if layer == STEADY_FROM:
            self.steady = time.perf_counter()

    def stop(self, layers):
        end = time.perf_counter()
        steady_layers = layers - STEADY_FROM
        per_layer = (end - self.steady) / steady_layers * 1e3 if steady_layers > 0 else float("nan")
        return end - self.start, per_layer


def graphblas(network, inputs):
    """SuiteSparse:GraphBLAS with the operations of LAGraph_dnn: mxm, bias, select, clip."""
    import graphblas as gb

    fp32 = gb.dtypes.FP32
    gb.ss.config["nthreads"] = os.cpu_count()
    matrices = [
        gb.Matrix.from_coo(i, o, w.astype(np.float32), nrows=NEURONS, ncols=NEURONS)
        for i, o, w in network
    ]
    rows, columns = np.nonzero(inputs)
    first = gb.Matrix.from_coo(
        rows, columns, np.ones(len(rows), np.float32), nrows=INPUTS, ncols=NEURONS
    )

    def run():
        clock, y = Clock(), first
        for layer, w in enumerate(matrices, 1):
            y = y.mxm(w, gb.semiring.plus_times[fp32]).new()
            y << y.apply(gb.binary.plus[fp32], right=np.float32(BIAS))
            y << y.select(gb.select.valuegt, np.float32(0))
            y << y.apply(gb.binary.min[fp32], right=np.float32(CAP))
            clock.layer_done(layer)
        alive = y.reduce_rowwise("max").new().to_coo()[0]
        return alive, clock

    return run


def dropping(multiply, any_column, keep, prepare, early_block, early_layers=8):
    """Feed-forward that drops zero columns after each layer; the first layers in blocks of inputs."""

    def layers(y, ids, first, last, clock, network):
        for layer in range(first, last):
            y = multiply(network[layer], y)
            alive = any_column(y)
            if not alive.all():
                y, ids = keep(y, alive), ids[np.asarray(alive)]
            if clock:
                clock.layer_done(layer + 1)
        return y, ids

    def run(network, inputs, join):
        clock = Clock()
        if early_block is None:
            y, ids = prepare(inputs), np.arange(INPUTS)
            first = 0
        else:
            first = min(early_layers, len(network))
            parts = []
            for start in range(0, INPUTS, early_block):
                ids = np.arange(start, min(start + early_block, INPUTS))
                parts.append(layers(prepare(inputs[ids]), ids, 0, first, None, network))
            y, ids = join([part for part, _ in parts]), np.concatenate([ids for _, ids in parts])
        _, ids = layers(y, ids, first, len(network), clock, network)
        return ids, clock

    return run


def scipy_csr(network, inputs, early_block):
    """scipy: CSR × dense, zero columns dropped."""
    import scipy.sparse as sparse

    matrices = [
        sparse.csr_array((w.astype(np.float32), (o, i)), shape=(NEURONS, NEURONS))
        for i, o, w in network
    ]
    transposed = np.ascontiguousarray(inputs.T)

    def multiply(w, y):
        z = w @ y
        z += np.float32(BIAS)
        return np.clip(z, 0, np.float32(CAP), out=z)

    run = dropping(
        multiply,
        lambda y: y.any(axis=0),
        lambda y, alive: np.ascontiguousarray(y[:, alive]),
        lambda part: np.ascontiguousarray(part.T, dtype=np.float32),
        early_block,
    )
    del transposed
    return lambda: run(matrices, inputs, lambda parts: np.concatenate(parts, axis=1))


def torch_form(network, inputs, dense, early_block):
    """PyTorch: dense or CSR (MKL) × dense, zero columns dropped."""
    import torch

    torch.set_num_threads(os.cpu_count())
    matrices = []
    for i, o, w in network:
        w = torch.sparse_coo_tensor(
            np.stack([o, i]), torch.tensor(w, dtype=torch.float32), (NEURONS, NEURONS)
        )
        matrices.append(w.to_dense() if dense else w.to_sparse_csr())

    def multiply(w, y):
        return (w @ y).add_(BIAS).clamp_(0, CAP)

    run = dropping(
        multiply,
        lambda y: y.any(dim=0),
        lambda y, alive: y[:, alive],
        lambda part: torch.from_numpy(np.ascontiguousarray(part.T)).to(torch.float32),
        early_block,
    )
    return lambda: run(matrices, inputs, lambda parts: torch.cat(parts, dim=1))


def snicit(command, folder, layers, method):
    """Our command, a process each time; its own clock."""

    def run():
        line = [command, "sdgc", "-m", method, "-n", str(NEURONS), "-l", str(layers), "--data", folder]
        result = subprocess.run([*line, "--json"], capture_output=True, text=True)
        outcome = json.loads(result.stdout)
        assert outcome["truth"] == "match", (result.stdout, result.stderr)
        return outcome["times_ms"]["total"] / 1e3, outcome["post_convergence_layer_ms"]

    return run


def main():
    command, folder, layers, repeats = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    network, inputs, truth = read(folder, layers)
    peers = {
        "SuiteSparse:GraphBLAS, LAGraph_dnn's operations": lambda: graphblas(network, inputs),
        "scipy CSR × dense, zero columns dropped": lambda: scipy_csr(network, inputs, None),
        "scipy, first 8 layers in blocks of 500": lambda: scipy_csr(network, inputs, 500),
        "PyTorch dense, zero columns dropped": lambda: torch_form(network, inputs, True, None),
        "PyTorch CSR × dense, zero columns dropped": lambda: torch_form(network, inputs, False, None),
        "PyTorch CSR, first 8 layers in blocks of 2000": lambda: torch_form(network, inputs, False, 2000),
    }
    ours = {m: snicit(command, folder, layers, m) for m in ("XY", "SNICIT")}
    times = {name: [] for name in [*peers, *ours]}
    for name, make in peers.items():
        run = make()
        for _ in range(repeats):
            alive, clock = run()
            times[name].append(clock.stop(layers))
            assert np.array_equal(np.sort(alive), truth), name
            # Between any two runs of a peer, so that both see the same machine.
            for method, ours_run in ours.items():
                times[method].append(ours_run())
        del run
    median = lambda name, k: statistics.median(run[k] for run in times[name])
    snicit_total = median("SNICIT", 0)
    print(f"\n{NEURONS}-{layers}, {INPUTS} inputs, medians; every answer equals the truth\n")
    print("| how | total, s | min–max | steady, ms a layer | SNICIT is faster by |")
    print("| --- | --- | --- | --- | --- |")
    for name in times:
        totals = [run[0] for run in times[name]]
        label = f"snicit {name}" if name in ours else name
        print(
            f"| {label} | {median(name, 0):.3f} | {min(totals):.3f}–{max(totals):.3f} "
            f"| {median(name, 1):.2f} | {median(name, 0) / snicit_total:.1f} |"
        )


if __name__ == "__main__":
    main()
