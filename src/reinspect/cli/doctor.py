"""`reinspect doctor`: what works here, and what is missing."""

import importlib.metadata
import platform
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from reinspect.graph import Recipe
    from reinspect.vocabulary import Call

OPTIONAL = {
    "pyarrow": ("'reinspect[parquet]'", "export --format parquet"),
    "psycopg": ("'reinspect[postgres]'", "a store on PostgreSQL"),
    "ray": ("'reinspect[ray]'", "run --engine ray"),
    "langchain-openai": ("'reinspect[vlm]'", "parts of kind vlm"),
    "streamlit": ("'reinspect[ui]'", "reinspect ui"),
    "fastapi": ("'reinspect[api]'", "reinspect api"),
    "opentelemetry-exporter-otlp-proto-http": ("'reinspect[otel]'", "run --otel, api --otel"),
    "torch": ("'reinspect[vision]'", "vision models, and reinspect train"),
    "torchvision": ("'reinspect[vision]'", "vision models"),
    "transformers": ("'reinspect[vision]'", "vision models"),
    "segment-anything": ("'reinspect[vision]'", "the backend segment-anything"),
    "groundingdino-py": ("--no-deps groundingdino-py==0.4.0", "the backend groundingdino"),
}
"""Distribution → what pip installs it by, and what needs it."""

BASE = (
    "langgraph",
    "numpy",
    "onnxruntime",
    "opencv-python-headless",
    "pillow",
    "pydantic",
    "scipy",
    "sqlmodel",
)


class Finding(NamedTuple):
    """One thing that was looked at."""

    what: str
    works: bool
    details: str


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(doctor)


def doctor(
    recipe: Annotated[
        Path | None, typer.Option("--recipe", help="Also make this recipe's parts.")
    ] = None,
) -> None:
    """Say what is installed, which parts work here, and the line that installs what is missing."""
    table = Table("what", "works", "details")
    findings = [*packages(), *_parts(recipe)]
    for finding in findings:
        mark = Text("yes", style="blue") if finding.works else Text("no", style="magenta")
        table.add_row(finding.what, mark, Text(finding.details))
    Console().print(table)
    optional = {f"package {name}" for name in OPTIONAL}
    if any(not finding.works and finding.what not in optional for finding in findings):
        raise typer.Exit(1)


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def packages(version_of: Callable[[str], str | None] = _version) -> Iterator[Finding]:
    """What is installed, and the line that installs what is not.

    Args:
        version_of: distribution → its version, none where it is missing.
    """
    yield Finding("Python", works=True, details=platform.python_version())
    for name in ("reinspect", *BASE):
        version = version_of(name)
        install = "pip install reinspect"
        yield Finding(f"package {name}", version is not None, version or f"missing: {install}")
    for name, (wanted, use) in OPTIONAL.items():
        version = version_of(name)
        install = f"missing, needed for {use}: pip install {wanted}"
        yield Finding(f"package {name}", version is not None, version or install)


def _parts(recipe: Path | None) -> Iterator[Finding]:
    """What a recipe comes to, or each of its views."""
    from reinspect.graph import Recipe, RecipeError, load_recipe

    name = f"recipe {recipe}" if recipe else "default recipe"
    try:
        chosen = load_recipe(recipe) if recipe else Recipe()
    except RecipeError as failure:
        yield Finding(name, works=False, details=str(failure))
        return
    if not chosen.views:
        yield from _inspected(name, chosen)
    for view in chosen.views:
        yield from _inspected(f"{name}, {view}", chosen.of_view(view))


def _inspected(name: str, chosen: "Recipe") -> Iterator[Finding]:
    """Inspect a part that is made on the spot, through every node of a recipe's graph."""
    from reinspect.cost import calls_of
    from reinspect.graph import RecipeError, inspect_image
    from reinspect.samples import write_sample_set
    from reinspect.settings import Settings

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "parts"
        write_sample_set(root, references=3, good=1, defective=1, seed=1)
        category = sorted(root.iterdir())[0]
        part = next((category / "test" / "good").iterdir())
        try:
            trace = inspect_image(
                part,
                references=category / "train" / "good",
                recipe=chosen,
                weights=Settings().weights_dir,
                explore=True,
            )
        except RecipeError as failure:
            yield Finding(name, works=False, details=str(failure))
            return
    for step in trace.all_steps:
        said = ", ".join(getattr(p, "source", p.kind) for p in step.products)
        details = step.error or f"{said} in {step.seconds:.2f} s"
        yield Finding(f"{name}: {step.node}", step.error is None, details)
        for call in calls_of([step]):
            yield Finding(f"{name}: {call.prompt}", call.error is None, _model(call))


def _model(call: "Call") -> str:
    """What one call says of a model: latency, token probabilities, whether answers fit."""
    if call.error:
        return f"{call.model}: {call.error}"
    tokens = "token probability" in call.probabilities
    logprobs = "with token probabilities" if tokens else "without token probabilities"
    sure = f", {logprobs}" if call.probabilities else ""  # an explanation has nothing to be sure of
    fits = "answers fit the schema" if call.prompt.endswith(".json.md") else "answers fit the tags"
    cost = "cost unknown" if call.usd is None else f"{call.usd:.6f} USD"
    return (
        f"{call.model} answers in {call.seconds:.2f} s, {fits}{sure}, "
        f"{call.tokens_in or '?'} tokens in, {call.tokens_out or '?'} out, {cost}"
    )
