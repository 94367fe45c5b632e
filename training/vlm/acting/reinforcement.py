"""RCRL of a critic that acts: it holds conversations with real looks, and learns by their worth.

GRPO (arXiv 2402.03300) over whole trajectories: the advantage of a conversation goes to every token
that the model said in it, and to none that a tool or we said (TRL's tool mask). The reward is
R_con + R_acc + R_refl less the price of looks, AgentIAD's shape. Needs the extra `train`.
"""

from collections.abc import Sequence
from typing import Any

from datasets import Dataset
from transformers import AutoProcessor
from trl import GRPOTrainer

from reinspect.training.rewards import ActingRewards, Weights
from reinspect.training.vlm.acting.chat import ChatMessage, pictures_in
from reinspect.training.vlm.acting.conversations import Conversations, read_conversations
from reinspect.training.vlm.acting.rehearsal import Rehearsal, Rehearsals
from reinspect.training.vlm.acting.tokens import after_an_answer, refuse_template
from reinspect.training.vlm.rcrl import CollapseWatch, Reward, draw_order, grpo_settings, mean_of
from reinspect.training.vlm.trainer import (
    CurveRecorder,
    FiniteGradients,
    GuardedTrainer,
    Progress,
    TrainingPlan,
    is_adapter,
    load_adapter,
    new_adapter,
    processes,
    run,
    write_card,
)
from reinspect.training.vlm.tuning import CurriculumStage
from reinspect.vocabulary import Label

_REFLECTIVE = "reflective"


def reinforce(plan: TrainingPlan, progress: Progress | None = None) -> Conversations:
    """Train `plan.model` by conversations that it holds about the parts of a folder.

    The reference of the KL is `plan.model` as it is at the start.

    Raises:
        EpisodeError, DatasetError: nothing can be learned from the folder.
        TrainingStopped: collapse, NaN, or no room for a checkpoint.
    """
    tuning = plan.tuning
    found = read_conversations(plan.episodes, root=plan.root)
    rehearsals = Rehearsals(
        found.rows,
        found.card.recipes,
        root=found.root,
        max_pixels=tuning.max_pixels,
        price=tuning.rcrl.price,
    )
    settings = tuning.rcrl.model_copy(
        update={"stages": (CurriculumStage(modes=(_REFLECTIVE,), share=1.0),)}
    )
    truths = [row.truth for row in found.rows]
    order = draw_order([_REFLECTIVE] * len(truths), truths, settings, tuning.seed, processes())
    fine_tuned = is_adapter(plan.model)
    model, base = load_adapter(plan) if fine_tuned else (plan.model, plan.model)
    processor = AutoProcessor.from_pretrained(base, padding_side="left")
    refuse_template(processor)
    parts = _parts(settings.rewards)
    trainer = ActingReflector(
        rehearsals=rehearsals,
        parts=parts,
        model=model,
        args=grpo_settings(plan, [weight for _, weight in parts]),
        train_dataset=Dataset.from_list([_row(place) for place in order]),
        processing_class=processor,
        peft_config=None if fine_tuned else new_adapter(tuning),
        callbacks=[FiniteGradients(), CurveRecorder(plan.out, progress), CollapseWatch(plan)],
    )
    run(trainer, plan)
    history = trainer.state.log_history
    facts = {name: mean_of(history[-_LAST:], name) for name in ("reward", "looks", "decided")}
    used = {"conversations used": len(found.rows), "left out": found.left_out}
    write_card(plan, "RCRL, acting", {**used, **facts})
    return found


_LAST = 5  # points of the curves


def _row(place: int) -> dict[str, Any]:
    """TRL wants a prompt; the true one comes of a rehearsal."""
    return {"place": place, "prompt": [{"role": "user", "content": "."}]}


def _parts(weights: Weights) -> list[tuple[str, float]]:
    """The rewards that count, by their weight; the price is one in itself."""
    named = (
        ("consistency", weights.consistency),
        ("accuracy", weights.accuracy),
        ("reflection", weights.reflection),
    )
    return [(name, weight) for name, weight in (*named, ("price", -1.0)) if weight]


class ActingReflector(GuardedTrainer, GRPOTrainer):  # type: ignore[misc]
    """TRL's GRPO with tools, whose conversations are those of a recipe's critic.

    TRL's own loop over tools ends where a model calls none, and shows a tool's pictures within its
    answer. Here a conversation ends where the critic's would: by its decision, by its bounds, by a
    fault too many; pictures come behind the answers, as servers get them. Masks, pictures and loss
    are TRL's.

    Args:
        rehearsals: of the parts; rows of the data set name them by `place`.
        parts: rewards, by name, with their weights.
        given: what `GRPOTrainer` takes.
    """

    def __init__(
        self, *, rehearsals: Rehearsals, parts: Sequence[tuple[str, float]], **given: Any
    ) -> None:
        self._rehearsals = rehearsals
        self._held: list[Rehearsal] = []
        self._worth: list[ActingRewards] = []
        super().__init__(reward_funcs=[self._reward(name) for name, _ in parts], **given)
        # From here on TRL writes them into prompts, as they are offered, and masks what they say.
        self.tools = rehearsals.tools

    def _reward(self, name: str) -> Reward:
        def reward(**_columns: Any) -> list[float]:
            return [float(getattr(worth, name)) for worth in self._worth]

        reward.__name__ = name
        return reward

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        self._held = [self._rehearsals.begin(row["place"]) for row in inputs]
        asked = [
            {**row, "prompt": held.opening} for row, held in zip(inputs, self._held, strict=True)
        ]
        return super()._generate_and_score_completions(asked)

    def _generate(self, prompts: list[Any]) -> Any:
        """All conversations of a step; see `needing_numbers`."""
        with self.needing_numbers():
            return super()._generate(prompts)

    def _tool_call_loop(
        self,
        prompts: Any,
        prompt_ids: list[list[int]],
        completion_ids: list[list[int]],
        completions: list[list[Any]],
        logprobs: list[list[float]] | None,
        images: Any,
        multimodal_fields: Any,
    ) -> tuple[Any, ...]:
        """Each conversation to its end; in TRL's place, with what TRL's returns."""
        count = len(prompt_ids)
        mask = [[1] * len(ids) for ids in completion_ids]
        shown: list[list[Any]] = [[] for _ in range(count)]
        newest, active = dict(enumerate(completion_ids)), list(range(count))
        while active:
            replies = {i: self._held[i].heard(self._text(newest[i])) for i in active}
            follows = {i: said for i, said in replies.items() if said is not None}
            follows = {i: said for i, said in follows.items() if self._ended(newest[i])}
            suffixes = {i: self._suffix(said) for i, said in follows.items()}
            active = [
                i
                for i, suffix in suffixes.items()
                if len(prompt_ids[i]) + len(completion_ids[i]) + len(suffix) < self._room
            ]
            if not active:
                break
            for i in active:
                completions[i] += follows[i]
                shown[i] += pictures_in(follows[i])
                completion_ids[i] = completion_ids[i] + suffixes[i]
                mask[i] += [0] * len(suffixes[i])
                if logprobs is not None:
                    logprobs[i] = logprobs[i] + [0.0] * len(suffixes[i])
            answers, probabilities = self._answers(
                [prompt_ids[i] + completion_ids[i] for i in active],
                [[*((images or {i: None})[i] or ()), *shown[i]] for i in active],
            )
            for n, i in enumerate(active):
                newest[i] = answers[n]
                completion_ids[i] = completion_ids[i] + answers[n]
                mask[i] += [1] * len(answers[n])
                if logprobs is not None:
                    logprobs[i] = logprobs[i] + probabilities[n]
                completions[i].append({"role": "assistant", "content": self._text(answers[n])})
        talks = [held.conversation for held in self._held]
        self._worth = [held.worth() for held in self._held]
        self._note()
        refused = sum(use.refused for talk in talks for use in talk.uses)
        calls = sum(len(talk.uses) for talk in talks)
        return mask, completions, completion_ids, logprobs, calls, refused, shown

    def _answers(
        self, ids: list[list[int]], pictures: list[list[Any]]
    ) -> tuple[list[list[int]], Any]:
        """The next turn of conversations that go on."""
        flat = [picture for own in pictures for picture in own]
        fields = {}
        if flat:
            made = self.processing_class.image_processor(images=flat, return_tensors="pt")
            fields = dict(made)
        given = [own or None for own in pictures] if flat else None
        made_ids, logprobs = self._generate_single_turn(
            ids, given, fields, num_generations=1, has_tool_images=bool(flat)
        )
        return made_ids, logprobs

    def _suffix(self, replies: Sequence[ChatMessage]) -> list[int]:
        made: list[int] = after_an_answer(self.processing_class, replies)["input_ids"][0].tolist()
        return made

    def _text(self, ids: Sequence[int]) -> str:
        said = [one for one in ids if one not in self.eos_token_ids]
        text: str = self._tokenizer.decode(said, skip_special_tokens=False)
        return text

    def _ended(self, ids: Sequence[int]) -> bool:
        """Whether an answer came to its end: what was cut has no next turn."""
        return bool(ids) and ids[-1] in self.eos_token_ids

    @property
    def _room(self) -> int:
        """Tokens that a conversation may have."""
        config = self.model.config
        text = getattr(config, "text_config", config)
        return int(text.max_position_embeddings) - self.max_completion_length

    def _note(self) -> None:
        """What the guard watches, and what a critic that acts is about."""
        if not self.model.training:
            return
        counts = [0.0, 0.0, 0.0]
        for held in self._held:
            decided = held.decided
            if decided is not None:
                revised = Label.of(decided.anomalous) is not held.first
                counts[0] += 1
                counts[1] += revised
                counts[2] += held.first is not held.truth
        metrics = self._metrics["train"]
        told = zip(("reflective", "revised", "first wrong"), counts, strict=True)
        mine = {f"answers/{name}": value for name, value in told}
        mine["looks"] = _mean([held.conversation.looks for held in self._held])
        mine["decided"] = _mean([held.decided is not None for held in self._held])
        for name, value in mine.items():
            metrics[name].append(value)


def _mean(values: Sequence[float]) -> float:
    return float(sum(values) / len(values))
