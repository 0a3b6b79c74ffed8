"""`python -m enactor`."""

import sys

from enactor.cli import main

sys.exit(main())
