"""`python -m spindoctor` is `spindoctor`."""

from spindoctor.cli import main

main()
