"""Weights from the network or from a folder: resumed where they were cut, verified before use.

A file is written beside its goal as `<name>.part`, and renamed once its hash is right. Hashes that
nobody has published are recorded at the first fetch, in `weights.lock.json` beside the weights.
"""

from __future__ import annotations

import glob
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from reinspect.errors import ReinspectError
from reinspect.files import digest_of_file, whole_file, write_json
from reinspect.images import one_line
from reinspect.tools.weights.known import Checkpoint
from reinspect.vocabulary import Sha256

LOCK = "weights.lock.json"
ATTEMPTS = 3
"""Times that a cut connection is taken up again before giving up."""

_CHUNK = 1 << 20
_TIMEOUT = 30.0
_HASHES: TypeAdapter[dict[str, Sha256]] = TypeAdapter(dict[str, Sha256])
# Of a hub's folder: what loading needs, once, and not for every framework.
_WANTED = ("*.json", "*.txt", "*.model", "*.safetensors")

Progress = Callable[[int, int | None], None]
"""Told how many bytes are there, and how many there will be if that is known."""


class FetchError(ReinspectError, RuntimeError):
    """Weights that can't be had; one line: what, where, what to do."""


def fetch(
    checkpoint: Checkpoint,
    folder: Path,
    *,
    progress: Progress = lambda *_: None,
    mirror: str | None = None,
    source: Path | None = None,
) -> Path:
    """Bring weights into the folder, unless they are there and sound; returns where they lie.

    Args:
        checkpoint: which.
        folder: of weights; made if it is not there.
        progress: told now and then.
        mirror: address under which files lie by their names, in place of the published one.
        source: a folder to copy from, in place of the network.

    Raises:
        FetchError: no network, a wrong hash, no room, no permission.
    """
    goal = checkpoint.place(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if goal.exists() and not faults(checkpoint, folder):
            return goal
        if source is not None:
            _copy(checkpoint, source, goal)
        elif checkpoint.url:
            base = f"{mirror.rstrip('/')}/{checkpoint.file}" if mirror else checkpoint.url
            download(base, goal, sha256=_expected(checkpoint, folder), progress=progress)
        else:
            _from_hub(checkpoint, folder / checkpoint.file)
        _record(checkpoint, folder)
    except OSError as failure:
        reason = (failure.strerror or type(failure).__name__).lower()
        place = one_line(str(failure.filename or folder))
        raise FetchError(
            f"{checkpoint.name}: cannot write to {place} ({reason}); free or name another folder "
            "(--weights, or REINSPECT_WEIGHTS_DIR)"
        ) from failure
    return goal


def faults(checkpoint: Checkpoint, folder: Path) -> tuple[str, ...]:
    """What is wrong with weights that are there; nothing if they are sound, as far as is known."""
    goal, recorded = checkpoint.place(folder), hashes(folder)
    if checkpoint.sha256 is not None:
        found = digest_of_file(goal)
        return () if found == checkpoint.sha256 else (_differs(goal, found, checkpoint.sha256),)
    found_faults = []
    for name, expected in recorded.items():
        file = folder / name
        if file != goal and goal not in file.parents:
            continue
        if not file.is_file():
            found_faults.append(f"{one_line(name)} is missing")
        elif (found := digest_of_file(file)) != expected:
            found_faults.append(_differs(file, found, expected))
    return tuple(found_faults)


def verifiable(checkpoint: Checkpoint, folder: Path) -> bool:
    """Whether there is a hash to hold the weights against, published or recorded."""
    names = (Path(name).parts[0] for name in hashes(folder))
    return checkpoint.sha256 is not None or checkpoint.file in names


def hashes(folder: Path) -> Mapping[str, str]:
    """File, relative to the folder → SHA-256, as recorded at the first fetch.

    Raises:
        FetchError: the record is there and can't be read.
    """
    file = folder / LOCK
    if not file.exists():
        return {}
    try:
        return _HASHES.validate_json(file.read_bytes())
    except (OSError, ValidationError) as failure:
        raise FetchError(
            f"{one_line(str(file))}: no record of hashes; delete it, and fetch the weights again"
        ) from failure


def download(
    url: str, goal: Path, *, sha256: str | None = None, progress: Progress = lambda *_: None
) -> None:
    """Fetch a file over HTTP, going on where an earlier attempt was cut.

    Raises:
        FetchError: no network, a refusal, a connection that is cut again and again, a wrong hash.
        OSError: the disk is full or read-only.
    """
    part = goal.with_name(f"{goal.name}.part")
    failure = ""
    for _ in range(ATTEMPTS):
        before = part.stat().st_size if part.exists() else 0
        try:
            _take(url, part, before, progress)
        except urllib.error.HTTPError as refused:
            raise FetchError(
                f"{goal.name}: {url} answers {refused.code} ({refused.reason}); check the address"
            ) from refused
        except urllib.error.URLError as unreached:
            raise FetchError(
                f"{goal.name}: no network: {url} can't be reached ({unreached.reason}); fetch it "
                "elsewhere, and use --from FOLDER"
            ) from unreached
        except _Cut as cut:
            failure = str(cut)
            continue
        break
    else:
        raise FetchError(
            f"{goal.name}: the connection to {url} was cut {ATTEMPTS} times ({failure}); run it "
            "again, it goes on from there"
        )
    found = digest_of_file(part)
    if sha256 is not None and found != sha256:
        part.unlink()
        raise FetchError(f"{_differs(goal, found, sha256)}; it was deleted, fetch it again")
    part.replace(goal)


class _Cut(Exception):  # noqa: N818 - never leaves this module
    """A connection that ended before its time."""


def _take(url: str, part: Path, before: int, progress: Progress) -> None:
    """Append what is missing; a server that can't go on from there starts anew."""
    request = urllib.request.Request(url, headers={"User-Agent": "reinspect"})  # noqa: S310
    if before:
        request.add_header("Range", f"bytes={before}-")
    try:
        answer = urllib.request.urlopen(request, timeout=_TIMEOUT)  # noqa: S310
    except urllib.error.HTTPError as refused:
        if refused.code != 416:
            raise
        if _length(refused.headers.get("Content-Range")) == before:
            return  # nothing is missing
        part.unlink()
        raise _Cut(f"{before} bytes are more than there are") from refused
    except TimeoutError as late:
        raise urllib.error.URLError(f"no answer within {_TIMEOUT:g} s") from late
    except (HTTPException, ConnectionError) as broken:
        raise _Cut(str(broken) or type(broken).__name__) from broken
    with answer:
        there = before if answer.status == 206 else 0
        total = _total(answer, there)
        with part.open("ab" if there else "wb") as file:
            for block in _blocks(answer):
                file.write(block)
                there += len(block)
                progress(there, total)
    if total is not None and there < total:
        raise _Cut(f"{there} of {total} bytes")


def _blocks(answer: HTTPResponse) -> Iterator[bytes]:
    while True:
        try:
            block = answer.read1(_CHUNK)
        except (OSError, HTTPException) as broken:
            raise _Cut(str(broken) or type(broken).__name__) from broken
        if not block:
            return
        yield block


def _total(answer: HTTPResponse, there: int) -> int | None:
    length = answer.headers.get("Content-Length")
    return there + int(length) if length and length.isdecimal() else None


def _length(content_range: str | None) -> int | None:
    """Of a whole file: `bytes */1234`."""
    _, _, length = (content_range or "").rpartition("/")
    return int(length) if length.isdecimal() else None


def _copy(checkpoint: Checkpoint, source: Path, goal: Path) -> None:
    given = checkpoint.place(source)
    if not given.exists():
        lacks = "/".join(filter(None, (checkpoint.file, checkpoint.inside)))
        raise FetchError(f"{checkpoint.name}: there is no {lacks} in {source}")
    if given.is_dir():
        shutil.copytree(given, goal, dirs_exist_ok=True)
        return
    found = digest_of_file(given)
    if checkpoint.sha256 is not None and found != checkpoint.sha256:
        raise FetchError(f"{_differs(given, found, checkpoint.sha256)}; nothing was copied")
    with whole_file(goal) as file, given.open("rb") as source_file:
        shutil.copyfileobj(source_file, file, _CHUNK)


def _from_hub(checkpoint: Checkpoint, goal: Path) -> None:
    """A model of the hub, by its own client, which resumes; held against the hub's own hashes."""
    try:
        from huggingface_hub import HfApi, snapshot_download
        from huggingface_hub.errors import GatedRepoError, HfHubHTTPError
    except ImportError as missing:
        raise FetchError(
            f"{checkpoint.name}: models of the hub need the extra 'vision': "
            "pip install 'reinspect[vision]'"
        ) from missing
    start = f"{glob.escape(checkpoint.inside)}/" if checkpoint.inside else ""
    wanted = [start + pattern for pattern in _WANTED]
    consent = f"accept the terms at huggingface.co/{checkpoint.name} and set HF_TOKEN"
    try:
        info = HfApi().model_info(checkpoint.name, files_metadata=True)
        snapshot_download(checkpoint.name, revision=info.sha, local_dir=goal, allow_patterns=wanted)
    except GatedRepoError as refused:
        raise FetchError(f"{checkpoint.name}: the hub asks for consent; {consent}") from refused
    except HfHubHTTPError as refused:
        raise FetchError(f"{checkpoint.name}: the hub refuses it: {_short(refused)}") from refused
    except Exception as failure:
        if not _of_network(failure):
            raise
        raise FetchError(
            f"{checkpoint.name}: no network: the hub can't be reached ({_short(failure)}); fetch "
            f"it elsewhere, then `reinspect models fetch {checkpoint.name} --from FOLDER`"
        ) from failure
    if checkpoint.inside and not (goal / checkpoint.inside).is_dir():
        raise FetchError(
            f"{checkpoint.name}: the hub has nothing in its folder {checkpoint.inside!r} any more"
        )
    for sibling in info.siblings or ():
        published = getattr(sibling.lfs, "sha256", None)
        file = goal / sibling.rfilename
        if published and file.is_file() and (found := digest_of_file(file)) != published:
            file.unlink()
            raise FetchError(f"{_differs(file, found, published)}; it was deleted, fetch it again")


def _of_network(failure: Exception) -> bool:
    """Whether the hub's client gave up on the network: its releases use three HTTP libraries."""
    family = type(failure).__module__.partition(".")[0]
    named = type(failure).__name__ in ("OfflineModeIsEnabled", "LocalEntryNotFoundError")
    return family in ("httpx", "httpx2", "requests") or named


def _expected(checkpoint: Checkpoint, folder: Path) -> str | None:
    return checkpoint.sha256 or hashes(folder).get(checkpoint.file)


def _record(checkpoint: Checkpoint, folder: Path) -> None:
    """Hashes that nobody published, of the first fetch: what was recorded before stays."""
    if checkpoint.sha256 is not None:
        return
    goal = checkpoint.place(folder)
    files = [goal] if goal.is_file() else sorted(_of_model(goal))
    made: dict[str, Any] = {f.relative_to(folder).as_posix(): digest_of_file(f) for f in files}
    known = {**made, **hashes(folder)}
    write_json(folder / LOCK, dict(sorted(known.items())))


def _of_model(folder: Path) -> Iterator[Path]:
    """Files of a hub's model, without what its client keeps for itself."""
    for file in folder.rglob("*"):
        if file.is_file() and ".cache" not in file.relative_to(folder).parts:
            yield file


def _differs(file: Path, found: str, expected: str) -> str:
    return f"{one_line(file.name)}: sha256 is {found:.12}…, not {expected:.12}…: damaged or changed"


def _short(failure: Exception) -> str:
    words = " ".join(str(failure).split()) or type(failure).__name__
    return words if len(words) <= 160 else f"{words[:157]}…"
