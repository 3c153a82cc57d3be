"""A healthy service in threads: a pool with more workers than it needs at the moment, most of them asleep."""

import http.server
import sys
import time
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
pool = ThreadPoolExecutor(16, "worker")


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(0.02)
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"pong")

    def log_message(self, *values):
        pass


class Server(http.server.HTTPServer):
    def process_request(self, request, client_address):
        pool.submit(self.answer, request, client_address)

    def answer(self, request, client_address):
        self.finish_request(request, client_address)
        self.shutdown_request(request)


for _ in range(16):
    pool.submit(time.sleep, 0.2)  # wakes all workers once, so that all exist
Server((labkit.HOST, OPTIONS.port), Handler).serve_forever()
