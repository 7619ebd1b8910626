"""`python -m reelscope`."""

from reelscope.cli import main

if __name__ == "__main__":
    main()
