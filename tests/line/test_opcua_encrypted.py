"""OPC UA by certificates: who gets in, what goes over the wire, what is refused at the start."""

import asyncio
import datetime as dt
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from reinspect.line.broker import LineError
from reinspect.line.certificates import OpcUaIdentity
from reinspect.line.opcua import NAMESPACE, OpcUaServer
from reinspect.runs.alarm import Expectation
from reinspect.settings import Settings
from reinspect.vocabulary import Outcome
from support.local_server import free_port
from support.made_traces import judged

pytestmark = pytest.mark.needs("asyncua")

CLOSING = 0.1
PART = "a-part-nobody-else-shall-read.png"


class Pair(NamedTuple):
    certificate: Path
    key: Path


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Pair]:
    """Makes a certificate and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    folder = tmp_path_factory.mktemp("pairs")

    def make(name: str, *, days: int = 30, pem: bool = True) -> Pair:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        now = dt.datetime.now(dt.UTC)
        uri = x509.UniformResourceIdentifier(f"urn:{name}")
        made = (
            x509.CertificateBuilder(subject, subject, key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(60))
            .not_valid_after(now + dt.timedelta(days))
            .add_extension(x509.SubjectAlternativeName([uri]), critical=False)
            .sign(key, hashes.SHA256())
        )
        kind = serialization.Encoding.PEM if pem else serialization.Encoding.DER
        ending = "pem" if pem else "der"
        found = Pair(folder / f"{name}.{ending}", folder / f"{name}-key.{ending}")
        found.certificate.write_bytes(made.public_bytes(kind))
        bare = serialization.NoEncryption()
        found.key.write_bytes(key.private_bytes(kind, serialization.PrivateFormat.PKCS8, bare))
        return found

    return make


@pytest.fixture(scope="module")
def ours(pair: Callable[..., Pair]) -> Pair:
    return pair("plant:line")


@pytest.fixture(scope="module")
def theirs(pair: Callable[..., Pair]) -> Pair:
    return pair("plc", pem=False)


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    url = f"opc.tcp://127.0.0.1:{free_port()}"
    with OpcUaServer(url, settings, Expectation) as server:
        server.told([judged(PART, 0.9, Outcome.FAIL)])
        yield server.url


async def read(
    url: str, client_pair: Pair | None, server: Path, user: str | None = None, word: str = ""
) -> str:
    """The last part, as a client of this certificate, user and password is told it."""
    from asyncua import Client, ua
    from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256

    client = Client(url)
    client.application_uri = "urn:plc"
    if client_pair is not None:
        await client.set_security(
            SecurityPolicyBasic256Sha256,
            client_pair.certificate,
            client_pair.key,
            server_certificate=server,
            mode=ua.MessageSecurityMode.SignAndEncrypt,
        )
    if user is not None:
        client.set_user(user)
        client.set_password(word)
    try:
        async with client:
            space = await client.get_namespace_index(NAMESPACE)
            found: str = await client.get_node(f"ns={space};s=Line.Part").read_value()
            return found
    except (ua.UaError, ConnectionError, TimeoutError) as failure:
        return type(failure).__name__
    finally:
        await asyncio.sleep(CLOSING)


@pytest.mark.server
@pytest.mark.parametrize(
    ("who", "user", "word", "let_in"),
    [
        pytest.param("theirs", "plc", "secret", True, id="right"),
        pytest.param("theirs", "plc", "wrong", False, id="wrong-password"),
        pytest.param("theirs", "other", "secret", False, id="wrong-user"),
        pytest.param("theirs", None, "", False, id="no-user"),
        pytest.param("stranger", "plc", "secret", False, id="a-certificate-that-is-not-trusted"),
        pytest.param(None, "plc", "secret", False, id="no-encryption"),
    ],
)
def test_who_is_let_in(
    pair: Callable[..., Pair],
    ours: Pair,
    theirs: Pair,
    tmp_path: Path,
    who: str | None,
    user: str | None,
    word: str,
    let_in: bool,
) -> None:
    (tmp_path / "plc.der").write_bytes(theirs.certificate.read_bytes())
    settings = Settings(
        opcua_user="plc",
        opcua_password="secret",
        opcua_cert=ours.certificate,
        opcua_key=ours.key,
        opcua_trust=tmp_path,
    )
    own = {"theirs": lambda: theirs, "stranger": lambda: pair("stranger"), None: lambda: None}
    with serving(settings) as url:
        found = asyncio.run(read(url, own[who](), ours.certificate, user, word))
    assert (found == PART) is let_in, found


@contextmanager
def overheard(port: int) -> Iterator[tuple[int, bytearray]]:
    """A wire in between, and all that goes over it."""
    heard = bytearray()

    def pass_on(source: socket.socket, goal: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                heard.extend(data)
                goal.sendall(data)
        except OSError:
            pass
        for end in (source, goal):
            end.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            near, _ = listening.accept()
            far = socket.create_connection(("127.0.0.1", port))
            back = threading.Thread(target=pass_on, args=(far, near), daemon=True)
            back.start()
            pass_on(near, far)
            back.join()

        between = threading.Thread(target=accept, daemon=True)
        between.start()
        yield listening.getsockname()[1], heard
        between.join(30)


@pytest.mark.server
@pytest.mark.parametrize("encrypted", [True, False])
def test_nobody_reads_on_the_wire(ours: Pair, theirs: Pair, encrypted: bool) -> None:
    own = {"opcua_cert": ours.certificate, "opcua_key": ours.key} if encrypted else {}
    settings = Settings(opcua_user="plc", opcua_password="a-long-secret", **own)
    with serving(settings) as url:
        port = int(url.split(":")[2].partition("/")[0])
        with overheard(port) as (between, heard):
            through = url.replace(str(port), str(between))
            mine = theirs if encrypted else None
            found = asyncio.run(read(through, mine, ours.certificate, "plc", "a-long-secret"))
    assert found == PART
    assert (PART.encode() in heard) is not encrypted
    assert (b"a-long-secret" in heard) is not encrypted


@pytest.mark.server
def test_an_endpoint_names_nothing_but_encryption(ours: Pair) -> None:
    from asyncua import Client

    async def asked(url: str) -> list[Any]:
        found = await Client(url).connect_and_get_server_endpoints()
        await asyncio.sleep(CLOSING)
        return found

    with serving(Settings(opcua_cert=ours.certificate, opcua_key=ours.key)) as url:
        found = asyncio.run(asked(url))
    assert {one.SecurityMode.name for one in found} == {"SignAndEncrypt"}
    assert {one.Server.ApplicationUri for one in found} == {"urn:plant:line"}


@pytest.mark.parametrize(
    ("url", "own", "says"),
    [
        pytest.param("opc.tcp://0.0.0.0", True, None, id="encrypted"),
        pytest.param("opc.tcp://0.0.0.0", False, "is not encrypted", id="in-the-open"),
        pytest.param("opc.tcp://127.0.0.1", False, None, id="on-this-machine"),
    ],
)
def test_a_server_that_others_can_overhear_says_so(
    ours: Pair, url: str, own: bool, says: str | None
) -> None:
    more = {"opcua_cert": ours.certificate, "opcua_key": ours.key} if own else {}
    warning = OpcUaServer(url, Settings(opcua_password="secret", **more), Expectation).warning
    assert warning is None if says is None else (warning is not None and says in warning)
    assert "secret" not in (warning or "")


def test_a_client_s_certificate_alone_may_open_a_port_to_others(ours: Pair, theirs: Pair) -> None:
    settings = Settings(
        opcua_cert=ours.certificate, opcua_key=ours.key, opcua_trust=theirs.certificate
    )
    assert OpcUaServer("opc.tcp://0.0.0.0", settings, Expectation).warning is None
    bare = Settings(opcua_cert=ours.certificate, opcua_key=ours.key)
    with pytest.raises(LineError, match="REINSPECT_OPCUA_TRUST"):
        OpcUaServer("opc.tcp://0.0.0.0", bare, Expectation)


@pytest.mark.parametrize(
    ("certificate", "key", "trust", "says"),
    [
        pytest.param("ours", None, None, "go together", id="no-key"),
        pytest.param(None, "ours", None, "go together", id="no-certificate"),
        pytest.param(None, None, "ours", "without encryption", id="trust-alone"),
        pytest.param("gone", "ours", None, "No such file", id="gone"),
        pytest.param("text", "ours", None, "can't be used", id="no-certificate-in-it"),
        pytest.param("ours", "text", None, "can't be used", id="no-key-in-it"),
        pytest.param("ours", "curve", None, "no RSA key", id="another-kind-of-key"),
        pytest.param("ours", "locked", None, "without a password", id="key-with-a-password"),
        pytest.param("ours", "old", None, "is not the key of", id="another-key"),
        pytest.param("old", "old", None, "is valid from", id="expired"),
        pytest.param("ours", "ours", "text", "can't be used", id="trust-in-a-text"),
        pytest.param("ours", "ours", "empty", "has no certificate", id="trust-in-nobody"),
        pytest.param("ours", "ours", "gone", "No such file", id="trust-gone"),
    ],
)
def test_what_can_not_be_used_is_refused_in_one_line(
    pair: Callable[..., Pair],
    ours: Pair,
    tmp_path: Path,
    certificate: str | None,
    key: str | None,
    trust: str | None,
    says: str,
) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("hello\n" * 100)
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    curve = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "curve").write_bytes(curve.private_bytes(*form, serialization.NoEncryption()))
    locked = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    closed = serialization.BestAvailableEncryption(b"word")
    (tmp_path / "locked").write_bytes(locked.private_bytes(*form, closed))

    known = {"ours": ours, "old": pair("old", days=-1)}

    def place(name: str | None, field: int) -> Path | None:
        return None if name is None else known[name][field] if name in known else tmp_path / name

    places = place(certificate, 0), place(key, 1), place(trust, 0)
    settings = Settings(opcua_cert=places[0], opcua_key=places[1], opcua_trust=places[2])
    with pytest.raises(LineError, match=says) as told:
        OpcUaIdentity.of(settings)
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 500
