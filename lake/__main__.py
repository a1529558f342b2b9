"""`python -m lake` is the command `lake`."""

from lake.commands.main import main

main()
