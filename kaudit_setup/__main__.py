"""`python -m kaudit_setup` is the same program as `kaudit-setup`."""

from kaudit_setup.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
