"""`python -m wf` is the command `wf`."""

from wf.cli import main

if __name__ == "__main__":
    main()
