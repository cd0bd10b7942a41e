"""`python -m mmrank`."""

from mmrank.cli import main

if __name__ == "__main__":
    main()
