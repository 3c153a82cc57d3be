"""A service with an archive: a thread compresses it as well as it can, again and again, in native code.
"""

import http.server
import sys
import threading
import time
import os
import zlib

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)

RECORDS = os.urandom(1 << 22)
sizes = {}


def pack():
    while True:
        sizes["archive"] = len(zlib.compress(RECORDS, 9))  # <- culprit: native-hot


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = str(sizes.get('archive', 0)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *values):
        pass


threading.Thread(target=pack, name="archive", daemon=True).start()
http.server.ThreadingHTTPServer((labkit.HOST, OPTIONS.port), Handler).serve_forever()
