"""State_dicts: what the converted network computes, and what is refused."""

import convert_model
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import prune


def mlp(*widths: int, between=nn.ReLU) -> nn.Sequential:
    layers = []
    for inputs, outputs in zip(widths, widths[1:]):
        layers += [nn.Linear(inputs, outputs), between()]
    return nn.Sequential(*layers[:-1])


def saved(tmp_path, state, name="model.pt"):
    path = tmp_path / name
    torch.save(state, path)
    return path


def assert_same(network, model, inputs: int):
    x = torch.randn(50, inputs)
    with torch.no_grad():
        expected = model(x).numpy()
    assert expected.std() > 0.01
    np.testing.assert_allclose(network.forward(x.numpy()), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "between, flag, activation",
    [
        (nn.ReLU, "relu", "relu"),
        (nn.ReLU6, "relu6", "relu:6"),
        (lambda: nn.Hardtanh(0, 0.5), "clip:0.5", "relu:0.5"),
        (nn.Identity, "identity", "identity"),
    ],
)
def test_pruned_in_place(tmp_path, convert, between, flag, activation):
    torch.manual_seed(1)
    model = mlp(17, 300, 31, 5, between=between)
    for layer in model[::2]:
        layer.weight.data *= 3 * (torch.rand_like(layer.weight) < 0.2)
    network, out, _ = convert(saved(tmp_path, model.state_dict()), "--activations", flag)
    assert network.activations == [activation, activation, "identity"]
    assert network.metadata["format"] == "snicit-network" and network.metadata["version"] == "1"
    assert network.tensors["layers.1.weight.columns"].dtype == np.uint8
    assert network.tensors["layers.2.weight.columns"].dtype == np.uint16
    assert len(network.tensors["layers.1.weight.values"]) == model[0].weight.count_nonzero()
    assert "300 x 17" in out and str(model[0].weight.count_nonzero().item()) in out
    assert_same(network, model, 17)
    again = tmp_path / "out.safetensors"
    before = again.read_bytes()
    convert(tmp_path / "model.pt", "--activations", flag)
    assert again.read_bytes() == before


def test_weight_mask_and_weight_orig(tmp_path, convert):
    torch.manual_seed(2)
    model = mlp(20, 40, 40, 10)
    prune.l1_unstructured(model[0], "weight", 0.8)
    prune.random_unstructured(model[2], "weight", 0.5)
    prune.l1_unstructured(model[2], "bias", 0.5)
    state = model.state_dict()
    assert "0.weight_mask" in state and "2.bias_orig" in state
    network, _, _ = convert(saved(tmp_path, state), "--activations", "relu")
    assert np.count_nonzero(network.weights(1)) == 160
    # 10 x 40 weights, none of them zero: dense.
    assert "layers.3.weight" in network.tensors
    assert_same(network, model, 20)


def test_a_pruned_weight_may_be_anything(tmp_path, convert):
    state = {"a.weight_orig": torch.tensor([[1.0, float("nan")]]), "a.weight_mask": torch.tensor([[1.0, 0.0]])}
    network, _, _ = convert(saved(tmp_path, state), "--activations", "relu")
    assert network.weights(1).tolist() == [[1, 0]]


def test_safetensors_are_ordered_by_number(tmp_path, convert):
    torch.manual_seed(3)
    model = mlp(*[9] * 8)  # layers 0, 2, …, 12
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    network, _, _ = convert(tmp_path / "model.safetensors", "--activations", "relu")
    assert_same(network, model, 9)


def test_layers_sets_the_order(tmp_path, convert, refusal):
    torch.manual_seed(4)
    state = {"z.weight": torch.randn(4, 3), "a.weight": torch.randn(2, 4)}
    save_file(state, tmp_path / "model.safetensors")
    assert "layer z takes 3 inputs" in refusal(tmp_path / "model.safetensors", "--activations", "relu")
    network, _, _ = convert(tmp_path / "model.safetensors", "--activations", "relu", "--layers", "z,a")
    assert network.weights(1).shape == (4, 3) and "layers.1.bias" not in network.tensors
    message = refusal(tmp_path / "model.safetensors", "--activations", "relu", "--layers", "z,b")
    assert "expected each of" in message


def test_half_precision_checkpoint_and_sparse_tensors(tmp_path, convert):
    torch.manual_seed(5)
    model = mlp(8, 8, 8).bfloat16()
    state = model.state_dict()
    state["0.weight"] = (state["0.weight"] * (torch.rand(8, 8) < 0.5)).to_sparse()
    network, _, err = convert(saved(tmp_path, {"epoch": 3, "state_dict": state}), "--activations", "relu")
    assert "'state_dict'" in err
    assert (network.weights(2) == state["2.weight"].float().numpy()).all()
    assert (network.weights(1) == state["0.weight"].to_dense().float().numpy()).all()


def test_activations_one_a_layer(tmp_path, convert, refusal):
    path = saved(tmp_path, mlp(4, 4, 4, 4).state_dict())
    assert convert(path, "--activations", "relu,clip:2")[0].activations == ["relu", "relu:2", "identity"]
    assert convert(path, "--activations", "relu,identity,relu6")[0].activations == ["relu", "identity", "relu:6"]
    assert "expected 1, 2 or 3 entries, found 4" in refusal(path, "--activations", "relu,relu,relu,relu")


def test_dense_above(tmp_path, convert, refusal):
    path = saved(tmp_path, {"a.weight": torch.tensor([[1.0, 0.0], [1.0, 1.0]])})
    assert "layers.1.weight.values" in convert(path, "--activations", "relu")[0].tensors
    assert "layers.1.weight" in convert(path, "--activations", "relu", "--dense-above", "0.7")[0].tensors
    assert "from 0 to 1" in refusal(path, "--activations", "relu", "--dense-above", "2")


W = torch.ones(2, 2)


@pytest.mark.parametrize(
    "state, message",
    [
        ({"c.weight": torch.ones(2, 2, 3, 3)}, "c.weight: expected a matrix outputs x inputs, found [2, 2, 3, 3]"),
        ({"n.weight": torch.ones(2), "n.running_mean": torch.ones(2)}, "n.running_mean: not part of a Linear"),
        ({"a.weight": W, "a.bias": torch.ones(3)}, "a.bias: expected 2 values, found [3]"),
        ({"a.bias": torch.ones(3)}, "a.bias has no a.weight"),
        ({"a.weight_orig": W}, "a.weight_orig has no a.weight_mask"),
        ({"a.weight_mask": W}, "a.weight_mask has no a.weight_orig"),
        ({"a.weight": W, "b.weight": torch.ones(2, 3)}, "layer b takes 3 inputs, but layer a before it has 2"),
        ({"a.weight": W * float("nan")}, "layer a: its weights are not all finite"),
        ({"a.weight": torch.ones(0, 2)}, "layer a: it has (0, 2) weights"),
        ({"a.weight": 3.0}, "a.weight: not part of a Linear"),
        ({}, "no layer is in it"),
        ([W], "expected a state_dict, found list"),
    ],
)
def test_refusals(tmp_path, refusal, state, message):
    assert message in refusal(saved(tmp_path, state), "--activations", "relu")


def test_refusals_of_files_and_flags(tmp_path, refusal, capsys):
    path = saved(tmp_path, {"a.weight": W})
    assert "--activations is needed" in refusal(path)
    for wrong in ("tanh", "clip:0", "clip:-1", "clip:1e999", "clip:x"):
        assert f"found '{wrong}'" in refusal(path, "--activations", wrong)
    whole = saved(tmp_path, nn.Linear(2, 2), "whole.pt")
    assert "save model.state_dict(), not the model" in refusal(whole, "--activations", "relu")
    assert "no such file" in refusal(tmp_path / "none.pt", "--activations", "relu")
    nowhere = path / "below" / "out.safetensors"
    assert convert_model.main([str(path), "-o", str(nowhere), "--activations", "relu"]) == 2
    assert "its folder does not exist" in capsys.readouterr().err
    assert convert_model.main([str(path), "-o", str(path), "--activations", "relu"]) == 2
    assert "is the model itself" in capsys.readouterr().err
    (tmp_path / "model.txt").write_text("x")
    assert "expected a file .onnx" in refusal(tmp_path / "model.txt")
    (tmp_path / "broken.safetensors").write_text("x")
    assert "not a safetensors file" in refusal(tmp_path / "broken.safetensors", "--activations", "relu")
