"""Lines to a server that a test can cut: whoever uses one sees a server that is gone."""

import socket
from contextlib import suppress
from threading import Thread


class Line:
    """A line to a port of this machine."""

    def __init__(self, port: int) -> None:
        self._server, self._pairs, self._listener = port, list[socket.socket](), self._listen(0)
        self.port = self._listener.getsockname()[1]

    def _listen(self, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", port))
        Thread(target=self._accept, args=(listener,), daemon=True).start()
        return listener

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self._server))
                self._pairs += [near, far]
                for source, target in ((near, far), (far, near)):
                    Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)

    def cut(self) -> None:
        """Cut all connections, and refuse others."""
        for each in (self._listener, *self._pairs):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._pairs.clear()

    def repair(self) -> None:
        """Let connections through again."""
        self._listener = self._listen(self.port)


def line_to(uri: str) -> tuple[Line, str]:
    """Return a line to a database, and the address of the database at its end."""
    server, _, database = uri.rpartition("/")
    host, _, port = server.rpartition(":")
    line = Line(int(port))
    return line, f"{host}:{line.port}/{database}"
