"""The command line: parse, call, print.

Exit codes: 0 done; 1 something failed (for `index`: some file could not be read); 2 a usage error.
"""

from __future__ import annotations

from mmrank.cli.app import main as main
