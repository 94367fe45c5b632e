"""RAWS, the reflection-aware warm start: supervised fine-tuning on both modes (M3-AD, 2603.00055).

Its result writes both forms of answer, and is the frozen reference of RCRL. Needs the extra
`train`.
"""

from transformers import AutoProcessor
from trl import SFTConfig, SFTTrainer

from reinspect.training.vlm.dataset import EpisodeDataset
from reinspect.training.vlm.trainer import (
    CurveRecorder,
    FiniteGradients,
    GuardedTrainer,
    Progress,
    TrainingPlan,
    arguments,
    dataset_of,
    is_adapter,
    load_adapter,
    new_adapter,
    run,
    weights_dtype,
    write_card,
)


class WarmStarter(GuardedTrainer, SFTTrainer):  # type: ignore[misc]
    """TRL's SFT, careful about NaN and full disks."""


def warm_start(plan: TrainingPlan, progress: Progress | None = None) -> EpisodeDataset:
    """Train on the episodes' answers, thinking and reflective; weights or adapter go to `plan.out`.

    Raises:
        DatasetError: nothing can be learned from the episodes.
        TrainingStopped: the training went wrong, or there was no room for a checkpoint.
    """
    tuning = plan.tuning
    dataset = dataset_of(plan, imitated=True)
    settings = SFTConfig(
        **arguments(plan, tuning.warm_start),
        max_length=None,  # a cut would take picture tokens away
        completion_only_loss=True,
        dataset_kwargs={"skip_prepare_dataset": True},
        model_init_kwargs=None if is_adapter(plan.model) else {"dtype": weights_dtype(plan)},
    )
    model, base = load_adapter(plan) if is_adapter(plan.model) else (plan.model, plan.model)
    trainer = WarmStarter(
        model=model,
        args=settings,
        train_dataset=dataset.train,
        processing_class=AutoProcessor.from_pretrained(base),
        peft_config=None if is_adapter(plan.model) else new_adapter(tuning),
        callbacks=[FiniteGradients(), CurveRecorder(plan.out, progress)],
    )
    run(trainer, plan)
    write_card(plan, "RAWS", {"episodes used": len(dataset.train), "left out": dataset.left_out})
    return dataset
