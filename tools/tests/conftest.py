"""Makes convert_model.py importable, and reads what it writes."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import convert_model  # noqa: E402


class NetworkFile:
    """A network file and, by the definition in docs/model-format.md, what it computes."""

    def __init__(self, path: Path):
        with safe_open(path, "np") as file:
            self.metadata = file.metadata()
            self.tensors = {name: file.get_tensor(name) for name in file.keys()}
        self.activations = json.loads(self.metadata["activations"])

    def weights(self, k: int) -> np.ndarray:
        """Of layer k, from 1 on: outputs x inputs."""
        if f"layers.{k}.weight" in self.tensors:
            return self.tensors[f"layers.{k}.weight"]
        values, columns, starts, inputs = (
            self.tensors[f"layers.{k}.weight.{part}"] for part in ("values", "columns", "row_starts", "inputs")
        )
        weights = np.zeros((len(starts) - 1, inputs[0]), np.float32)
        for row in range(len(weights)):
            entries = slice(int(starts[row]), int(starts[row + 1]))
            assert (np.diff(columns[entries].astype(int)) > 0).all()
            weights[row, columns[entries]] = values[entries]
        return weights

    def forward(self, y: np.ndarray) -> np.ndarray:
        for k, activation in enumerate(self.activations, 1):
            y = y @ self.weights(k).T + self.tensors.get(f"layers.{k}.bias", np.float32(0))
            kind, _, maximum = activation.partition(":")
            if kind == "relu":
                y = np.clip(y, 0, np.float32(maximum) if maximum else None)
            else:
                assert activation == "identity"
        return y


@pytest.fixture
def convert(tmp_path, capsys):
    """Runs the converter; gives the network file and what it printed."""

    def run(model: Path, *flags: str) -> tuple[NetworkFile, str, str]:
        out = tmp_path / "out.safetensors"
        code = convert_model.main([str(model), "-o", str(out), *flags])
        captured = capsys.readouterr()
        assert code == 0, captured.err
        return NetworkFile(out), captured.out, captured.err

    return run


@pytest.fixture
def refusal(tmp_path, capsys):
    """Runs the converter, which must refuse and write nothing; gives its message."""

    def run(model: Path, *flags: str) -> str:
        out = tmp_path / "refused.safetensors"
        code = convert_model.main([str(model), "-o", str(out), *flags])
        captured = capsys.readouterr()
        assert code == 2 and captured.out == "", captured.out
        assert captured.err.startswith("error: ") and captured.err.count("\n") == 1, captured.err
        assert not out.exists() and not list(tmp_path.glob(".*part"))
        return captured.err

    return run
