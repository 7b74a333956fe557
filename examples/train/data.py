"""Reads MNIST and CIFAR-10 from the files people have into arrays. Nothing is downloaded."""

import gzip
import io
import tarfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

CIFAR_CLASSES = [
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
]


class DataError(Exception):
    """What is wrong with a file, in one sentence."""


class Split(NamedTuple):
    """Training or test data."""

    images: np.ndarray  # uint8, count x 784 (MNIST) or count x 3 x 32 x 32 (CIFAR-10)
    labels: np.ndarray  # int64, count


def mnist(folder: Path) -> tuple[Split, Split]:
    """MNIST from its four IDX files, gzip or plain, in the original order."""

    def split(name: str) -> Split:
        images = _idx(folder, f"{name}-images-idx3-ubyte", dimensions=3)
        labels = _idx(folder, f"{name}-labels-idx1-ubyte", dimensions=1)
        if images.shape[1:] != (28, 28) or len(images) != len(labels):
            raise DataError(
                f"{folder}: {name}: expected 28 x 28 images and as many labels, "
                f"found images {images.shape} and {len(labels)} labels"
            )
        return Split(images.reshape(len(images), 784), labels.astype(np.int64))

    return split("train"), split("t10k")


def _idx(folder: Path, name: str, dimensions: int) -> np.ndarray:
    candidates = [folder / name, folder / f"{name}.gz"]
    path = next((p for p in candidates if p.is_file()), None)
    if path is None:
        raise DataError(f"{folder}: neither {name} nor {name}.gz is there")
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    # Magic number: two zero bytes, 8 for unsigned bytes, the number of dimensions.
    if data[:4] != bytes([0, 0, 8, dimensions]):
        raise DataError(f"{path}: not an IDX file of bytes with {dimensions} dimensions")
    start = 4 + 4 * dimensions
    shape = np.frombuffer(data[4:start], ">u4").astype(int)
    if len(data) - start != np.prod(shape):
        raise DataError(f"{path}: {shape} promises {np.prod(shape)} bytes, found {len(data) - start}")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def cifar10(path: Path) -> tuple[Split, Split]:
    """CIFAR-10: a folder with the standard binary version, or a folder or tar file of images
    `train/CLASS/NAME` and `test/CLASS/NAME`.

    The binary version keeps its order. Images are ordered by NAME, then by class, so that the
    classes alternate: SNICIT takes its samples from the first inputs and wants them mixed.
    """
    if path.is_dir():
        binary = [p for p in (path, path / "cifar-10-batches-bin") if (p / "test_batch.bin").is_file()]
        if binary:
            return _cifar_binary(binary[0])
        found = ((p.relative_to(path).parts, p.read_bytes) for p in path.rglob("*") if p.is_file())
        return _cifar_images(path, found)
    if path.is_file() and tarfile.is_tarfile(path):
        with tarfile.open(path) as archive:
            members = (m for m in archive if m.isfile())
            return _cifar_images(
                path, ((Path(m.name).parts, lambda m=m: archive.extractfile(m).read()) for m in members)
            )
    raise DataError(f"{path}: neither a folder nor a tar file with CIFAR-10")


def _cifar_binary(folder: Path) -> tuple[Split, Split]:
    def split(names: list[str]) -> Split:
        records = []
        for name in names:
            if not (folder / name).is_file():
                raise DataError(f"{folder}: {name} is missing")
            data = np.fromfile(folder / name, np.uint8)
            if data.size == 0 or data.size % 3073:
                raise DataError(f"{folder / name}: {data.size} bytes are no multiple of 3073")
            records.append(data.reshape(-1, 3073))
        records = np.concatenate(records)
        return Split(records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0].astype(np.int64))

    return split([f"data_batch_{k}.bin" for k in range(1, 6)]), split(["test_batch.bin"])


def _cifar_images(path: Path, files) -> tuple[Split, Split]:
    from PIL import Image, UnidentifiedImageError

    found: dict[str, list] = {"train": [], "test": []}
    for parts, read in files:
        if len(parts) < 3 or parts[-3] not in found or parts[-2] not in CIFAR_CLASSES:
            continue
        try:
            image = np.asarray(Image.open(io.BytesIO(read())).convert("RGB"))
        except UnidentifiedImageError as error:
            raise DataError(f"{path}: {'/'.join(parts)}: not an image") from error
        if image.shape != (32, 32, 3):
            raise DataError(f"{path}: {'/'.join(parts)}: expected 32 x 32 pixels, found {image.shape}")
        found[parts[-3]].append((parts[-1], CIFAR_CLASSES.index(parts[-2]), image))
    for name, images in found.items():
        if not images:
            raise DataError(f"{path}: no image {name}/CLASS/NAME is there")

    def split(images: list) -> Split:
        images.sort(key=lambda entry: entry[:2])
        pixels = np.stack([image for _, _, image in images]).transpose(0, 3, 1, 2)
        labels = np.array([label for _, label, _ in images], np.int64)
        return Split(np.ascontiguousarray(pixels), labels)

    return split(found["train"]), split(found["test"])
