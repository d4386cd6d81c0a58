"""Other people's tools, each in an environment of its own: measured beside us, or driven by tests."""
