"""The command line and its jobs: simulate, import, validate, train, back-test, promote, demo."""
