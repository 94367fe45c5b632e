"""An OPC UA server for a controller: the last verdict, counters, the set-up, a method to ask."""

import asyncio
import contextlib
import hmac
import importlib.util
import ipaddress
import logging
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from reinspect.line.broker import LineError, unparsed
from reinspect.line.certificates import OpcUaIdentity
from reinspect.readings import Readings
from reinspect.runs.alarm import Expectation
from reinspect.runs.defaults import UsageError
from reinspect.runs.on_request import OnRequest
from reinspect.settings import Settings
from reinspect.store import Tally
from reinspect.trace import Trace
from reinspect.vocabulary import Outcome

NAMESPACE = "urn:reinspect:line"
PATIENCE = 60.0
"""Seconds that a controller waits for a verdict that it asked for."""


class OpcUaServer:
    """Shows stored verdicts below `Objects/Line`; a context manager, with a thread of its own.

    Args:
        url: to listen at, `opc.tcp://host[:port]`.
        settings: who may come in.
        expected: what the references let expect of a run.
        source: what is asked for by the method `Inspect`; without, there is no such method.

    Raises:
        LineError: it can't listen there; asyncua is not installed; a certificate can't be used.
    """

    def __init__(
        self,
        url: str,
        settings: Settings,
        expected: Callable[[], Expectation],
        source: OnRequest | None = None,
    ) -> None:
        self._url, self._settings = _address(url, settings), settings
        self._identity = OpcUaIdentity.of(settings)
        self._expected, self._source = expected, source
        self._tally = Tally()
        self._nodes: dict[str, Any] = {}
        self._asked: dict[str, list[asyncio.Future[Readings]]] = {}

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._url

    @property
    def warning(self) -> str | None:
        """What others in the network can do, in one line; None where they can't."""
        if self._identity is not None or _is_local(urlsplit(self._url).hostname or ""):
            return None
        return (
            f"{self._url}: is not encrypted, so password and verdicts can be read on their way; "
            "set REINSPECT_OPCUA_CERT and REINSPECT_OPCUA_KEY"
        )

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="opcua", daemon=True)
        self._thread.start()
        try:
            self._do(self._start())
        except OSError as failure:
            self._end()
            raise LineError(f"{self._url}: {failure.strerror}; name another port") from failure
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            self._do(self._server.stop())
            self._do(asyncio.sleep(0.05))  # its sockets close
        self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def told(self, traces: Sequence[Trace]) -> None:
        """These were stored."""
        self._do(self._show([Readings.of(trace) for trace in traces]))

    async def _start(self) -> None:
        from asyncua import Server, ua
        from asyncua.common.methods import uamethod
        from asyncua.crypto.permission_rules import User, UserRole
        from asyncua.server.user_managers import UserManager

        logging.getLogger("asyncua").setLevel(logging.CRITICAL)
        user, known = self._settings.opcua_user, self._settings.opcua_password
        identity = self._identity
        trusted = None if identity is None else identity.trusted

        def same(said: str | None, right: str | None) -> bool:
            return hmac.compare_digest((said or "").encode(), (right or "").encode())

        class Guard(UserManager):
            def get_user(
                self,
                iserver: object,
                username: str | None = None,
                password: str | None = None,
                certificate: bytes | None = None,
            ) -> User | None:
                # The channel's own, whose key the client has shown to hold.
                if trusted is not None and certificate not in trusted:
                    return None
                if known is not None and not (same(username, user) and same(password, known)):
                    return None
                return User(role=UserRole.User, name=username)

        self._server = Server(user_manager=Guard())
        await self._server.init()
        self._server.set_endpoint(self._url)
        self._server.set_server_name("reinspect")
        if identity is None:
            self._server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        else:
            self._server.set_security_policy(
                [
                    ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
                    ua.SecurityPolicyType.Aes256Sha256RsaPss_SignAndEncrypt,
                ]
            )
            self._server.iserver.certificate = identity.certificate
            self._server.iserver.private_key = identity.key
            if identity.uri is not None:
                await self._server.set_application_uri(identity.uri)
        way_in = ua.AnonymousIdentityToken if known is None else ua.UserNameIdentityToken
        self._server.set_identity_tokens([way_in])
        space = await self._server.register_namespace(NAMESPACE)

        def called(name: str) -> ua.QualifiedName:
            return ua.QualifiedName(name, space)

        line = await self._server.nodes.objects.add_object(ua.NodeId("Line", space), called("Line"))
        kinds = ua.VariantType
        for name, value, kind in (
            ("Number", 0, kinds.UInt32),
            ("Part", "", kinds.String),
            ("Disposition", "", kinds.String),
            ("Probability", 0.0, kinds.Double),
            ("Reliability", 0.0, kinds.Double),
            ("Reason", "", kinds.String),
            ("Stored", datetime.now(UTC), kinds.DateTime),
            ("Inspected", 0, kinds.UInt32),
            ("Passed", 0, kinds.UInt32),
            ("Failed", 0, kinds.UInt32),
            ("ForReview", 0, kinds.UInt32),
            ("SetupAlarm", "", kinds.String),
        ):
            place = ua.NodeId(f"Line.{name}", space)
            self._nodes[name] = await line.add_variable(place, called(name), value, kind)
        if self._source is not None:
            out = [kinds.String, kinds.Double, kinds.Double, kinds.String]
            await line.add_method(
                ua.NodeId("Line.Inspect", space),
                called("Inspect"),
                uamethod(self._inspect),
                [kinds.String, kinds.String],
                out,
            )
        await self._server.start()

    async def _inspect(self, _parent: object, part: str, path: str) -> Any:
        assert self._source is not None
        answer: asyncio.Future[Readings] = self._loop.create_future()
        try:
            name = self._source.ask(part or "", path or "")
        except UsageError as refusal:
            return "REFUSED", 0.0, 0.0, str(refusal)
        self._asked.setdefault(name, []).append(answer)
        try:
            async with asyncio.timeout(PATIENCE):
                read = await answer
        except TimeoutError:
            return "REFUSED", 0.0, 0.0, f"no verdict within {PATIENCE:g} s; it may still come"
        return read.disposition.value, _p(read), read.reliability or 0.0, _why(read)

    async def _show(self, every: Sequence[Readings]) -> None:
        for read in every:
            self._tally = _counted(self._tally, read)
            for answer in self._asked.pop(read.image, ()):
                if not answer.done():
                    answer.set_result(read)
        last, tally = every[-1], self._tally
        shown = {
            "Part": last.image,
            "Disposition": last.disposition.value,
            "Probability": _p(last),
            "Reliability": last.reliability or 0.0,
            "Reason": _why(last),
            "Stored": datetime.now(UTC),
            "Inspected": tally.images,
            "Passed": tally.passed,
            "Failed": tally.failed,
            "ForReview": tally.review,
            "SetupAlarm": self._expected().alarm(tally),
            "Number": tally.images,  # last: who waits for it to change finds the rest in place
        }
        for name, value in shown.items():
            node = self._nodes[name]
            await node.write_value(value, await node.read_data_type_as_variant_type())


def _p(read: Readings) -> float:
    return read.verdict.probability if read.verdict else 0.0


def _why(read: Readings) -> str:
    return (read.error or read.reason)[:300]


def _counted(tally: Tally, read: Readings) -> Tally:
    more = {
        "images": tally.images + 1,
        "passed": tally.passed + (read.disposition is Outcome.PASS),
        "failed": tally.failed + (read.disposition is Outcome.FAIL),
        "review": tally.review + (read.disposition is Outcome.REVIEW),
        "errors": tally.errors + (read.error is not None),
        "stopped": tally.stopped + read.reason.startswith("setup: "),
    }
    return tally.model_copy(update=more)


def _address(url: str, settings: Settings) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as failure:
        raise LineError(unparsed(url, failure)) from failure
    if parts.scheme != "opc.tcp" or not parts.hostname or "@" in parts.netloc:
        raise LineError(unparsed(url, "is no address; write opc.tcp://127.0.0.1:4840"))
    if importlib.util.find_spec("asyncua") is None:
        raise LineError("OPC UA needs asyncua: pip install 'reinspect[line]'")
    guarded = settings.opcua_password is not None or settings.opcua_trust is not None
    if not guarded and not _is_local(parts.hostname):
        raise LineError(
            f"{url}: others could read and ask; set REINSPECT_OPCUA_USER and "
            "REINSPECT_OPCUA_PASSWORD, or REINSPECT_OPCUA_TRUST"
        )
    return f"opc.tcp://{parts.netloc if port else f'{parts.netloc}:4840'}/reinspect/"


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
