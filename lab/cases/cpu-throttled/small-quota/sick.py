"""A service in a control group that may use a tenth of a core, and whose requests need more than that."""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
labkit.confine("cpu", cores=0.1)


def score():
    total = 0
    for number in range(300_000):
        total += number * number
    return total


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        score()
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"done")

    def log_message(self, *_):
        pass


HTTPServer((labkit.HOST, OPTIONS.port), Handler).serve_forever()
