import sys

from occystrap_core.cli.entry import main

sys.exit(main())
