"""A service that delivers a mail in the background: the relay is too busy, and is asked again at once each time.
"""

import asyncio
import os
import socket
import sys

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import aiosmtplib
import labkit

OPTIONS = labkit.begin(__file__)
MAIL = "Subject: invoice\n\nattached"


def relay(listening):
    """Another program on this machine: takes each connection, says that it is busy, and hangs up."""
    labkit.end_after(OPTIONS.seconds)
    while True:
        connection, _ = listening.accept()
        connection.sendall(b"421 4.3.2 too busy\r\n")
        connection.close()


async def deliver(port):
    while True:
        try:
            await aiosmtplib.send(  # <- culprit: retry-storm
                MAIL, sender="a@shop.example", recipients=["b@shop.example"], hostname=labkit.HOST, port=port
            )
            return
        except aiosmtplib.SMTPException:
            pass


async def ping():
    return "pong"


async def main(port):
    delivery = asyncio.ensure_future(deliver(port))
    await labkit.listen({"/ping": ping}, OPTIONS)
    delivery.cancel()


listening = socket.create_server((labkit.HOST, 0))
if not os.fork():
    relay(listening)
asyncio.run(main(listening.getsockname()[1]))
