"""The readers of data, and whole trainings on a few made-up images."""

import gzip
import io
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

TRAIN = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TRAIN), str(TRAIN.parents[1] / "tools" / "tests")]

import data  # noqa: E402
from conftest import NetworkFile  # noqa: E402

RNG = np.random.default_rng(1)


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


@pytest.fixture
def mnist(tmp_path):
    """300 training and 100 test images; the class is where the bright bar is."""
    for name, count in (("train", 300), ("t10k", 100)):
        labels = RNG.integers(10, size=count).astype(np.uint8)
        images = RNG.integers(100, size=(count, 28, 28)).astype(np.uint8)
        for image, label in zip(images, labels):
            image[:, 2 * label + 2 : 2 * label + 4] = 255
        (tmp_path / f"{name}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        (tmp_path / f"{name}-labels-idx1-ubyte").write_bytes(idx(labels))
    return tmp_path


def image_files(counts: dict[str, int]) -> dict[str, bytes]:
    """Single-coloured images: red is the class, green the number."""
    files = {}
    for split, count in counts.items():
        for label, name in enumerate(data.CIFAR_CLASSES):
            for k in range(count):
                buffer = io.BytesIO()
                Image.new("RGB", (32, 32), (25 * label, 10 * k, 0)).save(buffer, "png")
                files[f"{split}/{name}/{k:04}.png"] = buffer.getvalue()
    return files


@pytest.fixture
def images(tmp_path):
    for name, content in image_files({"train": 4, "test": 2}).items():
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / name).write_bytes(content)
    return tmp_path / "images"


def test_mnist_gzip_and_plain(mnist):
    training, test = data.mnist(mnist)
    assert training.images.shape == (300, 784) and test.images.shape == (100, 784)
    assert test.images[5].reshape(28, 28)[7, 2 * test.labels[5] + 2] == 255


def test_images_alternate_between_classes(images, tmp_path):
    with tarfile.open(tmp_path / "images.tar.gz", "w:gz") as archive:
        archive.add(images, "cifar10")
    for source in (images, tmp_path / "images.tar.gz"):
        training, test = data.cifar10(source)
        assert training.images.shape == (40, 3, 32, 32)
        assert test.labels.tolist() == [*range(10), *range(10)]
        assert test.images[13, :, 0, 0].tolist() == [75, 10, 0]


def test_binary_cifar(tmp_path):
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    record = np.arange(3073, dtype=np.int64).astype(np.uint8)
    for name in [f"data_batch_{k}" for k in range(1, 6)] + ["test_batch"]:
        record[0] = int(name[-1]) if name[-1].isdigit() else 9
        np.concatenate([record, record]).tofile(folder / f"{name}.bin")
    training, test = data.cifar10(tmp_path)
    assert training.labels.tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5] and test.labels.tolist() == [9, 9]
    # Red, green, blue planes, each row by row.
    assert test.images[1, 2, 1, 3] == record[1 + 2 * 1024 + 32 + 3]


def test_refusals(mnist, images, tmp_path):
    (mnist / "t10k-labels-idx1-ubyte").write_bytes(idx(np.zeros(100, np.uint8))[:-1])
    with pytest.raises(data.DataError, match="promises 100 bytes, found 99"):
        data.mnist(mnist)
    (mnist / "t10k-labels-idx1-ubyte").write_bytes(b"not it")
    with pytest.raises(data.DataError, match="not an IDX file"):
        data.mnist(mnist)
    (mnist / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(data.DataError, match="neither t10k-labels-idx1-ubyte nor"):
        data.mnist(mnist)
    (tmp_path / "empty").mkdir()
    with pytest.raises(data.DataError, match="no image train/CLASS/NAME"):
        data.cifar10(tmp_path / "empty")
    (images / "test" / "cat" / "0000.png").write_bytes(b"not it")
    with pytest.raises(data.DataError, match="cat/0000.png: not an image"):
        data.cifar10(images)
    with pytest.raises(data.DataError, match="neither a folder nor a tar file"):
        data.cifar10(tmp_path / "none")


def trained(out: Path, *flags: str) -> str:
    command = [sys.executable, TRAIN / "train.py", "-o", out, *map(str, flags)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("values, file_type", [("f32", np.float32), ("f16", np.float16)])
def test_a_network_computes_what_was_reported(mnist, tmp_path, values, file_type):
    flags = ["A", "--mnist", mnist, "--epochs", 25, "--batch", 20, "--values", values]
    flags += ["--shift", 0, "--noise", 0]
    table = trained(tmp_path / "one", *flags)
    network = NetworkFile(tmp_path / "one" / "A.safetensors")
    assert network.activations == ["relu:1"] * 19 + ["identity"]
    assert network.tensors["layers.2.weight.values"].dtype == file_type
    assert len(network.tensors["layers.19.weight.columns"]) == round(0.6 * 128 * 128)
    assert network.tensors["layers.19.weight.columns"].dtype == np.uint8
    _, test = data.mnist(mnist)
    scores = network.forward(test.images.astype(np.float32) / 255)
    accuracy = 100 * (scores.argmax(1) == test.labels).mean()
    # Much better than chance, so that equal figures mean something.
    assert accuracy > 30
    assert float(re.search(r"^A .*?([0-9.]+)%", table, re.M)[1]) == pytest.approx(accuracy, abs=1.1)

    trained(tmp_path / "two", *flags)
    assert (tmp_path / "one" / "A.safetensors").read_bytes() == (tmp_path / "two" / "A.safetensors").read_bytes()


def test_the_features_of_d(images, tmp_path):
    trained(tmp_path, "D", "--cifar10", images, "--epochs", 2, "--batch", 20, "--channels", 4, 4, 8)
    network = NetworkFile(tmp_path / "D.safetensors")
    assert network.activations == ["relu:1"] * 12 + ["identity"]
    with safe_open(tmp_path / "D-features.safetensors", "np") as file:
        features, labels = file.get_tensor("features"), file.get_tensor("labels")
    assert features.shape == (20, 256) and features.dtype == np.uint8 and features.std() > 1
    assert labels.tolist() == [*range(10), *range(10)] and labels.dtype == np.uint8
    assert network.forward(features.astype(np.float32) / 255).shape == (20, 10)


def test_what_is_missing_is_said(tmp_path):
    done = subprocess.run([sys.executable, TRAIN / "train.py", "C"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("error: --mnist is needed: where the data are\n")
