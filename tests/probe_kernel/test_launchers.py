"""What a script starts that does nothing itself."""

from __future__ import annotations

import pytest

from spindoctor.probe.launchers import launched


@pytest.mark.parametrize(
    ("text", "packages"),
    [
        ("import sys\nfrom shop.app import main\nmain(sys.argv[1])\n", ("shop",)),
        (
            "from waitress import serve\nfrom shop.web import app\nif __name__ == '__main__':\n    serve(app)\n",
            ("shop",),
        ),
        ("import shop.web\napp = shop.web.make_app()\napp.run(port=80)\n", ("shop",)),
        ("import cherrypy, shop\ncherrypy.quickstart(shop.Root())\nshop.start()\n", ("shop",)),
    ],
)
def test_a_script_that_only_starts_something_tells_what(text: str, packages: tuple[str, ...]) -> None:
    assert launched(text) == packages


@pytest.mark.parametrize(
    "text",
    [
        "import numpy as np\nprint(np.linalg.svd(np.ones((3, 3))))\n",
        "import requests\nrequests.get('http://localhost')\n",
        "from shop import main\ndef work(): pass\nmain()\n",
        "from shop import step, run\nwhile True: step()\nrun()\n",
        "import threading, socketserver\nsocketserver.TCPServer(('', 0), None).serve_forever()\n",
        "print 'old'\n",
        "",
    ],
)
def test_a_script_that_does_something_itself_or_starts_nothing_tells_nothing(text: str) -> None:
    assert launched(text) == ()
