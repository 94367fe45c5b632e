"""Whether an OPC UA server encrypts, by which certificate, and whose certificates it trusts."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from reinspect.errors import shorten
from reinspect.line.broker import LineError
from reinspect.settings import Settings

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_T = TypeVar("_T")

_MOST = 1 << 20  # bytes of a file: a certificate has two thousand


@dataclass(frozen=True, slots=True)
class OpcUaIdentity:
    """Our certificate with its key, and the clients' that we let in."""

    certificate: "Certificate"
    key: Any
    """Private key, RSA."""
    uri: str | None
    """The application's name in the certificate, which clients compare with what we say."""
    trusted: frozenset[bytes] | None = None
    """Clients' certificates, DER; None: any client may come that has the password."""

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """What the environment names; None where it names nothing, and nothing is encrypted.

        Raises:
            LineError: a file is missing, is no certificate or no key, has expired, or they don't
                belong together.
        """
        own, key, trust = settings.opcua_cert, settings.opcua_key, settings.opcua_trust
        if (own is None) != (key is None):
            raise LineError(
                "REINSPECT_OPCUA_CERT and REINSPECT_OPCUA_KEY go together: set both, or neither"
            )
        if own is None or key is None:
            if trust is not None:
                raise LineError(
                    "REINSPECT_OPCUA_TRUST: without encryption clients have no certificate; set "
                    "REINSPECT_OPCUA_CERT and REINSPECT_OPCUA_KEY, too"
                )
            return None
        certificate, opened = _certificate(own), _read(key, _key)
        now = datetime.now(UTC)
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise LineError(
                f"{own}: is valid from {certificate.not_valid_before_utc:%Y-%m-%d} to "
                f"{certificate.not_valid_after_utc:%Y-%m-%d}; make another"
            )
        if opened.public_key() != certificate.public_key():
            raise LineError(f"{key}: is not the key of {own}; name the pair that belongs together")
        return cls(certificate, opened, _uri(certificate), None if trust is None else _those(trust))


def _those(trust: Path) -> frozenset[bytes]:
    """The certificates in a folder, or of a file."""
    from cryptography.hazmat.primitives.serialization import Encoding

    files = sorted(trust.iterdir()) if trust.is_dir() else [trust]
    found = [_certificate(file) for file in files if not file.name.startswith(".")]
    if not found:
        raise LineError(f"{trust}: has no certificate; put those of the clients there")
    return frozenset(one.public_bytes(Encoding.DER) for one in found)


def _certificate(file: Path) -> "Certificate":
    from cryptography.x509 import load_der_x509_certificate, load_pem_x509_certificate

    def parse(content: bytes) -> "Certificate":
        is_pem = content.lstrip().startswith(b"-----")
        return (load_pem_x509_certificate if is_pem else load_der_x509_certificate)(content)

    return _read(file, parse)


def _key(content: bytes) -> Any:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import (
        load_der_private_key,
        load_pem_private_key,
    )

    is_pem = content.lstrip().startswith(b"-----")
    found = (load_pem_private_key if is_pem else load_der_private_key)(content, password=None)
    if not isinstance(found, RSAPrivateKey):
        raise ValueError("is no RSA key, as the security policies need it")
    return found


def _read(file: Path, parse: Callable[[bytes], _T]) -> _T:
    try:
        with file.open("rb") as opened:
            return parse(opened.read(_MOST))
    except OSError as failure:
        raise LineError(f"{file}: {failure.strerror}; see REINSPECT_OPCUA_…") from failure
    except (ValueError, TypeError) as failure:  # TypeError: the key has a password
        said = " ".join(str(failure).split())
        raise LineError(
            f"{file}: can't be used ({shorten(said)}); PEM or DER, without a password"
        ) from failure


def _uri(certificate: "Certificate") -> str | None:
    from cryptography.x509 import (
        ExtensionNotFound,
        SubjectAlternativeName,
        UniformResourceIdentifier,
    )

    try:
        names = certificate.extensions.get_extension_for_class(SubjectAlternativeName)
    except ExtensionNotFound:
        return None
    return next(iter(names.value.get_values_for_type(UniformResourceIdentifier)), None)
