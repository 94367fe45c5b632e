"""The tools as LangChain tools, for an agent of one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from reinspect.components import About
from reinspect.images import load
from reinspect.roles import Tool
from reinspect.trace import Step, Trace
from reinspect.vocabulary import (
    Assessment,
    Box,
    Evidence,
    NormalisedBox,
    Region,
    Sample,
    View,
    Wish,
)

if TYPE_CHECKING:
    from langchain_core.tools import StructuredTool

ASKED = "agent"
"""Source of the regions that an agent points at."""


def _one_line(phrase: str) -> str:
    words = " ".join(phrase.split())
    if not words:
        raise ValueError("a phrase is empty")
    return words


class ToolArguments(BaseModel):
    """What an agent says to a tool."""

    model_config = ConfigDict(extra="forbid")

    image: str = Field(min_length=1, description="Path of the picture.")
    category: str | None = Field(
        default=None, description="Which part it shows, where there are good parts of several."
    )
    boxes: tuple[NormalisedBox, ...] = Field(
        default=(),
        max_length=64,
        description="Places to look at: x1, y1, x2, y2 as shares of width and height, 0 to 1.",
    )
    phrases: tuple[Annotated[str, AfterValidator(_one_line)], ...] = Field(
        default=(), max_length=64, description="Words for what to search for."
    )


def as_langchain(tools: Mapping[str, Tool]) -> list[StructuredTool]:
    """Each tool as a LangChain tool that answers with words, and with the `Evidence` as artifact.

    A picture that can't be read, wrong arguments and a tool that fails are answers, too: the
    agent is told in one line, and goes on.

    Args:
        tools: name → tool; `reinspect.tools_of(recipe)` gives those of a recipe.
    """
    from langchain_core.tools import StructuredTool

    return [
        StructuredTool.from_function(
            func=_answering(name, tool),
            name=name.rpartition(":")[2],
            description=_purpose(name, tool),
            args_schema=ToolArguments,
            response_format="content_and_artifact",
            handle_tool_error=True,
            handle_validation_error=_refused,
        )
        for name, tool in tools.items()
    ]


def _purpose(name: str, tool: Tool) -> str:
    about = getattr(tool, "about", None)
    said = about.purpose if isinstance(about, About) else ""
    return said or (tool.__doc__ or name).strip()


def _answering(name: str, tool: Tool) -> Callable[..., tuple[str, list[Evidence]]]:
    def answer(
        image: str,
        category: str | None = None,
        boxes: Sequence[Box] = (),
        phrases: Sequence[str] = (),
    ) -> tuple[str, list[Evidence]]:
        from langchain_core.tools import ToolException
        from langgraph.errors import GraphBubbleUp

        try:
            loaded = load(image)
            height, width = loaded.pixels.shape[:2]
            view = View(path=image, sha256=loaded.sha256, size=(width, height), scale=loaded.scale)
            sample = Sample(id=image, category=category, views=(view,))
            asked = _asked(sample, name, tuple(boxes), tuple(phrases))
            found = [piece for trace in asked for piece in _pieces(tool(trace))]
        except GraphBubbleUp:  # a tool that asks a person: the agent's graph pauses
            raise
        except Exception as failure:
            words = " ".join(str(failure).split()) or type(failure).__name__
            raise ToolException(f"{name}: {words}") from failure
        return "\n".join(map(_in_words, found)), found

    return answer


def _pieces(found: Evidence | Sequence[Evidence]) -> Sequence[Evidence]:
    return (found,) if isinstance(found, Evidence) else found


def _asked(sample: Sample, name: str, boxes: Sequence[Box], phrases: Sequence[str]) -> list[Trace]:
    """A trace in which the agent has pointed at the boxes, and asks for this look; one a phrase."""
    trace = Trace(sample=sample)
    if boxes:
        # The first is the strongest: tools that take one take it.
        regions = tuple(Region(box=box, score=float(len(boxes) - n)) for n, box in enumerate(boxes))
        pointed = Evidence(source=ASKED, summary="places to look at", regions=regions)
        trace = trace.then(Step(node="locate", products=(pointed,)))
    wishes = [Wish(look=name, phrase=phrase) for phrase in phrases]
    if not wishes:
        return [trace]
    steps = (
        Step(node="assess", products=(Assessment(confidence=0.5, reliability=0.5, wish=wish),))
        for wish in wishes
    )
    return [trace.then(step) for step in steps]


def _in_words(evidence: Evidence) -> str:
    lines = [f"{evidence.source}: {evidence.summary}"]
    if evidence.probability is not None:
        lines.append(f"P(anomalous) by this alone: {evidence.probability:.3f}")
    if evidence.measurements:
        lines.append(", ".join(f"{name} {v:.4g}" for name, v in evidence.measurements.items()))
    for region in evidence.regions:
        corners = ", ".join(f"{value:.3f}" for value in region.box)
        lines.append(f"box [{corners}], score {region.score:.3g}")
    return "\n".join(lines)


def _refused(failure: object) -> str:
    """A validation error in one line."""
    errors = getattr(failure, "errors", None)
    if errors is None:
        return " ".join(str(failure).split())
    return "; ".join(
        f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}" for error in errors()
    )
