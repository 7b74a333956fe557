"""Times PyTorch and ONNX Runtime, dense, on the networks that the example `medium_scale` wrote.

    cargo run --release -p snicit --example medium_scale -- FOLDER 1 64 10000 > FOLDER/ours.txt
    python benchmarks/cpu_peers/medium.py FOLDER

Prints a table with our figures beside the peers'. All answers are compared with ours.
"""

import os
import statistics
import sys
import time

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

SHAPES = {"A": (128, 18), "B": (256, 18), "C": (256, 12)}
PIXELS, CLASSES = 784, 10


def read(folder, shape):
    neurons, layers = SHAPES[shape]
    widths = [PIXELS] + [neurons] * (layers + 1) + [CLASSES]
    f32 = lambda name: np.fromfile(f"{folder}/{shape}-{name}.f32", np.float32)
    pairs = zip(widths, widths[1:])
    network = [
        (f32(f"l{k}").reshape(outputs, inputs), f32(f"b{k}")) for k, (inputs, outputs) in enumerate(pairs, 1)
    ]
    return network, f32("inputs").reshape(-1, PIXELS), f32("output").reshape(-1, CLASSES)


def with_torch(network, sparse):
    layers = [(torch.tensor(w), torch.tensor(b)) for w, b in network]
    if sparse:
        layers = [(w.to_sparse_csr(), b) for w, b in layers]

    def run(x):
        with torch.no_grad():
            y = torch.from_numpy(x)
            if sparse:
                y = y.T.contiguous()
            for k, (w, b) in enumerate(layers):
                y = (w @ y).add_(b[:, None]) if sparse else torch.nn.functional.linear(y, w, b)
                if k + 1 < len(layers):
                    y = y.clamp_(0, 1)
            return (y.T if sparse else y).numpy()

    return run


def with_onnxruntime(network):
    nodes, constants, name = [], [], "x"
    for bound in ("low", "high"):
        constants.append(numpy_helper.from_array(np.float32(bound == "high"), bound))
    for k, (w, b) in enumerate(network):
        constants += [numpy_helper.from_array(w, f"w{k}"), numpy_helper.from_array(b, f"b{k}")]
        nodes.append(helper.make_node("Gemm", [name, f"w{k}", f"b{k}"], [f"z{k}"], transB=1))
        name = f"z{k}"
        if k + 1 < len(network):
            nodes.append(helper.make_node("Clip", [name, "low", "high"], [f"y{k}"]))
            name = f"y{k}"
    value = lambda name, width: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["b", width])
    graph = helper.make_graph(nodes, "g", [value("x", PIXELS)], [value(name, CLASSES)], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = os.cpu_count()
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda x: session.run(None, {"x": x})[0]


def median_ms(run, x):
    times, begin = [], time.perf_counter()
    while len(times) < 6 or time.perf_counter() - begin < 1:
        start = time.perf_counter()
        run(x)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:]) * 1e3


def main():
    folder = sys.argv[1]
    torch.set_num_threads(os.cpu_count())
    times = {}
    for line in open(f"{folder}/ours.txt"):
        shape, method, batch, ms = line.split()
        times[shape, int(batch), method] = float(ms)
    batches = sorted({batch for _, batch, _ in times})
    for shape in SHAPES:
        network, inputs, expected = read(folder, shape)
        peers = {
            "PyTorch dense": with_torch(network, False),
            "PyTorch CSR": with_torch(network, True),
            "ONNX Runtime": with_onnxruntime(network),
        }
        for name, run in peers.items():
            error = np.abs(run(inputs) - expected).max() / np.abs(expected).max()
            assert error < 1e-4, (shape, name, error)
            for batch in batches:
                times[shape, batch, name] = median_ms(run, np.ascontiguousarray(inputs[:batch]))
    names = ["BF-2019", "XY-2021", "SNICIT", "PyTorch dense", "PyTorch CSR", "ONNX Runtime"]
    print("| network | B | " + " | ".join(names) + " | best peer / XY-2021 |")
    print("| --- " * (len(names) + 3) + "|")
    for shape in SHAPES:
        for batch in batches:
            row = [times[shape, batch, name] for name in names]
            ratio = min(row[3:]) / row[1]
            print(f"| {shape} | {batch} | " + " | ".join(f"{ms:.3g}" for ms in row) + f" | {ratio:.2f} |")


if __name__ == "__main__":
    main()
