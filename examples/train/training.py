"""The training loop, the same for all networks."""

import math
import time
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from data import Split


@dataclass(frozen=True)
class Recipe:
    """How to train."""

    epochs: int
    learning_rate: float  # the highest
    schedule: str  # "warm-up" (linear up over the first tenth, cosine down to 0) or "constant"
    batch: int
    weight_decay: float  # decoupled from the gradient (AdamW); 0 is plain Adam
    label_smoothing: float
    noise: float  # standard deviation of what is added before each clip in training
    shift: int  # pixels by which training images are moved at most
    mirror: bool  # half of the training images
    spread: float  # of the values before each clip at initialisation


def pixels(images: torch.Tensor) -> torch.Tensor:
    return images.float() / 255


def augmented(images: torch.Tensor, shift: int, mirror: bool) -> torch.Tensor:
    """uint8, count x 784 or count x 3 x 32 x 32: moved by up to `shift` pixels, half of them mirrored."""
    maps = images.view(-1, 1, 28, 28) if images.dim() == 2 else images
    count, _, height, width = maps.shape
    padded = F.pad(maps, (shift, shift, shift, shift))
    rows = torch.arange(height) + torch.randint(2 * shift + 1, (count, 1))
    columns = torch.arange(width) + torch.randint(2 * shift + 1, (count, 1))
    if mirror:
        columns = torch.where(torch.rand(count, 1) < 0.5, columns.flip(1), columns)
    each = torch.arange(count)[:, None, None]
    moved = padded[each, :, rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2).reshape(images.shape)


def train(model: nn.Module, data: Split, recipe: Recipe, report) -> None:
    """Trains `model` in place; calls `report` with a line after each epoch."""
    images, labels = torch.tensor(data.images), torch.tensor(data.labels)
    steps_an_epoch = math.ceil(len(images) / recipe.batch)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    if recipe.schedule == "warm-up":
        steps = recipe.epochs * steps_an_epoch
        warm_up = max(1, steps // 10)

        def factor(step: int) -> float:
            if step < warm_up:
                return (step + 1) / warm_up
            return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, factor)
    else:
        schedule = torch.optim.lr_scheduler.ConstantLR(optimiser, factor=1)

    for epoch in range(recipe.epochs):
        model.train()
        start, loss_sum, right = time.monotonic(), 0.0, 0
        for chosen in torch.randperm(len(images)).split(recipe.batch):
            batch = images[chosen]
            if recipe.shift or recipe.mirror:
                batch = augmented(batch, recipe.shift, recipe.mirror)
            given = model(pixels(batch))
            scores, *others = given if isinstance(given, tuple) else (given,)
            loss = sum(
                F.cross_entropy(s, labels[chosen], label_smoothing=recipe.label_smoothing)
                for s in (scores, *others)
            )
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            loss_sum += loss.item() * len(chosen)
            right += (scores.argmax(1) == labels[chosen]).sum().item()
        report(
            f"epoch {epoch + 1}/{recipe.epochs}: loss {loss_sum / len(images):.4f}, "
            f"training accuracy {100 * right / len(images):.2f} %, {time.monotonic() - start:.0f} s"
        )


@torch.no_grad()
def run_over(module: nn.Module, images: torch.Tensor, batch: int = 500) -> torch.Tensor:
    """`module` over all `images` (uint8), in evaluation mode."""
    module.eval()
    return torch.cat([module(pixels(part)) for part in images.split(batch)])
