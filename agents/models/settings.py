"""What a recipe says of a model: which, where, how it is asked, and within what bounds."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from reinspect.agents.models.places import Coordinates
from reinspect.components import ComponentOptions, RecipePath

_SECRET = ("key", "token", "password", "secret")
_PASSWORD = re.compile(r"(?<=://)([^\s/@:]*):[^\s/@]*(?=@)")


class Form(StrEnum):
    """How answers are written.

    `json`: structured output by JSON schema. `tags`: the published <think> … <answer> form, for
    models that were fine-tuned on it.
    """

    JSON = "json"
    TAGS = "tags"


class OwnPrompts(ComponentOptions):
    """Files of a user's own in place of the prompts that ship, by what they ask for."""

    detect: RecipePath | None = None
    assess: RecipePath | None = None
    reflect: RecipePath | None = None
    explain: RecipePath | None = None
    act: RecipePath | None = None


class ModelSettings(ComponentOptions):
    """A model behind an OpenAI-compatible server. Keys are named here, never written."""

    model: str = Field(min_length=1, description="As the server names it; an adapter's name, too.")
    base_url: str | None = Field(
        default=None, pattern=r"^https?://", description="Null: OpenAI's own, or OPENAI_BASE_URL."
    )
    key_env: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="Environment variable with the key. Without it OPENAI_API_KEY goes to OpenAI "
        "alone, and a server at `base_url` gets none.",
    )
    chat: str | None = Field(
        default=None,
        min_length=1,
        description="Another chat model of LangChain: a provider of its `init_chat_model`, or "
        "package.module:Class; null is OpenAI's protocol.",
    )
    format: Form = Form.JSON
    samples: int = Field(default=1, ge=1, le=64, description="Answers to one question.")
    temperature: float | None = Field(
        default=None, ge=0, le=2, description="Null: 0 for one sample, 0.7 for several."
    )
    max_tokens: int = Field(default=1024, ge=16)
    timeout: float = Field(default=60.0, gt=0, description="Seconds without a byte; one attempt.")
    max_retries: int = Field(default=2, ge=0, le=20, description="By the openai client.")
    logprobs: bool = Field(default=True, description="Ask for token probabilities.")
    stream: bool = Field(
        default=False, description="Take answers piece by piece: `timeout` is then for each piece."
    )
    seed: int | None = 0
    max_pixels: int = Field(
        default=1280 * 28 * 28, ge=28 * 28, description="A picture's budget; larger ones shrink."
    )
    encoding: Literal["jpeg", "png"] = "jpeg"
    places: Coordinates | None = Field(
        default=None, description="How it writes places; null: as its family does."
    )
    cache: bool = Field(
        default=False,
        exclude_if=lambda said: not said,
        description="Answer equal calls from the cache's folder.",
    )
    prompts: OwnPrompts = Field(
        default=OwnPrompts(), description="Files in place of the prompts that ship."
    )
    extra: Mapping[str, Any] = Field(
        default_factory=dict, description="Further keys of the request, e.g. vLLM's top_k."
    )

    @classmethod
    def refusal(cls, name: str, value: object) -> str:
        """Why an unknown option is refused; what may be a key is not shown."""
        if any(secret in name.lower() for secret in _SECRET):
            return "keys are read from the environment; name the variable by key_env"
        return super().refusal(name, value)

    @property
    def heat(self) -> float:
        """The temperature that is asked for."""
        if self.temperature is not None:
            return self.temperature
        return 0.0 if self.samples == 1 else 0.7

    @property
    def where(self) -> str:
        """The server's address, without a password."""
        return without_password(self.base_url or self.chat or "api.openai.com")

    @model_validator(mode="after")
    def _samples_may_differ(self) -> Self:
        if self.samples > 1 and self.heat == 0:
            raise ValueError(f"{self.samples} samples at temperature 0 are all the same")
        if self.samples > 1 and self.stream:
            raise ValueError(f"{self.samples} samples can't be streamed")
        if self.samples > 1 and self.chat:
            raise ValueError(f"{self.samples} samples need a server of OpenAI's protocol")
        return self


def without_password(text: str) -> str:
    """The text with the password of every user:password@host blotted out."""
    return _PASSWORD.sub(r"\1:***", text)
