"""The server's addresses: a picture or a batch in, verdicts and traces out."""

import asyncio
import contextlib
import importlib.metadata
import logging
import os
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import (
    APIRouter,
    Depends,
    FastAPI,
    File,
    Form,
    Path,
    Request,
    Response,
    Security,
    UploadFile,
)
from fastapi.exceptions import RequestValidationError
from fastapi.security import APIKeyHeader
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from reinspect.api.answers import (
    LONGEST,
    PICTURE_KINDS,
    AcceptedBatch,
    AcceptedPicture,
    AcceptedState,
    Health,
    Problem,
    Refused,
    body_of,
    problem,
    refusals,
)
from reinspect.api.gate import HEADER, Gate, Keys, RequestLimits
from reinspect.api.intake import Intake, JudgedRow
from reinspect.api.metrics import TYPE, Metrics
from reinspect.api.spool import Arrived, Entry, Ticket
from reinspect.errors import did_you_mean, explain_invalid, shorten
from reinspect.images import UnreadableImage, pictures_in, size_of
from reinspect.references import ReferenceMode, ReferenceSets
from reinspect.sensing import FileRules
from reinspect.store import StoreError
from reinspect.trace import Trace
from reinspect.vocabulary import Value

Id = Annotated[UUID, Path(description="As it was given when the picture or batch was accepted.")]
Category = Annotated[
    str | None, Form(max_length=LONGEST, description="Whose references judge; none by default.")
]
Image = Annotated[UploadFile, File(description="An image file.")]
Images = Annotated[list[UploadFile], File(min_length=1, description="Image files.")]

_ALWAYS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_FINDING = (*_ALWAYS, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY)
_SENDING = (
    *_ALWAYS,
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.INSUFFICIENT_STORAGE,
)
_LOCATION = {
    "headers": {
        "Location": {"description": "Where to ask for it.", "schema": {"type": "string"}},
    }
}

logger = logging.getLogger("uvicorn.error")


@dataclass(frozen=True, slots=True)
class Service:
    """What the server is made of."""

    intake: Intake
    keys: Keys
    limits: RequestLimits
    metrics: Metrics = field(default_factory=Metrics)
    """Is among the sinks of the intake."""
    patience: float = 30.0
    """Seconds that a client is kept waiting for a verdict, before it is told to ask again."""

    @property
    def views(self) -> tuple[str, ...]:
        """Of the parts; none where they have one picture."""
        return tuple(self.intake.references.views)


def build(service: Service) -> FastAPI:
    """The server. Its intake starts and stops with it."""

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(service.intake.start)
        yield
        await run_in_threadpool(service.intake.close)

    app = FastAPI(
        title="reinspect",
        summary="Industrial visual inspection that looks twice where the first verdict is in doubt",
        version=importlib.metadata.version("reinspect"),
        lifespan=lifespan,
        docs_url=None,  # these pages load their scripts from elsewhere
        redoc_url=None,
    )
    app.state.service = service
    key = APIKeyHeader(name=HEADER, auto_error=False, description="One of the server's keys.")
    app.include_router(_open)
    secured = [Security(key)] if service.keys else []
    app.include_router(_v1, dependencies=secured)
    if service.views:
        app.include_router(_parts, dependencies=secured)
    app.add_middleware(
        Gate, keys=service.keys, limits=service.limits, trouble=lambda: service.intake.trouble
    )
    service.metrics.watch(service.intake)
    app.add_middleware(service.metrics.counting)
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    _complete(app, service.views)
    return app


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Here = Annotated[Service, Depends(_service)]

_open = APIRouter(tags=["server"])
_v1 = APIRouter(prefix="/v1")
_parts = APIRouter(prefix="/v1", tags=["parts"])


def _one_picture(service: Here) -> None:
    """Refuses pictures that stand for themselves where parts have several."""
    if service.views:
        said = f"parts have the views {', '.join(service.views)} here: send them to /v1/parts"
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, said)


class _Fields:
    """Refuses what a form would drop: fields that nobody reads, and all but the last of a name."""

    def __init__(self, *known: str, many: str = "") -> None:
        self._known, self._many = known, many

    async def __call__(self, request: Request) -> None:
        for name in request.query_params:
            said = f"{shorten(name)}: nothing is read from the address; send it in the form"
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, said)
        given = Counter(name for name, _ in (await request.form()).multi_items())
        for name, count in given.items():
            if name not in self._known:
                said = f"{shorten(name)}: unknown field; {did_you_mean(name[:100], self._known)}"
            elif count > 1 and name != self._many:
                said = f"{name}: sent {count} times; send it once"
                if name == "image":
                    said += ", or many pictures to /v1/batches"
            else:
                continue
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, said)


@_open.get("/health", responses=refusals(HTTPStatus.SERVICE_UNAVAILABLE))
def health(service: Here) -> Health:
    """Whether the server is alive, its workers included."""
    if service.intake.died is not None:
        said = "the workers are gone; the server ends"
        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, said, retry_after=1)
    return Health(version=importlib.metadata.version("reinspect"))


@_open.get("/ready", responses=refusals(HTTPStatus.SERVICE_UNAVAILABLE))
def ready(service: Here) -> Health:
    """Whether it would take a picture now: workers there, store reachable, queue not full."""
    service.intake.store.run_of(service.intake.run_id)
    learning = "the workers are learning the references" if service.intake.cold else None
    trouble = service.intake.trouble or learning
    if trouble:
        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, trouble, retry_after=1)
    return health(service)


@_open.get("/metrics", include_in_schema=False)
def metrics(request: Request, service: Here) -> Response:
    """Figures for Prometheus; who has no key learns nothing of what is produced here."""
    given = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    if service.keys and service.keys.client(request.headers.get(HEADER) or given) is None:
        said = f"send a valid key in the header {HEADER}, or as Authorization: Bearer"
        raise Refused(HTTPStatus.UNAUTHORIZED, said)
    return Response(service.metrics.text, media_type=TYPE)


@_v1.post(
    "/inspections",
    tags=["inspections"],
    dependencies=[Depends(_one_picture), Depends(_Fields("image", "category"))],
    responses={
        202: {"model": AcceptedPicture, "description": "Accepted; no verdict yet.", **_LOCATION},
        **refusals(*_SENDING, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    },
)
async def inspect(
    service: Here, response: Response, image: Image, category: Category = None
) -> AcceptedPicture:
    """Inspect a picture. It is on record when this answers, whatever the answer is."""
    ticket, (answer,) = await run_in_threadpool(_accepted, service, [image], category, batch=False)
    return await _answered(service, response, ticket, answer)


async def _answered(
    service: Service, response: Response, ticket: Ticket, answer: "Future[JudgedRow]"
) -> AcceptedPicture:
    """The row as soon as it is there; where to ask for it, if that takes too long."""
    try:
        async with asyncio.timeout(service.patience):
            row = await asyncio.shield(asyncio.wrap_future(answer))
    except TimeoutError:
        response.status_code = HTTPStatus.ACCEPTED
        response.headers["Location"] = f"/v1/inspections/{ticket.id}"
        return _waiting(ticket.entries[0])
    return _done(service, ticket.entries[0], row)


@_v1.get("/inspections/{id}", tags=["inspections"], responses=refusals(*_FINDING))
def inspection(service: Here, id: Id) -> AcceptedPicture:  # noqa: A002 - as clients call it
    """A picture's verdict, or that it still waits."""
    waiting = service.intake.waiting(id)
    if waiting is not None:
        return _waiting(waiting)
    judged = _row(service, id)
    return _done(service, Entry(id=id, name=judged.row.image[37:], file=""), judged)


@_v1.get("/inspections/{id}/trace", tags=["inspections"], responses=refusals(*_FINDING))
def trace(service: Here, id: Id) -> Trace:  # noqa: A002
    """Every step that led to a verdict."""
    judged = _row(service, id)
    found = service.intake.store.trace(judged.run_id, judged.row.image)
    return _placeless(service, found)


@_v1.post(
    "/batches",
    tags=["batches"],
    dependencies=[
        Depends(_one_picture),
        Depends(_Fields("images", "category", many="images")),
    ],
    status_code=HTTPStatus.ACCEPTED,
    responses={
        202: _LOCATION,
        **refusals(*_SENDING, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    },
)
async def send_batch(
    service: Here, response: Response, images: Images, category: Category = None
) -> AcceptedBatch:
    """Accept many pictures, all or none; one that can't be read gets its row, with its error."""
    if len(images) > service.limits.max_images:
        said = f"{len(images)} pictures, more than {service.limits.max_images}; send fewer at once"
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, said)
    ticket, _ = await run_in_threadpool(_accepted, service, images, category, batch=True)
    response.headers["Location"] = f"/v1/batches/{ticket.id}"
    return await run_in_threadpool(_batch, service, ticket)


@_v1.get("/batches/{id}", tags=["batches"], responses=refusals(*_FINDING))
def batch(service: Here, id: Id) -> AcceptedBatch:  # noqa: A002
    """How far a batch has come, with the verdicts that are there."""
    ticket = service.intake.spool.batch(id)
    if ticket is None:
        raise Refused(HTTPStatus.NOT_FOUND, f"there is no batch {id}")
    return _batch(service, ticket)


@_parts.post(
    "/parts",
    responses={
        202: {"model": AcceptedPicture, "description": "Accepted; no verdict yet.", **_LOCATION},
        **refusals(*_SENDING, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    },
)
async def inspect_part(service: Here, response: Response, request: Request) -> AcceptedPicture:
    """Inspect one part by the pictures of its views, a field each; one that is missing is said."""
    async with request.form() as form:
        await _Fields(*service.views, "category", "part")(request)
        words = {name: form.get(name) for name in ("category", "part")}
        uploads = {name: form[name] for name in service.views if name in form}
        _refuse_other(words, uploads, service.views)
        ticket, (answer,) = await run_in_threadpool(
            _accepted,
            service,
            list(uploads.values()),
            words["category"],
            batch=False,
            views=tuple(uploads),
            name=words["part"] or "",
        )
    return await _answered(service, response, ticket, answer)


def _refuse_other(
    words: Mapping[str, Any], uploads: Mapping[str, Any], views: Sequence[str]
) -> None:
    """Refuse files for words, words for files, words that are too long, and no file at all."""
    said = None if uploads else f"no picture: send a file for each view: {', '.join(views)}"
    for name, value in words.items():
        if value is not None and not isinstance(value, str):
            said = f"{name}: a word is needed"
        elif value and len(value) > LONGEST:
            said = f"{name}: {len(value)} characters, more than {LONGEST}"
    for name, value in uploads.items():
        if isinstance(value, str):
            said = f"{name}: an image file is needed"
    if said:
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, said)


def _accepted(
    service: Service,
    uploads: Sequence[UploadFile],
    category: str | None,
    *,
    batch: bool,
    views: Sequence[str] = (),
    name: str = "",
) -> tuple[Ticket, list["Future[JudgedRow]"]]:
    """Keep uploads and queue them, all or none; those of views are one part."""
    now = service.intake.references
    sets = [now.views[view] for view in views] or [now]
    for references in sets:
        _refuse_unknown(references, category)
    intake, arrived, parts = service.intake, list[Arrived](), 1 if views else len(uploads)
    if not intake.reserve(parts):
        said = f"{intake.trouble or 'there is no room for so many now'}; send it again later"
        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, said, retry_after=1)
    try:
        for upload in uploads:
            arrived.append(intake.spool.receive(upload.file, upload.filename))
            own = sets[min(len(arrived), len(sets)) - 1].of(category)
            _refuse_pages(arrived[-1], own.rules)
            if not batch:
                size_of(arrived[-1].path, max_pixels=own.max_pixels, rules=own.rules)
        ticket = intake.spool.accept(
            arrived, batch=batch, category=category, views=views, name=name
        )
    except BaseException as failure:
        intake.spool.refuse(arrived)
        intake.release(parts)
        if isinstance(failure, UnreadableImage):
            said = f"{arrived[-1].name or 'the file'}: {failure.what}; {failure.remedy}"
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, said) from failure
        if isinstance(failure, OSError):
            logger.error("a picture can't be kept: %s", failure)
            said = "the server's disk can't take it; tell whoever runs the server"
            raise Refused(HTTPStatus.INSUFFICIENT_STORAGE, said) from failure
        raise
    return ticket, intake.submit(ticket)


def _refuse_pages(arrived: Arrived, rules: FileRules) -> None:
    """One answer is of one picture; which page, or which window, were it of."""
    pages = len(pictures_in(arrived.path, rules).numbers)
    if pages > 1 and (window := rules.signals.window_s):
        said = f"a recording of {pages} windows of {window:g} s"
        raise UnreadableImage(arrived.name, said, "send it cut into these")
    if pages > 1:
        said = f"{pages} pictures in one file"
        raise UnreadableImage(arrived.name, said, "send each page as a file of its own")


def _refuse_unknown(references: ReferenceSets, category: str | None) -> None:
    if references.by_category and references.of(category).mode is ReferenceMode.ALONE:
        known = ", ".join(sorted(references.by_category))
        said = f"category: there are no references for {category!r}; there are for: {known}"
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, said)


def _row(service: Service, id: UUID) -> JudgedRow:  # noqa: A002
    judged = service.intake.row(str(id))
    if judged is None:
        raise Refused(HTTPStatus.NOT_FOUND, f"there is no inspection {id}, or it still waits")
    return judged


def _waiting(entry: Entry) -> AcceptedPicture:
    return AcceptedPicture(id=entry.id, name=entry.name, state=AcceptedState.WAITING, result=None)


def _done(service: Service, entry: Entry, judged: JudgedRow) -> AcceptedPicture:
    return AcceptedPicture(
        id=entry.id,
        name=entry.name,
        state=AcceptedState.DONE,
        result=_placeless(service, judged.row),
        references=judged.references,
    )


def _batch(service: Service, ticket: Ticket) -> AcceptedBatch:
    intake = service.intake
    rows = intake.rows([entry.image for entry in ticket.entries])
    every = tuple(
        _done(service, entry, rows[entry.image]) if entry.image in rows else _waiting(entry)
        for entry in ticket.entries
    )
    return AcceptedBatch(
        id=ticket.id,
        received=ticket.received,
        state=AcceptedState.DONE if len(rows) == len(every) else AcceptedState.WAITING,
        images=len(every),
        done=len(rows),
        inspections=every,
    )


V = TypeVar("V", bound=Value)


def _placeless(service: Service, value: V) -> V:
    """The value without the folders that the server keeps pictures in."""
    for folder in service.intake.folders:
        value = value.renamed(f"{folder}{os.sep}", "")
    return value


async def _on_refusal(_: Request, failure: Exception) -> Response:
    assert isinstance(failure, HTTPException)
    return problem(failure)


async def _on_wrong_field(_: Request, failure: Exception) -> Response:
    assert isinstance(failure, RequestValidationError)
    said = explain_invalid(failure)
    return problem(HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, said))


async def _on_store_fault(_: Request, failure: Exception) -> Response:
    logger.error("%s", failure)
    said = "the store can't be read now; ask again later"
    return problem(Refused(HTTPStatus.SERVICE_UNAVAILABLE, said, retry_after=1))


async def _on_bug(_: Request, failure: Exception) -> Response:  # its traceback goes to the log
    said = f"a fault of the server ({type(failure).__name__}), which its log has"
    return problem(HTTPException(HTTPStatus.INTERNAL_SERVER_ERROR, said))


_HANDLERS = {
    HTTPException: _on_refusal,
    RequestValidationError: _on_wrong_field,
    StoreError: _on_store_fault,
    Exception: _on_bug,
}


def _complete(app: FastAPI, views: Sequence[str]) -> None:
    """Say in the OpenAPI document what FastAPI can't: what a problem is, what an upload holds."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        document = made()
        schemas = document["components"]["schemas"]
        schemas.setdefault("Problem", Problem.model_json_schema())
        for name in schemas:
            if name.startswith("Body_"):
                schemas[name]["additionalProperties"] = False
        form = document["paths"]["/v1/inspections"]["post"]["requestBody"]["content"]
        form["multipart/form-data"]["encoding"] = {"image": {"contentType": PICTURE_KINDS}}
        if views:
            document["paths"]["/v1/parts"]["post"]["requestBody"] = body_of(views)
        return document

    app.openapi = openapi  # type: ignore[method-assign]
