#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The client of tracking servers beside one that lies: answers that are none, too long or never end,
redirects, secrets that are sent back, certificates of others. Short, without MLflow; track_files.py is
the same for artifacts."""
import base64
import os
import re
import shutil
import ssl
import subprocess
import tempfile
import threading
import unicodedata

from server.liar import API, FILES, PASSWORD, TOKEN, TOOLS, Liar, client, endless, hang_up
from server.track_client import Client
from servers import LOCALHOST, free_port


# ---- answers ----

def answers_that_are_none(liar):
    run = {"run": {"info": {"run_id": "r", "experiment_id": "1", "artifact_uri": "mlflow-artifacts:/1"}}}
    with client(liar) as c:
        for reply in ("", "OK", "[]", "null", "{", "\0", '{"a": 1, "a": 2}', "[" * 100000, '{"experiment": 3}',
                      '{"experiment": {"experiment_id": 7}}', '{"experiment": {"experiment_id": ""}}',
                      '{"experiment": {"experiment_id": "%s"}}' % ("9" * 200), b"\xff\xfe{}",
                      '{"experiment": {"experiment_id": "1\\u0000"}}'):
            liar.says(200, reply)
            c.fails("EVTWIN_E_PARSE", "experiment", "x")
        for key, value in (("run_id", None), ("run_id", "r" * 500), ("artifact_uri", "x" * 5000),
                           ("experiment_id", 1)):
            info = {**run["run"]["info"], key: value}
            liar.says(200, {"run": {"info": info}})
            c.fails("EVTWIN_E_PARSE", "run", "1", "", "", "")
        liar.says(endless)
        assert "more than" in c.fails("EVTWIN_E_RANGE", "experiment", "x")
        for version in ("", "<html>", "3", "x.y", "3.", "-1.0", "9" * 300, "3.\0", "99999999999999999999.1"):
            liar.says(200, version)
            c.fails("EVTWIN_E_PARSE", "server")
        liar.says(200, "1.30.0")
        assert "too old" in c.fails("EVTWIN_E_UNSUPPORTED", "server")
        liar.says(404, "<html>nginx</html>")
        text = c.fails("EVTWIN_E_EXTERNAL", "experiment", "x")
        assert "prefix of the URI" in text and "nginx" not in text, text
        liar.says(500, "a\r\nb\x1b[31m" + "c" * 100000)
        text = c.fails("EVTWIN_E_EXTERNAL", "experiment", "x")
        assert "\x1b" not in text and len(text) < 1000, text
        liar.says(200, run)
        c.ok("run", "1", "", "", "")


def a_slow_answer(liar):
    done = threading.Event()
    liar.says(lambda h: done.wait(60) and None)
    for timeout_s in (0.5, 0.0001):  # less than a millisecond is not for ever
        with client(liar, timeout_s=timeout_s) as c:
            c.fails("EVTWIN_E_AGAIN", "experiment", "x")
    done.set()


# ---- secrets ----

def secrets_stay(liar):
    other = Liar()
    basic = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
    for options in ({"user": "me", "password": PASSWORD}, {"token": TOKEN}):
        mine = options.get("password") or options["token"]
        with client(liar, **options) as c:
            for code in (301, 302, 307, 308):
                liar.says(code, "", {"Location": other.uri + "/stolen"})
                text = c.fails("EVTWIN_E_EXTERNAL", "experiment", "x")
                assert "not followed" in text, text
            sent = liar.seen[0][2]["Authorization"]
            assert sent == (f"Basic {basic}" if "user" in options else f"Bearer {TOKEN}"), sent
            liar.says(lambda h, mine=mine: (400, {"error_code": f"X {mine}", "message":
                                                  f"you sent {h.headers['Authorization']} {mine}"}))
            text = c.fails("EVTWIN_E_EXTERNAL", "experiment", "x")
            liar.says(lambda h, mine=mine: (401, f"no: {h.headers['Authorization']} {mine}"))
            text += c.fails("EVTWIN_E_DENIED", "experiment", "x")
            assert "is wrong" in text, text
            for n in range(392, 400):  # cut in the middle, half of it stays hidden too
                liar.says(400, {"message": "z" * n + mine})
                text += c.fails("EVTWIN_E_EXTERNAL", "experiment", "x")
                liar.says(400, "z" * n + mine)
                text += c.fails("EVTWIN_E_EXTERNAL", "experiment", "x")
                liar.says(400, {"error_code": "z" * (n - 340) + mine})
                text += c.fails("EVTWIN_E_EXTERNAL", "experiment", "x")
            assert "z" + mine[0] not in text, mine
            liar.says(200, {})
            # another host, another scheme: it does not get them, and is not even asked
            port = other.uri.rpartition(":")[2]
            for uri in (f"mlflow-artifacts://{LOCALHOST}:{port}/1/x", f"http://{LOCALHOST}:{port}/x",
                        f"ftp://{LOCALHOST}:{port}/x"):
                text += c.fails("EVTWIN_E_UNSUPPORTED", "download", uri, "/nowhere")
            text += c.said()
            for secret in (PASSWORD, TOKEN, basic):
                assert secret not in text, text
    assert not other.seen, other.seen
    # a password that is a word of the server's hides it, and changes nothing else
    with client(liar, user="me", password="EXIST") as c:
        liar.says(lambda h: (200, {"experiment_id": "7"}) if h.command == "POST" else
                  (404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "none"}))
        assert c.ok("experiment", "x") == ["7"]
        assert "RESOURCE_DOES_NOT_*****" in c.fails("EVTWIN_E_NOT_FOUND", "resume", "r")
    with Client(TOOLS, f"http://me:{PASSWORD}@{LOCALHOST}:x/") as c:
        assert c.opened[0] == "EVTWIN_E_PARSE" and PASSWORD not in str(c.opened), c.opened
    liar.says(200, "3.17.2")
    with client(liar, uri=liar.uri.replace("//", f"//me:{PASSWORD}@") + "/pre fix/") as c:
        c.ok("server")
    assert liar.seen[0][1] == "/pre%20fix/version", liar.seen
    assert liar.seen[0][2]["Authorization"] == f"Basic {basic}"
    assert PASSWORD not in liar.seen[0][2]["Host"]


def secrets_in_names(liar, folder):
    """Ids, versions, paths and states that are our secret: they may be so, and no text has them."""
    secret = "s3cret" * 5
    info = {"run_id": secret, "experiment_id": secret, "artifact_uri": f"mlflow-artifacts:/{secret}"}
    version = {"name": f"n{secret}", "version": secret, "run_id": secret, "source": secret, "status": secret}
    got = os.path.join(folder, "got")
    text = ""
    with client(liar, user="me", password=secret) as c:
        liar.says(200, {"run": {"info": {**info, "lifecycle_stage": "deleted"}}})
        text += c.fails("EVTWIN_E_STATE", "resume", "r")
        liar.says(200, {"experiment": {"experiment_id": secret, "lifecycle_stage": "deleted"}})
        text += c.fails("EVTWIN_E_STATE", "experiment", "x")
        liar.says(200, {"model_version": version})
        text += c.fails("EVTWIN_E_STATE", "resolve", "models:/n/1")
        liar.says(200, {"model_version": {**version, "version": secret * 3}})
        text += c.fails("EVTWIN_E_PARSE", "resolve", "models:/n/1")
        # cut in the middle, the half that is left is hidden too
        for n in range(60, 100, 3):
            liar.says(200, {"files": [{"path": "../" + "z" * n + secret, "is_dir": False, "file_size": 1}]})
            text += c.fails("EVTWIN_E_CORRUPT", "download", "mlflow-artifacts:/1", got)
            liar.says(lambda h, n=n: (200, {"files": [{"path": "z" * n + secret, "file_size": 4}]}) if "?" in h.path
                      else (200, b"123"))
            text += c.fails("EVTWIN_E_CORRUPT", "download", "mlflow-artifacts:/1", got)
            liar.says(200, {"model_version": {**version, "name": "z" * (n + 100) + secret, "status": "z" * n + secret}})
            text += c.fails("EVTWIN_E_STATE", "resolve", "models:/n/1")
        for n in range(270, 300, 3):
            at = "/".join(["z" * 90] * 3) + "z" * (n - 270) + secret
            liar.says(lambda h, at=at: (200, {"files": [{"path": at, "file_size": 4}]}) if "?" in h.path
                      else (500, "no"))
            text += c.fails("EVTWIN_E_EXTERNAL", "download", "mlflow-artifacts:/1", got)
        for answer in (f'{{"files": {secret}', f'["{secret}" 1]', f'{{"a": {secret[:12]}}}'):  # not JSON
            liar.says(200, answer)
            text += c.fails("EVTWIN_E_PARSE", "download", "mlflow-artifacts:/1", got)
        for there in (f"mlflow-artifacts://{secret}/1", f"gs://{secret}/x", f"file:///{secret}\x01/x"):
            liar.says(200, {"run": {"info": {**info, "artifact_uri": there}}})
            text += " ".join(c("download", "runs:/r", got)[1])
        # what the system says of a file with that name: one in the way of a folder
        place = os.path.join(folder, "place", secret)
        os.makedirs(os.path.dirname(place))
        open(place, "w").close()
        liar.says(200, {"run": {"info": {**info, "artifact_uri": place}}})
        text += c.fails("EVTWIN_E_IO", "upload", "runs:/r", __file__, "")
        shutil.rmtree(os.path.dirname(place))
        text += c.said()
    assert "*" * len(secret) in text and "s3cret" not in text, text[max(text.find("s3cret") - 300, 0):][:700]
    assert os.listdir(folder) == [], os.listdir(folder)


def certificate(folder, name):
    """A key and a certificate of its own for this machine, which is its authority too: (certificate, context)."""
    cert, key = os.path.join(folder, name + ".pem"), os.path.join(folder, name + ".key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", key, "-out", cert, "-days", "2", "-subj", f"/CN={name}",
                    "-addext", f"subjectAltName=IP:{LOCALHOST}"], check=True, capture_output=True, timeout=60)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, context


def certificates(liar, folder):
    """The authority of the tracking server and that of S3, each for its own: right, wrong, none, any."""
    made = os.path.join(folder, "made")
    os.mkdir(made)
    ours, ours_tls = certificate(made, "ours")
    theirs, theirs_tls = certificate(made, "theirs")
    mlflow, s3 = Liar(ours_tls), Liar(theirs_tls)
    mlflow.says(200, "3.17.2")
    s3.says(200, "")
    keys_of_s3 = {"s3_access_key": "k", "s3_secret_key": PASSWORD, "s3_endpoint": s3.uri}
    put = ("upload", "s3://bucket/m", __file__, "")
    with client(mlflow, ca_file=ours, s3_ca_file=theirs, **keys_of_s3) as c:
        c.ok("server")
        c.ok(*put)
    for options in ({}, {"ca_file": theirs, "s3_ca_file": ours}, {"ca_file": ours, "s3_insecure_tls": 0}):
        with client(mlflow, **keys_of_s3, **options) as c:
            s3.seen.clear()
            text = c.fails("EVTWIN_E_DENIED", *put)
            assert "certificate" in text and not s3.seen, text
            if options.get("ca_file") != ours:
                assert "certificate" in c.fails("EVTWIN_E_DENIED", "server").lower()
    with client(mlflow, ca_file=os.path.join(made, "absent"), s3_ca_file=os.path.join(made, "absent"), **keys_of_s3) as c:
        assert "absent" in c.fails("EVTWIN_E_DENIED", "server")
        assert "absent" in c.fails("EVTWIN_E_DENIED", *put)
    with client(mlflow, insecure_tls=1, s3_insecure_tls=1, **keys_of_s3) as c:
        c.ok("server")
        c.ok(*put)
    # the tools take them from the environment, under the names of MLflow's and the AWS tools
    answers = {"registered-models/alias?": {"model_version": {"name": "n", "version": "1", "run_id": "r"}},
               "model-versions/get-download-uri?": {"artifact_uri": "s3://bucket/m"},
               "runs/get?": {"run": {"info": {"artifact_uri": "s3://bucket"}}}}
    mlflow.says(lambda h: next(((200, said) for what, said in answers.items() if API + what in h.path), (404, {})))
    for bundle, word in ((theirs, "S3 answers 403"), (ours, "certificate")):
        s3.says(403, "<Error><Code>AccessDenied</Code></Error>")
        done = subprocess.run(
            [os.path.join(TOOLS, "evtwin-predict"), "--models", "models:/n@a", "--mlflow", mlflow.uri,
             "--models-cache", os.path.join(made, "cache"), "--once", "--store", "sqlite:none.db"],
            env={"HOME": made, "MLFLOW_TRACKING_SERVER_CERT_PATH": ours, "AWS_CA_BUNDLE": bundle,
                 "MLFLOW_S3_ENDPOINT_URL": s3.uri, "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": PASSWORD},
            cwd=made, capture_output=True, text=True, timeout=300)
        assert done.returncode != 0 and word in done.stderr, (bundle, done.stderr)
    shutil.rmtree(made)


def the_host_without_a_port(liar):
    """It is that of http or https, as for MLflow's own client."""
    run = lambda host: {"run": {"info": {"artifact_uri": f"mlflow-artifacts://{host}/1"}}}
    with client(liar, uri="http://mlflow.example", env={"http_proxy": liar.uri}) as c:
        for host in ("mlflow.example", "MLFLOW.example", "mlflow.example:80"):
            liar.says(lambda h, host=host: (200, run(host) if "runs/get" in h.path else {}))
            c.ok("upload", "runs:/r", __file__, "")
            assert liar.seen[-1][1] == f"http://mlflow.example{FILES}/1/{os.path.basename(__file__)}", liar.seen[-1][1]
        for host in ("mlflow.example:443", "mlflow.exampl", "me@mlflow.example", "mlflow.example:5000"):
            liar.says(lambda h, host=host: (200, run(host) if "runs/get" in h.path else {}))
            c.fails("EVTWIN_E_UNSUPPORTED", "upload", "runs:/r", __file__, "")
    liar.says(200, run(LOCALHOST))
    with client(liar) as c:  # of another port than 80
        assert "without a port" in c.fails("EVTWIN_E_UNSUPPORTED", "upload", "runs:/r", __file__, "")


def bad_addresses(liar):
    for uri, status in (("", "PARSE"), ("http://", "PARSE"), ("http:///x", "PARSE"), ("ftp://a", "UNSUPPORTED"),
                        ("file:/x", "UNSUPPORTED"), ("http://a,b", "PARSE"), ("http://a b", "PARSE"),
                        ("http://a%0d%0aX:1", "PARSE"), ("http://a?b=c", "ARG"), ("http://a:99999", "PARSE")):
        with client(liar, uri=uri) as c:
            assert c.opened[0] == "EVTWIN_E_" + status, (uri, c.opened)
    for option in ({"timeout_s": "nan"}, {"timeout_s": 0}, {"n_retries": -1}, {"token": "a\r\nX: y"},
                   {"user": "a:b"}, {"s3_access_key": "x"}, {"s3_region": "a b"}):
        with client(liar, **option) as c:
            assert c.opened[0] == "EVTWIN_E_ARG", (option, c.opened)


# ---- again, or not ----

def what_is_sent_again(liar):
    run = {"run": {"info": {"run_id": "r", "experiment_id": "1", "artifact_uri": "mlflow-artifacts:/1"}}}

    def at_the_third(good, *bad):
        return lambda h: bad if len(liar.seen) < 3 else good

    with client(liar, n_retries=3) as c:
        for code in (429, 502, 503, 504):  # a question may come twice
            liar.says(at_the_third((200, {"experiment": {"experiment_id": "7"}}), code, "busy"))
            assert c.ok("experiment", "x") == ["7"] and len(liar.seen) == 3, (code, liar.seen)
        for code in (429, 503):  # nothing was made
            liar.says(at_the_third((200, run), code, "busy", {"Retry-After": "0"}))
            c.ok("run", "1", "", "", "")
        for code in (500, 502, 504):  # something may have been
            liar.says(code, "x")
            c.fails("EVTWIN_E_EXTERNAL" if code == 500 else "EVTWIN_E_AGAIN", "run", "1", "", "", "")
            assert len(liar.seen) == 1, (code, liar.seen)
        liar.says(hang_up)
        c.fails("EVTWIN_E_AGAIN", "run", "1", "", "", "")
        assert len(liar.seen) == 1, liar.seen
        c.fails("EVTWIN_E_AGAIN", "experiment", "x")
        assert 5 <= len(liar.seen) <= 20, liar.seen  # libcurl adds one for each old connection
        for code in (400, 401, 403, 404, 500):
            liar.says(code, "x")
            c("experiment", "x")
            assert len(liar.seen) == 1, (code, liar.seen)
    with client(liar, uri=f"http://{LOCALHOST}:{free_port()}", n_retries=2) as c:
        assert "connect" in c.fails("EVTWIN_E_AGAIN", "run", "1", "", "", "").lower()


def keys(liar, folder):
    """A key passes here if Python's \\w, by which MLflow judges, matches its characters. The library knows those
    of Unicode 14 and leaves newer ones to the server, so a Python that knows more may have some that pass."""
    liar.says(200, {"run": {"info": {"run_id": "r", "experiment_id": "1", "artifact_uri": "mlflow-artifacts:/1"}}})
    listed = os.path.join(folder, "keys")
    samples = {c for c in range(0x80, 0x3100)} | set(range(0xfe00, 0xffff, 7)) | set(range(0x10000, 0x20000, 97))
    with client(liar) as c:
        c.ok("run", "1", "", "", "")
        good, bad = [], []
        for code in sorted(samples):
            if unicodedata.category(chr(code)) not in ("Cn", "Cs"):
                (good if re.match(r"^[/\w.\- :]*$", chr(code)) else bad).append(chr(code))
        assert "\u00e9" in good and "\u00b2" in good and "\u00b0" in bad and "\u2026" in bad
        for start in range(0, len(good), 200):
            with open(listed, "w") as f:
                f.write("\n".join(f"{key}\t1" for key in good[start:start + 200]))
            c.ok("metrics", listed)
        tried, passed = bad[:40] + bad[40::29], []
        for key in tried:
            with open(listed, "w") as f:
                f.write(f"temperature {key}\t1")
            liar.seen.clear()
            status, said = c("metrics", listed)
            assert status == "EVTWIN_E_ARG" and not liar.seen or status == "OK", (key, status, said)
            passed += [key] if status == "OK" else []
        is_newer = int(unicodedata.unidata_version.split(".")[0]) > 14
        assert len(passed) <= (len(tried) // 20 if is_newer else 0), passed
    os.remove(listed)


def main():
    liar = Liar()
    folder = tempfile.mkdtemp(prefix="evtwin-track.")
    try:
        answers_that_are_none(liar)
        a_slow_answer(liar)
        secrets_stay(liar)
        secrets_in_names(liar, folder)
        certificates(liar, folder)
        the_host_without_a_port(liar)
        bad_addresses(liar)
        what_is_sent_again(liar)
        keys(liar, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("ok")


if __name__ == "__main__":
    main()
