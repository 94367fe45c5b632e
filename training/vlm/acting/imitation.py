"""The warm start of a critic that acts: conversations that were held are imitated turn by turn.

What the model said is learned, what tools and people said to it is not. Needs the extra `train`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import AutoProcessor
from trl import SFTConfig

from reinspect.training.vlm.acting.conversations import (
    Conversations,
    messages_of,
    read_conversations,
)
from reinspect.training.vlm.acting.tokens import Fields, batch_of, refuse_template, spoken
from reinspect.training.vlm.trainer import (
    CurveRecorder,
    FiniteGradients,
    Progress,
    TrainingPlan,
    arguments,
    is_adapter,
    load_adapter,
    new_adapter,
    run,
    weights_dtype,
    write_card,
)
from reinspect.training.vlm.warm_start import WarmStarter


def imitate(plan: TrainingPlan, progress: Progress | None = None) -> Conversations:
    """Train on the conversations of a folder; weights or adapter go to `plan.out`.

    Raises:
        EpisodeError, DatasetError: nothing can be learned from them.
        TrainingStopped: the training went wrong, or there was no room for a checkpoint.
    """
    tuning = plan.tuning
    found = read_conversations(plan.episodes, root=plan.root, least=tuning.warm_start.least)
    model, base = load_adapter(plan) if is_adapter(plan.model) else (plan.model, plan.model)
    processor = AutoProcessor.from_pretrained(base)
    refuse_template(processor)
    settings = SFTConfig(
        **arguments(plan, tuning.warm_start),
        max_length=None,  # a cut would take picture tokens away
        dataset_kwargs={"skip_prepare_dataset": True},
        model_init_kwargs=None if is_adapter(plan.model) else {"dtype": weights_dtype(plan)},
    )
    trainer = WarmStarter(
        model=model,
        args=settings,
        train_dataset=Dataset.from_dict({"place": list(range(len(found.rows)))}),
        data_collator=_Collator(processor, found, found.root, tuning.max_pixels),
        processing_class=processor,
        peft_config=None if is_adapter(plan.model) else new_adapter(tuning),
        callbacks=[FiniteGradients(), CurveRecorder(plan.out, progress)],
    )
    run(trainer, plan)
    facts = {"conversations used": len(found.rows), "left out": found.left_out}
    write_card(plan, "RAWS, acting", facts)
    return found


class _Collator:
    """Reads conversations when they are needed."""

    def __init__(self, processor: Any, found: Conversations, root: Path, max_pixels: int) -> None:
        self._processor, self._rows = processor, found.rows
        self._root, self._max_pixels = root, max_pixels

    def __call__(self, batch: Sequence[dict[str, int]]) -> Fields:
        rows = [self._rows[one["place"]] for one in batch]
        every = [
            spoken(self._processor, messages_of(row, self._root, self._max_pixels), row.tools)
            for row in rows
        ]
        return batch_of(every, self._processor.tokenizer.pad_token_id)
