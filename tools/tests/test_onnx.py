"""ONNX chains: what the converted network computes, and what is refused."""

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

RNG = np.random.default_rng(1)


def sparse(*shape: int, density=0.3) -> np.ndarray:
    return (RNG.normal(size=shape) * (RNG.random(shape) < density)).astype(np.float32)


def floats(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def node(op: str, inputs: str, output: str, **attributes):
    return helper.make_node(op, inputs.split(), [output], name=f"{op}_{output}", **attributes)


def saved(tmp_path, nodes, constants, inputs=6, opset=17, shape=None, sparse_constants=()):
    """The last node's output is the graph's."""
    shape = shape or ["batch", inputs]
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()],
        sparse_initializer=list(sparse_constants),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 8
    path = tmp_path / "model.onnx"
    onnx.save(model, path)
    return path


def assert_same(path, network, inputs=6, shape=None, upto=None):
    x = floats(*(shape or (40, inputs)))
    model = onnx.load(path)
    if upto:
        del model.graph.output[:]
        model.graph.output.append(helper.make_tensor_value_info(upto, TensorProto.FLOAT, None))
    expected = ReferenceEvaluator(model).run(None, {"x": x})[0]
    assert expected.std() > 0.01
    np.testing.assert_allclose(network.forward(x.reshape(len(x), -1)), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("trans_b", [0, 1])
@pytest.mark.parametrize("bias", [(), (1,), (9,), (1, 9)])
def test_gemm(tmp_path, convert, trans_b, bias):
    w = sparse(9, 6) if trans_b else sparse(6, 9)
    nodes = [
        node("Gemm", "x w b", "z", transB=trans_b, alpha=2.0, beta=-0.5),
        node("Relu", "z", "y"),
        node("Gemm", "y v", "scores"),
    ]
    path = saved(tmp_path, nodes, {"w": w, "b": floats(*bias), "v": floats(9, 4)})
    network, out, _ = convert(path)
    assert network.activations == ["relu", "identity"]
    assert np.count_nonzero(network.weights(1)) == np.count_nonzero(w)
    assert "layers.2.bias" not in network.tensors and "9 x 6" in out
    assert_same(path, network)


@pytest.mark.parametrize("order", ["z b", "b z"])
def test_matmul_and_add(tmp_path, convert, order):
    nodes = [
        node("MatMul", "x w", "z"),
        node("Add", order, "s"),
        node("Add", "s c", "t"),
        node("Identity", "t", "u"),
        node("MatMul", "u v", "scores"),
    ]
    path = saved(tmp_path, nodes, {"w": sparse(6, 8), "b": floats(8), "c": floats(1, 8), "v": floats(8, 3)})
    network, _, _ = convert(path)
    assert network.activations == ["identity", "identity"]
    assert_same(path, network)


def test_clip_of_opset_6(tmp_path, convert):
    nodes = [node("MatMul", "x w", "z"), node("Clip", "z", "y", min=0.0, max=0.75), node("MatMul", "y v", "s")]
    path = saved(tmp_path, nodes, {"w": sparse(6, 8), "v": floats(8, 3)}, opset=9)
    network, _, _ = convert(path)
    assert network.activations == ["relu:0.75", "identity"]
    assert_same(path, network)


def test_clip_of_opset_13(tmp_path, convert):
    nodes = [
        node("MatMul", "x w", "z"),
        node("Relu", "z", "r"),
        node("Clip", "r low high", "c"),
        node("Clip", "c low higher", "y"),
        node("MatMul", "y v", "s"),
        node("Clip", "s low", "o"),
    ]
    constants = {"w": sparse(6, 8), "v": floats(8, 3)}
    constants |= {"low": np.float32(0), "high": np.float32(0.5), "higher": np.float32(3)}
    path = saved(tmp_path, nodes, constants)
    network, _, _ = convert(path)
    assert network.activations == ["relu:0.5", "relu"]
    assert_same(path, network)


def test_constants_are_computed(tmp_path, convert):
    """Weights in Constant nodes, masked and transposed in the graph."""
    w, mask = floats(8, 6), (RNG.random((8, 6)) < 0.4).astype(np.float32)
    nodes = [
        helper.make_node("Constant", [], ["w"], value=numpy_helper.from_array(w)),
        node("Mul", "w mask", "pruned"),
        node("Transpose", "pruned", "turned", perm=[1, 0]),
        node("MatMul", "x turned", "s"),
    ]
    path = saved(tmp_path, nodes, {"mask": mask})
    network, _, _ = convert(path)
    assert np.count_nonzero(network.weights(1)) == mask.sum()
    assert_same(path, network)


def test_sparse_initializer(tmp_path, convert):
    values = numpy_helper.from_array(np.array([1.5, -2.0], np.float32), "w")
    indices = numpy_helper.from_array(np.array([[0, 1], [5, 0]], np.int64), "w_indices")
    stored = helper.make_sparse_tensor(values, indices, [6, 2])
    path = saved(tmp_path, [node("MatMul", "x w", "s")], {}, sparse_constants=[stored])
    network, _, _ = convert(path)
    assert network.weights(1).tolist() == [[0, 0, 0, 0, 0, -2], [1.5, 0, 0, 0, 0, 0]]


def test_images_are_flattened_and_softmax_is_dropped(tmp_path, convert):
    nodes = [
        node("Flatten", "x", "f"),
        node("Dropout", "f", "d"),
        node("Gemm", "d w", "scores"),
        node("Softmax", "scores", "p", axis=1),
        node("Identity", "p", "o"),
    ]
    path = saved(tmp_path, nodes, {"w": sparse(12, 5)}, shape=["batch", 1, 3, 4])
    network, _, err = convert(path)
    assert "'Softmax_p' (Softmax) at the end is dropped" in err
    assert_same(path, network, shape=(40, 1, 3, 4), upto="scores")


def exported(tmp_path, model, x, dynamo, dynamic):
    axes = {}
    if dynamo:
        pytest.importorskip("onnxscript", reason="skipped: onnxscript is not installed")
        if dynamic:
            axes = {"dynamic_shapes": ({0: torch.export.Dim("batch")},)}
    elif dynamic:
        axes = {"dynamic_axes": {"x": {0: "batch"}}}
    path = tmp_path / "model.onnx"
    torch.onnx.export(model, (x,), str(path), dynamo=dynamo, input_names=["x"], **axes)
    return path


@pytest.mark.parametrize("dynamo", [False, True])
def test_what_pytorch_exports(tmp_path, convert, dynamo):
    torch.manual_seed(1)
    model = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(12, 20), torch.nn.ReLU6(), torch.nn.Linear(20, 20),
        torch.nn.Hardtanh(0, 1), torch.nn.Dropout(), torch.nn.Linear(20, 4, bias=False),
    ).eval()
    for layer in (model[1], model[3]):
        torch.nn.utils.prune.random_unstructured(layer, "weight", 0.7)
    x = torch.randn(2, 3, 4)
    network, _, _ = convert(exported(tmp_path, model, x, dynamo, dynamic=True))
    assert network.activations == ["relu:6", "relu:1", "identity"]
    assert np.count_nonzero(network.weights(1)) == 72
    with torch.no_grad():
        expected = model(x).numpy()
    np.testing.assert_allclose(network.forward(x.numpy().reshape(2, 12)), expected, rtol=1e-5, atol=1e-5)


class Viewed(torch.nn.Linear):
    def forward(self, x):
        return super().forward(x.view(x.size(0), -1)).relu()


@pytest.mark.parametrize("dynamo", [False, True])
@pytest.mark.parametrize("dynamic", [False, True])
def test_a_view_that_depends_on_the_batch(tmp_path, convert, dynamo, dynamic):
    torch.manual_seed(2)
    model, x = Viewed(12, 7), torch.randn(2, 3, 4)
    network, _, _ = convert(exported(tmp_path, model, x, dynamo, dynamic))
    with torch.no_grad():
        expected = model(x).numpy()
    np.testing.assert_allclose(network.forward(x.numpy().reshape(2, 12)), expected, rtol=1e-5, atol=1e-5)


C = {"w": floats(6, 6), "b": floats(6), "low": np.float32(0), "i": np.ones((6, 6), np.int64)}
C |= {"threes": np.array([-1, 3]), "two_rows": np.array([2, -1])}
FIRST = node("MatMul", "x w", "z")


@pytest.mark.parametrize(
    "nodes, message",
    [
        ([node("Sigmoid", "x", "s")], "node 'Sigmoid_s' (Sigmoid): this operator is not converted"),
        ([node("Gemm", "x w", "s", transA=1)], "'Gemm_s' (Gemm): transA is set"),
        ([node("MatMul", "w x", "s")], "'MatMul_s' (MatMul): the activations are its second input"),
        ([node("Gemm", "w x", "s")], "'Gemm_s' (Gemm): the activations are not its first input"),
        ([node("MatMul", "x b", "s")], "expected a floating-point matrix, found float32 [6]"),
        ([node("MatMul", "x i", "s")], "expected a floating-point matrix, found int64 [6, 6]"),
        ([node("Add", "x b", "s")], "'Add_s' (Add): it does not follow a Gemm or MatMul"),
        ([FIRST, node("Relu", "z", "r"), node("Add", "r b", "s")], "'Add_s' (Add): it does not follow"),
        ([FIRST, node("Add", "z w", "s")], "expected 6 floating-point biases, found float32 [6, 6]"),
        ([FIRST, node("Add", "z x", "s")], "'Add_s' (Add): the network branches at 'x'"),
        ([FIRST, node("Add", "z z", "s")], "'Add_s' (Add): the network branches at 'z'"),
        ([FIRST, node("Clip", "z", "s")], "'Clip_s' (Clip): expected the minimum 0, found none"),
        ([FIRST, node("Clip", "z b low", "s")], "'Clip_s' (Clip): its min 'b' is not one number"),
        ([FIRST, node("Clip", "z low low", "s")], "'Clip_s' (Clip): expected a maximum above 0, found 0.0"),
        ([node("Relu", "x", "y"), node("MatMul", "y w", "s")], "'Relu_y' (Relu): it comes before the first"),
        ([FIRST, node("Softmax", "z", "p"), node("MatMul", "p w", "s")], "'Softmax_p' (Softmax): node 'MatMul_s'"),
        ([FIRST, node("Softmax", "z", "p", axis=0)], "'Softmax_p' (Softmax): its axis is not"),
        ([node("Flatten", "x", "f", axis=0), node("MatMul", "f w", "s")], "'Flatten_f' (Flatten): expected axis 1"),
        ([node("Reshape", "x i", "f"), node("MatMul", "f w", "s")], "'Reshape_f' (Reshape): expected a shape"),
        ([node("Reshape", "x threes", "f"), node("MatMul", "f w", "s")], "it makes rows of 3 out of inputs of 6"),
        ([node("Reshape", "x two_rows", "f"), node("MatMul", "f w", "s")], "it makes 2 rows"),
        ([node("Identity", "x", "s")], "no Gemm or MatMul is in the graph"),
        ([FIRST, node("MatMul", "z z", "s")], "(MatMul): the network branches at 'z'"),
        ([FIRST, helper.make_node("Strange", ["z"], ["s"], "n", domain="com.x")], "'n' (Strange): operators of the domain 'com.x'"),
    ],
)
def test_refusals(tmp_path, refusal, nodes, message):
    assert message in refusal(saved(tmp_path, nodes, C))


def test_refusals_of_files_and_flags(tmp_path, refusal):
    path = saved(tmp_path, [FIRST], {"w": np.full((6, 2), np.inf, np.float32)})
    assert "layer MatMul_z: its weights are not all finite" in refusal(path)
    assert "has its own activations" in refusal(path, "--activations", "relu")
    path.write_bytes(b"not a model")
    assert "not an ONNX model" in refusal(path)
    widths = [FIRST, node("MatMul", "z v", "s")]
    path = saved(tmp_path, widths, {"w": floats(6, 5), "v": floats(4, 2)})
    assert "layer MatMul_s takes 4 inputs, but layer MatMul_z before it has 5 outputs" in refusal(path)
    deep = saved(tmp_path, [FIRST], C, shape=["batch", 4, 6])
    assert "its inputs have the shape [4, 6] and are not flattened" in refusal(deep)
    two = onnx.load(saved(tmp_path, [FIRST], C))
    two.graph.input.append(helper.make_tensor_value_info("x2", TensorProto.FLOAT, [1]))
    onnx.save(two, path)
    assert "expected one input of the graph, found 2: x, x2" in refusal(path)
