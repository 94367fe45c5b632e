"""Train the eye on drawn processes alone: seeded, resumable, on a CPU or a GPU.

No real picture enters: what is learned is to compare, which a real part can't teach more of than
a drawn one. Needs torch (extra `train`).
"""

from __future__ import annotations

import copy
import pickle
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from reinspect.files import whole_file
from reinspect.training.comparator.network import (
    ComparatorNet,
    Distances,
    EncodedImage,
    ReferenceSpread,
    usual_among,
)
from reinspect.training.comparator.parts import SIDE, Shard, forget_before, read_shard
from reinspect.training.comparator.renderers import Renderers

SMALL = 128
"""Pixels a side of the first steps, which are three times cheaper."""

_SMALL_UNTIL = 0.6  # of the training
_RATE = 2e-3
_WARM_UP = 60  # steps
_DECAY = 1e-3
_AVERAGE = 0.997  # of the weights that are shipped, step by step
_STEPS_A_SHARD = 8
_WINDOW = 12  # shards drawn from at a time
_QUERIES = 6  # of a process in one step
_TOP = 0.005  # of the pixels, whose strongest decide on an image
_LOG_EVERY = 50  # steps
_SAVE_EVERY = 120.0  # seconds


@dataclass(frozen=True, slots=True)
class ComparatorPlan:
    """How long to train, and on what. One of `minutes` and `steps` is given.

    The same seed and number of steps give the same weights on one machine; minutes give as many
    steps as the machine manages.
    """

    folder: Path
    """Where shards and the checkpoint lie."""
    minutes: float | None = None
    steps: int | None = None
    seed: int = 0
    device: str = "cpu"
    renderers: int = 1
    """Processes that render shards beside the training."""

    def __post_init__(self) -> None:
        if (self.minutes is None) == (self.steps is None):
            raise ValueError("give either minutes or steps")
        given = self.steps if self.minutes is None else self.minutes
        if given is None or given <= 0:
            raise ValueError(f"the training must last longer than {given!r}")
        _refuse_unless_there(self.device)

    @property
    def kind(self) -> str:
        """The device without its number."""
        return self.device.partition(":")[0]

    def progress(self, step: int, seconds: float) -> float:
        """Share of the training that is done, in [0, 1]."""
        done = step / self.steps if self.steps else seconds / (60 * (self.minutes or 1))
        return min(1.0, done)


def _refuse_unless_there(device: str) -> None:
    kind, _, number = device.partition(":")
    if kind not in ("cpu", "cuda") or not (number or "0").isdecimal():
        raise ValueError(f"device {device!r} is neither cpu nor cuda, nor cuda:0 and so on")
    gpus = torch.cuda.device_count()
    if kind == "cuda" and int(number or 0) >= gpus:
        raise ValueError(f"device {device!r} is not there: torch sees {gpus} GPUs; cpu always is")


class QueryBatch(NamedTuple):
    """P processes with S sound pieces and Q queries each."""

    sound: Tensor
    """(P, S, 3, H, W), standardised."""
    seen: Tensor
    """(P, Q, 3, H, W)."""
    masks: Tensor
    """(P, Q, H, W): 1 where defective."""
    references: Tensor
    """(P, Q, S - 1): which of the sound pieces a query is compared with; never with itself."""


class Progress(NamedTuple):
    """What is known while the training runs: means over the newest steps."""

    step: int
    seconds: float
    done: float
    loss: float
    auroc: float
    """Of whole drawn queries."""
    overlap: float
    """Intersection over union of defective pixels."""


class TrainingState:
    """The state of a training, which can be saved and gone on with."""

    def __init__(self, plan: ComparatorPlan) -> None:
        torch.manual_seed(plan.seed)
        self.plan = plan
        self.rng = np.random.default_rng(plan.seed)
        self.eye = ComparatorNet().to(plan.device)
        self.average = copy.deepcopy(self.eye).eval()
        self.optimiser = torch.optim.AdamW(self.eye.parameters(), lr=_RATE, weight_decay=_DECAY)
        self.step, self.seconds = 0, 0.0
        self.sittings = [self._sitting()]
        """Where each sitting began, and how long the training was to be then."""
        self.waiting: Callable[[int], None] = lambda shard: None
        """Told, while a shard isn't rendered yet, which one."""
        self._shards: OrderedDict[int, Shard] = OrderedDict()

    @property
    def done(self) -> float:
        """Share of the training that is done, in [0, 1]."""
        return self.plan.progress(self.step, self.seconds)

    @property
    def oldest(self) -> int:
        """The first shard that is still needed."""
        return max(0, self.step // _STEPS_A_SHARD - _WINDOW + 1)

    def advance(self) -> tuple[float, float, float]:
        """Take one step; its loss, AUROC and overlap."""
        started = time.monotonic()
        rate = _RATE * min(1.0, self.step / _WARM_UP + 0.02)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * (0.02 + 0.49 * (1 + np.cos(np.pi * self.done)))
        batch = self._batch(small=self.done < _SMALL_UNTIL)
        with torch.autocast(self.plan.kind, dtype=torch.bfloat16):
            fine, coarse = judged(self.eye, batch)
        loss, score = _loss(fine.float(), coarse.float(), batch.masks.flatten(0, 1)[:, None])
        self.optimiser.zero_grad()
        loss.backward()
        length = torch.nn.utils.clip_grad_norm_(self.eye.parameters(), 2.0)
        if torch.isfinite(length):
            self.optimiser.step()
        self.step += 1
        self._average_weights()
        self.seconds += time.monotonic() - started
        return float(loss.detach()), *_measure(fine, score, batch.masks)

    def save(self, file: Path) -> None:
        """Write everything that going on needs."""
        state = {
            "eye": self.eye.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "rng": self.rng.bit_generator.state,
            "torch": torch.get_rng_state(),
            "seed": self.plan.seed,
            "sittings": self.sittings,
        }
        with whole_file(file) as whole:
            torch.save(_plain(state), whole)

    def load(self, file: Path) -> None:
        """Go on from what `save` wrote.

        Raises:
            ValueError: it was written by a training with another seed, or can't be read.
        """
        try:
            state: dict[str, Any] = torch.load(
                file, map_location=self.plan.device, weights_only=True
            )
        except (RuntimeError, EOFError, IndexError, pickle.UnpicklingError) as failure:
            raise ValueError(
                f"{file} is no readable checkpoint: delete it to start anew"
            ) from failure
        if state["seed"] != self.plan.seed:
            raise ValueError(f"{file}: its seed is {state['seed']}, not {self.plan.seed}")
        self.eye.load_state_dict(state["eye"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.seconds = state["step"], state["seconds"]
        self.sittings = [*state.get("sittings", ()), self._sitting()]
        self.rng.bit_generator.state = state["rng"]
        torch.set_rng_state(state["torch"].cpu())

    def _sitting(self) -> dict[str, float | None]:
        return {
            "from_step": self.step,
            "planned_minutes": self.plan.minutes,
            "planned_steps": self.plan.steps,
        }

    def _average_weights(self) -> None:
        keep = min(_AVERAGE, self.step / (self.step + 15))
        pairs = zip(self.average.state_dict().values(), self.eye.state_dict().values(), strict=True)
        with torch.no_grad():
            for mean, newest in pairs:
                if mean.dtype.is_floating_point:
                    mean.lerp_(newest, 1 - keep)
                else:
                    mean.copy_(newest)

    def _batch(self, *, small: bool) -> QueryBatch:
        newest = self.step // _STEPS_A_SHARD
        shard = self._shard(int(self.rng.integers(self.oldest, newest + 1)))
        pieces = shard.sound.shape[1]
        processes = (4 if pieces < 7 else 2) if small else (2 if pieces < 7 else 1)
        chosen = self.rng.choice(len(shard.sound), processes, replace=False)
        count = int(self.rng.integers(1, pieces))  # references a query
        order = self.rng.permutation(pieces)
        sound, queries = order[: count + 1], self.rng.permutation(pieces)[:_QUERIES]
        looks = [_vary(shard, int(index), sound, queries, self.rng) for index in chosen]
        planes = [torch.from_numpy(np.stack(part)) for part in zip(*looks, strict=True)]
        others = np.stack([_others(sound, int(query), self.rng) for query in queries])
        references = torch.from_numpy(others)[None].expand(processes, -1, -1)
        device = self.plan.device
        first, second, masks = (plane.to(device) for plane in planes)
        batch = standardise(first, second, masks, references.to(device))
        return _shrink(batch, self.rng) if small else batch

    def _shard(self, index: int) -> Shard:
        shard = self._shards.pop(index, None)
        if shard is None:
            shard = read_shard(self.plan.folder, index, waiting=self.waiting)
        self._shards[index] = shard
        forget_before(self.plan.folder, self.oldest)
        while len(self._shards) > _WINDOW:
            self._shards.popitem(last=False)
        return shard


def train(
    plan: ComparatorPlan, report: Callable[[Progress], None] = lambda progress: None
) -> TrainingState:
    """Train to the end, going on from the folder's checkpoint where there is one.

    Raises:
        ValueError: the checkpoint is of another seed.
        OSError: shards aren't rendered, or nothing can be written.
    """
    plan.folder.mkdir(parents=True, exist_ok=True)
    training = TrainingState(plan)
    checkpoint = plan.folder / "checkpoint.pt"
    if checkpoint.exists():
        training.load(checkpoint)
    saved = time.monotonic()
    newest: list[tuple[float, float, float]] = []
    until = 10**6 if plan.steps is None else plan.steps // _STEPS_A_SHARD + 1
    with Renderers(
        plan.folder,
        plan.seed,
        training.oldest,
        count=plan.renderers,
        until=until,
        ahead=4 * _WINDOW,
    ) as renderers:
        training.waiting = renderers.tend
        while training.done < 1:
            newest.append(training.advance())
            if training.step % _LOG_EVERY == 0 or training.done >= 1:
                means = np.nanmean(np.array(newest), axis=0)
                report(Progress(training.step, training.seconds, training.done, *means.tolist()))
                newest.clear()
            if time.monotonic() - saved > _SAVE_EVERY:
                training.save(checkpoint)
                saved = time.monotonic()
    training.save(checkpoint)
    return training


def _plain(value: Any) -> Any:
    """A state whose numbers are Python's own: what is read as data knows no others."""
    if isinstance(value, dict):
        return {key: _plain(own) for key, own in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_plain, value))
    return value.item() if isinstance(value, np.generic) else value


def _vary(
    shard: Shard, index: int, sound: Any, queries: Any, rng: np.random.Generator
) -> tuple[Any, Any, Any]:
    """One process turned, mirrored, inverted and with its colours exchanged, all pieces alike."""
    planes = [shard.sound[index][sound], shard.seen[index][queries], shard.masks[index][queries]]
    quarter, colours = int(rng.integers(4)), rng.permutation(3)
    planes = [np.rot90(plane, quarter, (1, 2)) for plane in planes]
    if rng.random() < 0.5:
        planes = [plane[:, :, ::-1] for plane in planes]
    first, second = planes[0][..., colours], planes[1][..., colours]
    if rng.random() < 0.2:
        first, second = 255 - first, 255 - second
    return np.ascontiguousarray(first), np.ascontiguousarray(second), planes[2].copy()


def _others(sound: Any, query: int, rng: np.random.Generator) -> Any:
    """Positions in `sound` that a query may be compared with: all but its own, or but any."""
    own = np.flatnonzero(sound == query)
    left_out = int(own[0]) if len(own) else int(rng.integers(len(sound)))
    return np.delete(np.arange(len(sound)), left_out)


def standardise(sound: Tensor, seen: Tensor, masks: Tensor, references: Tensor) -> QueryBatch:
    """Pictures (P, S or Q, H, W, 3) of 0 to 255, by the spread of each process's sound ones."""
    first = sound.permute(0, 1, 4, 2, 3).float() / 255
    second = seen.permute(0, 1, 4, 2, 3).float() / 255
    mean = first.mean((1, 2, 3, 4), keepdim=True)
    deviation = first.std((1, 2, 3, 4), keepdim=True).clamp_min(0.08)
    return QueryBatch(
        (first - mean) / deviation, (second - mean) / deviation, masks.float(), references
    )


def _shrink(batch: QueryBatch, rng: np.random.Generator) -> QueryBatch:
    """Cut out, or reduced, to `SMALL` pixels a side."""
    if rng.random() < 0.5:
        top, left = (int(v) for v in rng.integers(0, SIDE - SMALL + 1, 2))
        rows, columns = slice(top, top + SMALL), slice(left, left + SMALL)
        planes = [p[..., rows, columns].contiguous() for p in batch[:3]]
        return QueryBatch(planes[0], planes[1], planes[2], batch.references)

    def reduced(planes: Tensor) -> Tensor:
        flat = planes.flatten(0, 1)
        small = functional.interpolate(flat, size=(SMALL, SMALL), mode="area")
        return small.unflatten(0, planes.shape[:2])

    masks = (reduced(batch.masks[:, :, None])[:, :, 0] > 0.3).float()
    return QueryBatch(reduced(batch.sound), reduced(batch.seen), masks, batch.references)


def judged(eye: ComparatorNet, batch: QueryBatch) -> tuple[Tensor, Tensor]:
    """Log-odds of the queries' pixels, process by process: fine and coarse ones."""
    processes, sounds = batch.sound.shape[:2]
    count = batch.references.shape[2]
    split = processes * sounds
    images = torch.cat([batch.sound.flatten(0, 1), batch.seen.flatten(0, 1)])
    seen = eye.encoder(images.contiguous(memory_format=torch.channels_last))
    sound = [f[:split].unflatten(0, (processes, sounds)) for f in seen.features]
    query = EncodedImage([f[split:] for f in seen.features], seen.hint[split:])
    process = torch.arange(processes, device=images.device)[:, None, None]

    def chosen(planes: Tensor) -> Tensor:
        """(P, S, …) → (P · Q, K, …)."""
        return planes[process, batch.references].flatten(0, 1)

    references = [chosen(f) for f in sound]
    with torch.no_grad():
        each = usual_among(eye.judge, [f.detach() for f in sound])
        usual = ReferenceSpread(
            [chosen(d).mean(1) for d in each.near],
            [None if d is None else chosen(d).mean(1) for d in each.far],
        )
    found: Distances = eye.judge.compare(
        query.features, references, [_remember(r.flatten(3), count) for r in references[2:]]
    )
    fine, coarse = eye.judge.decide(query, found, usual)
    return fine, coarse


def _remember(places: Tensor, count: int) -> Tensor:
    """As many places a reference as fit into a memory of about 1,000: (B, K, c, places)."""
    most = max(64, 1024 // count)
    if places.shape[3] <= most:
        return places
    step = -(-places.shape[3] // most)
    start = int(torch.randint(step, ()))
    return places[..., start::step]


def _loss(fine: Tensor, coarse: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Focal and Dice loss of pixels, of coarse pixels, and of images; and the images' scores."""
    fine_masks = functional.max_pool2d(masks, 2)
    chance = torch.sigmoid(fine)
    entropy = functional.binary_cross_entropy_with_logits(fine, fine_masks, reduction="none")
    right = torch.where(fine_masks > 0, chance, 1 - chance)
    weight = torch.where(fine_masks > 0, 3.0, 1.0)
    focal = 8 * (entropy * (1 - right) ** 1.5 * weight).mean()
    both = (chance * fine_masks).sum((1, 2, 3))
    dice = 1 - ((2 * both + 1) / (chance.sum((1, 2, 3)) + fine_masks.sum((1, 2, 3)) + 1)).mean()
    broad = functional.binary_cross_entropy_with_logits(
        coarse, functional.max_pool2d(masks, 8), pos_weight=coarse.new_tensor(3.0)
    )
    score = fine.flatten(1).topk(max(4, int(_TOP * fine[0].numel())), 1).values.mean(1)
    image = functional.binary_cross_entropy_with_logits(score, (masks.sum((1, 2, 3)) > 0).float())
    return focal + 0.5 * dice + 0.5 * broad + 0.15 * image, score


def _measure(fine: Tensor, score: Tensor, masks: Tensor) -> tuple[float, float]:
    with torch.no_grad():
        damaged = masks.flatten(0, 1).sum((1, 2)) > 0
        bad, good = score[damaged], score[~damaged]
        auroc = float((bad[:, None] > good).float().mean()) if len(bad) and len(good) else np.nan
        truth = functional.max_pool2d(masks.flatten(0, 1)[:, None], 2) > 0
        called = fine > 0
        union = int((called | truth).sum())
        overlap = int((called & truth).sum()) / union if union else np.nan
    return auroc, overlap
