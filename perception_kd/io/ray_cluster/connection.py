"""Connection to a Ray cluster that runs: refused in seconds where none answers."""

import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from perception_kd.utils.extras import install_command

# The cluster that a node of it has been started for, as Ray finds it.
AUTO = "auto"
# What a client of gRPC says first, and the type of the frame that every server answers.
_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
_HEADER_BYTES, _TYPE_BYTE, _SETTINGS = 9, 3, 4
_START = "start it with: ray start --head, and give the HOST:PORT that this prints"


def import_ray() -> Any:
    """Return the module ``ray``.

    Raises:
        ImportError: If it is not installed.
    """
    try:
        import ray
    except ModuleNotFoundError as error:
        raise ImportError(
            f"Ray clusters need ray; install it with {install_command('cluster')}."
        ) from error
    return ray


@contextmanager
def connected(address: str, timeout_s: float = 10.0) -> Iterator[Any]:
    """Connect this process to a cluster during the block.

    A connection that the program has already is used, and left as it is. Whatever this
    connection has started on the cluster ends with it.

    Args:
        address: HOST:PORT of the head; "auto" for the cluster that this machine is a
            node of. This machine has to be a node of the cluster.
        timeout_s: Time in s that the head has to answer.

    Yields:
        The module ``ray``.

    Raises:
        ImportError: If ray is not installed.
        ValueError: If the address is not HOST:PORT.
        ConnectionError: If no cluster answers, or it cannot be used from here.
    """
    ray = import_ray()
    if ray.is_initialized():
        yield ray
        return
    check_address(address, timeout_s)
    handlers = {x: signal.getsignal(x) for x in (signal.SIGINT, signal.SIGTERM)}
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
    except (OSError, RuntimeError, ValueError) as error:
        ray.shutdown()
        where = "No Ray cluster runs on this machine" if address == AUTO else f"--address {address}"
        raise ConnectionError(
            f"{where}: {str(error).strip()} The command must run on a node of the cluster "
            f"(ray start --address HOST:PORT), with the same versions of Python and Ray."
        ) from error
    finally:
        # Ray ends a process at SIGTERM without its cleanup.
        for number, handler in handlers.items():
            _set_handler(number, handler)
    try:
        yield ray
    finally:
        ray.shutdown()


def check_address(address: str, timeout_s: float = 10.0) -> None:
    """Check that a server of gRPC answers; Ray itself would try for minutes.

    Args:
        address: As in :func:`connected`; "auto" is not checked.
        timeout_s: Time in s that it has to answer.

    Raises:
        ValueError: If the address is not HOST:PORT.
        ConnectionError: If none does.
    """
    if address == AUTO:
        return
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdigit():
        raise ValueError(f"--address must be HOST:PORT or {AUTO}, but got {address}; {_START}.")
    answer = b""
    try:
        with socket.create_connection((host, int(port)), timeout_s) as connection:
            connection.settimeout(timeout_s)
            connection.sendall(_HELLO)
            while len(answer) < _HEADER_BYTES and (part := connection.recv(_HEADER_BYTES)):
                answer += part
    except OSError as error:
        raise ConnectionError(
            f"--address {address}: no Ray cluster answers ({error}); {_START}."
        ) from error
    if len(answer) < _HEADER_BYTES or answer[_TYPE_BYTE] != _SETTINGS:
        raise ConnectionError(
            f"--address {address}: what answers there is not the head of a Ray cluster; {_START}."
        )


def _set_handler(number: signal.Signals, handler: Any) -> None:
    if signal.getsignal(number) is not handler:
        signal.signal(number, handler)
