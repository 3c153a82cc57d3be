"""A service whose thread reports to a collector that is down, and tries again at once each time.
"""

import http.server
import logging
import socket
import sys
import threading
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit
import requests

OPTIONS = labkit.begin(__file__)

logging.basicConfig(filename="/dev/null")
log = logging.getLogger("metrics")
collector = socket.socket()
collector.bind((labkit.HOST, 0))  # a port of its own on which nobody listens: each connection is refused
ADDRESS = "http://{}:{}/metrics".format(*collector.getsockname())
counts = {"pings": 0}


def report():
    session = requests.Session()
    while True:
        try:
            session.post(ADDRESS, json=counts, timeout=5)  # <- culprit: retry-storm
            time.sleep(10)
        except requests.RequestException as error:
            log.warning("metrics were not delivered: %s", error)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"pong"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *values):
        pass


threading.Thread(target=report, name="reporter", daemon=True).start()
http.server.ThreadingHTTPServer((labkit.HOST, OPTIONS.port), Handler).serve_forever()
