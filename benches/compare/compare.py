#!/usr/bin/env python3
"""Times the convolutions of this crate and of other libraries; `--help` and README.md say how."""

import os
import sys

from comparison import arguments

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def main() -> int:
    chosen = arguments.read()
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(chosen.threads)))
    os.environ["MKL_THREADING_LAYER"] = "SEQUENTIAL" if chosen.threads == 1 else "GNU"
    # Libraries read these variables when they are loaded.
    from comparison import program

    return program.run(chosen)


if __name__ == "__main__":
    sys.exit(main())
