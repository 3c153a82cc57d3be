"""A service that converts with a program of its own, and reads what that writes until it ends.
"""

import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
CONVERTER = [sys.executable, "-c", "import signal; signal.alarm(60); print('x' * 1000000)"]


def convert():
    converter = subprocess.Popen(CONVERTER, stdout=subprocess.PIPE)
    body, _ = converter.communicate()
    return body


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = convert() if self.path == "/convert" else b"pong"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer((labkit.HOST, OPTIONS.port), Handler).serve_forever()
