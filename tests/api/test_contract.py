"""The server keeps to its own OpenAPI document, whatever it is sent."""

from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.api_server import Served, grey, wait_until

if TYPE_CHECKING:
    from schemathesis import Case
    from schemathesis.schemas import BaseSchema


@pytest.fixture(scope="module")
def contract(served: Served) -> "BaseSchema":
    import schemathesis  # takes a second or two: no sooner

    for kind in ("png", "jpeg", "tiff", "bmp", "webp", "gif", "jp2"):
        schemathesis.openapi.media_type(f"image/{kind}", st.sampled_from([grey(9), grey(200)]))
    address = f"{served.client.base_url}/openapi.json"
    return schemathesis.openapi.from_url(address)


OPERATIONS = [
    ("GET", "/health"),
    ("GET", "/ready"),
    ("POST", "/v1/inspections"),
    ("GET", "/v1/inspections/{id}"),
    ("GET", "/v1/inspections/{id}/trace"),
    ("POST", "/v1/batches"),
    ("GET", "/v1/batches/{id}"),
]


@pytest.mark.parametrize("mode", ["positive", "negative"])
@pytest.mark.parametrize(("method", "place"), OPERATIONS)
def test_every_answer_is_as_documented(
    contract: "BaseSchema", method: str, place: str, mode: str
) -> None:
    from schemathesis import GenerationMode
    from schemathesis.specs.openapi.checks import negative_data_rejection

    operation = contract[place][method]
    if mode == "negative" and place in ("/health", "/ready"):
        return  # nothing can be wrong about these

    # A form is all text and files: a number in place of one of them is the text of that number.
    excluded = [negative_data_rejection] if method == "POST" else []

    @settings(
        max_examples=20,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=GenerationMode(mode)))
    def check(case: "Case") -> None:
        case.call_and_validate(excluded_checks=excluded)

    check()


def test_every_operation_is_tried(contract: "BaseSchema") -> None:
    paths = contract.raw_schema["paths"].items()
    listed = [(method.upper(), path) for path, operations in paths for method in operations]
    assert sorted(listed) == sorted(OPERATIONS)


def test_answers_to_real_pictures_are_as_documented(contract: "BaseSchema", served: Served) -> None:
    client = served.client
    key = served.send(grey(200)).json()["id"]
    sent = [("images", (f"{n}.png", grey(n))) for n in (1, 250)]
    batch = client.post("/v1/batches", files=sent).headers["location"]
    wait_until(lambda: client.get(batch).json()["state"] == "done")
    for method, place, answer in (
        ("GET", "/health", client.get("/health")),
        ("GET", "/ready", client.get("/ready")),
        ("POST", "/v1/inspections", served.send(grey(9))),
        ("POST", "/v1/inspections", served.send(b"")),
        ("GET", "/v1/inspections/{id}", client.get(f"/v1/inspections/{key}")),
        ("GET", "/v1/inspections/{id}/trace", client.get(f"/v1/inspections/{key}/trace")),
        ("GET", "/v1/batches/{id}", client.get(batch)),
        ("POST", "/v1/batches", client.post("/v1/batches", files=sent)),
    ):
        answer.request.read()
        contract[place][method].validate_response(answer)


def test_what_the_server_says_no_with_is_documented(contract: "BaseSchema") -> None:
    document = contract.raw_schema
    assert {"200", "202", "413", "415", "429", "503", "507"} <= set(
        document["paths"]["/v1/inspections"]["post"]["responses"]
    )
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                refusal = int(status) >= HTTPStatus.BAD_REQUEST
                kind = "application/problem+json" if refusal else "application/json"
                assert list(answer["content"]) == [kind]
