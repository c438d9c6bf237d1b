"""`python -m softswitch` is the command line."""

from softswitch.cli import main

main()
