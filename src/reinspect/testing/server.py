"""A scripted OpenAI-compatible server: it answers what it is told to, and misbehaves on demand.

It speaks HTTP on a free port of this machine, from threads of this process, and needs nothing but
the standard library.
"""

import base64
import json
import math
import re
import socket
import threading
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

_TOKEN = re.compile(r"\w+|\W")
_DECISION = re.compile(r"\byes\b|\bno\b")


@dataclass(frozen=True)
class ReceivedRequest:
    """A request as it arrived."""

    body: Mapping[str, Any]
    headers: Mapping[str, str]
    path: str

    @property
    def text(self) -> str:
        """The words of the last message."""
        content = self.body["messages"][-1]["content"]
        if isinstance(content, str):
            return content
        if content is None:
            return ""
        return "\n".join(part["text"] for part in content if part["type"] == "text")

    @property
    def shown(self) -> int:
        """Pictures in all messages."""
        every = (message["content"] for message in self.body["messages"])
        parts = (part for content in every if isinstance(content, list) for part in content)
        return sum(part["type"] == "image_url" for part in parts)

    @property
    def pictures(self) -> tuple[bytes, ...]:
        """The pictures of the last message, as encoded."""
        content = self.body["messages"][-1]["content"]
        shown = content if isinstance(content, list) else []
        urls = [part["image_url"]["url"] for part in shown if part["type"] == "image_url"]
        return tuple(base64.b64decode(url.partition(",")[2]) for url in urls)


@dataclass(frozen=True)
class Reply:
    """What the server does with one request.

    Args:
        text: the answer; of several the n-th sample gets the n-th, the last one for ever.
        yes: P(yes) that the token of the decision shows; none for a server without logprobs.
        status: HTTP status; other than 200, `body` or an error in OpenAI's form is sent.
        headers: further headers.
        body: sent as it is, whatever the status.
        seconds: waited before the first byte.
        drop: close the connection without an answer.
        cut: send only so many bytes of the answer, then close the connection.
        finish: the finish reason.
        refusal: sent in place of the text.
        usage: whether tokens are counted.
        tools: calls of tools, name and arguments, which are sent as they are where they are text.
    """

    text: str | Sequence[str] = ""
    yes: float | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    seconds: float = 0.0
    drop: bool = False
    cut: int | None = None
    finish: str = "stop"
    refusal: str | None = None
    usage: bool = True
    tools: Sequence[tuple[str, object]] = ()


Script = Callable[[ReceivedRequest], Reply | str] | Sequence[Reply | str] | Reply | str


class ScriptedServer:
    """Serves `/v1/chat/completions` and `/v1/models` by a script; a context manager.

    Args:
        script: one answer for ever; or answers in turn, the last one for ever; or a function of
            the request.
        models: the only names that are known; all, if none are named.
        key: the only key that is accepted; any, if none is named.
        seconds: waited before every answer, as a real model would let one wait.
        keep: keep the requests; a long run's would fill the memory.
        port: to listen at; a free one by default.
    """

    def __init__(
        self,
        script: Script = "",
        *,
        models: Sequence[str] = (),
        key: str | None = None,
        seconds: float = 0.0,
        keep: bool = True,
        port: int = 0,
    ) -> None:
        self._script, self._lock = script, threading.Lock()
        self._models, self._key = tuple(models), key
        self._seconds, self._keep = seconds, keep
        self.requests: list[ReceivedRequest] = []
        self.count = 0
        self._http = _Http(("127.0.0.1", port), _Handler)
        self._http.owner = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._http.hang_up()
        self._thread.join()

    @property
    def url(self) -> str:
        """What a recipe calls `base_url`."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def port(self) -> int:
        """The one it was given, or a free one."""
        return int(self._http.server_address[1])

    def reply(self, asked: ReceivedRequest) -> Reply:
        """The scripted reply to a request, after the checks that a real server makes."""
        with self._lock:
            position = self.count
            self.count += 1
            if self._keep:
                self.requests.append(asked)
        if self._key is not None and asked.headers.get("Authorization") != f"Bearer {self._key}":
            return _error(401, "Incorrect API key provided", "invalid_api_key")
        name = asked.body.get("model")
        if self._models and name not in self._models:
            return _error(404, f"The model `{name}` does not exist.", "model_not_found")
        script = self._script
        if callable(script):
            said = script(asked)
        elif isinstance(script, str | Reply):
            said = script
        else:
            said = script[min(position, len(script) - 1)]
        reply = Reply(said) if isinstance(said, str) else said
        return replace(reply, seconds=reply.seconds + self._seconds)

    def listing(self) -> str:
        """What `/v1/models` says."""
        names = self._models or ("scripted",)
        return json.dumps({"object": "list", "data": [{"id": n, "object": "model"} for n in names]})


def completion(asked: ReceivedRequest, reply: Reply) -> str:
    """The body of a chat completion."""
    texts = [reply.text] if isinstance(reply.text, str) else list(reply.text)
    count = int(asked.body.get("n") or 1)
    chosen = [texts[min(i, len(texts) - 1)] for i in range(count)]
    logprobs = asked.body.get("logprobs") and reply.yes is not None
    content: dict[str, Any] = {
        "id": "chatcmpl-scripted",
        "object": "chat.completion",
        "created": 0,
        "model": asked.body.get("model"),
        "choices": [
            {
                "index": index,
                "finish_reason": "tool_calls" if reply.tools else reply.finish,
                "message": {
                    "role": "assistant",
                    "content": None if reply.refusal else text or (None if reply.tools else ""),
                    "refusal": reply.refusal,
                    **({"tool_calls": _calls(reply, asked)} if reply.tools else {}),
                },
                "logprobs": {"content": _tokens(text, reply.yes or 0.0)} if logprobs else None,
                # As vLLM adds them where it is asked to.
                **({"token_ids": _ids(text)} if asked.body.get("return_token_ids") else {}),
            }
            for index, text in enumerate(chosen)
        ],
    }
    if reply.usage:
        words = len(asked.text.split()) + 100 * len(asked.pictures)
        said = sum(len(_TOKEN.findall(text)) for text in chosen)
        content["usage"] = {
            "prompt_tokens": words,
            "completion_tokens": said,
            "total_tokens": words + said,
        }
    return json.dumps(content)


def _calls(reply: Reply, asked: ReceivedRequest) -> list[dict[str, Any]]:
    """The calls of an answer; their ids differ within a conversation."""
    start = len(asked.body["messages"])
    return [
        {
            "id": f"call-{start}-{number}",
            "type": "function",
            "function": {
                "name": name,
                "arguments": arguments if isinstance(arguments, str) else json.dumps(arguments),
            },
        }
        for number, (name, arguments) in enumerate(reply.tools)
    ]


def _tokens(text: str, yes: float) -> list[dict[str, Any]]:
    """The text's tokens; the last yes or no in it is where the probability shows."""
    decisions = [found.start() for found in _DECISION.finditer(text)]
    tokens, at = [], 0
    for word in _TOKEN.findall(text):
        likely = {word: 0.0}
        if decisions and at == decisions[-1]:
            likely = {"yes": _log(yes), "no": _log(1 - yes)}
        one = [{"token": t, "logprob": p, "bytes": None} for t, p in likely.items()]
        chosen = next(entry for entry in one if entry["token"] == word)
        tokens.append({**chosen, "top_logprobs": one})
        at += len(word)
    return tokens


def _ids(text: str) -> list[int]:
    return [zlib.crc32(word.encode()) for word in _TOKEN.findall(text)]


def _log(probability: float) -> float:
    return math.log(max(probability, 1e-9))


def _error(status: int, message: str, code: str) -> Reply:
    body = {"error": {"message": message, "type": "invalid_request_error", "code": code}}
    return Reply(status=status, body=json.dumps(body))


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256
    owner: ScriptedServer

    def __init__(self, *arguments: Any) -> None:
        self._sockets: set[socket.socket] = set()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._sockets.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._sockets.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up waiting is no news."""

    def hang_up(self) -> None:
        """Close what clients keep open."""
        for connection in tuple(self._sockets):
            self.shutdown_request(connection)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Http

    def do_GET(self) -> None:
        self._send(200, self.server.owner.listing().encode(), {})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        asked = ReceivedRequest(
            json.loads(body), {k.title(): v for k, v in self.headers.items()}, self.path
        )
        reply = self.server.owner.reply(asked)
        time.sleep(reply.seconds)
        if reply.drop:
            self._close()
            return
        if reply.body is not None:
            text = reply.body
        elif reply.status != 200:
            text = json.dumps({"error": {"message": f"scripted {reply.status}", "type": "server"}})
        else:
            text = completion(asked, reply)
        self._send(reply.status, text.encode(), reply.headers, cut=reply.cut)

    def _send(
        self, status: int, data: bytes, headers: Mapping[str, str], cut: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data if cut is None else data[:cut])
        if cut is not None:
            self._close()

    def _close(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - inherited name
        """Say nothing."""
