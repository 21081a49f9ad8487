"""`python -m infra.cli`, as the script `lab` starts it."""

from infra.cli.main import main

main()
