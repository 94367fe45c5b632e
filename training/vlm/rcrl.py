"""RCRL: a warm-started model learns by its own answers what is worth saying (M3-AD, 2603.00055).

Group-relative policy optimisation (GRPO, arXiv 2402.03300) against R_con + R_acc + R_refl, held to
the frozen RAWS model by a KL. Needs the extra `train`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from transformers import AutoProcessor, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from reinspect.training.rewards import Weights, label_of, read_answer, rewards
from reinspect.training.vlm.dataset import DatasetError, EpisodeDataset
from reinspect.training.vlm.guard import CollapseGuard, TrainingPoint
from reinspect.training.vlm.trainer import (
    CurveRecorder,
    FiniteGradients,
    GuardedTrainer,
    Progress,
    TrainingPlan,
    TrainingStopped,
    arguments,
    dataset_of,
    is_adapter,
    load_adapter,
    new_adapter,
    processes,
    run,
    weights_dtype,
    write_card,
)
from reinspect.training.vlm.tuning import Rcrl, Uniform
from reinspect.vocabulary import Label, Truth

Columns = Mapping[str, Sequence[Any]]
Reward = Callable[..., list[float]]

_ALIKE = 1e-6  # between rewards that are the same


def rcrl(plan: TrainingPlan, progress: Progress | None = None) -> EpisodeDataset:
    """Train `plan.model`, the RAWS model, by its rewards; weights or adapter go to `plan.out`.

    The reference of the KL is `plan.model` as it is at the start: the copy of an adapter that goes
    on being trained, the model below a fresh adapter, or a frozen second model.

    Raises:
        DatasetError: nothing can be learned from the episodes.
        TrainingStopped: collapse, always or never revising, NaN, or no room for a checkpoint.
    """
    tuning, settings = plan.tuning, plan.tuning.rcrl
    dataset = dataset_of(plan, imitated=False)
    rows = dataset.train.with_format(None)
    order = draw_order(rows["mode"], rows["truth"], settings, tuning.seed, processes())
    fine_tuned = is_adapter(plan.model)
    model, base = load_adapter(plan) if fine_tuned else (plan.model, plan.model)
    trainer = Reflector(
        uniform=settings.uniform,
        weights=settings.rewards,
        model=model,
        args=grpo_settings(plan, [weight for _, weight, _ in _parts(settings.rewards)]),
        train_dataset=dataset.train.select(order),
        processing_class=AutoProcessor.from_pretrained(base, padding_side="left"),
        peft_config=None if fine_tuned else new_adapter(tuning),
        callbacks=[FiniteGradients(), CurveRecorder(plan.out, progress), CollapseWatch(plan)],
    )
    run(trainer, plan)
    write_card(
        plan,
        "RCRL",
        {
            "episodes used": len(dataset.train),
            "left out": dataset.left_out,
            "uniform groups at first": mean_of(trainer.state.log_history, "uniform at first"),
            "uniform groups": mean_of(trainer.state.log_history, "uniform"),
        },
    )
    return dataset


def grpo_settings(plan: TrainingPlan, weights: Sequence[float]) -> GRPOConfig:
    """TRL's settings from ours.

    Args:
        plan: of the training.
        weights: of the rewards, in their order.
    """
    settings = plan.tuning.rcrl
    vllm = settings.vllm != "off" and (settings.vllm != "auto" or plan.on_gpu)
    mode = "colocate" if settings.vllm == "auto" else settings.vllm
    serving = {
        "use_vllm": True,
        "vllm_mode": mode,
        "vllm_gpu_memory_utilization": settings.vllm_memory,
    }
    return GRPOConfig(
        **arguments(plan, settings),
        **(serving if vllm else {}),
        num_generations=settings.group,
        max_completion_length=settings.max_tokens,
        temperature=settings.temperature,
        beta=settings.kl,
        reward_weights=list(weights),
        mask_truncated_completions=False,  # an answer without end earns what it earns: nothing
        shuffle_dataset=False,  # `draw_order` has the order
        model_init_kwargs=None if is_adapter(plan.model) else {"dtype": weights_dtype(plan)},
    )


def draw_order(
    modes: Sequence[str],
    truths: Sequence[bool],
    settings: Rcrl,
    seed: int,
    processes: int = 1,
) -> list[int]:
    """Which episode is asked for when: stage after stage, good and anomalous ones in turn.

    The order is drawn once and from the seed alone, so that a training that goes on sees what it
    would have seen. Each process of a training takes its part of a step.

    Raises:
        DatasetError: a stage has no episodes.
    """
    rng = np.random.default_rng(seed)
    a_step = processes * settings.batch * settings.accumulate // settings.group
    order = list[int]()
    for stage in settings.stages:
        pools = [
            [i for i, (m, t) in enumerate(zip(modes, truths, strict=True))
             if m in stage.modes and bool(t) is truth]
            for truth in (True, False)
        ]  # fmt: skip
        pools = [pool for pool in pools if pool]
        if not pools:
            raise DatasetError(
                f"no episode of mode {' or '.join(stage.modes)}, which a stage of rcrl asks for"
            )
        count = math.ceil(stage.share * settings.steps) * a_step
        decks = [_shuffled(pool, math.ceil(count / len(pools)), rng) for pool in pools]
        order += [i for turn in zip(*decks, strict=True) for i in turn][:count]
    return order


def _shuffled(pool: Sequence[int], count: int, rng: np.random.Generator) -> list[int]:
    """`count` of a pool, every one as often as any other, or once less."""
    rounds = [rng.permutation(pool) for _ in range(math.ceil(count / len(pool)))]
    return [int(i) for i in np.concatenate(rounds)[:count]]


def _parts(weights: Weights) -> list[tuple[str, float, Reward]]:
    """The rewards that count: name, weight, and a function as TRL calls it."""

    def one(name: str) -> Reward:
        def reward(completions: Sequence[Any], **columns: Any) -> list[float]:
            answers = (message[-1]["content"] for message in completions)
            return [
                getattr(rewards_at(text, columns, i, weights), name)
                for i, text in enumerate(answers)
            ]

        reward.__name__ = name
        return reward

    names = ("consistency", "accuracy", "reflection", "location")
    return [(name, getattr(weights, name), one(name)) for name in names if getattr(weights, name)]


def rewards_at(text: str, columns: Columns, index: int, weights: Weights) -> Any:
    """All rewards of one answer to the episode at `index` of the columns."""
    truth = Truth(
        label=Label.of(columns["truth"][index]),
        types=tuple(columns["types"][index] or ()),
        boxes=tuple(columns["boxes"][index] or ()),
    )
    return rewards(
        text,
        truth,
        first=first_of(columns, index),
        prompt=_words(columns["prompts"][index]),
        alpha=weights.alpha,
        location_as=weights.location_as,
    )


def first_of(columns: Columns, index: int) -> Label | None:
    """The first answer that an episode reflects on; none in thinking mode."""
    if columns["mode"][index] != "reflective" or columns["initial"][index] is None:
        return None
    return Label.of(columns["initial"][index])


def _words(prompt: Sequence[Mapping[str, Any]]) -> str:
    texts = []
    for message in prompt:
        content = message["content"]
        parts = [{"text": content}] if isinstance(content, str) else content
        texts += [part["text"] for part in parts if part.get("text")]
    return "\n".join(texts)


class Reflector(GuardedTrainer, GRPOTrainer):  # type: ignore[misc]
    """TRL's GRPO with answers drawn anew where a group's are all worth the same.

    Such a group has no advantage in it. Drawing it again, up to `uniform.resample` times, keeps the
    batch full (as DAPO's dynamic sampling does, arXiv 2503.14476, but for the same question); what
    stays uniform is left out of the loss. Both shares are logged.

    Args:
        uniform: how often, and whether to leave out.
        weights: of the rewards.
        given: what `GRPOTrainer` takes.
    """

    def __init__(self, *, uniform: Uniform, weights: Weights, **given: Any) -> None:
        self._uniform, self._rewarded = uniform, weights
        self._parts = _parts(weights)
        self._asked: Sequence[Mapping[str, Any]] = ()
        self._flat: torch.Tensor | None = None
        super().__init__(reward_funcs=[part for _, _, part in self._parts], **given)

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        self._asked = inputs
        output = super()._generate_and_score_completions(inputs)
        if self._uniform.drop and self.model.training and self._flat is not None:
            output["completion_mask"][self._flat] = 0
            counted = self.accelerator.gather(output["completion_mask"].sum()).sum()
            output["num_items_in_batch"] = counted.clamp(min=1)
        return output

    def _generate(self, prompts: list[Any]) -> Any:
        made = list(self._answered(prompts))
        if not self.model.training:
            return tuple(made)
        flat, shares = self._uniform_groups(prompts, made[3])
        self._metrics["train"]["uniform at first"].append(shares)
        for _ in range(self._uniform.resample):
            if not shares:
                break
            # Every process draws as often as every other, or a gathering of weights would hang.
            again = self._answered(prompts)
            # Token ids, texts, and log probabilities where vLLM gave them.
            for place in (1, 3, 4):
                if made[place] is not None:
                    made[place] = [
                        new if redo else old
                        for new, old, redo in zip(again[place], made[place], flat, strict=True)
                    ]
            flat, shares = self._uniform_groups(prompts, made[3])
        self._metrics["train"]["uniform"].append(shares)
        self._flat = torch.tensor(flat, device=self.accelerator.device)
        self._count_revisions(prompts, made[3])
        return tuple(made)

    def _answered(self, prompts: list[Any]) -> Any:
        with self.needing_numbers():
            return super()._generate(prompts)

    def _uniform_groups(
        self, prompts: Sequence[Any], completions: Sequence[Any]
    ) -> tuple[list[bool], float]:
        """For each local answer whether its group is uniform, and the share of such groups."""
        columns = self._columns(prompts)
        sums = [
            rewards_at(answer[-1]["content"], columns, i, self._rewarded).overall(self._rewarded)
            for i, answer in enumerate(completions)
        ]
        device = self.accelerator.device
        every = self.accelerator.gather(torch.tensor(sums, device=device, dtype=torch.float64))
        groups = every.view(-1, self.num_generations)
        flat = (groups.max(1).values - groups.min(1).values) < _ALIKE
        mine = flat.repeat_interleave(self.num_generations)
        start = self.accelerator.process_index * len(prompts)
        return mine[start : start + len(prompts)].tolist(), float(flat.float().mean())

    def _count_revisions(self, prompts: Sequence[Any], completions: Sequence[Any]) -> None:
        columns = self._columns(prompts)
        counts = torch.zeros(3)
        for i, completion in enumerate(completions):
            first = first_of(columns, i)
            answer = read_answer(completion[-1]["content"])
            if first is None or answer is None:
                continue
            wrong = first is not Label.of(columns["truth"][i])
            counts += torch.tensor([1.0, float(label_of(answer) is not first), float(wrong)])
        counts = self.accelerator.gather(counts[None].to(self.accelerator.device)).sum(0).cpu()
        for name, count in zip(("reflective", "revised", "first wrong"), counts, strict=True):
            self._metrics["train"][f"answers/{name}"].append(float(count))

    def _columns(self, prompts: Sequence[Any]) -> dict[str, list[Any]]:
        keys = ("truth", "types", "boxes", "mode", "initial")
        columns = {key: [episode[key] for episode in self._asked] for key in keys}
        return {**columns, "prompts": list(prompts)}


class CollapseWatch(TrainerCallback):  # type: ignore[misc]
    """Hands every logged point to the watch, and stops where it says so."""

    def __init__(self, plan: TrainingPlan) -> None:
        guard = plan.tuning.rcrl.guard
        self._guard = CollapseGuard(guard) if guard else None

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """What a training that goes on has seen before counts, too."""
        for row in state.log_history:
            self._judge(row)

    def on_log(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Called with a new point at the end of the history."""
        reason = self._judge(state.log_history[-1]) if state.log_history else None
        if reason:
            raise TrainingStopped(f"stopped at step {state.global_step}: {reason}")

    def _judge(self, row: Mapping[str, Any]) -> str | None:
        if self._guard is None or row.get("reward") is None:
            return None
        return self._guard(
            TrainingPoint(
                step=int(row["step"]),
                reward=float(row["reward"]),
                reflective=float(row.get("answers/reflective") or 0),
                revised=float(row.get("answers/revised") or 0),
                first_wrong=float(row.get("answers/first wrong") or 0),
            )
        )


def mean_of(history: Sequence[Mapping[str, Any]], name: str) -> float | None:
    """Of a curve's points; None where it has none."""
    values = [row[name] for row in history if row.get(name) is not None]
    return round(float(np.mean(values)), 4) if values else None
