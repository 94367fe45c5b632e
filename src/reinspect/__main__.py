"""`python -m reinspect`."""

from reinspect.cli import main

main()
