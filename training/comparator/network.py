"""The eye's network: what in an image differs from good references, and abnormally so.

An encoder sees each image once, at four scales. A judge compares the query's features with the
references': at the same place within a small window, and with all places; it knows how much the
references differ among themselves, and decides from that which differences matter. Change
segmentation with references, after MetaUAS (Gao, 2025); nearest matches as in PatchCore (Roth et
al., 2022).

Shapes: B queries, K references each, scales 2, 4, 8, 16 with `FEATURES` channels at (h, w).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

VERSION = 1
"""Of the exported graphs' inputs and outputs."""

SCALES = (2, 4, 8, 16)
FEATURES = (8, 24, 64, 64)
"""Channels compared at each scale; unit length at each place."""

_TRUNK = (24, 48, 80, 112)
_HINT = 24  # channels of the query's own look, told to the decoder at scale 8
_REACH = (1, 1, 2, 1)  # places that a part may be displaced, scale by scale
_EVERYWHERE = (False, False, True, True)  # scales at which all places are compared
_LOUD = 4.0  # distances are small numbers
_FAINT = -3.0  # log-odds of a pixel before anything is learned: most are sound


class EncodedImage(NamedTuple):
    """What the encoder gives: unit features (B, c, h, w) scale by scale, and a hint at scale 8."""

    features: list[Tensor]
    hint: Tensor


class Distances(NamedTuple):
    """How far a query is from its references: per scale (B, 1, h, w), none where not asked."""

    near: list[Tensor]
    """To the best match within the window, of any reference."""
    near_all: list[Tensor]
    """The same to each reference, averaged."""
    far: list[Tensor | None]
    """To the best match anywhere."""
    far_all: list[Tensor | None]
    alike: list[Tensor | None]
    """(B, c, h, w): what the references show where they match best."""


class ReferenceSpread(NamedTuple):
    """How far a reference is from the others, averaged: per scale (B, 1, h, w)."""

    near: list[Tensor]
    far: list[Tensor | None]


def _block(inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _block(channels, channels)
        self.second = nn.Sequential(
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.second(self.first(x)))


class Encoder(nn.Module):
    """Images (B, 3, H, W), standardised by references → `EncodedImage`. H, W: multiples of 16."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = _TRUNK
        self.stem = _block(3, a, 2, 5)
        self.down4 = nn.Sequential(_block(a, b, 2), _Residual(b))
        self.down8 = nn.Sequential(_block(b, c, 2), _Residual(c))
        self.down16 = nn.Sequential(_block(c, d, 2), _Residual(d))
        self.context = nn.Conv2d(d, c, 1)
        self.heads = nn.ModuleList(
            nn.Conv2d(i, o, 1) for i, o in zip(_TRUNK, FEATURES, strict=True)
        )
        self.hint = nn.Conv2d(c, _HINT, 1)

    def forward(self, images: Tensor) -> EncodedImage:
        """See images."""
        x2 = self.stem(images)
        x4 = self.down4(x2)
        x8 = self.down8(x4)
        x16 = self.down16(x8)
        x8 = x8 + _enlarged(self.context(x16), x8)
        planes = (head(x) for head, x in zip(self.heads, (x2, x4, x8, x16), strict=True))
        return EncodedImage(
            [functional.normalize(p.float(), dim=1) for p in planes], self.hint(x8).float()
        )


class Judge(nn.Module):
    """Distances and what is usual → log-odds that a pixel is defective."""

    def __init__(self) -> None:
        super().__init__()
        far, near = 9, 5
        self.at16 = nn.Sequential(_block(2 * FEATURES[3] + far, 64), _Residual(64))
        self.at8 = nn.Sequential(_block(64 + 2 * FEATURES[2] + far + _HINT, 64), _Residual(64))
        self.at4 = nn.Sequential(_block(64 + FEATURES[1] + near + 2, 40), _Residual(40))
        self.at2 = nn.Sequential(_block(40 + FEATURES[0] + near, 24), _block(24, 24))
        self.out = nn.Conv2d(24, 1, 1)
        self.out8 = nn.Conv2d(64, 1, 1)
        # How alike the references are decides which distances count: one gain a channel.
        self.gate = nn.Sequential(nn.Linear(12, 48), nn.ReLU(), nn.Linear(48, 64 + 64 + 40))
        self.sharpness = nn.Parameter(torch.tensor(-2.3))
        nn.init.constant_(self.out.bias, _FAINT)
        nn.init.constant_(self.out8.bias, _FAINT)
        nn.init.zeros_(self.gate[2].weight)
        nn.init.zeros_(self.gate[2].bias)

    def compare(
        self, features: Sequence[Tensor], references: Sequence[Tensor], memory: Sequence[Tensor]
    ) -> Distances:
        """Compare queries with references.

        Args:
            features: of the queries, per scale (B, c, h, w).
            references: per scale (B, K, c, h, w), to compare place by place.
            memory: for scales 8 and 16 (B, K, c, places), to compare with everywhere.
        """
        found = Distances([], [], [], [], [])
        for level, (query, other) in enumerate(zip(features, references, strict=True)):
            best, every = _near(query, other, _REACH[level])
            found.near.append(1 - best)
            found.near_all.append(1 - every)
            if _EVERYWHERE[level]:
                far, far_all, alike = _far(query, memory[level - 2], self.sharpness.exp())
                found.far.append(1 - far)
                found.far_all.append(1 - far_all)
                found.alike.append(alike)
            else:
                found.far.append(None)
                found.far_all.append(None)
                found.alike.append(None)
        return found

    def decide(
        self, seen: EncodedImage, found: Distances, usual: ReferenceSpread
    ) -> tuple[Tensor, Tensor]:
        """Log-odds (B, 1, H/2, W/2), and coarse ones (B, 1, H/8, W/8)."""
        f, hint = seen.features, seen.hint
        near2, near4, near8, near16 = (_channels(found, usual, level) for level in range(4))
        gains = self.gate(_summary(usual))[..., None, None]
        gain16, gain8, gain4 = gains[:, :64], gains[:, 64:128], gains[:, 128:]
        alike16, alike8 = found.alike[3], found.alike[2]
        if alike16 is None or alike8 is None:
            raise ValueError("scales 8 and 16 must be compared everywhere")
        x = self.at16(torch.cat([f[3] * 3, (f[3] - alike16) * 5, near16], 1)) * (1 + gain16)
        parts = [_enlarged(x, near8), f[2] * 3, (f[2] - alike8) * 5, near8, hint]
        x = self.at8(torch.cat(parts, 1)) * (1 + gain8)
        coarse = self.out8(x)
        distances = _enlarged(near8[:, 4:8:3], near4)
        x = self.at4(torch.cat([_enlarged(x, near4), f[1] * 3, near4, distances], 1)) * (1 + gain4)
        x = self.at2(torch.cat([_enlarged(x, near2), f[0] * 3, near2], 1))
        return self.out(x), coarse


class ComparatorNet(nn.Module):
    """Encoder and judge."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.judge = Judge()


def usual_among(judge: Judge, features: Sequence[Tensor]) -> ReferenceSpread:
    """What is usual between references: each (P, K, c, h, w) compared with the K - 1 others.

    Returns:
        Distances (P, K, 1, h, w) per scale, not averaged over K yet.
    """
    count = features[0].shape[1]
    others = [[j for j in range(count) if j != i] for i in range(count)]
    rest = [f[:, others].flatten(0, 1) for f in features]
    found = judge.compare(
        [f.flatten(0, 1) for f in features], rest, [r.flatten(3) for r in rest[2:]]
    )
    shape = features[0].shape[:2]
    return ReferenceSpread(
        [d.unflatten(0, shape) for d in found.near],
        [None if d is None else d.unflatten(0, shape) for d in found.far],
    )


def _enlarged(x: Tensor, like: Tensor) -> Tensor:
    size = like.shape[-2:]
    return functional.interpolate(x, size=size, mode="bilinear", align_corners=False)


def _channels(found: Distances, usual: ReferenceSpread, level: int) -> Tensor:
    near, usually = found.near[level], usual.near[level]
    planes = [near, found.near_all[level], usually, near - usually]
    far, far_all, far_usually = found.far[level], found.far_all[level], usual.far[level]
    if far is None or far_all is None or far_usually is None:
        planes.append(near - usually.mean((2, 3), keepdim=True))
    else:
        mean = far_usually.mean((2, 3), keepdim=True)
        most = far_usually.amax((2, 3), keepdim=True)
        planes += [far, far_all, far - mean, far - most, far_usually]
    return torch.cat(planes, 1) * _LOUD


def _summary(usual: ReferenceSpread) -> Tensor:
    """Mean and largest of the usual distances (B, 12)."""
    planes = [p for p in (*usual.near, *usual.far) if p is not None]
    numbers = [m for p in planes for m in (p.mean((1, 2, 3)), p.amax((1, 2, 3)))]
    return torch.stack(numbers, 1) * _LOUD


def _near(query: Tensor, references: Tensor, reach: int) -> tuple[Tensor, Tensor]:
    """Cosine to the best match in a window: of any reference, and averaged over them."""
    count, height, width = references.shape[1], query.shape[2], query.shape[3]
    padded = functional.pad(references.flatten(0, 1), (reach,) * 4, mode="replicate")
    padded = padded.unflatten(0, references.shape[:2])
    shifts = [(y, x) for y in range(2 * reach + 1) for x in range(2 * reach + 1)]
    if torch.is_grad_enabled():
        return _near_winner(query, padded, shifts)
    own = query[:, None]
    best = (own * padded[..., :height, :width]).sum(2)
    for y, x in shifts[1:]:
        best = torch.maximum(best, (own * padded[..., y : y + height, x : x + width]).sum(2))
    return best.amax(1, keepdim=True), best.sum(1, keepdim=True) / count


def _near_winner(
    query: Tensor, padded: Tensor, shifts: Sequence[tuple[int, int]]
) -> tuple[Tensor, Tensor]:
    """As `_near`; gradients go through the one best match alone, which is four times cheaper."""
    batch, channels, height, width = query.shape
    count, tall, wide = padded.shape[1], padded.shape[3], padded.shape[4]
    with torch.no_grad():
        own = query[:, None]
        best = torch.full((batch, count, height, width), -2.0, dtype=query.dtype)
        at = torch.zeros(best.shape, dtype=torch.int64)
        best, at = best.to(query.device), at.to(query.device)
        for y, x in shifts:
            cosine = (own * padded[..., y : y + height, x : x + width]).sum(2)
            better = cosine > best
            best = torch.where(better, cosine, best)
            at.masked_fill_(better, y * wide + x)
        every = best.mean(1, keepdim=True)
        winner = best.argmax(1, keepdim=True)
        rows, columns = torch.arange(height), torch.arange(width)
        origin = (rows[:, None] * wide + columns).to(query.device)
        index = at.gather(1, winner) + origin + winner * (tall * wide)
    flat = padded.transpose(1, 2).reshape(batch, channels, -1)
    index = index.view(batch, 1, -1).expand(batch, channels, height * width)
    match = flat.gather(2, index).view(query.shape)
    return (query * match).sum(1, keepdim=True), every


def _far(query: Tensor, memory: Tensor, softness: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Cosine to the best match anywhere, its mean over references, and what they show there."""
    batch, channels, height, width = query.shape
    count = memory.shape[1]
    places = memory.transpose(1, 2).flatten(2)
    with torch.autocast(query.device.type, enabled=False):
        cosines = torch.bmm(query.flatten(2).transpose(1, 2), places)
        best = cosines.amax(2).view(batch, 1, height, width)
        every = cosines.unflatten(2, (count, -1)).amax(3).mean(2).view(batch, 1, height, width)
        weights = torch.softmax(cosines / softness, 2)
        alike = torch.bmm(weights, places.transpose(1, 2)).transpose(1, 2)
        return best, every, alike.reshape(batch, channels, height, width)
