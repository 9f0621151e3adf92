# SPDX-License-Identifier: MIT
"""minio.py BIN (make minio): artifacts on a real MinIO, as those on versitygw in
integration.mlflow_track: the bytes that come back are those that went, names with all that must be
encoded, more objects than one list holds, wrong keys, a bucket that is not there."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
sys.argv[1] = os.path.abspath(sys.argv[1])
from mlflow_track import downloads, make_tree  # noqa: E402
from server.track_client import Client  # noqa: E402
from servers import Minio, Skip  # noqa: E402

N_OBJECTS = 1003  # a list of S3 has 1000


def client(s3, **options):
    """Nothing is asked of the tracking server, which is nowhere."""
    keys = {"s3_endpoint": s3.endpoint, "s3_access_key": s3.access_key, "s3_secret_key": s3.secret_key}
    return Client(sys.argv[1], "http://127.0.0.1:9", **{**keys, **options})


def main():
    with tempfile.TemporaryDirectory(prefix="evtwin-minio.") as folder, Minio("artifacts") as s3:
        tree, many = make_tree(folder), os.path.join(folder, "many")
        os.mkdir(many)
        for i in range(N_OBJECTS):
            with open(os.path.join(many, f"{i:04}"), "w") as f:
                f.write(str(i))
        with client(s3) as c:
            c.ok("upload", "s3://artifacts/some/prefix", tree, "model")
            downloads(c, folder, "s3://artifacts/some/prefix/model", tree)
            c.ok("upload", "s3://artifacts/some", many, "many")
            downloads(c, folder, "s3://artifacts/some/many", many)
            c.fails("EVTWIN_E_NOT_FOUND", "download", "s3://artifacts/some/man", os.path.join(folder, "got"))
            text = c.fails("EVTWIN_E_NOT_FOUND", "upload", "s3://nowhere/x", tree, "")
            assert "NoSuchBucket" in text and "not made here" in text, text
        for wrong in ({"s3_secret_key": "wrong"}, {"s3_access_key": "wrong"}):
            with client(s3, **wrong) as c:
                c.fails("EVTWIN_E_DENIED", "upload", "s3://artifacts/y", __file__, "")
    print("MinIO keeps what it is given")


try:
    main()
except Skip as reason:
    print("skipped:", reason)
    sys.exit(77)
