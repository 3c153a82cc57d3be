"""One long name that does not match, and pings that get no answer."""

import sys
import time

sys.path.insert(0, __file__.rsplit("/", 3)[0])
import labkit

client = labkit.Client()
client.wait_until_up("/ping")
client.steadily("/ping", per_second=5, timeout_s=1.0)
time.sleep(0.5)
client.send("/register?name=" + "a" * 44 + "!")
time.sleep(0.5)
labkit.ready()
client.stay()
