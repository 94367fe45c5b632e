"""`/metrics`: figures as Prometheus reads them, by its own parser."""

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.api_server import Serving, grey, wait_until

KEY = "0123456789abcdef"


def figures(client: httpx.Client, **headers: str) -> dict[str, float]:
    """Name and labels → value."""
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_what_was_inspected_and_answered_is_counted(serving: Serving) -> None:
    with serving() as served:
        before = figures(served.client)
        assert before["reinspect_parts_total PASS"] == 0
        for level in (3, 9, 250):
            assert served.send(grey(level)).status_code == 200
        assert served.send(b"no picture").status_code == 415
        wait_until(lambda: served.intake.left == 0)
        found = figures(served.client)
    dispositions = ("PASS", "FAIL", "REVIEW")
    assert sum(found[f"reinspect_parts_total {name}"] for name in dispositions) == 3
    assert found["reinspect_requests_total POST 200"] == 3
    assert found["reinspect_requests_total POST 415"] == 1
    assert found["reinspect_inspection_seconds_count"] == 3
    assert (found["reinspect_waiting"], found["reinspect_queue"]) == (0, 256)
    assert (found["reinspect_ready"], found["reinspect_unpublished"]) == (1, 0)
    assert found["reinspect_requests_open"] == 1  # this one


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 401, id="no-key"),
        pytest.param({"X-API-Key": "wrong"}, 401, id="wrong-key"),
        pytest.param({"X-API-Key": KEY}, 200, id="key"),
        pytest.param({"Authorization": f"Bearer {KEY}"}, 200, id="as-prometheus-sends-it"),
        pytest.param({"Authorization": f"Basic {KEY}"}, 401, id="other-scheme"),
    ],
)
def test_a_key_opens_them_where_one_is_asked_for(
    serving: Serving, headers: dict[str, str], status: int
) -> None:
    with serving(keys=(KEY,)) as served, httpx.Client(base_url=served.client.base_url) as anybody:
        assert anybody.get("/metrics", headers=headers).status_code == status
        assert anybody.get("/health").status_code == 200  # supervisors have none


def test_a_method_that_a_client_makes_up_is_no_label_of_its_own(serving: Serving) -> None:
    with serving() as served:
        for number in range(5):
            served.client.request(f"MADE{number}", "/health")
        found = figures(served.client)
    assert found["reinspect_requests_total other 405"] == 5
    assert not any("MADE" in name for name in found)
