"""A catalogue in memory, served by a pool of threads; somebody lowered the collector's thresholds to save memory.
"""

import gc
import http.server
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
pool = ThreadPoolExecutor(4, "web")
CATALOGUE = {number: [number, [number]] for number in range(400000)}
gc.set_threshold(100, 2, 2)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        rows = [{"id": number, "tags": [number]} for number in range(3000)]  # <- culprit: gc-pressure
        body = str(len(rows)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *values):
        pass


class Server(http.server.HTTPServer):
    def process_request(self, request, client_address):
        pool.submit(self.answer, request, client_address)

    def answer(self, request, client_address):
        self.finish_request(request, client_address)
        self.shutdown_request(request)


Server((labkit.HOST, OPTIONS.port), Handler).serve_forever()
