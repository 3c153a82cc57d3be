"""A slow server on the loopback for the services of the lab to wait for: `/2.5` is answered after 2.5 seconds."""

from __future__ import annotations

import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LIFE_S = 120


class Slow(BaseHTTPRequestHandler):
    """Answers when the time is over that the path names."""

    def do_GET(self) -> None:
        """Wait, then answer."""
        time.sleep(float(self.path.strip("/") or 0))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """A thread for each connection, and room for those that come at once."""

    request_queue_size = 128
    daemon_threads = True


if __name__ == "__main__":
    signal.alarm(LIFE_S)
    Server(("127.0.0.1", int(sys.argv[1])), Slow).serve_forever()
