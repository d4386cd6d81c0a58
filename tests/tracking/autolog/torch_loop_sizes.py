"""How long the loop of ``torch_loop.py`` is; importable without PyTorch."""

EPOCHS, BATCHES, ROWS, EVERY = 3, 10, 16, 5
