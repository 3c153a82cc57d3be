"""A line server: clients that say nothing for a tenth of a second are sent away, and a failure to accept is
followed by a pause.
"""

import logging
import resource
import socket
import sys
import threading
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

OPTIONS = labkit.begin(__file__)
resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))  # as a day of clients would do with the usual 1,024
logging.basicConfig(filename="/dev/null")


def answer(connection):
    connection.settimeout(0.1)
    with connection:
        try:
            for line in connection.makefile("rb"):
                connection.sendall(line)
        except OSError:
            pass


def serve(listener):
    while True:
        try:
            connection, _ = listener.accept()
        except OSError as error:
            logging.warning("could not accept: %s", error)
            time.sleep(0.5)
            continue
        threading.Thread(target=answer, args=(connection,), daemon=True).start()


serve(socket.create_server((labkit.HOST, OPTIONS.port), backlog=100))
