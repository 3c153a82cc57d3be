"""The same service in a control group that gives it room."""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
MIB = 1 << 20
LIMIT_MIB = 512
labkit.confine("memory", mebibytes=LIMIT_MIB)


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


cache = []
while resident() < 121 * MIB:
    cache.append(bytearray(b"x" * MIB))


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        cache[0][0] = 1
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"done")

    def log_message(self, *_):
        pass


HTTPServer((labkit.HOST, OPTIONS.port), Handler).serve_forever()
