"""PyTorch on the same GPU: dense layers in float32, TF32 or bf16, and sparse ones as CSR (cuSPARSE), in a CUDA graph."""

import statistics
import sys

import torch

# Weights (outputs x inputs), bias, lower and upper bound of the activation; None for none.
Layer = tuple[torch.Tensor, torch.Tensor, float | None, float | None]


def graph_ms(step, repeats: int, seconds: float = 1.0) -> float:
    """Median milliseconds of `step` replayed as a CUDA graph, `repeats` times or, from three on, for so long."""
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        step()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    times = []
    warm_up = 2
    while len(times) < warm_up + 3 or (len(times) < warm_up + repeats and sum(times) < 1e3 * seconds):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        graph.replay()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end))
    return statistics.median(times[warm_up:])


def dense(layers: list[Layer], x: torch.Tensor, dtype, tf32: bool, repeats: int) -> tuple[float, torch.Tensor]:
    """Milliseconds and answers of `addmm` and `clamp_` a layer; `x` is inputs x features."""
    torch.backends.cuda.matmul.allow_tf32 = tf32
    y0 = x.to(dtype)
    parts = [(weight.T.to(dtype).contiguous(), bias.to(dtype), low, high) for weight, bias, low, high in layers]
    result = []

    def step():
        y = y0
        for weight, bias, low, high in parts:
            y = torch.addmm(bias, y, weight)
            if low is not None:
                y = y.clamp_(low, high)
        result[:] = [y]

    ms = graph_ms(step, repeats)
    torch.backends.cuda.matmul.allow_tf32 = False
    return ms, result[0].double()


def csr(layers: list[Layer], x: torch.Tensor, repeats: int) -> float | None:
    """Neuron-major activations, the form cuSPARSE has a fast product for; None if it cannot be in a graph."""
    y0 = x.T.contiguous()
    parts = [(weight.to_sparse_csr(), bias[:, None], low, high) for weight, bias, low, high in layers]

    def step():
        y = y0
        for weight, bias, low, high in parts:
            y = (weight @ y).add_(bias)
            if low is not None:
                y = y.clamp_(low, high)

    try:
        return graph_ms(step, repeats)
    except RuntimeError as error:
        print(f"CSR: {error}", file=sys.stderr)
        return None


def reference(layers: list[Layer], x: torch.Tensor) -> torch.Tensor:
    """In float64."""
    y = x.double()
    for weight, bias, low, high in layers:
        y = y @ weight.double().T + bias.double()
        if low is not None:
            y = y.clamp_(low, high)
    return y


def error_of(y: torch.Tensor, expected: torch.Tensor) -> float:
    """The largest over all outputs and inputs, relative to the largest output of the same input."""
    scale = expected.abs().amax(1, keepdim=True)
    error = ((y - expected).abs() / scale.where(scale > 0, 1)).max().item()
    return float("inf") if error != error else error
