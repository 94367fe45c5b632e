from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from reinspect.agents.calls import Price
from reinspect.agents.models.client import Model
from reinspect.agents.models.settings import ModelSettings
from reinspect.images import load
from reinspect.testing import ScriptedServer
from reinspect.vocabulary import Sample, View


@pytest.fixture
def picture(tmp_path: Path) -> str:
    path = tmp_path / "part.png"
    image = np.full((60, 90, 3), 90, np.uint8)
    image[24:36, 36:54] = 200
    cv2.imwrite(str(path), image)
    return str(path)


@pytest.fixture
def part(picture: str) -> Sample:
    view = View(path=picture, sha256=load(picture).sha256, size=(90, 60))
    return Sample(id="part.png", views=(view,))


@pytest.fixture
def ask_at() -> Callable[..., Model]:
    def made(
        server: ScriptedServer,
        price: Price | None = None,
        *,
        cache: Path | None = None,
        **settings: object,
    ) -> Model:
        settings = {"cache": cache is not None, **settings}
        options = {"model": "m", "base_url": server.url, "max_retries": 0, "timeout": 5}
        return Model(
            ModelSettings.model_validate({**options, **settings}),
            price,
            cache=cache,
            environment={"KEY": "s3cr3t"},
        )

    return made
