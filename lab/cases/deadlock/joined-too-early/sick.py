"""Reports are made by two processes, whose end is waited for before what they put into a queue is taken out.
"""

import multiprocessing
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
FORK = multiprocessing.get_context("fork")


def part(rows):
    labkit.end_after(OPTIONS.seconds)
    rows.put([os.urandom(1000) for _ in range(1000)])


def report():
    rows = FORK.Queue()
    parts = [FORK.Process(target=part, args=(rows,)) for _ in range(2)]
    for one in parts:
        one.start()
    for one in parts:
        one.join()  # <- culprit: deadlock
    return b"%d rows" % sum(len(rows.get()) for _ in parts)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = report() if self.path == "/report" else b"pong"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer((labkit.HOST, OPTIONS.port), Handler).serve_forever()
