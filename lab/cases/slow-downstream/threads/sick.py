"""Stock quotes with a thread for each request, on the standard library; each thread asks the exchange and waits.
"""

import http.server
import socketserver
import sys
import urllib.request

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)


def quote():
    url = "http://{}:{}/4".format(labkit.HOST, OPTIONS.peer_port)
    with urllib.request.urlopen(url) as answer:  # <- culprit: slow-downstream
        return answer.read()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = quote() if self.path == "/quote" else b"pong"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 64


Server((labkit.HOST, OPTIONS.port), Handler).serve_forever()
