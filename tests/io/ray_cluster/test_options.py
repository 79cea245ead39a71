"""Options of executors and addresses of clusters: refused at once, with what to do."""

import argparse
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from perception_kd.io.ray_cluster import connection
from perception_kd.io.ray_cluster.options import (
    add_worker_arguments,
    list_worker_options,
    read_workers,
)
from perception_kd.io.ray_cluster.pool import RayPool


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_worker_arguments(parser)
    return parser.parse_args(words)


@pytest.fixture(autouse=True)
def fake_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a module in place of Ray that is not connected."""
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(is_initialized=lambda: False))


@contextmanager
def serve(answer: bytes) -> Iterator[str]:
    """Answer each connection with some bytes, or with nothing, until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            opened, _ = server.accept()
            with opened:
                opened.sendall(answer)
                opened.recv(1000)
                is_over.wait(20)

        is_over = threading.Event()
        thread = threading.Thread(target=run)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        is_over.set()
        thread.join()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), 2),
        (("--workers", "0"), 0),
        (("--executor", "ray"), RayPool()),
        (("--executor", "ray", "--address", "a:1", "--workers", "9"), RayPool("a:1", 9)),
    ],
)
def test_options_name_where_jobs_run(
    words: tuple[str, ...], expected: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "check_address", lambda address: None)
    args = parse(*words)
    assert read_workers(args) == expected
    assert read_workers(parse(*list_worker_options(args))) == expected


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--workers", "-1"), "--workers must be at least 0"),
        (("--executor", "ray", "--workers", "0"), "--workers must be at least 1"),
        (("--address", "a:1"), "add --executor ray"),
    ],
)
def test_options_that_do_not_fit_are_refused(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_workers(parse(*words))


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r'pip install "perception-kd\[cluster\]"'):
        read_workers(parse("--executor", "ray"))


@pytest.mark.parametrize("address", ["somewhere", "ray://a:10001", "a:b", ":6379"])
def test_addresses_are_host_and_port(address: str) -> None:
    with (
        pytest.raises(ValueError, match="--address must be HOST:PORT or auto"),
        connection.connected(address),
    ):
        pass


def test_an_address_that_refuses_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(ConnectionError, match=f"--address {address}: no Ray cluster answers"):
        read_workers(parse("--executor", "ray", "--address", address))


@pytest.mark.parametrize(
    ("answer", "message"),
    [(b"", "no Ray cluster answers .timed out"), (b"HTTP/1.1 400 Bad", "is not the head of")],
)
def test_what_is_not_a_cluster_is_refused_in_time(answer: bytes, message: str) -> None:
    with (
        serve(answer) as address,
        pytest.raises(ConnectionError, match=message),
        connection.connected(address, timeout_s=0.3),
    ):
        pass
