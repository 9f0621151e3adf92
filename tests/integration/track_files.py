#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Artifacts of a tracking server or an S3 that lies: names that lead out of the folder, files cut half-way,
lists that are wrong, folders of another machine. Short, without MLflow."""
import os
import shutil
import stat
import subprocess
import tempfile

from server.liar import API, FILES, PASSWORD, TOKEN, TOOLS, Liar, client, endless, hang_up


def listing(*files):
    """Answers of a server that has these files (path, bytes, what it says of them)."""
    def reply(handler):
        if handler.path.startswith(FILES + "?"):
            return 200, {"files": [f[0] if isinstance(f[0], dict) else
                                   {"path": f[0], "is_dir": False, "file_size": len(f[1])} for f in files]}
        for f in files:
            if handler.path.endswith("/" + str(f[0])):
                return 200, f[1]
        return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST"}
    return reply


def downloads_that_lie(liar, folder):
    target = os.path.join(folder, "got")
    uri = "mlflow-artifacts:/1/m"

    def refused(status, c, *files):
        liar.says(listing(*files))
        text = c.fails(status, "download", uri, target)
        assert os.listdir(folder) == [], os.listdir(folder)
        return text

    with client(liar, max_download_bytes=1000, max_download_files=10) as c:
        for name in ("../x", "..", ".", "", "/etc/x", "a/../../x", "a//b", "a/", "a\\b", "a\nb", "a" * 300, "/".join("abcd" * 600)):
            refused("EVTWIN_E_CORRUPT", c, (name, b"x"))
        refused("EVTWIN_E_PARSE", c, ({"is_dir": False}, b""))
        refused("EVTWIN_E_PARSE", c, ({"path": 7}, b""))
        refused("EVTWIN_E_NOT_FOUND", c)
        refused("EVTWIN_E_RANGE", c, *[(f"f{i}", b"x") for i in range(11)])
        refused("EVTWIN_E_RANGE", c, ("a", b"x" * 600), ("b", b"x" * 600))
        refused("EVTWIN_E_RANGE", c, ("a", b"x" * 5000))
        refused("EVTWIN_E_RANGE", c, ({"path": "a", "file_size": 2**62}, b"x"))
        refused("EVTWIN_E_NOT_FOUND", c, ({"path": "gone", "file_size": 1}, b""))
        for answer in ("[]", "3", "null"):
            liar.says(200, answer)
            c.fails("EVTWIN_E_PARSE", "download", uri, target)
        # folders without end
        liar.says(lambda h: (200, {"files": [{"path": "d", "is_dir": True}]}))
        c.fails("EVTWIN_E_RANGE", "download", uri, target)
        # longer than listed, shorter, without end
        for data in (b"12345", b"123"):
            liar.says(lambda h, data=data: (200, {"files": [{"path": "a", "file_size": 4}]})
                      if "?" in h.path else (200, data))
            assert "listed with 4" in c.fails("EVTWIN_E_CORRUPT", "download", uri, target)
        liar.says(lambda h: (200, {"files": [{"path": "a"}]}) if "?" in h.path else endless(h))
        c.fails("EVTWIN_E_RANGE", "download", uri, target)
        assert os.listdir(folder) == [], os.listdir(folder)
        # a place that the server names: of another kind, or out of its folder
        for there in ("mlflow-artifacts:/1/../../x", "gs://b/x", "mlflow-artifacts:/", "mlflow-artifacts:/a?b",
                      "dbfs:/x", "x", "", "s3://b/x", "s3://../x", "file://elsewhere/x", "file:///../etc"):
            liar.says(200, {"run": {"info": {"artifact_uri": there}}})
            status, text = c("download", "runs:/r", target)
            assert status in ("EVTWIN_E_UNSUPPORTED", "EVTWIN_E_PARSE", "EVTWIN_E_STATE"), (there, status, text)
        assert os.listdir(folder) == [], os.listdir(folder)
        # a version whose place is said to be below a run
        good = listing(("a", b"good"), ("b", b""))
        answers = {"model-versions/get?": {"model_version": {"name": "n", "version": "1", "run_id": "r"}},
                   "model-versions/get-download-uri?": {"artifact_uri": "runs:/r/m"},
                   "runs/get?": {"run": {"info": {"artifact_uri": "mlflow-artifacts:/1"}}}}
        liar.says(lambda h: next(((200, said) for what, said in answers.items() if API + what in h.path), None)
                  or good(h))
        c.ok("download", "models:/n/1", target)
        assert FILES + "/1/m/a" in [path for _, path, *_ in liar.seen], liar.seen
        shutil.rmtree(target)
        liar.says(good)
        c.ok("download", uri, target)
        assert sorted(os.listdir(target)) == ["a", "b"] and os.listdir(folder) == ["got"]
        with open(os.path.join(target, "a")) as f:
            assert f.read() == "good"
        assert "not empty" in c.fails("EVTWIN_E_STATE", "download", uri, target)
        shutil.rmtree(target)


def signatures_cover_what_is_sent(liar, folder):
    """A header that is signed and not sent is a wrong signature for MinIO."""
    source = os.path.join(folder, "source")
    with open(source, "wb") as f:
        f.write(b"x" * 3_000_000)  # libcurl would ask first whether that may come
    with client(liar, s3_endpoint=liar.uri, s3_access_key="key", s3_secret_key=PASSWORD,
                s3_session_token=TOKEN) as c:
        liar.says(200, "<ListBucketResult></ListBucketResult>")
        c.fails("EVTWIN_E_NOT_FOUND", "download", "s3://bucket/m", os.path.join(folder, "got"))
        questions = list(liar.seen)
        liar.says(200, "")
        c.ok("upload", "s3://bucket/m", source, "")
    os.remove(source)
    assert [method for method, *_ in questions + liar.seen] == ["GET", "PUT"], liar.seen
    assert liar.seen[0][3] == b"x" * 3_000_000
    for _, _, headers, _ in questions + liar.seen:
        signed = headers["Authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
        assert {"host", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"} <= set(signed), signed
        assert set(signed) <= {name.lower() for name in headers}, (signed, headers)


def lists_of_s3_that_lie(liar, folder):
    keys = {"s3_endpoint": liar.uri, "s3_access_key": "key", "s3_secret_key": PASSWORD}
    with client(liar, **keys) as c:
        for body in ("", "<x/>", "<ListBucketResult><Contents><Key>m/../x</Key><Size>1</Size></Contents>",
                     "<ListBucketResult><Contents><Key>o</Key><Size>1</Size></Contents>",
                     "<ListBucketResult><IsTruncated>true</IsTruncated>"):
            liar.says(200, body)
            status, text = c("download", "s3://bucket/m", os.path.join(folder, "got"))
            assert status in ("EVTWIN_E_PARSE", "EVTWIN_E_CORRUPT"), (body, status, text)
        for said in (f"<Code>Odd</Code><Message>{PASSWORD}</Message>", f"<Code>{PASSWORD}</Code>",
                     f"<Message>{PASSWORD}</Message>"):
            liar.says(400, f"<Error>{said}</Error>")
            assert PASSWORD not in c.fails("EVTWIN_E_EXTERNAL", "download", "s3://bucket/m",
                                           os.path.join(folder, "got"))
        # a list without end is not a whole one
        part = "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"
        first = "<Contents><Key>m/a</Key><Size>1</Size></Contents>"
        liar.says(lambda h: (200, "x") if h.path.startswith("/bucket/m") else
                  (200, f"<ListBucketResult>{part}{'' if 'token' in h.path else first}</ListBucketResult>"))
        text = c.fails("EVTWIN_E_RANGE", "download", "s3://bucket/m", os.path.join(folder, "got"))
        assert "parts" in text, text
        assert all(PASSWORD not in str(one) for one in liar.seen), liar.seen
    assert os.listdir(folder) == [], os.listdir(folder)


def keys_of_one_service(liar, folder):
    """The tools take both keys from one service, and its token to no other: what reaches an S3."""
    answers = {"registered-models/alias?": {"model_version": {"name": "n", "version": "1", "run_id": "r"}},
               "model-versions/get-download-uri?": {"artifact_uri": "s3://bucket/m"},
               "runs/get?": {"run": {"info": {"artifact_uri": "s3://bucket"}}}}
    both = {"AWS_ACCESS_KEY_ID": "AWSKEY", "AWS_SECRET_ACCESS_KEY": PASSWORD}
    contract = {"MINIO_ACCESS_KEY": "MINIOKEY", "MINIO_SECRET_KEY": PASSWORD, "AWS_SESSION_TOKEN": TOKEN}
    for keys, key, token in (({**both, **contract}, "AWSKEY", TOKEN), (contract, "MINIOKEY", None),
                             ({**contract, "AWS_ACCESS_KEY_ID": "AWSKEY"}, None, None)):
        liar.says(lambda h: next(((200, said) for what, said in answers.items() if API + what in h.path),
                                 (403, "<Error><Code>AccessDenied</Code></Error>")))
        done = subprocess.run(
            [os.path.join(TOOLS, "evtwin-predict"), "--models", "models:/n@a", "--mlflow", liar.uri,
             "--models-cache", os.path.join(folder, "cache"), "--once", "--store", "sqlite:none.db"],
            env={"MINIO_ENDPOINT": liar.uri.partition("//")[2], "HOME": folder, **keys}, cwd=folder,
            capture_output=True, text=True, timeout=300)
        assert done.returncode != 0 and PASSWORD not in done.stderr and TOKEN not in done.stderr, done.stderr
        asked = [headers for _, path, headers, _ in liar.seen if path.startswith("/bucket")]
        if key is None:  # half a pair
            assert not asked and "only one of" in done.stderr, (asked, done.stderr)
        else:
            assert asked and f"Credential={key}/" in asked[0]["Authorization"], (asked, done.stderr)
            assert {k.lower(): v for k, v in asked[0].items()}.get("x-amz-security-token") == token, asked
        assert not any(TOKEN in str(h) for h in liar.seen if not h[1].startswith("/bucket")), liar.seen
        shutil.rmtree(os.path.join(folder, "cache"), ignore_errors=True)


def cut_half_way(liar, folder):
    """The connection ends in the middle of a file: it comes again, and never as a half."""
    target = os.path.join(folder, "got")
    tries = []

    def reply(handler, n_bad):
        if "?" in handler.path:
            return 200, {"files": [{"path": "a"}]}
        tries.append(1)
        if len(tries) > n_bad:
            return 200, b"x" * 100000
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        handler.wfile.write(b"x" * 50000)
        handler.wfile.flush()
        hang_up(handler)

    with client(liar, n_retries=2) as c:
        liar.says(lambda h: reply(h, 99))
        c.fails("EVTWIN_E_AGAIN", "download", "mlflow-artifacts:/1", target)
        assert len(tries) == 3 and os.listdir(folder) == [], (tries, os.listdir(folder))
        tries.clear()
        liar.says(lambda h: reply(h, 2))
        c.ok("download", "mlflow-artifacts:/1", target)
        assert os.path.getsize(os.path.join(target, "a")) == 100000
        shutil.rmtree(target)


def folders_of_another_machine(liar, folder):
    """A server elsewhere must not choose which of our folders is read or written."""
    with client(liar, uri="http://mlflow.example:5000", env={"http_proxy": liar.uri}) as c:
        liar.says(200, {"run": {"info": {"artifact_uri": "file:///etc"}}})
        assert "another machine" in c.fails("EVTWIN_E_UNSUPPORTED", "download", "runs:/r",
                                            os.path.join(folder, "got"))
        c.fails("EVTWIN_E_UNSUPPORTED", "upload", "runs:/r", __file__, "")
        assert liar.seen and liar.seen[0][2]["Host"] == "mlflow.example:5000", liar.seen


def larger_than_one_put(liar, folder):
    """More than S3 takes in one PUT is refused before a byte is read."""
    large = os.path.join(folder, "large")
    with open(large, "wb") as f:
        f.truncate((5 << 30) + 1)
    liar.says(200, {})
    with client(liar, s3_endpoint=liar.uri, s3_access_key="k", s3_secret_key=PASSWORD) as c:
        assert "5 GiB" in c.fails("EVTWIN_E_RANGE", "upload", "s3://bucket/m", large, "")
    assert not liar.seen
    os.remove(large)


def modes_of_a_shared_folder(liar, folder):
    """The server may be another user: it reads what the umask lets others read."""
    place, source = os.path.join(folder, "place"), os.path.join(folder, "source")
    os.mkdir(source)
    os.mkdir(place)
    with open(os.path.join(source, "file"), "w") as f:
        f.write("x")
    before = os.umask(0o022)
    try:
        for umask, file_mode, folder_mode in ((0o022, 0o644, 0o755), (0o077, 0o600, 0o700), (0o002, 0o664, 0o775)):
            os.umask(umask)
            with client(liar) as c:
                c.ok("upload", place, source, f"of/{umask}")
            made = os.path.join(place, "of", str(umask))
            assert stat.S_IMODE(os.stat(made).st_mode) == folder_mode, oct(os.stat(made).st_mode)
            assert stat.S_IMODE(os.stat(os.path.join(made, "file")).st_mode) == file_mode
    finally:
        os.umask(before)
    with client(liar) as c:  # what is fetched is its user's alone
        c.ok("download", os.path.join(place, "of"), os.path.join(folder, "got"))
        assert stat.S_IMODE(os.stat(os.path.join(folder, "got", "18", "file")).st_mode) == 0o600
    for name in (source, place, os.path.join(folder, "got")):
        shutil.rmtree(name)


def uploads(liar, folder):
    """Links and pipes stay where they are; names that are none for an artifact."""
    source = os.path.join(folder, "source")
    os.mkdir(source)
    os.symlink("/etc/passwd", os.path.join(source, "link"))
    os.mkfifo(os.path.join(source, "pipe"))
    with open(os.path.join(source, "file"), "wb") as f:
        f.write(bytes(range(256)) * 1000)
    open(os.path.join(source, "empty"), "w").close()
    with client(liar) as c:
        liar.says(200, {})
        c.ok("upload", "mlflow-artifacts:/1", source, "at")
        sent = {path: body for _, path, _, body in liar.seen}
        assert sent == {FILES + "/1/at/file": bytes(range(256)) * 1000, FILES + "/1/at/empty": b""}, sent.keys()
        assert c.said().count("not uploaded") == 2, c.said()
        for at in ("../x", "/x", "a//b", "x/"):
            c.fails("EVTWIN_E_ARG", "upload", "mlflow-artifacts:/1", source, at)
        c.fails("EVTWIN_E_NOT_FOUND", "upload", "mlflow-artifacts:/1", source + "x", "")
        liar.says(507, "full")
        c.fails("EVTWIN_E_EXTERNAL", "upload", "mlflow-artifacts:/1", source, "")
    shutil.rmtree(source)


def main():
    liar = Liar()
    folder = tempfile.mkdtemp(prefix="evtwin-track.")
    try:
        downloads_that_lie(liar, folder)
        signatures_cover_what_is_sent(liar, folder)
        lists_of_s3_that_lie(liar, folder)
        keys_of_one_service(liar, folder)
        cut_half_way(liar, folder)
        folders_of_another_machine(liar, folder)
        uploads(liar, folder)
        larger_than_one_put(liar, folder)
        modes_of_a_shared_folder(liar, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("ok")


if __name__ == "__main__":
    main()
