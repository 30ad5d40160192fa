"""``python -P -m agentflow_console``: the same as the ``agentflow-console`` command."""

import sys

from agentflow_console.cli import main

if __name__ == "__main__":
    sys.exit(main())
