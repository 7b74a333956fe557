"""Converts a pruned PyTorch or ONNX network of linear layers into a network file of snicit.

    python tools/convert_model.py MODEL -o OUT.safetensors --activations relu   # a state_dict
    python tools/convert_model.py MODEL.onnx -o OUT.safetensors

MODEL is a state_dict that torch.save wrote (.pt, .pth), a .safetensors file of one, or an ONNX model
whose graph is a chain of linear layers. Zero weights become no connections. What cannot be converted is
named, nothing is written, and the exit code is 2. Layout of the output: docs/model-format.md.
Needs numpy and safetensors; torch for state_dicts, onnx for ONNX models.
"""

import argparse
import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np


class Refused(Exception):
    """What cannot be converted and why, in one sentence."""


@dataclass
class Layer:
    name: str  # in the model
    weights: np.ndarray  # outputs x inputs, float32
    bias: np.ndarray | None  # outputs, float32
    activation: str | None  # as docs/model-format.md writes it; None: not known yet


# ---------------------------------------------------------------------------------------------------
# Activations: `identity`, `relu` and `relu:MAX` of the network file

def clipped(maximum: float) -> str:
    """min(max(x, 0), maximum)."""
    if maximum >= np.finfo(np.float32).max:
        return "relu"
    return f"relu:{np.float32(maximum)}".removesuffix(".0")


def activation_named(text: str) -> str:
    """An entry of --activations."""
    if text in ("identity", "relu"):
        return text
    if text == "relu6":
        return clipped(6)
    if match := re.fullmatch(r"clip:([0-9.eE+-]+)", text):
        try:
            maximum = float(match[1])
        except ValueError:
            maximum = -1
        if 0 < maximum < float("inf"):
            return clipped(maximum)
    raise Refused(f"--activations: expected relu, relu6, clip:MAX with MAX > 0, or identity, found {text!r}")


def set_activations(layers: list[Layer], text: str | None) -> None:
    """One entry: for all layers but the last. Otherwise one a layer; the last may be left out."""
    if text is None:
        raise Refused("--activations is needed: a state_dict does not tell what is between its layers")
    given = [activation_named(entry.strip()) for entry in text.split(",")]
    if len(given) == 1:
        given *= len(layers) - 1
    if len(given) == len(layers) - 1:
        given.append("identity")
    if len(given) != len(layers):
        raise Refused(
            f"--activations: expected 1, {len(layers) - 1} or {len(layers)} entries, found {len(given)}"
        )
    for layer, activation in zip(layers, given):
        layer.activation = activation


# ---------------------------------------------------------------------------------------------------
# PyTorch

# What a Linear layer leaves in a state_dict; `_orig` and `_mask` are torch.nn.utils.prune's.
LINEAR_TENSORS = {"weight", "weight_orig", "weight_mask", "bias", "bias_orig", "bias_mask"}


def from_state_dict(path: Path, order: str | None) -> list[Layer]:
    """The layers in the order of the state_dict, or as `order` lists their names."""
    state = read_state_dict(path)
    modules: dict[str, dict] = {}
    for key, tensor in state.items():
        module, _, tensor_name = key.rpartition(".")
        if tensor_name not in LINEAR_TENSORS or not hasattr(tensor, "is_sparse"):
            raise Refused(f"{path}: {key}: not part of a Linear layer; only those are converted")
        modules.setdefault(module, {})[tensor_name] = tensor
    if order is not None:
        names = [name.strip() for name in order.split(",")]
        if sorted(names) != sorted(modules):
            raise Refused(f"--layers: expected each of {', '.join(modules)} once, found {order}")
    elif path.suffix == ".safetensors":
        # Such a file does not keep the order; numbers in names are taken as numbers.
        names = sorted(modules, key=lambda name: [
            (0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", name)
        ])
    else:
        names = list(modules)
    if not names:
        raise Refused(f"{path}: no layer is in it")
    return [linear_layer(path, name, modules[name]) for name in names]


def read_state_dict(path: Path) -> dict:
    import torch

    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except Exception as error:
            raise Refused(f"{path}: not a safetensors file: {error}") from error
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise Refused(
            f"{path}: torch.load refuses it as weights; save model.state_dict(), not the model "
            f"({first_line(error)})"
        ) from error
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            note(f"taking the state_dict under the key {key!r}")
            return state[key]
    if not isinstance(state, dict):
        raise Refused(f"{path}: expected a state_dict, found {type(state).__name__}")
    return state


def linear_layer(path: Path, name: str, tensors: dict) -> Layer:
    def pruned(kind: str) -> np.ndarray | None:
        if f"{kind}_orig" in tensors:
            if f"{kind}_mask" not in tensors:
                raise Refused(f"{path}: {name}.{kind}_orig has no {name}.{kind}_mask")
            original, mask = (array(f"{kind}_{part}") for part in ("orig", "mask"))
            if original.shape != mask.shape:
                raise Refused(f"{path}: {name}: {kind}_orig is {original.shape}, {kind}_mask {mask.shape}")
            # Chosen, not multiplied: a weight that is pruned may be anything, also not finite.
            return np.where(mask != 0, original * mask, np.float32(0))
        if f"{kind}_mask" in tensors:
            raise Refused(f"{path}: {name}.{kind}_mask has no {name}.{kind}_orig")
        return array(kind) if kind in tensors else None

    def array(kind: str) -> np.ndarray:
        tensor = tensors[kind].detach()
        if tensor.is_quantized or tensor.is_complex():
            raise Refused(f"{path}: {name}.{kind}: expected real numbers, found {tensor.dtype}")
        tensor = tensor.to_dense() if tensor.layout is not _strided() else tensor
        return tensor.float().numpy()

    weights, bias = pruned("weight"), pruned("bias")
    if weights is None:
        raise Refused(f"{path}: {name}.bias has no {name}.weight")
    if weights.ndim != 2:
        raise Refused(
            f"{path}: {name}.weight: expected a matrix outputs x inputs, found {list(weights.shape)}; "
            "only Linear layers are converted"
        )
    if bias is not None and bias.shape != weights.shape[:1]:
        raise Refused(f"{path}: {name}.bias: expected {len(weights)} values, found {list(bias.shape)}")
    return Layer(name, weights, bias, None)


def _strided():
    import torch

    return torch.strided


# ---------------------------------------------------------------------------------------------------
# ONNX

def from_onnx(path: Path) -> list[Layer]:
    """The layers along the one chain from the graph's input to its output."""
    import onnx

    try:
        model = onnx.load(path)
        if model.functions:
            model = onnx.inliner.inline_local_functions(model)
    except Exception as error:
        raise Refused(f"{path}: not an ONNX model: {first_line(error)}") from error
    return OnnxChain(path, model).layers()


class OnnxChain:
    """Follows the activations from node to node and gathers layers on the way."""

    def __init__(self, path: Path, model):
        from onnx import numpy_helper

        self.path, self.model, self.graph = path, model, model.graph
        self.constants = {t.name: numpy_helper.to_array(t, str(path.parent)) for t in self.graph.initializer}
        for sparse in self.graph.sparse_initializer:
            self.constants[sparse.values.name] = dense_from_sparse(sparse)
        self.found: list[Layer] = []
        self.shape_values: set[str] = set()  # computed from shapes of tensors
        self.dropped = None  # the node at the end that is left out
        # What an input has before the first layer: [784], [1, 28, 28]; None stands for an unknown size.
        self.input_shape: list[int | None] = []
        self.batch: list[int | None] = []  # the number of inputs, where the graph says it

    def layers(self) -> list[Layer]:
        inputs = [i for i in self.graph.input if i.name not in self.constants]
        for what, values in (("input", inputs), ("output", self.graph.output)):
            if len(values) != 1:
                names = ", ".join(v.name for v in values)
                raise Refused(f"{self.path}: expected one {what} of the graph, found {len(values)}: {names}")
        sizes = [d.dim_value or None for d in inputs[0].type.tensor_type.shape.dim]
        self.batch, self.input_shape = sizes[:1], sizes[1:]
        consumers: dict[str, list] = {}
        for node in self.graph.node:
            if self.fold(node) or self.is_about_shapes(node):
                continue
            for name in filter(None, node.input):
                if name not in self.constants:
                    consumers.setdefault(name, []).append(node)

        value, goal = inputs[0].name, self.graph.output[0].name
        while value != goal:
            following = consumers.get(value, [])
            if not following:
                raise Refused(f"{self.path}: tensor {value!r} leads nowhere; the output is {goal!r}")
            if len(following) > 1:
                self.refuse(following[1], f"the network branches at {value!r}; only chains are converted")
            self.take(following[0], value)
            value = following[0].output[0]
        if consumers.get(goal):
            self.refuse(consumers[goal][0], f"it uses the output {goal!r}; only chains are converted")
        if not self.found:
            raise Refused(f"{self.path}: no Gemm or MatMul is in the graph")
        if self.dropped:
            note(f"{describe(self.dropped)} at the end is dropped: the outputs are the scores before it")
        for layer in self.found:
            layer.activation = layer.activation or "identity"
        return self.found

    def fold(self, node) -> bool:
        """Computes a node that depends on constants only; such a node is no part of the chain."""
        import onnx
        from onnx.reference import ReferenceEvaluator

        if not all(name in self.constants for name in node.input if name) or has_subgraph(node):
            return False
        if node.op_type.startswith("Random") or node.op_type in ("Bernoulli", "Multinomial"):
            return False
        graph = onnx.helper.make_graph(
            [node], "constants", [onnx.ValueInfoProto(name=n) for n in set(filter(None, node.input))],
            [onnx.ValueInfoProto(name=n) for n in node.output if n],
        )
        try:
            model = onnx.helper.make_model(graph, opset_imports=self.model.opset_import)
            results = ReferenceEvaluator(model).run(
                None, {name: self.constants[name] for name in node.input if name}
            )
        except Exception as error:
            self.refuse(node, f"its constant value cannot be computed: {first_line(error)}")
        self.constants.update(zip(filter(None, node.output), map(np.asarray, results)))
        return True

    def is_about_shapes(self, node) -> bool:
        """Whether it computes with the shapes of tensors only, as `x.view(x.size(0), -1)` does."""
        known = self.shape_values | self.constants.keys()
        if node.op_type != "Shape" and not all(name in known for name in node.input if name):
            return False
        self.shape_values.update(node.output)
        return True

    def take(self, node, value: str) -> None:
        """One step of the chain; `value` is the tensor that arrives."""
        if node.domain not in ("", "ai.onnx"):
            self.refuse(node, f"operators of the domain {node.domain!r} are not converted")
        step = self.STEPS.get(node.op_type)
        if step is None:
            known = ", ".join(sorted(self.STEPS))
            self.refuse(node, f"this operator is not converted; known are {known}")
        if self.dropped is not None and node.op_type != "Identity":
            self.refuse(self.dropped, f"{describe(node)} follows; it is dropped only at the end")
        step(self, node, value)

    def gemm(self, node, value: str) -> None:
        attributes = attributes_of(node)
        if node.input[0] != value:
            self.refuse(node, "the activations are not its first input")
        if attributes.get("transA", 0):
            self.refuse(node, "transA is set; the activations must be inputs x neurons")
        weights = self.matrix(node, node.input[1]) * np.float32(attributes.get("alpha", 1.0))
        if not attributes.get("transB", 0):
            weights = weights.T
        self.affine(node, weights)
        if len(node.input) > 2 and node.input[2]:
            self.add_bias(node, node.input[2], np.float32(attributes.get("beta", 1.0)))

    def matmul(self, node, value: str) -> None:
        if node.input[0] != value:
            self.refuse(node, "the activations are its second input; W·x with an input a column is not converted")
        self.affine(node, self.matrix(node, node.input[1]).T)

    def affine(self, node, weights: np.ndarray) -> None:
        if not self.found and len(self.input_shape) > 1:
            self.refuse(node, f"its inputs have the shape {self.input_shape} and are not flattened")
        if self.found and self.found[-1].activation is None:
            self.found[-1].activation = "identity"
        self.found.append(Layer(node.name or node.output[0], weights, None, None))

    def add(self, node, value: str) -> None:
        if not self.found or self.found[-1].activation is not None:
            self.refuse(node, "it does not follow a Gemm or MatMul; only a bias is converted")
        self.add_bias(node, next((name for name in node.input if name != value), value), np.float32(1))

    def add_bias(self, node, name: str, factor: np.float32) -> None:
        if name not in self.constants:
            self.refuse(node, f"the bias {name!r} is not a constant")
        layer, bias = self.found[-1], self.constants[name]
        outputs = len(layer.weights)
        if bias.dtype.kind not in "fV" or bias.size not in (1, outputs) or bias.shape[-1:] not in ((), (1,), (outputs,)):
            self.refuse(node, f"expected {outputs} floating-point biases, found {bias.dtype} {list(bias.shape)}")
        bias = np.broadcast_to(bias.astype(np.float32).reshape(-1), outputs) * factor
        layer.bias = bias if layer.bias is None else layer.bias + bias

    def relu(self, node, value: str) -> None:
        self.activate(node, float("inf"))

    def clip(self, node, value: str) -> None:
        bounds = dict(attributes_of(node))  # opset 6; inputs since opset 11
        for bound, name in zip(("min", "max"), node.input[1:]):
            if name and name not in self.constants:
                self.refuse(node, f"its {bound} {name!r} is not a constant")
            if name and self.constants[name].size != 1:
                self.refuse(node, f"its {bound} {name!r} is not one number")
            if name:
                bounds[bound] = self.constants[name].item()
        if bounds.get("min") != 0:
            self.refuse(node, f"expected the minimum 0, found {bounds.get('min', 'none')}")
        if not bounds.get("max", float("inf")) > 0:
            self.refuse(node, f"expected a maximum above 0, found {bounds['max']}")
        self.activate(node, bounds.get("max", float("inf")))

    def activate(self, node, maximum: float) -> None:
        if not self.found:
            self.refuse(node, "it comes before the first Gemm or MatMul")
        before = self.found[-1].activation
        if before not in (None, "relu"):
            maximum = min(maximum, float(before.removeprefix("relu:")))
        self.found[-1].activation = clipped(maximum)

    def softmax(self, node, value: str) -> None:
        if not self.found:
            self.refuse(node, "it comes before the first Gemm or MatMul")
        if attributes_of(node).get("axis", -1) not in (-1, 1):
            self.refuse(node, "its axis is not that of the classes")
        self.dropped = node

    def pass_on(self, node, value: str) -> None:
        """Operators that change nothing in inference."""

    def dropout(self, node, value: str) -> None:
        training = node.input[2] if len(node.input) > 2 else ""
        if training and (training not in self.constants or self.constants[training].item()):
            self.refuse(node, "it is in training mode")

    def flatten(self, node, value: str) -> None:
        if attributes_of(node).get("axis", 1) != 1:
            self.refuse(node, "expected axis 1: one row an input")
        self.input_shape = [self.input_width()]

    def reshape(self, node, value: str) -> None:
        """To one row an input. A computed shape is taken for that if its last entry is -1."""
        shape = self.constants.get(node.input[1]) if len(node.input) > 1 else attributes_of(node).get("shape")
        if shape is None and node.input[1] in self.shape_values:
            shape = self.concatenated(node.input[1])
        if shape is None or len(shape) != 2:
            self.refuse(node, "expected a shape with two entries: one row an input")
        width = len(self.found[-1].weights) if self.found else self.input_width()
        if shape[1] > 0 and width not in (None, shape[1]):
            self.refuse(node, f"it makes rows of {shape[1]} out of inputs of {width}")
        if shape[1] < 0 and shape[0] > 1 and [shape[0]] != self.batch:
            self.refuse(node, f"it makes {shape[0]} rows; expected one row an input")
        if not self.found:
            self.input_shape = [shape[1] if shape[1] > 0 else width]

    def concatenated(self, name: str) -> list[int] | None:
        """The shape that a Concat of a computed number and a constant gives; -1 stands for the former."""
        node = next((n for n in self.graph.node if name in n.output), None)
        if node is None or node.op_type != "Concat" or len(node.input) != 2:
            return None
        last = self.constants.get(node.input[1])
        return None if last is None or last.size != 1 else [-1, int(last.item())]

    def input_width(self) -> int | None:
        return None if None in self.input_shape else int(np.prod(self.input_shape))

    STEPS = {
        "Gemm": gemm, "MatMul": matmul, "Add": add, "Relu": relu, "Clip": clip, "Softmax": softmax,
        "LogSoftmax": softmax, "Identity": pass_on, "Dropout": dropout, "Flatten": flatten, "Reshape": reshape,
    }

    def matrix(self, node, name: str) -> np.ndarray:
        if name not in self.constants:
            self.refuse(node, f"the weights {name!r} are not a constant")
        weights = self.constants[name]
        if weights.ndim != 2 or weights.dtype.kind not in "fV":
            self.refuse(node, f"expected a floating-point matrix, found {weights.dtype} {list(weights.shape)}")
        return weights.astype(np.float32)

    def refuse(self, node, reason: str):
        raise Refused(f"{self.path}: {describe(node)}: {reason}")


def describe(node) -> str:
    return f"node {node.name or node.output[0]!r} ({node.op_type})"


def attributes_of(node) -> dict:
    import onnx

    return {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}


def has_subgraph(node) -> bool:
    return any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute)


def dense_from_sparse(sparse) -> np.ndarray:
    """A SparseTensorProto; its indices are positions in the flattened tensor or coordinates."""
    from onnx import numpy_helper

    values, indices = numpy_helper.to_array(sparse.values), numpy_helper.to_array(sparse.indices)
    dense = np.zeros(tuple(sparse.dims), values.dtype)
    if indices.ndim == 1:
        dense.reshape(-1)[indices] = values
    else:
        dense[tuple(indices.T)] = values
    return dense


# ---------------------------------------------------------------------------------------------------
# The network file

def check(path: Path, layers: list[Layer]) -> None:
    for layer in layers:
        for what, values in (("weights", layer.weights), ("biases", layer.bias)):
            if values is not None and not np.isfinite(values).all():
                raise Refused(f"{path}: layer {layer.name}: its {what} are not all finite")
        if 0 in layer.weights.shape:
            raise Refused(f"{path}: layer {layer.name}: it has {layer.weights.shape} weights")
    for before, after in zip(layers, layers[1:]):
        if before.weights.shape[0] != after.weights.shape[1]:
            raise Refused(
                f"{path}: layer {after.name} takes {after.weights.shape[1]} inputs, but layer {before.name} "
                f"before it has {before.weights.shape[0]} outputs (--layers sets the order of a state_dict)"
            )


def density(layer: Layer) -> float:
    return np.count_nonzero(layer.weights) / layer.weights.size


def tensors_of(layer: Layer, dense_above: float) -> dict[str, np.ndarray]:
    outputs, inputs = layer.weights.shape
    if density(layer) > dense_above:
        tensors = {"weight": layer.weights}
    else:
        rows, columns = np.nonzero(layer.weights)  # ascending by output, then by input
        starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=outputs))])
        tensors = {
            "weight.values": layer.weights[rows, columns],
            "weight.columns": columns.astype(
                np.uint8 if inputs <= 1 << 8 else np.uint16 if inputs <= 1 << 16 else np.uint32
            ),
            "weight.row_starts": starts.astype(np.uint32 if starts[-1] < 1 << 32 else np.uint64),
            "weight.inputs": np.array([inputs], np.uint32),
        }
    if layer.bias is not None:
        tensors["bias"] = layer.bias
    return {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}


def write(path: Path, name: str, layers: list[Layer], dense_above: float) -> None:
    """Writes beside `path`, then renames: there is a whole file or none."""
    from safetensors.numpy import save

    tensors = {
        f"layers.{k}.{tensor}": value
        for k, layer in enumerate(layers, 1)
        for tensor, value in tensors_of(layer, dense_above).items()
    }
    metadata = {
        "format": "snicit-network",
        "version": "1",
        "activations": json.dumps([layer.activation for layer in layers]),
        "name": name,
    }
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(with_sorted_metadata(save(tensors, metadata)))
        part.replace(path)
    except OSError as error:
        raise Refused(f"{path}: cannot be written: {error}") from error
    finally:
        part.unlink(missing_ok=True)


def with_sorted_metadata(file: bytes) -> bytes:
    """The safetensors library puts the metadata in any order; the same model is to give the same bytes."""
    length = int.from_bytes(file[:8], "little")
    header = json.loads(file[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + file[8 + length :]


def table(layers: list[Layer], dense_above: float) -> str:
    width = max(5, *(len(layer.name) for layer in layers))
    lines = [f"{'':>3}  {'layer':{width}}  {'outputs x inputs':>16}  {'connections':>11}  {'density':>7}  stored  activation"]
    for k, layer in enumerate(layers, 1):
        outputs, inputs = layer.weights.shape
        stored = "dense" if density(layer) > dense_above else "sparse"
        lines.append(
            f"{k:3}  {layer.name:{width}}  {f'{outputs} x {inputs}':>16}  "
            f"{np.count_nonzero(layer.weights):11}  {density(layer):7.4f}  {stored:6}  {layer.activation}"
        )
    return "\n".join(lines)


# ---------------------------------------------------------------------------------------------------
# The command

def note(line: str) -> None:
    print(f"note: {line}", file=sys.stderr)


def first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def convert(args: argparse.Namespace) -> list[Layer]:
    if not args.model.is_file():
        raise Refused(f"{args.model}: no such file")
    if not args.out.parent.is_dir():
        raise Refused(f"{args.out}: its folder does not exist")
    if args.out.exists() and args.out.samefile(args.model):
        raise Refused(f"{args.out}: is the model itself")
    if not 0 <= args.dense_above <= 1:
        raise Refused(f"--dense-above: expected a number from 0 to 1, found {args.dense_above}")
    if args.model.suffix == ".onnx":
        if args.activations is not None or args.layers is not None:
            raise Refused(f"{args.model}: an ONNX model has its own activations and order of layers")
        layers = from_onnx(args.model)
    elif args.model.suffix in (".pt", ".pth", ".bin", ".safetensors"):
        layers = from_state_dict(args.model, args.layers)
        set_activations(layers, args.activations)
    else:
        raise Refused(f"{args.model}: expected a file .onnx, .pt, .pth, .bin or .safetensors")
    check(args.model, layers)
    write(args.out, args.name or args.model.stem, layers, args.dense_above)
    return layers


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("-o", "--out", type=Path, required=True, help="the network file to write")
    parser.add_argument("--activations", metavar="LIST",
                        help="of a state_dict: relu, relu6, clip:MAX or identity for all layers but the last, "
                             "which is identity; or a list with commas, one a layer")
    parser.add_argument("--layers", metavar="NAMES",
                        help="names of a state_dict's layers in their order, with commas; by default the order "
                             "of the state_dict, or of the numbers in the names in a .safetensors file")
    parser.add_argument("--dense-above", type=float, default=0.75, metavar="DENSITY",
                        help="store a layer dense if its density is above this (default 0.75)")
    parser.add_argument("--name", help="what to call the network (default: the model's file name)")
    args = parser.parse_args(arguments)
    try:
        layers = convert(args)
    except ImportError as error:
        print(f"error: {error}; install it with pip", file=sys.stderr)
        return 2
    except Refused as refused:
        print(f"error: {refused}", file=sys.stderr)
        return 2
    print(table(layers, args.dense_above))
    print(f"{args.out}: {args.out.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
