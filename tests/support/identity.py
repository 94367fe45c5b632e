"""An OpenID Connect provider of one person, who is always logged in: for tests of the console."""

import json
import time
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwk, jwt

from support.local_server import LocalServer

CLIENT, SECRET = "console", "s3cr3t-of-the-console"


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, provider: "Provider", *arguments: Any) -> None:
        self._provider = provider
        super().__init__(*arguments)

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        self._provider.asked.append(asked.path)
        url = self._provider.url
        if asked.path == "/authorize":
            self._authorise({name: value[0] for name, value in parse_qs(asked.query).items()})
        elif asked.path == "/keys":
            self._answer({"keys": [self._provider.key.as_dict(private=False)]})
        else:
            self._answer(
                {
                    "issuer": url,
                    "authorization_endpoint": f"{url}/authorize",
                    "token_endpoint": f"{url}/token",
                    "jwks_uri": f"{url}/keys",
                    "response_types_supported": ["code"],
                    "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["RS256"],
                }
            )

    def do_POST(self) -> None:
        self._provider.asked.append(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._answer(self._provider.token(parse_qs(body)["code"][0]))

    def _authorise(self, asked: dict[str, str]) -> None:
        code = f"code-{len(self._provider.nonces)}"
        self._provider.nonces[code] = asked["nonce"]
        back = urlencode({"code": code, "state": asked["state"]})
        self.send_response(302)
        self.send_header("Location", f"{asked['redirect_uri']}?{back}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _answer(self, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class Provider(LocalServer):
    """Serves discovery, keys, authorisation and tokens by HTTP; a context manager.

    Args:
        claims: what the ID token says of the person.
    """

    handler = _Handler

    def __init__(self, **claims: str) -> None:
        self.claims = claims
        self.key = jwk.RSAKey.generate_key(2048, {"kid": "1", "use": "sig", "alg": "RS256"})
        self.nonces: dict[str, str] = {}
        self.asked: list[str] = []
        super().__init__()

    def token(self, code: str) -> dict[str, Any]:
        """What a code is exchanged for."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "sub": "1",
            "iat": now,
            "exp": now + 600,
            "nonce": self.nonces[code],
            **self.claims,
        }
        signed = jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.key)
        return {"access_token": "a", "token_type": "Bearer", "expires_in": 600, "id_token": signed}
