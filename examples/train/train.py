"""Trains the paper's medium-scale sparse networks A, B, C (MNIST) and D (CIFAR-10) and writes them
as network files. README.md beside this file tells how; `--help` lists the flags.
"""

import argparse
import dataclasses
import sys
import time
from pathlib import Path

import numpy as np
import torch

import data
from network_file import save_network, save_whole, sparse_layer
from networks import (
    FEATURE_STEPS, MNIST_PIXELS, SHAPES, ClippedMlp, Convolutions, ImageClassifier, Shape, SparseLinear,
)
from training import Recipe, pixels, run_over, train

RECIPES = {
    "mnist": Recipe(
        epochs=20, learning_rate=1e-3, schedule="warm-up", batch=128, weight_decay=1e-4,
        label_smoothing=0.1, noise=0.1, shift=1, mirror=False, spread=0.3,
    ),
    "cifar10": Recipe(
        epochs=24, learning_rate=3e-3, schedule="warm-up", batch=128, weight_decay=1e-2,
        label_smoothing=0.1, noise=0.05, shift=4, mirror=True, spread=0.3,
    ),
}


def main() -> int:
    args = parse_arguments()
    torch.set_num_threads(args.threads)
    rows = []
    try:
        for name in args.networks:
            rows.append(train_one(name, args))
    except (data.DataError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{'network':8}{'density':>8}{'accuracy':>10}{'paper':>8}  {'bytes':>9}  file")
    for name, accuracy, paths in rows:
        shape = SHAPES[name]
        print(
            f"{name:8}{shape.density:8.2f}{accuracy:9.2f}%{shape.paper_accuracy:7.2f}%  "
            f"{paths[0].stat().st_size:9}  {paths[0]}"
        )
        for path in paths[1:]:
            print(f"{'':34}  {path.stat().st_size:9}  {path}")
    return 0


def train_one(name: str, args: argparse.Namespace) -> tuple[str, float, list[Path]]:
    """Trains network `name`, writes its files; returns its accuracy in percent and the files."""
    shape = SHAPES[name]
    recipe = recipe_for(shape, args)
    say(f"{name}: {shape.neurons}-{shape.sparse_layers} on {shape.data}, {recipe}")
    start = time.monotonic()
    if shape.data == "mnist":
        training, test = data.mnist(require(args.mnist, "--mnist"))
    else:
        training, test = data.cifar10(require(args.cifar10, "--cifar10"))

    # The same network whatever else is trained in this run.
    torch.manual_seed(args.seed + ord(name))
    sample = pixels(torch.tensor(training.images)[torch.randperm(len(training.images))[:1000]])
    if shape.data == "mnist":
        mlp = ClippedMlp(shape, MNIST_PIXELS, recipe.noise)
        front = None
        mlp.initialise(sample, recipe.spread)
    else:
        mlp = ClippedMlp(shape, None, recipe.noise)
        front = Convolutions(shape.neurons, args.channels, args.bf16)
        with torch.no_grad():
            mlp.initialise(front(sample), recipe.spread)
    model = ImageClassifier(front, mlp) if front else mlp
    train(model, training, recipe, report=lambda line: say(f"{name}: {line}"))

    inputs = torch.tensor(test.images)
    features = None
    if front:
        features = (run_over(front, inputs) * FEATURE_STEPS).round().to(torch.uint8)
        inputs = features
    round_weights(mlp, args.values)
    scores = run_over(mlp, inputs)
    accuracy = 100 * (scores.argmax(1).numpy() == test.labels).mean()
    say(f"{name}: test accuracy {accuracy:.2f} %, {time.monotonic() - start:.0f} s in all")
    return name, accuracy, write(name, mlp, features, test.labels, args)


def write(
    name: str, mlp: ClippedMlp, features: torch.Tensor | None, labels: np.ndarray, args: argparse.Namespace
) -> list[Path]:
    values = np.float32 if args.values == "f32" else np.float16
    layers = []
    for layer in mlp.layers:
        weights, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
        if isinstance(layer, SparseLinear):
            tensors = sparse_layer(weights, layer.mask.numpy() != 0, values)
        else:
            tensors = {"weight": weights.astype(values)}
        layers.append(tensors | {"bias": bias.astype(np.float32)})
    activations = ["relu:1"] * (len(layers) - 1) + ["identity"]
    paths = [args.out / f"{name}.safetensors"]
    save_network(paths[0], name, layers, activations)
    if features is not None:
        paths.append(args.out / f"{name}-features.safetensors")
        tensors = {"features": features.numpy(), "labels": labels.astype(np.uint8)}
        save_whole(paths[1], tensors)
    return paths


@torch.no_grad()
def round_weights(mlp: ClippedMlp, values: str) -> None:
    """To what the file will hold, so that the reported accuracy is the file's."""
    if values == "f16":
        for layer in mlp.layers:
            layer.weight.copy_(layer.weight.half().float())


def recipe_for(shape: Shape, args: argparse.Namespace) -> Recipe:
    given = {
        field.name: getattr(args, field.name)
        for field in dataclasses.fields(Recipe)
        if getattr(args, field.name) is not None
    }
    return dataclasses.replace(RECIPES[shape.data], **given)


def require(path: Path | None, flag: str) -> Path:
    if path is None:
        raise data.DataError(f"{flag} is needed: where the data are")
    return path


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", default=list(SHAPES), metavar="NETWORK",
                        help="which of A B C D to train; all if none is named")
    parser.add_argument("--mnist", type=Path, help="folder with the four MNIST files, gzip or plain")
    parser.add_argument("--cifar10", type=Path,
                        help="folder of CIFAR-10's binary version; or folder or tar file of images "
                             "train/CLASS/NAME and test/CLASS/NAME")
    parser.add_argument("-o", "--out", type=Path, default=Path("networks"), help="folder for the files")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same network")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--values", choices=["f32", "f16"], default="f32", help="how weights are stored")
    parser.add_argument("--channels", type=int, nargs=3, default=[32, 96, 192],
                        help="of D's three convolution blocks")
    parser.add_argument("--bf16", action="store_true",
                        help="D's convolutions in bfloat16: faster where the processor has AMX")
    recipe = parser.add_argument_group("recipe", "instead of the defaults that README.md lists")
    recipe.add_argument("--epochs", type=int)
    recipe.add_argument("--lr", type=float, dest="learning_rate")
    recipe.add_argument("--schedule", choices=["warm-up", "constant"])
    recipe.add_argument("--batch", type=int)
    recipe.add_argument("--weight-decay", type=float)
    recipe.add_argument("--label-smoothing", type=float)
    recipe.add_argument("--noise", type=float)
    recipe.add_argument("--shift", type=int)
    recipe.add_argument("--mirror", action=argparse.BooleanOptionalAction)
    recipe.add_argument("--spread", type=float)
    args = parser.parse_args()
    for name in args.networks:
        if name not in SHAPES:
            parser.error(f"network {name!r}: expected one of {', '.join(SHAPES)}")
    return args


if __name__ == "__main__":
    sys.exit(main())
