"""Hi-res: the anomaly map again, at finer detail."""

from typing import Self

from reinspect.components import About, ToolOptions
from reinspect.tools.context import ToolContext
from reinspect.tools.expert import Experts
from reinspect.tools.witness import heard
from reinspect.trace import Trace
from reinspect.vocabulary import Evidence


class HiRes:
    """How far the worst place stands out from the rest of the same image, in finer detail."""

    about = About(
        "hi_res",
        note="the anomaly map again at full resolution: helps with small or faint defects",
        purpose="Compare the part with good ones in finer detail: helps with small or faint "
        "defects.",
        heeds=(),
    )
    Options = ToolOptions

    def __init__(self, experts: Experts, *, name: str = about.name) -> None:
        self._experts, self._name = experts, name

    @classmethod
    def from_recipe(cls, options: ToolOptions, context: ToolContext) -> Self:
        """The tool of a recipe."""
        return cls(context.experts, name=options.name)

    def __call__(self, trace: Trace) -> Evidence:
        witness = self._experts.of(trace.sample).fine(trace.sample)
        if witness is None:
            return Evidence(source=self._name, summary="nothing to calibrate a finer look by")
        return heard(witness, self._name)
