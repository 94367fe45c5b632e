"""`reinspect models`: list, fetch and check weights."""

from pathlib import Path

import pytest

from reinspect.tools.weights.known import CHECKPOINTS, known
from support.command_line import invoke, said
from support.file_server import FileServer


def test_the_list_names_all_with_size_and_licence(tmp_path: Path) -> None:
    answer = invoke("models", "list", "--weights", tmp_path)
    assert answer.code == 0
    for checkpoint in CHECKPOINTS:
        (row,) = (line for line in answer.out.splitlines() if line.startswith(checkpoint.name))
        assert checkpoint.licence in row
        assert row.split()[-1] == "no"
    assert str(tmp_path) in answer.out


@pytest.mark.server
def test_a_file_that_is_not_what_was_published_is_refused(tmp_path: Path) -> None:
    with FileServer({"/sam_vit_b_01ec64.pth": b"something else"}) as server:
        paths = ("--weights", tmp_path, "--mirror", server.url)
        line = said(invoke("models", "fetch", "sam-vit-b", *paths))
    assert "sam_vit_b_01ec64.pth: sha256 is" in line
    assert list(tmp_path.iterdir()) == []


def test_what_weights_need_is_fetched_with_them(tmp_path: Path) -> None:
    source = tmp_path / "usb"
    bert = known("google-bert/bert-base-uncased")
    assert bert is not None
    bert.place(source).mkdir(parents=True)
    (bert.place(source) / "vocab.txt").write_text("[PAD]\n")
    paths = ("--weights", tmp_path / "w", "--from", source)
    assert "no groundingdino_swint_ogc.pth" in said(
        invoke("models", "fetch", "groundingdino-swint", *paths)
    )
    answer = invoke("models", "fetch", bert.name, *paths)
    assert answer.code == 0
    assert "Apache-2.0" in answer.out
    assert invoke("models", "check", "--weights", tmp_path / "w").out == f"{bert.name}: sound\n"


def test_check_finds_what_is_missing_and_what_changed(tmp_path: Path) -> None:
    assert invoke("models", "check", "--weights", tmp_path).code == 0
    missing = invoke("models", "check", "sam-vit-b", "--weights", tmp_path)
    assert (missing.code, missing.out) == (1, "sam-vit-b: missing\n")
    (tmp_path / "sam_vit_b_01ec64.pth").write_bytes(b"cut")
    damaged = invoke("models", "check", "--weights", tmp_path)
    assert damaged.code == 1
    assert "damaged or changed" in damaged.out


def test_an_unknown_name_is_refused(tmp_path: Path) -> None:
    line = said(invoke("models", "fetch", "sam-vit-g"))
    assert "no weights are known as 'sam-vit-g'; did you mean 'sam-vit-" in line
