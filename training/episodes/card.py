"""The card of a folder of episodes in words: Hugging Face's README.md, YAML first."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from reinspect.images import one_line
from reinspect.training.episodes.episode import Episode, Side
from reinspect.training.episodes.folder import EpisodeCard

_NAMED = 10  # images that are named for one reason; card.json has all

_TRUTHS = {True: "anomalous", False: "normal"}


def readme(name: str, card: EpisodeCard) -> str:
    """The card as Markdown."""
    lines = [
        "---",
        "configs:",
        "- config_name: default",
        "  data_files:",
        *(
            f"  - {{split: {part.value}, path: data/{part.value}-*.parquet}}"
            for part in Side
            if part.value in card.counts["split"]
        ),
        "---",
        "",
        f"# {one_line(name)}",
        "",
        f"Episodes for a critic, made by reinspect {card.version} on {card.made[:10]}. Pictures "
        "are referred to, not held: paths in `images` are relative to the root in `card.json`.",
        "",
        f"- runs: {', '.join(f'{run} (recipe {sha[:12]})' for run, sha in card.sources.items())}",
        f"- pictures: SHA-256 over all, sorted: `{card.content}`",
        f"- split: {card.split} (seed {card.seed})",
        f"- references shown before each test image: {card.references} where there are so many",
        "",
        "## Counts",
        "",
        "| column | episodes |",
        "|---|---|",
    ]
    for column, values in card.counts.items():
        shown = ", ".join(f"{one_line(value)} {count}" for value, count in values.items())
        lines.append(f"| {column} | {shown} |".replace("_", "\\_"))
    lines += ["", "## Left out", ""]
    for reason, images in card.left_out.items():
        named = ", ".join(f"`{one_line(image)}`" for image in images[:_NAMED])
        more = f" and {len(images) - _NAMED} more" if len(images) > _NAMED else ""
        lines.append(f"- {len(images)}: {reason}: {named}{more}")
    if not card.left_out:
        lines.append("Nothing.")
    if card.warnings:
        lines += ["", "## Warnings", "", *(f"- {warning}" for warning in card.warnings)]
    lines += ["", "## Licences", ""]
    lines += [f"- {licence}" for licence in card.licences] or ["No licence file was found."]
    lines += ["", "Whether they allow training is for you to check.", ""]
    return "\n".join(lines)


def warnings_of(rows: Sequence[Episode]) -> tuple[str, ...]:
    """What a user should know before training on these."""
    found = []
    for part in Side:
        truths = Counter(_TRUTHS[row.truth] for row in rows if row.split is part)
        if len(truths) == 1:
            found.append(f"all {truths.total()} {part.value} episodes are {next(iter(truths))}")
    mistaken = sum(row.initial is not None and row.initial is not row.truth for row in rows)
    if not mistaken:
        found.append("no first look was wrong: there is nothing to correct")
    bare = sum(not row.completion for row in rows)
    if bare:
        found.append(
            f"{bare} episodes have no answer to imitate: their defects have no boxes, or it is "
            "not known which type is where"
        )
    drafts = sum(not row.reviewed for row in rows)
    if drafts:
        found.append(f"{drafts} captions were not reviewed by anybody")
    unknown = sorted({row.category or "none" for row in rows if row.scenario == "unknown"})
    if unknown:
        found.append(f"the scenario of {', '.join(unknown)} is not known: name it by --scenarios")
    return tuple(found)


def licences_of(folders: Iterable[Path], root: Path) -> tuple[str, ...]:
    """The first line of each licence file in the categories' folders and in those above."""
    seen: dict[Path, str] = {}
    for folder in sorted(folders):
        for place in (folder, folder.parent):
            for file in sorted([*place.glob("LICEN[CS]E*"), *place.glob("NOTICE*")]):
                text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
                first = next((line.strip() for line in text.splitlines() if line.strip()), "")
                name = file.relative_to(root) if file.is_relative_to(root) else file.name
                seen[file] = f"{name}: {one_line(first[:200])}"
    return tuple(seen.values())
