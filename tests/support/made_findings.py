"""Findings of a product that is not there, with everything that the page can show.

python -m support.made_findings qualification.html        # in tests/, to look at it
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np

from reinspect.qualification import (
    DamageOrigin,
    FalseCalls,
    Findings,
    Trial,
    measure_detection,
    pod_plot,
    write_page,
)
from reinspect.qualification.findings import (
    DamageExample,
    LearningCurve,
    LearningPoint,
    LookWorth,
    OddReference,
    SetUpRange,
    ThresholdInUse,
)

KINDS = {
    "chip": (7, 12),
    "crack": (9, 17),
    "dent": (16, 44),
    "foreign body": (6, 9),
    "hole": (5, 8),
    "scratch": (14, 30),
    "smear": (24, 90),
    "spots": (8, 14),
    "stain": (18, 60),
}
"""Kind of damage → true a50 and a90, pixels."""


def made_trials(
    per_kind: int = 24, parts: int = 8, between: float = 0.4, seed: int = 0
) -> list[Trial]:
    """Of all kinds, sizes of 4 to 60 px, on parts that differ."""
    rng = np.random.default_rng(seed)
    part = rng.normal(0, between, parts)
    trials = []
    for kind, (a50, a90) in KINDS.items():
        for n in range(per_kind):
            size = float(np.exp(rng.uniform(np.log(4), np.log(60))))
            odds = np.log(9) * np.log(size / a50) / np.log(a90 / a50) + part[n % parts]
            detected = bool(rng.random() < 1 / (1 + np.exp(-odds)))
            chance = rng.random() / 2
            trials.append(
                Trial(
                    part=f"{n % parts:03}.png",
                    kind=kind,
                    size=size,
                    area=max(1.0, size * size / 3),
                    probability=1 - chance if detected else chance,
                    detected=detected,
                )
            )
    return trials


def made_picture(size: float, seed: int) -> bytes:
    """A turned disk with a mark on it, PNG."""
    rng = np.random.default_rng(seed)
    picture = np.full((240, 320, 3), 70, np.uint8)
    cv2.circle(picture, (160, 120), 96, (172, 176, 178), -1, cv2.LINE_AA)
    for radius in range(10, 96, 7):
        cv2.circle(picture, (160, 120), radius, (160, 165, 168), 1, cv2.LINE_AA)
    cv2.circle(picture, (160, 120), 22, (60, 62, 66), -1, cv2.LINE_AA)
    x, y = 160 + int(rng.integers(-55, 55)), 120 + int(rng.integers(-55, 55))
    cv2.ellipse(picture, (x, y), (int(size / 2), int(size / 4)), 40, 0, 360, (96, 92, 104), -1)
    noise = rng.normal(0, 4, picture.shape)
    coded = cv2.imencode(".png", np.clip(picture + noise, 0, 255).astype(np.uint8))[1]
    return coded.tobytes()


def made_findings(origin: DamageOrigin = DamageOrigin.DRAWN) -> Findings:
    sizes = {"dent": 17.0, "crack": 11.5, "smear": 27.0, "stain": 22.0}
    return Findings(
        product="turned flange",
        recipe="default",
        references=8,
        mm_per_pixel=0.025,
        made=datetime(2026, 3, 4, 14, 5, tzinfo=UTC),
        program="0.1.0",
        detection=measure_detection(made_trials(), FalseCalls.of(1, 64), origin=origin),
        advice=(
            "Take about twelve more references: they would bring a90 from 27 to about 20 px.",
            "Light the surface from the side: stains and smears differ too little from it.",
        ),
        examples=tuple(
            DamageExample(
                picture=f"{kind}-{word}.png",
                kind=kind,
                size=size,
                probability=0.56 if word == "found" else 0.43,
                detected=word == "found",
            )
            for word in ("found", "missed")
            for kind, size in sizes.items()
        ),
        learning=LearningCurve(
            figure="share of drawn damage that is found, at one false call in 50 parts",
            points=tuple(
                LearningPoint(references=n, value=v, low=v - w, high=min(1.0, v + w))
                for n, v, w in ((2, 0.48, 0.12), (4, 0.6, 0.08), (6, 0.66, 0.06), (8, 0.7, 0.05))
            ),
            advice="The curve still rises: twelve more would help.",
        ),
        odd=(
            OddReference(name="good/005.png", why="3.4 deviations from the others, at one place"),
        ),
        second_look="It pays for one part in five: the doubtful place, closer.",
        looks=(
            LookWorth(look="closer", fixed=9, broken=2, taken=True, share=0.2, seconds=0.09),
            LookWorth(look="eye", fixed=3, broken=5, taken=False, share=0.2, seconds=0.21),
            LookWorth(look="reference", fixed=4, broken=4, taken=False, share=0.2, seconds=0.12),
        ),
        thresholds=(
            ThresholdInUse(name="PASS below", value=0.31, source="the rehearsal"),
            ThresholdInUse(name="FAIL from", value=0.62, source="the rehearsal"),
        ),
        set_up=(
            SetUpRange(what="place", within="up to 6 px", beyond="REVIEW: setup: moved"),
            SetUpRange(what="angle", within="up to 2°", beyond="REVIEW: setup: turned"),
            SetUpRange(what="sharpness", within="down to 0.8 of the references'", beyond=""),
        ),
        details={"key": "5f0c1e7a"},
    )


def made_pictures(findings: Findings) -> dict[str, bytes]:
    return {it.picture: made_picture(it.size, seed) for seed, it in enumerate(findings.examples)}


if __name__ == "__main__":
    everything = made_findings()
    write_page(everything, sys.argv[1], made_pictures(everything))
    Path(sys.argv[2]).write_text(
        pod_plot(everything.detection.overall, mm_per_pixel=0.025), "utf-8"
    )
