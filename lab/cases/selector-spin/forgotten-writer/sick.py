"""A web server with a thread that sends measurements on through a selector: once all is sent it still asks for room.
"""

import collections
import http.server
import selectors
import socket
import sys
import threading

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)


class Sender(threading.Thread):
    def __init__(self, connection):
        super().__init__(name="sender", daemon=True)
        self.connection = connection
        self.selector = selectors.DefaultSelector()
        self.queue = collections.deque()
        self.wake_inlet, self.wake_outlet = socket.socketpair()

    def send(self, text):
        self.queue.append(text)
        self.wake_inlet.send(b".")

    def run(self):
        self.selector.register(self.wake_outlet, selectors.EVENT_READ, self.woken)
        self.selector.register(self.connection, selectors.EVENT_READ | selectors.EVENT_WRITE, self.writable)
        while True:
            for key, mask in self.selector.select(timeout=5):  # <- culprit: selector-spin
                key.data(mask)  # <- culprit: selector-spin

    def woken(self, mask):
        self.wake_outlet.recv(4096)

    def writable(self, mask):  # <- culprit: selector-spin
        while self.queue:  # <- culprit: selector-spin
            self.connection.send(self.queue.popleft().encode())  # <- culprit: selector-spin


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"pong"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *values):
        pass


server = socket.create_server((labkit.HOST, 0))
far_end = socket.create_connection(server.getsockname())
near_end, _ = server.accept()
sender = Sender(near_end)
sender.start()
sender.send("a measurement\n")
http.server.ThreadingHTTPServer((labkit.HOST, OPTIONS.port), Handler).serve_forever()
