"""`python -m polytask_cli` is the command `polytask`."""

from polytask_cli import main

raise SystemExit(main())
