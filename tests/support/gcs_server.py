"""A server of Google's storage on this machine, for as long as a test needs it."""

import contextlib
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from support.local_server import free_port

BUCKET = "plant"


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The URL of a bucket that holds the folder's files."""
    from gcp_storage_emulator.server import create_server

    address = f"127.0.0.1:{free_port()}"
    host, _, port = address.partition(":")
    server = create_server(host, int(port), in_memory=True, default_bucket=BUCKET)
    server.start()
    try:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                name = quote(path.relative_to(folder).as_posix(), safe="")
                upload = urllib.request.Request(
                    f"http://{address}/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={name}",
                    data=path.read_bytes(),
                    headers={"Content-Type": "application/octet-stream"},
                )
                urllib.request.urlopen(upload, timeout=10).close()
        # Without a limit its library asks for a quarter of an hour, should the server be gone.
        options = f"scheme=http&endpoint_override={address}&retry_limit_seconds=10"
        yield f"gs://anonymous@{BUCKET}?{options}"
    finally:
        server.stop()
