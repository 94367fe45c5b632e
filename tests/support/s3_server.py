"""An S3 server on this machine, for as long as a test needs it."""

import contextlib
import urllib.request
from collections.abc import Iterator
from pathlib import Path

KEYS = {
    "AWS_ACCESS_KEY_ID": "tester",
    "AWS_SECRET_ACCESS_KEY": "no secret",
    "AWS_EC2_METADATA_DISABLED": "true",
}
BUCKET = "plant"


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The URL of a bucket that holds the folder's files, for who has `KEYS` in the environment."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        # All servers of one process share what is stored.
        reset = urllib.request.Request(f"http://{host}:{port}/moto-api/reset", method="POST")
        urllib.request.urlopen(reset, timeout=10).close()
        client = boto3.client(
            "s3",
            endpoint_url=f"http://{host}:{port}",
            region_name="us-east-1",
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        )
        client.create_bucket(Bucket=BUCKET)
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                name = path.relative_to(folder).as_posix()
                client.put_object(Bucket=BUCKET, Key=name, Body=path.read_bytes())
        client.close()
        options = f"region=us-east-1&scheme=http&endpoint_override={host}:{port}"
        yield f"s3://{BUCKET}?{options}"
    finally:
        server.stop()
