"""The training recipe of a language model: one frozen YAML, `--config NAME or FILE`."""

import math
from importlib.resources import files
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from reinspect.documents import RECIPE_SIZE, DocumentError, dump_yaml, parse_yaml, read_text
from reinspect.errors import ReinspectError, explain_invalid, shorten
from reinspect.training.rewards import PRICE, Weights


class TuningError(ReinspectError, ValueError):
    """A training recipe that can't be used; the message names the key and shows the value."""


class _TuningSection(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Lora(_TuningSection):
    """A low-rank adapter (LoRA, arXiv 2106.09685) instead of all weights."""

    rank: int = Field(default=16, ge=1, le=512)
    alpha: int = Field(default=32, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    targets: str = Field(
        default=r".*language_model.*\.(q|k|v|o|gate|up|down)_proj",
        min_length=1,
        description="Regular expression of the modules that get one. vLLM serves adapters of the "
        "language side; the vision tower stays as it is.",
    )


class Schedule(_TuningSection):
    """How long, how fast, and how much of it at a time."""

    steps: int = Field(ge=1, description="Updates of the weights.")
    learning_rate: float = Field(gt=0)
    decay: Literal["constant", "linear", "cosine"] = "linear"
    warm_up: float = Field(default=0.05, ge=0, lt=1, description="Share of the steps.")
    batch: int = Field(default=4, ge=1, description="Answers on a device at a time.")
    accumulate: int = Field(default=1, ge=1, description="Batches of one update.")
    max_grad_norm: float = Field(default=1.0, gt=0)
    save_every: int = Field(default=50, ge=1, description="Steps between checkpoints.")
    keep: int = Field(default=2, ge=1, description="Checkpoints that stay.")
    log_every: int = Field(default=5, ge=1, description="Steps between points of the curves.")


class WarmStart(Schedule):
    """RAWS: supervised fine-tuning on both modes (M3-AD)."""

    steps: int = Field(default=300, ge=1)
    learning_rate: float = Field(default=1e-4, gt=0)
    least: float = Field(
        default=1.0, description="Reward below which a conversation is not imitated."
    )


class CurriculumStage(_TuningSection):
    """A stretch of the training and the modes that it draws from."""

    modes: tuple[Literal["thinking", "reflective"], ...] = Field(min_length=1)
    share: float = Field(gt=0, le=1, description="Of all steps.")


class Uniform(_TuningSection):
    """What becomes of groups whose answers all earn the same: they teach nothing (AD-FM).

    Continuous rewards for place and type make them rarer in the first place.
    """

    resample: int = Field(
        default=1, ge=0, le=8, description="Times that a uniform group's answers are drawn anew."
    )
    drop: bool = Field(
        default=True, description="Leave what stays uniform out of the loss, its KL term, too."
    )


class GuardSettings(_TuningSection):
    """When a training is stopped because it goes wrong. Shares are over the last `window` steps."""

    window: int = Field(default=30, ge=1, description="Steps.")
    after: int = Field(default=30, ge=0, description="Steps before which nothing is judged.")
    fall: float = Field(
        default=0.5, gt=0, description="Fall of the mean reward below its best window: collapse."
    )
    always: float = Field(
        default=0.95,
        gt=0,
        le=1,
        description="Share of revised first answers from which on it is 'always revise', although "
        "some of the first answers were right.",
    )
    never: float = Field(
        default=0.02,
        ge=0,
        lt=1,
        description="Share of revised first answers up to which it is 'never revise', although "
        "some of the first answers were wrong.",
    )
    some: float = Field(default=0.2, gt=0, lt=1, description="Share that counts as some.")
    least: int = Field(default=50, ge=1, description="Reflective answers that a judgement needs.")


class Rcrl(Schedule):
    """RCRL: group-relative policy optimisation against the three rewards (M3-AD)."""

    steps: int = Field(default=400, ge=1)
    learning_rate: float = Field(default=2e-6, gt=0)
    batch: int = Field(default=8, ge=1)
    group: int = Field(default=8, ge=2, description="Answers to one question.")
    temperature: float = Field(default=1.0, gt=0, le=2)
    max_tokens: int = Field(default=512, ge=8, description="Of an answer.")
    kl: float = Field(default=0.04, ge=0, description="Weight of the KL to the RAWS model.")
    rewards: Weights = Weights()
    price: float = Field(
        default=PRICE, ge=0, le=1, description="Of a look beyond the first, in conversations."
    )
    stages: tuple[CurriculumStage, ...] = Field(
        default=(
            CurriculumStage(modes=("thinking",), share=0.3),
            CurriculumStage(modes=("thinking", "reflective"), share=0.7),
        ),
        min_length=1,
        description="First to look, then to reflect (AD-FM's staged sampling).",
    )
    uniform: Uniform = Uniform()
    guard: GuardSettings | None = GuardSettings()
    vllm: Literal["auto", "off", "colocate", "server"] = Field(
        default="auto", description="Who writes the answers; auto: vLLM where there is a GPU."
    )
    vllm_memory: float = Field(default=0.3, gt=0, lt=1, description="Share of the GPU's memory.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not math.isclose(sum(stage.share for stage in self.stages), 1.0, abs_tol=1e-6):
            shares = [stage.share for stage in self.stages]
            raise ValueError(f"the shares of the stages are {shares}, which is not 1 in all")
        if self.batch * self.accumulate % self.group:
            raise ValueError(
                f"batch {self.batch} × accumulate {self.accumulate} is no multiple of group "
                f"{self.group}"
            )
        return self


class Tuning(_TuningSection):
    """How a vision-language model becomes a critic."""

    parameters: float | None = Field(
        default=None, gt=0, description="Of the model; used where its files are not here to say."
    )
    max_pixels: int = Field(
        default=1280 * 28 * 28, ge=28 * 28, description="A picture's budget; serve with the same."
    )
    lora: Lora | None = Field(default=Lora(), description="Null: train all weights.")
    precision: Literal["auto", "bf16", "fp32"] = Field(
        default="auto", description="auto: bf16 on a GPU, fp32 on a CPU."
    )
    gradient_checkpointing: bool | None = Field(
        default=None, description="Recompute instead of remember; null: on a GPU."
    )
    seed: int = Field(default=0, ge=0)
    report_to: tuple[str, ...] = Field(
        default=("tensorboard",), description="As TRL names them: tensorboard, mlflow, wandb …"
    )
    warm_start: WarmStart = WarmStart()
    rcrl: Rcrl = Rcrl()


def ready_made() -> tuple[str, ...]:
    """Names of the training recipes that ship."""
    folder = files(__package__) / "tunings"
    return tuple(sorted(Path(f.name).stem for f in folder.iterdir() if f.name.endswith(".yaml")))


def load_tuning(chosen: str | Path | None) -> Tuning:
    """A training recipe by the name of one that ships, or by its file; none: the defaults.

    Raises:
        TuningError: there is none of that name, it is no YAML mapping, or a key or value is wrong.
    """
    if chosen is None:
        return Tuning()
    if str(chosen) in ready_made():
        file = files(__package__) / "tunings" / f"{chosen}.yaml"
        return parse_tuning(file.read_text(encoding="utf-8"), name=str(chosen))
    try:
        text = read_text(chosen, most=RECIPE_SIZE)
    except (OSError, DocumentError) as failure:
        known = ", ".join(ready_made())
        raise TuningError(f"{chosen}: neither a file nor one of {known} ({failure})") from failure
    return parse_tuning(text, name=str(chosen))


def parse_tuning(text: str, *, name: str = "training recipe") -> Tuning:
    """A training recipe from YAML.

    Raises:
        TuningError: the text is no YAML mapping, or has a wrong key or value.
    """
    try:
        content = parse_yaml(text)
    except DocumentError as failure:
        raise TuningError(f"{name}: {failure}") from failure
    if not isinstance(content, dict | None):
        raise TuningError(f"{name}: a training recipe is a mapping of keys, not {shorten(content)}")
    try:
        return Tuning.model_validate(content or {})
    except ValidationError as failure:
        raise TuningError(f"{name}: {explain_invalid(failure, Tuning)}") from failure


def dump_tuning(tuning: Tuning) -> str:
    """The training recipe as YAML, every default written out."""
    return dump_yaml(tuning.model_dump(mode="json"))
