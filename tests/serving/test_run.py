import os
import signal
import socket
import subprocess
import time

import httpx
import pytest

from serving.run import ServeError, background, free_port, run

KNOWN = {"product_id": "dress", "measurements": {"height_cm": 171}}


@pytest.fixture
def fake_service(child_path) -> str:
    return "fake_service:Fake"


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def started(monkeypatch) -> list[subprocess.Popen]:
    """The processes that are started from now on."""
    processes = []

    class Noted(subprocess.Popen):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            processes.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    return processes


def test_a_real_process_answers_and_ends_at_sigterm(settings, fake_service, started):
    settings = settings.model_copy(update={"port": free_port()})
    with background(settings, fake_service) as url, httpx.Client(base_url=url) as client:
        answer = client.post("/v1/size-advice", json=KNOWN)
        assert answer.status_code == 200
        assert answer.json()["recommended"] == "L"
        listed = client.post("/v1/size-advice", json=[KNOWN, {"product_id": "nothing"}]).json()
        assert [each["status"] for each in listed] == ["advised", "unknown_product"]
        assert client.get("/livez").status_code == 200
        assert client.head("/readyz").status_code == 200
        assert client.get("/docs.json").json()["openapi"] == "3.1.0"

        for path in ("/healthz", "/metrics", "/schema.json"):  # BentoML's own
            assert client.get(path).status_code == 200, path
        problem = client.get("/no/such/path")
        assert problem.status_code == 404
        assert problem.headers["content-type"] == "application/problem+json"

        ten_megabytes = b" " * 10_000_000
        whole = client.post("/v1/size-advice", content=ten_megabytes)
        streamed = client.post(
            "/v1/size-advice",
            content=(ten_megabytes[:100_000] for _ in range(100)),
            headers={"content-type": "application/json"},
        )
        assert [whole.status_code, streamed.status_code] == [413, 413]
        assert client.post("/v1/size-advice", json=KNOWN).status_code == 200
    (process,) = started
    assert process.returncode == 0  # killed it would be negative
    assert not listening(settings.port)


def test_without_a_champion_it_lives_and_says_why_it_is_not_ready(settings, tmp_path):
    settings = settings.model_copy(update={"port": free_port()})
    with background(settings, ready=False) as url:
        assert httpx.get(f"{url}/livez").status_code == 200
        ready = httpx.get(f"{url}/readyz")
        assert ready.status_code == 503
        told = ready.json()["endpoints"]["/v1/size-advice"]
        assert "no champion of size_fit" in told["reason"]
        assert "muslin train size-fit" in told["action"]
        answer = httpx.post(f"{url}/v1/size-advice", json=KNOWN)
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
    assert not listening(settings.port)


def test_sigint_ends_it_and_its_workers(settings, fake_service, python):
    settings = settings.model_copy(update={"port": free_port()})
    process = subprocess.Popen(
        [python, "-m", "serving.run", fake_service],
        env={**os.environ, **settings.environment()},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while not listening(settings.port) and time.monotonic() < deadline:
            time.sleep(0.1)
        httpx.get(f"http://127.0.0.1:{settings.port}/livez", timeout=60).raise_for_status()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert not listening(settings.port)
    finally:
        process.kill()
        process.wait()


def test_a_taken_port_is_named(settings):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        settings = settings.model_copy(update={"port": port})
        with pytest.raises(ServeError, match=f"cannot listen on 127.0.0.1:{port}: .*MUSLIN_PORT"):
            run(settings)


def test_a_service_that_ends_at_once_shows_its_log(settings, child_path):
    settings = settings.model_copy(update={"port": free_port()})
    with (
        pytest.raises(ServeError, match=r"(?s)ended with code 1.*no_such_module"),
        background(settings, "no_such_module:Nothing"),
    ):
        pass


def test_the_command_names_a_bad_setting_without_a_traceback(python, child_path, monkeypatch):
    monkeypatch.setenv("MUSLIN_PORT", "http")
    done = subprocess.run(
        [python, "-m", "serving.run"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "port = 'http'" in done.stderr
    assert "Traceback" not in done.stderr
