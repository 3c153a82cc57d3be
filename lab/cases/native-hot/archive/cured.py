"""The same service; the archive is compressed once.
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
    sizes["archive"] = len(zlib.compress(RECORDS, 9))


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
