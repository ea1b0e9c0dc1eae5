"""Stands between us and an object store, and does to requests what networks and stores do."""

import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto

ERROR = "<Error><Code>{code}</Code><Message>so it is</Message></Error>"
LENGTH = b"content-length:"


class Fault(Enum):
    """What befalls one request."""

    NONE = auto()
    RESET = auto()  # the connection breaks before the store hears of it
    CUT = auto()  # it breaks in the middle of what is sent
    CUT_ANSWER = auto()  # it breaks in the middle of the answer
    LOST = auto()  # the store does it, and its answer is lost
    THROTTLED = auto()  # 503 SlowDown
    TOO_MANY = auto()  # 429
    LATE = auto()  # the answer takes a second
    FULL = auto()  # 403 QuotaExceeded


ANSWERS = {
    Fault.THROTTLED: ("503 Service Unavailable", "SlowDown"),
    Fault.TOO_MANY: ("429 Too Many Requests", "TooManyRequests"),
    Fault.FULL: ("403 Forbidden", "QuotaExceeded"),
}
LATE_SECONDS = 1.0

# Takes a request's method and path; says what befalls it.
Plan = Callable[[str, str], Fault]


@dataclass
class Proxy:
    """A proxy that runs. `plan` may be changed at any time; `seen` is all that was asked."""

    port: int
    plan: Plan
    seen: list[tuple[str, str, Fault]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fault(self, method: str, path: str) -> Fault:
        """What befalls the next request."""
        with self.lock:
            fault = self.plan(method, path)
            self.seen.append((method, path, fault))
            return fault

    def faults(self) -> int:
        """How many requests met one."""
        return sum(fault is not Fault.NONE for _, _, fault in self.seen)


def no_fault(method: str, path: str) -> Fault:
    """All is well."""
    return Fault.NONE


@contextmanager
def proxy_to(port: int, plan: Plan = no_fault) -> Iterator[Proxy]:
    """A proxy on loopback before a server there."""

    class Connection(socketserver.StreamRequestHandler):
        """One request: the proxy says that it closes after each, so that each may break alone."""

        def handle(self) -> None:
            with suppress(ConnectionError):
                self._pass_on()

        def _pass_on(self) -> None:
            lines = list(iter(self.rfile.readline, b"\r\n"))
            if not lines or not lines[-1]:
                return
            method, path, _ = lines[0].decode().split()
            length = sum(int(at[len(LENGTH) :]) for at in lines if at.lower().startswith(LENGTH))
            fault = proxy.fault(method, path)
            if fault is Fault.RESET:
                return self._break()
            body = self.rfile.read(length)
            if fault in ANSWERS:
                return self._answer(*ANSWERS[fault])
            if fault is Fault.LATE:
                ended.wait(LATE_SECONDS)
            lines.insert(1, b"Connection: close\r\n")
            head = b"".join(lines) + b"\r\n"
            with socket.create_connection(("127.0.0.1", port)) as store:
                if fault is Fault.CUT:
                    store.sendall(head + body[: length // 2])
                    return self._break()
                store.sendall(head + body)
                answer = b"".join(iter(lambda: store.recv(1 << 16), b""))
            if fault is Fault.LOST:
                return self._break()
            if fault is Fault.CUT_ANSWER:
                self.wfile.write(answer[: len(answer) - max(1, len(answer) // 3)])
                return self._break()
            self.wfile.write(answer)

        def _answer(self, status: str, code: str) -> None:
            said = ERROR.format(code=code)
            head = f"HTTP/1.1 {status}\r\nContent-Length: {len(said)}\r\nConnection: close\r\n\r\n"
            self.wfile.write((head + said).encode())

        def _break(self) -> None:
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

        def finish(self) -> None:
            with suppress(OSError):
                super().finish()

    ended = threading.Event()
    with Server(("127.0.0.1", 0), Connection) as server:
        proxy = Proxy(server.server_address[1], plan)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="proxy")
        thread.start()
        try:
            yield proxy
        finally:
            ended.set()
            server.shutdown()
            thread.join()


class Server(socketserver.ThreadingTCPServer):
    """Connections in threads that nobody waits for."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64
