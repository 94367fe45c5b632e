"""`python -m reinspect`."""

import sys

if __name__ == "__main__":
    if not sys.flags.safe_path:  # the current folder is first, and may hold anybody's files
        del sys.path[0]
    from reinspect.cli import main

    main()
