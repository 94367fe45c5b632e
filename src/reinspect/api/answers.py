"""What the server says, and how it says no. The OpenAPI document is made from these."""

from collections.abc import Sequence
from enum import StrEnum
from http import HTTPStatus
from typing import Any
from uuid import UUID

from fastapi import Response
from pydantic import AwareDatetime, Field
from starlette.exceptions import HTTPException

from reinspect.store.rows import Row
from reinspect.vocabulary import Value

PROBLEM = "application/problem+json"

LONGEST = 100
"""Characters of a category."""

PICTURE_KINDS = "image/png, image/jpeg, image/tiff, image/bmp, image/webp, image/gif, image/jp2"


class AcceptedState(StrEnum):
    """How far something that was accepted has come."""

    WAITING = "waiting"
    DONE = "done"


class AcceptedPicture(Value):
    """One picture that was accepted."""

    id: UUID = Field(description="The id of its trace.")
    name: str = Field(description="What the client called the file; empty if it did not say.")
    state: AcceptedState
    result: Row | None = Field(description="The row of the picture; null while it waits.")
    references: str | None = Field(
        default=None,
        description="The version of the references that judged it, as `SET@3`; null where they "
        "have none.",
    )


class AcceptedBatch(Value):
    """Pictures that were accepted together, in the order in which they were sent."""

    id: UUID
    received: AwareDatetime
    state: AcceptedState = Field(description="Done when every picture is.")
    images: int
    done: int
    inspections: tuple[AcceptedPicture, ...]


class Health(Value):
    """The server is there."""

    status: str = "ok"
    version: str


class Problem(Value):
    """What went wrong, as RFC 9457 has it."""

    type: str = "about:blank"
    title: str = Field(description="The status in words.")
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="What, and what to do, in one line.")


class Refused(HTTPException):
    """A request that is answered with a problem."""

    def __init__(self, status: HTTPStatus, detail: str, *, retry_after: int | None = None) -> None:
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        if status is HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = "ApiKey"
        super().__init__(status, detail, headers)


def problem(failure: HTTPException) -> Response:
    """The answer that says no."""
    status = HTTPStatus(failure.status_code)
    said = Problem(title=status.phrase, status=status, detail=str(failure.detail))
    return Response(said.model_dump_json(), status, dict(failure.headers or {}), media_type=PROBLEM)


_WHY = {
    HTTPStatus.BAD_REQUEST: "The body can't be read as what it says it is.",
    HTTPStatus.UNAUTHORIZED: "No key, or a wrong one.",
    HTTPStatus.NOT_FOUND: "There is no such thing, or it is not finished.",
    HTTPStatus.REQUEST_TIMEOUT: "The body came too slowly.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large, or has too many pictures.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The file is no image that can be read.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "A field is missing or wrong.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests from this client.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "A fault of the server, which its log has.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Too much is waiting, or the server is not ready.",
    HTTPStatus.INSUFFICIENT_STORAGE: "The picture can't be kept.",
}
_LATER = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}


def refusals(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of these statuses."""
    return {int(status): _refusal(status) for status in statuses}


def _refusal(status: HTTPStatus) -> dict[str, Any]:
    said: dict[str, Any] = {
        "description": _WHY[status],
        "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status in _LATER:
        later = {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}
        said["headers"] = {"Retry-After": {**later, "required": True}}
    return said


def body_of(views: Sequence[str]) -> dict[str, Any]:
    """What OpenAPI says of a part: a file for each view that there is, its name, its category."""
    words = {name: {"type": "string", "maxLength": LONGEST} for name in ("category", "part")}
    files = {name: {"type": "string", "format": "binary"} for name in views}
    schema = {
        "type": "object",
        "properties": {**files, **words},
        "anyOf": [{"required": [name]} for name in views],
        "additionalProperties": False,
    }
    encoding = {name: {"contentType": PICTURE_KINDS} for name in views}
    return {
        "required": True,
        "content": {"multipart/form-data": {"schema": schema, "encoding": encoding}},
    }
